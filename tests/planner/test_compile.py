"""Compilation: what is computed where, the same program everywhere, and costs that are known before anything runs."""

from __future__ import annotations

import datetime
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from secureframe.errors import PlanError, RangeError, SecureFrameError
from secureframe.mpc.cost import CostReport, cost
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Merge
from secureframe.plan.envelope import Plan, new_plan, parameters_of
from secureframe.plan.forms import ONEHOT, TRUTH, VALID, Encoding, Form
from secureframe.planner.compile import Compiled, compile_plan
from secureframe.planner.frames import LocalPart, LocalValue
from tests.planner.rows import rows_of
from tests.planner.strategies import Frames, asked
from tests.planner.study import OWNERS, TEST_POLICY, Study, random_tables, start

STUDY: list[Study] = []
AGE, SCORE, MALE, HIT = (e.ColumnRef(name) for name in ("age", "score", "male", "hit"))
SIZE = n.Statistic(kind="size")
POLICIES = dict.fromkeys(OWNERS, TEST_POLICY)
FAST = settings(
    max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck)
)


def study() -> Study:
    if not STUDY:
        STUDY.append(start(random_tables(0)))
    return STUDY[0]


def plan_of(*nodes: n.Summarise) -> Plan:
    parameters = {name: Fraction(3, 2) for node in nodes for name in parameters_of(node)}
    return new_plan(nodes, parameters, purpose="tests", analyst={"name": "analyst"}, policies={}, versions={})


def compiled(*nodes: n.Summarise) -> Compiled:
    return compile_plan(plan_of(*nodes), POLICIES)


def linked(how: str = "inner") -> Merge:
    return Merge(study().table("clinic.people"), study().table("labor.scores"), ("id",), ("id",), how)


def dealt(found: Compiled, owner: str) -> list[tuple[e.Expr | None, Encoding]]:
    return [(v.expr, v.encoding) for v in found.locals if isinstance(v, LocalValue) and v.owner == owner]


# -- placement -------------------------------------------------------------------------------------------------------------


def test_what_one_institution_can_compute_it_computes_whole() -> None:
    """A frame of two tables of one owner, filtered, merged and reduced: only totals are shared, and nothing is joined."""
    visits = n.GroupPersons(
        n.Filter(study().table("labor.visits"), e.ColumnRef("high")), "id", (n.Aggregation(name="v", column="value", how="mean"),)
    )
    frame = n.Filter(Merge(study().table("labor.scores"), visits, ("id",), ("id",), "left"), e.Binary(">", SCORE, e.Literal(2)))
    statistics = (SIZE, n.Statistic(kind="mean", columns=("v",)), n.Statistic(kind="quantile", columns=("v",), q=Fraction(1, 2)))
    found = compiled(n.Summarise(frame, ("hit",), statistics))
    assert {type(local) for local in found.locals} == {LocalPart}
    assert {local.owner for local in found.locals} == {"labor"}
    assert found.program.stages == ("share", "release")
    assert "sort" not in {i.operation for i in found.program.instructions}
    assert max(spec.value.elements for spec in found.program.inputs) == 2


def test_a_condition_on_columns_of_one_institution_is_dealt_as_one_bit() -> None:
    labor = e.Binary("&", e.Binary(">", SCORE, e.Literal(3)), e.Not(HIT))
    clinic = e.Binary("|", e.Binary(">=", AGE, e.Literal(50)), MALE)
    found = compiled(n.Summarise(n.Filter(linked(), e.Binary("&", clinic, labor)), (), (SIZE,)))
    assert (clinic, TRUTH) in dealt(found, "clinic")
    assert (labor, TRUTH) in dealt(found, "labor")
    forms = {encoding.form for owner in ("clinic", "labor") for _, encoding in dealt(found, owner)}
    assert forms == {Form.TRUTH, Form.VALID, Form.KEY, Form.PRESENT}
    used = {i.operation for i in found.program.instructions if i.stage in ("join", "aggregate")}
    assert not used & {"is_negative", "is_zero", "to_bits"}


def test_a_key_is_dealt_as_bits_of_its_levels() -> None:
    found = compiled(n.Summarise(linked("left"), ("grade", "rank"), (SIZE,)))
    assert (e.ColumnRef("grade"), ONEHOT) in dealt(found, "clinic")
    assert (e.ColumnRef("rank"), ONEHOT) in dealt(found, "labor")


