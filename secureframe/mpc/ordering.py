"""Kernels of the public half of a sort: what opened comparisons say of an order. Nothing here is secret."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc._numba import kernel

Places = NDArray[np.int32]
Buckets = NDArray[np.int16]
Bools = NDArray[np.bool_]


@kernel("boolean(i4[:, ::1], b1[::1], i4[:, ::1])")
def rank_kernel(members: Places, less: Bools, out: Places) -> bool:
    """Write each group in ascending order, from the comparisons of all its pairs; False if they are those of no order."""
    groups, size = members.shape
    pairs = size * (size - 1) // 2
    ranks = np.empty(size, np.int64)
    taken = np.empty(size, np.int64)
    for group in range(groups):
        ranks[:] = 0
        at = group * pairs
        for first in range(size):
            for second in range(first + 1, size):
                if less[at]:
                    ranks[second] += 1
                else:
                    ranks[first] += 1
                at += 1
        taken[:] = 0
        for place in range(size):
            if taken[ranks[place]]:
                return False
            taken[ranks[place]] = 1
            out[group, ranks[place]] = members[group, place]
    return True


@kernel("void(i4[:, ::1], i4[::1], i4[::1])")
def pairs_kernel(members: Places, left: Places, right: Places) -> None:
    """All pairs within every group, the one that stands first on the left."""
    groups, size = members.shape
    at = 0
    for group in range(groups):
        for first in range(size):
            for second in range(first + 1, size):
                left[at] = members[group, first]
                right[at] = members[group, second]
                at += 1


@kernel("void(i4[::1], i4[::1], i4[::1], i4[:, ::1], i2[::1], i8, i4[::1], i4[::1])")
def probe_kernel(
    arrangement: Places, starts: Places, sizes: Places, pivots: Places, buckets: Buckets, step: int, left: Places, right: Places
) -> None:
    """Every element of the segments but the pivots, and the pivot in the middle of the ``2 step`` buckets that are left for it.

    A segment's pivots stand first in the arrangement.
    """
    at = 0
    for segment in range(starts.shape[0]):
        start = starts[segment]
        own = pivots[segment]
        for place in range(start + own.shape[0], start + sizes[segment]):
            left[at] = arrangement[place]
            right[at] = own[buckets[at] + step - 1]
            at += 1


@kernel("void(i2[::1], b1[::1], i8)")
def sink_kernel(buckets: Buckets, less: Bools, step: int) -> None:
    """Elements that are not below the pivot in the middle go into the upper half of their buckets."""
    for at in range(buckets.shape[0]):
        buckets[at] += np.int16(0 if less[at] else step)


@kernel("void(i4[::1], i4[::1], i4[::1], i4[:, ::1], i2[::1], i4[:, ::1], i4[:, ::1])")
def arrange_kernel(
    arrangement: Places, starts: Places, sizes: Places, pivots: Places, buckets: Buckets, out_starts: Places, out_sizes: Places
) -> None:
    """Bring elements between their pivots; ``out_starts`` and ``out_sizes`` are those of the buckets of every segment."""
    count, among = pivots.shape
    ends = np.empty(among + 1, np.int64)
    held = np.empty(0, np.int32)
    at = 0
    for segment in range(count):
        start = np.int64(starts[segment])
        others = sizes[segment] - among
        if held.shape[0] < others:
            held = np.empty(others, np.int32)
        held[:others] = arrangement[start + among : start + among + others]
        own = buckets[at : at + others]
        ends[:] = 0
        for element in range(others):
            ends[own[element]] += 1
        place = start
        for bucket in range(among + 1):
            out_starts[segment, bucket] = place
            out_sizes[segment, bucket] = ends[bucket]
            place += ends[bucket]
            ends[bucket] = out_starts[segment, bucket]
            if bucket < among:
                arrangement[place] = pivots[segment, bucket]
                place += 1
        for element in range(others):
            arrangement[ends[own[element]]] = held[element]
            ends[own[element]] += 1
        at += others
