"""Order statistics within many groups that have no element in common: one bit an element instead of one an element and group."""

from __future__ import annotations

from collections.abc import Callable

from secureframe.mpc.program import Builder, ProgramError, Value
from secureframe.mpc.quantile import descend, digits_of, folded


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
        As ``descend``, and 1 round a step for the way back, in which each party sends a bit an element, group, rank and digit but
        one.
    Source
        As ``select_ranks``; the way back is a selection by a one-hot index, in bits.
    """
    if ranks.rows != 1 or ranks.n % groups.rows or mask.rows != 1 or not planes.n == mask.n == groups.n:
        raise ProgramError("ranks are one row, equally many for each group, and one mask serves all")
    each = ranks.n // groups.rows

    def tell(found: Value) -> Value:
        q = found.n // groups.rows
        members = b.pick_rows(groups, [group for group in range(groups.rows) for _ in range(q)])
        return folded(b, b.and_(members, b.spread(b.reshape(found, found.n), planes.n)), q)

    digits = digits_of(planes.rows, planes.n, ranks.n)
    return descend(b, planes, b.pick_rows(mask, [0] * each), ranks, digits, count, tell)
