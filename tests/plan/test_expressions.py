"""Types of expressions: the value of every expression lies in its inferred range and on its inferred grid, or it is refused."""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from secureframe.errors import DisclosureError, PlanError, RangeError, SecureFrameError
from secureframe.plan import expressions as e
from secureframe.plan import operations as o
from secureframe.schema.calendar import as_days
from secureframe.schema.table import ALL_USES, Field, Schema, Use
from secureframe.schema.types import ColumnType, Kind, bool_type, number_type, time_type
from tests.local.tables import exact
from tests.planner.rows import grid_of, value_of, with_values
from tests.planner.strategies import Expressions
from tests.planner.study import LEVELS

STEPS = (Fraction(1), Fraction(1, 10), Fraction(1, 4), Fraction(1, 3), Fraction(5))


@st.composite
def number_types(draw: st.DrawFn) -> ColumnType:
    low = draw(st.integers(-40, 40))
    return number_type(low, low + draw(st.integers(0, 60)), draw(st.sampled_from(STEPS)), draw(st.booleans()))


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    types = {f"n{i}": draw(number_types()) for i in range(3)}
    types |= {f"t{i}": bool_type(draw(st.booleans())) for i in range(2)}
    types["w"] = ColumnType(kind=Kind.CATEGORY, lo=0, hi=2, categories=LEVELS, nullable=draw(st.booleans()))
    types["d"] = ColumnType(kind=Kind.DATE, lo=18262, hi=18262 + draw(st.integers(0, 40)), nullable=draw(st.booleans()))
    return {name: Field(type=t, uses=ALL_USES, owners=frozenset({"clinic"})) for name, t in types.items()}


@st.composite
def rows(draw: st.DrawFn, schema: Schema) -> dict[str, Any]:
    """One row; the ends of the ranges are likely."""
    row = {}
    for name, field in schema.items():
        type_ = field.type
        grid = draw(st.sampled_from([type_.low, type_.high]) | st.integers(type_.low, type_.high))
        row[name] = None if type_.nullable and draw(st.integers(0, 3)) == 0 else value_of(grid, type_)
    return row


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), schemas())
def test_values_lie_in_the_inferred_range_and_on_the_inferred_grid(data: st.DataObject, schema: Schema) -> None:
    draw = Expressions(data.draw, schema)
    expr = draw.quotient(1) if data.draw(st.integers(0, 3)) == 0 else draw.any(2)
    try:
        type_ = e.infer(expr, schema).type
    except SecureFrameError:
        assume(False)
    values = {"cutoff": data.draw(st.integers(-4, 40)) * Fraction(1, 2)}
    for _ in range(4):
        value = exact(with_values(expr, values), data.draw(rows(schema)))
        assert value is not None or type_.nullable
        assert value is None or value in LEVELS or grid_of(value, type_) is not None


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), schemas())
def test_an_expression_allows_what_all_its_columns_allow(data: st.DataObject, schema: Schema) -> None:
    fields = list(schema)
    marked = {
        name: Field(
            type=f.type,
            uses=frozenset({Use.FILTER}) if name == "n0" else ALL_USES,
            owners=frozenset({name}),
            sensitive=name == "t0",
            magnitude=name == "n1",
        )
        for name, f in schema.items()
    }
    expr = Expressions(data.draw, marked).any(2)
    names = e.column_names(expr)
    try:
        found = e.infer(expr, marked)
    except SecureFrameError:
        assume(False)
    assert names <= set(fields)
    assert found.uses == (frozenset({Use.FILTER}) if "n0" in names else ALL_USES)
    assert (found.owners, found.sensitive, found.magnitude) == (names, "t0" in names, "n1" in names)


# -- what has no type ----------------------------------------------------------------------------------------------------


def field(type_: ColumnType) -> Field:
    return Field(type=type_, uses=ALL_USES, owners=frozenset({"clinic"}))


