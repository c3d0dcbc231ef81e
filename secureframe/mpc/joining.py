"""The join on a key that is unique on the right: sizes public, matches hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from secureframe.mpc.program import Builder, ProgramError, Value


class Joined(NamedTuple):
    """The match bits over the left rows, the payload there, and whether right keys turned out to repeat, if that was asked."""

    matched: Value
    words: tuple[Value, ...]
    ariths: tuple[Value, ...]
    violated: Value | None = None


def join_unique(
    b: Builder,
    *,
    left_key: Value,
    left_present: Value,
    right_key: Value,
    right_present: Value,
    words: Sequence[Value],
    ariths: Sequence[Value],
    left_unique: bool,
    most_left: int | None = None,
    check_unique: bool = False,
    check_left: bool = False,
) -> Joined:
    """For each left row, the payload of the right row with the same key; zero where there is none.

    Both sides, right rows first, are shuffled together and sorted by (absent, key, position): a right row then stands
    directly before the left rows that it matches. The payload is copied down, the order undone, the right side cut away.
    Absent rows (null keys, padding) sort behind all others and never match, whatever their keys.

    Parameters
    ----------
    b
        The builder.
    left_key, right_key
        bits ``(width, n)`` and ``(width, m)``.
    left_present, right_present
        bits ``(1, n)`` and ``(1, m)``. Among present rows, right keys are unique (validated by the owner).
    words, ariths
        Payload over the right rows: words and arith values of length m.
    left_unique
        Whether left keys are unique among present rows too: then one copying step is enough.
    most_left
        A public bound of left rows with one key, where they are not unique (default n).
    check_unique
        Right keys are not known to be unique: also return whether two present right rows share one. What is moved to their
        left rows then means nothing.
    check_left
        The same of left keys, which are treated as unique.

    Returns
    -------
    matched
        bits ``(1, n)``.
    words, ariths
        The payload over the left rows, in the given order.
    violated
        bits ``(1, 1)``, or None where uniqueness is not checked on either side.

    Leakage
        None beyond the comparisons of ``sort``: the keys that it opens comparisons of are shuffled, and distinct by the
        position in their low bits, which was fixed before the shuffle and is secret after it.
    Rounds and bytes
        6 + one sort of n + m keys of ``width + 1 + ceil(log2(n + m))`` bits + ``ceil(log2(width + 3)) + 1`` (unique) or
        ``ceil(log2(width + 1)) + floor(log2 most_left) + 2``; arith payload takes 3 rounds a copying step instead of 1.
        Payload is moved twice: each party sends 4 elements of it an element.
    Source
        Sort-based joins: Hamada et al. 2012; Badrinarayanan et al., "Secret-shared joins with multiplicity from aggregation
        trees", CCS 2022.
    """
    n, m = left_key.n, right_key.n
    if left_key.rows != right_key.rows or left_present.n != n or right_present.n != m:
        raise ProgramError("keys of one width, and one presence bit a row, expected")
    total = n + m
    key_planes, index_planes = left_key.rows, (total - 1).bit_length()
    width = index_planes + key_planes + 1
    key = b.concat([right_key, left_key])
    absent = b.invert(b.concat([right_present, left_present]))
    left_flag = b.concat([b.zeros("bits", 1, m), left_present])
    record = b.pack(b.rows([b.positions(total, index_planes), key, absent, left_flag]))

    if not left_unique:
        words = [b.mask_words(value, right_present) for value in words]
        if ariths:
            # One injection a limb count serves all ariths of that ring.
            factors = {limbs: b.to_arith(right_present, limbs) for limbs in sorted({v.limbs for v in ariths})}
            ariths = [b.multiply(value, factors[value.limbs]) for value in ariths]
    flag = [] if left_unique else [b.pack(right_present)]
    payload = [*flag, *words]
    padded = [b.concat([value, b.zeros("words", value.rows, n)]) for value in payload]
    padded_ariths = [_padded(b, value, n) for value in ariths]

    handle, moved = b.shuffle([record, *padded, *padded_ariths])
    order = b.sort(moved[0], width)
    planes = b.unpack(b.reorder(order, moved[0]), width + 1)
    sorted_words = [b.reorder(order, value) for value in moved[1 : 1 + len(padded)]]
    sorted_ariths = [b.reorder(order, value) for value in moved[1 + len(padded) :]]
    group = b.pick_rows(planes, range(index_planes, width))
    same = b.invert(b.xor(group, b.shift(group, 1)))
    left_here = b.pick_rows(planes, [width])
    right_here = b.invert(b.xor(b.pick_rows(planes, [width - 1]), left_here))
    sides = [*([right_here] if check_unique else ()), *([left_here] if check_left else ())]
    violated = b.any_plane(b.rows([_repeated(b, same, here) for here in sides])) if sides else None

    if left_unique:
        match = b.all_planes(b.rows([same, left_here, b.shift(right_here, 1)]))
        copied = [b.pack(match), *(b.mask_words(b.shift(value, 1), match) for value in sorted_words)]
        factors = {limbs: b.to_arith(match, limbs) for limbs in sorted({v.limbs for v in ariths})}
        copied_ariths = [b.multiply(b.shift(value, 1), factors[value.limbs]) for value in sorted_ariths]
    else:
        reach = min(n, most_left if most_left is not None else n)
        copied, copied_ariths = _copy_down(b, b.all_planes(same), sorted_words, sorted_ariths, reach)

    restored = [b.restore(order, value) for value in (*copied, *copied_ariths)]
    back = [b.cut(value, m, total) for value in b.unshuffle(handle, restored)]
    matched = b.unpack(back[0], 1)
    return Joined(matched, tuple(back[1 : len(copied)]), tuple(back[len(copied) :]), violated)


def _repeated(b: Builder, same: Value, here: Value) -> Value:
    """One bit: does a present row of a side follow another one with its key?"""
    pairs = b.all_planes(b.rows([same, here, b.shift(here, 1)]))
    return b.invert(b.is_zero(b.count_bits(pairs), pairs.n.bit_length() + 1))


def exists(
    b: Builder, *, left_key: Value, left_present: Value, right_key: Value, right_present: Value, left_unique: bool
) -> Value:
    """For each left row, whether a present right row has its key; right keys may repeat.

    Both sides are shuffled together and sorted by (absent, key, side, position): where left keys are unique the left row comes
    first, and looks at the next row; else the right rows come first, and the first row of a key tells all others.

    Parameters
    ----------
    b
        The builder.
    left_key, right_key, left_present, right_present, left_unique
        As for ``join_unique``.

    Returns
    -------
    bits ``(1, n)``.

    Leakage
        As ``join_unique``.
    Rounds and bytes
        6 + one sort of n + m keys of ``width + 1 + ceil(log2(n + m))`` bits + ``ceil(log2(width + 3))`` (unique) or
        ``ceil(log2(width + 1)) + floor(log2(n + m)) + 1``.
    Source
        As ``join_unique``.
    """
    n, m = left_key.n, right_key.n
    if left_key.rows != right_key.rows or left_present.n != n or right_present.n != m:
        raise ProgramError("keys of one width, and one presence bit a row, expected")
    total = n + m
    index_planes = (total - 1).bit_length()
    width = index_planes + left_key.rows + 1
    start = 0 if left_unique else m
    sides = [(left_key, left_present), (right_key, right_present)]
    first, second = sides if left_unique else sides[::-1]
    flags = [left_present, b.zeros("bits", 1, m)]
    left_flag = b.concat(flags if left_unique else flags[::-1])
    absent = b.invert(b.concat([first[1], second[1]]))
    record = b.pack(b.rows([b.positions(total, index_planes), b.concat([first[0], second[0]]), absent, left_flag]))
    handle, moved = b.shuffle([record])
    order = b.sort(moved[0], width)
    planes = b.unpack(b.reorder(order, moved[0]), width + 1)
    group = b.pick_rows(planes, range(index_planes, width))
    same = b.all_planes(b.invert(b.xor(group, b.shift(group, 1))))
    left_here = b.pick_rows(planes, [width])
    right_here = b.invert(b.xor(b.pick_rows(planes, [width - 1]), left_here))
    if left_unique:
        follows = b.and_(same, right_here)
        next_row = b.concat([b.cut(follows, 1, total), b.zeros("bits", 1, 1)])
        found = b.and_(left_here, next_row)
    else:
        # A right row that starts its key; the flag goes down to every row of the key.
        later = b.invert(b.concat([b.ones_bits(1, 1), b.zeros("bits", 1, total - 1)]))
        linked = b.and_(same, later)
        starts = b.and_(right_here, b.invert(linked))
        (flag,), _ = _copy_down(b, linked, [b.pack(starts)], [], total)
        found = b.and_(left_here, b.unpack(flag, 1))
    back = b.unshuffle(handle, [b.restore(order, b.pack(found))])
    return b.unpack(b.cut(back[0], start, start + n), 1)


def _padded(b: Builder, value: Value, n: int) -> Value:
    """An arith value of any number of rows with n zeros behind every row."""
    if value.rows == 1:
        return b.concat([value, b.zeros("arith", 1, n, value.limbs)])
    rows = [b.concat([b.pick_rows(value, [row]), b.zeros("arith", 1, n, value.limbs)]) for row in range(value.rows)]
    return b.rows(rows)


def _copy_down(
    b: Builder, same: Value, words: Sequence[Value], ariths: Sequence[Value], reach: int
) -> tuple[list[Value], list[Value]]:
    """Copy each group's first row onto its further rows, up to ``reach`` places down; other rows hold zeros before.

    ``same`` says whether a row's key equals the row's before. After the step of distance d, a row holds what stood up to
    2 d - 1 places above it in its group, and ``same`` tells whether the row 2 d places above is of its group.
    """
    words, ariths = list(words), list(ariths)
    distance = 1
    while distance <= min(reach, same.n - 1):
        words = [b.xor(value, b.mask_words(b.shift(value, distance), same)) for value in words]
        factors = {limbs: b.to_arith(same, limbs) for limbs in sorted({v.limbs for v in ariths})}
        ariths = [b.add(value, b.multiply(b.shift(value, distance), factors[value.limbs])) for value in ariths]
        same = b.and_(same, b.shift(same, distance))
        distance *= 2
    return words, ariths
