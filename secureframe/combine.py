"""What pandas' ``merge`` and ``concat`` mean in nodes: every ``how`` made of three merges and a stack of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from secureframe.errors import PlanError
from secureframe.plan.combining import Concat, Merge
from secureframe.plan.expressions import ColumnRef, Expr, Literal, Widen
from secureframe.plan.nodes import Node, Project
from secureframe.plan.unions import union_type, widened
from secureframe.schema.types import ColumnType, Kind

HOWS = ("inner", "left", "right", "outer", "left_anti", "right_anti")
_MIRRORED = {"inner": "inner", "left": "right", "right": "left", "outer": "outer"}

VALIDATE = {
    "1:1": (True, True),
    "one_to_one": (True, True),
    "1:m": (True, False),
    "one_to_many": (True, False),
    "m:1": (False, True),
    "many_to_one": (False, True),
    "m:m": (False, False),
    "many_to_many": (False, False),
}
"""For every spelling of ``validate`` whether the left and whether the right key must be unique."""


def merged(
    left: Node,
    right: Node,
    left_on: tuple[str, ...],
    right_on: tuple[str, ...],
    how: str,
    suffixes: tuple[str, str],
    validate: str | None,
) -> Node:
    """Return the frame of a merge, its columns in pandas' order.

    Raises
    ------
    PlanError
        If neither side is known to have unique keys, or ``validate`` says what the owners' declarations do not allow.
    """
    if how not in HOWS:
        raise PlanError(f"merge(how={how!r}) is not offered", hint=", ".join(f"how={h!r}" for h in HOWS))
    if validate is not None and validate not in VALIDATE:
        raise PlanError(f"validate={validate!r} is not offered", hint="validate='1:1', 'm:1' or '1:m'")
    wanted = VALIDATE[validate] if validate else (False, False)
    _require_keys(left, right, left_on, right_on)
    order = column_order(left, right, left_on, right_on, suffixes)
    if how.endswith("_anti"):
        return _without_match(left, right, left_on, right_on, how, order)
    declared = is_unique(left, left_on), is_unique(right, right_on)
    if all(wanted) and not all(declared):
        checks = (not declared[0], not declared[1])
        return _onto(left, right, left_on, right_on, how, suffixes, order, checked=checks[1], rows_checked=checks[0])
    if declared[1] or (wanted[1] and not wanted[0]):
        return _onto(left, right, left_on, right_on, how, suffixes, order, checked=not declared[1])
    if declared[0] or (wanted[0] and not wanted[1]):
        swapped = (suffixes[1], suffixes[0])
        return _onto(right, left, right_on, left_on, _MIRRORED[how], swapped, order, checked=not declared[0])
    raise PlanError(
        f"the key {', '.join(right_on)} is unique in neither frame, so a person's rows would multiply",
        hint=f"right.groupby({right_on[0]!r}).agg(...), or validate='m:1' to have the right key checked on shares",
    )


def _require_keys(left: Node, right: Node, left_on: tuple[str, ...], right_on: tuple[str, ...]) -> None:
    """Refuse keys that are not there, before anything is made of them; whether they can be compared says ``Merge``."""
    if not left_on or len(left_on) != len(right_on):
        raise PlanError("a merge needs as many left as right keys", hint="left.merge(right, on=['practice', 'number'])")
    for frame, names, side in ((left, left_on, "left"), (right, right_on, "right")):
        for name in names:
            if name not in frame.schema:
                raise PlanError(f"the {side} frame has no column {name!r}", hint=f"its columns are {', '.join(frame.schema)}")


def is_unique(frame: Node, keys: tuple[str, ...]) -> bool:
    """Whether no two rows of a frame have one key, as its owners declare."""
    return bool(set(keys) & frame.unique)


def column_order(
    left: Node, right: Node, left_on: tuple[str, ...], right_on: tuple[str, ...], suffixes: tuple[str, str]
) -> dict[str, tuple[str, str]]:
    """Return the columns of a merge in pandas' order: for each its side (``left``, ``right`` or ``key``) and its name there."""
    shared = {a for a, b in zip(left_on, right_on, strict=True) if a == b}
    clash = (set(left.schema) & set(right.schema)) - shared
    order: dict[str, tuple[str, str]] = {}
    for side, frame, suffix in (("left", left, suffixes[0]), ("right", right, suffixes[1])):
        for name in frame.schema:
            if side == "right" and name in shared:
                continue
            new = name + suffix if name in clash else name
            if new in order:
                raise PlanError(f"two columns would be named {new!r}", hint="merge(..., suffixes=('_a', '_b'))")
            order[new] = ("key" if name in shared else side, name)
    return order


def _onto(
    rows: Node,
    one: Node,
    rows_on: tuple[str, ...],
    one_on: tuple[str, ...],
    how: str,
    suffixes: tuple[str, str],
    order: Mapping[str, tuple[str, str]],
    *,
    checked: bool,
    rows_checked: bool = False,
) -> Node:
    """A merge of rows with the one row of another frame that each may have; ``how`` as seen from the former."""
    if how == "right" and is_unique(rows, rows_on):
        node: Node = Merge(one, rows, one_on, rows_on, "left", (suffixes[1], suffixes[0]))
        return _ordered(node, order)
    if how in ("inner", "left"):
        return _ordered(Merge(rows, one, rows_on, one_on, how, suffixes, checked, rows_checked), order)
    found = Merge(rows, one, rows_on, one_on, "inner" if how == "right" else "left", suffixes, checked, rows_checked)
    _require_one_person(found, one, one_on, how)
    rest = Merge(one, rows, one_on, rows_on, "left_anti")
    names = {new: name for new, (side, name) in found.origins.items() if side == "right"}
    names |= {a: b for a, b in zip(rows_on, one_on, strict=True) if a == b}
    return aligned([_ordered(found, order), _padded(rest, order, names, found)])


