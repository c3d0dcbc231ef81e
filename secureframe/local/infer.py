"""What the data suggest of a column that nobody declared: its kind, and a range that is thereby published."""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from secureframe.local.quantise import BrokenRule, read_days, read_durations, read_floats, read_integers, read_moments
from secureframe.schema.calendar import MICROSECONDS, UNITS
from secureframe.schema.columns import ColumnDeclaration, inferred
from secureframe.schema.types import Kind

MAX_CATEGORIES = 64
"""A text column of at most so many words is taken for a category."""

_WHOLE_NUMBER = r"^[+-]?(0|[1-9][0-9]*)$"
"""A code with leading zeros is text: as a number it would lose them."""

_DAY = r"^\d{4}-\d{2}-\d{2}$"
_MOMENT = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"

_HINTS = {
    Kind.INT: "sf.integer(low, high)",
    Kind.FLOAT: "sf.number(low, high)",
    Kind.DECIMAL: "sf.decimal(low, high, scale)",
    Kind.DATE: "sf.date(low, high)",
    Kind.DATETIME: "sf.timestamp(low, high)",
    Kind.CATEGORY: "sf.category([...])",
    Kind.KEY: "sf.key(low=..., high=...)",
}


def leak_warning(where: str, column: str, kind: Kind) -> str | None:
    """Return the warning that goes with an inferred range or domain; without a value."""
    if kind not in _HINTS:
        return None
    what = "domain" if kind is Kind.CATEGORY else "range"
    return (
        f"{what} of {where}.{column} was taken from the data, which reveals it; "
        f"declare it: columns={{{column!r}: {_HINTS[kind]}}}"
    )


def infer_key(series: pl.Series, *, text: bool) -> tuple[int, int] | None:
    """Return the range of a key of whole numbers, None for a key of text."""
    if text and not _matches(series, _WHOLE_NUMBER):
        return None
    if not text and (series.dtype == pl.String or isinstance(series.dtype, pl.Categorical | pl.Enum)):
        return None
    values = read_integers(series, text=text)
    return _ends(values)


def infer_column(series: pl.Series, *, text: bool) -> ColumnDeclaration:
    """Return what the data suggest.

    Raises
    ------
    BrokenRule
        If the column holds nothing, or something that no kind of column holds.
    """
    if series.null_count() == len(series):
        raise BrokenRule("declared type", "holds no value to take a type from", "declare it in columns={...}")
    if text:
        return _infer_text(series)
    dtype = series.dtype
    if dtype == pl.Boolean:
        return inferred(Kind.BOOL, 0, 1)
    if dtype.is_integer():
        return inferred(Kind.INT, *_ends(read_integers(series, text=False)))
    if dtype.is_decimal():
        return _infer_decimal(series)
    if dtype.is_float():
        return _infer_float(read_floats(series, text=False))
    if dtype == pl.Date:
        return inferred(Kind.DATE, *_ends(read_days(series)))
    if isinstance(dtype, pl.Datetime):
        return _infer_moments(series)
    if isinstance(dtype, pl.Duration):
        return _infer_durations(series)
    if isinstance(dtype, pl.Enum) and 0 < len(dtype.categories) <= MAX_CATEGORIES:
        # The source itself states the domain and its order.
        return inferred(Kind.CATEGORY, values=tuple(dtype.categories.to_list()))
    if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return _infer_words(series.cast(pl.String))
    raise BrokenRule(
        "type", f"is of a kind that is not offered ({str(dtype).partition('(')[0]})", "drop it, or turn it into text"
    )


def _matches(series: pl.Series, pattern: str) -> bool:
    return bool(series.str.strip_chars().str.contains(pattern).fill_null(True).all())


def _infer_text(series: pl.Series) -> ColumnDeclaration:
    """A column of a CSV file: the first kind that every word can be read as."""
    if _matches(series, r"^(?i)(true|false)$"):
        return inferred(Kind.BOOL, 0, 1)
    for read, kind in ((read_integers, Kind.INT), (read_floats, Kind.FLOAT)):
        if kind is Kind.INT and not _matches(series, _WHOLE_NUMBER):
            continue
        if kind is Kind.FLOAT and not _matches(series, r"^[+-]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][+-]?[0-9]+)?$"):
            continue
        try:
            found = read(series, text=True)
        except BrokenRule:
            continue
        return inferred(Kind.INT, *_ends(found)) if kind is Kind.INT else _infer_float(found)
    for pattern, kind in ((_DAY, Kind.DATE), (_MOMENT, Kind.DATETIME)):
        if _matches(series, pattern):
            try:
                return inferred(Kind.DATE, *_ends(read_days(series))) if kind is Kind.DATE else _infer_moments(series)
            except BrokenRule:
                pass
    return _infer_words(series)


def _infer_float(values: pl.Series) -> ColumnDeclaration:
    low, high = values.min(), values.max()
    if low is None:
        raise BrokenRule("declared type", "holds no value to take a type from", "declare it in columns={...}")
    return inferred(Kind.FLOAT, float(low), float(high))  # type: ignore[arg-type]


def _infer_decimal(series: pl.Series) -> ColumnDeclaration:
    """Decimals on the grid of their own scale."""
    step = Fraction(1, 10**series.dtype.scale)  # type: ignore[attr-defined]
    low, high = series.min(), series.max()
    if low is None or high is None:
        raise BrokenRule("declared type", "holds no value to take a type from", "declare it in columns={...}")
    return inferred(Kind.DECIMAL, Fraction(low), Fraction(high), step=step)  # type: ignore[arg-type]


def _infer_moments(series: pl.Series) -> ColumnDeclaration:
    """Days where every time stamp is a midnight; else time stamps on the coarsest of seconds, milli- and microseconds."""
    moments = read_moments(series)
    low, high = _ends(moments)
    if _whole(moments, "D"):
        return inferred(Kind.DATE, low // MICROSECONDS, high // MICROSECONDS)
    unit = next(u for u in ("s", "ms", "us") if _whole(moments, u))
    return inferred(Kind.DATETIME, Fraction(low, MICROSECONDS), Fraction(high, MICROSECONDS), step=UNITS[unit])


def _infer_durations(series: pl.Series) -> ColumnDeclaration:
    """Numbers of days: whole ones where they are whole, else on the grid of seconds, milli- or microseconds."""
    durations = read_durations(series)
    low, high = _ends(durations)
    unit = next(u for u in ("D", "s", "ms", "us") if _whole(durations, u))
    kind = Kind.INT if unit == "D" else Kind.DECIMAL
    return inferred(kind, Fraction(low, MICROSECONDS), Fraction(high, MICROSECONDS), step=UNITS[unit])


def _whole(microseconds: pl.Series, unit: str) -> bool:
    """Whether all of some times are whole days, seconds, and so on."""
    return bool((microseconds % int(UNITS[unit] * MICROSECONDS) == 0).all())


def _infer_words(series: pl.Series) -> ColumnDeclaration:
    words = series.drop_nulls().unique().sort()
    if len(words) <= MAX_CATEGORIES:
        return inferred(Kind.CATEGORY, values=tuple(words.to_list()))
    return inferred(Kind.STRING)


def _ends(values: pl.Series) -> tuple[int, int]:
    low, high = values.min(), values.max()
    if low is None or high is None:
        raise BrokenRule("declared range", "holds no value to take a range from", "declare it in columns={...}")
    return int(low), int(high)  # type: ignore[arg-type]
