"""Nodes that make one frame of several: a merge, rows stacked, and rows without duplicates.

Every ``how`` of pandas is made of three merges and a stack: ``right`` is a left merge from the other side, ``outer`` a left merge
stacked upon the right rows that have no partner, and a merge of one row with many keeps the rows of the many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from secureframe.errors import PlanError
from secureframe.plan.expressions import ColumnRef
from secureframe.plan.nodes import Filter, GroupPersons, Node, Project, SortRows, Table, hash_once, require_names, require_use
from secureframe.schema.table import Field, Schema, Use
from secureframe.schema.types import ColumnType, Kind

MERGES = ("inner", "left", "left_anti")
KEEPS = ("first", "last", "none")
MAX_FRAMES = 64
KEY_KINDS = frozenset({Kind.KEY, Kind.INT, Kind.DATE, Kind.DATETIME, Kind.CATEGORY, Kind.STRING, Kind.BOOL})
"""What rows can be matched by: identifiers, and attributes that identify together."""


@dataclass(frozen=True, eq=True)
class Merge(Node):
    """Rows of the left frame with the columns of the one right row that has the same key.

    ``inner`` keeps left rows that have a match, ``left`` keeps all, ``left_anti`` those without one, and takes no column
    of the right frame; null keys never match.

    Parameters
    ----------
    left_on, right_on : tuple of str
        Columns that are equal together.
    checked : bool
        The right key is not declared unique: whether it is, is looked at on shares, and if it is not, every
        release of the frame is withheld whole. Never where the right key is declared unique.
    left_checked : bool
        The same of the left key, where every row of either frame has one partner at most.
    """

    left: Node
    right: Node
    left_on: tuple[str, ...]
    right_on: tuple[str, ...]
    how: str
    suffixes: tuple[str, str] = ("_x", "_y")
    checked: bool = False
    left_checked: bool = False

    def __post_init__(self) -> None:
        if self.how not in MERGES:
            raise PlanError(f"merge(how={self.how!r}) is not offered", hint="how='inner', 'left' or 'left_anti'")
        if not self.left_on or len(self.left_on) != len(self.right_on):
            raise PlanError("a merge needs as many left as right keys", hint="left.merge(right, on=['practice', 'number'])")
        if len(set(self.left_on)) != len(self.left_on) or len(set(self.right_on)) != len(self.right_on):
            raise PlanError("a key is named twice")
        for left, right in zip(self.left_on, self.right_on, strict=True):
            self._check_key(left, right)
        if self.how != "left_anti" and self.declared_unique == self.checked:
            if self.checked:
                raise PlanError("the right key is declared unique: nothing is to be checked")
            named = ", ".join(self.right_on)
            raise PlanError(
                f"{named} is not unique in the right frame",
                hint=f"reduce it first: right.groupby({named!r}).agg(...), or validate='m:1' to have it checked on shares",
            )
        if self.left_checked and set(self.left_on) & self.left.unique:
            raise PlanError("the left key is declared unique: nothing is to be checked")
        if (self.checked or self.left_checked) and (self.how == "left_anti" or len(self.owners) == 1):
            raise PlanError("a key is checked on shares, between institutions", hint="right.groupby(...) or drop_duplicates")
        require_names(self.origins)
        _ = self.schema

    def _check_key(self, left: str, right: str) -> None:
        for frame, name, side in ((self.left, left, "left"), (self.right, right, "right")):
            if name not in frame.schema:
                raise PlanError(f"the {side} frame has no column {name!r}", hint=f"its columns are {', '.join(frame.schema)}")
            found = frame.schema[name]
            if found.type.kind not in KEY_KINDS:
                raise PlanError(
                    f"{name} of the {side} frame is no key: it is of kind {found.type.kind}",
                    hint="keys are identifiers, whole numbers, dates, categories and text",
                )
            require_use(found, Use.LINK, ColumnRef(name), frame.schema)
        require_comparable(self.left.schema[left].type, self.right.schema[right].type, left)

    @property
    def declared_unique(self) -> bool:
        """Whether the owners of the right frame say that no two of its rows have one key."""
        return bool(set(self.right_on) & self.right.unique)

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.left, self.right)

    @cached_property
    def origins(self) -> Mapping[str, tuple[str, str]]:
        """For every column its side (left or right) and its name there."""
        if self.how == "left_anti":
            return {name: ("left", name) for name in self.left.schema}
        shared_keys = {a for a, b in zip(self.left_on, self.right_on, strict=True) if a == b}
        clash = (set(self.left.schema) & set(self.right.schema)) - shared_keys
        origins: dict[str, tuple[str, str]] = {}
        for side, frame, suffix in (("left", self.left, self.suffixes[0]), ("right", self.right, self.suffixes[1])):
            for name in frame.schema:
                if side == "right" and name in shared_keys:
                    continue
                new = name + suffix if name in clash else name
                if new in origins:
                    raise PlanError(f"two columns would be named {new!r}", hint="merge(..., suffixes=('_a', '_b'))")
                origins[new] = (side, name)
        return origins

    @cached_property
    def expanded(self) -> Mapping[str, int]:
        return {
            new: (self.left if side == "left" else self.right).expanded.get(name, 1) for new, (side, name) in self.origins.items()
        }

    @cached_property
    def schema(self) -> Schema:
        fields: dict[str, Field] = {}
        for new, (side, name) in self.origins.items():
            found = (self.left if side == "left" else self.right).schema[name]
            if side == "right" and self.how == "left":
                found = replace(found, type=found.type.null())
            fields[new] = found
        return fields

    @cached_property
    def branches(self) -> tuple[Node, ...]:
        """Merges within institutions, where every person's rows of both sides lie at one and the same of them."""
        left, right = self.left.branches, self.right.branches
        if self.checked or self.left_checked or len(left) < 2 or len(left) != len(right):
            return (self,)
        if any(len(f.owners) > 1 for f in (*left, *right)):
            return (self,)
        if self.left_on != (self.left.person_key,) or self.right_on != (self.right.person_key,):
            return (self,)
        partner = {f.owners: f for f in right}
        if len(partner) < len(right) or {f.owners for f in left} != set(partner):
            return (self,)
        strangers = (apart_by_tables(a, b) for a in left for b in right if a.owners != b.owners)
        return tuple(replace(self, left=f, right=partner[f.owners]) for f in left) if all(strangers) else (self,)

    @property
    def person_key(self) -> str | None:
        key = self.left.person_key
        for new, origin in self.origins.items():
            if origin == ("left", key):
                return new
        return None

    @cached_property
    def unique(self) -> frozenset[str]:
        return frozenset(new for new, (side, name) in self.origins.items() if side == "left" and name in self.left.unique)


