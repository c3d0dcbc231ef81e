"""One column onto its grid: read as its declared kind, held against range and domain, rounded half to even.

Two ways lead to the grid. What is exact in the source (integers, decimals, dates) stays exact; floats are held against
the range as floats and then rounded, which is exact for steps that are powers of two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from secureframe.local.integers import divide_half_even
from secureframe.schema.calendar import MICROSECONDS
from secureframe.schema.columns import ColumnDeclaration
from secureframe.schema.types import Kind

WORDS = {"true": True, "false": False, "1": True, "0": False}
_DATE_FORMAT = "%Y-%m-%d"


class BrokenRule(Exception):
    """A column breaks a rule; says which, and never what it holds."""

    def __init__(self, rule: str, message: str, hint: str | None = None) -> None:
        self.rule, self.message, self.hint = rule, message, hint
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """Grid integers (or truth values, or text), and how many values the rule for values out of range changed."""

    values: pl.Series
    changed: int


def quantise(series: pl.Series, declared: ColumnDeclaration, *, text: bool) -> Quantised:
    """Put a column on its declared grid.

    Parameters
    ----------
    series : polars.Series
        The column as read.
    declared : ColumnDeclaration
        Its kind, range and rule.
    text : bool
        Whether the source holds text only (CSV), so that numbers are spelled out.

    Raises
    ------
    BrokenRule
        If a value is of another kind, out of range where that is refused, or unknown to the domain.
    """
    if series.dtype == pl.Null:
        series = series.cast(pl.String)
        text = True
    match declared.kind:
        case Kind.BOOL:
            return Quantised(values=read_truth(series, text=text), changed=0)
        case Kind.STRING:
            return Quantised(values=read_text(series), changed=0)
        case Kind.CATEGORY:
            return _codes(series, declared, text=text)
        case Kind.KEY if declared.low is None:
            return Quantised(values=read_text(series), changed=0)
        case Kind.INT | Kind.KEY:
            return _exact(read_integers(series, text=text), Fraction(1), declared)
        case Kind.DATE:
            return _exact(read_days(series), Fraction(1), declared)
        case Kind.DATETIME:
            return _moments(read_moments(series), declared)
        case _:
            return _number(series, declared, text=text)


# -- reading -------------------------------------------------------------------------------------------------------------


def _wrong_type(wanted: str, series: pl.Series, *, text: bool) -> BrokenRule:
    found = "text" if text else str(series.dtype).partition("(")[0]
    return BrokenRule("type", f"is declared as {wanted}, and {found} that is not so was found", "declare what it holds")


def _all(condition: pl.Series) -> bool:
    """Whether a condition is nowhere false; missing values do not count."""
    return bool(condition.fill_null(True).all())


def read_integers(series: pl.Series, *, text: bool) -> pl.Series:
    """Return whole numbers as Int64; floats and decimals are accepted where all are whole."""
    wrong = _wrong_type("whole numbers of at most 64 bits", series, text=text)
    if series.dtype == pl.Boolean:
        return series.cast(pl.Int64)
    if isinstance(series.dtype, pl.Duration):
        durations = read_durations(series)
        if not _all(durations % MICROSECONDS == 0):
            raise wrong
        return durations // MICROSECONDS
    if text and series.dtype == pl.String:
        words = series.str.strip_chars()
        found = words.cast(pl.Int64, strict=False)
        if found.null_count() == words.null_count():
            return found
        series = read_floats(series, text=True, wanted="whole numbers")
    if series.dtype.is_float():
        series = series.fill_nan(None)
        if not _all(series == series.floor()) or not _all(series.abs() < 2.0**63):
            raise wrong
    elif series.dtype.is_decimal():
        if not _all(series == series.floor()):
            raise wrong
    elif not series.dtype.is_integer():
        raise wrong
    found = series.cast(pl.Int64, strict=False)
    if found.null_count() != series.null_count():
        raise wrong
    return found


def read_floats(series: pl.Series, *, text: bool, wanted: str = "numbers") -> pl.Series:
    """Return numbers as Float64, NaN as null; an infinite one breaks a rule."""
    if text and series.dtype == pl.String:
        words = series.str.strip_chars()
        found = words.cast(pl.Float64, strict=False)
        if found.null_count() != words.null_count():
            raise _wrong_type(wanted, series, text=True)
    elif series.dtype.is_numeric():
        found = series.cast(pl.Float64)
    else:
        raise _wrong_type(wanted, series, text=text)
    found = found.fill_nan(None)
    if not _all(found.is_finite()):
        raise BrokenRule("finite numbers", "holds an infinite number", "replace it by a missing value")
    return found


def read_truth(series: pl.Series, *, text: bool) -> pl.Series:
    """Return truth values; 0 and 1 count as such, and the words true and false in a CSV file."""
    if series.dtype == pl.Boolean:
        return series
    if text and series.dtype == pl.String:
        words = series.str.strip_chars().str.to_lowercase()
        found = words.replace_strict(list(WORDS), list(WORDS.values()), default=None, return_dtype=pl.Boolean)
        if found.null_count() == words.null_count():
            return found
    elif series.dtype.is_numeric():
        numbers = read_floats(series, text=False)
        if _all((numbers == 0) | (numbers == 1)):
            return numbers.cast(pl.Boolean)
    raise _wrong_type("bool", series, text=text)


def read_text(series: pl.Series) -> pl.Series:
    """Return text, of categorical columns too."""
    if series.dtype == pl.String or isinstance(series.dtype, pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    raise _wrong_type("text", series, text=False)


def read_days(series: pl.Series) -> pl.Series:
    """Return days since 1970-01-01; text is read as year-month-day, a time stamp is accepted at midnight only."""
    if series.dtype == pl.String:
        found = series.str.strip_chars().str.to_date(_DATE_FORMAT, strict=False)
        if found.null_count() != series.null_count():
            raise _wrong_type("dates (year-month-day)", series, text=True)
        series = found
    elif isinstance(series.dtype, pl.Datetime):
        if series.dtype.time_zone is not None or not _all(series == series.dt.truncate("1d")):
            raise BrokenRule("type", "holds times of a day where dates are declared", "series.dt.date keeps the day")
        series = series.cast(pl.Date)
    elif series.dtype != pl.Date:
        raise _wrong_type("dates", series, text=False)
    return series.cast(pl.Int32).cast(pl.Int64)


def read_moments(series: pl.Series) -> pl.Series:
    """Return microseconds since 1970-01-01; text is read as ISO 8601, a day as its midnight."""
    if series.dtype == pl.String:
        words = series.str.strip_chars().str.replace("T", " ", literal=True)
        words = pl.select(pl.when(words.str.len_chars() <= 10).then(words + " 00:00:00").otherwise(words)).to_series()
        words = pl.select(pl.when(words.str.len_chars() == 16).then(words + ":00").otherwise(words)).to_series()
        found = words.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
        if found.null_count() != series.null_count():
            raise _wrong_type("time stamps (year-month-day hour:minute:second)", series, text=True)
        series = found
    elif series.dtype == pl.Date:
        series = series.cast(pl.Datetime("us"))
    elif not isinstance(series.dtype, pl.Datetime):
        raise _wrong_type("time stamps", series, text=False)
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None:
        raise BrokenRule(
            "type", "holds time stamps of a time zone, and none is declared", "series.dt.tz_convert('UTC').dt.tz_localize(None)"
        )
    if series.dtype == pl.Datetime("ns"):
        # Cast to a coarser unit, Polars would cut towards 1970; a time stamp is cut down.
        return series.cast(pl.Int64) // 1_000
    return series.cast(pl.Datetime("us")).cast(pl.Int64)


def read_durations(series: pl.Series) -> pl.Series:
    """Return differences of time as microseconds."""
    if series.dtype == pl.Duration("ns"):
        return series.cast(pl.Int64) // 1_000
    return series.cast(pl.Duration("us")).cast(pl.Int64)


# -- range and grid ------------------------------------------------------------------------------------------------------


def _number(series: pl.Series, declared: ColumnDeclaration, *, text: bool) -> Quantised:
    """Decimals and measurements, from whatever holds numbers."""
    if series.dtype.is_decimal():
        scale = series.dtype.scale  # type: ignore[attr-defined]
        units = series.cast(pl.Decimal(38, scale)).to_physical()
        return _exact(units, Fraction(1, 10**scale), declared)
    if series.dtype.is_integer():
        return _exact(series.cast(pl.Int128), Fraction(1), declared)
    if isinstance(series.dtype, pl.Duration):
        # As everywhere, a difference of time is a number of days.
        return _exact(read_durations(series).cast(pl.Int128), Fraction(1, MICROSECONDS), declared)
    return _rounded(read_floats(series, text=text), declared)


def _apply_rule(values: pl.Series, low: float, high: float, declared: ColumnDeclaration) -> tuple[pl.Series, int]:
    """Refuse, clip or null what lies outside ``low .. high``; return what is left and how many were changed."""
    outside = ((values < low) | (values > high)).fill_null(False)
    changed = int(outside.sum())
    if not changed:
        return values, 0
    if declared.out_of_range == "refuse":
        raise BrokenRule(
            "out_of_range='refuse'",
            "holds a value outside its declared range",
            "a wider range, or out_of_range='clip' or 'null'",
        )
    if declared.out_of_range == "clip":
        return values.clip(low, high), changed
    return values.set(outside, None), changed


def _exact(units: pl.Series, step: Fraction, declared: ColumnDeclaration) -> Quantised:
    """Integers of a source's own step, compared and rescaled without rounding before the last step."""
    assert declared.low is not None and declared.high is not None
    low, high = math.ceil(declared.low / step), math.floor(declared.high / step)
    units, changed = _apply_rule(units, low, high, declared)
    factor = step / declared.step
    if factor != 1:
        top, bottom = (pl.lit(x, dtype=pl.Int128) for x in (factor.numerator, factor.denominator))
        scaled = pl.col("units").cast(pl.Int128) * top
        rescaled = divide_half_even(scaled, bottom) if factor.denominator > 1 else scaled
        units = pl.DataFrame({"units": units}).select(rescaled).to_series()
    return Quantised(values=units.cast(pl.Int64), changed=changed)


