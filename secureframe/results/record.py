"""Release records: under which rules a result left, which of its cells were withheld, and the words that say so.

A record is plain JSON (``table.attrs["release"]``, ``number.release``). It holds what the parties said of the release
(plan digest, policy, threshold, rounding, error bound, recipients) and, under ``suppressed``, the withheld cells of this
very result by their labels, so that a withheld cell is told from a missing one.
"""

from __future__ import annotations

import datetime
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from secureframe.errors import SuppressedWarning
from secureframe.results.released import ReleasedTable

PACKAGE = str(Path(__file__).resolve().parent.parent)
NAMED_CELLS = 5


def plain(label: Any) -> Any:
    """Return a label as plain JSON: text, a number, a truth value, or a list of them."""
    if isinstance(label, tuple | list):
        return [plain(part) for part in label]
    if hasattr(label, "item"):
        label = label.item()
    if isinstance(label, datetime.date):
        return label.isoformat()
    return label if isinstance(label, str | int | float | bool) or label is None else str(label)


def cell(row: Any, column: Any) -> dict[str, Any]:
    """Return a withheld cell as a record names it."""
    return {"row": plain(row), "column": plain(column)}


def combine(
    tables: Sequence[ReleasedTable],
    suppressed: Sequence[dict[str, Any]] = (),
    cells: int = 1,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the one record of a result that is made of several releases of one job.

    Parameters
    ----------
    tables : sequence of ReleasedTable
        What it is made of.
    suppressed : sequence of dict
        The withheld cells of the result, as `cell` names them.
    cells : int
        Number of cells of the result.
    notes : sequence of str
        What else a reader of the result must know.
    """
    record: dict[str, Any] = {}
    for table in tables:
        for name, value in table.release.items():
            record.setdefault(name, value)
    record["suppressed"] = list(suppressed)
    record["cells"] = cells
    if notes:
        record["notes"] = list(notes)
    return record


def withheld_text(record: dict[str, Any]) -> str | None:
    """Return in words how many cells were withheld, why, and what to do; None if none was."""
    count = len(record.get("suppressed", ()))
    if not count:
        return None
    threshold = record.get("threshold", "the threshold of")
    if record.get("cells", 1) == 1:
        return (
            f"value withheld: fewer than {threshold} persons, or as few left out or on one side of a condition in it;"
            " widen the cohort"
        )
    what = "1 cell" if count == 1 else f"{count} cells"
    return (
        f"{what} withheld: fewer than {threshold} persons, or needed to protect one that is;"
        " merge levels, e.g. sf.cut with wider bands"
    )


def footnote_text(record: dict[str, Any]) -> str:
    """Return one line on a release: policy, threshold, rounding, plan, withheld cells and notes."""
    rules = f"Released under {record['policy']}" if record.get("policy") else "Released"
    details = [f"threshold {record['threshold']} persons"] if record.get("threshold") else []
    if record.get("rounding") is not None:
        rounding = str(record["rounding"])
        details.append("not rounded" if rounding == "none" else f"rounded: {rounding}")
    text = rules + (f" ({', '.join(details)})" if details else "")
    if record.get("plan"):
        text += f", plan {str(record['plan'])[:8]}"
    return "; ".join([text, *filter(None, [withheld_text(record)]), *record.get("notes", ())]) + "."


def warn_if_withheld(record: dict[str, Any]) -> None:
    """Warn once about a result in which cells were withheld, at the line of the analyst's own statement."""
    text = withheld_text(record)
    if text is None:
        return
    suppressed = record["suppressed"]
    if record.get("cells", 1) > 1:
        named = ", ".join(_name(c) for c in suppressed[:NAMED_CELLS])
        text += f" (withheld: {named}{', ...' if len(suppressed) > NAMED_CELLS else ''})"
    warnings.warn(text, SuppressedWarning, stacklevel=_stacklevel())


def _name(c: dict[str, Any]) -> str:
    parts = [" ".join(map(str, p)) if isinstance(p, list) else str(p) for p in (c["row"], c["column"]) if p is not None]
    return " / ".join(parts)


def _stacklevel() -> int:
    """How many frames up the first line outside this package is, counted from the caller."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
        level += 1
    return level
