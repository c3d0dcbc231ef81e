"""Conditions inside columns: what splits persons in two within an aggregated column, wherever it was defined.

A sum of ``where(narrow, cost, 0)``, of ``2 * flag`` or of a clipped column says how many persons are on either side of a
condition. The conditions are found in the definition of the column, through projections, filters, orders and merges, and are
added to the frame as columns of their own, so that the rules can count both sides. Below a reduction to one row a person the two
sides are two columns, since a person may have rows on either: whether any row fulfils the condition, whether any does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.plan.expressions import (
    ARITHMETIC,
    COMPARISONS,
    Binary,
    Clip,
    ColumnRef,
    Cut,
    Divide,
    Expr,
    FillNull,
    IsIn,
    IsNull,
    Literal,
    Not,
    Quantise,
    Where,
    Widen,
    column_names,
    infer,
    substitute,
    walk,
)
from secureframe.plan.nodes import Aggregation, Filter, GroupPersons, Node, Project, SortRows
from secureframe.plan.operations import TESTS, DatePart, FloorDivide, MapValues, Modulo, Text, mapped_values
from secureframe.schema.table import Schema
from secureframe.schema.types import MAX_LEVELS, ColumnType, Kind, bool_type, bound_value

ROUNDED_LEVELS = 16
"""A rounding onto so few points divides persons as a comparison would: every point counts."""
_PASSING = (Filter, SortRows, Distinct)
"""Nodes whose columns are those of the frame below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition over the columns of a frame.

    Parameters
    ----------
    path : tuple of str
        The sides (``left`` or ``right``) of the merges, ``rows`` for the reductions, and the numbers of the stacked frames
        (``0 2``: in both of these) that lead down to the frame.
    expr : Expr
        The condition, over the first node there that is neither a projection nor a filter nor an order.
    """

    path: tuple[str, ...]
    expr: Expr

    @property
    def has_two_sides(self) -> bool:
        """Whether its negation is not a condition of its own."""
        return "rows" not in self.path

    @property
    def key(self) -> str:
        """What tells conditions apart; Python finds 1 equal to True, and they are not."""
        return repr((self.path, self.expr))


def has_two_values(type_: ColumnType) -> bool:
    """Whether a sum of such a column gives away how many persons have either value."""
    return type_.is_numeric and type_.high - type_.low == 1


def inner_conditions(frame: Node, column: str) -> list[Condition]:
    """Return the comparisons, masks, clips and fills inside a column's definition."""
    return _unique(_found(frame, column, lambda expr, root: (p for e in walk(expr) for p in _split(e, root.schema))))


def level_conditions(frame: Node, column: str) -> list[Condition]:
    """Return the levels of whole quotients, remainders, maps and parts of dates inside a column's definition.

    They divide persons by the values that are added up; whether there is a value they do not touch.
    """
    return _unique(_found(frame, column, lambda expr, root: (p for e in walk(expr) for p in _level_split(e, root.schema))))


def hidden_frequencies(frame: Node, column: str) -> list[Condition]:
    """Return conditions that a column is arithmetic on: two values, scaled or added to others, are still a frequency."""
    return _unique(_found(frame, column, lambda expr, root: _two_valued(expr, root, whole=True)))


def counts_persons(frame: Node, column: str) -> bool:
    """Whether a column counts rows, or masks them, below a reduction to one row a person."""
    expr, root = _resolve(frame, ColumnRef(column))
    for name in column_names(expr):
        if isinstance(root, Merge):
            side, origin = root.origins[name]
            if counts_persons(_side(root, side), origin):
                return True
        if isinstance(root, Concat) and any(counts_persons(f, name) for f in root.frames):
            return True
        if isinstance(root, GroupPersons):
            for a in root.aggregations:
                below = root.frame
                if a.name == name and (
                    a.how == "count"
                    or has_two_values(below.schema[a.column].type)
                    or inner_conditions(below, a.column)
                    or level_conditions(below, a.column)
                    or hidden_frequencies(below, a.column)
                    or counts_persons(below, a.column)
                ):
                    return True
    return False


def with_columns(frame: Node, columns: Mapping[str, Condition]) -> Node:
    """Return the same frame with conditions as further columns, each defined where its own columns are."""
    if not columns:
        return frame
    if isinstance(frame, _PASSING):
        return replace(frame, frame=with_columns(frame.frame, columns))
    if isinstance(frame, Project) and isinstance(_below(frame), Project):
        return Project(with_columns(frame.frame, columns), frame.columns + _passed(columns))
    here = tuple((name, c.expr) for name, c in columns.items() if not c.path)
    deeper = {name: c for name, c in columns.items() if c.path}
    if isinstance(frame, Project):
        return Project(_with_deeper(frame.frame, deeper), frame.columns + here + _passed(deeper))
    frame = _with_deeper(frame, deeper)
    return Project(frame, _passed(frame.schema) + here) if here else frame


