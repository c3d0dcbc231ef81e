"""Parts of dates and time stamps, row by row on shares.

A calendar in which every fourth year is a leap year is arithmetic alone: days are divided by 1461, the days of four years. So a
day is first moved by the leap days that were left out since a public base (1700, 1800, 1900, 2100, ...), of which a declared
range holds few or none: each is one comparison. Years that begin in March have their leap day at their end, and their months
in a rhythm that one more division gives.

Source: Neri and Schneider (2022), Euclidean affine functions and their application to calendar algorithms.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from secureframe.mpc.program import Value, bit_length, limbs_for
from secureframe.plan.expressions import infer
from secureframe.plan.forms import PRESENT, arith
from secureframe.plan.nodes import Node
from secureframe.plan.operations import DatePart
from secureframe.planner.operations import scaled_floor
from secureframe.schema.calendar import EPOCH, FIRST, PERIODS, TIMES_OF_DAY, first_of_month, first_period

if TYPE_CHECKING:
    from secureframe.planner.frames import FrameCompiler

FOUR_YEARS = 1461
_THURSDAY = 3
"""1970-01-01."""
_QUARTERS = (31, 122, 214, 306)
"""Days of a year that begins in March, before April, July, October and January."""
_JANUARY = 306
_PER_DAY = {"hour": 24, "minute": 1440, "second": 86_400}


def date_part(c: FrameCompiler, node: Node, expr: DatePart, limbs: int) -> Value:
    """The grid value of a part of a date.

    Leakage
        None: comparisons and divisions by public numbers.
    Rounds
        8 for a year or the day of the week, about 25 for a month, 33 for its day; 8 more for time stamps.
    """
    found = _Calendar(c, node, expr, limbs).part(expr.part)
    return c.builder.narrow(found, limbs) if found.limbs > limbs else found


def date_onehot(c: FrameCompiler, node: Node, expr: DatePart) -> Value | None:
    """One plane a year or period, from the boundaries alone; None for parts that come round again."""
    if expr.part != "year" and not expr.part.startswith("period"):
        return None
    b = c.builder
    calendar = _Calendar(c, node, expr, 1)
    reached = [b.ones_bits(1, node.length), *calendar.boundaries(expr.part)]
    found = b.rows([*(b.xor(now, following) for now, following in pairwise(reached)), reached[-1]])
    return b.and_(found, c.value(node, expr.operand, PRESENT)) if calendar.own.nullable else found


class _Calendar:
    """Dates or time stamps on shares; missing ones lie at the centre of the range, and what they give is left out later."""

    def __init__(self, c: FrameCompiler, node: Node, expr: DatePart, limbs: int) -> None:
        self.b, self.length = c.builder, node.length
        self.own = infer(expr.operand, node.schema).type
        self.per_day = self.own.step.denominator
        self.low, self.high = self.own.low, self.own.high
        # The widest numbers are the value itself, four times its days, and a day's rest times its seconds.
        widest = 16 * max(abs(self.low), abs(self.high)) + 86_400 * self.per_day + 1_000_000
        self.wide = max(limbs, limbs_for(bit_length(-widest, widest)))
        self.value = self.b.add_public(c.value(node, expr.operand, arith(self.wide)), [self.own.centre])
        self.first, self.last = self.low // self.per_day, self.high // self.per_day

    # -- steps ---------------------------------------------------------------------------------------------------------

    def _floor(self, x: Value, lo: int, hi: int, factor: int, divisor: int) -> Value:
        return scaled_floor(self.b, x, lo, hi, factor, divisor)

    def _days(self) -> Value:
        return self._floor(self.value, self.low, self.high, 1, self.per_day)

    def _reached(self, x: Value, lo: int, hi: int, bounds: Sequence[int]) -> list[Value]:
        """One plane a boundary: ``x >= bound``; 2 + log2 width rounds for all of them."""
        b = self.b
        planes = []
        for bound in bounds:
            if bound <= lo or bound > hi:
                planes.append(b.ones_bits(1, x.n) if bound <= lo else b.zeros("bits", 1, x.n))
            else:
                planes.append(b.invert(b.is_negative(b.add_public(x, [-bound]), bit_length(lo - bound, hi - bound))))
        return planes

    def _weighted(self, planes: Sequence[Value], weights: Sequence[int], constant: int) -> Value:
        """``constant`` plus the weights of planes that are set."""
        if not planes:
            return self.b.constant([constant] * self.length, limbs=self.wide)
        total = self.b.combine(self.b.to_arith(self.b.rows(list(planes)), self.wide), list(weights))
        return self.b.add_public(total, [constant]) if constant else total

    def _left_out(self, base: int) -> tuple[list[int], int]:
        """The days after a leap day that was left out: those within the range, and how many lie before it, since a base."""
        years = range(_year(max(base, FIRST)) // 100 * 100, _year(self.last) + 1, 100)
        after = [_day(year, 3) for year in years if year % 400 and base < _day(year, 3) <= self.last]
        return [day for day in after if day > self.first], sum(day <= self.first for day in after)

    def _since(self, base: int) -> tuple[Value, int, int]:
        """Days since a base with every fourth year a leap year, and their range."""
        within, before = self._left_out(base)
        days = self.b.add_public(self._days(), [before - base])
        if within:
            planes = self._reached(self.value, self.low, self.high, [day * self.per_day for day in within])
            days = self.b.add(days, self._weighted(planes, [1] * len(planes), 0))
        return days, self.first - base + before, self.last - base + before + len(within)

    def _years(self, month: int) -> tuple[int, Value, Value, int]:
        """The first year, years since then, and the day of the year, of years that begin in January or March; its largest."""
        first = _year(self.first) - (1 if month == 3 else 0)
        first -= (first - 1) % 4 if month == 1 else first % 4
        days, lo, hi = self._since(_day(first, month))
        quarters = self.b.add_public(self.b.multiply_public(days, [4]), [3])
        years = self._floor(quarters, 4 * lo + 3, 4 * hi + 3, 1, FOUR_YEARS)
        rest = self.b.subtract(quarters, self.b.multiply_public(years, [FOUR_YEARS]))
        return first, years, rest, FOUR_YEARS - 1

    def _day_of_year(self, rest: Value, most: int) -> tuple[Value, int]:
        """Days since the beginning of the year, from its quarters of days."""
        return self._floor(rest, 0, most, 1, 4), most // 4

    # -- parts ---------------------------------------------------------------------------------------------------------

    def part(self, part: str) -> Value:
        """A part as a number: a year, a month, days since 1970-01-01 (``date``), or the code of a period."""
        match part:
            case "date":
                return self._days()
            case "dayofweek":
                days = self.b.add_public(self._days(), [_THURSDAY])
                return self._modulo(days, self.first + _THURSDAY, self.last + _THURSDAY, 7)
            case "hour" | "minute" | "second":
                return self._time_of_day(part)
            case "year" | "period[Y]":
                first, years, _, _ = self._years(1)
                return self.b.add_public(years, [first - (0 if part == "year" else _year(self.first))])
            case "dayofyear":
                return self._day_of_january_year()
            case _:
                return self._of_march_year(part)

    def _day_of_january_year(self) -> Value:
        _, _, rest, most = self._years(1)
        days, _ = self._day_of_year(rest, most)
        # In a year whose leap day was left out, the days after it were moved by one.
        years = [_year(day) for day in self._left_out(_day(_year(self.first), 1) - 1)[0]]
        if _skips(_year(self.first)) and _year(self.first) not in years:
            years.insert(0, _year(self.first))
        bounds = [day * self.per_day for year in years for day in (_day(year, 3), _day(year + 1, 1))]
        moved = self._weighted(self._reached(self.value, self.low, self.high, bounds), [-1, 1] * len(years), 1)
        return self.b.add(days, moved)

    def _of_march_year(self, part: str) -> Value:
        first, years, rest, most = self._years(3)
        day, longest = self._day_of_year(rest, most)
        if part in ("quarter", "period[Q]"):
            planes = self._reached(day, 0, longest, _QUARTERS)
            if part == "quarter":
                return self._weighted(planes, [1, 1, 1, -3], 1)
            return self.b.add(self.b.multiply_public(years, [4]), self._weighted(planes, [1] * 4, 4 * first - self._start("Q")))
        month = self._floor(self.b.add_public(self.b.multiply_public(day, [5]), [2]), 2, 5 * longest + 2, 1, 153)
        match part:
            case "month":
                return self.b.add(month, self._weighted(self._reached(day, 0, longest, [_JANUARY]), [-12], 3))
            case "day":
                begun = self.b.add_public(self.b.multiply_public(month, [153]), [2])
                return self.b.add_public(self.b.subtract(day, self._floor(begun, 2, 153 * 11 + 2, 1, 5)), [1])
            case _:
                months = self.b.add(self.b.multiply_public(years, [12]), month)
                return self.b.add_public(months, [12 * first + 2 - self._start("M")])

    def _modulo(self, x: Value, lo: int, hi: int, divisor: int) -> Value:
        """``x % divisor`` for ``lo <= x <= hi`` by a public number."""
        return self.b.subtract(x, self.b.multiply_public(self._floor(x, lo, hi, 1, divisor), [divisor]))

    def _time_of_day(self, part: str) -> Value:
        rest = self.b.subtract(self.value, self.b.multiply_public(self._days(), [self.per_day]))
        found = self._floor(rest, 0, self.per_day - 1, _PER_DAY[part], self.per_day)
        return found if part == "hour" else self._modulo(found, 0, _PER_DAY[part] - 1, TIMES_OF_DAY[part])

    def _start(self, frequency: str) -> int:
        """The number of the first period of the range."""
        return first_period(frequency, Fraction(self.first))

    def boundaries(self, part: str) -> list[Value]:
        """Planes of the boundaries between the years or periods of the range that were reached, in order."""
        frequency = "Y" if part == "year" else part[7:-1]
        numbers = range(self._start(frequency) + 1, first_period(frequency, Fraction(self.last)) + 1)
        starts = [(first_of_month(number * PERIODS[frequency]) - EPOCH).days * self.per_day for number in numbers]
        return self._reached(self.value, self.low, self.high, starts)


def _year(day: int) -> int:
    return (EPOCH + datetime.timedelta(days=day)).year


def _skips(year: int) -> bool:
    """Whether a leap day is left out in a year that would have one."""
    return year % 100 == 0 and year % 400 != 0


def _day(year: int, month: int) -> int:
    """Days from 1970-01-01 to the first day of a month, of years before 1 and after 9999 too."""
    cycles = 0 if 1 <= year <= 9999 else (year - 1) // 400
    return (datetime.date(year - 400 * cycles, month, 1) - EPOCH).days + 146_097 * cycles
