"""What an analyst is told before a statement runs: a text that is the same every time, and true."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from secureframe.mpc.cost import StageCost
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Merge
from secureframe.plan.forms import Form
from secureframe.plan.places import place
from secureframe.planner import explain
from secureframe.planner.explain import _cost, explain_frame
from tests.planner.study import Study, random_tables, start

STUDY: list[Study] = []


def study() -> Study:
    if not STUDY:
        STUDY.append(start(random_tables(0)))
    return STUDY[0]


def statement() -> n.Summarise:
    visits = n.GroupPersons(
        n.Filter(study().table("labor.visits"), e.ColumnRef("high")), "id", (n.Aggregation(name="v", column="value", how="mean"),)
    )
    older = n.Filter(study().table("clinic.people"), e.Binary(">=", e.ColumnRef("age"), e.Literal(50)))
    frame = n.Filter(Merge(older, visits, ("id",), ("id",), "left"), e.Not(e.IsNull(e.ColumnRef("v"))))
    return n.Summarise(frame, ("grade",), (n.Statistic(kind="size"), n.Statistic(kind="mean", columns=("v",))))


EXPLAINED = """\
plan DIGEST for analyst: tests
release size(), mean(v) by grade   @ shared(clinic, labor)
  rows where ~v.isna()   @ shared(clinic, labor)
    left merge on id, matches hidden   @ shared(clinic, labor)
      rows where (age >= 50)   @ local(clinic)
        clinic.people   @ local(clinic)
      one row a person by id: v = mean(value) quantised to 1/128   @ local(labor)
        rows where high   @ local(labor)
          labor.visits   @ local(labor)
"""

COSTS = """\
  clinic: N bytes
    id: key bits, 16 rows
    id: one bit a row: not missing, 16 rows
    validity: one bit a row: still in the cohort, 16 rows
    grade: one bit a level, 16 rows
    1 totals computed from its own rows
  labor: N bytes
    ~v.isna(): one bit a row, 16 rows
    v: one bit a row: not missing, 16 rows
    v: bit planes, 16 rows
    id: key bits, 16 rows
    id: one bit a row: not missing, 16 rows
    validity: one bit a row: still in the cohort, 16 rows
    4 totals computed from its own rows
computed among clinic, labor, register:
  share: N rounds, N bytes
  join: N rounds, N bytes
  aggregate: N rounds, N bytes
  release: N rounds, N bytes
sealed for analyst: N bytes, in three packages
in all: N rounds, N MB
learned:
  institutions: the plan; nothing of each other's rows
  compute parties: random-looking shares; comparisons of shuffled rows; declared sizes 16
  analyst: the cells that pass test (threshold 2), and which do not"""
"""Few rows are compared each with each, so that the sort's cost is known; of many it is an estimate with a bound."""


def test_a_plan_reads_as_it_is_placed() -> None:
    text = study().federation.explain([statement()])
    head, rest = text.split("sent as shares:\n")
    assert re.sub(r"plan [0-9a-f]{16}", "plan DIGEST", head) == EXPLAINED
    assert re.sub(r"[\d.,]+ (rounds|bytes|MB)", r"N \1", rest) == COSTS


def test_a_long_sort_says_how_long_it_may_take() -> None:
    """The few rows above are sorted in one batch, whose cost is exact; more take as many as their shuffle asks for."""
    stage = StageCost(name="join", rounds=90, most_rounds=300, bytes_to_previous=(9000, 9000, 9000), bytes_to_next=(0, 0, 0))
    assert _cost(stage, 27_000) == "about 90 rounds (at most 300), about 0.03 MB"
    assert _cost(replace(stage, most_rounds=90), 27_000) == "90 rounds, 0.03 MB"


def test_explaining_is_deterministic() -> None:
    assert study().federation.explain([statement()]) == study().federation.explain([statement()])


def test_what_was_expected_is_what_is_measured() -> None:
    """The lines of every stage but the join, which sorts, and of what each owner deals."""
    federation = study().federation
    text = federation.explain([statement()])
    federation.run([statement()], {})
    assert federation.last_job is not None
    for stage in federation.last_job.stages:
        if stage.name != "join":
            assert f"  {stage.name}: {stage.rounds} rounds, {stage.bytes:,} bytes" in text
    for owner, size in federation.last_job.dealt.items():
        assert f"  {owner}: {size:,} bytes\n" in text


def test_steps_read_as_they_are_typed() -> None:
    people = study().table("clinic.people")
    bands = e.Cut(e.ColumnRef("age"), (Fraction(18), Fraction(50), Fraction(91)), ("young", "old"), False, False)
    frame = n.Project(
        n.SortRows(study().table("labor.visits"), ("day",), True), (("id", e.ColumnRef("id")), ("value", e.ColumnRef("value")))
    )
    assert explain_frame(n.Project(people, (("band", bands), ("male", e.ColumnRef("male"))))) == (
        "columns band = cut(age, [18, 50, 91])   @ local(clinic)\n  clinic.people   @ local(clinic)"
    )
    assert explain_frame(frame) == (
        "columns id, value   @ local(labor)\n  in order of day   @ local(labor)\n    labor.visits   @ local(labor)"
    )
    assert place(Merge(people, study().table("labor.scores"), ("case_id",), ("id",), "inner")) == "shared(clinic, labor)"
    half = e.Quantise(e.ColumnRef("bmi"), Fraction(1, 2))
    assert "(quantised)" in explain_frame(n.Project(people, (("half", half),)))


def test_every_form_that_is_dealt_has_words() -> None:
    assert explain._FORMS.keys() == set(Form)
