"""Statistics and tables wherever the rows lie: at one owner, stacked from two, merged over two, and merged onto a stack."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

import secureframe as sf
from secureframe.testing import start_in_memory

PERSONS = 300
STAGES = ("none", "mild", "severe", "unseen")
CLOSE = {"check_dtype": False, "rtol": 1e-9, "check_index_type": False, "check_categorical": False}
LAYOUT = {**CLOSE, "check_column_type": False}
FIRST, LAST = datetime.date(2019, 3, 1), datetime.date(2020, 8, 31)
PERSON = sf.key("person", 1, 2000, nullable=False)
PATIENTS = {
    "id": PERSON,
    "age": sf.integer(18, 99, nullable=False),
    "bmi": sf.number(10, 70, precision=0.125, nullable=True),
    "stage": sf.category(STAGES, nullable=True),
    "male": sf.boolean(nullable=False),
    "entered": sf.date(FIRST, LAST, nullable=True),
}
LABS = {
    "id": PERSON,
    "cost": sf.integer(-(2**39), 2**39, nullable=True),
    "high": sf.boolean(nullable=False),
    "taken": sf.timestamp(datetime.datetime(2021, 2, 3, 4, 5), datetime.datetime(2021, 6, 30, 23, 59), "min", nullable=True),
}


def patients(start: int) -> pd.DataFrame:
    random = np.random.default_rng(start)
    days = pd.Timestamp(FIRST) + pd.to_timedelta(random.integers(0, (LAST - FIRST).days + 1, PERSONS), unit="D")
    frame = pd.DataFrame(
        {
            "id": np.arange(start, start + PERSONS),
            "age": random.integers(18, 100, PERSONS),
            "bmi": pd.array(random.integers(80, 561, PERSONS) / 8, dtype="Float64"),
            "stage": pd.Categorical(random.choice(STAGES[:3], PERSONS), categories=list(STAGES)),
            "male": random.integers(0, 2, PERSONS).astype(bool),
            "entered": pd.Series(days).astype("datetime64[s]"),
        }
    )
    for name in ("bmi", "stage", "entered"):
        frame.loc[random.choice(PERSONS, 20, replace=False), name] = pd.NA
    return frame


def labs() -> pd.DataFrame:
    random = np.random.default_rng(5)
    ids = random.choice(np.arange(1, 2 * PERSONS + 1), 500, replace=False)
    cost = pd.array(random.integers(-(2**39), 2**39, 500), dtype="Int64")
    cost[:30] = pd.NA
    taken = pd.Timestamp(2021, 2, 4) + pd.to_timedelta(random.integers(0, 146 * 1440, 500), unit="min")
    frame = pd.DataFrame({"id": ids, "cost": cost, "high": random.integers(0, 2, 500).astype(bool), "taken": taken.as_unit("us")})
    frame.loc[:9, "taken"] = pd.Timestamp(2021, 4, 30, 23, 59)
    return frame


@dataclass(frozen=True)
class Placed:
    frame: sf.SecureFrame
    clear: pd.DataFrame
    names: list[str]


@pytest.fixture(scope="module")
def fed() -> Iterator[sf.Federation]:
    def table(rows: pd.DataFrame, columns: dict[str, Any], *, disjoint: bool = False) -> sf.Table:
        return sf.Table(rows, columns=columns, roster_size=len(rows) + 20, rows_per_person=1, disjoint=disjoint)

    with sf.simulate(
        {
            "north": {"patients": table(patients(1), PATIENTS, disjoint=True)},
            "south": {"patients": table(patients(PERSONS + 1), PATIENTS, disjoint=True)},
            "lab": {"labs": table(labs(), LABS)},
        },
        policy="open-research",
        purpose="tests",
        quiet=True,
        start=start_in_memory,
    ) as started:
        yield started


@pytest.fixture(params=["local", "stacked", "merged", "mixed"])
def placed(request: pytest.FixtureRequest, fed: sf.Federation) -> Placed:
    north, south = patients(1), patients(PERSONS + 1)
    both = pd.concat([north, south], ignore_index=True)
    stacked = sf.concat([fed["north.patients"], fed["south.patients"]])
    match request.param:
        case "local":
            return Placed(fed["north.patients"], north, ["age", "bmi", "male"])
        case "stacked":
            return Placed(stacked, both, ["age", "bmi", "male"])
        case "merged":
            merged = fed["north.patients"].merge(fed["lab.labs"], on="id")
            return Placed(merged, north.merge(labs(), on="id"), ["age", "bmi", "cost"])
        case _:
            return Placed(stacked.merge(fed["lab.labs"], on="id"), both.merge(labs(), on="id"), ["age", "cost", "high"])


def exact(clear: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return clear[names].astype("Float64").astype(float)


def test_numbers(placed: Placed) -> None:
    """One job: standard errors, shapes, covariances and correlations of whole frames and by group."""
    frame, names = placed.frame, placed.names
    numbers = exact(placed.clear, names)
    by_stage = frame.groupby("stage")[names]
    with sf.defer() as study:
        for how in ("sem", "skew", "kurtosis", "cov", "corr"):
            getattr(frame[names], how)()
        frame[names[0]].cov(frame[names[1]])
        by_stage.cov()
        by_stage.skew()
        by_stage.agg(["sem", "kurt"])
    with pytest.warns(sf.SuppressedWarning):  # the level that nobody is in has no skewness
        found = study.collect()
    for how, table in zip(("sem", "skew", "kurtosis"), found, strict=False):
        assert_series_equal(table, getattr(numbers, how)(), **CLOSE)
    for how, table in zip(("cov", "corr"), found[3:], strict=False):
        assert_frame_equal(table, getattr(numbers, how)(), **LAYOUT)
    assert found[5] == pytest.approx(numbers[names[0]].cov(numbers[names[1]]), rel=1e-9)
    stage = placed.clear["stage"]
    groups = numbers.groupby(stage, observed=True)
    assert_frame_equal(found[6].loc[list(STAGES[:3])], groups.cov(), **LAYOUT)
    assert_frame_equal(found[7].loc[list(STAGES[:3])], groups.skew(), **LAYOUT)
    for name in names:
        assert_series_equal(found[8][name]["sem"].loc[list(STAGES[:3])], groups[name].sem(), check_names=False, **CLOSE)
        assert_series_equal(found[8][name]["kurt"].loc[list(STAGES[:3])], groups[name].kurt(), check_names=False, **CLOSE)


def test_tables(placed: Placed) -> None:
    """One job: levels, pivot tables and calendar periods."""
    frame, clear, value = placed.frame, placed.clear, placed.names[0]
    with sf.defer() as study:
        frame.nunique()
        frame.groupby("male").agg(stages=("stage", "nunique"), mean=(value, "mean"))
        frame.pivot_table(values=value, index="stage", columns="male", aggfunc=["mean", "count"])
        frame.pivot_table(index="male", columns="stage", values=value, aggfunc="sum", margins=True)
        frame.resample("QE", on="entered")[value].agg(["count", "mean"])
    with pytest.warns(sf.SuppressedWarning):
        levels, grouped, pivot, totals, periods = study.collect()
    assert levels["stage"] == 3 and levels["male"] == 2
    wanted = clear.groupby("male").agg(stages=("stage", "nunique"), mean=(value, "mean"))
    assert_frame_equal(grouped, wanted, **LAYOUT)
    layout: dict[str, Any] = {"observed": False, "dropna": False}
    wanted = clear.dropna(subset=["stage"]).pivot_table(
        values=value, index="stage", columns="male", aggfunc=["mean", "count"], **layout
    )
    assert_frame_equal(pivot.astype(float), wanted.astype(float), **LAYOUT)
    assert totals.loc["All", "mild"] == clear[clear["stage"] == "mild"][value].sum() and totals.isna().loc["All", "All"]
    wanted = clear.dropna(subset=["entered"]).resample("QE", on="entered")[value].agg(["count", "mean"])
    assert periods.index.equals(wanted.index)
    shown = periods.dropna()
    assert len(shown) >= 5 and not ((wanted["count"] < 10) & periods["count"].notna()).any()
    assert_frame_equal(shown, wanted.loc[shown.index], check_freq=False, **LAYOUT)


def test_what_an_owner_cannot_compute_exactly_is_refused_before_anything_runs(fed: sf.Federation) -> None:
    """In columns, in conditions and in reductions, wherever the rest of the statement is computed."""
    labs = fed["lab.labs"]
    assert np.isfinite((labs["cost"] * 2**80).mean())
    before = fed.last_job
    wide = labs["cost"] * 2**80
    for statement in (
        lambda: (wide * 2**10).mean(),
        lambda: labs[wide * labs["cost"] > 3]["cost"].mean(),
        lambda: fed["north.patients"].merge(labs.assign(w=wide * 2**10), on="id")["w"].std(),
        lambda: (labs["cost"] + 1)[labs["high"] & (wide * wide > 1)].mean(),
    ):
        with pytest.raises(sf.RangeError, match="126 bits") as caught:
            statement()
        assert "Hint:" in str(caught.value) and fed.last_job is before


def test_aggregates_that_no_ring_holds_are_refused_before_anything_runs(fed: sf.Federation) -> None:
    frame = fed["north.patients"].merge(fed["lab.labs"], on="id")
    wide = frame.assign(wide=frame["cost"] * 2**80 * frame["age"])["wide"]
    assert np.isfinite(wide.skew())  # some 390 bits
    before = fed.last_job
    with pytest.raises(sf.RangeError, match="too wide") as caught:
        wide.kurtosis()
    assert "Hint:" in str(caught.value) and fed.last_job is before


@pytest.mark.parametrize("rule", ["W", "ME", "MS"])
def test_time_stamps_are_resampled(fed: sf.Federation, rule: str) -> None:
    """The last minute of a month is in that month; at the owner, and merged onto the rows of others."""
    clear = patients(1).merge(labs(), on="id")
    with sf.defer() as study:
        fed["lab.labs"].resample(rule, on="taken").size()
        fed["north.patients"].merge(fed["lab.labs"], on="id").resample(rule, on="taken")["age"].agg(["count", "mean"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sf.SuppressedWarning)
        counts, means = study.collect()
    for found, wanted in (
        (counts, labs().resample(rule, on="taken").size()),
        (means["count"], clear.resample(rule, on="taken")["age"].count()),
        (means["mean"], clear.resample(rule, on="taken")["age"].mean()),
    ):
        shown = found.dropna()
        assert len(shown) >= 4 and set(wanted.index) <= set(found.index)
        assert np.allclose(shown.astype(float), wanted.reindex(shown.index, fill_value=0).astype(float), rtol=1e-9)
