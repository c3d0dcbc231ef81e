"""Further operations on single values: whole quotients and remainders, maps by a public table, parts of dates, text.

They are expressions like those of ``expressions``, and ``infer`` gives each its type.
"""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from fractions import Fraction

from secureframe.errors import DisclosureError, PlanError, RangeError
from secureframe.plan.expressions import Expr, Literal, common_step, infer, literal_type, show, show_operation
from secureframe.schema.calendar import PARTS, TIMES_OF_DAY, part_range, period_names
from secureframe.schema.table import Field, Schema
from secureframe.schema.types import ColumnType, Kind, Scalar, bool_type, number_type, time_type

MAX_MAPPED = 1_000
MAX_TEXT = 2**31 - 1
"""No text is longer."""
TEXTS = ("lower", "upper", "strip", "slice", "replace")
"""Operations that make text of text."""
TESTS = ("contains", "startswith", "endswith")
"""Conditions on text."""
_ARGUMENTS = {"slice": 2, "replace": 2, "contains": 1, "startswith": 1, "endswith": 1}


@dataclass(frozen=True, slots=True)
class FloorDivide(Expr):
    """The whole quotient ``left // right``, rounded towards minus infinity."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Modulo(Expr):
    """The remainder ``left - (left // right) * right``; it has the sign of the divisor."""

    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class MapValues(Expr):
    """The value that a public table has for a value; missing where it has none, and where the value is missing."""

    operand: Expr
    keys: tuple[Scalar, ...]
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        for name in ("keys", "values"):
            object.__setattr__(self, name, tuple(Literal(v).value for v in getattr(self, name)))
        if not self.keys or len(self.keys) != len(self.values) or len(self.keys) > MAX_MAPPED:
            raise PlanError(f"a map has 1 to {MAX_MAPPED} entries", hint="df['sex'].map({'f': 0, 'm': 1})")
        if len(set(self.keys)) != len(self.keys) or None in self.keys:
            raise PlanError("a map names every value once, and no missing one", hint="fillna says what becomes of missing values")


@dataclass(frozen=True, slots=True)
class DatePart(Expr):
    """A part of a date or time stamp: a number, its date, or the calendar period that it lies in."""

    operand: Expr
    part: str

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise PlanError(f"{self.part!r} is no part of a date", hint=", ".join(PARTS))


@dataclass(frozen=True, slots=True)
class Text(Expr):
    """An operation on text, at its owner only."""

    operand: Expr
    how: str
    arguments: tuple[Scalar, ...] = ()

    def __post_init__(self) -> None:
        if self.how not in (*TEXTS, *TESTS, "len"):
            raise PlanError(f".str.{self.how} is not offered", hint=", ".join(f".str.{name}" for name in (*TEXTS, *TESTS, "len")))
        kinds = (int, type(None)) if self.how == "slice" else (str,)
        fits = all(isinstance(a, kinds) and not isinstance(a, bool) for a in self.arguments)
        if len(self.arguments) != _ARGUMENTS.get(self.how, 0) or not fits:
            raise PlanError(f".str.{self.how} has other arguments than it should")
        if self.how == "slice" and any(isinstance(a, int) and a < 0 for a in self.arguments):
            raise PlanError("a slice of text counts from its beginning", hint=".str.slice(0, 3)")
        if self.how == "replace" and not self.arguments[0]:
            raise PlanError("nothing is to be replaced", hint=".str.replace('-', '')")


# -- types -----------------------------------------------------------------------------------------------------------------


def _joined(type_: ColumnType, *parts: Field) -> Field:
    uses = frozenset.intersection(*(p.uses for p in parts))
    return Field(
        type=type_,
        uses=uses,
        owners=frozenset().union(*(p.owners for p in parts)),
        sensitive=any(p.sensitive for p in parts),
        magnitude=any(p.magnitude for p in parts),
    )


def _operands(expr: FloorDivide | Modulo, schema: Schema, operator: str) -> tuple[Field, Field]:
    """The operands of a division without a zero in its divisor's range."""
    found = []
    for e in (expr.left, expr.right):
        field = infer(e, schema)
        if not field.type.is_numeric:
            raise PlanError(
                f"{operator} needs numbers, and {show(e)} is of kind {field.type.kind}",
                hint="sf.cut makes bands of numbers, .dt.year the years of dates",
            )
        found.append(field)
    if found[1].type.low <= 0 <= found[1].type.high:
        raise RangeError(
            f"the range of the divisor {show(expr.right)} holds 0", hint=f"({show(expr.right)}).clip(lower=1) excludes it"
        )
    return found[0], found[1]


@infer.register
def _(expr: FloorDivide, schema: Schema) -> Field:
    left, right = _operands(expr, schema, "//")
    a, b = left.type, right.type
    corners = [math.floor(Fraction(x) * a.step / (y * b.step)) for x in (a.low, a.high) for y in (b.low, b.high)]
    return _joined(number_type(min(corners), max(corners), Fraction(1), a.nullable or b.nullable), left, right)


@infer.register
def _(expr: Modulo, schema: Schema) -> Field:
    left, right = _operands(expr, schema, "%")
    a, b = left.type, right.type
    step = common_step(a.step, b.step)
    p, q = int(a.step / step), int(b.step / step)
    low, high, largest = a.low * p, a.high * p, max(abs(b.low), abs(b.high)) * q
    if b.low > 0:
        # A dividend from 0 to below every divisor is its own remainder, and never larger than itself.
        lo, hi = (low if low >= 0 and high < b.low * q else 0), (min(largest - 1, high) if low >= 0 else largest - 1)
    else:
        lo, hi = (max(1 - largest, low) if high <= 0 else 1 - largest), (high if high <= 0 and low > b.high * q else 0)
    return _joined(number_type(lo, hi, step, a.nullable or b.nullable), left, right)


@infer.register
def _(expr: MapValues, schema: Schema) -> Field:
    field = infer(expr.operand, schema)
    own = field.type
    if own.kind is Kind.KEY:
        raise DisclosureError("an identifier is never mapped", hint="choose persons by what they have in common")
    for key in expr.keys:
        if own.kind is Kind.STRING:
            if not isinstance(key, str):
                raise PlanError(f"{show(expr.operand)} is text, and {key!r} is none")
        elif own.kind is not Kind.CATEGORY and isinstance(key, datetime.date) != own.is_time:
            raise PlanError(f"{key!r} is no value of {show(expr.operand)}, which is of kind {own.kind}")
        elif own.to_grid(key) is None:
            raise PlanError(f"{key!r} is not in the public domain of {show(expr.operand)}")
    mapped = dict(zip(expr.keys, expr.values, strict=True))
    covered = own.levels is not None and all(mapped.get(level) is not None for level in own.levels)
    return _joined(_values_type(expr, own.nullable or not covered), field)


def mapped_values(expr: MapValues) -> tuple[Scalar, ...]:
    """The different values that a map gives, missing ones left out, in the order in which it names them."""
    return tuple(dict.fromkeys(v for v in expr.values if v is not None))


def _values_type(expr: MapValues, nullable: bool) -> ColumnType:
    """The type that holds every value of a map."""
    values = mapped_values(expr)
    if not values:
        raise PlanError("a map needs a value that is not missing")
    if all(isinstance(v, str) for v in values):
        words = tuple(v for v in values if isinstance(v, str))
        return ColumnType(kind=Kind.CATEGORY, lo=0, hi=len(words) - 1, categories=words, nullable=nullable)
    if all(isinstance(v, bool) for v in values):
        return bool_type(nullable)
    types = [literal_type(v) for v in values]
    times = all(t.is_time for t in types)
    if not times and any(not t.is_numeric or t.kind is Kind.BOOL for t in types):
        raise PlanError("the values of a map are all numbers, all text, all dates or all truth values", hint="{'f': 0, 'm': 1}")
    step = types[0].step
    for type_ in types[1:]:
        step = common_step(step, type_.step)
    points = [int(t.low * t.step / step) for t in types]
    return (time_type if times else number_type)(min(points), max(points), step, nullable)


@infer.register
def _(expr: DatePart, schema: Schema) -> Field:
    field = infer(expr.operand, schema)
    own = field.type
    if not own.is_time:
        raise PlanError(
            f".dt needs dates, and {show(expr.operand)} is of kind {own.kind}", hint="sf.date(low, high) declares dates"
        )
    low, high = own.low * own.step, own.high * own.step
    if expr.part == "date":
        return _joined(time_type(math.floor(low), math.floor(high), Fraction(1), own.nullable), field)
    if expr.part.startswith("period"):
        names = period_names(expr.part[7:-1], low, high)
        return _joined(ColumnType(kind=Kind.CATEGORY, lo=0, hi=len(names) - 1, categories=names, nullable=own.nullable), field)
    lo, hi = (0, 0) if expr.part in TIMES_OF_DAY and own.kind is Kind.DATE else part_range(expr.part, low, high)
    return _joined(number_type(lo, hi, Fraction(1), own.nullable), field)


@infer.register
def _(expr: Text, schema: Schema) -> Field:
    field = infer(expr.operand, schema)
    if field.type.kind is Kind.KEY:
        raise DisclosureError("an identifier is never taken apart", hint="choose persons by what they have in common")
    if field.type.kind is not Kind.STRING:
        raise PlanError(
            f".str needs text, and {show(expr.operand)} is of kind {field.type.kind}", hint="sf.string() declares text"
        )
    nullable = field.type.nullable
    if expr.how in TESTS:
        return _joined(bool_type(nullable), field)
    if expr.how == "len":
        return _joined(number_type(0, MAX_TEXT, Fraction(1), nullable), field)
    return _joined(ColumnType(kind=Kind.STRING, nullable=nullable), field)


# -- text ------------------------------------------------------------------------------------------------------------------


@show_operation.register
def _(expr: FloorDivide) -> str:
    return f"({show(expr.left)} // {show(expr.right)})"


@show_operation.register
def _(expr: Modulo) -> str:
    return f"({show(expr.left)} % {show(expr.right)})"


@show_operation.register
def _(expr: MapValues) -> str:
    pairs = [f"{show(Literal(k))}: {show(Literal(v))}" for k, v in zip(expr.keys[:4], expr.values[:4], strict=True)]
    return f"{show(expr.operand)}.map({{{', '.join(pairs)}{', ...' if len(expr.keys) > 4 else ''}}})"


@show_operation.register
def _(expr: DatePart) -> str:
    if expr.part.startswith("period"):
        return f"{show(expr.operand)}.dt.to_period({expr.part[7:-1]!r})"
    return f"{show(expr.operand)}.dt.{expr.part}"


@show_operation.register
def _(expr: Text) -> str:
    return f"{show(expr.operand)}.str.{expr.how}({', '.join(map(repr, expr.arguments))})"
