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
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc import bitplanes
from secureframe.mpc.bitplanes import Index
from secureframe.mpc.comparison import less_than_at, less_than_at_cost, with_products, with_products_cost
from secureframe.mpc.opening import open_bits, open_bits_cost
from secureframe.mpc.ordering import Bools, Buckets, Places, arrange_kernel, pairs_kernel, probe_kernel, rank_kernel, sink_kernel
from secureframe.mpc.party import Party
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import WordShare
from secureframe.mpc.traffic import Traffic

Schedule = Generator[tuple[Places, Places], Bools, Places]
Count = TypeVar("Count", int, NDArray[np.int64])


class ContradictoryOrder(Exception):
    """Opened comparisons that no order has: a party computed wrongly. Depends on no honest data, since keys are distinct."""

    def __init__(self) -> None:
        super().__init__("the opened comparisons of a sort contradict each other")


# Segments up to this size are finished by comparing all pairs.
SMALL = 8
_MOST_LEVELS = 10
AT_ONCE = 1 << 21
"""Comparisons made together, a multiple of 64; a larger batch is made in parts, so that what is held at once is bounded."""
_CHEAP_WHOLE, _CHEAP_EACH = 1 << 17, 2


def _pairs(size: Count) -> Count:
    return size * (size - 1) // 2


def _cheap(n: int) -> int:
    """Comparisons that are made at once rather than in further rounds: all of a short sort, else a few for each element."""
    whole = _pairs(n)
    return whole if whole <= _CHEAP_WHOLE else _CHEAP_EACH * n


@dataclass(slots=True)
class _AllPairs:
    """Groups of equally many elements, each to be ranked among its group by comparing all pairs."""

    members: Places

    def count(self) -> int:
        return len(self.members) * _pairs(int(self.members.shape[1]))

    def ask(self, left: Places, right: Places) -> None:
        pairs_kernel(self.members, left, right)

    def ranked(self, less: Bools) -> Places:
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
    """Segments that share their number of pivots: elements sink through the sorted pivots by binary search.

    The pivots stand first in the segment; ``buckets`` holds, for every other element, the first bucket that it may belong to.
    """

    arrangement: Places
    starts: Places
    sizes: Places
    pivots: Places
    buckets: Buckets
    step: int

    @classmethod
    def of(cls, arrangement: Places, starts: Places, sizes: Places, levels: int) -> _Search:
        pivots = (1 << levels) - 1
        others = int(sizes.sum()) - len(sizes) * pivots
        first = arrangement[starts[:, None] + np.arange(pivots, dtype=np.int32)]
        return cls(arrangement, starts, sizes, first, np.zeros(others, np.int16), 1 << (levels - 1))

    def count(self) -> int:
        return len(self.buckets)

    def ask(self, left: Places, right: Places) -> None:
        probe_kernel(self.arrangement, self.starts, self.sizes, self.pivots, self.buckets, self.step, left, right)

    def sink(self, less: Bools) -> None:
        sink_kernel(self.buckets, less, self.step)
        self.step //= 2

    def arrange(self) -> tuple[Places, Places]:
        """Bring elements and pivots into their places; return the starts and sizes of the segments between pivots."""
        count, pivots = self.pivots.shape
        starts, sizes = np.empty((count, pivots + 1), np.int32), np.empty((count, pivots + 1), np.int32)
        arrange_kernel(self.arrangement, self.starts, self.sizes, self.pivots, self.buckets, starts, sizes)
        return starts.ravel(), sizes.ravel()


def _pivot_levels(sizes: Places) -> Places:
    """How many binary-search levels a segment of each size takes: as many pivots as are cheap to compare pairwise."""
    levels = np.full(len(sizes), 2, np.int32)
    for candidate in range(3, _MOST_LEVELS + 1):
        pivots = (1 << candidate) - 1
        levels[sizes >= _pairs(pivots)] = candidate
    return levels


def _batch(tasks: Sequence[_AllPairs | _Search]) -> tuple[Places, Places, list[slice]]:
    """What all tasks ask for in one batch, and where the answers of each stand."""
    ends = np.cumsum([task.count() for task in tasks])
    parts = [slice(int(end) - task.count(), int(end)) for end, task in zip(ends, tasks, strict=True)]
    left, right = np.empty(int(ends[-1]), np.int32), np.empty(int(ends[-1]), np.int32)
    for task, part in zip(tasks, parts, strict=True):
        task.ask(left[part], right[part])
    return left, right, parts


