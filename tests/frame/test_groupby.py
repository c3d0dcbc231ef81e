"""Group-by: releases by public keys in pandas' shapes, and reductions to persons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

import secureframe as sf
from tests.frame.conftest import Study

CLOSE = {"rtol": 1e-9, "check_index_type": False, "check_categorical": False}


def test_one_column_many_statistics(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    found = patients.groupby("male")["bmi"].agg(["count", "mean", "std", "median"])
    grouped = clear.groupby("male")["bmi"]
    wanted = grouped.agg(["count", "mean", "std"])
    wanted["median"] = grouped.quantile(0.5, interpolation="lower")
    assert_frame_equal(found, wanted, check_dtype=False, check_column_type=False, **CLOSE)
    assert dict(found.dtypes.astype(str)) == {"count": "Int64", "mean": "Float64", "std": "Float64", "median": "Float64"}
    assert found.index.name == "male"


def test_named_statistics(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    found = patients.groupby(["male", "smoker"]).agg(n=("age", "count"), m=("bmi", "mean"))
    wanted = clear.groupby(["male", "smoker"]).agg(n=("age", "count"), m=("bmi", "mean"))
    assert_frame_equal(found, wanted, check_dtype=False, check_column_type=False, **CLOSE)
    assert found.index.names == ["male", "smoker"]


def test_several_columns_give_two_levels(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    found = patients.groupby("male")[["age", "bmi"]].agg(["mean", "std"])
    assert_frame_equal(
        found, clear.groupby("male")[["age", "bmi"]].agg(["mean", "std"]), check_dtype=False, check_column_type=False, **CLOSE
    )
    mapped = patients.groupby("male").agg({"age": ["mean"], "bmi": ["count", "std"]})
    assert_frame_equal(
        mapped,
        clear.groupby("male").agg({"age": ["mean"], "bmi": ["count", "std"]}),
        check_dtype=False,
        check_column_type=False,
        **CLOSE,
    )
    flat = patients.groupby("male").agg({"age": "mean", "bmi": "count"})
    assert_frame_equal(
        flat, clear.groupby("male").agg({"age": "mean", "bmi": "count"}), check_dtype=False, check_column_type=False, **CLOSE
    )


@pytest.mark.parametrize("how", ["count", "sum", "mean", "var", "std"])
def test_one_statistic(patients: sf.SecureFrame, clear: pd.DataFrame, how: str) -> None:
    found = getattr(patients.groupby("male")["bmi"], how)()
    assert_series_equal(found, getattr(clear.groupby("male")["bmi"], how)(), check_dtype=False, **CLOSE)
    frame = getattr(patients.groupby("male")[["age", "bmi"]], how)()
    assert_frame_equal(
        frame, getattr(clear.groupby("male")[["age", "bmi"]], how)(), check_dtype=False, check_column_type=False, **CLOSE
    )
    assert_series_equal(patients.groupby("male")["bmi"].agg(how), found, **CLOSE)


def test_sizes_of_every_declared_combination(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    with pytest.warns(sf.SuppressedWarning):
        found = patients.groupby(["male", "stage"]).size()
    wanted = clear.groupby(["male", "stage"], observed=False).size()
    assert list(found.index) == list(wanted.index) and len(found) == 8
    small = (wanted > 0) & (wanted < 10)
    assert list(found.isna()) == list(small)
    assert list(found[~small.to_numpy()]) == list(wanted[~small])
    assert found.dtype == "Int64" and found.name is None


def test_default_columns_are_the_numbers(patients: sf.SecureFrame) -> None:
    assert list(patients.groupby("male").mean().columns) == ["age", "bmi", "smoker"]
    assert list(patients.groupby("male").count().columns) == ["age", "bmi", "stage", "smoker", "entered", "cost"]


def test_quantiles(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    grouped, pooled = patients.groupby("male"), clear.groupby("male")
    one = pooled["age"].quantile(0.25, interpolation="lower")
    assert_series_equal(grouped["age"].quantile(0.25), one, check_dtype=False, **CLOSE)
    many = pooled["age"].quantile([0.25, 0.75], interpolation="lower")
    found = grouped["age"].quantile([0.25, 0.75])
    assert list(found) == list(many) and [tuple(k) for k in found.index] == [tuple(k) for k in many.index]
    assert found.index.names == ["male", None] and found.name == "age"
    table = grouped[["age", "bmi"]].quantile([0.25, 0.75])
    assert np.allclose(
        table.to_numpy(dtype=float), pooled[["age", "bmi"]].quantile([0.25, 0.75], interpolation="lower").to_numpy(float)
    )
    medians = grouped[["age", "bmi"]].median()
    assert list(medians["age"]) == list(pooled["age"].quantile(0.5, interpolation="lower"))


def test_describe(patients: sf.SecureFrame) -> None:
    found = patients.groupby("male")["age"].describe()
    assert list(found.columns) == ["count", "mean", "std", "5%", "25%", "50%", "75%", "95%"]
    both = patients.groupby("male")[["age", "bmi"]].describe()
    assert_frame_equal(both["age"], found, check_column_type=False, **CLOSE)


def test_by_bands_that_are_made_in_place(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    edges = [17, 40, 60, 98]
    found = patients.groupby(sf.cut(patients["age"], edges))["age"].mean()
    wanted = clear.groupby(pd.cut(clear["age"], edges), observed=False)["age"].mean()
    assert list(found.index) == list(map(str, wanted.index)) and found.index.name == "age"
    assert list(found) == pytest.approx(list(wanted))
    conditions = patients.groupby(patients["bmi"] >= 30).size()
    assert list(conditions) == [int((clear["bmi"] < 30).sum()), int((clear["bmi"] >= 30).sum())]


def test_a_group_by_is_one_job(study: Study) -> None:
    study.patients.groupby(["male", "smoker"])[["age", "bmi"]].agg(["count", "mean", "std", "median"])
    assert len(study.session.jobs) == 1 and len(study.session.jobs[0]) == 1


# -- persons ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["count", "sum", "min", "max", "first", "last", "mean"])
def test_reduction_to_persons(study: Study, how: str) -> None:
    found = study.labs.groupby("id").agg(x=("value", how))
    assert isinstance(found, sf.SecureFrame) and list(found.columns) == ["id", "x"]
    wanted = study.clear["labs"].groupby("id").agg(x=("value", how))
    assert found["x"].mean() == pytest.approx(wanted["x"].mean(), rel=1e-4)
    assert found["x"].count() == len(wanted)


def test_ways_to_write_a_reduction(study: Study) -> None:
    labs = study.labs
    assert list(labs.groupby("id")["value"].mean().columns) == ["id", "value"]
    assert list(labs.groupby("id")[["days", "value"]].agg("max").columns) == ["id", "days", "value"]
    assert list(labs.groupby("id")["value"].agg(["min", "max"]).columns) == ["id", "min", "max"]
    assert list(labs.groupby("id").agg({"value": "mean", "days": "first"}).columns) == ["id", "value", "days"]
    assert list(labs.groupby("id")["value"].agg(top="max").columns) == ["id", "top"]
    assert list(labs.groupby(["id"]).count().columns) == ["id", "days", "test", "value"]
    assert list(labs.groupby("id").mean().columns) == ["id", "days", "value"]
    assert list(labs.assign(high=labs["value"] > 150).groupby("id").any().columns) == ["id", "high"]
    assert labs.groupby("id").size()["size"].sum() == len(study.clear["labs"])


def test_first_goes_by_the_stated_order(study: Study) -> None:
    found = study.labs.sort_values("days").groupby("id").agg(last=("value", "last"))
    wanted = study.clear["labs"].sort_values("days", kind="stable").groupby("id")["value"].last()
    assert found["last"].sum() == wanted.sum()
    backwards = study.labs.sort_values("days", ascending=False).groupby("id").agg(first=("value", "first"))
    assert backwards["first"].sum() == pytest.approx(found["last"].sum(), rel=0.02)


@pytest.mark.parametrize(
    "statement",
    [
        lambda p, labs: p.groupby("male")["age"].agg("min"),
        lambda p, labs: p.groupby("male")["age"].max(),
        lambda p, labs: p.groupby("male").first(),
        lambda p, labs: p.groupby("male").agg(low=("age", "min")),
        lambda p, labs: p.groupby("male")["age"].agg(np.mean),
        lambda p, labs: p.groupby("male")["age"].agg([len]),
        lambda p, labs: p.groupby("male").apply(len),
        lambda p, labs: p.groupby("male").agg(),
        lambda p, labs: p.groupby("male")["nothing"],
        lambda p, labs: p.groupby("male").agg({"nothing": "mean"}),
        lambda p, labs: p.groupby("nothing"),
        lambda p, labs: p.groupby([]),
        lambda p, labs: p.groupby(["id", "male"]),
        lambda p, labs: p.groupby("male", observed=True),
        lambda p, labs: p.groupby("age").size(),
        lambda p, labs: p.groupby(pd.Series([1, 2])),
        lambda p, labs: list(p.groupby("male")),
        lambda p, labs: len(p.groupby("male")),
        lambda p, labs: p.groupby("male").mean(threshold=1),
        lambda p, labs: labs.groupby("id").agg("std"),
        lambda p, labs: labs.groupby("id").agg(lambda rows: rows),
        lambda p, labs: labs.groupby("id")[["days", "value"]].agg(["min", "max"]),
        lambda p, labs: labs.groupby("id").agg(x="mean"),
        lambda p, labs: labs.groupby("id").any(),
    ],
)
def test_refusals_have_hints(study: Study, statement: object) -> None:
    with pytest.raises(sf.SecureFrameError) as caught:
        statement(study.patients, study.labs)  # type: ignore[operator]
    assert "\nHint: " in str(caught.value)
