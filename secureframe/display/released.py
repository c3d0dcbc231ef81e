"""What was released as people see it: the table with its footnote, and its withheld cells told from missing ones."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pandas as pd

from secureframe.display import page
from secureframe.results.record import footnote_text, plain
from secureframe.wording import say

MARKED_CELLS = 5_000
"""A table that was released has fewer cells; what was made of it, and has more, is shown as pandas shows it."""


def footnote(result: Any) -> str | None:
    """Return the one line that says under which rules a result was released; None where it is no released result."""
    record = _record(result)
    return footnote_text(record) if record is not None else None


def _record(result: Any) -> dict[str, Any] | None:
    record = getattr(result, "release", None)
    if not isinstance(record, dict):
        attrs = getattr(result, "attrs", None)
        record = attrs.get("release") if isinstance(attrs, dict) else None
    return record if isinstance(record, dict) and record else None


def released_html(table: Any) -> str | None:
    """Return a released table as HTML, withheld cells marked, with its footnote; None where it is none.

    Parameters
    ----------
    table : DataFrame or Series
        With its release record under ``attrs["release"]``. Numbers are written as pandas writes them.
    """
    record = _record(table)
    if record is None or not isinstance(table, pd.DataFrame | pd.Series):
        return None
    frame = table.to_frame() if isinstance(table, pd.Series) else table
    if frame.size > MARKED_CELLS:
        shown = page.Html(frame.to_html(border=0, max_rows=pd.get_option("display.max_rows")))
    else:
        named = not isinstance(table, pd.Series) or table.name is not None
        shown = _marked(frame.to_html(border=0, header=named), _withheld(table, frame, record))
    note = page.element("p", footnote_text(record), classes="sf-note")
    return page.styled(page.scrolling(shown, "released table") + note, kind="released")


def _withheld(table: Any, frame: pd.DataFrame, record: dict[str, Any]) -> set[tuple[int, int]]:
    """Positions of the missing cells that a record names as withheld; of a Series its column need not be named."""
    series = isinstance(table, pd.Series)
    named = {(_key(c["row"]), None if series else _key(c["column"])) for c in record.get("suppressed", ())}
    if not named:
        return set()
    rows = [_key(plain(label)) for label in frame.index]
    columns = [None if series else _key(plain(label)) for label in frame.columns]
    missing = frame.isna().to_numpy()
    return {
        (i, j)
        for (i, row), (j, column) in itertools.product(enumerate(rows), enumerate(columns))
        if (row, column) in named and missing[i, j]
    }


def _key(label: Any) -> str:
    return json.dumps(label, default=str)


def _marked(shown: str, withheld: set[tuple[int, int]]) -> page.Html:
    """pandas' own HTML with the scopes of its headers, and with the withheld cells named as such."""
    head, begin, body = shown.partition("<tbody>")
    head = re.sub(r"<th(?=[ >])(?![^>]*colspan)", '<th scope="col"', head).replace("<th colspan", '<th scope="colgroup" colspan')
    head = head.replace(' style="text-align: right;"', "").replace(' border="0"', "").replace(' halign="left"', "")
    head = head.replace('<th scope="col"></th>', "<td></td>")
    body = body.replace(' valign="top"', "").replace("<th rowspan", '<th scope="rowgroup" rowspan')
    body = body.replace("<th>", '<th scope="row">')
    mark = f'<td class="sf-withheld">{page.escape(say("withheld"))}</td>'
    lines = body.split("<tr>")
    for position, line in enumerate(lines[1:]):
        columns = itertools.count()

        def cell(found: re.Match[str], row: int = position, columns: itertools.count[int] = columns) -> str:
            return mark if (row, next(columns)) in withheld else found.group()

        lines[position + 1] = re.sub(r"<td>.*?</td>", cell, line, flags=re.DOTALL)
    return page.Html(head + begin + "<tr>".join(lines))
