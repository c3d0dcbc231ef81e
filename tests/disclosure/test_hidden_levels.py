"""Masks hidden in whole quotients, remainders, maps and parts of dates: each level of them is a condition of its own.

Each attack isolates the one person of 99; each innocent twin divides many from many.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

import pytest

import secureframe as sf
from secureframe.plan.conditions import level_conditions
from tests.disclosure.federations import Frames, federation, is_withheld, people

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

Column = Callable[[sf.SecureFrame], sf.SecureSeries]
YEAR = datetime.date(2001, 1, 1)

MASKS: dict[str, Column] = {
    "quotient": lambda f: f["age"] // 99,
    "quotient below zero": lambda f: (f["age"] - 99) // 120,
    "quotient of a constant": lambda f: 98 // f["age"].clip(1, 120),
    "product with a quotient": lambda f: (f["age"] // 99) * f["x"],
    "masked by a quotient": lambda f: sf.where(f["age"] // 99 == 1, f["x"], 0),
    "remainder": lambda f: f["age"] % 99,
    "remainder by levels": lambda f: (f["age"] // 33) % 4,
    "coarse quotient": lambda f: (f["age"] / 66).astype(float, precision=1),
    "map": lambda f: f["age"].map({99: 1}),
    "map of all others": lambda f: f["age"].map(dict.fromkeys(range(99), 0) | {99: 5}),
    "map of all but one": lambda f: f["x"] + f["age"].map(dict.fromkeys(range(99), 0)),
    "map with many levels": lambda f: f["age"].map({a: a + 1 for a in range(99)} | {99: 0}),
    "map to truth": lambda f: f["age"].map({a: a > 98 for a in range(121)}),
    "map of words": lambda f: (f["age"].map({a: "old" if a > 98 else "young" for a in range(121)}) == "old").astype(int) * f["x"],
    "month": lambda f: (f["age"] + YEAR).dt.month,
    "year": lambda f: (f["age"] + datetime.date(2001, 9, 24)).dt.year,
    "days": lambda f: (f["age"] + YEAR).clip(upper=datetime.date(2001, 4, 9)).dt.day,
}


@pytest.fixture(scope="module")
def clear() -> Frames:
    return people()


@pytest.fixture(scope="module")
def fed(clear: Frames) -> Iterator[sf.Federation]:
    with federation(clear, "open-research") as started:
        yield started


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_hidden_in_levels(fed: sf.Federation, name: str) -> None:
    hidden = MASKS[name](fed["hospital.patients"])
    with sf.defer():
        asked = hidden.sum(), hidden.mean()
    assert all(map(is_withheld, sf.collect(*asked)))


INNOCENT: dict[str, Column] = {
    "quotient": lambda f: f["x"] // 500,
    "remainder": lambda f: f["x"] % 3,
    "map": lambda f: f["site"].map({"a": 1, "b": 2, "c": 2, "d": 1, "e": 0}),
    "map to truth": lambda f: f["site"].map({"a": True, "b": False, "c": True, "d": True, "e": False}),
    "day of the week": lambda f: (f["x"] + YEAR).dt.day_of_week,
    "many levels": lambda f: (f["x"] + 7) // 2,
}


@pytest.mark.parametrize("name", INNOCENT)
def test_levels_that_hold_many_are_answered(fed: sf.Federation, name: str) -> None:
    patients = fed["hospital.patients"]
    column = INNOCENT[name](patients)
    assert not is_withheld(column.sum())


def test_levels_over_columns_of_two_institutions(fed: sf.Federation) -> None:
    merged = fed["hospital.patients"].merge(fed["office.registry"], on="id")
    hidden = (merged["w"] + merged["male"] * 0) // 100
    assert is_withheld(hidden.sum())
    assert is_withheld((merged["w"] + merged["male"] * 0).map({100: 7}).sum())
    assert not is_withheld(((merged["w"] + merged["male"]) % 2).sum())


def test_whether_there_is_a_value_is_no_matter_of_levels(fed: sf.Federation) -> None:
    """How many values there are says nothing about their levels; how many a map has left out does."""
    patients = fed["hospital.patients"]
    with sf.defer():
        asked = (patients["age"] // 99).count(), (patients["age"] % 7).count(), patients["age"].map({99: 1}).count()
    assert [is_withheld(number) for number in sf.collect(*asked)] == [False, False, True]


def test_a_mask_by_levels_below_a_reduction(fed: sf.Federation) -> None:
    labs = fed["laboratory.labs"]
    rare, dense = (labs["test"].map({"u": 0, "v": 0, "w": 0, "rare": 0, "dense": 0} | {word: 1}) for word in ("rare", "v"))
    for flag, hidden in ((rare, True), (dense, False)):
        reduced = labs.assign(y=flag * labs["value"]).groupby("id").agg(total=("y", "sum"), number=("y", "count"))
        assert is_withheld(reduced["total"].sum()) == hidden


def test_every_level_counts_up_to_sixty_four(fed: sf.Federation) -> None:
    patients = fed["hospital.patients"]
    for levels, conditions in ((2, 2), (64, 64), (65, 1)):
        frame = patients.assign(made=patients["x"] % levels)
        assert len(level_conditions(frame.node, "made")) == conditions
