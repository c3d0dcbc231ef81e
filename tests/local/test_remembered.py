"""Reductions that are kept: the same rows, for the same analyst, frame, data and parameters alone."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
import pytest

from secureframe.local import lower as lower_module
from secureframe.local.lower import Computed, compute, table_id
from secureframe.local.remembered import RememberedFrames
from secureframe.plan import expressions as e
from secureframe.plan.nodes import Aggregation, Filter, GroupPersons, Node
from secureframe.schema.types import number_type
from tests.local import tables

LEAST = e.Parameter("least", number_type(0, 9, Fraction(1), False))


def reduction(registered: object, column: str = "x") -> Node:
    frame = Filter(tables.node(registered), e.Binary(">=", e.ColumnRef("m"), LEAST))  # type: ignore[arg-type]
    return GroupPersons(frame, "id", (Aggregation(name="found", column=column, how="sum"),))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[Node]:
    """The reductions that are computed."""
    found: list[Node] = []
    reduced = lower_module._reduced

    def counting(node: GroupPersons, done: Computed) -> pl.LazyFrame:
        found.append(node)
        return reduced(node, done)

    monkeypatch.setattr(lower_module, "_reduced", counting)
    return found


def test_a_reduction_is_computed_once_for_an_analyst(counted: list[Node]) -> None:
    registered = tables.table(tables.many_rows(200), rows_per_person=200)
    other = tables.table(tables.many_rows(200, seed=2), rows_per_person=200)
    remembered = RememberedFrames()
    held = {table_id(registered.schema): registered}

    def asked(analyst: str, node: Node, least: int, of: dict[str, object] = held) -> pl.DataFrame:  # type: ignore[assignment]
        done = Computed(tables=of, parameters={"least": least}, remembered=remembered.of(analyst))  # type: ignore[arg-type]
        fresh = Computed(tables=of, parameters={"least": least})  # type: ignore[arg-type]
        before = len(counted)
        rows = compute(node, done).rows
        steps.append(len(counted) - before)
        assert rows.equals(compute(node, fresh).rows)
        return rows

    steps: list[int] = []
    asked("ana", reduction(registered), 3)
    asked("ana", reduction(registered), 3)
    asked("ben", reduction(registered), 3)
    asked("ana", reduction(registered), 4)
    asked("ana", reduction(registered, "y"), 3)
    # Other data under the same name have another version.
    asked("ana", reduction(other), 3, {table_id(other.schema): other})
    asked("ana", reduction(registered), 3)
    assert steps == [1, 0, 1, 1, 1, 1, 0]


def test_what_was_used_longest_ago_makes_room() -> None:
    rows = pl.DataFrame({"a": [1, 2, 3]})
    remembered = RememberedFrames(2 * rows.estimated_size())
    registered = tables.table(tables.many_rows(20), rows_per_person=20)
    frames = remembered.of("ana")
    nodes = [reduction(registered, column) for column in ("x", "y", "n")]
    for node in nodes[:2]:
        frames.put(node, {"least": 1}, rows)
    assert frames.get(nodes[0], {"least": 1}) is rows
    frames.put(nodes[2], {"least": 1}, rows)
    assert [frames.get(node, {"least": 1}) is not None for node in nodes] == [True, False, True]
