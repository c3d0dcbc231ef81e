"""Statistics and tables beside the first ones: the same call on the pooled rows in pandas, in the same shape."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

import secureframe as sf
from secureframe.errors import DisclosureError, PlanError
from tests.frame.conftest import Study

CLOSE = {"rtol": 1e-9, "check_index_type": False, "check_categorical": False}
LAYOUT = {"check_dtype": False, "check_column_type": False, **CLOSE}
NAMES = ["age", "male", "bmi"]


@pytest.fixture
def floats(clear: pd.DataFrame) -> pd.DataFrame:
    return clear[NAMES].astype(float)


@pytest.mark.parametrize("how", ["sem", "skew", "kurt", "kurtosis"])
def test_spreads_and_shapes(patients: sf.SecureFrame, clear: pd.DataFrame, how: str) -> None:
    for column in NAMES:
        assert getattr(patients[column], how)() == pytest.approx(getattr(clear[column], how)(), rel=1e-9)
    found, wanted = getattr(patients[NAMES], how)(), getattr(clear[NAMES], how)()
    assert_series_equal(found, wanted.astype("Float64"), **CLOSE)


def test_covariances(patients: sf.SecureFrame, floats: pd.DataFrame, study: Study) -> None:
    assert_frame_equal(patients[NAMES].cov(), floats.cov(), **LAYOUT)
    assert len(study.session.jobs) == 1
    assert patients["age"].cov(patients["bmi"]) == pytest.approx(floats["age"].cov(floats["bmi"]), rel=1e-9)
    assert patients["age"].corr(patients["bmi"], method="pearson") == pytest.approx(floats["age"].corr(floats["bmi"]))


@pytest.mark.parametrize("kind", ["corr", "cov"])
def test_matrices_by_group(patients: sf.SecureFrame, clear: pd.DataFrame, floats: pd.DataFrame, kind: str) -> None:
    found = getattr(patients.groupby("male")[["age", "bmi"]], kind)()
    wanted = getattr(floats.groupby(clear["male"])[["age", "bmi"]], kind)()
    assert_frame_equal(found, wanted, **LAYOUT)
    assert found.index.names == ["male", None]


def test_correlations_of_too_many_columns_are_refused(patients: sf.SecureFrame) -> None:
    many = patients.assign(**{f"a{i}": patients["age"] + i for i in range(21)})
    with pytest.raises(DisclosureError, match="more than 20 columns"):
        many[[f"a{i}" for i in range(21)]].corr()
    with pytest.raises(PlanError, match="method="):
        patients[NAMES].corr(method="spearman")
    with pytest.raises(PlanError, match="need two columns"):
        patients[["age"]].cov()


@pytest.mark.parametrize("how", ["sem", "skew", "kurt"])
def test_groups_have_spreads_and_shapes(patients: sf.SecureFrame, clear: pd.DataFrame, how: str) -> None:
    found = getattr(patients.groupby("male")["age"], how)()
    wanted = getattr(clear.groupby("male")["age"], how)()
    assert_series_equal(found, wanted, check_dtype=False, **CLOSE)
    table = patients.groupby("male").agg(n=("bmi", "count"), shape=("bmi", how))
    assert_series_equal(table["shape"], getattr(clear.groupby("male")["bmi"], how)().rename("shape"), check_dtype=False, **CLOSE)


# -- levels that occur -------------------------------------------------------------------------------------------------------


def test_levels_that_occur(patients: sf.SecureFrame, clear: pd.DataFrame, study: Study) -> None:
    kept, some = patients[patients["stage"] != "moderate"], clear[clear["stage"] != "moderate"]
    found = kept["stage"].nunique()
    assert found == some["stage"].nunique() == 2 and isinstance(found, int) and found.release["suppressed"] == []
    table = kept[["male", "stage", "smoker"]].nunique()
    assert_series_equal(table, some[["male", "stage", "smoker"]].nunique(), check_dtype=False, **CLOSE)
    assert len(study.session.jobs) == 2


def test_a_level_with_few_persons_withholds_their_number(patients: sf.SecureFrame) -> None:
    with pytest.warns(sf.SuppressedWarning):
        found = patients["stage"].nunique()
    assert math.isnan(found) and found.release["suppressed"]
    with pytest.warns(sf.SuppressedWarning):
        table = patients[["male", "stage"]].nunique()
    assert table["male"] == 2 and table.isna()["stage"]
    assert table.attrs["release"]["suppressed"] == [{"row": "stage", "column": None}]


def test_levels_by_group(patients: sf.SecureFrame, clear: pd.DataFrame, study: Study) -> None:
    kept, some = patients[patients["stage"] != "moderate"], clear[clear["stage"] != "moderate"]
    wanted = some.groupby("male")["stage"].nunique()
    assert_series_equal(kept.groupby("male")["stage"].nunique(), wanted, check_dtype=False, **CLOSE)
    table = kept.groupby("male").agg(n=("age", "count"), stages=("stage", "nunique"), mean=("age", "mean"))
    groups = some.groupby("male")
    assert_frame_equal(table, groups.agg(n=("age", "count"), stages=("stage", "nunique"), mean=("age", "mean")), **LAYOUT)
    both = kept.groupby("male")[["stage", "smoker"]].nunique()
    assert_frame_equal(both, groups[["stage", "smoker"]].nunique(), **LAYOUT)
    assert len(study.session.jobs) == 3


def test_levels_need_a_public_domain(patients: sf.SecureFrame) -> None:
    with pytest.raises(PlanError, match="public domain"):
        patients["age"].nunique()
    with pytest.raises(PlanError, match="public domain"):
        patients.groupby("male")["bmi"].nunique()
    with pytest.raises(PlanError, match="dropna"):
        patients["smoker"].nunique(dropna=False)


# -- pivot tables -------------------------------------------------------------------------------------------------------------


LAYOUTS: list[dict[str, Any]] = [
    {"values": "age", "index": "male", "columns": "smoker"},
    {"values": ["bmi", "age"], "index": "male", "columns": "smoker", "aggfunc": "std"},
    {"values": "age", "index": "male", "columns": "smoker", "aggfunc": ["mean", "count"]},
    {"values": ["bmi", "age"], "index": "smoker", "columns": "male", "aggfunc": ["sem", "mean"]},
    {"values": ["bmi", "age"], "index": "male"},
    {"values": "age", "index": "male", "aggfunc": ["mean", "sum"]},
    {"values": "age", "index": ["male", "smoker"]},
    {"values": ["bmi", "age"], "columns": "male"},
    {"values": "bmi", "columns": ["male", "smoker"], "aggfunc": ["mean", "count"]},
    {"index": "male", "columns": "smoker", "aggfunc": "size"},
    {"values": "age", "index": "male", "columns": "smoker", "aggfunc": ["size", "mean"]},
    {"index": "male", "columns": "smoker", "aggfunc": {"bmi": "mean", "age": "count"}},
    {"values": "age", "index": "male", "columns": "smoker", "aggfunc": "sum", "margins": True},
    {"values": ["age"], "index": "male", "columns": "smoker", "aggfunc": ["count"], "margins": True, "margins_name": "all"},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_pivot_tables(patients: sf.SecureFrame, clear: pd.DataFrame, study: Study, layout: dict[str, Any]) -> None:
    found = patients.pivot_table(**layout, observed=False, dropna=False)
    wanted = clear.dropna(subset=["smoker"]) if "smoker" in str(layout) else clear
    assert_frame_equal(
        found,
        wanted.pivot_table(**layout, observed=False, dropna=False),
        check_index_type=False,
        **{k: v for k, v in LAYOUT.items() if k != "check_index_type"},
    )
    assert found.columns.names == wanted.pivot_table(**layout, observed=False).columns.names
    assert len(study.session.jobs) == 1


def test_a_withheld_cell_of_a_pivot_table_withholds_its_totals(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    with pytest.warns(sf.SuppressedWarning):
        found = patients.pivot_table(index="male", columns="stage", values="age", aggfunc="sum", margins=True)
    assert list(found.columns) == ["none", "mild", "moderate", "severe", "All"] and list(found.index) == [0, 1, "All"]
    assert found.loc["All", "none"] == clear[clear["stage"] == "none"]["age"].sum()
    assert found.isna().loc["All", "moderate"] and found.isna().loc["All", "All"] and found.isna().loc[0, "All"]
    record = found.attrs["release"]
    assert {"row": 0, "column": "moderate"} in record["suppressed"] and "totals" in record["notes"][0]


def test_pivot_tables_that_are_refused(patients: sf.SecureFrame) -> None:
    for asked, error in (
        ({"values": "age"}, PlanError),
        ({"values": "age", "index": "id"}, DisclosureError),
        ({"values": "age", "index": "male", "aggfunc": "max"}, DisclosureError),
        ({"values": "age", "index": "male", "columns": "smoker", "margins": True}, PlanError),
        ({"values": "age", "index": ["male", "smoker"], "aggfunc": "sum", "margins": True}, PlanError),
        ({"values": "age", "index": "male", "aggfunc": len}, PlanError),
        ({"index": "male", "aggfunc": "size"}, PlanError),
        ({"values": "age", "index": "male", "observed": True}, PlanError),
        ({"values": "cost", "index": "male"}, sf.PolicyError),
    ):
        with pytest.raises(error) as caught:
            patients.pivot_table(**asked)
        assert "Hint:" in str(caught.value)


# -- calendar periods ---------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")
@pytest.mark.parametrize("rule", ["ME", "MS", "QE", "QS", "YE", "YS"])
def test_resampling_returns_every_period_of_the_range(patients: sf.SecureFrame, clear: pd.DataFrame, rule: str) -> None:
    counts = patients.resample(rule, on="entered").size()
    wanted = clear.resample(rule, on="entered").size()
    assert isinstance(counts.index, pd.DatetimeIndex) and counts.index.name == "entered"
    ends = pd.Series(0, index=pd.to_datetime(["2010-01-01", "2019-12-31"]))  # the public range of the column
    every = ends.resample(rule).size().index
    assert counts.index.equals(every) and counts.index.freq == every.freq
    wanted = wanted.reindex(every, fill_value=0)
    assert (counts.isna() == wanted.between(1, 9)).all()
    assert (counts.dropna() == wanted[counts.notna()]).all()


@pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")
def test_resampled_means(patients: sf.SecureFrame, clear: pd.DataFrame, study: Study) -> None:
    found = patients.resample("YE", on="entered")["age"].agg(["count", "mean", "std"])
    wanted = clear.resample("YE", on="entered")["age"].agg(["count", "mean", "std"])
    shown = found.dropna()
    assert len(shown) >= 8
    assert_frame_equal(shown, wanted.reindex(shown.index), check_dtype=False, check_freq=False, **CLOSE)
    assert len(study.session.jobs) == 1
    matrix = patients.resample("YE", on="entered")[["age", "bmi"]].corr()
    assert matrix.index.names == ["entered", None] and matrix.index[0][0] == found.index[0]


def test_what_cannot_be_resampled(patients: sf.SecureFrame) -> None:
    for rule, on in (("h", "entered"), ("ME", None), ("ME", "age"), ("ME", "nothing"), ("D", "entered")):
        with pytest.raises(PlanError) as caught:
            patients.resample(rule, on=on).size()
        assert "Hint:" in str(caught.value)


def test_levels_in_agg(patients: sf.SecureFrame) -> None:
    kept = patients[patients["stage"] != "moderate"]
    assert kept["stage"].agg("nunique") == 2
    assert kept[["male", "stage"]].agg("nunique").to_dict() == {"male": 2, "stage": 2}
    with pytest.raises(PlanError, match="tables of its own"):
        kept["male"].agg(["mean", "nunique"])
    assert kept["age"].agg(["mean", "sem", "skew", "kurtosis"]).notna().all()
