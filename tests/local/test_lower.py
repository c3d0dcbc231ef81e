"""Frames of one owner against pandas: filters, orders, reductions, merges; and lengths that say nothing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.errors import PlanError
from secureframe.local import lower as lowering
from secureframe.local.lower import HIDDEN, Computed, LocalFrame, Tables, compute, lower, pad
from secureframe.local.values import to_pandas
from secureframe.plan import expressions as e
from secureframe.plan.combining import Merge
from secureframe.plan.nodes import Aggregation, Filter, GroupPersons, Node, Project, SortRows
from tests.local import tables

COUNTED = tuple(c for c in tables.COLUMNS if c != "id")
HOWS: dict[str, tuple[str, ...]] = {
    "count": COUNTED,
    "sum": ("n", "m", "x", "y", "b"),
    "mean": ("n", "m", "x", "y", "b"),
    "min": ("n", "m", "x", "y", "day"),
    "max": ("n", "m", "x", "y", "day"),
    "first": ("n", "m", "x", "b", "k", "day"),
    "last": ("n", "m", "x", "b", "k", "day"),
    "any": ("b",),
}
AGGREGATIONS = tuple(Aggregation(name=f"{how}_{c}", column=c, how=how) for how, columns in HOWS.items() for c in columns)
POSITIVE = e.Binary(">", e.ColumnRef("n"), e.Literal(0))


def clinic(*registered: Any) -> Tables:
    return {f"{t.schema.owner}.{t.schema.name}": t for t in registered}


def shown(local: LocalFrame, node: Node) -> pd.DataFrame:
    """Natural values of the valid rows, in the order of the frame."""
    return to_pandas(local.rows.filter("__valid"), node.schema)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    assert list(found.columns) == list(expected.columns)
    for column in found.columns:
        assert tables.same_values(found[column], expected[column].reset_index(drop=True)), column


@settings(max_examples=25, deadline=None)
@given(rows=tables.random_rows())
def test_a_filter_marks_rows_and_drops_missing_conditions(rows: list[dict[str, Any]]) -> None:
    registered = tables.table(rows)
    node = Filter(Filter(tables.node(registered), POSITIVE), e.Not(e.ColumnRef("b")))
    local = lower(node, clinic(registered))
    frame = tables.natural(registered)
    frame = frame[(frame["n"] > 0).fillna(False)]
    assert_same(shown(local, node), frame[(~frame["b"]).fillna(False)])
    assert local.rows.height == len(rows)
    assert local.rows["__row"].to_list() == list(range(len(rows)))
    assert local.rows["__person"].to_list() == sorted(row["id"] for row in rows)


def test_a_projection_keeps_only_what_it_names() -> None:
    registered = tables.table(tables.many_rows(30), rows_per_person=40)
    columns = (("who", e.ColumnRef("id")), ("z", e.Binary("*", e.ColumnRef("n"), e.Literal(2))), ("seven", e.Literal(7)))
    node = Project(tables.node(registered), columns)
    local = lower(node, clinic(registered))
    assert local.rows.columns == [*HIDDEN, "who", "z", "seven"]
    frame = tables.natural(registered)
    assert_same(shown(local, node), pd.DataFrame({"who": frame["id"], "z": frame["n"] * 2, "seven": pd.Series([7] * 30)}))


def person_level(frame: pd.DataFrame, schema: Any) -> pd.DataFrame:
    """pandas' own reductions; means go to the grid of their type."""
    groups = frame.groupby("id", sort=True)
    columns = {}
    for a in AGGREGATIONS:
        source = groups[a.column]
        found = source.sum(min_count=0) if a.how == "sum" else getattr(source, a.how)()
        if a.how == "mean":
            step = schema[a.name].type.step
            scaled = (found.astype("Float64") / float(step)).to_numpy(dtype=float, na_value=np.nan)
            found = pd.Series(pd.array(np.rint(scaled) * float(step), dtype="Float64"), index=found.index)
        columns[a.name] = found
    return pd.DataFrame(columns).reset_index()


