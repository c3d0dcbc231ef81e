"""Expressions: immutable trees over the columns of a frame, and the one rule a node that gives each its type.

``infer`` carries ranges, grids, nulls, allowed uses and owners through every operation; an expression that has no type
(a comparison with a word outside the domain, a sum of categories, a division by a range that holds zero) is refused when
it is built, so an invalid tree cannot exist inside a frame.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import singledispatch
from typing import Any

from secureframe.errors import DisclosureError, PlanError, RangeError
from secureframe.schema.calendar import as_days, as_moment
from secureframe.schema.table import ALL_USES, Field, Schema
from secureframe.schema.types import (
    ColumnType,
    Kind,
    Scalar,
    as_fraction,
    bool_type,
    moment_type,
    number_type,
    quotient_step,
    time_type,
)

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
LOGIC = ("&", "|")
ARITHMETIC = ("+", "-", "*")
QUOTIENT_BITS = 16
"""A quotient's default grid has at least 2**16 points up to the largest quotient, so that small quotients keep their digits."""


@dataclass(frozen=True, slots=True)
class Expr:
    """Base of all expressions."""


@dataclass(frozen=True, slots=True)
class ColumnRef(Expr):
    """A column of the frame."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal(Expr):
    """A constant; floats are held as the exact decimal that they print as."""

    value: Scalar

    def __post_init__(self) -> None:
        if isinstance(self.value, float):
            object.__setattr__(self, "value", as_fraction(self.value))
        if not isinstance(self.value, bool | int | Fraction | str | datetime.date | None):
            raise PlanError(f"{type(self.value).__name__} is no literal", hint="bool, int, float, str and datetime.date are")
        if isinstance(self.value, datetime.date):
            # Midnights are dates, so that one moment has one form.
            object.__setattr__(self, "value", as_moment(as_days(self.value)))


@dataclass(frozen=True, slots=True)
class Parameter(Expr):
    """A number whose domain is part of the plan and whose value travels in the envelope."""

    name: str
    type: ColumnType

    def __post_init__(self) -> None:
        if not self.type.is_numeric or self.type.kind is Kind.BOOL or self.type.nullable:
            raise PlanError("a parameter is a number", hint="sf.parameter('cutoff', 50, low=18, high=100)")


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """``+ - *``, a comparison, or Kleene ``& |``."""

    operator: str
    left: Expr
    right: Expr

    def __post_init__(self) -> None:
        if self.operator not in ARITHMETIC + COMPARISONS + LOGIC:
            raise PlanError(f"unknown operator {self.operator!r}")


@dataclass(frozen=True, slots=True)
class Divide(Expr):
    """A quotient, rounded half to even onto a grid of its own (``step``)."""

    left: Expr
    right: Expr
    step: Fraction

    def __post_init__(self) -> None:
        _need_step(self.step)


@dataclass(frozen=True, slots=True)
class Not(Expr):
    """Kleene negation."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class IsNull(Expr):
    """Whether a value is missing."""

    operand: Expr


@dataclass(frozen=True, slots=True)
class FillNull(Expr):
    """The value, or a constant where it is missing."""

    operand: Expr
    value: Expr


@dataclass(frozen=True, slots=True)
class IsIn(Expr):
    """Whether a value is one of a public list; missing gives False, as in pandas."""

    operand: Expr
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(Literal(v).value for v in self.values))


@dataclass(frozen=True, slots=True)
class Clip(Expr):
    """The value, moved to the nearer end where it lies outside ``low .. high``."""

    operand: Expr
    low: Fraction | None
    high: Fraction | None


@dataclass(frozen=True, slots=True)
class Where(Expr):
    """``then`` where the condition is true, else ``otherwise`` (also where it is missing)."""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Cut(Expr):
    """Bands between public edges, as ``pandas.cut``: a category; missing outside the outer edges."""

    operand: Expr
    edges: tuple[Fraction, ...]
    labels: tuple[str, ...]
    right: bool
    include_lowest: bool

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or any(a >= b for a, b in zip(self.edges, self.edges[1:], strict=False)):
            raise PlanError("the edges of cut must increase", hint="sf.cut(df['age'], [18, 50, 65, 120])")
        if len(self.labels) != len(self.edges) - 1 or len(set(self.labels)) != len(self.labels):
            raise PlanError("cut needs one label a band, each different")


