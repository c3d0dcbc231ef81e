"""What an entry of the matrix is, and the two lists that hold all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from secureframe.errors import SecureFrameError
from tests.matrix.layouts import Study

Run = Callable[[Study], Any]
EVERYWHERE = ("single", "horizontal", "vertical", "mixed")
ROWS = ("look", "choose", "combine", "compute", "reduce to persons", "numbers out", "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation: what is typed, and what pandas answers on the pooled rows.

    Parameters
    ----------
    row : str
        Which row of the table of operations it belongs to.
    shown : str
        How it is written, as documentation shows it; its name.
    run : callable
        The operation over secure frames, and over pandas frames where ``pandas`` is left out. It returns numbers, pandas
        objects, or tuples and dicts of them.
    pandas : callable
        The oracle.
    relative : float
        Largest relative error of numbers that are not whole.
    """

    row: str
    shown: str
    run: Run
    pandas: Run
    relative: float = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An operation that is refused, with its class of error."""

    shown: str
    run: Run
    error: type[SecureFrameError]


OPERATIONS: dict[str, Operation] = {}
REFUSALS: dict[str, Refusal] = {}


def operation(row: str, shown: str, run: Run, pandas: Run | None = None, *, relative: float = 1e-9) -> None:
    """Enter an operation."""
    assert row in ROWS, row
    assert shown not in OPERATIONS, shown
    OPERATIONS[shown] = Operation(row=row, shown=shown, run=run, pandas=pandas or run, relative=relative)


def refusal(shown: str, run: Run, error: type[SecureFrameError]) -> None:
    """Enter an operation that is refused."""
    assert shown not in REFUSALS, shown
    REFUSALS[shown] = Refusal(shown=shown, run=run, error=error)


def keyed(frame: Any) -> Any:
    """A reduced frame with its key as a column, where pandas has it in the index."""
    return frame.reset_index() if isinstance(frame, pd.DataFrame) else frame


def ordered(frame: Any, by: str, **options: Any) -> Any:
    """Rows in an order in which ties keep theirs, as they do in secure frames."""
    return frame.sort_values(by, **options, **({"kind": "stable"} if isinstance(frame, pd.DataFrame) else {}))


# -- what makes numbers of frames and columns ------------------------------------------------------------------------------


def counts(frame: Any) -> Any:
    """Values that are there, of every column but the person key."""
    return frame[[name for name in frame.columns if name != "id"]].count()


def totals(frame: Any, *names: str) -> dict[str, Any]:
    """Counts of all columns and sums of some."""
    return {"count": counts(frame), "sum": frame[list(names)].sum()}


def number(column: Any) -> Any:
    """A column of numbers: how many, their sum and their spread."""
    return column.agg(["count", "sum", "std"])


def truth(column: Any) -> Any:
    """A column of truth values."""
    return column.agg(["count", "sum"])


def levels(column: Any) -> dict[str, Any]:
    """A column with a public domain."""
    return {"count": column.count(), "levels": column.value_counts(sort=False)}


def day(column: Any) -> dict[str, Any]:
    """A column of dates."""
    return {"count": column.count(), "median": column.quantile(0.5, interpolation="lower")}
