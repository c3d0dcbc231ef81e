"""Whole quotients, remainders, maps, parts of dates and text at their owner, against pandas on natural values."""

from __future__ import annotations

import datetime
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from secureframe.errors import RangeError
from secureframe.local.expressions import lower_expression
from secureframe.local.register import RegisteredTable
from secureframe.local.values import natural_values
from secureframe.plan import expressions as e
from secureframe.plan import operations as o
from secureframe.schema.table import ALL_USES, Field
from secureframe.schema.types import number_type
from tests.local import tables

N, M, X, C, B, K, S, DAY, AT = (e.ColumnRef(name) for name in ("n", "m", "x", "c", "b", "k", "s", "day", "at"))


def lit(value: Any) -> e.Literal:
    return e.Literal(value)


def mapped(operand: e.Expr, table: dict[Any, Any]) -> e.Expr:
    return o.MapValues(operand, tuple(table), tuple(table.values()))


EXPRESSIONS: list[e.Expr] = [
    *(make(N, lit(by)) for make in (o.FloorDivide, o.Modulo) for by in (1, 3, 7, 100, -1, -4)),
    *(make(X, lit(by)) for make in (o.FloorDivide, o.Modulo) for by in (1, 0.5, 2.5, -0.75, 32)),
    *(make(a, M) for make in (o.FloorDivide, o.Modulo) for a in (N, X, lit(17), lit(-17))),
    *(make(N, e.Binary("-", lit(0), M)) for make in (o.FloorDivide, o.Modulo)),
    o.Modulo(M, lit(10)),
    mapped(K, {"red": 3, "green": 1.5, "blue": -1}),
    mapped(K, {"red": 3, "blue": None}),
    mapped(K, {"red": "warm", "green": "cold", "blue": "cold"}),
    mapped(K, {"red": True, "green": False}),
    mapped(N, {-4: 1, 7: 2, 0: 0, 99: 5, 0.5: 6}),
    mapped(X, {-8: 1, 0.25: 2, 0.3: 3}),
    mapped(B, {True: "yes", False: "no"}),
    mapped(S, {"p": 1, "": 2, "never": 3}),
    mapped(N, {99: 1}),
    *(o.DatePart(DAY, part) for part in o.PARTS if part not in ("hour", "minute", "second")),
    *(o.DatePart(AT, part) for part in o.PARTS),
    o.DatePart(DAY, "hour"),
    *(o.Text(S, how) for how in ("lower", "upper", "strip", "len")),
    *(o.Text(S, "slice", bounds) for bounds in ((0, 2), (1, None), (2, 1), (9, 12))),
    *(o.Text(S, how, (part,)) for how in o.TESTS for part in ("p", "P", " ", "", "ö p", "x ")),
    *(o.Text(S, "replace", pair) for pair in (("p", "qq"), ("-", ""), (" ", "."))),
    e.Binary("==", o.Text(o.Text(S, "strip"), "lower"), lit("pq-x")),
    e.Binary("-", AT, DAY),
    e.Binary(">", AT, DAY),
    e.Binary("<=", AT, lit(datetime.datetime(1970, 1, 9, 12, 0, 1))),
    e.Binary("==", DAY, lit(datetime.datetime(1970, 1, 9, 12))),
    e.IsIn(AT, (tables.FIRST_MOMENT, tables.LAST_MOMENT)),
]


@pytest.fixture(scope="module", params=[0, 400], ids=["no rows", "400 rows"])
def registered(request: pytest.FixtureRequest) -> RegisteredTable:
    return tables.table(tables.many_rows(request.param), rows_per_person=400)


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=e.show)
def test_an_operation_equals_pandas_and_exact_fractions(expr: e.Expr, registered: RegisteredTable) -> None:
    schema = tables.node(registered).schema
    type_ = e.infer(expr, schema).type
    found = registered.frame.with_columns(lower_expression(expr, schema).alias("found"))["found"]
    assert found.null_count() == 0 or type_.nullable
    rows = tables.natural(registered)
    held = [{name: _plain(value) for name, value in row.items()} for row in rows.to_dict("records")]
    assert [tables.comparable(v, type_) for v in found.to_list()] == [tables.exact(expr, tables.exact_row(row)) for row in held]
    if type_.is_time or e.Binary("-", AT, DAY) == expr:
        return
    assert tables.same_values(natural_values(found, type_), tables.pandas_value(expr, rows)), e.show(expr)


def _plain(value: Any) -> Any:
    """A value of pandas as plain Python has it; dates where there is no time of day."""
    if value is None or value != value or str(value) in ("<NA>", "NaT"):
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value


MOVED: list[e.Expr] = [
    e.Binary("+", DAY, N),
    e.Binary("-", DAY, M),
    e.Binary("+", X, DAY),
    e.Binary("+", AT, lit(Fraction(1, 1440))),
    e.Clip(AT, Fraction(0), Fraction(3, 2)),
    e.Clip(DAY, None, Fraction(3)),
    e.FillNull(AT, lit(tables.LAST_DAY)),
    e.Where(B, AT, DAY),
]


@pytest.mark.parametrize("expr", MOVED, ids=e.show)
def test_moved_dates_equal_exact_fractions(expr: e.Expr, registered: RegisteredTable) -> None:
    schema = tables.node(registered).schema
    type_ = e.infer(expr, schema).type
    found = registered.frame.with_columns(lower_expression(expr, schema).alias("found"))["found"].to_list()
    rows = tables.natural(registered).to_dict("records")
    wanted = [tables.exact(expr, tables.exact_row({name: _plain(v) for name, v in row.items()})) for row in rows]
    assert [tables.days_of(tables.comparable(v, type_)) for v in found] == [tables.days_of(v) for v in wanted]


def test_wide_numbers_have_exact_quotients() -> None:
    """Numbers of 62 bits: a remainder needs more than 64 bits on the way."""
    reach = 2**61
    schema = {
        name: Field(type=number_type(lo, reach, Fraction(1), False), uses=ALL_USES, owners=frozenset({"clinic"}))
        for name, lo in (("a", -reach), ("b", 1))
    }
    values = {"a": [-reach, reach, -1, 12_345_678_901_234_567], "b": [reach, 3, reach - 1, 1_000_003]}
    a, b = e.ColumnRef("a"), e.ColumnRef("b")
    for at, make in enumerate((o.FloorDivide, o.Modulo)):
        for expr in (make(a, b), make(a, lit(7)), make(lit(-reach), b), make(a, lit(Fraction(-1, 1000)))):
            found = pl.DataFrame(values).select(lower_expression(expr, schema).alias("x"))["x"].to_list()
            step = e.infer(expr, schema).type.step
            for i, value in enumerate(found):
                row = {name: Fraction(column[i]) for name, column in values.items()}
                left, right = tables.exact(expr.left, row), tables.exact(expr.right, row)
                assert value * step == divmod(Fraction(left), Fraction(right))[at]


def test_what_needs_more_than_126_bits_is_refused() -> None:
    schema = {"a": Field(type=number_type(0, 2**120, Fraction(1), False), uses=ALL_USES, owners=frozenset({"clinic"}))}
    with pytest.raises(RangeError, match="126 bits"):
        lower_expression(o.Modulo(e.ColumnRef("a"), lit(Fraction(7, 10**9))), schema)