def keys_text(left: Sequence[str], right: Sequence[str]) -> str:
    """Return the keys of a merge as people write them."""
    return ", ".join(a if a == b else f"{a} = {b}" for a, b in zip(left, right, strict=True))


def require_comparable(a: ColumnType, b: ColumnType, name: str) -> None:
    """Refuse keys that can never denote the same."""
    if a.kind is not b.kind:
        raise PlanError(f"{name} is of kind {a.kind} on the left and {b.kind} on the right", hint="declare both alike")
    if a.domain != b.domain:
        raise PlanError(f"keys of different domains ({a.domain}, {b.domain}) never denote the same")
    if (a.lo is None) != (b.lo is None):
        raise PlanError("one key is a number and the other one text", hint="declare both alike")
    if a.categories != b.categories:
        raise PlanError(f"the categories of {name} differ between the frames", hint="declare one public domain at both")
    if a.step != b.step:
        raise PlanError(f"the grids of {name} differ between the frames", hint="declare one step at both, or astype")


@dataclass(frozen=True, eq=True)
class Concat(Node):
    """The rows of several frames, one after the other; all have the same columns of the same types.

    Whether a person may be in several of the frames follows from the tables: never where the person domains differ or
    the owners attest that nobody is in another one's table, and where one frame holds those that another one leaves out.
    """

    frames: tuple[Node, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.frames) <= MAX_FRAMES:
            raise PlanError(f"2 to {MAX_FRAMES} frames are stacked", hint="sf.concat([a, b])")
        first = self.frames[0].schema
        for other in self.frames[1:]:
            if list(other.schema) != list(first):
                raise PlanError("the frames have other columns, or another order of them", hint="sf.concat aligns them")
            for name, field in first.items():
                if field.type != other.schema[name].type:
                    raise PlanError(f"the types of {name} differ between the frames", hint="sf.concat aligns them")
        domains = {base.table.person_domain for base in self.bases}
        if len(domains) > 1 and not self.disjoint:
            raise PlanError(
                "persons of different domains are stacked with persons who may be in several of the frames",
                hint="sf.concat the frames of one person domain, groupby the person key, then the others",
            )
        if len({f.person_key for f in self.frames}) != 1:
            raise PlanError("the frames do not have one person key", hint="rename it, and keep it in every frame")

    @property
    def inputs(self) -> tuple[Node, ...]:
        return self.frames

    @property
    def bases(self) -> tuple[Table, ...]:
        return tuple(dict.fromkeys(base for f in self.frames for base in f.bases))

    @cached_property
    def schema(self) -> Schema:
        fields = {}
        for name, first in self.frames[0].schema.items():
            found = [f.schema[name] for f in self.frames]
            fields[name] = Field(
                type=first.type,
                uses=frozenset.intersection(*(f.uses for f in found)),
                owners=frozenset().union(*(f.owners for f in found)),
                sensitive=any(f.sensitive for f in found),
                magnitude=any(f.magnitude for f in found),
            )
        return fields

    @cached_property
    def branches(self) -> tuple[Node, ...]:
        return (self,) if len(self.owners) == 1 else tuple(b for f in self.frames for b in f.branches)

    @property
    def apart(self) -> bool:
        return len(self.owners) == 1 or (self.disjoint and all(f.apart for f in self.frames))

    @property
    def stacks(self) -> bool:
        return True

    def like(self, frames: tuple[Node, ...]) -> Concat:
        """The same rows with further columns: who is in which of the frames is as it was."""
        stacked: Concat = object.__new__(Concat)
        stacked.__dict__.update(frames=frames, disjoint=self.disjoint)
        stacked.__post_init__()
        return stacked

    @cached_property
    def disjoint(self) -> bool:
        """Whether nobody is in two of the frames."""
        pairs = ((a, b) for i, a in enumerate(self.frames) for b in self.frames[i + 1 :])
        return all(apart_by_tables(a, b) or _leaves(a, b) or _leaves(b, a) for a, b in pairs)

    @cached_property
    def _rows(self) -> int:
        found = [f.rows_per_person for f in self.frames]
        return max(found) if self.disjoint else sum(found)

    @property
    def rows_per_person(self) -> int:
        return self._rows

    @cached_property
    def _length(self) -> int:
        return sum(f.length for f in self.frames)

    @property
    def length(self) -> int:
        return self._length

    @cached_property
    def unique(self) -> frozenset[str]:
        key = self.person_key
        return frozenset({key} if key and self.rows_per_person == 1 else ())

    @cached_property
    def expanded(self) -> Mapping[str, int]:
        return {name: max(f.expanded.get(name, 1) for f in self.frames) for name in self.schema}


