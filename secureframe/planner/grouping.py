"""A person's rows at several institutions: told apart on shares, and reduced to one row.

Where an owner's table holds a person's rows one after the other, it says so with one bit a row. Where a person may be at
several institutions, their rows are brought into the order of the person key by one oblivious sort, flags and values with
them, and taken back afterwards. Either way nobody learns who has how many rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from secureframe.errors import PlanError
from secureframe.mpc import runs
from secureframe.mpc.numeric import lift
from secureframe.mpc.program import Builder, Value, bit_length, limbs_for
from secureframe.plan.combining import Concat, Distinct
from secureframe.plan.expressions import ColumnRef
from secureframe.plan.forms import PLANES, PRESENT, SAME, TRUTH, VALID, Encoding, Form, arith, key_encoding, rows_of
from secureframe.plan.nodes import Aggregation, Filter, GroupPersons, Node, Project, SortRows, orders
from secureframe.plan.parts import Count
from secureframe.plan.rosters import KEY, roster, unfiltered
from secureframe.plan.unions import spans_domains, union_type, widened
from secureframe.planner.quotients import QuotientShape, rounded_quotient
from secureframe.schema.types import ColumnType

if TYPE_CHECKING:
    from secureframe.planner.frames import FrameCompiler

REDUCED_LOCALLY = {"count": "count", "sum": "sum", "mean": "sum", "min": "min", "max": "max", "any": "any", "first": "first"}
"""What an owner can do of a reduction before its rows meet those of others."""
AT = "__at "
"""Before an owner's name: the column of a reduction that says whether a person has a row there; no statement can name it."""


def sort_key(c: FrameCompiler, rows: Node) -> tuple[Value, Value]:
    """The person key of a roster as planes to sort by, and which rows have one."""
    key = ColumnRef(KEY)
    type_ = rows.schema[KEY].type
    if spans_domains(type_):
        raise PlanError("persons of several domains are not told apart by their keys")
    encoding = key_encoding(type_, type_)
    return c.value(rows, key, encoding), c.builder.and_(c.value(rows, None, VALID), c.value(rows, key, PRESENT))


class Persons:
    """Flags of rows reduced to persons: of the rows of one person only the first with a flag keeps it.

    All flags that a job asks about on the same rows are registered first, so that one sort serves them all.
    """

    def __init__(self, c: FrameCompiler) -> None:
        self.c = c
        self._makers: dict[Node, dict[Hashable, Callable[[], Value]]] = {}
        self._found: dict[tuple[Node, Hashable], Value] = {}

    def register(self, frame: Node, key: Hashable, make: Callable[[], Value]) -> None:
        """Announce flags over the rows of a frame."""
        self._makers.setdefault(unfiltered(frame), {}).setdefault(key, make)

    def first(self, frame: Node, key: Hashable) -> Value:
        """Return registered flags, the second and further ones of every person taken out; in an order of their own."""
        rows = unfiltered(frame)
        if (rows, key) not in self._found:
            self._emit(rows, frame)
        return self._found[rows, key]

    def _emit(self, rows: Node, frame: Node) -> None:
        c, b = self.c, self.c.builder
        makers = {key: make for key, make in self._makers[rows].items() if (rows, key) not in self._found}
        planes = {key: make() for key, make in makers.items()}
        flags = b.rows(list(planes.values()))
        most = frame.rows_per_person
        if rows.apart:
            same = c.value(rows, None, SAME)
        else:
            key, present = sort_key(c, roster(frame))
            arranged = runs.arrange(b, key=key, present=present, words=[b.pack(flags)], ariths=[])
            flags, same = b.unpack(arranged.words[0], flags.rows), arranged.same
        first = b.and_(flags, b.invert(runs.seen_before(b, flags, same, most)))
        at = 0
        for key_, value in planes.items():
            self._found[rows, key_] = b.pick_rows(first, range(at, at + value.rows))
            at += value.rows


