"""SecureSeries: a column of a frame, or an expression over its columns. Each method makes one expression or one release."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

from secureframe import aggregations, releases
from secureframe.accessors import DateAccessor, TextAccessor
from secureframe.casting import converted, on_grid
from secureframe.errors import PlanError, SecureFrameError
from secureframe.operands import (
    BoundParameter,
    Source,
    align,
    constant,
    constants,
    exact,
    hinted,
    joint,
    onto,
    refuse_vector,
    unwrapped,
)
from secureframe.pending import merge_parameters, release
from secureframe.plan.expressions import (
    Binary,
    Clip,
    ColumnRef,
    Expr,
    FillNull,
    IsIn,
    IsNull,
    Literal,
    Not,
    Where,
    division,
    infer,
    show,
)
from secureframe.plan.nodes import Filter
from secureframe.plan.operations import FloorDivide, MapValues, Modulo
from secureframe.refusals import refusing
from secureframe.schema.calendar import as_days
from secureframe.schema.table import Field
from secureframe.schema.types import ColumnType
from secureframe.series_methods import SeriesMethods
from secureframe.series_statistics import SeriesStatistics

if TYPE_CHECKING:
    from secureframe.frame import SecureFrame

INCLUSIVE = {"both": (">=", "<="), "neither": (">", "<"), "left": (">=", "<"), "right": (">", "<=")}


@refusing
class SecureSeries(SeriesStatistics, SeriesMethods):
    """A column, lazy and immutable; it never holds values, and what it yields as numbers is released by the owners' rules.

    Parameters
    ----------
    source : Source
        The frame.
    expr : Expr
        An expression over the frame's columns; checked here.
    name : str or None
        Its name, as in pandas.
    """

    __slots__ = ("_expr", "_field", "_source", "name")

    def __init__(self, source: Source, expr: Expr, name: str | None) -> None:
        object.__setattr__(self, "_source", source)
        object.__setattr__(self, "_expr", expr)
        with hinted():
            object.__setattr__(self, "_field", infer(expr, source.node.schema))
        object.__setattr__(self, "name", name)

    _source: Source
    _expr: Expr
    _field: Field
    name: str | None

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise PlanError("a column is immutable", hint="column.rename('name'), or df.assign(name=column)")

    def __setitem__(self, key: object, value: object) -> NoReturn:
        raise PlanError("a column is immutable", hint="column.where(condition, other)")

    # -- look ----------------------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> Any:
        """The pandas dtype that the column would have in the clear."""
        from secureframe.results.shape import pandas_dtype

        return pandas_dtype(self._field.type)

    def explain(self) -> str:
        """Say where the column's frame lies and what the column is. Runs nothing."""
        return self._source.session.explain_frame(self._source.node).after(repr(self))

    def rename(self, name: str | None) -> SecureSeries:
        """Return the column under another name."""
        return SecureSeries(self._source, self._expr, name)

    def to_frame(self, name: str | None = None) -> SecureFrame:
        """Return a frame of this column alone."""
        from secureframe.frame import SecureFrame

        label = name or self.name or "value"
        return SecureFrame.of(self._source).assign(**{label: self}).filter([label])

    @property
    def _words(self) -> dict[str, str]:
        if isinstance(self._expr, ColumnRef):
            return {"frame": "df", "column": f"df[{self._expr.name!r}]"}
        return {"frame": "df", "column": show(self._expr)}

    def __repr__(self) -> str:
        from secureframe.display.frames import series_text

        return series_text(self._source.node, self._expr, self.name)

    def _repr_html_(self) -> str:
        from secureframe.display.frames import series_html

        policies = self._source.session.policies(self._field.owners)
        return series_html(self._source.node, self._expr, self.name, policies)

    def __dir__(self) -> list[str]:
        from secureframe.display.frames import public_names

        return public_names(type(self))

    # -- compute -------------------------------------------------------------------------------------------------------

    def _with(self, expr: Expr, name: str | None = None) -> SecureSeries:
        """Another expression over the same frame."""
        return SecureSeries(self._source, expr, name)

    def _combine(self, other: Any, make: Callable[[Expr, Expr], Expr], *, reflected: bool = False) -> SecureSeries:
        """Combine with a constant, a parameter or a column of the same frame, named as pandas names it."""
        source, left, right, name = self._beside(other)
        if reflected:
            left, right = right, left
        return SecureSeries(source, make(left, right), name)

    def _beside(self, other: Any) -> tuple[Source, Expr, Expr, str | None]:
        """Return a source that both operands are expressions over, the two expressions and the result's name."""
        if isinstance(other, SecureSeries):
            source, left, right = self._aligned(other)
            return source, left, right, self.name if self.name == other.name else None
        if isinstance(other, BoundParameter):
            parameters = merge_parameters(self._source.parameters, other.parameters)
            return replace(self._source, parameters=parameters), self._expr, other.expr, self.name
        return self._source, self._expr, constant(other, self._field.type), self.name

    def _aligned(self, other: SecureSeries) -> tuple[Source, Expr, Expr]:
        source, (left, right) = align([(self._source, self._expr), (other._source, other._expr)])
        return source, left, right

    def _binary(self, operator: str, other: Any, reflected: bool = False) -> SecureSeries:
        return self._combine(other, lambda a, b: Binary(operator, a, b), reflected=reflected)

    def __add__(self, other: Any) -> SecureSeries:
        return self._binary("+", other)

    def __radd__(self, other: Any) -> SecureSeries:
        return self._binary("+", other, reflected=True)

    def __sub__(self, other: Any) -> SecureSeries:
        return self._binary("-", other)

    def __rsub__(self, other: Any) -> SecureSeries:
        return self._binary("-", other, reflected=True)

    def __mul__(self, other: Any) -> SecureSeries:
        return self._binary("*", other)

    def __rmul__(self, other: Any) -> SecureSeries:
        return self._binary("*", other, reflected=True)

    def __truediv__(self, other: Any) -> SecureSeries:
        return self._divide(other)

    def __rtruediv__(self, other: Any) -> SecureSeries:
        return self._divide(other, reflected=True)

    def _divide(self, other: Any, reflected: bool = False) -> SecureSeries:
        source, left, right, name = self._beside(other)
        if reflected:
            left, right = right, left
        return SecureSeries(source, division(left, right, source.node.schema), name)

    def __neg__(self) -> SecureSeries:
        return self._with(Binary("-", Literal(0), self._expr), self.name)

    def __pos__(self) -> SecureSeries:
        return self

    def __abs__(self) -> SecureSeries:
        return self.abs()

    def _not_offered(self, operator: str, hint: str) -> SecureFrameError:
        return PlanError(f"{operator} is not offered", hint=hint.format(**self._words))

    def __floordiv__(self, other: Any) -> SecureSeries:
        return self._combine(other, FloorDivide)

    def __rfloordiv__(self, other: Any) -> SecureSeries:
        return self._combine(other, FloorDivide, reflected=True)

    def __mod__(self, other: Any) -> SecureSeries:
        return self._combine(other, Modulo)

    def __rmod__(self, other: Any) -> SecureSeries:
        return self._combine(other, Modulo, reflected=True)

    def __rpow__(self, other: Any) -> NoReturn:
        raise self._not_offered("a power of a column", "{column} * {column}")

    def __xor__(self, other: Any) -> NoReturn:
        raise self._not_offered("^", "(a & ~b) | (~a & b)")

    __rxor__ = __xor__

    def __eq__(self, other: object) -> SecureSeries:  # type: ignore[override]  # as in pandas: a column of truth values
        return self._binary("==", other)

    def __ne__(self, other: object) -> SecureSeries:  # type: ignore[override]  # as in pandas: a column of truth values
        return self._binary("!=", other)

    def __lt__(self, other: Any) -> SecureSeries:
        return self._binary("<", other)

    def __le__(self, other: Any) -> SecureSeries:
        return self._binary("<=", other)

    def __gt__(self, other: Any) -> SecureSeries:
        return self._binary(">", other)

    def __ge__(self, other: Any) -> SecureSeries:
        return self._binary(">=", other)

    def __and__(self, other: Any) -> SecureSeries:
        return self._binary("&", other)

    def __rand__(self, other: Any) -> SecureSeries:
        return self._binary("&", other, reflected=True)

    def __or__(self, other: Any) -> SecureSeries:
        return self._binary("|", other)

    def __ror__(self, other: Any) -> SecureSeries:
        return self._binary("|", other, reflected=True)

    def __invert__(self) -> SecureSeries:
        return self._with(Not(self._expr), self.name)

    def __contains__(self, value: object) -> NoReturn:
        raise PlanError("whether a value occurs is not released", hint=f"{self._words['column']}.value_counts()")

    def __getitem__(self, mask: Any) -> SecureSeries:
        if not isinstance(mask, SecureSeries):
            raise refuse_vector(mask, "choosing rows")
        source = replace(self._source, parameters=joint(self._source, mask._source))
        node = Filter(source.node, onto(mask._expr, mask._source, source))
        return SecureSeries(replace(source, node=node), self._expr, self.name)

    def isin(self, values: Sequence[Any]) -> SecureSeries:
        """Whether a value is one of a public list; missing gives False."""
        return self._with(IsIn(self._expr, constants(values, self._field.type)), self.name)

    def between(self, left: Any, right: Any, inclusive: str = "both") -> SecureSeries:
        """Whether a value lies between two others; ``inclusive`` is both, neither, left or right."""
        if inclusive not in INCLUSIVE:
            raise PlanError(f"inclusive={inclusive!r} is not offered", hint="inclusive='both', 'neither', 'left' or 'right'")
        low, high = INCLUSIVE[inclusive]
        return self._binary(low, left) & self._binary(high, right)

    def isna(self) -> SecureSeries:
        """Whether a value is missing."""
        return self._with(IsNull(self._expr), self.name)

    isnull = isna

    def notna(self) -> SecureSeries:
        """Whether a value is there."""
        return self._with(Not(IsNull(self._expr)), self.name)

    notnull = notna

    def fillna(self, value: Any) -> SecureSeries:
        """The values, and a constant or a parameter where they are missing."""
        if isinstance(value, SecureSeries):
            return self.where(self.notna(), value)
        return self._combine(value, FillNull)

    def clip(self, lower: Any = None, upper: Any = None) -> SecureSeries:
        """The values, moved to the nearer end where they lie outside ``lower .. upper``."""
        low, high = (None if bound is None else self._bound(bound) for bound in (lower, upper))
        return self._with(Clip(self._expr, low, high), self.name)

    def _bound(self, bound: Any) -> Fraction:
        """An end of ``clip``, in days since 1970-01-01 for dates."""
        if not self._field.type.is_time:
            return exact(bound, "clip")
        (found,) = constants([bound], self._field.type)
        return as_days(found)

    def where(self, cond: Any, other: Any = None) -> SecureSeries:
        """The values where a condition is true, else ``other``; missing values by default."""
        return self._choose(cond, other, lambda c: c)

    def mask(self, cond: Any, other: Any = None) -> SecureSeries:
        """The values where a condition is false, else ``other``; missing values by default."""
        return self._choose(cond, other, Not)

    def _choose(self, cond: Any, other: Any, change: Callable[[Expr], Expr]) -> SecureSeries:
        if not isinstance(cond, SecureSeries):
            raise refuse_vector(cond, "a condition")
        return where(cond._with(change(cond._expr)), self, other).rename(self.name)

    def abs(self) -> SecureSeries:
        """The values without their sign."""
        type_ = self._field.type
        if type_.is_numeric and type_.low >= 0:
            return self
        return where(self < 0, -self, self).rename(self.name)

    def round(self, decimals: int = 0) -> SecureSeries:
        """The values rounded half to even to so many decimals; to tens and hundreds where negative."""
        if not isinstance(decimals, int) or isinstance(decimals, bool) or not -9 <= decimals <= 9:
            raise PlanError("decimals is a whole number from -9 to 9", hint="round(1)")
        step = Fraction(10) ** -decimals
        if self._field.type.is_numeric and (self._field.type.step / step).denominator == 1:
            return self
        return self._with(on_grid(self._expr, step), self.name)

    def map(self, func: Any = None, na_action: Any = None) -> SecureSeries:
        """What a table has for every value: numbers, words, dates or truth values; missing where it has nothing.

        Parameters
        ----------
        func : dict
            A value for every value; named as pandas names it. Words become a category with these words as its public domain.
        na_action : None or "ignore"
            Missing values stay missing either way.
        """
        if not isinstance(func, Mapping):
            hint = f"{self._words['column']}.map({{'f': 0, 'm': 1}})"
            if func is None or callable(func):
                raise PlanError("map takes a table: Python functions cannot run on hidden rows", hint=hint)
            raise refuse_vector(func, "a map")
        if na_action not in (None, "ignore"):
            raise PlanError(f"na_action={na_action!r} is not offered", hint="na_action='ignore'")
        keys = tuple(value for key in func for value in constants([key], self._field.type))
        values = tuple(None if unwrapped(v) is None else constants([v])[0] for v in func.values())
        return self._with(MapValues(self._expr, keys, values), self.name)

    def astype(self, dtype: Any = float, *, precision: float | None = None) -> SecureSeries:
        """Return truth values as 0 and 1, numbers on another grid, or values of a public domain as words.

        Parameters
        ----------
        dtype : type, str or pandas dtype
            ``int`` for truth values, whole numbers and words that are such, ``float`` and ``"decimal"`` for numbers, ``bool`` for
            whether a number is not 0, ``str`` for values of a public domain, ``pandas.CategoricalDtype([...])`` for text.
        precision : float, optional
            One step of the new grid; values are rounded half to even onto it, a quotient once.
        """
        expr = converted(self._expr, self._field.type, dtype, precision, self._words["column"])
        return self if expr is self._expr else self._with(expr, self.name)

    # -- numbers out ---------------------------------------------------------------------------------------------------

    def _number(self, kind: str, options: dict[str, Any]) -> Any:
        releases.refuse_options(options)
        return release(releases.of_column(self._source, self.name, self._expr, kind))

    def count(self, **options: Any) -> Any:
        """Number of rows in which the value is there."""
        return self._number("count", options)

    def sum(self, **options: Any) -> Any:
        """Sum of the values."""
        return self._number("sum", options)

    def mean(self, **options: Any) -> Any:
        """Mean of the values."""
        return self._number("mean", options)

    def var(self, **options: Any) -> Any:
        """Variance, with ``ddof=1``."""
        return self._number("var", options)

    def std(self, **options: Any) -> Any:
        """Standard deviation, with ``ddof=1``."""
        return self._number("std", options)

    def agg(self, func: Any, **options: Any) -> Any:
        """One statistic by its name, or a Series of several: ``df["age"].agg(["count", "mean", "std"])``; one release."""
        releases.refuse_options(options)
        return release(aggregations.of_column(self._source, self.name, self._expr, func))

    aggregate = agg

    def median(self, **options: Any) -> Any:
        """The 50 % quantile."""
        return self._number("median", options)

    def quantile(self, q: Any = 0.5, **options: Any) -> Any:
        """A quantile that is a point of the grid, as pandas with ``interpolation="lower"``; a list gives a Series."""
        releases.refuse_options(options)
        return release(releases.quantiles_of_column(self._source, self.name, self._expr, q))

    def robust_range(self) -> Any:
        """The 5th and the 95th percentile, in place of minimum and maximum."""
        return release(releases.robust_range(self._source, self.name, self._expr))

    def describe(self, **options: Any) -> Any:
        """Count, mean, deviation and 5, 25, 50, 75, 95 %; for categories and truth values count, mode and its frequency."""
        releases.refuse_options(options)
        return release(releases.describe_column(self._source, self.name, self._expr))

    def value_counts(self, normalize: bool = False, sort: bool = True, ascending: bool = False, **options: Any) -> Any:
        """Rows of every level of the public domain, the most frequent first, withheld ones last."""
        releases.refuse_options(options)
        columns = [(self.name, self._expr)]
        return release(releases.value_counts(self._source, columns, normalize=normalize, sort=sort, ascending=ascending))

    def hist(self, bins: Any = 10, **options: Any) -> Any:
        """A `Histogram` between public edges: a list of them, or so many equal bins over the column's public range."""
        releases.refuse_options(options)
        return release(releases.histogram(self._source, self.name, self._expr, bins))

    @property
    def dt(self) -> DateAccessor:
        """Parts of dates and time stamps, and whole days of their differences."""
        return DateAccessor(self)

    @property
    def str(self) -> TextAccessor:
        """Operations on text."""
        return TextAccessor(self)


