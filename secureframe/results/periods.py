"""Released tables by calendar period, indexed by dates as pandas' resampling indexes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from secureframe.results.released import ReleasedTable


def in_periods(tables: Sequence[ReleasedTable], shape: Callable[[Sequence[ReleasedTable]], Any], rule: str, name: str) -> Any:
    """Return what ``shape`` makes of tables by periods, with dates in place of the names of periods.

    Parameters
    ----------
    shape : callable
        Makes a pandas object whose rows are periods, or periods and something more.
    rule : str
        pandas' rule of the periods.
    name : str
        The column of dates.
    """
    result = shape(tables)
    periods = pd.DatetimeIndex([str(level) for level in tables[0].node.levels[0]]).as_unit("s")
    index: pd.Index[Any] = pd.DatetimeIndex(periods, freq=rule, name=name)
    if isinstance(result.index, pd.MultiIndex):
        index = pd.MultiIndex.from_product([periods, result.index.levels[1]], names=[name, *result.index.names[1:]])
    dated = result.set_axis(index, axis=0)
    dated.attrs.update(result.attrs)
    return dated
