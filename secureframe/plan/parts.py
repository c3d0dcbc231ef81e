"""Parts: the few integers that a release is made of, wherever they come from.

A ``Summarise`` node needs counts of persons and rows, moments and quantiles for every cell. Whether an owner computes
them in Polars from its own rows, or three parties on shares, the parts are the same list in the same order; the
disclosure rules see parts and nothing else, and so do the formulas that turn released parts into a result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

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
    column_names,
    infer,
    substitute,
    walk,
)
from secureframe.plan.nodes import PREDICATE, Filter, GroupPersons, Merge, Node, Project, Statistic, Summarise
from secureframe.schema.types import ColumnType, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Distinct persons (or rows) with a valid row where all ``columns`` are present and ``where`` is true.

    Parameters
    ----------
    scope : str
        ``cell``: for every cell; ``frame``: over all valid rows of the frame, whatever its keys; ``base``: over the
        valid rows of the frame's base table, before any filter or merge.
    unit : str
        ``persons`` or ``rows``; rows only for frames with many rows a person.
    columns : tuple of str
        Columns of the frame that must not be missing.
    where : Expr or None
        A predicate over columns of the frame; where it is missing the row does not count.
    """

    scope: str = "cell"
    unit: str = "persons"
    columns: tuple[str, ...] = ()
    where: Expr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Sum over a cell's rows, where all ``columns`` are present, of the product of ``(grid - centre) ** power``."""

    columns: tuple[str, ...]
    powers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """Grid value of rank ``floor(q * (count - 1))`` among a cell's present values (pandas: interpolation="lower").

    Anything within the column's range where the cell has no value; the rules withhold it.
    """

    column: str
    q: Fraction


Part = Count | Moment | Quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one statistic is made of: the count of persons it is about, further evidence, and the parts it is computed from.

    ``sides`` are counts of which each must be 0 or at least the threshold: both sides of every predicate inside an
    aggregated column, and persons with a contribution that is not zero.
    """

    statistic: Statistic
    persons: Count
    sides: tuple[Count, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """A release in pieces, over a frame that has a column for every predicate the rules ask about."""

    node: Summarise
    frame: Node
    pieces: tuple[Piece, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every part once, in a fixed order; the counts that every release needs come first."""
        ordered: dict[Part, None] = {Count(scope="base"): None, Count(scope="frame"): None, Count(): None}
        for piece in self.pieces:
            for evidence in (piece.persons, *piece.sides):
                ordered[evidence] = None
                if self.node.by:
                    ordered[replace(evidence, scope="frame")] = None
            for part in piece.parts:
                ordered[part] = None
        return tuple(ordered)


