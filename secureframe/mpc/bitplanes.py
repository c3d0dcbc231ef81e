"""Bit planes: ``(rows, ceil(n / 64))`` words, bit ``j % 64`` of word ``j // 64`` of plane b being bit b of element j.

A gate on 64 elements is one word operation. Bits beyond n in a plane's last word carry nothing: they are never read, and
are cleared before a share leaves the program (``clear_tail``).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc import ring
from secureframe.mpc._numba import kernel
from secureframe.mpc.ring import Words

Index = NDArray[np.int64]

_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_BYTE = np.uint64(0xFF)
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_NOTHING: Words = np.empty(0, np.uint64)
_LANES = 32
"""Blocks of 64 x 64 bits that are transposed side by side, in the first-level cache."""


def plane_words(n: int) -> int:
    """Return how many words a plane of n bits takes."""
    return (n + 63) // 64


# -- kernels -----------------------------------------------------------------------------------------------------------


@kernel("void(u8[::1], u8[::1], u8, u8)")
def _exchange(low: Words, high: Words, step: np.uint64, mask: np.uint64) -> None:
    """Exchange two squares of bits in every lane: the high bits of one word with the low bits of another."""
    for lane in range(low.shape[0]):
        swap = ((low[lane] >> step) ^ high[lane]) & mask
        low[lane] ^= swap << step
        high[lane] ^= swap


@kernel("void(u8[:, ::1], i8)")
def transpose_lanes(block: Words, rows: int) -> None:
    """Transpose 64 x 64 bits in every lane (Warren, Hacker's Delight, section 7-3): six exchanges of ever smaller squares.

    Word k of a lane stands in ``block[k, lane]``, so that one exchange runs over all lanes. Only the first ``rows`` words of the
    result are made.
    """
    mask = np.uint64(0x00000000FFFFFFFF)
    width = 32
    while width > 0:
        step = np.uint64(width)
        for base in range(0, min(rows, 64), 2 * width):
            for k in range(base, base + width):
                _exchange(block[k], block[k + width], step, mask)
        width >>= 1
        mask ^= mask << np.uint64(width)


@kernel([f"void(u{size}[::1], u8[::1], u8, u8[:, ::1])" for size in (2, 4, 8)])
def sums_to_planes_kernel(words: Words, others: Words, constant: np.uint64, planes: Words) -> None:
    """The low bits of ``words + others + constant`` as planes; no others at all are as good as zeros."""
    n = words.shape[0]
    block = np.empty((64, _LANES), np.uint64)
    for start in range(0, planes.shape[1], _LANES):
        lanes = min(_LANES, planes.shape[1] - start)
        for lane in range(lanes):
            first = 64 * (start + lane)
            there = max(0, min(64, n - first))
            if others.shape[0] > 0:
                for k in range(there):
                    block[k, lane] = words[first + k] + others[first + k] + constant
            else:
                for k in range(there):
                    block[k, lane] = words[first + k] + constant
            for k in range(there, 64):
                block[k, lane] = _ZERO
        transpose_lanes(block, planes.shape[0])
        for r in range(planes.shape[0]):
            for lane in range(lanes):
                planes[r, start + lane] = block[r, lane]


@kernel([f"void(u8[:, ::1], u{size}[::1])" for size in (2, 4, 8)])
def planes_to_words_kernel(planes: Words, words: Words) -> None:
    """At most 64 planes as n words, missing bits zero."""
    n = words.shape[0]
    block = np.empty((64, _LANES), np.uint64)
    for start in range(0, planes.shape[1], _LANES):
        lanes = min(_LANES, planes.shape[1] - start)
        for r in range(64):
            for lane in range(lanes):
                block[r, lane] = planes[r, start + lane] if r < planes.shape[0] else _ZERO
        transpose_lanes(block, 64)
        for lane in range(lanes):
            first = 64 * (start + lane)
            for k in range(min(64, n - first)):
                words[first + k] = block[k, lane]


@kernel("void(u8[::1])")
def _transpose_bytes(block: Words) -> None:
    """Transpose 8 x 8 bits in each of eight words (Warren, Hacker's Delight, section 7-3)."""
    for k in range(8):
        x = block[k]
        swap = (x ^ (x >> np.uint64(7))) & np.uint64(0x00AA00AA00AA00AA)
        x ^= swap ^ (swap << np.uint64(7))
        swap = (x ^ (x >> np.uint64(14))) & np.uint64(0x0000CCCC0000CCCC)
        x ^= swap ^ (swap << np.uint64(14))
        swap = (x ^ (x >> np.uint64(28))) & np.uint64(0x00000000F0F0F0F0)
        block[k] = x ^ swap ^ (swap << np.uint64(28))


@kernel("void(u8[:, ::1], u8[:, ::1])")
def planes_to_bytes_kernel(planes: Words, out: Words) -> None:
    """At most eight planes as bytes, eight of them a word of ``out (words of a plane, 8)``, missing bits zero."""
    block = np.empty(8, np.uint64)
    for w in range(out.shape[0]):
        block[:] = _ZERO
        for r in range(planes.shape[0]):
            plane = planes[r, w]
            for k in range(8):
                block[k] |= ((plane >> np.uint64(8 * k)) & _BYTE) << np.uint64(8 * r)
        _transpose_bytes(block)
        for k in range(8):
            out[w, k] = block[k]


@kernel("void(u8[:, ::1], u8[:, ::1])")
def bytes_to_planes_kernel(words: Words, planes: Words) -> None:
    """The low bits of bytes, at most eight, as planes."""
    block = np.empty(8, np.uint64)
    for w in range(planes.shape[1]):
        for k in range(8):
            block[k] = words[w, k]
        _transpose_bytes(block)
        for r in range(planes.shape[0]):
            plane = _ZERO
            for k in range(8):
                plane |= ((block[k] >> np.uint64(8 * r)) & _BYTE) << np.uint64(8 * k)
            planes[r, w] = plane


@kernel("void(u8[:, ::1], i8[::1], u8[:, ::1])")
def gather_bits_kernel(planes: Words, index: Index, out: Words) -> None:
    """Elements at ``index`` along n, for every plane."""
    for r in range(out.shape[0]):
        for w in range(out.shape[1]):
            word = _ZERO
            for k in range(min(64, index.shape[0] - 64 * w)):
                j = index[64 * w + k]
                word |= ((planes[r, j >> 6] >> np.uint64(j & 63)) & _ONE) << np.uint64(k)
            out[r, w] = word


@kernel("void(u8[:, ::1], i8, i8, u8[:, ::1], i8)")
def place_bits_kernel(source: Words, start: int, count: int, target: Words, offset: int) -> None:
    """Or ``count`` bits of every plane of ``source``, from ``start`` on, into ``target`` at ``offset``."""
    words = (count + 63) // 64
    for r in range(source.shape[0]):
        for w in range(words):
            position = start + 64 * w
            low = np.uint64(position & 63)
            word = source[r, position >> 6] >> low
            if low > _ZERO and (position >> 6) + 1 < source.shape[1]:
                word |= source[r, (position >> 6) + 1] << (np.uint64(64) - low)
            left = count - 64 * w
            if left < 64:
                word &= (_ONE << np.uint64(left)) - _ONE
            position = offset + 64 * w
            low = np.uint64(position & 63)
            target[r, position >> 6] |= word << low
            if low > _ZERO and (position >> 6) + 1 < target.shape[1]:
                target[r, (position >> 6) + 1] |= word >> (np.uint64(64) - low)


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1])")
def expand_bits_kernel(planes: Words, ones: Words, out: Words) -> None:
    """Each bit as a whole word: ``ones[r, 0]`` where it is 1, zero where not."""
    for r in range(out.shape[0]):
        for j in range(out.shape[1]):
            bit = (planes[r, j >> 6] >> np.uint64(j & 63)) & _ONE
            out[r, j] = ones[0, 0] * bit


