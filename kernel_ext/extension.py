"""An IPython extension that prints the one-line footnote under released pandas tables.

Frames and columns of SecureFrame display and complete themselves; tables are ordinary pandas objects, so their display is
extended here. A table that was not released is shown as pandas shows it.
"""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from secureframe.display.released import footnote

TYPES: tuple[type, ...] = (pd.DataFrame, pd.Series)
_replaced: dict[tuple[str, type], Any] = {}


def table_html(table: Any) -> str | None:
    """Return pandas' HTML of a table, with the footnote if it was released."""
    shown = table._repr_html_() if hasattr(table, "_repr_html_") else None
    line = footnote(table)
    if line is None or (shown is None and isinstance(table, pd.DataFrame)):
        return shown
    body = shown if shown is not None else f"<pre>{escape(repr(table))}</pre>"
    return f'{body}<p class="secureframe-footnote"><small>{escape(line)}</small></p>'


def table_text(table: Any, printer: Any, cycle: bool) -> None:
    """Print pandas' text of a table, with the footnote if it was released."""
    line = footnote(table)
    shown = repr(table) if line is None else f"{table!r}\n{line}"
    for number, part in enumerate(shown.split("\n")):
        if number:
            printer.break_()
        printer.text(part)


def load_ipython_extension(ip: Any) -> None:
    """Register the formatters; loading twice is harmless."""
    formatters = ip.display_formatter.formatters
    for mime, function in (("text/html", table_html), ("text/plain", table_text)):
        for type_ in TYPES:
            before = formatters[mime].for_type(type_, function)
            if before is not function:
                _replaced[(mime, type_)] = before


def unload_ipython_extension(ip: Any) -> None:
    """Restore the formatters that were there before."""
    for (mime, type_), before in _replaced.items():
        if before is None:
            ip.display_formatter.formatters[mime].pop(type_, None)
        else:
            ip.display_formatter.formatters[mime].for_type(type_, before)
    _replaced.clear()
