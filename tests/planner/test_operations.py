"""Whole quotients, remainders, maps, parts of dates and time stamps on shares, row by row, against exact fractions and pandas."""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest

from secureframe.errors import PlanError
from secureframe.plan import expressions as e
from secureframe.plan import operations as o
from secureframe.plan.combining import Merge
from secureframe.plan.forms import TRUTH
from secureframe.schema import declare as d
from secureframe.schema.types import number_type
from tests.planner.columns import on_shares
from tests.planner.study import Study, start
from tests.planner.test_rows import check

FIRST, LAST = datetime.date(1967, 11, 3), datetime.date(1972, 4, 2)
SINCE, UNTIL = datetime.datetime(1969, 12, 27, 21, 10, 5), datetime.datetime(1970, 3, 2, 3, 4, 5)
WORDS = ("red", "green", "blue")
PERSONS = 90

COLUMNS: dict[str, dict[str, d.ColumnDeclaration]] = {
    "clinic.people": {
        "id": d.key("person", low=1, high=99),
        "n": d.integer(-20, 21, nullable=True),
        "m": d.integer(1, 9, nullable=False),
        "c": d.decimal(-3, 3, 2, nullable=True),
        "wide": d.number(-1e6, 1e6, precision=2**-19, nullable=True),
        "color": d.category(WORDS, nullable=True),
        "seen": d.date(FIRST, LAST, nullable=True),
        "at": d.timestamp(SINCE, UNTIL, "s", nullable=True),
        "b": d.boolean(nullable=True),
    },
    "labor.values": {
        "id": d.key("person", low=1, high=99),
        "k": d.integer(-9, -2, nullable=True),
        "i": d.integer(-5, 5, nullable=False),
        "x": d.number(-8, 8, precision=0.25, nullable=True),
        "wider": d.number(0, 2e6, precision=2**-19, nullable=False),
        "colour": d.category(WORDS, nullable=True),
        "born": d.date(FIRST, LAST, nullable=False),
        "when": d.timestamp(SINCE, UNTIL, "min", nullable=False),
        "hit": d.boolean(nullable=True),
    },
}


def _values(declared: d.ColumnDeclaration, n: int, generator: np.random.Generator) -> list[Any]:
    """Values all over a column's range, its ends among them."""
    kind = str(declared.kind)
    if kind == "category":
        values: list[Any] = [WORDS[i] for i in generator.integers(0, 3, n)]
    elif kind == "bool":
        values = generator.integers(0, 2, n).astype(bool).tolist()
    else:
        assert declared.low is not None and declared.high is not None
        low, high = (int(end / declared.step) for end in (declared.low, declared.high))
        grid = [low, high, *(int(i) for i in generator.integers(low, high + 1, n - 2))]
        values = [_natural(kind, i * declared.step) for i in grid]
    if declared.nullable:
        values[2:] = [None if hidden else v for v, hidden in zip(values[2:], generator.random(n - 2) < 0.15, strict=True)]
    return values


def _natural(kind: str, value: Fraction) -> Any:
    if kind == "date":
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=int(value))
    if kind == "datetime":
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=int(value * 86_400_000_000))
    return int(value) if kind == "int" else float(value)


@pytest.fixture(scope="module")
def study() -> Study:
    generator = np.random.default_rng(3)
    tables = {}
    for table, columns in COLUMNS.items():
        ids = np.arange(1, PERSONS + 1) if table == "clinic.people" else np.arange(4, PERSONS - 4)
        data: dict[str, Any] = {"id": ids.tolist()}
        data |= {name: _values(c, len(ids), generator) for name, c in columns.items() if name != "id"}
        tables[table] = pl.DataFrame(data, strict=False)
    return start(tables, persons=PERSONS + 6, columns=COLUMNS)


def merged(study: Study, how: str) -> Merge:
    return Merge(study.table("clinic.people"), study.table("labor.values"), ("id",), ("id",), how)


NAMES = ("n", "m", "c", "wide", "color", "seen", "at", "b", "k", "i", "x", "wider", "colour", "born", "when", "hit")
N, M, C, WIDE, COLOR, SEEN, AT, B, K, J, X, WIDER, COLOUR, BORN, WHEN, HIT = map(e.ColumnRef, NAMES)


def binary(left: e.Expr, operator: str, right: e.Expr | float) -> e.Expr:
    return e.Binary(operator, left, right if isinstance(right, e.Expr) else e.Literal(right))


