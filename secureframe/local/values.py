"""Grid integers back to the values that people read: what every oracle computes on, and what an owner looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from secureframe.schema.calendar import MICROSECONDS, time_unit
from secureframe.schema.table import Schema, TableSchema
from secureframe.schema.types import ColumnType, Kind

if TYPE_CHECKING:
    import pandas


def to_pandas(frame: pl.DataFrame, schema: TableSchema | Schema) -> pandas.DataFrame:
    """Return the quantised natural values of a table, in pandas' nullable types.

    Parameters
    ----------
    frame : polars.DataFrame
        Grid integers, as ``RegisteredTable.frame`` or ``LocalFrame.rows`` holds them; columns that the schema does not
        name are left out.
    schema : TableSchema or Schema
        The types of its columns.

    Returns
    -------
    pandas.DataFrame
        Int64, Float64, boolean, category (in the order of the public domain), string or datetime64.
    """
    import pandas as pd

    if isinstance(schema, TableSchema):
        types = {c.name: c.type for c in schema.columns}
    else:
        types = {name: field.type for name, field in schema.items()}
    return pd.DataFrame({name: natural_values(frame[name], type_) for name, type_ in types.items()})


def natural_values(series: pl.Series, type_: ColumnType) -> pandas.Series:
    """Return one column's natural values."""
    import pandas as pd

    if type_.kind is Kind.STRING or (type_.kind is Kind.KEY and type_.lo is None):
        return pd.Series(series.to_list(), dtype="string")
    missing = series.is_null().to_numpy()
    if type_.kind is Kind.BOOL:
        return pd.Series(pd.arrays.BooleanArray(series.fill_null(False).to_numpy(writable=True), missing.copy()))
    grid = series.fill_null(0)
    if grid.dtype.is_integer() and grid.dtype != pl.Int128:
        grid = grid.cast(pl.Int64)
    match type_.kind:
        case Kind.CATEGORY:
            codes = np.where(missing, -1, grid.to_numpy())
            dtype = pd.CategoricalDtype(pd.Index(list(type_.categories or ())))
            return pd.Series(pd.Categorical.from_codes(codes.tolist(), dtype=dtype))
        case Kind.DATE:
            days = grid.to_numpy().astype("datetime64[D]").astype("datetime64[s]")
            return pd.Series(np.where(missing, np.datetime64("NaT", "s"), days))
        case Kind.DATETIME:
            # Microseconds hold every time stamp exactly; the dtype says no more than the column's own grid does.
            unit = time_unit(type_.step)
            moments = (grid.to_numpy() * int(type_.step * MICROSECONDS)).astype("datetime64[us]").astype(f"datetime64[{unit}]")
            moments[missing] = np.datetime64("NaT")
            return pd.Series(moments)
        case Kind.INT | Kind.KEY if grid.dtype == pl.Int64:
            return pd.Series(pd.arrays.IntegerArray(grid.to_numpy(writable=True), missing.copy()))
        case _:
            return pd.Series(pd.arrays.FloatingArray(_scaled(grid, type_), missing.copy()))


def _scaled(grid: pl.Series, type_: ColumnType) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """``grid * step``, rounded once: exactly what a division of the two integers gives."""
    top, bottom = type_.step.numerator, type_.step.denominator
    if max(abs(type_.low), abs(type_.high)) * top < 2**53 and bottom < 2**53:
        return np.asarray(grid.to_numpy() * float(top) / float(bottom), dtype=np.float64)
    return np.array([value * top / bottom for value in grid.to_list()], dtype=np.float64)
