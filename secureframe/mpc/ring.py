"""Kernels over the ring of integers modulo ``2**(64 * limbs)``.

Arrays of ring elements are ``uint64`` of shape ``(limbs, rows, n)``, contiguous, least significant limb first. One limb
is plain ``uint64`` arithmetic; the kernels of more limbs are in `secureframe.mpc.limbs`. Nothing here communicates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc import limbs as wide
from secureframe.mpc._numba import kernel

Words = NDArray[np.uint64]
Masks = Callable[[int], tuple[Words, Words]]

_MASK = (1 << 64) - 1
_ZERO = np.uint64(0)
_ONE = np.uint64(1)


# -- kernels, one limb -------------------------------------------------------------------------------------------------


@kernel("void(u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1])")
def cross_one(xa: Words, xb: Words, ya: Words, yb: Words, plus: Words, minus: Words, out: Words) -> None:
    """Masked cross terms ``xa (ya + yb) + xb ya + plus - minus``, element by element."""
    for j in range(out.shape[0]):
        out[j] = xa[j] * (ya[j] + yb[j]) + xb[j] * ya[j] + plus[j] - minus[j]


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1], b1, u8[:, ::1])")
def inner_one(xa: Words, xb: Words, ya: Words, yb: Words, symmetric: bool, out: Words) -> None:
    """Cross terms of all inner products of rows, ``out[r, c] = sum_j xa (ya + yb) + xb ya``, four rows at a time in cache.

    Where x is y the terms are symmetric, and ``symmetric`` computes the half of them.
    """
    block = 256
    rows = xa.shape[0]
    columns = ya.shape[0]
    out[:, :] = _ZERO
    for start in range(0, xa.shape[1], block):
        stop = min(start + block, xa.shape[1])
        for r in range(0, rows, 2):
            above = min(r + 1, rows - 1)
            xa_0, xb_0, xa_1, xb_1 = xa[r, start:stop], xb[r, start:stop], xa[above, start:stop], xb[above, start:stop]
            for c in range(r if symmetric else 0, columns, 2):
                after = min(c + 1, columns - 1)
                ya_0, yb_0, ya_1, yb_1 = ya[c, start:stop], yb[c, start:stop], ya[after, start:stop], yb[after, start:stop]
                sum_00 = _ZERO
                sum_01 = _ZERO
                sum_10 = _ZERO
                sum_11 = _ZERO
                for j in range(stop - start):
                    both_0 = ya_0[j] + yb_0[j]
                    both_1 = ya_1[j] + yb_1[j]
                    sum_00 += xa_0[j] * both_0 + xb_0[j] * ya_0[j]
                    sum_01 += xa_0[j] * both_1 + xb_0[j] * ya_1[j]
                    sum_10 += xa_1[j] * both_0 + xb_1[j] * ya_0[j]
                    sum_11 += xa_1[j] * both_1 + xb_1[j] * ya_1[j]
                out[r, c] += sum_00
                if after > c:
                    out[r, after] += sum_01
                if above > r:
                    out[above, c] += sum_10
                    if after > c:
                        out[above, after] += sum_11
    if symmetric:
        for r in range(rows):
            for c in range(r):
                out[r, c] = out[c, r]


@kernel("void(u8[::1], u8[::1], u8[::1], u8[::1], u8[::1])")
def inner_row(xa: Words, xb: Words, ya: Words, yb: Words, out: Words) -> None:
    """Cross terms of one inner product."""
    total = _ZERO
    for j in range(xa.shape[0]):
        total += xa[j] * (ya[j] + yb[j]) + xb[j] * ya[j]
    out[0] = total


@kernel("void(u8[:, ::1], u8[::1], u8[::1])")
def combine_one(x: Words, weights: Words, out: Words) -> None:
    """Weighted sum of the rows."""
    out[:] = _ZERO
    for r in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[j] += weights[r] * x[r, j]


@kernel("void(u8[:, ::1], u8[::1], b1, u8[::1], u8[::1], i8, i8)")
def flipped_one(planes: Words, x: Words, whole: bool, mask: Words, out: Words, n: int, start: int) -> None:
    """``(1 - 2 bit) x - mask``, plus the bit where ``whole`` is true; for a run of elements, ``n`` a plane."""
    also = _ONE if whole else _ZERO
    done = 0
    while done < mask.shape[0]:
        r = (start + done) // n
        j = start + done - r * n
        count = min(n - j, mask.shape[0] - done)
        bits, source, target = planes[r], x[start + done :], out[start + done :]
        drawn = mask[done:]
        for k in range(count):
            bit = (bits[(j + k) >> 6] >> np.uint64((j + k) & 63)) & _ONE
            target[k] = (source[k] ^ (_ZERO - bit)) + bit + (bit & also) - drawn[k]
        done += count


@kernel("void(u8[:, ::1], u8[:, ::1], b1, u8[::1], u8[::1])")
def flipped_sums(planes: Words, x: Words, whole: bool, places: Words, out: Words) -> None:
    """Sums of ``(1 - 2 bit) x``, plus the bit where ``whole`` is true, along each row, times ``2 ** places[j // 64]``."""
    also = _ONE if whole else _ZERO
    for r in range(x.shape[0]):
        total = _ZERO
        for w in range(places.shape[0]):
            inside = _ZERO
            for j in range(64 * w, min(64 * w + 64, x.shape[1])):
                bit = (planes[r, w] >> np.uint64(j & 63)) & _ONE
                inside += (x[r, j] ^ (_ZERO - bit)) + bit + (bit & also)
            total += inside << places[w]
        out[r] = total


# -- the ring on arrays (limbs, rows, n) -------------------------------------------------------------------------------


def repeated(x: Words, shape: tuple[int, ...]) -> Words:
    """The array at a wider shape, contiguous and writable (kernels take no other); itself where the shape is its own."""
    if x.shape == shape:
        return x
    out = np.empty(shape, np.uint64)
    out[...] = x
    return out


def _pair(x: Words, y: Words) -> tuple[Words, Words]:
    """Both arrays at their common shape, as ``(limbs, count)``."""
    if x.shape != y.shape:
        shape = np.broadcast_shapes(x.shape, y.shape)
        x, y = repeated(x, shape), repeated(y, shape)
    limbs = x.shape[0]
    return x.reshape(limbs, -1), y.reshape(limbs, -1)


def add(x: Words, y: Words) -> Words:
    """``x + y``; a side of one row or element is repeated."""
    if x.shape[0] == 1:
        return x + y
    shape = np.broadcast_shapes(x.shape, y.shape)
    left, right = _pair(x, y)
    out = np.empty_like(left)
    (wide.add_two if len(out) == 2 else wide.add_many)(left, right, out)
    return out.reshape(shape)


def subtract(x: Words, y: Words) -> Words:
    """``x - y``; a side of one row or element is repeated."""
    if x.shape[0] == 1:
        return x - y
    shape = np.broadcast_shapes(x.shape, y.shape)
    left, right = _pair(x, y)
    out = np.empty_like(left)
    (wide.subtract_two if len(out) == 2 else wide.subtract_many)(left, right, out)
    return out.reshape(shape)


def multiply_constants(x: Words, constants: Words) -> Words:
    """``x * c`` for constants ``(limbs, 1 or elements)``."""
    if x.shape[0] == 1:
        product: Words = x * (constants.reshape(x.shape) if constants.shape[1] > 1 else constants[0, 0])
        return product
    flat = x.reshape(x.shape[0], -1)
    out = np.empty_like(flat)
    (wide.multiply_two if len(out) == 2 else wide.multiply_many)(flat, constants, out)
    return out.reshape(x.shape)


def row_sums(x: Words) -> Words:
    """Sums along each row: ``(limbs, rows, n) -> (limbs, 1, rows)``."""
    if x.shape[0] == 1:
        total: Words = x.sum(axis=2, dtype=np.uint64)
        return total[:, np.newaxis, :]
    out = np.empty((x.shape[0], x.shape[1]), np.uint64)
    (wide.sum_two if len(out) == 2 else wide.sum_many)(x, out)
    return out[:, np.newaxis, :]


def prefix_sums(x: Words) -> Words:
    """Running sums along each row."""
    if x.shape[0] == 1:
        return x.cumsum(axis=2, dtype=np.uint64)
    out = np.empty_like(x)
    (wide.prefix_two if len(out) == 2 else wide.prefix_many)(x, out)
    return out


def combine_rows(x: Words, weights: Words) -> Words:
    """Weighted sum of the rows for weights ``(limbs, rows)``: ``(limbs, rows, n) -> (limbs, 1, n)``."""
    limbs, rows, n = x.shape
    if limbs == 1:
        out = np.empty(n, np.uint64)
        combine_one(x[0], weights[0], out)
        return out.reshape(1, 1, n)
    if limbs == 2:
        both = np.empty((2, n), np.uint64)
        wide.combine_two(x, weights, both)
        return both.reshape(2, 1, n)
    factors = repeated(weights[:, :, np.newaxis], x.shape).reshape(limbs, -1)
    weighted = np.empty_like(factors)
    wide.multiply_many(x.reshape(limbs, -1), factors, weighted)
    by_column = np.ascontiguousarray(weighted.reshape(limbs, rows, n).transpose(0, 2, 1))
    return row_sums(by_column)


def cross_terms(xa: Words, xb: Words, ya: Words, yb: Words, masks: Masks, chunk: int) -> Words:
    """Local terms of the replicated product for several limbs; a side of one row is repeated.

    ``masks`` draws two halves of a share of zero of so many words, at most ``chunk``.
    """
    shape = np.broadcast_shapes(xa.shape, ya.shape)
    limbs = shape[0]
    left_a, right_a = _pair(xa, ya)
    left_b, right_b = _pair(xb, yb)
    out = np.empty_like(left_a)
    if limbs > 2:
        wide.cross_many(left_a, left_b, right_a, right_b, out)
        return masked(out, masks, chunk).reshape(shape)
    for start in range(0, out.shape[1], chunk // limbs):
        count = min(chunk // limbs, out.shape[1] - start)
        plus, minus = (words.reshape(limbs, count) for words in masks(limbs * count))
        wide.cross_two(left_a, left_b, right_a, right_b, plus, minus, out, start)
    return out.reshape(shape)


def masked(x: Words, masks: Masks, chunk: int) -> Words:
    """Ring elements ``(limbs, ...)`` plus a share of zero, drawn in pieces that stay in cache."""
    limbs = x.shape[0]
    flat = x.reshape(limbs, -1)
    out = np.empty_like(flat)
    step = chunk // limbs
    for start in range(0, flat.shape[1], step):
        part = flat[:, start : start + step]
        plus, minus = (words.reshape(part.shape) for words in masks(part.size))
        out[:, start : start + step] = subtract(add(np.ascontiguousarray(part), plus), minus)
    return out.reshape(x.shape)


def flipped(planes: Words, x: Words, whole: bool, mask: Words, out: Words) -> None:
    """``(1 - 2 bit) x - mask``, plus the bit where ``whole`` is true, for several limbs; planes ``(rows, words)``."""
    (wide.flipped_two if len(x) == 2 else wide.flipped_many)(planes, x, whole, mask, out)


def inner_terms(xa: Words, xb: Words, ya: Words, yb: Words) -> Words:
    """Local terms of all inner products of rows, unmasked: ``(limbs, r, n), (limbs, c, n) -> (limbs, r, c)``."""
    out = np.empty((xa.shape[0], xa.shape[1], ya.shape[1]), np.uint64)
    symmetric = xa is ya and xb is yb
    if xa.shape[0] == 1 and out.size == 1:
        inner_row(xa[0, 0], xb[0, 0], ya[0, 0], yb[0, 0], out[0, 0])
    elif xa.shape[0] == 1:
        inner_one(xa[0], xb[0], ya[0], yb[0], symmetric, out[0])
    elif xa.shape[0] == 2:
        wide.inner_two(xa, xb, ya, yb, symmetric, out)
    else:
        wide.inner_many(xa, xb, ya, yb, out)
    return out


# -- integers and elements ---------------------------------------------------------------------------------------------


def from_integers(values: Sequence[int], limbs: int) -> Words:
    """Python integers (of any sign and size) as ring elements ``(limbs, count)``."""
    out = np.empty((limbs, len(values)), np.uint64)
    for limb in range(limbs):
        shift = 64 * limb
        out[limb] = [(value >> shift) & _MASK for value in values]
    return out


def from_array(values: NDArray[Any], limbs: int) -> Words:
    """Integers ``(rows, n)`` of any integer or object dtype as ring elements ``(limbs, rows, n)``."""
    if values.dtype == object:
        flat = [int(value) for value in values.ravel()]
        return from_integers(flat, limbs).reshape(limbs, *values.shape)
    if values.dtype.kind not in "iub":
        raise TypeError(f"integers expected, not {values.dtype}")
    signed = values.dtype.kind == "i"
    out = np.zeros((limbs, *values.shape), np.uint64)
    out[0] = values.astype(np.int64).view(np.uint64) if signed else values.astype(np.uint64)
    if signed and limbs > 1:
        out[1:] = (values.astype(np.int64) >> 63).view(np.uint64)
    return out


def to_integers(x: Words) -> NDArray[Any]:
    """Ring elements ``(limbs, rows, n)`` as signed integers ``(rows, n)``: int64 for one limb, Python integers for more."""
    if x.shape[0] == 1:
        signed: NDArray[np.int64] = x[0].view(np.int64)
        return signed
    total = x[0].astype(object)
    for limb in range(1, x.shape[0]):
        total = total + (x[limb].astype(object) << (64 * limb))
    half = 1 << (64 * x.shape[0] - 1)
    wrapped: NDArray[Any] = np.where(total >= half, total - 2 * half, total)
    return wrapped
