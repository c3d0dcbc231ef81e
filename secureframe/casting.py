"""``astype``: one column under another type, as far as a public domain or grid says what every value becomes."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any

from secureframe.errors import PlanError
from secureframe.operands import exact
from secureframe.plan.expressions import Binary, Divide, Expr, Literal, Quantise, Widen
from secureframe.plan.operations import MapValues
from secureframe.schema.calendar import UNITS
from secureframe.schema.types import ColumnType, Kind, time_type

_DECIMAL = re.compile(r"decimal\d*\(\d+, ?(-?\d+)\)")
_DATETIME = re.compile(r"(?:datetime64|timestamp)\[(s|ms|us)\]")
_OFFERED = "astype(int), astype(float, precision=0.01), astype('decimal', precision=0.01), astype(bool) or astype(str)"


def converted(expr: Expr, type_: ColumnType, dtype: Any, precision: Any, column: str) -> Expr:
    """Return an expression under the type that ``dtype`` names.

    Parameters
    ----------
    expr, type_
        The column and its type.
    dtype : type, str or pandas dtype
        As pandas takes it.
    precision : number or None
        One step of the new grid.
    column : str
        The column as an analyst writes it, for hints.

    Raises
    ------
    PlanError
        If a value would have to be looked at to know what it becomes.
    """
    name = str(getattr(dtype, "__name__", dtype)).lower()
    categories = getattr(dtype, "categories", None)
    if name == "category":
        return _categories(expr, type_, None if categories is None else tuple(categories.tolist()), column)
    if (scale := _DECIMAL.match(name)) and precision is None:
        precision, name = Fraction(1, 10) ** int(scale[1]), "decimal"
    if time := _DATETIME.match(name):
        return _finer_time(expr, type_, UNITS[time[1]], column)
    match re.sub(r"\d+|\[.*", "", name):
        case "float" | "double" | "decimal" as wanted:
            _need_numbers(type_, column)
            if precision is not None:
                return on_grid(expr, _step(precision))
            if wanted == "decimal":
                raise PlanError("a decimal needs its step", hint=f"{column}.astype('decimal', precision=0.01)")
            return Binary("*", expr, Literal(1)) if type_.kind is Kind.BOOL else expr
        case "int" | "uint" | "integer" if precision is None:
            return _whole(expr, type_, column)
        case "bool" | "boolean" if precision is None:
            _need_numbers(type_, column)
            return expr if type_.kind is Kind.BOOL else Binary("!=", expr, Literal(0))
        case "str" | "string" | "object" if precision is None:
            return _words(expr, type_, column)
        case _:
            raise PlanError(f"astype({dtype!r}) is not offered", hint=_OFFERED)


def on_grid(expr: Expr, step: Fraction) -> Expr:
    """Numbers on another grid; a quotient is put there at once, so that it is rounded but once."""
    return replace(expr, step=step) if isinstance(expr, Divide) else Quantise(expr, step)


def _step(precision: Any) -> Fraction:
    step = precision if isinstance(precision, Fraction) else exact(precision, "precision=")
    if step <= 0:
        raise PlanError("precision must be positive", hint="astype(float, precision=0.01)")
    return step


def _need_numbers(type_: ColumnType, column: str) -> None:
    if not type_.is_numeric:
        raise PlanError(f"a {type_.kind} is no number", hint=f"{column}.map({{...}}) gives every value a number")


def _whole(expr: Expr, type_: ColumnType, column: str) -> Expr:
    if type_.kind is Kind.BOOL:
        return Binary("*", expr, Literal(1))
    if type_.kind is Kind.CATEGORY:
        words = type_.categories or ()
        try:
            return MapValues(expr, words, tuple(int(w) for w in words))
        except ValueError:
            raise PlanError("words are not whole numbers", hint=f"{column}.map({{{words[0]!r}: 0}})") from None
    _need_numbers(type_, column)
    if type_.step.denominator == 1:
        return expr
    raise PlanError("numbers with a fraction are not whole numbers", hint=f"{column}.round()")


def _words(expr: Expr, type_: ColumnType, column: str) -> Expr:
    if type_.kind is Kind.STRING:
        return expr
    levels = type_.levels
    if levels is None or type_.kind is Kind.KEY:
        raise PlanError(
            f"a {type_.kind} has no public domain of words",
            hint=f"sf.cut({column}, [0, 50, 100]) makes bands of numbers, .dt.to_period('M') months of dates",
        )
    if all(isinstance(level, str) for level in levels):
        return expr
    return MapValues(expr, levels, tuple(str(level) for level in levels))


def _categories(expr: Expr, type_: ColumnType, wanted: tuple[Any, ...] | None, column: str) -> Expr:
    """A category over a stated domain; what is not in it is missing."""
    if wanted is None:
        if type_.kind is Kind.CATEGORY:
            return expr
        raise PlanError(
            f"the categories of a {type_.kind} are not read from the data",
            hint=f"{column}.astype(pd.CategoricalDtype(['yes', 'no'])), or sf.cut",
        )
    if not wanted or not all(isinstance(w, str) for w in wanted):
        raise PlanError("the categories of a column are text", hint="pd.CategoricalDtype(['yes', 'no'])")
    if type_.kind is Kind.STRING:
        return MapValues(expr, wanted, wanted)
    if type_.kind is not Kind.CATEGORY:
        return _categories(_words(expr, type_, column), _words_type(type_), wanted, column)
    known = tuple(w for w in wanted if w in (type_.categories or ()))
    if not known:
        raise PlanError("none of the categories is in the public domain of the column", hint=type_.describe())
    found = MapValues(expr, known, known)
    if known == wanted:
        return found
    domain = ColumnType(kind=Kind.CATEGORY, lo=0, hi=len(wanted) - 1, categories=wanted, nullable=True)
    return Widen(found, domain)


def _words_type(type_: ColumnType) -> ColumnType:
    words = tuple(str(level) for level in type_.levels or ())
    return ColumnType(kind=Kind.CATEGORY, lo=0, hi=len(words) - 1, categories=words, nullable=type_.nullable)


def _finer_time(expr: Expr, type_: ColumnType, step: Fraction, column: str) -> Expr:
    if not type_.is_time:
        raise PlanError(f"a {type_.kind} is no time stamp", hint="sf.timestamp(low, high) declares time stamps")
    factor = type_.step / step
    if factor.denominator != 1:
        raise PlanError("time stamps on a coarser grid would lose their seconds", hint=f"{column}.dt.date keeps the day")
    finer = time_type(type_.low * int(factor), type_.high * int(factor), step, type_.nullable)
    return expr if type_ == finer else Widen(expr, finer)
