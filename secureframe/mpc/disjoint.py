"""Counts of many planes of which no two share an element: groups of rows, each of which is in one group at most."""

from __future__ import annotations

import math

from secureframe.mpc.program import Builder, Value

FEW = 64
"""Up to so many planes are counted one by one, which then takes fewer ring elements."""


def disjoint_counts(b: Builder, planes: Value) -> Value:
    """How many elements of each plane are 1, where no element is 1 in two of them: bits ``(groups, n)`` to arith ``(1, groups)``.

    The planes are laid out as a square and folded (exclusive or, which is their sum) into its rows and its columns; an element
    of the plane in row r and column c is 1 in both folds and in no others, so that all counts are inner products of the two.

    Leakage
        None.
    Rounds and bytes
        Of up to 64 planes as ``count_bits``. Else 3 rounds; as ``to_arith`` of twice the root of so many planes, and one ring
        element a plane: about ``64 sqrt(groups)`` bytes an element over all parties in place of ``8 groups``.
    """
    groups = planes.rows
    if groups <= FEW:
        return b.count_bits(planes)
    across = math.isqrt(groups - 1) + 1
    down = -(-groups // across)
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
