"""``.dt`` and ``.str`` of a column, as in pandas: parts of dates, days of their differences, and text at its owner."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from secureframe.errors import PlanError
from secureframe.operands import refuse_vector
from secureframe.plan.combining import Concat, Merge
from secureframe.plan.expressions import (
    Binary,
    Clip,
    ColumnRef,
    Expr,
    FillNull,
    Literal,
    Quantise,
    Where,
    Widen,
    infer,
    substitute,
)
from secureframe.plan.nodes import GroupPersons, Node, Project
from secureframe.plan.operations import DatePart, FloorDivide, MapValues, Text
from secureframe.schema.types import Kind

if TYPE_CHECKING:
    from secureframe.series import SecureSeries

_OFFERED_DATES = (
    "year, month, quarter, day, dayofweek, dayofyear, hour, minute, second, date, days, total_seconds() and to_period('M')"
)
_OFFERED_TEXT = "lower(), upper(), strip(), len(), slice(0, 3), contains(...), startswith(...), endswith(...) and replace(a, b)"
_FREQUENCIES = {"Y": "Y", "YE": "Y", "A": "Y", "Q": "Q", "QE": "Q", "M": "M", "ME": "M"}
_PATTERN = re.compile(r"[.^$*+?{}\[\]\\|()]")


def are_days(node: Node, expr: Expr) -> bool:
    """Whether a number is a difference of dates, wherever it was computed."""
    match expr:
        case Binary("-", left, right) if infer(left, node.schema).type.is_time:
            return infer(right, node.schema).type.is_time
        case Binary("+" | "-", left, right):
            return are_days(node, left) and are_days(node, right)
        case FillNull(operand) | Clip(operand) | Quantise(operand) | Widen(operand):
            return are_days(node, operand)
        case Where(_, then, otherwise):
            return all(are_days(node, e) for e in (then, otherwise) if e != Literal(None) and not isinstance(e, Literal))
        case ColumnRef(name):
            return _column_of_days(node, name)
        case _:
            return False


def _column_of_days(node: Node, name: str) -> bool:
    match node:
        case Project(frame=frame):
            return are_days(frame, substitute(ColumnRef(name), node.definitions))
        case Merge():
            side, origin = node.origins[name]
            return _column_of_days(node.left if side == "left" else node.right, origin)
        case Concat(frames=frames):
            return all(_column_of_days(frame, name) for frame in frames)
        case GroupPersons(frame=frame, aggregations=aggregations):
            kept = [a for a in aggregations if a.name == name and a.how not in ("count", "any")]
            return any(_column_of_days(frame, a.column) for a in kept)
        case _:
            return len(node.inputs) == 1 and _column_of_days(node.inputs[0], name)


class DateAccessor:
    """Parts of dates and time stamps, and whole days of differences; each is a column.

    Parameters
    ----------
    series : SecureSeries
        Dates, time stamps, or a difference of two of them, which is a number of days.
    """

    __slots__ = ("_is_difference", "_series")

    def __init__(self, series: SecureSeries) -> None:
        self._series = series
        self._is_difference = are_days(series._source.node, series._expr)
        if not series._field.type.is_time and not self._is_difference:
            raise PlanError(
                f".dt needs dates, and this column is of kind {series._field.type.kind}",
                hint="sf.date(low, high) and sf.timestamp(low, high) declare dates",
            )

    def _part(self, part: str) -> SecureSeries:
        return self._series._with(DatePart(self._series._expr, part), self._series.name)

    @property
    def year(self) -> SecureSeries:
        """The year."""
        return self._part("year")

    @property
    def quarter(self) -> SecureSeries:
        """The quarter, 1 to 4."""
        return self._part("quarter")

    @property
    def month(self) -> SecureSeries:
        """The month, 1 to 12."""
        return self._part("month")

    @property
    def day(self) -> SecureSeries:
        """The day of the month, 1 to 31."""
        return self._part("day")

    @property
    def dayofweek(self) -> SecureSeries:
        """The day of the week: Monday is 0, Sunday 6."""
        return self._part("dayofweek")

    day_of_week = weekday = dayofweek

    @property
    def dayofyear(self) -> SecureSeries:
        """The day of the year, 1 to 366."""
        return self._part("dayofyear")

    day_of_year = dayofyear

    @property
    def hour(self) -> SecureSeries:
        """The hour, 0 to 23."""
        return self._part("hour")

    @property
    def minute(self) -> SecureSeries:
        """The minute, 0 to 59."""
        return self._part("minute")

    @property
    def second(self) -> SecureSeries:
        """The second, 0 to 59."""
        return self._part("second")

    @property
    def date(self) -> SecureSeries:
        """The day of a time stamp."""
        return self._part("date")

    def to_period(self, freq: str) -> SecureSeries:
        """The calendar year (``Y``), quarter (``Q``) or month (``M``): a category with every period of the declared range."""
        if freq not in _FREQUENCIES:
            raise PlanError(f"periods of {freq!r} are not offered", hint=".dt.to_period('M'), 'Q' or 'Y'")
        return self._part(f"period[{_FREQUENCIES[freq]}]")

    @property
    def days(self) -> SecureSeries:
        """Whole days of a difference, rounded down as pandas does."""
        self._need_difference("days")
        if self._series._field.type.step == 1:
            return self._series
        return self._series._with(FloorDivide(self._series._expr, Literal(1)), self._series.name)

    def total_seconds(self) -> SecureSeries:
        """A difference in seconds."""
        self._need_difference("total_seconds")
        return self._series * 86_400

    def _need_difference(self, name: str) -> None:
        if not self._is_difference:
            raise PlanError(f".dt.{name} is about differences of dates", hint="(df['seen'] - df['entered']).dt.days")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise PlanError(f".dt.{name} is not offered", hint=f".dt has {_OFFERED_DATES}")


class TextAccessor:
    """Operations on text; each is a column.

    Text without a public domain is worked on by its owner alone, and is then asked about (``contains``) or mapped to a public
    domain (``map``). Of a category the words are public, so that every operation is a public map of them.

    Parameters
    ----------
    series : SecureSeries
        Text, or a category of words.
    """

    __slots__ = ("_series", "_words")

    def __init__(self, series: SecureSeries) -> None:
        self._series = series
        type_ = series._field.type
        words = type_.categories if type_.kind is Kind.CATEGORY else None
        self._words: tuple[str, ...] | None = None if words is None else tuple(w for w in words if isinstance(w, str))
        if type_.kind is not Kind.STRING and (words is None or len(words) != len(self._words or ())):
            infer(Text(series._expr, "len"), series._source.node.schema)
            raise PlanError(f".str needs text, and this column is of kind {type_.kind}", hint=".astype(str)")

    def _apply(self, how: str, arguments: tuple[Any, ...], change: Callable[[str], Any]) -> SecureSeries:
        """The operation at the owner, or on every word of a public domain."""
        expr = self._series._expr
        if self._words is not None:
            return self._series._with(MapValues(expr, self._words, tuple(map(change, self._words))), self._series.name)
        return self._series._with(Text(expr, how, arguments), self._series.name)

    def lower(self) -> SecureSeries:
        """The text in small letters."""
        return self._apply("lower", (), str.lower)

    def upper(self) -> SecureSeries:
        """The text in capital letters."""
        return self._apply("upper", (), str.upper)

    def strip(self) -> SecureSeries:
        """The text without blanks at its ends."""
        return self._apply("strip", (), str.strip)

    def len(self) -> SecureSeries:
        """Number of characters."""
        return self._apply("len", (), len)

    def slice(self, start: int | None = None, stop: int | None = None) -> SecureSeries:
        """The characters from ``start`` up to, without it, ``stop``; both counted from the beginning."""
        return self._apply("slice", (start or 0, stop), lambda word: word[start:stop])

    def __getitem__(self, key: Any) -> SecureSeries:
        if isinstance(key, slice) and key.step is None:
            return self.slice(key.start, key.stop)
        raise PlanError("text is sliced from one character to another", hint=".str.slice(0, 3)")

    def replace(self, pat: str, repl: str, regex: bool = False) -> SecureSeries:
        """The text with every ``pat`` replaced by ``repl``."""
        if regex:
            raise PlanError("patterns are not replaced", hint=".str.replace('-', '') replaces text")
        pat, repl = _plain(pat, "replace"), _plain(repl, "replace")
        return self._apply("replace", (pat, repl), lambda word: word.replace(pat, repl))

    def contains(self, pat: str, case: bool = True, na: Any = None, regex: bool = True) -> SecureSeries:
        """Whether the text contains another one; signs of patterns need ``regex=False``."""
        wanted = _plain(pat, "contains")
        if regex and _PATTERN.search(wanted):
            raise PlanError("patterns are not offered", hint=f".str.contains({wanted!r}, regex=False) looks for the text itself")
        if not case:
            return self.lower().str.contains(wanted.lower(), na=na, regex=False)
        return _filled(self._apply("contains", (wanted,), lambda word: wanted in word), na)

    def startswith(self, pat: str, na: Any = None) -> SecureSeries:
        """Whether the text begins with another one."""
        wanted = _plain(pat, "startswith")
        return _filled(self._apply("startswith", (wanted,), lambda word: word.startswith(wanted)), na)

    def endswith(self, pat: str, na: Any = None) -> SecureSeries:
        """Whether the text ends with another one."""
        wanted = _plain(pat, "endswith")
        return _filled(self._apply("endswith", (wanted,), lambda word: word.endswith(wanted)), na)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise PlanError(f".str.{name} is not offered", hint=f".str has {_OFFERED_TEXT}")


def _plain(text: Any, what: str) -> str:
    if not isinstance(text, str):
        if not isinstance(text, int | float):
            raise refuse_vector(text, f".str.{what}")
        raise PlanError(f".str.{what} takes text", hint=f".str.{what}('mi')")
    return text


def _filled(found: SecureSeries, na: Any) -> SecureSeries:
    return found if na is None else found.fillna(bool(na))
