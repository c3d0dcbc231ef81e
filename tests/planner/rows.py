"""Frames and expressions in plain Python with exact fractions, row by row: the oracle for values on shares."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from secureframe.local.register import RegisteredTable
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.schema.types import ColumnType, Kind
from tests.local.tables import exact

Row = dict[str, Any] | None
"""A row's natural values by column, or None where the row is invalid."""


def value_of(grid: Any, type_: ColumnType) -> Any:
    """A stored grid integer as an exact value; keys stay integers."""
    if grid is None or type_.kind is Kind.STRING or (type_.kind is Kind.KEY):
        return grid
    return type_.to_value(grid) if type_.kind in (Kind.BOOL, Kind.CATEGORY, Kind.DATE, Kind.DATETIME) else grid * type_.step


def grid_of(value: Any, type_: ColumnType) -> int | None:
    """An exact value as a grid integer of a type; it must lie on the grid and in the range."""
    if value is None:
        return None
    grid = Fraction(int(value)) if type_.kind is Kind.BOOL else type_.to_grid(Fraction(value) if type_.is_numeric else value)
    assert grid is not None and grid.denominator == 1, "a value lies off the grid that was inferred for it"
    assert type_.low <= grid <= type_.high, "a value lies outside the range that was inferred for it"
    return int(grid)


def rows_of(node: n.Node, tables: Mapping[str, RegisteredTable], parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """The rows of a frame in order of its base: as many as the base has, or its persons."""
    values = parameters or {}
    match node:
        case n.Table(table=schema):
            types = {c.name: c.type for c in schema.columns}
            frame = tables[f"{schema.owner}.{schema.name}"].frame
            return [{name: value_of(v, types[name]) for name, v in row.items()} for row in frame.iter_rows(named=True)]
        case n.Project(frame=below, columns=columns):
            made = {name: with_values(expr, values) for name, expr in columns}
            rows = rows_of(below, tables, values)
            return [None if row is None else {name: exact(expr, row) for name, expr in made.items()} for row in rows]
        case n.Filter(frame=below, predicate=predicate):
            kept = with_values(predicate, values)
            return [row if row is not None and exact(kept, row) is True else None for row in rows_of(below, tables, values)]
        case Merge():
            return _merged(node, tables, values)
        case Concat(frames=frames):
            return [row for frame in frames for row in rows_of(frame, tables, values)]
        case Distinct(frame=below, subset=subset, keep=keep):
            return _kept_ones(rows_of(below, tables, values), subset, keep)
        case n.GroupPersons():
            return _persons(node, tables, values)
        case n.SortRows(frame=below, by=by, ascending=ascending):
            valid = [row for row in rows_of(below, tables, values) if row is not None]
            assert all(r[c] is not None for c in by for r in valid), "the oracle orders by columns without missing values"
            return sorted(valid, key=lambda r: tuple(r[c] for c in by), reverse=not ascending)
        case _:
            raise AssertionError(node)


def _merged(node: Merge, tables: Mapping[str, RegisteredTable], values: Mapping[str, Any]) -> list[Row]:
    right_rows = [row for row in rows_of(node.right, tables, values) if row is not None]
    right = {key: row for row in right_rows if None not in (key := tuple(row[name] for name in node.right_on))}
    found: list[Row] = []
    for row in rows_of(node.left, tables, values):
        match = None if row is None else right.get(tuple(row[name] for name in node.left_on))
        if row is None or (match is None and node.how == "inner") or (match is not None and node.how == "left_anti"):
            found.append(None)
            continue
        sides = {"left": row, "right": match}
        found.append({new: None if (held := sides[side]) is None else held[name] for new, (side, name) in node.origins.items()})
    return found


def _kept_ones(rows: list[Row], subset: tuple[str, ...], keep: str) -> list[Row]:
    places: dict[tuple[Any, ...], list[int]] = {}
    for place, row in enumerate(rows):
        if row is not None:
            places.setdefault(tuple(row[name] for name in subset), []).append(place)
    chosen = {"first": lambda p: p[:1], "last": lambda p: p[-1:], "none": lambda p: p if len(p) == 1 else []}[keep]
    kept = {place for found in places.values() for place in chosen(found)}
    return [row if place in kept else None for place, row in enumerate(rows)]


def _persons(node: n.GroupPersons, tables: Mapping[str, RegisteredTable], values: Mapping[str, Any]) -> list[Row]:
    below = [row for row in rows_of(node.frame, tables, values) if row is not None]
    persons = {row[base.table.person_key] for base in node.bases for row in rows_of(base, tables) if row is not None}
    found: list[Row] = []
    for person in sorted(persons):
        own = [row for row in below if row[node.key] == person]
        made = {a.name: _reduced(a, [r[a.column] for r in own], node.schema[a.name].type.step) for a in node.aggregations}
        found.append({node.key: person, **made} if own else None)
    return found


def _reduced(a: n.Aggregation, values: list[Any], step: Fraction) -> Any:
    present = [v for v in values if v is not None]
    match a.how:
        case "count":
            return Fraction(len(present))
        case "any":
            return any(present)
        case "sum":
            return sum(map(Fraction, present), Fraction(0))
        case _ if not present:
            return None
        case "mean":
            return round(sum(map(Fraction, present)) / len(present) / step) * step
        case "min" | "max":
            return min(present) if a.how == "min" else max(present)
        case _:
            return present[0] if a.how == "first" else present[-1]


def with_values(expr: e.Expr, parameters: Mapping[str, Any]) -> e.Expr:
    """Replace parameters by their values."""
    if isinstance(expr, e.Parameter):
        return e.Literal(parameters[expr.name])
    return e.rebuild(expr, lambda child: with_values(child, parameters))
