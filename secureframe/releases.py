"""Numbers out of frames and columns: each function asks for releases and says how their cells become a pandas object.

Every function returns a `Pending`; the methods of `SecureFrame` and `SecureSeries` are one line each over these.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pandas as pd

from secureframe.errors import DisclosureError, PlanError
from secureframe.operands import Source, added, exact, unwrapped
from secureframe.pending import Pending
from secureframe.plan.expressions import ColumnRef, Cut, Expr, infer
from secureframe.plan.nodes import Node, Statistic, Summarise
from secureframe.plan.statistics import MOMENTS
from secureframe.results.forms import Form
from secureframe.results.histogram import Histogram, histogram_of, histograms_of
from secureframe.results.numbers import Number
from secureframe.results.shape import (
    column_series,
    grouped_frame,
    numbers,
    one_number,
    statistics_frame,
)
from secureframe.results.summaries import (
    CATEGORY_ROWS,
    NUMBER_QUANTILES,
    counted,
    described,
    described_column,
    table_one_frame,
)
from secureframe.schema.table import Field, Schema, Use
from secureframe.schema.types import ColumnType, Kind

Columns = Sequence[tuple[str | None, Expr]]

OWNERS_RULES = ("threshold", "min_cell", "min_cells", "minimum", "k", "rounding", "suppress", "policy", "noise")
ROBUST = (Fraction(1, 20), Fraction(19, 20))
MAX_BINS = 200


def refuse_options(options: dict[str, Any]) -> None:
    """Refuse keyword arguments that are not offered; rules are the owners', whatever they are called."""
    for name, value in options.items():
        if name in OWNERS_RULES:
            raise DisclosureError(
                f"{name}= is not the analyst's to set: thresholds and rounding are the owners' policies",
                hint=f"leave out {name}=; fed.catalog shows the policies",
            )
        if (name, value) in (("interpolation", "lower"), ("method", "pearson")):
            continue
        hints = {
            "interpolation": "interpolation='lower', which is also the default",
            "method": "method='pearson', which is also the default",
            "ddof": "ddof=1, which is also the default",
            "skipna": "missing values are skipped; fillna(...) first counts them",
            "dropna": "leave out dropna=; fillna(...) first gives missing values a level",
            "as_index": "leave out as_index=; reset_index() of the table makes columns of its index",
        }
        if (name == "ddof" and value == 1) or (name in ("skipna", "numeric_only", "dropna", "sort") and value is True):
            continue
        raise PlanError(f"{name}= is not offered here", hint=hints.get(name, f"leave out {name}="))


def suitable(kind: str, schema: Schema, without: Sequence[str] = ()) -> list[str]:
    """Return the columns that a statistic is taken of where none are named: never keys, never what owners do not allow."""
    found = [name for name, f in schema.items() if name not in without and _suits(kind, f)]
    if not found:
        raise PlanError(f"no column is suited for {kind}", hint="choose one: df['age']; fed.catalog shows kinds and allowed uses")
    return found


def _suits(kind: str, f: Field) -> bool:
    if f.type.kind is Kind.KEY or Use.AGGREGATE not in f.uses or (f.magnitude and kind in MOMENTS):
        return False
    if kind == "hist" and Use.GROUP not in f.uses:
        return False
    return kind == "count" or f.type.is_numeric


def statistic(kind: str, *columns: str, q: Fraction | None = None) -> Statistic:
    """Return a statistic; the median is a quantile."""
    if kind == "median":
        return Statistic(kind="quantile", columns=columns, q=Fraction(1, 2))
    return Statistic(kind=kind, columns=columns, q=q)


def as_quantiles(q: Any) -> tuple[list[Fraction], list[float], bool]:
    """Return quantiles as fractions and as pandas labels them, and whether a list was given."""
    many = not isinstance(unwrapped(q), int | float | Fraction)
    if many and (isinstance(q, str) or not hasattr(q, "__iter__")):
        raise PlanError("a quantile is a number between 0 and 1", hint="q=0.5")
    fractions = [exact(v, "q=") for v in (q if many else [q])]
    return fractions, [float(f) for f in fractions], many


# -- numbers and columns of numbers ------------------------------------------------------------------------------------------


