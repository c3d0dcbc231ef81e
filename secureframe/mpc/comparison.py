"""Comparisons as wide as the ranges: sign, zero, and unsigned less-than between elements of one array."""

from __future__ import annotations

import numpy as np

from secureframe.mpc import gates
from secureframe.mpc.arithmetic import reshare
from secureframe.mpc.bitplanes import from_words, plane_words, to_words
from secureframe.mpc.boolean import all_planes, all_planes_cost, and_planes, carry_out, carry_out_cost
from secureframe.mpc.conversion import exclusive_or, share_summands, split
from secureframe.mpc.gathered import LANES, first_layer_kernel
from secureframe.mpc.ordering import Places
from secureframe.mpc.party import Party
from secureframe.mpc.randomness import CHUNK
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import ArithShare, BitShare, WordShare
from secureframe.mpc.traffic import Traffic, all_back, first_deals, others_exchange

_ZERO, _FULL = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)


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


def _groups(width: int) -> int:
    return (width + 2) // 3


def with_products(party: Party, words: WordShare, width: int) -> Steps[Words]:
    """Elements as ``less_than_at`` fetches them, ``(n, words, 2)``: both components of an element stand together.

    The low ``width`` bits are taken in groups of three, zeros below the lowest. Of the bits l, m, h of every group all products
    are held: l, m, h, ml, hl, hm, hml. They serve all comparisons.

    Leakage
        None (``reshare``).
    Rounds and bytes
        2 rounds; each party sends about ``4/3 width`` bits an element.
    Source
        Products over ``and_planes``.
    """
    n, groups = words.a.shape[1], _groups(width)
    missing = 3 * groups - width
    planes = [np.zeros((3 * groups, plane_words(n)), np.uint64) for _ in range(2)]
    for part, component in zip(planes, (words.a, words.b), strict=True):
        part[missing:] = from_words(component, width)
    low = np.arange(0, 3 * groups, 3, dtype=np.int64)
    bits = planes[0], planes[1]
    upper, lower = np.concatenate([low + 1, low + 2, low + 2]), np.concatenate([low, low, low + 1])
    pairs = yield from and_planes(party, bits, upper, bits, lower)
    whole = yield from and_planes(party, bits, low + 2, pairs, np.arange(groups, dtype=np.int64))
    out = np.empty((n, (7 * groups + 63) // 64, 2), np.uint64)
    products = np.empty((7 * groups, plane_words(n)), np.uint64)
    for number in range(2):
        for place in range(3):
            products[place::7] = bits[number][place::3]
            products[3 + place :: 7] = pairs[number][place * groups : (place + 1) * groups]
        products[6::7] = whole[number]
        out[:, :, number] = to_words(products, n).T
    return out


def with_products_cost(width: int, n: int) -> list[Traffic]:
    groups, words = _groups(width), plane_words(n)
    return [all_back(3 * groups * words), all_back(groups * words)]


def less_than_at(party: Party, held: Words, left: Places, right: Places, width: int) -> Steps[BitShare]:
    """One plane: is the element at ``left`` below the one at ``right``? Unsigned numbers of ``width`` bits.

    Parameters
    ----------
    party
        This party.
    held
        All elements, ``with_products`` for this width.
    left, right
        Public places in ``held``, one of each a comparison.
    width
        Low bits of an element that are compared.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 + ceil(log2 ceil(width / 3)) rounds; each party sends about ``4/3 width`` bits a comparison.
    Source
        The borrow of ``left - right``: the carry out of ``right`` plus the complement of ``left``. What three places generate and
        propagate is a sum of products of one side's held bits with the other's, which costs one gate (the inner product of
        Araki et al., CCS 2016, section 2.1); products of complements are sums of products. The tree is that of ``carry_out``.
    """
    words, groups = plane_words(len(left)), _groups(width)
    first = np.empty((2 * groups - 1, words), np.uint64)
    complement = _FULL if party.index == 0 else _ZERO, _FULL if party.index == 2 else _ZERO
    step = max(1, CHUNK // (len(first) * LANES)) * LANES
    for start in range(0, words, step):
        stop = min(words, start + step)
        plus, minus = party.randomness.zero_words((stop - start) * len(first))
        first_layer_kernel(held, left, right, start, stop, *complement, plus, minus, first)
    a, b = yield from reshare(first)
    carry = yield from carry_out(party, (a[:groups], b[:groups]), (a[groups:], b[groups:]))
    return BitShare(*carry, len(left))


def less_than_at_cost(width: int, n: int) -> list[Traffic]:
    groups = _groups(width)
    return [all_back((2 * groups - 1) * plane_words(n)), *carry_out_cost(groups, n)]
