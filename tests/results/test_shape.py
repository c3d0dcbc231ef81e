"""From cells to pandas objects: dtypes, indexes, missing against withheld, one record and one warning a result."""

from __future__ import annotations

import datetime
import json
import warnings
from typing import Any

import pandas as pd
import pytest

from secureframe.errors import SuppressedWarning
from secureframe.plan.expressions import ColumnRef
from secureframe.plan.nodes import Project, Statistic, Summarise, Table
from secureframe.results.histogram import Histogram, merge_ends
from secureframe.results.record import combine, footnote_text, plain, withheld_text
from secureframe.results.released import SUPPRESSED, ReleasedTable
from secureframe.results.shape import array_of, common_dtype, dtype_of, grouped_frame, one_number
from secureframe.results.summaries import crossed, mode, total_of
from tests.frame.study import PATIENTS

RECORD = {"plan": "0123456789", "policy": "open-research", "threshold": 10, "rounding": "none", "rules": ["a"]}
S = SUPPRESSED


def released(by: tuple[str, ...], statistics: tuple[Statistic, ...], *values: tuple[Any, ...]) -> ReleasedTable:
    return ReleasedTable(node=Summarise(Table(PATIENTS), by, statistics), values=values, release=dict(RECORD))


def size_by(*by: str) -> tuple[tuple[str, ...], tuple[Statistic, ...]]:
    return by, (Statistic(kind="size"),)


@pytest.mark.parametrize(
    ("kind", "column", "dtype"),
    [
        ("count", "bmi", "Int64"),
        ("sum", "age", "Int64"),
        ("sum", "bmi", "Float64"),
        ("sum", "smoker", "Int64"),
        ("mean", "age", "Float64"),
        ("quantile", "age", "Int64"),
        ("quantile", "bmi", "Float64"),
        ("quantile", "smoker", "boolean"),
        ("quantile", "entered", "datetime64[s]"),
    ],
)
def test_dtypes(kind: str, column: str, dtype: str) -> None:
    node = Summarise(Project(Table(PATIENTS), ((column, ColumnRef(column)),)), (), (Statistic(kind="count", columns=(column,)),))
    assert dtype_of(Statistic(kind=kind, columns=(column,)), node) == dtype


def test_arrays() -> None:
    assert list(array_of([1, None, S], "Int64").isna()) == [False, True, True]
    assert str(array_of([2**70, 1], "Int64").dtype) == "Float64"
    assert array_of([datetime.date(2020, 1, 31), S], "datetime64[s]")[0] == pd.Timestamp("2020-01-31")
    assert common_dtype(["Int64", "Int64"]) == "Int64" and common_dtype(["Int64", "Float64"]) == "Float64"
    assert common_dtype(["Int64", "datetime64[s]"]) == "object"


def test_missing_is_told_from_withheld() -> None:
    table = released(
        ("male",), (Statistic(kind="mean", columns=("age",)), Statistic(kind="count", columns=("age",))), (None, S), (0, S)
    )
    with pytest.warns(SuppressedWarning) as caught:
        found = grouped_frame([table], pd.Index(["mean", "n"]))
    assert len(caught) == 1
    assert found.isna().to_numpy().tolist() == [[True, False], [True, True]]
    record = found.attrs["release"]
    assert record["suppressed"] == [{"row": 1, "column": "mean"}, {"row": 1, "column": "n"}]
    assert record["plan"] == "0123456789" and record["rules"] == ["a"] and record["cells"] == 4
    assert json.loads(json.dumps(record)) == record


def test_no_warning_where_nothing_is_withheld() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert one_number([released((), (Statistic(kind="mean", columns=("age",)),), (50.5,))]) == 50.5


def test_labels_are_plain_json() -> None:
    assert plain((pd.Timestamp("2020-01-31"), True, pd.Interval(0, 1))) == ["2020-01-31T00:00:00", True, "(0, 1]"]
    assert plain(pd.array([3], dtype="Int64")[0]) == 3


def test_words() -> None:
    assert withheld_text(combine([])) is None
    one = {**RECORD, "suppressed": [{"row": None, "column": "mean"}], "cells": 1}
    assert withheld_text(one) == (
        "value withheld: fewer than 10 persons, or as few left out or on one side of a condition in it; widen the cohort"
    )
    two = {**RECORD, "suppressed": [{}, {}], "cells": 8}
    assert withheld_text(two) == (
        "2 cells withheld: fewer than 10 persons, or needed to protect one that is; merge levels, e.g. sf.cut with wider bands"
    )
    assert footnote_text({}) == "Released."
    rounded = {**RECORD, "rounding": "frequencies to base 5"}
    assert "rounded: frequencies to base 5" in footnote_text(rounded)