def test_a_filter_before_a_merge_is_the_owners_validity() -> None:
    right = n.Filter(study().table("labor.scores"), HIT)
    frame = Merge(n.Filter(study().table("clinic.people"), MALE), right, ("id",), ("id",), "inner")
    found = compiled(n.Summarise(frame, (), (SIZE,)))
    assert (None, VALID) in dealt(found, "clinic") and (None, VALID) in dealt(found, "labor")
    assert not [x for owner in ("clinic", "labor") for x in dealt(found, owner) if x[1] == TRUTH]


def test_many_rows_a_person_leave_their_owner_as_one() -> None:
    visits = n.GroupPersons(study().table("labor.visits"), "id", (n.Aggregation(name="v", column="value", how="mean"),))
    found = compiled(
        n.Summarise(
            Merge(study().table("clinic.people"), visits, ("id",), ("id",), "left"),
            (),
            (n.Statistic(kind="mean", columns=("v",)),),
        )
    )
    assert {v.length for v in found.locals if isinstance(v, LocalValue)} == {16}


def test_a_value_is_dealt_once_for_all_releases() -> None:
    nodes = [n.Summarise(linked(), ("grade",), (n.Statistic(kind=k, columns=("score",)),)) for k in ("mean", "var", "count")]
    found = compiled(*nodes)
    values = [(v.owner, v.frame, v.expr, v.encoding) for v in found.locals if isinstance(v, LocalValue)]
    assert len(values) == len(set(values))
    assert len([i for i in found.program.instructions if i.operation == "sort"]) == 1


def test_every_input_is_dealt_by_the_owner_of_its_frame() -> None:
    found = compiled(n.Summarise(linked("left"), ("grade",), (n.Statistic(kind="mean", columns=("score",)),)))
    for spec, local in zip(found.program.inputs, found.locals, strict=True):
        frame = local.frame if isinstance(local, LocalValue) else local.breakdown.frame
        assert frame.owners == frozenset({local.owner}) and spec.owner == local.owner


# -- the same everywhere -----------------------------------------------------------------------------------------------------