def first_of_keys(c: FrameCompiler, frame: Node, keys: Sequence[str], flags: Mapping[Count, Value]) -> dict[Count, Value]:
    """Return flags of rows, of those that agree in some columns only the first with a flag; in an order of their own.

    Rows in which a key is missing lose their flags.
    """
    b = c.builder
    planes, there = [], [c.value(frame, None, VALID)]
    for name in keys:
        type_ = frame.schema[name].type
        planes.append(c.value(frame, ColumnRef(name), key_encoding(type_, type_)))
        if type_.nullable:
            there.append(c.value(frame, ColumnRef(name), PRESENT))
    stacked = b.rows(list(flags.values()))
    present = b.all_planes(b.rows(there)) if len(there) > 1 else there[0]
    key = b.rows(planes) if len(planes) > 1 else planes[0]
    arranged = runs.arrange(b, key=key, present=present, words=[b.pack(b.and_(stacked, present))], ariths=[])
    moved = b.unpack(arranged.words[0], stacked.rows)
    first = b.and_(moved, b.invert(runs.seen_before(b, moved, arranged.same, moved.n)))
    found, at = {}, 0
    for part, value in flags.items():
        found[part] = b.pick_rows(first, range(at, at + value.rows))
        at += value.rows
    return found


def order_planes(c: FrameCompiler, frame: Node) -> Value | None:
    """The order of a frame's rows as planes, lowest first, where several institutions have to make it together; missing last."""
    b = c.builder
    planes = []
    for node in reversed(orders(frame)):
        for name in reversed(node.by):
            column, type_ = ColumnRef(name), node.schema[name].type
            value = c.value(node, column, PLANES)
            value = value if node.ascending else b.invert(value)
            if type_.nullable:
                present = c.value(node, column, PRESENT)
                planes += [b.and_(value, present), b.invert(present)]
            else:
                planes.append(value)
    return b.rows(planes) if len(planes) > 1 else planes[0] if planes else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """A column of a reduction on shares: ring elements (grid integers, for a count or sum) or planes, and where there is one."""

    number: Value | None = None
    planes: Value | None = None
    present: Value | None = None


def locally_reduced(node: GroupPersons) -> tuple[Node, dict[str, tuple[str, ...]]]:
    """Return the rows that are reduced on shares, and for every aggregation the columns there that it is made of.

    Every institution reduces its own rows first; a mean travels as a sum and a count.
    """
    found = node.frame.branches
    columns: dict[str, tuple[str, ...]] = {a.name: (a.column,) for a in node.aggregations}
    if node.in_order or len(found) < 2 or all(b.rows_per_person == 1 for b in found) or any(len(b.owners) > 1 for b in found):
        return node.frame, columns
    inner: list[Aggregation] = []
    for number, a in enumerate(node.aggregations):
        inner.append(Aggregation(name=f"part {number}", column=a.column, how=REDUCED_LOCALLY.get(a.how, a.how)))
        columns[a.name] = (f"part {number}",)
        if a.how == "mean":
            inner.append(Aggregation(name=f"rows {number}", column=a.column, how="count"))
            columns[a.name] = (f"part {number}", f"rows {number}")
    reduced = [GroupPersons(b, node.key, tuple(inner)) for b in found]
    names = list(reduced[0].schema)
    types = {n: union_type([r.schema[n].type for r in reduced], n) for n in names}
    stacked = Concat(tuple(Project(r, tuple((n, widened(n, r.schema[n].type, types[n])) for n in names)) for r in reduced))
    return stacked, columns


