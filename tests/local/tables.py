"""Small random tables with missing values in every kind of column, and two oracles for expressions over them.

``exact`` computes one row in Python fractions, straight from the meaning of every operation; ``pandas_value`` computes
whole columns as pandas does. Neither knows of grids.
"""

from __future__ import annotations

import datetime
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from hypothesis import strategies as st

from secureframe.local.register import RegisteredTable, register
from secureframe.local.values import to_pandas
from secureframe.plan import expressions as e
from secureframe.plan import operations as o
from secureframe.plan.nodes import Table as TableNode
from secureframe.schema import declare as d
from secureframe.schema.types import ColumnType, Kind

FIRST_MOMENT, LAST_MOMENT = datetime.datetime(1969, 12, 30, 22, 58, 57), datetime.datetime(1970, 2, 2, 1, 2, 3)
FIRST_DAY, LAST_DAY = datetime.date(1969, 12, 20), datetime.date(1970, 1, 20)

COLUMNS: dict[str, d.ColumnDeclaration] = {
    "id": d.key("person", low=1, high=40),
    "other": d.key("person", low=1, high=63, nullable=True),
    "word": d.key("words", nullable=True),
    "n": d.integer(-4, 7, nullable=True),
    "m": d.integer(1, 9, nullable=False),
    "x": d.number(-8, 8, precision=0.25, nullable=True),
    "y": d.number(-2, 300, precision=4, nullable=True),
    "c": d.decimal(-3, 3, 2, nullable=True),
    "b": d.boolean(nullable=True),
    "k": d.category(["red", "green", "blue"], nullable=True),
    "day": d.date(FIRST_DAY, LAST_DAY, nullable=True),
    "s": d.string(nullable=True),
    "at": d.timestamp(FIRST_MOMENT, LAST_MOMENT, "s", nullable=True),
}
TYPES: dict[str, Any] = {
    "id": pl.Int64, "other": pl.Int64, "word": pl.String, "n": pl.Int64, "m": pl.Int64, "x": pl.Float64, "y": pl.Float64,
    "c": pl.Float64, "b": pl.Boolean, "k": pl.String, "day": pl.Date, "s": pl.String, "at": pl.Datetime("us"),
}  # fmt: skip


def table(rows: list[dict[str, Any]], *, name: str = "labs", rows_per_person: int = 12, roster_size: int = 40) -> RegisteredTable:
    """Register rows that hold all of ``COLUMNS``."""
    columns = dict(COLUMNS)
    if rows_per_person == 1:
        columns["other"] = d.key("person", low=1, high=63, nullable=True)
    source = pl.DataFrame(rows, schema=TYPES)
    with tempfile.TemporaryDirectory() as directory:
        declared = d.Table(source, columns=columns, roster_size=roster_size, rows_per_person=rows_per_person)
        return register("clinic", name, declared.declare(name, Path(directory)))


def node(registered: RegisteredTable) -> TableNode:
    return TableNode(registered.schema)


def natural(registered: RegisteredTable) -> pd.DataFrame:
    return to_pandas(registered.frame, registered.schema)


def values_of(column: str) -> st.SearchStrategy[Any]:
    present: dict[str, st.SearchStrategy[Any]] = {
        "id": st.integers(1, 5),
        "other": st.integers(1, 7),
        "word": st.sampled_from(["a", "b", "ä"]),
        "n": st.integers(-4, 7),
        "m": st.integers(1, 9),
        "x": st.integers(-32, 32).map(lambda i: i / 4),
        "y": st.integers(0, 75).map(lambda i: i * 4.0),
        "c": st.integers(-300, 300).map(lambda i: i / 100),
        "b": st.booleans(),
        "k": st.sampled_from(["red", "green", "blue"]),
        "day": st.dates(FIRST_DAY, LAST_DAY),
        "s": st.sampled_from(["p", "q", "", " Pq-x ", "äö p"]),
        "at": st.datetimes(FIRST_MOMENT, LAST_MOMENT).map(lambda t: t.replace(microsecond=0)),
    }
    return present[column] if column in ("id", "m") else st.none() | present[column]


