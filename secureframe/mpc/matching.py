"""Rows of several frames in the order of one key: one sort, and whatever any number of merges ask of it.

One side, the hub, looks its partners up in every other one: its left rows in a chain of merges on one key. All sides are
shuffled together and sorted by (absent, key, side). A key's rows then stand together: those of the hub in the middle, the
others around them in an order that is public. So a partner stands at one of a few public distances, and a lookup is a
selection by secret bits among the rows at these distances. Nothing else is sorted, however many merges there are.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from secureframe.mpc.program import Builder, ProgramError, Value


class Side(NamedTuple):
    """The rows of one frame.

    Parameters
    ----------
    key
        bits ``(width, n)``.
    present
        bits ``(1, n)``: the rows that have a key. The others match nothing, whatever stands there.
    most
        A public bound of present rows with one key; 1 where keys are unique.
    distinct
        Keys of present rows are unique beyond doubt, since the owner itself has made or checked them so.
    """

    key: Value
    present: Value
    most: int = 1
    distinct: bool = False


class Lookup(NamedTuple):
    """What the hub's rows ask of another side.

    Parameters
    ----------
    right
        The number of the side.
    planes
        bits ``(k, m)`` that are moved to the hub's rows; none where only a partner's existence is asked for.
    ariths
        arith values of m elements that are moved too.
    check
        Also tell whether two present rows of the side share a key. What is moved of it then means nothing.
    """

    right: int
    planes: Value | None = None
    ariths: tuple[Value, ...] = ()
    check: bool = False


class Found(NamedTuple):
    """For the hub's rows: bits ``(1, n)`` that tell who has a partner, what it holds (else zero), whether keys repeat."""

    matched: Value
    planes: Value | None
    ariths: tuple[Value, ...]
    violated: Value | None


def match(
    b: Builder, sides: Sequence[Side], hub: int, lookups: Sequence[Lookup], asked: Mapping[int, Value | None] | None = None
) -> tuple[list[Found], dict[int, Value]]:
    """Look the hub's rows up in other sides, and rows of other sides up in the hub, all by one sort.

    A side whose keys may repeat stands at the far end, so that its further rows move nobody else away: there can be one,
    or two around a hub of unique keys.

    Parameters
    ----------
    b
        The builder.
    sides
        Keys of one width.
    hub
        The number of the side that asks.
    lookups
        At most one a side.
    asked
        For the numbers of sides, whose keys are unique: which rows of the hub count as partners (all present ones if None).

    Returns
    -------
    list of Found
        In the order of the lookups.
    dict
        For every number in ``asked`` bits ``(1, m)``: the rows of that side that have a partner in the hub.

    Leakage
        None beyond the comparisons of ``sort``: the keys that it opens comparisons of are shuffled and distinct. Their lowest
        bits are the position, fixed before the shuffle and secret after it. Where keys are distinct within every side, the
        number of the side is enough, and absent rows have their position in place of a key.
    Rounds and bytes
        6 + one sort of N keys (N rows in all, s sides) of ``width + 1 + ceil(log2 N)`` bits, or
        ``max(width, ceil(log2 N)) + 1 + ceil(log2 s)`` where all are distinct (and 1 round more) + about
        ``ceil(log2(width + 1)) + 2 + ceil(log2 s)``, and ``ceil(log2 most)`` where the hub's keys repeat; arith payload takes 2
        rounds more a step, or 3 at the end and elements of the hub's rows alone, where these are unique and there is one place to
        look. What is moved is moved twice: keys, flags and payload there (of the widest side alone, where those of all would take
        more words), all payloads back; in as few bytes an element as hold them.
    Source
        Sort-based joins: Hamada et al. 2012; Badrinarayanan et al., "Secret-shared joins with multiplicity from aggregation
        trees", CCS 2022.
    """
    _check(sides, hub, lookups)
    return _Match(b, sides, hub, lookups, asked or {}).run()


