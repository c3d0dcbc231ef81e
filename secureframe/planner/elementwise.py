"""Expressions over columns of several institutions, computed row by row on shares.

Logic is Kleene's without ever holding a third value: a condition is asked for where it is known to be true, and its
negation where it is known to be false, so negation is pushed inwards and costs nothing. Numbers are ring elements
``grid - centre``, zero where missing; a literal is its own centre.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from secureframe.errors import PlanError, RangeError
from secureframe.mpc.program import Value, bit_length
from secureframe.plan.expressions import (
    COMPARISONS,
    Binary,
    Clip,
    ColumnRef,
    Cut,
    Divide,
    Expr,
    FillNull,
    IsIn,
    IsNull,
    Literal,
    Not,
    Quantise,
    Where,
    Widen,
    common_step,
    infer,
    show,
)
from secureframe.plan.forms import PRESENT, TRUTH, Encoding, Form, arith, key_encoding
from secureframe.plan.nodes import Node
from secureframe.plan.operations import DatePart, FloorDivide, MapValues, Modulo
from secureframe.planner import operations
from secureframe.planner.calendar import date_onehot, date_part
from secureframe.planner.quotients import QuotientShape, constant_grid, rounded_quotient
from secureframe.schema.types import ColumnType, Kind

if TYPE_CHECKING:
    from secureframe.planner.frames import FrameCompiler

_COMPLEMENT = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
RING_BITS = 256
"""Widest number of a row; anything wider is refused before it runs."""


def emit(c: FrameCompiler, node: Node, expr: Expr, encoding: Encoding) -> Value:
    """Return an expression over columns of both sides of a merge, in a form."""
    match encoding.form:
        case Form.TRUTH:
            return _truth(c, node, expr)
        case Form.PRESENT:
            return _present(c, node, expr)
        case Form.ARITH:
            return _number(c, node, expr, encoding.limbs)
        case Form.PLANES:
            type_ = infer(expr, node.schema).type
            number = c.value(node, expr, arith(limbs_of(type_)))
            return c.builder.to_bits(c.builder.add_public(number, [type_.centre - type_.low]), type_.width)
        case Form.ONEHOT:
            return _onehot(c, node, expr)
        case _:
            raise PlanError(f"{show(expr)} mixes institutions and cannot be a key")


def limbs_of(type_: ColumnType, extra: int = 2) -> int:
    """Limbs of a ring that holds every difference of two values of this type."""
    width = bit_length(type_.low, type_.high) + extra
    if width > RING_BITS:
        raise RangeError("a number of the statement is too wide", hint="coarser grids: astype, or narrower ranges: clip")
    return -(-width // 64)


# -- conditions ----------------------------------------------------------------------------------------------------------


def _truth(c: FrameCompiler, node: Node, expr: Expr) -> Value:
    b = c.builder

    def truth(e: Expr) -> Value:
        if isinstance(e, Literal):
            return b.constant_bits([[e.value is True] * node.length])
        return c.value(node, e, TRUTH)

    match expr:
        case Binary("&", left, right):
            return b.and_(truth(left), truth(right))
        case Binary("|", left, right):
            return b.or_(truth(left), truth(right))
        case Binary(operator, left, right) if operator in COMPARISONS:
            return _compare(c, node, operator, left, right)
        case IsNull(operand):
            return b.invert(c.value(node, operand, PRESENT))
        case IsIn(operand, values):
            hits = [c.value(node, Binary("==", operand, Literal(v)), TRUTH) for v in values]
            if not hits:
                return b.constant_bits([[False] * node.length])
            return b.any_plane(b.rows(hits))
        case Where(condition, then, otherwise):
            chosen = truth(condition)
            return b.xor(b.and_(chosen, truth(then)), b.and_(b.invert(chosen), truth(otherwise)))
        case FillNull(operand, Literal(value)):
            return b.or_(truth(operand), b.invert(c.value(node, operand, PRESENT))) if value is True else truth(operand)
        case Not(operand):
            return _falsehood(c, node, operand)
        case Widen(operand, _):
            return b.zeros("bits", 1, node.length) if operand == Literal(None) else truth(operand)
        case MapValues():
            return operations.map_truth(c, node, expr)
        case _:
            raise PlanError(f"{show(expr)} is not offered over columns of several institutions")


def _falsehood(c: FrameCompiler, node: Node, expr: Expr) -> Value:
    """Where a condition is known to be false: its negation, pushed one node inwards."""
    b = c.builder

    def negated(e: Expr) -> Expr:
        if isinstance(e, Literal):
            return e if e.value is None else Literal(e.value is not True)
        return e.operand if isinstance(e, Not) else Not(e)

    match expr:
        case ColumnRef():
            return b.and_(c.value(node, expr, PRESENT), b.invert(c.value(node, expr, TRUTH)))
        case Not(operand):
            return c.value(node, operand, TRUTH)
        case Binary("&", left, right):
            return c.value(node, Binary("|", negated(left), negated(right)), TRUTH)
        case Binary("|", left, right):
            return c.value(node, Binary("&", negated(left), negated(right)), TRUTH)
        case Binary(operator, left, right) if operator in COMPARISONS:
            return c.value(node, Binary(_COMPLEMENT[operator], left, right), TRUTH)
        case IsNull(operand):
            return c.value(node, operand, PRESENT)
        case IsIn():
            return b.invert(c.value(node, expr, TRUTH))
        case Where(condition, then, otherwise):
            return c.value(node, Where(condition, negated(then), negated(otherwise)), TRUTH)
        case FillNull(operand, value):
            return c.value(node, FillNull(negated(operand), negated(value)), TRUTH)
        case Widen(operand, wider):
            return c.value(node, Widen(negated(operand), wider), TRUTH)
        case MapValues():
            return operations.map_falsehood(c, node, expr)
        case _:
            raise PlanError(f"{show(expr)} is not offered over columns of several institutions")


def _compare(c: FrameCompiler, node: Node, operator: str, left: Expr, right: Expr) -> Value:
    b = c.builder
    kinds = {infer(e, node.schema).type.kind for e in (left, right) if not isinstance(e, Literal)}
    if Kind.KEY in kinds:
        a, d = (infer(e, node.schema).type for e in (left, right))
        encoding = key_encoding(a, d)
        differ = b.xor(c.value(node, left, encoding), c.value(node, right, encoding))
        hit = b.all_planes(b.invert(differ))
        hit = b.invert(hit) if operator == "!=" else hit
    elif Kind.STRING in kinds:
        raise PlanError("text of different institutions is not compared", hint="declare it as a category or a key")
    else:
        if operator in (">", "<="):
            left, right = right, left
        difference, width = _difference(c, node, left, right)
        hit = b.is_zero(difference, width) if operator in ("==", "!=") else b.is_negative(difference, width)
        hit = b.invert(hit) if operator in ("!=", ">=", "<=") else hit
    for e in (left, right):
        if not isinstance(e, Literal) and infer(e, node.schema).type.nullable:
            hit = b.and_(hit, c.value(node, e, PRESENT))
    return hit


def _difference(c: FrameCompiler, node: Node, left: Expr, right: Expr) -> tuple[Value, int]:
    """left - right on their common grid, and the width that holds it."""
    types = []
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Literal):
            types.append(_literal_on(infer(other, node.schema).type, one))
        else:
            types.append(infer(one, node.schema).type)
    step = common_step(types[0].step, types[1].step)
    p, q = int(types[0].step / step), int(types[1].step / step)
    lo, hi = types[0].low * p - types[1].high * q, types[0].high * p - types[1].low * q
    width = bit_length(lo, hi)
    limbs = limbs_of(ColumnType(kind=Kind.INT, lo=lo, hi=hi))
    b = c.builder
    total: Value | None = None
    offset = 0
    for e, type_, factor in ((left, types[0], p), (right, types[1], -q)):
        known = constant_grid(c, e) if not isinstance(e, Literal) else Fraction(type_.low)
        if known is not None:
            offset += int(known * factor)
            continue
        term = c.value(node, e, arith(limbs))
        term = term if factor == 1 else b.multiply_public(term, [factor])
        offset += type_.centre * factor
        total = term if total is None else b.add(total, term)
    assert total is not None
    return (b.add_public(total, [offset]) if offset else total), width


def _literal_on(type_: ColumnType, literal: Literal) -> ColumnType:
    """The type of a constant that is compared with a column: its own, or its code in the column's domain."""
    if type_.kind in (Kind.CATEGORY, Kind.BOOL):
        grid = type_.to_grid(literal.value)
        assert grid is not None
        return ColumnType(kind=Kind.INT, lo=grid.numerator, hi=grid.numerator, step=Fraction(1, grid.denominator))
    return infer(literal, {}).type


