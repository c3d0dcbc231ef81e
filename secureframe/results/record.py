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
from secureframe.wording import say, translated

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
            if name in ("kinds", "ranges"):
                record[name] = _united(record.get(name), value)
            else:
                record.setdefault(name, value)
    record["suppressed"] = list(suppressed)
    record["cells"] = cells
    if notes:
        record["notes"] = list(notes)
    return record


def _united(before: Any, value: Any) -> Any:
    """What two releases say of their statistics, together: kinds in order, ranges by column."""
    if isinstance(value, dict):
        return {**value, **(before or {})}
    return [*(before or ()), *(kind for kind in value if kind not in (before or ()))]


def reason(record: dict[str, Any], count: int) -> str:
    """Return in words that cells of a result were withheld, and why.

    Parameters
    ----------
    count : int
        How many of them are spoken of, one or more.
    """
    threshold = record.get("threshold", say("the threshold of"))
    if record.get("cells", 1) == 1:
        return say("value withheld", threshold=threshold)
    return say("cell withheld" if count == 1 else "cells withheld", count=count, threshold=threshold)


def withheld_text(record: dict[str, Any]) -> str | None:
    """Return in words how many cells were withheld, why, and what to do; None if none was."""
    count = len(record.get("suppressed", ()))
    if not count:
        return None
    return f"{reason(record, count)}; {say('widen the cohort' if record.get('cells', 1) == 1 else 'merge levels')}"


def rules_text(record: dict[str, Any]) -> str:
    """Return the policy, threshold, rounding and plan of a release, without a full stop."""
    rules = say("released under", policy=record["policy"]) if record.get("policy") else say("released")
    details = [say("threshold", threshold=record["threshold"])] if record.get("threshold") else []
    if record.get("rounding") is not None:
        rounding = str(record["rounding"])
        details.append(say("not rounded") if rounding == "none" else say("rounded", rounding=translated(rounding)))
    text = rules + (f" ({', '.join(details)})" if details else "")
    return text + (f", {say('plan', digest=str(record['plan'])[:8])}" if record.get("plan") else "")


def footnote_text(record: dict[str, Any]) -> str:
    """Return one line on a release: policy, threshold, rounding, plan, withheld cells and notes."""
    notes = [translated(str(note)) for note in record.get("notes", ())]
    return "; ".join([rules_text(record), *filter(None, [withheld_text(record)]), *notes]) + "."


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
