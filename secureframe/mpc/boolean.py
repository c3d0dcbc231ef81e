"""Gates on bit planes: the replicated product over bits, and-trees, carry trees and adders built from it.

Every gate works on 64 elements a word; a layer of gates is one message in which nothing but live planes is sent. Kernels take
their planes where they are, and add to a product what is to be added before it is sent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from secureframe.mpc import gates
from secureframe.mpc.arithmetic import reshare
from secureframe.mpc.bitplanes import Index, expand_masks, plane_words
from secureframe.mpc.party import Party
from secureframe.mpc.randomness import CHUNK
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import BitShare, WordShare
from secureframe.mpc.traffic import Traffic, all_back

_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)

Pair = tuple[Words, Words]
Layer = Callable[[Words, Words, Words, int], None]
"""Writes a run of words of its third argument, from the fourth on, masked by the first two."""


def layer(party: Party, shape: tuple[int, int], terms: Layer) -> Steps[Pair]:
    """One layer of gates: its masked local terms, shared anew. Every gate on bits goes through here.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 round; each party sends one bit a gate.
    Source
        Araki et al., CCS 2016, section 2.1.
    """
    out = np.empty(shape, np.uint64)
    for start in range(0, out.size, CHUNK):
        plus, minus = party.randomness.zero_words(min(CHUNK, out.size - start))
        terms(plus, minus, out, start)
    return (yield from reshare(out))


def and_planes(party: Party, x: Pair, x_rows: Index, y: Pair, y_rows: Index) -> Steps[Pair]:
    """Conjunction of plane ``x_rows[r]`` of x with plane ``y_rows[r]`` of y, for all r.

    Leakage, rounds, bytes, source
        As ``layer``.
    """

    def terms(plus: Words, minus: Words, out: Words, start: int) -> None:
        gates.and_rows(*x, x_rows, *y, y_rows, plus, minus, out, start)

    return (yield from layer(party, (len(x_rows), x[0].shape[1]), terms))


def _broadcast(rows: int, total: int) -> Index:
    return np.arange(total, dtype=np.int64) if rows == total else np.zeros(total, np.int64)


def conjunction(party: Party, x: BitShare, y: BitShare) -> Steps[BitShare]:
    """Conjunction bit by bit; a side of one plane is repeated for every plane of the other.

    Leakage, rounds, bytes, source
        As ``and_planes``.
    """
    rows = max(len(x.a), len(y.a))
    a, b = yield from and_planes(party, (x.a, x.b), _broadcast(len(x.a), rows), (y.a, y.b), _broadcast(len(y.a), rows))
    return BitShare(a, b, x.n)


def mask_words(party: Party, x: WordShare, mask: BitShare) -> Steps[WordShare]:
    """Words where the bit of ``mask`` is 1, else zero: the mask's bits are spread over words locally, then one conjunction.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 round; each party sends the words.
    Source
        Araki et al., CCS 2016, section 2.1.
    """
    n = x.a.shape[1]
    wide = x.a.astype(np.uint64, copy=False), x.b.astype(np.uint64, copy=False)
    spread = (expand_masks(mask.a, n), expand_masks(mask.b, n))
    rows = len(x.a)
    a, b = yield from and_planes(party, wide, np.arange(rows, dtype=np.int64), spread, np.zeros(rows, np.int64))
    return WordShare(a, b)


def refresh_bits(party: Party, x: BitShare) -> Steps[BitShare]:
    """The same bits under fresh components.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 round; each party sends one component.
    Source
        Araki et al., CCS 2016, section 2.1 (a conjunction with one).
    """
    own = x.a.reshape(-1)

    def terms(plus: Words, minus: Words, out: Words, start: int) -> None:
        part = out.reshape(-1)[start : start + len(plus)]
        np.bitwise_xor(own[start : start + len(plus)], plus, out=part)
        part ^= minus

    a, b = yield from layer(party, x.a.shape, terms)
    return BitShare(a, b, x.n)


def invert(index: int, x: BitShare) -> BitShare:
    """Complement: component 0 is flipped by its two holders."""
    return BitShare(x.a ^ _FULL if index == 0 else x.a, x.b ^ _FULL if index == 2 else x.b, x.n)


def all_planes(party: Party, x: BitShare) -> Steps[BitShare]:
    """The conjunction of all planes, by a tree of halves.

    Leakage
        None (``reshare``).
    Rounds and bytes
        ceil(log2 rows) rounds; each party sends rows - 1 bits an element.
    Source
        A tree over ``and_planes``.
    """
    a, b = x.a, x.b
    while len(a) > 1:
        half = len(a) // 2
        rows = np.arange(half, dtype=np.int64)
        low, high = yield from and_planes(party, (a, b), rows, (a, b), rows + half)
        if len(a) % 2:
            low, high = np.concatenate([low, a[-1:]]), np.concatenate([high, b[-1:]])
        a, b = low, high
    return BitShare(a, b, x.n)


def all_planes_cost(rows: int, n: int) -> list[Traffic]:
    rounds = []
    while rows > 1:
        rounds.append(all_back(rows // 2 * plane_words(n)))
        rows -= rows // 2
    return rounds


# -- carries -----------------------------------------------------------------------------------------------------------


def carry_out(party: Party, generate: Pair, propagate: Pair) -> Steps[Pair]:
    """The carry out of m places from their generate planes, and the propagate planes of all but the lowest one.

    Neighbouring places are merged level by level. A merged place generates ``g_high xor p_high g_low`` and propagates
    ``p_high p_low``. Only the planes of the places left are sent.

    Leakage
        None (``reshare``).
    Rounds and bytes
        ceil(log2 m) rounds; each party sends about 2 m bits an element.
    Source
        Brent and Kung 1982; the squeezing of live bits as in Catrina and de Hoogh 2010, section 3.
    """
    g, p = generate, propagate

    def terms(plus: Words, minus: Words, out: Words, start: int) -> None:
        gates.merge_pairs(*g, *p, plus, minus, out, start)

    while (places := len(g[0])) > 1:
        pairs, odd = divmod(places, 2)
        a, b = yield from layer(party, (2 * pairs - 1, g[0].shape[1]), terms)
        above = (g[0][-1:], g[1][-1:]), (p[0][-1:], p[1][-1:])
        g, p = (a[:pairs], b[:pairs]), (a[pairs:], b[pairs:])
        if odd:
            g, p = (_stacked(old, new) for old, new in zip((g, p), above, strict=True))
    return g


def _stacked(low: Pair, high: Pair) -> Pair:
    return np.concatenate([low[0], high[0]]), np.concatenate([low[1], high[1]])


def carry_out_cost(places: int, n: int) -> list[Traffic]:
    rounds = []
    while places > 1:
        pairs, odd = divmod(places, 2)
        rounds.append(all_back((2 * pairs - 1) * plane_words(n)))
        places = pairs + odd
    return rounds


def _prefix_levels(places: int) -> list[tuple[Index, Index, Index]]:
    """For every level of Sklansky's network: the places that merge, their lower neighbours, those that still propagate."""
    levels = []
    width = 1
    while width < places:
        high = np.array([i for i in range(places) if i & width], np.int64)
        low = high // width * width - 1
        levels.append((high, low, np.nonzero(high >= 2 * width)[0].astype(np.int64)))
        width *= 2
    return levels


def carries(party: Party, generate: Pair, propagate: Pair) -> Steps[Pair]:
    """The carries out of every one of m places: Sklansky's parallel-prefix network.

    Leakage
        None (``reshare``).
    Rounds and bytes
        ceil(log2 m) rounds; each party sends about m log2 m bits an element.
    Source
        Sklansky 1960; over shares as in ABY3 (Mohassel and Rindal, CCS 2018, section 5.3).
    """
    places = len(generate[0])
    planes = [np.concatenate([g, p]) for g, p in zip(generate, propagate, strict=True)]
    for high, low, wide in _prefix_levels(places):
        x_rows = np.concatenate([places + high, places + high[wide]])
        y_rows = np.concatenate([low, places + low[wide]])
        pair = (planes[0], planes[1])
        products = yield from and_planes(party, pair, x_rows, pair, y_rows)
        for old, new in zip(planes, products, strict=True):
            old[high] ^= new[: len(high)]
            old[places + high[wide]] = new[len(high) :]
    return planes[0][:places], planes[1][:places]


def carries_cost(places: int, n: int) -> list[Traffic]:
    return [all_back((len(high) + len(wide)) * plane_words(n)) for high, _, wide in _prefix_levels(places)]
