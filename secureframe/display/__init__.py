"""What people see: schemas in place of rows, plans, released tables with their footnotes; as text and as HTML.

Everything shown is public (names, types, owners, places, rules) or was released. All HTML is escaped, holds no scripts and
fetches nothing. Begin with ``page.py``, the look that all of it shares; nothing here knows Jupyter. Modules are imported when
something of theirs is first used, so that records of every floor may show themselves through ``page``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secureframe.display.frames import frame_html, frame_text, public_names, series_html, series_text, step, table_text
    from secureframe.display.page import escape, styled
    from secureframe.display.plans import Explanation
    from secureframe.display.released import footnote, released_html
    from secureframe.progress import ProgressLine

__all__ = [
    "Explanation",
    "ProgressLine",
    "escape",
    "footnote",
    "frame_html",
    "frame_text",
    "public_names",
    "released_html",
    "series_html",
    "series_text",
    "step",
    "styled",
    "table_text",
]

_LATER = {
    "Explanation": "secureframe.display.plans",
    "ProgressLine": "secureframe.progress",
    "escape": "secureframe.display.page",
    "footnote": "secureframe.display.released",
    "frame_html": "secureframe.display.frames",
    "frame_text": "secureframe.display.frames",
    "public_names": "secureframe.display.frames",
    "released_html": "secureframe.display.released",
    "series_html": "secureframe.display.frames",
    "series_text": "secureframe.display.frames",
    "step": "secureframe.display.frames",
    "styled": "secureframe.display.page",
    "table_text": "secureframe.display.frames",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        found = globals()[name] = getattr(import_module(_LATER[name]), name)
        return found
    raise AttributeError(f"module 'secureframe.display' has no attribute {name!r}")
