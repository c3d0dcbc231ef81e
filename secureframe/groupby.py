"""Group-by: over the person key a frame with one row a person, over public keys a release.

Which of the two it is depends on the keys alone, so it is decided when the statement is typed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import pandas as pd

from secureframe import distinct, matrices, releases
from secureframe.errors import DisclosureError, PlanError
from secureframe.operands import Source
from secureframe.pending import Pending, release
from secureframe.plan.combining import Distinct
from secureframe.plan.expressions import ColumnRef, Expr
from secureframe.plan.nodes import HOWS, Aggregation, GroupPersons, Statistic, Summarise
from secureframe.results.forms import Form
from secureframe.results.shape import grouped_frame, grouped_series, stacked_quantiles
from secureframe.schema.table import Schema
from secureframe.schema.types import Kind

if TYPE_CHECKING:
    from secureframe.frame import SecureFrame

RELEASED = ("count", "size", "sum", "mean", "var", "std", "sem", "median", "skew", "kurtosis", "nunique")
SAME = {"kurt": "kurtosis"}
EXTREME = ("min", "max", "first", "last", "nth", "idxmin", "idxmax", "head", "tail")
"""What would be one person's value."""
ROW_BY_ROW = ("apply", "transform", "filter", "rank", "cumsum", "shift", "diff")


def _names(columns: Any, schema: Schema) -> tuple[str, ...]:
    found = (columns,) if isinstance(columns, str) else tuple(columns)
    for name in found:
        if not isinstance(name, str) or name not in schema:
            raise PlanError(f"there is no column {name!r}", hint=f"the columns are {', '.join(schema)}")
    if not found:
        raise PlanError("no column is chosen", hint=f"the columns are {', '.join(schema)}")
    return found


def _how(how: Any, offered: Sequence[str]) -> str:
    """Return the name of a function, or refuse it."""
    if not isinstance(how, str):
        raise PlanError("Python functions cannot run on hidden rows", hint=f"one of {', '.join(map(repr, offered))}")
    return how


def _suited_for(kinds: Sequence[str]) -> str:
    """What columns have to suit where several statistics are taken of each: levels, numbers, or nothing in particular."""
    if set(kinds) <= {"count", "size"}:
        return "count"
    return "nunique" if set(kinds) <= {"count", "size", "nunique"} else "mean"


class _Grouped:
    """A frame with its keys, and the columns that were chosen of it."""

    __slots__ = ("_chosen", "_single", "_source")

    def __init__(self, source: Source, chosen: tuple[str, ...] | None = None, *, single: bool = False) -> None:
        self._source = source
        self._chosen = chosen
        self._single = single

    def _choose(self, chosen: tuple[str, ...], single: bool) -> Any:
        raise NotImplementedError

    def __getitem__(self, columns: Any) -> Any:
        return self._choose(_names(columns, self._source.node.schema), isinstance(columns, str))

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self._source.node.schema:
            return self[name]
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        return sorted({n for n in dir(type(self)) if not n.startswith("_")} | set(self._source.node.schema))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._source.node.schema)

    def __iter__(self) -> NoReturn:
        raise DisclosureError("groups are rows, and rows never leave their institution", hint="groupby('male').mean()")

    def __len__(self) -> NoReturn:
        raise DisclosureError("groups are not counted before they are released", hint="groupby('male').size()")


