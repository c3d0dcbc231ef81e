"""Kernels over the ring of integers modulo ``2**(64 * limbs)``.

Arrays of ring elements are ``uint64`` of shape ``(limbs, rows, n)``, contiguous, least significant limb first. One limb
is plain ``uint64`` arithmetic; more limbs are schoolbook with carries. Nothing here communicates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc._numba import kernel

Words = NDArray[np.uint64]

_MASK = (1 << 64) - 1
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)


# -- kernels, one limb -------------------------------------------------------------------------------------------------


@kernel("void(u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1])")
def cross_one(xa: Words, xb: Words, ya: Words, yb: Words, plus: Words, minus: Words, out: Words) -> None:
    """Masked cross terms ``xa (ya + yb) + xb ya + plus - minus``, element by element."""
    for j in range(out.shape[0]):
        out[j] = xa[j] * (ya[j] + yb[j]) + xb[j] * ya[j] + plus[j] - minus[j]


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1])")
def inner_one(xa: Words, xb: Words, ya: Words, yb: Words, out: Words) -> None:
    """Cross terms of all inner products of rows, ``out[r, c] = sum_j xa (ya + yb) + xb ya``, in blocks that stay in cache."""
    block = 2048
    n = xa.shape[1]
    out[:, :] = _ZERO
    for start in range(0, n, block):
        stop = min(start + block, n)
        for r in range(xa.shape[0]):
            for c in range(ya.shape[0]):
                total = _ZERO
                for j in range(start, stop):
                    total += xa[r, j] * (ya[c, j] + yb[c, j]) + xb[r, j] * ya[c, j]
                out[r, c] += total


@kernel("void(u8[:, ::1], u8[::1], u8[::1])")
def combine_one(x: Words, weights: Words, out: Words) -> None:
    """Weighted sum of the rows."""
    out[:] = _ZERO
    for r in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[j] += weights[r] * x[r, j]


@kernel("void(u8[::1], u8[::1], u8[::1], u8[::1])")
def mask_terms(bits: Words, x: Words, plus: Words, out: Words) -> None:
    """``out = plus + bit * x``, the bit of element j in place j of a bit plane."""
    for j in range(out.shape[0]):
        bit = (bits[j >> 6] >> np.uint64(j & 63)) & _ONE
        out[j] = plus[j] + x[j] * bit


@kernel("void(u8[:, ::1], u8[:, ::1], u8[::1], u8[::1])")
def masked_sums(bits: Words, x: Words, places: Words, out: Words) -> None:
    """``out[r] = sum_j bit * x[r, j] * 2 ** places[j // 64]``, the bit of element j in place j of plane r."""
    for r in range(x.shape[0]):
        total = _ZERO
        for w in range(places.shape[0]):
            inside = _ZERO
            for j in range(64 * w, min(64 * w + 64, x.shape[1])):
                inside += x[r, j] * ((bits[r, w] >> np.uint64(j & 63)) & _ONE)
            total += inside << places[w]
        out[r] = total


@kernel("void(u8[:, ::1], u8[::1], u8[::1])")
def weighted_sums(x: Words, places: Words, out: Words) -> None:
    """``out[r] = sum_j x[r, j] * 2 ** places[j // 64]``."""
    for r in range(x.shape[0]):
        total = _ZERO
        for w in range(places.shape[0]):
            inside = _ZERO
            for j in range(64 * w, min(64 * w + 64, x.shape[1])):
                inside += x[r, j]
            total += inside << places[w]
        out[r] = total


# -- kernels, any number of limbs --------------------------------------------------------------------------------------


@kernel("void(u8[::1], u8[::1], u8[::1])")
def _multiply_add(x: Words, y: Words, total: Words) -> None:
    """``total += x * y`` modulo the ring, schoolbook on 64-bit limbs, each product from four 32-bit halves."""
    limbs = x.shape[0]
    for i in range(limbs):
        carry = _ZERO
        x_low = x[i] & _LOW
        x_high = x[i] >> _HALF
        for j in range(limbs - i):
            y_low = y[j] & _LOW
            y_high = y[j] >> _HALF
            low_low = x_low * y_low
            low_high = x_low * y_high
            high_low = x_high * y_low
            middle = (low_low >> _HALF) + (low_high & _LOW) + (high_low & _LOW)
            low = (low_low & _LOW) | (middle << _HALF)
            high = x_high * y_high + (low_high >> _HALF) + (high_low >> _HALF) + (middle >> _HALF)
            before = total[i + j]
            first = before + low
            second = first + carry
            total[i + j] = second
            carry = high
            if first < before:
                carry += _ONE
            if second < first:
                carry += _ONE


@kernel("void(u8[::1], u8[::1], u8[::1])")
def _add_into(x: Words, y: Words, total: Words) -> None:
    carry = _ZERO
    for i in range(x.shape[0]):
        first = x[i] + y[i]
        second = first + carry
        carry = _ONE if first < x[i] or second < first else _ZERO
        total[i] = second


@kernel("void(u8[::1], u8[::1], u8[::1])")
def _subtract_into(x: Words, y: Words, total: Words) -> None:
    borrow = _ZERO
    for i in range(x.shape[0]):
        first = x[i] - y[i]
        second = first - borrow
        borrow = _ONE if x[i] < y[i] or first < borrow else _ZERO
        total[i] = second


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1])")
def add_many(x: Words, y: Words, out: Words) -> None:
    """``x + y`` for elements of several limbs, arrays ``(limbs, count)``."""
    for j in range(out.shape[1]):
        carry = _ZERO
        for i in range(out.shape[0]):
            first = x[i, j] + y[i, j]
            second = first + carry
            carry = _ONE if first < x[i, j] or second < first else _ZERO
            out[i, j] = second


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1])")
def subtract_many(x: Words, y: Words, out: Words) -> None:
    """``x - y`` for elements of several limbs, arrays ``(limbs, count)``."""
    for j in range(out.shape[1]):
        borrow = _ZERO
        for i in range(out.shape[0]):
            first = x[i, j] - y[i, j]
            second = first - borrow
            borrow = _ONE if x[i, j] < y[i, j] or first < borrow else _ZERO
            out[i, j] = second


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1])")
def multiply_many(x: Words, y: Words, out: Words) -> None:
    """``x * y`` for elements of several limbs; ``y`` has one element, or as many as ``x``."""
    limbs = x.shape[0]
    left = np.empty(limbs, np.uint64)
    right = np.empty(limbs, np.uint64)
    total = np.empty(limbs, np.uint64)
    for j in range(out.shape[1]):
        k = j if y.shape[1] > 1 else 0
        for i in range(limbs):
            left[i] = x[i, j]
            right[i] = y[i, k]
            total[i] = _ZERO
        _multiply_add(left, right, total)
        for i in range(limbs):
            out[i, j] = total[i]


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1])")
def cross_many(xa: Words, xb: Words, ya: Words, yb: Words, out: Words) -> None:
    """Cross terms of products for elements of several limbs, arrays ``(limbs, count)``."""
    limbs = out.shape[0]
    left_a = np.empty(limbs, np.uint64)
    left_b = np.empty(limbs, np.uint64)
    right_a = np.empty(limbs, np.uint64)
    right_sum = np.empty(limbs, np.uint64)
    total = np.empty(limbs, np.uint64)
    for j in range(out.shape[1]):
        for i in range(limbs):
            left_a[i] = xa[i, j]
            left_b[i] = xb[i, j]
            right_a[i] = ya[i, j]
            right_sum[i] = yb[i, j]
            total[i] = _ZERO
        _add_into(right_a, right_sum, right_sum)
        _multiply_add(left_a, right_sum, total)
        _multiply_add(left_b, right_a, total)
        for i in range(limbs):
            out[i, j] = total[i]


