"""From released cells to pandas objects: nullable dtypes, pandas' index names, every declared level in its order."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeVar, cast

import pandas as pd

from secureframe.plan.nodes import Statistic, Summarise
from secureframe.results.numbers import Number, number
from secureframe.results.receipt import statistic_text
from secureframe.results.record import cell, combine, warn_if_withheld
from secureframe.results.released import SUPPRESSED, Cell, ReleasedTable
from secureframe.schema.calendar import time_unit
from secureframe.schema.types import ColumnType, Kind, Scalar

Table = TypeVar("Table", pd.Series, pd.DataFrame)

INT64 = range(-(2**63), 2**63)


def dtype_of(statistic: Statistic, node: Summarise) -> str:
    """Return the pandas dtype of a statistic's released values."""
    match statistic.kind:
        case "size" | "count":
            return "Int64"
        case "sum" | "quantile":
            type_ = node.schema[statistic.columns[0]].type
            if type_.is_time:
                return f"datetime64[{time_unit(type_.step)}]"
            if type_.kind is Kind.BOOL and statistic.kind == "quantile":
                return "boolean"
            return "Int64" if type_.step.denominator == 1 else "Float64"
        case _:
            return "Float64"


def pandas_dtype(type_: ColumnType) -> Any:
    """Return the pandas dtype that a column of this type would have in the clear."""
    match type_.kind:
        case Kind.BOOL:
            return pd.BooleanDtype()
        case Kind.CATEGORY:
            return pd.CategoricalDtype(list(type_.categories or ()))
        case Kind.DATE | Kind.DATETIME:
            return pd.Series([], dtype=cast(Any, f"datetime64[{time_unit(type_.step)}]")).dtype
        case Kind.STRING:
            return pd.StringDtype()
        case Kind.KEY:
            return pd.StringDtype() if type_.lo is None else pd.Int64Dtype()
        case _:
            return pd.Int64Dtype() if type_.step.denominator == 1 else pd.Float64Dtype()


def array_of(values: Iterable[Cell], dtype: str) -> Any:
    """Return released values as a pandas array; missing and withheld ones are missing in it."""
    held: list[Scalar] = [None if v is SUPPRESSED else cast(Scalar, v) for v in values]
    if dtype.startswith("datetime64"):
        moments = [None if v is None else pd.Timestamp(cast(datetime.date, v)) for v in held]
        return pd.Series(moments, dtype=cast(Any, dtype)).array
    if dtype == "Int64" and any(v is not None and int(cast(int, v)) not in INT64 for v in held):
        dtype = "Float64"
    return pd.array([pd.NA if v is None else v for v in held], dtype=cast(Any, dtype))


def common_dtype(dtypes: Iterable[str]) -> str:
    """Return the dtype of a column that holds several statistics."""
    distinct = set(dtypes)
    if len(distinct) == 1:
        return distinct.pop()
    return "Float64" if distinct <= {"Int64", "Float64"} else "object"


def levels_index(type_: ColumnType, name: str | None) -> pd.Index[Any]:
    """Return the public domain of a key as pandas would index a result by it."""
    levels = list(type_.levels or ())
    if type_.kind is Kind.CATEGORY:
        return pd.CategoricalIndex(levels, categories=levels, name=name)
    return pd.Index(pd.array(cast(Any, levels), dtype="boolean" if type_.kind is Kind.BOOL else "Int64"), name=name)


def key_index(node: Summarise, names: Sequence[str | None] | None = None) -> pd.Index[Any]:
    """Return the index of a grouped result: one key's levels, or the product of several keys' levels."""
    shown = list(node.by) if names is None else list(names)
    parts = [levels_index(node.schema[key].type, name) for key, name in zip(node.by, shown, strict=True)]
    return parts[0] if len(parts) == 1 else pd.MultiIndex.from_product(parts, names=shown)


def attach(
    result: Table,
    tables: Sequence[ReleasedTable],
    suppressed: Sequence[dict[str, Any]],
    notes: Sequence[str] = (),
) -> Table:
    """Give a result its release record and warn once if cells of it were withheld."""
    record = combine(tables, suppressed, cells=max(2, int(result.size)), notes=notes)
    result.attrs["release"] = record
    warn_if_withheld(record)
    return result


def one_number(tables: Sequence[ReleasedTable]) -> Number:
    """Return the only cell of the only statistic of a release."""
    (table,) = tables
    value, statistic = table.values[0][0], table.node.statistics[0]
    record = combine(tables, [cell(None, statistic_text(statistic))] if value is SUPPRESSED else ())
    warn_if_withheld(record)
    return number(value, record)


def numbers(tables: Sequence[ReleasedTable]) -> tuple[Number, ...]:
    """Return the only cell of every release."""
    return tuple(one_number([table]) for table in tables)