@dataclass(frozen=True, slots=True)
class Quantise(Expr):
    """The value rounded half to even onto a coarser or finer grid."""

    operand: Expr
    step: Fraction

    def __post_init__(self) -> None:
        _need_step(self.step)


@dataclass(frozen=True, slots=True)
class Widen(Expr):
    """The same values under a wider type: a larger range, a finer grid, more categories; a constant as a column of any type."""

    operand: Expr
    type: ColumnType


def _need_step(step: Fraction) -> None:
    if step <= 0:
        raise PlanError("a grid step must be positive")


def children(expr: Expr) -> Iterator[Expr]:
    """Yield the direct operands."""
    for field in fields(expr):
        value = getattr(expr, field.name)
        if isinstance(value, Expr):
            yield value


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield the expression and everything below it."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def rebuild(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The same node with every direct operand changed."""
    changes: dict[str, Any] = {
        f.name: change(getattr(expr, f.name)) for f in fields(expr) if isinstance(getattr(expr, f.name), Expr)
    }
    return replace(expr, **changes) if changes else expr


def substitute(expr: Expr, definitions: Mapping[str, Expr]) -> Expr:
    """Replace every column by its definition; columns without one stay."""
    if isinstance(expr, ColumnRef):
        return definitions.get(expr.name, expr)
    return rebuild(expr, lambda child: substitute(child, definitions))


def column_names(expr: Expr) -> frozenset[str]:
    """Names of the columns that the expression reads."""
    return frozenset(e.name for e in walk(expr) if isinstance(e, ColumnRef))


# -- types ---------------------------------------------------------------------------------------------------------------


def common_step(a: Fraction, b: Fraction) -> Fraction:
    """The coarsest grid that holds both grids."""
    return Fraction(math.gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator)


def _joined(type_: ColumnType, *parts: Field) -> Field:
    """A field made of others: what all allow, whose values, every flag."""
    uses = ALL_USES
    for part in parts:
        uses &= part.uses
    return Field(
        type=type_,
        uses=uses,
        owners=frozenset().union(*(p.owners for p in parts)),
        sensitive=any(p.sensitive for p in parts),
        magnitude=any(p.magnitude for p in parts),
    )


def _need(condition: bool, message: str, hint: str | None = None) -> None:
    if not condition:
        raise PlanError(message, hint=hint)


def _number(expr: Expr, schema: Schema, what: str) -> Field:
    return _need_number(infer(expr, schema), expr, what)


def _need_number(field: Field, expr: Expr, what: str) -> Field:
    _need(
        field.type.is_numeric,
        f"{what} needs numbers, and {show(expr)} is of kind {field.type.kind}",
        "compare categories with == or isin; sf.cut makes bands of numbers",
    )
    return field


def _predicate(expr: Expr, schema: Schema) -> Field:
    field = infer(expr, schema)
    _need(
        field.type.kind is Kind.BOOL,
        f"a condition is expected, and {show(expr)} is of kind {field.type.kind}",
        f"compare it: ({show(expr)} == 1)",
    )
    return field


@singledispatch
def infer(expr: Expr, schema: Schema) -> Field:
    """Return type, allowed uses and owners of an expression over columns of ``schema``.

    Raises
    ------
    PlanError, RangeError, DisclosureError
        If it has no type.
    """
    raise PlanError(f"{type(expr).__name__} is no expression")


@infer.register
def _(expr: ColumnRef, schema: Schema) -> Field:
    if expr.name not in schema:
        raise PlanError(f"there is no column {expr.name!r}", hint=f"the columns are {', '.join(schema)}")
    return schema[expr.name]


def literal_type(value: Scalar) -> ColumnType:
    """The type of a constant: a range of one point."""
    if isinstance(value, bool):
        return ColumnType(kind=Kind.BOOL, lo=int(value), hi=int(value))
    if isinstance(value, str):
        return ColumnType(kind=Kind.STRING)
    if isinstance(value, datetime.date):
        return moment_type(value)
    if value is None:
        raise PlanError("a missing value is no operand", hint="isna() asks for missing values")
    number = as_fraction(value)
    return number_type(number.numerator, number.numerator, Fraction(1, number.denominator), False)


@infer.register
def _(expr: Literal, schema: Schema) -> Field:
    return Field(type=literal_type(expr.value), uses=ALL_USES, owners=frozenset())


@infer.register
def _(expr: Parameter, schema: Schema) -> Field:
    return Field(type=expr.type, uses=ALL_USES, owners=frozenset())