def of_column(source: Source, label: str | None, expr: Expr, kind: str, q: Fraction | None = None) -> Pending[Number]:
    """One number about one column."""
    node, (name,) = added(source, [(label, expr)])
    release = Summarise(node, (), (statistic(kind, name, q=q),))
    return source.asks([release], Form(one_number), f"{kind} of {label or 'a column'}")


def of_columns(source: Source, names: Sequence[str], kind: str, q: Fraction | None = None) -> Pending[Any]:
    """One number about every column, as a Series."""
    release = Summarise(source.node, (), tuple(statistic(kind, name, q=q) for name in names))
    label = float(q) if q is not None and kind == "quantile" else None
    return source.asks(
        [release],
        Form(column_series, names, label),
        f"{kind} of {len(names)} columns",
    )


def quantiles_of_column(source: Source, label: str | None, expr: Expr, q: Any) -> Pending[Any]:
    """One quantile as a number, several as a Series."""
    fractions, shown, many = as_quantiles(q)
    if not many:
        return of_column(source, label, expr, "quantile", fractions[0])
    node, (name,) = added(source, [(label, expr)])
    release = Summarise(node, (), tuple(statistic("quantile", name, q=f) for f in fractions))
    return source.asks(
        [release],
        Form(column_series, shown, label),
        f"quantiles of {label or 'a column'}",
    )


def quantiles_of_columns(source: Source, names: Sequence[str], q: Any, labels: Sequence[Any] | None = None) -> Pending[Any]:
    """One quantile of every column as a Series, several as a DataFrame with a row a quantile."""
    fractions, shown, many = as_quantiles(q)
    if not many:
        return of_columns(source, names, "quantile", fractions[0])
    release = Summarise(source.node, (), tuple(statistic("quantile", name, q=f) for name in names for f in fractions))
    form = Form(statistics_frame, shown if labels is None else list(labels), names)
    return source.asks([release], form, f"quantiles of {len(names)} columns")


def robust_range(source: Source, label: str | None, expr: Expr) -> Pending[Any]:
    """The 5th and the 95th percentile of one column, as two numbers."""
    node, (name,) = added(source, [(label, expr)])
    asked = [Summarise(node, (), (statistic("quantile", name, q=q),)) for q in ROBUST]
    return source.asks(
        asked,
        Form(numbers),
        f"robust range of {label or 'a column'}",
    )


# -- describe --------------------------------------------------------------------------------------------------------------


def describe_statistics(name: str, f: Field) -> list[tuple[str, Statistic]]:
    """Return what ``describe`` asks about a column, by row."""
    rows = [("count", statistic("count", name))]
    if f.type.is_numeric and not f.magnitude:
        rows += [("mean", statistic("mean", name)), ("std", statistic("std", name))]
    return rows + [(f"{int(q * 100)}%", statistic("quantile", name, q=q)) for q in NUMBER_QUANTILES]


def is_levelled(type_: ColumnType) -> bool:
    """Whether ``describe`` counts a column's levels instead of taking moments."""
    return type_.kind in (Kind.BOOL, Kind.CATEGORY)


def describe(source: Source, names: Sequence[str]) -> Pending[pd.DataFrame]:
    """A column a described column; one job."""
    schema = source.node.schema
    nodes, plans = _describe_nodes(source.node, names, schema)
    return source.asks(
        nodes,
        Form(described, plans),
        f"description of {len(names)} columns",
    )


def describe_column(source: Source, label: str | None, expr: Expr) -> Pending[Any]:
    """The same for one column, as a Series."""
    node, (name,) = added(source, [(label, expr)])
    nodes, plans = _describe_nodes(node, [name], node.schema)
    return source.asks(
        nodes,
        Form(described_column, plans, label),
        f"description of {label or 'a column'}",
    )


def _describe_nodes(node: Node, names: Sequence[str], schema: Schema) -> tuple[list[Summarise], list[tuple[str, list[str]]]]:
    """The releases of a description (first one release of all statistics, then one table a levelled column) and its rows."""
    statistics: list[Statistic] = []
    tables: list[Summarise] = []
    plans: list[tuple[str, list[str]]] = []
    for name in names:
        f = infer(ColumnRef(name), schema)
        if is_levelled(f.type):
            statistics.append(statistic("count", name))
            tables.append(Summarise(node, (name,), (Statistic(kind="size"),)))
            plans.append((name, list(CATEGORY_ROWS)))
        elif f.type.is_ordered:
            rows = describe_statistics(name, f)
            statistics += [s for _, s in rows]
            plans.append((name, [row for row, _ in rows]))
        else:
            statistics.append(statistic("count", name))
            plans.append((name, ["count"]))
    return [Summarise(node, (), tuple(statistics)), *tables], plans


