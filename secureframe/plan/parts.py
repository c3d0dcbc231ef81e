"""Parts: the few integers that a release is made of, wherever they come from.

A ``Summarise`` node needs counts of persons and rows, moments and quantiles for every cell. Whether an owner computes
them in Polars from its own rows, or three parties on shares, the parts are the same list in the same order; the
disclosure rules see parts and nothing else, and so do the formulas that turn released parts into a result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from secureframe.plan.broadcasts import made_of, repeating, with_keys
from secureframe.plan.conditions import (
    counts_persons,
    has_two_values,
    hidden_frequencies,
    inner_conditions,
    level_conditions,
    with_columns,
)
from secureframe.plan.expressions import Binary, ColumnRef, Expr, Literal, Not
from secureframe.plan.nodes import PREDICATE, Node, Statistic, Summarise, hash_once
from secureframe.plan.statistics import KINDS
from secureframe.plan.thinning import stacked_beside_themselves, thinned_frames
from secureframe.schema.types import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Distinct persons (or rows) with a valid row where all ``columns`` are present and ``where`` is true.

    Parameters
    ----------
    scope : str
        ``cell``: for every cell; ``frame``: over all valid rows of the frame, whatever its keys; ``base``: over the
        valid rows of the frame's base table, before any filter or merge; ``outside``: over the rows of the base table that
        the frame leaves out, where a person has many rows and may be in and outside of it.
    unit : str
        ``persons`` or ``rows``; rows only for frames with many rows a person.
    columns : tuple of str
        Columns of the frame that must not be missing.
    where : Expr or None
        A predicate over columns of the frame; where it is missing the row does not count.
    of : Node or None
        Another frame that is meant: one that was reduced or merged in on the way.
    keys : tuple of str
        Columns whose different values are counted in place of persons, where none of them is missing.
    """

    scope: str = "cell"
    unit: str = "persons"
    columns: tuple[str, ...] = ()
    where: Expr | None = None
    of: Node | None = None
    keys: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many values of a column lie on each point of its grid, for every cell: what an owner tells of its part of a stack."""

    column: str


Part = Count | Moment | Quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one statistic is made of: the count of persons it is about, further evidence, and the parts it is computed from.

    ``sides`` are counts of which each must be 0 or at least the threshold: both sides of every predicate inside an
    aggregated column, and persons with a contribution that is not zero. ``merged`` are counts of right rows that several persons
    of the cell may share, which must be 0 or at least the threshold too.
    """

    statistic: Statistic
    persons: Count
    sides: tuple[Count, ...]
    parts: tuple[Part, ...]
    merged: tuple[Count, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """A release in pieces, over a frame that has a column for every predicate the rules ask about.

    ``repeated``: it is a branch of a frame in which persons may have several rows.
    """

    node: Summarise
    frame: Node
    pieces: tuple[Piece, ...]
    histograms: tuple[str, ...] = ()
    repeated: bool = False

    def at(self, number: int) -> Breakdown:
        """The same release over one branch of its frame."""
        node = replace(self.node, frame=self.node.frame.branches[number])
        return replace(self, node=node, frame=self.frame.branches[number], repeated=self.frame.rows_per_person > 1)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Every part once, in a fixed order; the counts that every release needs come first."""
        ordered: dict[Part, None] = {Count(scope="base"): None, Count(scope="frame"): None, Count(): None}
        if self.repeated or self.frame.rows_per_person > 1:
            ordered[Count(scope="outside")] = None
        for piece in self.pieces:
            for evidence in (piece.persons, *piece.sides):
                ordered[evidence] = None
                if self.node.by:
                    ordered[replace(evidence, scope="frame")] = None
            for part in (*piece.merged, *piece.parts):
                ordered[part] = None
        return tuple(ordered)

    @cached_property
    def thinned(self) -> tuple[Node, ...]:
        """Frames that were reduced, merged in or stacked after rows were left out of them; the rules count these too."""
        return thinned_frames(self.node.frame)

    @cached_property
    def stacked(self) -> tuple[Node, ...]:
        """Those of them that give some persons more weight than others: the rules count who is in these, too."""
        return stacked_beside_themselves(self.node.frame)


hash_once(Breakdown)


def frame_counts(frame: Node) -> tuple[Count, ...]:
    """Return what the rules ask of a frame that was reduced, merged in or stacked."""
    scopes = ("frame", "outside") if frame.rows_per_person > 1 else ("base", "frame")
    return tuple(Count(scope=scope, of=frame) for scope in scopes)


def nullable_columns(frame: Node, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Those of some columns that can be missing: the ones a count has to look at."""
    return tuple(dict.fromkeys(c for c in columns if frame.schema[c].type.nullable))


def breakdown(node: Summarise) -> Breakdown:
    """Return the pieces of a release."""
    columns = sorted({c for s in node.statistics for c in s.columns})
    asked_for_values = {c for s in node.statistics for c in s.columns if s.kind != "count"}
    found = {column: inner_conditions(node.frame, column) for column in columns}
    hidden = {
        column: [c for look in (level_conditions, hidden_frequencies) for c in look(node.frame, column)]
        if column in asked_for_values
        else []
        for column in columns
    }
    distinct = {condition.key: condition for group in (*found.values(), *hidden.values()) for condition in group}
    names = {key: f"{PREDICATE}{i}" for i, key in enumerate(distinct)}
    merges = repeating(node.frame)
    carrying, keys = with_keys(node.frame, merges)
    brought = [made_of(node.frame, merge) for merge in merges]
    frame = with_columns(carrying, {names[key]: condition for key, condition in distinct.items()})
    pieces = []
    for statistic in node.statistics:
        sides: dict[Count, None] = {}
        # What two columns tell together, they tell of the rows that have both; whom a condition leaves out, of all rows.
        complete = nullable_columns(node.frame, statistic.columns) if KINDS[statistic.kind].is_pair else ()
        for column in statistic.columns:
            conditions = found[column] if statistic.kind == "count" else [*found[column], *hidden[column]]
            for side in _sides(node.frame, column, [(names[c.key], c.has_two_sides) for c in conditions], statistic.kind):
                sides |= {side: None, replace(side, columns=complete): None}
        pieces.append(
            Piece(
                statistic=statistic,
                persons=Count(columns=nullable_columns(node.frame, statistic.columns)),
                sides=tuple(sides),
                parts=_parts(node, statistic),
                merged=tuple(
                    Count(columns=nullable_columns(node.frame, statistic.columns), keys=names)
                    for names, (columns, chosen) in zip(keys, brought, strict=True)
                    if chosen or columns & {*statistic.columns, *node.by}
                ),
            )
        )
    return Breakdown(node=node, frame=frame, pieces=tuple(pieces))


def _parts(node: Summarise, statistic: Statistic) -> tuple[Part, ...]:
    columns = statistic.columns
    unit = "rows" if node.frame.rows_per_person > 1 else "persons"
    parts: list[Part] = [Count(columns=nullable_columns(node.frame, columns), unit=unit)]
    match statistic.kind:
        case "quantile":
            assert statistic.q is not None
            parts.append(Quantile(column=columns[0], q=statistic.q))
        case kind:
            parts += [Moment(columns=columns, powers=powers) for powers in KINDS[kind].powers]
    return tuple(parts)


def _sides(frame: Node, column: str, conditions: list[tuple[str, bool]], kind: str) -> list[Count]:
    sides = [Count(where=side) for name, both in conditions for side in (ColumnRef(name), Not(ColumnRef(name)))[: 1 + both]]
    type_ = frame.schema[column].type
    if kind == "count" or not type_.is_numeric:
        return sides
    if type_.kind is Kind.BOOL:
        sides += [Count(where=ColumnRef(column)), Count(where=Not(ColumnRef(column)))]
    elif has_two_values(type_):
        # A count in disguise: 0 and 1, or 1 and 2, as numbers.
        sides += [Count(where=Binary(operator, ColumnRef(column), Literal(type_.low * type_.step))) for operator in ("!=", "==")]
    elif conditions or counts_persons(frame, column):
        # A mask multiplied in, or rows that are counted for every person and then added up.
        sides.append(Count(where=Binary("!=", ColumnRef(column), Literal(0))))
    return sides
