"""Pivot tables: statistics by two sets of public keys, one laid out downwards and one to the right.

A pivot table is a grouped release in another shape: its cells are closed against subtraction as those of any table with several
keys, and totals come from its released cells alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pandas as pd

from secureframe import releases
from secureframe.errors import DisclosureError, PlanError
from secureframe.operands import Source, joint, onto, refuse_vector
from secureframe.pending import Pending
from secureframe.plan.expressions import ColumnRef, Expr
from secureframe.plan.nodes import Summarise
from secureframe.results.forms import Form
from secureframe.results.pivot import pivoted
from secureframe.series import SecureSeries

OFFERED = ("count", "size", "sum", "mean", "var", "std", "sem", "median", "skew", "kurtosis")


class Asked(NamedTuple):
    """One statistic of a pivot table: its function as it was typed, its kind, and its column (None where rows are counted)."""

    how: str
    kind: str
    column: str | None


ADDED_UP = ("count", "size", "sum")
HINT = "df.pivot_table(values='sbp', index='stage', columns='male', aggfunc='mean')"


def pivot_table(
    source: Source,
    *,
    values: Any,
    index: Any,
    columns: Any,
    aggfunc: Any,
    margins: bool,
    margins_name: str,
) -> Pending[pd.DataFrame]:
    """Release statistics of ``values`` for every combination of levels of ``index`` and ``columns``."""
    source, keys, width = _keys(source, index, columns)
    taken = [e.name for _, e in keys if isinstance(e, ColumnRef)]
    entries, hows_head, values_head = _asked(source, values, aggfunc, taken)
    if width == len(keys):
        values_head = True
        if entries[0].column is None:
            raise PlanError("size by keys that all go downwards is a groupby", hint="df.groupby('stage').size()")
    if width == 0 and entries[0].column is None:
        raise PlanError("size by keys that all go to the right is a groupby", hint="df.groupby('stage').size()")
    if margins:
        _check_margins([entry.kind for entry in entries], width, len(keys) - width)
    about: list[tuple[tuple[str | None, Expr] | None, str]] = [
        (None if e.column is None or e.kind == "size" else (e.column, ColumnRef(e.column)), e.kind) for e in entries
    ]
    node, by, statistics = releases.grouped_statistics(source, keys, about)
    distinct = list(dict.fromkeys(statistics))
    shown = [(e.how, e.column, distinct.index(s)) for e, s in zip(entries, statistics, strict=True)]
    labels = [label for label, _ in keys]
    return source.asks(
        [Summarise(node, by, tuple(distinct))],
        Form(pivoted, shown, labels, width, hows_head, values_head, margins_name if margins else None),
        f"pivot table by {', '.join(by)}",
    )


def _keys(source: Source, index: Any, columns: Any) -> tuple[Source, list[tuple[str | None, Expr]], int]:
    """All keys, those that go downwards first, and how many these are."""
    groups: list[list[Any]] = []
    for asked in (index, columns):
        groups.append([] if asked is None else list(asked) if isinstance(asked, list | tuple) else [asked])
    if not any(groups):
        raise PlanError("a pivot table needs a key", hint=HINT)
    keys: list[tuple[str | None, Expr]] = []
    for key in (*groups[0], *groups[1]):
        if isinstance(key, str):
            if key not in source.node.schema:
                raise PlanError(f"there is no column {key!r}", hint=f"the columns are {', '.join(source.node.schema)}")
            keys.append((key, ColumnRef(key)))
        elif isinstance(key, SecureSeries):
            keys.append((key.name, onto(key._expr, key._source, source)))
            source = replace(source, parameters=joint(source, key._source))
        else:
            raise refuse_vector(key, "grouping")
    if ColumnRef(source.node.person_key or "") in [e for _, e in keys]:
        raise DisclosureError("a table by an identifier is never released", hint="pivot by a band or a category")
    return source, keys, len(groups[0])


def _asked(source: Source, values: Any, aggfunc: Any, taken: Sequence[str]) -> tuple[list[Asked], bool, bool]:
    """The statistics in the order of the columns; whether their functions and their columns head them, as in pandas."""
    if isinstance(aggfunc, Mapping):
        if values is not None or not all(isinstance(how, str) for how in aggfunc.values()):
            raise PlanError("aggfunc= as a mapping names one function a column", hint="aggfunc={'age': 'mean', 'bmi': 'std'}")
        return [Asked(str(how), _kind(how), str(name)) for name, how in sorted(aggfunc.items())], False, True
    many = isinstance(aggfunc, list | tuple)
    hows = [(str(how), _kind(how)) for how in (aggfunc if many else [aggfunc])]
    if not many and hows[0][1] == "size":
        return [Asked("size", "size", None)], False, False
    if values is None:
        suits = "mean" if {kind for _, kind in hows} - {"count", "size"} else "count"
        names = sorted(releases.suitable(suits, source.node.schema, taken))
    else:
        names = [values] if isinstance(values, str) else sorted(values)
    return [Asked(how, kind, name) for how, kind in hows for name in names], many, not isinstance(values, str)


def _kind(how: Any) -> str:
    if not isinstance(how, str):
        raise PlanError("Python functions cannot run on hidden rows", hint=f"aggfunc= one of {', '.join(map(repr, OFFERED))}")
    name = "kurtosis" if how == "kurt" else how
    if name in ("min", "max", "first", "last"):
        raise DisclosureError(f"{how} of a group is one person's value", hint="aggfunc='median', or groupby(...).quantile(0.95)")
    if name not in OFFERED:
        raise PlanError(f"aggfunc={how!r} is not offered", hint=f"aggfunc= one of {', '.join(map(repr, OFFERED))}")
    return name


def _check_margins(kinds: Sequence[str], down: int, right: int) -> None:
    if set(kinds) - set(ADDED_UP) or len(kinds) != 1:
        raise PlanError(
            "margins=True adds released cells up, which is offered for one of count, size and sum",
            hint="margins=False, and the totals by a groupby of their own: df.groupby('male')['sbp'].mean()",
        )
    if (down, right) != (1, 1):
        raise PlanError("margins=True is offered for one key downwards and one to the right", hint="margins=False")