@kernel("void(u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1])")
def inner_many(xa: Words, xb: Words, ya: Words, yb: Words, out: Words) -> None:
    """Cross terms of all inner products of rows for elements of several limbs, arrays ``(limbs, rows, n)``."""
    limbs = xa.shape[0]
    left_a = np.empty(limbs, np.uint64)
    left_b = np.empty(limbs, np.uint64)
    right_a = np.empty(limbs, np.uint64)
    right_sum = np.empty(limbs, np.uint64)
    total = np.empty(limbs, np.uint64)
    for r in range(xa.shape[1]):
        for c in range(ya.shape[1]):
            total[:] = _ZERO
            for j in range(xa.shape[2]):
                for i in range(limbs):
                    left_a[i] = xa[i, r, j]
                    left_b[i] = xb[i, r, j]
                    right_a[i] = ya[i, c, j]
                    right_sum[i] = yb[i, c, j]
                _add_into(right_a, right_sum, right_sum)
                _multiply_add(left_a, right_sum, total)
                _multiply_add(left_b, right_a, total)
            for i in range(limbs):
                out[i, r, c] = total[i]


@kernel("void(u8[:, :, ::1], u8[:, :, ::1])")
def prefix_many(x: Words, out: Words) -> None:
    """Running sums along each row for elements of several limbs."""
    limbs = x.shape[0]
    item = np.empty(limbs, np.uint64)
    total = np.empty(limbs, np.uint64)
    for r in range(x.shape[1]):
        total[:] = _ZERO
        for j in range(x.shape[2]):
            for i in range(limbs):
                item[i] = x[i, r, j]
            _add_into(item, total, total)
            for i in range(limbs):
                out[i, r, j] = total[i]


