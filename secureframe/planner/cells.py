"""Cells of a table on shares: which cell a row is in, as the product of two factors of which every cell is one pair.

A table of 1,000 cells has a plane of bits for each of its cells; turning all of them into ring elements would cost a thousand
elements a row. Instead the keys are cut into factors (a key with many levels into the high and the low half of its code), and
the factors into two sides of about 32 planes each. Sums over all cells are then inner products between the planes of one side
and the weighted planes of the other: one ring element a cell, and some sixty elements a row.

Rows with a missing key are in no cell. A row that is not valid may be in any: whoever adds up multiplies by validity.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from secureframe.mpc.bitplanes import plane_words
from secureframe.mpc.conversion import to_arith_cost
from secureframe.mpc.counting import count_bits_cost
from secureframe.mpc.numeric import levels_of_code
from secureframe.mpc.program import Builder, Value
from secureframe.mpc.traffic import words_sent
from secureframe.plan.expressions import ColumnRef
from secureframe.plan.forms import ONEHOT, PLANES, PRESENT
from secureframe.plan.nodes import Node

if TYPE_CHECKING:
    from secureframe.planner.frames import FrameCompiler

UNDIVIDED = 32
"""A key with at most so many levels is one factor, one bit a level; the code of one with more is cut in two halves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One key, or one half of the code of a key with many levels."""

    planes: Value
    level_of: tuple[int, ...]
    """For every cell, row-major, the plane that it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How often the masked side of a table is turned into ring elements (once a mask), and multiplied by values of rows.

    ``last`` of the products are needed for nothing but their sums: where no side is made once, those are inner products of
    what they consist of, and nothing is multiplied row by row.
    """

    masks: int = 1
    products: int = 0
    last: int = 0

    def cost(self, once: Sequence[Factor], masked: Sequence[Factor]) -> int:
        """Ring elements a row that are sent for a choice of sides: twice to make one of a bit, once for a product."""
        products = self.products if once else self.products - self.last
        return (2 * _planes(once) if once else 0) + _planes(masked) * (2 * self.masks + products)


class Cells:
    """The cells of one table over the rows of a frame.

    Parameters
    ----------
    c : FrameCompiler
        Where instructions go.
    frame : Node
        The frame, whose rows are on shares.
    by : tuple of str
        The keys; none makes one cell of all rows.
    work : Work
        What the sums will need: on it depends which keys are better on which side.
    """

    def __init__(self, c: FrameCompiler, frame: Node, by: tuple[str, ...], work: Work) -> None:
        self.c = c
        self.b: Builder = c.builder
        self.frame = frame
        self.by = by
        self.work = work
        self.sizes = [len(frame.schema[name].type.levels or ()) for name in by]
        self.count = math.prod(self.sizes)
        self._ariths: dict[int, Value] = {}

    @cached_property
    def _factors(self) -> list[Factor]:
        found: list[Factor] = []
        for position, name in enumerate(self.by):
            inner = math.prod(self.sizes[position + 1 :])
            level_of = [cell // inner % self.sizes[position] for cell in range(self.count)]
            found += self._factors_of(name, self.sizes[position], level_of)
        return found

    def _factors_of(self, name: str, size: int, level_of: Sequence[int]) -> list[Factor]:
        b, key = self.b, ColumnRef(name)
        if size <= UNDIVIDED:
            return [Factor(planes=self.c.value(self.frame, key, ONEHOT), level_of=tuple(level_of))]
        code = self.c.value(self.frame, key, PLANES)
        low = code.rows // 2
        lower = levels_of_code(b, b.pick_rows(code, range(low)), 1 << low)
        upper = levels_of_code(b, b.pick_rows(code, range(low, code.rows)), -(-size >> low))
        if self.frame.schema[name].type.nullable:
            lower = b.and_(lower, self.c.value(self.frame, key, PRESENT))
        return [
            Factor(planes=upper, level_of=tuple(level >> low for level in level_of)),
            Factor(planes=lower, level_of=tuple(level & (1 << low) - 1 for level in level_of)),
        ]

    @cached_property
    def _sides(self) -> tuple[list[Factor], list[Factor]]:
        """Factors on the side that is made once, and on the side that is masked."""
        best: tuple[int, list[Factor], list[Factor]] | None = None
        for length in range(len(self._factors) + 1):
            for chosen in itertools.combinations(range(len(self._factors)), length):
                once = [self._factors[i] for i in chosen]
                masked = [f for i, f in enumerate(self._factors) if i not in chosen]
                cost = self.work.cost(once, masked)
                if best is None or cost < best[0]:
                    best = cost, once, masked
        assert best is not None
        return best[1], best[2]

    def _product(self, factors: Sequence[Factor]) -> Value | None:
        """One plane for every combination of planes of some factors; None of no factor."""
        planes: Value | None = None
        for factor in factors:
            planes = factor.planes if planes is None else self.b.outer(planes, factor.planes)
        return planes

    @cached_property
    def _once(self) -> Value | None:
        return self._product(self._sides[0])

    @cached_property
    def _masked(self) -> Value | None:
        return self._product(self._sides[1])

    def weights(self, mask: Value, limbs: int) -> Value:
        """Rows of weights for ``sums``: the mask, within every plane of the masked side, as ring elements."""
        return self.b.to_arith(mask if self._masked is None else self.b.and_(self._masked, mask), limbs)

    @property
    def undivided(self) -> bool:
        """Whether all keys are on the masked side, so that weighted rows need no other factor."""
        return not self._sides[0]

    def inner(self, weights: Value, values: Value) -> Value:
        """Sums of the products of weighted rows and values within every cell, where all keys are on the masked side."""
        return self._ordered(self.b.reshape(self.b.inner(weights, values), 1))

    def sums(self, weights: Value, start: int = 0, stop: int | None = None) -> Value:
        """Sums of weighted rows, or of some of them, within every cell: arith ``(1, cells)``, row-major."""
        b = self.b
        stop = weights.n if stop is None else stop
        if (start, stop) != (0, weights.n):
            weights = b.cut(weights, start, stop)
        once = self._elements(weights.limbs)
        if once is None:
            found = b.sum(weights)
        else:
            once = once if (start, stop) == (0, once.n) else b.cut(once, start, stop)
            found = b.reshape(b.inner(once, weights), 1)
        return self._ordered(found)

    def _ordered(self, found: Value) -> Value:
        """Sums in the order of the cells."""
        index = self._order([*self._sides[0], *self._sides[1]])
        return found if index == list(range(found.n)) else self.b.take(found, index)

    def counts(self, planes: Value, start: int = 0, stop: int | None = None) -> Value:
        """How many elements of each plane are 1 in every cell: bits ``(q, n)`` to arith ``(1, cells * q)``, row-major.

        Counted in bits, a plane for every cell, or as inner products of ring elements: whichever sends less.
        """
        b, q = self.b, planes.rows
        stop = planes.n if stop is None else stop
        whole, n = (start, stop) == (0, planes.n), stop - start
        planes = planes if whole else b.cut(planes, start, stop)
        every, masked = self.count * q, q * _planes(self._sides[1])
        gates = 3 * every * plane_words(n) if self.by else 0
        if gates + words_sent(count_bits_cost(every, n)) <= words_sent(to_arith_cost(masked, n, 1)):
            cells = self.planes()
            if cells is None:
                return b.count_bits(planes)
            return b.count_bits(b.outer(cells if whole else b.cut(cells, start, stop), planes))
        side, once = self._masked, self._elements(1)
        if side is not None:
            planes = b.outer(side if whole else b.cut(side, start, stop), planes)
        weights = b.to_arith(planes)
        if once is not None and not whole:
            once = b.cut(once, start, stop)
        found = b.sum(weights) if once is None else b.reshape(b.inner(once, weights), 1)
        places = self._order([*self._sides[0], *self._sides[1]])
        index = [place * q + k for place in places for k in range(q)]
        return found if index == list(range(found.n)) else b.take(found, index)

    def _elements(self, limbs: int) -> Value | None:
        """The side that is made once, as ring elements."""
        if self._once is not None and limbs not in self._ariths:
            self._ariths[limbs] = self.b.to_arith(self._once, limbs)
        return self._ariths.get(limbs)

    def planes(self) -> Value | None:
        """One plane for every cell, row-major; None where all rows are one cell."""
        return self._every

    @cached_property
    def _every(self) -> Value | None:
        found = self._product(self._factors)
        if found is None:
            return None
        index = self._order(self._factors)
        return found if index == list(range(found.rows)) else self.b.pick_rows(found, index)

    def _order(self, factors: Sequence[Factor]) -> list[int]:
        """For every cell the place of its combination among those of the factors in this order."""
        places = [0] * self.count
        for factor in factors:
            places = [place * factor.planes.rows + level for place, level in zip(places, factor.level_of, strict=True)]
        return places


def _planes(factors: Sequence[Factor]) -> int:
    return math.prod(factor.planes.rows for factor in factors)
