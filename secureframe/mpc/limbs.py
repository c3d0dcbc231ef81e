"""Kernels over the ring of integers modulo ``2**(64 * limbs)`` for two limbs, and for more.

Arrays are those of `secureframe.mpc.ring`, whose functions choose the kernel. Two limbs, which products of many rows need, have
kernels that vector units can run; more limbs are schoolbook with carries, element by element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from secureframe.mpc._numba import high_product, kernel

if TYPE_CHECKING:
    from secureframe.mpc.ring import Words

_LOW = np.uint64(0xFFFFFFFF)
_TOP = np.uint64(0xFFFFFFFF00000000)
_HALF = np.uint64(32)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)


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


# Inner products of two limbs. For words x and y of 64 bits with halves ``x_1, x_0`` and ``y_1, y_0``, the sum V of all
# ``x y - 2^64 x_1 y_1`` is less than 2^106. Modulo 2^64 it is the sum of ``x y``, which is one instruction a product; beyond,
# it is known from ``x_0 y + 2^32 x_1 y_0`` in double precision, if that is off by less than 2^63. A block adds up 512
# products: 1024 additions of reals below 2^106 are off by 2^52 each, 2^62 together, and all other roundings by less than 2^55.

_BLOCK = 256
_PRODUCTS = "void(u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1], i8, i8, i8, u8[:, :, ::1])"


@kernel("f8(u8, u8)", any_order=True)
def _approximate(x: np.uint64, y: np.uint64) -> float:
    """``x y - 2^64 x_1 y_1``, in double precision."""
    return np.float64(x & _LOW) * np.float64(y) + np.float64(x & _TOP) * np.float64(y & _LOW)


@kernel("u8(u8, u8, u8, u8)")
def _upper(x_low: np.uint64, x_high: np.uint64, y_low: np.uint64, y_high: np.uint64) -> np.uint64:
    """What of a product of two limbs is a multiple of 2^64 in words or halves of words, divided by it."""
    return (x_low >> _HALF) * (y_low >> _HALF) + x_low * y_high + x_high * y_low


@kernel("void(u8[:, :, ::1], i8, i8, u8, u8, f8)")
def _accumulate(out: Words, r: int, c: int, low: np.uint64, high: np.uint64, approximate: float) -> None:
    """Add the sums of a block to an inner product: ``high`` lacks what the lower words carry."""
    carried = np.rint((approximate - np.float64(low)) * 2.0**-64)
    out[0, r, c] += low
    out[1, r, c] += high + np.uint64(np.int64(carried)) + np.uint64(out[0, r, c] < low)


@kernel(_PRODUCTS, any_order=True)
def _inner_single(xa: Words, xb: Words, ya: Words, yb: Words, sums: Words, r: int, c: int, start: int, out: Words) -> None:
    """A block of the inner product of row r and row c."""
    stop = min(start + _BLOCK, xa.shape[2])
    a, a_high, b, b_high = xa[0, r, start:stop], xa[1, r, start:stop], xb[0, r, start:stop], xb[1, r, start:stop]
    s, s_high, y, y_high = sums[0, c], sums[1, c], ya[0, c, start:stop], ya[1, c, start:stop]
    low = _ZERO
    high = _ZERO
    near = 0.0
    for j in range(stop - start):
        low += a[j] * s[j] + b[j] * y[j]
        high += _upper(a[j], a_high[j], s[j], s_high[j]) + _upper(b[j], b_high[j], y[j], y_high[j])
        near += _approximate(a[j], s[j]) + _approximate(b[j], y[j])
    _accumulate(out, r, c, low, high, near)


@kernel(_PRODUCTS, any_order=True)
def _inner_squares(xa: Words, xb: Words, ya: Words, yb: Words, sums: Words, r: int, first: int, start: int, out: Words) -> None:
    """A block of the inner products of rows r and r + 1 and all pairs of rows from ``first`` on.

    What is loaded of a row serves two of the four products of a square.
    """
    stop = min(start + _BLOCK, xa.shape[2])
    above = r + 1
    a_0, a_0_high, b_0, b_0_high = xa[0, r, start:stop], xa[1, r, start:stop], xb[0, r, start:stop], xb[1, r, start:stop]
    a_1, a_1_high = xa[0, above, start:stop], xa[1, above, start:stop]
    b_1, b_1_high = xb[0, above, start:stop], xb[1, above, start:stop]
    for c in range(first, ya.shape[1] - 1, 2):
        after = c + 1
        s_0, s_0_high, y_0, y_0_high = sums[0, c], sums[1, c], ya[0, c, start:stop], ya[1, c, start:stop]
        s_1, s_1_high, y_1, y_1_high = sums[0, after], sums[1, after], ya[0, after, start:stop], ya[1, after, start:stop]
        low_00, low_01, low_10, low_11 = _ZERO, _ZERO, _ZERO, _ZERO
        high_00, high_01, high_10, high_11 = _ZERO, _ZERO, _ZERO, _ZERO
        near_00, near_01, near_10, near_11 = 0.0, 0.0, 0.0, 0.0
        for j in range(stop - start):
            low_00 += a_0[j] * s_0[j] + b_0[j] * y_0[j]
            low_01 += a_0[j] * s_1[j] + b_0[j] * y_1[j]
            low_10 += a_1[j] * s_0[j] + b_1[j] * y_0[j]
            low_11 += a_1[j] * s_1[j] + b_1[j] * y_1[j]
            high_00 += _upper(a_0[j], a_0_high[j], s_0[j], s_0_high[j]) + _upper(b_0[j], b_0_high[j], y_0[j], y_0_high[j])
            high_01 += _upper(a_0[j], a_0_high[j], s_1[j], s_1_high[j]) + _upper(b_0[j], b_0_high[j], y_1[j], y_1_high[j])
            high_10 += _upper(a_1[j], a_1_high[j], s_0[j], s_0_high[j]) + _upper(b_1[j], b_1_high[j], y_0[j], y_0_high[j])
            high_11 += _upper(a_1[j], a_1_high[j], s_1[j], s_1_high[j]) + _upper(b_1[j], b_1_high[j], y_1[j], y_1_high[j])
            near_00 += _approximate(a_0[j], s_0[j]) + _approximate(b_0[j], y_0[j])
            near_01 += _approximate(a_0[j], s_1[j]) + _approximate(b_0[j], y_1[j])
            near_10 += _approximate(a_1[j], s_0[j]) + _approximate(b_1[j], y_0[j])
            near_11 += _approximate(a_1[j], s_1[j]) + _approximate(b_1[j], y_1[j])
        _accumulate(out, r, c, low_00, high_00, near_00)
        _accumulate(out, r, after, low_01, high_01, near_01)
        _accumulate(out, above, c, low_10, high_10, near_10)
        _accumulate(out, above, after, low_11, high_11, near_11)


@kernel("void(u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1], u8[:, :, ::1], b1, u8[:, :, ::1])")
def inner_two(xa: Words, xb: Words, ya: Words, yb: Words, symmetric: bool, out: Words) -> None:
    """Cross terms of all inner products of rows, ``out[r, c] = sum_j xa (ya + yb) + xb ya``, arrays ``(2, rows, n)``.

    Where x is y the terms are symmetric, and ``symmetric`` computes the half of them.
    """
    rows, columns, n = xa.shape[1], ya.shape[1], xa.shape[2]
    paired_rows, paired_columns = rows - rows % 2, columns - columns % 2
    sums = np.empty((2, columns, _BLOCK), np.uint64)
    out[:, :, :] = _ZERO
    for start in range(0, n, _BLOCK):
        stop = min(start + _BLOCK, n)
        for c in range(columns):
            ya_0, ya_1, yb_0, yb_1 = ya[0, c, start:stop], ya[1, c, start:stop], yb[0, c, start:stop], yb[1, c, start:stop]
            low, high = sums[0, c], sums[1, c]
            for j in range(stop - start):
                low[j] = ya_0[j] + yb_0[j]
                high[j] = ya_1[j] + yb_1[j] + np.uint64(low[j] < ya_0[j])
        for r in range(0, paired_rows, 2):
            _inner_squares(xa, xb, ya, yb, sums, r, r if symmetric else 0, start, out)
        for r in range(rows):
            for c in range(paired_columns if r < paired_rows else 0, columns):
                _inner_single(xa, xb, ya, yb, sums, r, c, start, out)
    if symmetric:
        for r in range(rows):
            for c in range(r):
                out[0, r, c] = out[0, c, r]
                out[1, r, c] = out[1, c, r]


@kernel("void(u8[:, ::1], u8[:, :, ::1], b1, u8[:, :, ::1], u8[:, :, ::1])")
def flipped_two(planes: Words, x: Words, whole: bool, mask: Words, out: Words) -> None:
    """``(1 - 2 bit) x - mask``, plus the bit where ``whole`` is true, arrays ``(2, rows, n)``: 64 elements a word of bits."""
    also = _ONE if whole else _ZERO
    n = x.shape[2]
    for r in range(x.shape[1]):
        for w in range((n + 63) // 64):
            word = planes[r, w]
            start, stop = 64 * w, min(64 * w + 64, n)
            x_low, mask_low, low = x[0, r, start:stop], mask[0, r, start:stop], out[0, r, start:stop]
            x_high, mask_high, high = x[1, r, start:stop], mask[1, r, start:stop], out[1, r, start:stop]
            for k in range(stop - start):
                bit = (word >> np.uint64(k)) & _ONE
                before = x_low[k] ^ (_ZERO - bit)
                first = before + bit + (bit & also)
                low[k] = first - mask_low[k]
                carry = np.uint64(first < before) - np.uint64(first < mask_low[k])
                high[k] = (x_high[k] ^ (_ZERO - bit)) + carry - mask_high[k]


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