def _present(c: FrameCompiler, node: Node, expr: Expr) -> Value:
    b = c.builder

    def present(e: Expr) -> Value | None:
        """None where the operand is never missing."""
        if e == Literal(None):
            return b.constant_bits([[False] * node.length])
        if isinstance(e, Literal) or not infer(e, node.schema).type.nullable:
            return None
        return c.value(node, e, PRESENT)

    def both(x: Value | None, y: Value | None) -> Value | None:
        return x if y is None else y if x is None else b.and_(x, y)

    found: Value | None
    match expr:
        case Binary("&" | "|") | Not():
            found = b.xor(c.value(node, expr, TRUTH), c.value(node, Not(expr), TRUTH))
        case Binary(_, left, right) | Divide(left, right, _) | FloorDivide(left, right) | Modulo(left, right):
            found = both(present(left), present(right))
        case Clip(operand) | Quantise(operand) | Widen(operand) | DatePart(operand):
            found = present(operand)
        case MapValues():
            found = operations.map_present(c, node, expr)
        case Where(condition, then, otherwise):
            chosen = c.value(node, condition, TRUTH)
            p, q = present(then), present(otherwise)
            p = chosen if p is None else b.and_(chosen, p)
            q = b.invert(chosen) if q is None else b.and_(b.invert(chosen), q)
            found = b.xor(p, q)
        case Cut():
            found = b.any_plane(_cut(c, node, expr))
        case _:
            found = None
    return b.constant_bits([[True] * node.length]) if found is None else found


