"""Merges in which one row of the right frame may stand beside many persons' rows of the left: whoever it is about counts too.

A mean over ten persons who all have the value of one right row is the value of that row. So where a key is neither unique on the
left nor the person key of both, the rules also count the different keys of a cell, which are the right rows that are in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from secureframe.errors import PlanError
from secureframe.plan.combining import Distinct, Merge
from secureframe.plan.expressions import ColumnRef, Expr, column_names
from secureframe.plan.nodes import PREDICATE, Filter, Node, Project, SortRows, walk_nodes

_PASSING = (Filter, SortRows, Distinct)
Keys = tuple[str, ...]


def repeats(node: Node) -> bool:
    """Whether one right row of a merge may stand beside the rows of several left persons."""
    if not isinstance(node, Merge) or node.how == "left_anti" or set(node.left_on) & node.left.unique:
        return False
    return not any(
        a == node.left.person_key and b == node.right.person_key for a, b in zip(node.left_on, node.right_on, strict=True)
    )


def repeating(frame: Node) -> tuple[Merge, ...]:
    """Return such merges into the rows of a frame.

    Raises
    ------
    PlanError
        If there is one below a reduction, a stack or another merge's right side, where its rows are not counted.
    """
    found = dict.fromkeys(node for node in _spine(frame) if repeats(node))
    for node in walk_nodes(frame):
        if repeats(node) and node not in found:
            assert isinstance(node, Merge)
            raise PlanError(
                f"a merge on {', '.join(node.left_on)}, which several persons may share, is not reduced, stacked or merged in",
                hint="do that first, and merge last: sf.concat([a, b]).merge(right, on=...)",
            )
    return tuple(found)


def _spine(frame: Node) -> Iterator[Merge]:
    while True:
        match frame:
            case Project() | Filter() | SortRows() | Distinct():
                frame = frame.frame
            case Merge(left=left):
                yield frame
                frame = left
            case _:
                return


def made_of(frame: Node, merge: Merge) -> tuple[frozenset[str], bool]:
    """Return the columns that are made of what a merge brings into a frame, and whether rows were chosen by such columns."""
    if frame == merge:
        return frozenset(new for new, (side, _) in merge.origins.items() if side == "right"), False
    below, chosen = made_of(frame.inputs[0], merge)
    match frame:
        case Project(columns=columns):
            return frozenset(name for name, expr in columns if column_names(expr) & below), chosen
        case Filter(predicate=predicate):
            return below, chosen or bool(column_names(predicate) & below)
        case Distinct(subset=subset):
            return below, chosen or bool(below & set(subset))
        case Merge(origins=origins, left_on=left_on):
            matched = bool(below & set(left_on))
            found = (new for new, (side, old) in origins.items() if matched or (side == "left" and old in below))
            return frozenset(found), matched or chosen
        case _:
            return below, chosen


def with_keys(frame: Node, merges: tuple[Merge, ...]) -> tuple[Node, tuple[Keys, ...]]:
    """Return the same frame with the left keys of some merges into its rows as further columns, and their names there."""
    names: dict[Merge, Keys] = {
        merge: tuple(f"{PREDICATE}key {number} {place}" for place in range(len(merge.left_on)))
        for number, merge in enumerate(merges)
    }
    return (_carrying(frame, names), tuple(names.values())) if merges else (frame, ())


def _carrying(frame: Node, wanted: Mapping[Merge, Keys]) -> Node:
    own = [merge for merge in _spine(frame) if merge in wanted]
    if not own:
        return frame
    if isinstance(frame, Project):
        carried = tuple((name, ColumnRef(name)) for merge in own for name in wanted[merge])
        return Project(_carrying(frame.frame, wanted), frame.columns + carried)
    if isinstance(frame, _PASSING):
        return replace(frame, frame=_carrying(frame.frame, wanted))
    assert isinstance(frame, Merge)
    below: Node = replace(frame, left=_carrying(frame.left, wanted))
    if frame not in wanted:
        return below
    origin = {name: new for new, (side, name) in frame.origins.items() if side == "left"}
    keys: list[tuple[str, Expr]] = [
        (name, ColumnRef(origin[key])) for name, key in zip(wanted[frame], frame.left_on, strict=True)
    ]
    return Project(below, tuple((name, ColumnRef(name)) for name in below.schema) + tuple(keys))
