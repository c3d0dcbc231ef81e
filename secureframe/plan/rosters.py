"""Rosters: the rows of a frame before anything left some of them out, with the person key and nothing else.

The rows of a frame and of its roster are the same, one by one. So a roster says how many persons the tables hold, and where on
shares the rows of one person lie, whatever a cohort on them is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from secureframe.errors import PlanError
from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.plan.expressions import ColumnRef, Literal, Widen, column_names
from secureframe.plan.nodes import Aggregation, Filter, GroupPersons, Node, Project, SortRows, Table, hash_once
from secureframe.plan.unions import union_type, widened
from secureframe.schema.table import Schema
from secureframe.schema.types import bool_type

KEY = "person"


def unfiltered(frame: Node, *, stacked: bool = False) -> Node:
    """Return the rows of a frame's base, unfiltered, even without the person key; ``stacked`` as for `roster`."""
    found, name = _roster(frame, stacked=stacked)
    return found if name is None else Project(found, ((KEY, ColumnRef(name)),))


def roster(frame: Node, *, stacked: bool = False) -> Node:
    """Return the rows of a frame's base, unfiltered, with the column ``person``.

    Raises
    ------
    PlanError
        If frames were stacked that do not have the person key any more.
    """
    found, name = _roster(frame, stacked=stacked)
    if name is None:
        raise PlanError(
            "the frame has lost its person key, so a person's rows at several institutions are not told apart",
            hint="keep the person key in every frame that sf.concat stacks",
        )
    return Project(found, ((KEY, ColumnRef(name)),))


@dataclass(frozen=True, eq=True)
class Among(Node):
    """The same rows, but for several institutions to compute with, since a frame above has rows of theirs beside them.

    It is never part of a plan: only rosters hold it.
    """

    frame: Node
    institutions: frozenset[str]

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.frame,)

    @cached_property
    def schema(self) -> Schema:
        return self.frame.schema

    @cached_property
    def owners(self) -> frozenset[str]:
        return self.institutions

    @cached_property
    def branches(self) -> tuple[Node, ...]:
        return (self,)


hash_once(Among)


def _roster(frame: Node, *, stacked: bool = False) -> tuple[Node, str | None]:
    """The unfiltered rows, and what the person key is called there: as in the frame, where it still has one.

    ``stacked``: rows of other frames follow, so that a reduction has a row here for each of its own; alone, it has one a person.
    """
    match frame:
        case Among(frame=below):
            return _roster(below, stacked=stacked)
        case Table():
            return frame, frame.table.person_key
        case Project(frame=below):
            found, name = _roster(below, stacked=stacked)
            key = frame.person_key
            if key is None:
                return found, name
            expr = frame.definitions[key]
            if name is None or column_names(expr) - {name}:
                return found, None
            return Project(found, ((key, expr),)), key
        case Filter(frame=below) | SortRows(frame=below) | Distinct(frame=below):
            return _roster(below, stacked=stacked)
        case GroupPersons(frame=below, key=key):
            found, name = _roster(below, stacked=stacked)
            if name is None:
                return frame, None
            if stacked and _is_shared(below):
                found = Among(found, frame.owners)
            counted = GroupPersons(found, name, (Aggregation(name=f"rows of {name}", column=name, how="count"),))
            return Project(counted, ((key, ColumnRef(name)),)), key
        case Merge(left=left):
            return _called(*_roster(left, stacked=stacked), frame.person_key)
        case Concat(frames=frames):
            rosters = [_roster(f, stacked=True) for f in frames]
            if len(frame.owners) > 1 and len(frozenset().union(*(found.owners for found, _ in rosters))) == 1:
                # One owner alone would hold the rows by person; on shares they are stacked.
                rosters = [(Among(found, frame.owners), name) for found, name in rosters]
            if any(name is None for _, name in rosters):
                nobody = Widen(Literal(None), bool_type(nullable=True))
                return frame.like(tuple(Project(found, ((KEY, nobody),)) for found, _ in rosters)), None
            keys = [found.schema[name].type for found, name in rosters if name is not None]
            common = union_type(keys, "the person key")
            called = frame.person_key or KEY
            alike = [
                Project(found, ((called, widened(name or "", own, common)),))
                for (found, name), own in zip(rosters, keys, strict=True)
            ]
            return frame.like(tuple(alike)), called
        case _:
            raise TypeError(f"{type(frame).__name__} is no frame")


def _is_shared(frame: Node) -> bool:
    """Whether the rows of a frame come onto shares as they are, before anybody reduces them."""
    return len(frame.owners) > 1 and any(len(branch.owners) > 1 for branch in frame.branches)


def _called(found: Node, name: str | None, key: str | None) -> tuple[Node, str | None]:
    """The same rows with the person key under the name that a frame above has for it."""
    if name is None or key is None or key == name:
        return found, name
    return Project(found, ((key, ColumnRef(name)),)), key