class PersonGroupBy(_Grouped):
    """Rows by person: every method gives a frame with one row a person and a hidden number of them.

    Rows keep the table's order, or that of ``sort_values``; ``first`` and ``last`` go by it and skip missing values.
    """

    __slots__ = ("_key",)

    def __init__(self, source: Source, key: str, chosen: tuple[str, ...] | None = None, *, single: bool = False) -> None:
        super().__init__(source, chosen, single=single)
        self._key = key

    def _choose(self, chosen: tuple[str, ...], single: bool) -> PersonGroupBy:
        return PersonGroupBy(self._source, self._key, chosen, single=single)

    def __repr__(self) -> str:
        return f"<groupby {self._key}: one row a person; .agg(new=('column', 'how')), {', '.join('.' + h + '()' for h in HOWS)}>"

    def agg(self, func: Any = None, **named: Any) -> SecureFrame:
        """Reduce every person's rows to one.

        Parameters
        ----------
        func : str, list or dict, optional
            ``"mean"`` for all chosen columns, a list for one chosen column, or ``{"column": "how"}``.
        **named
            ``new=("column", "how")``; ``new="how"`` where one column is chosen.

        Examples
        --------
        >>> labs.groupby("id").agg(sbp=("value", "mean"), visits=("value", "count"))
        """
        if (func is None) == (not named):
            raise PlanError("agg needs functions", hint="groupby('id').agg(mean_value=('value', 'mean'))")
        if named:
            asked = [(new, *self._pair(pair)) for new, pair in named.items()]
        elif isinstance(func, str):
            asked = [(name, name, func) for name in (self._chosen or self._suited(func))]
        elif isinstance(func, Mapping):
            asked = [(name, name, how) for name, how in func.items()]
        elif self._single and self._chosen and isinstance(func, Sequence):
            asked = [(_how(how, HOWS), self._chosen[0], how) for how in func]
        else:
            raise PlanError(
                "several functions of several columns need names", hint="agg(low=('value', 'min'), high=('value', 'max'))"
            )
        return self._reduced([(new, column, _how(how, HOWS)) for new, column, how in asked])

    aggregate = agg

    def _pair(self, pair: Any) -> tuple[str, Any]:
        if isinstance(pair, str) and self._single and self._chosen:
            return self._chosen[0], pair
        if isinstance(pair, tuple | list) and len(pair) == 2:
            return pair[0], pair[1]
        raise PlanError("a named reduction is a column and a function", hint="agg(mean_value=('value', 'mean'))")

    def _suited(self, how: str) -> list[str]:
        """The columns a reduction is taken of where none are chosen."""
        fields = {
            name: f.type for name, f in self._source.node.schema.items() if name != self._key and f.type.kind is not Kind.KEY
        }
        match how:
            case "sum" | "mean":
                found = [name for name, t in fields.items() if t.is_numeric]
            case "min" | "max":
                found = [name for name, t in fields.items() if t.is_ordered]
            case "any":
                found = [name for name, t in fields.items() if t.kind is Kind.BOOL]
            case "first" | "last":
                found = [name for name, t in fields.items() if t.kind is not Kind.STRING]
            case _:
                found = list(fields)
        if not found:
            raise PlanError(f"no column is suited for {how}", hint=f"agg(new=('column', {how!r}))")
        return found

    def _reduced(self, asked: Sequence[tuple[str, str, str]]) -> SecureFrame:
        from secureframe.frame import SecureFrame

        if any(how == "nunique" for _, _, how in asked):
            return self._different(asked)
        aggregations = tuple(Aggregation(name=new, column=column, how=how) for new, column, how in asked)
        return SecureFrame.of(replace(self._source, node=GroupPersons(self._source.node, self._key, aggregations)))

    def size(self) -> SecureFrame:
        """A person's rows, counted in a column ``size``."""
        return self._reduced([("size", self._key, "count")])

    def count(self) -> SecureFrame:
        """A person's values that are there, counted."""
        return self.agg("count")

    def _different(self, asked: Sequence[tuple[str, str, str]]) -> SecureFrame:
        """Different values of one column: its values, counted where each of them stands once a person."""
        from secureframe.frame import SecureFrame

        columns = {column for _, column, _ in asked}
        if len(columns) != 1 or any(how != "nunique" for _, _, how in asked):
            raise PlanError(
                "different values are counted of one column at a time, and nothing else with them",
                hint=f"df.groupby({self._key!r})['test'].nunique(), then merge it to the rest",
            )
        (column,) = columns
        once = Distinct(self._source.node, (self._key, column))
        counted = tuple(Aggregation(name=new, column=column, how="count") for new, _, _ in asked)
        return SecureFrame.of(replace(self._source, node=GroupPersons(once, self._key, counted)))

    def nunique(self) -> SecureFrame:
        """How many different values a person has in the chosen column; missing ones do not count."""
        return self.agg("nunique")

    def sum(self) -> SecureFrame:
        """Sums of a person's values."""
        return self.agg("sum")

    def mean(self) -> SecureFrame:
        """Means of a person's values, on a grid of a hundredth of their step or finer."""
        return self.agg("mean")

    def min(self) -> SecureFrame:
        """The smallest of a person's values."""
        return self.agg("min")

    def max(self) -> SecureFrame:
        """The largest of a person's values."""
        return self.agg("max")

    def first(self) -> SecureFrame:
        """The first of a person's values that is there."""
        return self.agg("first")

    def last(self) -> SecureFrame:
        """The last of a person's values that is there."""
        return self.agg("last")

    def any(self) -> SecureFrame:
        """Whether a condition is true in any of a person's rows."""
        return self.agg("any")


