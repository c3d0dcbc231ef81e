"""Pivot tables of released cells, headed as pandas heads them; totals are sums of released cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from secureframe.results.record import cell
from secureframe.results.released import SUPPRESSED, Cell, ReleasedTable
from secureframe.results.shape import array_of, attach, common_dtype, dtype_of, levels_index
from secureframe.results.summaries import TOTALS, total_of


class Entry(NamedTuple):
    """One statistic of a pivot table: its function as it was typed, its column (None where rows are counted), its number."""

    how: str
    column: str | None
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How the cells of a release are laid out.

    Parameters
    ----------
    entries : tuple of Entry
        What is shown.
    labels : tuple of str or None
        Names of the keys, those that go downwards first.
    down : int
        How many keys go downwards.
    hows_head, values_head : bool
        Whether functions and columns are levels of the header.
    margins : str or None
        The name of totals, if there are any.
    """

    entries: tuple[Entry, ...]
    labels: tuple[str | None, ...]
    down: int
    hows_head: bool
    values_head: bool
    margins: str | None = None


def pivoted(
    tables: Sequence[ReleasedTable],
    entries: Sequence[Sequence[Any]],
    labels: Sequence[str | None],
    down: int,
    hows_head: bool,
    values_head: bool,
    margins: str | None,
) -> pd.DataFrame:
    """Return a pivot table.

    Parameters
    ----------
    entries : sequence of (str, str or None, int)
        For every shown statistic its function as it was typed, its column, and the number of the release's statistic.
    labels, down, hows_head, values_head, margins
        As `Layout` has them.
    """
    (table,) = tables
    layout = Layout(
        entries=tuple(Entry(*entry) for entry in entries),
        labels=tuple(labels),
        down=down,
        hows_head=hows_head,
        values_head=values_head,
        margins=margins,
    )
    levels = [levels_index(table.node.schema[key].type, None) for key in table.node.by]
    lines, right = levels[:down], levels[down:]
    width = math.prod(len(level) for level in right)
    columns: list[tuple[tuple[Any, ...], list[Cell], str]] = []
    for entry in layout.entries:
        values, dtype = table.values[entry.number], dtype_of(table.node.statistics[entry.number], table.node)
        for at, shown in enumerate(_product(right)):
            columns.append((_head(layout, entry) + shown, list(values[at::width]), dtype))
    if layout.down == 0:
        return _of_values(tables, layout, columns, right)
    rows = _index(lines, layout.labels[: layout.down])
    notes: list[str] = []
    if layout.margins is not None:
        rows, columns = _with_totals(rows, columns, layout.margins)
        notes = [TOTALS] if any(value is SUPPRESSED for _, values, _ in columns for value in values) else []
    return _framed(tables, rows, columns, layout, right, notes)


def _head(layout: Layout, entry: Entry) -> tuple[Any, ...]:
    """What stands above a statistic's cells, before the levels of keys."""
    return (*([entry.how] if layout.hows_head else ()), *([entry.column] if layout.values_head and layout.down else ()))


def _product(levels: Sequence[pd.Index[Any]]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = [()]
    for level in levels:
        found = [(*before, value) for before in found for value in level]
    return found


def _index(levels: Sequence[pd.Index[Any]], names: Sequence[str | None]) -> pd.Index[Any]:
    found: pd.Index[Any] = pd.MultiIndex.from_product(levels, names=list(names)) if len(levels) > 1 else levels[0].copy()
    found.names = list(names)
    return found


def _with_totals(
    rows: pd.Index[Any], columns: Sequence[tuple[tuple[Any, ...], list[Cell], str]], name: str
) -> tuple[pd.Index[Any], list[tuple[tuple[Any, ...], list[Cell], str]]]:
    """The same table with a column and a row of totals; one is missing where a cell of its line is withheld."""
    head, _, dtype = columns[0]
    totals = [_total(line) for line in zip(*(values for _, values, _ in columns), strict=True)]
    full = [*columns, ((*head[:-1], name), totals, dtype)]
    shown = pd.Index([*rows, name], dtype=object, name=rows.name)
    return shown, [(key, [*values, _total(values)], dtype) for key, values, dtype in full]


def _total(values: Sequence[Cell]) -> Cell:
    total = total_of(values)
    return None if total is pd.NA else total


def _framed(
    tables: Sequence[ReleasedTable],
    rows: pd.Index[Any],
    columns: Sequence[tuple[tuple[Any, ...], list[Cell], str]],
    layout: Layout,
    right: Sequence[pd.Index[Any]],
    notes: Sequence[str] = (),
) -> pd.DataFrame:
    result = pd.DataFrame({i: array_of(values, dtype) for i, (_, values, dtype) in enumerate(columns)}, index=rows)
    names = [None] * (len(columns[0][0]) - len(right)) + list(layout.labels[layout.down :])
    result.columns = _header([key for key, _, _ in columns], names, right, layout.margins is not None)
    withheld = [
        cell(row, key[0] if len(key) == 1 else key)
        for key, values, _ in columns
        for row, value in zip(rows, values, strict=True)
        if value is SUPPRESSED
    ]
    return attach(result, tables, withheld, notes)


def _header(
    keys: Sequence[tuple[Any, ...]], names: Sequence[str | None], right: Sequence[pd.Index[Any]], totals: bool
) -> pd.Index[Any]:
    if len(names) > 1:
        return pd.MultiIndex.from_tuples(keys, names=list(names))
    if len(right) == 1 and not totals:
        return _index(right, names)
    found: pd.Index[Any] = pd.Index([key[0] for key in keys], dtype=object if totals else None, name=names[0])
    return found


def _of_values(
    tables: Sequence[ReleasedTable],
    layout: Layout,
    columns: Sequence[tuple[tuple[Any, ...], list[Cell], str]],
    right: Sequence[pd.Index[Any]],
) -> pd.DataFrame:
    """A table whose rows are the columns that were summarised, since no key goes downwards."""
    names = list(dict.fromkeys(entry.column for entry in layout.entries))
    width = len(columns) // len(layout.entries)
    merged: dict[tuple[Any, ...], list[tuple[Cell, str]]] = {}
    for number, (key, values, dtype) in enumerate(columns):
        assert layout.entries[number // width].column in names
        merged.setdefault(key, []).append((values[0], dtype))
    lines = [(key, [v for v, _ in found], common_dtype(d for _, d in found)) for key, found in merged.items()]
    return _framed(tables, pd.Index(names), lines, layout, right)
