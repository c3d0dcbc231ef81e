"""How many persons the higher moments need, and what two columns tell of the rows that have both."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import secureframe as sf
from secureframe.disclosure import moments
from secureframe.disclosure.rounding import Ranged
from secureframe.results import formulas
from secureframe.testing import start_in_memory
from tests.disclosure.federations import is_withheld
from tests.mpc.harness import Job

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

SIZES = (10, 11, 12, 13, 19, 20, 49, 50)


def rows() -> pd.DataFrame:
    generator = np.random.default_rng(8)
    size = np.repeat(SIZES, SIZES)
    n = len(size)
    frame = pd.DataFrame({"id": np.arange(1, n + 1), "size": [f"n{s}" for s in size]})
    for name in ("a", "b", "c", "d", "e"):
        frame[name] = pd.array(generator.integers(-20, 80, n), dtype="Int64")
    frame["flag"] = np.arange(n) % 3 == 0
    frame["rare"] = np.arange(n) < 30
    # Of the thirty with the rare trait four have a value here; without it nearly everybody.
    frame["part"] = frame["a"].where((np.arange(n) >= 30) | (np.arange(n) < 4))
    return frame


@pytest.fixture(scope="module")
def fed() -> Iterator[sf.Federation]:
    clear = rows()
    number = sf.integer(-20, 80, nullable=False)
    columns = {
        "id": sf.key("person", 1, 500, nullable=False),
        "size": sf.category(tuple(f"n{s}" for s in SIZES), nullable=False),
        **dict.fromkeys("abcde", number),
        "flag": sf.boolean(nullable=False),
        "rare": sf.boolean(nullable=False),
        "part": sf.integer(-20, 80, nullable=True),
    }
    other = sf.Table(
        clear[["id", "b"]].rename(columns={"b": "there"}),
        columns={"id": columns["id"], "there": number},
        roster_size=len(clear),
        rows_per_person=1,
    )
    table = sf.Table(clear, columns=columns, roster_size=len(clear), rows_per_person=1)
    with sf.simulate(
        {"a": {"t": table}, "b": {"u": other}}, policy="open-research", purpose="x", quiet=True, start=start_in_memory
    ) as started:
        yield started


@pytest.fixture(params=["local", "shared"])
def frame(request: pytest.FixtureRequest, fed: sf.Federation) -> sf.SecureFrame:
    """The same rows at one owner, and on shares."""
    local = fed["a.t"]
    return local if request.param == "local" else local.merge(fed["b.u"], on="id")


def test_every_moment_takes_a_degree_of_freedom(frame: sf.SecureFrame) -> None:
    """Of n persons: those are the least for which a statistic leaves; with one person fewer it does not."""
    least = {"mean": 10, "var": 11, "std": 11, "sem": 11, "skew": 12, "kurtosis": 13}
    with sf.defer():
        asked = {
            (size, kind): getattr(frame[frame["size"] == f"n{size}"]["a"], kind)() for size in (10, 11, 12, 13) for kind in least
        }
    found = dict(zip(asked, sf.collect(*asked.values()), strict=True))
    assert {key: is_withheld(value) for key, value in found.items()} == {(n, kind): n < least[kind] for n, kind in asked}


def test_pairs_need_ten_persons_a_column(frame: sf.SecureFrame) -> None:
    with sf.defer():
        asked = {
            (size, kind): getattr(frame[frame["size"] == f"n{size}"]["a"], kind)(frame["b"][frame["size"] == f"n{size}"])
            for size in (19, 20)
            for kind in ("corr", "cov")
        }
        matrices = [frame[frame["size"] == f"n{size}"][list("abcde")].corr() for size in (49, 50)]
    found = dict(zip(asked, sf.collect(*asked.values()), strict=True))
    assert {key: is_withheld(value) for key, value in found.items()} == {(n, kind): n < 20 for n, kind in asked}
    few, enough = sf.collect(*matrices)
    assert few.isna().to_numpy()[np.triu_indices(5, 1)].all() and not enough.isna().any(axis=None)


def test_both_classes_count_among_the_rows_that_have_both_columns(frame: sf.SecureFrame) -> None:
    """Thirty persons are of the rare class, of whom four have the other value: the class is too small where it matters."""
    with sf.defer():
        asked = [
            frame["rare"].corr(frame["a"]),
            frame["flag"].cov(frame["part"]),
            frame["rare"].corr(frame["part"]),
            frame["rare"].cov(frame["part"]),
        ]
    assert [is_withheld(value) for value in sf.collect(*asked)] == [False, False, True, True]


def test_classes_of_every_group_count(frame: sf.SecureFrame) -> None:
    found = frame.groupby("flag")[["rare", "part"]].cov()
    assert found.loc[(slice(None), "rare"), "part"].isna().all()
    assert not frame.groupby("flag")[["a", "part"]].cov().isna().any(axis=None)


def test_a_pair_does_not_leave_single_persons_out(frame: sf.SecureFrame) -> None:
    """Were a few persons' values missing by a condition, two correlations would differ by what these add."""
    few, many = (frame["size"] == "n49") & (frame["b"] >= 70), frame["size"] == "n49"
    with sf.defer():
        asked = [getattr(frame["a"].where(~gone), kind)(frame["b"]) for gone in (few, many) for kind in ("corr", "cov")]
        asked.append(few.sum())
    *pairs, count = sf.collect(*asked)
    assert is_withheld(count), "one to nine persons"
    assert [is_withheld(value) for value in pairs] == [True, True, False, False]


# -- central moments -----------------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.lists(st.integers(-(2**39), 2**39), min_size=1, max_size=9), min_size=1, max_size=3),
    st.sampled_from(["SPREAD", "THIRD", "FOURTH"]),
)
def test_central_moments_are_exact(columns: list[list[int]], name: str) -> None:
    power = {"SPREAD": 2, "THIRD": 3, "FOURTH": 4}[name]
    job = Job()
    sums = []
    for k in range(power + 1):
        reach = 9 * 2 ** (39 * k)
        values = np.array([[sum(x**k for x in column) for column in columns]], dtype=object)
        sums.append(Ranged(value=job.arith(values, limbs=-(-(40 * k + 6) // 64)), lo=0 if k % 2 == 0 else -reach, hi=reach))
    found = moments.polynomial(job.builder, getattr(moments, name), sums)
    (result,) = job.run(found.value)
    for column, value in zip(columns, result[0], strict=True):
        n, mean = len(column), Fraction(sum(column), len(column))
        assert int(value) == n ** (power - 1) * sum((x - mean) ** power for x in column)
        assert found.lo <= int(value) <= found.hi


@pytest.mark.parametrize("ones", [1, 3, 11])
def test_shapes_of_zeros_and_ones(ones: int) -> None:
    values = pd.Series([1.0] * ones + [0.0] * 9)
    assert formulas.of_two_values("skew", ones + 9, ones) == pytest.approx(values.skew(), rel=1e-12)
    assert formulas.of_two_values("kurtosis", ones + 9, ones) == pytest.approx(values.kurt(), rel=1e-12)
    assert formulas.of_two_values("skew", 9, 0) is None and formulas.of_two_values("kurtosis", 3, 1) is None
