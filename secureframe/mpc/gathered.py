"""Kernels of comparisons between elements of one array at public places: what a sort asks for, batch by batch.

The array stays in words, both components of an element side by side, so that fetching one touches one line of the cache. A
block of comparisons is fetched, transposed and sent through the first layer of gates while it is in the cache: the planes
of both sides are never stored, but for the upper ones of every pair of places, which the second layer reads again.
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


@kernel("void(u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1])")
def _masked_gate(xa: Words, xb: Words, ya: Words, yb: Words, plus: Words, minus: Words, out: Words) -> None:
    for lane in range(out.shape[0]):
        out[lane] = (xa[lane] & (ya[lane] ^ yb[lane])) ^ (xb[lane] & ya[lane]) ^ plus[lane] ^ minus[lane]


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


@kernel("void(u8[:, :, ::1], i4[::1], i4[::1], i8, i8, i8, u8, u8, u8[::1], u8[::1], u8[:, :, ::1], u8[:, ::1])")
def first_layer_kernel(
    words: Words,
    left: Places,
    right: Places,
    width: int,
    start: int,
    stop: int,
    flip_a: np.uint64,
    flip_b: np.uint64,
    plus: Words,
    minus: Words,
    upper: Words,
    out: Words,
) -> None:
    """Masked first gates of ``right - left`` for the words ``start .. stop - 1`` of every plane.

    A pair of places gives the conjunction of its lower bits and that of its two propagate bits; ``upper`` keeps its upper bits:
    both components of the complement of the left side, then of the right side.
    """
    deep = words.shape[1]
    odd = width % 2
    pairs = width // 2
    carried = odd + pairs
    rows = out.shape[0]
    block = np.empty((64 * deep, 4 * LANES), np.uint64)
    sums = np.empty((2, 2, LANES), np.uint64)
    base = 0
    for first in range(start, stop, LANES):
        lanes = min(LANES, stop - first)
        last = first + lanes
        _fetch(words, left, right, first, lanes, block)
        for row in range(deep):
            transpose_lanes(block[64 * row : 64 * row + 64], width - 64 * row)
        for place in range(width):
            here = block[place]
            for lane in range(LANES):
                here[lane] ^= flip_a
                here[LANES + lane] ^= flip_b
        for row in range(rows):
            # Without an odd place the lowest pair needs no propagate bit.
            low = 0 if row < odd else odd + 2 * (row - odd) if row < carried else odd + 2 * (row - carried + 1 - odd)
            at = base + row * lanes
            plus_here = plus[at : at + lanes]
            minus_here = minus[at : at + lanes]
            target = out[row, first:last]
            x = block[low]
            if row < carried:
                _masked_gate(x, x[LANES:], x[2 * LANES :], x[3 * LANES :], plus_here, minus_here, target)
                if row >= odd:
                    y = block[low + 1]
                    for part in range(4):
                        upper[part, row - odd, first:last] = y[part * LANES : part * LANES + lanes]
            else:
                y = block[low + 1]
                for part in range(2):
                    for lane in range(LANES):
                        sums[0, part, lane] = x[part * LANES + lane] ^ x[(2 + part) * LANES + lane]
                        sums[1, part, lane] = y[part * LANES + lane] ^ y[(2 + part) * LANES + lane]
                _masked_gate(sums[0, 0], sums[0, 1], sums[1, 0], sums[1, 1], plus_here, minus_here, target)
        base += rows * lanes


@kernel("void(u8[:, :, ::1], u8[:, ::1], u8[:, ::1], u8[::1], u8[::1], u8[:, ::1], i8, i8)")
def majority_kernel(
    upper: Words, low_a: Words, low_b: Words, plus: Words, minus: Words, out: Words, start: int, stop: int
) -> None:
    """Masked conjunctions ``(x xor c) and (y xor c)`` of the upper bits of pairs of places and the carries below, by rows."""
    words = out.shape[1]
    for r in range(start, stop):
        base = (r - start) * words
        for w in range(words):
            ca = low_a[r, w]
            ya = upper[2, r, w] ^ ca
            product = (upper[0, r, w] ^ ca) & (upper[2, r, w] ^ upper[3, r, w] ^ ca ^ low_b[r, w])
            out[r, w] = product ^ ((upper[1, r, w] ^ low_b[r, w]) & ya) ^ plus[base + w] ^ minus[base + w]