@infer.register
def _(expr: Binary, schema: Schema) -> Field:
    if expr.operator in LOGIC:
        left, right = _predicate(expr.left, schema), _predicate(expr.right, schema)
        return _joined(bool_type(left.type.nullable or right.type.nullable), left, right)
    if expr.operator in COMPARISONS:
        return _infer_comparison(expr, schema)
    left, right = infer(expr.left, schema), infer(expr.right, schema)
    a, b, nullable = left.type, right.type, left.type.nullable or right.type.nullable
    make = _moved_type(expr.operator, a, b)
    if make is None:
        make = number_type
        _need_number(left, expr.left, expr.operator)
        _need_number(right, expr.right, expr.operator)
    if expr.operator == "*":
        corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        return _joined(number_type(min(corners), max(corners), a.step * b.step, nullable), left, right)
    step = common_step(a.step, b.step)
    p, q = int(a.step / step), int(b.step / step)
    if expr.operator == "+":
        return _joined(make(a.low * p + b.low * q, a.high * p + b.high * q, step, nullable), left, right)
    return _joined(make(a.low * p - b.high * q, a.high * p - b.low * q, step, nullable), left, right)


def _moved_type(operator: str, a: ColumnType, b: ColumnType) -> Callable[[int, int, Fraction, bool], ColumnType] | None:
    """What arithmetic makes of dates: their difference is a number of days, and days move a date; None for anything else."""
    if operator == "-" and a.is_time and b.is_time:
        return number_type
    days = [t for t in (a, b) if t.is_numeric and t.kind is not Kind.BOOL]
    if len(days) == 1 and ((a.is_time and operator in ("+", "-")) or (b.is_time and operator == "+")):
        return time_type
    return None


def _infer_comparison(expr: Binary, schema: Schema) -> Field:
    for one, other in ((expr.left, expr.right), (expr.right, expr.left)):
        if isinstance(other, Literal) and not isinstance(one, Literal):
            return _infer_against_literal(expr, infer(one, schema), one, other)
    left, right = infer(expr.left, schema), infer(expr.right, schema)
    a, b = left.type, right.type
    nullable = a.nullable or b.nullable
    equality = expr.operator in ("==", "!=")
    if Kind.KEY in (a.kind, b.kind):
        _need(equality and a.kind is b.kind, "keys are compared with keys, for equality only")
        if a.domain != b.domain:
            raise PlanError(f"keys of different domains ({a.domain}, {b.domain}) never denote the same")
        _need((a.lo is None) == (b.lo is None), "one key is a number and the other one text", "declare both alike")
    elif Kind.CATEGORY in (a.kind, b.kind):
        _need(equality and a.categories == b.categories, "categories are compared for equality, over one public domain")
    else:
        dates, texts = a.is_time and b.is_time, a.kind is b.kind is Kind.STRING
        _need((a.is_numeric and b.is_numeric) or dates or (texts and equality), f"{a.kind} and {b.kind} cannot be compared")
    return _joined(bool_type(nullable), left, right)


def _infer_against_literal(expr: Binary, field: Field, operand: Expr, literal: Literal) -> Field:
    kind = field.type.kind
    if kind is Kind.KEY:
        raise DisclosureError(
            "an identifier is never compared with a constant", hint="choose persons by what they have in common"
        )
    if literal.value is None:
        raise PlanError("nothing equals a missing value", hint=f"{show(operand)}.isna()")
    if kind in (Kind.CATEGORY, Kind.STRING):
        _need(expr.operator in ("==", "!="), f"a {kind} is compared for equality only")
        if kind is Kind.CATEGORY and field.type.to_grid(literal.value) is None:
            assert field.type.categories is not None
            raise PlanError(
                f"{literal.value!r} is not in the public domain of {show(operand)}",
                hint="its categories are " + ", ".join(map(repr, field.type.categories)),
            )
        _need(kind is Kind.CATEGORY or isinstance(literal.value, str), f"{show(operand)} is compared with text")
    else:
        field.type.to_grid(literal.value)
    return _joined(bool_type(field.type.nullable), field)


@infer.register
def _(expr: Divide, schema: Schema) -> Field:
    left, right = _number(expr.left, schema, "/"), _number(expr.right, schema, "/")
    a, b = left.type, right.type
    if b.low <= 0 <= b.high:
        raise RangeError(
            f"the range of the divisor {show(expr.right)} holds 0", hint=f"({show(expr.right)}).clip(lower=1) excludes it"
        )
    corners = [Fraction(x) * a.step / (y * b.step) for x in (a.low, a.high) for y in (b.low, b.high)]
    lo, hi = math.floor(min(corners) / expr.step), math.ceil(max(corners) / expr.step)
    return _joined(number_type(lo, hi, expr.step, a.nullable or b.nullable), left, right)