def _require_one_person(found: Merge, one: Node, one_on: tuple[str, ...], how: str) -> None:
    """Refuse to stack rows whose persons are in different columns: those of the one frame are not found in the other's."""
    if one.person_key in one_on and found.left_on[one_on.index(one.person_key)] == found.left.person_key:
        return
    raise PlanError(
        f"merge(how={how!r}) on {', '.join(one_on)} keeps rows of either frame, whose persons are in different columns",
        hint="how='inner' or 'left'; or merge on the person key, alone or too: on=['id', 'visit']",
    )


def _padded(frame: Node, order: Mapping[str, tuple[str, str]], names: Mapping[str, str], like: Node) -> Node:
    """The rows of one side under the columns of a merge: what the other side would give is missing."""
    return Project(
        frame, tuple((new, ColumnRef(names[new]) if new in names else _nothing(like.schema[new].type)) for new in order)
    )


def _nothing(type_: ColumnType) -> Expr:
    return Widen(Literal(None), type_.null())


def _without_match(
    left: Node,
    right: Node,
    left_on: tuple[str, ...],
    right_on: tuple[str, ...],
    how: str,
    order: Mapping[str, tuple[str, str]],
) -> Node:
    """Rows of one frame that have no match in the other; as in pandas, with the other's columns, all missing."""
    if how == "left_anti":
        side, other, node = "left", right, Merge(left, right, left_on, right_on, "left_anti")
    else:
        side, other, node = "right", left, Merge(right, left, right_on, left_on, "left_anti")
    definitions = []
    for new, (origin, name) in order.items():
        own = origin in ("key", side)
        definitions.append((new, ColumnRef(name) if own else _nothing(other.schema[name].type)))
    return Project(node, tuple(definitions))


def _ordered(node: Node, order: Mapping[str, Any]) -> Node:
    if list(node.schema) == list(order):
        return node
    return Project(node, tuple((name, ColumnRef(name)) for name in order))


def aligned(frames: Sequence[Node]) -> Concat:
    """Return frames with the same columns one after the other, each column in the type that all have in common."""
    names = list(frames[0].schema)
    types = {name: union_type([f.schema[name].type for f in frames], name) for name in names}
    return Concat(tuple(_in_types(f, types) for f in frames))


def _in_types(frame: Node, types: Mapping[str, ColumnType]) -> Node:
    if list(frame.schema) == list(types) and all(frame.schema[n].type == t for n, t in types.items()):
        return frame
    return Project(frame, tuple((name, widened(name, frame.schema[name].type, t)) for name, t in types.items()))


def stacked(frames: Sequence[Node], *, join: str, keys: Sequence[Any] | None, name: str) -> Node:
    """Return the frame of ``concat``: columns aligned by name, a label column where ``keys`` are given.

    Raises
    ------
    PlanError
        If columns of one name are of different kinds, or nothing is in common.
    """
    if join not in ("outer", "inner"):
        raise PlanError(f"concat(join={join!r}) is not offered", hint="join='outer' or join='inner'")
    names = list(dict.fromkeys(n for f in frames for n in f.schema))
    if join == "inner":
        names = [n for n in names if all(n in f.schema for f in frames)]
    if not names:
        raise PlanError("the frames have no column in common", hint="join='outer'")
    types = {n: union_type([f.schema[n].type for f in frames if n in f.schema], n) for n in names}
    types = {n: t if all(n in f.schema for f in frames) else t.null() for n, t in types.items()}
    labels: list[tuple[tuple[str, Expr], ...]] = [() for _ in frames]
    if keys is not None:
        labels = _labels(frames, keys, name, names)
    found = []
    for frame, label in zip(frames, labels, strict=True):
        columns = tuple((n, widened(n, frame.schema[n].type, t) if n in frame.schema else _nothing(t)) for n, t in types.items())
        found.append(Project(frame, label + columns))
    return Concat(tuple(found)) if len(found) > 1 else found[0]


def _labels(frames: Sequence[Node], keys: Sequence[Any], name: str, names: Sequence[str]) -> list[tuple[tuple[str, Expr], ...]]:
    if len(keys) != len(frames):
        raise PlanError("concat needs one key a frame", hint="sf.concat([a, b], keys=['nl', 'de'], names=['country'])")
    if not all(isinstance(k, str) for k in keys) or len(set(keys)) != len(keys):
        raise PlanError("the keys of concat are different texts", hint="keys=['nl', 'de']")
    if name in names:
        raise PlanError(f"the frames have a column {name!r} already", hint="names=['centre']")
    label = ColumnType(kind=Kind.CATEGORY, lo=0, hi=len(keys) - 1, categories=tuple(keys))
    return [((name, Widen(Literal(k), label)),) for k in keys]
