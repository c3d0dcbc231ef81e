"""Rows in the order of a key, and what is computed within runs of rows with one key: for persons whose rows lie anywhere.

A run is told by one bit a row, ``same``: whether the row has the key of the row before it. It comes from ``arrange``, or from an
owner that keeps the rows of a person one after the other. Everything else works on runs of a public greatest length by
doubling: after step d a row has seen the d rows before it that are of its run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from secureframe.mpc.program import Builder, ProgramError, Value


class Arranged(NamedTuple):
    """Rows in the order of (absent, key, position), and what takes them back."""

    handle: Value
    order: Value
    same: Value
    present: Value
    words: tuple[Value, ...]
    ariths: tuple[Value, ...]


def arrange(
    b: Builder, *, key: Value, present: Value, words: Sequence[Value], ariths: Sequence[Value], tie: Value | None = None
) -> Arranged:
    """Bring rows into the order of a key; absent rows come last, equal keys go by ``tie``, then keep their order.

    Parameters
    ----------
    b
        The builder.
    key, present
        bits ``(width, n)`` and ``(1, n)``.
    words, ariths
        What moves with the rows.
    tie
        bits ``(k, n)``: the order of rows with one key.

    Returns
    -------
    Arranged
        ``same`` bits ``(1, n)``: present, with the key of the row before; and everything else in the new order.

    Leakage
        None beyond the comparisons of ``sort``: its keys are shuffled, and distinct by the position in their low bits.
    Rounds and bytes
        3 + one sort of n keys of ``width + k + 1 + ceil(log2 n)`` bits + ``ceil(log2(width + 3))``; the payload is moved once.
    Source
        Hamada et al. 2012, as ``sort``.
    """
    n = key.n
    if present.n != n:
        raise ProgramError("one presence bit a row expected")
    index_planes = max(1, (n - 1).bit_length())
    below = [b.positions(n, index_planes), *([] if tie is None else [tie])]
    start = sum(planes.rows for planes in below)
    width = start + key.rows + 1
    record = b.pack(b.rows([*below, key, b.invert(present)]))
    handle, moved = b.shuffle([record, *words, *ariths])
    order = b.sort(moved[0], width)
    planes = b.unpack(b.reorder(order, moved[0]), width)
    rest = [b.reorder(order, value) for value in moved[1:]]
    here = b.invert(b.pick_rows(planes, [width - 1]))
    if n == 1:
        same = b.zeros("bits", 1, 1)
    else:
        group = b.pick_rows(planes, range(start, width))
        equal = b.invert(b.xor(group, b.shift(group, 1)))
        # The first row is compared with zeros, which may be its key.
        later = b.invert(b.concat([b.ones_bits(1, 1), b.zeros("bits", 1, n - 1)]))
        same = b.all_planes(b.rows([equal, here, later]))
    return Arranged(handle, order, same, here, tuple(rest[: len(words)]), tuple(rest[len(words) :]))


def give_back(
    b: Builder, arranged: Arranged, *, words: Sequence[Value], ariths: Sequence[Value]
) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Take values in the arranged order back to the rows they belong to; once for an arrangement. 3 rounds, no leakage."""
    restored = [b.restore(arranged.order, value) for value in (*words, *ariths)]
    back = b.unshuffle(arranged.handle, restored)
    return tuple(back[: len(words)]), tuple(back[len(words) :])


def is_last(b: Builder, same: Value) -> Value:
    """*Local.* bits ``(1, n)``: rows that the next row does not continue."""
    if same.n == 1:
        return b.ones_bits(1, 1)
    return b.invert(b.concat([b.cut(same, 1, same.n), b.zeros("bits", 1, 1)]))


def _doubling(b: Builder, same: Value, most: int) -> Iterator[tuple[int, Value]]:
    """Distances d = 1, 2, 4, ... below ``most``, each with the bits that say that the d rows before are of the run.

    The caller that has combined a row with the one d above it has then seen ``2 d`` rows, its own among them.
    """
    distance, linked = 1, same
    reach = min(most, same.n)
    while distance < reach:
        yield distance, linked
        if 2 * distance < reach:
            linked = b.and_(linked, b.shift(linked, distance))
        distance *= 2


def scan_any(b: Builder, flags: Value, same: Value, most: int) -> Value:
    """bits ``(k, n)``: is a flag set in the row or in an earlier one of its run, runs of at most ``most`` rows?

    Leakage
        None.
    Rounds and bytes
        2 ceil(log2 most) rounds; k + 1 bits an element and step.
    """
    for distance, linked in _doubling(b, same, most):
        flags = b.or_(flags, b.and_(b.shift(flags, distance), linked))
    return flags


def seen_before(b: Builder, flags: Value, same: Value, most: int) -> Value:
    """bits ``(k, n)``: is a flag set in an earlier row of the run? ``flags & ~seen_before`` keeps one a run. As ``scan_any``."""
    if most <= 1 or flags.n == 1:
        return b.zeros("bits", flags.rows, flags.n)
    return b.and_(b.shift(scan_any(b, flags, same, most - 1), 1), same)


def scan_sum(b: Builder, x: Value, same: Value, most: int) -> Value:
    """arith ``(rows, n)``: sums over the row and the earlier ones of its run.

    Leakage
        None.
    Rounds and bytes
        3 ceil(log2 most) rounds; rows + 2 ring elements an element and step.
    """
    for distance, linked in _doubling(b, same, most):
        x = b.add(x, b.multiply(b.shift(x, distance), b.to_arith(linked, x.limbs)))
    return x


def scan_first(b: Builder, planes: Value, present: Value, same: Value, most: int, *, last: bool = False) -> tuple[Value, Value]:
    """Planes ``(w, n)`` of the first present value (or the last one) in the run up to the row, and whether there is one.

    Planes are zero where not present.

    Leakage
        None.
    Rounds and bytes
        2 or 3 rounds a step, ceil(log2 most) steps; w + 2 bits an element and step.
    """
    for distance, linked in _doubling(b, same, most):
        there = b.and_(b.shift(present, distance), linked)
        taken = b.and_(there, b.invert(present)) if last else there
        planes = b.xor(planes, b.and_(b.xor(planes, b.shift(planes, distance)), taken))
        present = b.or_(present, there)
    return planes, present


def scan_extreme(
    b: Builder, values: Value, present: Value, width: int, same: Value, most: int, *, largest: bool
) -> tuple[Value, Value]:
    """The smallest (or largest) present value in the run up to the row, and whether there is one.

    Parameters
    ----------
    b
        The builder.
    values
        arith ``(1, n)``, two's complement integers of ``width`` bits.
    present
        bits ``(1, n)``.

    Leakage
        None.
    Rounds and bytes
        One comparison of ``width + 1`` bits and 4 to 6 rounds more a step, ceil(log2 most) steps.
    """
    for distance, linked in _doubling(b, same, most):
        other = b.shift(values, distance)
        there = b.and_(b.shift(present, distance), linked)
        difference = b.subtract(values, other) if largest else b.subtract(other, values)
        better = b.is_negative(difference, width + 1)
        taken = b.and_(there, b.or_(better, b.invert(present)))
        values = b.add(values, b.multiply(b.subtract(other, values), b.to_arith(taken, values.limbs)))
        present = b.or_(present, there)
    return values, present
