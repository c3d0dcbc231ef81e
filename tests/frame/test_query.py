"""query(): what pandas understands, and text that tries to be more than a condition."""

from __future__ import annotations

import contextlib
import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import secureframe as sf
from secureframe.operands import Source
from secureframe.plan.nodes import Table
from secureframe.query import parse_query
from tests.frame.conftest import Study
from tests.frame.pooled import PooledSession
from tests.frame.study import PATIENTS

CONDITIONS = [
    "age >= 50 and male == 1",
    "age >= 50 & male == 1",
    "age < 30 | age > 80",
    "(age < 30) | (age > 80)",
    "not male == 1",
    "~(male == 1)",
    "30 <= age < 60",
    "20 < age < 30 or 60 < age < 90",
    "stage == 'mild' or stage == \"none\"",
    "stage in ['mild', 'none']",
    "stage not in ('mild', 'none')",
    "age in [20, 30, 40, 50, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70]",
    "age + 10 > bmi * 2",
    "-age < -50",
    "age - 50 >= +1",
    "age // 10 == 4 or age % 7 == 2",
    "(age - 60) % -7 < -3",
    "`age` >= 50",
    "smoker",
    "smoker and age > 40",
    "male == 1\nand age > 40",
]


@pytest.mark.parametrize("text", CONDITIONS)
def test_it_means_what_it_means_in_pandas(patients: sf.SecureFrame, clear: pd.DataFrame, text: str) -> None:
    filled = clear.assign(smoker=clear["smoker"].fillna(False), bmi=clear["bmi"].fillna(99999))
    wanted = filled.query(text.replace("\n", " "), engine="python")
    assert patients.query(text)["age"].count() == len(wanted)


def test_names_of_the_calling_code(study: Study, clear: pd.DataFrame) -> None:
    cutoff, codes = 50, ["mild", "none"]
    assert study.patients.query("age >= @cutoff")["age"].count() == (clear["age"] >= cutoff).sum()
    assert study.patients.query("stage in @codes")["age"].count() == clear["stage"].isin(codes).sum()
    limit = sf.parameter("limit", 60, low=18, high=98)  # noqa: F841  # the query reads it
    assert (
        study.patients.query("age >= @limit and male == 1")["age"].count() == ((clear["age"] >= 60) & (clear["male"] == 1)).sum()
    )
    assert study.session.parameters == {"limit": 60}
    assert study.patients.query("age >= @x", local_dict={"x": 70})["age"].count() == (clear["age"] >= 70).sum()


def test_dates_and_backticks(patients: sf.SecureFrame, clear: pd.DataFrame) -> None:
    found = patients.query("'2012-01-01' <= entered < '2014-01-01'")["age"].count()
    assert found == ((clear["entered"] >= "2012-01-01") & (clear["entered"] < "2014-01-01")).sum()
    named = patients.rename(columns={"age": "age at entry"})
    assert named.query("`age at entry` > 50")["male"].count() == (clear["age"] > 50).sum()


HOSTILE = [
    "",
    "   ",
    "age >",
    "age >= 50; import os",
    "__import__('os').system('true')",
    "age.__class__",
    "age.max() > 3",
    "(lambda: 1)()",
    "[x for x in age]",
    "age[0] == 1",
    "age if male else bmi",
    "f'{age}' == 'x'",
    "(age := 3) > 2",
    "age is None",
    "age == None",
    "age == b'x'",
    "age == 1j",
    "age == ...",
    "age ** 2 > 3",
    "age // 0 > 3",
    "age ** 2 > 3",
    "age @ male",
    "age << 2 > 3",
    "age == [1, 2]",
    "age in 5",
    "age in male",
    "age in [male]",
    "1 == 1",
    "True",
    "nothing == 1",
    "__class__ == 1",
    "__builtins__ == 1",
    "@nothing > 3",
    "@ > 3",
    "@__name__ > age",
    "`age > 50",
    "`nothing` > 50",
    "'unclosed",
    "age > 1e400",
    "age == '\x00'",
    "age\x00 > 1",
    "id == 7",
    "id in [7]",
    "stage == 'unknown'",
    "stage > 'mild'",
    "age",
    "note == 7",
    "{'a': 1} == age",
    "age == {1, 2}",
    "*age == 1",
    "age == -'x'",
    "await age",
    "yield age",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_condition_is_refused(study: Study, text: str) -> None:
    with pytest.raises(sf.SecureFrameError) as caught:
        study.patients.query(text, local_dict={"codes": [1], "frame": object()})
    assert "\nHint: " in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "age" + ")" * 5000,
        "(" * 60 + "age > 1" + ")" * 60,
        "not " * 900 + "male == 1",
        "-" * 3000 + "age > 1",
        "~" * 3000 + "(age > 1)",
        "age" + "+1" * 1900 + " > 1",
        " and ".join(["age > 1"] * 400),
        "age" + " < 1" * 900,
        "(age < " * 38 + "1" + " < 2)" * 38,
        "[" * 90 + "]" * 90 + " == age",
        "age in [" + "1," * 1900 + "1]",
        "age > 1 #" + "x" * 5000,
        "age > " + "9" * 3990,
    ],
    ids=range(13),
)
def test_huge_conditions_end_quickly(study: Study, text: str) -> None:
    started = time.perf_counter()
    try:
        study.patients.query(text)
    except sf.SecureFrameError as error:
        assert "\nHint: " in str(error)
    assert time.perf_counter() - started < 2


def test_only_text_is_a_condition(patients: sf.SecureFrame) -> None:
    for value in (None, 3, patients["age"] > 3, b"age > 3"):
        with pytest.raises(sf.PlanError, match="Hint: query"):
            patients.query(value)  # type: ignore[arg-type]  # what is refused


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="age mle01().,<>=!&|~+-*/@`'\"[]_and or not in:;{}\\\n", max_size=60))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    source = Source(session=PooledSession({}), node=Table(PATIENTS))
    with contextlib.suppress(sf.SecureFrameError):
        parse_query(text, source, {})
