"""What a released table says, cell by cell: a number, withheld, or no value. Figures are drawn from this alone."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from secureframe.errors import PlanError
from secureframe.results.record import plain
from secureframe.wording import say


class Withheld:
    """The mark of a cell that a rule withheld."""

    def __repr__(self) -> str:
        return "withheld"


WITHHELD = Withheld()

Shown = float | Withheld | None
"""A released number, a withheld cell, or None where there is no value."""

COUNTS = frozenset({"size", "count", "freq", "nunique", "n"})
LOCATIONS = frozenset({"mean", "median", "quantile"})
"""Statistics that lie within their column's range."""
TOLD = LOCATIONS | {"proportion", "corr", "std", "var", "sem", "sum", "skew", "kurtosis", "cov"}
"""Further statistics, by the names that a table or a record gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The cells of a released table as a figure shows them.

    Parameters
    ----------
    rows : tuple
        Labels of the rows, as pandas holds them.
    names : tuple of str
        What each column is called.
    values : tuple of tuple
        For every column one `Shown` a row.
    record : dict
        The release record.
    key : str or None
        What the rows are levels of.
    title : str or None
        What the numbers are, where the table says so.
    dates : bool
        Whether the numbers are dates, as days since 1970-01-01.
    whole : bool
        Whether they are integers.
    """

    rows: tuple[Any, ...]
    names: tuple[str, ...]
    values: tuple[tuple[Shown, ...], ...]
    record: dict[str, Any]
    key: str | None = None
    title: str | None = None
    dates: bool = False
    whole: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The rows as text."""
        return tuple(label_text(row) for row in self.rows)

    @property
    def released(self) -> list[float]:
        """Every number that was released."""
        return [v for column in self.values for v in column if isinstance(v, int | float)]

    @property
    def withheld(self) -> int:
        """How many cells were withheld."""
        return sum(v is WITHHELD for column in self.values for v in column)

    def column(self, position: int) -> Cells:
        """Return one of the columns."""
        name = self.names[position]
        return Cells(
            rows=self.rows,
            names=(name,),
            values=(self.values[position],),
            record=self.record,
            key=self.key,
            title=name,
            dates=self.dates,
            whole=self.whole,
        )

    def limits(self) -> tuple[float, float] | None:
        """Return the public ends of an axis for these numbers, or None where their kind has none.

        Means and quantiles lie within the declared range of their column, correlations and shares within theirs. Other
        statistics are drawn from zero to the largest number that was released, and so are numbers that were computed from
        released ones since and lie elsewhere.
        """
        public = self._public()
        return public if public and all(public[0] <= value <= public[1] for value in self.released) else None

    def _public(self) -> tuple[float, float] | None:
        kinds = {self._named(name) or self._recorded() for name in self.names}
        if kinds <= {"corr"}:
            return -1.0, 1.0
        if kinds <= {"proportion"}:
            return 0.0, 1.0
        if not kinds <= LOCATIONS:
            return None
        ranges: dict[str, Any] = self.record.get("ranges", {})
        ends = [tuple(map(position, ranges[name])) for name in self._columns()]
        return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None

    def quantity(self) -> str | None:
        """Return what the numbers are, in words, as far as the table's own labels say so: ``mean of age``, ``count``.

        The record does not tell: numbers may have been computed from the released ones since, and keep their record.
        """
        kinds = {self._named(name) for name in self.names}
        if kinds <= COUNTS or (self.whole and self._recorded() in COUNTS):
            return say("count")
        columns = self._columns()
        if len(kinds) != 1 or not kinds <= TOLD:
            return self.title
        (kind,) = kinds
        assert kind is not None
        of_quantile = [name for name in self.names if name.endswith("%")]
        statistic = f"{of_quantile[0]} {say('quantile')}" if len(of_quantile) == 1 == len(self.names) else say(kind)
        return say("statistic of", statistic=statistic, column=columns[0]) if len(columns) == 1 else statistic

    def _columns(self) -> list[str]:
        """The columns of data that the numbers are about, as far as the table and the record tell."""
        ranges: dict[str, Any] = self.record.get("ranges", {})
        labels = {part for name in (*self.names, self.title or "", *self.labels) for part in _parts(name)}
        named = [name for name in ranges if name in labels]
        return named or (list(ranges) if len(ranges) == 1 else [])

    def _recorded(self) -> str | None:
        """The statistic that was released, where it was one."""
        kinds = self.record.get("kinds", ())
        return str(kinds[0]) if len(kinds) == 1 else None

    def _named(self, name: str) -> str | None:
        """The statistic that a column's name tells."""
        for part in reversed(_parts(name)):
            if part in COUNTS | TOLD:
                return part
            if part.endswith("%") and part[:-1].replace(".", "", 1).isdigit():
                return "quantile"
        return None