# -- arrays ------------------------------------------------------------------------------------------------------------

_UNIT = np.ones((1, 1), np.uint64)
_FILLED = np.full((1, 1), _FULL, np.uint64)


def from_bools(bits: NDArray[Any]) -> Words:
    """Bits ``(rows, n)`` as planes."""
    rows, n = bits.shape
    out = np.zeros((rows, 8 * plane_words(n)), np.uint8)
    out[:, : (n + 7) // 8] = np.packbits(bits.astype(bool), axis=1, bitorder="little")
    return out.view(np.uint64)


def to_bools(planes: Words, n: int) -> NDArray[np.bool_]:
    """Planes as bits ``(rows, n)``."""
    return np.unpackbits(planes.view(np.uint8), axis=1, count=n, bitorder="little").astype(bool)


def from_words(words: Words, width: int) -> Words:
    """The low ``width`` bits of elements of several words, ``(rows, n)`` least significant first, as planes."""
    n = words.shape[1]
    out = np.empty((width, plane_words(n)), np.uint64)
    if words.itemsize == 1:
        padded = np.zeros((plane_words(n), 8), np.uint64)
        padded.view(np.uint8).reshape(-1)[:n] = words[0]
        bytes_to_planes_kernel(padded, out)
        return out
    for row in range((width + 63) // 64):
        sums_to_planes_kernel(words[row], _NOTHING, _ZERO, out[64 * row : min(width, 64 * row + 64)])
    return out


def sum_planes(first: Words, second: Words, planes: Words) -> None:
    """Write the low bits of ``first + second``, ring elements ``(limbs, n)``, into planes."""
    if len(first) == 1:
        sums_to_planes_kernel(first[0], second[0], _ZERO, planes)
    else:
        planes[:] = from_words(ring.add(first, second), len(planes))


def decremented_planes(words: Words, width: int) -> Words:
    """The low ``width`` bits of ring elements ``(limbs, n)`` minus one."""
    if len(words) > 1:
        ones = ring.from_integers([1], len(words))
        return from_words(ring.subtract(words, ones), width)
    out = np.empty((width, plane_words(words.shape[1])), np.uint64)
    sums_to_planes_kernel(words[0], _NOTHING, _FULL, out)
    return out


def to_words(planes: Words, n: int, word: np.dtype[Any] | type[np.uint64] = np.uint64) -> Words:
    """Planes as elements of ``ceil(planes / 64)`` words, ``(rows, n)``, or of one narrower word that is wide enough."""
    rows = (planes.shape[0] + 63) // 64
    if np.dtype(word).itemsize == 1:
        padded = np.empty((planes.shape[1], 8), np.uint64)
        planes_to_bytes_kernel(planes, padded)
        return cast(Words, padded.view(np.uint8).reshape(1, -1)[:, :n])
    out = np.empty((rows, n), word)
    for row in range(rows):
        planes_to_words_kernel(planes[64 * row : 64 * row + 64], out[row])
    return out


def gather_bits(planes: Words, index: Index) -> Words:
    """Elements at ``index`` along n."""
    out = np.empty((planes.shape[0], plane_words(len(index))), np.uint64)
    gather_bits_kernel(planes, index, out)
    return out


def cut_bits(planes: Words, start: int, stop: int) -> Words:
    """Elements ``start .. stop - 1``."""
    out = np.zeros((planes.shape[0], plane_words(stop - start)), np.uint64)
    place_bits_kernel(planes, start, stop - start, out, 0)
    return out


def join_bits(parts: list[tuple[Words, int]]) -> Words:
    """Planes with their numbers of elements, joined along n."""
    total = sum(n for _, n in parts)
    out = np.zeros((parts[0][0].shape[0], plane_words(total)), np.uint64)
    offset = 0
    for planes, n in parts:
        place_bits_kernel(planes, 0, n, out, offset)
        offset += n
    return out


def shift_bits(planes: Words, n: int, by: int) -> Words:
    """Elements moved ``by`` places towards the end, zeros entering at the front."""
    out = np.zeros_like(planes)
    place_bits_kernel(planes, 0, n - by, out, by)
    return out


def reshape_bits(planes: Words, n: int, rows: int) -> Words:
    """The same elements (row-major) in ``rows`` rows."""
    before = planes.shape[0]
    after = before * n // rows
    out = np.zeros((rows, plane_words(after)), np.uint64)
    position = 0
    while position < before * n:
        row, start = divmod(position, n)
        target, offset = divmod(position, after)
        count = min(n - start, after - offset)
        place_bits_kernel(planes[row : row + 1], start, count, out[target : target + 1], offset)
        position += count
    return out


def expand_units(planes: Words, n: int) -> Words:
    """Each bit as the ring element 0 or 1: ``(rows, n)``."""
    out = np.empty((planes.shape[0], n), np.uint64)
    expand_bits_kernel(planes, _UNIT, out)
    return out


def expand_masks(planes: Words, n: int) -> Words:
    """Each bit as a word of 64 equal bits: ``(rows, n)``."""
    out = np.empty((planes.shape[0], n), np.uint64)
    expand_bits_kernel(planes, _FILLED, out)
    return out


def clear_tail(planes: Words, n: int) -> Words:
    """A copy whose bits beyond n are zero."""
    out = planes.copy()
    if n % 64:
        out[:, -1] &= np.uint64((1 << (n % 64)) - 1)
    return out