# -- counts ----------------------------------------------------------------------------------------------------------------


def value_counts(
    source: Source, columns: Columns, *, normalize: bool = False, sort: bool = True, ascending: bool = False
) -> Pending[Any]:
    """Rows of every level, in pandas' order: the most frequent first, withheld ones last."""
    node, names = added(source, columns)
    release = Summarise(node, names, (Statistic(kind="size"),))
    labels = [label for label, _ in columns]
    return source.asks(
        [release],
        Form(counted, labels, normalize=normalize, sort=sort, ascending=ascending),
        f"counts of {', '.join(label or 'a column' for label in labels)}",
    )


def of_pair(source: Source, left: tuple[str | None, Expr], right: tuple[str | None, Expr], kind: str) -> Pending[Number]:
    """Pearson's correlation or the covariance of two columns, over rows in which both are present."""
    node, names = added(source, [left, right])
    release = Summarise(node, (), (Statistic(kind=kind, columns=names),))
    return source.asks([release], Form(one_number), f"{kind} of two columns")


def histogram(source: Source, label: str | None, expr: Expr, bins: Any) -> Pending[Histogram]:
    """Counts between public edges; every bin is ``[left, right)`` and the last one holds its right edge, as in numpy."""
    release, edges = _histogram(source, label, expr, bins)
    return source.asks(
        [release],
        Form(histogram_of, edges, label),
        f"histogram of {label or 'a column'}",
    )


