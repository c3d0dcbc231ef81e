"""What one round of a protocol sends: the vocabulary of the cost functions that stand beside the protocols."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Triple = tuple[int, int, int]

ROUND = 1 << 15
"""Words, of all parties together, that are sent rather than another round waited for: 2 ms at 1 Gbit/s."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Words sent in one round by the parties 0, 1, 2 to their predecessor and to their successor."""

    to_previous: Triple = (0, 0, 0)
    to_next: Triple = (0, 0, 0)

    def __add__(self, other: Traffic) -> Traffic:
        (a, b, c), (d, e, f) = self.to_previous, other.to_previous
        (g, h, i), (j, k, m) = self.to_next, other.to_next
        return Traffic((a + d, b + e, c + f), (g + j, h + k, i + m))


def all_back(words: int) -> Traffic:
    """Every party sends to its predecessor: a resharing."""
    return Traffic(to_previous=(words, words, words))


def first_deals(words: int) -> Traffic:
    """Party 0 sends to party 1: the local split."""
    return Traffic(to_next=(words, 0, 0))


def others_exchange(words: int) -> Traffic:
    """The parties 1 and 2 send to each other: a value of which they know one summand each."""
    return Traffic(to_previous=(0, 0, words), to_next=(0, words, 0))


def words_sent(rounds: Iterable[Traffic]) -> int:
    """Words that all parties send together."""
    return sum(sum(traffic.to_previous) + sum(traffic.to_next) for traffic in rounds)