class ReleaseGroupBy(_Grouped):
    """Rows by public keys: every method is a release over every declared combination of levels."""

    __slots__ = ("_keys",)

    def __init__(
        self,
        source: Source,
        keys: tuple[tuple[str | None, Expr], ...],
        chosen: tuple[str, ...] | None = None,
        *,
        single: bool = False,
    ) -> None:
        super().__init__(source, chosen, single=single)
        self._keys = keys

    def _choose(self, chosen: tuple[str, ...], single: bool) -> ReleaseGroupBy:
        return ReleaseGroupBy(self._source, self._keys, chosen, single=single)

    @property
    def _labels(self) -> list[str | None]:
        return [label for label, _ in self._keys]

    def __repr__(self) -> str:
        return (
            f"<groupby {', '.join(map(str, self._labels))}: a release; .agg(...), {', '.join('.' + h + '()' for h in RELEASED)}>"
        )

    def __getattr__(self, name: str) -> Any:
        if name in (*EXTREME, *ROW_BY_ROW, "value_counts") and name not in self._source.node.schema:
            raise self._refused(name)
        return super().__getattr__(name)

    def _refused(self, how: str) -> DisclosureError | PlanError:
        if how in EXTREME:
            numbers = [n for n, f in self._source.node.schema.items() if f.type.is_numeric and f.type.kind is not Kind.KEY]
            column = next(iter([*(self._chosen or ()), *numbers]), "age")
            keys = [label or "a column" for label in self._labels]
            by = repr(keys[0]) if len(keys) == 1 else repr(keys)
            return DisclosureError(
                f"{how} of a group is one person's value",
                hint=f"df.groupby({by})[{column!r}].quantile(0.95), or 'median' in agg",
            )
        if how == "value_counts":
            keys = [label or "a column" for label in self._labels]
            return PlanError(
                "value_counts is not offered over groups", hint=f"df.groupby({[*keys, *(self._chosen or ('grade',))]!r}).size()"
            )
        return PlanError(f"{how!r} is not offered over groups", hint=f"{', '.join(map(repr, RELEASED))}")

    def _kind(self, how: Any) -> str:
        asked = _how(how, RELEASED)
        name = SAME.get(asked, asked)
        if name not in RELEASED:
            raise self._refused(name)
        return name

    def _columns(self, kind: str) -> tuple[str, ...]:
        """The chosen columns, or those that a statistic is taken of where none are chosen."""
        by = [e.name for _, e in self._keys if isinstance(e, ColumnRef)]
        suited = distinct.countable(self._source.node.schema, by) if kind == "nunique" and not self._chosen else None
        return self._chosen or tuple(suited or releases.suitable(kind, self._source.node.schema, by))

    def _column(self, name: Any) -> tuple[str, Expr]:
        (found,) = _names(name, self._source.node.schema)
        return found, ColumnRef(found)

    def agg(self, func: Any = None, **named: Any) -> Any:
        """Release statistics of every group.

        Parameters
        ----------
        func : str, list or dict, optional
            As in pandas: ``"mean"``, ``["count", "mean"]``, ``{"age": ["mean", "std"]}``.
        **named
            ``new=("column", "how")``; ``new="how"`` where one column is chosen.

        Returns
        -------
        pandas.DataFrame or pandas.Series
            Every declared combination of levels, withheld cells missing.
        """
        if (func is None) == (not named):
            raise PlanError("agg needs functions", hint="groupby('male').agg(n=('age', 'count'), mean=('age', 'mean'))")
        if named:
            asked = [(new, *self._pair(pair)) for new, pair in named.items()]
            return self._frame([(column, kind) for _, column, kind in asked], pd.Index([new for new, _, _ in asked]))
        if isinstance(func, str):
            return self._one(self._kind(func))
        if isinstance(func, Mapping):
            return self._of_mapping(func)
        if not isinstance(func, Sequence) or not func:
            raise PlanError("Python functions cannot run on hidden rows", hint=f"{', '.join(map(repr, RELEASED))}")
        kinds = [self._kind(how) for how in func]
        if self._single and self._chosen:
            return self._frame([(self._chosen[0], kind) for kind in kinds], pd.Index(list(func)))
        columns = self._columns(_suited_for(kinds))
        shown = pd.MultiIndex.from_tuples([(name, how) for name in columns for how in func])
        return self._frame([(name, kind) for name in columns for kind in kinds], shown)

    aggregate = agg

    def _pair(self, pair: Any) -> tuple[str, str]:
        if isinstance(pair, str) and self._single and self._chosen:
            return self._chosen[0], self._kind(pair)
        if isinstance(pair, tuple | list) and len(pair) == 2:
            return self._column(pair[0])[0], self._kind(pair[1])
        raise PlanError("a named statistic is a column and a function", hint="agg(n=('age', 'count'), mean=('age', 'mean'))")

    def _of_mapping(self, func: Mapping[str, Any]) -> Any:
        lists = any(not isinstance(how, str) for how in func.values())
        shown: list[tuple[str, str]] = []
        for name, hows in func.items():
            column = self._column(name)[0]
            shown += [(column, how) for how in ([hows] if isinstance(hows, str) else hows)]
        columns = pd.MultiIndex.from_tuples(shown) if lists else pd.Index([name for name, _ in shown])
        return self._frame([(name, self._kind(how)) for name, how in shown], columns)

    def _frame(self, pairs: Sequence[tuple[str, str]], columns: pd.Index[Any]) -> Any:
        statistics = [(None if kind == "size" else self._column(name), kind) for name, kind in pairs]
        grouped = distinct.grouped if any(kind == "nunique" for _, kind in pairs) else releases.grouped
        return self._out(grouped(self._source, self._keys, statistics, columns))

    def _out(self, pending: Pending[Any]) -> Any:
        """Release now, or wait."""
        return release(pending)

    def _one(self, kind: str) -> Any:
        """One statistic: a Series where one column is chosen (or rows are counted), else a DataFrame."""
        if kind != "size" and not self._single:
            columns = self._columns(kind)
            return self._frame([(name, kind) for name in columns], pd.Index(columns))
        name = self._chosen[0] if self._single and self._chosen else None
        if kind == "nunique" and name is not None:
            return self._out(distinct.by_groups(self._source, self._keys, name))
        statistic = (None if kind == "size" or name is None else self._column(name), kind)
        node, by, found = releases.grouped_statistics(self._source, self._keys, [statistic])
        return self._release([Summarise(node, by, found)], Form(grouped_series, name, self._labels), kind)

    def _release(self, nodes: Sequence[Summarise], shape: Any, title: str) -> Any:
        by = ", ".join(label or "a column" for label in self._labels)
        return self._out(self._source.asks(nodes, shape, f"{title} by {by}"))

    def size(self) -> Any:
        """Rows of every group."""
        return self._one("size")

    def count(self) -> Any:
        """Values that are there."""
        return self._one("count")

    def sum(self, **options: Any) -> Any:
        """Sums."""
        releases.refuse_options(options)
        return self._one("sum")

    def mean(self, **options: Any) -> Any:
        """Means."""
        releases.refuse_options(options)
        return self._one("mean")

    def var(self, **options: Any) -> Any:
        """Variances, with ``ddof=1``."""
        releases.refuse_options(options)
        return self._one("var")

    def std(self, **options: Any) -> Any:
        """Standard deviations, with ``ddof=1``."""
        releases.refuse_options(options)
        return self._one("std")

    def sem(self, **options: Any) -> Any:
        """Standard errors of means, with ``ddof=1``."""
        releases.refuse_options(options)
        return self._one("sem")

    def skew(self, **options: Any) -> Any:
        """Skewness, adjusted for bias as in pandas."""
        releases.refuse_options(options)
        return self._one("skew")

    def kurt(self, **options: Any) -> Any:
        """Excess kurtosis, adjusted for bias as in pandas."""
        releases.refuse_options(options)
        return self._one("kurtosis")

    kurtosis = kurt

    def nunique(self, **options: Any) -> Any:
        """How many levels of a public domain occur; missing where a level is withheld."""
        releases.refuse_options(options)
        return self._one("nunique")

    def corr(self, method: str = "pearson", **options: Any) -> Any:
        """Pearson's correlations of all pairs of columns, a matrix a group."""
        releases.refuse_options({**options, "method": method})
        return self._out(matrices.matrices_by(self._source, self._keys, self._columns("corr"), "corr"))

    def cov(self, **options: Any) -> Any:
        """Covariances of all pairs of columns with ``ddof=1``, a matrix a group."""
        releases.refuse_options(options)
        return self._out(matrices.matrices_by(self._source, self._keys, self._columns("cov"), "cov"))

    def median(self, **options: Any) -> Any:
        """The 50 % quantiles."""
        releases.refuse_options(options)
        return self._one("median")

    def quantile(self, q: Any = 0.5, **options: Any) -> Any:
        """Quantiles that are points of the grid; a list of them becomes the last level of the index, as in pandas."""
        releases.refuse_options(options)
        fractions, shown, many = releases.as_quantiles(q)
        columns = self._columns("quantile")
        asked = [(self._column(name), "quantile") for name in columns]
        node, by, found = releases.quantile_statistics(self._source, self._keys, asked, fractions)
        nodes = [Summarise(node, by, found)]
        if many:
            label: Any = columns[0] if self._single else columns
            return self._release(nodes, Form(stacked_quantiles, shown, label, self._labels), "quantiles")
        if self._single:
            return self._release(nodes, Form(grouped_series, columns[0], self._labels), "quantile")
        return self._release(nodes, Form(grouped_frame, pd.Index(columns), self._labels), "quantile")

    def describe(self, **options: Any) -> Any:
        """Count, mean, deviation and 5, 25, 50, 75, 95 % of every group."""
        releases.refuse_options(options)
        columns = self._columns("mean")
        schema = self._source.node.schema
        rows: list[tuple[str, str, Statistic]] = [
            (name, row, asked) for name in columns for row, asked in releases.describe_statistics(name, schema[name])
        ]
        node, by, _ = releases.grouped_statistics(self._source, self._keys, [(self._column(name), "count") for name in columns])
        labels = pd.Index([r for _, r, _ in rows]) if self._single else pd.MultiIndex.from_tuples([(n, r) for n, r, _ in rows])
        nodes = [Summarise(node, by, tuple(asked for _, _, asked in rows))]
        return self._release(nodes, Form(grouped_frame, labels, self._labels), "description")
