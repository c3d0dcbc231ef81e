"""Column types: every value is an integer on a declared grid, within a declared range.

A number is ``grid integer * step``: step 1 for integers, a power of ten for decimals, a power of two for floats of
declared precision. Ranges are ranges of grid integers. Because both are part of the type, sums and products have known
widths before anything runs, and what the protocols compute on integers is exact.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any

from secureframe.errors import PlanError, RangeError
from secureframe.schema.calendar import EPOCH as EPOCH
from secureframe.schema.calendar import FIRST, LAST, MICROSECONDS, UNITS, as_days, as_moment, as_timestamp

Scalar = bool | int | float | str | datetime.date | Fraction | None

MAX_LEVELS = 64
"""An integer column of at most so many grid points has a public domain that a table can be grouped by."""


class Kind(StrEnum):
    """The kinds of columns."""

    BOOL = "bool"
    INT = "int"
    DECIMAL = "decimal"
    FLOAT = "float"
    CATEGORY = "category"
    DATE = "date"
    DATETIME = "datetime"
    STRING = "string"
    KEY = "key"


NUMERIC = frozenset({Kind.BOOL, Kind.INT, Kind.DECIMAL, Kind.FLOAT})
TIMES = frozenset({Kind.DATE, Kind.DATETIME})
"""Kinds whose values are days since 1970-01-01."""
ORDERED = NUMERIC | TIMES


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnType:
    """The type of a column or of an expression.

    Parameters
    ----------
    kind : Kind
        What it is.
    lo, hi : int or None
        Range of the grid integers, both ends included; days since 1970-01-01 for dates, steps since then for time stamps,
        codes for categories, 0 and 1 for bool. None for strings, and for keys made of strings.
    step : Fraction
        Value of one grid step; of a time stamp in days.
    nullable : bool
        Whether it may hold nulls.
    categories : tuple or None
        The public domain of a category, in order of its codes.
    domain : str or None
        The person (or other key) domain of a key: keys of different domains never denote the same.
    """

    kind: Kind
    lo: int | None = None
    hi: int | None = None
    step: Fraction = Fraction(1)
    nullable: bool = False
    categories: tuple[str | int | bool, ...] | None = None
    domain: str | None = None

    def __post_init__(self) -> None:
        if (self.lo is None) != (self.hi is None):
            raise PlanError("a range needs both of its ends")
        if self.lo is not None and self.hi is not None and self.lo > self.hi:
            raise PlanError("a range is empty: its low end lies above its high end")
        if self.kind not in (Kind.STRING, Kind.KEY) and self.lo is None:
            raise RangeError(f"a {self.kind} column needs a declared range", hint="declare low= and high=")
        if self.kind is Kind.CATEGORY and (not self.categories or (self.lo, self.hi) != (0, len(self.categories) - 1)):
            raise PlanError("a category needs its public domain")
        if self.step <= 0:
            raise PlanError("a grid step must be positive")
        if self.kind is Kind.DATE and self.step != 1:
            raise PlanError("a date has steps of one day")
        if self.kind is Kind.DATETIME and (self.step.numerator != 1 or MICROSECONDS % self.step.denominator):
            raise RangeError("a day has a whole number of a time stamp's steps", hint="round the days that are added: x.round()")
        if self.is_time and not FIRST <= self.low * self.step <= self.high * self.step < LAST + 1:
            raise RangeError("the range of a date goes beyond the years 1 to 9999", hint="a narrower range: clip the days first")

    # -- ranges --------------------------------------------------------------------------------------------------

    @property
    def low(self) -> int:
        assert self.lo is not None
        return self.lo

    @property
    def high(self) -> int:
        assert self.hi is not None
        return self.hi

    @property
    def is_numeric(self) -> bool:
        return self.kind in NUMERIC

    @property
    def is_ordered(self) -> bool:
        return self.kind in ORDERED

    @property
    def is_time(self) -> bool:
        """Whether it is a date or a time stamp."""
        return self.kind in TIMES

    @property
    def centre(self) -> int:
        """The public mid-range, subtracted before moments are formed."""
        return (self.low + self.high) // 2

    @property
    def width(self) -> int:
        """Bits of ``grid integer - low``."""
        return max(1, (self.high - self.low).bit_length())

    @property
    def levels(self) -> tuple[Scalar, ...] | None:
        """The public domain that a table can be grouped by, in order, or None if there is none."""
        match self.kind:
            case Kind.CATEGORY:
                return self.categories
            case Kind.BOOL:
                return (False, True)
            case Kind.INT if self.high - self.low < MAX_LEVELS:
                return tuple(range(self.low, self.high + 1))
            case _:
                return None

    def null(self, nullable: bool = True) -> ColumnType:
        """The same type, nullable or not."""
        return replace(self, nullable=nullable)

    # -- values --------------------------------------------------------------------------------------------------

    def to_value(self, grid: int) -> Scalar:
        """Return the value of a grid integer: bool, int, float, category, date or time stamp."""
        match self.kind:
            case Kind.BOOL:
                return bool(grid)
            case Kind.CATEGORY:
                assert self.categories is not None
                return self.categories[grid]
            case Kind.DATE:
                return EPOCH + datetime.timedelta(days=grid)
            case Kind.DATETIME:
                return as_timestamp(grid * self.step)
            case _:
                value = grid * self.step
                return int(value) if self.step.denominator == 1 else value.numerator / value.denominator

    def to_grid(self, value: Any) -> Fraction | None:
        """Return the position of a literal on this column's grid, exactly (a fraction if it lies between points).

        None where a category is not in the domain. Floats are taken as the decimal number that they print as.
        """
        match self.kind:
            case Kind.CATEGORY:
                assert self.categories is not None
                for code, category in enumerate(self.categories):
                    if category == value and isinstance(category, bool) == isinstance(value, bool):
                        return Fraction(code)
                return None
            case Kind.DATE | Kind.DATETIME:
                if not isinstance(value, datetime.date):
                    raise PlanError("a date column is compared with a datetime.date", hint="datetime.date(2020, 1, 31)")
                return as_days(value) / self.step
            case Kind.STRING | Kind.KEY:
                raise PlanError(f"a {self.kind} column has no grid")
            case _:
                return as_fraction(value) / self.step

    def describe(self) -> str:
        """One line for people: kind, range, step and nulls."""
        text = str(self.kind)
        if self.kind is Kind.CATEGORY:
            assert self.categories is not None
            shown = ", ".join(map(str, self.categories[:6])) + (", ..." if len(self.categories) > 6 else "")
            text += f" {{{shown}}}"
        elif self.kind is Kind.KEY:
            text += f" of {self.domain}"
        elif self.lo is not None and self.kind is not Kind.BOOL:
            text += f" {self.to_value(self.low)} to {self.to_value(self.high)}"
            if self.kind is Kind.DATETIME:
                text += f" by {_unit_text(self.step)}"
            elif self.step != 1:
                text += f" by {format_fraction(self.step)}"
        return text + (", nullable" if self.nullable else "")

    # -- JSON ------------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {"kind": str(self.kind), "nullable": self.nullable}
        if self.lo is not None:
            record |= {"lo": str(self.lo), "hi": str(self.hi)}
        if self.step != 1:
            record["step"] = str(self.step)
        if self.categories is not None:
            record["categories"] = list(self.categories)
        if self.domain is not None:
            record["domain"] = self.domain
        return record

    @staticmethod
    def from_json(record: dict[str, Any]) -> ColumnType:
        return ColumnType(
            kind=Kind(record["kind"]),
            lo=int(record["lo"]) if "lo" in record else None,
            hi=int(record["hi"]) if "hi" in record else None,
            step=Fraction(record.get("step", 1)),
            nullable=bool(record["nullable"]),
            categories=tuple(record["categories"]) if "categories" in record else None,
            domain=record.get("domain"),
        )


def as_fraction(value: Any) -> Fraction:
    """Return a number as an exact fraction; a float as the shortest decimal that prints as it."""
    if isinstance(value, bool | int | Fraction):
        return Fraction(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise PlanError("NaN and infinity are no literals", hint="isna() asks for missing values")
        return Fraction(repr(value))
    raise PlanError(f"a number is expected, not {type(value).__name__}")


def format_fraction(value: Fraction) -> str:
    """Return a fraction as people write it: an integer, a short decimal, or a quotient."""
    if value.denominator == 1:
        return str(value.numerator)
    decimal = repr(value.numerator / value.denominator)
    return decimal if Fraction(decimal) == value and len(decimal) <= 12 else str(value)


def bool_type(nullable: bool = False) -> ColumnType:
    """The type of a predicate."""
    return ColumnType(kind=Kind.BOOL, lo=0, hi=1, nullable=nullable)


def number_type(lo: int, hi: int, step: Fraction, nullable: bool) -> ColumnType:
    """The type of a computed number: int where the step is 1, decimal or float by the step's denominator."""
    if step == 1:
        kind = Kind.INT
    elif step.denominator & (step.denominator - 1) == 0:
        kind = Kind.FLOAT
    else:
        kind = Kind.DECIMAL
    return ColumnType(kind=kind, lo=lo, hi=hi, step=step, nullable=nullable)


def time_type(lo: int, hi: int, step: Fraction, nullable: bool) -> ColumnType:
    """The type of a computed date (where the step is a day) or time stamp; ``step`` in days."""
    kind = Kind.DATE if step == 1 else Kind.DATETIME
    return ColumnType(kind=kind, lo=lo, hi=hi, step=step, nullable=nullable)


def moment_type(value: datetime.date) -> ColumnType:
    """The type of one date or time stamp, on the coarsest grid that holds it."""
    days = as_days(value)
    return time_type(days.numerator, days.numerator, Fraction(1, days.denominator), False)


def bound_value(bound: Fraction, type_: ColumnType) -> Scalar:
    """Return a public bound of a column as a constant that the column is compared with."""
    return as_moment(bound) if type_.is_time else bound


def _unit_text(step: Fraction) -> str:
    """A step of time as people write it."""
    for name, days in UNITS.items():
        if (step / days).denominator == 1:
            return f"{step / days} {name}"
    return f"{step} D"


def quotient_step(step: Fraction) -> Fraction:
    """Grid of a quotient or mean: the largest 2**-k not above the declared precision, and 1/128 at the coarsest."""
    return min(Fraction(1, 128), Fraction(1, 2 ** max(0, math.ceil(math.log2(1 / step)))))