def many_rows(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Rows that hold every value and every missing one that random rows may hold."""
    generator = np.random.default_rng(seed)
    choices: dict[str, list[Any]] = {
        "id": [1, 2, 3, 4, 5],
        "other": [None, *range(1, 8)],
        "word": [None, "a", "b", "ä"],
        "n": [None, *range(-4, 8)],
        "m": list(range(1, 10)),
        "x": [None, *(i / 4 for i in range(-32, 33))],
        "y": [None, *(4.0 * i for i in range(76))],
        "c": [None, *(i / 100 for i in range(-300, 301))],
        "b": [None, True, False],
        "k": [None, "red", "green", "blue"],
        "day": [None, *(FIRST_DAY + datetime.timedelta(days=i) for i in range((LAST_DAY - FIRST_DAY).days + 1))],
        "s": [None, "p", "q", "", " Pq-x ", "äö p"],
        "at": [None, FIRST_MOMENT, LAST_MOMENT, *(FIRST_MOMENT + datetime.timedelta(seconds=7919 * i) for i in range(1, 360))],
    }
    return [{name: values[generator.integers(len(values))] for name, values in choices.items()} for _ in range(count)]


def random_rows(max_size: int = 12) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.fixed_dictionaries({c: values_of(c) for c in COLUMNS}), max_size=max_size)


# -- the exact oracle ------------------------------------------------------------------------------------------------------


def exact_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of quantised values as Python objects, numbers as exact fractions."""
    return {
        name: Fraction(repr(value)) if isinstance(value, float) else Fraction(value) if type(value) is int else value
        for name, value in row.items()
    }


def half_even(value: Fraction, step: Fraction) -> Fraction:
    return round(value / step) * step


def exact(expr: e.Expr, row: dict[str, Any]) -> Any:
    """The value of an expression in one row; None where it is missing."""
    match expr:
        case e.ColumnRef(name):
            return row[name]
        case e.Literal(value):
            return value
        case e.Binary("&", left, right):
            both = (exact(left, row), exact(right, row))
            return False if False in both else None if None in both else True
        case e.Binary("|", left, right):
            both = (exact(left, row), exact(right, row))
            return True if True in both else None if None in both else False
        case e.Binary(operator, left, right):
            a, b = exact(left, row), exact(right, row)
            return None if a is None or b is None else _applied(operator, a, b)
        case e.Divide(left, right, step):
            a, b = exact(left, row), exact(right, row)
            return None if a is None or b is None else half_even(Fraction(a) / Fraction(b), step)
        case e.Quantise(operand, step):
            a = exact(operand, row)
            return None if a is None else half_even(Fraction(a), step)
        case e.Widen(operand):
            return exact(operand, row)
        case e.Not(operand):
            a = exact(operand, row)
            return None if a is None else not a
        case e.IsNull(operand):
            return exact(operand, row) is None
        case e.FillNull(operand, value):
            a = exact(operand, row)
            return exact(value, row) if a is None else a
        case e.IsIn(operand, values):
            return exact(operand, row) is not None and exact(operand, row) in values
        case e.Clip(operand, low, high):
            a = exact(operand, row)
            if a is None:
                return None
            date, a = isinstance(a, datetime.date), Fraction(days_of(a))
            a = a if low is None else max(a, low)
            a = a if high is None else min(a, high)
            return _moved("+", datetime.date(1970, 1, 1), a) if date else a
        case e.Where(condition, then, otherwise):
            return exact(then if exact(condition, row) is True else otherwise, row)
        case e.Widen(operand, _):
            return exact(operand, row)
        case o.FloorDivide(left, right) | o.Modulo(left, right):
            a, b = exact(left, row), exact(right, row)
            if a is None or b is None:
                return None
            whole, rest = divmod(Fraction(a), Fraction(b))
            return Fraction(whole) if isinstance(expr, o.FloorDivide) else rest
        case o.MapValues(operand, keys, values):
            a = exact(operand, row)
            return None if a is None else dict(zip(keys, values, strict=True)).get(a)
        case o.DatePart(operand, part):
            a = exact(operand, row)
            return None if a is None else part_of(a, part)
        case o.Text(operand, how, arguments):
            a = exact(operand, row)
            return None if a is None else _text(a, how, arguments)
        case e.Cut(operand, edges, labels, right, include_lowest):
            return _band(exact(operand, row), edges, labels, right, include_lowest)
        case _:
            raise AssertionError(expr)


def _applied(operator: str, a: Any, b: Any) -> Any:
    if operator in e.COMPARISONS:
        a, b = days_of(a), days_of(b)
    match operator:
        case "+" | "-":
            return _moved(operator, a, b)
        case "*":
            return a * b
        case "==":
            return a == b
        case "!=":
            return a != b
        case "<":
            return a < b
        case "<=":
            return a <= b
        case ">":
            return a > b
        case _:
            return a >= b


def part_of(value: datetime.date, part: str) -> Any:
    """A part of a date or time stamp, as pandas names it."""
    stamp = pd.Timestamp(value)
    if part == "date":
        return stamp.date()
    if part.startswith("period"):
        return str(stamp.to_period(part[7:-1]))
    return Fraction(getattr(stamp, {"dayofweek": "day_of_week", "dayofyear": "day_of_year"}.get(part, part)))


def _text(value: str, how: str, arguments: Any) -> Any:
    match how:
        case "len":
            return Fraction(len(value))
        case "slice":
            return value[arguments[0] : arguments[1]]
        case "contains":
            return arguments[0] in value
        case _:
            return getattr(value, how)(*arguments)


def days_of(value: Any) -> Any:
    """Dates and time stamps as days since 1970-01-01; anything else as it is."""
    if not isinstance(value, datetime.date):
        return value
    return Fraction(int(np.datetime64(value, "us").astype("int64")), 86_400_000_000)


def _moved(operator: str, a: Any, b: Any) -> Any:
    """Sums and differences; days move a date, and the difference of two dates is a number of days."""
    dates = [isinstance(x, datetime.date) for x in (a, b)]
    a, b = days_of(a), days_of(b)
    found = a + b if operator == "+" else a - b
    if sum(dates) != 1:
        return found
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=int(found * 86_400_000_000))
    return moment.date() if found.denominator == 1 else moment


