"""A join in linear time and few rounds that opens which shuffled rows have one key: in place of ``match``, where that may be.

The rows of all sides are shuffled together, their keys are tagged (``tags.py``), and what each looked-up side holds is added
up over the rows of a key: those that asked find there what the one row of that side holds, since their own payload is zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secureframe.mpc.matching import Found, Lookup, Side
from secureframe.mpc.program import TAG_BITS, Builder, ProgramError, Value


def tagged_width(width: int, rows: int) -> int:
    """Return how many bits are tagged, for keys of some width and rows of all sides: key or position, and which of the two."""
    return max(width, (rows - 1).bit_length()) + 1


def match_tagged(
    b: Builder, sides: Sequence[Side], hub: int, lookups: Sequence[Lookup], asked: Mapping[int, Value | None] | None = None
) -> tuple[list[Found], dict[int, Value]]:
    """Look the hub's rows up in other sides, and rows of other sides up in the hub, by opened tags.

    Parameters
    ----------
    b
        The builder.
    sides
        Keys of one width, unique in every side that is looked up.
    hub
        The number of the side that asks; its keys may repeat.
    lookups
        At most one a side, none with ``check``.
    asked
        As for ``match``; only for a hub of unique keys.

    Returns
    -------
    As ``match``.

    Leakage
        To the three parties how many keys occur in one row, in two rows and so on, all sides together: for two sides of unique
        keys the number of keys that they have in common. Which of the shuffled rows have one key is opened; whose they are,
        and of which side, is not. A row without a key has its position as one, marked as such, and so is like any row without
        a partner. What is looked up, and who counts as a partner, has no influence on what is opened.
    Rounds and bytes
        22 for sides of N rows in all: 1 for keys, 6 for moving them and the payload there and the payload back, 15 for tags, of
        1,344 bits a row (``equal_keys``). Payload of every looked-up side takes planes of its own, and one more.
    Source
        See ``equal_keys``; the sum over the rows of a key in place of a cuckoo table that a party knows.
    """
    width = sides[hub].key.rows
    asked = asked or {}
    if any(s.key.rows != width or s.present.n != s.key.n or s.present.rows != 1 for s in sides):
        raise ProgramError("keys of one width, and one presence bit a row, expected")
    if any(each.check or sides[each.right].most > 1 or each.right == hub for each in lookups):
        raise ProgramError("sides of unique keys expected")
    if asked and sides[hub].most > 1:
        raise ProgramError("a hub of unique keys expected")
    layout = _Layout(b, sides)
    key = layout.keys(width)
    planes: list[Value] = []
    ariths: list[Value] = []
    wanted: list[tuple[int, Value | None]] = []
    for each in lookups:
        held = [sides[each.right].present, *(() if each.planes is None else (each.planes,))]
        wanted.append((len(planes), each.planes))
        planes += [layout.spread({each.right: value}) for value in held]
        ariths += [layout.spread({each.right: value}) for value in each.ariths]
    counting = {id(value): sides[hub].present if value is None else value for value in asked.values()}
    planes += [layout.spread({hub: value}) for value in counting.values()]
    record = b.pack(b.rows([key, *planes]))
    handle, (record, *ariths) = b.shuffle([record, *ariths])
    groups = b.equal_keys(record, key.rows)
    deep = sum(value.rows for value in planes)
    block = b.pack(b.pick_rows(b.unpack(record, key.rows + deep), range(key.rows, key.rows + deep)))
    totals = [b.group_totals(groups, value) for value in (block, *ariths)]
    back, *ariths = b.unshuffle(handle, totals)
    block, rest = b.unpack(back, deep), iter(ariths)
    starts = [sum(value.rows for value in planes[:at]) for at in range(len(planes))]
    here = layout.cut(block, hub)
    found = [
        Found(
            b.pick_rows(here, [starts[at]]),
            None if held is None else b.pick_rows(here, range(starts[at + 1], starts[at + 1] + held.rows)),
            tuple(layout.cut(next(rest), hub) for _ in each.ariths),
            None,
        )
        for each, (at, held) in zip(lookups, wanted, strict=True)
    ]
    first = len(planes) - len(counting)
    places = {name: starts[first + at] for at, name in enumerate(counting)}
    partners = {n: layout.cut(b.pick_rows(block, [places[id(value)]]), n) for n, value in asked.items()}
    return found, partners


class _Layout:
    """The rows of all sides, one side after the other."""

    def __init__(self, b: Builder, sides: Sequence[Side]) -> None:
        self.b, self.sides = b, sides
        self.sizes = [side.key.n for side in sides]

    def spread(self, parts: Mapping[int, Value]) -> Value:
        """Values of some sides over the rows of all, zeros elsewhere."""
        b = self.b
        like = next(iter(parts.values()))
        zeros = [None if n in parts else b.zeros(like.kind, like.rows, size, like.limbs) for n, size in enumerate(self.sizes)]
        return self._joined([parts[n] if value is None else value for n, value in enumerate(zeros)])

    def _joined(self, values: list[Value]) -> Value:
        b, first = self.b, values[0]
        if first.kind != "arith" or first.rows == 1:
            return b.concat(values)
        return b.rows([b.concat([b.pick_rows(value, [r]) for value in values]) for r in range(first.rows)])

    def keys(self, width: int) -> Value:
        """What is tagged: the keys of rows that have one; of the others the positions, and one bit more."""
        b, total = self.b, sum(self.sizes)
        wide = tagged_width(width, total) - 1
        if wide >= TAG_BITS:
            raise ProgramError(f"keys of fewer than {TAG_BITS} bits expected")
        absent = b.invert(b.concat([side.present for side in self.sides]))
        keys = [b.and_(side.key, side.present) for side in self.sides]
        key = b.concat([b.rows([k, b.zeros("bits", wide - width, k.n)]) if wide > width else k for k in keys])
        return b.rows([b.xor(key, b.positions_where(absent, wide)), absent])

    def cut(self, value: Value, number: int) -> Value:
        start = sum(self.sizes[:number])
        return self.b.cut(value, start, start + self.sizes[number])
