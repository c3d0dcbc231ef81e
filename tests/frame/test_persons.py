"""Rows of a person at several hospitals against pandas: reduced to one, in an order over all of them, and duplicates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.errors import PlanError
from tests.disclosure.centres import federation, table

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

LOOSE = Policy(name="loose", threshold=2)
PRECISION = 1 / 128


def visits(first: int, seed: int) -> pd.DataFrame:
    """One to four rows for each of thirty people, in no order of days; some of the values are missing."""
    generator = np.random.default_rng(seed)
    ids = np.repeat(np.arange(first, first + 30), generator.integers(1, 5, 30))
    n = len(ids)
    frame = pd.DataFrame(
        {
            "id": generator.permutation(ids),
            "day": generator.integers(0, 12, n),
            "x": generator.integers(0, 1000, n),
            "y": pd.array(generator.integers(0, 8, n), dtype="Int64"),
            "male": generator.integers(0, 2, n),
            "ward": generator.choice(["a", "b", "c"], n),
        }
    )
    frame.loc[generator.random(n) < 1 / 5, "y"] = pd.NA
    return frame


LAYOUTS = {
    "single": {"north": visits(1, 1)},
    "overlapping": {"north": visits(1, 1), "south": visits(16, 2), "west": visits(21, 3)},
    "attested": {"north": visits(1, 1), "south": visits(101, 2)},
}


def pooled(layout: str) -> pd.DataFrame:
    """Rows as the owners hold them: those of a person one after the other."""
    return pd.concat([f.sort_values("id", kind="stable") for f in LAYOUTS[layout].values()], ignore_index=True)


@pytest.fixture(scope="module", params=LAYOUTS)
def both(request: pytest.FixtureRequest) -> Iterator[tuple[sf.SecureFrame, pd.DataFrame]]:
    layout: str = request.param
    tables = {name: {"visits": table(f, rows=4, disjoint=layout == "attested")} for name, f in LAYOUTS[layout].items()}
    with federation(tables, LOOSE) as fed:
        yield fed["visits"], pooled(layout)


def numbers(frame: Any, names: list[str]) -> list[float]:
    """Counts, sums and sums of squares of some columns, which differ where the columns do."""
    if isinstance(frame, pd.DataFrame):
        columns = [frame[name].astype("Float64") for name in names]
        asked = [v for c in columns for v in (c.count(), c.sum(), (c * c).sum())]
        return [float(v) for v in asked]
    with sf.defer():
        pending = [p for n in names for p in (frame[n].count(), frame[n].sum(), (frame[n] * frame[n]).sum())]
    return [float(v) for v in sf.collect(*pending)]


def check(found: sf.SecureFrame, wanted: pd.DataFrame, names: list[str]) -> None:
    pairs = [(g, w) for g, w in zip(numbers(found, names), numbers(wanted, names), strict=True) if g == g]
    assert [g for g, _ in pairs] == pytest.approx([w for _, w in pairs], rel=1e-12)
    assert len(pairs) >= 2 * len(names), "hardly anything is withheld"


RELEASED: list[int] = []
"""How many numbers of every statement about duplicates were not withheld."""
HOWS = ("sum", "count", "mean", "min", "max", "first", "last")


def test_every_reduction(both: tuple[sf.SecureFrame, pd.DataFrame]) -> None:
    frame, clear = both
    named = {f"{how}_{column}": (column, how) for how in HOWS for column in ("x", "y")}
    wanted = clear.groupby("id").agg(**named)
    for name in ("mean_x", "mean_y"):
        wanted[name] = np.round(wanted[name].astype(float) / PRECISION) * PRECISION
    check(frame.groupby("id").agg(**named), wanted.reset_index(), list(named))


def test_any_and_different_values(both: tuple[sf.SecureFrame, pd.DataFrame]) -> None:
    frame, clear = both
    found = frame.assign(hit=frame["x"] > 700).groupby("id").agg(hit=("hit", "any"))
    assert int(found["hit"].sum()) == int((clear["x"] > 700).groupby(clear["id"]).any().sum())
    for column in ("y", "ward"):
        check(frame.groupby("id")[column].nunique(), clear.groupby("id")[column].nunique().reset_index(), [column])
    check(frame.groupby("id").agg(n=("day", "nunique")), clear.groupby("id").agg(n=("day", "nunique")), ["n"])
    with pytest.raises(PlanError, match="one column at a time") as refused:
        frame.groupby("id").agg(n=("day", "nunique"), m=("x", "max"))
    assert refused.value.hint


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("by", ["day", "y", ["day", "x"], ["y", "day"]], ids=str)
def test_first_and_last_by_an_order(both: tuple[sf.SecureFrame, pd.DataFrame], by: Any, ascending: bool) -> None:
    """Rows with equal days stay in the order of the institutions; missing values come last."""
    frame, clear = both
    named = {"a": ("x", "first"), "b": ("x", "last"), "c": ("y", "first"), "d": ("y", "last"), "e": ("day", "first")}
    ordered = clear.sort_values(by, ascending=ascending, kind="stable")
    check(frame.sort_values(by, ascending=ascending).groupby("id").agg(**named), ordered.groupby("id").agg(**named), list(named))


def test_an_order_among_those_that_are_left(both: tuple[sf.SecureFrame, pd.DataFrame]) -> None:
    frame, clear = both
    found = frame[frame["day"] >= 4].sort_values("day").rename(columns={"x": "z"}).sort_values("y").groupby("id").agg(
        z=("z", "first"), w=("z", "last")
    )  # fmt: skip
    wanted = clear[clear["day"] >= 4].sort_values("day", kind="stable").rename(columns={"x": "z"})
    wanted = wanted.sort_values("y", kind="stable").groupby("id").agg(z=("z", "first"), w=("z", "last"))
    check(found, wanted, ["z", "w"])


@pytest.mark.parametrize("keep", ["first", "last", False])
@pytest.mark.parametrize("subset", ["id", ["id", "ward"], ["day", "male"], ["y", "ward"]], ids=str)
def test_duplicates(both: tuple[sf.SecureFrame, pd.DataFrame], subset: Any, keep: Any) -> None:
    frame, clear = both
    for rows, wanted in ((frame, clear), (frame.sort_values("day"), clear.sort_values("day", kind="stable"))):
        found = numbers(rows.drop_duplicates(subset, keep=keep), ["x"])
        sums = numbers(wanted.drop_duplicates(subset, keep=keep), ["x"])
        assert all(f == w for f, w in zip(found, sums, strict=True) if f == f)
        RELEASED.append(sum(f == f for f in found))


def test_most_of_what_is_left_without_duplicates_is_released() -> None:
    """Withheld where one person alone is left out, at one hospital or without one; as often as not that is nobody, or two."""
    assert len(RELEASED) == 0 or sum(RELEASED) > len(RELEASED)


REFUSED: dict[str, tuple[Callable[[sf.SecureFrame], Any], str]] = {
    "an order of one row a person": (lambda f: f.groupby("id").agg(x=("x", "max")).sort_values("x"), "an order means something"),
    "another keep": (lambda f: f.drop_duplicates("id", keep="any"), "keep='any'"),
    "no such column": (lambda f: f.drop_duplicates("bmi"), "no column 'bmi'"),
    "a median": (lambda f: f.groupby("id").agg(x=("x", "median")), "'median'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(both: tuple[sf.SecureFrame, pd.DataFrame], name: str) -> None:
    statement, message = REFUSED[name]
    with pytest.raises(PlanError) as refused:
        statement(both[0])
    assert message in refused.value.message and refused.value.hint


def test_an_order_within_one_institution_and_across_several_is_refused() -> None:
    tables = {name: {"visits": table(f, rows=4)} for name, f in LAYOUTS["overlapping"].items()}
    with federation(tables, LOOSE) as fed:
        inner = sf.concat([fed["north.visits"].sort_values("x"), fed["south.visits"]])
        assert int(inner.groupby("id").agg(x=("x", "first"))["x"].count()) == 45
        with pytest.raises(PlanError, match="ordered at one institution") as refused:
            inner.sort_values("day").groupby("id").agg(x=("x", "first"))
        assert refused.value.hint
