"""Columns at the edges: lengths around the word, widths around the limb, values at both ends of a range and around zero."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc.program import limbs_for

Plain = NDArray[Any]

LENGTHS = (1, 2, 63, 64, 65, 127, 1003)
WIDTHS = (1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129, 192)
PATTERNS = ("zeros", "ones", "equal", "ends", "sorted", "reversed", "repeated", "spread")


class Case(NamedTuple):
    """A column: its length, the width of its values in bits, and how they lie."""

    n: int
    width: int
    pattern: str

    @property
    def limbs(self) -> int:
        """Limbs that hold two's complement integers of the width."""
        return limbs_for(self.width)

    def coins(self, which: int = 0) -> random.Random:
        """Coins that are the same in every run and on every machine."""
        return random.Random(f"{self} {which}")

    def signed(self, which: int = 0, rows: int = 1) -> Plain:
        """Two's complement integers ``(rows, n)``; ``which`` tells the operands of one protocol apart."""
        half = 1 << (self.width - 1)
        return self._numbers(-half, half - 1, -1, which, rows)

    def unsigned(self, which: int = 0, rows: int = 1) -> Plain:
        """Integers ``(rows, n)`` from zero on."""
        high = (1 << self.width) - 1
        return self._numbers(0, high, high, which, rows)

    def _numbers(self, low: int, high: int, ones: int, which: int, rows: int) -> Plain:
        span, coins = high - low, self.coins(which)
        out = np.empty((rows, self.n), object)
        for row in range(rows):
            out[row] = self._row(low, high, span, ones, which + row, coins)
        return out

    def _row(self, low: int, high: int, span: int, ones: int, which: int, coins: random.Random) -> list[int]:
        n = self.n
        match self.pattern:
            case "zeros":
                return [0] * n
            case "ones":
                return [ones] * n
            case "equal":
                return [low + span * 2 // 3] * n
            case "ends":
                # The operands together go through all pairs of edges.
                edges = [v for v in (low, high, 0, -1, 1, low + 1, high - 1, span // 2) if low <= v <= high]
                return [edges[i // len(edges) ** which % len(edges)] for i in range(n)]
            case "sorted":
                return [low + span * i // max(1, n - 1) for i in range(n)]
            case "reversed":
                return [high - span * i // max(1, n - 1) for i in range(n)]
            case "repeated":
                few = [low + coins.randrange(span + 1) for _ in range(3)]
                return [coins.choice(few) for _ in range(n)]
            case _:
                return [low + coins.randrange(span + 1) for _ in range(n)]

    def bits(self, rows: int = 1, which: int = 0) -> Plain:
        """Bits ``(rows, n)``: none or all of them set, the first and the last alone, one half, every other, any."""
        n, place, coins = self.n, np.arange(self.n), self.coins(7 + which)
        out = np.empty((rows, n), bool)
        for row in range(rows):
            match self.pattern:
                case "zeros":
                    out[row] = False
                case "ones" | "equal":
                    out[row] = True
                case "ends":
                    out[row] = (place == 0) | (place == n - 1)
                case "sorted":
                    out[row] = 2 * place >= n + row
                case "reversed":
                    out[row] = 2 * place < n - row
                case "repeated":
                    out[row] = (place + row + which) % 2 == 0
                case _:
                    out[row] = [coins.random() < 0.6 for _ in range(n)]
        return out


def ring(values: Any, limbs: int) -> Plain:
    """Integers modulo the size of the ring, in two's complement."""
    half = 1 << (64 * limbs - 1)
    out = np.array(values, dtype=object)
    return (out + half) % (2 * half) - half
