"""Quotients on shares, rounded half to even onto a public grid: what a division or a coarser grid needs.

The range of a quotient is known, so an even number K at most its low end is too: ``num - K * den`` is never negative, and its
floored quotient by ``den`` differs from the wanted one by K. The rounding adds half a divisor before, and takes one back
where the remainder says that it was a tie and the quotient came out odd.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from secureframe.mpc.numeric import divide, floor_divide_public, from_planes
from secureframe.mpc.program import Builder, Value, bit_length, limbs_for
from secureframe.plan.expressions import Expr, Literal, Parameter, infer
from secureframe.schema.types import as_fraction

if TYPE_CHECKING:
    from secureframe.planner.frames import FrameCompiler


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotientShape:
    """Public bounds of a rounded quotient of secret integers.

    Parameters
    ----------
    lo, hi : int
        Range of the rounded quotient.
    denominator : int
        The largest denominator.
    """

    lo: int
    hi: int
    denominator: int

    @property
    def offset(self) -> int:
        """K: even, and at most the low end."""
        below = self.lo - 1
        return below - below % 2

    @property
    def quotient_width(self) -> int:
        return (self.hi - self.offset + 2).bit_length()

    @property
    def dividend_width(self) -> int:
        return (2 * self.denominator * (self.hi - self.offset + 2)).bit_length()

    @property
    def limbs(self) -> int:
        """Limbs of a ring in which nothing overflows: twice the numerator, and two bits more than the divisor."""
        reach = 2 * self.denominator * (max(abs(self.lo), abs(self.hi)) + 3 + abs(self.offset))
        return limbs_for(bit_length(-reach, reach) + 4)


def rounded_quotient(b: Builder, numerator: Value, denominator: Value | int, shape: QuotientShape) -> Value:
    """numerator / denominator, rounded half to even; the denominator is positive, secret or public.

    Rounds: those of one division (secret) or of one product and one conversion (public), and about ten more.
    """
    lowered: Value
    if isinstance(denominator, int):
        doubled = b.add_public(b.multiply_public(numerator, [2]), [denominator * (1 - 2 * shape.offset)])
        quotient = floor_divide_public(b, doubled, 2 * denominator, shape.dividend_width)
        product = b.multiply_public(quotient, [2 * denominator])
    else:
        shifted = b.add(b.multiply_public(numerator, [2]), b.multiply_public(denominator, [1 - 2 * shape.offset]))
        doubled, twice = shifted, b.multiply_public(denominator, [2])
        width = (2 * shape.denominator).bit_length()
        quotient = divide(b, doubled, twice, shape.dividend_width, width, shape.quotient_width)
        product = b.multiply(quotient, twice)
    tie = b.is_zero(b.subtract(doubled, product), shape.dividend_width)
    odd = b.pick_rows(b.to_bits(quotient, shape.quotient_width), [0])
    lowered = b.subtract(quotient, from_planes(b, b.and_(tie, odd), quotient.limbs))
    return b.add_public(lowered, [shape.offset])


def constant_grid(c: FrameCompiler, expr: Expr) -> Fraction | None:
    """The grid position of a literal or parameter on its own step; None for anything else."""
    if isinstance(expr, Literal):
        return Fraction(infer(expr, {}).type.low)
    if isinstance(expr, Parameter):
        return as_fraction(c.parameters[expr.name]) / expr.type.step
    return None
