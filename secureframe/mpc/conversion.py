"""Between arithmetic shares and bit planes.

Party 0 knows ``x_0 + x_1``, so it can share the bits of that sum with one message, by the generator that it has in common
with party 2; ``x_2`` is known to the two others and therefore already a sharing of its own bits. What remains is one
addition in bits, or none where only equality is asked.

Source
    The local split of ABY3 (Mohassel and Rindal, CCS 2018, section 5.3), here without any further interaction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secureframe.mpc import bitplanes, ring
from secureframe.mpc.arithmetic import add_zero_share, reshare
from secureframe.mpc.bitplanes import plane_words
from secureframe.mpc.boolean import Pair, and_planes, carries, carries_cost
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Message, Steps
from secureframe.mpc.sharing import ArithShare, BitShare
from secureframe.mpc.traffic import Traffic, all_back, first_deals


def deal_first(party: Party, known: Words | None, shape: tuple[int, ...], *, arith: bool) -> Steps[Pair]:
    """Share what party 0 alone knows: component 0 from the stream common with party 2, component 1 sent to party 1, 2 zero.

    Every re-sharing of a party's own value goes through here. Returns this party's two components; the zero component is
    returned as an array of zeros.

    Leakage
        None: party 1 receives the value masked by a stream it does not know, party 2 draws that stream and nothing else.
    Rounds and bytes
        1 round; party 0 sends the words to party 1.
    Source
        ABY3 (CCS 2018), section 5.3; Araki et al. (CCS 2016), section 2.1 for the sharing with a zero component.
    """
    count = int(np.prod(shape))
    match party.index:
        case 0:
            if known is None:
                raise ValueError("party 0 deals what it knows")
            first = party.randomness.previous.common.words(count).reshape(shape)
            second = ring.subtract(known, first) if arith else known ^ first
            yield Message(to_next=second)
            return first, second
        case 1:
            received = yield Message(from_previous=count)
            return received.from_previous.reshape(shape), np.zeros(shape, np.uint64)
        case _:
            first = party.randomness.next.common.words(count).reshape(shape)
            yield Message()
            return np.zeros(shape, np.uint64), first


@dataclass(frozen=True, slots=True)
class Split:
    """The two summands of a value in bits: party 0's planes of ``x_0 + x_1``, dealt; the others' planes of ``x_2``."""

    dealt: Pair
    trivial: Pair


def split(party: Party, x: ArithShare, width: int, *, negate: bool = False) -> Steps[Split]:
    """Bring the low ``width`` bits of both summands of every element into shared planes; ``negate`` negates ``x_2``.

    Leakage
        None (``deal_first``).
    Rounds and bytes
        1 round; party 0 sends ``width`` bits an element.
    Source
        ABY3 (CCS 2018), section 5.3.
    """
    limbs = x.a.shape[0]
    elements = x.a[0].size
    shape = (width, plane_words(elements))

    def planes(component: Words) -> Words:
        return bitplanes.from_words(component.reshape(limbs, elements), width)

    known = planes(ring.add(x.a, x.b)) if party.index == 0 else None
    second = x.b if party.index == 1 else x.a
    if party.index != 0 and negate:
        second = ring.subtract(np.zeros_like(second), second)
    dealt = yield from deal_first(party, known, shape, arith=False)
    match party.index:
        case 0:
            empty = np.zeros(shape, np.uint64)
            return Split(dealt, (empty, empty))
        case 1:
            return Split(dealt, (dealt[1], planes(second)))
        case _:
            return Split(dealt, (planes(second), dealt[0]))


def exclusive_or(x: Pair, y: Pair) -> Pair:
    return x[0] ^ y[0], x[1] ^ y[1]


def to_bits(party: Party, x: ArithShare, width: int) -> Steps[BitShare]:
    """The low ``width`` bits of every element, in two's complement.

    Leakage
        None (``deal_first``, ``reshare``).
    Rounds and bytes
        2 + ceil(log2(width - 1)) rounds (1 for one bit); party 0 sends ``width`` bits an element, then each party about
        ``width * log2 width`` bits an element.
    Source
        ABY3 (CCS 2018), section 5.3, with Sklansky's adder.
    """
    halves = yield from split(party, x, width)
    propagate = exclusive_or(halves.dealt, halves.trivial)
    elements = x.a[0].size
    if width == 1:
        return BitShare(*propagate, elements)
    rows = np.arange(width - 1, dtype=np.int64)
    generate = yield from and_planes(party, halves.dealt, rows, halves.trivial, rows)
    lower = (propagate[0][: width - 1], propagate[1][: width - 1])
    carried = yield from carries(party, generate, lower)
    for plane, carry in zip(propagate, carried, strict=True):
        plane[1:] ^= carry
    return BitShare(*propagate, elements)


def to_bits_cost(width: int, elements: int) -> list[Traffic]:
    words = plane_words(elements)
    if width == 1:
        return [first_deals(words)]
    return [first_deals(width * words), all_back((width - 1) * words), *carries_cost(width - 1, elements)]


def _first_two(party: Party, x: BitShare, limbs: int) -> Words | None:
    """Party 0's ``b_0 xor b_1`` as ring elements; None elsewhere."""
    return _units(x.a ^ x.b, x.n, limbs) if party.index == 0 else None


def _units(planes: Words, n: int, limbs: int) -> Words:
    units = bitplanes.expand_units(planes, n)
    if limbs == 1:
        return units[np.newaxis]
    out = np.zeros((limbs, *units.shape), np.uint64)
    out[0] = units
    return out


def to_arith(party: Party, x: BitShare, limbs: int) -> Steps[ArithShare]:
    """Every bit as a ring element: ``b = c + b_2 - 2 c b_2`` with ``c = b_0 xor b_1``, which party 0 knows.

    Leakage
        None (``deal_first``, ``reshare``).
    Rounds and bytes
        2 rounds; party 0 sends one ring element a bit, then each party one.
    Source
        Bit injection as in ABY3 (CCS 2018), section 5.4, with the local split instead of oblivious transfer.
    """
    rows = len(x.a)
    shape = (limbs, rows, x.n)
    dealt = yield from deal_first(party, _first_two(party, x, limbs), shape, arith=True)
    # Of the nine terms of c b_2 only r_1 b_2 (party 1) and r_0 b_2 (party 2) are not zero.
    if party.index == 0:
        terms = np.zeros(shape, np.uint64)
    else:
        share, planes = (dealt[0], x.b) if party.index == 1 else (dealt[1], x.a)
        terms = np.empty(shape, np.uint64)
        zeros = np.zeros(x.n, np.uint64)
        for limb in range(limbs):
            for row in range(rows):
                ring.mask_terms(planes[row], share[limb, row], zeros, terms[limb, row])
    a, b = yield from reshare(add_zero_share(party, terms))
    own = dealt[0] if party.index != 2 else _units(x.a, x.n, limbs)
    following = dealt[1] if party.index != 1 else _units(x.b, x.n, limbs)
    return ArithShare(_without_twice(own, a), _without_twice(following, b))


def _without_twice(x: Words, y: Words) -> Words:
    return ring.subtract(x, ring.add(y, y))


def to_arith_cost(rows: int, n: int, limbs: int) -> list[Traffic]:
    words = rows * n * limbs
    return [first_deals(words), all_back(words)]
