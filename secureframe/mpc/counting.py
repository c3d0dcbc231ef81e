"""How many bits of a plane are 1: many are added up in bits first, three words to two, and only what is left as ring elements.

A full adder takes three words of one weight to one word of that weight and one of twice the weight, 64 elements at a time, for
one gate a bit; as ring elements, the same bits would take 64 times as much. Each layer of full adders takes a round and leaves
two thirds of the words.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from secureframe.mpc import bitplanes, ring
from secureframe.mpc.bitplanes import Index, plane_words
from secureframe.mpc.boolean import Pair, and_planes
from secureframe.mpc.conversion import deal_first, share_summands
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import ArithShare, BitShare
from secureframe.mpc.traffic import ROUND, Traffic, all_back, first_deals, others_exchange


@dataclass(frozen=True, slots=True)
class _Layers:
    """Words that a plane has of every weight 1, 2, 4, ...: before each layer of full adders, and after the last one."""

    before: tuple[tuple[int, ...], ...]
    after: tuple[int, ...]


def _layers(rows: int, n: int) -> _Layers:
    """As many layers of full adders as each send less than it saves, a round included."""
    before: list[tuple[int, ...]] = []
    words: tuple[int, ...] = (plane_words(n),)
    # Instead of a word's 64 ring elements each party sends one word.
    while rows * sum(w // 3 for w in words) * (64 - 3) > ROUND:
        before.append(words)
        carried = [0, *(w // 3 for w in words)]
        words = tuple(w - w // 3 * 2 + c for w, c in zip((*words, 0), carried, strict=True))
    return _Layers(tuple(before), words)


@functools.lru_cache(maxsize=32)
def _places(words: tuple[int, ...]) -> tuple[Index, Index, Index, Index]:
    """Where words stand, weight by weight, before a layer of full adders and after it.

    The three words of every full adder ``(3, adders)``, the words that are in none, where sums and carries go ``(2, adders)``,
    and where the others go.
    """
    sizes = np.array(words, np.int64)
    thirds = sizes // 3
    after = np.append(sizes - 2 * thirds, 0) + np.append(0, thirds)
    starts, ends = np.cumsum(sizes) - sizes, np.cumsum(after) - after
    adder = np.arange(thirds.sum(), dtype=np.int64) - np.repeat(np.cumsum(thirds) - thirds, thirds)
    weight = np.repeat(np.arange(len(words)), thirds)
    taken = starts[weight] + adder + np.arange(3, dtype=np.int64)[:, np.newaxis] * thirds[weight]
    left = np.concatenate([np.arange(s + 3 * t, s + w, dtype=np.int64) for s, t, w in zip(starts, thirds, sizes, strict=True)])
    rests = np.concatenate(
        [np.arange(e + t, e + w - 2 * t, dtype=np.int64) for e, t, w in zip(ends, thirds, sizes, strict=False)]
    )
    carried = (ends + np.append(sizes - 2 * thirds, 0))[weight + 1] + adder
    return taken, left, np.stack([ends[weight] + adder, carried]), rests


def _add_layer(party: Party, x: Pair, words: tuple[int, ...]) -> Steps[Pair]:
    """One layer of full adders over the words of every weight: ``a + b + c = (a ^ b ^ c) + 2 (((a ^ c) & (b ^ c)) ^ c)``.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 round; each party sends one word for three.
    Source
        Wallace 1964; the majority as in ``sum_carry``.
    """
    taken, left, made, rests = _places(words)
    parts = [[np.take(component, place, axis=1) for place in taken] for component in x]
    first = (parts[0][0] ^ parts[0][2], parts[1][0] ^ parts[1][2])
    second = (parts[0][1] ^ parts[0][2], parts[1][1] ^ parts[1][2])
    rows = np.arange(len(x[0]), dtype=np.int64)
    products = yield from and_planes(party, first, rows, second, rows)

    def laid_out(component: int) -> Words:
        out = np.empty((len(rows), x[component].shape[1] - made.shape[1]), np.uint64)
        out[:, rests] = x[component][:, left]
        out[:, made[0]] = first[component] ^ parts[component][1]
        out[:, made[1]] = products[component] ^ parts[component][2]
        return out

    return laid_out(0), laid_out(1)


def count_bits(party: Party, x: BitShare) -> Steps[ArithShare]:
    """How many bits of each plane are 1, as one-limb ring elements.

    The sums of what ``to_arith`` makes, each bit times the weight of its word.

    Leakage
        None (``_add_layer``, ``deal_first``, ``share_summands``).
    Rounds and bytes
        2 rounds; party 0 sends one ring element a bit, then the two others one element a plane. Of more than about 100,000 bits
        each layer of full adders before that takes 1 round and one bit of each party, for three, until that many are left.
    Source
        As ``to_arith``, the summands added before they are sent; ``_add_layer``.
    """
    rows = len(x.a)
    layers = _layers(rows, x.n)
    a, b = bitplanes.clear_tail(x.a, x.n), bitplanes.clear_tail(x.b, x.n)
    for words in layers.before:
        a, b = yield from _add_layer(party, (a, b), words)
    n = 64 * a.shape[1] if layers.before else x.n
    places = np.repeat(np.arange(len(layers.after), dtype=np.uint64), layers.after)
    known = bitplanes.expand_units(a ^ b, n)[np.newaxis] if party.index == 0 else None
    dealt = yield from deal_first(party, known, (1, rows, n), arith=True)
    if party.index != 0:
        sums = np.empty(rows, np.uint64)
        ring.flipped_sums(b if party.index == 1 else a, dealt[0][0], party.index == 2, places, sums)

    def summand(mask: Words, out: Words, start: int) -> None:
        part = slice(start, start + len(mask))
        np.subtract(sums[part], mask, out=out.reshape(-1)[part])

    first, second = yield from share_summands(party, (1, 1, rows), summand, arith=True)
    return ArithShare(first, second)


def count_bits_cost(rows: int, n: int) -> list[Traffic]:
    layers = _layers(rows, n)
    left = 64 * sum(layers.after) if layers.before else n
    adding = [all_back(rows * sum(w // 3 for w in words)) for words in layers.before]
    return [*adding, first_deals(rows * left), others_exchange(rows)]
