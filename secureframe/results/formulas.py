"""Formulas that turn released integers into statistics, exactly as fractions until the last root.

``spread`` is n times the sum of squared deviations, ``central`` n^2 times that of cubes or n^3 times that of fourth powers (see
``disclosure/moments.py``). Definitions are those of pandas: sample variance with ``ddof=1``, adjusted Fisher-Pearson skewness,
excess kurtosis without bias.
"""

from __future__ import annotations

import math
from fractions import Fraction


def signed_root(square: Fraction, sign: int) -> float:
    """The root of a fraction to the last digit, with a sign."""
    if square == 0:
        return 0.0
    shift = max(0, 128 - (square.numerator.bit_length() - square.denominator.bit_length()))
    shift += shift % 2
    root = Fraction(math.isqrt((square.numerator << shift) // square.denominator), 1 << shift // 2)
    return float(root) if sign >= 0 else -float(root)


def skewness(count: int, spread: int, central: int) -> float | None:
    """``sqrt(n (n - 1)) / (n - 2) * central / spread ** (3 / 2)``; None of fewer than three values or without variance."""
    if count < 3 or spread <= 0:
        return None
    square = Fraction(count * (count - 1) * central**2, (count - 2) ** 2 * spread**3)
    return signed_root(square, central)


def kurtosis(count: int, spread: int, central: int) -> float | None:
    """``((n^2 - 1) central / spread^2 - 3 (n - 1)^2) / ((n - 2) (n - 3))``; None of fewer than four or without variance."""
    if count < 4 or spread <= 0:
        return None
    numerator = (count**2 - 1) * central - 3 * (count - 1) ** 2 * spread**2
    return float(Fraction(numerator, (count - 2) * (count - 3) * spread**2))


def of_two_values(kind: str, count: int, ones: int) -> float | None:
    """Skewness or kurtosis of zeros and ones, from their frequencies."""
    zeros = count - ones
    spread = ones * zeros
    if kind == "skew":
        return skewness(count, spread, ones * zeros * (zeros - ones))
    return kurtosis(count, spread, ones * zeros * (zeros**2 - zeros * ones + ones**2))
