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
from secureframe.plan.expressions import Expr
from secureframe.plan.nodes import Node, Statistic, Summarise
from secureframe.releases import Columns, statistic
from secureframe.results.distinct import LEVELS, levels_that_occur
from secureframe.results.numbers import Number, number
from secureframe.results.record import cell, combine, warn_if_withheld
from secureframe.results.released import SUPPRESSED, Cell, ReleasedTable
from secureframe.results.shape import array_of, attach, dtype_of, key_index, matrix
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

    def shape(tables: Sequence[ReleasedTable]) -> Number:
        (found,) = levels_that_occur(tables[0])
        record = combine(tables, [cell(None, f"nunique of {label}")] if found is SUPPRESSED else (), notes=_notes([found]))
        warn_if_withheld(record)
        return number(found, record)

    return Pending(source.session, [_frequencies(node, (), name)], source.parameters, shape, f"nunique of {label or 'a column'}")


def of_columns(source: Source, names: Sequence[str]) -> Pending[Any]:
    """The same for several columns, as a Series."""

    def shape(tables: Sequence[ReleasedTable]) -> Any:
        found = [levels_that_occur(table)[0] for table in tables]
        result = pd.Series(array_of(found, "Int64"), index=pd.Index(list(names)))
        withheld = [cell(name, None) for name, value in zip(names, found, strict=True) if value is SUPPRESSED]
        return attach(result, tables, withheld, _notes(found))

    nodes = [_frequencies(source.node, (), name) for name in names]
    return Pending(source.session, nodes, source.parameters, shape, f"nunique of {len(names)} columns")


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

    def shape(tables: Sequence[ReleasedTable]) -> pd.DataFrame:
        released = dict(zip(tables[0].node.statistics, tables[0].values, strict=True)) if plain else {}
        counted = iter(tables[1:] if plain else tables)
        cells: list[list[tuple[Cell, str]]] = []
        for kind, name in asked:
            if kind == "nunique":
                cells.append([(value, "Int64") for value in levels_that_occur(next(counted))])
            else:
                wanted = statistic(kind, *([name] if name else []))
                cells.append([(value, dtype_of(wanted, tables[0].node)) for value in released[wanted]])
        index = key_index(Summarise(node, by, (Statistic(kind="size"),)), labels)
        return matrix(tables, index, columns, cells, _notes([value for column in cells for value, _ in column]))

    return Pending(source.session, nodes, source.parameters, shape, f"{len(asked)} statistics by {', '.join(by)}")


def series_of(pending: Pending[pd.DataFrame], name: str | None) -> Pending[Any]:
    """The only column of a grouped release, as a Series with its record."""

    def only(frame: pd.DataFrame) -> Any:
        result = frame.iloc[:, 0].rename(name)
        result.attrs.update(frame.attrs)
        return result

    return pending.map(only, pending.title)


def _frequencies(node: Node, by: tuple[str, ...], name: str) -> Summarise:
    found = node.schema[name].type
    if found.kind is Kind.KEY or found.levels is None:
        raise PlanError(
            f"nunique needs a public domain, and {name} has none",
            hint=f"sf.cut(df[{name!r}], [...]) makes bands with public edges"
        )
    return Summarise(node, (*by, name), (Statistic(kind="size"),))


def _notes(found: Sequence[Cell]) -> Sequence[str]:
    return [LEVELS] if any(value is SUPPRESSED for value in found) else ()
