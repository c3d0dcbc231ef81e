"""Numbers of levels that occur: releases of frequencies over public domains, from which the recipient counts.

Nothing leaves that ``value_counts`` would not let out: a level counts where its frequency may be released, and where one may not,
the number is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from secureframe.errors import PlanError
from secureframe.operands import Source, added
from secureframe.pending import Pending
from secureframe.plan.expressions import ColumnRef, Expr
from secureframe.plan.nodes import Node, Statistic, Summarise
from secureframe.releases import Columns, statistic
from secureframe.results.distinct import levels_by, levels_frame, levels_number, levels_series
from secureframe.results.forms import Form
from secureframe.results.numbers import Number
from secureframe.schema.table import Schema, Use
from secureframe.schema.types import Kind


def countable(schema: Schema, without: Sequence[str] = ()) -> list[str]:
    """Return the columns with a public domain whose levels may be counted.

    Raises
    ------
    PlanError
        If there is none.
    """
    found = [
        name
        for name, f in schema.items()
        if name not in without and f.type.kind is not Kind.KEY and f.type.levels is not None and Use.GROUP in f.uses
    ]
    if not found:
        raise PlanError("no column has a public domain to count levels of", hint="sf.cut(df['age'], [18, 50, 65]).nunique()")
    return found


def of_column(source: Source, label: str | None, expr: Expr) -> Pending[Number]:
    """How many levels of one column occur."""
    node, (name,) = added(source, [(label, expr)])
    nodes = [_frequencies(node, (), name)]
    return source.asks(nodes, Form(levels_number, label), f"nunique of {label or 'a column'}")


def of_columns(source: Source, names: Sequence[str]) -> Pending[Any]:
    """The same for several columns, as a Series."""
    nodes = [_frequencies(source.node, (), name) for name in names]
    return source.asks(nodes, Form(levels_series, names), f"nunique of {len(names)} columns")


def by_groups(source: Source, keys: Columns, name: str) -> Pending[Any]:
    """The same for one column in every group, as a Series."""
    node, found = added(source, [*keys, (name, ColumnRef(name))])
    labels = [label for label, _ in keys]
    nodes = [_frequencies(node, found[:-1], found[-1])]
    return source.asks(nodes, Form(levels_by, name, labels), f"nunique of {name}")


def grouped(
    source: Source,
    keys: Columns,
    statistics: Sequence[tuple[tuple[str | None, Expr] | None, str]],
    columns: pd.Index[Any],
) -> Pending[pd.DataFrame]:
    """Statistics for every combination of levels of the keys of which some are numbers of levels; one job."""
    about = [column for column, _ in statistics if column is not None]
    node, names = added(source, [*keys, *about])
    by, rest = names[: len(keys)], iter(names[len(keys) :])
    asked = [(kind, "" if column is None else next(rest)) for column, kind in statistics]
    plain = [statistic(kind, *([name] if name else [])) for kind, name in asked if kind != "nunique"]
    nodes = [Summarise(node, by, tuple(dict.fromkeys(plain)))] if plain else []
    nodes += [_frequencies(node, by, name) for kind, name in asked if kind == "nunique"]
    labels = [label for label, _ in keys]
    shape = Form(levels_frame, asked, columns, labels)
    return source.asks(nodes, shape, f"{len(asked)} statistics by {', '.join(by)}")


def _frequencies(node: Node, by: tuple[str, ...], name: str) -> Summarise:
    found = node.schema[name].type
    if found.kind is Kind.KEY or found.levels is None:
        raise PlanError(
            f"nunique needs a public domain, and {name} has none",
            hint=f"sf.cut(df[{name!r}], [...]) makes bands with public edges",
        )
    return Summarise(node, (*by, name), (Statistic(kind="size"),))
