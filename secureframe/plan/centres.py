"""Whose rows a frame's rows are, and which of its columns tell one institution's rows from another's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.plan.expressions import ColumnRef, Expr, Literal, Widen, column_names
from secureframe.plan.nodes import Filter, GroupPersons, Node, Project, SortRows


def row_owners(frame: Node) -> frozenset[str]:
    """Return the institutions whose rows the rows of a frame are; what is merged in adds none."""
    match frame:
        case Concat(frames=frames):
            return frozenset().union(*map(row_owners, frames))
        case Merge(left=left):
            return row_owners(left)
        case _:
            return row_owners(frame.inputs[0]) if frame.inputs else frame.owners


@lru_cache(maxsize=1024)
def labels(frame: Node) -> frozenset[str]:
    """Return the columns that hold one thing for the rows of one institution and another thing for those of another.

    The labels of ``concat(keys=...)``, constants that were assigned before rows were stacked, columns that only some of the
    institutions have, and whatever is made of these.
    """
    match frame:
        case Project(frame=below, columns=columns):
            known = labels(below)
            return frozenset(name for name, expr in columns if column_names(expr) & known)
        case Merge(left=left, right=right, origins=origins):
            known_by_side = {"left": labels(left), "right": labels(right)}
            return frozenset(new for new, (side, name) in origins.items() if name in known_by_side[side])
        case GroupPersons(frame=below, key=key, aggregations=aggregations):
            known = labels(below)
            return frozenset({key} & known | {a.name for a in aggregations if a.column in known})
        case Concat(frames=frames):
            known = frozenset().union(*map(labels, frames))
            return known | {name for name in frame.schema if name not in known and _tells(frames, name)}
        case _:
            return labels(frame.inputs[0]) if frame.inputs else frozenset()


def choosing(frame: Node) -> Iterator[tuple[Node, frozenset[str]]]:
    """Yield the steps that choose or match rows by columns, each with the frame that these are columns of."""
    for below in frame.inputs:
        yield from choosing(below)
    match frame:
        case Filter(frame=below, predicate=predicate):
            yield below, column_names(predicate)
        case Distinct(frame=below, subset=subset):
            yield below, frozenset(subset)
        case SortRows(frame=below, by=by):
            yield below, frozenset(by)
        case Merge(left=left, right=right, left_on=left_on, right_on=right_on):
            yield left, frozenset(left_on)
            yield right, frozenset(right_on)
        case _:
            return


def _tells(frames: tuple[Node, ...], name: str) -> bool:
    """Whether a column of stacked frames is another constant at other institutions."""
    constants: dict[frozenset[str], set[str]] = {}
    for frame in frames:
        constants.setdefault(row_owners(frame), set()).add(repr(_constant(frame, ColumnRef(name))))
    return len({frozenset(found) for found in constants.values()}) > 1


def _constant(frame: Node, expr: Expr) -> Expr | None:
    """The constant that a column is, wherever it was assigned; None where it is none."""
    match expr:
        case Widen(operand=operand):
            return _constant(frame, operand)
        case Literal():
            return expr
        case ColumnRef(name=name):
            pass
        case _:
            return None
    match frame:
        case Project(frame=below):
            return _constant(below, frame.definitions[name])
        case Filter(frame=below) | SortRows(frame=below) | Distinct(frame=below):
            return _constant(below, expr)
        case Merge(left=left, right=right, origins=origins):
            side, origin = origins[name]
            return _constant(left if side == "left" else right, ColumnRef(origin))
        case _:
            type_ = frame.schema[name].type
            whole = type_.lo is not None and type_.lo == type_.hi and not type_.nullable
            return Literal(type_.to_value(type_.low)) if whole and type_.levels is not None else None
