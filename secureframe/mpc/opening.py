"""The one function that opens a shared value among the parties, and checks that all saw the same before they act on it.

A protocol calls ``open_bits`` only on bits that its docstring proves harmless (comparisons of shuffled, distinct keys).
Each party receives the component it lacks from one holder; the other holder vouches for it with a digest in the same
round, so that checking does not double the bytes. Since opened bits decide what is asked next, a verdict follows at once:
parties that saw different bits would otherwise wait for messages of different lengths.
"""

from __future__ import annotations

import hashlib

import numpy as np

from secureframe.mpc.bitplanes import clear_tail, plane_words
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Message, Steps
from secureframe.mpc.sharing import BitShare
from secureframe.mpc.traffic import Traffic

_DIGEST_WORDS = 4


def _digest(component: Words) -> Words:
    return np.frombuffer(bytearray(hashlib.sha256(component.data).digest()), np.uint64)


class InconsistentOpening(Exception):
    """Two holders of a component told different things: the pair in dispute, or the one party that both disputes name.

    A name says where to look, and proves nothing: verdicts are not proven either, so that a receiver that complains falsely
    brings the names of others up.
    """

    def __init__(self, disputing: tuple[int, ...]) -> None:
        self.disputing = disputing
        pairs = [tuple(sorted(((receiver - 1) % 3, (receiver + 1) % 3))) for receiver in disputing]
        self.pair: tuple[int, int] | None = (pairs[0][0], pairs[0][1]) if len(pairs) == 1 else None
        self.party: int | None = 3 - sum(disputing) if len(pairs) == 2 else None
        if self.pair is not None:
            text = f"parties {self.pair[0]} and {self.pair[1]} dispute an opened value"
        elif self.party is not None:
            text = f"party {self.party} is in dispute with both other parties about an opened value"
        else:
            text = "all three pairs of parties dispute an opened value"
        super().__init__(text)


def open_bits(party: Party, x: BitShare) -> Steps[Words]:
    """Tell all three parties the bits of x; bits beyond n are cleared first.

    Leakage
        Exactly the opened bits, to all parties: the component that a party receives is determined by them and by its own
        two, the digest by that component. The caller's docstring says why the bits may be known.
    Rounds and bytes
        2 rounds; each party sends one component to its successor and 32 bytes to its predecessor, then its verdict of 8
        bytes to both.
    Source
        Furukawa, Lindell, Nof, Weinstein (Eurocrypt 2017), section 2, for the comparison of views by digest.

    Raises
    ------
    InconsistentOpening
        At every party alike, naming the pair in dispute, or one party where two receivers independently dispute it.
    """
    own, following = clear_tail(x.a, x.n), clear_tail(x.b, x.n)
    received = yield Message(
        to_previous=_digest(following), to_next=own, from_previous=own.size, from_next=_DIGEST_WORDS, opening=True
    )
    missing = received.from_previous.reshape(own.shape)
    disputed = not np.array_equal(_digest(missing), received.from_next)
    verdict = np.array([disputed], np.uint64)
    verdicts = yield Message(to_previous=verdict, to_next=verdict, from_previous=1, from_next=1, opening=True)
    flags = {
        party.index: disputed,
        (party.index - 1) % 3: bool(verdicts.from_previous[0]),
        (party.index + 1) % 3: bool(verdicts.from_next[0]),
    }
    disputing = tuple(index for index in range(3) if flags[index])
    if disputing:
        raise InconsistentOpening(disputing)
    party.opened_bits += x.n * len(own)
    return own ^ following ^ missing


def open_bits_cost(rows: int, n: int) -> list[Traffic]:
    words = rows * plane_words(n)
    digests = (_DIGEST_WORDS, _DIGEST_WORDS, _DIGEST_WORDS)
    return [
        Traffic(to_previous=digests, to_next=(words, words, words)),
        Traffic(to_previous=(1, 1, 1), to_next=(1, 1, 1)),
    ]