def _with_deeper(frame: Node, columns: Mapping[str, Condition]) -> Node:
    """The same frame with conditions that lie below its merge."""
    if not columns:
        return frame
    if isinstance(frame, _PASSING):
        return replace(frame, frame=_with_deeper(frame.frame, columns))
    if isinstance(frame, GroupPersons):
        rows = with_columns(frame.frame, {name: replace(c, path=c.path[1:]) for name, c in columns.items()})
        return replace(frame, frame=rows, aggregations=(*frame.aggregations, *map(_any, columns)))
    if isinstance(frame, Concat):
        return _stacked(frame, columns)
    assert isinstance(frame, Merge)
    left, right = (
        with_columns(_side(frame, side), {name: replace(c, path=c.path[1:]) for name, c in columns.items() if c.path[0] == side})
        for side in ("left", "right")
    )
    return replace(frame, left=left, right=right)


def _stacked(frame: Concat, columns: Mapping[str, Condition]) -> Node:
    """The same stacked frames with conditions that lie in some of them; in the others they are missing."""
    order = (*frame.schema, *columns)
    nullable = bool_type(nullable=True)
    frames = []
    for number, below in enumerate(frame.frames):
        own = {n: replace(c, path=c.path[1:]) for n, c in columns.items() if str(number) in c.path[0].split()}
        found = with_columns(below, own)
        definitions = {name: ColumnRef(name) for name in frame.schema} | {
            name: Widen(ColumnRef(name) if name in own else Literal(None), nullable) for name in columns
        }
        frames.append(Project(found, tuple((name, definitions[name]) for name in order)))
    return frame.like(tuple(frames))


def _any(name: str) -> Aggregation:
    """Whether a condition holds in any row of a person."""
    return Aggregation(name=name, column=name, how="any")


def _passed(names: Iterable[str]) -> tuple[tuple[str, Expr], ...]:
    return tuple((name, ColumnRef(name)) for name in names)


def _below(frame: Project) -> Node:
    """The next node below that has columns of its own."""
    below = frame.frame
    while isinstance(below, _PASSING):
        below = below.frame
    return below


def _side(merge: Merge, side: str) -> Node:
    return merge.left if side == "left" else merge.right


def _unique(found: Iterable[Condition]) -> list[Condition]:
    return list({c.key: c for c in found}.values())


def _resolve(frame: Node, expr: Expr) -> tuple[Expr, Node]:
    """Rewrite an expression to the columns of the first node below that is neither a projection nor a filter nor an order."""
    while isinstance(frame, Project | Filter | SortRows | Distinct):
        if isinstance(frame, Project):
            expr = substitute(expr, frame.definitions)
        frame = frame.frame
    return expr, frame


def _found(frame: Node, column: str, look: Callable[[Expr, Node], Iterable[Expr]]) -> Iterator[Condition]:
    """Yield what ``look`` finds in a column's definition, and in those of the merged columns that it reads."""
    expr, root = _resolve(frame, ColumnRef(column))
    for found in look(expr, root):
        yield Condition(path=(), expr=found)
    if isinstance(root, GroupPersons):
        for source in sorted({a.column for a in root.aggregations if a.name in column_names(expr)}):
            for condition in _found(root.frame, source, look):
                either = [condition] if not condition.has_two_sides else [condition, replace(condition, expr=Not(condition.expr))]
                yield from (replace(c, path=("rows", *c.path)) for c in either)
        return
    if isinstance(root, Concat):
        yield from _found_in_frames(root, column_names(expr), look)
    if not isinstance(root, Merge):
        return
    for name in sorted(column_names(expr)):
        side, origin = root.origins[name]
        below = _side(root, side)
        # Two values are counted as a column of their own, which says as much as the condition that made them.
        if not has_two_values(below.schema[origin].type):
            for condition in _found(below, origin, look):
                yield replace(condition, path=(side, *condition.path))


def _found_in_frames(root: Concat, names: Iterable[str], look: Callable[[Expr, Node], Iterable[Expr]]) -> Iterator[Condition]:
    """Yield the conditions of stacked frames; one that several of them have is one condition over all of these."""
    for name in sorted(names):
        numbers: dict[str, list[str]] = {}
        conditions: dict[str, Condition] = {}
        for number, frame in enumerate(root.frames):
            for condition in _unique(_found(frame, name, look)):
                conditions[condition.key] = condition
                numbers.setdefault(condition.key, []).append(str(number))
        for key, condition in conditions.items():
            yield replace(condition, path=(" ".join(numbers[key]), *condition.path))


