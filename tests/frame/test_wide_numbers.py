"""Columns 40 bits wide: elementwise arithmetic, comparisons, quantiles, sums and groups are exact, wherever the rows lie."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.testing import start_in_memory

PERSONS = 250
STEP = Fraction(1, 2**20)
REACH = 2**39
"""Grid points on either side of zero: 40 bits in all."""

Place = tuple[Any, pd.DataFrame]


def column(generator: np.random.Generator, n: int) -> Any:
    """Values all over the range, both ends, neighbours one step apart, and missing ones."""
    grid = generator.integers(-REACH, REACH + 1, n)
    grid[:6] = [-REACH, REACH, 0, 1, -1, REACH - 1]
    values = pd.array(grid / 2.0**20, dtype="Float64")
    values[generator.random(n) < 0.08] = pd.NA
    return values


def table(generator: np.random.Generator, ids: Any, names: str) -> pd.DataFrame:
    rows = {name: column(generator, len(ids)) for name in names}
    return pd.DataFrame({"id": ids, **rows, f"{names}_band": pd.array(generator.integers(0, 3, len(ids)), dtype="Int64")})


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, Place]]:
    generator = np.random.default_rng(5)
    ids = np.arange(1, PERSONS + 1)
    wide = sf.number(-float(REACH * STEP), float(REACH * STEP), precision=2.0**-20, nullable=True)
    left, right = table(generator, ids, "a"), table(generator, generator.permutation(ids), "b")
    more = table(generator, ids + PERSONS, "a")
    declared = {}
    for owner, rows, name in (("hospital", left, "a"), ("registry", right, "b"), ("clinic", more, "a")):
        columns = {"id": sf.key("person", 1, 1000), name: wide, f"{name}_band": sf.integer(0, 2, nullable=False)}
        declared[owner] = {"rows": sf.Table(rows, columns=columns, roster_size=PERSONS, rows_per_person=1, disjoint=True)}
    policy = Policy(name="test", threshold=2)
    with sf.simulate(declared, policy=policy, purpose="tests", start=start_in_memory, quiet=True) as fed:
        yield {
            "one owner": (fed["hospital.rows"], left),
            "two owners": (fed["hospital.rows"].merge(fed["registry.rows"], on="id"), left.merge(right, on="id")),
            "stacked": (
                sf.concat([fed["hospital.rows"], fed["clinic.rows"]]), pd.concat([left, more], ignore_index=True)
            ),
        }  # fmt: skip


PLACES = ("one owner", "two owners", "stacked")


def exact(values: Any) -> list[Fraction]:
    return [Fraction(float(v)) for v in values if v is not pd.NA]


@pytest.mark.parametrize("place", PLACES)
def test_sums_means_and_deviations(places: dict[str, Place], place: str) -> None:
    secret, clear = places[place]
    held = exact(clear["a"])
    mean = sum(held) / len(held)
    with sf.defer():
        asked = secret["a"].sum(), secret["a"].mean(), secret["a"].std(), secret["a"].count()
    total, average, deviation, count = sf.collect(*asked)
    assert (total, count) == (float(sum(held)), len(held))
    assert average == float(mean)
    spread = float(sum((v - mean) ** 2 for v in held) / (len(held) - 1)) ** 0.5
    assert deviation == pytest.approx(spread, rel=1e-14)


@pytest.mark.parametrize("place", PLACES)
def test_groups(places: dict[str, Place], place: str) -> None:
    secret, clear = places[place]
    key = "b_band" if place == "two owners" else "a_band"
    found = secret.groupby(key)["a"].agg(["sum", "count"])
    for level, rows in clear.groupby(key):
        held = exact(rows["a"])
        assert tuple(found.loc[level]) == (float(sum(held)), len(held))


@pytest.mark.parametrize("place", PLACES)
def test_quantiles(places: dict[str, Place], place: str) -> None:
    secret, clear = places[place]
    if place == "two owners":
        chosen, held = secret[secret["a"] < secret["b"]], clear[(clear["a"] < clear["b"]).fillna(False)]
    else:
        chosen, held = secret, clear
    found = chosen["a"].quantile([0.05, 0.5, 0.95])
    assert list(found) == list(held["a"].quantile([0.05, 0.5, 0.95], interpolation="lower"))


def test_a_quantile_of_a_sum_of_two_owners(places: dict[str, Place]) -> None:
    secret, clear = places["two owners"]
    held = (clear["a"] - clear["b"]).quantile(0.25, interpolation="lower")
    assert (secret["a"] - secret["b"]).quantile(0.25) == held


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "!="])
def test_conditions(places: dict[str, Place], operator: str) -> None:
    secret, clear = places["two owners"]
    for text in (f"a {operator} b", f"a - b {operator} {float(STEP)!r}", f"b {operator} 0.1"):
        held = clear.dropna(subset=["b"] if text.startswith("b") else ["a", "b"])
        assert secret.query(text)["a_band"].count() == len(held.query(text, engine="python"))


def test_arithmetic_across_owners(places: dict[str, Place]) -> None:
    """Products of two columns have 80 bits, their whole quotients and remainders as many as the columns."""
    secret, clear = places["two owners"]
    both = clear.dropna(subset=["a", "b"])
    pairs = list(zip(exact(both["a"]), exact(both["b"]), strict=True))
    cases = {
        "product": (secret["a"] * secret["b"], [a * b for a, b in pairs]),
        "sum": (secret["a"] + secret["b"], [a + b for a, b in pairs]),
        "whole": ((secret["a"] + secret["b"]) // 1000, [(a + b) // 1000 for a, b in pairs]),
        "rest": ((secret["a"] - secret["b"]) % 1000, [(a - b) % 1000 for a, b in pairs]),
        "rounded": ((secret["a"] + secret["b"]).round(2), [round((a + b) * 100) / Fraction(100) for a, b in pairs]),
        "clipped": ((secret["a"] + secret["b"]).clip(-100.5, 1e5), [min(max(a + b, Fraction(-201, 2)), 10**5) for a, b in pairs]),
    }
    with sf.defer():
        asked = [column.sum() for column, _ in cases.values()]
    for (name, (_, values)), total in zip(cases.items(), sf.collect(*asked), strict=True):
        assert total == float(sum(values)), name


def test_a_persons_rows_at_several_owners() -> None:
    """Reduced on shares: the least and the largest of 40 bits, sums and means on the mean's own grid."""
    generator = np.random.default_rng(6)
    frames = [table(generator, np.sort(generator.choice(np.arange(1, 61), 80)), "a") for _ in range(2)]
    wide = sf.number(-float(REACH * STEP), float(REACH * STEP), precision=2.0**-20, nullable=True)
    columns = {"id": sf.key("person", 1, 100), "a": wide, "a_band": sf.integer(0, 2, nullable=False)}
    declared = {
        owner: {"rows": sf.Table(rows, columns=columns, roster_size=60, rows_per_person=8)}
        for owner, rows in zip(("hospital", "clinic"), frames, strict=True)
    }
    policy = Policy(name="test", threshold=2)
    with sf.simulate(declared, policy=policy, purpose="tests", start=start_in_memory, quiet=True) as fed:
        rows = sf.concat([fed["hospital.rows"], fed["clinic.rows"]])
        persons = rows.groupby("id").agg(low=("a", "min"), high=("a", "max"), total=("a", "sum"))
        between = persons["high"] - persons["low"]
        with sf.defer():
            asked = persons["low"].sum(), persons["high"].sum(), persons["total"].sum(), between.median()
        found = sf.collect(*asked)
    grouped = pd.concat(frames).groupby("id")["a"]
    low, high = grouped.min(), grouped.max()
    wanted = [sum(exact(low)), sum(exact(high)), sum(exact(grouped.sum())), (high - low).quantile(0.5, interpolation="lower")]
    assert [float(x) for x in found] == [float(x) for x in wanted]
