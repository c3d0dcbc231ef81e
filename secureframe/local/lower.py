"""Frames of one owner, as Polars computes them; no step makes a frame as long as its data.

A filter only marks rows; a reduction has one row for every person of the owner's whole table; a merge keeps the rows of
its left side. So the length of what an owner shares says nothing about what was asked or found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import singledispatch

import polars as pl

from secureframe.errors import PlanError
from secureframe.local.expressions import Parameters, lower_column, lower_expression
from secureframe.local.integers import integer_dtype, scaled_division, storage
from secureframe.local.register import RegisteredTable
from secureframe.local.remembered import AnalystFrames
from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.plan.nodes import Aggregation, Filter, GroupPersons, Node, Project, SortRows, Table
from secureframe.plan.rosters import KEY, roster
from secureframe.schema.table import TableSchema
from secureframe.schema.types import ColumnType

__all__ = ["HIDDEN", "Computed", "LocalFrame", "Tables", "base_table", "compute", "lower", "lower_expression", "pad", "table_id"]

VALID, ROW, PERSON = "__valid", "__row", "__person"
HIDDEN = (VALID, ROW, PERSON)
"""Columns that every lowered frame has besides its own: validity, identity of the base row, and person."""

_MATCH, _KEY, _ROSTER_KEY = "__match", "__key", "__roster_key"

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


def base_table(node: Table, tables: Tables) -> RegisteredTable:
    """Return the registered table of a node.

    Raises
    ------
    PlanError
        If it is not there, or not the one that the plan was made for.
    """
    wanted = node.table
    found = tables.get(table_id(wanted))
    if found is None:
        raise PlanError(f"there is no table {table_id(wanted)} here")
    if found.schema != wanted:
        raise PlanError(
            f"{table_id(wanted)} has changed since the plan was made", hint=f"df = fed[{table_id(wanted)!r}], and build it anew"
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Computed:
    """An owner's tables, and what has been computed of them for one job: its releases and columns have frames in common.

    Parameters
    ----------
    tables : mapping of str to RegisteredTable
        The owner's tables by ``owner.name``.
    parameters : mapping
        Natural values of the plan's parameters.
    remembered : AnalystFrames, optional
        Reductions that are kept between the statements of one analyst.
    """

    tables: Tables
    parameters: Parameters = field(default_factory=dict)
    frames: dict[Node, LocalFrame] = field(default_factory=dict)
    remembered: AnalystFrames | None = None


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
    return compute(node, Computed(tables=tables, parameters=parameters or {}))


def compute(node: Node, done: Computed) -> LocalFrame:
    """The same within a job, in which every frame is computed once."""
    if len(node.owners) != 1:
        raise PlanError(f"a frame of {', '.join(sorted(node.owners))} is computed by none of them alone")
    if node not in done.frames:
        # The in-memory engine keeps rows in order within groups, which first and last rely on.
        done.frames[node] = LocalFrame(rows=_lower(node, done).collect(engine="in-memory"))
    return done.frames[node]


def pad(local: LocalFrame, length: int) -> LocalFrame:
    """Return a frame in base-row order, filled up with invalid rows of missing values to its public length."""
    rows = local.rows.sort(ROW)
    missing = length - rows.height
    if missing < 0:
        raise PlanError("a table holds more rows than its public length")
    if missing:
        # Numbers behind all others: rows of stacked frames are numbered with gaps.
        numbering = pl.int_range(length, length + missing, dtype=pl.Int64, eager=True).alias(ROW)
        filler = rows.clear(missing).with_columns(numbering, pl.lit(False).alias(VALID))
        rows = pl.concat([rows, filler], rechunk=True)
    return LocalFrame(rows=rows)


@singledispatch
def _lower(node: Node, done: Computed) -> pl.LazyFrame:
    raise PlanError(f"{type(node).__name__} cannot be computed by an owner")


@_lower.register
def _(node: Table, done: Computed) -> pl.LazyFrame:
    table = base_table(node, done.tables)
    return table.frame.lazy().with_columns(
        pl.lit(True).alias(VALID),
        pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW),
        pl.col(table.schema.person_key).alias(PERSON),
    )


@_lower.register
def _(node: Project, done: Computed) -> pl.LazyFrame:
    schema = node.frame.schema
    columns = [lower_column(expr, schema, done.parameters).alias(name) for name, expr in node.columns]
    return _lower(node.frame, done).select(*HIDDEN, *columns)


@_lower.register
def _(node: Filter, done: Computed) -> pl.LazyFrame:
    kept = lower_expression(node.predicate, node.frame.schema, done.parameters).fill_null(False)
    return _lower(node.frame, done).with_columns((pl.col(VALID) & kept).alias(VALID))


@_lower.register
def _(node: SortRows, done: Computed) -> pl.LazyFrame:
    rows = _lower(node.frame, done)
    return rows.sort(*node.by, descending=not node.ascending, nulls_last=True, maintain_order=True)


@_lower.register
def _(node: GroupPersons, done: Computed) -> pl.LazyFrame:
    if node not in done.frames and node.frame.rows_per_person > 1:
        # Many rows are gone through once, whatever is made of the persons.
        rows = None if done.remembered is None else done.remembered.get(node, done.parameters)
        if rows is None:
            rows = _reduced(node, done).collect(engine="in-memory")
            if done.remembered is not None:
                done.remembered.put(node, done.parameters, rows)
        done.frames[node] = LocalFrame(rows=rows)
    return done.frames[node].rows.lazy() if node in done.frames else _reduced(node, done)


def _reduced(node: GroupPersons, done: Computed) -> pl.LazyFrame:
    everybody = _lower(roster(node.frame), done).select(PERSON, pl.col(KEY).alias(_ROSTER_KEY))
    persons = everybody.unique(subset=PERSON, keep="first", maintain_order=True).sort(PERSON).with_row_index(ROW)
    schema, rows_per_person = node.frame.schema, node.frame.rows_per_person
    reduced = [
        _reduction(a, schema[a.column].type, node.schema[a.name].type, rows_per_person).alias(a.name) for a in node.aggregations
    ]
    groups = (
        _lower(node.frame, done)
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
        .with_columns(pl.col(ROW).cast(pl.Int64), pl.col(VALID).fill_null(False), pl.col(_ROSTER_KEY).alias(node.key), *fills)
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
def _(node: Merge, done: Computed) -> pl.LazyFrame:
    left_names = {new: name for new, (side, name) in node.origins.items() if side == "left"}
    right_names = {new: name for new, (side, name) in node.origins.items() if side == "right"}
    keys = [f"{_KEY} {i}" for i in range(len(node.left_on))]
    left = _lower(node.left, done).select(
        *HIDDEN,
        *(_comparable(node.left, name).alias(key) for key, name in zip(keys, node.left_on, strict=True)),
        *(pl.col(name).alias(new) for new, name in left_names.items()),
    )
    right = (
        _lower(node.right, done)
        .filter(pl.col(VALID) & pl.all_horizontal(pl.col(name).is_not_null() for name in node.right_on))
        .select(
            *(_comparable(node.right, name).alias(key) for key, name in zip(keys, node.right_on, strict=True)),
            pl.lit(True).alias(_MATCH),
            *(pl.col(name).alias(new) for new, name in right_names.items()),
        )
    )
    if node.how == "left_anti":
        right = right.unique(subset=keys)
    joined = left.join(right, on=keys, how="left", nulls_equal=False, maintain_order="left")
    if node.how != "left":
        matched = pl.col(_MATCH).fill_null(False)
        joined = joined.with_columns((pl.col(VALID) & (~matched if node.how == "left_anti" else matched)).alias(VALID))
    return joined.select(*HIDDEN, *node.origins)


def _comparable(frame: Node, name: str) -> pl.Expr:
    """A key in one width, however narrow its own range lets it be stored."""
    return pl.col(name) if frame.schema[name].type.lo is None else pl.col(name).cast(pl.Int64)


@_lower.register
def _(node: Concat, done: Computed) -> pl.LazyFrame:
    several = len({base.table.person_domain for base in node.bases}) > 1
    stacked, offset = [], 0
    for frame in node.frames:
        rows = _lower(frame, done).with_columns(pl.col(ROW) + offset)
        domains = {base.table.person_domain for base in frame.bases}
        if several and len(domains) == 1:
            # The same number in two domains is two persons.
            (domain,) = domains
            rows = rows.with_columns(pl.format("{}:{}", pl.lit(domain), pl.col(PERSON)).alias(PERSON))
        elif not several and len(node.frames) > 1:
            rows = rows.with_columns(pl.col(PERSON).cast(pl.String))
        stacked.append(rows.select(*HIDDEN, *node.schema))
        offset += frame.length
    return pl.concat(stacked, how="vertical_relaxed")


@_lower.register
def _(node: Distinct, done: Computed) -> pl.LazyFrame:
    rows = _lower(node.frame, done)
    place, size = pl.int_range(pl.len()).over(*node.subset, VALID), pl.len().over(*node.subset, VALID)
    kept = {"first": place == 0, "last": place == size - 1, "none": size == 1}[node.keep]
    return rows.with_columns((pl.col(VALID) & kept).alias(VALID))
