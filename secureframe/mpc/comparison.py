"""Comparisons as wide as the ranges: sign, zero, and unsigned less-than on bit planes."""

from __future__ import annotations

from secureframe.mpc import gates
from secureframe.mpc.bitplanes import plane_words
from secureframe.mpc.boolean import all_planes, all_planes_cost, carry_out, carry_out_cost, sum_carry, sum_carry_cost
from secureframe.mpc.conversion import exclusive_or, share_summands, split
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import ArithShare, BitShare
from secureframe.mpc.traffic import Traffic, first_deals, others_exchange


def is_negative(party: Party, x: ArithShare, width: int) -> Steps[BitShare]:
    """One plane: the top bit of every element's low ``width`` bits, that is its sign in two's complement of that width.

    The carry into the top bit is that of ``s + t``, where party 0 knows s and the others know t. Places are taken in pairs. With
    ``s_1 s_0`` dealt beside the bits of s, what a pair generates, ``s_1 t_1 + s_1 s_0 t_0 + s_0 t_1 t_0``, and propagates,
    ``s_1 s_0 + s_1 t_0 + s_0 t_1 + t_1 t_0``, is linear in what was dealt: both take one round, in which party 0 sends nothing.

    Leakage
        None (``deal_first``, ``share_summands``, ``reshare``).
    Rounds and bytes
        2 + ceil(log2 ceil((width - 1) / 2)) rounds (1 for one bit); party 0 sends ``3/2 width`` bits an element, the others each
        ``width`` bits to each other, then each party about ``width`` bits.
    Source
        ABY3 (CCS 2018), section 5.3 for the split; a carry tree (Catrina and de Hoogh 2010) instead of a full adder.
    """
    halves = yield from split(party, x, width, paired=True)
    propagate = halves.exclusive_or(party.index)
    elements = x.a[0].size
    top = propagate[0][width - 1 :], propagate[1][width - 1 :]
    if width == 1:
        return BitShare(*top, elements)
    groups = width // 2

    def summand(mask: Words, out: Words, start: int) -> None:
        assert halves.known is not None
        gates.split_pairs(halves.dealt[0], halves.known, width - 1, party.index == 1, mask, out, start)

    a, b = yield from share_summands(party, (2 * groups - 1, plane_words(elements)), summand, arith=False)
    carry = yield from carry_out(party, (a[:groups], b[:groups]), (a[groups:], b[groups:]))
    return BitShare(*exclusive_or(top, carry), elements)


def is_negative_cost(width: int, elements: int) -> list[Traffic]:
    words = plane_words(elements)
    if width == 1:
        return [first_deals(words)]
    dealt, groups = width + (width - 1) // 2, width // 2
    return [first_deals(dealt * words), others_exchange((2 * groups - 1) * words), *carry_out_cost(groups, elements)]


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
    return (yield from all_planes(party, BitShare(*halves.exclusive_or(party.index), x.a[0].size)))


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
    borrow = yield from sum_carry(party, (x.a, x.b), (y.a, y.b), inverted=True)
    return BitShare(*borrow, x.n)


def less_than_planes_cost(width: int, n: int) -> list[Traffic]:
    return sum_carry_cost(width, n)
