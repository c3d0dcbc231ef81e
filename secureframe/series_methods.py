"""What pandas spells as methods of a column beside the signs: ``add``, ``gt``, ``pow`` and their like, and ``dropna``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from secureframe.errors import PlanError
from secureframe.operands import unwrapped

if TYPE_CHECKING:
    from secureframe.series import SecureSeries

MOST_FACTORS = 4
"""Highest power of a column: every factor widens its range."""


class SeriesMethods:
    """The named forms of arithmetic and comparisons; each takes a constant, a parameter or a column, as the sign does."""

    __slots__ = ()

    @property
    def _column(self) -> Any:
        """The column itself; its signs are what the methods mean."""
        return self

    def add(self, other: Any) -> SecureSeries:
        """``column + other``."""
        return cast("SecureSeries", self._column + other)

    def radd(self, other: Any) -> SecureSeries:
        """``other + column``."""
        return cast("SecureSeries", other + self._column)

    def sub(self, other: Any) -> SecureSeries:
        """``column - other``."""
        return cast("SecureSeries", self._column - other)

    subtract = sub

    def rsub(self, other: Any) -> SecureSeries:
        """``other - column``."""
        return cast("SecureSeries", other - self._column)

    def mul(self, other: Any) -> SecureSeries:
        """``column * other``."""
        return cast("SecureSeries", self._column * other)

    multiply = mul

    def rmul(self, other: Any) -> SecureSeries:
        """``other * column``."""
        return cast("SecureSeries", other * self._column)

    def div(self, other: Any) -> SecureSeries:
        """``column / other``."""
        return cast("SecureSeries", self._column / other)

    truediv = divide = div

    def rdiv(self, other: Any) -> SecureSeries:
        """``other / column``."""
        return cast("SecureSeries", other / self._column)

    rtruediv = rdiv

    def floordiv(self, other: Any) -> SecureSeries:
        """``column // other``."""
        return cast("SecureSeries", self._column // other)

    def mod(self, other: Any) -> SecureSeries:
        """``column % other``."""
        return cast("SecureSeries", self._column % other)

    def pow(self, other: Any) -> SecureSeries:
        """The column times itself; ``other`` is a whole number from 1 to 4."""
        return cast("SecureSeries", self._column**other)

    def __pow__(self, other: Any) -> SecureSeries:
        times = unwrapped(other)
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MOST_FACTORS:
            words = self._column._words["column"]
            raise PlanError(
                f"** is offered for whole powers from 1 to {MOST_FACTORS}", hint=f"{words} ** 2, or {words} * {words}"
            )
        result = self._column
        for _ in range(times - 1):
            result = result * self._column
        return cast("SecureSeries", result)

    def eq(self, other: Any) -> SecureSeries:
        """``column == other``."""
        return cast("SecureSeries", self._column == other)

    def ne(self, other: Any) -> SecureSeries:
        """``column != other``."""
        return cast("SecureSeries", self._column != other)

    def lt(self, other: Any) -> SecureSeries:
        """``column < other``."""
        return cast("SecureSeries", self._column < other)

    def le(self, other: Any) -> SecureSeries:
        """``column <= other``."""
        return cast("SecureSeries", self._column <= other)

    def gt(self, other: Any) -> SecureSeries:
        """``column > other``."""
        return cast("SecureSeries", self._column > other)

    def ge(self, other: Any) -> SecureSeries:
        """``column >= other``."""
        return cast("SecureSeries", self._column >= other)

    def dropna(self) -> SecureSeries:
        """The column over the rows in which it is there."""
        return cast("SecureSeries", self._column[self._column.notna()])

    def copy(self, deep: bool = True) -> SecureSeries:
        """The column: it never changes."""
        return cast("SecureSeries", self._column)
