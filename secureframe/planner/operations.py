"""Whole quotients, remainders, maps and parts of dates, row by row on shares.

Ranges are public, so a whole quotient is a floored division of a number that is never negative, a map is a sum over the planes
that say which entry a row has, and a calendar is a list of public boundaries that a day has passed or not.
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from secureframe.mpc.numeric import divide, floor_divide_public
from secureframe.mpc.program import Value, bit_length, limbs_for
from secureframe.plan.expressions import Binary, Expr, Literal, infer
from secureframe.plan.forms import ONEHOT, PRESENT, TRUTH, arith
from secureframe.plan.nodes import Node
from secureframe.plan.operations import DatePart, FloorDivide, MapValues, Modulo
from secureframe.planner.quotients import constant_grid
from secureframe.schema.calendar import EPOCH, PERIODS, TIMES_OF_DAY, first_of_month, first_period
from secureframe.schema.types import ColumnType, Scalar

if TYPE_CHECKING:
    from secureframe.planner.frames import FrameCompiler

_BEFORE_MONTH = (31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337)
"""Days of a year that begins in March, before its second to twelfth month; a leap day is its last, and moves none of them."""
_DAY_OF_EPOCH = 3
"""1970-01-01 was a Thursday."""


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


def _floor(c: FrameCompiler, x: Value, lo: int, hi: int, factor: int, divisor: int) -> Value:
    """``floor(x * factor / divisor)`` for ``lo <= x <= hi`` by public numbers; in the ring of ``x``, which holds the products."""
    b = c.builder
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


# -- parts of dates --------------------------------------------------------------------------------------------------------


class _Calendar:
    """Time stamps on shares, and which public boundaries they have reached.

    Parameters
    ----------
    expr : DatePart
        Whose operand is looked at; missing values lie at the centre of the range, whatever they give is left out later.
    """

    def __init__(self, c: FrameCompiler, node: Node, expr: DatePart, limbs: int) -> None:
        self.c, self.b, self.node, self.limbs = c, c.builder, node, limbs
        self.own = infer(expr.operand, node.schema).type
        self.per_day = int(1 / self.own.step)
        # The widest numbers are the value itself, some 400 days, and a day's rest times its seconds.
        widest = max(abs(self.own.low), abs(self.own.high)) + max(800, 86_400) * self.per_day
        self.wide = max(limbs, limbs_for(bit_length(-2 * widest, 2 * widest)))
        self.value = self.b.add_public(c.value(node, expr.operand, arith(self.wide)), [self.own.centre])
        self.low, self.high = self.own.low, self.own.high

    def reached(self, x: Value, lo: int, hi: int, bounds: Sequence[int]) -> list[Value]:
        """One plane a boundary: ``x >= bound``; 2 + log2 width rounds for all of them."""
        b = self.b
        planes = []
        for bound in bounds:
            if bound <= lo or bound > hi:
                planes.append(b.ones_bits(1, x.n) if bound <= lo else b.zeros("bits", 1, x.n))
            else:
                planes.append(b.invert(b.is_negative(b.add_public(x, [-bound]), bit_length(lo - bound, hi - bound))))
        return planes

    def weighted(self, planes: Sequence[Value], weights: Sequence[int], constant: int) -> Value:
        """``constant`` plus the weights of planes that are set."""
        if not planes:
            return self.b.constant([constant] * self.node.length, limbs=self.wide)
        total = self.b.combine(self.b.to_arith(self.b.rows(list(planes)), self.wide), list(weights))
        return self.b.add_public(total, [constant]) if constant else total

    def since(self, starts: Sequence[int]) -> tuple[Value, int]:
        """What is left since the last of some increasing starts (in days) that was reached, and its largest value."""
        grid = [start * self.per_day for start in starts if start * self.per_day <= self.high]
        while len(grid) > 1 and grid[1] <= self.low:
            del grid[0]
        planes = self.reached(self.value, self.low, self.high, grid[1:])
        begun = self.weighted(planes, [b - a for a, b in itertools.pairwise(grid)], grid[0])
        longest = max(b - a for a, b in zip(grid, [*grid[1:], self.high + 1], strict=True))
        return self.b.subtract(self.value, begun), longest - 1

    def part(self, part: str) -> Value:
        """A part as a number: a year, a month, days since 1970-01-01 (``date``), or the code of a period."""
        first, last = (EPOCH + datetime.timedelta(days=end // self.per_day) for end in (self.low, self.high))
        if part == "year" or part.startswith("period"):
            planes = self.boundaries(part)
            return self.weighted(planes, [1] * len(planes), first.year if part == "year" else 0)
        if part in ("date", "dayofweek"):
            days = _floor(self.c, self.value, self.low, self.high, 1, self.per_day)
            lo, hi = self.low // self.per_day, self.high // self.per_day
            if part == "date":
                return days
            return self._modulo(self.b.add_public(days, [_DAY_OF_EPOCH]), lo + _DAY_OF_EPOCH, hi + _DAY_OF_EPOCH, 7)
        if part in TIMES_OF_DAY:
            return self._time_of_day(part)
        years = range(first.year, last.year + 1)
        if part == "dayofyear":
            rest, longest = self.since([(datetime.date(y, 1, 1) - EPOCH).days for y in years])
            return self.b.add_public(_floor(self.c, rest, 0, longest, 1, self.per_day), [1])
        rest, longest = self.since([_first_of_march(y) for y in range(first.year - 1, last.year + 1)])
        planes = self.reached(rest, 0, longest, [days * self.per_day for days in _BEFORE_MONTH])
        match part:
            case "month":
                return self.weighted(planes, [1] * 9 + [-11, 1], 3)
            case "quarter":
                return self.weighted([planes[i] for i in (0, 3, 6, 9)], [1, 1, 1, -3], 1)
            case _:
                steps = [b - a for a, b in zip((0, *_BEFORE_MONTH), _BEFORE_MONTH, strict=False)]
                begun = self.weighted(planes, [days * self.per_day for days in steps], 0)
                day = _floor(self.c, self.b.subtract(rest, begun), 0, 31 * self.per_day - 1, 1, self.per_day)
                return self.b.add_public(day, [1])

    def _modulo(self, x: Value, lo: int, hi: int, divisor: int) -> Value:
        """``x % divisor`` for ``lo <= x <= hi`` by a public number."""
        return self.b.subtract(x, self.b.multiply_public(_floor(self.c, x, lo, hi, 1, divisor), [divisor]))

    def _time_of_day(self, part: str) -> Value:
        lo, hi = self.low, self.high
        days = _floor(self.c, self.value, lo, hi, 1, self.per_day)
        rest = self.b.subtract(self.value, self.b.multiply_public(days, [self.per_day]))
        per_day = {"hour": 24, "minute": 1440, "second": 86_400}[part]
        found = _floor(self.c, rest, 0, self.per_day - 1, per_day, self.per_day)
        return found if part == "hour" else self._modulo(found, 0, per_day - 1, TIMES_OF_DAY[part])

    def boundaries(self, part: str) -> list[Value]:
        """Planes of the boundaries between the years or periods of the range that were reached, in order."""
        months = PERIODS["Y" if part == "year" else part[7:-1]]
        low, high = (Fraction(end) * self.own.step for end in (self.low, self.high))
        numbers = range(first_period(_FREQUENCY[months], low) + 1, first_period(_FREQUENCY[months], high) + 1)
        starts = [(first_of_month(number * months) - EPOCH).days * self.per_day for number in numbers]
        return self.reached(self.value, self.low, self.high, starts)


_FREQUENCY = {months: name for name, months in PERIODS.items()}


def _first_of_march(year: int) -> int:
    """Days from 1970-01-01 to the first of March; of the year 0 too, which Python's calendar leaves out."""
    return (datetime.date(year, 3, 1) - EPOCH).days if year else (datetime.date(1, 3, 1) - EPOCH).days - 365


def date_part(c: FrameCompiler, node: Node, expr: DatePart, limbs: int) -> Value:
    """The grid value of a part of a date."""
    calendar = _Calendar(c, node, expr, limbs)
    found = calendar.part(expr.part)
    return c.builder.narrow(found, limbs) if found.limbs > limbs else found


def date_onehot(c: FrameCompiler, node: Node, expr: DatePart) -> Value | None:
    """One plane a year or period, from the boundaries alone; None for parts that come round again."""
    if expr.part != "year" and not expr.part.startswith("period"):
        return None
    b = c.builder
    calendar = _Calendar(c, node, expr, 1)
    reached = [b.ones_bits(1, node.length), *calendar.boundaries(expr.part)]
    planes = [*(b.xor(now, following) for now, following in itertools.pairwise(reached)), reached[-1]]
    found = b.rows(planes)
    return b.and_(found, c.value(node, expr.operand, PRESENT)) if calendar.own.nullable else found

