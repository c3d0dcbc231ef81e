"""Requests: body and envelope, parameters on their domains, and one digest for one question."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from secureframe.errors import PlanError, RangeError
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.codec import canonical, parse
from secureframe.plan.combining import Merge
from secureframe.plan.envelope import Plan, check_parameters, new_plan, parameters_of, read_plan
from secureframe.plan.shown import Shown
from secureframe.schema.types import Scalar, number_type
from tests.plan.test_nodes import PEOPLE, SCORES, linked

ANALYST = {"name": "analyst", "affiliation": None, "verify_key": "v", "sealing_key": "s"}
TABLES = {(t.table.owner, t.table.name): t.table for t in (PEOPLE, SCORES)}
CUTOFF = e.Parameter("cutoff", number_type(18, 98, Fraction(1), False))
SIZE = (n.Statistic(kind="size"),)


def older(cutoff: e.Expr = CUTOFF) -> n.Summarise:
    return n.Summarise(n.Filter(linked(), e.Binary(">=", e.ColumnRef("age"), cutoff)), (), SIZE)


def plan(*releases: n.Summarise, parameters: Mapping[str, Scalar] | None = None, **changes: Any) -> Plan:
    made = new_plan(
        releases or (older(),),
        {"cutoff": 50} if parameters is None else parameters,
        purpose="tests",
        analyst=dict(ANALYST),
        policies={"clinic": "p", "labor": "q"},
        versions={"clinic.people": "v", "labor.scores": "v"},
    )
    return replace(made, **changes) if changes else made


def test_a_request_comes_back() -> None:
    sent = plan()
    again = read_plan(sent.to_bytes(), TABLES)
    assert again == sent
    assert again.to_bytes() == sent.to_bytes()
    assert again.owners == ("clinic", "labor")


def test_how_results_are_shown_comes_back_and_is_no_part_of_the_question() -> None:
    shown = Shown(title="how many", releases=(0,), form={"function": "one_number", "arguments": [], "named": {}})
    sent = plan(results=(shown, Shown(title="again", releases=(0, 0))))
    assert read_plan(sent.to_bytes(), TABLES) == sent
    assert sent.digest == plan().digest


def test_one_question_has_one_digest() -> None:
    first, second = plan(), plan()
    assert first.nonce != second.nonce
    assert first.to_bytes() != second.to_bytes()
    other = plan(purpose="another", analyst=ANALYST | {"name": "b"}, recipient=ANALYST | {"name": "b"}, policies={})
    assert first.digest == second.digest == other.digest
    assert plan(parameters={"cutoff": 51}).digest != first.digest
    assert plan(older(e.Literal(50)), parameters={}).digest != first.digest


def test_bytes_and_digest_are_the_same_in_every_process() -> None:
    script = (
        "from tests.plan.test_envelope import plan\n"
        "sent = plan(nonce='n', created='c')\n"
        "print(sent.digest, sent.to_bytes().hex())\n"
    )
    root = Path(__file__).parents[2]
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    sent = plan(nonce="n", created="c")
    assert found == {f"{sent.digest} {sent.to_bytes().hex()}\n"}


# -- parameters ------------------------------------------------------------------------------------------------------------


def test_parameters_are_found_wherever_they_are() -> None:
    inner = n.Project(SCORES, (("id", e.ColumnRef("id")), ("score", e.Binary("+", e.ColumnRef("score"), CUTOFF))))
    merged = Merge(PEOPLE, n.Filter(inner, e.Binary("<", e.ColumnRef("score"), CUTOFF)), ("id",), ("id",), "left")
    assert parameters_of(n.Summarise(merged, (), SIZE)) == {"cutoff": CUTOFF}


@pytest.mark.parametrize("value", [17, 99, Fraction(101, 2), 10**30])
def test_values_outside_their_domain_are_refused(value: Any) -> None:
    with pytest.raises(RangeError, match="'cutoff' is outside its domain") as refused:
        plan(parameters={"cutoff": value})
    assert str(value) not in str(refused.value)


@pytest.mark.parametrize("value", ["50", None])
def test_values_that_are_no_numbers_are_refused(value: Any) -> None:
    with pytest.raises(PlanError):
        plan(parameters={"cutoff": value})


@pytest.mark.parametrize("parameters", [{}, {"cutoff": 50, "other": 1}, {"cut-off": 50}])
def test_every_parameter_has_exactly_one_value(parameters: dict[str, Scalar]) -> None:
    with pytest.raises(PlanError, match="differ"):
        plan(parameters=parameters)


def test_one_name_has_one_domain() -> None:
    other = e.Parameter("cutoff", number_type(0, 98, Fraction(1), False))
    with pytest.raises(PlanError, match="two domains"):
        check_parameters([older(), older(other)], {"cutoff": 50})
    with pytest.raises(PlanError, match="two domains"):
        parameters_of(n.Summarise(n.Filter(older().frame, e.Binary("<", e.ColumnRef("age"), other)), (), SIZE))


# -- strictness ------------------------------------------------------------------------------------------------------------


def request(*path: str, to: Any) -> bytes:
    record = copy.deepcopy(parse(plan().to_bytes()))
    place = record
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return canonical(record)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("version",), "0"),
        (("version",), None),
        (("more",), ""),
        (("body",), None),
        (("body",), []),
        (("body", "releases"), {}),
        (("body", "releases"), []),
        (("body", "releases"), ["size"]),
        (("body", "parameters"), []),
        (("body", "parameters", "cutoff"), "50"),
        (("body", "parameters", "cutoff"), {"type": "text", "value": "50"}),
        (("body", "parameters", "cutoff"), {"type": "int", "value": "17"}),
        (("body", "parameters", "cutoff"), None),
        (("body", "threshold"), "1"),
        (("envelope",), None),
        (("envelope", "purpose"), None),
        (("envelope", "purpose"), ["tests"]),
        (("envelope", "nonce"), True),
        (("envelope", "created"), {}),
        (("envelope", "analyst"), "analyst"),
        (("envelope", "analyst", "name"), ["analyst"]),
        (("envelope", "recipient"), []),
        (("envelope", "policies"), "open"),
        (("envelope", "policies", "clinic"), {"threshold": "1"}),
        (("envelope", "versions", "clinic.people"), True),
        (("envelope", "policy"), "open"),
        (("envelope", "results"), None),
        (("envelope", "results"), {}),
        (("envelope", "results"), ["size"]),
        (("envelope", "results"), [{"title": "t", "releases": ["0"]}]),
        (("envelope", "results"), [{"title": "t", "releases": ["1"], "form": None}]),
        (("envelope", "results"), [{"title": "t", "releases": ["00"], "form": None}]),
        (("envelope", "results"), [{"title": "t", "releases": [], "form": None}]),
        (("envelope", "results"), [{"title": "t", "releases": "0", "form": None}]),
        (("envelope", "results"), [{"title": "\x1b[31m", "releases": ["0"], "form": None}]),
        (("envelope", "results"), [{"title": "t" * 201, "releases": ["0"], "form": None}]),
        (("envelope", "results"), [{"title": "t", "releases": ["0"], "form": "one_number"}]),
        (("envelope", "results"), [{"title": "t", "releases": ["0"], "form": None, "more": ""}]),
    ],
    ids=str,
)
def test_other_requests_are_refused(path: tuple[str, ...], to: Any) -> None:
    with pytest.raises((PlanError, RangeError)):
        read_plan(request(*path, to=to), TABLES)


def test_a_request_without_a_question_is_refused() -> None:
    with pytest.raises(PlanError, match="nothing is asked"):
        plan(releases=())


def nested(depth: int) -> bytes:
    """A request with a condition negated so many times."""
    record = parse(plan(n.Summarise(n.Filter(PEOPLE, e.ColumnRef("male")), (), SIZE), parameters={}).to_bytes())
    frame = record["body"]["releases"][0]["frame"]
    for _ in range(depth):
        frame["predicate"] = {"node": "Not", "operand": frame["predicate"]}
    return canonical(record)


def test_deep_plans_are_refused() -> None:
    assert read_plan(nested(100), TABLES).releases
    with pytest.raises(PlanError, match="nested too deeply"):
        read_plan(nested(250), TABLES)


def test_deep_plans_exhaust_nothing() -> None:
    """Within the limit of nesting, but on a stack that is nearly full: an error of ours."""

    def below(frames: int) -> None:
        if frames:
            below(frames - 1)
        else:
            read_plan(request, TABLES)

    request = nested(180)
    with pytest.raises(PlanError):
        below(sys.getrecursionlimit() // 2)
