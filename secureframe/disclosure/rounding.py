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

from secureframe.mpc.numeric import lift
from secureframe.mpc.program import Builder, Value, bit_length, limbs_for

DIGITS = 3
DECADES = 5
"""Below 10 ** -DECADES of the largest power of ten in a range, the grid is as fine as there and no finer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranged:
    """A secret number per cell with its public range.

    Of a count of persons over rows of several owners also, in the order of the owners, what remains when the rows of each are
    left out (``rest``), and how many persons have rows at each (``own``); and where the recipient is one of them, what remains
    without its rows (``others``).
    """

    value: Value
    lo: int
    hi: int
    rest: tuple[Value, ...] = ()
    own: tuple[Value, ...] = ()
    others: Value | None = None


def significant_grid(lo: Fraction, hi: Fraction, decades: int = DECADES) -> tuple[Fraction, ...]:
    """Return the public points of three significant digits that cover ``lo .. hi``, ascending; fewer digits below ``decades``."""
    largest = max(abs(lo), abs(hi), Fraction(1, 10**9))
    top = math.floor(math.log10(largest)) + 1
    points = {Fraction(0)}
    finest = Fraction(10) ** (top - DIGITS - decades + 1)
    for decade in range(top - decades, top):
        step = Fraction(10) ** (decade - DIGITS + 1)
        points |= {step * m for m in range(10 ** (DIGITS - 1), 10**DIGITS)}
    points |= {finest * m for m in range(1, 10 ** (DIGITS - 1))}
    points.add(Fraction(10) ** top)
    grid = sorted(points | {-p for p in points})
    first = max(0, bisect.bisect_right(grid, lo) - 1)
    last = bisect.bisect_left(grid, hi)
    return tuple(grid[first : last + 1])


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
    """Return how many thresholds t (ascending) have numerator >= t * denominator, for every cell.

    Rounds: one comparison as wide as the products; bytes: cells times thresholds comparisons.
    """
    scale = math.lcm(*(t.denominator for t in thresholds))
    factors = [int(t * scale) for t in thresholds]
    cells, count = numerator.value.n, len(thresholds)
    widest = max(map(abs, factors))
    reach = scale * max(abs(numerator.lo), abs(numerator.hi)) + widest * max(abs(denominator.lo), abs(denominator.hi))
    width = bit_length(-reach, reach)
    limbs = max(limbs_for(width), numerator.value.limbs, denominator.value.limbs)
    spread = [cell for cell in range(cells) for _ in range(count)]
    above = b.take(b.multiply_public(widen(b, numerator, limbs), [scale]), spread)
    limit = b.multiply_public(b.take(widen(b, denominator, limbs), spread), factors * cells)
    reached = b.invert(b.is_negative(b.subtract(above, limit), width))
    return Ranged(value=b.sum(b.reshape(b.to_arith(reached), cells)), lo=0, hi=count)