def _histogram(source: Source, label: str | None, expr: Expr, bins: Any) -> tuple[Summarise, tuple[float, ...]]:
    """The release of a histogram, and the edges that it shows."""
    node, (name,) = added(source, [(label, expr)])
    type_ = infer(ColumnRef(name), node.schema).type
    if not type_.is_numeric:
        raise PlanError(f"a histogram needs numbers, and {label} is of kind {type_.kind}", hint="value_counts()")
    edges = bin_edges(bins, type_)
    # the last bin is closed: its open edge moves up to the next point of the column's grid
    last = (edges[-1] // type_.step + 1) * type_.step
    labels = tuple(f"bin {i}" for i in range(1, len(edges)))
    cut = Cut(ColumnRef(name), (*edges[:-1], last), labels, False, False)
    node, (binned,) = added(Source(session=source.session, node=node), [(f"{name}_bin", cut)])
    return Summarise(node, (binned,), (Statistic(kind="size"),)), tuple(float(e) for e in edges)


def histograms(source: Source, names: Sequence[str], bins: Any) -> Pending[dict[str, Histogram]]:
    """Histograms of several columns, by name; one job."""
    parts = [_histogram(source, name, ColumnRef(name), bins) for name in names]
    return source.asks(
        [release for release, _ in parts],
        Form(histograms_of, [edges for _, edges in parts], names),
        f"histograms of {len(names)} columns",
    )


def bin_edges(bins: Any, type_: ColumnType) -> tuple[Fraction, ...]:
    """Return public edges: those given, or so many equal bins over the column's public range."""
    bins = unwrapped(bins)
    if isinstance(bins, bool) or not (isinstance(bins, int) or hasattr(bins, "__iter__")) or isinstance(bins, str):
        raise PlanError("bins is a number of bins or a list of edges", hint="hist(bins=[0, 20, 40, 60, 80, 100])")
    if isinstance(bins, int):
        if not 1 <= bins <= MAX_BINS:
            raise PlanError(f"a histogram has 1 to {MAX_BINS} bins", hint="bins=20")
        low, high = type_.low * type_.step, type_.high * type_.step
        high = high if high > low else low + 1
        return tuple(low + (high - low) * i / bins for i in range(bins + 1))
    edges = tuple(exact(e, "bins=") for e in bins)
    if not 2 <= len(edges) <= MAX_BINS + 1 or any(a >= b for a, b in pairwise(edges)):
        raise PlanError("the edges of a histogram must increase", hint="hist(bins=[0, 20, 40, 60, 80, 100])")
    return edges


# -- table one -------------------------------------------------------------------------------------------------------------


def table_one(source: Source, by: tuple[str | None, Expr] | None, columns: Sequence[str] | None) -> Pending[pd.DataFrame]:
    """The first table of a study, overall and by group, as one job."""
    node, keys = (source.node, ()) if by is None else added(source, [by])
    schema = source.node.schema
    named = columns is not None
    chosen = list(columns or [n for n in schema if n not in keys and _tabulated(schema[n])])
    if not chosen:
        raise PlanError("table_one found no column to tabulate", hint="columns=['age', 'male']")
    levelled = [n for n in chosen if _is_class(infer(ColumnRef(n), schema).type)]
    rows: list[tuple[str, str, Statistic]] = [("n", "count", Statistic(kind="size"))]
    for name in chosen:
        f = infer(ColumnRef(name), schema)
        if name in levelled or not f.type.is_ordered:
            rows.append((name, "count", statistic("count", name)))
            continue
        kinds = ["count"] + (["mean", "std"] if f.type.is_numeric and (named or not f.magnitude) else [])
        rows += [(name, kind, statistic(kind, name)) for kind in kinds]
        rows += [(name, f"{int(q * 100)}%", statistic("quantile", name, q=q)) for q in NUMBER_QUANTILES[1:4]]
    statistics = tuple(s for _, _, s in rows)
    nodes = [Summarise(node, (), statistics)]
    nodes += [Summarise(node, (name,), (Statistic(kind="size"),)) for name in levelled]
    if keys:
        nodes.append(Summarise(node, keys, statistics))
        nodes += [Summarise(node, (*keys, name), (Statistic(kind="size"),)) for name in levelled]
    labels = [(variable, label) for variable, label, _ in rows]
    title = None if by is None else by[0]
    return source.asks(
        nodes,
        Form(table_one_frame, labels, levelled, grouped=bool(keys), by=title),
        "table one",
    )


def _tabulated(f: Field) -> bool:
    if f.type.kind in (Kind.KEY, Kind.STRING) or Use.AGGREGATE not in f.uses:
        return False
    return not _is_class(f.type) or Use.GROUP in f.uses


def _is_class(type_: ColumnType) -> bool:
    """Categories, truth values, and numbers that are 0 or 1."""
    return is_levelled(type_) or (type_.kind is Kind.INT and (type_.low, type_.high) == (0, 1))


def grouped(
    source: Source,
    keys: Columns,
    statistics: Sequence[tuple[tuple[str | None, Expr] | None, str]],
    columns: pd.Index[Any],
) -> Pending[pd.DataFrame]:
    """Statistics for every combination of levels of the keys, one column each."""
    node, by, asked = grouped_statistics(source, keys, statistics)
    release = Summarise(node, by, asked)
    labels = [label for label, _ in keys]
    return source.asks(
        [release],
        Form(grouped_frame, columns, labels),
        f"{len(asked)} statistics by {', '.join(by)}",
    )


def grouped_statistics(
    source: Source, keys: Columns, statistics: Sequence[tuple[tuple[str | None, Expr] | None, str]]
) -> tuple[Node, tuple[str, ...], tuple[Statistic, ...]]:
    """Return the node, the keys' names in it and the statistics; those without a column count rows."""
    about = [column for column, _ in statistics if column is not None]
    node, names = added(source, [*keys, *about])
    by, rest = names[: len(keys)], iter(names[len(keys) :])
    asked = tuple(Statistic(kind="size") if column is None else statistic(kind, next(rest)) for column, kind in statistics)
    return node, by, asked


def quantile_statistics(
    source: Source, keys: Columns, columns: Sequence[tuple[tuple[str | None, Expr], str]], quantiles: Sequence[Fraction]
) -> tuple[Node, tuple[str, ...], tuple[Statistic, ...]]:
    """Return the node, the keys' names in it and every quantile of every column."""
    node, names = added(source, [*keys, *(column for column, _ in columns)])
    by, rest = names[: len(keys)], names[len(keys) :]
    return node, by, tuple(statistic("quantile", name, q=q) for name in rest for q in quantiles)
