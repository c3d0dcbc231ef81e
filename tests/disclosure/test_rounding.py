"""Rounding on shares against exact fractions, and what ``standard`` lets through of an exact frequency."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import secureframe as sf
from secureframe.disclosure import rounding
from secureframe.disclosure.policy import Policy
from secureframe.disclosure.rounding import Ranged
from secureframe.mpc.numeric import round_to_base
from secureframe.testing import start_in_memory
from tests.mpc.harness import Job

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

LOOSE = Policy(name="loose", threshold=2, rounding=5)
LOW, HIGH = -500, 1000


def base5(count: int) -> int:
    return 5 * ((count + 2) // 5)


def three_digits(value: Fraction, largest: Fraction) -> Fraction:
    """Three significant digits, half up; far below the largest value of the range no finer than in the last decade."""
    top = 0
    while Fraction(10) ** top < largest:
        top += 1
    while Fraction(10) ** (top - 1) >= largest:
        top -= 1
    if Fraction(10) ** top == largest:
        top += 1
    decade = top - rounding.DECADES
    while Fraction(10) ** (decade + 1) <= abs(value):
        decade += 1
    unit = Fraction(10) ** (decade - 2)
    return math.floor(value / unit + Fraction(1, 2)) * unit


# -- the grid ----------------------------------------------------------------------------------------------------------------


def test_nearest_is_three_significant_digits() -> None:
    generator = random.Random(4)
    for _ in range(12):
        scale = generator.choice([1, 1, 2, 7, 100, 1000, generator.randint(1, 10**4)])
        lo = Fraction(generator.choice([0, 1, -1, 99, -10, 1000, generator.randint(-(10**6), 10**6)]), scale)
        hi = lo + Fraction(generator.choice([1, 2, 99, 1000, generator.randint(0, 10**6)]), scale)
        grid = rounding.significant_grid(lo, hi)
        assert list(grid) == sorted(set(grid)) and grid[0] <= lo and grid[-1] >= hi
        for at in (0, 1, Fraction(1, generator.randint(1, 10**6)), Fraction(generator.randint(0, 10**6), 10**6)):
            value = lo + at * (hi - lo)
            assert rounding.nearest(grid, value) == three_digits(value, max(abs(lo), abs(hi))), (lo, hi, value)


def test_ties_go_up_on_either_side_of_zero() -> None:
    grid = rounding.significant_grid(Fraction(-1000), Fraction(1000))
    for value, wanted in ((Fraction(247, 2), 124), (Fraction(-247, 2), -123), (Fraction(9995, 10), 1000), (Fraction(0), 0)):
        assert rounding.nearest(grid, value) == wanted


@pytest.mark.parametrize("at_once", [0, rounding.AT_ONCE])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=st.lists(st.tuples(st.integers(-5000, 5000), st.integers(0, 40)), min_size=1, max_size=12),
    thresholds=st.lists(st.fractions(-200, 200, max_denominator=8), min_size=1, max_size=40, unique=True),
)
def test_points_reached_are_counted_exactly(
    monkeypatch: pytest.MonkeyPatch, at_once: int, pairs: list[tuple[int, int]], thresholds: list[Fraction]
) -> None:
    """All comparisons in one batch, and block by block."""
    monkeypatch.setattr(rounding, "AT_ONCE", at_once)
    job = Job()
    numerator = Ranged(value=job.arith([p for p, _ in pairs]), lo=-5000, hi=5000)
    denominator = Ranged(value=job.arith([q for _, q in pairs]), lo=0, hi=40)
    reached = rounding.points_reached(job.builder, numerator, denominator, sorted(thresholds))
    (found,) = job.run(reached.value)
    assert [int(x) for x in found[0]] == [sum(p >= t * q for t in thresholds) for p, q in pairs]
    assert (reached.lo, reached.hi) == (0, len(thresholds))


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**70), 2**70), st.integers(-(2**40), 2**40)), min_size=1, max_size=8))
def test_products_and_combinations_grow_their_ring(pairs: list[tuple[int, int]]) -> None:
    job = Job()
    x = Ranged(value=job.arith(np.array([p for p, _ in pairs], dtype=object), 2), lo=-(2**70), hi=2**70)
    y = Ranged(value=job.arith([q for _, q in pairs]), lo=-(2**40), hi=2**40)
    product, total = rounding.multiply(job.builder, x, y), rounding.combine(job.builder, x, 3, y, -7)
    products, totals = job.run(product.value, total.value)
    for (p, q), a, c in zip(pairs, products[0], totals[0], strict=True):
        assert (signed(a, product.value.limbs), signed(c, total.value.limbs)) == (p * q, 3 * p - 7 * q)
        assert product.lo <= p * q <= product.hi and total.lo <= 3 * p - 7 * q <= total.hi


def signed(value: int, limbs: int) -> int:
    value = int(value) % (1 << 64 * limbs)
    return value - (1 << 64 * limbs) if value >> (64 * limbs - 1) else value


# -- statements ----------------------------------------------------------------------------------------------------------------

GROUPS = ("plain", "tie", "negative tie", "constant", "two", "none", "line", "fall")


def rows() -> pd.DataFrame:
    generator = np.random.default_rng(2)
    found: list[tuple[str, int, int, int]] = []
    for _ in range(37):
        x = int(generator.integers(LOW, HIGH + 1))
        found.append(("plain", x, int(np.clip(x + generator.integers(-400, 400), LOW, HIGH)), int(generator.integers(0, 2))))
    for i in range(30):
        found.append(("tie", 123 + i % 2, i, i % 3 % 2))
        found.append(("negative tie", -123 - i % 2, 3 * i, 1))
        found.append(("constant", 77, i, 0))
        found.append(("line", 2 * i - 30, 60 - 4 * i + 60, 1))
        found.append(("fall", i, -i, i % 2))
    found += [("two", -499, 3, 1), ("two", 1000, 8, 1)]
    frame = pd.DataFrame(found, columns=["group", "x", "y", "hit"])
    frame.insert(0, "id", np.arange(1, len(frame) + 1))
    return frame


@pytest.fixture(scope="module")
def clear() -> pd.DataFrame:
    return rows()


@pytest.fixture(scope="module")
def frame(clear: pd.DataFrame) -> sf.SecureFrame:
    table = sf.Table(
        clear,
        columns={
            "id": sf.key("person", 1, 4000, nullable=False),
            "group": sf.category(GROUPS, nullable=False),
            "x": sf.integer(LOW, HIGH, nullable=False),
            "y": sf.integer(LOW, HIGH, nullable=False),
            "hit": sf.integer(0, 1, nullable=False),
        },
        roster_size=len(clear),
        rows_per_person=1,
    )
    other = sf.Table(
        pd.DataFrame({"id": [1]}), columns={"id": sf.key("person", 1, 4000, nullable=False)}, roster_size=1, rows_per_person=1
    )
    started = sf.simulate({"a": {"t": table}, "b": {"u": other}}, policy=LOOSE, purpose="x", quiet=True, start=start_in_memory)
    return started["t"]


def mean(values: Sequence[int]) -> Fraction:
    return Fraction(sum(values), len(values))


def variance(values: Sequence[int]) -> Fraction:
    return sum(((v - mean(values)) ** 2 for v in values), Fraction(0)) / (len(values) - 1)


def nearest_root(square: Fraction, largest: Fraction) -> Fraction:
    """Three digits of a root without taking one: the point is right where its neighbours' midpoints enclose the square."""
    grid = rounding.significant_grid(Fraction(0), largest)
    return grid[sum(t * t <= square for t in rounding.midpoints(grid))]