def of(data: Any) -> Cells:
    """Return the cells of a released Series or DataFrame.

    Raises
    ------
    PlanError
        If a cell is neither a number nor a date.
    """
    record = record_of(data)
    assert record is not None
    frame = data.to_frame(data.name if data.name is not None else say("value")) if isinstance(data, pd.Series) else data
    withheld = _withheld(frame, record, single=isinstance(data, pd.Series))
    dates = [pd.api.types.is_datetime64_any_dtype(dtype) for dtype in frame.dtypes]
    if any(dates) and not all(dates):
        raise PlanError("dates and numbers do not share an axis", hint='table[["mean", "median"]].plot.bar()')
    values = tuple(
        tuple(
            (WITHHELD if hidden else None) if pd.isna(value) else number(value, frame.columns[at])
            for value, hidden in zip(frame.iloc[:, at].tolist(), withheld[at], strict=True)
        )
        for at in range(frame.shape[1])
    )
    series_name = None if not isinstance(data, pd.Series) or data.name is None else label_text(data.name)
    return Cells(
        rows=tuple(frame.index),
        names=tuple(label_text(name) for name in frame.columns),
        values=values,
        record=record,
        key=" / ".join(str(name) for name in frame.index.names if name is not None) or None,
        title=series_name,
        dates=any(dates),
        whole=all(pd.api.types.is_integer_dtype(dtype) for dtype in frame.dtypes),
    )


def record_of(data: Any) -> dict[str, Any] | None:
    """Return the release record of a Series or DataFrame, or None if it was not released."""
    record = data.attrs.get("release") if isinstance(data, pd.Series | pd.DataFrame) else None
    return record if isinstance(record, dict) and record else None


def number(value: Any, name: Any) -> float:
    """Return a cell as a number; a date as days since 1970-01-01."""
    if isinstance(value, datetime.date):
        return position(value)
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise PlanError(
            f"{label_text(name)} holds text, and a figure shows numbers", hint='table[["mean", "median"]].plot.bar()'
        ) from error


def position(value: Any) -> float:
    """Return where a number, date or ISO text of a date lies on an axis; dates in days since 1970-01-01, as matplotlib's."""
    if isinstance(value, int | float):
        return float(value)
    return float((pd.Timestamp(value) - pd.Timestamp(0)) / pd.Timedelta(days=1))


def label_text(label: Any) -> str:
    """Return a label as people read it."""
    if isinstance(label, tuple):
        return ", ".join(label_text(part) for part in label)
    if isinstance(label, datetime.datetime) and label.time() == datetime.time():
        return label.date().isoformat()
    return f"{label:g}" if isinstance(label, float) else str(label)


def quantiles(levels: Sequence[Any]) -> dict[float, int]:
    """Return the positions of labels that name quantiles (0.25, ``"25%"``), by quantile."""
    found: dict[float, int] = {}
    for at, level in enumerate(levels):
        if isinstance(level, float | int) and not isinstance(level, bool) and 0 <= level <= 1:
            found[round(float(level), 6)] = at
        elif isinstance(level, str) and level.endswith("%") and level[:-1].replace(".", "", 1).isdigit():
            found[round(float(level[:-1]) / 100, 6)] = at
        elif level == "median":
            found.setdefault(0.5, at)
    return found


def _withheld(frame: pd.DataFrame, record: dict[str, Any], *, single: bool) -> list[list[bool]]:
    """For every column whether the record names its cells as withheld.

    Tables may have been turned, sorted or cut since. Where the record names none of the missing cells, the table has been
    shaped anew, and every missing cell counts as withheld.
    """
    named = {(_same(cell.get("row")), _same(cell.get("column"))) for cell in record.get("suppressed", ())}
    rows_named = {row for row, _ in named}
    columns_named = {column for _, column in named} | rows_named
    columns = [_same(plain(name)) for name in frame.columns]
    if single and columns and columns[0] not in columns_named:
        named |= {(row, columns[0]) for row in rows_named}
    rows = [_same(plain(row)) for row in frame.index]
    found = [[(row, column) in named or (column, row) in named for row in rows] for column in columns]
    missing = frame.isna().to_numpy()
    if named and not any(hidden and missing[i, j] for j, column in enumerate(found) for i, hidden in enumerate(column)):
        return [[True] * len(rows) for _ in columns]
    return found


def _same(label: Any) -> str:
    """A label so that it compares equal however it was written: a date as its day, a number as a number."""
    if isinstance(label, list | tuple):
        return "\x1f".join(_same(part) for part in label)
    if isinstance(label, str):
        return label.removesuffix("T00:00:00")
    if isinstance(label, int | float) and not isinstance(label, bool):
        return f"{label:.12g}" if math.isfinite(label) else "nan"
    return str(label)


def _parts(name: str) -> list[str]:
    return [part.strip() for part in name.split(", ")]
