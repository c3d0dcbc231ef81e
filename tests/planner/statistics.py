"""Statistics of frames as pandas computes them on the pooled, quantised rows: the oracle for releases."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from secureframe.local.register import RegisteredTable
from secureframe.plan import nodes as n
from secureframe.results.released import SUPPRESSED, Cell
from secureframe.schema.types import ColumnType, Kind
from tests.planner.rows import rows_of


def pooled(node: n.Node, tables: Mapping[str, RegisteredTable], parameters: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """The valid rows of a frame in pandas' nullable types."""
    rows = [row for row in rows_of(node, tables, parameters) if row is not None]
    return pd.DataFrame({name: _column([r[name] for r in rows], f.type) for name, f in node.schema.items()})


def _column(values: list[Any], type_: ColumnType) -> Any:
    match type_.kind:
        case Kind.BOOL:
            return pd.array(values, dtype="boolean")
        case Kind.CATEGORY:
            return pd.Categorical(values, categories=list(type_.categories or ()))
        case Kind.DATE:
            return pd.Series(pd.to_datetime(pd.Series(values, dtype=object)), dtype="datetime64[s]")
        case Kind.INT | Kind.KEY:
            return pd.array([None if v is None else int(v) for v in values], dtype="Int64")
        case _:
            return pd.array([None if v is None else float(v) for v in values], dtype="Float64")


def cells(node: n.Summarise, rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of every cell, row-major; rows with a missing key are in none."""
    found = [rows]
    for name, levels in zip(node.by, node.levels, strict=True):
        found = [cell[(cell[name] == level).fillna(False).astype(bool)] for cell in found for level in levels]
    return found


def statistic(s: n.Statistic, rows: pd.DataFrame) -> Any:
    """One statistic of one cell; None where it does not exist."""
    if s.kind == "size":
        return len(rows)
    if s.kind in ("corr", "cov"):
        a, b = (rows[c].astype("Float64") for c in s.columns)
        both = pd.concat([a, b], axis=1).dropna().astype(float)
        if s.kind == "cov":
            return _none(both.iloc[:, 0].cov(both.iloc[:, 1])) if len(both) > 1 else None
        with np.errstate(all="ignore"):
            return _none(both.iloc[:, 0].corr(both.iloc[:, 1])) if len(both) > 1 and (both.nunique() > 1).all() else None
    column = rows[s.columns[0]].dropna()
    if s.kind == "count":
        return len(column)
    if str(column.dtype).startswith("datetime"):
        return column.quantile(float(s.q or 0), interpolation="lower").date() if len(column) else None
    numbers = column.astype("Int64" if column.dtype in ("boolean", "Int64") else "Float64")
    if s.kind == "quantile":
        return numbers.astype(float).quantile(float(s.q or 0), interpolation="lower") if len(column) else None
    return _none(getattr(numbers, s.kind)()) if len(column) or s.kind == "sum" else None


def _none(value: Any) -> Any:
    return None if value is pd.NA or value != value else value


def same(found: Cell, wanted: Any, kind: str) -> bool:
    """Whether a released cell equals the oracle's: exactly for counts, sums and quantiles, else to 1e-9 relative."""
    if found is SUPPRESSED:
        return False
    if found is None or wanted is None or isinstance(wanted, datetime.date):
        return found is wanted or found == wanted
    if kind in ("size", "count", "quantile"):
        return bool(found == wanted)
    return math.isclose(float(found), float(wanted), rel_tol=1e-9, abs_tol=1e-9)  # type: ignore[arg-type]


def differences(node: n.Summarise, values: Sequence[Sequence[Cell]], rows: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Cells in which a release differs from the oracle: statistic, number of the cell, both values."""
    found = []
    for s, column in zip(node.statistics, values, strict=True):
        for i, (value, cell) in enumerate(zip(column, cells(node, rows), strict=True)):
            wanted = statistic(s, cell)
            nothing = s.kind == "quantile" and not cell[s.columns[0]].count()
            if value is not SUPPRESSED and not nothing and not same(value, wanted, s.kind):
                found.append((s, i, value, wanted))
    return found
