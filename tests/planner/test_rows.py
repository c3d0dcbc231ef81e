"""Values of rows on shares, in every form, against exact fractions in plain Python: nulls, Kleene logic, unmatched rows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from secureframe.errors import PlanError, RangeError
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.forms import ONEHOT, PLANES, PRESENT, TRUTH, VALID, Encoding, Form, arith
from secureframe.planner.elementwise import limbs_of
from secureframe.schema.types import ColumnType, Kind
from tests.local.tables import exact
from tests.planner.columns import decimal, on_shares
from tests.planner.rows import grid_of, rows_of, with_values
from tests.planner.strategies import Expressions, Frames
from tests.planner.study import LEVELS, Study, random_tables, start

STUDIES: dict[int, Study] = {}


def study(seed: int) -> Study:
    if seed not in STUDIES:
        STUDIES[seed] = start(random_tables(seed))
    return STUDIES[seed]


def forms_of(type_: ColumnType) -> list[Encoding]:
    """Every form that a column of this type is asked for in."""
    if type_.kind is Kind.BOOL:
        return [PRESENT, TRUTH, ONEHOT, arith(1), PLANES]
    if type_.kind is Kind.CATEGORY:
        return [PRESENT, ONEHOT, arith(1)]
    return [PRESENT, arith(limbs_of(type_)), *([PLANES] if type_.width < 60 else [])]


def expected(form: Form, grid: int | None, type_: ColumnType) -> Any:
    """What one valid row holds in a form; None where nothing is said about it."""
    match form:
        case Form.PRESENT:
            return int(grid is not None)
        case Form.TRUTH:
            return int(grid == 1)
        case Form.ARITH:
            return 0 if grid is None else grid - type_.centre
        case Form.ONEHOT:
            return [int(grid is not None and grid - type_.low == i) for i in range(len(type_.levels or ()))]
        case _:
            return None if grid is None else grid - type_.low


def check(study: Study, node: n.Node, exprs: Sequence[e.Expr], parameters: dict[str, Any] | None = None) -> None:
    """Hold every form of every expression against the oracle, in every valid row."""
    types = [e.infer(expr, node.schema).type for expr in exprs]
    wanted = [(expr, form) for expr, type_ in zip(exprs, types, strict=True) for form in forms_of(type_)]
    found = on_shares(node, [(None, VALID), *wanted], study.tables, parameters)
    rows = rows_of(node, study.tables, parameters)
    assert [bool(v) for v in found[0][0]] == [row is not None for row in rows] + [False] * (node.length - len(rows))
    for (expr, encoding), plain in zip(wanted, found[1:], strict=True):
        type_ = e.infer(expr, node.schema).type
        held = decimal(plain) if encoding.form is Form.PLANES else plain[0]
        for position, row in enumerate(rows):
            if row is None:
                continue
            grid = grid_of(exact(with_values(expr, parameters or {}), row), type_)
            wants = expected(encoding.form, grid, type_)
            has = [int(x) for x in plain[:, position]] if encoding.form is Form.ONEHOT else int(held[position])
            assert wants is None or has == wants, (e.show(expr), encoding.form)


@settings(
    max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(st.data(), st.integers(0, 3))
def test_random_expressions_over_random_merges(data: st.DataObject, seed: int) -> None:
    node = Frames(data.draw, study(seed)).merged()
    draw = Expressions(data.draw, node.schema)
    exprs = [draw.any(2) for _ in range(3)]
    value = data.draw(st.integers(-4, 40)) * Fraction(1, 2)
    check(study(seed), node, exprs, {"cutoff": value})
