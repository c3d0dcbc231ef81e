"""Parts and evidence: which counts of persons the rules ask for, so that no frequency leaves in disguise."""

from __future__ import annotations

from fractions import Fraction

import pytest

from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Merge
from secureframe.plan.nodes import walk_nodes
from secureframe.plan.parts import Breakdown, Count, Moment, Quantile, breakdown
from tests.plan.test_nodes import PEOPLE, SCORES, VISITS, by, linked, stat

AGE, MALE, STAGE = (e.ColumnRef(name) for name in ("age", "male", "stage"))


def plus(left: e.Expr, right: e.Expr | int) -> e.Expr:
    return e.Binary("+", left, right if isinstance(right, e.Expr) else e.Literal(right))


def times(left: e.Expr, right: e.Expr | int) -> e.Expr:
    return e.Binary("*", left, right if isinstance(right, e.Expr) else e.Literal(right))


def made(expr: e.Expr, frame: n.Node = PEOPLE) -> n.Project:
    """A frame with one further column, ``new``."""
    return n.Project(frame, (*((name, e.ColumnRef(name)) for name in frame.schema), ("new", expr)))


def asked(frame: n.Node, kind: str = "sum", column: str = "new", keys: tuple[str, ...] = ()) -> Breakdown:
    return breakdown(n.Summarise(frame, keys, (stat(kind, column),)))


def conditions(found: Breakdown) -> set[str]:
    """The conditions whose two sides are counted, as an analyst would type them."""
    frame = found.frame
    names: dict[str, e.Expr] = {name: e.ColumnRef(name) for name in frame.schema if name.startswith(n.PREDICATE)}
    sides = {side.where for piece in found.pieces for side in piece.sides}
    for name in names:
        assert {e.ColumnRef(name), e.Not(e.ColumnRef(name))} <= sides
    while isinstance(frame, n.Project | n.Filter | n.SortRows):
        if isinstance(frame, n.Project):
            names = {name: e.substitute(expr, frame.definitions) for name, expr in names.items()}
        frame = frame.frame
    return {e.show(expr) for expr in names.values()}


TRUE = e.Binary("==", e.Literal(1), e.Literal(1))


def own_columns(node: n.Node) -> list[tuple[str, e.Expr]]:
    """The columns that a projection defines itself."""
    if not isinstance(node, n.Project):
        return []
    return [(name, expr) for name, expr in node.columns if expr != e.ColumnRef(name)]


OLD = e.Binary(">", AGE, e.Literal(90))


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        (times(e.Where(OLD, e.Literal(1), e.Literal(0)), AGE), {"(age > 90)", "(where((age > 90), 1, 0) == 1.0)"}),
        (e.Where(OLD, AGE, e.Literal(None)), {"(age > 90)"}),
        (e.Clip(AGE, Fraction(20), Fraction(90)), {"(age < 20.0)", "(age > 90.0)"}),
        (e.FillNull(STAGE, e.Literal(4)), {"stage.isna()"}),
        (times(e.IsIn(AGE, (90,)), 7), {"age.isin([90])"}),
        (times(e.IsNull(STAGE), AGE), {"stage.isna()"}),
        (times(MALE, 2), {"male"}),
        (plus(plus(MALE, 3), AGE), {"((male + 3) == 4.0)"}),
        (plus(times(MALE, AGE), 1), {"male"}),
        (e.Where(OLD, times(MALE, 5), AGE), {"(age > 90)", "male"}),
        (e.Quantise(times(MALE, 3), Fraction(1, 2)), {"male"}),
        (times(e.Binary("&", MALE, OLD), 9), {"(age > 90)", "(male & (age > 90))"}),
        (times(plus(AGE, STAGE), 3), set()),
    ],
    ids=lambda x: e.show(x) if isinstance(x, e.Expr) else "",
)
def test_both_sides_of_every_condition_are_counted(expr: e.Expr, wanted: set[str]) -> None:
    for kind in ("sum", "mean", "var"):
        assert conditions(asked(made(expr), kind)) == wanted


def test_conditions_are_found_through_steps_and_filters() -> None:
    first = n.Filter(made(times(MALE, 2)), e.Binary(">", AGE, e.Literal(30)))
    second = n.Project(first, (("value", plus(e.ColumnRef("new"), 1)),))
    assert conditions(asked(second, column="value")) == {"male"}


@pytest.mark.parametrize("kind", ["sum", "mean", "std"])
def test_columns_of_two_values_are_frequencies(kind: str) -> None:
    code = made(plus(MALE, 1))
    renamed = n.Project(Merge(code, SCORES, ("id",), ("id",), "left"), (("code", e.ColumnRef("new")),))
    (piece,) = asked(renamed, kind, "code").pieces
    assert {side.where for side in piece.sides} == {
        e.Binary(operator, e.ColumnRef("code"), e.Literal(Fraction(1))) for operator in ("!=", "==")
    }
    (piece,) = asked(PEOPLE, kind, "male").pieces
    assert {side.where for side in piece.sides} == {MALE, e.Not(MALE)}