def literal(value: Any) -> e.Literal:
    return e.Literal(value)


SUM = binary(N, "+", J)
"""A whole number of two institutions, of either sign."""
MIXED = binary(C, "-", X)
PAIRS = (o.FloorDivide, o.Modulo)

QUOTIENTS: list[e.Expr] = [
    *(make(SUM, literal(by)) for make in PAIRS for by in (1, 2, 7, 10, -3, 100, Fraction(5, 2), -0.75)),
    *(make(MIXED, literal(by)) for make in PAIRS for by in (1, 3, 0.1, -0.25, 0.3)),
    *(make(literal(by), e.Clip(binary(M, "+", J), Fraction(1), None)) for make in PAIRS for by in (100, -7, 0.5)),
    *(make(SUM, K) for make in PAIRS),
    *(make(MIXED, binary(M, "-", K)) for make in PAIRS),
    *(make(binary(WIDE, "+", WIDER), literal(1000)) for make in PAIRS),
    o.Modulo(binary(e.Clip(N, Fraction(0), Fraction(5)), "+", e.Clip(J, Fraction(0), Fraction(1))), literal(10)),
    e.Quantise(SUM, Fraction(10)),
    e.Quantise(MIXED, Fraction(1, 10)),
]


@pytest.mark.parametrize("how", ("inner", "left"))
def test_whole_quotients_and_remainders(study: Study, how: str) -> None:
    check(study, merged(study, how), QUOTIENTS)


def test_a_parameter_divides(study: Study) -> None:
    """Its range is part of the plan and its value is not: one program of another quotient."""
    by = e.Parameter("by", number_type(2, 40, Fraction(1, 2), False))
    for value in (1, Fraction(7, 2), 20):
        check(study, merged(study, "inner"), [make(SUM, by) for make in PAIRS], {"by": value})


def mapped(operand: e.Expr, table: dict[Any, Any]) -> e.Expr:
    return o.MapValues(operand, tuple(table), tuple(table.values()))


EITHER = e.Where(binary(N, ">", J), COLOR, COLOUR)
SMALL = binary(e.Clip(N, Fraction(0), Fraction(3)), "+", e.Clip(J, Fraction(0), Fraction(2)))

MAPS: list[e.Expr] = [
    mapped(EITHER, {"red": 1, "green": Fraction(-5, 2), "blue": 40}),
    mapped(EITHER, {"red": "warm", "blue": "cold"}),
    mapped(EITHER, {"red": "warm", "blue": "cold", "green": "cold"}),
    mapped(EITHER, {"red": True, "blue": False}),
    e.Not(mapped(EITHER, {"red": True, "blue": False})),
    mapped(EITHER, {"red": None, "blue": FIRST, "green": LAST}),
    mapped(EITHER, {"red": SINCE, "blue": FIRST}),
    mapped(SMALL, {0: 10, 1: 20, 4: -3, 99: 5, Fraction(1, 2): 8}),
    mapped(SMALL, {99: 5, 98: 7}),
    mapped(MIXED, {0: "none", 1: "one", 0.25: "quarter"}),
    mapped(binary(HIT, "&", B), {True: 3, False: 7}),
    mapped(binary(HIT, "|", B), {True: "yes"}),
    mapped(binary(SEEN, "-", BORN), {0: 0, 1: 1, -300: 2}),
    e.FillNull(mapped(EITHER, {"red": 1, "blue": 2}), literal(9)),
    e.IsNull(mapped(EITHER, {"red": 1, "blue": 2})),
    binary(mapped(EITHER, {"red": "warm", "blue": "cold"}), "==", literal("warm")),
    mapped(mapped(EITHER, {"red": "warm", "blue": "cold", "green": "cold"}), {"warm": 1, "cold": 0}),
]


@pytest.mark.parametrize("how", ("inner", "left"))
def test_maps(study: Study, how: str) -> None:
    check(study, merged(study, how), MAPS)


DAY = e.Where(binary(N, ">", J), SEEN, BORN)
STAMP = e.Where(binary(N, ">", J), AT, WHEN)
DATE_PARTS = [p for p in o.PARTS if p not in ("hour", "minute", "second")]

