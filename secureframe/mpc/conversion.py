"""Between arithmetic shares and bit planes.

Party 0 knows ``x_0 + x_1``, so it can share the bits of that sum with one message, by the generator that it has in common
with party 2; ``x_2`` is known to the two others and therefore already a sharing of its own bits. What remains is one
addition in bits, or none where only equality is asked. Of a product of what party 0 knows with what the others know, these
two hold one summand each, so that party 0 sends nothing.

Source
    The local split of ABY3 (Mohassel and Rindal, CCS 2018, section 5.3), here without any further interaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from secureframe.mpc import bitplanes, gates, ring
from secureframe.mpc.bitplanes import plane_words
from secureframe.mpc.boolean import Pair, carries, carries_cost
from secureframe.mpc.party import Party
from secureframe.mpc.randomness import CHUNK
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Message, Steps
from secureframe.mpc.sharing import ArithShare, BitShare
from secureframe.mpc.traffic import Traffic, first_deals, others_exchange


def deal_first(party: Party, known: Words | None, shape: tuple[int, ...], *, arith: bool) -> Steps[tuple[Words, ...]]:
    """Share what party 0 alone knows: component 0 from the stream common with party 2, component 1 sent to party 1, 2 zero.

    Every re-sharing of a party's own value goes through here. Returns what is not zero of this party's components: at party
    0 both, at each of the others one. What is known is overwritten.

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
            first = np.empty(shape, np.uint64)
            flat, second = first.reshape(-1), known.reshape(-1)
            wide = arith and shape[0] > 1
            for start in range(0, count, CHUNK):
                part = flat[start : start + CHUNK]
                party.randomness.previous.common.fill(part)
                target = second[start : start + CHUNK]
                if not arith:
                    target ^= part
                elif not wide:
                    target -= part
            second = ring.subtract(known, first) if wide else known
            yield Message(to_next=second)
            return first, second
        case 1:
            received = yield Message(from_previous=count)
            return (received.from_previous.reshape(shape),)
        case _:
            first = party.randomness.next.common.words(count).reshape(shape)
            yield Message()
            return (first,)


Summand = Callable[[Words, Words, int], None]
"""Writes a run of words of its second argument, from the third on, changed by the mask that is its first."""


def share_summands(party: Party, shape: tuple[int, ...], summand: Summand, *, arith: bool) -> Steps[Pair]:
    """Share a value of which the parties 1 and 2 know one summand each; party 0 knows nothing of it.

    The components 0 and 1 are drawn from the streams that party 0 has in common with party 2 and with party 1. Each of
    these two takes what it drew from its summand and sends the difference to the other; component 2 is the sum of both.

    Leakage
        None: what either receives is masked by a stream that it does not know; party 0 receives nothing.
    Rounds and bytes
        1 round; the parties 1 and 2 send the words to each other.
    Source
        The re-sharing of Araki et al. (CCS 2016), section 2.2, for three summands of which one is zero.
    """
    count = int(np.prod(shape))
    if party.index == 0:
        drawn = [pair.common.words(count).reshape(shape) for pair in (party.randomness.previous, party.randomness.next)]
        yield Message()
        return drawn[0], drawn[1]
    common = (party.randomness.previous if party.index == 1 else party.randomness.next).common
    mask, own = np.empty(shape, np.uint64), np.empty(shape, np.uint64)
    flat = mask.reshape(-1)
    # Elements of several limbs are not cut: their limbs lie apart.
    step = count if arith and shape[0] > 1 else CHUNK
    for start in range(0, count, step):
        part = flat[start : start + step]
        common.fill(part)
        summand(part, own, start)
    if party.index == 1:
        other = (yield Message(to_next=own, from_next=count)).from_next.reshape(shape)
    else:
        other = (yield Message(to_previous=own, from_previous=count)).from_previous.reshape(shape)
    # What arrived is this party's own: both summands are added where it lies.
    if not arith:
        other ^= own
    elif shape[0] == 1:
        other += own
    else:
        other = ring.add(own, other)
    return (mask, other) if party.index == 1 else (other, mask)


@dataclass(frozen=True, slots=True)
class Split:
    """The two summands of a value in bits: ``x_0 + x_1``, whose planes party 0 deals, and ``x_2``.

    Parameters
    ----------
    dealt
        This party's components of the planes dealt that are not zero (``deal_first``).
    known
        The planes of ``x_2`` at the parties 1 and 2; None at party 0.
    places
        How many planes the value has; more may be dealt.
    """

    dealt: tuple[Words, ...]
    known: Words | None
    places: int

    def exclusive_or(self, index: int) -> Pair:
        """The exclusive or of both summands: each component is a summand's, the other's being zero."""
        dealt = [planes[: self.places] for planes in self.dealt]
        if self.known is None:
            return dealt[0], dealt[1]
        return (dealt[0], self.known) if index == 1 else (self.known, dealt[0])


