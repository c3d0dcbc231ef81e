"""What an expression gives when all of its columns are missing: the rows of a left merge that found no match."""

from __future__ import annotations

import datetime
import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from secureframe.plan.expressions import (
    Binary,
    Clip,
    ColumnRef,
    Cut,
    Divide,
    Expr,
    FillNull,
    IsIn,
    IsNull,
    Literal,
    Not,
    Parameter,
    Quantise,
    Where,
    Widen,
)
from secureframe.plan.forms import Encoding, Form, rows_of
from secureframe.plan.operations import DatePart, FloorDivide, MapValues, Modulo, Text
from secureframe.schema.calendar import as_days, as_moment, part_of
from secureframe.schema.types import ColumnType, Kind, Scalar

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "*": operator.mul,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def fold_missing(expr: Expr, parameters: Mapping[str, Scalar]) -> Any:
    """Return the value of an expression whose columns are all missing: None, a bool, a Fraction, a date or a word."""

    def fold(e: Expr) -> Any:
        return fold_missing(e, parameters)

    match expr:
        case ColumnRef() | Text():
            return None
        case Literal(value):
            return _number(value)
        case Parameter(name, _):
            return _number(parameters[name])
        case Binary("&", left, right):
            values = {fold(left), fold(right)}
            return False if False in values else None if None in values else True
        case Binary("|", left, right):
            values = {fold(left), fold(right)}
            return True if True in values else None if None in values else False
        case Binary(name, left, right):
            a, b = fold(left), fold(right)
            if a is None or b is None:
                return None
            return _moved(name, a, b) if name in ("+", "-") else _OPERATORS[name](*map(_comparable, (a, b)))
        case Not(operand):
            value = fold(operand)
            return None if value is None else not value
        case IsNull(operand):
            return fold(operand) is None
        case FillNull(operand, filled):
            value = fold(operand)
            return fold(filled) if value is None else value
        case IsIn(operand, choices):
            return fold(operand) in [_number(c) for c in choices]
        case Where(condition, then, otherwise):
            return fold(then) if fold(condition) is True else fold(otherwise)
        case Clip(operand, low, high):
            value = fold(operand)
            if value is None:
                return None
            time, value = isinstance(value, datetime.date), _comparable(value)
            value = value if low is None else max(value, low)
            value = value if high is None else min(value, high)
            return as_moment(value) if time else value
        case Divide(left, right, step):
            a, b = fold(left), fold(right)
            return None if a is None or b is None else round(a / b / step) * step
        case Quantise(operand, step):
            value = fold(operand)
            return None if value is None else round(value / step) * step
        case Widen(operand, _):
            return fold(operand)
        case FloorDivide(left, right):
            a, b = fold(left), fold(right)
            return None if a is None or b is None else Fraction(math.floor(Fraction(a) / b))
        case Modulo(left, right):
            a, b = fold(left), fold(right)
            return None if a is None or b is None else Fraction(a) % b
        case MapValues(operand, keys, values):
            value = fold(operand)
            found = [v for k, v in zip(keys, values, strict=True) if value is not None and value == _number(k)]
            return _number(found[0]) if found else None
        case DatePart(operand, part):
            value = fold(operand)
            return None if value is None else _number(part_of(part, value))
        case Cut(operand, edges, labels, right, include_lowest):
            value = fold(operand)
            if value is None:
                return None
            for low, high, label in zip(edges, edges[1:], labels, strict=False):
                inside = low < value <= high if right else low <= value < high
                if inside or (right and include_lowest and value == edges[0]):
                    return label
            return None
        case _:
            raise TypeError(f"{type(expr).__name__} is no expression")


def _moved(name: str, a: Any, b: Any) -> Any:
    """A sum or difference; dates and time stamps as days."""
    times = [isinstance(x, datetime.date) for x in (a, b)]
    a, b = map(_comparable, (a, b))
    found = a + b if name == "+" else a - b
    return as_moment(found) if any(times) and not all(times) else found


def _comparable(value: Any) -> Any:
    """A value that can be compared with others of its kind: dates and time stamps as days."""
    return as_days(value) if isinstance(value, datetime.date) else value


def _number(value: Any) -> Any:
    return Fraction(value) if isinstance(value, int) and not isinstance(value, bool) else value


def unmatched_value(expr: Expr, encoding: Encoding, type_: ColumnType, parameters: Mapping[str, Scalar]) -> list[int]:
    """Return, for every plane (or the one ring element) of a form, what a row without a match holds."""
    value = fold_missing(expr, parameters)
    rows = rows_of(encoding, type_)
    match encoding.form:
        case Form.TRUTH:
            return [int(value is True)]
        case Form.PRESENT:
            return [int(value is not None)]
        case _ if value is None:
            return [0] * rows
        case Form.ARITH:
            return [_grid(value, type_) - type_.centre]
        case Form.PLANES:
            return [(_grid(value, type_) - type_.low) >> i & 1 for i in range(rows)]
        case Form.ONEHOT:
            return [int(_grid(value, type_) - type_.low == i) for i in range(rows)]
        case _:
            return [0] * rows


def _grid(value: Any, type_: ColumnType) -> int:
    if type_.kind is Kind.BOOL:
        return int(value)
    grid = type_.to_grid(value)
    assert grid is not None and grid.denominator == 1
    return int(grid)