# -- derived from released cells alone ---------------------------------------------------------------------------------------


def test_totals() -> None:
    assert total_of([1, 2, 3]) == 6 and total_of([]) == 0
    assert total_of([1, S]) is pd.NA and total_of([1, pd.NA]) is pd.NA


def test_cross_table_totals_where_cells_are_withheld() -> None:
    table = released(*size_by("male", "smoker"), (20, S, 30, 40))
    with pytest.warns(SuppressedWarning):
        found = crossed([table], ["male", "smoker"], margins=True, normalize=False, margins_name="All")
    assert found.loc[1].tolist() == [30, 40, 70] and found.loc["All", False] == 50
    assert [bool(found.isna().loc[cell]) for cell in [(0, True), (0, "All"), ("All", True), ("All", "All")]] == [True] * 4
    assert found.attrs["release"]["suppressed"] == [{"row": 0, "column": True}]


@pytest.mark.parametrize(
    ("counts", "count", "expected"),
    [
        ((50, 20, 0, 30), 100, ("none", 50)),
        ((20, 20, 10, 10), 60, ("none", 20)),
        ((50, S, 20, S), 95, ("none", 50)),  # the withheld ones hold 25 together
        ((20, S, 15, S), 95, (S, S)),  # one of them may hold more
        ((20, S, 15, 0), S, (S, S)),
        ((S, S, S, S), 95, (S, S)),
        ((0, 0, 0, 0), 0, (None, None)),
    ],
)
def test_mode(counts: tuple[Any, ...], count: Any, expected: tuple[Any, Any]) -> None:
    assert mode(released(*size_by("stage"), counts), count) == expected


# -- histograms --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "edges", "merged"),
    [
        ((10, 20, 30, 10), (0, 1, 2, 3, 4), (10, 20, 30, 10)),
        ((S, 20, 30, S), (0, 1, 2, 3, 4), (S, 20, 30, S)),
        ((0, S, 30, 10), (0, 2, 3, 4), (S, 30, 10)),
        ((10, 30, S, 0), (0, 1, 2, 4), (10, 30, S)),
        ((10, S, 0, S), (0, 1, 4), (10, S)),
        ((10, S, 20, 0), (0, 1, 2, 3, 4), (10, S, 20, 0)),
        ((S, 0, S, S), (0, 4), (S,)),
        ((0, 0, 0, 0), (0, 1, 2, 3, 4), (0, 0, 0, 0)),
    ],
)
def test_ends_are_merged(counts: tuple[Any, ...], edges: tuple[int, ...], merged: tuple[Any, ...]) -> None:
    assert merge_ends((0, 1, 2, 3, 4), counts) == (edges, merged)


def test_a_histogram_shows_and_draws_itself(tmp_path: Any) -> None:
    with pytest.warns(SuppressedWarning, match=r"withheld: \[0, 2\) / count"):
        found = Histogram.of([released(*size_by("stage"), (0, S, 30, 40))], (0, 1, 2, 3, 4), "days")
    assert found.edges == (0, 2, 3, 4) and found.counts == (None, 30, 40)
    assert repr(found).splitlines()[:4] == [
        "Histogram of days",
        "  [0, 2)                 withheld",
        "  [2, 3)                       30",
        "  [3, 4]                       40",
    ]
    series = found.to_series()
    assert series.name == "count" and series.index.name == "days" and series.isna().tolist() == [True, False, False]
    png = found.to_png(tmp_path / "days.png")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert len(found.plot().ax.patches) == 3
    assert '<img class="sf-light" alt="Histogram of days: [0, 2) withheld; [2, 3) 30; [3, 4] 40. ' in (found._repr_html_() or "")


def test_releases_of_one_result_are_told_together() -> None:
    tables = [released(("male",), (Statistic(kind="size"),), (1, 2)) for _ in range(3)]
    for table, kinds, ranges in zip(
        tables, (["mean"], ["mean", "size"], []), ({"age": [0, 1]}, {"age": [0, 1], "bmi": [2, 3]}, {}), strict=True
    ):
        table.release.update(kinds=kinds, ranges=ranges)
    record = combine(tables)
    assert record["kinds"] == ["mean", "size"] and record["ranges"] == {"age": [0, 1], "bmi": [2, 3]}
    assert tables[0].release["kinds"] == ["mean"] and tables[0].release["ranges"] == {"age": [0, 1]}
