"""Kernels of the public half of a sort: what opened comparisons say of an order. Nothing here is secret."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc._numba import kernel

Index = NDArray[np.int64]
Bools = NDArray[np.bool_]


@kernel("boolean(i8[:, ::1], b1[::1], i8[:, ::1])")
def rank_kernel(members: Index, less: Bools, out: Index) -> bool:
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


@kernel("void(i8[:, ::1], i8[::1], i8[::1])")
def pairs_kernel(members: Index, left: Index, right: Index) -> None:
    """All pairs within every group, the one that stands first on the left."""
    groups, size = members.shape
    at = 0
    for group in range(groups):
        for first in range(size):
            for second in range(first + 1, size):
                left[at] = members[group, first]
                right[at] = members[group, second]
                at += 1


@kernel("void(i8[::1], i8[::1], i8[::1])")
def bucket_kernel(buckets: Index, ends: Index, out: Index) -> None:
    """The elements in the order of their buckets, given where every bucket ends; within one as they stood."""
    for element in range(buckets.shape[0] - 1, -1, -1):
        bucket = buckets[element]
        ends[bucket] -= 1
        out[ends[bucket]] = element