def test_conditions_are_found_below_merges() -> None:
    """On the right of a merge on the right of a merge, under a filter and an order: counted where they are defined."""
    high = e.Binary(">", e.ColumnRef("score"), e.Literal(8))
    inner = n.Filter(made(plus(times(high, 5), 3), SCORES), e.Binary("<", e.ColumnRef("score"), e.Literal(9)))
    middle = Merge(made(times(MALE, 2), PEOPLE), inner, ("id",), ("id",), "left", ("_p", "_s"))
    narrow = n.Project(middle, tuple((c, e.ColumnRef(c)) for c in ("id", "new_p", "new_s")))
    outer = Merge(PEOPLE, narrow, ("id",), ("id",), "inner")
    for frame in (outer, n.Filter(n.Project(outer, (("new_p", e.ColumnRef("new_p")), ("new_s", e.ColumnRef("new_s")))), TRUE)):
        found = breakdown(n.Summarise(frame, (), (stat("sum", "new_p"), stat("sum", "new_s"), stat("mean", "new_s"))))
        sides = [{side.where for side in piece.sides} for piece in found.pieces]
        columns = {n.PREDICATE + str(i): e.ColumnRef(n.PREDICATE + str(i)) for i in range(2)}
        defined = {name: e.show(expr) for node in walk_nodes(found.frame) for name, expr in own_columns(node) if name in columns}
        assert sorted(defined.values()) == ["(score > 8)", "male"]
        assert set(found.frame.schema) == {*frame.schema, *columns}
        names = {text: [name for name, t in defined.items() if t == text] for text in defined.values()}
        for piece_sides, text in zip(sides, ("male", "(score > 8)", "(score > 8)"), strict=True):
            for name in names[text]:
                assert {columns[name], e.Not(columns[name])} <= piece_sides


def test_an_order_hides_no_condition() -> None:
    doubled = n.Project(VISITS, (("value", e.ColumnRef("value")), ("new", times(e.ColumnRef("high"), 2))))
    assert conditions(asked(n.SortRows(doubled, ("value",), True))) == {"high"}


def test_a_mask_below_a_reduction_is_counted_by_what_it_leaves() -> None:
    nonzero = {e.Binary("!=", e.ColumnRef("new"), e.Literal(0))}
    visits = made(times(e.ColumnRef("high"), 2), VISITS)
    reduced = [(visits, "sum", "new"), (VISITS, "sum", "high"), (VISITS, "count", "value")]
    for frame in [n.GroupPersons(frame, "id", (by(how, column),)) for frame, how, column in reduced]:
        (piece,) = asked(frame).pieces
        assert nonzero <= {side.where for side in piece.sides}
    plain = n.GroupPersons(VISITS, "id", (by("sum", "value"),))
    assert asked(plain).pieces[0].sides == ()


def test_a_count_asks_for_conditions_but_not_for_values() -> None:
    assert conditions(asked(made(e.Where(OLD, AGE, e.Literal(None))), "count")) == {"(age > 90)"}
    assert asked(made(times(MALE, 2)), "count").pieces[0].sides == ()


def test_conditions_that_look_alike_to_python_are_told_apart() -> None:
    """1 equals True there; here each is its own condition, and neither is lost."""
    frame = n.Project(
        PEOPLE,
        (
            ("a", times(e.Where(e.Binary("==", MALE, e.Literal(1)), AGE, e.Literal(0)), 3)),
            ("b", times(e.Where(e.Binary("==", MALE, e.Literal(True)), AGE, e.Literal(0)), 3)),
        ),
    )
    found = breakdown(n.Summarise(frame, (), (stat("sum", "a"), stat("sum", "b"))))
    assert conditions(found) == {"(male == 1)", "(male == True)"}


def test_parts_come_once_in_one_order() -> None:
    statistics = [stat("mean", "age"), stat("sum", "age"), stat("var", "age"), stat("quantile", "age", q=Fraction(1, 2))]
    found = breakdown(n.Summarise(linked(), ("grade",), tuple(statistics))).parts
    assert found == (
        Count(scope="base"),
        Count(scope="frame"),
        Count(),
        Moment(columns=("age",), powers=(1,)),
        Moment(columns=("age",), powers=(2,)),
        Quantile(column="age", q=Fraction(1, 2)),
    )


def test_rows_are_counted_beside_persons_where_a_person_has_many() -> None:
    (piece,) = asked(VISITS, "mean", "value", ("place",)).pieces
    assert piece.persons == Count(columns=("value",))
    assert piece.parts[0] == Count(columns=("value",), unit="rows")
