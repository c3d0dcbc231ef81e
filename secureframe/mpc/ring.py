"""Kernels over the ring of integers modulo ``2**(64 * limbs)``.

Arrays of ring elements are ``uint64`` of shape ``(limbs, rows, n)``, contiguous, least significant limb first. One limb
is plain ``uint64`` arithmetic; more limbs are schoolbook with carries. Nothing here communicates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc._numba import high_product, kernel

Words = NDArray[np.uint64]
Masks = Callable[[int], tuple[Words, Words]]

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


# -- kernels, two limbs ------------------------------------------------------------------------------------------------


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1])")
def add_two(x: Words, y: Words, out: Words) -> None:
    """``x + y``, arrays ``(2, count)``."""
    low_x, high_x, low_y, high_y, low, high = x[0], x[1], y[0], y[1], out[0], out[1]
    for j in range(low.shape[0]):
        total = low_x[j] + low_y[j]
        low[j] = total
        high[j] = high_x[j] + high_y[j] + np.uint64(total < low_y[j])


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1])")
def subtract_two(x: Words, y: Words, out: Words) -> None:
    """``x - y``, arrays ``(2, count)``."""
    low_x, high_x, low_y, high_y, low, high = x[0], x[1], y[0], y[1], out[0], out[1]
    for j in range(low.shape[0]):
        first, second = low_x[j], low_y[j]
        low[j] = first - second
        high[j] = high_x[j] - high_y[j] - np.uint64(first < second)


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1], i8)")
def cross_two(xa: Words, xb: Words, ya: Words, yb: Words, plus: Words, minus: Words, out: Words, start: int) -> None:
    """Masked cross terms of products, arrays ``(2, count)``; as many elements as the masks have, from ``start`` on."""
    for k in range(plus.shape[1]):
        j = start + k
        low = ya[0, j] + yb[0, j]
        high = ya[1, j] + yb[1, j] + np.uint64(low < yb[0, j])
        first = xa[0, j] * low
        second = first + xb[0, j] * ya[0, j]
        third = second + plus[0, k]
        out[0, j] = third - minus[0, k]
        carries = np.uint64(second < first) + np.uint64(third < second) - np.uint64(third < minus[0, k])
        products = xa[0, j] * high + xa[1, j] * low + xb[0, j] * ya[1, j] + xb[1, j] * ya[0, j]
        out[1, j] = high_product(xa[0, j], low) + high_product(xb[0, j], ya[0, j]) + products + carries + plus[1, k] - minus[1, k]


@kernel("void(u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1], b1, u8[:, :, ::1])")
def inner_two(xa: Words, xb: Words, ya: Words, yb: Words, symmetric: bool, out: Words) -> None:
    """Cross terms of all inner products of rows, arrays ``(2, rows, n)``; ``symmetric`` as in ``inner_one``.

    Products are made of halves of words, and digits of 32 bits are added up apart from each other, since sums without carries
    are what vector units can do.
    """
    block = 256
    low_sum = np.empty(block, np.uint64)
    high_sum = np.empty(block, np.uint64)
    out[:, :, :] = _ZERO
    for start in range(0, xa.shape[2], block):
        stop = min(start + block, xa.shape[2])
        for c in range(ya.shape[1]):
            ya_0, ya_1, yb_0, yb_1 = ya[0, c, start:stop], ya[1, c, start:stop], yb[0, c, start:stop], yb[1, c, start:stop]
            for j in range(stop - start):
                both = ya_0[j] + yb_0[j]
                low_sum[j] = both
                high_sum[j] = ya_1[j] + yb_1[j] + np.uint64(both < ya_0[j])
            for r in range(c + 1 if symmetric else xa.shape[1]):
                xa_0, xa_1, xb_0, xb_1 = xa[0, r, start:stop], xa[1, r, start:stop], xb[0, r, start:stop], xb[1, r, start:stop]
                first = _ZERO
                second = _ZERO
                upper = _ZERO
                for j in range(stop - start):
                    x_low, x_high = xa_0[j] & _LOW, xa_0[j] >> _HALF
                    y_low, y_high = low_sum[j] & _LOW, low_sum[j] >> _HALF
                    low_low, low_high, high_low = x_low * y_low, x_low * y_high, x_high * y_low
                    middle = (low_low >> _HALF) + (low_high & _LOW) + (high_low & _LOW)
                    first += low_low & _LOW
                    second += middle & _LOW
                    upper += x_high * y_high + (low_high >> _HALF) + (high_low >> _HALF) + (middle >> _HALF)
                    x_low, x_high = xb_0[j] & _LOW, xb_0[j] >> _HALF
                    y_low, y_high = ya_0[j] & _LOW, ya_0[j] >> _HALF
                    low_low, low_high, high_low = x_low * y_low, x_low * y_high, x_high * y_low
                    middle = (low_low >> _HALF) + (low_high & _LOW) + (high_low & _LOW)
                    first += low_low & _LOW
                    second += middle & _LOW
                    upper += x_high * y_high + (low_high >> _HALF) + (high_low >> _HALF) + (middle >> _HALF)
                    upper += xa_0[j] * high_sum[j] + xa_1[j] * low_sum[j] + xb_0[j] * ya_1[j] + xb_1[j] * ya_0[j]
                second += first >> _HALF
                low = (first & _LOW) | (second << _HALF)
                out[0, r, c] += low
                out[1, r, c] += upper + (second >> _HALF) + np.uint64(out[0, r, c] < low)
    if symmetric:
        for r in range(out.shape[1]):
            for c in range(r):
                out[0, r, c] = out[0, c, r]
                out[1, r, c] = out[1, c, r]


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1])")
def multiply_two(x: Words, y: Words, out: Words) -> None:
    """``x * y``, arrays ``(2, count)``; ``y`` has one element, or as many as ``x``."""
    for j in range(out.shape[1]):
        k = j if y.shape[1] > 1 else 0
        out[0, j] = x[0, j] * y[0, k]
        out[1, j] = high_product(x[0, j], y[0, k]) + x[0, j] * y[1, k] + x[1, j] * y[0, k]


@kernel("void(u8[:, :, ::1], u8[:, ::1], u8[:, ::1])")
def combine_two(x: Words, weights: Words, out: Words) -> None:
    """Weighted sum of the rows, ``(2, rows, n)``."""
    out[:, :] = _ZERO
    for r in range(x.shape[1]):
        for j in range(x.shape[2]):
            low = x[0, r, j] * weights[0, r]
            upper = high_product(x[0, r, j], weights[0, r]) + x[0, r, j] * weights[1, r] + x[1, r, j] * weights[0, r]
            out[0, j] += low
            out[1, j] += upper + np.uint64(out[0, j] < low)


@kernel("void(u8[:, :, ::1], u8[:, ::1])")
def sum_two(x: Words, out: Words) -> None:
    """Row sums, ``(2, rows, n)``: the halves of the lower words are added up apart from each other."""
    for r in range(x.shape[1]):
        low, high = x[0, r], x[1, r]
        first = _ZERO
        second = _ZERO
        upper = _ZERO
        for j in range(low.shape[0]):
            first += low[j] & _LOW
            second += low[j] >> _HALF
            upper += high[j]
        second += first >> _HALF
        out[0, r] = (first & _LOW) | (second << _HALF)
        out[1, r] = upper + (second >> _HALF)


@kernel("void(u8[:, :, ::1], u8[:, :, ::1])")
def prefix_two(x: Words, out: Words) -> None:
    """Running sums along each row, ``(2, rows, n)``."""
    for r in range(x.shape[1]):
        low = _ZERO
        high = _ZERO
        for j in range(x.shape[2]):
            low += x[0, r, j]
            high += x[1, r, j] + np.uint64(low < x[0, r, j])
            out[0, r, j] = low
            out[1, r, j] = high


# -- kernels, any number of limbs --------------------------------------------------------------------------------------


@kernel("void(u8[::1], u8[::1], u8[::1])")
def _multiply_add(x: Words, y: Words, total: Words) -> None:
    """``total += x * y`` modulo the ring, schoolbook on 64-bit limbs."""
    limbs = x.shape[0]
    for i in range(limbs):
        carry = _ZERO
        for j in range(limbs - i):
            low = x[i] * y[j]
            high = high_product(x[i], y[j])
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


@kernel("void(u8[:, ::1], u8[:, :, ::1], b1, u8[:, :, ::1], u8[:, :, ::1])")
def flipped_many(planes: Words, x: Words, whole: bool, mask: Words, out: Words) -> None:
    """``(1 - 2 bit) x - mask``, plus the bit where ``whole`` is true, for elements of several limbs."""
    also = _ONE if whole else _ZERO
    for r in range(x.shape[1]):
        for j in range(x.shape[2]):
            bit = (planes[r, j >> 6] >> np.uint64(j & 63)) & _ONE
            carry = bit + (bit & also)
            borrow = _ZERO
            for i in range(x.shape[0]):
                flipped = x[i, r, j] ^ (_ZERO - bit)
                first = flipped + carry
                carry = _ONE if first < flipped else _ZERO
                second = first - mask[i, r, j]
                third = second - borrow
                borrow = _ONE if first < mask[i, r, j] or second < borrow else _ZERO
                out[i, r, j] = third


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
    (add_two if len(out) == 2 else add_many)(left, right, out)
    return out.reshape(shape)


def subtract(x: Words, y: Words) -> Words:
    """``x - y``; a side of one row or element is repeated."""
    if x.shape[0] == 1:
        return x - y
    shape = np.broadcast_shapes(x.shape, y.shape)
    left, right = _pair(x, y)
    out = np.empty_like(left)
    (subtract_two if len(out) == 2 else subtract_many)(left, right, out)
    return out.reshape(shape)


def multiply_constants(x: Words, constants: Words) -> Words:
    """``x * c`` for constants ``(limbs, 1 or elements)``."""
    if x.shape[0] == 1:
        product: Words = x * (constants.reshape(x.shape) if constants.shape[1] > 1 else constants[0, 0])
        return product
    flat = x.reshape(x.shape[0], -1)
    out = np.empty_like(flat)
    (multiply_two if len(out) == 2 else multiply_many)(flat, constants, out)
    return out.reshape(x.shape)


def row_sums(x: Words) -> Words:
    """Sums along each row: ``(limbs, rows, n) -> (limbs, 1, rows)``."""
    if x.shape[0] == 1:
        total: Words = x.sum(axis=2, dtype=np.uint64)
        return total[:, np.newaxis, :]
    out = np.empty((x.shape[0], x.shape[1]), np.uint64)
    (sum_two if len(out) == 2 else sum_many)(x, out)
    return out[:, np.newaxis, :]


def prefix_sums(x: Words) -> Words:
    """Running sums along each row."""
    if x.shape[0] == 1:
        return x.cumsum(axis=2, dtype=np.uint64)
    out = np.empty_like(x)
    (prefix_two if len(out) == 2 else prefix_many)(x, out)
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
        combine_two(x, weights, both)
        return both.reshape(2, 1, n)
    factors = repeated(weights[:, :, np.newaxis], x.shape).reshape(limbs, -1)
    weighted = np.empty_like(factors)
    multiply_many(x.reshape(limbs, -1), factors, weighted)
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
        cross_many(left_a, left_b, right_a, right_b, out)
        return masked(out, masks, chunk).reshape(shape)
    for start in range(0, out.shape[1], chunk // limbs):
        count = min(chunk // limbs, out.shape[1] - start)
        plus, minus = (words.reshape(limbs, count) for words in masks(limbs * count))
        cross_two(left_a, left_b, right_a, right_b, plus, minus, out, start)
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


def inner_terms(xa: Words, xb: Words, ya: Words, yb: Words) -> Words:
    """Local terms of all inner products of rows, unmasked: ``(limbs, r, n), (limbs, c, n) -> (limbs, r, c)``."""
    out = np.empty((xa.shape[0], xa.shape[1], ya.shape[1]), np.uint64)
    symmetric = xa is ya and xb is yb
    if xa.shape[0] == 1 and out.size == 1:
        inner_row(xa[0, 0], xb[0, 0], ya[0, 0], yb[0, 0], out[0, 0])
    elif xa.shape[0] == 1:
        inner_one(xa[0], xb[0], ya[0], yb[0], symmetric, out[0])
    elif xa.shape[0] == 2:
        inner_two(xa, xb, ya, yb, symmetric, out)
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
