"""Nodes: checked when they are built, with a hint where there is a way out; schemas, keys and sizes of what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from secureframe.errors import DisclosureError, PlanError, PolicyError, RangeError, SecureFrameError
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.schema.table import Column, TableSchema, Use
from secureframe.schema.types import ColumnType, Kind, bool_type, number_type

ONE = Fraction(1)
LEVELS = ("low", "mid", "high")


def key(domain: str = "person", *, text: bool = False, high: int = 99, nullable: bool = False) -> ColumnType:
    return ColumnType(kind=Kind.KEY, lo=None if text else 1, hi=None if text else high, domain=domain, nullable=nullable)


def table(owner: str, name: str, *columns: Column, rows: int = 1, id_type: ColumnType | None = None) -> n.Table:
    return n.Table(
        TableSchema(
            owner=owner,
            name=name,
            columns=(Column(name="id", type=id_type or key(), unique=rows == 1), *columns),
            person_key="id",
            person_domain="person",
            roster_size=100,
            rows_per_person=rows,
            version="v",
        )
    )


PEOPLE = table(
    "clinic",
    "people",
    Column(name="age", type=number_type(18, 98, ONE, False)),
    Column(name="stage", type=number_type(0, 4, ONE, True)),
    Column(name="grade", type=ColumnType(kind=Kind.CATEGORY, lo=0, hi=2, categories=LEVELS)),
    Column(name="male", type=bool_type()),
    Column(name="cost", type=number_type(0, 9000, ONE, False), magnitude=True),
    Column(name="quiet", type=number_type(0, 4, ONE, False), uses=frozenset({Use.AGGREGATE})),
    Column(name="shown", type=number_type(0, 4, ONE, False), uses=frozenset({Use.FILTER, Use.GROUP})),
    Column(name="case_id", type=key(nullable=True)),
    Column(name="staff_id", type=key("staff")),
    Column(name="hidden_id", type=key(), uses=frozenset({Use.FILTER})),
    Column(name="day", type=ColumnType(kind=Kind.DATE, lo=0, hi=99)),
    Column(name="note", type=ColumnType(kind=Kind.STRING)),
)
VISITS = table(
    "clinic",
    "visits",
    Column(name="value", type=number_type(-3, 9, Fraction(1, 2), True)),
    Column(name="high", type=bool_type(True)),
    Column(name="place", type=ColumnType(kind=Kind.CATEGORY, lo=0, hi=2, categories=LEVELS)),
    Column(name="note", type=ColumnType(kind=Kind.STRING)),
    rows=4,
)
SCORES = table("labor", "scores", Column(name="score", type=number_type(0, 9, ONE, False)), id_type=key(high=200))
NAMES = table("labor", "names", Column(name="score", type=number_type(0, 9, ONE, False)), id_type=key(text=True))


def by(how: str, column: str, name: str = "new") -> n.Aggregation:
    return n.Aggregation(name=name, column=column, how=how)


def linked(how: str = "left", left_on: str = "id", **options: tuple[str, str]) -> Merge:
    return Merge(PEOPLE, SCORES, (left_on,), ("id",), how, **options)


def release(*statistics: n.Statistic, keys: tuple[str, ...] = (), frame: n.Node = PEOPLE) -> n.Summarise:
    return n.Summarise(frame, keys, statistics or (n.Statistic(kind="size"),))


def stat(kind: str, *columns: str, q: Fraction | None = None) -> n.Statistic:
    return n.Statistic(kind=kind, columns=columns, q=q)


AGE = e.ColumnRef("age")
REFUSED: dict[str, tuple[Callable[[], n.Node], type[SecureFrameError], str]] = {
    "no columns": (lambda: n.Project(PEOPLE, ()), PlanError, ""),
    "one name twice": (lambda: n.Project(PEOPLE, (("x", AGE), ("x", AGE))), PlanError, "rename"),
    "a reserved name": (lambda: n.Project(PEOPLE, (("__valid", AGE),)), PlanError, "underscores"),
    "an empty name": (lambda: n.Project(PEOPLE, (("", AGE),)), PlanError, "ASCII"),
    "a look-alike name": (lambda: n.Project(PEOPLE, (("\u0430ge", AGE),)), PlanError, "ASCII"),
    "an unknown column": (lambda: n.Project(PEOPLE, (("x", e.ColumnRef("__person")),)), PlanError, "columns are id, age"),
    "no condition": (lambda: n.Filter(PEOPLE, AGE), PlanError, "compare it"),
    "a use that is not allowed": (
        lambda: n.Filter(PEOPLE, e.Binary(">", e.ColumnRef("quiet"), e.Literal(1))),
        PolicyError,
        "ask clinic",
    ),
    "a use hidden in a sum": (
        lambda: n.Filter(PEOPLE, e.Binary(">", e.Binary("+", AGE, e.ColumnRef("quiet")), e.Literal(1))),
        PolicyError,
        "ask clinic",
    ),
    "an order of persons": (lambda: n.SortRows(PEOPLE, ("age",), True), PlanError, "sort_values"),
    "an order of words": (lambda: n.SortRows(VISITS, ("place",), True), PlanError, ""),
    "another key": (lambda: n.GroupPersons(VISITS, "value", (by("sum", "value"),)), PlanError, "groupby('id')"),
    "no reduction": (lambda: n.GroupPersons(VISITS, "id", ()), PlanError, ""),
    "one reduction twice": (lambda: n.GroupPersons(VISITS, "id", (by("sum", "value"), by("max", "value"))), PlanError, ""),
    "a reduction named as the key": (lambda: n.GroupPersons(VISITS, "id", (by("sum", "value", "id"),)), PlanError, ""),
    "a reserved reduction": (lambda: n.GroupPersons(VISITS, "id", (by("sum", "value", "__row"),)), PlanError, "underscores"),
    "an unknown reduction": (lambda: n.GroupPersons(VISITS, "id", (by("median", "value"),)), PlanError, "count, sum"),
    "an unknown column to reduce": (lambda: n.GroupPersons(VISITS, "id", (by("sum", "x"),)), PlanError, "value"),
    "a sum of words": (lambda: n.GroupPersons(VISITS, "id", (by("sum", "place"),)), PlanError, "count, first"),
    "any of numbers": (lambda: n.GroupPersons(VISITS, "id", (by("any", "value"),)), PlanError, "> 0"),
    "the first text": (lambda: n.GroupPersons(VISITS, "id", (by("first", "note"),)), PlanError, ""),
    "the smallest key": (lambda: n.GroupPersons(VISITS, "id", (by("min", "id"),)), PlanError, "first or last"),
    "an outer merge": (lambda: linked("outer"), PlanError, "how='inner'"),
    "a merge on an unknown column": (lambda: linked(left_on="x"), PlanError, "its columns are"),
    "a merge on a number": (lambda: linked(left_on="age"), PlanError, "declare both alike"),
    "a merge on an amount": (lambda: Merge(PEOPLE, VISITS, ("id",), ("value",), "left"), PlanError, "whole numbers"),
    "a merge on another domain": (lambda: linked(left_on="staff_id"), PlanError, ""),
    "a merge on a key that may not link": (lambda: linked(left_on="hidden_id"), PolicyError, "ask clinic"),
    "a merge of numbers with text": (lambda: Merge(PEOPLE, NAMES, ("id",), ("id",), "left"), PlanError, "declare both alike"),
    "a right key that repeats": (lambda: Merge(PEOPLE, VISITS, ("id",), ("id",), "left"), PlanError, "groupby('id')"),
    "a declared key that is checked": (lambda: Merge(PEOPLE, SCORES, ("id",), ("id",), "left", checked=True), PlanError, ""),
    "more left keys than right ones": (lambda: Merge(PEOPLE, SCORES, ("id", "age"), ("id",), "left"), PlanError, "on="),
    "one frame stacked": (lambda: Concat((PEOPLE,)), PlanError, "sf.concat"),
    "other columns stacked": (lambda: Concat((PEOPLE, SCORES)), PlanError, "aligns"),
    "duplicates of nothing": (lambda: Distinct(PEOPLE, ()), PlanError, "subset="),
    "duplicates of an unknown column": (lambda: Distinct(PEOPLE, ("x",)), PlanError, "columns are"),
    "suffixes that clash": (
        lambda: Merge(PEOPLE, PEOPLE, ("id",), ("id",), "left", ("", "")),
        PlanError,
        "suffixes=",
    ),
    "nothing asked": (lambda: n.Summarise(PEOPLE, (), ()), PlanError, ""),
    "one key twice": (lambda: release(keys=("stage", "stage")), PlanError, ""),
    "a table by an identifier": (lambda: release(keys=("id",)), DisclosureError, "band or a category"),
    "a table by another identifier": (lambda: release(keys=("case_id",)), DisclosureError, "band or a category"),
    "a table by an endless domain": (lambda: release(keys=("age",)), PlanError, "sf.cut"),
    "a table by text": (lambda: release(keys=("note",)), PlanError, "CategoricalDtype"),
    "a table by what may not group": (lambda: release(keys=("quiet",)), PolicyError, "ask clinic"),
    "an unknown statistic": (lambda: release(stat("max", "age")), PlanError, "size, count"),
    "too many columns": (lambda: release(stat("mean", "age", "stage")), PlanError, ""),
    "too few columns": (lambda: release(stat("corr", "age")), PlanError, ""),
    "a size of a column": (lambda: release(stat("size", "age")), PlanError, ""),
    "an unknown column asked": (lambda: release(stat("mean", "x")), PlanError, "columns are"),
    "a quantile without q": (lambda: release(stat("quantile", "age")), PlanError, ""),
    "a mean with q": (lambda: release(stat("mean", "age", q=Fraction(1, 2))), PlanError, ""),
    "an extreme quantile": (lambda: release(stat("quantile", "age", q=Fraction(1))), DisclosureError, "0.05"),
    "an odd quantile": (lambda: release(stat("quantile", "age", q=Fraction(1, 3))), DisclosureError, "0.05"),
    "a count of an identifier": (lambda: release(stat("count", "id")), DisclosureError, "count()"),
    "a mean of words": (lambda: release(stat("mean", "grade")), PlanError, "value_counts"),
    "a mean of dates": (lambda: release(stat("mean", "day")), PlanError, "value_counts"),
    "a quantile of words": (lambda: release(stat("quantile", "grade", q=Fraction(1, 2))), PlanError, ""),
    "a sum of magnitudes": (lambda: release(stat("sum", "cost")), PolicyError, "median"),
    "an aggregate that is not allowed": (lambda: release(stat("mean", "shown")), PolicyError, "ask clinic"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_invalid_nodes_cannot_be_built(what: str) -> None:
    build, error, hint = REFUSED[what]
    with pytest.raises(error) as refused:
        build()
    assert type(refused.value) is error
    assert hint in (refused.value.hint or "")


def test_a_magnitude_stays_one_through_every_step() -> None:
    made = n.Project(PEOPLE, (("id", e.ColumnRef("id")), ("double", e.Binary("*", e.ColumnRef("cost"), e.Literal(2)))))
    with pytest.raises(PolicyError, match="dominance"):
        release(stat("mean", "double"), frame=Merge(made, SCORES, ("id",), ("id",), "left"))
    assert release(stat("quantile", "double", q=Fraction(1, 2)), frame=made).cells == 1


def test_too_many_cells_are_refused() -> None:
    keys = [(f"k{i}", e.ColumnRef("stage")) for i in range(5)]
    with pytest.raises(PlanError, match="more than 1000 cells") as refused:
        release(keys=tuple(name for name, _ in keys), frame=n.Project(PEOPLE, tuple(keys)))
    assert refused.value.hint is not None


def test_definitions_that_double_at_every_step_are_refused() -> None:
    frame: n.Node = PEOPLE
    with pytest.raises(PlanError, match="too long"):
        for _ in range(40):
            frame = n.Project(frame, (("age", e.Binary("-", e.ColumnRef("age"), e.ColumnRef("age"))),))
    assert frame.expanded["age"] <= n.MAX_EXPANDED


def test_ranges_that_grow_beyond_every_ring_are_refused_before_anything_runs() -> None:
    """Building is cheap; the planner refuses when it would need the number (see the planner's tests)."""
    wide: e.Expr = AGE
    for _ in range(7):
        wide = e.Binary("*", wide, wide)
    found = e.infer(wide, PEOPLE.schema).type
    assert found.high == 98**128


def test_a_divisor_that_may_be_zero_is_a_range_error() -> None:
    with pytest.raises(RangeError, match="holds 0"):
        n.Project(PEOPLE, (("x", e.Divide(AGE, e.ColumnRef("stage"), ONE)),))


# -- what nodes stand for ------------------------------------------------------------------------------------------------


def test_a_merge_names_columns_as_pandas_does() -> None:
    other = n.Project(SCORES, (("id", e.ColumnRef("id")), ("age", e.ColumnRef("score"))))
    assert [c for c in Merge(PEOPLE, other, ("id",), ("id",), "left").schema if c.startswith("age")] == ["age_x", "age_y"]
    named = Merge(PEOPLE, other, ("case_id",), ("id",), "left", ("_l", "_r"))
    assert [c for c in named.schema if "id" in c] == ["id_l", "case_id", "staff_id", "hidden_id", "id_r"]
    assert (named.person_key, named.unique) == ("id_l", frozenset({"id_l"}))


def test_columns_of_a_left_merge_may_be_missing() -> None:
    assert linked("left").schema["score"].type.nullable
    assert not linked("inner").schema["score"].type.nullable
    assert not linked("left").schema["age"].type.nullable


def test_lengths_are_public_and_follow_no_data() -> None:
    visits = n.Filter(VISITS, e.ColumnRef("high"))
    persons = n.GroupPersons(visits, "id", (by("sum", "value"),))
    assert (visits.length, visits.rows_per_person) == (400, 4)
    assert (persons.length, persons.rows_per_person, persons.unique) == (100, 1, frozenset({"id"}))
    assert linked().length == 100
    assert linked().owners == frozenset({"clinic", "labor"})


def test_reductions_have_the_ranges_of_their_rows() -> None:
    hows = ("count", "sum", "mean", "min", "first", "last", "max")
    frame = n.GroupPersons(VISITS, "id", (*(by(how, "value", how) for how in hows), by("any", "high", "any")))
    types = {name: f.type for name, f in frame.schema.items()}
    assert (types["count"].low, types["count"].high, types["count"].nullable) == (0, 4, False)
    assert (types["sum"].low, types["sum"].high, types["sum"].step, types["sum"].nullable) == (-12, 36, Fraction(1, 2), False)
    assert types["mean"].step == Fraction(1, 128) and types["mean"].nullable
    assert types["mean"].to_value(types["mean"].low) == -1.5
    assert all(types[how].nullable and types[how].high == 9 for how in ("min", "max", "first", "last"))
    assert types["any"] == bool_type()


def test_the_person_key_follows_its_name() -> None:
    renamed = n.Project(PEOPLE, (("person", e.ColumnRef("id")), ("age", AGE)))
    assert (renamed.person_key, renamed.unique) == ("person", frozenset({"person"}))
    gone = n.Project(PEOPLE, (("age", AGE),))
    assert (gone.person_key, gone.unique) == (None, frozenset())


def test_keys_are_columns_with_public_levels() -> None:
    bands = e.Cut(AGE, (Fraction(18), Fraction(50), Fraction(99)), ("young", "old"), False, False)
    frame = n.Project(PEOPLE, (("band", bands), ("male", e.ColumnRef("male")), ("stage", e.ColumnRef("stage"))))
    asked = release(keys=("band", "male", "stage"), frame=frame)
    assert asked.levels == (("young", "old"), (False, True), (0, 1, 2, 3, 4))
    assert asked.cells == 20


def test_nodes_are_equal_by_what_they_say() -> None:
    again = Merge(n.Table(PEOPLE.table), n.Table(SCORES.table), ("id",), ("id",), "left")
    assert again == linked() and hash(again) == hash(linked())
    assert n.Table(replace(PEOPLE.table, version="w")) != PEOPLE