def nullable_columns(frame: Node, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some columns that can be missing: the ones a count has to look at."""
    return tuple(dict.fromkeys(c for c in columns if frame.schema[c].type.nullable))


def breakdown(node: Summarise) -> Breakdown:
    """Return the pieces of a release."""
    columns = sorted({c for s in node.statistics for c in s.columns})
    asked_for_values = {c for s in node.statistics for c in s.columns if s.kind != "count"}
    found = {column: _inner_predicates(node.frame, column) for column in columns}
    hidden = {column: _hidden_frequencies(node.frame, column) if column in asked_for_values else [] for column in columns}
    distinct: dict[str, Expr] = {}
    for group in (*found.values(), *hidden.values()):
        for predicate in group:
            distinct.setdefault(_key(predicate), predicate)
    names = {key: f"{PREDICATE}{i}" for i, key in enumerate(distinct)}
    frame = _with_columns(node.frame, {names[key]: predicate for key, predicate in distinct.items()})
    pieces = []
    for statistic in node.statistics:
        sides: dict[Count, None] = {}
        for column in statistic.columns:
            predicates = found[column] if statistic.kind == "count" else [*found[column], *hidden[column]]
            for side in _sides(node.frame, column, [names[_key(p)] for p in predicates], statistic.kind):
                sides[side] = None
        pieces.append(
            Piece(
                statistic=statistic,
                persons=Count(columns=nullable_columns(node.frame, statistic.columns)),
                sides=tuple(sides),
                parts=_parts(node, statistic),
            )
        )
    return Breakdown(node=node, frame=frame, pieces=tuple(pieces))


def _parts(node: Summarise, statistic: Statistic) -> tuple[Part, ...]:
    columns = statistic.columns
    unit = "rows" if node.frame.rows_per_person > 1 else "persons"
    parts: list[Part] = [Count(columns=nullable_columns(node.frame, columns), unit=unit)]
    match statistic.kind:
        case "sum" | "mean":
            parts.append(Moment(columns=columns, powers=(1,)))
        case "var" | "std":
            parts += [Moment(columns=columns, powers=(p,)) for p in (1, 2)]
        case "corr":
            parts += [Moment(columns=columns, powers=p) for p in ((1, 0), (0, 1), (2, 0), (0, 2), (1, 1))]
        case "quantile":
            assert statistic.q is not None
            parts.append(Quantile(column=columns[0], q=statistic.q))
        case _:
            pass
    return tuple(parts)


def _sides(frame: Node, column: str, predicates: list[str], kind: str) -> list[Count]:
    sides = [Count(where=side) for name in predicates for side in (ColumnRef(name), Not(ColumnRef(name)))]
    type_ = frame.schema[column].type
    if kind == "count" or not type_.is_numeric:
        return sides
    if type_.kind is Kind.BOOL:
        sides += [Count(where=ColumnRef(column)), Count(where=Not(ColumnRef(column)))]
    elif has_two_values(type_):
        # A count in disguise: 0 and 1, or 1 and 2, as numbers.
        sides += [Count(where=Binary(operator, ColumnRef(column), Literal(type_.low * type_.step))) for operator in ("!=", "==")]
    elif _has_predicates(frame, column):
        # A mask multiplied in.
        sides.append(Count(where=Binary("!=", ColumnRef(column), Literal(0))))
    return sides


def has_two_values(type_: ColumnType) -> bool:
    """Whether a sum of such a column gives away how many persons have either value."""
    return type_.is_numeric and type_.high - type_.low == 1


def _key(expr: Expr) -> str:
    return repr(expr)


def _split(expr: Expr) -> list[Expr]:
    """Predicates that one node of an expression splits persons by."""
    match expr:
        case Binary(operator=operator) if operator in COMPARISONS:
            return [expr]
        case IsIn() | IsNull():
            return [expr]
        case Where(condition=condition):
            return [condition]
        case FillNull(operand=operand) | Cut(operand=operand):
            return [IsNull(operand)]
        case Clip(operand=operand, low=low, high=high):
            ends = (("<", low), (">", high))
            return [Binary(operator, operand, Literal(end)) for operator, end in ends if end is not None]
        case _:
            return []


def _resolve(frame: Node, expr: Expr) -> tuple[Expr, Node]:
    """Rewrite an expression to the columns of the first node below that is neither a projection nor a filter."""
    while isinstance(frame, Project | Filter):
        if isinstance(frame, Project):
            expr = substitute(expr, frame.definitions)
        frame = frame.frame
    return expr, frame


def _inner_predicates(frame: Node, column: str) -> list[Expr]:
    expr, _ = _resolve(frame, ColumnRef(column))
    found: list[Expr] = []
    for e in walk(expr):
        for p in _split(e):
            if _key(p) not in map(_key, found):
                found.append(p)
    return found


def _hidden_frequencies(frame: Node, column: str) -> list[Expr]:
    """Conditions that a column is arithmetic on: two values, scaled or added to others, are still a frequency."""
    expr, root = _resolve(frame, ColumnRef(column))
    if isinstance(expr, ColumnRef):
        return []
    found = {_key(condition): condition for condition in _two_valued(expr, root, whole=True)}
    return list(found.values())


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
        case Divide(left, right, _):
            operands = [left, right]
        case Where(_, then, otherwise):
            operands = [e for e in (then, otherwise) if e != Literal(None)]
        case FillNull(operand) | Clip(operand) | Quantise(operand):
            operands = [operand]
        case _:
            operands = []
    for operand in operands:
        yield from _two_valued(operand, root)


def _has_predicates(frame: Node, column: str) -> bool:
    """Whether the definition of a column holds a condition anywhere, reductions and merged frames included."""
    expr, root = _resolve(frame, ColumnRef(column))
    if any(_split(e) for e in walk(expr)) or _hidden_frequencies(frame, column):
        return True
    for name in column_names(expr):
        if isinstance(root, GroupPersons):
            sources = [a.column for a in root.aggregations if a.name == name]
            if any(_has_predicates(root.frame, source) for source in sources):
                return True
        elif isinstance(root, Merge):
            side, origin = root.origins[name]
            if _has_predicates(root.left if side == "left" else root.right, origin):
                return True
    return False


def _with_columns(frame: Node, columns: dict[str, Expr]) -> Node:
    """The same frame with further columns, defined at its root and handed up through every projection."""
    if not columns:
        return frame
    if isinstance(frame, Filter):
        return Filter(_with_columns(frame.frame, columns), frame.predicate)
    if isinstance(frame, Project) and isinstance(_below(frame), Project):
        passed = tuple((name, ColumnRef(name)) for name in columns)
        return Project(_with_columns(frame.frame, columns), frame.columns + passed)
    if isinstance(frame, Project):
        return Project(frame.frame, frame.columns + tuple(columns.items()))
    kept = tuple((name, ColumnRef(name)) for name in frame.schema)
    return Project(frame, kept + tuple(columns.items()))


def _below(frame: Project) -> Node:
    """The next node below that is not a filter."""
    below = frame.frame
    while isinstance(below, Filter):
        below = below.frame
    return below