def _band(value: Any, edges: Any, labels: Any, right: bool, include_lowest: bool) -> str | None:
    if value is None:
        return None
    for i, label in enumerate(labels):
        low, high = edges[i], edges[i + 1]
        if right and (low < value <= high or (i == 0 and include_lowest and value == low)):
            return str(label)
        if not right and low <= value < high:
            return str(label)
    return None


def comparable(value: Any, type_: ColumnType) -> Any:
    """A grid value of a lowered frame as the exact oracle spells it."""
    if value is None or type_.kind is Kind.STRING or type_.lo is None:
        return value
    if type_.kind in (Kind.INT, Kind.DECIMAL, Kind.FLOAT, Kind.KEY):
        assert type_.low <= value <= type_.high, "a value lies outside the range that was inferred for it"
        return value * type_.step
    return type_.to_value(value)


# -- pandas ----------------------------------------------------------------------------------------------------------------


def pandas_value(expr: e.Expr, frame: pd.DataFrame) -> pd.Series:
    """An expression over nullable columns as pandas computes it."""
    match expr:
        case e.ColumnRef(name):
            return frame[name]
        case e.Literal(value):
            shown = float(value) if isinstance(value, Fraction) else value
            if isinstance(shown, datetime.date):
                return pd.Series(pd.DatetimeIndex([shown] * len(frame), dtype="datetime64[s]"))
            return pd.Series([shown] * len(frame)).convert_dtypes()
        case e.Binary(operator, left, right):
            a, b = _operands(left, right, frame, operator)
            return _pandas_applied(operator, a, b)
        case e.Divide(left, right, step):
            a, b = _operands(left, right, frame, "/")
            return _rounded(a.astype("Float64") / b.astype("Float64"), step)
        case e.Quantise(operand, step):
            return _rounded(pandas_value(operand, frame).astype("Float64"), step)
        case e.Not(operand):
            return ~pandas_value(operand, frame)
        case e.IsNull(operand):
            return pandas_value(operand, frame).isna()
        case e.FillNull(operand, e.Literal(value)):
            shown = float(value) if isinstance(value, Fraction) else value
            column = pandas_value(operand, frame)
            if isinstance(shown, float):
                column = column.astype("Float64")
            return column.fillna(pd.Timestamp(shown) if isinstance(shown, datetime.date) else shown)
        case e.IsIn(operand, values):
            column = pandas_value(operand, frame)
            listed = [
                float(v) if isinstance(v, Fraction) else pd.Timestamp(v) if isinstance(v, datetime.date) else v for v in values
            ]
            return column.isin(listed) & column.notna()
        case e.Clip(operand, low, high):
            column = pandas_value(operand, frame).astype("Float64")
            return column.clip(None if low is None else float(low), None if high is None else float(high))
        case e.Where(condition, then, otherwise):
            kept = pandas_value(condition, frame).fillna(False).astype(bool)
            return pandas_value(then, frame).astype("Float64").where(kept, pandas_value(otherwise, frame).astype("Float64"))
        case e.Cut(operand, edges, labels, right, include_lowest):
            numbers = pandas_value(operand, frame).astype("Float64").to_numpy(dtype=float, na_value=np.nan)
            bands = pd.cut(numbers, [float(x) for x in edges], right=right, include_lowest=include_lowest, labels=list(labels))
            return pd.Series(bands)
        case o.FloorDivide(left, right) | o.Modulo(left, right):
            a, b = _operands(left, right, frame, "//")
            return a // b if isinstance(expr, o.FloorDivide) else a % b
        case o.MapValues(operand, keys, values):
            shown = [float(v) if isinstance(v, Fraction) else v for v in values]
            return pandas_value(operand, frame).astype(object).map(dict(zip(keys, shown, strict=True)))
        case o.DatePart(operand, part):
            dates = pandas_value(operand, frame).dt
            if part.startswith("period"):
                periods = dates.to_period(part[7:-1])
                return periods.astype(str).where(periods.notna(), None)
            found = getattr(dates, {"dayofweek": "day_of_week", "dayofyear": "day_of_year"}.get(part, part))
            return pd.to_datetime(found) if part == "date" else found
        case o.Text(operand, how, arguments):
            options = {"regex": False} if how in ("contains", "replace") else {}
            return getattr(pandas_value(operand, frame).str, how)(*arguments, **options)
        case _:
            raise AssertionError(expr)