# -- numbers ---------------------------------------------------------------------------------------------------------------


def _number(c: FrameCompiler, node: Node, expr: Expr, limbs: int) -> Value:
    """``grid - centre`` on the grid of the expression's type, zero where missing."""
    b = c.builder
    type_ = infer(expr, node.schema).type
    if type_.kind is Kind.BOOL:
        return b.to_arith(c.value(node, expr, TRUTH), limbs)

    def aligned(e: Expr, step: Fraction) -> tuple[Value | None, int]:
        """(u, k) with grid = u + k on ``step`` where present; u is None for a constant."""
        known = constant_grid(c, e)
        own = infer(e, node.schema).type
        factor = own.step / step
        if known is not None:
            return None, int(known * factor)
        u = c.value(node, e, arith(limbs))
        return (u if factor == 1 else b.multiply_public(u, [int(factor)])), int(own.centre * factor)

    def finish(u: Value | None, constant: int) -> Value:
        """Shift to the type's centre, and zero what is missing."""
        if u is None:
            u = b.constant([0] * node.length, limbs=limbs)
        shifted = b.add_public(u, [constant - type_.centre]) if constant != type_.centre else u
        return b.multiply(shifted, b.to_arith(c.value(node, expr, PRESENT), limbs)) if type_.nullable else shifted

    match expr:
        case Binary("+" | "-" as operator, left, right):
            (u, k), (v, m) = aligned(left, type_.step), aligned(right, type_.step)
            if operator == "-":
                m = -m
                v = None if v is None else b.multiply_public(v, [-1])
            total = u if v is None else v if u is None else b.add(u, v)
            return finish(total, k + m)
        case Binary("*", left, right):
            (u, k), (v, m) = (aligned(e, infer(e, node.schema).type.step) for e in (left, right))
            if u is None or v is None:
                other, constant, offset = (v, k, m) if u is None else (u, m, k)
                return finish(None if other is None else b.multiply_public(other, [constant]), constant * offset)
            return finish(b.multiply(b.add_public(u, [k]), b.add_public(v, [m])), 0)
        case Where(condition, then, otherwise):
            first, second = (aligned(e, type_.step) for e in _branches(then, otherwise))
            return finish(_select(c, node, condition, first, second, limbs), 0)
        case FillNull(operand, value):
            u, k = aligned(operand, type_.step)
            if isinstance(value, Literal) and type_.kind is Kind.CATEGORY:
                constant = _literal_on(type_, value).low
            else:
                _, constant = aligned(value, type_.step)
            assert u is not None
            there = b.to_arith(c.value(node, operand, PRESENT), limbs)
            return finish(b.add(u, b.multiply_public(there, [k - constant])), constant)
        case Clip(operand, low, high):
            return finish(_clipped(c, node, operand, low, high, type_, limbs), 0)
        case Cut(_, _, labels, _, _):
            planes = b.to_arith(_cut(c, node, expr), limbs)
            return b.combine(planes, [i - type_.centre for i in range(len(labels))])
        case Widen(operand) if type_.kind is not Kind.CATEGORY:
            if operand == Literal(None):
                return b.zeros("arith", 1, node.length, limbs)
            u, k = aligned(operand, type_.step)
            return finish(u, k)
        case Divide() | Quantise():
            return finish(_quotient(c, node, expr, type_, limbs), 0)
        case FloorDivide() | Modulo():
            return finish(operations.whole_quotient(c, node, expr, limbs), 0)
        case DatePart():
            return finish(date_part(c, node, expr, limbs), 0)
        case MapValues():
            return operations.map_number(c, node, expr, type_, limbs)
        case _:
            raise PlanError(f"{show(expr)} is not offered over columns of several institutions")


