"""Central moments on shares, from sums of centred powers: exact integers that no centre changes.

With n rows and power sums S1, S2, ...: ``n S2 - S1^2`` is n times the sum of squared deviations,
``n^2 S3 - 3 n S1 S2 + 2 S1^3`` is n^2 times that of cubes, and ``n^3 S4 - 4 n^2 S1 S3 + 6 n S1^2 S2 - 3 S1^4`` is n^3 times that
of fourth powers. All of it is computed in one ring that holds every intermediate value, whatever the data are.

Leakage: nothing opens. Rounds: one lift of the sums into the ring, then two products. Bytes: a dozen ring elements a cell.

Source: the definition of central moments; Kendall and Stuart, The Advanced Theory of Statistics, volume 1, section 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from secureframe.disclosure.rounding import Ranged, combine, multiply, signed_square, significant_grid, widen
from secureframe.mpc.program import Builder, Value, bit_length, limbs_for

Term = tuple[int, tuple[int, ...]]
"""A factor, and the sums (by number, 0 is the count of rows) whose product it stands before."""

SPREAD: tuple[Term, ...] = ((1, (0, 2)), (-1, (1, 1)))
THIRD: tuple[Term, ...] = ((1, (0, 0, 3)), (-3, (0, 1, 2)), (2, (1, 1, 1)))
FOURTH: tuple[Term, ...] = ((1, (0, 0, 0, 4)), (-4, (0, 0, 1, 3)), (6, (0, 1, 1, 2)), (-3, (1, 1, 1, 1)))
CROSS: tuple[Term, ...] = ((1, (0, 3)), (-1, (1, 2)))
"""Of two columns: the count, both sums, and the sum of products."""
LOWEST_KURTOSIS = Fraction(-6)
"""Excess kurtosis of four values, two and two; of more values it is higher."""


def polynomial(b: Builder, terms: Sequence[Term], sums: Sequence[Ranged]) -> Ranged:
    """Return a sum of products of sums, for every cell, in a ring that holds each of its terms.

    Parameters
    ----------
    terms
        What is added up; a constant, which has no sums, last.
    sums
        The power sums and their public ranges, one value a cell.
    """
    ranges = [(factor, _range_of([(sums[i].lo, sums[i].hi) for i in numbers])) for factor, numbers in terms]
    low = sum(min(factor * lo, factor * hi) for factor, (lo, hi) in ranges)
    high = sum(max(factor * lo, factor * hi) for factor, (lo, hi) in ranges)
    widest = max(bit_length(min(factor * lo, factor * hi), max(factor * lo, factor * hi)) for factor, (lo, hi) in ranges)
    limbs = max(limbs_for(max(widest, bit_length(low, high)) + 1), *(s.value.limbs for s in sums))
    wide = [widen(b, s, limbs) for s in sums]
    known: dict[tuple[int, ...], Value] = {(i,): value for i, value in enumerate(wide)}
    total: Value | None = None
    for factor, numbers in terms:
        if not numbers:
            assert total is not None, "a constant stands last"
            total = b.add_public(total, [factor])
            continue
        product = _product(b, numbers, known)
        weighted = product if factor == 1 else b.multiply_public(product, [factor])
        total = weighted if total is None else b.add(total, weighted)
    assert total is not None
    return Ranged(value=total, lo=low, hi=high)


def _range_of(factors: Sequence[tuple[int, int]]) -> tuple[int, int]:
    lo = hi = 1
    for a, c in factors:
        corners = [x * y for x in (lo, hi) for y in (a, c)]
        lo, hi = min(corners), max(corners)
    return lo, hi


def _product(b: Builder, numbers: tuple[int, ...], known: dict[tuple[int, ...], Value]) -> Value:
    """The product of some sums, halves first, so that products of four take two rounds; every product once."""
    if numbers not in known:
        half = len(numbers) // 2
        known[numbers] = b.multiply(_product(b, numbers[:half], known), _product(b, numbers[half:], known))
    return known[numbers]


def quotient(b: Builder, kind: str, count: Ranged, spread: Ranged, central: Ranged) -> tuple[Ranged, Ranged]:
    """Return numerator and denominator of the signed square of a skewness, or of a kurtosis, as pandas defines them.

    With s = ``spread`` and c = ``central``: ``n (n - 1) c abs(c) / ((n - 2)^2 s^3)``, and
    ``((n^2 - 1) c - 3 (n - 1)^2 s^2) / ((n - 2) (n - 3) s^2)``.
    """
    if kind == "skew":
        pairs = polynomial(b, ((1, (0, 0)), (-1, (0,))), [count])
        squares = polynomial(b, ((1, (0, 0)), (-4, (0,)), (4, ())), [count])
        top = multiply(b, signed_square(b, central), replace(pairs, lo=0))
        cube = multiply(b, multiply(b, spread, spread), spread)
        return top, multiply(b, replace(squares, lo=0), cube)
    s2 = multiply(b, spread, spread)
    first = polynomial(b, ((1, (0, 0, 1)), (-1, (1,))), [count, central])
    second = polynomial(b, ((3, (0, 0, 1)), (-6, (0, 1)), (3, (1,))), [count, s2])
    below = polynomial(b, ((1, (0, 0, 1)), (-5, (0, 1)), (6, (1,))), [count, s2])
    return combine(b, first, 1, second, -1), replace(below, lo=0)


def grid(kind: str, rows: int) -> tuple[Fraction, ...]:
    """Return the public points that a skewness or kurtosis of so many rows is rounded to: three digits, none below 0.01."""
    most = math.isqrt(rows) + 1 if kind == "skew" else rows + 1
    lowest = Fraction(-most) if kind == "skew" else LOWEST_KURTOSIS
    return significant_grid(lowest, Fraction(most), decades=max(1, len(str(most))))
