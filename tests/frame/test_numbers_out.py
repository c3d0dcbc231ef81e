"""Numbers out of frames and columns: the same call on the pooled rows in pandas gives the same answer in the same shape."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

import secureframe as sf
from tests.frame.conftest import Study

CLOSE = {"rtol": 1e-9, "check_index_type": False, "check_categorical": False}
QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]


@pytest.mark.parametrize("how", ["count", "sum", "mean", "var", "std"])
@pytest.mark.parametrize("column", ["age", "male", "bmi"])
def test_a_column_gives_a_number(patients: sf.SecureFrame, clear: pd.DataFrame, column: str, how: str) -> None:
    found = getattr(patients[column], how)()
    assert found == pytest.approx(getattr(clear[column], how)(), rel=1e-12)
    assert isinstance(found, int if how == "count" or (how == "sum" and column != "bmi") else float)
    assert found.release["threshold"] == 10 and found.release["suppressed"] == []


@pytest.mark.parametrize("q", QUANTILES)
def test_quantiles_are_the_lower_ones(patients: sf.SecureFrame, clear: pd.DataFrame, q: float) -> None:
    for column in ("age", "bmi", "cost"):
        assert patients[column].quantile(q) == clear[column].quantile(q, interpolation="lower")
    assert patients["age"].median() == clear["age"].quantile(0.5, interpolation="lower")


def test_quantiles_of_several(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    wanted = clear["age"].quantile([0.25, 0.75], interpolation="lower")
    assert_series_equal(patients["age"].quantile([0.25, 0.75]), wanted, check_dtype=False, **CLOSE)
    table = patients[["age", "bmi"]].quantile([0.25, 0.75])
    assert_frame_equal(
        table,
        clear[["age", "bmi"]].quantile([0.25, 0.75], interpolation="lower"),
        check_dtype=False,
        check_column_type=False,
        **CLOSE,
    )
    one = patients[["age", "bmi"]].quantile(0.5)
    assert_series_equal(one, clear[["age", "bmi"]].quantile(0.5, interpolation="lower").astype("Float64"), **CLOSE)


def test_a_date_has_quantiles(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    found = patients["entered"].median()
    assert isinstance(found, datetime.date)
    assert found == clear["entered"].sort_values().iloc[(len(clear) - 1) // 2].date()
    assert found.release["plan"]


@pytest.mark.parametrize("how", ["count", "sum", "mean", "var", "std"])
def test_a_frame_gives_a_series(patients: sf.SecureFrame, clear: pd.DataFrame, how: str) -> None:
    found = getattr(patients[["age", "male", "bmi"]], how)()
    wanted = getattr(clear[["age", "male", "bmi"]], how)()
    assert_series_equal(found, wanted.astype(found.dtype), **CLOSE)


def test_a_frame_skips_what_is_no_number(patients: sf.SecureFrame) -> None:
    assert list(patients.mean().index) == ["age", "male", "bmi", "smoker"]  # no key, no category, no magnitude, no text
    assert list(patients.count().index) == ["age", "male", "bmi", "stage", "smoker", "entered", "cost"]


def test_describe(patients: sf.SecureFrame, clear: pd.DataFrame, study: Study) -> None:
    found = patients[["age", "bmi"]].describe()
    assert list(found.index) == ["count", "mean", "std", "5%", "25%", "50%", "75%", "95%"]
    wanted = clear[["age", "bmi"]].agg(["count", "mean", "std"])
    lower = clear[["age", "bmi"]].quantile(QUANTILES, interpolation="lower")
    lower.index = pd.Index(["5%", "25%", "50%", "75%", "95%"])
    assert_frame_equal(found, pd.concat([wanted, lower]).astype("Float64"), check_column_type=False, **CLOSE)
    assert len(study.session.jobs) == 1
    assert_series_equal(patients["age"].describe(), found["age"], **CLOSE)


def test_describe_of_categories(patients: sf.SecureFrame, clear: pd.DataFrame, study: Study) -> None:
    found = patients[["stage", "smoker"]].describe()  # the mode is settled although a count is withheld
    assert list(found.index) == ["count", "top", "freq"]
    assert found.loc["count", "stage"] == clear["stage"].count()
    assert found.loc["top", "smoker"] == clear["smoker"].value_counts().index[0]
    assert found.loc["freq", "smoker"] == clear["smoker"].value_counts().iloc[0]
    assert len(study.session.jobs) == 1


def test_describe_of_all_kinds_is_one_job(patients: sf.SecureFrame, study: Study) -> None:
    found = patients.describe(include="all")
    assert list(found.columns) == ["age", "male", "bmi", "stage", "smoker", "cost"]
    assert found["cost"].isna()["mean"] and not found["cost"].isna()["50%"]  # no moments of magnitudes
    assert len(study.session.jobs) == 1


def test_value_counts(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    found = patients["smoker"].value_counts()
    assert_series_equal(found, clear["smoker"].value_counts(), **CLOSE)
    with pytest.warns(sf.SuppressedWarning, match="withheld: moderate / count"):
        stages = patients["stage"].value_counts()
    counts = clear["stage"].value_counts()
    assert list(stages.index) == ["none", "mild", "severe", "moderate"]  # by count, the withheld one last
    assert stages["none"] == counts["none"] and stages["severe"] == 0 and stages.isna()["moderate"]
    assert stages.name == "count" and stages.index.name == "stage"


def test_value_counts_normalized(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    found = patients["smoker"].value_counts(normalize=True)
    assert_series_equal(found, clear["smoker"].value_counts(normalize=True).astype("Float64"), **CLOSE)
    with pytest.warns(sf.SuppressedWarning):
        shares = patients["stage"].value_counts(normalize=True)
    assert shares.isna().all()  # the whole is not known
    assert "released cells" in shares.attrs["release"]["notes"][0]


def test_value_counts_unsorted_and_of_several(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    assert list(patients["male"].value_counts(sort=False).index) == [0, 1]
    found = patients.value_counts(["male", "smoker"])
    wanted = clear.value_counts(["male", "smoker"])
    assert found.index.names == ["male", "smoker"]
    assert {k: found[k] for k in found.index} == {k: wanted[k] for k in wanted.index}


def test_correlations(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    names = ["age", "bmi", "male"]
    found = patients[names].corr()
    assert_frame_equal(found, clear[names].astype(float).corr().astype("Float64"), check_column_type=False, **CLOSE)
    assert patients["age"].corr(patients["bmi"]) == pytest.approx(found.loc["age", "bmi"])
    doubled = patients["age"].corr(patients["age"] * 2 + 1)
    assert doubled == pytest.approx(1.0)


def test_robust_range(patients: sf.SecureFrame, clear: pd.DataFrame, study: Study) -> None:
    low, high = patients["age"].robust_range()
    assert (low, high) == tuple(clear["age"].quantile([0.05, 0.95], interpolation="lower"))
    assert list(patients[["age", "bmi"]].robust_range().index) == ["5%", "95%"]
    assert len(study.session.jobs) == 2


@pytest.mark.parametrize("bins", [5, 8, [20, 40, 60, 98], [18.5, 40.25, 97.5]])
def test_histograms_equal_numpy(patients: sf.SecureFrame, clear: pd.DataFrame, bins: object) -> None:
    found = patients["age"].hist(bins=bins)
    edges = np.linspace(18, 98, bins + 1) if isinstance(bins, int) else bins
    counts, _ = np.histogram(clear["age"].astype(float), bins=edges)
    assert found.counts == tuple(counts)
    assert found.edges == pytest.approx(tuple(edges))


def test_histograms_of_a_frame_are_one_job(patients: sf.SecureFrame, study: Study) -> None:
    found = patients[["age", "male"]].hist(bins=2)
    assert list(found) == ["age", "male"] and len(study.session.jobs) == 1
    assert patients.hist("age", bins=2) == found["age"]


def test_a_withheld_number_is_nan_and_says_so(patients: sf.SecureFrame) -> None:
    few = patients[patients["stage"] == "moderate"]
    with pytest.warns(sf.SuppressedWarning, match="value withheld: fewer than 10 persons") as caught:
        found = few["age"].mean()
    assert math.isnan(found) and isinstance(found, float)
    assert found.release["suppressed"] == [{"row": None, "column": "mean of age"}]
    assert len(caught) == 1 and caught[0].filename == __file__


def test_missing_is_not_withheld(patients: sf.SecureFrame) -> None:
    alike = patients[patients["male"] == 1]
    found = alike["male"].corr(alike["age"])  # no variance: there is no correlation, whoever asks
    assert math.isnan(found) and found.release["suppressed"] == []


def test_crosstab(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    found = sf.crosstab(patients["male"], patients["smoker"])
    wanted = pd.crosstab(clear["male"], clear["smoker"])
    assert_frame_equal(found, wanted.astype("Int64"), check_column_type=False, **CLOSE)
    assert found.index.name == "male" and found.columns.name == "smoker"


@pytest.mark.parametrize("normalize", [True, "index", "columns"])
@pytest.mark.parametrize("margins", [False, True])
def test_crosstab_shares(patients: sf.SecureFrame, clear: pd.DataFrame, normalize: bool | str, margins: bool) -> None:
    found = sf.crosstab(patients["male"], patients["smoker"], normalize=normalize, margins=margins)
    wanted = pd.crosstab(clear["male"], clear["smoker"].astype(object), normalize=normalize, margins=margins)
    assert list(found.index) == list(wanted.index) and list(found.columns) == list(wanted.columns)
    assert np.allclose(found.to_numpy(dtype=float), wanted.to_numpy(dtype=float))


def test_crosstab_totals_are_of_released_cells(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    with pytest.warns(sf.SuppressedWarning) as caught:
        found = sf.crosstab(patients["male"], patients["stage"], margins=True)
    assert len(caught) == 1
    assert list(found.columns) == ["none", "mild", "moderate", "severe", "All"] and list(found.index) == [0, 1, "All"]
    assert found.loc["All", "none"] == (clear["stage"] == "none").sum()
    assert found.isna().loc["All", "moderate"] and found.isna().loc["All", "All"]
    record = found.attrs["release"]
    assert record["suppressed"] == [{"row": 0, "column": "moderate"}]
    assert "totals" in record["notes"][0]


def test_table_one(patients: sf.SecureFrame, clear: pd.DataFrame, study: Study) -> None:
    table = sf.table_one(patients, by="male", columns=["age", "bmi", "smoker"])
    assert len(study.session.jobs) == 1
    assert list(table.columns) == ["overall", 0, 1] and table.columns.name == "male"
    assert table.index.names == ["variable", "statistic"]
    for group, rows in [("overall", clear), (0, clear[clear["male"] == 0]), (1, clear[clear["male"] == 1])]:
        column = table[group]
        assert column["n", "count"] == len(rows)
        assert column["bmi", "count"] == rows["bmi"].count() and column["bmi", "missing"] == rows["bmi"].isna().sum()
        assert column["age", "mean"] == pytest.approx(rows["age"].mean())
        assert column["age", "std"] == pytest.approx(rows["age"].std())
        assert column["bmi", "25%"] == rows["bmi"].quantile(0.25, interpolation="lower")
        assert column["smoker", "True"] == rows["smoker"].sum()
        assert column["smoker", "True %"] == pytest.approx(100 * rows["smoker"].mean())


def test_table_one_of_everything(patients: sf.SecureFrame) -> None:
    with pytest.warns(sf.SuppressedWarning) as caught:
        table = sf.table_one(patients)
    assert len(caught) == 1 and list(table.columns) == ["overall"]
    variables = list(dict.fromkeys(table.index.get_level_values("variable")))
    assert variables == ["n", "age", "male", "bmi", "stage", "smoker", "entered", "cost"]
    assert ("cost", "mean") not in table.index and ("cost", "50%") in table.index
    assert table["overall"].isna()["stage", "moderate"] and table["overall"].isna()["stage", "moderate %"]


def test_table_one_by_a_band(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    bands = sf.cut(patients["age"], [17, 50, 98], labels=["younger", "older"])
    table = sf.table_one(patients, by=bands, columns=["bmi"])
    assert list(table.columns) == ["overall", "younger", "older"]
    assert table["older"]["n", "count"] == (clear["age"] > 50).sum()
