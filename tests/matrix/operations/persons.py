"""Reduce to persons: one row a person, of rows at one institution or at several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tests.matrix.layouts import Study
from tests.matrix.operations.registry import keyed, levels, number, operation, ordered, totals, truth

ROW = "reduce to persons"


def _nearest(column: pd.Series, step: float) -> pd.Series:
    """Rounded half to even onto a grid, as a mean over a person's rows is."""
    return pd.Series(np.round(column.astype(float) / step) * step, index=column.index, name=column.name).astype("Float64")


def _reduced(frame: str, column: str, how: str) -> Any:
    def run(s: Study) -> Any:
        return number(getattr(s, frame).groupby("id").agg(found=(column, how))["found"])

    return run


for _frame, _column in (("visits", "value"), ("visits", "days"), ("stays", "cost"), ("stays", "nights")):
    _place = "" if _frame == "visits" else " across institutions"
    for _how in ("count", "sum", "min", "max", "first", "last"):
        operation(ROW, f'groupby("id").agg({_column} {_how}){_place}', _reduced(_frame, _column, _how))


def _mean_of(frame: str, column: str) -> tuple[Any, Any]:
    def secure(s: Study) -> Any:
        return number(getattr(s, frame).groupby("id").agg(found=(column, "mean"))["found"])

    def clear(s: Study) -> Any:
        return number(_nearest(getattr(s, frame).groupby("id")[column].mean().rename("found"), 1 / 128))

    return secure, clear


for _frame, _column in (("visits", "value"), ("stays", "nights")):
    _place = "" if _frame == "visits" else " across institutions"
    operation(ROW, f'groupby("id").agg({_column} mean){_place}', *_mean_of(_frame, _column))

operation(
    ROW,
    'groupby("id").agg(any)',
    lambda s: truth(s.visits.assign(late=s.visits["days"] > 300).groupby("id").agg(late=("late", "any"))["late"]),
)
operation(
    ROW,
    'groupby("id").agg(any) across institutions',
    lambda s: truth(s.stays.assign(long=s.stays["nights"] > 20).groupby("id").agg(long=("long", "any"))["long"]),
)
operation(ROW, 'groupby("id").agg(first category)', lambda s: levels(s.visits.groupby("id").agg(kind=("kind", "first"))["kind"]))
operation(
    ROW,
    'sort_values("day").groupby("id").agg(last)',
    lambda s: number(ordered(s.visits, "days").groupby("id").agg(found=("value", "last"))["found"]),
)
operation(
    ROW,
    'sort_values("day", ascending=False).groupby("id").agg(first)',
    lambda s: number(ordered(s.visits, "days", ascending=False).groupby("id").agg(found=("value", "first"))["found"]),
)
operation(
    ROW,
    'sort_values("nights").groupby("id").agg(last) across institutions',
    lambda s: number(ordered(s.stays, "nights").groupby("id").agg(found=("cost", "last"))["found"]),
)
operation(
    ROW,
    'groupby("id")["a"].nunique()',
    lambda s: number(s.visits.groupby("id")["kind"].nunique()["kind"]),
    lambda s: number(s.visits.groupby("id")["kind"].nunique()),
)
operation(
    ROW,
    "several reductions at once",
    lambda s: totals(
        s.visits.groupby("id").agg(low=("value", "min"), high=("value", "max"), rows=("value", "count"))[["low", "high", "rows"]],
        "low",
        "high",
        "rows",
    ),
)
operation(
    ROW,
    'groupby("id").size()',
    lambda s: number(s.visits.groupby("id").size()["size"]),
    lambda s: number(s.visits.groupby("id").size().rename("size")),
)
operation(
    ROW,
    'groupby("id")["a"].sum()',
    lambda s: number(s.visits.groupby("id")["days"].sum()["days"]),
    lambda s: number(s.visits.groupby("id")["days"].sum()),
)
operation(
    ROW,
    "reduced after a filter",
    lambda s: totals(
        s.visits[s.visits["kind"] == "lab"].groupby("id").agg(high=("value", "max"), rows=("days", "count"))[["high", "rows"]],
        "high",
        "rows",
    ),
)
operation(
    ROW,
    "a group of persons by what their rows hold",
    lambda s: (
        s.people[["id", "sex"]]
        .merge(keyed(s.visits.groupby("id").agg(high=("value", "max"))), on="id", how="left")
        .groupby("sex", observed=False)["high"]
        .agg(["count", "mean"])
    ),
)
