"""Order statistics within many groups that have no element in common: one bit an element instead of one an element and group."""

from __future__ import annotations

from collections.abc import Callable

from secureframe.mpc.program import Builder, ProgramError, Value, bit_length


def select_ranks_apart(
    b: Builder, planes: Value, mask: Value, groups: Value, count: Callable[[Value], Value], ranks: Value
) -> Value:
    """The element of given rank within each of some disjoint groups, as an unsigned integer.

    The descent of ``select_ranks``. Since every element is in one group at most, whether it is still possible is one bit a rank:
    the digit that its own group found comes back to it as a sum, over the groups, of membership times digit.

    Parameters
    ----------
    b
        The builder.
    planes
        bits ``(width, n)``: the values, unsigned.
    mask
        bits ``(1, n)``: elements that are there.
    groups
        bits ``(groups, n)``: which elements belong to each group, at most one group an element; masked or not.
    count
        From bits ``(q, n)`` to arith ``(1, groups * q)``: how many elements of each group are 1, row-major.
    ranks
        arith ``(1, groups * q)``: zero-based ranks, q for each group (row-major).

    Returns
    -------
    arith ``(1, groups * q)``. Where a group has no element of that rank, any value below ``2**width``.

    Leakage
        None.
    Rounds and bytes
        A plane: 3 rounds, those of ``count`` and of one comparison of ``log2 n + 1`` bits; each party sends
        ``(groups + 2) q`` bits an element beside what ``count`` needs.
    Source
        As ``select_ranks``; the way back is a selection by a one-hot index, in bits.
    """
    if ranks.rows != 1 or ranks.n % groups.rows or mask.rows != 1 or not planes.n == mask.n == groups.n:
        raise ProgramError("ranks are one row, equally many for each group, and one mask serves all")
    each = ranks.n // groups.rows
    width_of_count = bit_length(-planes.n, planes.n)
    members = b.pick_rows(groups, [group for group in range(groups.rows) for _ in range(each)])
    possible = b.pick_rows(mask, [0] * each)
    digits: list[Value] = []
    for plane in reversed(range(planes.rows)):
        ones = b.and_(possible, b.pick_rows(planes, [plane]))
        zeros = b.xor(possible, ones)
        below = count(zeros)
        digit = b.invert(b.is_negative(b.subtract(ranks, below), width_of_count))
        factor = b.to_arith(digit, ranks.limbs)
        digits.append(factor)
        if plane:
            chosen = folded(b, b.and_(members, b.spread(b.reshape(digit, ranks.n), planes.n)), each)
            possible = b.xor(zeros, b.and_(chosen, possible))
            ranks = b.subtract(ranks, b.multiply(factor, below))
    return b.combine(b.rows(digits), [1 << plane for plane in reversed(range(planes.rows))])


def folded(b: Builder, planes: Value, each: int) -> Value:
    """*Local.* Exclusive or over groups of planes ``(groups * each, n) -> (each, n)``."""
    groups = planes.rows // each
    while groups > 1:
        half = groups // 2
        first, second = (b.pick_rows(planes, range(i * half * each, (i + 1) * half * each)) for i in range(2))
        rest = [b.pick_rows(planes, range(2 * half * each, planes.rows))] if groups % 2 else []
        planes = b.rows([b.xor(first, second), *rest])
        groups = half + len(rest)
    return planes
