"""Everything that pandas offers and that would show rows is refused, with its reason and something to type."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.refusals import METHODS, PROPERTIES
from tests.frame.conftest import Study

LISTED = """
head tail iloc iterrows itertuples __iter__ __len__ to_pandas to_numpy values sample
nlargest nsmallest min max idxmin idxmax __array__ __bool__ apply map
"""


@pytest.mark.parametrize("kind", ["frame", "column", "expression"])
@pytest.mark.parametrize("name", [*METHODS, *PROPERTIES])
def test_every_refused_name(study: Study, name: str, kind: str) -> None:
    thing = {"frame": study.patients, "column": study.patients["age"], "expression": study.patients["age"] * 2}[kind]
    with pytest.raises(sf.SecureFrameError) as caught:
        found = getattr(thing, name)
        found()
    message = str(caught.value)
    hint = message.split("\nHint: ")[1]
    assert hint and "{" not in hint.replace("{'", ""), message
    assert not study.session.jobs


def test_the_list_of_the_contract_is_covered() -> None:
    assert set(LISTED.split()) <= METHODS.keys() | PROPERTIES.keys()


def test_the_ways_python_asks(study: Study) -> None:
    for thing in (study.patients, study.patients["age"]):
        for ask in (iter, len, bool, list, np.asarray, lambda t: t if t else None):
            with pytest.raises(sf.SecureFrameError, match="Hint: "):
                ask(thing)
    with pytest.raises(sf.PlanError, match=r"use & \| ~"):
        study.patients["age"] > 50 and study.patients["male"] == 1
    with pytest.raises(sf.SecureFrameError):
        assert 30 < study.patients["age"] < 50
    with pytest.raises(sf.PlanError):
        assert 50 in study.patients["age"]
    for make in (float, int):
        with pytest.raises(sf.PlanError, match="Hint: "):
            make(study.patients["age"])


def test_hints_name_the_column_in_hand(study: Study) -> None:
    with pytest.raises(sf.DisclosureError, match=r"Hint: df\['bmi'\]\.quantile\(0\.95\), or df\['bmi'\]\.robust_range\(\)"):
        study.patients["bmi"].max()
    with pytest.raises(sf.DisclosureError, match=r"Hint: df\['age'\]\.count\(\)"):
        len(study.patients)


@pytest.mark.parametrize("option", ["threshold", "min_cell", "k", "rounding", "suppress", "policy"])
def test_rules_are_not_the_analysts_to_set(study: Study, option: str) -> None:
    patients = study.patients
    for statement in (
        patients.mean,
        patients["age"].mean,
        patients["male"].value_counts,
        patients.groupby("male").mean,
        patients.describe,
    ):
        with pytest.raises(sf.DisclosureError, match="not the analyst's to set"):
            statement(**{option: 1})


def test_completion_offers_nothing_that_is_refused(study: Study) -> None:
    offered = set(dir(study.patients)) | set(dir(study.patients["age"]))
    assert offered & (METHODS.keys() | PROPERTIES.keys()) == set()
    assert {"age", "groupby", "merge", "describe"} <= set(dir(study.patients))
    assert study.patients._ipython_key_completions_() == list(study.patients.columns)
    assert "bmi" in dir(study.patients.groupby("male"))


def test_pandas_cannot_swallow_a_frame(study: Study) -> None:
    for swallow in (pd.DataFrame, pd.Series, np.array):
        with pytest.raises((sf.SecureFrameError, ValueError, TypeError)):
            swallow(study.patients["age"])
    with contextlib.suppress(sf.SecureFrameError):
        assert not hasattr(study.patients, "_private")