def where(cond: SecureSeries, then: Any, otherwise: Any) -> SecureSeries:
    """Return one value where a condition is true, and another one where it is false or missing.

    Parameters
    ----------
    cond : SecureSeries
        Truth values.
    then, otherwise : SecureSeries, number, text, date, parameter or None
        Columns of the same frame, or constants; None stands for a missing value.

    Examples
    --------
    >>> sf.where(patients["bmi"] >= 30, 1, 0)
    """
    if not isinstance(cond, SecureSeries):
        raise refuse_vector(cond, "a condition")
    columns = [v for v in (then, otherwise) if isinstance(v, SecureSeries)]
    against = columns[0]._field.type if columns else None
    operands = [(cond._source, cond._expr), *(_operand(v, cond._source, against) for v in (then, otherwise))]
    source, (condition, left, right) = align(operands)
    return SecureSeries(source, Where(condition, left, right), columns[0].name if columns else None)


def _operand(value: Any, beside: Source, against: ColumnType | None) -> tuple[Source, Expr]:
    """Return a branch of ``where`` as an expression over a frame; a constant has a meaning in any."""
    if isinstance(value, SecureSeries):
        return value._source, value._expr
    if isinstance(value, BoundParameter):
        return replace(beside, parameters=value.parameters), value.expr
    return beside, Literal(None) if unwrapped(value) is None else constant(value, against)