def quicksort_schedule(n: int) -> Schedule:
    """Ask for batches of comparisons ``left < right`` between elements ``0 .. n - 1``; return them in ascending order."""
    arrangement = np.arange(n, dtype=np.int32)
    starts, sizes = np.zeros(1, np.int32), np.full(1, n, np.int32)
    while True:
        starts, sizes = starts[sizes > 1], sizes[sizes > 1]
        if not len(starts):
            return arrangement
        # What is left may be cheap enough to be finished whole, which spares the rounds of further levels.
        largest = SMALL if int(_pairs(sizes.astype(np.int64)).sum()) > _cheap(n) else int(sizes.max())
        small = [(starts[sizes == size, None] + np.arange(size, dtype=np.int32)) for size in np.unique(sizes[sizes <= largest])]
        finishing = [(places, _AllPairs(arrangement[places])) for places in small]
        starts, sizes = starts[sizes > largest], sizes[sizes > largest]
        levels = _pivot_levels(sizes)
        searches = [
            _Search.of(arrangement, starts[levels == level], sizes[levels == level], int(level)) for level in np.unique(levels)
        ]
        ranking = [task for _, task in finishing] + [_AllPairs(search.pivots) for search in searches]
        left, right, parts = _batch(ranking)
        less = yield left, right
        ranked = [task.ranked(less[part]) for task, part in zip(ranking, parts, strict=True)]
        for (places, _), members in zip(finishing, ranked, strict=False):
            arrangement[places] = members
        for search, members in zip(searches, ranked[len(finishing) :], strict=True):
            search.pivots = members
        while active := [search for search in searches if search.step]:
            left, right, parts = _batch(active)
            less = yield left, right
            for search, part in zip(active, parts, strict=True):
                search.sink(less[part])
        between = [search.arrange() for search in searches]
        starts = np.concatenate([first for first, _ in between]) if between else np.empty(0, np.int32)
        sizes = np.concatenate([size for _, size in between]) if between else np.empty(0, np.int32)


_MOST_EACH = 4
"""Comparisons an element in a batch of more than 512 elements that ranks small segments and pivots; in a search there is one."""


def _parts(count: int) -> list[slice]:
    """A batch in parts of bounded size, which follow each other."""
    return [slice(start, min(count, start + AT_ONCE)) for start in range(0, count, AT_ONCE)]


def sort(party: Party, keys: WordShare, width: int) -> Steps[Index]:
    """The order that sorts shuffled, pairwise distinct keys (low ``width`` bits, unsigned), public among the parties.

    Element j of the sorted sequence is element ``order[j]`` of the keys.

    Leakage
        The opened comparisons, to all parties. They are a function of the keys' ranks in shuffled order. Because the
        keys are distinct and the shuffle is uniform and unknown to each single party, these ranks are a uniform permutation
        whatever the data: the simulator draws one. Keys made distinct by shuffled position would break this: equal keys
        would show; hence the secret index from before the shuffle.
    Rounds and bytes
        2 (``with_products``) and about ``3/2 log2 n`` batches of ``3 + ceil(log2 ceil(width / 3))`` rounds, or a single one that
        compares all pairs of few keys; about ``log2 n + 2`` comparisons an element, each about ``4/3 width`` bits a party.
        Batches and their sizes depend on the permutation alone. A batch of more than ``AT_ONCE`` comparisons is made in parts,
        each with rounds of its own.
    Source
        Hamada, Kikuchi, Ikarashi, Chida, Takahashi (ICISC 2012); several pivots as in sample sort (Frazer, McKellar 1970).
    """
    n = keys.a.shape[1]
    if n < 2:
        return np.arange(n, dtype=np.int64)
    schedule = quicksort_schedule(n)
    held = yield from with_products(party, keys, width)
    try:
        left, right = next(schedule)
        while True:
            answers = np.empty(len(left), np.bool_)
            for part in _parts(len(left)):
                less = yield from less_than_at(party, held, left[part], right[part], width)
                opened = yield from open_bits(party, less)
                answers[part] = bitplanes.to_bools(opened, less.n)[0]
            left, right = schedule.send(answers)
    except StopIteration as stop:
        order: Index = stop.value.astype(np.int64)
        return order


@functools.lru_cache(maxsize=32)
def _expected_batches(n: int) -> tuple[int, ...]:
    """Words that a plane of every batch has, as a mean over random permutations; as many batches as there are on average."""
    # The larger a sort, the less its batches vary.
    runs = max(1, min(64, 400_000 // max(n, 1)))
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
    rounds = with_products_cost(width, n) if n > 1 else []
    for words in _expected_batches(n):
        for part in _parts(64 * words):
            rounds += less_than_at_cost(width, part.stop - part.start)
            rounds += open_bits_cost(1, part.stop - part.start)
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
    batches = most_batches(n)
    # At least two batches of searches follow one of rankings, but for the last.
    parts = batches * len(_parts(n)) + (batches // 3 + 1) * (len(_parts(n * _MOST_EACH)) - len(_parts(n)))
    return [Traffic()] * max(len(with_products_cost(width, n)) + each * parts, len(sort_cost(n, width)))
