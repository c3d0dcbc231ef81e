"""Products on replicated shares over the ring, and the one function through which every product goes.

For ``x = x_0 + x_1 + x_2`` and ``y`` alike, the nine terms of ``x y`` are split so that each party can compute three of
them: ``z_i = x_i y_i + x_i y_(i+1) + x_(i+1) y_i``. Masked by a share of zero, ``z_i`` is uniform and becomes the result's
component i: party i sends it to party i-1, its other holder.

Source
    Araki, Furukawa, Lindell, Nof, Ohara: High-throughput semi-honest secure three-party computation with an honest
    majority, CCS 2016, section 2.
"""

from __future__ import annotations

import numpy as np

from secureframe.mpc import ring
from secureframe.mpc.party import Party
from secureframe.mpc.randomness import CHUNK
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Message, Steps
from secureframe.mpc.sharing import ArithShare
from secureframe.mpc.traffic import Traffic, all_back


def reshare(component: Words) -> Steps[tuple[Words, Words]]:
    """Turn an additive (or xor) share, masked by a share of zero, into a replicated one. Every product goes through here.

    Leakage
        None: what a party receives is masked by a stream that it does not know, hence uniform (the simulator sends
        uniform words).
    Rounds and bytes
        1 round; each party sends the words of one component to its predecessor.
    Source
        Araki et al., CCS 2016, section 2.2.
    """
    received = yield Message(to_previous=component, from_next=component.size)
    return component, received.from_next.reshape(component.shape)


def reshare_cost(words: int) -> list[Traffic]:
    return [all_back(words)]


def add_zero_share(party: Party, component: Words) -> Words:
    """Return the component plus this party's share of zero."""
    return ring.masked(component, party.randomness.zero_words, CHUNK)


def _masked_products_one(party: Party, x: ArithShare, y: ArithShare, rows: int, n: int) -> Words:
    """Masked local terms over one limb, in chunks, so that no temporary array of the operands' size is made."""
    out = np.empty((1, rows, n), np.uint64)
    flat = out.reshape(-1)
    if x.a.shape == y.a.shape:
        pieces = [(x.a.reshape(-1), x.b.reshape(-1), y.a.reshape(-1), y.b.reshape(-1), flat)]
    elif rows * n <= CHUNK:
        xa, xb, ya, yb = (ring.repeated(part, (1, rows, n)).reshape(-1) for part in (x.a, x.b, y.a, y.b))
        pieces = [(xa, xb, ya, yb, flat)]
    else:
        pieces = []
        for row in range(rows):
            left = row if x.a.shape[1] > 1 else 0
            right = row if y.a.shape[1] > 1 else 0
            pieces.append((x.a[0, left], x.b[0, left], y.a[0, right], y.b[0, right], out[0, row]))
    zero_words = party.randomness.zero_words
    for xa, xb, ya, yb, target in pieces:
        for start in range(0, target.size, CHUNK):
            part = slice(start, start + CHUNK)
            plus, minus = zero_words(min(CHUNK, target.size - start))
            ring.cross_one(xa[part], xb[part], ya[part], yb[part], plus, minus, target[part])
    return out


def multiply(party: Party, x: ArithShare, y: ArithShare) -> Steps[ArithShare]:
    """Products element by element; a side of one row is repeated for every row of the other.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 round; each party sends one ring element an output.
    Source
        Araki et al., CCS 2016, section 2.2.
    """
    limbs, _, n = x.a.shape
    if limbs == 1:
        component = _masked_products_one(party, x, y, max(x.a.shape[1], y.a.shape[1]), n)
    else:
        component = ring.cross_terms(x.a, x.b, y.a, y.b, party.randomness.zero_words, CHUNK)
    a, b = yield from reshare(component)
    return ArithShare(a, b)


def inner(party: Party, x: ArithShare, y: ArithShare) -> Steps[ArithShare]:
    """Inner products of all rows, ``x @ y.T``: ``(r, n), (c, n) -> (r, c)``.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 round; each party sends one ring element an output, whatever n is.
    Source
        Araki et al., CCS 2016, section 2.2; the terms are added before they are masked and sent.
    """
    component = add_zero_share(party, ring.inner_terms(x.a, x.b, y.a, y.b))
    a, b = yield from reshare(component)
    return ArithShare(a, b)


def refresh(party: Party, x: ArithShare) -> Steps[ArithShare]:
    """The same values under fresh components: to a recipient of all components, nothing but their sum is informative.

    Leakage
        None (``reshare``).
    Rounds and bytes
        1 round; each party sends one component.
    Source
        Araki et al., CCS 2016, section 2.2 (a product by one).
    """
    a, b = yield from reshare(add_zero_share(party, x.a))
    return ArithShare(a, b)
