"""Expressions on grid integers, as Polars computes them: exact, Kleene, on the grid that ``infer`` says.

Every lowered expression yields the storage of its type: Boolean for conditions, text for strings and text keys, Int64 for
everything else, Int128 where the public range asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from functools import singledispatch

import polars as pl

from secureframe.errors import PlanError
from secureframe.local.integers import integer_dtype, rescaled, scaled_division, storage
from secureframe.local.operations import date_part, floor_division, mapped, text_operation
from secureframe.plan.expressions import (
    COMPARISONS,
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
    common_step,
    infer,
)
from secureframe.plan.operations import DatePart, FloorDivide, MapValues, Modulo, Text
from secureframe.schema.table import Schema
from secureframe.schema.types import ColumnType, Kind, Scalar

Parameters = Mapping[str, Scalar]
"""Values of the parameters of a plan, by name."""

_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def lower_expression(expr: Expr, schema: Schema, parameters: Parameters | None = None) -> pl.Expr:
    """Return an expression over the columns of a lowered frame.

    Parameters
    ----------
    expr : Expr
        The expression, valid over ``schema``.
    schema : Schema
        Columns of the frame it is computed on.
    parameters : mapping, optional
        Natural values of the parameters it names.

    Returns
    -------
    polars.Expr
        Integers on the grid of ``infer(expr, schema).type``.

    Raises
    ------
    RangeError
        If an intermediate result may need more than 126 bits.
    """
    return _lower(expr, schema, parameters or {})


def lower_column(expr: Expr, schema: Schema, parameters: Parameters) -> pl.Expr:
    """Return an expression that becomes a column of a frame: a column that is only carried on stays as narrow as it is."""
    return pl.col(expr.name) if isinstance(expr, ColumnRef) else _lower(expr, schema, parameters)


def _type(expr: Expr, schema: Schema) -> ColumnType:
    return infer(expr, schema).type


def _on(expr: Expr, schema: Schema, parameters: Parameters, step: Fraction) -> pl.Expr:
    """A number's integers on a finer common grid."""
    return rescaled(_lower(expr, schema, parameters), _type(expr, schema), step)


def _as(expr: Expr, schema: Schema, parameters: Parameters, type_: ColumnType) -> pl.Expr:
    """A value as one of a type that holds its own; a missing constant included."""
    if expr == Literal(None):
        return pl.lit(None, dtype=storage(type_))
    lowered = _lower(expr, schema, parameters)
    if type_.is_ordered and type_.kind is not Kind.BOOL:
        lowered = rescaled(lowered, _type(expr, schema), type_.step)
    return lowered.cast(storage(type_))


@singledispatch
def _lower(expr: Expr, schema: Schema, parameters: Parameters) -> pl.Expr:
    raise PlanError(f"{type(expr).__name__} cannot be computed by an owner")


@_lower.register
def _(expr: ColumnRef, schema: Schema, parameters: Parameters) -> pl.Expr:
    # Frames hold their columns as narrow as the ranges allow; what is computed with them is not.
    return pl.col(expr.name).cast(storage(_type(expr, schema)))


@_lower.register
def _(expr: Literal, schema: Schema, parameters: Parameters) -> pl.Expr:
    type_ = _type(expr, schema)
    if type_.kind is Kind.STRING:
        return pl.lit(expr.value, dtype=pl.String)
    if type_.kind is Kind.BOOL:
        return pl.lit(bool(expr.value), dtype=pl.Boolean)
    return pl.lit(type_.low, dtype=storage(type_))


@_lower.register
def _(expr: Parameter, schema: Schema, parameters: Parameters) -> pl.Expr:
    if expr.name not in parameters:
        raise PlanError(f"the parameter {expr.name!r} has no value", hint="the envelope carries it")
    value, type_ = parameters[expr.name], expr.type
    if type_.kind is Kind.STRING:
        return pl.lit(value, dtype=pl.String)
    grid = type_.to_grid(value)
    if grid is None or grid.denominator != 1 or not type_.low <= grid <= type_.high:
        raise PlanError(f"the value of the parameter {expr.name!r} lies outside its domain", hint=type_.describe())
    return pl.lit(int(grid)).cast(storage(type_))


@_lower.register
def _(expr: Binary, schema: Schema, parameters: Parameters) -> pl.Expr:
    if expr.operator in COMPARISONS:
        return _comparison(expr, schema, parameters)
    if expr.operator in ("&", "|"):
        left, right = _lower(expr.left, schema, parameters), _lower(expr.right, schema, parameters)
        return left & right if expr.operator == "&" else left | right
    result = _type(expr, schema)
    a, b = _type(expr.left, schema), _type(expr.right, schema)
    if expr.operator == "*":
        dtype = integer_dtype(result.low, result.high, a.low, a.high, b.low, b.high)
        product = _lower(expr.left, schema, parameters).cast(dtype) * _lower(expr.right, schema, parameters).cast(dtype)
        return product.cast(storage(result))
    p, q = (int(t.step / result.step) for t in (a, b))
    dtype = integer_dtype(result.low, result.high, a.low * p, a.high * p, b.low * q, b.high * q)
    left = _on(expr.left, schema, parameters, result.step).cast(dtype)
    right = _on(expr.right, schema, parameters, result.step).cast(dtype)
    return (left + right if expr.operator == "+" else left - right).cast(storage(result))