KEY = ColumnType(kind=Kind.KEY, lo=1, hi=9, domain="person")
SCHEMA: Schema = {
    "n": field(number_type(0, 9, Fraction(1), True)),
    "x": field(number_type(-8, 8, Fraction(1, 4), False)),
    "t": field(bool_type(True)),
    "w": field(ColumnType(kind=Kind.CATEGORY, lo=0, hi=2, categories=LEVELS, nullable=True)),
    "v": field(ColumnType(kind=Kind.CATEGORY, lo=0, hi=1, categories=("low", "mid"))),
    "d": field(ColumnType(kind=Kind.DATE, lo=0, hi=99)),
    "s": field(ColumnType(kind=Kind.STRING, nullable=True)),
    "k": field(KEY),
    "other": field(ColumnType(kind=Kind.KEY, lo=1, hi=9, domain="staff")),
}
N, X, T, W, V, D, S, K, OTHER = (e.ColumnRef(name) for name in SCHEMA)
ONE, NONE = e.Literal(1), e.Literal(None)

REFUSED: list[tuple[e.Expr, type[SecureFrameError], str]] = [
    (e.ColumnRef("m"), PlanError, "columns are n, x, t"),
    (o.FloorDivide(N, N), RangeError, "clip(lower=1)"),
    (o.Modulo(N, e.Literal(0)), RangeError, "clip(lower=1)"),
    (o.FloorDivide(D, ONE), PlanError, "sf.cut"),
    (o.Modulo(W, ONE), PlanError, "sf.cut"),
    (o.MapValues(K, (1,), (2,)), DisclosureError, "in common"),
    (o.MapValues(W, ("none",), (2,)), PlanError, ""),
    (o.MapValues(S, (1,), (2,)), PlanError, ""),
    (o.MapValues(N, (datetime.date(2020, 1, 1),), (2,)), PlanError, ""),
    (o.MapValues(D, (1,), (2,)), PlanError, ""),
    (o.MapValues(N, (1, 2), (2, "two")), PlanError, "'m': 1"),
    (o.MapValues(N, (1, 2), (2, True)), PlanError, "'m': 1"),
    (o.MapValues(N, (1,), (None,)), PlanError, ""),
    (o.DatePart(N, "year"), PlanError, "sf.date"),
    (o.Text(N, "lower"), PlanError, "sf.string"),
    (o.Text(W, "lower"), PlanError, "sf.string"),
    (o.Text(K, "len"), DisclosureError, "in common"),
    (e.Binary("+", D, D), PlanError, "isin"),
    (e.Binary("+", D, T), PlanError, "isin"),
    (e.Binary("-", N, D), PlanError, "isin"),
    (e.Binary("+", D, e.Literal(10**8)), RangeError, "clip"),
    (e.Binary("+", D, e.Literal(Fraction(1, 7))), RangeError, "round"),
    (e.Binary("+", W, ONE), PlanError, "isin"),
    (e.Binary("*", D, ONE), PlanError, "isin"),
    (e.Binary("*", S, S), PlanError, "isin"),
    (e.Binary("+", K, ONE), PlanError, "isin"),
    (e.Binary("&", N, T), PlanError, "compare it"),
    (e.Not(N), PlanError, "compare it"),
    (e.Where(N, N, N), PlanError, "compare it"),
    (e.Binary("==", K, ONE), DisclosureError, "in common"),
    (e.Binary("<", ONE, K), DisclosureError, "in common"),
    (e.IsIn(K, (1, 2)), DisclosureError, "in common"),
    (e.Binary("<", K, K), PlanError, ""),
    (e.Binary("==", K, N), PlanError, ""),
    (e.Binary("==", K, OTHER), PlanError, ""),
    (e.FillNull(K, ONE), PlanError, ""),
    (e.Where(T, K, K), PlanError, ""),
    (e.Where(T, K, NONE), PlanError, ""),
    (e.Clip(K, Fraction(1), None), PlanError, "isin"),
    (e.Binary("==", W, e.Literal("lowest")), PlanError, "'low', 'mid', 'high'"),
    (e.Binary("==", W, ONE), PlanError, "'low', 'mid', 'high'"),
    (e.Binary("<", W, e.Literal("low")), PlanError, ""),
    (e.Binary("==", W, V), PlanError, ""),
    (e.Binary("<", W, W), PlanError, ""),
    (e.Binary("==", N, e.Literal("low")), PlanError, ""),
    (e.Binary("==", N, NONE), PlanError, "isna()"),
    (e.Binary("<", S, e.Literal("a")), PlanError, ""),
    (e.Binary("==", S, ONE), PlanError, ""),
    (e.Binary("==", D, e.Literal("2020-01-31")), PlanError, "datetime.date"),
    (e.Binary("<", D, N), PlanError, ""),
    (e.IsIn(W, ("low", "lowest")), PlanError, ""),
    (e.IsIn(N, (None,)), PlanError, ""),
    (e.IsIn(S, (1,)), PlanError, ""),
    (e.Binary("+", N, NONE), PlanError, "isna()"),
    (e.FillNull(N, N), PlanError, ""),
    (e.FillNull(N, NONE), PlanError, "isna()"),
    (e.FillNull(N, e.Literal("low")), PlanError, ""),
    (e.FillNull(W, e.Literal("lowest")), PlanError, ""),
    (e.FillNull(W, e.Parameter("p", number_type(0, 2, Fraction(1), False))), PlanError, ""),
    (e.FillNull(S, e.Literal("a")), PlanError, ""),
    (e.FillNull(D, ONE), PlanError, ""),
    (e.Where(T, NONE, NONE), PlanError, ""),
    (e.Where(T, N, W), PlanError, ""),
    (e.Where(T, S, S), PlanError, ""),
    (e.Clip(N, None, None), PlanError, ""),
    (e.Clip(N, Fraction(2), Fraction(1)), PlanError, ""),
    (e.Cut(W, (Fraction(0), Fraction(1)), ("a",), True, False), PlanError, "isin"),
    (e.Divide(N, X, Fraction(1)), RangeError, "clip(lower=1)"),
    (e.Divide(N, N, Fraction(1)), RangeError, "clip(lower=1)"),
    (e.Quantise(D, Fraction(1)), PlanError, "isin"),
]


