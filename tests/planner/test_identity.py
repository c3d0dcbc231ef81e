"""Digests of dealt values: nothing that decides what is dealt is left out of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest

from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.envelope import Plan, new_plan
from secureframe.plan.forms import PLANES, PRESENT, Encoding, arith
from secureframe.planner.frames import LocalPart, LocalValue
from secureframe.planner.identity import Identities
from secureframe.schema.types import number_type
from tests.planner.study import Study, random_tables, start

AGE = e.ColumnRef("age")
LIMIT = e.Parameter("limit", number_type(0, 120, Fraction(1), False))


@functools.cache
def study() -> Study:
    return start(random_tables(1))


def people() -> n.Node:
    return n.Filter(study().table("clinic.people"), e.Binary(">", AGE, LIMIT))


def plan(**changes: Any) -> Plan:
    release = n.Summarise(people(), (), (n.Statistic(kind="size"),))
    made = new_plan(
        [release],
        {"limit": Fraction(50)},
        purpose="tests",
        analyst={"name": "a"},
        policies={"clinic": "open"},
        versions={"clinic.people": "1"},
    )
    return replace(made, **changes)


def value(**changes: Any) -> LocalValue:
    given = {"owner": "clinic", "frame": people(), "expr": AGE, "encoding": PLANES, "length": people().length}
    return LocalValue(**{**given, **changes})


BASE = Identities(plan()).of(value())


def test_the_same_value_has_the_same_digest_whoever_asks_whenever() -> None:
    other = plan(purpose="another", nonce="n", created="c", analyst={"name": "b"}, recipient={"name": "b"})
    assert BASE is not None and Identities(other).of(value()) == BASE


@pytest.mark.parametrize(
    "change",
    [
        lambda: (plan(versions={"clinic.people": "2"}), value()),
        lambda: (plan(policies={"clinic": "strict"}), value()),
        lambda: (plan(parameters={"limit": Fraction(51)}), value()),
        lambda: (plan(), value(expr=e.ColumnRef("male"))),
        lambda: (plan(), value(expr=None)),
        lambda: (plan(), value(encoding=PRESENT)),
        lambda: (plan(), value(encoding=replace(PLANES, low=1))),
        lambda: (plan(), value(encoding=replace(PLANES, width=9))),
        lambda: (plan(), value(encoding=arith(2))),
        lambda: (plan(), value(length=7)),
        lambda: (plan(), value(frame=study().table("clinic.people"))),
    ],
)
def test_whatever_changes_the_value_changes_the_digest(change: Callable[[], tuple[Plan, LocalValue]]) -> None:
    asked, local = change()
    assert Identities(asked).of(local) not in (None, BASE)


def test_what_has_no_version_or_policy_has_no_digest() -> None:
    assert Identities(plan(versions={})).of(value()) is None
    assert Identities(plan(policies={})).of(value()) is None
    assert Identities(plan()).of(LocalPart(owner="clinic", breakdown=None, part=None, values=1)) is None  # type: ignore[arg-type]


def test_no_field_was_added_that_the_digest_does_not_know() -> None:
    assert {f.name for f in fields(LocalValue)} == {"owner", "frame", "expr", "encoding", "length"}
    assert {f.name for f in fields(Encoding)} == {"form", "limbs", "low", "width"}
