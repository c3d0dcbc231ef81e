"""Kernels of comparisons between elements of one array at public places: what a sort asks for, batch by batch.

The array stays in words, both components of an element side by side, so that fetching one touches one line of the cache. A
block of comparisons is fetched, transposed and sent through the first layer of gates while it is in the cache: the planes
of both sides are never stored.
"""

from __future__ import annotations

import numpy as np

from secureframe.mpc._numba import kernel
from secureframe.mpc.bitplanes import transpose_lanes
from secureframe.mpc.ordering import Places
from secureframe.mpc.ring import Words

_ZERO = np.uint64(0)
LANES = 64
"""Blocks of 64 comparisons that go through the first layer together, in the cache."""


@kernel("void(u8[:, :, ::1], i4[::1], i4[::1], i8, i8, u8[:, ::1])")
def _fetch(words: Words, left: Places, right: Places, first: int, lanes: int, block: Words) -> None:
    """The words of 64 comparisons in every lane: both components of the left element, then of the right one."""
    n = left.shape[0]
    for lane in range(lanes):
        for k in range(64):
            element = 64 * (first + lane) + k
            if element < n:
                x = words[left[element]]
                y = words[right[element]]
                for row in range(words.shape[1]):
                    block[64 * row + k, lane] = x[row, 0]
                    block[64 * row + k, LANES + lane] = x[row, 1]
                    block[64 * row + k, 2 * LANES + lane] = y[row, 0]
                    block[64 * row + k, 3 * LANES + lane] = y[row, 1]
            else:
                for row in range(words.shape[1]):
                    for part in range(4):
                        block[64 * row + k, part * LANES + lane] = _ZERO


@kernel("void(u8[:, ::1], u8, i8)")
def _complement(x: Words, flip: np.uint64, start: int) -> None:
    """The products of three bits, in the order of ``less_than_at``, as those of their complements; one component."""
    low = x[0][start : start + LANES]
    middle = x[1][start : start + LANES]
    high = x[2][start : start + LANES]
    middle_low = x[3][start : start + LANES]
    high_low = x[4][start : start + LANES]
    high_middle = x[5][start : start + LANES]
    whole = x[6][start : start + LANES]
    for lane in range(LANES):
        whole[lane] ^= flip ^ high[lane] ^ middle[lane] ^ low[lane] ^ middle_low[lane] ^ high_low[lane] ^ high_middle[lane]
        middle_low[lane] ^= flip ^ middle[lane] ^ low[lane]
        high_low[lane] ^= flip ^ high[lane] ^ low[lane]
        high_middle[lane] ^= flip ^ high[lane] ^ middle[lane]
        low[lane] ^= flip
        middle[lane] ^= flip
        high[lane] ^= flip


@kernel("void(u8[::1], u8[::1], u8[::1])")
def _add_product(x: Words, y: Words, out: Words) -> None:
    """Add the local terms of a product; of ``y`` the first component and the sum of both stand in the right half."""
    xa = x[:LANES]
    xb = x[LANES : 2 * LANES]
    ya = y[2 * LANES : 3 * LANES]
    both = y[3 * LANES : 4 * LANES]
    for lane in range(LANES):
        out[lane] ^= (xa[lane] & both[lane]) ^ (xb[lane] & ya[lane])


@kernel("void(u8[:, :, ::1], i4[::1], i4[::1], i8, i8, u8, u8, u8[::1], u8[::1], u8[:, ::1])")
def first_layer_kernel(
    words: Words,
    left: Places,
    right: Places,
    start: int,
    stop: int,
    flip_a: np.uint64,
    flip_b: np.uint64,
    plus: Words,
    minus: Words,
    out: Words,
) -> None:
    """Masked generate and propagate bits of every three places of ``right - left``, for the words ``start .. stop - 1``.

    First the generate bits of all groups of places, then the propagate bits of all but the lowest.
    """
    deep = words.shape[1]
    rows = out.shape[0]
    groups = (rows + 1) // 2
    block = np.empty((64 * deep, 4 * LANES), np.uint64)
    total = np.empty(LANES, np.uint64)
    base = 0
    for first in range(start, stop, LANES):
        lanes = min(LANES, stop - first)
        _fetch(words, left, right, first, lanes, block)
        for row in range(deep):
            transpose_lanes(block[64 * row : 64 * row + 64], 7 * groups - 64 * row)
        for place in range(7 * groups):
            here = block[place]
            for lane in range(LANES):
                here[3 * LANES + lane] ^= here[2 * LANES + lane]
        for row in range(rows):
            group = row if row < groups else row - groups + 1
            z = block[7 * group : 7 * group + 7]
            total[:] = _ZERO
            if row < groups:
                _complement(z, flip_a, 0)
                _complement(z, flip_b, LANES)
                _add_product(z[2], z[2], total)
                _add_product(z[5], z[1], total)
                _add_product(z[1], z[5], total)
                _add_product(z[6], z[0], total)
                _add_product(z[4], z[3], total)
                _add_product(z[3], z[4], total)
                _add_product(z[0], z[6], total)
            else:
                whole = z[6]
                for lane in range(LANES):
                    total[lane] = whole[lane] ^ whole[2 * LANES + lane]
                _add_product(z[5], z[0], total)
                _add_product(z[4], z[1], total)
                _add_product(z[3], z[2], total)
                _add_product(z[2], z[3], total)
                _add_product(z[1], z[4], total)
                _add_product(z[0], z[5], total)
            target = out[row, first : first + lanes]
            plus_here = plus[base : base + lanes]
            minus_here = minus[base : base + lanes]
            for lane in range(lanes):
                target[lane] = total[lane] ^ plus_here[lane] ^ minus_here[lane]
            base += lanes
