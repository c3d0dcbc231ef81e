"""What was released as people see it: the table with its footnote, and its withheld cells told from missing ones."""

from __future__ import annotations

from typing import Any

from secureframe.results.record import footnote_text


def footnote(result: Any) -> str | None:
    """Return the one line that says under which rules a result was released; None where it is no released result."""
    record = getattr(result, "release", None)
    if not isinstance(record, dict):
        attrs = getattr(result, "attrs", None)
        record = attrs.get("release") if isinstance(attrs, dict) else None
    return footnote_text(record) if isinstance(record, dict) and record else None
