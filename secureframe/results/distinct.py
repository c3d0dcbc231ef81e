"""How many levels occur: counted in released tables of frequencies, and missing where one of their cells is withheld."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pandas as pd

from secureframe.plan.nodes import Statistic
from secureframe.results.numbers import Number, number
from secureframe.results.record import cell, combine, warn_if_withheld
from secureframe.results.released import SUPPRESSED, Cell, ReleasedTable
from secureframe.results.shape import array_of, attach, dtype_of, levels_index, matrix

MEDIAN = Fraction(1, 2)
LEVELS = "numbers of levels are taken from released frequencies and missing where one of theirs is withheld"


def levels_that_occur(table: ReleasedTable) -> tuple[Cell, ...]:
    """Return, for every combination of levels of all keys but the last, how many levels of the last one occur.

    A level with few persons is withheld, and so is the number: it would otherwise tell whether anybody is there.
    """
    (counts,) = table.values
    width = len(table.node.levels[-1])
    return tuple(_occurring(counts[start : start + width]) for start in range(0, len(counts), width))


def _occurring(counts: Sequence[Cell]) -> Cell:
    if any(count is SUPPRESSED for count in counts):
        return SUPPRESSED
    return sum(count != 0 for count in counts)


def levels_number(tables: Sequence[ReleasedTable], label: str | None) -> Number:
    """Return how many levels of one column occur."""
    (found,) = levels_that_occur(tables[0])
    record = combine(tables, [cell(None, f"nunique of {label}")] if found is SUPPRESSED else (), notes=_notes([found]))
    warn_if_withheld(record)
    return number(found, record)


def levels_series(tables: Sequence[ReleasedTable], names: Sequence[str]) -> Any:
    """Return the same for several columns, a table each."""
    found = [levels_that_occur(table)[0] for table in tables]
    result = pd.Series(array_of(found, "Int64"), index=pd.Index(list(names)))
    withheld = [cell(name, None) for name, value in zip(names, found, strict=True) if value is SUPPRESSED]
    return attach(result, tables, withheld, _notes(found))


def levels_frame(
    tables: Sequence[ReleasedTable], asked: Sequence[Sequence[str]], columns: pd.Index[Any], labels: Sequence[str | None]
) -> pd.DataFrame:
    """Return statistics by group of which some are numbers of levels.

    ``asked`` has a kind and a column of the release for each; tables are one of all other statistics, if there are any, and one
    for every number of levels.
    """
    plain = any(kind != "nunique" for kind, _ in asked)
    statistics = tables[0].node.statistics if plain else ()
    released = {(s.kind, s.q, *s.columns): (values, s) for s, values in zip(statistics, tables[0].values, strict=False)}
    counted = iter(tables[1:] if plain else tables)
    cells: list[list[tuple[Cell, str]]] = []
    for kind, name in asked:
        if kind == "nunique":
            cells.append([(value, "Int64") for value in levels_that_occur(next(counted))])
            continue
        values, found = released[_key(kind, name)]
        cells.append([(value, dtype_of(found, tables[0].node)) for value in values])
    node = tables[0].node
    keys = [levels_index(node.schema[key].type, label) for key, label in zip(node.by, labels, strict=False)]
    index = keys[0] if len(keys) == 1 else pd.MultiIndex.from_product(keys, names=list(labels))
    return matrix(tables, index, columns, cells, _notes([value for column in cells for value, _ in column]))


def levels_by(tables: Sequence[ReleasedTable], name: str, labels: Sequence[str | None]) -> Any:
    """Return how many levels of one column occur in every group, as a Series."""
    frame = levels_frame(tables, [("nunique", name)], pd.Index([name]), labels)
    result = frame.iloc[:, 0].rename(name)
    result.attrs.update(frame.attrs)
    return result


def _key(kind: str, name: str) -> tuple[Any, ...]:
    asked = (
        Statistic(kind="quantile", columns=(name,), q=MEDIAN)
        if kind == "median"
        else Statistic(kind=kind, columns=(name,) if name else ())
    )
    return (asked.kind, asked.q, *asked.columns)


def _notes(found: Sequence[Cell]) -> Sequence[str]:
    return [LEVELS] if any(value is SUPPRESSED for value in found) else ()
