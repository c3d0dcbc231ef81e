"""``agg`` of columns and frames: one release, in pandas' shapes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

import secureframe as sf
from tests.frame.conftest import Study

CLOSE = {"rtol": 1e-9, "check_dtype": False, "check_index_type": False}
LABELS = {**CLOSE, "check_column_type": False}


def test_statistics_of_a_column_are_one_release(study: Study, clear: pd.DataFrame) -> None:
    found = study.patients["bmi"].agg(["count", "mean", "std"])
    assert_series_equal(found, clear["bmi"].agg(["count", "mean", "std"]), **CLOSE)
    assert [len(nodes) for nodes in study.session.jobs] == [1]
    assert found.attrs["release"]["threshold"] == 10
    assert study.patients["bmi"].aggregate("mean") == pytest.approx(clear["bmi"].mean())


def test_statistics_of_a_frame(study: Study, clear: pd.DataFrame) -> None:
    frame = study.patients[["age", "bmi"]]
    assert_frame_equal(frame.agg(["count", "mean", "var"]), clear[["age", "bmi"]].agg(["count", "mean", "var"]), **LABELS)
    assert_series_equal(frame.agg("mean"), clear[["age", "bmi"]].agg("mean"), **CLOSE)
    assert_series_equal(frame.agg({"bmi": "sum", "age": "std"}), clear.agg({"bmi": "sum", "age": "std"}), **CLOSE)
    wanted = clear.agg({"age": ["mean", "count"], "bmi": ["count", "std"]}).astype("Float64")
    assert_frame_equal(frame.agg({"age": ["mean", "count"], "bmi": ["count", "std"]}), wanted, **LABELS)
    assert [len(nodes) for nodes in study.session.jobs] == [1] * 4


@pytest.mark.parametrize("of", ["frame", "column"])
@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ("max", sf.DisclosureError, "max shows single persons' values"),
        (["mean", "min"], sf.DisclosureError, "min shows"),
        (len, sf.PlanError, "Python functions"),
        ([], sf.PlanError, "needs statistics"),
        (["mean", "mean"], sf.PlanError, "twice"),
        ("harmonic", sf.PlanError, "'harmonic' is not offered"),
    ],
)
def test_what_agg_refuses(patients: sf.SecureFrame, of: str, asked: Any, error: type[sf.SecureFrameError], said: str) -> None:
    target = patients if of == "frame" else patients["age"]
    with pytest.raises(error, match=said) as refused:
        target.agg(asked)
    assert refused.value.hint


def test_agg_of_a_frame_refuses_unknown_columns_and_the_owners_rules(patients: sf.SecureFrame) -> None:
    with pytest.raises(sf.PlanError, match="no column 'weight'"):
        patients.agg({"weight": "mean"})
    with pytest.raises(sf.PlanError, match="needs statistics"):
        patients.agg({})
    with pytest.raises(sf.DisclosureError, match="threshold"):
        patients.agg("mean", threshold=1)
