"""Lowered expressions against pandas on natural values, and against exact fractions for trees of every shape."""

from __future__ import annotations

import datetime
from dataclasses import replace
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.errors import PlanError, RangeError, SecureFrameError
from secureframe.local.expressions import lower_expression
from secureframe.local.integers import divide_half_even
from secureframe.local.register import RegisteredTable
from secureframe.local.values import natural_values
from secureframe.plan import expressions as e
from secureframe.plan import operations as o
from secureframe.schema.table import ALL_USES, Field
from secureframe.schema.types import ColumnType, Kind, number_type
from tests.local import tables

HALF = Fraction(1, 2)


def ref(name: str) -> e.ColumnRef:
    return e.ColumnRef(name)


def lit(value: Any) -> e.Literal:
    return e.Literal(value)


def binary(operator: str, left: e.Expr, right: e.Expr) -> e.Binary:
    return e.Binary(operator, left, right)


def cut(
    column: str, *, right: bool, lowest: bool, edges: tuple[Fraction, ...] = (Fraction(-2), HALF, Fraction(3), Fraction(7))
) -> e.Cut:
    return e.Cut(ref(column), edges, tuple(f"band {i}" for i in range(len(edges) - 1)), right, lowest)


NUMBERS = ("n", "m", "x", "y", "b")
COMPARED = [
    *[
        binary(o, ref(a), ref(b))
        for o in e.COMPARISONS
        for a, b in (("n", "m"), ("n", "x"), ("x", "y"), ("b", "n"), ("day", "day"))
    ],
    *[binary(o, ref(c), lit(v)) for o in e.COMPARISONS for c in ("n", "x", "y", "c") for v in (2, 0.3, -1.25, 1e9, -(10**30))],
    *[binary(o, lit(v), ref("x")) for o in e.COMPARISONS for v in (1, 0.3)],
    *[binary(o, ref("day"), lit(datetime.date(1970, 1, 1))) for o in e.COMPARISONS],
    *[binary(o, ref("k"), lit("green")) for o in ("==", "!=")],
    *[binary(o, ref("s"), lit("p")) for o in ("==", "!=")],
    *[binary(o, ref("id"), ref("other")) for o in ("==", "!=")],
    *[binary(o, ref("b"), lit(v)) for o in ("==", "!=") for v in (True, 0)],
]
COMPUTED = [
    *[binary(o, ref(a), ref(b)) for o in e.ARITHMETIC for a, b in (("n", "m"), ("n", "x"), ("x", "y"), ("b", "m"), ("b", "b"))],
    *[binary(o, ref("x"), lit(v)) for o in e.ARITHMETIC for v in (3, 0.5)],
    binary("-", ref("day"), lit(datetime.date(1970, 1, 5))),
    *[e.Divide(ref(a), ref("m"), step) for a in ("n", "x", "b") for step in (Fraction(1, 128), Fraction(1), Fraction(2))],
    e.Divide(ref("n"), binary("-", lit(0), ref("m")), Fraction(1, 4)),
    *[e.Quantise(ref(c), step) for c in ("n", "x", "y") for step in (Fraction(1), Fraction(2), Fraction(8), Fraction(1, 8))],
]
LOGICAL = [
    *[binary(o, ref("b"), binary("==", ref("k"), lit("red"))) for o in e.LOGIC],
    e.Not(ref("b")),
    e.Not(binary(">", ref("n"), lit(0))),
    *[e.IsNull(ref(c)) for c in tables.COLUMNS],
]
REPLACED = [
    e.FillNull(ref("n"), lit(-9)),
    e.FillNull(ref("n"), lit(0.5)),
    e.FillNull(ref("x"), lit(2)),
    e.FillNull(ref("b"), lit(True)),
    e.FillNull(ref("k"), lit("blue")),
    e.FillNull(ref("day"), lit(datetime.date(1980, 5, 5))),
    e.IsIn(ref("n"), (1, 2.5, -4, 1000)),
    e.IsIn(ref("x"), (0.25, 0.3)),
    e.IsIn(ref("k"), ("red", "blue")),
    e.IsIn(ref("s"), ("p", "")),
    e.IsIn(ref("day"), (datetime.date(1970, 1, 1), datetime.date(1969, 12, 25))),
    e.IsIn(ref("n"), ()),
    e.Clip(ref("n"), Fraction(-1), Fraction(3)),
    e.Clip(ref("n"), HALF, None),
    e.Clip(ref("x"), None, Fraction(1, 3)),
    e.Clip(ref("n"), Fraction(20), Fraction(30)),
    e.Where(ref("b"), ref("n"), ref("x")),
    e.Where(binary(">", ref("n"), lit(0)), ref("y"), lit(0.5)),
    *[cut(c, right=r, lowest=lowest) for c in ("n", "x", "m") for r in (True, False) for lowest in (True, False)],
    cut("n", right=True, lowest=False, edges=(Fraction(-100), Fraction(100))),
    cut("n", right=True, lowest=True, edges=(Fraction(50), Fraction(100))),
]


