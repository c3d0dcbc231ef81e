"""What can be asked of a frame by choosing: rows, columns and statistics that its schema allows, and the release they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import secureframe as sf
from secureframe import releases
from secureframe.errors import PlanError
from secureframe.frame import SecureFrame
from secureframe.pending import Pending
from secureframe.schema.table import Use
from secureframe.schema.types import Kind

STATISTICS = ("count", "mean", "std", "median", "sum", "sem", "var", "skew", "kurtosis")
MOST_LEVELS = 60
"""A column with more levels is not offered as rows or columns of a table: few of its cells would not be withheld."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A table that is asked for.

    Parameters
    ----------
    rows, columns : str or None
        Keys with a public domain; None for everybody.
    value : str
        The column that is summarised.
    statistics : tuple of str
        Some of `STATISTICS`.
    """

    rows: str | None
    columns: str | None
    value: str
    statistics: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it is, for people."""
        keys = [key for key in (self.rows, self.columns) if key is not None]
        return f"{', '.join(self.statistics)} of {self.value}" + (f" by {' and '.join(keys)}" if keys else "")

    def pending(self, frame: SecureFrame) -> Pending[Any]:
        """Return the release; nothing runs.

        Raises
        ------
        SecureFrameError
            What can be refused without data.
        """
        if not self.statistics:
            raise PlanError("no statistic is chosen", hint="choose at least one, for instance mean")
        if self.rows is not None and self.rows == self.columns:
            raise PlanError("rows and columns are the same key", hint="choose another one, or none for the columns")
        if self.value in (self.rows, self.columns):
            raise PlanError(f"{self.value} cannot be both a key and what is summarised", hint="choose another value")
        asked = list(self.statistics)
        with sf.defer() as study:
            match self.rows, self.columns:
                case None, None:
                    frame[[self.value]].agg(asked)
                case str(rows), str(columns):
                    frame.pivot_table(values=self.value, index=rows, columns=columns, aggfunc=asked)
                case _:
                    frame.groupby(self.rows or self.columns)[self.value].agg(asked)
        (pending,) = study.pending
        pending.title = self.title
        return pending


def keys(frame: SecureFrame) -> list[str]:
    """Columns that a table may have as rows or columns: their levels are public, and their owners allow it."""
    return [
        name
        for name, field in frame.node.schema.items()
        if field.type.kind is not Kind.KEY and Use.GROUP in field.uses and 0 < len(field.type.levels or ()) <= MOST_LEVELS
    ]


def values(frame: SecureFrame) -> list[str]:
    """Columns of numbers that may be summarised, those with many values first."""
    found = [name for name in _suitable(frame, "median") if frame.node.schema[name].type.is_numeric]
    return sorted(found, key=lambda name: frame.node.schema[name].type.levels is not None)


def statistics(frame: SecureFrame, value: str) -> list[str]:
    """The statistics that the owners of a column allow of it."""
    return [kind for kind in STATISTICS if value in _suitable(frame, kind)]


def _suitable(frame: SecureFrame, kind: str) -> list[str]:
    try:
        return releases.suitable(kind, frame.node.schema)
    except PlanError:
        return []