def fingerprint() -> str:
    """A digest of the compiled programs of many random statements; used by another process below."""
    text: list[str] = []

    @settings(max_examples=8, database=None, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(st.data())
    def collect(data: st.DataObject) -> None:
        frames = Frames(data.draw, study())
        found = compiled(asked(data.draw, frames.step(frames.merged(), 2)))
        text.append(repr((found.program, [_described(local) for local in found.locals], found.releases[0].pieces)))

    collect()
    return hashlib.sha256("\n".join(text).encode()).hexdigest()


def _described(local: LocalPart | LocalValue) -> object:
    if isinstance(local, LocalPart):
        return local.owner, local.part, local.values
    return local.owner, local.expr, local.encoding, local.length


def test_two_processes_compile_the_same_programs() -> None:
    root = Path(__file__).parents[2]
    script = "from tests.planner.test_compile import fingerprint; print(fingerprint())"
    found = set()
    for seed in ("1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1 and len(found.pop()) > 60


@FAST
@given(st.data())
def test_programs_depend_on_nothing_but_plan_catalog_and_policies(data: st.DataObject) -> None:
    """Other purpose, nonce and analyst; the same program."""
    frames = Frames(data.draw, study())
    plan = plan_of(asked(data.draw, frames.step(frames.merged(), 2)))
    other = replace(plan, purpose="another", nonce="n", created="c", analyst={"name": "b"}, recipient={"name": "b"})
    assert compile_plan(plan, POLICIES).program == compile_plan(other, POLICIES).program


# -- costs -------------------------------------------------------------------------------------------------------------------


def measured(node: n.Summarise) -> tuple[CostReport, list[tuple[str, int, int]], dict[str, int]]:
    """What was predicted for a statement, and what its run took: rounds and bytes by stage, bytes dealt by owner."""
    federation = study().federation
    # What an earlier statement left would make it cheaper.
    federation._backend.forget_kept()
    federation.run([node], {name: Fraction(3, 2) for name in parameters_of(node)})
    assert federation.last_job is not None
    return (
        cost(compiled(node).program),
        [(s.name, s.rounds, s.bytes) for s in federation.last_job.stages],
        dict(federation.last_job.dealt),
    )


@FAST
@given(st.data())
def test_predicted_costs_are_the_measured_ones(data: st.DataObject) -> None:
    """Exactly, but for a join's sort, whose levels depend on fresh coins."""
    frames = Frames(data.draw, study())
    node = asked(data.draw, frames.step(frames.merged(), 2))
    predicted, stages, dealt = measured(node)
    assert {owner: sum(sizes) for owner, sizes in predicted.dealt_bytes.items()} == dealt
    assert [stage.name for stage in predicted.stages] == [name for name, _, _ in stages]
    # A left merge of which nothing is needed is not even sorted, and few rows are compared each with each.
    sorting = {i.stage for i in compiled(node).program.instructions if i.operation == "sort"}
    for stage, (_, rounds, sent) in zip(predicted.stages, stages, strict=True):
        assert not stage.estimated or stage.name in sorting
        if stage.estimated:
            assert 0.5 * stage.rounds <= rounds <= 2 * stage.rounds
            assert 0.5 * sum(stage.bytes_sent) <= sent <= 2 * sum(stage.bytes_sent)
        else:
            assert (stage.rounds, sum(stage.bytes_sent)) == (rounds, sent)


def test_a_local_statement_costs_what_is_predicted() -> None:
    frame = n.Filter(study().table("labor.visits"), e.ColumnRef("high"))
    predicted, stages, dealt = measured(n.Summarise(frame, ("site",), (SIZE, n.Statistic(kind="mean", columns=("value",)))))
    assert not predicted.estimated
    assert [(s.name, s.rounds, sum(s.bytes_sent)) for s in predicted.stages] == stages
    assert {owner: sum(sizes) for owner, sizes in predicted.dealt_bytes.items()} == dealt


# -- refused before anything runs ----------------------------------------------------------------------------------------------


def _power(expr: e.Expr, times: int) -> e.Expr:
    for _ in range(times):
        expr = e.Binary("*", expr, expr)
    return expr


def _with(expr: e.Expr, frame: n.Node | None = None) -> n.Project:
    below = frame or linked()
    return n.Project(below, (*((name, e.ColumnRef(name)) for name in below.schema), ("new", expr)))


def refusals() -> Sequence[tuple[n.Summarise, type[SecureFrameError], str]]:
    half = Fraction(1, 2)
    mean, median = (n.Statistic(kind=k, columns=("new",), q=q) for k, q in (("mean", None), ("quantile", half)))
    wide = e.Binary("+", _power(AGE, 4), SCORE)
    return [
        (n.Summarise(_with(e.Binary("+", _power(AGE, 6), SCORE)), (), (median,)), RangeError, "clip"),
        (n.Summarise(_with(wide), (), (median,)), RangeError, "clip"),
        (n.Summarise(_with(e.Binary("+", _power(AGE, 7), SCORE)), (), (mean,)), RangeError, "clip"),
        (n.Summarise(_with(_power(AGE, 7), study().table("clinic.people")), (), (mean,)), RangeError, "clip"),
        (
            n.Summarise(n.Filter(linked(), e.Binary("<", _power(e.Binary("+", AGE, SCORE), 6), AGE)), (), (SIZE,)),
            RangeError,
            "clip",
        ),
    ]


@pytest.mark.parametrize("number", range(5))
def test_what_no_ring_holds_is_refused(number: int) -> None:
    node, error, hint = refusals()[number]
    with pytest.raises(error, match="too wide") as refused:
        compiled(node)
    assert hint in (refused.value.hint or "")


def test_wide_numbers_that_fit_are_computed() -> None:
    """Just as wide as is allowed: exact, and equal to Python's integers."""
    frame = _with(e.Binary("+", _power(AGE, 4), SCORE))
    (released,) = study().federation.run([n.Summarise(frame, (), (n.Statistic(kind="sum", columns=("new",)),))], {})
    rows = [row for row in rows_of(frame, study().tables) if row is not None and row["new"] is not None]
    assert released.values == ((int(sum(row["new"] for row in rows)),),)


def test_a_statement_that_is_nested_too_deeply_is_refused() -> None:
    deep: e.Expr = e.Binary("&", MALE, HIT)
    for _ in range(130):
        deep = e.Binary("|", e.Not(deep), HIT)
    with pytest.raises(PlanError, match="nested too deeply"):
        compiled(n.Summarise(n.Filter(linked(), deep), (), (SIZE,)))


def test_constant_differences_of_dates_are_days() -> None:
    """A constant date difference beside a right column folds to days."""
    filled = e.FillNull(e.ColumnRef("seen"), e.Literal(datetime.date(2020, 1, 9)))
    days = e.Binary("-", filled, e.Literal(datetime.date(2020, 1, 1)))
    frame = _with(days, linked("left"))
    (released,) = study().federation.run([n.Summarise(frame, (), (n.Statistic(kind="sum", columns=("new",)),))], {})
    assert released.values == ((int(sum(row["new"] for row in rows_of(frame, study().tables) if row is not None)),),)
