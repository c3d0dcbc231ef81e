"""Deferred releases: many statements, one job."""

from __future__ import annotations

import asyncio

import pandas as pd
import pytest

import secureframe as sf
from secureframe.plan.nodes import Table
from tests.frame.conftest import Study
from tests.frame.pooled import PooledSession
from tests.frame.study import PATIENTS


def test_nothing_runs_inside_defer(study: Study, clear: pd.DataFrame) -> None:
    with sf.defer() as waiting:
        mean = study.patients["age"].mean()
        table = study.patients.groupby("male")["bmi"].agg(["count", "mean"])
        first = sf.table_one(study.patients, columns=["age"])
        cross = sf.crosstab(study.patients["male"], study.patients["smoker"])
    assert not study.session.jobs and waiting.pending == [mean, table, first, cross]
    assert isinstance(mean, sf.Pending) and not mean.done
    assert "not run yet" in repr(mean)
    found = sf.collect(mean, table)
    assert len(study.session.jobs) == 1
    assert found[0] == pytest.approx(clear["age"].mean()) and list(found[1].columns) == ["count", "mean"]
    assert waiting.collect()[0] is found[0]
    assert len(study.session.jobs) == 2
    assert "released" in repr(mean)


def test_the_same_release_runs_once(study: Study) -> None:
    with sf.defer():
        a, b, c = study.patients["age"].mean(), study.patients["age"].mean(), study.patients["age"].std()
    x, y, _ = sf.collect(a, b, c)
    assert x == y and len(study.session.jobs[0]) == 2


def test_submit_and_explain(study: Study) -> None:
    with sf.defer() as waiting:
        pending = study.patients[study.patients["age"] >= sf.parameter("p", 50, low=18, high=98)]["age"].mean()
    assert pending.explain() == "1 releases" and waiting.explain() == "1 releases"
    assert not study.session.jobs
    assert pending.submit() is pending and pending.submit().result() == pending.result()
    assert len(study.session.jobs) == 1


def test_defer_ends_with_its_block_even_after_an_error(study: Study) -> None:
    with pytest.raises(KeyError), sf.defer():
        raise KeyError
    assert isinstance(study.patients["age"].mean(), float)


def test_defer_nests(study: Study) -> None:
    with sf.defer() as outer:
        a = study.patients["age"].mean()
        with sf.defer() as inner:
            b = study.patients["age"].std()
        c = study.patients["age"].count()
    assert outer.pending == [a, c] and inner.pending == [b]


def test_collect_async(study: Study, clear: pd.DataFrame) -> None:
    with sf.defer():
        mean, count = study.patients["age"].mean(), study.patients["age"].count()
    found = asyncio.run(sf.collect_async(mean, count))
    assert found == (pytest.approx(clear["age"].mean()), len(clear)) and len(study.session.jobs) == 1


def test_warnings_come_with_the_result(study: Study) -> None:
    with sf.defer():
        stages = study.patients["stage"].value_counts()
    with pytest.warns(sf.SuppressedWarning) as caught:
        sf.collect(stages)
    assert len(caught) == 1


def test_what_cannot_be_collected(study: Study) -> None:
    other = sf.SecureFrame(PooledSession(study.clear), Table(PATIENTS))
    with sf.defer() as waiting:
        a, b = study.patients["age"].mean(), other["age"].mean()
    for statement in (lambda: sf.collect(a, b), lambda: sf.collect(3.0), lambda: sf.defer().explain()):
        with pytest.raises(sf.PlanError, match="Hint: "):
            statement()
    assert sf.collect() == sf.defer().collect() == () and len(waiting.pending) == 2


def test_two_values_of_a_parameter_are_two_jobs(study: Study) -> None:
    with sf.defer():
        a, b = (
            study.patients[study.patients["age"] >= sf.parameter("p", value, low=18, high=98)]["age"].mean() for value in (40, 50)
        )
    with pytest.raises(sf.PlanError, match="two values in one job"):
        sf.collect(a, b)
