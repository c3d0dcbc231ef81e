"""What a test sees of a fragment: its elements without its style, held to what every fragment has to be."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from secureframe.display.page import STYLE

TAGS = (
    " div p span strong em code small sup table caption thead tbody tr th td dl dt dd ul ol li details summary progress br "
    "figure figcaption "
)
ATTRIBUTES = " class role tabindex aria-label aria-hidden scope open max value colspan rowspan title style "


def body_of(html: str, kind: str) -> str:
    """The body of a fragment of some kind: well formed, of known elements alone, nothing fetched, nothing run."""
    before, after = f'<div class="secureframe sf-{kind}"><style>{STYLE}</style>', "</div>"
    assert html.startswith(before) and html.endswith(after)
    body = html[len(before) : -len(after)]
    _Reader(body)
    assert not re.search(r"url\(|@import|expression\(", STYLE)
    return body


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert f" {tag} " in TAGS, f"<{tag}>"
        for name, value in attrs:
            assert f" {name} " in ATTRIBUTES, f"<{tag} {name}>"
            assert not re.search(r"url|expression|:\s*//|javascript", value or "") or name in ("aria-label", "title")
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