def _moments(moments: pl.Series, declared: ColumnDeclaration) -> Quantised:
    """Microseconds, held against the range and cut down to the whole step."""
    assert declared.low is not None and declared.high is not None
    low, high = (int(end * MICROSECONDS) for end in (declared.low, declared.high))
    moments, changed = _apply_rule(moments, low, high, declared)
    return Quantised(values=moments // int(declared.step * MICROSECONDS), changed=changed)


def _rounded(values: pl.Series, declared: ColumnDeclaration) -> Quantised:
    """Floats: the range is held against the values themselves, then they go to the nearest grid point."""
    assert declared.low is not None and declared.high is not None
    values, changed = _apply_rule(values, float(declared.low), float(declared.high), declared)
    # A step is 2**k or 10**-k: its reciprocal or itself is a whole number, so that one operation rounds at most once.
    if declared.step.numerator == 1:
        scaled = values * float(declared.step.denominator)
    else:
        scaled = values / float(declared.step.numerator)
    return Quantised(values=scaled.round(mode="half_to_even").cast(pl.Int64), changed=changed)


def _codes(series: pl.Series, declared: ColumnDeclaration, *, text: bool) -> Quantised:
    """Categories as their codes in the public domain."""
    assert declared.values is not None
    first = declared.values[0]
    if isinstance(first, bool):
        found = read_truth(series, text=text)
    elif isinstance(first, int):
        found = read_integers(series, text=text)
    else:
        found = read_text(series)
    codes = found.replace_strict(list(declared.values), list(range(len(declared.values))), default=None, return_dtype=pl.Int64)
    unknown = codes.null_count() - found.null_count()
    if unknown and declared.out_of_range == "refuse":
        raise BrokenRule("unknown category", "holds a category outside its public domain", "declare it, or out_of_range='null'")
    return Quantised(values=codes, changed=unknown)