@pytest.mark.parametrize("ascending", [True, False, None])
@settings(max_examples=25, deadline=None)
@given(rows=tables.random_rows(20), by=st.permutations(["day", "x", "n"]).map(lambda p: tuple(p[:2])))
def test_reductions_equal_pandas(ascending: bool | None, rows: list[dict[str, Any]], by: tuple[str, ...]) -> None:
    registered = tables.table(rows, rows_per_person=20)
    source: Node = Filter(tables.node(registered), e.FillNull(e.ColumnRef("b"), e.Literal(True)))
    frame = tables.natural(registered)
    if ascending is not None:
        source = SortRows(source, by, ascending)
        frame = frame.sort_values(list(by), ascending=ascending, kind="stable")
    frame = frame[frame["b"].fillna(True)]
    node = GroupPersons(source, "id", AGGREGATIONS)
    local = lower(node, clinic(registered))
    persons = sorted({row["id"] for row in rows})
    assert local.rows["id"].to_list() == persons
    assert local.rows["__person"].to_list() == persons
    assert local.rows["__row"].to_list() == list(range(len(persons)))
    assert set(local.rows.filter("__valid")["id"]) == set(frame["id"])
    if len(frame):
        assert_same(shown(local, node), person_level(frame, node.schema))


def test_a_person_without_rows_left_is_an_invalid_row_with_typed_values() -> None:
    registered = tables.table(tables.many_rows(30), rows_per_person=30)
    node = GroupPersons(Filter(tables.node(registered), e.Binary(">", e.ColumnRef("m"), e.Literal(99))), "id", AGGREGATIONS)
    local = lower(node, clinic(registered))
    assert local.rows.height == 5
    assert not local.valid.any()
    for name, field in node.schema.items():
        assert local.rows[name].null_count() == 0 or field.type.nullable


def test_means_of_decimals_are_rounded_on_exact_fractions() -> None:
    rows = tables.many_rows(60, seed=3)
    registered = tables.table(rows, rows_per_person=60)
    node = GroupPersons(tables.node(registered), "id", (Aggregation(name="mean", column="c", how="mean"),))
    local = lower(node, clinic(registered))
    step = node.schema["mean"].type.step
    for person, found in zip(local.rows["id"].to_list(), local.rows["mean"].to_list(), strict=True):
        values = [Fraction(repr(row["c"])) for row in rows if row["id"] == person and row["c"] is not None]
        assert found == round(sum(values) / len(values) / step)


