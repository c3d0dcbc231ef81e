"""Functions beside the methods: bands, choices between values, cross tables, the first table of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pandas as pd

from secureframe import releases
from secureframe.combine import stacked
from secureframe.errors import DisclosureError, PlanError
from secureframe.frame import SecureFrame
from secureframe.operands import added, align, constants, exact, hinted, joint, onto, refuse_vector, unwrapped
from secureframe.pending import release
from secureframe.plan.expressions import Binary, ColumnRef, Cut, Expr, Literal
from secureframe.plan.nodes import Statistic, Summarise
from secureframe.results.forms import Form
from secureframe.results.shape import Normalize
from secureframe.results.summaries import crossed
from secureframe.schema.calendar import EPOCH, as_days, as_timestamp
from secureframe.schema.types import ColumnType
from secureframe.series import SecureSeries, where

__all__ = ["concat", "crosstab", "cut", "table_one", "where"]


def concat(
    objs: Sequence[SecureFrame], *, join: str = "outer", keys: Sequence[str] | None = None, names: Sequence[str] | None = None
) -> SecureFrame:
    """Return the rows of several frames, one after the other; columns are aligned by name.

    Parameters
    ----------
    objs : list of SecureFrame
        Frames of one federation. Ranges and categories of a column are united; other differences of type are refused.
    join : str
        ``outer`` keeps the columns of all frames, missing where a frame does not have them; ``inner`` those of every one.
    keys, names : list of str, optional
        A label for every frame, and the name of the column that holds it (``centre`` by default).

    Examples
    --------
    >>> tumours = sf.concat([fed["rotterdam.tumours"], fed["freiburg.tumours"]], keys=["NL", "DE"], names=["country"])
    >>> tumours.groupby("country")["age"].mean()
    """
    frames = list(objs) if isinstance(objs, list | tuple) else []
    if not frames:
        raise PlanError("concat takes a list of frames", hint="sf.concat([fed['a.patients'], fed['b.patients']])")
    for frame in frames:
        if not isinstance(frame, SecureFrame):
            raise DisclosureError(
                f"a {type(frame).__name__} is not stacked: it could hold rows that the analyst made",
                hint="frames of the federation: sf.concat([fed['a.patients'], fed['b.patients']])",
            )
        if frame._source.session is not frames[0]._source.session:
            raise PlanError("the frames belong to different federations", hint="open both in one federation")
    if names is not None and len(names) != 1:
        raise PlanError("concat makes one column of labels", hint="names=['centre']")
    node = stacked([f.node for f in frames], join=join, keys=keys, name=names[0] if names else "centre")
    return SecureFrame(frames[0]._source.session, node, joint(*(f._source for f in frames)))


def cut(
    x: SecureSeries, bins: Sequence[Any], labels: Any = None, right: bool = True, include_lowest: bool = False
) -> SecureSeries:
    """Return bands of numbers or dates between public edges: a category that tables can be grouped by.

    Parameters
    ----------
    x : SecureSeries
        Numbers, dates or time stamps.
    bins : sequence of numbers or dates
        Edges, increasing; infinite ones stand for the ends of the column's range. Missing outside of them.
    labels : sequence of str, optional
        One a band; by default pandas' intervals, ``"(18, 50]"``.
    right : bool
        Whether a band holds its right edge (else its left one).
    include_lowest : bool
        Whether the first band holds its left edge too.

    Examples
    --------
    >>> patients.groupby(sf.cut(patients["age"], [18, 50, 65, 100])).size()
    """
    if not isinstance(x, SecureSeries):
        raise refuse_vector(x, "cut")
    if isinstance(unwrapped(bins), int | float | str) or not hasattr(bins, "__iter__"):
        raise PlanError("edges taken from the data would reveal them", hint="public edges: sf.cut(df['age'], [18, 50, 65, 100])")
    if labels is False:
        raise PlanError("bands have labels, not numbers", hint="labels=['young', 'old'], or leave out labels=")
    type_ = x._field.type
    if type_.is_time:
        bands, edges = days_since_epoch(x._expr), tuple(as_days(e) for e in constants(bins, type_))
        shown: list[Any] = [pd.Timestamp(as_timestamp(e)) for e in edges]
    else:
        bands, shown = x._expr, _shown(bins)
        edges = _edges(shown, type_)
    names = interval_labels(shown, right=right, include_lowest=include_lowest) if labels is None else tuple(labels)
    if not all(isinstance(name, str) for name in names):
        raise PlanError("labels are text", hint="labels=['young', 'old']")
    with hinted():
        return SecureSeries(x._source, Cut(bands, edges, names, right, include_lowest), x.name)


def days_since_epoch(expr: Expr) -> Expr:
    """Dates as numbers of days, of which bands are made."""
    return Binary("-", expr, Literal(EPOCH))


def _shown(bins: Sequence[Any]) -> list[Any]:
    """Edges as pandas would show them in labels."""
    return [float(unwrapped(e)) if isinstance(unwrapped(e), float) else e for e in bins]


def _edges(shown: Sequence[Any], type_: ColumnType) -> tuple[Fraction, ...]:
    """The edges as fractions; an infinite one lies one step outside of the column's range."""
    finite = [exact(e, "bins=") for e in shown if not (isinstance(e, float) and math.isinf(e))]
    if not type_.is_numeric:
        raise PlanError(f"bands are made of numbers, not of a {type_.kind}", hint="sf.cut(df['age'], [18, 50, 65, 100])")
    low = min([type_.low * type_.step, *finite]) - type_.step
    high = max([type_.high * type_.step, *finite]) + type_.step
    return tuple((low if e < 0 else high) if isinstance(e, float) and math.isinf(e) else exact(e, "bins=") for e in shown)


