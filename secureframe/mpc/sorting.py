"""Sorting shuffled, pairwise distinct keys by opened comparisons, all partitions of a level in one batch.

Each level takes several pivots a segment, sorts them by comparing all pairs, brings every other element into its place
between them by binary search, and goes on with the segments between pivots. About log2 n + 2 comparisons an element in all,
fewer than with one pivot. As soon as all pairs of what is left are cheap to compare, that is the last batch.

``quicksort_schedule`` is the public half: it asks for comparisons and is told their results. The protocol answers it from
shares, ``cost.py`` from a random permutation, the tests from numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc import bitplanes
from secureframe.mpc.bitplanes import Index
from secureframe.mpc.comparison import less_than_at, less_than_at_cost, paired
from secureframe.mpc.opening import open_bits, open_bits_cost
from secureframe.mpc.ordering import bucket_kernel, pairs_kernel, rank_kernel
from secureframe.mpc.party import Party
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import WordShare
from secureframe.mpc.traffic import Traffic

Bools = NDArray[np.bool_]
Schedule = Generator[tuple[Index, Index], Bools, Index]


class ContradictoryOrder(Exception):
    """Opened comparisons that no order has: a party computed wrongly. Depends on no honest data, since keys are distinct."""

    def __init__(self) -> None:
        super().__init__("the opened comparisons of a sort contradict each other")


# Segments up to this size are finished by comparing all pairs.
SMALL = 8
_MOST_LEVELS = 10
_CHEAP_WHOLE, _CHEAP_EACH = 1 << 17, 2


def _cheap(n: int) -> int:
    """Comparisons that are made at once rather than in further rounds: all of a short sort, else a few for each element."""
    whole = n * (n - 1) // 2
    return whole if whole <= _CHEAP_WHOLE else _CHEAP_EACH * n


@dataclass(slots=True)
class _AllPairs:
    """Groups of equally many elements, each to be ranked among its group by comparing all pairs."""

    members: Index

    def pairs(self) -> tuple[Index, Index]:
        left, right = np.empty(self.count(), np.int64), np.empty(self.count(), np.int64)
        pairs_kernel(self.members, left, right)
        return left, right

    def count(self) -> int:
        size = int(self.members.shape[1])
        return len(self.members) * (size * (size - 1) // 2)

    def ranked(self, less: Bools) -> Index:
        """The members of each group in ascending order.

        Raises
        ------
        ContradictoryOrder
            If the comparisons are those of no order; at every party alike, before anybody uses the ranks as positions.
        """
        out = np.empty_like(self.members)
        if not rank_kernel(self.members, less, out):
            raise ContradictoryOrder
        return out


@dataclass(slots=True)
class _Search:
    """Segments that share their number of pivots: elements sink through the sorted pivots by binary search."""

    levels: int
    starts: Index
    sizes: Index
    pivots: Index
    elements: Index
    segment: Index
    bucket: Index

    def pairs(self, level: int) -> tuple[Index, Index]:
        return self.elements, self.pivots[self.segment, self.bucket + (1 << (self.levels - 1 - level)) - 1]

    def sink(self, level: int, less: Bools) -> None:
        self.bucket += np.where(less, 0, 1 << (self.levels - 1 - level))

    def arrange(self, arrangement: Index) -> tuple[Index, Index]:
        """Write elements and pivots into their places; return the starts and sizes of the segments between pivots."""
        count, pivots = self.pivots.shape
        slots = 2 * pivots + 1
        keys = np.concatenate(
            [self.segment * slots + 2 * self.bucket, (np.arange(count)[:, None] * slots + 2 * np.arange(pivots) + 1).ravel()]
        )
        members = np.concatenate([self.elements, self.pivots.ravel()])
        held = np.bincount(keys, minlength=count * slots)
        order = np.empty(len(keys), np.int64)
        bucket_kernel(keys, np.cumsum(held), order)
        arrangement[_positions(self.starts, self.sizes)] = members[order]
        sizes = held.reshape(count, slots)
        starts = self.starts[:, None] + np.cumsum(sizes, axis=1) - sizes
        return starts[:, ::2].ravel(), sizes[:, ::2].ravel()


def _positions(starts: Index, sizes: Index) -> Index:
    """All positions of all segments, segment by segment."""
    offsets = np.cumsum(sizes) - sizes
    return np.repeat(starts - offsets, sizes) + np.arange(int(sizes.sum()), dtype=np.int64)


def _pivot_levels(sizes: Index) -> Index:
    """How many binary-search levels a segment of each size takes: as many pivots as are cheap to compare pairwise."""
    levels = np.full(len(sizes), 2, np.int64)
    for candidate in range(3, _MOST_LEVELS + 1):
        pivots = (1 << candidate) - 1
        levels[sizes >= pivots * (pivots - 1) // 2] = candidate
    return levels


def _next_batch(batches: list[tuple[Index, Index]]) -> tuple[Index, Index]:
    return np.concatenate([left for left, _ in batches]), np.concatenate([right for _, right in batches])


def quicksort_schedule(n: int) -> Schedule:
    """Ask for batches of comparisons ``left < right`` between elements ``0 .. n - 1``; return them in ascending order."""
    arrangement = np.arange(n, dtype=np.int64)
    starts, sizes = np.zeros(1, np.int64), np.full(1, n, np.int64)
    while True:
        starts, sizes = starts[sizes > 1], sizes[sizes > 1]
        if not len(starts):
            return arrangement
        # What is left may be cheap enough to be finished whole, which spares the rounds of further levels.
        largest = SMALL if int((sizes * (sizes - 1) // 2).sum()) > _cheap(n) else int(sizes.max())
        small = [(size, starts[sizes == size]) for size in np.unique(sizes[sizes <= largest])]
        finishing = [(first, _AllPairs(arrangement[first[:, None] + np.arange(size)])) for size, first in small]
        starts, sizes = starts[sizes > largest], sizes[sizes > largest]
        levels = _pivot_levels(sizes)
        searches: list[tuple[_Search, _AllPairs]] = []
        for level in np.unique(levels):
            first, size, pivots = starts[levels == level], sizes[levels == level], (1 << int(level)) - 1
            candidates = _AllPairs(arrangement[first[:, None] + np.arange(pivots)])
            rest = _positions(first + pivots, size - pivots)
            segment = np.repeat(np.arange(len(first), dtype=np.int64), size - pivots)
            search = _Search(
                int(level), first, size, candidates.members, arrangement[rest], segment, np.zeros(len(rest), np.int64)
            )
            searches.append((search, candidates))
        ranking = [task for _, task in finishing] + [task for _, task in searches]
        less = yield _next_batch([task.pairs() for task in ranking])
        answers = np.split(less, np.cumsum([task.count() for task in ranking])[:-1])
        for (first, task), answer in zip(finishing, answers, strict=False):
            arrangement[first[:, None] + np.arange(task.members.shape[1])] = task.ranked(answer)
        for (search, task), answer in zip(searches, answers[len(finishing) :], strict=True):
            search.pivots = task.ranked(answer)
        for level in range(max((search.levels for search, _ in searches), default=0)):
            active = [search for search, _ in searches if level < search.levels]
            less = yield _next_batch([search.pairs(level) for search in active])
            for search, answer in zip(active, np.split(less, np.cumsum([len(s.elements) for s in active])[:-1]), strict=True):
                search.sink(level, answer)
        between = [search.arrange(arrangement) for search, _ in searches]
        starts = np.concatenate([first for first, _ in between]) if between else np.empty(0, np.int64)
        sizes = np.concatenate([size for _, size in between]) if between else np.empty(0, np.int64)


def sort(party: Party, keys: WordShare, width: int) -> Steps[Index]:
    """The order that sorts shuffled, pairwise distinct keys (low ``width`` bits, unsigned), public among the parties.

    Element j of the sorted sequence is element ``order[j]`` of the keys.

    Leakage
        The opened comparisons, to all parties. They are a function of the keys' ranks in shuffled order. Because the
        keys are distinct and the shuffle is uniform and unknown to each single party, these ranks are a uniform permutation
        whatever the data: the simulator draws one. Keys made distinct by shuffled position would break this: equal keys
        would show; hence the secret index from before the shuffle.
    Rounds and bytes
        About ``3/2 log2 n`` batches of ``3 + ceil(log2 width)`` rounds, or a single one that compares all pairs of few keys;
        about ``log2 n + 2`` comparisons an element, each about ``5/2 width`` bits a party. Batches and their sizes depend on
        the permutation alone.
    Source
        Hamada, Kikuchi, Ikarashi, Chida, Takahashi (ICISC 2012); several pivots as in sample sort (Frazer, McKellar 1970).
    """
    schedule = quicksort_schedule(keys.a.shape[1])
    held = paired(keys, width)
    try:
        left, right = next(schedule)
        while True:
            less = yield from less_than_at(party, held, left, right, width)
            opened = yield from open_bits(party, less)
            left, right = schedule.send(bitplanes.to_bools(opened, less.n)[0])
    except StopIteration as stop:
        order: Index = stop.value
        return order


@functools.lru_cache(maxsize=32)
def _expected_batches(n: int) -> tuple[int, ...]:
    """Words that a plane of every batch has, as a mean over random permutations; as many batches as there are on average."""
    runs = max(4, min(64, 200_000 // n))
    sizes = [_batches(np.random.default_rng([n, run]).permutation(n)) for run in range(runs)]
    count = round(sum(map(len, sizes)) / runs)
    if not count:
        return ()
    totals = [sum(bitplanes.plane_words(each[k]) for each in sizes if k < len(each)) for k in range(max(map(len, sizes)))]
    words = [round(total / runs) for total in totals[:count]]
    # Later batches, which only some permutations have, and what was rounded away: their bytes count all the same.
    words[0] += round(sum(totals) / runs) - sum(words)
    return tuple(words)


def _batches(ranks: Index) -> list[int]:
    """Sizes of the batches for one permutation."""
    schedule = quicksort_schedule(len(ranks))
    sizes: list[int] = []
    try:
        left, right = next(schedule)
        while True:
            sizes.append(len(left))
            left, right = schedule.send(ranks[left] < ranks[right])
    except StopIteration:
        return sizes


def sort_cost(n: int, width: int) -> list[Traffic]:
    """An estimate: the mean batches of random permutations. The real ones vary with the shuffle, never with the data."""
    rounds: list[Traffic] = []
    for words in _expected_batches(n):
        rounds += less_than_at_cost(width, 64 * words)
        rounds += open_bits_cost(1, 64 * words)
    return rounds


UNLIKELY = 40
"""A sort needs more batches than ``most_batches`` says with a probability below ``2**-UNLIKELY``, whatever the data."""


@functools.lru_cache(maxsize=32)
def most_batches(n: int) -> int:
    """A bound of the number of batches of ``quicksort_schedule(n)``, for a uniform permutation.

    As long as p pivots of a segment of s elements leave no gap of t elements but with small probability, at most
    n ((s - t) / s) ** p over all gaps, segments are taken to be t long afterwards. Where p is too small for that, the size of the
    segment around an element is followed: with three pivots or more its r-th moment shrinks by at least the one of Beta(2, 3),
    24 / ((r + 2) (r + 3) (r + 4)), a level, and Markov's inequality bounds the levels until no segment is larger than what is
    finished at once.
    """
    if n < 2:
        return 0
    batches, size = 0, n
    unlikely = 2.0 ** -(UNLIKELY + 5)
    while size > _finished(n):
        levels = int(_pivot_levels(np.array([size]))[0])
        share = 1 - (unlikely / n) ** (1 / ((1 << levels) - 1))
        if share > 0.9:
            return batches + _last_levels(n, size) * (1 + levels) + 1
        batches += 1 + levels
        size = math.ceil(share * size)
    return batches + 1


def _finished(n: int) -> int:
    """Segments of this size are finished at once, if none is larger: n elements have at most n / 2 times as many pairs."""
    return max(SMALL, 2 * _cheap(n) // n + 1)


def _last_levels(n: int, size: int) -> int:
    """Levels after which n elements, in segments of ``size`` at first, are in segments that are finished at once."""

    def levels(r: int) -> int:
        shrinks = math.log2((r + 2) * (r + 3) * (r + 4) / 24)
        return math.ceil((math.log2(n) + r * math.log2(size / _finished(n)) + UNLIKELY + 5) / shrinks)

    return min(levels(r) for r in range(1, 65))


def sort_bound(n: int, width: int) -> list[Traffic]:
    """As many rounds as a sort may take but with a probability below ``2**-UNLIKELY``; their traffic means nothing."""
    each = len(less_than_at_cost(width, 1)) + len(open_bits_cost(1, 1))
    return [Traffic()] * (each * max(most_batches(n), len(_expected_batches(n))))