def _clipped(
    c: FrameCompiler, node: Node, operand: Expr, low: Fraction | None, high: Fraction | None, type_: ColumnType, limbs: int
) -> Value:
    """The grid value, moved to the nearer bound where it lies beyond it."""
    b = c.builder
    own = infer(operand, node.schema).type
    wide = max(limbs, limbs_of(own))
    factor = int(own.step / type_.step)
    grid = c.value(node, operand, arith(wide))
    grid = b.add_public(grid if factor == 1 else b.multiply_public(grid, [factor]), [own.centre * factor])
    reach = max(abs(own.low * factor), abs(own.high * factor))
    for bound, sign in ((low, 1), (high, -1)):
        if bound is None:
            continue
        end = int(bound / type_.step)
        over = b.multiply_public(b.add_public(grid, [-end]), [sign])
        beyond = b.to_arith(b.is_negative(over, bit_length(-reach - abs(end), reach + abs(end))), wide)
        grid = b.subtract(grid, b.multiply(beyond, b.add_public(grid, [-end])))
    return b.narrow(grid, limbs) if wide > limbs else grid


def _quotient(c: FrameCompiler, node: Node, expr: Divide | Quantise, type_: ColumnType, limbs: int) -> Value:
    """The grid value of a quotient, or of a number on another grid, rounded half to even."""
    b = c.builder
    left = expr.left if isinstance(expr, Divide) else expr.operand
    own = infer(left, node.schema).type
    divisor: ColumnType | None = None
    ratio, sign = own.step / expr.step, 1
    if isinstance(expr, Divide):
        divisor = infer(expr.right, node.schema).type
        ratio, sign = ratio / divisor.step, 1 if divisor.low > 0 else -1
    largest = 1 if divisor is None else max(abs(divisor.low), abs(divisor.high))
    shape = QuotientShape(lo=type_.low, hi=type_.high, denominator=largest * ratio.denominator)
    wide = max(limbs, shape.limbs)

    def grid(e: Expr, own: ColumnType) -> Value:
        known = constant_grid(c, e)
        if known is not None:
            return b.constant([int(known)] * node.length, limbs=wide)
        return b.add_public(c.value(node, e, arith(wide)), [own.centre])

    numerator = b.multiply_public(grid(left, own), [sign * ratio.numerator])
    denominator: Value | int = ratio.denominator
    if isinstance(expr, Divide) and divisor is not None:
        denominator = b.multiply_public(grid(expr.right, divisor), [sign * ratio.denominator])
    quotient = rounded_quotient(b, numerator, denominator, shape)
    return b.narrow(quotient, limbs) if quotient.limbs > limbs else quotient


