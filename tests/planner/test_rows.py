"""Values of rows on shares, in every form, against exact fractions in plain Python: nulls, Kleene logic, unmatched rows."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from secureframe.errors import RangeError
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Merge
from secureframe.plan.forms import ONEHOT, PLANES, PRESENT, TRUTH, VALID, Encoding, Form, arith
from secureframe.planner.elementwise import limbs_of
from secureframe.schema.types import ColumnType, Kind, number_type
from tests.local.tables import exact
from tests.planner.columns import decimal, on_shares
from tests.planner.rows import grid_of, rows_of, with_values
from tests.planner.strategies import Expressions, Frames
from tests.planner.study import FIRST_DAY, LEVELS, Study, random_tables, start

STUDIES: dict[int, Study] = {}
LARGE = 99


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


# -- every branch ------------------------------------------------------------------------------------------------------

COLUMN = {name: e.ColumnRef(name) for name in ("age", "male", "bmi", "grade", "entered", "score", "level", "rank", "hit", "seen")}
AGE, MALE, BMI, GRADE, ENTERED, SCORE, LEVEL, RANK, HIT, SEEN = COLUMN.values()
DAY = e.Literal(FIRST_DAY + datetime.timedelta(days=9))
TRUE, FALSE, NONE = e.Literal(True), e.Literal(False), e.Literal(None)
CUTOFF = e.Parameter("cutoff", number_type(-4, 40, Fraction(1, 2), False))


def binary(left: e.Expr, operator: str, right: e.Expr | float) -> e.Expr:
    return e.Binary(operator, left, right if isinstance(right, e.Expr) else e.Literal(right))


def cut(expr: e.Expr, *, right: bool, lowest: bool) -> e.Cut:
    return e.Cut(expr, (Fraction(-3), Fraction(0), Fraction(9, 2), Fraction(7)), LEVELS, right, lowest)


MIXED = binary(SCORE, "+", BMI)
"""A number of two institutions."""
OLDER = binary(AGE, ">", binary(SCORE, "*", 10))
"""A condition of two institutions."""
CUTS = [cut(binary(SCORE, "-", MALE), right=right, lowest=lowest) for right in (False, True) for lowest in (False, True)]

ACROSS: list[e.Expr] = [
    *(binary(SCORE, operator, BMI) for operator in e.COMPARISONS),
    *(binary(MIXED, operator, 21.25) for operator in e.COMPARISONS),
    *(binary(e.Literal(Fraction(43, 3)), operator, MIXED) for operator in e.COMPARISONS),
    *(binary(MIXED, operator, CUTOFF) for operator in ("<", "==", ">=")),
    *(binary(SEEN, operator, ENTERED) for operator in e.COMPARISONS),
    *(binary(RANK, operator, GRADE) for operator in ("==", "!=")),
    *(binary(HIT, operator, MALE) for operator in ("==", "<")),
    binary(MIXED, "==", 1e6),
    binary(HIT, "&", MALE),
    binary(HIT, "|", MALE),
    e.Not(binary(HIT, "&", MALE)),
    e.Not(binary(HIT, "|", MALE)),
    e.Not(e.Not(OLDER)),
    e.Not(OLDER),
    e.Not(e.IsNull(MIXED)),
    e.Not(e.IsIn(MIXED, (20, Fraction(61, 4)))),
    e.Not(e.Where(OLDER, HIT, MALE)),
    e.Not(e.FillNull(OLDER, TRUE)),
    e.Not(e.FillNull(OLDER, FALSE)),
    binary(binary(e.Not(HIT), "|", MALE), "&", binary(TRUE, "==", TRUE)),
    binary(e.Not(binary(HIT, "&", MALE)), "|", e.Not(FALSE)),
    e.IsNull(MIXED),
    e.IsNull(binary(HIT, "&", MALE)),
    e.IsNull(CUTS[0]),
    e.IsIn(MIXED, (20, Fraction(61, 4), 1000)),
    e.IsIn(MIXED, ()),
    e.IsIn(CUTS[1], LEVELS[:2]),
    e.Where(OLDER, HIT, MALE),
    e.Where(HIT, OLDER, NONE),
    e.Where(MALE, TRUE, OLDER),
    e.Where(e.IsNull(HIT), NONE, MALE),
    e.FillNull(OLDER, TRUE),
    e.FillNull(OLDER, FALSE),
    MIXED,
    binary(SCORE, "-", BMI),
    binary(binary(SCORE, "-", BMI), "-", CUTOFF),
    binary(e.Literal(7), "-", MIXED),
    binary(SCORE, "*", BMI),
    binary(MIXED, "*", Fraction(-5, 2)),
    binary(CUTOFF, "*", MIXED),
    binary(MIXED, "*", 0),
    binary(LEVEL, "+", AGE),
    binary(SEEN, "-", ENTERED),
    binary(e.FillNull(SEEN, DAY), "-", ENTERED),
    binary(HIT, "+", MALE),
    binary(HIT, "*", AGE),
    binary(OLDER, "-", HIT),
    e.Where(OLDER, SCORE, BMI),
    e.Where(OLDER, e.Literal(Fraction(1, 3)), e.Literal(5)),
    e.Where(OLDER, SCORE, NONE),
    e.Where(OLDER, NONE, CUTOFF),
    e.Where(HIT, ENTERED, SEEN),
    e.Where(HIT, GRADE, RANK),
    e.Where(HIT, GRADE, NONE),
    e.FillNull(MIXED, e.Literal(Fraction(7, 2))),
    e.FillNull(MIXED, CUTOFF),
    e.FillNull(binary(LEVEL, "+", AGE), e.Literal(-100)),
    e.FillNull(e.Where(HIT, ENTERED, SEEN), DAY),
    e.FillNull(e.Where(HIT, GRADE, RANK), e.Literal("mid")),
    e.FillNull(e.Where(HIT, MALE, NONE), e.Literal(1)),
    e.FillNull(CUTS[3], e.Literal("high")),
    e.Clip(MIXED, Fraction(25, 2), Fraction(20)),
    e.Clip(MIXED, Fraction(37, 3), None),
    e.Clip(MIXED, None, Fraction(15)),
    *CUTS,
    binary(CUTS[2], "==", e.Literal("mid")),
    binary(CUTS[0], "!=", GRADE),
    e.Quantise(MIXED, Fraction(1, 10)),
    e.Quantise(MIXED, Fraction(2)),
    e.Divide(MIXED, AGE, Fraction(1, 64)),
    e.Divide(MIXED, e.Clip(SCORE, None, Fraction(-1)), Fraction(1, 10)),
    e.Divide(SCORE, BMI, Fraction(1, 128)),
    e.Divide(e.Literal(100), e.Clip(MIXED, Fraction(1), None), Fraction(1)),
]

ON_THE_RIGHT: list[e.Expr] = [
    *(binary(SCORE, operator, 2) for operator in e.COMPARISONS),
    *(binary(e.FillNull(SCORE, e.Literal(2)), operator, 2) for operator in e.COMPARISONS),
    binary(HIT, "&", binary(SCORE, ">", 0)),
    binary(HIT, "&", e.Not(e.IsNull(SCORE))),
    binary(e.Not(e.IsNull(SCORE)), "&", HIT),
    binary(HIT, "|", e.IsNull(SCORE)),
    binary(HIT, "|", binary(HIT, "&", e.Not(e.IsNull(LEVEL)))),
    e.Not(binary(HIT, "|", e.Not(e.IsNull(SCORE)))),
    e.Not(HIT),
    e.IsNull(LEVEL),
    e.Not(e.IsNull(LEVEL)),
    e.FillNull(HIT, TRUE),
    e.FillNull(HIT, FALSE),
    e.FillNull(LEVEL, e.Literal(Fraction(11, 2))),
    e.FillNull(SCORE, CUTOFF),
    e.FillNull(RANK, e.Literal("high")),
    e.FillNull(SEEN, DAY),
    binary(e.FillNull(SEEN, DAY), "-", e.Literal(FIRST_DAY)),
    binary(e.FillNull(SEEN, DAY), "<=", DAY),
    binary(e.FillNull(RANK, e.Literal("high")), "==", e.Literal("high")),
    e.IsIn(e.FillNull(SCORE, e.Literal(1)), (1, 2)),
    e.IsIn(SCORE, (1, 2)),
    e.IsIn(e.FillNull(RANK, e.Literal("mid")), ("mid",)),
    e.Where(binary(SCORE, ">", 3), LEVEL, e.Literal(-1)),
    e.Where(binary(SCORE, ">", 3), e.Literal(-1), NONE),
    e.Where(e.IsNull(SCORE), TRUE, HIT),
    e.Where(e.IsNull(SCORE), e.Literal(3), SCORE),
    e.Where(HIT, RANK, NONE),
    e.Clip(e.FillNull(SCORE, e.Literal(90)), Fraction(0), Fraction(5)),
    e.Clip(e.FillNull(SCORE, e.Literal(-90)), Fraction(0), None),
    e.Clip(SCORE, Fraction(0), Fraction(5)),
    binary(e.FillNull(SCORE, e.Literal(2)), "*", e.FillNull(LEVEL, e.Literal(Fraction(1, 2)))),
    binary(e.FillNull(HIT, TRUE), "+", e.IsNull(SCORE)),
    binary(SCORE, "+", LEVEL),
    e.Quantise(e.FillNull(LEVEL, e.Literal(Fraction(5, 2))), Fraction(1)),
    e.Quantise(LEVEL, Fraction(1, 3)),
    e.Divide(e.FillNull(SCORE, e.Literal(-7)), e.FillNull(e.Clip(LEVEL, Fraction(1), None), e.Literal(2)), Fraction(1)),
    e.Divide(SCORE, e.Clip(LEVEL, Fraction(1), None), Fraction(1, 16)),
    *(
        cut(e.FillNull(SCORE, e.Literal(edge)), right=right, lowest=lowest)
        for edge in (-3, 7, 9)
        for right in (False, True)
        for lowest in (False, True)
    ),
    cut(SCORE, right=True, lowest=False),
]


def large() -> Study:
    """Rows enough that every edge and every pair of missing and present values occurs."""
    if LARGE not in STUDIES:
        STUDIES[LARGE] = start(random_tables(LARGE, persons=45), persons=48)
    return STUDIES[LARGE]


def linked(study: Study, how: str) -> Merge:
    return Merge(study.table("clinic.people"), study.table("labor.scores"), ("id",), ("id",), how)


@pytest.mark.parametrize("how", ("inner", "left"))
def test_every_expression_over_columns_of_two_institutions(how: str) -> None:
    check(large(), linked(large(), how), ACROSS, {"cutoff": Fraction(39, 2)})


@pytest.mark.parametrize("how", ("inner", "left"))
def test_every_expression_over_columns_of_the_right_side(how: str) -> None:
    check(large(), linked(large(), how), ON_THE_RIGHT, {"cutoff": Fraction(-3, 2)})


def test_keys_of_two_institutions() -> None:
    """A case's own row at the other institution: the left key repeats, is missing, or has no match."""
    frame = Merge(large().table("clinic.people"), large().table("labor.scores"), ("case_id",), ("id",), "left", ("_l", "_r"))
    same = [e.Binary(operator, e.ColumnRef(a), e.ColumnRef("id_r")) for a in ("id_l", "case_id") for operator in ("==", "!=")]
    check(large(), frame, [*same, SCORE, e.IsNull(e.ColumnRef("id_r"))])


def test_categories_of_two_institutions_beside_a_shared_one() -> None:
    base = linked(large(), "left")
    made = n.Project(base, (("band", CUTS[0]), ("grade", GRADE), ("rank", RANK), ("id", e.ColumnRef("id"))))
    frame = Merge(made, large().table("register.events"), ("id",), ("id",), "left")
    check(large(), frame, [binary(e.ColumnRef(a), "==", e.ColumnRef("kind")) for a in ("band", "grade", "rank")])


# -- refused -----------------------------------------------------------------------------------------------------------


def test_numbers_too_wide_are_refused_before_anything_runs() -> None:
    wide: e.Expr = MIXED
    for _ in range(6):
        wide = e.Binary("*", wide, wide)
    with pytest.raises(RangeError, match="too wide") as refused:
        on_shares(linked(study(0), "inner"), [(e.Binary("<", wide, AGE), TRUTH)], study(0).tables)
    assert refused.value.hint is not None
