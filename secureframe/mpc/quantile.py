"""Order statistics within secret groups, by descending the bit planes: no sort, all groups and ranks in the same rounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from secureframe.mpc.bitplanes import plane_words
from secureframe.mpc.comparison import is_negative_cost
from secureframe.mpc.counting import count_bits_cost
from secureframe.mpc.numeric import floor_divide_public, levels_of_code
from secureframe.mpc.program import Builder, ProgramError, Value, bit_length
from secureframe.mpc.traffic import ROUND, words_sent

WIDEST = 4
"""Most bit planes that one step of a descent decides."""


def digits_of(width: int, n: int, counted: int) -> list[int]:
    """How many bit planes each step of a descent decides, from the top: few steps count many planes, many steps take many rounds.

    Parameters
    ----------
    width, n
        Bit planes of the values, and how many values there are.
    counted
        Planes of ``n`` bits that a step has to count for every digit but one.
    """

    def words(bits: int) -> int:
        planes = counted * ((1 << bits) - 1)
        counting = count_bits_cost(planes, n)
        rounds = len(counting) + len(is_negative_cost(bit_length(-n, n), 1)) + 2
        return ROUND * rounds + 6 * planes * plane_words(n) + words_sent(counting)

    steps = [[width // k + (place < width % k) for place in range(k)] for k in range(-(-width // WIDEST), width + 1)]
    return min(steps, key=lambda digits: sum(map(words, digits)))


def descend(
    b: Builder,
    planes: Value,
    possible: Value,
    ranks: Value,
    digits: Sequence[int],
    count: Callable[[Value], Value],
    tell: Callable[[Value], Value],
) -> Value:
    """The elements of given ranks, digit by digit from the top one.

    Among the elements still possible, those with each digit are counted. A digit that the rank lies beyond is below the
    answer's, and the rank is lowered by its count; only elements with the answer's digit stay possible.

    Parameters
    ----------
    b
        The builder.
    planes
        bits ``(width, n)``: the values, unsigned.
    possible
        bits ``(each, n)``: the elements among which the ranks of every group are sought.
    ranks
        arith ``(1, groups * each)``: zero-based ranks, row-major.
    digits
        Planes that each step decides.
    count
        From bits ``(q, n)`` to arith ``(1, groups * q)``: how many elements of each group are 1, row-major.
    tell
        From bits ``(1, groups * q)`` to bits ``(q, n)``: to every element what was found for its group.

    Returns
    -------
    arith ``(1, groups * each)``.

    Leakage
        None.
    Rounds and bytes
        A step: those of ``count``, of ``tell``, of one comparison of ``log2 n + 2`` bits, and 2 rounds more, in which each party
        sends two bits an element, rank, and digit but one.
    """
    each, top = possible.rows, planes.rows
    groups, width_of_count = ranks.n // each, bit_length(-planes.n, planes.n)
    found: list[Value] = []
    for bits in digits:
        bins = (1 << bits) - 1
        # Planes and counts of one digit stand together, digit by digit within a group.
        within = b.outer(levels_of_code(b, b.pick_rows(planes, range(top - bits, top)), bins), possible)
        counts = count(within)
        by_rank = [(g * bins + digit) * each + k for g in range(groups) for k in range(each) for digit in range(bins)]
        by_digit = sorted(range(len(by_rank)), key=by_rank.__getitem__)
        up_to = b.take(b.prefix_sum(b.take(counts, by_rank, rows=ranks.n)), by_digit)
        sought = b.take(ranks, [g * each + k for g in range(groups) for _ in range(bins) for k in range(each)])
        beyond = b.invert(b.is_negative(b.subtract(sought, up_to), width_of_count))
        factors = b.to_arith(beyond, ranks.limbs)
        top -= bits
        found.append(b.multiply_public(_sums(b, factors, by_rank, ranks.n), [1 << top]))
        if top:
            ranks = b.subtract(ranks, _sums(b, b.multiply(factors, counts), by_rank, ranks.n))
            # With the last digit too; an element stays if it has the digit after those that the rank lies beyond.
            every = b.rows([within, b.xor(possible, folded(b, within, each))])
            steps = b.xor(within, b.pick_rows(every, range(each, every.rows)))
            possible = b.xor(b.pick_rows(every, range(each)), folded(b, b.and_(tell(beyond), steps), each))
    return b.combine(b.rows(found), [1] * len(found))


def _sums(b: Builder, x: Value, index: Sequence[int], rows: int) -> Value:
    """*Local.* Sums of consecutive values of some order."""
    return b.sum(b.take(x, index, rows=rows))


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


def select_ranks(b: Builder, planes: Value, mask: Value, ranks: Value) -> Value:
    """The element of given rank within each group, as an unsigned integer.

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
        Those of ``descend`` in the steps that ``digits_of`` chooses: each as many rounds as ``count_bits`` and
        4 + ceil(log2(floor(log2 n) + 1)) more.
    Source
        Radix selection (as for the k-th ranked element in Aggarwal, Mishra, Pinkas 2004), counts and choices kept secret.
    """
    if ranks.rows != 1 or ranks.n % mask.rows or planes.n != mask.n:
        raise ProgramError("ranks are one row, equally many for each group")
    each = ranks.n // mask.rows
    possible = b.pick_rows(mask, [group for group in range(mask.rows) for _ in range(each)])

    def tell(found: Value) -> Value:
        return b.spread(b.reshape(found, found.n), planes.n)

    digits = digits_of(planes.rows, planes.n, ranks.n)
    return descend(b, planes, possible, ranks, digits, lambda flags: b.count_bits(flags, ranks.limbs), tell)


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
