"""Counts of many planes of which no two share an element: groups of rows, each of which is in one group at most."""

from __future__ import annotations

import math

from secureframe.mpc.conversion import to_arith_cost
from secureframe.mpc.counting import count_bits_cost
from secureframe.mpc.program import Builder, Value
from secureframe.mpc.traffic import words_sent


def disjoint_counts(b: Builder, planes: Value) -> Value:
    """How many elements of each plane are 1, where no element is 1 in two of them: bits ``(groups, n)`` to arith ``(1, groups)``.

    Few elements in many planes: the planes are laid out as a square and folded (exclusive or, which is their sum) into its rows
    and its columns; an element of the plane in row r and column c is 1 in both folds and in no others, so that all counts are
    inner products of the two. Otherwise planes are counted one by one, in bits.

    Leakage
        None.
    Rounds and bytes
        As ``count_bits``; or 3 rounds, as ``to_arith`` of twice the root of so many planes, and one ring element a plane: about
        ``64 sqrt(groups)`` bytes an element over all parties. Whichever sends less.
    """
    groups = planes.rows
    across = math.isqrt(groups - 1) + 1
    down = -(-groups // across)
    if words_sent(count_bits_cost(groups, planes.n)) <= words_sent(to_arith_cost(across + down, planes.n, 1)):
        return b.count_bits(planes)
    if down * across > groups:
        planes = b.rows([planes, b.zeros("bits", down * across - groups, planes.n)])
    by_row = b.rows([_added(b, planes, range(r * across, (r + 1) * across)) for r in range(down)])
    by_column = _added_planes(b, [b.pick_rows(planes, range(r * across, (r + 1) * across)) for r in range(down)])
    counts = b.reshape(b.inner(b.to_arith(by_row), b.to_arith(by_column)), 1)
    return counts if counts.n == groups else b.cut(counts, 0, groups)


def _added(b: Builder, planes: Value, rows: range) -> Value:
    """*Local.* Exclusive or of some planes."""
    return _added_planes(b, [b.pick_rows(planes, [row]) for row in rows])


def _added_planes(b: Builder, values: list[Value]) -> Value:
    while len(values) > 1:
        rest = values[-1:] if len(values) % 2 else []
        values = [b.xor(x, y) for x, y in zip(values[::2], values[1::2], strict=False)] + rest
    return values[0]