def _branches(then: Expr, otherwise: Expr) -> tuple[Expr, Expr]:
    """The branches of a where; a missing one stands for 0, since the result is missing there anyway."""
    zero = Literal(0)
    return (zero if then == Literal(None) else then), (zero if otherwise == Literal(None) else otherwise)


Shifted = tuple[Value | None, int]
"""(u, k) with grid = u + k; u is None for a constant."""


def _select(c: FrameCompiler, node: Node, condition: Expr, then: Shifted, otherwise: Shifted, limbs: int) -> Value:
    """then where the condition is true, else otherwise; grid values."""
    b = c.builder
    chosen = b.to_arith(c.value(node, condition, TRUTH), limbs)
    (u, k), (v, m) = then, otherwise
    if u is None and v is None:
        return b.add_public(b.multiply_public(chosen, [k - m]), [m])
    difference = u if v is None else b.multiply_public(v, [-1]) if u is None else b.subtract(u, v)
    assert difference is not None
    picked = b.multiply(chosen, b.add_public(difference, [k - m]))
    return b.add_public(picked if v is None else b.add(picked, v), [m])


def _onehot(c: FrameCompiler, node: Node, expr: Expr) -> Value:
    b = c.builder
    type_ = infer(expr, node.schema).type
    if type_.kind is Kind.BOOL:
        return b.rows([c.value(node, Not(expr), TRUTH), c.value(node, expr, TRUTH)])
    if isinstance(expr, Cut):
        return _cut(c, node, expr)
    if isinstance(expr, MapValues):
        return operations.map_onehot(c, node, expr, type_)
    if isinstance(expr, DatePart) and (planes := date_onehot(c, node, expr)) is not None:
        return planes
    assert type_.levels is not None
    number = c.value(node, expr, arith())
    hits = [b.is_zero(b.add_public(number, [type_.centre - type_.low - i]), type_.width + 1) for i in range(len(type_.levels))]
    planes = b.rows(hits)
    return b.and_(planes, c.value(node, expr, PRESENT)) if type_.nullable else planes


def _cut(c: FrameCompiler, node: Node, expr: Cut) -> Value:
    """One plane a band, with its right edge or its left one; ``include_lowest`` adds the lowest edge to the former."""
    b = c.builder
    planes = []
    for i, (low, high) in enumerate(zip(expr.edges, expr.edges[1:], strict=False)):
        closed_low = not expr.right or (expr.include_lowest and i == 0)
        above = Binary(">=" if closed_low else ">", expr.operand, Literal(low))
        below = Binary("<=" if expr.right else "<", expr.operand, Literal(high))
        planes.append(b.and_(c.value(node, above, TRUTH), c.value(node, below, TRUTH)))
    return b.rows(planes)