def division(left: Expr, right: Expr, schema: Schema) -> Divide:
    """The quotient on its default grid: a power of two at most the dividend's precision, and QUOTIENT_BITS below its range."""
    dividend, divisor = _number(left, schema, "/").type, _number(right, schema, "/").type
    step = quotient_step(dividend.step)
    if not divisor.low <= 0 <= divisor.high:
        smallest = min(abs(divisor.low), abs(divisor.high)) * divisor.step
        largest = max(abs(dividend.low), abs(dividend.high)) * dividend.step / smallest
        while largest and step * 2**QUOTIENT_BITS > largest:
            step /= 2
    return Divide(left, right, step)


@infer.register
def _(expr: Not, schema: Schema) -> Field:
    return _predicate(expr.operand, schema)


@infer.register
def _(expr: IsNull, schema: Schema) -> Field:
    return _joined(bool_type(), infer(expr.operand, schema))


@infer.register
def _(expr: FillNull, schema: Schema) -> Field:
    field = infer(expr.operand, schema)
    _need(isinstance(expr.value, Literal | Parameter), "fillna takes a constant")
    if field.type.kind in (Kind.KEY, Kind.STRING):
        raise PlanError(f"fillna is not offered for a {field.type.kind}")
    if field.type.kind is Kind.CATEGORY:
        known = isinstance(expr.value, Literal) and field.type.to_grid(expr.value.value) is not None
        _need(known, f"{show(expr.value)} is not in the public domain")
        return _joined(field.type.null(False), field)
    filled = infer(expr.value, schema)
    return _joined(_union(field.type.null(False), filled.type, expr), field, filled)


@infer.register
def _(expr: IsIn, schema: Schema) -> Field:
    field = infer(expr.operand, schema)
    if field.type.kind is Kind.KEY:
        raise DisclosureError("isin on an identifier is not allowed", hint="choose persons by what they have in common")
    for value in expr.values:
        if field.type.kind is Kind.STRING:
            _need(isinstance(value, str), f"{show(expr.operand)} is compared with text")
        elif field.type.to_grid(value) is None:
            raise PlanError(f"{value!r} is not in the public domain of {show(expr.operand)}")
    return _joined(bool_type(), field)


@infer.register
def _(expr: Clip, schema: Schema) -> Field:
    field = infer(expr.operand, schema)
    if not field.type.is_time:
        _need_number(field, expr.operand, "clip")
    bounds = [b for b in (expr.low, expr.high) if b is not None]
    _need(bool(bounds), "clip needs lower= or upper=")
    _need(len(bounds) < 2 or bounds[0] <= bounds[1], "clip needs lower <= upper")
    step = field.type.step
    for bound in bounds:
        step = common_step(step, Fraction(1, bound.denominator))
    factor = int(field.type.step / step)
    lo, hi = field.type.low * factor, field.type.high * factor
    if expr.low is not None:
        lo, hi = (max(x, int(expr.low / step)) for x in (lo, hi))
    if expr.high is not None:
        lo, hi = (min(x, int(expr.high / step)) for x in (lo, hi))
    make = time_type if field.type.is_time else number_type
    return _joined(make(lo, hi, step, field.type.nullable), field)


def _union(a: ColumnType, b: ColumnType, expr: Expr) -> ColumnType:
    """The type that holds the values of both."""
    nullable = a.nullable or b.nullable
    if a.kind is b.kind is Kind.BOOL:
        return bool_type(nullable)
    if a.kind is b.kind is Kind.CATEGORY and a.categories == b.categories:
        return a.null(nullable)
    make = time_type if a.is_time and b.is_time else number_type
    _need(make is time_type or (a.is_numeric and b.is_numeric), f"{show(expr)} mixes {a.kind} and {b.kind}")
    step = common_step(a.step, b.step)
    p, q = int(a.step / step), int(b.step / step)
    return make(min(a.low * p, b.low * q), max(a.high * p, b.high * q), step, nullable)


