"""Under a released table the one line that says by which rules it was released.

Frames and columns of SecureFrame display themselves; released tables are ordinary pandas objects, so their display is extended
here. A table that was not released is shown as pandas shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

TYPES = (("pandas", "DataFrame"), ("pandas", "Series"))
"""By name: showing something else imports no pandas."""


def install(ip: Any) -> Callable[[], None]:
    """Register the formatters and return what removes them."""
    formatters = ip.display_formatter.formatters
    replaced = [
        (formatters[mime], module, name, formatters[mime].pop(f"{module}.{name}", None))
        for mime in ("text/html", "text/plain")
        for module, name in TYPES
    ]
    for mime, function in (("text/html", table_html), ("text/plain", table_text)):
        for module, name in TYPES:
            formatters[mime].for_type_by_name(module, name, function)

    def restore() -> None:
        for formatter, module, name, before in replaced:
            formatter.pop(f"{module}.{name}", None)
            if before is not None:
                formatter.for_type_by_name(module, name, before)

    return restore


def footnote(table: Any) -> str | None:
    """Return the footnote of a released table; None for any other."""
    if not isinstance(table.attrs.get("release"), dict):
        return None
    from secureframe.display import footnote

    return footnote(table)


def table_html(table: Any) -> str | None:
    """Return a released table as HTML, its withheld cells marked, with the footnote; any other as pandas shows it."""
    framed = hasattr(table, "_repr_html_")
    shown = table._repr_html_() if framed else None
    if footnote(table) is None or (shown is None and framed):
        return shown
    from secureframe.display import released_html

    return released_html(table)


def table_text(table: Any, printer: Any, cycle: bool) -> None:
    """Print pandas' text of a table, with the footnote if it was released."""
    line = footnote(table)
    shown = repr(table) if line is None else f"{table!r}\n{line}"
    for number, part in enumerate(shown.split("\n")):
        if number:
            printer.break_()
        printer.text(part)
