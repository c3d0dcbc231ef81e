"""Released correlations and covariances as pandas lays them out: a symmetric matrix, or one a group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from secureframe.results.released import Cell, ReleasedTable
from secureframe.results.shape import key_index, levels_index, matrix


def _entries(table: ReleasedTable) -> Mapping[frozenset[str], tuple[Cell, ...]]:
    """What is known of every pair of columns, a cell a group; of one column its variance."""
    return {frozenset(s.columns): values for s, values in zip(table.node.statistics, table.values, strict=True)}


def _entry(entries: Mapping[frozenset[str], tuple[Cell, ...]], a: str, b: str, cell: int) -> tuple[Cell, str]:
    pair = frozenset((a, b))
    # Of correlations the diagonal is not released: it is one wherever it exists.
    return (1.0 if a == b and pair not in entries else entries[pair][cell]), "Float64"


def pair_matrix(tables: Sequence[ReleasedTable], names: Sequence[str]) -> pd.DataFrame:
    """Return one symmetric matrix."""
    entries = _entries(tables[0])
    cells = [[_entry(entries, a, b, 0) for a in names] for b in names]
    return matrix(tables, pd.Index(list(names)), pd.Index(list(names)), cells)


def grouped_pairs(
    tables: Sequence[ReleasedTable], columns: Sequence[str], names: Sequence[str], labels: Sequence[str | None]
) -> pd.DataFrame:
    """Return a matrix for every combination of levels of the keys: rows are levels and columns, as in pandas."""
    (table,) = tables
    entries = _entries(table)
    groups = range(len(key_index(table.node)))
    levels = [levels_index(table.node.schema[key].type, None) for key in table.node.by]
    rows = pd.MultiIndex.from_product([*levels, pd.Index(list(names))], names=[*labels, None])
    cells = [[_entry(entries, a, b, group) for group in groups for a in columns] for b in columns]
    return matrix(tables, rows, pd.Index(list(names)), cells)
