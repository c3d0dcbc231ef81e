"""Gates on bit planes: the replicated product over bits, and-trees, carry trees and adders built from it.

Every gate works on 64 elements a word; a layer of gates is one conjunction of chosen planes with chosen planes, so that
no plane is copied to stand beside its partner and nothing but live planes is ever sent.
"""

from __future__ import annotations

import numpy as np

from secureframe.mpc.arithmetic import reshare
from secureframe.mpc.bitplanes import Index, and_rows_kernel, expand_masks, plane_words
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import BitShare, WordShare
from secureframe.mpc.traffic import Traffic, all_back

CHUNK = 16384
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)

Pair = tuple[Words, Words]


def and_planes(party: Party, x: Pair, x_rows: Index, y: Pair, y_rows: Index) -> Steps[Pair]:
    """Conjunction of plane ``x_rows[r]`` of x with plane ``y_rows[r]`` of y, for all r.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 round; each party sends one bit a gate.
    Source
        Araki et al., CCS 2016, section 2.1.
    """
    rows, words = len(x_rows), x[0].shape[1]
    out = np.empty((rows, words), np.uint64)
    step = max(1, CHUNK // words)
    for start in range(0, rows, step):
        stop = min(rows, start + step)
        plus, minus = party.randomness.zero_words((stop - start) * words)
        and_rows_kernel(x[0], x[1], x_rows, y[0], y[1], y_rows, plus, minus, out, start, stop)
    return (yield from reshare(out))


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
    spread = (expand_masks(mask.a, n), expand_masks(mask.b, n))
    rows = len(x.a)
    a, b = yield from and_planes(party, (x.a, x.b), np.arange(rows, dtype=np.int64), spread, np.zeros(rows, np.int64))
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
    plus, minus = party.randomness.zero_words(x.a.size)
    a, b = yield from reshare(x.a ^ plus.reshape(x.a.shape) ^ minus.reshape(x.a.shape))
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


def sum_carry(party: Party, x: Pair, y: Pair) -> Steps[Pair]:
    """The carry out of ``x + y``, unsigned numbers of m places.

    Places are taken in pairs, an odd one alone at the bottom. A pair generates the majority of its upper bits and of the
    carry of its lower ones, which is one gate, where a generate bit of its own and a merge would be two. The pairs are
    merged by ``carry_out``.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 + ceil(log2 m) rounds; each party sends about 5/2 m bits an element.
    Source
        The majority as in the full adder of Boyar and Peralta (2010), ``((x + c) (y + c)) + c``; the tree as ``carry_out``.
    """
    places = len(x[0])
    odd = places % 2
    lower = np.arange(odd, places, 2, dtype=np.int64)
    starts = np.arange(places - 2 * len(lower), dtype=np.int64)
    propagate = tuple(u ^ v for u, v in zip(x, y, strict=True))
    left, right = ((np.concatenate([z[0], propagate[0]]), np.concatenate([z[1], propagate[1]])) for z in (x, y))
    # The lowest pair's propagate is never needed.
    spread = places + lower[1 - odd :]
    both = yield from and_planes(
        party, left, np.concatenate([starts, lower, spread + 1]), right, np.concatenate([starts, lower, spread])
    )
    carried = len(starts) + len(lower)
    low = both[0][odd:carried], both[1][odd:carried]
    if not len(lower):
        return both
    rows = np.arange(len(lower), dtype=np.int64)
    upper = [(z[0][lower + 1] ^ low[0], z[1][lower + 1] ^ low[1]) for z in (x, y)]
    major = yield from and_planes(party, upper[0], rows, upper[1], rows)
    generate = tuple(np.concatenate([b[:odd], m ^ c]) for b, m, c in zip(both, major, low, strict=True))
    return (yield from carry_out(party, (generate[0], generate[1]), (both[0][carried:], both[1][carried:])))


def sum_carry_cost(places: int, n: int) -> list[Traffic]:
    pairs, odd = divmod(places, 2)
    rounds = [all_back((pairs + odd + max(0, pairs + odd - 1)) * plane_words(n))]
    if pairs:
        rounds.append(all_back(pairs * plane_words(n)))
    return rounds + carry_out_cost(pairs + odd, n)


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
    places = len(generate[0])
    planes = tuple(np.concatenate([g, p]) for g, p in zip(generate, propagate, strict=True))
    a, b = planes[0], planes[1]
    while places > 1:
        pairs, odd = divmod(places, 2)
        even = 2 * np.arange(pairs, dtype=np.int64)
        x_rows = np.concatenate([places + even, places + even[1:]])
        y_rows = np.concatenate([even, places + even[1:] - 1])
        products = yield from and_planes(party, (a, b), x_rows, (a, b), y_rows)
        a, b = (_merged(old, new, places, pairs, odd) for old, new in zip((a, b), products, strict=True))
        places = pairs + odd
    return a[:1], b[:1]


def _merged(old: Words, products: Words, places: int, pairs: int, odd: int) -> Words:
    """Planes of one component after a level: generates of the merged places, then propagates but the lowest."""
    left = pairs + odd
    out = np.empty((2 * left - 1, old.shape[1]), np.uint64)
    np.bitwise_xor(old[1 : 2 * pairs : 2], products[:pairs], out=out[:pairs])
    out[left : left + pairs - 1] = products[pairs:]
    if odd:
        out[pairs] = old[places - 1]
        out[-1] = old[-1]
    return out


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