def column_series(
    tables: Sequence[ReleasedTable], labels: Sequence[str] | Sequence[float], name: str | float | None = None
) -> pd.Series[Any]:
    """Return an ungrouped release as a Series: one entry a statistic."""
    (table,) = tables
    values = [column[0] for column in table.values]
    dtype = common_dtype(dtype_of(s, table.node) for s in table.node.statistics)
    result = pd.Series(array_of(values, dtype), index=pd.Index(labels), name=name)
    return attach(result, tables, [cell(label, name) for label, v in zip(labels, values, strict=True) if v is SUPPRESSED])


def matrix(
    tables: Sequence[ReleasedTable],
    rows: pd.Index[Any],
    columns: pd.Index[Any],
    cells: Sequence[Sequence[tuple[Cell, str]]],
    notes: Sequence[str] = (),
) -> pd.DataFrame:
    """Return cells, column by column, as a DataFrame; a column whose cells differ in dtype is Float64."""
    data: dict[int, Any] = {}
    suppressed: list[dict[str, Any]] = []
    for position, column in enumerate(cells):
        data[position] = array_of([v for v, _ in column], common_dtype(dtype for _, dtype in column))
        suppressed += [cell(row, columns[position]) for row, (v, _) in zip(rows, column, strict=True) if v is SUPPRESSED]
    result = pd.DataFrame(data, index=rows)
    result.columns = columns
    return attach(result, tables, suppressed, notes)


def statistics_frame(tables: Sequence[ReleasedTable], rows: Sequence[Any], columns: Sequence[str]) -> pd.DataFrame:
    """Return an ungrouped release as a DataFrame: for every column, in order, the same statistics as rows."""
    (table,) = tables
    found = [
        (values[0], dtype_of(statistic, table.node))
        for statistic, values in zip(table.node.statistics, table.values, strict=True)
    ]
    cells = [found[i * len(rows) : (i + 1) * len(rows)] for i in range(len(columns))]
    return matrix(tables, pd.Index(list(rows)), pd.Index(list(columns)), cells)


def chosen_frame(
    tables: Sequence[ReleasedTable], rows: Sequence[str], asked: Sequence[tuple[str, Sequence[str]]]
) -> pd.DataFrame:
    """Return an ungrouped release as a DataFrame: for every column the statistics asked of it; what was not asked is missing."""
    (table,) = tables
    pairs = [(name, kind) for name, kinds in asked for kind in kinds]
    found = {
        pair: (values[0], dtype_of(statistic, table.node))
        for pair, statistic, values in zip(pairs, table.node.statistics, table.values, strict=True)
    }
    cells = [[found.get((name, row), (None, found[name, kinds[0]][1])) for row in rows] for name, kinds in asked]
    return matrix(tables, pd.Index(list(rows)), pd.Index([name for name, _ in asked]), cells)


def grouped_frame(
    tables: Sequence[ReleasedTable], columns: pd.Index[Any], names: Sequence[str | None] | None = None
) -> pd.DataFrame:
    """Return a grouped release as a DataFrame: one row a combination of levels, one column a statistic."""
    (table,) = tables
    cells = [
        [(v, dtype_of(statistic, table.node)) for v in values]
        for statistic, values in zip(table.node.statistics, table.values, strict=True)
    ]
    return matrix(tables, key_index(table.node, names), columns, cells)


def grouped_series(
    tables: Sequence[ReleasedTable], name: str | None, names: Sequence[str | None] | None = None
) -> pd.Series[Any]:
    """Return a grouped release of one statistic as a Series."""
    (table,) = tables
    index, values = key_index(table.node, names), table.values[0]
    result = pd.Series(array_of(values, dtype_of(table.node.statistics[0], table.node)), index=index, name=name)
    return attach(result, tables, [cell(row, name) for row, v in zip(index, values, strict=True) if v is SUPPRESSED])


def stacked_quantiles(
    tables: Sequence[ReleasedTable], quantiles: Sequence[float], columns: Sequence[str] | str, names: Sequence[str | None]
) -> Any:
    """Return grouped quantiles as pandas does for a list of them: the quantile is the last level of the index."""
    (table,) = tables
    keys = key_index(table.node, names)
    rows = [((*k, q) if isinstance(k, tuple) else (k, q)) for k in keys for q in quantiles]
    levels = [levels_index(table.node.schema[key].type, None) for key in table.node.by]
    index = pd.MultiIndex.from_product([*levels, pd.Index(quantiles)], names=[*names, None])
    shown = [columns] if isinstance(columns, str) else list(columns)
    cells: list[list[tuple[Cell, str]]] = []
    for i in range(len(shown)):
        statistics = range(i * len(quantiles), (i + 1) * len(quantiles))
        dtype = dtype_of(table.node.statistics[statistics[0]], table.node)
        cells.append([(table.values[s][k], dtype) for k in range(len(keys)) for s in statistics])
    if not isinstance(columns, str):
        return matrix(tables, index, pd.Index(shown), cells)
    result = pd.Series(array_of([v for v, _ in cells[0]], cells[0][0][1]), index=index, name=columns)
    suppressed = [cell(row, columns) for row, (v, _) in zip(rows, cells[0], strict=True) if v is SUPPRESSED]
    return attach(result, tables, suppressed)


Normalize = bool | Literal["all", "index", "columns"]