def split(party: Party, x: ArithShare, width: int, *, paired: bool = False, negate: bool = False) -> Steps[Split]:
    """Bring the low ``width`` bits of both summands of every element into planes.

    Parameters
    ----------
    party, x, width
        Whose share of what, and how wide.
    paired
        Deal also the conjunctions of neighbouring places below the highest; an odd one is left alone at the bottom.
    negate
        Take the bits of ``x_2 - 1``, the complement of ``-x_2``, for those of ``x_2``: they are all unlike the bits of
        ``x_0 + x_1`` where x is zero.

    Leakage
        None (``deal_first``).
    Rounds and bytes
        1 round; party 0 sends ``width`` bits an element, half as many more for the conjunctions.
    Source
        ABY3 (CCS 2018), section 5.3.
    """
    limbs, elements = -(-width // 64), x.a[0].size
    rows = width + (width - 1) // 2 if paired else width
    shape = (rows, plane_words(elements))
    planes: Words | None = None
    own: Words | None = None

    def low(component: Words) -> Words:
        return component[:limbs].reshape(limbs, elements)

    if party.index == 0:
        own = np.empty(shape, np.uint64)
        bitplanes.sum_planes(low(x.a), low(x.b), own[:width])
        if paired:
            lowest = (width - 1) % 2
            np.bitwise_and(own[lowest : width - 1 : 2], own[lowest + 1 : width : 2], out=own[width:])
    else:
        second = low(x.b if party.index == 1 else x.a)
        planes = bitplanes.decremented_planes(second, width) if negate else bitplanes.from_words(second, width)
    dealt = yield from deal_first(party, own, shape, arith=False)
    return Split(dealt, planes, width)


def exclusive_or(x: Pair, y: Pair) -> Pair:
    return x[0] ^ y[0], x[1] ^ y[1]


def to_bits(party: Party, x: ArithShare, width: int) -> Steps[BitShare]:
    """The low ``width`` bits of every element, in two's complement.

    Leakage
        None (``deal_first``, ``share_summands``, ``reshare``).
    Rounds and bytes
        2 + ceil(log2(width - 1)) rounds (1 for one bit); party 0 sends ``width`` bits an element, the others each as many to
        each other, then each party about ``width * log2 width`` bits an element.
    Source
        ABY3 (CCS 2018), section 5.3, with Sklansky's adder.
    """
    halves = yield from split(party, x, width)
    propagate = halves.exclusive_or(party.index)
    elements = x.a[0].size
    if width == 1:
        return BitShare(*propagate, elements)

    def summand(mask: Words, out: Words, start: int) -> None:
        assert halves.known is not None
        gates.split_places(halves.dealt[0], halves.known, mask, out, start)

    generate = yield from share_summands(party, (width - 1, plane_words(elements)), summand, arith=False)
    lower = (propagate[0][: width - 1], propagate[1][: width - 1])
    carried = yield from carries(party, generate, lower)
    planes = []
    for plane, carry in zip(propagate, carried, strict=True):
        out = np.empty_like(plane)
        out[0] = plane[0]
        np.bitwise_xor(plane[1:], carry, out=out[1:])
        planes.append(out)
    return BitShare(planes[0], planes[1], elements)


def to_bits_cost(width: int, elements: int) -> list[Traffic]:
    words = plane_words(elements)
    if width == 1:
        return [first_deals(words)]
    return [first_deals(width * words), others_exchange((width - 1) * words), *carries_cost(width - 1, elements)]


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
    """Every bit as a ring element: ``b = b_2 + (1 - 2 b_2) c`` with ``c = b_0 xor b_1``, which party 0 knows and deals.

    Leakage
        None (``deal_first``, ``share_summands``).
    Rounds and bytes
        2 rounds; party 0 sends one ring element a bit, then the two others one each.
    Source
        Bit injection as in ABY3 (CCS 2018), section 5.4, with the local split instead of oblivious transfer.
    """
    shape = (limbs, len(x.a), x.n)
    dealt = yield from deal_first(party, _first_two(party, x, limbs), shape, arith=True)

    def summand(mask: Words, out: Words, start: int) -> None:
        planes = x.b if party.index == 1 else x.a
        if limbs == 1:
            ring.flipped_one(planes, dealt[0].reshape(-1), party.index == 2, mask, out.reshape(-1), x.n, start)
        else:
            ring.flipped(planes, dealt[0], party.index == 2, mask.reshape(shape), out)

    a, b = yield from share_summands(party, shape, summand, arith=True)
    return ArithShare(a, b)


def to_arith_cost(rows: int, n: int, limbs: int) -> list[Traffic]:
    words = rows * n * limbs
    return [first_deals(words), others_exchange(words)]