def reduce_persons(c: FrameCompiler, node: GroupPersons, names: Sequence[str]) -> tuple[Value, dict[str, Reduced]]:
    """Return which rows stand for a person, and the asked-for aggregations there, at the rows of ``locally_reduced(node)``.

    Among the names may be owners, as ``AT + owner``.
    """
    b = c.builder
    rows, columns = locally_reduced(node)
    asked = [a for a in node.aggregations if a.name in names]
    most = rows.rows_per_person
    valid = c.value(rows, None, VALID)
    sources = {a.name: _sources(c, rows, a, columns[a.name]) for a in asked}
    owners = [name for name in names if name.startswith(AT)]
    if owners:
        anywhere = c.value(with_repeats(rows), None, VALID)
        sources |= {name: [c.rows_at(rows, anywhere, name.removeprefix(AT))] for name in owners}
    if most == 1:
        return valid, _all_finished(b, asked, owners, node, sources)
    handle = None
    base = unfiltered(rows)
    tie = order_planes(c, node.frame)
    if base.apart and tie is None:
        same = c.value(base, None, SAME)
    else:
        key, present = sort_key(c, roster(rows))
        bits = [valid] + [v for s in sources.values() for v in s if v.kind == "bits"]
        ariths = [v for s in sources.values() for v in s if v.kind == "arith"]
        arranged = runs.arrange(b, key=key, present=present, words=[b.pack(b.rows(bits))], ariths=ariths, tie=tie)
        handle, same = arranged, arranged.same
        planes = b.unpack(arranged.words[0], sum(v.rows for v in bits))
        moved_bits, at = [], 0
        for v in bits:
            moved_bits.append(b.pick_rows(planes, range(at, at + v.rows)))
            at += v.rows
        valid, rest = moved_bits[0], iter(moved_bits[1:])
        moved_ariths = iter(arranged.ariths)
        sources = {n: [next(rest) if v.kind == "bits" else next(moved_ariths) for v in s] for n, s in sources.items()}
    scanned = {a.name: _scanned(b, a, node.frame.schema[a.column].type, sources[a.name], same, most) for a in asked}
    scanned |= {name: [runs.scan_any(b, sources[name][0], same, most)] for name in owners}
    last = b.and_(runs.is_last(b, same), runs.scan_any(b, valid, same, most))
    if handle is not None:
        bits = [last] + [v for s in scanned.values() for v in s if v.kind == "bits"]
        ariths = [v for s in scanned.values() for v in s if v.kind == "arith"]
        back_words, back_ariths = runs.give_back(b, handle, words=[b.pack(b.rows(bits))], ariths=ariths)
        planes = b.unpack(back_words[0], sum(v.rows for v in bits))
        returned, at = [], 0
        for v in bits:
            returned.append(b.pick_rows(planes, range(at, at + v.rows)))
            at += v.rows
        last, rest, moved_ariths = returned[0], iter(returned[1:]), iter(back_ariths)
        scanned = {n: [next(rest) if v.kind == "bits" else next(moved_ariths) for v in s] for n, s in scanned.items()}
    return last, _all_finished(b, asked, owners, node, scanned)


def with_repeats(frame: Node) -> Node:
    """The same rows, with those that only repeat what others of their person hold."""
    match frame:
        case Distinct(frame=below, subset=subset, keep=keep) if below.person_key in subset and keep != "none":
            return with_repeats(below)
        case Project() | Filter() | SortRows() if len(frame.owners) > 1:
            return replace(frame, frame=with_repeats(frame.frame))
        case _:
            return frame


def _all_finished(
    b: Builder, asked: Sequence[Aggregation], owners: Sequence[str], node: GroupPersons, values: dict[str, list[Value]]
) -> dict[str, Reduced]:
    found = {a.name: _finished(b, a, node, values[a.name]) for a in asked}
    return found | {name: Reduced(planes=values[name][0]) for name in owners}


def _sources(c: FrameCompiler, rows: Node, a: Aggregation, columns: tuple[str, ...]) -> list[Value]:
    """What of a valid row goes into an aggregation; zero everywhere else."""
    b = c.builder
    valid = c.value(rows, None, VALID)
    column = ColumnRef(columns[0])
    type_ = rows.schema[columns[0]].type
    reduced_before = columns[0] != a.column

    def number(name: str) -> Value:
        """Grid integers of valid rows, zero where missing."""
        own = rows.schema[name].type
        limbs = limbs_for(bit_length(own.low * rows.rows_per_person, own.high * rows.rows_per_person) + 2)
        there = b.and_(valid, c.value(rows, ColumnRef(name), PRESENT)) if own.nullable else valid
        grid = b.add_public(c.value(rows, ColumnRef(name), arith(limbs)), [own.centre])
        return b.multiply(grid, b.to_arith(there, limbs))

    present = b.and_(valid, c.value(rows, column, PRESENT)) if type_.nullable else valid
    match a.how:
        case "count":
            return [number(columns[0]) if reduced_before else b.to_arith(present)]
        case "sum":
            return [number(columns[0])]
        case "mean":
            return [number(columns[0]), number(columns[1]) if reduced_before else b.to_arith(present)]
        case "any":
            return [b.and_(valid, c.value(rows, column, TRUTH))]
        case "min" | "max":
            return [number(columns[0]), present]
        case _:
            return [c.value(rows, column, PLANES), present]