def apart_by_tables(a: Node, b: Node) -> bool:
    """Whether the tables of two frames say that nobody is in both."""
    return all(tables_apart(x, y) for x in a.bases for y in b.bases)


def tables_apart(a: Table, b: Table) -> bool:
    """Whether nobody is in two tables: other person domains, or two owners who both attest it."""
    if a.table.person_domain != b.table.person_domain:
        return True
    return a.table.owner != b.table.owner and a.table.disjoint and b.table.disjoint


def _leaves(one: Node, other: Node) -> bool:
    """Whether one frame holds only persons whom a frame that the other is made of does not have."""
    made_of = set(persons_of(other))
    for node in persons_of(one):
        if isinstance(node, Merge) and node.how == "left_anti":
            by_person = node.left_on == (node.left.person_key,) and node.right_on == (node.right.person_key,)
            domains = {t.table.person_domain for t in (*node.left.bases, *node.right.bases)}
            if by_person and len(domains) == 1 and node.right in made_of:
                return True
    return False


def persons_of(node: Node) -> Iterator[Node]:
    """Yield the frame and those it is made of that have all of its persons."""
    yield node
    match node:
        case Project() | Filter() | SortRows() | GroupPersons() | Distinct():
            yield from persons_of(node.frame)
        case Merge(left=left):
            yield from persons_of(left)
        case _:
            return


@dataclass(frozen=True, eq=True)
class Distinct(Node):
    """Of all rows that agree in some columns one is kept; as in pandas, missing values agree with each other.

    Parameters
    ----------
    keep : str
        ``first`` or ``last`` of them, or ``none`` where there are several.
    """

    frame: Node
    subset: tuple[str, ...]
    keep: str = "first"

    def __post_init__(self) -> None:
        if self.keep not in KEEPS:
            raise PlanError(f"drop_duplicates(keep={self.keep!r}) is not offered", hint="keep='first', 'last' or False")
        if not self.subset or len(set(self.subset)) != len(self.subset):
            raise PlanError("drop_duplicates needs columns, each once", hint="df.drop_duplicates(subset=['id'])")
        for name in self.subset:
            if name not in self.frame.schema:
                raise PlanError(f"there is no column {name!r}", hint=f"the columns are {', '.join(self.frame.schema)}")
            require_use(self.frame.schema[name], Use.LINK, ColumnRef(name), self.frame.schema)

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.frame,)

    @cached_property
    def schema(self) -> Schema:
        return self.frame.schema

    @property
    def rows_per_person(self) -> int:
        return 1 if self.subset == (self.frame.person_key,) else self.frame.rows_per_person

    @cached_property
    def branches(self) -> tuple[Node, ...]:
        return super().branches if self.frame.apart and self.frame.person_key in self.subset else (self,)

    @cached_property
    def unique(self) -> frozenset[str]:
        return self.frame.unique | (set(self.subset) if len(self.subset) == 1 else set())


for _cls in (Merge, Concat, Distinct):
    hash_once(_cls)