@pytest.mark.parametrize(("expr", "error", "hint"), REFUSED, ids=lambda x: e.show(x) if isinstance(x, e.Expr) else "")
def test_what_has_no_type_is_refused(expr: e.Expr, error: type[SecureFrameError], hint: str) -> None:
    with pytest.raises(error) as refused:
        e.infer(expr, SCHEMA)
    assert type(refused.value) is error
    assert hint in (refused.value.hint or "")


@pytest.mark.parametrize(
    "build",
    [
        lambda: e.Literal(datetime.datetime(2020, 1, 31, tzinfo=datetime.UTC)),
        lambda: e.Literal([1, 2]),  # type: ignore[arg-type]
        lambda: o.MapValues(N, (), ()),
        lambda: o.MapValues(N, (1, 1), (2, 3)),
        lambda: o.MapValues(N, (1, 2), (2,)),
        lambda: o.MapValues(N, (None,), (2,)),
        lambda: o.MapValues(N, tuple(range(1001)), tuple(range(1001))),
        lambda: o.DatePart(D, "century"),
        lambda: o.DatePart(D, "__class__"),
        lambda: o.Text(S, "eval", ("1",)),
        lambda: o.Text(S, "contains"),
        lambda: o.Text(S, "slice", (0, -1)),
        lambda: o.Text(S, "slice", (True, 2)),
        lambda: o.Text(S, "replace", ("", "x")),
        lambda: e.Literal(float("nan")),
        lambda: e.Literal(float("inf")),
        lambda: e.IsIn(N, (float("nan"),)),
        lambda: e.Binary("//", N, N),
        lambda: e.Binary("__class__", N, N),
        lambda: e.Cut(N, (Fraction(1), Fraction(1)), ("a",), True, False),
        lambda: e.Cut(N, (Fraction(1),), (), True, False),
        lambda: e.Cut(N, (Fraction(1), Fraction(2)), ("a", "b"), True, False),
        lambda: e.Cut(N, (Fraction(1), Fraction(2), Fraction(3)), ("a", "a"), True, False),
        lambda: e.Divide(N, N, Fraction(0)),
        lambda: e.Quantise(N, Fraction(-1)),
        lambda: e.Parameter("p", bool_type()),
        lambda: e.Parameter("p", KEY),
        lambda: e.Parameter("p", number_type(0, 1, Fraction(1), True)),
    ],
)
def test_invalid_expressions_cannot_be_built(build: Any) -> None:
    with pytest.raises(PlanError):
        build()


