"""Several statistics of a column or a frame as one release: what ``agg`` of either means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from secureframe import distinct, releases
from secureframe.errors import DisclosureError, PlanError
from secureframe.groupby import EXTREME, RELEASED
from secureframe.operands import Source, added
from secureframe.pending import Pending
from secureframe.plan.expressions import Expr
from secureframe.plan.nodes import Summarise
from secureframe.results.forms import Form
from secureframe.results.shape import chosen_frame, column_series

OFFERED = tuple(kind for kind in RELEASED if kind not in ("size", "nunique"))


def kind_of(how: Any) -> str:
    """Return the name of a statistic.

    Raises
    ------
    DisclosureError
        For extremes and whatever else shows single rows.
    PlanError
        For Python functions and names that are not offered.
    """
    if not isinstance(how, str):
        raise PlanError("Python functions cannot run on hidden rows", hint=", ".join(map(repr, OFFERED)))
    if how in OFFERED:
        return how
    if how == "nunique":
        raise PlanError("nunique is made of tables of its own, not beside other statistics", hint="df['stage'].nunique()")
    if how in EXTREME:
        raise DisclosureError(f"{how} shows single persons' values", hint="'median', or df['age'].robust_range()")
    raise PlanError(f"{how!r} is not offered in agg", hint=", ".join(map(repr, OFFERED)))


def kinds_of(func: Any) -> list[str]:
    """Return the names of a list of statistics, each once."""
    if callable(func):
        kind_of(func)
    if not isinstance(func, list | tuple) or not func:
        raise PlanError("agg needs statistics", hint="agg(['count', 'mean'])")
    kinds = [kind_of(how) for how in func]
    if len(set(kinds)) < len(kinds):
        raise PlanError("a statistic is named twice", hint="agg(['count', 'mean'])")
    return kinds


def of_column(source: Source, label: str | None, expr: Expr, func: Any) -> Pending[Any]:
    """One statistic of a column as a number, several as a Series."""
    if func == "nunique":
        return distinct.of_column(source, label, expr)
    if isinstance(func, str):
        return releases.of_column(source, label, expr, kind_of(func))
    kinds = kinds_of(func)
    node, (name,) = added(source, [(label, expr)])
    release = Summarise(node, (), tuple(releases.statistic(kind, name) for kind in kinds))
    return source.asks(
        [release],
        Form(column_series, kinds, label),
        f"{len(kinds)} statistics of {label or 'a column'}",
    )


def of_frame(source: Source, func: Any) -> Pending[Any]:
    """One statistic of every suited column as a Series, several as a DataFrame with a row a statistic.

    A mapping of columns to statistics gives a Series where it names one for each, else a DataFrame in which what was not
    asked for is missing, as in pandas.
    """
    schema = source.node.schema
    if func == "nunique":
        return distinct.of_columns(source, distinct.countable(schema, [source.node.person_key or ""]))
    if isinstance(func, str):
        return releases.of_columns(source, releases.suitable(kind_of(func), schema), kind_of(func))
    if not isinstance(func, Mapping):
        kinds = kinds_of(func)
        names = releases.suitable("mean" if set(kinds) - {"count"} else "count", schema)
        return _table(source, dict.fromkeys(names, kinds), kinds)
    for name in func:
        if name not in schema:
            raise PlanError(f"there is no column {name!r}", hint=f"the columns are {', '.join(schema)}")
    if not func:
        raise PlanError("agg needs statistics", hint="agg({'age': 'mean'})")
    if all(isinstance(how, str) for how in func.values()):
        asked = tuple(releases.statistic(kind_of(how), name) for name, how in func.items())
        names = list(func)
        release = Summarise(source.node, (), asked)
        return source.asks(
            [release],
            Form(column_series, names),
            f"statistics of {len(names)} columns",
        )
    lists = {name: kinds_of([how] if isinstance(how, str) else how) for name, how in func.items()}
    return _table(source, lists, list(dict.fromkeys(kind for kinds in lists.values() for kind in kinds)))


def _table(source: Source, asked: Mapping[str, Sequence[str]], rows: Sequence[str]) -> Pending[pd.DataFrame]:
    pairs = [(name, kind) for name, kinds in asked.items() for kind in kinds]
    release = Summarise(source.node, (), tuple(releases.statistic(kind, name) for name, kind in pairs))
    form = Form(chosen_frame, rows, list(asked.items()))
    return source.asks([release], form, f"{len(pairs)} statistics")