DATES: list[e.Expr] = [
    *(o.DatePart(DAY, part) for part in DATE_PARTS),
    *(o.DatePart(STAMP, part) for part in o.PARTS),
    o.DatePart(DAY, "hour"),
    *(o.DatePart(e.Clip(DAY, Fraction(0), Fraction(20)), part) for part in ("year", "month", "day", "dayofyear", "period[M]")),
    binary(o.DatePart(DAY, "year"), "==", 1970),
]
MOVED: list[e.Expr] = [
    binary(DAY, "+", SUM),
    binary(SUM, "+", BORN),
    binary(SEEN, "-", J),
    binary(WHEN, "+", binary(N, "*", Fraction(1, 24))),
    binary(AT, "-", WHEN),
    binary(AT, "-", BORN),
    binary(AT, "-", literal(SINCE)),
    *(binary(AT, operator, WHEN) for operator in e.COMPARISONS),
    *(binary(AT, operator, BORN) for operator in e.COMPARISONS),
    *(binary(DAY, operator, literal(datetime.datetime(1970, 1, 1, 12))) for operator in e.COMPARISONS),
    *(binary(STAMP, operator, literal(SINCE)) for operator in ("<=", "==")),
    o.FloorDivide(binary(AT, "-", WHEN), literal(1)),
    e.FillNull(STAMP, literal(UNTIL)),
    e.Where(HIT, SEEN, WHEN),
    e.Clip(STAMP, Fraction(0), Fraction(41, 2)),
    e.Clip(DAY, None, Fraction(9)),
]


@pytest.mark.parametrize("how", ("inner", "left"))
def test_parts_of_dates(study: Study, how: str) -> None:
    check(study, merged(study, how), DATES)


@pytest.mark.parametrize("how", ("inner", "left"))
def test_days_between_dates_and_dates_moved_by_days(study: Study, how: str) -> None:
    check(study, merged(study, how), MOVED)


TWICE = binary(WIDE, "+", literal(1_000_000))
WIDE_NUMBERS: list[e.Expr] = [
    *(binary(TWICE, operator, WIDER) for operator in e.COMPARISONS),
    *(binary(binary(TWICE, "-", WIDER), operator, Fraction(1, 2**19)) for operator in e.COMPARISONS),
    *(binary(TWICE, operator, WIDER) for operator in e.ARITHMETIC),
    *(make(binary(TWICE, "-", WIDER), literal(by)) for make in PAIRS for by in (1, 1000, -0.5)),
    e.Clip(binary(WIDE, "+", WIDER), Fraction(-1, 2**19), Fraction(10**6)),
    e.Quantise(binary(WIDE, "+", WIDER), Fraction(1, 100)),
    e.Divide(WIDE, binary(M, "-", K), Fraction(1, 2**19)),
]


def test_numbers_of_forty_bits(study: Study) -> None:
    check(study, merged(study, "inner"), WIDE_NUMBERS)


OF_THE_RIGHT: list[e.Expr] = [
    o.FloorDivide(e.FillNull(K, literal(-7)), literal(2)),
    o.Modulo(e.FillNull(X, literal(-5.75)), literal(2)),
    o.Modulo(e.FillNull(X, literal(-5.75)), literal(-2)),
    mapped(e.FillNull(COLOUR, literal("red")), {"red": 4, "blue": 5}),
    mapped(COLOUR, {"red": "warm", "blue": "cold"}),
    mapped(e.FillNull(HIT, literal(True)), {True: False, False: True}),
    *(o.DatePart(e.FillNull(BORN, literal(LAST)), part) for part in ("year", "day", "quarter", "date", "period[Q]")),
    *(o.DatePart(e.FillNull(WHEN, literal(SINCE)), part) for part in ("hour", "minute", "second", "date", "dayofweek")),
    binary(e.FillNull(WHEN, literal(SINCE)), "+", 3),
    binary(e.FillNull(BORN, literal(LAST)), "-", e.FillNull(WHEN, literal(SINCE))),
    e.Clip(e.FillNull(BORN, literal(LAST)), None, Fraction(5)),
]


@pytest.mark.parametrize("how", ("inner", "left"))
def test_rows_without_a_match(study: Study, how: str) -> None:
    """What an expression over the right side gives where there is no right row."""
    check(study, merged(study, how), OF_THE_RIGHT)


def test_text_is_not_taken_apart_on_shares(study: Study) -> None:
    with pytest.raises(PlanError, match="text"):
        on_shares(merged(study, "inner"), [(o.Text(COLOR, "contains", ("r",)), TRUTH)], study.tables)