def test_floats_are_the_decimals_that_they_print_as() -> None:
    assert e.Literal(0.1) == e.Literal(Fraction(1, 10))
    assert e.infer(e.Binary("+", N, e.Literal(0.1)), SCHEMA).type.step == Fraction(1, 10)
    assert e.IsIn(N, (0.5,)).values == (Fraction(1, 2),)


@pytest.mark.parametrize(
    ("edges", "right", "lowest", "nullable"),
    [
        ((-1, 9), True, False, False),
        ((0, 9), True, False, True),
        ((0, 9), True, True, False),
        ((0, 8), True, True, True),
        ((0, 10), False, False, False),
        ((0, 10), False, True, False),
        ((0, 9), False, False, True),
        ((0, 9), False, True, True),
        ((1, 10), False, True, True),
    ],
)
def test_bands_are_missing_only_where_values_may_lie_outside(
    edges: tuple[int, int], right: bool, lowest: bool, nullable: bool
) -> None:
    schema = {"n": field(number_type(0, 9, Fraction(1), False))}
    cut = e.Cut(N, tuple(map(Fraction, edges)), ("all",), right, lowest)
    assert e.infer(cut, schema).type.nullable == nullable
    assert any(exact(cut, {"n": Fraction(i)}) is None for i in range(10)) == nullable


def dates(low: datetime.date, high: datetime.date, step: Fraction = Fraction(1)) -> Schema:
    """A date or time stamp from one day to another."""
    ends = [int(as_days(day) / step) for day in (low, high)]
    return {"d": field(time_type(*ends, step, False))}


DAY = datetime.date
YEARS = dates(DAY(1999, 12, 31), DAY(2002, 3, 1))
HOURS = dates(datetime.datetime(2020, 1, 31, 22), datetime.datetime(2020, 2, 1, 3), Fraction(1, 24))
RANGES: list[tuple[e.Expr, Schema, tuple[int, int], Fraction]] = [
    (o.FloorDivide(N, e.Literal(4)), {"n": field(number_type(-9, 9, Fraction(1), False))}, (-3, 2), Fraction(1)),
    (o.FloorDivide(N, e.Literal(-4)), {"n": field(number_type(-9, 9, Fraction(1), False))}, (-3, 2), Fraction(1)),
    (o.FloorDivide(N, e.Literal(0.3)), {"n": field(number_type(0, 9, Fraction(1, 10), False))}, (0, 3), Fraction(1)),
    (o.Modulo(N, e.Literal(4)), {"n": field(number_type(-9, 9, Fraction(1), False))}, (0, 3), Fraction(1)),
    (o.Modulo(N, e.Literal(-4)), {"n": field(number_type(-9, 9, Fraction(1), False))}, (-3, 0), Fraction(1)),
    (o.Modulo(N, e.Literal(20)), {"n": field(number_type(5, 9, Fraction(1), False))}, (5, 9), Fraction(1)),
    (o.Modulo(N, e.Literal(-20)), {"n": field(number_type(-9, -5, Fraction(1), False))}, (-9, -5), Fraction(1)),
    (o.Modulo(N, e.Literal(8)), {"n": field(number_type(0, 9, Fraction(1), False))}, (0, 7), Fraction(1)),
    (o.Modulo(N, e.Literal(0.25)), {"n": field(number_type(-9, 9, Fraction(1, 10), False))}, (0, 4), Fraction(1, 20)),
    (o.DatePart(D, "year"), YEARS, (1999, 2002), Fraction(1)),
    (o.DatePart(D, "month"), YEARS, (1, 12), Fraction(1)),
    (o.DatePart(D, "month"), dates(DAY(2020, 2, 3), DAY(2020, 5, 1)), (2, 5), Fraction(1)),
    (o.DatePart(D, "quarter"), dates(DAY(2020, 2, 3), DAY(2020, 5, 1)), (1, 2), Fraction(1)),
    (o.DatePart(D, "day"), dates(DAY(2020, 2, 3), DAY(2020, 2, 9)), (3, 9), Fraction(1)),
    (o.DatePart(D, "day"), dates(DAY(2020, 2, 3), DAY(2020, 3, 9)), (1, 31), Fraction(1)),
    (o.DatePart(D, "dayofweek"), dates(DAY(2020, 2, 3), DAY(2020, 2, 3)), (0, 0), Fraction(1)),
    (o.DatePart(D, "dayofyear"), dates(DAY(2020, 2, 3), DAY(2020, 3, 1)), (34, 61), Fraction(1)),
    (o.DatePart(D, "hour"), YEARS, (0, 0), Fraction(1)),
    (o.DatePart(D, "hour"), HOURS, (0, 23), Fraction(1)),
    (o.DatePart(D, "day"), HOURS, (1, 31), Fraction(1)),
    (o.DatePart(D, "date"), HOURS, (18292, 18293), Fraction(1)),
    (o.DatePart(D, "period[Q]"), YEARS, (0, 9), Fraction(1)),
    (e.Binary("+", D, e.Literal(Fraction(1, 24))), YEARS, (262945, 281929), Fraction(1, 24)),
    (e.Binary("-", D, e.Literal(DAY(2000, 1, 1))), YEARS, (-1, 790), Fraction(1)),
]