@pytest.fixture(scope="module", params=[0, 400], ids=["no rows", "400 rows"])
def registered(request: pytest.FixtureRequest) -> RegisteredTable:
    return tables.table(tables.many_rows(request.param), rows_per_person=400)


@pytest.mark.parametrize("expr", COMPARED + COMPUTED + LOGICAL + REPLACED, ids=e.show)
def test_an_expression_equals_pandas(expr: e.Expr, registered: RegisteredTable) -> None:
    schema = tables.node(registered).schema
    type_ = e.infer(expr, schema).type
    found = registered.frame.with_columns(lower_expression(expr, schema).alias("found"))["found"]
    assert found.null_count() == 0 or type_.nullable
    expected = tables.pandas_value(expr, tables.natural(registered))
    assert tables.same_values(natural_values(found, type_), expected), (found.to_list(), expected.tolist())


# -- trees of every shape --------------------------------------------------------------------------------------------------

STEPS = st.sampled_from([Fraction(1, 128), Fraction(1, 10), Fraction(1), Fraction(4)])
DIVISORS = st.sampled_from([ref("m"), lit(7), lit(-2), lit(0.25), binary("-", lit(0.5), ref("m"))])
CONSTANTS = st.sampled_from([lit(v) for v in (0, 1, -3, 0.5, 0.1, 2.75, 1000)])


def numeric(depth: int) -> st.SearchStrategy[e.Expr]:
    leaves = st.sampled_from([ref(c) for c in ("n", "m", "x", "y", "c", "b")]) | CONSTANTS
    if depth == 0:
        return leaves
    below, conditions = numeric(depth - 1), predicate(depth - 1)
    return st.one_of(
        leaves,
        st.builds(e.Binary, st.sampled_from(e.ARITHMETIC), below, below),
        st.builds(e.Divide, below, st.just(ref("m")), STEPS),
        st.builds(e.Quantise, below, STEPS),
        st.builds(e.FillNull, below, CONSTANTS),
        st.builds(lambda x, a, b: e.Clip(x, min(a, b), max(a, b)), below, STEPS, STEPS),
        st.builds(e.Where, conditions, below, below | st.just(lit(None))),
        st.just(binary("-", ref("day"), lit(datetime.date(1970, 1, 1)))),
        st.builds(lambda make, x, y: make(x, y), st.sampled_from((o.FloorDivide, o.Modulo)), below, DIVISORS),
        st.builds(lambda x: o.MapValues(x, (0, 1, -3, 2.75), (5, None, -2.5, 0)), below),
        st.builds(o.DatePart, st.sampled_from([ref("day"), ref("at")]), st.sampled_from(o.PARTS[:1] + o.PARTS[2:10])),
        st.just(o.Text(ref("s"), "len")),
    )


def predicate(depth: int) -> st.SearchStrategy[e.Expr]:
    leaves: st.SearchStrategy[e.Expr] = st.sampled_from(
        [ref("b"), binary("==", ref("k"), lit("red")), binary("==", ref("id"), ref("other")), binary("==", ref("s"), lit("p"))]
    )
    if depth == 0:
        return leaves
    below, numbers = predicate(depth - 1), numeric(depth - 1)
    return st.one_of(
        leaves,
        st.builds(e.Binary, st.sampled_from(e.LOGIC), below, below),
        st.builds(e.Binary, st.sampled_from(e.COMPARISONS), numbers, numbers | CONSTANTS),
        st.builds(e.Not, below),
        st.builds(e.IsNull, below | numbers),
        st.builds(e.IsIn, numbers, st.tuples(st.just(1), st.just(0.5), st.just(-0.1))),
    )


