"""Rounding on shares: counts to a public base, other numbers to three significant digits.

A number is rounded without dividing: it is compared with every midpoint of a public grid, all in one batch, and what is
released is how many midpoints it has reached. A mean is at least t where sum >= t * n, a deviation where n * sum of
squares - sum ** 2 >= t ** 2 * n * (n - 1), a correlation where its signed square is; all of it exact in integers.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from secureframe.mpc.numeric import lift
from secureframe.mpc.program import Builder, Value, bit_length, limbs_for

DIGITS = 3
AT_ONCE = 20_000
"""Up to so many comparisons with points of a grid are made in one batch."""
DECADES = 5
"""Below 10 ** -DECADES of the largest power of ten in a range, the grid is as fine as there and no finer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A secret number per cell with its public range.

    Of a count of persons over rows of several owners also, in the order of the owners, what remains when the rows of each are
    left out (``rest``), and how many persons have rows at each (``own``); and where the recipient is one of them, what remains
    without its rows (``others``). Of a quantile the values that are left without each owner's rows: up to it, and from it on
    (``tails``).
    """

    value: Value
    lo: int
    hi: int
    rest: tuple[Value, ...] = ()
    own: tuple[Value, ...] = ()
    others: Value | None = None
    tails: tuple[Value, ...] = ()


@lru_cache(maxsize=64)
def significant_grid(lo: Fraction, hi: Fraction, decades: int = DECADES) -> tuple[Fraction, ...]:
    """Return the public points of three significant digits that cover ``lo .. hi``, ascending; fewer digits below ``decades``."""
    largest = max(abs(lo), abs(hi), Fraction(1, 10**9))
    top = math.floor(math.log10(largest)) + 1
    finest = Fraction(10) ** (top - DIGITS - decades + 1)
    points = list(range(10 ** (DIGITS - 1)))  # in units of the finest step
    for decade in range(decades):
        points += [10**decade * m for m in range(10 ** (DIGITS - 1), 10**DIGITS)]
    points.append(10 ** (DIGITS - 1 + decades))
    grid = [*(-p for p in reversed(points[1:])), *points]
    first = max(0, bisect.bisect_right(grid, lo / finest) - 1)
    last = bisect.bisect_left(grid, hi / finest)
    return tuple(p * finest for p in grid[first : last + 1])


def decimal_grid(lo: Fraction, hi: Fraction, places: int) -> tuple[Fraction, ...]:
    """Return the public points with so many decimals that cover ``lo .. hi``, ascending."""
    unit = Fraction(1, 10**places)
    return tuple(unit * m for m in range(math.floor(lo / unit), math.ceil(hi / unit) + 1))


def midpoints(grid: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Return the points between neighbours; a number that reaches one is rounded up."""
    return tuple((a + b) / 2 for a, b in itertools.pairwise(grid))


def nearest(grid: Sequence[Fraction], value: Fraction) -> Fraction:
    """Return the grid point that a number is rounded to: what the protocol below computes, in the clear."""
    return grid[bisect.bisect_right(midpoints(grid), value)]


def widen(b: Builder, x: Ranged, limbs: int) -> Value:
    """Return x in a ring of so many limbs."""
    return x.value if x.value.limbs == limbs else lift(b, x.value, bit_length(x.lo, x.hi), limbs)


def multiply(b: Builder, x: Ranged, y: Ranged) -> Ranged:
    """Return the product in a ring that holds it."""
    corners = [p * q for p in (x.lo, x.hi) for q in (y.lo, y.hi)]
    lo, hi = min(corners), max(corners)
    limbs = max(limbs_for(bit_length(lo, hi) + 1), x.value.limbs, y.value.limbs)
    return Ranged(value=b.multiply(widen(b, x, limbs), widen(b, y, limbs)), lo=lo, hi=hi)


