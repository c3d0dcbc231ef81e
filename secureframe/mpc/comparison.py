"""Comparisons as wide as the ranges: sign, zero, and unsigned less-than on bit planes."""

from __future__ import annotations

from secureframe.mpc.bitplanes import plane_words
from secureframe.mpc.boolean import all_planes, all_planes_cost, invert, sum_carry, sum_carry_cost
from secureframe.mpc.conversion import exclusive_or, split
from secureframe.mpc.party import Party
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import ArithShare, BitShare
from secureframe.mpc.traffic import Traffic, first_deals


def is_negative(party: Party, x: ArithShare, width: int) -> Steps[BitShare]:
    """One plane: the top bit of every element's low ``width`` bits, that is its sign in two's complement of that width.

    Leakage
        None (``deal_first``, ``reshare``).
    Rounds and bytes
        2 + ceil(log2(width - 1)) rounds (1 for one bit); party 0 sends ``width`` bits an element, each party about
        ``5/2 width`` bits.
    Source
        ABY3 (CCS 2018), section 5.3 for the split; a carry tree (Catrina and de Hoogh 2010) instead of a full adder.
    """
    halves = yield from split(party, x, width)
    propagate = exclusive_or(halves.dealt, halves.trivial)
    elements = x.a[0].size
    top = (propagate[0][width - 1 :], propagate[1][width - 1 :])
    if width == 1:
        return BitShare(*top, elements)
    summands = [(z[0][: width - 1], z[1][: width - 1]) for z in (halves.dealt, halves.trivial)]
    carry = yield from sum_carry(party, *summands)
    return BitShare(*exclusive_or(top, carry), elements)


def is_negative_cost(width: int, elements: int) -> list[Traffic]:
    words = plane_words(elements)
    if width == 1:
        return [first_deals(words)]
    return [first_deals(width * words), *sum_carry_cost(width - 1, elements)]


def is_zero(party: Party, x: ArithShare, width: int) -> Steps[BitShare]:
    """One plane: are the low ``width`` bits of the element zero? The bits of ``x_0 + x_1`` equal those of ``-x_2``.

    Leakage
        None (``deal_first``, ``reshare``).
    Rounds and bytes
        1 + ceil(log2 width) rounds; party 0 sends ``width`` bits an element, each party ``width - 1`` bits.
    Source
        ABY3 (CCS 2018), section 5.3 for the split; no adder is needed.
    """
    halves = yield from split(party, x, width, negate=True)
    unequal = BitShare(*exclusive_or(halves.dealt, halves.trivial), x.a[0].size)
    return (yield from all_planes(party, invert(party.index, unequal)))


def is_zero_cost(width: int, elements: int) -> list[Traffic]:
    return [first_deals(width * plane_words(elements)), *all_planes_cost(width, elements)]


def less_than_planes(party: Party, x: BitShare, y: BitShare) -> Steps[BitShare]:
    """One plane: ``x < y`` for unsigned values in bit planes: the borrow of ``x - y``.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 + ceil(log2 width) rounds; each party sends about ``5/2 width`` bits an element.
    Source
        The carry out of ``y`` plus the complement of x; ``sum_carry``.
    """
    complement = invert(party.index, x)
    borrow = yield from sum_carry(party, (complement.a, complement.b), (y.a, y.b))
    return BitShare(*borrow, x.n)


def less_than_planes_cost(width: int, n: int) -> list[Traffic]:
    return sum_carry_cost(width, n)
