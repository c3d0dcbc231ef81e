"""Summaries that are made of several releases of one job: descriptions, counts of values, cross tables, Table 1.

Whatever is derived here (a share, a total, a mode, a number of missing values) is derived from released cells alone and
is missing where a cell that it needs was withheld.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pandas as pd

from secureframe.errors import PlanError
from secureframe.results.record import cell
from secureframe.results.released import SUPPRESSED, Cell, ReleasedTable
from secureframe.results.shape import (
    Normalize,
    array_of,
    attach,
    common_dtype,
    dtype_of,
    key_index,
    levels_index,
    matrix,
)

NUMBER_QUANTILES = tuple(Fraction(q, 100) for q in (5, 25, 50, 75, 95))
CATEGORY_ROWS = ("count", "top", "freq")
ROW_ORDER = ("count", "top", "freq", "mean", "std", "5%", "25%", "50%", "75%", "95%")
TOTALS = "totals and shares are taken from the released cells and missing where one of theirs is withheld"

Typed = tuple[Cell, str]


def is_known(value: Cell) -> bool:
    """Whether a cell holds a value: neither withheld nor missing."""
    return value is not SUPPRESSED and value is not None


# -- describe --------------------------------------------------------------------------------------------------------------


def _described_cells(tables: Sequence[ReleasedTable], plans: Sequence[tuple[str, list[str]]]) -> list[dict[str, Typed]]:
    first, others = tables[0], iter(tables[1:])
    statistics = iter(zip(first.node.statistics, first.values, strict=True))
    columns = []
    for _, rows in plans:
        found: dict[str, Typed] = {}
        if tuple(rows) == CATEGORY_ROWS:
            _, (count,) = next(statistics)
            top, freq = mode(next(others), count)
            found = {"count": (count, "Int64"), "top": (top, "object"), "freq": (freq, "Int64")}
        else:
            for row in rows:
                statistic, (value,) = next(statistics)
                found[row] = (value, dtype_of(statistic, first.node))
        columns.append(found)
    return columns


def mode(table: ReleasedTable, count: Cell) -> tuple[Cell, Cell]:
    """Return the most frequent level and its count, as far as the released counts settle it.

    A withheld count may be the largest: the mode is withheld unless the largest released count is at least all that the
    withheld ones can hold together.
    """
    counts = table.values[0]
    known = [(int(v), i) for i, v in enumerate(counts) if is_known(v)]  # type: ignore[arg-type]  # sizes are ints
    if not known:
        return SUPPRESSED, SUPPRESSED
    largest, position = max(known, key=lambda pair: (pair[0], -pair[1]))
    if len(known) < len(counts):
        rest = int(count) - sum(n for n, _ in known) if is_known(count) else None  # type: ignore[arg-type]
        if rest is None or largest < rest:
            return SUPPRESSED, SUPPRESSED
    if largest == 0:
        return None, None
    return table.node.levels[0][position], largest  # type: ignore[return-value]  # levels are scalars


def described(tables: Sequence[ReleasedTable], plans: Sequence[tuple[str, list[str]]]) -> pd.DataFrame:
    """Return a description, a column a described column."""
    columns = _described_cells(tables, plans)
    rows = [row for row in ROW_ORDER if any(row in found for found in columns)]
    cells = [[found.get(row, (None, next(iter(found.values()))[1])) for row in rows] for found in columns]
    return matrix(tables, pd.Index(rows), pd.Index([name for name, _ in plans]), cells)


def described_column(tables: Sequence[ReleasedTable], plans: Sequence[tuple[str, list[str]]], name: str | None) -> Any:
    """Return the description of one column."""
    (found,) = _described_cells(tables, plans)
    dtype = common_dtype(d for _, d in found.values())
    result = pd.Series(array_of([v for v, _ in found.values()], dtype), index=pd.Index(list(found)), name=name)
    return attach(result, tables, [cell(row, name) for row, (v, _) in found.items() if v is SUPPRESSED])


# -- counts ----------------------------------------------------------------------------------------------------------------


def counted(
    tables: Sequence[ReleasedTable], labels: Sequence[str | None], *, normalize: bool, sort: bool, ascending: bool
) -> Any:
    """Return counts of levels as ``value_counts`` does."""
    (table,) = tables
    name = "proportion" if normalize else "count"
    index, values = key_index(table.node, labels), table.values[0]
    suppressed = [cell(row, name) for row, v in zip(index, values, strict=True) if v is SUPPRESSED]
    result = pd.Series(array_of(values, "Int64"), index=index, name=name)
    if sort:
        result = result.sort_values(ascending=ascending, kind="stable", na_position="last")
    if normalize:
        total = total_of(values)
        result = pd.Series(pd.array([share(v, total) for v in result.array], dtype="Float64"), index=result.index, name=name)
    return attach(result, tables, suppressed, [TOTALS] if normalize and suppressed else ())


def total_of(values: Sequence[Any]) -> Any:
    """Return the sum of released counts; missing if one is."""
    return pd.NA if any(v is SUPPRESSED or v is None or v is pd.NA for v in values) else sum(values)


def share(part: Any, total: Any, scale: float = 1.0) -> Any:
    """Return a quotient of released counts; missing if either is, or if nothing is there."""
    return pd.NA if part is pd.NA or total is pd.NA or total == 0 else scale * part / total


# -- cross tables ----------------------------------------------------------------------------------------------------------


def crossed(
    tables: Sequence[ReleasedTable], labels: Sequence[str | None], *, margins: bool, normalize: Normalize, margins_name: str
) -> pd.DataFrame:
    """Return a cross table; totals and shares come from its released cells."""
    (table,) = tables
    schema, (first, second) = table.node.schema, table.node.by
    rows, columns = (levels_index(schema[key].type, label) for key, label in zip((first, second), labels, strict=True))
    values, width = table.values[0], len(columns)
    lines = [list(values[i * width : (i + 1) * width]) for i in range(len(rows))]
    suppressed = [
        cell(row, column)
        for row, line in zip(rows, lines, strict=True)
        for column, v in zip(columns, line, strict=True)
        if v is SUPPRESSED
    ]
    full: list[list[Any]] = [[pd.NA if v is SUPPRESSED else v for v in line] + [total_of(line)] for line in lines]
    full.append([total_of(column) for column in zip(*full, strict=True)])
    if normalize is not False:
        full = _normalized(full, "all" if normalize is True else normalize)
    with_row = margins and normalize != "columns"
    with_column = margins and normalize != "index"
    kept = [line if with_column else line[:-1] for line in (full if with_row else full[:-1])]
    result = pd.DataFrame(
        {i: pd.array(c, dtype="Float64" if normalize else "Int64") for i, c in enumerate(zip(*kept, strict=True))}
    )
    result.index = rows if not with_row else pd.Index([*rows, margins_name], dtype=object, name=labels[0])
    result.columns = columns if not with_column else pd.Index([*columns, margins_name], dtype=object, name=labels[1])
    return attach(result, tables, suppressed, [TOTALS] if suppressed and (margins or normalize) else ())


def _normalized(full: list[list[Any]], normalize: str) -> list[list[Any]]:
    match normalize:
        case "all":
            return [[share(v, full[-1][-1]) for v in line] for line in full]
        case "index":
            return [[share(v, line[-1]) for v in line] for line in full]
        case "columns":
            return [[share(v, total) for v, total in zip(line, full[-1], strict=True)] for line in full]
        case _:
            raise PlanError(f"normalize={normalize!r} is not offered", hint="normalize='index', 'columns' or 'all'")


# -- table one -------------------------------------------------------------------------------------------------------------


def table_one_frame(
    tables: Sequence[ReleasedTable],
    labels: Sequence[tuple[str, str]],
    levelled: Sequence[str],
    *,
    grouped: bool,
    by: str | None,
) -> pd.DataFrame:
    """Return Table 1: rows (variable, statistic), a column overall and one a group."""
    half = 1 + len(levelled)
    overall = tables[:half]
    groups: list[tuple[Any, dict[tuple[str, str], Cell]]] = [("overall", _group(overall, labels, levelled, 0, 1))]
    if grouped:
        of_groups = tables[half:]
        levels = of_groups[0].node.levels[0]
        groups += [(level, _group(of_groups, labels, levelled, i, len(levels))) for i, level in enumerate(levels)]
    rows = pd.MultiIndex.from_tuples(list(groups[0][1]), names=["variable", "statistic"])
    columns = pd.Index([level for level, _ in groups], dtype=object, name=by)
    cells: list[list[Typed]] = [[(v, "object" if _is_date(v) else "Float64") for v in found.values()] for _, found in groups]
    return matrix(tables, rows, columns, cells, [TOTALS] if any(SUPPRESSED in f.values() for _, f in groups) else ())


def _is_date(value: Cell) -> bool:
    return hasattr(value, "isoformat")


def _group(
    tables: Sequence[ReleasedTable], labels: Sequence[tuple[str, str]], levelled: Sequence[str], group: int, groups: int
) -> dict[tuple[str, str], Cell]:
    """The cells of one column of Table 1: the statistics, then levels with their shares, and missing values, by variable."""
    statistics = {label: values[group] for label, values in zip(labels, tables[0].values, strict=True)}
    size = statistics[("n", "count")]
    counts = dict(zip(levelled, tables[1:], strict=True))
    found: dict[tuple[str, str], Cell] = {("n", "count"): size}
    for variable in dict.fromkeys(variable for variable, _ in labels[1:]):
        present = statistics[(variable, "count")]
        found |= {label: value for label, value in statistics.items() if label[0] == variable}
        if variable in counts:
            table = counts[variable]
            levels = table.node.levels[-1]
            width = len(table.values[0]) // groups
            for level, value in zip(levels, table.values[0][group * width : (group + 1) * width], strict=True):
                label = str(level) if (variable, str(level)) not in found and str(level) != "missing" else f"level {level}"
                found[(variable, label)] = value
                found[(variable, f"{label} %")] = _derived(value, present, lambda a, b: 100 * a / b if b else None)
        found[(variable, "missing")] = _derived(size, present, lambda a, b: a - b)
    return found


def _derived(a: Cell, b: Cell, formula: Any) -> Cell:
    if a is SUPPRESSED or b is SUPPRESSED:
        return SUPPRESSED
    return None if a is None or b is None else formula(a, b)