@infer.register
def _(expr: Where, schema: Schema) -> Field:
    condition = _predicate(expr.condition, schema)
    branches = [infer(e, schema) for e in (expr.then, expr.otherwise) if e != Literal(None)]
    _need(bool(branches), "where needs at least one value")
    type_ = branches[0].type.null() if len(branches) == 1 else _union(branches[0].type, branches[1].type, expr)
    _need(type_.kind not in (Kind.KEY, Kind.STRING), f"where is not offered for a {type_.kind}")
    return _joined(type_, condition, *branches)


@infer.register
def _(expr: Cut, schema: Schema) -> Field:
    field = _number(expr.operand, schema, "cut")
    first, last = expr.edges[0] / field.type.step, expr.edges[-1] / field.type.step
    below = field.type.low <= first if expr.right and not expr.include_lowest else field.type.low < first
    above = field.type.high > last if expr.right else field.type.high >= last
    type_ = ColumnType(
        kind=Kind.CATEGORY,
        lo=0,
        hi=len(expr.labels) - 1,
        categories=expr.labels,
        nullable=field.type.nullable or below or above,
    )
    return _joined(type_, field)


@infer.register
def _(expr: Quantise, schema: Schema) -> Field:
    field = _number(expr.operand, schema, "astype")
    lo, hi = (Fraction(x) * field.type.step / expr.step for x in (field.type.low, field.type.high))
    return _joined(number_type(math.floor(lo), math.ceil(hi), expr.step, field.type.nullable), field)


@infer.register
def _(expr: Widen, schema: Schema) -> Field:
    type_ = expr.type
    if expr.operand == Literal(None):
        _need(type_.nullable, "a missing constant needs a type that may be missing")
        return Field(type=type_, uses=ALL_USES, owners=frozenset())
    field = infer(expr.operand, schema)
    own = field.type
    _need(type_.nullable or not own.nullable, f"{show(expr.operand)} may be missing, and its wider type may not")
    if isinstance(expr.operand, Literal) and type_.kind is Kind.CATEGORY:
        _need(type_.to_grid(expr.operand.value) is not None, f"{show(expr.operand)} is not in the public domain")
        return replace(field, type=type_)
    _need(
        own.kind is type_.kind
        or (own.is_time and type_.is_time)
        or (own.is_numeric and type_.is_numeric and Kind.BOOL not in (own.kind, type_.kind)),
        f"{show(expr.operand)} is of kind {own.kind}, and no {type_.kind}",
    )
    fits = (own.lo is None) == (type_.lo is None)
    if own.kind is Kind.CATEGORY:
        fits = set(own.categories or ()) <= set(type_.categories or ())
    elif own.lo is not None and fits:
        factor = own.step / type_.step
        fits = factor.denominator == 1 and type_.low <= own.low * factor and own.high * factor <= type_.high
    _need(fits, f"{show(expr.operand)} does not fit the type {type_.describe()}")
    return replace(field, type=type_)


# -- text ------------------------------------------------------------------------------------------------------------------


def show(expr: Expr) -> str:
    """Return an expression as an analyst would type it."""
    match expr:
        case ColumnRef(name):
            return name
        case Literal(value):
            return str(float(value)) if isinstance(value, Fraction) else repr(value)
        case Parameter(name, _):
            return f"${name}"
        case Binary(operator, left, right):
            return f"({show(left)} {operator} {show(right)})"
        case Divide(left, right, step):
            return f"quantise({show(left)} / {show(right)}, {step})"
        case Not(operand):
            return f"~{show(operand)}"
        case IsNull(operand):
            return f"{show(operand)}.isna()"
        case FillNull(operand, value):
            return f"{show(operand)}.fillna({show(value)})"
        case IsIn(operand, values):
            return f"{show(operand)}.isin([{', '.join(show(Literal(v)) for v in values)}])"
        case Clip(operand, low, high):
            bounds = [f"{n}={float(b):g}" for n, b in (("lower", low), ("upper", high)) if b is not None]
            return f"{show(operand)}.clip({', '.join(bounds)})"
        case Where(condition, then, otherwise):
            return f"where({show(condition)}, {show(then)}, {show(otherwise)})"
        case Cut(operand, edges, _, _, _):
            return f"cut({show(operand)}, [{', '.join(f'{float(e):g}' for e in edges)}])"
        case Quantise(operand, step):
            return f"quantise({show(operand)}, {step})"
        case Widen(operand, _):
            return show(operand)
        case _:
            return show_operation(expr)


@singledispatch
def show_operation(expr: Expr) -> str:
    """Return one of the expressions of ``operations`` as text."""
    raise PlanError(f"{type(expr).__name__} is no expression")