def _operands(left: e.Expr, right: e.Expr, frame: pd.DataFrame, operator: str) -> tuple[pd.Series, pd.Series]:
    a, b = pandas_value(left, frame), pandas_value(right, frame)
    if operator not in ("&", "|"):
        a, b = (s.astype("Int64") if s.dtype == "boolean" else s for s in (a, b))
    if isinstance(a.dtype, pd.CategoricalDtype):
        a, b = a.astype("string"), b.astype("string")
    return a, b


def _pandas_applied(operator: str, a: pd.Series, b: pd.Series) -> pd.Series:
    if operator in ("&", "|"):
        return a & b if operator == "&" else a | b
    if str(a.dtype).startswith("datetime"):
        missing = a.isna() | b.isna()
        if operator == "-":
            return (a - b).dt.days.astype("Int64")
        return _applied(operator, a, b).astype("boolean").mask(missing)
    result = _applied(operator, a, b)
    return result.astype("boolean") if operator in e.COMPARISONS else result


def _rounded(values: pd.Series, step: Fraction) -> pd.Series:
    scaled = (values / float(step)).to_numpy(dtype=float, na_value=np.nan)
    return pd.Series(pd.array(np.rint(scaled) * float(step), dtype="Float64"))


def same_values(found: pd.Series, expected: pd.Series) -> bool:
    """Whether two columns agree in every value and in every missing one, whatever their types."""
    a, b = (list(s.astype("object").where(s.notna(), None)) for s in (found, expected))
    return len(a) == len(b) and all(
        (x is None and y is None) or (x is not None and y is not None and x == y) for x, y in zip(a, b, strict=True)
    )
