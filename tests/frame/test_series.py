"""Columns: what an analyst types means what it means in pandas with nullable dtypes."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from tests.frame.conftest import Study

Statement = Callable[[Any], Any]

NUMBERS: dict[str, Statement] = {
    "sum of two": lambda d: d["age"] + d["bmi"],
    "constant left": lambda d: 100 - d["age"],
    "product": lambda d: d["age"] * d["male"] * 2,
    "decimal constant": lambda d: d["bmi"] * 0.5 + 1,
    "negative": lambda d: -d["age"],
    "positive": lambda d: +d["age"],
    "absolute": lambda d: abs(d["age"] - 50),
    "absolute of positive": lambda d: d["age"].abs(),
    "clip": lambda d: d["age"].clip(30, 60),
    "clip below": lambda d: d["age"].clip(lower=30),
    "clip above": lambda d: d["bmi"].clip(upper=30.5),
    "where": lambda d: d["age"].where(d["male"] == 1, 0),
    "where missing": lambda d: d["age"].where(d["smoker"]),
    "mask": lambda d: d["age"].mask(d["smoker"], 0),
    "fillna": lambda d: d["bmi"].fillna(25),
    "numpy constant": lambda d: d["age"] + np.int64(3),
    "filtered": lambda d: d["age"][d["male"] == 1],
    "whole quotient": lambda d: d["age"] // 7,
    "whole quotient of a constant": lambda d: 1000 // d["age"],
    "whole quotient by a column": lambda d: d["age"] // d["bmi"],
    "remainder": lambda d: d["age"] % 7,
    "remainder of negatives": lambda d: (d["age"] - 60) % -7,
    "tens": lambda d: d["age"].round(-1),
    "map": lambda d: d["male"].map({0: 10, 1: -4}),
}

CONDITIONS: dict[str, Statement] = {
    "equal": lambda d: d["male"] == 1,
    "unequal": lambda d: d["stage"] != "none",
    "category": lambda d: d["stage"] == "mild",
    "less": lambda d: d["age"] < 50,
    "at most": lambda d: d["age"] <= 50,
    "more, reflected": lambda d: 50 < d["age"],  # noqa: SIM300  # the order is the test
    "between columns": lambda d: d["age"] > d["bmi"] * 2,
    "and": lambda d: (d["age"] > 50) & d["smoker"],
    "or": lambda d: (d["age"] > 50) | d["smoker"],
    "not": lambda d: ~d["smoker"],
    "not of missing": lambda d: ~((d["bmi"] > 27) & d["smoker"]),
    "isin": lambda d: d["stage"].isin(["none", "mild"]),
    "isin numbers": lambda d: d["age"].isin([20, 30, 40, 50, *range(60, 90)]),
    "between": lambda d: d["age"].between(30, 60),
    "between, left": lambda d: d["age"].between(30, 60, inclusive="left"),
    "between, neither": lambda d: d["age"].between(30, 60, inclusive="neither"),
    "isna": lambda d: d["bmi"].isna(),
    "notna": lambda d: d["bmi"].notna(),
    "date": lambda d: d["entered"] >= pd.Timestamp("2014-01-01"),
    "date as text": lambda d: d["entered"] < "2014-01-01",
    "numpy truth": lambda d: d["smoker"] & np.bool_(True),
}


@pytest.mark.parametrize("statement", NUMBERS.values(), ids=NUMBERS)
def test_numbers(patients: sf.SecureFrame, clear: pd.DataFrame, statement: Statement) -> None:
    found, wanted = statement(patients), statement(clear)
    assert found.sum() == pytest.approx(float(wanted.sum()))
    assert found.count() == wanted.count()
    assert found.name == wanted.name


@pytest.mark.parametrize("statement", CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(patients: sf.SecureFrame, clear: pd.DataFrame, statement: Statement) -> None:
    wanted = statement(clear).astype("boolean")
    assert patients[statement(patients)]["age"].count() == wanted.fillna(False).sum()
    kleene = wanted.isna().sum()
    counted = statement(patients).count()
    assert counted == len(clear) - kleene


def test_division_is_on_a_grid(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    ratio = patients["bmi"] / patients["age"]
    assert ratio.mean() == pytest.approx((clear["bmi"] / clear["age"]).mean(), abs=1e-3)
    assert (100 / patients["age"]).mean() == pytest.approx((100 / clear["age"]).mean(), abs=1e-2)


def test_other_grids(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    assert patients["bmi"].round().sum() == clear["bmi"].round().sum()
    assert patients["bmi"].astype(float, precision=0.5).sum() == ((clear["bmi"] / 0.5).round() * 0.5).sum()
    assert patients["smoker"].astype(int).sum() == clear["smoker"].sum()
    assert str(patients["smoker"].astype("Int64").dtype) == "Int64" and str(patients["bmi"].dtype) == "Float64"
    assert patients["age"].astype(int).sum() == patients["age"].astype("float").sum() == clear["age"].sum()


def test_names_follow_pandas(patients: sf.SecureFrame) -> None:
    assert (patients["age"] + 1).name == "age"
    assert (patients["age"] + patients["bmi"]).name is None
    assert patients["age"].rename("years").name == "years"
    assert list(patients["age"].rename("years").to_frame().columns) == ["years"]


def test_cut_labels_are_those_of_pandas(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    for edges, options in [
        ([18, 50, 98], {}),
        ([18, 50, 98], {"include_lowest": True}),
        ([18, 50, 99], {"right": False}),
        ([17.5, 50, 98], {}),
        ([-np.inf, 40, np.inf], {}),
        ([0, 50, float("inf")], {"right": False}),
    ]:
        found = patients.groupby(sf.cut(patients["age"], edges, **options)).size()
        wanted = clear.groupby(pd.cut(clear["age"], edges, **options), observed=False).size()
        assert list(found.index) == list(map(str, wanted.index)), edges
        assert list(found) == list(wanted), edges


def test_where_takes_columns_constants_and_missing(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    obese = sf.where(patients["bmi"] >= 30, 1, 0)
    assert obese.sum() == (clear["bmi"] >= 30).fillna(False).sum()
    chosen = sf.where(patients["male"] == 1, patients["age"], patients["bmi"])
    assert chosen.sum() == pytest.approx(clear["age"].astype("Float64").where(clear["male"] == 1, clear["bmi"]).sum())
    assert sf.where(patients["male"] == 1, None, patients["age"]).count() == (clear["male"] == 0).sum()


# -- frames that differ by projections ---------------------------------------------------------------------------------------


def test_a_mask_of_a_frame_that_differs_by_projections(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    wide = patients.assign(twice=lambda d: d["age"] * 2)
    older = (clear["age"] > 50).sum()
    assert wide[patients["age"] > 50]["age"].count() == older
    assert patients[wide["twice"] > 100]["age"].count() == older
    renamed = patients.rename(columns={"age": "years"})
    assert renamed[patients["age"] > 50]["years"].count() == older
    assert patients[["age"]][patients["age"] > 50]["age"].count() == older
    assert (wide["twice"] - patients["age"]).sum() == clear["age"].sum()
    assert (patients["age"] - wide["twice"]).sum() == -clear["age"].sum()


def test_a_mask_of_all_rows_on_some_of_them(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    both = ((clear["age"] > 50) & (clear["male"] == 1)).sum()
    assert patients[patients["age"] > 50][patients["male"] == 1]["age"].count() == both


@pytest.mark.parametrize(
    "statement",
    [
        lambda s: s.patients.drop(columns="bmi")[s.patients["bmi"] > 30],
        lambda s: s.patients.assign(age=s.patients["age"] + 1)[s.patients["age"] > 50],
        lambda s: s.patients[s.patients[s.patients["age"] > 50]["male"] == 1],
        lambda s: s.patients["age"] + s.labs["value"],
        lambda s: s.patients[s.labs["value"] > 3],
        lambda s: s.patients.assign(v=s.labs["value"]),
        lambda s: s.patients["age"].corr(s.labs["value"]),
        lambda s: sf.crosstab(s.patients["male"], s.labs["test"]),
        lambda s: sf.where(s.patients["male"] == 1, s.labs["value"], 0),
        lambda s: s.patients.groupby(s.labs["test"]),
        lambda s: sf.table_one(s.patients, by=s.labs["test"]),
    ],
)
def test_columns_of_other_rows_have_no_meaning(study: Study, statement: Statement) -> None:
    with pytest.raises(sf.PlanError, match="has no meaning here") as caught:
        statement(study)
    assert "Hint: build it on this frame, or merge first" in str(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        lambda d: d["stage"] + 1,
        lambda d: d["stage"] == "unknown",
        lambda d: d["stage"] < "mild",
        lambda d: d["age"] // 0,
        lambda d: d["age"] % d["male"],
        lambda d: d["stage"] // 2,
        lambda d: d["age"] ** 0.5,
        lambda d: d["smoker"] ^ d["smoker"],
        lambda d: d["age"] & d["smoker"],
        lambda d: d["age"] / d["male"],
        lambda d: d["age"] == None,  # noqa: E711  # what an analyst may type
        lambda d: d["age"] + pd.NA,
        lambda d: d["age"] == float("nan"),
        lambda d: d["age"] + [1, 2, 3],
        lambda d: d["age"] + np.arange(240),
        lambda d: d["age"] + pd.Series([1]),
        lambda d: d["age"].isin("abc"),
        lambda d: d["id"].isin([1, 2]),
        lambda d: d["id"] == 7,
        lambda d: d["age"].between(1, 2, inclusive="some"),
        lambda d: d["age"].clip("a"),
        lambda d: d["entered"] >= "yesterday",
        lambda d: d["entered"] >= datetime.datetime(2020, 1, 1, 12, 30, tzinfo=datetime.UTC),
        lambda d: d["entered"] >= pd.Timestamp("2020-01-01 00:00:00.000000001"),
        lambda d: d["age"].astype(str),
        lambda d: d["stage"].astype(int),
        lambda d: d["bmi"].astype(int),
        lambda d: d["bmi"].astype(float, precision=0),
        lambda d: d["bmi"].round(10),
        lambda d: d["age"].where([True, False]),
        lambda d: d["age"].dt,
        lambda d: d["entered"].dt.days,
        lambda d: d["entered"].dt.tz_localize("UTC"),
        lambda d: d["entered"].dt.to_period("W"),
        lambda d: (d["entered"] - d["entered"]).dt.year,
        lambda d: d["age"].str,
        lambda d: d["id"].str,
        lambda d: d["note"].str.extract("(a)"),
        lambda d: d["note"].str.contains("a|b"),
        lambda d: d["note"].str.slice(-2),
        lambda d: d["note"].str.lower().value_counts(),
        lambda d: d["stage"].map({"mild": 1, "mid": 2}),
        lambda d: d["stage"].map({"mild": 1, "none": "word"}),
        lambda d: d["stage"].map({}),
        lambda d: d["stage"].map(str.lower),
        lambda d: d["stage"].map(pd.Series([1])),
        lambda d: d["id"].map({1: 2}),
        lambda d: d["entered"] + d["entered"],
        lambda d: 3 - d["entered"],
        lambda d: d["entered"] * 2,
        lambda d: d["note"].astype("category"),
        lambda d: d["age"].astype("decimal"),
        lambda d: d["entered"].astype("int"),
        lambda d: d["age"][0],
        lambda d: d["age"].hist(bins="auto"),
        lambda d: d["age"].hist(bins=[3, 2]),
        lambda d: d["age"].hist(bins=0),
        lambda d: d["stage"].hist(),
        lambda d: d["age"].quantile(0.99),
        lambda d: d["age"].quantile("half"),
        lambda d: d["age"].quantile(0.5, interpolation="linear"),
        lambda d: d["age"].std(ddof=0),
        lambda d: d["age"].mean(skipna=False),
        lambda d: d["age"].mean(threshold=1),
        lambda d: d["age"].value_counts(min_cells=0),
        lambda d: d["cost"].sum(),
        lambda d: d["note"].count(),
        lambda d: d["id"].count(),
        lambda d: sf.cut(d["age"], 5),
        lambda d: sf.cut(d["age"], [50, 18]),
        lambda d: sf.cut(d["age"], [18, 50, 90], labels=["a"]),
        lambda d: sf.cut(d["age"], [18, 50, 90], labels=[1, 2]),
        lambda d: sf.cut(d["age"], [18, 50, 90], labels=False),
        lambda d: sf.cut(d["stage"], [18, 50, 90]),
        lambda d: sf.cut([1, 2, 3], [18, 50, 90]),
        lambda d: setattr(d["age"], "name", "x"),
    ],
)
def test_what_has_no_type_is_refused_when_typed(study: Study, statement: Statement) -> None:
    with pytest.raises(sf.SecureFrameError) as caught:
        statement(study.patients)
    assert "\nHint: " in str(caught.value), str(caught.value)
    assert not study.session.jobs


# -- parameters ------------------------------------------------------------------------------------------------------------


def test_parameters_travel_beside_the_plan(study: Study, clear: pd.DataFrame) -> None:
    found = []
    for value in (40, 60):
        cutoff = sf.parameter("cutoff", value, low=18, high=98)
        found.append(study.patients[study.patients["age"] >= cutoff]["age"].count())
        assert study.session.parameters == {"cutoff": value}
    assert found == [(clear["age"] >= 40).sum(), (clear["age"] >= 60).sum()]
    (first,), (second,) = study.session.jobs
    assert first == second  # one plan


def test_parameters_that_a_plan_does_not_use_stay_behind(study: Study) -> None:
    cutoff = sf.parameter("cutoff", 50, low=18, high=98)
    study.patients.assign(older=study.patients["age"] >= cutoff)["bmi"].mean()
    study.patients["bmi"].mean()
    assert study.session.parameters == {}


def test_one_name_has_one_value(study: Study) -> None:
    a, b = sf.parameter("p", 40, low=18, high=98), sf.parameter("p", 50, low=18, high=98)
    with pytest.raises(sf.PlanError, match="two values"):
        (study.patients["age"] >= a) & (study.patients["age"] < b)


@pytest.mark.parametrize(
    "made",
    [
        lambda: sf.parameter("not a name", 1, low=0, high=2),
        lambda: sf.parameter("__p", 1, low=0, high=2),
        lambda: sf.parameter("p", 3, low=0, high=2),
        lambda: sf.parameter("p", 0.5, low=0, high=2),
        lambda: sf.parameter("p", 1, low=0, high=2, step=0),
    ],
)
def test_parameters_have_domains(made: Callable[[], object]) -> None:
    with pytest.raises(sf.SecureFrameError) as caught:
        made()
    assert "\nHint: " in str(caught.value)