def _comparison(expr: Binary, schema: Schema, parameters: Parameters) -> pl.Expr:
    if isinstance(expr.right, Literal) and not isinstance(expr.left, Literal):
        return _against_literal(expr.operator, expr.left, expr.right.value, schema, parameters)
    if isinstance(expr.left, Literal) and not isinstance(expr.right, Literal):
        return _against_literal(_MIRRORED[expr.operator], expr.right, expr.left.value, schema, parameters)
    a, b = _type(expr.left, schema), _type(expr.right, schema)
    left, right = _lower(expr.left, schema, parameters), _lower(expr.right, schema, parameters)
    if a.is_ordered and b.is_ordered:
        step = common_step(a.step, b.step)
        left, right = rescaled(left, a, step), rescaled(right, b, step)
        dtype = integer_dtype(*(int(t.step / step) * end for t in (a, b) for end in (t.low, t.high)))
        left, right = left.cast(dtype), right.cast(dtype)
    return _compared(expr.operator, left, right)


def _compared(operator: str, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    match operator:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


def _against_literal(operator: str, operand: Expr, value: Scalar, schema: Schema, parameters: Parameters) -> pl.Expr:
    """Compare with a constant wherever it lies: between grid points it is moved to the one that decides alike."""
    type_ = _type(operand, schema)
    lowered = _lower(operand, schema, parameters)
    if type_.kind is Kind.STRING:
        return _compared(operator, lowered, pl.lit(value, dtype=pl.String))
    position = type_.to_grid(value)
    assert position is not None
    return _against_point(operator, lowered, position, type_)


def _against_point(operator: str, lowered: pl.Expr, position: Fraction, type_: ColumnType) -> pl.Expr:
    dtype = integer_dtype(type_.low - 1, type_.high + 1)
    lowered = lowered.cast(dtype)
    if operator in ("==", "!=") and position.denominator != 1:
        position = Fraction(type_.low - 1)
    point = math.floor(position) if operator in ("<=", ">") else math.ceil(position)
    # Beyond the range every point decides like the first one outside, and that one fits the column's type.
    point = min(max(point, type_.low - 1), type_.high + 1)
    return _compared(operator, lowered, pl.lit(point, dtype=dtype))


@_lower.register
def _(expr: Divide, schema: Schema, parameters: Parameters) -> pl.Expr:
    a, b, result = _type(expr.left, schema), _type(expr.right, schema), _type(expr, schema)
    numerator, denominator = _lower(expr.left, schema, parameters), _lower(expr.right, schema, parameters)
    quotient = scaled_division(numerator, denominator, a.step / (b.step * expr.step), _reach(a), _reach(b))
    return quotient.cast(storage(result))


@_lower.register
def _(expr: Quantise, schema: Schema, parameters: Parameters) -> pl.Expr:
    a, result = _type(expr.operand, schema), _type(expr, schema)
    one = pl.lit(1, dtype=pl.Int64)
    return scaled_division(_lower(expr.operand, schema, parameters), one, a.step / expr.step, _reach(a), 1).cast(storage(result))


def _reach(type_: ColumnType) -> int:
    return max(abs(type_.low), abs(type_.high), 1)


@_lower.register
def _(expr: Not, schema: Schema, parameters: Parameters) -> pl.Expr:
    return ~_lower(expr.operand, schema, parameters)


@_lower.register
def _(expr: IsNull, schema: Schema, parameters: Parameters) -> pl.Expr:
    return _lower(expr.operand, schema, parameters).is_null()


@_lower.register
def _(expr: FillNull, schema: Schema, parameters: Parameters) -> pl.Expr:
    result = _type(expr, schema)
    operand = _as(expr.operand, schema, parameters, result)
    if result.kind is Kind.CATEGORY:
        assert isinstance(expr.value, Literal)
        code = result.to_grid(expr.value.value)
        assert code is not None
        return operand.fill_null(pl.lit(int(code), dtype=pl.Int64))
    return operand.fill_null(_as(expr.value, schema, parameters, result))


@_lower.register
def _(expr: IsIn, schema: Schema, parameters: Parameters) -> pl.Expr:
    type_ = _type(expr.operand, schema)
    lowered = _lower(expr.operand, schema, parameters)
    if type_.kind is Kind.STRING:
        return lowered.is_in(pl.Series([v for v in expr.values if isinstance(v, str)], dtype=pl.String).implode()).fill_null(
            False
        )
    points = {p for p in map(type_.to_grid, expr.values) if p is not None and p.denominator == 1 and type_.low <= p <= type_.high}
    dtype = integer_dtype(type_.low, type_.high)
    found = pl.lit(False)
    for point in sorted(points):
        found = found | (lowered.cast(dtype) == pl.lit(int(point), dtype=dtype))
    return found.fill_null(False)


@_lower.register
def _(expr: Clip, schema: Schema, parameters: Parameters) -> pl.Expr:
    a, result = _type(expr.operand, schema), _type(expr, schema)
    factor = int(a.step / result.step)
    ends = [None if end is None else int(end / result.step) for end in (expr.low, expr.high)]
    dtype = integer_dtype(a.low * factor, a.high * factor, *(end for end in ends if end is not None))
    value = _on(expr.operand, schema, parameters, result.step).cast(dtype)
    for end, operator in zip(ends, ("<", ">"), strict=True):
        if end is not None:
            bound = pl.lit(end, dtype=dtype)
            value = pl.when(_compared(operator, value, bound)).then(bound).otherwise(value)
    return value.cast(storage(result))


@_lower.register
def _(expr: Where, schema: Schema, parameters: Parameters) -> pl.Expr:
    result = _type(expr, schema)
    then, otherwise = (_as(e, schema, parameters, result) for e in (expr.then, expr.otherwise))
    return pl.when(_lower(expr.condition, schema, parameters)).then(then).otherwise(otherwise)


@_lower.register
def _(expr: Widen, schema: Schema, parameters: Parameters) -> pl.Expr:
    type_ = expr.type
    if expr.operand == Literal(None):
        return pl.lit(None, dtype=storage(type_))
    if isinstance(expr.operand, Literal) and type_.kind is Kind.CATEGORY:
        code = type_.to_grid(expr.operand.value)
        assert code is not None
        return pl.lit(int(code), dtype=storage(type_))
    if type_.kind is Kind.CATEGORY:
        own = _type(expr.operand, schema)
        assert own.categories is not None
        codes = {i: int(type_.to_grid(category) or 0) for i, category in enumerate(own.categories)}
        lowered = _lower(expr.operand, schema, parameters)
        return lowered.replace_strict(codes, default=None, return_dtype=storage(type_))
    return _as(expr.operand, schema, parameters, type_)


@_lower.register
def _(expr: Cut, schema: Schema, parameters: Parameters) -> pl.Expr:
    type_ = _type(expr.operand, schema)
    value = _lower(expr.operand, schema, parameters)
    edges = [edge / type_.step for edge in expr.edges]
    below, above = ("<=", ">") if expr.right else ("<", ">=")
    first = "<" if expr.right and expr.include_lowest else below
    # Bands from the highest edge down, so that the lowest band whose upper edge holds a value has the last word.
    band = pl.lit(None, dtype=pl.Int64)
    for code in reversed(range(len(edges) - 1)):
        within = _against_point(below, value, edges[code + 1], type_)
        band = pl.when(within).then(pl.lit(code, dtype=pl.Int64)).otherwise(band)
    outside = _against_point(first, value, edges[0], type_) | _against_point(above, value, edges[-1], type_)
    return pl.when(value.is_null() | outside).then(pl.lit(None, dtype=pl.Int64)).otherwise(band)


@_lower.register
def _(expr: FloorDivide, schema: Schema, parameters: Parameters) -> pl.Expr:
    quotient, _, _ = _whole_quotient(expr, schema, parameters)
    return quotient.cast(storage(_type(expr, schema)))


@_lower.register
def _(expr: Modulo, schema: Schema, parameters: Parameters) -> pl.Expr:
    quotient, top, bottom = _whole_quotient(expr, schema, parameters)
    return (top - quotient * bottom).cast(storage(_type(expr, schema)))


def _whole_quotient(expr: FloorDivide | Modulo, schema: Schema, parameters: Parameters) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    left, right = _lower(expr.left, schema, parameters), _lower(expr.right, schema, parameters)
    return floor_division(left, right, _type(expr.left, schema), _type(expr.right, schema))


@_lower.register
def _(expr: MapValues, schema: Schema, parameters: Parameters) -> pl.Expr:
    return mapped(_lower(expr.operand, schema, parameters), expr, _type(expr.operand, schema), _type(expr, schema))


@_lower.register
def _(expr: DatePart, schema: Schema, parameters: Parameters) -> pl.Expr:
    return date_part(_lower(expr.operand, schema, parameters), expr.part, _type(expr.operand, schema), _type(expr, schema))


@_lower.register
def _(expr: Text, schema: Schema, parameters: Parameters) -> pl.Expr:
    return text_operation(_lower(expr.operand, schema, parameters), expr)
