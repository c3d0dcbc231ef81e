"""Frames of one owner, as Polars computes them; no step makes a frame as long as its data.

A filter only marks rows; a reduction has one row for every person of the owner's whole table; a merge keeps the rows of
its left side. So the length of what an owner shares says nothing about what was asked or found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import singledispatch

import polars as pl

from secureframe.errors import PlanError
from secureframe.local.expressions import Parameters, lower_expression
from secureframe.local.integers import integer_dtype, scaled_division, storage
from secureframe.local.register import RegisteredTable
from secureframe.plan.nodes import Aggregation, Filter, GroupPersons, Merge, Node, Project, SortRows, Table
from secureframe.schema.table import TableSchema
from secureframe.schema.types import ColumnType

__all__ = ["HIDDEN", "LocalFrame", "Tables", "base_table", "lower", "lower_expression", "pad", "table_id"]

VALID, ROW, PERSON = "__valid", "__row", "__person"
HIDDEN = (VALID, ROW, PERSON)
"""Columns that every lowered frame has besides its own: validity, identity of the base row, and person."""

_MATCH, _KEY = "__match", "__key"

Tables = Mapping[str, RegisteredTable]
"""The tables of an owner, by ``owner.name``."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalFrame:
    """A frame at its owner.

    Parameters
    ----------
    rows : polars.DataFrame
        One row for every row of the base (valid or not): the frame's columns as grid integers, and the hidden ones.
    """

    rows: pl.DataFrame

    @property
    def valid(self) -> pl.Series:
        return self.rows[VALID]

    def __repr__(self) -> str:
        return f"LocalFrame({', '.join(c for c in self.rows.columns if c not in HIDDEN)})"


def table_id(schema: TableSchema) -> str:
    """Return the name of a table in a federation."""
    return f"{schema.owner}.{schema.name}"


def base_table(node: Node, tables: Tables) -> RegisteredTable:
    """Return the table whose rows (or persons) a frame's rows are.

    Raises
    ------
    PlanError
        If it is not there, or not the one that the plan was made for.
    """
    wanted = node.base.table
    found = tables.get(table_id(wanted))
    if found is None:
        raise PlanError(f"there is no table {table_id(wanted)} here")
    if found.schema != wanted:
        raise PlanError(
            f"{table_id(wanted)} has changed since the plan was made", hint=f"df = fed[{table_id(wanted)!r}], and build it anew"
        )
    return found


def lower(node: Node, tables: Tables, parameters: Parameters | None = None) -> LocalFrame:
    """Compute a frame whose tables are all at one owner.

    Parameters
    ----------
    node : Node
        The frame.
    tables : mapping of str to RegisteredTable
        The owner's tables by ``owner.name``.
    parameters : mapping, optional
        Natural values of the plan's parameters.

    Returns
    -------
    LocalFrame
        As many rows as the base table has (or persons in it, for reductions), whatever the filters.
    """
    if len(node.owners) != 1:
        raise PlanError(f"a frame of {', '.join(sorted(node.owners))} is computed by none of them alone")
    # The in-memory engine keeps rows in order within groups, which first and last rely on.
    return LocalFrame(rows=_lower(node, tables, parameters or {}).collect(engine="in-memory"))


def pad(local: LocalFrame, length: int) -> LocalFrame:
    """Return a frame in base-row order, filled up with invalid rows of missing values to its public length."""
    rows = local.rows.sort(ROW)
    missing = length - rows.height
    if missing < 0:
        raise PlanError("a table holds more rows than its public length")
    if missing:
        numbering = pl.int_range(rows.height, length, dtype=pl.Int64, eager=True).alias(ROW)
        filler = rows.clear(missing).with_columns(numbering, pl.lit(False).alias(VALID))
        rows = pl.concat([rows, filler], rechunk=True)
    return LocalFrame(rows=rows)


@singledispatch
def _lower(node: Node, tables: Tables, parameters: Parameters) -> pl.LazyFrame:
    raise PlanError(f"{type(node).__name__} cannot be computed by an owner")


@_lower.register
def _(node: Table, tables: Tables, parameters: Parameters) -> pl.LazyFrame:
    table = base_table(node, tables)
    return table.frame.lazy().with_columns(
        pl.lit(True).alias(VALID),
        pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW),
        pl.col(table.schema.person_key).alias(PERSON),
    )


