"""Counts of persons by owners of rows: what is left when an owner's rows are left out, and who has rows at an owner.

Rows of a stack are in the order of their owners, so that leaving an owner's out cuts them away. Where a row stands for a
person's rows at several institutions, the reduction that made it says at which of them the person has any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secureframe.mpc.program import Builder, Value
from secureframe.plan.combining import Concat, Merge
from secureframe.plan.nodes import GroupPersons, Node
from secureframe.planner.grouping import locally_reduced

if TYPE_CHECKING:
    from secureframe.planner.frames import FrameCompiler


def owned_rows(frame: Node) -> list[tuple[str, int]]:
    """Whose rows a frame's rows are: owners and numbers of rows, one after the other."""
    if len(frame.branches) > 1:
        return [pair for branch in frame.branches for pair in owned_rows(branch)]
    match frame:
        case Merge(left=left):
            return owned_rows(left)
        case GroupPersons() if len(frame.owners) > 1:
            return owned_rows(locally_reduced(frame)[0])
        case _ if len(frame.owners) == 1:
            return [(next(iter(frame.owners)), frame.length)]
        case _:
            return owned_rows(frame.inputs[0])


def owners_of(frame: Node) -> list[str]:
    """The owners of a frame's rows, in the order of the rows."""
    return list(dict.fromkeys(owner for owner, _ in owned_rows(frame)))


def segments(frame: Node) -> list[tuple[str, int, int]]:
    """Row owners with the first and the last but one of their rows; neighbours of one owner are one."""
    found: list[tuple[str, int, int]] = []
    start = 0
    for owner, length in owned_rows(frame):
        if found and found[-1][0] == owner:
            found[-1] = (owner, found[-1][1], start + length)
        else:
            found.append((owner, start, start + length))
        start += length
    return found


def mingles(frame: Node) -> bool:
    """Whether a row may stand for a person's rows at several institutions."""
    match frame:
        case Concat(frames=frames):
            return any(map(mingles, frames))
        case GroupPersons(frame=below):
            return mingles(below) or (not below.apart and len(owners_of(below)) > 1)
        case _:
            return bool(frame.inputs) and mingles(frame.inputs[0])


def at_owner(c: FrameCompiler, frame: Node, flags: Value, owner: str) -> Value:
    """Those of some flags of rows that are of persons with rows at an owner."""
    if mingles(frame):
        return c.builder.and_(flags, _there(c, frame, owner))
    return _kept(c.builder, frame, flags, lambda name: name == owner)


def without_owner(c: FrameCompiler, frame: Node, flags: Value, owner: str) -> Value:
    """Those of some flags of rows that are of persons with rows at others than an owner."""
    if not mingles(frame):
        return _kept(c.builder, frame, flags, lambda name: name != owner)
    others = [_there(c, frame, name) for name in owners_of(frame) if name != owner]
    return c.builder.and_(flags, others[0] if len(others) == 1 else c.builder.any_plane(c.builder.rows(others)))


def _kept(b: Builder, frame: Node, flags: Value, wanted: Callable[[str], bool]) -> Value:
    """Flags of the rows of some owners; zero at the others'."""
    pieces = [
        b.cut(flags, start, stop) if wanted(owner) else b.zeros("bits", flags.rows, stop - start)
        for owner, start, stop in segments(frame)
    ]
    return pieces[0] if len(pieces) == 1 else b.concat(pieces)


def _there(c: FrameCompiler, frame: Node, owner: str) -> Value:
    """One plane: rows of persons with rows at an owner."""
    b = c.builder
    match frame:
        case _ if not mingles(frame):
            return _kept(b, frame, b.ones_bits(1, frame.length), lambda name: name == owner)
        case Concat(frames=frames):
            return b.concat([_there(c, f, owner) for f in frames])
        case GroupPersons(frame=below) if below.rows_per_person > 1:
            return c.at_owner(frame, owner)
        case _:
            return _there(c, frame.inputs[0], owner)


# -- sums over owners ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What some rows add to a count: in all, without the rows of an owner, and of an owner; nothing where one is not named."""

    value: Value
    without: dict[str, Value] = field(default_factory=dict)
    own: dict[str, Value] = field(default_factory=dict)

    @staticmethod
    def of(owner: str, value: Value, owners: Iterable[str]) -> Contribution:
        """What one owner's rows add."""
        return Contribution(value=value, without={o: value for o in owners if o != owner}, own={owner: value})


def summed(
    b: Builder, found: Sequence[Contribution], owners: Sequence[str]
) -> tuple[Value, tuple[Value, ...], tuple[Value, ...]]:
    """Return the sum of contributions, what it is without each owner, and what each owner has; the latter for several owners."""
    total = _sum(b, [c.value for c in found])
    if len(owners) < 2:
        return total, (), ()
    nothing = b.subtract(total, total)
    rest = tuple(_sum(b, [c.without[o] for c in found if o in c.without], nothing) for o in owners)
    own = tuple(_sum(b, [c.own[o] for c in found if o in c.own], nothing) for o in owners)
    return total, rest, own


def _sum(b: Builder, values: Sequence[Value], nothing: Value | None = None) -> Value:
    if not values:
        assert nothing is not None
        return nothing
    total = values[0]
    for value in values[1:]:
        total = b.add(total, value)
    return total