@kernel("void(u8[:, :, ::1], u8[:, ::1])")
def sum_many(x: Words, out: Words) -> None:
    """Row sums for elements of several limbs."""
    limbs = x.shape[0]
    item = np.empty(limbs, np.uint64)
    total = np.empty(limbs, np.uint64)
    for r in range(x.shape[1]):
        total[:] = _ZERO
        for j in range(x.shape[2]):
            for i in range(limbs):
                item[i] = x[i, r, j]
            _add_into(item, total, total)
        for i in range(limbs):
            out[i, r] = total[i]


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
    add_many(left, right, out)
    return out.reshape(shape)


def subtract(x: Words, y: Words) -> Words:
    """``x - y``; a side of one row or element is repeated."""
    if x.shape[0] == 1:
        return x - y
    shape = np.broadcast_shapes(x.shape, y.shape)
    left, right = _pair(x, y)
    out = np.empty_like(left)
    subtract_many(left, right, out)
    return out.reshape(shape)


def multiply_constants(x: Words, constants: Words) -> Words:
    """``x * c`` for constants ``(limbs, 1 or elements)``."""
    if x.shape[0] == 1:
        product: Words = x * (constants.reshape(x.shape) if constants.shape[1] > 1 else constants[0, 0])
        return product
    flat = x.reshape(x.shape[0], -1)
    out = np.empty_like(flat)
    multiply_many(flat, constants, out)
    return out.reshape(x.shape)


def row_sums(x: Words) -> Words:
    """Sums along each row: ``(limbs, rows, n) -> (limbs, 1, rows)``."""
    if x.shape[0] == 1:
        total: Words = x.sum(axis=2, dtype=np.uint64)
        return total[:, np.newaxis, :]
    out = np.empty((x.shape[0], x.shape[1]), np.uint64)
    sum_many(x, out)
    return out[:, np.newaxis, :]


def prefix_sums(x: Words) -> Words:
    """Running sums along each row."""
    if x.shape[0] == 1:
        return x.cumsum(axis=2, dtype=np.uint64)
    out = np.empty_like(x)
    prefix_many(x, out)
    return out


def combine_rows(x: Words, weights: Words) -> Words:
    """Weighted sum of the rows for weights ``(limbs, rows)``: ``(limbs, rows, n) -> (limbs, 1, n)``."""
    limbs, rows, n = x.shape
    if limbs == 1:
        out = np.empty(n, np.uint64)
        combine_one(x[0], weights[0], out)
        return out.reshape(1, 1, n)
    factors = repeated(weights[:, :, np.newaxis], x.shape).reshape(limbs, -1)
    weighted = np.empty_like(factors)
    multiply_many(x.reshape(limbs, -1), factors, weighted)
    by_column = np.ascontiguousarray(weighted.reshape(limbs, rows, n).transpose(0, 2, 1))
    return row_sums(by_column)


def cross_terms(xa: Words, xb: Words, ya: Words, yb: Words) -> Words:
    """Local terms of the replicated product for several limbs, unmasked; a side of one row is repeated."""
    shape = np.broadcast_shapes(xa.shape, ya.shape)
    left_a, right_a = _pair(xa, ya)
    left_b, right_b = _pair(xb, yb)
    out = np.empty_like(left_a)
    cross_many(left_a, left_b, right_a, right_b, out)
    return out.reshape(shape)


def inner_terms(xa: Words, xb: Words, ya: Words, yb: Words) -> Words:
    """Local terms of all inner products of rows, unmasked: ``(limbs, r, n), (limbs, c, n) -> (limbs, r, c)``."""
    out = np.empty((xa.shape[0], xa.shape[1], ya.shape[1]), np.uint64)
    if xa.shape[0] == 1:
        inner_one(xa[0], xb[0], ya[0], yb[0], out[0])
    else:
        inner_many(xa, xb, ya, yb, out)
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