def _check(sides: Sequence[Side], hub: int, lookups: Sequence[Lookup]) -> None:
    width = sides[hub].key.rows
    if any(s.key.rows != width or s.present.n != s.key.n or s.present.rows != 1 for s in sides):
        raise ProgramError("keys of one width, and one presence bit a row, expected")
    numbers = [each.right for each in lookups]
    if hub in numbers or len(set(numbers)) < len(numbers):
        raise ProgramError("one lookup a side expected, and none in the hub itself")
    for each in lookups:
        n = sides[each.right].key.n
        if any(value.n != n for value in (*each.ariths, *(() if each.planes is None else (each.planes,)))):
            raise ProgramError("a payload has the rows of its side")
        if sides[each.right].most > 1 and not each.check and (each.planes is not None or each.ariths):
            raise ProgramError("rows with a key that may repeat are only asked for their existence")


_Answer = tuple[Value, Value | None, list[Value]]
"""Match bits, planes and ariths of one lookup."""


class _Match:
    """One sort, and what is computed in its order."""

    def __init__(
        self, b: Builder, sides: Sequence[Side], hub: int, lookups: Sequence[Lookup], asked: Mapping[int, Value | None]
    ) -> None:
        self.b, self.sides, self.hub, self.lookups, self.asked = b, sides, hub, lookups, asked
        self.checked = {each.right for each in lookups if each.check}
        self.order = self._standing()
        self.total = sum(side.key.n for side in sides)
        self.at = {}
        start = 0
        for number in self.order:
            self.at[number] = start
            start += sides[number].key.n
        self._linked: dict[int, Value] = {}
        self._first_plane: dict[int, int] = {}

    # -- before the sort ---------------------------------------------------------------------------------------------

    def _loose(self, number: int) -> bool:
        return self.sides[number].most > 1 or number in self.checked

    def _standing(self) -> list[int]:
        """The order of sides among the rows of a key: around the hub, keys that may repeat at the ends.

        Whatever is moved: so that a later program with other columns finds the rows in the same order (``keeping.py``).
        """
        others = [number for number in range(len(self.sides)) if number != self.hub]
        firm = [n for n in others if not self._loose(n)]
        loose = [n for n in others if self._loose(n)]
        both = self.sides[self.hub].most == 1
        if len(loose) > (2 if both else 1):
            raise ProgramError("too many sides with keys that may repeat for one sort")
        above, below = (firm[::2], firm[1::2]) if both else (firm, [])
        for number in loose:
            (below if both and len(below) < len(above) else above).append(number)
        return [*above[::-1], self.hub, *below]

    def _spread(self, parts: Mapping[int, Value], kind: str, rows: int, limbs: int = 1) -> Value:
        """Values of some sides over the rows of all, zeros elsewhere."""
        b = self.b
        values = []
        for number in self.order:
            n = self.sides[number].key.n
            if number not in parts:
                values.append(b.zeros("arith" if kind == "arith" else "bits", rows, n, limbs))
                continue
            part = parts[number]
            missing = rows - part.rows
            values.append(b.rows([part, b.zeros(part.kind, missing, n, limbs)]) if missing else part)
        return b.concat(values)

    def _keys(self) -> tuple[Value, int, int]:
        """Planes to sort by, lowest first; how many of them break ties, and how many there are in all."""
        b, sides = self.b, self.sides
        index = (self.total - 1).bit_length()
        places = (len(sides) - 1).bit_length()
        width = sides[self.hub].key.rows
        present = {number: side.present for number, side in enumerate(sides)}
        absent = b.invert(self._spread(present, "bits", 1))
        if all(side.distinct for side in sides) and max(width, index) + places < width + index:
            # The owners' keys are distinct, so that their side tells rows of one key apart. Absent rows differ by position.
            wide = max(width, index)
            keys = {number: b.and_(side.key, side.present) for number, side in enumerate(sides)}
            apart = b.positions_where(absent, wide)
            key = b.xor(self._spread(keys, "bits", wide), apart)
            ties = [self._numbered(place) for place in range(places)]
            return b.rows([*ties, key, absent]), places, places + wide + 1
        key = self._spread({number: side.key for number, side in enumerate(sides)}, "bits", width)
        return b.rows([b.positions(self.total, index), key, absent]), index, index + width + 1

    def _numbered(self, place: int) -> Value:
        """One bit of the place of every row's side."""
        b = self.b
        parts = []
        for rank, number in enumerate(self.order):
            n = self.sides[number].key.n
            parts.append(b.ones_bits(1, n) if rank >> place & 1 else b.zeros("bits", 1, n))
        return b.concat(parts)

    # -- after the sort ----------------------------------------------------------------------------------------------

    def run(self) -> tuple[list[Found], dict[int, Value]]:
        b = self.b
        planes, ties, width = self._keys()
        payload = {each.right: each.planes for each in self.lookups if each.planes is not None}
        # Flags of present rows, one plane a side; partners that count where fewer than present; then the payload.
        flags = [self._spread({number: side.present}, "bits", 1) for number, side in enumerate(self.sides)]
        fewer = {id(v): v for v in self.asked.values() if v is not None}
        flags += [self._spread({self.hub: value}, "bits", 1) for value in fewer.values()]
        block = self._block(payload, width + len(flags))
        deep = sum(value.rows for value in block)
        record = b.pack(b.rows([planes, *flags, *block]))
        slots, stacked = self._arith_blocks()
        handle, moved = b.shuffle([record, *stacked.values()])
        order = b.sort(moved[0], width)
        sorted_planes = b.unpack(b.reorder(order, moved[0]), width + len(flags) + deep)
        ariths = {limbs: b.reorder(order, value) for limbs, value in zip(stacked, moved[1:], strict=True)}

        group = b.pick_rows(sorted_planes, range(ties, width))
        self._linked = {1: b.all_planes(b.invert(b.xor(group, b.shift(group, 1))))}
        here = [b.pick_rows(sorted_planes, [width + number]) for number in range(len(flags))]
        self.flags, counting = here[: len(self.sides)], dict(zip(fewer, here[len(self.sides) :], strict=True))
        block_here = b.pick_rows(sorted_planes, range(width + len(flags), width + len(flags) + deep)) if deep else None

        start, follows = self._first_of_hub()
        gathered = [self._gather(each, start, block_here, ariths, slots) for each in self.lookups]
        gathered = self._copied_down(gathered, follows)
        violated = [self._repeated(each.right) if each.check else None for each in self.lookups]
        partners = [self._partner(n, None if v is None else counting[id(v)], follows) for n, v in self.asked.items()]
        answers, asked = self._given_back(handle, order, gathered, partners)
        found = [
            Found(matched, planes, self._singled(lookup, ariths), told)
            for lookup, (matched, planes, ariths), told in zip(self.lookups, answers, violated, strict=True)
        ]
        return found, asked

    def _block(self, payload: Mapping[int, Value], before: int) -> list[Value]:
        """The payload of all sides beside ``before`` other planes, and where that of each begins.

        Sides have planes of their own where a row takes no more words for it, so that what one of them moves has no part in what
        a later program finds of another one; else they share planes, since a row is of one side.
        """
        widths = [value.rows for value in payload.values()]
        if -(-(before + sum(widths)) // 64) > -(-(before + max(widths, default=0)) // 64):
            self._first_plane = dict.fromkeys(payload, 0)
            return [self._spread(payload, "bits", max(widths))]
        self._first_plane = dict(zip(payload, itertools.accumulate([0, *widths]), strict=False))
        return [self._spread({number: value}, "bits", value.rows) for number, value in payload.items()]

    def _arith_blocks(self) -> tuple[dict[int, dict[int, tuple[int, ...]]], dict[int, Value]]:
        """Arith payloads of all sides in common rows, by limbs; and for every lookup which rows are its own."""
        b = self.b
        limbs = sorted({value.limbs for each in self.lookups for value in each.ariths})
        parts: dict[int, dict[int, Value]] = {k: {} for k in limbs}
        slots: dict[int, dict[int, tuple[int, ...]]] = {}
        for each in self.lookups:
            slots[each.right] = {}
            for k in limbs:
                own = [value for value in each.ariths if value.limbs == k]
                if own:
                    parts[k][each.right] = own[0] if len(own) == 1 else b.rows(own)
                    slots[each.right][k] = tuple(value.rows for value in own)
        deep = {k: max(value.rows for value in parts[k].values()) for k in limbs}
        return slots, {k: self._spread(parts[k], "arith", deep[k], k) for k in limbs}

    def _at(self, value: Value, offset: int) -> Value:
        """For every row, what stands ``offset`` rows before it; behind it if negative. Zero beyond the ends."""
        b = self.b
        if offset > 0:
            return b.shift(value, offset)
        zeros = b.zeros(value.kind, value.rows, -offset, value.limbs)
        return b.concat([b.cut(value, -offset, value.n), zeros])

    def _one_key(self, distance: int) -> Value:
        """Whether a row and the one ``distance`` before it have one key."""
        if distance not in self._linked:
            b, half = self.b, distance // 2
            near, far = self._one_key(distance - half), self._one_key(half)
            self._linked[distance] = b.and_(near, b.shift(far, distance - half))
        return self._linked[distance]

    def _offsets(self, number: int) -> list[int]:
        """Where, seen from the hub's rows, the row of a side may stand; fewer where there are not so many rows."""
        distance = self.order.index(self.hub) - self.order.index(number)
        sign = 1 if distance > 0 else -1
        return [sign * d for d in range(1, abs(distance) + 1) if d < self.total]

    def _first_of_hub(self) -> tuple[Value, Value | None]:
        """The hub's rows that look around, and where keys repeat those that follow another one with their key."""
        b, here = self.b, self.flags[self.hub]
        if self._most() == 1:
            return here, None
        follows = b.and_(b.and_(here, b.shift(here, 1)), self._one_key(1))
        return b.xor(here, follows), follows

    def _most(self) -> int:
        return min(self.sides[self.hub].most, self.sides[self.hub].key.n)

    def _near(self, here: Value, there: Value, offset: int) -> Value:
        """Rows with one bit whose row at an offset has their key and another bit."""
        b = self.b
        linked = self._one_key(abs(offset))
        return b.and_(b.and_(here, self._at(there, offset)), linked if offset > 0 else self._at(linked, offset))

    def _any(self, bits: Sequence[Value], *, exclusive: bool) -> Value:
        if len(bits) == 1:
            return bits[0]
        if not exclusive:
            return self.b.any_plane(self.b.rows(bits))
        found = bits[0]
        for each in bits[1:]:
            found = self.b.xor(found, each)
        return found

    def _gather(
        self,
        lookup: Lookup,
        start: Value,
        block: Value | None,
        ariths: Mapping[int, Value],
        slots: Mapping[int, Mapping[int, tuple[int, ...]]],
    ) -> _Answer:
        """Match bits and payload of one lookup, at the hub's rows that look around."""
        b, number = self.b, lookup.right
        offsets = self._offsets(number)
        masks = [self._near(start, self.flags[number], offset) for offset in offsets]
        matched = self._any(masks, exclusive=self.sides[number].most == 1)
        planes = None
        if lookup.planes is not None and block is not None:
            first = self._first_plane[number]
            own = b.pick_rows(block, range(first, first + lookup.planes.rows))
            planes = self._any([b.and_(self._at(own, o), mask) for o, mask in zip(offsets, masks, strict=True)], exclusive=True)
        moved = []
        for limbs, rows in slots[number].items():
            own = b.pick_rows(ariths[limbs], range(sum(rows)))
            if self._masked_at_home(number):
                moved.append(self._at(own, offsets[0]))
                continue
            terms = [b.multiply(self._at(own, o), b.to_arith(mask, limbs)) for o, mask in zip(offsets, masks, strict=True)]
            total = terms[0]
            for term in terms[1:]:
                total = b.add(total, term)
            moved.append(total)
        return matched, planes, moved

    def _masked_at_home(self, number: int) -> bool:
        """Whether arith payload is masked only once it is back at the hub's rows, of which there are fewer than of all.

        There is one place to look, and nobody after the first row of a key copies what stands there: then the bit that says
        whether a partner was found is the mask, and what stands beside rows without one is masked with it.
        """
        return len(self._offsets(number)) == 1 and self._most() == 1

    def _copied_down(self, gathered: list[_Answer], follows: Value | None) -> list[_Answer]:
        """What the first row of a key in the hub has found, in all of its rows there, by doubling."""
        if follows is None:
            return gathered
        b = self.b
        planes = b.rows([value for matched, bits, _ in gathered for value in (matched, bits) if value is not None])
        ariths = [value for _, _, values in gathered for value in values]
        reach, distance, linked = self._most() - 1, 1, follows
        while distance <= reach:
            planes = b.xor(planes, b.and_(b.shift(planes, distance), linked))
            factors = {limbs: b.to_arith(linked, limbs) for limbs in sorted({v.limbs for v in ariths})}
            ariths = [b.add(v, b.multiply(b.shift(v, distance), factors[v.limbs])) for v in ariths]
            if 2 * distance <= reach:
                linked = b.and_(linked, b.shift(linked, distance))
            distance *= 2
        return self._parted(gathered, planes, ariths)

    def _parted(self, like: list[_Answer], planes: Value, ariths: Sequence[Value]) -> list[_Answer]:
        """Stacked planes and ariths as what belongs to each lookup."""
        b, at, rest = self.b, 0, iter(ariths)
        parts = []
        for _, bits, values in like:
            deep = 0 if bits is None else bits.rows
            matched = b.pick_rows(planes, [at])
            moved = b.pick_rows(planes, range(at + 1, at + 1 + deep)) if deep else None
            parts.append((matched, moved, [next(rest) for _ in values]))
            at += 1 + deep
        return parts

    def _repeated(self, number: int) -> Value:
        """One bit: does a present row of a side follow another one with its key?"""
        b, here = self.b, self.flags[number]
        pairs = self._near(here, here, 1)
        return b.invert(b.is_zero(b.count_bits(pairs), pairs.n.bit_length() + 1))

    def _partner(self, number: int, counting: Value | None, follows: Value | None) -> Value:
        """The rows of a side that have a partner in the hub."""
        b = self.b
        partners = self.flags[self.hub] if counting is None else counting
        if counting is not None and follows is not None:
            # The row that is seen is the first one of its key: it has to know of all further ones.
            reach, distance, linked = self._most() - 1, 1, follows
            while distance <= reach:
                partners = b.or_(partners, self._at(b.and_(partners, linked), -distance))
                if 2 * distance <= reach:
                    linked = b.and_(linked, b.shift(linked, distance))
                distance *= 2
        seen = [self._near(self.flags[number], partners, -offset) for offset in self._offsets(number)]
        return self._any(seen, exclusive=follows is None)

    def _given_back(
        self, handle: Value, order: Value, gathered: list[_Answer], partners: Sequence[Value]
    ) -> tuple[list[_Answer], dict[int, Value]]:
        """Everything in its own row again, cut to the rows that asked."""
        b = self.b
        stacked = [value for matched, bits, _ in gathered for value in (matched, bits) if value is not None]
        # Sides that ask have no rows in common: their answers share a plane.
        shared = [self._any(partners, exclusive=True)] if partners else []
        ariths = [value for _, _, values in gathered for value in values]
        planes = b.rows([*stacked, *shared])
        back = b.unshuffle(handle, [b.restore(order, value) for value in (b.pack(planes), *ariths)])
        unpacked = b.unpack(back[0], planes.rows)
        asked = {number: self._cut(b.pick_rows(unpacked, [planes.rows - 1]), number) for number in self.asked}
        cut_ariths = [self._cut(value, self.hub) for value in back[1:]]
        answers = self._parted(gathered, self._cut(unpacked, self.hub), cut_ariths)
        return [self._masked(lookup.right, answer) for lookup, answer in zip(self.lookups, answers, strict=True)], asked

    def _masked(self, number: int, answer: _Answer) -> _Answer:
        """An answer whose arith payload is zero where no partner was found."""
        matched, planes, ariths = answer
        if self._masked_at_home(number):
            ariths = [self.b.multiply(value, self.b.to_arith(matched, value.limbs)) for value in ariths]
        return matched, planes, ariths

    def _singled(self, lookup: Lookup, stacked: Sequence[Value]) -> tuple[Value, ...]:
        """The ariths of a lookup in the order in which they were given."""
        b = self.b
        by_limbs = {value.limbs: value for value in stacked}
        taken = dict.fromkeys(by_limbs, 0)
        out = []
        for value in lookup.ariths:
            at = taken[value.limbs]
            taken[value.limbs] = at + value.rows
            whole = by_limbs[value.limbs]
            out.append(whole if whole.rows == value.rows else b.pick_rows(whole, range(at, at + value.rows)))
        return tuple(out)

    def _cut(self, value: Value, number: int) -> Value:
        start, stop = self.at[number], self.at[number] + self.sides[number].key.n
        return value if (start, stop) == (0, value.n) else self.b.cut(value, start, stop)
