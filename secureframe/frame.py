"""SecureFrame: a pandas-like frame over rows that stay where they are. Each method appends one node or asks for releases."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import pandas as pd

from secureframe import aggregations, releases
from secureframe.combine import merged
from secureframe.errors import DisclosureError, PlanError
from secureframe.frame_methods import FrameMethods
from secureframe.frame_statistics import FrameStatistics
from secureframe.groupby import PersonGroupBy, ReleaseGroupBy
from secureframe.lineage import Lineage
from secureframe.operands import BoundParameter, Source, constant, joint, onto, refuse_vector
from secureframe.pending import Session, merge_parameters, release
from secureframe.plan.combining import Distinct
from secureframe.plan.expressions import ColumnRef, Expr, substitute
from secureframe.plan.nodes import Filter, Node, Project, SortRows
from secureframe.query import parse_query
from secureframe.refusals import refusing
from secureframe.schema.types import Kind, Scalar
from secureframe.series import SecureSeries


@refusing
class SecureFrame(FrameStatistics, FrameMethods):
    """A frame, lazy and immutable; it holds a plan and never a row.

    Parameters
    ----------
    session : Session
        The federation it lives in.
    node : Node
        Its plan.
    parameters : mapping, optional
        Values of the parameters in the plan.
    """

    __slots__ = ("_source",)
    _source: Source

    def __init__(self, session: Session, node: Node, parameters: Mapping[str, Scalar] | None = None) -> None:
        object.__setattr__(self, "_source", Source(session=session, node=node, parameters=dict(parameters or {})))

    @classmethod
    def of(cls, source: Source) -> SecureFrame:
        """Return the frame of a source."""
        return cls(source.session, source.node, source.parameters)

    def _at(self, node: Node, parameters: Mapping[str, Scalar] | None = None) -> SecureFrame:
        held = self._source.parameters if parameters is None else merge_parameters(self._source.parameters, parameters)
        return SecureFrame(self._source.session, node, held)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise PlanError("a frame is immutable", hint=f"df = df.assign({name}=...)")

    def __setitem__(self, name: object, value: object) -> NoReturn:
        raise PlanError("a frame is immutable", hint=f"df = df.assign({name}=...)")

    # -- look ----------------------------------------------------------------------------------------------------------

    @property
    def node(self) -> Node:
        """The plan of the frame."""
        return self._source.node

    @property
    def columns(self) -> pd.Index[Any]:
        """The names of the columns."""
        return pd.Index(list(self.node.schema), dtype=object)

    @property
    def dtypes(self) -> pd.Series[Any]:
        """The pandas dtypes that the columns would have in the clear."""
        from secureframe.results.shape import pandas_dtype

        return pd.Series({name: pandas_dtype(f.type) for name, f in self.node.schema.items()}, dtype=object)

    def explain(self) -> str:
        """Say where the frame lies, what would be sent and what each role would learn. Runs nothing."""
        return self._source.session.explain_frame(self.node)

    def lineage(self) -> Lineage:
        """Say step by step how the frame was made of tables: where each step is computed, and its digest. Runs nothing."""
        return Lineage(self.node)

    def save(self, name: str) -> None:
        """Save the frame under a name of this analyst's own, for `fed.load(name)` in a later notebook.

        Institutions keep its plan, parties what is kept of its joins, all of it encrypted. No row is computed for it.
        """
        self._source.session.save(name, self.node, self._source.parameters)

    def __repr__(self) -> str:
        from secureframe.display.frames import frame_text

        return frame_text(self.node, self._source.session.policies(self.node.owners))

    def _repr_html_(self) -> str:
        from secureframe.display.frames import frame_html

        return frame_html(self.node, self._source.session.policies(self.node.owners))

    def __dir__(self) -> list[str]:
        from secureframe.display.frames import public_names

        return sorted({*public_names(type(self)), *(n for n in self.node.schema if n.isidentifier())})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.node.schema)

    def __contains__(self, name: object) -> bool:
        return name in self.node.schema

    @property
    def _words(self) -> dict[str, str]:
        named = [n for n, f in self.node.schema.items() if f.type.kind is not Kind.KEY] or ["age"]
        return {"frame": "df", "column": f"df[{named[0]!r}]"}

    # -- choose --------------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> SecureSeries:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.node.schema:
            return self._column(name)
        raise AttributeError(f"SecureFrame has no column or method {name!r}; its columns are {', '.join(self.node.schema)}")

    def _column(self, name: str) -> SecureSeries:
        return SecureSeries(self._source, ColumnRef(name), name)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._column(key)
        if isinstance(key, SecureSeries):
            return self._filtered(key)
        if isinstance(key, list) and key and all(isinstance(name, str) for name in key):
            return self._at(Project(self.node, tuple((name, ColumnRef(name)) for name in key)))
        if callable(key):
            return self[key(self)]
        if isinstance(key, slice):
            raise DisclosureError("rows are not chosen by position", hint="df[df['age'] >= 50]")
        raise refuse_vector(key, "choosing rows")

    def _filtered(self, mask: SecureSeries) -> SecureFrame:
        predicate = onto(mask._expr, mask._source, self._source)
        return self._at(Filter(self.node, predicate), mask._source.parameters)

    @property
    def loc(self) -> Loc:
        """Rows by a condition and columns by name: ``df.loc[df["age"] >= 50, ["age", "bmi"]]``."""
        return Loc(self)

    def filter(
        self, items: Sequence[str] | None = None, like: str | None = None, regex: str | None = None, axis: Any = 1
    ) -> SecureFrame:
        """Return the named columns, those with a text in their name, or those whose name matches."""
        if [items is None, like is None, regex is None].count(False) != 1 or axis not in (1, "columns"):
            raise PlanError("filter chooses columns by items=, like= or regex=", hint="df.filter(like='age')")
        if items is not None:
            names = [name for name in items if name in self.node.schema]
        else:
            names = [n for n in self.node.schema if (like in n if like is not None else re.search(regex or "", n))]
        kept: SecureFrame = self[names]
        return kept

    def query(self, expr: str, *, local_dict: Mapping[str, Any] | None = None) -> SecureFrame:
        """Return the rows where a condition is true.

        Parameters
        ----------
        expr : str
            Comparisons, ``and or not & | ~``, ``in [...]``, ``+ - * /``, columns by name, ``@name`` for values.
        local_dict : mapping, optional
            What ``@name`` stands for; by default the names of the calling code.

        Examples
        --------
        >>> patients.query("age >= 50 and male == 1")
        """
        if local_dict is None:
            caller = sys._getframe(1)
            local_dict = {**caller.f_globals, **caller.f_locals} if isinstance(expr, str) and "@" in expr else {}
        predicate, parameters = parse_query(expr, self._source, local_dict)
        return self._at(Filter(self.node, predicate), parameters)

    def drop(self, labels: Any = None, *, columns: Any = None, axis: Any = 0) -> SecureFrame:
        """Return the frame without some columns."""
        if columns is None and axis in (1, "columns"):
            columns, labels = labels, None
        if labels is not None or columns is None:
            raise DisclosureError("rows are not dropped by label", hint="df.drop(columns=['a']), or df[~(condition)]")
        gone = [columns] if isinstance(columns, str) else list(columns)
        for name in gone:
            self._column(name)
        return self._at(Project(self.node, tuple((n, ColumnRef(n)) for n in self.node.schema if n not in gone)))

    def rename(
        self,
        mapper: Mapping[str, str] | Callable[[str], str] | None = None,
        *,
        columns: Mapping[str, str] | Callable[[str], str] | None = None,
        axis: Any = 0,
    ) -> SecureFrame:
        """Return the frame with other names for columns: ``columns=``, or a mapping with ``axis=1``."""
        if mapper is not None and axis in (1, "columns"):
            columns = mapper
        if columns is None:
            raise PlanError("rows have no names", hint="df.rename(columns={'age': 'years'})")
        names = columns
        new = names if callable(names) else lambda name: names.get(name, name)
        return self._at(Project(self.node, tuple((new(name), ColumnRef(name)) for name in self.node.schema)))

    def assign(self, **columns: Any) -> SecureFrame:
        """Return the frame with further or other columns.

        Parameters
        ----------
        **columns
            Columns of this frame and expressions of them, constants, or functions of the frame so far.

        Examples
        --------
        >>> patients.assign(bmi=patients["weight"] * 10000 / (patients["height"] * patients["height"]))
        """
        definitions: dict[str, Expr] = {name: ColumnRef(name) for name in self.node.schema}
        frame = self
        for name, value in columns.items():
            if callable(value) and not isinstance(value, SecureSeries):
                value = value(frame)
            expr, parameters = frame._value(value)
            definitions[name] = substitute(expr, dict(definitions))
            frame = self._at(
                Project(self.node, tuple(definitions.items())), merge_parameters(frame._source.parameters, parameters)
            )
        return frame

    def _value(self, value: Any) -> tuple[Expr, Mapping[str, Scalar]]:
        if isinstance(value, SecureSeries):
            return onto(value._expr, value._source, self._source), value._source.parameters
        if isinstance(value, BoundParameter):
            return value.expr, value.parameters
        return constant(value), {}

    def sort_values(self, by: str | Sequence[str], *, ascending: bool | Sequence[bool] = True) -> SecureFrame:
        """Return the rows in a stated order, by which a person-level ``first`` and ``last`` go."""
        names = (by,) if isinstance(by, str) else tuple(by)
        directions = {ascending} if isinstance(ascending, bool) else set(ascending)
        if len(directions) != 1:
            raise PlanError("all columns are sorted in one direction", hint="sort_values(['days', 'value'], ascending=True)")
        return self._at(SortRows(self.node, names, directions.pop()))

    # -- combine -------------------------------------------------------------------------------------------------------

    def merge(
        self,
        right: SecureFrame,
        how: str = "inner",
        on: str | Sequence[str] | None = None,
        *,
        left_on: str | Sequence[str] | None = None,
        right_on: str | Sequence[str] | None = None,
        validate: str | None = None,
        suffixes: tuple[str, str] = ("_x", "_y"),
    ) -> SecureFrame:
        """Return the rows of two frames that have the same key side by side, as pandas does.

        Parameters
        ----------
        right : SecureFrame
            The key of one of the two frames is unique; frames with many rows a person are reduced by a group-by first.
        how : str
            ``inner``, ``left``, ``right``, ``outer``, ``left_anti`` or ``right_anti``.
        on, left_on, right_on : str or list of str, optional
            The key, of one column or several; by default the only key that both frames have by one name.
        validate : str, optional
            ``1:1``, ``m:1``, ``1:m`` or their long names. What the owners do not declare is checked on shares: if it turns out
            not to hold, everything that is released of the frame is withheld.
        suffixes : tuple of str
            For columns that both frames have.

        Examples
        --------
        >>> patients.merge(labs.groupby("id").agg(sbp=("value", "mean")), on="id", how="left")
        """
        if not isinstance(right, SecureFrame):
            raise DisclosureError(
                f"a {type(right).__name__} is not merged in: it could hold rows that the analyst made",
                hint="a frame of the federation: left.merge(fed['laboratory.labs'], on='id')",
            )
        if right._source.session is not self._source.session:
            raise PlanError("the frames belong to different federations", hint="open both in one federation")
        left_keys, right_keys = self._merge_keys(right, on, left_on, right_on)
        named = (suffixes[0] or "", suffixes[1] or "")
        node = merged(self.node, right.node, left_keys, right_keys, how, named, validate)
        return SecureFrame(self._source.session, node, joint(self._source, right._source))

    def _merge_keys(self, right: SecureFrame, on: Any, left_on: Any, right_on: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if on is None and left_on is None and right_on is None:
            shared = [n for n, f in self.node.schema.items() if f.type.kind is Kind.KEY and n in right.node.schema]
            if len(shared) != 1:
                raise PlanError("it is not clear which key to merge on", hint="left.merge(right, on='id')")
            return (shared[0],), (shared[0],)
        if (on is None) == (left_on is None or right_on is None) or (on is not None and (left_on or right_on)):
            raise PlanError("merge takes on=, or left_on= and right_on=", hint="left.merge(right, on='id')")
        pair = [on, on] if on is not None else [left_on, right_on]
        names = [tuple(key) if isinstance(key, list | tuple) else (key,) for key in pair]
        if not all(isinstance(name, str) for key in names for name in key):
            raise PlanError("frames are merged on columns by name", hint="left.merge(right, on=['practice', 'number'])")
        return names[0], names[1]

    def drop_duplicates(self, subset: str | Sequence[str] | None = None, *, keep: str | bool = "first") -> SecureFrame:
        """Return one of all rows that agree in some columns.

        Parameters
        ----------
        subset : str or list of str, optional
            The columns; all by default. Missing values agree with each other, as in pandas.
        keep : str or bool
            ``"first"`` or ``"last"``, in the order of the table, of the frames that were stacked, or of ``sort_values``; False
            for none of rows that are not the only one.
        """
        if keep not in ("first", "last", False):
            raise PlanError(f"drop_duplicates(keep={keep!r}) is not offered", hint="keep='first', 'last' or False")
        names = list(self.node.schema) if subset is None else [subset] if isinstance(subset, str) else list(subset)
        return self._at(Distinct(self.node, tuple(names), str(keep) if keep else "none"))

    def groupby(self, by: Any, *, observed: bool = False, **options: Any) -> Any:
        """Group rows: by the person key a frame with one row a person, by public keys a release.

        Parameters
        ----------
        by : str, SecureSeries or list of them
            The person key alone, or columns with a public domain: categories, truth values, bands from ``sf.cut``.
        observed : bool
            Only False: every declared combination of levels is returned.

        Examples
        --------
        >>> labs.groupby("id").agg(sbp=("value", "mean"))
        >>> cohort.groupby("male")["sbp"].agg(["count", "mean", "median"])
        """
        releases.refuse_options(options)
        if observed:
            raise PlanError(
                "every declared combination of levels is returned", hint="leave out observed=True, then table[table['count'] > 0]"
            )
        keys = list(by) if isinstance(by, list | tuple) else [by]
        if not keys:
            raise PlanError("groupby needs a key", hint="groupby('male')")
        columns = [self._column(key) if isinstance(key, str) else key for key in keys]
        for key in columns:
            if not isinstance(key, SecureSeries):
                raise refuse_vector(key, "grouping")
        source = self._source
        exprs = [onto(key._expr, key._source, source) for key in columns]
        if ColumnRef(self.node.person_key or "") in exprs:
            if len(keys) > 1:
                raise PlanError(
                    "a frame with one row a person and level is not offered",
                    hint=f"df[df['test'] == 'sbp'].groupby({self.node.person_key!r})",
                )
            return PersonGroupBy(source, self.node.person_key or "")
        source = replace(source, parameters=joint(source, *(key._source for key in columns)))
        return ReleaseGroupBy(source, tuple((key.name, expr) for key, expr in zip(columns, exprs, strict=True)))

    # -- numbers out ---------------------------------------------------------------------------------------------------

    def _numbers(self, kind: str, options: dict[str, Any]) -> Any:
        releases.refuse_options(options)
        return release(releases.of_columns(self._source, releases.suitable(kind, self.node.schema), kind))

    def count(self, **options: Any) -> Any:
        """Values that are there, of every column."""
        return self._numbers("count", options)

    def sum(self, **options: Any) -> Any:
        """Sums of the columns of numbers."""
        return self._numbers("sum", options)

    def mean(self, **options: Any) -> Any:
        """Means of the columns of numbers."""
        return self._numbers("mean", options)

    def var(self, **options: Any) -> Any:
        """Variances of the columns of numbers, with ``ddof=1``."""
        return self._numbers("var", options)

    def std(self, **options: Any) -> Any:
        """Standard deviations of the columns of numbers, with ``ddof=1``."""
        return self._numbers("std", options)

    def agg(self, func: Any, **options: Any) -> Any:
        """Statistics of the columns, as one release.

        Parameters
        ----------
        func : str, list or dict
            ``"mean"`` gives a Series, ``["count", "mean"]`` a DataFrame with a row a statistic, ``{"age": "mean"}`` a Series of
            what is named.
        """
        releases.refuse_options(options)
        return release(aggregations.of_frame(self._source, func))

    aggregate = agg

    def median(self, **options: Any) -> Any:
        """The 50 % quantiles of the columns of numbers."""
        return self._numbers("median", options)

    def quantile(self, q: Any = 0.5, **options: Any) -> Any:
        """Quantiles of the columns of numbers, points of their grids; a list gives a DataFrame."""
        releases.refuse_options(options)
        return release(releases.quantiles_of_columns(self._source, releases.suitable("quantile", self.node.schema), q))

    def robust_range(self) -> Any:
        """The 5th and the 95th percentile of the columns of numbers, in place of minimum and maximum."""
        names = releases.suitable("quantile", self.node.schema)
        return release(releases.quantiles_of_columns(self._source, names, releases.ROBUST, ["5%", "95%"]))

    def describe(self, include: str | None = None, **options: Any) -> Any:
        """Count, mean, deviation and 5, 25, 50, 75, 95 % of the columns of numbers, in one job.

        Parameters
        ----------
        include : str, optional
            ``"all"`` adds categories and truth values, with count, mode and its frequency; they are described alone where
            there are no numbers.
        """
        releases.refuse_options(options)
        schema = self.node.schema
        everything = releases.suitable("count", schema)
        levelled = [n for n in everything if releases.is_levelled(schema[n].type)]
        numbers = [n for n in everything if schema[n].type.is_numeric and n not in levelled]
        if include not in (None, "all"):
            raise PlanError(f"include={include!r} is not offered", hint="include='all'")
        chosen = [n for n in everything if n in numbers + levelled] if include == "all" else numbers or levelled
        return release(releases.describe(self._source, chosen or everything))

    def value_counts(
        self,
        subset: Sequence[str] | None = None,
        normalize: bool = False,
        sort: bool = True,
        ascending: bool = False,
        **options: Any,
    ) -> Any:
        """Rows of every combination of levels of some columns, the most frequent first, withheld ones last."""
        releases.refuse_options(options)
        names = list(self.node.schema) if subset is None else [subset] if isinstance(subset, str) else list(subset)
        columns = [(name, ColumnRef(name)) for name in names]
        return release(releases.value_counts(self._source, columns, normalize=normalize, sort=sort, ascending=ascending))

    def hist(self, column: str | Sequence[str] | None = None, bins: Any = 10, **options: Any) -> Any:
        """A `Histogram` of every column of numbers, by name; of one column the histogram itself."""
        releases.refuse_options(options)
        if isinstance(column, str):
            return self._column(column).hist(bins=bins)
        names = releases.suitable("hist", self.node.schema) if column is None else list(column)
        return release(releases.histograms(self._source, names, bins))


class Loc:
    """``df.loc[condition]``, ``df.loc[condition, columns]``, ``df.loc[:, columns]``; rows by label are refused."""

    __slots__ = ("_frame",)

    def __init__(self, frame: SecureFrame) -> None:
        self._frame = frame

    def __getitem__(self, key: Any) -> Any:
        rows, columns = key if isinstance(key, tuple) and len(key) == 2 else (key, slice(None))
        everything = isinstance(rows, slice) and rows == slice(None)
        if not everything and not isinstance(rows, SecureSeries):
            raise DisclosureError("rows are not chosen by label or position", hint="df.loc[df['age'] >= 50]")
        chosen = self._frame if everything else self._frame[rows]
        return chosen if isinstance(columns, slice) and columns == slice(None) else chosen[columns]
