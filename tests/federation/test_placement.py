"""Twenty statements with the planner's placement and without: the same answers, and the costs that were told before they ran."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

import secureframe as sf
from benchmarks.placement import asked, everything_on_shares, same
from benchmarks.twenty import TWENTY, Question
from secureframe.plan.expressions import ColumnRef, column_names
from secureframe.plan.forms import Form
from secureframe.plan.nodes import Table, passed_on
from secureframe.planner.compile import compile_plan
from secureframe.planner.frames import LocalPart, LocalValue
from secureframe.planner.placement import OnShares, reduces_many_rows
from secureframe.testing import start_in_memory

# A cell that is withheld one way has to be withheld the other way too.
pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

QUESTIONS = [pytest.param(question, id=question.name) for question in TWENTY]
OVER_RAY = [p for p in QUESTIONS if p.id in ("ages by sex", "pressure above age + 90, by sex", "Table 1 by case, five variables")]


@functools.cache
def start(study: str) -> sf.Federation:
    return sf.demo(study, quiet=True, start=start_in_memory)


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    yield
    start.cache_clear()


def require_foretold(fed: sf.Federation, question: Question) -> object:
    """Ask, and hold what the job took against what was expected of it."""
    answer, took = asked(fed, question)
    assert fed.last_job is not None and fed.last_job.bytes == took.bytes
    assert abs(took.off) <= 0.1
    assert took.rounds <= took.most_rounds
    if took.most_rounds == took.expected_rounds:
        # Nothing is sorted, so no coin has a say.
        assert (took.rounds, took.bytes) == (took.expected_rounds, took.expected_bytes)
    return answer


@pytest.mark.parametrize("question", QUESTIONS)
def test_costs_are_foretold_and_answers_do_not_depend_on_placement(question: Question) -> None:
    fed = start(question.study)
    answer = require_foretold(fed, question)
    with everything_on_shares():
        assert same(answer, require_foretold(fed, question))


def test_what_is_only_added_up_does_not_ask_what_the_parties_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for = []
    fed = start("breast-cancer")
    monkeypatch.setattr(fed._backend, "kept", lambda: asked_for.append("kept") or {})
    for question in TWENTY:
        if question.study == "breast-cancer":
            question.ask(fed)
    assert not asked_for
    mixed = start("nafld-mixed")
    monkeypatch.setattr(mixed._backend, "kept", lambda: asked_for.append("kept") or {})
    for name, times in (("body sizes by hospital", 0), ("pressure by hospital", 1)):
        next(q for q in TWENTY if q.name == name).ask(mixed)
        assert len(asked_for) == times


@pytest.mark.ray
@pytest.mark.parametrize("question", OVER_RAY)
def test_costs_are_foretold_over_links(ray_federation: sf.Federation, question: Question) -> None:
    require_foretold(ray_federation, question)


@pytest.mark.parametrize("question", QUESTIONS)
def test_without_placement_columns_are_dealt_as_they_are(question: Question) -> None:
    fed = start(question.study)
    with sf.defer() as study:
        question.ask(fed)
    nodes = [node for pending in study.pending for node in pending.nodes]
    plan = fed._plan(nodes, {})
    compiled = compile_plan(plan, fed._catalog.policies, everything_on_shares=True)
    beneath = OnShares.of(b.frame for r in compiled.releases for b in (r.breakdown, r.breakdown.node)).beneath
    for local in compiled.locals:
        match local:
            case LocalPart(breakdown=breakdown):
                # Whom a filter left out before many rows were reduced to one.
                assert breakdown.frame in beneath
            case LocalValue(frame=frame, expr=expr, encoding=encoding) if frame not in beneath:
                assert isinstance(frame, Table) or reduces_many_rows(frame)
                if expr is not None and column_names(expr):
                    assert isinstance(expr, ColumnRef) or passed_on(expr) is not None
                    assert encoding.form is not Form.ONEHOT
