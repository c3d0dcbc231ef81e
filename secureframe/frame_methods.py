"""What a frame does to all of its columns alike, or to those that a mapping names: one projection or one filter each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, cast

from secureframe.errors import PlanError
from secureframe.schema.types import ColumnType, Kind

if TYPE_CHECKING:
    from secureframe.frame import SecureFrame

NUMBERS = (Kind.INT, Kind.FLOAT, Kind.DECIMAL)
SELECTED = {
    "number": NUMBERS,
    "bool": (Kind.BOOL,),
    "boolean": (Kind.BOOL,),
    "category": (Kind.CATEGORY,),
    "datetime": (Kind.DATE, Kind.DATETIME),
}
"""Names of dtypes for ``select_dtypes``, and the kinds of columns that they mean."""


class FrameMethods:
    """Methods over all columns; keys stay as they are, since nothing is released of them."""

    __slots__ = ()

    @property
    def _frame(self) -> Any:
        """The frame itself; what is made of it are its assignments and filters."""
        return self

    def _types(self) -> dict[str, ColumnType]:
        return {name: f.type for name, f in self._frame.node.schema.items() if f.type.kind is not Kind.KEY}

    def _named(self, names: Any) -> list[str]:
        wanted = [names] if isinstance(names, str) else list(names)
        for name in wanted:
            self._frame[name]
        return wanted

    def isna(self) -> SecureFrame:
        """Whether values are missing, for every column but keys: ``df.isna().sum()``."""
        return cast("SecureFrame", self._frame.assign(**{name: self._frame[name].isna() for name in self._types()}))

    isnull = isna

    def notna(self) -> SecureFrame:
        """Whether values are there, for every column but keys."""
        return cast("SecureFrame", self._frame.assign(**{name: self._frame[name].notna() for name in self._types()}))

    notnull = notna

    def dropna(self, *, how: str = "any", subset: str | Sequence[str] | None = None) -> SecureFrame:
        """Return the rows in which all columns are there, or those of ``subset``; ``how="all"``: in which any is."""
        if how not in ("any", "all"):
            raise PlanError(f"dropna(how={how!r}) is not offered", hint="how='any' or how='all'")
        names = list(self._types()) if subset is None else self._named(subset)
        if not names:
            raise PlanError("dropna needs columns", hint="df.dropna(subset=['age'])")
        there = [self._frame[name].notna() for name in names]
        mask = reduce(lambda a, b: a & b if how == "any" else a | b, there)
        return cast("SecureFrame", self._frame[mask])

    def fillna(self, value: Any) -> SecureFrame:
        """Return the frame with constants where values are missing: one for all numbers, or a mapping of columns to constants."""
        if isinstance(value, Mapping):
            self._named(value)
            filled = {name: self._frame[name].fillna(v) for name, v in value.items()}
        else:
            filled = {name: self._frame[name].fillna(value) for name, t in self._types().items() if t.kind in NUMBERS}
        return cast("SecureFrame", self._frame.assign(**filled))

    def astype(self, dtype: Mapping[str, Any]) -> SecureFrame:
        """Return the frame with other types of the columns that a mapping names."""
        if not isinstance(dtype, Mapping):
            raise PlanError("astype of a frame names columns", hint="df.astype({'age': float})")
        self._named(dtype)
        return cast("SecureFrame", self._frame.assign(**{name: self._frame[name].astype(t) for name, t in dtype.items()}))

    def select_dtypes(self, include: str | Sequence[str]) -> SecureFrame:
        """Return the columns of some dtypes: ``number``, ``bool``, ``category``, ``datetime``."""
        wanted = [include] if isinstance(include, str) else list(include)
        unknown = [w for w in wanted if w not in SELECTED]
        if unknown:
            raise PlanError(f"select_dtypes({unknown[0]!r}) is not offered", hint="include='number'")
        kinds = {kind for w in wanted for kind in SELECTED[w]}
        names = [name for name, t in self._types().items() if t.kind in kinds]
        if not names:
            raise PlanError(f"no column is of dtype {', '.join(wanted)}", hint="df.dtypes shows them")
        return cast("SecureFrame", self._frame[names])

    def get(self, key: str, default: Any = None) -> Any:
        """Return a column, or the default where there is none of that name."""
        names = self._frame.node.schema
        return self._frame[key] if key in names else default

    def copy(self, deep: bool = True) -> SecureFrame:
        """The frame: it never changes."""
        return cast("SecureFrame", self._frame)
