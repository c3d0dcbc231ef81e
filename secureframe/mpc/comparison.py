"""Comparisons as wide as the ranges: sign, zero, and unsigned less-than between elements of one array."""

from __future__ import annotations

import numpy as np

from secureframe.mpc.arithmetic import CHUNK, reshare
from secureframe.mpc.bitplanes import plane_words
from secureframe.mpc.boolean import all_planes, all_planes_cost, carry_out, invert, sum_carry, sum_carry_cost
from secureframe.mpc.conversion import exclusive_or, split
from secureframe.mpc.gathered import LANES, first_layer_kernel, majority_kernel
from secureframe.mpc.ordering import Places
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import ArithShare, BitShare, WordShare
from secureframe.mpc.traffic import Traffic, first_deals

_ZERO, _FULL = np.uint64(0), np.uint64(0xFFFFFFFFFFFFFFFF)


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


def paired(words: WordShare, width: int) -> Words:
    """*Local.* The words that hold the low ``width`` bits, ``(n, words, 2)``: all that a comparison fetches stands together."""
    deep = (width + 63) // 64
    out = np.empty((words.a.shape[1], deep, 2), np.uint64)
    out[:, :, 0], out[:, :, 1] = words.a[:deep].T, words.b[:deep].T
    return out


def less_than_at(party: Party, held: Words, left: Places, right: Places, width: int) -> Steps[BitShare]:
    """One plane: is the element at ``left`` below the one at ``right``? Unsigned numbers of ``width`` bits.

    Parameters
    ----------
    party
        This party.
    held
        All elements, ``paired`` for this width.
    left, right
        Public places in ``held``, one of each a comparison.
    width
        Low bits of an element that are compared.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 + ceil(log2 width) rounds; each party sends about ``5/2 width`` bits a comparison.
    Source
        The borrow of ``left - right``: the carry out of ``right`` plus the complement of ``left``, by the gates of ``sum_carry``.
    """
    n, words = len(left), plane_words(len(left))
    pairs, odd = divmod(width, 2)
    carried = odd + pairs
    rows = 2 * carried - 1
    first, upper = np.empty((rows, words), np.uint64), np.empty((4, pairs, words), np.uint64)
    complement = _FULL if party.index == 0 else _ZERO, _FULL if party.index == 2 else _ZERO
    step = max(1, CHUNK // (rows * LANES)) * LANES
    for start in range(0, words, step):
        stop = min(words, start + step)
        plus, minus = party.randomness.zero_words((stop - start) * rows)
        first_layer_kernel(held, left, right, width, start, stop, *complement, plus, minus, upper, first)
    a, b = yield from reshare(first)
    if not pairs:
        return BitShare(a, b, n)
    low = a[odd:carried], b[odd:carried]
    second = np.empty((pairs, words), np.uint64)
    step = max(1, CHUNK // words)
    for start in range(0, pairs, step):
        stop = min(pairs, start + step)
        plus, minus = party.randomness.zero_words((stop - start) * words)
        majority_kernel(upper, *low, plus, minus, second, start, stop)
    del upper
    both = yield from reshare(second)
    generate = [np.concatenate([z[:odd], m ^ c]) for z, m, c in zip((a, b), both, low, strict=True)]
    carry = yield from carry_out(party, (generate[0], generate[1]), (a[carried:], b[carried:]))
    return BitShare(*carry, n)


def less_than_at_cost(width: int, n: int) -> list[Traffic]:
    return sum_carry_cost(width, n)
