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
    uses : int
        How many masks and products there will be: the masked side is made anew for each of them, the other side once.
    """

    def __init__(self, c: FrameCompiler, frame: Node, by: tuple[str, ...], uses: int = 1) -> None:
        self.c = c
        self.b: Builder = c.builder
        self.frame = frame
        self.by = by
        self.uses = max(1, uses)
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
                cost = _planes(once) + self.uses * _planes(masked)
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

    def sums(self, weights: Value, start: int = 0, stop: int | None = None) -> Value:
        """Sums of weighted rows, or of some of them, within every cell: arith ``(1, cells)``, row-major."""
        stop = weights.n if stop is None else stop
        return self._summed(weights, self._order([*self._sides[0], *self._sides[1]]), start, stop)

    def counts(self, planes: Value, start: int = 0, stop: int | None = None) -> Value:
        """How many elements of each plane are 1 in every cell: bits ``(q, n)`` to arith ``(1, cells * q)``, row-major.

        Counted in bits, a plane for every cell, or as inner products of ring elements: whichever sends less.
        """
        b, q = self.b, planes.rows
        stop = planes.n if stop is None else stop
        n, masked = stop - start, _planes(self._sides[1])
        every = self.count * q
        gates = 0 if not self.by else 3 * every * plane_words(n)
        if gates + words_sent(count_bits_cost(every, n)) <= words_sent(to_arith_cost(masked * q, n, 1)) + 3 * every:
            cells = self.planes()
            if (start, stop) != (0, planes.n):
                planes = b.cut(planes, start, stop)
                cells = None if cells is None else b.cut(cells, start, stop)
            return b.count_bits(planes if cells is None else b.outer(cells, planes))
        weights = b.to_arith(planes if self._masked is None else b.outer(self._masked, planes))
        places = self._order([*self._sides[0], *self._sides[1]])
        index = [place * q + k for place in places for k in range(q)]
        return self._summed(weights, index, start, stop)

    def _summed(self, weights: Value, index: Sequence[int], start: int, stop: int) -> Value:
        """Sums of rows of weights, or of some of them, within every plane of the side that is made once; those at ``index``."""
        b = self.b
        if (start, stop) != (0, weights.n):
            weights = b.cut(weights, start, stop)
        once = self._elements(weights.limbs)
        if once is None:
            found = b.sum(weights)
        else:
            once = once if (start, stop) == (0, once.n) else b.cut(once, start, stop)
            found = b.reshape(b.inner(once, weights), 1)
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
