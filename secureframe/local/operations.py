"""Whole quotients, parts of dates and text, as Polars computes them on grid integers."""

from __future__ import annotations

import polars as pl

from secureframe.errors import PlanError
from secureframe.local.integers import integer_dtype, storage
from secureframe.plan.operations import MapValues, Text
from secureframe.schema.calendar import MICROSECONDS, PERIODS, TIMES_OF_DAY, first_period
from secureframe.schema.types import ColumnType, Kind


def floor_division(numerator: pl.Expr, denominator: pl.Expr, a: ColumnType, b: ColumnType) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Return the whole quotient of two numbers, and both of them as integers of one common grid.

    The denominator's range does not hold 0. Polars' own ``//`` rounds towards minus infinity, as Python's does.
    """
    ratio = a.step / b.step
    p, q = ratio.numerator, ratio.denominator
    ends = (a.low * p, a.high * p, b.low * q, b.high * q)
    # A remainder takes the product of quotient and divisor, which is as wide as the numerator and one divisor more.
    dtype = integer_dtype(*ends, *(2 * (abs(x) + abs(y)) for x in ends[:2] for y in ends[2:]))
    top = numerator.cast(dtype) * pl.lit(p, dtype=dtype)
    bottom = denominator.cast(dtype) * pl.lit(q, dtype=dtype)
    return top // bottom, top, bottom


def date_part(value: pl.Expr, part: str, own: ColumnType, result: ColumnType) -> pl.Expr:
    """Return a part of dates or time stamps, given as grid integers."""
    day = value // own.step.denominator
    if part == "date":
        return day.cast(storage(result))
    calendar = day.cast(pl.Int32).cast(pl.Date).dt
    if part.startswith("period"):
        frequency = part[7:-1]
        months = calendar.year().cast(pl.Int64) * 12 + calendar.month().cast(pl.Int64) - 1
        return (months // PERIODS[frequency] - first_period(frequency, own.low * own.step)).cast(storage(result))
    if part in TIMES_OF_DAY:
        moment = (value * int(own.step * MICROSECONDS)).cast(pl.Datetime("us"))
        found: pl.Expr = getattr(moment.dt, part)()
    elif part == "dayofweek":
        found = calendar.weekday() - 1
    else:
        found = getattr(calendar, {"dayofyear": "ordinal_day"}.get(part, part))()
    return found.cast(storage(result))


def text_operation(value: pl.Expr, expr: Text) -> pl.Expr:
    """Return text, a condition on it or its length in characters."""
    match expr.how, expr.arguments:
        case "lower", _:
            return value.str.to_lowercase()
        case "upper", _:
            return value.str.to_uppercase()
        case "strip", _:
            return value.str.strip_chars()
        case "len", _:
            return value.str.len_chars().cast(pl.Int64)
        case "slice", (start, stop):
            first = int(start) if isinstance(start, int) else 0
            return value.str.slice(first, max(0, stop - first) if isinstance(stop, int) else None)
        case "replace", (str(old), str(new)):
            return value.str.replace_all(old, new, literal=True)
        case "contains", (str(wanted),):
            return value.str.contains(wanted, literal=True)
        case "startswith", (str(wanted),):
            return value.str.starts_with(wanted)
        case "endswith", (str(wanted),):
            return value.str.ends_with(wanted)
        case _:
            raise PlanError(f".str.{expr.how} is not offered")


def mapped(value: pl.Expr, expr: MapValues, own: ColumnType, result: ColumnType) -> pl.Expr:
    """Return what a public table has for every value; missing where it has nothing."""
    found: dict[int | str | bool, int | bool | None] = {}
    for key, target in zip(expr.keys, expr.values, strict=True):
        grid = None if target is None else result.to_grid(target)
        held = None if grid is None else bool(grid) if result.kind is Kind.BOOL else int(grid)
        if own.kind is Kind.STRING:
            assert isinstance(key, str)
            found[key] = held
            continue
        point = own.to_grid(key)
        assert point is not None
        # What lies between the points of the grid, or beyond its range, is nobody's value.
        if point.denominator == 1 and own.low <= point <= own.high:
            found[bool(point) if own.kind is Kind.BOOL else int(point)] = held
    if not found:
        return pl.when(value.is_null()).then(pl.lit(None, dtype=storage(result))).otherwise(pl.lit(None, dtype=storage(result)))
    return value.replace_strict(list(found), list(found.values()), default=None, return_dtype=storage(result))