def test_means_and_deviations_by_group(frame: sf.SecureFrame, clear: pd.DataFrame) -> None:
    got = frame.groupby("group")["x"].agg(["count", "mean", "var", "std", "sum"])
    reach = Fraction(HIGH - LOW)
    for name in GROUPS:
        values = [int(v) for v in clear[clear["group"] == name]["x"]]
        row, n = got.loc[name], len(values)
        if n < 2:
            assert row[["mean", "var", "std", "sum"]].isna().all()
            continue
        assert row["count"] == base5(n)
        assert row["mean"] == float(three_digits(mean(values), Fraction(HIGH)))
        if n == 2:
            assert row[["var", "std"]].isna().all(), "a deviation needs one more"
            continue
        assert row["var"] == float(three_digits(variance(values), reach**2))
        assert row["std"] == float(nearest_root(variance(values), reach))
        bound = Fraction(HIGH) * (len(clear) + 5)
        assert row["sum"] == float(three_digits(mean(values) * base5(n), bound))


def test_ties_on_shares(frame: sf.SecureFrame) -> None:
    means = frame.groupby("group")["x"].mean()
    assert means["tie"] == 124 and means["negative tie"] == -123
    assert frame.groupby("group")["x"].std()["constant"] == 0


def test_correlations(frame: sf.SecureFrame, clear: pd.DataFrame) -> None:
    """Half up to three decimals; one without variance is withheld, not made up."""
    for name in ("plain", "tie", "line", "fall", "constant"):
        part, some = frame[frame["group"] == name], clear[clear["group"] == name]
        found = part["x"].corr(part["y"])
        if name == "constant":
            assert math.isnan(found) and found.release["suppressed"]
            continue
        x, y = ([int(v) for v in some[c]] for c in ("x", "y"))
        covariance = sum(((a - mean(x)) * (b - mean(y)) for a, b in zip(x, y, strict=True)), Fraction(0)) / (len(x) - 1)
        square = covariance**2 / (variance(x) * variance(y)) * (1 if covariance >= 0 else -1)
        grid = rounding.decimal_grid(Fraction(-1), Fraction(1), 3)
        assert found == float(grid[sum(t * abs(t) <= square for t in rounding.midpoints(grid))]), name
    ones = frame[frame["group"] == "line"]
    assert ones["x"].corr(ones["y"]) == -1