def _scanned(b: Builder, a: Aggregation, type_: ColumnType, source: list[Value], same: Value, most: int) -> list[Value]:
    match a.how:
        case "count" | "sum" | "mean":
            return [runs.scan_sum(b, v, same, most) for v in source]
        case "any":
            return [runs.scan_any(b, source[0], same, most)]
        case "min" | "max":
            width = bit_length(min(type_.low, 0), max(type_.high, 0))
            return list(runs.scan_extreme(b, source[0], source[1], width, same, most, largest=a.how == "max"))
        case _:
            return list(runs.scan_first(b, source[0], source[1], same, most, last=a.how == "last"))


def _finished(b: Builder, a: Aggregation, node: GroupPersons, values: list[Value]) -> Reduced:
    match a.how:
        case "count" | "sum":
            return Reduced(number=values[0])
        case "mean":
            return _mean(b, values, node.frame.schema[a.column].type, node.schema[a.name].type, node.frame.rows_per_person)
        case "any":
            return Reduced(planes=values[0])
        case "min" | "max":
            return Reduced(number=values[0], present=values[1])
        case _:
            return Reduced(planes=values[0], present=values[1])


def _mean(b: Builder, values: list[Value], type_: ColumnType, result: ColumnType, rows: int) -> Reduced:
    """Sum by count, rounded half to even on the mean's own grid; missing where nothing is left."""
    ratio = type_.step / result.step
    shape = QuotientShape(lo=result.low, hi=result.high, denominator=rows * ratio.denominator)
    width = bit_length(min(type_.low * rows, 0), max(type_.high * rows, 0))
    total = _lifted(b, values[0], width, shape.limbs)
    none = b.is_zero(values[1], rows.bit_length() + 1)
    count = _lifted(b, values[1], rows.bit_length() + 1, shape.limbs)
    divisor = b.add(count, b.to_arith(none, shape.limbs))
    quotient = rounded_quotient(
        b, b.multiply_public(total, [ratio.numerator]), b.multiply_public(divisor, [ratio.denominator]), shape
    )
    return Reduced(number=quotient, present=b.invert(none))


def _lifted(b: Builder, x: Value, width: int, limbs: int) -> Value:
    if x.limbs == limbs:
        return x
    return b.narrow(x, limbs) if x.limbs > limbs else lift(b, x, width, limbs)


def in_form(c: FrameCompiler, reduced: Reduced, type_: ColumnType, encoding: Encoding) -> Value | None:
    """A reduced column in a form; None where the form has to be made by other means."""
    b = c.builder
    match encoding.form:
        case Form.PRESENT:
            if reduced.present is not None:
                return reduced.present
            some = reduced.planes if reduced.planes is not None else None
            n = some.n if some is not None else reduced.number.n if reduced.number is not None else 0
            return b.constant_bits([[True] * n])
        case Form.TRUTH:
            return reduced.planes
        case Form.PLANES if reduced.planes is not None:
            return reduced.planes
        case Form.PLANES:
            assert reduced.number is not None
            planes = b.to_bits(b.add_public(reduced.number, [-type_.low]), type_.width)
            return planes if reduced.present is None else b.and_(planes, reduced.present)
        case Form.ARITH:
            limbs = encoding.limbs
            if reduced.number is not None:
                number = _lifted(b, reduced.number, bit_length(type_.low, type_.high), limbs)
                shifted = b.add_public(number, [-type_.centre])
            else:
                assert reduced.planes is not None
                planes = b.to_arith(reduced.planes, limbs)
                shifted = b.add_public(b.combine(planes, [1 << i for i in range(planes.rows)]), [type_.low - type_.centre])
            return shifted if reduced.present is None else b.multiply(shifted, b.to_arith(reduced.present, limbs))
        case _:
            return None


def placeholder(encoding: Encoding, type_: ColumnType | None, n: int, number: int) -> Value:
    """A value of the right shape for the pass that only notes what is needed."""
    if encoding.form is Form.ARITH:
        return Value(number, "arith", 1, n, encoding.limbs)
    return Value(number, "bits", rows_of(encoding, type_), n)