@pytest.mark.parametrize(("expr", "schema", "ends", "step"), RANGES, ids=lambda x: e.show(x) if isinstance(x, e.Expr) else "")
def test_ranges_of_quotients_remainders_and_dates(expr: e.Expr, schema: Schema, ends: tuple[int, int], step: Fraction) -> None:
    type_ = e.infer(expr, schema).type
    assert (type_.low, type_.high, type_.step) == (*ends, step)


def test_a_map_is_missing_where_it_says_nothing() -> None:
    for keys, values, nullable in (
        (LEVELS, (1, 2, 3), False), (LEVELS, (1, None, 3), True), (LEVELS[:2], (1, 2), True)
    ):  # fmt: skip
        w = {"w": field(ColumnType(kind=Kind.CATEGORY, lo=0, hi=2, categories=LEVELS))}
        assert e.infer(o.MapValues(W, keys, values), w).type.nullable == nullable
    assert e.infer(o.MapValues(V, ("low", "mid"), ("b", "a")), SCHEMA).type.categories == ("b", "a")
    assert e.infer(o.MapValues(V, ("low", "mid"), ("b", "b")), SCHEMA).type.categories == ("b",)
    assert e.infer(o.MapValues(V, ("low", "mid"), (Fraction(1, 2), Fraction(1, 3))), SCHEMA).type.step == Fraction(1, 6)


def test_expressions_read_as_they_are_typed() -> None:
    assert e.show(e.Where(e.Not(T), e.Clip(N, Fraction(1), None), e.FillNull(X, e.Literal(0.5)))) == (
        "where(~t, n.clip(lower=1), x.fillna(0.5))"
    )
    assert e.show(e.Binary("&", e.IsNull(S), e.IsIn(W, ("low",)))) == "(s.isna() & w.isin(['low']))"
    assert e.show(o.Modulo(o.FloorDivide(N, e.Literal(7)), X)) == "((n // 7) % x)"
    assert e.show(o.MapValues(W, ("low", "mid"), (1, None))) == "w.map({'low': 1, 'mid': None})"
    assert e.show(o.DatePart(D, "period[Q]")) + e.show(o.DatePart(D, "year")) == "d.dt.to_period('Q')d.dt.year"
    assert e.show(o.Text(o.Text(S, "lower"), "contains", ("a",))) == "s.str.lower().str.contains('a')"


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), schemas())
def test_substitution_keeps_the_value(data: st.DataObject, schema: Schema) -> None:
    draw = Expressions(data.draw, schema, parameters=False)
    expr, definition = draw.any(2), draw.number(1)
    row = data.draw(rows(schema))
    replaced = e.substitute(expr, {"n0": definition})
    assert exact(replaced, row) == exact(expr, row | {"n0": exact(definition, row)})
