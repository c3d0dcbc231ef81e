"""Sums of products that are wider than any machine integer, exactly: numbers as digits of 21 bits, column by column.

A digit product has 42 bits and a column of them is added up in 64, so that numpy does the work and Python integers only meet
the totals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DIGIT = 21
_MASK = (1 << DIGIT) - 1
MAX_ROWS = 1 << 31
"""Up to so many digits are added up exactly in a double, which is what counts by cell are made of."""

Integers = NDArray[np.int64]


def sums_of_products(
    columns: Sequence[Integers], widths: Sequence[int], powers: Sequence[int], cell: Integers, cells: int
) -> list[int]:
    """Return for every cell the sum over its rows of the product of ``column ** power``.

    Parameters
    ----------
    columns : sequence of int64 arrays
        Factors, one value a row.
    widths : sequence of int
        Public width of each column in bits, sign included.
    powers : sequence of int
        Power of each column.
    cell : int64 array
        The cell of every row, 0 to ``cells`` - 1.
    """
    if len(cell) > MAX_ROWS:
        raise ValueError("more rows than are added up exactly at once")
    product, width = [np.ones(len(cell), np.int64)], 1
    for column, bits, power in zip(columns, widths, powers, strict=True):
        factor = _digits(column, bits)
        for _ in range(power):
            width += bits
            product = _multiplied(product, factor, -(-width // DIGIT))
    totals = [0] * cells
    for place, digit in enumerate(product):
        sums = np.bincount(cell, weights=digit.astype(np.float64), minlength=cells)
        for number in range(cells):
            totals[number] += int(sums[number]) << DIGIT * place
    return totals


def _digits(column: Integers, bits: int) -> list[Integers]:
    """Digits of every value, lowest first; the last one carries the sign."""
    count = -(-bits // DIGIT)
    digits = [(column >> DIGIT * place) & _MASK for place in range(count - 1)]
    return [*digits, column >> DIGIT * (count - 1)]


def _multiplied(x: list[Integers], y: list[Integers], count: int) -> list[Integers]:
    """Digits of the product, which ``count`` of them hold: at least as many as there are places to multiply into."""
    places: list[Integers] = [np.zeros(len(x[0]), np.int64) for _ in range(count)]
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            places[i + j] += a * b
    for place in range(count - 1):
        places[place + 1] += places[place] >> DIGIT
        places[place] &= _MASK
    return places