def interval_labels(edges: Sequence[Any], *, right: bool, include_lowest: bool) -> tuple[str, ...]:
    """Return the labels that ``pandas.cut`` would give the bands; whole edges stay whole."""
    if len(edges) < 2 or any(a >= b for a, b in pairwise(edges)):
        raise PlanError("the edges of cut must increase", hint="sf.cut(df['age'], [18, 50, 65, 120])")
    whole = all(isinstance(unwrapped(e), int) for e in edges)
    dates = isinstance(edges[0], pd.Timestamp)
    of_what = pd.Series([], dtype="datetime64[us]" if dates else "int64" if whole else "float64")
    return tuple(map(str, pd.cut(of_what, list(edges), right=right, include_lowest=include_lowest).cat.categories))


def crosstab(
    index: SecureSeries,
    columns: SecureSeries,
    *,
    margins: bool = False,
    normalize: Normalize = False,
    margins_name: str = "All",
    **options: Any,
) -> Any:
    """Release a table of counts of two columns with public domains.

    Parameters
    ----------
    index, columns : SecureSeries
        Columns of one frame.
    margins : bool
        Add totals. They are sums of the released cells, and missing where a cell of theirs is withheld.
    normalize : bool or str
        Shares of all, of the ``index`` line or of the ``columns`` line, from the released cells.

    Returns
    -------
    pandas.DataFrame
        Every declared level in its order, withheld cells missing.

    Examples
    --------
    >>> sf.crosstab(cohort["male"], cohort["status"], margins=True)
    """
    releases.refuse_options(options)
    for series in (index, columns):
        if not isinstance(series, SecureSeries):
            raise refuse_vector(series, "a cross table")
    if normalize not in (False, True, "all", "index", "columns"):
        raise PlanError(f"normalize={normalize!r} is not offered", hint="normalize='index', 'columns' or 'all'")
    source, (left, right) = align([(index._source, index._expr), (columns._source, columns._expr)])
    node, keys = added(source, [(index.name, left), (columns.name, right)])
    asked = Summarise(node, keys, (Statistic(kind="size"),))
    labels = [index.name, columns.name]
    return release(
        source.asks(
            [asked],
            Form(crossed, labels, margins=margins, normalize=normalize, margins_name=margins_name),
            f"cross table of {index.name} and {columns.name}",
        )
    )


def table_one(frame: SecureFrame, by: str | SecureSeries | None = None, columns: Sequence[str] | None = None) -> Any:
    """Release the first table of a study, as one job.

    Parameters
    ----------
    frame : SecureFrame
        The cohort.
    by : str or SecureSeries, optional
        Groups to compare, beside the column overall.
    columns : sequence of str, optional
        What to tabulate; by default all columns but keys and text.

    Returns
    -------
    pandas.DataFrame
        Rows (variable, statistic): for numbers count, mean, std and 25, 50, 75 %; for categories, truth values and numbers
        that are 0 or 1 every level with its share in percent of the values that are there; for all of them missing values.

    Examples
    --------
    >>> sf.table_one(cohort, by="case", columns=["age", "male", "sbp"])
    """
    if not isinstance(frame, SecureFrame):
        raise PlanError(f"table_one takes a frame, not {type(frame).__name__}", hint="sf.table_one(cohort, by='male')")
    source = frame._source
    for name in columns or ():
        frame[name]
    if by is None:
        return release(releases.table_one(source, None, columns))
    key = frame[by] if isinstance(by, str) else by
    if not isinstance(key, SecureSeries):
        raise refuse_vector(key, "grouping")
    expr = onto(key._expr, key._source, source)
    source = replace(source, parameters=joint(source, key._source))
    chosen = None if columns is None else [c for c in columns if expr != ColumnRef(c)]
    return release(releases.table_one(source, (key.name, expr), chosen))
