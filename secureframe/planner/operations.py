"""Whole quotients, remainders and maps, row by row on shares.

Ranges are public, so a whole quotient is a floored division of a number that is never negative, and a map is a sum over the
planes that say which entry a row has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from secureframe.mpc.numeric import divide, floor_divide_public
from secureframe.mpc.program import Builder, Value, bit_length, limbs_for
from secureframe.plan.expressions import Binary, Expr, Literal, infer
from secureframe.plan.forms import ONEHOT, TRUTH, arith
from secureframe.plan.nodes import Node
from secureframe.plan.operations import FloorDivide, MapValues, Modulo
from secureframe.planner.quotients import constant_grid
from secureframe.schema.types import ColumnType, Scalar

if TYPE_CHECKING:
    from secureframe.planner.frames import FrameCompiler

# -- whole quotients -------------------------------------------------------------------------------------------------------


def whole_quotient(c: FrameCompiler, node: Node, expr: FloorDivide | Modulo, limbs: int) -> Value:
    """The grid value of ``left // right`` or of ``left % right``; where the divisor is public, without a division.

    Rounds: those of ``floor_divide_public`` or of ``divide``, and one product for the remainder by a column.
    """
    b = c.builder
    left, right = (infer(e, node.schema).type for e in (expr.left, expr.right))
    quotient = infer(FloorDivide(expr.left, expr.right), node.schema).type
    ratio, sign = left.step / right.step, 1 if right.low > 0 else -1
    p, q = sign * ratio.numerator, sign * ratio.denominator
    known = constant_grid(c, expr.right)
    largest = max(abs(right.low), abs(right.high)) * ratio.denominator if known is None else int(known * q)
    points = quotient.high - quotient.low
    reach = (max(abs(quotient.low), abs(quotient.high)) + 2) * largest
    wide = max(limbs, limbs_for(bit_length(-2 * reach, 2 * reach) + 2))

    def grid(e: Expr, type_: ColumnType, factor: int) -> Value:
        point = constant_grid(c, e)
        if point is not None:
            return b.constant([int(point) * factor] * node.length, limbs=wide)
        return b.multiply_public(b.add_public(c.value(node, e, arith(wide)), [type_.centre]), [factor])

    numerator = grid(expr.left, left, p)
    width = max(1, ((points + 1) * largest - 1).bit_length())
    if known is not None:
        lowered = b.add_public(numerator, [-quotient.low * largest])
        found = floor_divide_public(b, lowered, largest, width)
        rest = b.subtract(lowered, b.multiply_public(found, [largest])) if isinstance(expr, Modulo) else None
    else:
        denominator = grid(expr.right, right, q)
        lowered = b.subtract(numerator, b.multiply_public(denominator, [quotient.low]))
        found = divide(b, lowered, denominator, width, largest.bit_length(), max(1, points.bit_length()))
        rest = b.subtract(lowered, b.multiply(found, denominator)) if isinstance(expr, Modulo) else None
    result = b.add_public(found, [quotient.low]) if rest is None else b.multiply_public(rest, [sign])
    return b.narrow(result, limbs) if result.limbs > limbs else result


def scaled_floor(b: Builder, x: Value, lo: int, hi: int, factor: int, divisor: int) -> Value:
    """``floor(x * factor / divisor)`` for ``lo <= x <= hi`` by public numbers; in the ring of ``x``, which holds the products."""
    common = math.gcd(factor, divisor)
    factor, divisor = factor // common, divisor // common
    least = lo * factor // divisor
    lowered = b.add_public(b.multiply_public(x, [factor]), [-least * divisor])
    width = max(1, (hi * factor - least * divisor).bit_length())
    return b.add_public(floor_divide_public(b, lowered, divisor, width), [least])


# -- maps ------------------------------------------------------------------------------------------------------------------


def _entries(c: FrameCompiler, node: Node, expr: MapValues) -> list[tuple[Value, Scalar]]:
    """For every entry of a map that a row can have: the plane of the rows that have it, and its value."""
    b = c.builder
    own = infer(expr.operand, node.schema).type
    planes = c.value(node, expr.operand, ONEHOT) if own.levels is not None else None
    found: list[tuple[Value, Scalar]] = []
    for key, value in zip(expr.keys, expr.values, strict=True):
        point = own.to_grid(key)
        if value is None or point is None or point.denominator != 1 or not own.low <= point <= own.high:
            continue
        if planes is not None:
            found.append((b.pick_rows(planes, [int(point) - own.low]), value))
        else:
            found.append((c.value(node, Binary("==", expr.operand, Literal(key)), TRUTH), value))
    return found


def _any(c: FrameCompiler, node: Node, planes: Sequence[Value]) -> Value:
    """Planes of which no two are set in one row, added; nothing is sent."""
    b = c.builder
    if not planes:
        return b.zeros("bits", 1, node.length)
    total = planes[0]
    for plane in planes[1:]:
        total = b.xor(total, plane)
    return total


def map_truth(c: FrameCompiler, node: Node, expr: MapValues) -> Value:
    """Where a map gives True."""
    return _any(c, node, [plane for plane, value in _entries(c, node, expr) if value is True])


def map_falsehood(c: FrameCompiler, node: Node, expr: MapValues) -> Value:
    """Where a map gives False."""
    return _any(c, node, [plane for plane, value in _entries(c, node, expr) if value is False])


def map_present(c: FrameCompiler, node: Node, expr: MapValues) -> Value:
    """Where a map gives a value."""
    return _any(c, node, [plane for plane, _ in _entries(c, node, expr)])


def map_onehot(c: FrameCompiler, node: Node, expr: MapValues, type_: ColumnType) -> Value:
    """One plane a level of what a map gives."""
    entries = _entries(c, node, expr)
    points = [type_.to_grid(value) for _, value in entries]
    levels = range(type_.low, type_.high + 1)
    return c.builder.rows(
        [_any(c, node, [plane for (plane, _), p in zip(entries, points, strict=True) if p == level]) for level in levels]
    )


def map_number(c: FrameCompiler, node: Node, expr: MapValues, type_: ColumnType, limbs: int) -> Value:
    """What a map gives minus the centre, zero where it gives nothing. 2 rounds; one ring element an entry."""
    b = c.builder
    entries = _entries(c, node, expr)
    if not entries:
        return b.zeros("arith", 1, node.length, limbs)
    weights = []
    for _, value in entries:
        point = type_.to_grid(value)
        assert point is not None
        weights.append(int(point) - type_.centre)
    return b.combine(b.to_arith(b.rows([plane for plane, _ in entries]), limbs), weights)