@_lower.register
def _(node: Project, tables: Tables, parameters: Parameters) -> pl.LazyFrame:
    schema = node.frame.schema
    columns = [lower_expression(expr, schema, parameters).alias(name) for name, expr in node.columns]
    return _lower(node.frame, tables, parameters).select(*HIDDEN, *columns)


@_lower.register
def _(node: Filter, tables: Tables, parameters: Parameters) -> pl.LazyFrame:
    kept = lower_expression(node.predicate, node.frame.schema, parameters).fill_null(False)
    return _lower(node.frame, tables, parameters).with_columns((pl.col(VALID) & kept).alias(VALID))


@_lower.register
def _(node: SortRows, tables: Tables, parameters: Parameters) -> pl.LazyFrame:
    rows = _lower(node.frame, tables, parameters)
    return rows.sort(*node.by, descending=not node.ascending, nulls_last=True, maintain_order=True)


@_lower.register
def _(node: GroupPersons, tables: Tables, parameters: Parameters) -> pl.LazyFrame:
    base = base_table(node, tables)
    key = base.schema.person_key
    persons = base.frame.lazy().select(pl.col(key).alias(PERSON)).unique().sort(PERSON).with_row_index(ROW)
    schema, rows_per_person = node.frame.schema, node.frame.rows_per_person
    reduced = [
        _reduction(a, schema[a.column].type, node.schema[a.name].type, rows_per_person).alias(a.name) for a in node.aggregations
    ]
    groups = (
        _lower(node.frame, tables, parameters)
        .filter(VALID)
        .group_by(PERSON, maintain_order=True)
        .agg(*reduced)
        .with_columns(pl.lit(True).alias(VALID))
    )
    fills = [
        pl.col(a.name).fill_null(False if a.how == "any" else 0) if a.how in ("count", "sum", "any") else pl.col(a.name)
        for a in node.aggregations
    ]
    return (
        persons.join(groups, on=PERSON, how="left", maintain_order="left")
        .with_columns(pl.col(ROW).cast(pl.Int64), pl.col(VALID).fill_null(False), pl.col(PERSON).alias(node.key), *fills)
        .select(*HIDDEN, node.key, *(a.name for a in node.aggregations))
    )


def _reduction(a: Aggregation, type_: ColumnType, result: ColumnType, rows: int) -> pl.Expr:
    """One aggregation over a person's valid rows, missing values skipped, on the grid of its result."""
    column = pl.col(a.column)
    match a.how:
        case "count":
            return column.count().cast(storage(result))
        case "first":
            return column.drop_nulls().first()
        case "last":
            return column.drop_nulls().last()
        case "any":
            return column.any()
        case "min":
            return column.min()
        case "max":
            return column.max()
        case "sum":
            return column.cast(integer_dtype(result.low, result.high, type_.low, type_.high)).sum().cast(storage(result))
        case _:
            return _mean(column, type_, result, rows)


def _mean(column: pl.Expr, type_: ColumnType, result: ColumnType, rows: int) -> pl.Expr:
    """A mean, rounded half to even onto its own grid; missing where nothing is left."""
    bound = max(abs(type_.low), abs(type_.high), 1) * rows
    total = column.cast(integer_dtype(bound, -bound)).sum()
    count = column.count().cast(pl.Int64)
    some = pl.when(count > 0).then(count)
    factor = Fraction(type_.step) / result.step
    return scaled_division(total, some, factor, bound, rows).cast(storage(result))


@_lower.register
def _(node: Merge, tables: Tables, parameters: Parameters) -> pl.LazyFrame:
    left_names = {new: name for new, (side, name) in node.origins.items() if side == "left"}
    right_names = {new: name for new, (side, name) in node.origins.items() if side == "right"}
    left = _lower(node.left, tables, parameters).select(
        *HIDDEN, pl.col(node.left_on).alias(_KEY), *(pl.col(name).alias(new) for new, name in left_names.items())
    )
    right = (
        _lower(node.right, tables, parameters)
        .filter(pl.col(VALID) & pl.col(node.right_on).is_not_null())
        .select(
            pl.col(node.right_on).alias(_KEY),
            pl.lit(True).alias(_MATCH),
            *(pl.col(name).alias(new) for new, name in right_names.items()),
        )
    )
    joined = left.join(right, on=_KEY, how="left", nulls_equal=False, maintain_order="left")
    if node.how == "inner":
        joined = joined.with_columns((pl.col(VALID) & pl.col(_MATCH).fill_null(False)).alias(VALID))
    return joined.select(*HIDDEN, *node.origins)