@settings(max_examples=150, deadline=None)
@given(rows=tables.random_rows(6), expr=numeric(3) | predicate(3), data=st.data())
def test_trees_equal_exact_fractions(rows: list[dict[str, Any]], expr: e.Expr, data: st.DataObject) -> None:
    registered = tables.table(rows)
    schema = tables.node(registered).schema
    try:
        type_ = e.infer(expr, schema).type
        lowered = lower_expression(expr, schema)
    except SecureFrameError:
        return
    found = registered.frame.with_columns(lowered.alias("found"))["found"].to_list()
    held = sorted(rows, key=lambda row: row["id"])  # registration puts a person's rows beside each other, in their order
    expected = [tables.exact(expr, tables.exact_row(row)) for row in held]
    assert [tables.comparable(v, type_) for v in found] == expected


# -- parameters, widths, rounding ------------------------------------------------------------------------------------------

DOMAIN = number_type(0, 40, Fraction(1, 4), False)


@pytest.mark.parametrize(("value", "expected"), [(0.5, [True, False, None]), (2, [False, False, None])])
def test_a_parameter_stands_for_its_value(value: float, expected: list[bool | None]) -> None:
    rows = [dict.fromkeys(tables.COLUMNS) | {"id": i, "m": 1, "n": n} for i, n in enumerate((1, -1, None), start=1)]
    registered = tables.table(rows)
    expr = binary(">", ref("n"), e.Parameter("least", DOMAIN))
    lowered = lower_expression(expr, tables.node(registered).schema, {"least": value})
    assert registered.frame.select(lowered.alias("found"))["found"].to_list() == expected


@pytest.mark.parametrize("parameters", [{}, {"least": 0.3}, {"least": 11}, {"least": -1}])
def test_a_parameter_needs_a_value_of_its_domain(parameters: dict[str, float]) -> None:
    with pytest.raises(PlanError, match="least"):
        lower_expression(e.Parameter("least", DOMAIN), {}, parameters)


def wide_schema(bits: int) -> dict[str, Field]:
    type_ = ColumnType(kind=Kind.INT, lo=-(2**bits), hi=2**bits, nullable=True)
    return {name: Field(type=type_, uses=ALL_USES, owners=frozenset({"clinic"})) for name in ("p", "q")}


def test_products_wider_than_64_bits_are_exact() -> None:
    frame = pl.DataFrame({"p": [2**60, -(2**60), 7, None], "q": [2**60 - 1, 2**60 - 3, 5, 1]})
    expr = binary("*", ref("p"), ref("q"))
    found = frame.select(lower_expression(expr, wide_schema(60)).alias("x"))["x"].to_list()
    assert found == [2**60 * (2**60 - 1), -(2**60) * (2**60 - 3), 35, None]
    compared = frame.select(lower_expression(binary(">", expr, lit(2**119)), wide_schema(60)).alias("x"))["x"].to_list()
    assert compared == [True, False, False, None]
    clipped = frame.select(lower_expression(e.Clip(expr, Fraction(-1), Fraction(2**80)), wide_schema(60)).alias("x"))[
        "x"
    ].to_list()
    assert clipped == [2**80, -1, 35, None]


def test_what_is_wider_than_126_bits_is_refused() -> None:
    with pytest.raises(RangeError, match="126 bits"):
        lower_expression(binary("*", binary("*", ref("p"), ref("q")), ref("p")), wide_schema(60))


def test_keys_of_numbers_and_of_text_are_not_compared() -> None:
    schema = tables.node(tables.table([])).schema
    mixed = {**schema, "text": replace(schema["word"], type=replace(schema["word"].type, domain="person"))}
    with pytest.raises(PlanError, match="the other one text"):
        e.infer(binary("==", ref("id"), ref("text")), mixed)


@given(
    numerator=st.integers(-(2**40), 2**40) | st.integers(-50, 50),
    denominator=st.integers(1, 2**40) | st.integers(1, 12),
    negative=st.booleans(),
)
def test_quotients_are_rounded_half_to_even(numerator: int, denominator: int, negative: bool) -> None:
    denominator = -denominator if negative else denominator
    frame = pl.DataFrame({"n": [numerator], "d": [denominator]})
    assert frame.select(divide_half_even(pl.col("n"), pl.col("d"))).item() == round(Fraction(numerator, denominator))
