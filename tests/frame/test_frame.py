"""Frames: choosing, making and combining."""

from __future__ import annotations

import pandas as pd
import pytest

import secureframe as sf
from secureframe.plan.nodes import Project, Table
from tests.frame.conftest import Study
from tests.frame.pooled import PooledSession
from tests.frame.study import PATIENTS


def test_columns_and_dtypes(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    assert list(patients.columns) == list(clear.columns)
    found = patients.dtypes
    assert {n: str(found[n]) for n in found.index} == {n: str(clear[n].dtype) for n in clear.columns}
    assert "age" in patients and "nothing" not in patients


def test_choosing_columns(patients: sf.SecureFrame) -> None:
    assert list(patients[["bmi", "age"]].columns) == ["bmi", "age"]
    assert list(patients.drop(columns=["note", "id"]).columns) == ["age", "male", "bmi", "stage", "smoker", "entered", "cost"]
    assert list(patients.drop("note", axis=1).columns) == list(patients.drop(columns="note").columns)
    assert list(patients.rename(columns={"age": "years"}).columns)[1] == "years"
    assert list(patients.rename(columns=str.upper).columns)[1] == "AGE"
    assert patients.age.mean() == patients["age"].mean()
    with pytest.raises(AttributeError, match="its columns are id, age"):
        patients.nothing
    with pytest.raises(sf.PlanError, match="no column 'nothing'"):
        patients["nothing"]


def test_choosing_rows(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    wanted = clear[(clear["age"] >= 50) & (clear["male"] == 1)]
    assert patients[(patients["age"] >= 50) & (patients["male"] == 1)]["bmi"].mean() == pytest.approx(wanted["bmi"].mean())
    assert patients[lambda d: d["age"] >= 50]["age"].count() == (clear["age"] >= 50).sum()
    assert patients.loc[patients["age"] >= 50, ["age"]]["age"].count() == (clear["age"] >= 50).sum()
    assert patients.loc[patients["age"] >= 50]["age"].sum() == clear[clear["age"] >= 50]["age"].sum()
    assert list(patients.loc[:, ["age", "bmi"]].columns) == ["age", "bmi"]
    assert patients.loc[patients["age"] >= 50, "bmi"].count() == clear[clear["age"] >= 50]["bmi"].count()


def test_assign(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    found = patients.assign(twice=patients["age"] * 2, more=lambda d: d["twice"] + 1, age=patients["age"] - 1, one=1)
    assert found["more"].sum() == (clear["age"] * 2 + 1).sum()
    assert found["age"].sum() == (clear["age"] - 1).sum() and found["one"].sum() == len(clear)
    assert list(found.columns) == [*clear.columns, "twice", "more", "one"]
    assert isinstance(found.node, Project) and found.node.frame == patients.node  # one node, however many columns
    later = patients.assign(age=lambda d: d["age"] + 1, older=lambda d: d["age"] * 10)
    assert later["older"].sum() == ((clear["age"] + 1) * 10).sum()


def test_a_frame_is_immutable(patients: sf.SecureFrame) -> None:
    for change in (lambda: patients.__setitem__("x", 1), lambda: setattr(patients, "x", 1)):
        with pytest.raises(sf.PlanError, match=r"Hint: df = df\.assign"):
            change()


def test_the_study_of_three_institutions(study: Study) -> None:
    clear = study.clear
    labs, events, patients = study.labs, study.events, study.patients
    mi = events[events["event"] == "MI"].groupby("id").agg(first_mi=("days", "min"))
    sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
    cohort = patients[patients["age"] >= 50].merge(sbp, on="id").merge(mi, on="id", how="left")
    found = cohort.groupby("male")["sbp"].agg(["count", "mean", "std"])
    wanted_mi = clear["events"][clear["events"]["event"] == "MI"].groupby("id").agg(first_mi=("days", "min"))
    wanted_sbp = clear["labs"][clear["labs"]["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
    pooled = clear["patients"][clear["patients"]["age"] >= 50].merge(wanted_sbp, on="id").merge(wanted_mi, on="id", how="left")
    wanted = pooled.groupby("male")["sbp"].agg(["count", "mean", "std"])
    assert list(found["count"]) == list(wanted["count"])
    assert list(found["mean"]) == pytest.approx(list(wanted["mean"]), rel=1e-4)
    assert cohort["first_mi"].count() == pooled["first_mi"].count()
    assert cohort.node.owners == {"hospital", "laboratory", "registry"}


def test_merge_names_and_keys(study: Study) -> None:
    reduced = study.labs.groupby("id").agg(age=("value", "mean"))
    merged = study.patients[["id", "age"]].merge(reduced, on="id")
    assert list(merged.columns) == ["id", "age_x", "age_y"]
    assert list(study.patients[["id", "age"]].merge(reduced, suffixes=("", "_lab")).columns) == ["id", "age", "age_lab"]
    renamed = reduced.rename(columns={"id": "person"})
    assert list(study.patients[["id", "male"]].merge(renamed, left_on="id", right_on="person").columns) == [
        "id",
        "male",
        "person",
        "age",
    ]


@pytest.mark.parametrize("validate", [None, "1:1", "one_to_one", "m:1", "many_to_one", "1:m", "m:m"])
def test_validate_that_holds(study: Study, validate: str | None) -> None:
    reduced = study.labs.groupby("id").agg(sbp=("value", "mean"))
    assert study.patients.merge(reduced, on=["id"], validate=validate) is not None


def test_validate_that_no_owner_declares_is_checked_on_shares(study: Study) -> None:
    for left, right in ((study.labs, study.patients), (study.patients, study.labs)):
        assert left.merge(right, on="id", validate="1:1") is not None


@pytest.mark.parametrize(
    "statement",
    [
        lambda s: s.labs.merge(s.labs, on="id"),
        lambda s: s.patients.merge(s.patients, on="id", validate="2:2"),
        lambda s: s.patients.merge(s.patients, on="id", how="cross"),
        lambda s: s.patients.merge(s.patients, on="age"),
        lambda s: s.patients.merge(s.patients, on="nothing"),
        lambda s: s.labs.merge(s.labs, on=["id", "days"]),
        lambda s: s.patients.merge(s.patients, left_on="id"),
        lambda s: s.patients.merge(s.patients, on="id", left_on="id", right_on="id"),
        lambda s: s.patients.drop(columns="id").merge(s.patients),
        lambda s: s.patients.merge(pd.DataFrame({"id": [7]}), on="id"),
        lambda s: s.patients.sort_values("age"),
        lambda s: s.labs.sort_values(["days", "value"], ascending=[True, False]),
        lambda s: s.patients.drop(3),
        lambda s: s.patients.drop(columns="nothing"),
        lambda s: s.patients[0:5],
        lambda s: s.patients[[True, False]],
        lambda s: s.patients[s.patients["age"]],
        lambda s: s.patients.loc[3],
        lambda s: s.patients.loc[[1, 2]],
        lambda s: s.patients.loc[0:5],
        lambda s: s.patients.assign(x=[1, 2, 3]),
        lambda s: s.patients.assign(x=pd.Series([1])),
        lambda s: s.patients.assign(x=range(240)),
        lambda s: s.patients.rename(columns={"age": "male"}),
        lambda s: s.patients.describe(include="object"),
        lambda s: s.patients.describe(percentiles=[0.99]),
        lambda s: s.patients.value_counts(),
        lambda s: s.patients["age"].value_counts(),
        lambda s: s.patients["id"].value_counts(),
        lambda s: s.patients[["age"]].corr(),
        lambda s: s.patients[["stage"]].mean(),
        lambda s: s.patients.mean(k=3),
        lambda s: sf.table_one("patients"),
        lambda s: sf.table_one(s.patients, columns=["nothing"]),
        lambda s: sf.table_one(s.patients, by="id"),
        lambda s: sf.table_one(s.patients, columns=["id"]),
        lambda s: sf.crosstab(s.patients["male"], [1, 2]),
        lambda s: sf.crosstab(s.patients["male"], s.patients["stage"], normalize="rows"),
        lambda s: sf.crosstab(s.patients["male"], s.patients["stage"], threshold=1),
    ],
)
def test_refusals_have_hints(study: Study, statement: object) -> None:
    with pytest.raises(sf.SecureFrameError) as caught:
        statement(study)  # type: ignore[operator]
    assert "\nHint: " in str(caught.value), str(caught.value)
    assert not study.session.jobs


def test_frames_of_two_federations_do_not_meet(study: Study) -> None:
    other = sf.SecureFrame(PooledSession(study.clear), Table(PATIENTS))
    for statement in (
        lambda: study.patients.merge(other, on="id"),
        lambda: study.patients["age"] + other["age"],
        lambda: study.patients[other["age"] > 50],
    ):
        with pytest.raises(sf.PlanError, match="different federations"):
            statement()


def test_importing_is_light() -> None:
    import subprocess
    import sys

    code = "import secureframe, sys; print([m for m in ('matplotlib', 'polars', 'ray', 'IPython', 'numba') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
