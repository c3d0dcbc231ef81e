"""Sums of narrow columns and of their squares, plane by plane: against pandas, and in which form a column is dealt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.release import Rules
from secureframe.mpc.program import Value
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Merge
from secureframe.plan.forms import Form
from secureframe.planner.compile import compile_plan
from secureframe.planner.frames import LocalValue
from secureframe.testing import start_in_memory
from tests.planner.study import OWNERS, TEST_POLICY
from tests.planner.test_compile import plan_of
from tests.planner.test_merging import merge, table

PERSONS = 300
KEY = sf.key("person", 1, 400, nullable=False)
NUMBERS = {
    "one": (7, 7),
    "two": (0, 1),
    "narrow": (-9, 22),
    "below": (-300, -100),
    "widest": (-(1 << 15), (1 << 15) - 1),
    "wide": (0, 1 << 17),
}
"""Lowest and highest values: of one point, of one bit, around zero, below it, of 16 bits, and of more."""


def rows(start: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.arange(start, start + PERSONS), "part": pd.Categorical(draw.choice(["x", "y", "z"], PERSONS))})
    for name, (low, high) in NUMBERS.items():
        frame[name] = pd.array(draw.integers(low, high, PERSONS, endpoint=True), dtype="Int64")
        frame[f"{name}_n"] = frame[name].mask(draw.random(PERSONS) < 0.3)
    frame.loc[:1, "narrow"], frame.loc[:1, "widest"] = NUMBERS["narrow"], NUMBERS["widest"]
    return frame


LEFT, RIGHT = rows(1, 1), rows(90, 2)


@pytest.fixture(scope="module")
def fed() -> Iterator[sf.Federation]:
    declared = {
        "id": KEY,
        "part": sf.category(["x", "y", "z"], nullable=False),
        **{f"{name}{mark}": sf.integer(*ends, nullable=bool(mark)) for name, ends in NUMBERS.items() for mark in ("", "_n")},
    }
    sources = {
        name: {"rows": sf.Table(frame, columns=declared, roster_size=PERSONS, rows_per_person=1)}
        for name, frame in (("left", LEFT), ("right", RIGHT))
    }
    with sf.simulate(sources, policy="open-research", purpose="tests", quiet=True, start=start_in_memory) as started:
        yield started


@pytest.fixture
def nothing_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    def released(self: Rules) -> Value:
        return self.b.zeros("bits", 1, self.node.cells * len(self.breakdown.pieces))

    monkeypatch.setattr(Rules, "withheld", released)


@pytest.mark.usefixtures("nothing_withheld")
@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("by", [None, "part_r", "part_l"])
@pytest.mark.parametrize("statistics", [["sum", "mean"], ["mean", "std"], ["var", "sum", "skew"]], ids="-".join)
def test_moments_are_those_of_pandas(statistics: list[str], by: str | None, how: str, fed: sf.Federation) -> None:
    columns = [f"{name}{mark}_{side}" for name in NUMBERS for mark in ("", "_n") for side in "lr"]
    if "skew" in statistics:
        columns = [c for c in columns if not c.startswith(("one", "two"))]
    merged = fed["left.rows"].merge(fed["right.rows"], on="id", how=how, suffixes=("_l", "_r"))
    pooled = LEFT.merge(RIGHT, on="id", how=how, suffixes=("_l", "_r"))  # type: ignore[call-overload]
    for frame in (merged, merged[merged["narrow_l"] > 3]):
        rows_ = pooled if frame is merged else pooled[pooled["narrow_l"] > 3]
        for each in statistics:
            found = getattr((frame if by is None else frame.groupby(by))[columns], each)()
            known = rows_ if by is None else rows_.groupby(by, observed=True)
            wanted = getattr(known[columns], each)()
            got, expected = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
            constant = np.isclose(np.nan_to_num(expected), 0, atol=1e-9) & (each in ("std", "var"))
            assert np.allclose(np.nan_to_num(got), np.where(constant, np.nan_to_num(got), expected), rtol=1e-3), each
            assert np.allclose(np.nan_to_num(got)[constant], 0)


def forms(frame: n.Node, column: str, *kinds: str, by: tuple[str, ...] = ()) -> set[Form]:
    """The forms in which owners deal the numbers of which a column's statistics are made."""
    node = n.Summarise(frame, by, tuple(n.Statistic(kind=kind, columns=(column,)) for kind in kinds))
    found = compile_plan(plan_of(node), dict.fromkeys(OWNERS, TEST_POLICY)).locals
    values = (value for value in found if isinstance(value, LocalValue))
    return {v.encoding.form for v in values} & {Form.PLANES, Form.ARITH, Form.POWER2}


def test_narrow_columns_are_dealt_as_bits() -> None:
    """Unless more is asked of them than sums, they are too wide for pairs in so many cells, or are computed on shares."""
    frame = merge(table("clinic.people"), table("labor.scores"))
    cohort = n.Filter(frame, e.Binary(">", e.ColumnRef("age"), e.Literal(30)))
    for each in (frame, cohort):
        assert forms(each, "score", "mean") == {Form.PLANES}
        assert forms(each, "score", "mean", "std") == {Form.PLANES}
        assert forms(each, "score", "mean", by=("grade",)) == {Form.PLANES}
        assert forms(each, "score", "mean", "skew") == {Form.ARITH}
        assert forms(each, "age", "mean", "std", by=("grade",)) == {Form.PLANES}
        assert forms(each, "age", "mean", "std", by=("grade", "rank")) == {Form.ARITH}
    both = n.Project(frame, (("id", e.ColumnRef("id")), ("both", e.Binary("+", e.ColumnRef("age"), e.ColumnRef("score")))))
    assert forms(both, "both", "mean") == {Form.ARITH}


def test_a_column_that_a_chain_moves_twice_is_moved_as_bits() -> None:
    first = merge(table("labor.scores"), table("register.events"), "left")
    right = n.Project(first, tuple((name, e.ColumnRef(name)) for name in ("id", "stage", "score")))
    assert forms(Merge(table("clinic.people"), right, ("id",), ("id",), "inner"), "stage", "mean") == {Form.PLANES}
