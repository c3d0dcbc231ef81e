"""Released tables to draw: what an analyst would hold, with records as releases leave them."""

from __future__ import annotations

from typing import Any

import pandas as pd

RECORD = {
    "plan": "0123456789abcdef",
    "policy": "open-research",
    "threshold": 10,
    "rounding": "none",
    "kinds": ["mean"],
    "ranges": {"age": [18, 98]},
}
NOTE = "Released under open-research (threshold 10 persons, not rounded), plan 01234567."
STAGES = pd.CategoricalIndex(["none", "mild", "moderate", "severe"], name="stage")
MONTHS = pd.date_range("2025-01-31", periods=6, freq="ME").set_names("visit")


def released(table: Any, *suppressed: tuple[Any, Any], **record: Any) -> Any:
    """Give a table its record: which cells of it were withheld, and whatever else is said."""
    cells = [{"row": row, "column": column} for row, column in suppressed]
    table.attrs["release"] = {**RECORD, "suppressed": cells, "cells": max(2, table.size), **record}
    return table


def column(values: list[Any], dtype: str = "Float64") -> Any:
    return pd.array([pd.NA if value is None else value for value in values], dtype=dtype)  # type: ignore[call-overload]


def means(*values: Any) -> Any:
    """Mean ages by stage; one that is None was withheld."""
    series = pd.Series(column(list(values)), index=STAGES, name="age")
    return released(series, *((stage, "age") for stage, value in zip(STAGES, values, strict=True) if value is None))


def counts() -> Any:
    """Numbers by stage and country, of which two are withheld."""
    frame = pd.DataFrame({"NL": column([1200, 455, 25610, None], "Int64"), "DE": column([800, None, 310, 90], "Int64")})
    return released(frame.set_index(STAGES), ("severe", "NL"), ("mild", "DE"), kinds=["size"], ranges={})


def monthly() -> Any:
    """Numbers and mean blood pressures by month; the fourth is withheld."""
    numbers = column([80, 75, 60, None, 95, 110], "Int64")
    frame = pd.DataFrame({"count": numbers, "mean": column([131, 133.2, 130, None, 128, 127])})
    withheld = [("2025-04-30", "count"), ("2025-04-30", "mean")]
    return released(frame.set_index(MONTHS), *withheld, kinds=["count", "mean"], ranges={"sbp": [60, 240]})


def description() -> Any:
    """A description of three columns: of one a whisker is withheld, of another everything but its number."""
    rows = ["count", "mean", "std", "5%", "25%", "50%", "75%", "95%"]
    frame = pd.DataFrame(
        {
            "age": column([500, 61, 12, 40, 52, 61, 70, 83]),
            "sbp": column([400, 131, 20, 95, 118, 130, 144, None]),
            "chol": column([20, 200, 30, None, None, None, None, None]),
        },
        index=rows,
    )
    withheld = [("95%", "sbp"), *((row, "chol") for row in rows[3:])]
    ranges = {"age": [18, 98], "sbp": [60, 240], "chol": [50, 400]}
    return released(frame, *withheld, kinds=["count", "mean", "std", "quantile"], ranges=ranges)
