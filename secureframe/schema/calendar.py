"""Days, time stamps and their parts: what a calendar says about a public range, before any value is known.

Dates and time stamps are numbers of days since 1970-01-01, a time stamp with a fraction of a day; so both lie on one scale, and
what holds for numbers (grids, ranges, differences, comparisons) holds for them.
"""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import Any

from secureframe.errors import PlanError

EPOCH = datetime.date(1970, 1, 1)
_START = datetime.datetime(1970, 1, 1)
MICROSECONDS = 86_400_000_000
"""Of a day: the finest grid of a time stamp."""
FIRST, LAST = ((day - EPOCH).days for day in (datetime.date.min, datetime.date.max))
"""Ends of the calendar (years 1 to 9999), in days."""
UNITS = {
    "D": Fraction(1),
    "h": Fraction(1, 24),
    "min": Fraction(1, 1440),
    "s": Fraction(1, 86_400),
    "ms": Fraction(1, 86_400_000),
    "us": Fraction(1, MICROSECONDS),
}
"""Steps of time stamps by pandas' names, in days."""

CYCLIC = {
    "month": (1, 12),
    "quarter": (1, 4),
    "day": (1, 31),
    "dayofweek": (0, 6),
    "dayofyear": (1, 366),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
"""Parts that come round again, with their ranges."""
TIMES_OF_DAY = {"hour": 24, "minute": 60, "second": 60}
"""Parts of a day, with how many of them there are before they come round."""
PERIODS = {"Y": 12, "Q": 3, "M": 1}
"""Calendar periods by pandas' names, with their months."""
MAX_PERIODS = 1_000
"""Most periods that a public range may span to be a domain of groups."""
PARTS = ("year", "date", *CYCLIC, *(f"period[{name}]" for name in PERIODS))


def time_unit(step: Fraction) -> str:
    """Return the coarsest of numpy's units (``s``, ``ms``, ``us``) that holds time stamps of this step."""
    return next(unit for unit in ("s", "ms", "us") if (step / UNITS[unit]).denominator == 1)


def as_days(value: Any) -> Fraction:
    """Return a date or a time stamp as days since 1970-01-01, exactly."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            raise PlanError("time stamps have no time zone here", hint="value.astimezone(UTC).replace(tzinfo=None)")
        since = value - _START
        return Fraction((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds, MICROSECONDS)
    if isinstance(value, datetime.date):
        return Fraction((value - EPOCH).days)
    raise PlanError(f"a date or a time stamp is expected, not {type(value).__name__}", hint="datetime.date(2020, 1, 31)")


def as_moment(days: Fraction) -> datetime.date | datetime.datetime:
    """Return days since 1970-01-01 as a date where they are whole, else as a time stamp."""
    if days.denominator == 1:
        return EPOCH + datetime.timedelta(days=int(days))
    return as_timestamp(days)


def as_timestamp(days: Fraction) -> datetime.datetime:
    """Return days since 1970-01-01 as a time stamp, exact to the microsecond."""
    micro = days * MICROSECONDS
    assert micro.denominator == 1
    return _START + datetime.timedelta(microseconds=int(micro))


def months_since(day: datetime.date) -> int:
    """Return the number of a day's month, counted from the year 0."""
    return day.year * 12 + day.month - 1


def first_of_month(month: int) -> datetime.date:
    """Return the first day of a month by its number."""
    return datetime.date(month // 12, month % 12 + 1, 1)


def part_range(part: str, low: Fraction, high: Fraction) -> tuple[int, int]:
    """Return the range of a numeric part of the time stamps from ``low`` to ``high``, as narrow as the calendar says.

    Where a range spans one cycle or more it is the whole cycle.
    """
    first, last = (EPOCH + datetime.timedelta(days=int(end // 1)) for end in (low, high))
    if part == "year":
        return first.year, last.year
    if part in TIMES_OF_DAY:
        return CYCLIC[part]
    values = (_part_of_day(part, first), _part_of_day(part, last))
    if first == last:
        return values[0], values[0]
    within = first.year == last.year if part in ("month", "quarter", "dayofyear") else False
    if part == "day":
        within = (first.year, first.month) == (last.year, last.month)
    return (values[0], values[1]) if within else CYCLIC[part]


def _part_of_day(part: str, day: datetime.date) -> int:
    match part:
        case "year":
            return day.year
        case "month":
            return day.month
        case "quarter":
            return (day.month + 2) // 3
        case "day":
            return day.day
        case "dayofweek":
            return day.weekday()
        case _:
            return day.timetuple().tm_yday


def part_of(part: str, value: datetime.date) -> Any:
    """Return a part of one date or time stamp: a number, a date, or the name of its period."""
    if part in TIMES_OF_DAY:
        return getattr(value, part) if isinstance(value, datetime.datetime) else 0
    if part.startswith("period"):
        months = PERIODS[part[7:-1]]
        return period_name(months_since(value) // months, months)
    day = value.date() if isinstance(value, datetime.datetime) else value
    return day if part == "date" else _part_of_day(part, day)


def period_name(number: int, months: int) -> str:
    """Return the name that pandas gives a period: ``2020``, ``2020Q1`` or ``2020-01``."""
    year, within = divmod(number * months, 12)
    return {12: f"{year:04}", 3: f"{year:04}Q{within // 3 + 1}", 1: f"{year:04}-{within + 1:02}"}[months]


def period_names(frequency: str, low: Fraction, high: Fraction) -> tuple[str, ...]:
    """Return the names of all periods from ``low`` to ``high``, in order: a public domain."""
    months = PERIODS[frequency]
    first, last = (months_since(EPOCH + datetime.timedelta(days=int(end // 1))) // months for end in (low, high))
    if last - first >= MAX_PERIODS:
        raise PlanError(
            f"the declared range spans more than {MAX_PERIODS} periods",
            hint="declare a narrower range, or longer periods: 'Q' or 'Y'",
        )
    return tuple(period_name(number, months) for number in range(first, last + 1))


def first_period(frequency: str, low: Fraction) -> int:
    """Return the number of the period that ``low`` lies in, counted from the year 0."""
    return months_since(EPOCH + datetime.timedelta(days=int(low // 1))) // PERIODS[frequency]
