"""Which merges of a plan share one sort, and how such a group is emitted.

Merges whose left rows have the same key, column by column, look other frames up from the same rows: a chain of merges on one key,
whatever was filtered or computed between them. An outer merge also asks the other way round. All of these go into one
``match``, unless one of them needs the outcome of another one.

Where the policies of all owners allow it, keys are matched by tags in place of the sort (``match_tagged``). What is tagged are
the keys of whole tables, whatever the frames have left out. So the numbers that are opened are facts about these tables, the same
in every statement, and no condition that an analyst thinks of has an influence on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secureframe.errors import PlanError
from secureframe.mpc.matching import Found, Lookup, Side, match
from secureframe.mpc.program import TAG_BITS, Value
from secureframe.mpc.sorting import most_batches
from secureframe.mpc.tagged_join import match_tagged, tagged_width
from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.plan.expressions import ColumnRef, Expr
from secureframe.plan.forms import PRESENT, VALID, Encoding, Form, key_layout
from secureframe.plan.nodes import Filter, GroupPersons, Node, Project, SortRows, Table, passed_on, walk_nodes
from secureframe.plan.rosters import KEY, roster
from secureframe.plan.unions import spans_domains

if TYPE_CHECKING:
    from secureframe.planner.frames import FrameCompiler

Demand = tuple[Expr, Encoding]
Columns = tuple[str, ...]
Rows = tuple[Node, Columns]
"""A frame, and the columns that are its key."""


@dataclass(slots=True, kw_only=True)
class Group:
    """Merges that share one sort: the rows that look up, who they look up, and who looks them up.

    ``lookups`` are merges by the rows of their right frame; ``asked`` are anti merges of one of those frames with the hub.
    """

    hub: Rows
    level: int
    lookups: dict[Rows, list[Merge]] = field(default_factory=dict)
    asked: dict[Rows, Merge] = field(default_factory=dict)

    @property
    def merges(self) -> list[Merge]:
        return [*(m for members in self.lookups.values() for m in members), *self.asked.values()]

    @property
    def most(self) -> int:
        """A bound of the hub's rows with one key."""
        frame, names = self.hub
        if set(names) & frame.unique:
            return 1
        return frame.rows_per_person if names == (frame.person_key,) else frame.length

    def takes(self, merge: Merge) -> bool:
        """Whether a further right frame fits: only so many of them may have keys that repeat (see ``match``)."""
        if (merge.right, merge.right_on) in self.lookups or merge.declared_unique:
            return True
        loose = sum(not members[0].declared_unique for members in self.lookups.values())
        return loose < (2 if self.most == 1 else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagged:
    """Merges whose keys are tagged: the rows in whose order the hub and the right frames stand, before anything was left out."""

    merges: tuple[Merge, ...]
    hub: Rows
    rights: Mapping[Rows, Rows]

    @property
    def frames(self) -> tuple[Node, ...]:
        return tuple(dict.fromkeys(frame for frame, _ in (self.hub, *self.rights.values())))


def tagged(group: Group, layout: Sequence[Encoding]) -> Tagged | None:
    """Return what is tagged of a group; None where it has to be sorted, or is so small that its sort takes as few rounds.

    Tagged are tables, rosters of reductions to persons, and for the hub stacks of these, by the key of their persons and nothing
    else: any further column would be a condition, as good as a filter. What is looked up is of one institution. All have one row
    a person, whose number of rows would tell who it is; so a stack has no table twice.
    """
    hub = _whole(group.hub) if _one_row_a_person(*origin(*group.hub)) else None
    wholes = {rows: _whole(rows) for rows in group.lookups}
    rights = {rows: w for rows, w in wholes.items() if w is not None and len(w[0].owners) == 1 and set(w[1]) & w[0].unique}
    if hub is None or len(rights) < len(group.lookups) or any(m.checked for m in group.merges):
        return None
    total = hub[0].length + sum(frame.length for frame, _ in rights)
    few = most_batches(total) < 2
    wide = tagged_width(sum(e.width for e in layout), total) > TAG_BITS
    return None if few or wide or (group.asked and group.most > 1) else Tagged(merges=tuple(group.merges), hub=hub, rights=rights)


def _whole(rows: Rows) -> Rows | None:
    """A table, or the roster of a reduction, that has the same rows and none left out, by its persons; None if there is none."""
    frame, names = origin(*rows)
    match frame:
        case Table() if names == (frame.person_key,):
            return frame, names
        case GroupPersons() | Concat() if names == (frame.person_key,) and all(map(_is_plain, walk_nodes(frame))):
            found = roster(frame)
            return (found, (KEY,)) if found.length == frame.length else None
        case _:
            return None


def _one_row_a_person(frame: Node, names: Columns) -> bool:
    """Whether keys repeat in nothing but different tables that are stacked."""
    if not isinstance(frame, Concat):
        return bool(set(names) & frame.unique)
    tables = [base for part in frame.frames for base in part.bases]
    return len(set(tables)) == len(tables) and all(_one_row_a_person(*origin(part, names)) for part in frame.frames)


def _is_plain(node: Node) -> bool:
    """Whether the roster has the rows of a frame with such a node, and its owners have them in the clear."""
    stays = isinstance(node, Table | Project | Filter | SortRows | Concat)
    return stays or (isinstance(node, GroupPersons) and len(node.owners) == 1)


Encodings = Mapping[Merge, tuple[Encoding, ...]]
"""How the keys of a merge are laid out: alike for all that are sorted together."""


def origin(frame: Node, names: Columns) -> Rows:
    """Return the rows whose key this is, before anything was filtered, merged in or computed.

    Cohorts of one table so have one key, and what one of them has sorted serves the others (``mpc/keeping.py``).
    """
    while True:
        match frame:
            case Project(frame=below):
                found = [passed_on(frame.definitions[name]) for name in names]
                if not all(old is not None and _same_grid(frame, new, old) for new, old in zip(names, found, strict=True)):
                    return frame, names
                frame, names = below, tuple(old for old in found if old is not None)
            case Filter(frame=below) | SortRows(frame=below):
                frame = below
            case Merge(left=left, origins=origins) if len(frame.owners) > 1 and all(origins[n][0] == "left" for n in names):
                frame, names = left, tuple(origins[name][1] for name in names)
            case _:
                return frame, names


def _same_grid(node: Project, new: str, old: str) -> bool:
    """Whether a widened column still counts the same steps from zero, or the same categories."""
    a, b = node.schema[new].type, node.frame.schema[old].type
    return (a.kind, a.step, a.categories) == (b.kind, b.step, b.categories)


def together(merges: Sequence[Merge]) -> list[Group]:
    """Return the merges of a plan in groups that one sort serves, in an order in which they can be emitted.

    Those of a chain stand in their order there, whichever a statement asks first: so a later statement on the same frames with
    conditions of its own sorts the same rows, and starts from what was kept.

    A merge is of a level above all those that its right rows or its key are made of, and groups are of one level, so that no
    group waits for itself.
    """
    known = set(merges)
    levels: dict[Merge, int] = {}

    def level(merge: Merge) -> int:
        if merge not in levels:
            frames = (merge.right, origin(merge.left, merge.left_on)[0])
            beneath = {m for f in frames for m in walk_nodes(f) if isinstance(m, Merge) and m in known}
            levels[merge] = 1 + max((level(m) for m in beneath), default=0)
        return levels[merge]

    groups: list[Group] = []
    def place(merge: Merge) -> tuple[bool, int]:
        return merge.how == "left_anti", sum(isinstance(node, Merge) for node in set(walk_nodes(merge)))

    for merge in sorted(merges, key=place):
        if merge.how == "left_anti" and _asks(groups, merge, level(merge)):
            continue
        hub = origin(merge.left, merge.left_on)
        group = next((g for g in groups if (g.hub, g.level) == (hub, level(merge)) and g.takes(merge)), None)
        if group is None:
            group = Group(hub=hub, level=level(merge))
            groups.append(group)
        group.lookups.setdefault((merge.right, merge.right_on), []).append(merge)
    return groups


def _asks(groups: Sequence[Group], merge: Merge, level: int) -> bool:
    """Let a group answer an anti merge whose left frame its hub looks up anyway, as an outer merge does."""
    hub, left = origin(merge.right, merge.right_on), (merge.left, merge.left_on)
    for group in groups:
        unique = set(merge.left_on) & merge.left.unique
        if (group.hub, group.level) == (hub, level) and left in group.lookups and left not in group.asked and unique:
            group.asked[left] = merge
            return True
    return False


def encodings(groups: Sequence[Group]) -> Encodings:
    """Return how keys are laid out: over the common range of all that a group compares.

    Raises
    ------
    PlanError
        If keys belong to several person domains.
    """
    found = {}
    for group in groups:
        merges = group.merges
        parts = []
        for place in range(len(group.hub[1])):
            types = [
                frame.schema[names[place]].type
                for m in merges
                for frame, names in ((m.left, m.left_on), (m.right, m.right_on))
            ]
            if any(spans_domains(type_) for type_ in types):
                raise PlanError(
                    "keys of several person domains are not compared on shares",
                    hint="merge or drop duplicates within each domain, then sf.concat",
                )
            low, width = key_layout(types)
            parts.append(Encoding(form=Form.KEY, low=low, width=width))
        found.update(dict.fromkeys(merges, tuple(parts)))
    return found


def alone(merge: Merge) -> tuple[Encoding, ...]:
    """Return how the keys of a merge are laid out that shares its sort with no other one."""
    group = Group(hub=origin(merge.left, merge.left_on), level=0)
    group.lookups[merge.right, merge.right_on] = [merge]
    return encodings([group])[merge]


def distinct(frame: Node, names: Columns) -> bool:
    """Whether one institution has itself made or checked that no two rows of its frame agree in a key.

    Neither declarations of several institutions about each other's rows nor digests of text are as sure.
    """
    if len(frame.owners) > 1:
        return False
    return any(frame.schema[name].type.lo is not None and _checked(frame, name) for name in set(names) & frame.unique)


def _checked(frame: Node, name: str) -> bool:
    match frame:
        case Table() | GroupPersons() | Distinct():
            return True
        case Project(frame=below):
            old = passed_on(frame.definitions[name])
            return old is not None and _same_grid(frame, name, old) and _checked(below, old)
        case Filter(frame=below) | SortRows(frame=below):
            return _checked(below, name)
        case Merge(left=left, origins=origins):
            side, old = origins[name]
            return side == "left" and _checked(left, old)
        case _:
            return False


def keys(c: FrameCompiler, rows: Rows, layout: Sequence[Encoding], *, right: bool) -> tuple[Value, Value]:
    """Return the keys of rows as planes, and which rows are there and have all of them."""
    b = c.builder
    frame, names = rows
    planes = [c.value(frame, ColumnRef(name), encoding) for name, encoding in zip(names, layout, strict=True)]
    there = [c.value(frame, ColumnRef(name), PRESENT) for name in names]
    if right or len(frame.owners) > 1:
        there.append(c.value(frame, None, VALID))
    return (planes[0] if len(planes) == 1 else b.rows(planes)), (there[0] if len(there) == 1 else b.all_planes(b.rows(there)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of one merge: the left rows that matched, what was moved to them, and whether right keys repeated, if that was asked."""

    matched: Value
    moved: Mapping[Demand, Value]
    violated: Value | None = None


def note(c: FrameCompiler, merge: Merge, layout: Sequence[Encoding]) -> None:
    """Ask for the keys of a merge, in the pass that only notes what is asked for."""
    keys(c, origin(merge.left, merge.left_on), layout, right=False)
    keys(c, (merge.right, merge.right_on), layout, right=True)


def emit(
    c: FrameCompiler, group: Group, layout: Sequence[Encoding], demands: Mapping[Node, Sequence[Demand]]
) -> dict[Merge, Outcome]:
    """Emit one sort for a group of merges, or the tags of its keys, and everything that was noted of any of them."""
    chosen = tagged(group, layout) if c.tagged_joins else None
    wanted = [_Wanted.of(c, rows, merges, demands) for rows, merges in group.lookups.items()]
    numbers = {rows: number for number, rows in enumerate(group.lookups, 1)}
    asked = {numbers[rows]: _counting(c, group.hub, merge, layout) for rows, merge in group.asked.items()}
    if chosen is not None:
        c.tagged.append(chosen)
        found, partners = _by_tags(c, group, chosen, layout, wanted, asked)
    else:
        found, partners = _by_sort(c, group, layout, wanted, asked)
    outcomes = {merge: Outcome(matched=partners[numbers[rows]], moved={}) for rows, merge in group.asked.items()}
    for merges, each, want in zip(group.lookups.values(), found, wanted, strict=True):
        moved = dict(zip(want.ariths, each.ariths, strict=True))
        at = 0
        for demand, value in want.bits.items():
            assert each.planes is not None
            moved[demand] = c.builder.pick_rows(each.planes, range(at, at + value.rows))
            at += value.rows
        outcomes |= {m: Outcome(matched=each.matched, moved=moved, violated=each.violated if m.checked else None) for m in merges}
    return outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is moved of one right frame."""

    bits: Mapping[Demand, Value]
    ariths: Mapping[Demand, Value]

    @staticmethod
    def of(c: FrameCompiler, rows: Rows, merges: Sequence[Merge], demands: Mapping[Node, Sequence[Demand]]) -> _Wanted:
        noted = list(dict.fromkeys(demand for m in merges for demand in demands.get(m, ())))
        values = {demand: c.value(rows[0], *demand) for demand in noted}
        bits = {demand: value for demand, value in values.items() if value.kind == "bits"}
        return _Wanted(bits=bits, ariths={demand: value for demand, value in values.items() if value.kind == "arith"})

    def planes(self, c: FrameCompiler) -> Value | None:
        return c.builder.rows(list(self.bits.values())) if self.bits else None


_Answers = tuple[list[Found], dict[int, Value]]


def _by_sort(
    c: FrameCompiler, group: Group, layout: Sequence[Encoding], wanted: Sequence[_Wanted], asked: Mapping[int, Value | None]
) -> _Answers:
    hub_key, hub_there = keys(c, group.hub, layout, right=False)
    sides = [Side(hub_key, hub_there, group.most, distinct(*group.hub))]
    lookups = []
    for (rows, merges), want in zip(group.lookups.items(), wanted, strict=True):
        key, there = keys(c, rows, layout, right=True)
        unique = merges[0].declared_unique
        checked = any(m.checked for m in merges)
        sides.append(Side(key, there, 1 if unique or checked else rows[0].length, unique and distinct(*rows)))
        lookups.append(Lookup(len(sides) - 1, want.planes(c), tuple(want.ariths.values()), checked))
    return match(c.builder, sides, 0, lookups, asked)


def _by_tags(
    c: FrameCompiler,
    group: Group,
    chosen: Tagged,
    layout: Sequence[Encoding],
    wanted: Sequence[_Wanted],
    asked: Mapping[int, Value | None],
) -> _Answers:
    """Match whole tables; which of the rows are still in a right frame is moved along with what it holds."""
    b = c.builder
    sides = [Side(*keys(c, chosen.hub, layout, right=False), group.most)]
    lookups = []
    for rows, want in zip(group.lookups, wanted, strict=True):
        sides.append(Side(*keys(c, chosen.rights[rows], layout, right=False)))
        _, there = keys(c, rows, layout, right=True)
        planes, ariths = want.planes(c), list(want.ariths.values())
        if len(rows[0].owners) > 1:
            # What an owner deals of a row that it has left out is zero; what was left out on shares is made so.
            planes = None if planes is None else b.and_(planes, there)
            ariths = [b.multiply(value, b.to_arith(there, value.limbs)) for value in ariths]
        lookups.append(Lookup(len(sides) - 1, b.rows([there] if planes is None else [there, planes]), tuple(ariths)))
    if chosen.hub != group.hub:
        # Persons of whom a reduction has nothing left are nobody's partners.
        there = keys(c, group.hub, layout, right=False)[1]
        asked = {number: there if value is None else value for number, value in asked.items()}
    found, partners = match_tagged(b, sides, 0, lookups, asked)
    answers = []
    for each in found:
        assert each.planes is not None
        rest = b.pick_rows(each.planes, range(1, each.planes.rows)) if each.planes.rows > 1 else None
        answers.append(each._replace(matched=b.pick_rows(each.planes, [0]), planes=rest))
    return answers, {number: _still_there(c, group, layout, number, value) for number, value in partners.items()}


def _still_there(c: FrameCompiler, group: Group, layout: Sequence[Encoding], number: int, partners: Value) -> Value:
    """Of the rows of a right frame's table that have a partner those that are in the frame."""
    rows = list(group.lookups)[number - 1]
    return c.builder.and_(partners, keys(c, rows, layout, right=True)[1])


def _counting(c: FrameCompiler, hub: Rows, merge: Merge, layout: Sequence[Encoding]) -> Value | None:
    """Which of the hub's rows are in the frame that an anti merge asks for; None if all are."""
    rows = merge.right, merge.right_on
    return None if rows == hub else keys(c, rows, layout, right=True)[1]