def _split(expr: Expr, schema: Schema) -> list[Expr]:
    """Conditions that one node of an expression splits persons by."""
    match expr:
        case Binary(operator=operator) if operator in COMPARISONS:
            return [expr]
        case IsIn() | IsNull():
            return [expr]
        case Where(condition=condition):
            # Missing counts as false there.
            return [FillNull(condition, Literal(False)) if infer(condition, schema).type.nullable else condition]
        case FillNull(operand=operand) | Cut(operand=operand):
            return [IsNull(operand)]
        case Clip(operand=operand, low=low, high=high):
            ends, own = (("<", low), (">", high)), infer(operand, schema).type
            return [Binary(operator, operand, Literal(bound_value(end, own))) for operator, end in ends if end is not None]
        case Binary("*", left, right) if column_names(left) and column_names(right):
            # A factor with few values is a mask: 0 takes persons out.
            return [Binary("!=", e, Literal(0)) for e in (left, right) if _is_mask(infer(e, schema).type)]
        case Quantise(operand=operand):
            type_, finer = infer(expr, schema).type, infer(operand, schema).type
            if type_.high - type_.low < min(ROUNDED_LEVELS, finer.high - finer.low):
                return [Binary("==", expr, Literal(i * type_.step)) for i in range(type_.low, type_.high + 1)]
            return []
        case MapValues():
            return [IsNull(expr)] if infer(expr, schema).type.nullable else []
        case Text(how=how):
            return [expr] if how in TESTS else []
        case _:
            return []


def _level_split(expr: Expr, schema: Schema) -> list[Expr]:
    """Levels of a value that is made of others: every one up to ``MAX_LEVELS``, beyond that whether it is zero."""
    match expr:
        case FloorDivide() | Modulo() | DatePart():
            return _levels(expr, schema)
        case Divide():
            type_ = infer(expr, schema).type
            return _levels(expr, schema) if type_.high - type_.low < ROUNDED_LEVELS else []
        case MapValues():
            type_, values = infer(expr, schema).type, mapped_values(expr)
            if type_.kind is Kind.CATEGORY:
                # A category is counted, never added up; what is compared with it is a condition of its own.
                return []
            if len(values) > MAX_LEVELS:
                return _not_zero(expr, type_)
            return [expr] if type_.kind is Kind.BOOL else [Binary("==", expr, Literal(v)) for v in values]
        case Text(how="len"):
            return _levels(expr, schema)
        case _:
            return []


def _levels(expr: Expr, schema: Schema) -> list[Expr]:
    """Every level of a value that has few; of one that has many whether it is zero."""
    type_ = infer(expr, schema).type
    if type_.kind is Kind.CATEGORY:
        return []
    if type_.high - type_.low >= MAX_LEVELS:
        return _not_zero(expr, type_)
    return [Binary("==", expr, Literal(_value(type_, point))) for point in range(type_.low, type_.high + 1)]


def _value(type_: ColumnType, point: int) -> Any:
    """A point of a grid as the constant that it is compared with, exactly."""
    return bound_value(point * type_.step, type_)


def _not_zero(expr: Expr, type_: ColumnType) -> list[Expr]:
    return [Binary("!=", expr, Literal(0))] if type_.is_numeric and type_.low <= 0 <= type_.high else []


def _is_mask(type_: ColumnType) -> bool:
    return type_.low <= 0 <= type_.high and 1 < type_.high - type_.low < MAX_LEVELS


def _two_valued(expr: Expr, root: Node, *, whole: bool = False) -> Iterator[Expr]:
    """Yield a condition for every operand of arithmetic that has two values; the whole is looked at as a column of its own."""
    type_ = infer(expr, root.schema).type
    if has_two_values(type_):
        if not whole:
            high = Literal(type_.high * type_.step)
            yield expr if type_.kind is Kind.BOOL else Binary("==", expr, high)
        return
    match expr:
        case Binary(operator, left, right) if operator in ARITHMETIC:
            operands = [left, right]
        case Divide(left, right, _) | FloorDivide(left, right) | Modulo(left, right):
            operands = [left, right]
        case MapValues(operand) | DatePart(operand):
            operands = [operand]
        case Where(_, then, otherwise):
            operands = [e for e in (then, otherwise) if e != Literal(None)]
        case FillNull(operand) | Clip(operand) | Quantise(operand):
            operands = [operand]
        case _:
            operands = []
    for operand in operands:
        yield from _two_valued(operand, root)