def combine(b: Builder, x: Ranged, p: int, y: Ranged, q: int) -> Ranged:
    """Return p * x + q * y for public integers."""
    corners = [p * s + q * t for s in (x.lo, x.hi) for t in (y.lo, y.hi)]
    lo, hi = min(corners), max(corners)
    limbs = max(limbs_for(bit_length(lo, hi) + 1), x.value.limbs, y.value.limbs)
    total = b.add(b.multiply_public(widen(b, x, limbs), [p]), b.multiply_public(widen(b, y, limbs), [q]))
    return Ranged(value=total, lo=lo, hi=hi)


def signed_square(b: Builder, x: Ranged) -> Ranged:
    """Return x * abs(x)."""
    negative = b.is_negative(x.value, bit_length(x.lo, x.hi))
    square = multiply(b, x, x)
    sign = b.add_public(b.multiply_public(b.to_arith(negative, square.value.limbs), [-2]), [1])
    return Ranged(value=b.multiply(square.value, sign), lo=-square.hi, hi=square.hi)


def points_reached(b: Builder, numerator: Ranged, denominator: Ranged, thresholds: Sequence[Fraction]) -> Ranged:
    """Return how many thresholds t (ascending) have numerator >= t * denominator, for every cell; no denominator is negative.

    Few comparisons are made all at once. Of many cells each is compared with every block's first threshold, and then with
    those of the block that it is in: twice the root of so many comparisons.

    Leakage: nothing opens. Rounds: one comparison as wide as the products, or two of them and four rounds more.
    Bytes: cells times thresholds comparisons, or cells times twice their root.
    """
    scale = math.lcm(*(t.denominator for t in thresholds))
    factors = [int(t * scale) for t in thresholds]
    widest = max(map(abs, factors))
    reach = scale * max(abs(numerator.lo), abs(numerator.hi)) + widest * max(abs(denominator.lo), abs(denominator.hi))
    # Differences of factors stand before a bit at a time.
    width = bit_length(-reach, reach)
    limbs = max(limbs_for(width), limbs_for(bit_length(-4 * widest, 4 * widest)), numerator.value.limbs, denominator.value.limbs)
    above = b.multiply_public(widen(b, numerator, limbs), [scale])
    below = widen(b, denominator, limbs)
    if numerator.value.n * len(factors) <= AT_ONCE or len(factors) < 3:
        value = b.combine(b.to_arith(_reached(b, above, _constants(b, factors, below), width)), [1] * len(factors))
    else:
        value = _reached_in_blocks(b, above, below, factors, width)
    return Ranged(value=value, lo=0, hi=len(factors))


def _constants(b: Builder, factors: Sequence[int], x: Value) -> Value:
    """Public multiples of x, a row each."""
    repeated = b.pick_rows(x, [0] * len(factors))
    return b.multiply_public(repeated, [factor for factor in factors for _ in range(x.n)])


def _reached(b: Builder, above: Value, limits: Value, width: int) -> Value:
    """One plane a row of limits: is what is above not below it?"""
    return b.reshape(b.invert(b.is_negative(b.subtract(above, limits), width)), limits.rows)


def _reached_in_blocks(b: Builder, above: Value, below: Value, factors: Sequence[int], width: int) -> Value:
    size = math.isqrt(len(factors) - 1) + 1
    # The last block is as long as the others and may overlap the one before it.
    starts = sorted({*range(0, len(factors) - size, size), len(factors) - size})
    steps = list(itertools.pairwise(starts))
    limits = _constants(b, [factors[start - 1] for start in starts[1:]], below)
    passed = b.to_arith(_reached(b, above, limits, width), above.limbs)
    # The thresholds of the block that a cell is in: those of the first one, and what every block that it passed adds.
    moved = [
        b.add_public(b.combine(passed, [factors[q + j] - factors[p + j] for p, q in steps]), [factors[j]]) for j in range(size)
    ]
    limits = b.multiply(b.rows(moved), below)
    inside = b.combine(b.to_arith(_reached(b, above, limits, width)), [1] * size)
    return b.add(b.combine(b.narrow(passed, 1), [q - p for p, q in steps]), inside)
