"""The functions beside methods, as pandas spells them: what ``sf.cut``, ``sf.where`` and their like mean on pooled frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd


def cut(x: pd.Series, bins: Sequence[Any], **options: Any) -> pd.Series:
    numbers = pd.Series(x.astype("Float64").to_numpy(dtype=float, na_value=float("nan")), index=x.index, name=x.name)
    return pd.cut(numbers, list(bins), **options)


def where(cond: pd.Series, then: Any, otherwise: Any) -> pd.Series:
    """A missing condition counts as false, as with ``Series.where`` of a mask that was filled."""
    kept = cond.fillna(False).astype(bool)
    values = then if isinstance(then, pd.Series) else pd.Series(then, index=cond.index)
    if isinstance(otherwise, pd.Series) and not isinstance(then, pd.Series):
        values = values.astype(otherwise.dtype)
    if isinstance(otherwise, pd.Series) and {str(values.dtype), str(otherwise.dtype)} == {"Int64", "Float64"}:
        values, otherwise = values.astype("Float64"), otherwise.astype("Float64")
    return values.convert_dtypes().where(kept, pd.NA if otherwise is None else otherwise)


def concat(frames: Sequence[pd.DataFrame], *, join: str = "outer", keys: Any = None, names: Any = None) -> pd.DataFrame:
    """Labels become a column, since a secure frame has no index."""
    if keys is not None:
        label = names[0] if names else "centre"
        domain = pd.CategoricalDtype(list(keys))
        frames = [
            f.assign(**{label: pd.Categorical([key] * len(f), dtype=domain)})[[label, *f.columns]]
            for key, f in zip(keys, frames, strict=True)
        ]
    return pd.concat(list(frames), join=join, ignore_index=True)  # type: ignore[call-overload]


def crosstab(index: pd.Series, columns: pd.Series, **options: Any) -> pd.DataFrame:
    """Every declared level has its line, and missing values have none."""
    there = index.notna() & columns.notna()
    return pd.crosstab(index[there], columns[there], dropna=False, **options)
