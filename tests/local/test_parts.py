"""Parts of releases against pandas on the same quantised values."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.local import parts
from secureframe.local.integers import integer_dtype
from secureframe.local.lower import lower
from secureframe.local.parts import local_parts
from secureframe.local.values import to_pandas
from secureframe.plan import expressions as e
from secureframe.plan.nodes import QUANTILES, Aggregation, Filter, GroupPersons, Node, Project, Statistic, Summarise
from secureframe.plan.parts import Count, Moment, Quantile, breakdown
from secureframe.schema.types import ColumnType
from tests.local import tables
from tests.local.test_lower import clinic

STATISTICS = (
    Statistic(kind="size"),
    *(Statistic(kind="count", columns=(c,)) for c in ("n", "k", "s", "day")),
    *(Statistic(kind=kind, columns=(c,)) for kind in ("sum", "std") for c in ("n", "x", "c", "b", "m")),
    Statistic(kind="corr", columns=("x", "n")),
    *(Statistic(kind="quantile", columns=(c,), q=q) for c in ("x", "day", "b") for q in QUANTILES[:4]),
)
NO_KEYS: tuple[str, ...] = ()


def rows_of_cells(frame: pd.DataFrame, node: Summarise) -> list[pd.DataFrame]:
    """The rows of every cell, row-major over the levels."""
    cells = []
    for levels in itertools.product(*node.levels):
        kept = frame
        for name, level in zip(node.by, levels, strict=True):
            kept = kept[(kept[name] == level).fillna(False)]
        cells.append(kept)
    return cells


def grid(values: pd.Series, type_: ColumnType) -> list[int]:
    exact = [type_.to_grid(v.date() if isinstance(v, pd.Timestamp) else v) for v in values.tolist()]
    return [int(v) for v in exact if v is not None]


def expected_part(part: Any, node: Summarise, valid: pd.DataFrame, base: pd.DataFrame, schema: Any, left_out: int) -> list[int]:
    match part:
        case Count(scope="base"):
            return [base["id"].nunique()]
        case Count(scope="outside"):
            return [left_out]
        case Count():
            scopes = [valid] if part.scope == "frame" else rows_of_cells(valid, node)
            counted = []
            for rows in scopes:
                kept = rows.dropna(subset=list(part.columns)).reset_index(drop=True)
                if part.where is not None:
                    kept = kept[tables.pandas_value(part.where, kept).fillna(False).astype(bool)]
                counted.append(len(kept) if part.unit == "rows" else kept["__person"].nunique())
            return counted
        case Moment():
            sums = []
            for rows in rows_of_cells(valid, node):
                present = rows.dropna(subset=list(part.columns))
                columns = [grid(present[c], schema[c].type) for c in part.columns]
                centres = [schema[c].type.centre for c in part.columns]
                sums.append(
                    sum(
                        math.prod((v - m) ** p for v, m, p in zip(row, centres, part.powers, strict=True))
                        for row in zip(*columns, strict=True)
                    )
                )
            return sums
        case Quantile():
            type_ = schema[part.column].type
            found = []
            for rows in rows_of_cells(valid, node):
                present = pd.Series(grid(rows[part.column].dropna(), type_), dtype="Int64")
                found.append(int(present.quantile(float(part.q), interpolation="lower")) if len(present) else type_.low)
            return found
        case _:
            raise AssertionError(part)


def check(node: Summarise, registered: Any) -> None:
    broken = breakdown(node)
    local = lower(broken.frame, clinic(registered))
    valid = to_pandas(local.rows.filter("__valid"), broken.frame.schema)
    valid["__person"] = local.rows.filter("__valid")["__person"].to_list()
    found = local_parts(broken, clinic(registered))
    assert tuple(found) == broken.parts
    base = tables.natural(registered)
    left_out = local.rows.filter(~local.valid)["__person"].n_unique()
    for part, values in found.items():
        assert all(type(v) is int for v in values)
        assert values == expected_part(part, node, valid, base, broken.frame.schema, left_out), part


@settings(max_examples=12, deadline=None)
@given(rows=tables.random_rows(15), by=st.sampled_from([NO_KEYS, ("k",), ("b",), ("n",), ("k", "b"), ("b", "n")]))
def test_parts_of_many_rows_a_person(rows: list[dict[str, Any]], by: tuple[str, ...]) -> None:
    registered = tables.table(rows, rows_per_person=15)
    frame = Filter(tables.node(registered), e.Binary(">=", e.ColumnRef("m"), e.Literal(3)))
    check(Summarise(frame, by, STATISTICS), registered)


@settings(max_examples=20, deadline=None)
@given(rows=tables.random_rows(15), by=st.sampled_from([NO_KEYS, ("hit",), ("colour", "hit")]))
def test_parts_of_one_row_a_person(rows: list[dict[str, Any]], by: tuple[str, ...]) -> None:
    registered = tables.table(rows, rows_per_person=15)
    kept = Filter(tables.node(registered), e.FillNull(e.ColumnRef("b"), e.Literal(True)))
    kept_columns = tuple((c, e.ColumnRef(c)) for c in ("id", "k", "x", "n"))
    marked = Project(kept, (*kept_columns, ("on", e.FillNull(e.ColumnRef("b"), e.Literal(False)))))
    persons = GroupPersons(
        marked,
        "id",
        (
            Aggregation(name="colour", column="k", how="last"),
            Aggregation(name="hit", column="on", how="any"),
            Aggregation(name="mean_x", column="x", how="mean"),
            Aggregation(name="sum_n", column="n", how="sum"),
        ),
    )
    statistics = (
        Statistic(kind="size"),
        Statistic(kind="mean", columns=("mean_x",)),
        Statistic(kind="var", columns=("sum_n",)),
        Statistic(kind="corr", columns=("mean_x", "sum_n")),
        Statistic(kind="quantile", columns=("mean_x",), q=Fraction(1, 2)),
    )
    check(Summarise(persons, by, statistics), registered)


PREDICATED: dict[str, e.Expr] = {
    "masked": e.Where(e.ColumnRef("b"), e.ColumnRef("n"), e.Literal(0)),
    "filled": e.FillNull(e.ColumnRef("n"), e.Literal(0)),
    "clipped": e.Clip(e.ColumnRef("x"), Fraction(-1), Fraction(2)),
    "compared": e.Binary(">", e.ColumnRef("n"), e.Literal(0)),
    "product": e.Binary("*", e.Binary("==", e.ColumnRef("k"), e.Literal("red")), e.ColumnRef("x")),
}


@pytest.mark.parametrize("name", PREDICATED)
def test_both_sides_of_a_predicate_inside_a_column_are_counted(name: str) -> None:
    registered = tables.table(tables.many_rows(60), rows_per_person=60)
    kept = tuple((c, e.ColumnRef(c)) for c in tables.COLUMNS)
    frame = Project(tables.node(registered), (*kept, (name, PREDICATED[name])))
    node = Summarise(frame, ("k",), (Statistic(kind="sum", columns=(name,)),))
    assert any(part.where is not None for part in breakdown(node).parts if isinstance(part, Count))
    check(node, registered)


def test_moments_are_as_wide_as_they_need_to_be() -> None:
    registered = tables.table(tables.many_rows(12), rows_per_person=60)
    product: e.Expr = e.ColumnRef("y")
    frame: Node = tables.node(registered)
    for _ in range(3):
        product = e.Binary("*", product, e.Binary("+", e.ColumnRef("y"), e.Literal(2**12 + 0.0625)))
    frame = Project(frame, (("id", e.ColumnRef("id")), ("wide", product)))
    node = Summarise(frame, (), (Statistic(kind="sum", columns=("wide",)), Statistic(kind="var", columns=("wide",))))
    type_ = frame.schema["wide"].type
    local = lower(frame, clinic(registered)).rows["wide"].drop_nulls().to_list()
    assert integer_dtype(type_.low, type_.high) is not None
    found = local_parts(breakdown(node), clinic(registered))
    for power in (1, 2):
        moment = Moment(columns=("wide",), powers=(power,))
        assert found[moment] == [sum((v - type_.centre) ** power for v in local)]
    assert (type_.high - type_.centre) ** 2 > 2**63


def test_moments_beyond_every_machine_width_are_exact() -> None:
    registered = tables.table(tables.many_rows(12), rows_per_person=60)
    wide = e.Binary("*", e.ColumnRef("n"), e.Literal(2**70))
    frame = Project(tables.node(registered), (("id", e.ColumnRef("id")), ("wide", wide), ("k", e.ColumnRef("k"))))
    node = Summarise(frame, ("k",), (Statistic(kind="var", columns=("wide",)),))
    found = local_parts(breakdown(node), clinic(registered))
    centre = frame.schema["wide"].type.centre
    rows = tables.many_rows(12)
    expected = [
        sum((row["n"] * 2**70 - centre) ** 2 for row in rows if row["k"] == level and row["n"] is not None)
        for level in ("red", "green", "blue")
    ]
    assert found[Moment(columns=("wide",), powers=(2,))] == expected


def test_quantiles_have_exact_ranks() -> None:
    rows = [dict.fromkeys(tables.COLUMNS) | {"id": 1, "m": 1 + i % 9, "x": i / 4 - 8} for i in range(61)]
    registered = tables.table(rows, rows_per_person=61)
    statistics = tuple(Statistic(kind="quantile", columns=("x",), q=q) for q in QUANTILES)
    found = local_parts(breakdown(Summarise(tables.node(registered), (), statistics)), clinic(registered))
    for q in QUANTILES:
        assert found[Quantile(column="x", q=q)] == [math.floor(q * 60) - 32]


@pytest.mark.parametrize("rows_per_person", [1, 15])
@pytest.mark.parametrize("count", [0, 1, 6, 7, 8, 15])
def test_rows_are_gone_through_in_slices(monkeypatch: pytest.MonkeyPatch, rows_per_person: int, count: int) -> None:
    """The same parts in whatever pieces the rows are taken: none, a part of one, exactly one, one and a row, several."""
    drawn = enumerate(tables.many_rows(count), start=1)
    rows = [{**row, "id": row["id"] if rows_per_person > 1 else number} for number, row in drawn]
    registered = tables.table(rows, rows_per_person=rows_per_person)
    frame = Filter(tables.node(registered), e.Binary(">=", e.ColumnRef("m"), e.Literal(3)))
    for by in (NO_KEYS, ("k", "b")):
        whole = breakdown(Summarise(frame, by, STATISTICS))
        broken = replace(whole, histograms=("b", "day"))
        wanted = local_parts(broken, clinic(registered))
        monkeypatch.setattr(parts, "SLICE", 7)
        assert local_parts(broken, clinic(registered)) == wanted
        monkeypatch.undo()
        check(whole.node, registered)