def unique_rows(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return list({row[key]: row for row in rows}.values())


@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("left_on", ["id", "other"])
@settings(max_examples=25, deadline=None)
@given(left=tables.random_rows(), right=tables.random_rows())
def test_merges_equal_pandas_but_null_keys_never_match(
    how: Any, left_on: str, left: list[dict[str, Any]], right: list[dict[str, Any]]
) -> None:
    visits = tables.table(left, name="visits")
    persons = tables.table(unique_rows(right, "id"), name="persons", rows_per_person=1)
    filtered = Filter(tables.node(persons), POSITIVE)
    node = Merge(left=tables.node(visits), right=filtered, left_on=(left_on,), right_on=("id",), how=how)
    local = lower(node, clinic(visits, persons))
    a, b = tables.natural(visits), tables.natural(persons)
    b = b[(b["n"] > 0).fillna(False)]
    assert_same(shown(local, node), a.merge(b, how=how, left_on=(left_on,), right_on=("id",)))
    assert local.rows.height == len(left)
    assert local.rows["__person"].to_list() == sorted(row["id"] for row in left)


@settings(max_examples=15, deadline=None)
@given(left=tables.random_rows(), right=tables.random_rows())
def test_a_merge_on_a_key_with_nulls_at_the_right(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    kept = unique_rows(unique_rows(right, "id"), "other")
    visits = tables.table(left, name="visits")
    persons = tables.table(kept, name="persons", rows_per_person=1)
    columns = tuple(replace(c, unique=True) if c.name == "other" else c for c in persons.schema.columns)
    persons = replace(persons, schema=replace(persons.schema, columns=columns))
    node = Merge(
        left=tables.node(visits),
        right=tables.node(persons),
        left_on=("other",),
        right_on=("other",),
        how="left",
        suffixes=("", "_person"),
    )
    local = lower(node, clinic(visits, persons))
    a, b = tables.natural(visits), tables.natural(persons)
    expected = a.merge(b[b["other"].notna()], how="left", on="other", suffixes=("", "_person"))
    assert_same(shown(local, node), expected)
    assert local.rows.height == len(left)


@pytest.mark.parametrize("threshold", [-100, 3, 100])
def test_the_length_depends_on_no_filter(threshold: int) -> None:
    registered = tables.table(tables.many_rows(50), rows_per_person=50)
    rows = Filter(tables.node(registered), e.Binary(">", e.ColumnRef("n"), e.Literal(threshold)))
    persons = GroupPersons(rows, "id", AGGREGATIONS)
    merged = Merge(left=persons, right=persons, left_on=("id",), right_on=("id",), how="inner")
    heights = [lower(node, clinic(registered)).rows.height for node in (rows, persons, merged)]
    assert heights == [50, 5, 5]


def test_padding_restores_the_order_of_the_base_and_adds_invalid_rows() -> None:
    registered = tables.table(tables.many_rows(20), rows_per_person=20)
    node = SortRows(tables.node(registered), ("x",), False)
    local = lower(node, clinic(registered))
    padded = pad(local, 33)
    assert padded.rows["__row"].to_list()[:20] == list(range(20))
    assert padded.rows["__row"].is_sorted() and padded.rows["__row"].n_unique() == padded.rows.height == 33
    assert padded.valid.to_list() == [True] * 20 + [False] * 13
    assert padded.rows["x"].to_list() == registered.frame["x"].to_list() + [None] * 13
    assert padded.rows["id"].null_count() == 13
    assert pad(padded, 33).rows.equals(padded.rows)
    with pytest.raises(PlanError, match="more rows"):
        pad(local, 19)


def test_tables_must_be_those_of_the_plan() -> None:
    registered, other = (tables.table(tables.many_rows(5), rows_per_person=20) for _ in range(2))
    with pytest.raises(PlanError, match="has changed"):
        lower(tables.node(registered), clinic(other))
    with pytest.raises(PlanError, match="there is no table"):
        lower(tables.node(registered), {})


def test_frames_of_two_owners_are_computed_by_neither() -> None:
    mine, theirs = (tables.table(tables.many_rows(0), name=n, rows_per_person=1) for n in ("mine", "theirs"))
    theirs = replace(theirs, schema=replace(theirs.schema, owner="laboratory"))
    node = Merge(left=tables.node(mine), right=tables.node(theirs), left_on=("id",), right_on=("id",), how="inner")
    with pytest.raises(PlanError, match="clinic, laboratory"):
        lower(node, clinic(mine, theirs))


def test_many_rows_are_reduced_once_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(node: GroupPersons, done: Computed) -> Any:
        calls.append(node)
        return reduced(node, done)

    reduced = lowering._reduced
    monkeypatch.setattr(lowering, "_reduced", counted)
    registered = tables.table([row | {"id": person} for row, person in zip(tables.many_rows(6), (1, 1, 1, 2, 2, 3), strict=True)])
    persons = GroupPersons(tables.node(registered), "id", (Aggregation(name="rows", column="id", how="count"),))
    several = Filter(persons, e.Binary(">", e.ColumnRef("rows"), e.Literal(1)))
    done = Computed(tables=clinic(registered))
    found = [compute(frame, done) for frame in (several, persons, several)]
    assert calls == [persons]
    assert [list(shown(one, several)["id"]) for one in found] == [[1, 2], [1, 2, 3], [1, 2]]
