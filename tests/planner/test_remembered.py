"""A program is remembered for exactly what it depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from secureframe.errors import PlanError
from secureframe.plan import expressions as e
from secureframe.plan.envelope import Plan
from secureframe.plan.nodes import Filter, Summarise
from secureframe.planner.compile import Compiled, compile_plan
from secureframe.planner.remembered import RememberedPrograms
from tests.planner.test_compile import POLICIES, SIZE, linked, plan_of


class Counting:
    """Compiles, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def of(self, plan: Plan) -> Callable[[], Compiled]:
        def compile_() -> Compiled:
            self.count += 1
            return compile_plan(plan, POLICIES)

        return compile_


def asked(age: int = 50) -> Plan:
    frame = Filter(linked(), e.Binary(">=", e.ColumnRef("age"), e.Literal(age)))
    return replace(
        plan_of(Summarise(frame, (), (SIZE,))), policies={"clinic": "a", "labor": "b"}, versions={"clinic.people": "1"}
    )


def test_the_same_statement_is_compiled_once() -> None:
    remembered, compiling = RememberedPrograms(), Counting()
    first, again = asked(), asked()
    assert first.nonce != again.nonce
    assert remembered.of(first, compiling.of(first)) is remembered.of(again, compiling.of(again))
    assert compiling.count == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"analyst": {"name": "another", "affiliation": None, "verify_key": "k"}},
        {"recipient": {"name": "clinic", "affiliation": "clinic"}},
        {"policies": {"clinic": "a", "labor": "c"}},
        {"versions": {"clinic.people": "2"}},
        {"kept": {"digest": "job"}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_nothing_is_remembered_for_another_envelope(changed: dict[str, dict[str, str]]) -> None:
    remembered, compiling = RememberedPrograms(), Counting()
    first, other = asked(), replace(asked(), **changed)  # type: ignore[arg-type]
    remembered.of(first, compiling.of(first))
    remembered.of(other, compiling.of(other))
    assert compiling.count == 2


def test_another_statement_is_another_program() -> None:
    remembered, compiling = RememberedPrograms(), Counting()
    for age in (50, 51):
        plan = asked(age)
        assert remembered.of(plan, compiling.of(plan)).locals == compile_plan(plan, POLICIES).locals
    assert compiling.count == 2


def test_what_is_refused_is_refused_again() -> None:
    remembered = RememberedPrograms()

    def refuse() -> Compiled:
        raise PlanError("refused")

    for _ in range(2):
        with pytest.raises(PlanError):
            remembered.of(asked(), refuse)


def test_the_longest_unused_makes_room() -> None:
    plans = [asked(age) for age in (50, 51, 52)]
    size = len(compile_plan(plans[0], POLICIES).program.instructions)
    remembered, compiling = RememberedPrograms(2 * size), Counting()
    for which, count in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 4)):
        remembered.of(plans[which], compiling.of(plans[which]))
        assert compiling.count == count
    tiny = RememberedPrograms(0)
    assert tiny.of(plans[0], compiling.of(plans[0])).locals
