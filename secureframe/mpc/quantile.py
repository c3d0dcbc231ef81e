"""Order statistics within secret groups, by descending the bit planes: no sort, all groups and ranks in the same rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from secureframe.mpc.numeric import floor_divide_public
from secureframe.mpc.program import Builder, ProgramError, Value, bit_length


def select_ranks(b: Builder, planes: Value, mask: Value, ranks: Value) -> Value:
    """The element of given rank within each group, as an unsigned integer.

    From the top plane down: among the elements still possible, count those whose bit is 0; if the rank lies beyond them, the
    answer's bit is 1 and the rank is lowered by the count; either way only elements with the answer's bit stay possible.

    Parameters
    ----------
    b
        The builder.
    planes
        bits ``(width, n)``: the values, unsigned.
    mask
        bits ``(groups, n)``: which elements belong to each group, nulls excluded.
    ranks
        arith ``(1, groups * q)``: zero-based ranks in ascending order, q for each group (row-major).

    Returns
    -------
    arith ``(1, groups * q)``. Where a group has no element of that rank, any value below ``2**width``.

    Leakage
        None.
    Rounds and bytes
        6 + ceil(log2(floor(log2 n) + 1)) rounds a plane, and 1; party 0 sends one ring element an element, plane, group and
        rank; each party two bits.
    Source
        Radix selection (as for the k-th ranked element in Aggarwal, Mishra, Pinkas 2004), counts and choices kept secret.
    """
    if ranks.rows != 1 or ranks.n % mask.rows or planes.n != mask.n:
        raise ProgramError("ranks are one row, equally many for each group")
    each = ranks.n // mask.rows
    width_of_count = bit_length(-planes.n, planes.n)
    possible = b.pick_rows(mask, [group for group in range(mask.rows) for _ in range(each)])
    digits: list[Value] = []
    for plane in reversed(range(planes.rows)):
        ones = b.and_(possible, b.pick_rows(planes, [plane]))
        zeros = b.xor(possible, ones)
        below = b.count_bits(zeros, ranks.limbs)
        digit = b.invert(b.is_negative(b.subtract(ranks, below), width_of_count))
        factor = b.to_arith(digit, ranks.limbs)
        digits.append(factor)
        if plane:
            chosen = b.spread(b.reshape(digit, ranks.n), planes.n)
            possible = b.xor(zeros, b.and_(chosen, possible))
            ranks = b.subtract(ranks, b.multiply(factor, below))
    return b.combine(b.rows(digits), [1 << plane for plane in reversed(range(planes.rows))])


def bins_before(b: Builder, histogram: Value, ranks: Value, bound: int) -> Value:
    """The bins before the one in which the element of given rank lies: those that the elements up to it fill.

    Parameters
    ----------
    b
        The builder.
    histogram
        arith ``(groups, bins)``: how many elements of each group each bin holds.
    ranks
        arith ``(1, groups * q)``: zero-based ranks, q for each group (row-major).
    bound
        The largest possible number of elements of a group.

    Returns
    -------
    bits ``(groups * q, bins)``; all bins where a group has no element of that rank.

    Leakage
        None.
    Rounds and bytes
        One comparison of ``log2 bound + 2`` bits a bin and rank, all at once.
    """
    groups, bins = histogram.rows, histogram.n
    if ranks.rows != 1 or ranks.n % groups:
        raise ProgramError("ranks are one row, equally many for each group")
    each = ranks.n // groups
    repeated = b.pick_rows(histogram, [group for group in range(groups) for _ in range(each)])
    lowered = b.reshape(b.multiply_public(ranks, [-1]), ranks.n)
    # Running sums that begin at minus the rank: negative or zero until the bin of the element is passed.
    running = b.cut(b.prefix_sum(b.concat([lowered, repeated])), 1, bins + 1)
    filled = b.is_negative(b.add_public(b.reshape(running, 1), [-1]), bit_length(-bound - 2, bound + 1))
    return b.reshape(filled, ranks.n)


def ranks_in_histogram(b: Builder, histogram: Value, ranks: Value, bound: int) -> Value:
    """The bin in which the element of given rank lies, arith ``(1, groups * q)``: 0 to bins.

    Parameters, leakage, rounds and bytes as ``bins_before``, and one count of bits.
    """
    return b.count_bits(bins_before(b, histogram, ranks, bound), ranks.limbs)


def ranks_lower(b: Builder, counts: Value, q: Sequence[Fraction], bound: int) -> Value:
    """Zero-based ranks ``floor(q * (count - 1))``: pandas' quantile with ``interpolation="lower"``.

    Parameters
    ----------
    b
        The builder.
    counts
        arith ``(1, groups)``: how many elements each group has, ``0 <= count <= bound``. For 0 the rank means nothing.
    q
        Public rationals between 0 and 1.
    bound
        The largest possible count.

    Returns
    -------
    arith ``(1, groups * len(q))``, row-major.

    Leakage
        None.
    Rounds and bytes
        As ``floor_divide_public`` by the common denominator.
    """
    if any(not 0 <= value <= 1 for value in q):
        raise ProgramError("quantiles lie between 0 and 1")
    denominator = math.lcm(*(value.denominator for value in q))
    numerators = [int(value * denominator) for value in q]
    repeated = b.take(counts, [group for group in range(counts.n) for _ in q])
    scaled = b.multiply_public(b.add_public(repeated, [-1]), numerators * counts.n)
    width = max(1, (max(numerators) * max(bound - 1, 1)).bit_length())
    return floor_divide_public(b, scaled, denominator, width)
