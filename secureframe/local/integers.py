"""Exact integer arithmetic on Polars expressions: as wide as the ranges need, rounded half to even where it divides.

Polars integers wrap silently, so every result gets a width from its public range: 64 bits where it fits, else 128.
"""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from secureframe.errors import RangeError
from secureframe.schema.types import ColumnType, Kind

INT64_LOW, INT64_HIGH = -(2**63), 2**63 - 1
_WIDEST = 2**126
_WIDTHS: tuple[tuple[type[pl.DataType], int], ...] = ((pl.Int8, 8), (pl.Int16, 16), (pl.Int32, 32))


def integer_dtype(*bounds: int) -> type[pl.Int64 | pl.Int128]:
    """Return the narrowest integer type that holds all of ``bounds``.

    Raises
    ------
    RangeError
        If 126 bits do not hold them.
    """
    if all(INT64_LOW <= bound <= INT64_HIGH for bound in bounds):
        return pl.Int64
    if all(abs(bound) < _WIDEST for bound in bounds):
        return pl.Int128
    raise RangeError(
        "a local intermediate result may need more than 126 bits",
        hint="narrower ranges, or a coarser grid: df['x'].astype(...) before it is multiplied",
    )


def storage(type_: ColumnType) -> type[pl.DataType]:
    """Return the Polars type that holds a column of this type."""
    if type_.kind is Kind.BOOL:
        return pl.Boolean
    if type_.lo is None:
        return pl.String
    return integer_dtype(type_.low, type_.high)


def compact(type_: ColumnType) -> type[pl.DataType]:
    """Return the narrowest Polars type that holds a column of this type: what a registered table is kept in."""
    if type_.kind is Kind.BOOL or type_.lo is None:
        return storage(type_)
    fits = (dtype for dtype, bits in _WIDTHS if -(1 << bits - 1) <= type_.low and type_.high < 1 << bits - 1)
    return next(fits, storage(type_))


def rescaled(expr: pl.Expr, type_: ColumnType, step: Fraction) -> pl.Expr:
    """Return a number's integers on a finer grid, of which its own step is a multiple."""
    factor = type_.step / step
    assert factor.denominator == 1
    bounds = (type_.low, type_.high, type_.low * factor.numerator, type_.high * factor.numerator)
    dtype = integer_dtype(*bounds)
    return expr.cast(dtype) if factor == 1 else expr.cast(dtype) * pl.lit(factor.numerator, dtype=dtype)


def divide_half_even(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Return the integer nearest to a quotient, the even one where two are equally near.

    ``denominator`` is nowhere 0; both are of one type that also holds twice the denominator.
    """
    negative = denominator < 0
    n = pl.when(negative).then(-numerator).otherwise(numerator)
    d = pl.when(negative).then(-denominator).otherwise(denominator)
    quotient = n // d
    twice = (n - quotient * d) * 2
    up = (twice > d) | ((twice == d) & (quotient % 2 != 0))
    return pl.when(up).then(quotient + 1).otherwise(quotient)


def scaled_division(
    numerator: pl.Expr, denominator: pl.Expr, factor: Fraction, numerator_bound: int, denominator_bound: int
) -> pl.Expr:
    """Return ``numerator * factor / denominator``, rounded half to even; bounds are largest absolute values."""
    top, bottom = factor.numerator, factor.denominator
    dtype = integer_dtype(2 * numerator_bound * top, 4 * denominator_bound * bottom)
    return divide_half_even(
        numerator.cast(dtype) * pl.lit(top, dtype=dtype), denominator.cast(dtype) * pl.lit(bottom, dtype=dtype)
    )
