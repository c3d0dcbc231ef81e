"""What an expression gives when all of its columns are missing: the rows of a left merge that found no match."""

from __future__ import annotations

import datetime
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
from secureframe.schema.types import ColumnType, Kind, Scalar

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
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
        case ColumnRef():
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
            found = _OPERATORS[name](a, b)
            return Fraction(found.days) if isinstance(found, datetime.timedelta) else found
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
            value = value if low is None else max(value, low)
            return value if high is None else min(value, high)
        case Divide(left, right, step):
            a, b = fold(left), fold(right)
            return None if a is None or b is None else round(a / b / step) * step
        case Quantise(operand, step):
            value = fold(operand)
            return None if value is None else round(value / step) * step
        case Widen(operand, _):
            return fold(operand)
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