def central(values: Sequence[int], power: int) -> Fraction:
    return sum(((v - mean(values)) ** power for v in values), Fraction(0))


def test_errors_skewness_and_kurtosis(frame: sf.SecureFrame, clear: pd.DataFrame) -> None:
    """Against the definitions in fractions; the grid is that of three digits, for the latter two no finer than 0.01."""
    kinds = ("sem", "skew", "kurtosis")
    with sf.defer():
        asked = {
            (name, kind): getattr(frame[frame["group"] == name]["x"], kind)() for name in ("plain", "constant") for kind in kinds
        }
    got = dict(zip(asked, sf.collect(*asked.values()), strict=True))
    values = [int(v) for v in clear[clear["group"] == "plain"]["x"]]
    n, squares, cubes, fourths = len(values), *(central(values, power) for power in (2, 3, 4))
    assert got["plain", "sem"] == float(nearest_root(variance(values) / n, Fraction(HIGH - LOW)))
    square = n**2 * (n - 1) * cubes * abs(cubes) / ((n - 2) ** 2 * squares**3)
    points = [Fraction(i, 100) for i in range(-300, 301)]
    assert got["plain", "skew"] == float(points[sum(t * abs(t) <= square for t in rounding.midpoints(points))])
    excess = (n * (n + 1) * (n - 1) * fourths / squares**2 - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3))
    assert got["plain", "kurtosis"] == float(math.floor(excess * 100 + Fraction(1, 2)) / Fraction(100))
    assert got["constant", "sem"] == 0
    for kind in ("skew", "kurtosis"):
        found = got["constant", kind]
        assert math.isnan(found) and found.release["suppressed"], "without variance there is nothing to round"


def test_covariances(frame: sf.SecureFrame, clear: pd.DataFrame) -> None:
    for name in ("plain", "line", "fall", "constant"):
        some = clear[clear["group"] == name]
        x, y = ([int(v) for v in some[c]] for c in ("x", "y"))
        exact = sum(((a - mean(x)) * (b - mean(y)) for a, b in zip(x, y, strict=True)), Fraction(0)) / (len(x) - 1)
        part = frame[frame["group"] == name]
        assert part["x"].cov(part["y"]) == float(three_digits(exact, Fraction(HIGH - LOW) ** 2)), name


def test_shapes_of_two_values_come_from_rounded_frequencies(frame: sf.SecureFrame, clear: pd.DataFrame) -> None:
    part, some = frame[frame["group"] == "plain"], clear[clear["group"] == "plain"]
    n, hits = base5(len(some)), base5(int(some["hit"].sum()))
    rounded = pd.Series([1.0] * hits + [0.0] * (n - hits))
    with sf.defer():
        asked = [getattr(part["hit"], kind)() for kind in ("sem", "skew", "kurtosis")]
    assert sf.collect(*asked) == pytest.approx([rounded.sem(), rounded.skew(), rounded.kurtosis()], rel=1e-9)


def test_frequencies_of_two_values_come_from_rounded_parts(frame: sf.SecureFrame, clear: pd.DataFrame) -> None:
    part, some = frame[frame["group"] == "plain"], clear[clear["group"] == "plain"]
    n, hits = base5(len(some)), base5(int(some["hit"].sum()))
    with sf.defer():
        asked = [part["hit"].sum(), part["hit"].mean(), part["hit"].var(), (part["hit"] + 1).sum(), (part["hit"] + 1).mean()]
        asked += [(part["hit"] + 1).var(), (part["hit"] * 0 + 1).sum(), (part["hit"] == 1).sum(), (part["hit"] - 3).sum()]
    got = sf.collect(*asked)
    rate = Fraction(hits, n)
    spread = float((rate - rate**2) * Fraction(n, n - 1))
    wanted = [hits, hits / n, spread, n + hits, (n + hits) / n, spread, n, hits, hits - 3 * n]
    assert got == pytest.approx(wanted, rel=1e-12)


def test_counts_of_zero_to_twelve() -> None:
    job = Job()
    values = [*range(13), 997, 998]
    (found,) = job.run(round_to_base(job.builder, job.arith(values), 5, 11))
    assert [int(x) for x in found[0]] == [base5(v) for v in values]


def test_no_two_numbers_give_an_exact_frequency(frame: sf.SecureFrame, clear: pd.DataFrame) -> None:
    """Were a sum exact, a shift by one would tell the frequency, and a mean would divide it out."""
    n = int((clear["group"] == "plain").sum())
    part = frame[frame["group"] == "plain"]
    assert base5(n) != n
    with sf.defer():
        asked = part["x"].sum(), (part["x"] + 1).sum(), (part["x"] * 0 + 1).sum(), (part["x"] * 0 + 1000).sum(), part["x"].mean()
    total, shifted, ones, thousands, average = sf.collect(*asked)
    assert ones == base5(n) and thousands == 1000 * base5(n)
    assert shifted - total != n
    assert round(total / average) != n
