"""Choosing of a released table: one control a level of its rows and of its columns, and the part of the table that is chosen.

What is shown is cut out of what was released; nothing is computed of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from kernel_ext.widgets.parts import choices
from kernel_ext.widgets.questions import STATISTICS
from secureframe.errors import PlanError
from secureframe.results.histogram import Histogram

Table = pd.DataFrame | pd.Series


def released(table: Any) -> Table:
    """Return a table if it was released; a histogram as the table of its counts.

    Raises
    ------
    PlanError
        If it is no table, or was not released: nothing else is shown in a widget, whose state is saved with the notebook.
    """
    if isinstance(table, Histogram):
        table = table.to_series()
    if not isinstance(table, pd.DataFrame | pd.Series):
        raise PlanError(f"a {type(table).__name__} is no released table", hint="results_explorer(cohort.groupby('male').mean())")
    if not isinstance(table.attrs.get("release"), dict) or not table.attrs["release"]:
        raise PlanError(
            "the table bears no release record: only what was released is shown",
            hint="a table as a statement of a federation has returned it; table.attrs['release'] tells",
        )
    found: Table = table
    return found


def name_of(table: Table) -> str:
    """What a table is, in a few words of its own."""
    keys = " and ".join(str(name) for name in table.index.names if name is not None)
    heads = [table.name] if isinstance(table, pd.Series) else list(table.columns)
    heads = [" ".join(map(str, head)) if isinstance(head, tuple) else str(head) for head in heads if head is not None]
    listed = ", ".join(heads[:4]) + (", …" if len(heads) > 4 else "")
    return (listed or "table") + (f" by {keys}" if keys else "")


class Levels:
    """One control a level of an index.

    Parameters
    ----------
    index : pandas.Index
        Rows or columns.
    what : str
        What a level without a name is called.
    changed : callable
        Called when something else is chosen.
    """

    def __init__(self, index: pd.Index[Any], what: str, changed: Callable[[], None]) -> None:
        self._index = index
        self._labels = [list(index.get_level_values(at).unique()) for at in range(index.nlevels)]
        self.controls = []
        for at, labels in enumerate(self._labels):
            options = [(text(label), position) for position, label in enumerate(labels)]
            name = _called(index.names[at], labels, what)
            control = choices(name, f"{name} that are shown", options, value=tuple(range(len(labels))))
            control.observe(lambda _: changed(), names="value")
            self.controls.append(control)

    def positions(self) -> list[int]:
        """Which entries of the index are chosen."""
        found = []
        kept = [{labels[i] for i in c.value} for labels, c in zip(self._labels, self.controls, strict=True)]
        for position, entry in enumerate(self._index):
            parts = entry if self._index.nlevels > 1 else (entry,)
            if all(part in chosen for part, chosen in zip(parts, kept, strict=True)):
                found.append(position)
        return found


class Choice:
    """The part of a table that is chosen.

    Parameters
    ----------
    table : pandas.DataFrame or pandas.Series
        A released table.
    changed : callable
        Called when something else is chosen.
    """

    def __init__(self, table: Table, changed: Callable[[], None]) -> None:
        self._table = table
        self._rows = Levels(table.index, "Rows", changed)
        self._columns = Levels(table.columns, "Columns", changed) if isinstance(table, pd.DataFrame) else None

    @property
    def controls(self) -> list[Any]:
        """In the order in which they are read."""
        return [*self._rows.controls, *(self._columns.controls if self._columns is not None else [])]

    def part(self) -> Table | None:
        """Return what is chosen, with the record of its release; None where nothing is."""
        rows = self._rows.positions()
        columns = None if self._columns is None else self._columns.positions()
        if not rows or columns == []:
            return None
        found: Table = self._table.iloc[rows]
        if isinstance(found, pd.DataFrame):
            found = found.iloc[:, columns or []]
        found.attrs = dict(self._table.attrs)
        return found


def text(label: Any) -> str:
    """Return a label of a row or a column as text."""
    if isinstance(label, tuple):
        return ", ".join(map(text, label))
    return "all" if label is None else str(label)


def _called(name: Any, labels: list[Any], what: str) -> str:
    if name is not None:
        return str(name)
    statistics = {"size", "50%", *STATISTICS}
    return "Statistics" if labels and all(label in statistics for label in labels) else what
