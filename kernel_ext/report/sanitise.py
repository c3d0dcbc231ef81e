"""HTML that may stand in a report: elements and attributes by an allow list, images of the page itself, no scripts, no requests.

A notebook's outputs and its author's Markdown hold whatever libraries put there; a report is opened by people who trust it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from html.parser import HTMLParser

VOID = frozenset({"br", "hr", "img", "col", "wbr"})
TAGS = VOID | {
    "a", "abbr", "b", "blockquote", "caption", "cite", "code", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em",
    "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "i", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s",
    "samp", "section", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr",
    "u", "ul", "var",
}  # fmt: skip
SILENT = frozenset({
    "script", "style", "iframe", "object", "embed", "template", "noscript", "svg", "math", "head", "title", "select", "textarea",
    "button", "audio", "video", "canvas", "form",
})  # fmt: skip
"""Elements of which nothing is kept, not even what stands in them."""
EVERYWHERE = frozenset({"class", "dir", "id", "lang", "title", "role", "aria-label", "aria-hidden"})
ATTRIBUTES = {
    "a": frozenset({"href"}),
    "img": frozenset({"src", "alt", "width", "height"}),
    "td": frozenset({"colspan", "rowspan", "headers"}),
    "th": frozenset({"colspan", "rowspan", "headers", "scope", "abbr"}),
    "col": frozenset({"span"}),
    "ol": frozenset({"start", "type"}),
}
IMAGE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]+")
LINK = re.compile(r"(https?://|mailto:|#)[^\s]*", re.IGNORECASE)
FETCHING = re.compile(r"url\s*\(|@import|image-set|src\s*\(|expression|javascript|<|\\", re.IGNORECASE)
"""In a style: what could ask for something, or could hide that it does."""

WIDE = 9
"""Columns from which on a table stands on a page of its own, lengthwise."""


class Cleaner(HTMLParser):
    """Writes what is allowed of the HTML that it is fed.

    Parameters
    ----------
    image : str
        The word that stands for an image that may not be shown.
    """

    def __init__(self, image: str = "image") -> None:
        super().__init__(convert_charrefs=True)
        self.written: list[str] = []
        self.styles: list[str] = []
        self.columns = 0
        self._open: list[str] = []
        self._silent: list[str] = []
        self._image = image
        self._row = 0

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self._silent.append(tag)
            return
        if self._silent or tag not in TAGS:
            return
        given = {name: value or "" for name, value in attrs}
        if tag == "img":
            self._show(given)
            return
        self._count(tag, given)
        kept = {name: value for name, value in given.items() if name in EVERYWHERE | ATTRIBUTES.get(tag, frozenset())}
        if tag == "a" and not LINK.fullmatch(kept.get("href", "").strip()):
            kept.pop("href", None)
        if tag == "details":
            kept["open"] = ""
        if "style" in given and not FETCHING.search(given["style"]) and "position" not in given["style"]:
            kept["style"] = given["style"]
        self.written.append(start_tag(tag, kept))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            if tag in self._silent:
                while self._silent.pop() != tag:
                    pass
            return
        if self._silent or tag not in self._open:
            return
        while True:
            last = self._open.pop()
            self.written.append(f"</{last}>")
            if last == tag:
                return

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if self._silent:
            if self._silent == ["style"] and not FETCHING.search(data):
                self.styles.append(data)
            return
        self.written.append(escape(data, quote=False))

    def close(self) -> None:
        super().close()
        while self._open:
            self.written.append(f"</{self._open.pop()}>")

    def _show(self, given: dict[str, str]) -> None:
        """An image of the page itself is shown; of one elsewhere its words; of the two of a picture the one on light paper."""
        if "sf-dark" in given.get("class", "").split():
            return
        if not IMAGE.fullmatch(given.get("src", "").strip()):
            self.written.append(f"[{escape(given.get('alt') or self._image)}]")
            return
        kept: dict[str, str] = {name: value for name, value in given.items() if name in ATTRIBUTES["img"] | {"class"}}
        kept.setdefault("alt", self._image)
        self.written.append(start_tag("img", kept))

    def _count(self, tag: str, given: dict[str, str]) -> None:
        if tag == "tr":
            self._row = 0
        elif tag in ("td", "th"):
            span = given.get("colspan", "1")
            self._row += int(span) if span.isdigit() else 1
            self.columns = max(self.columns, self._row)


def start_tag(tag: str, attributes: Mapping[str, str]) -> str:
    """Return the beginning of an element."""
    return f"<{tag}" + "".join(f' {name}="{escape(value)}"' for name, value in attributes.items()) + ">"


def clean(html: str, *, image: str = "image", style: Callable[[str], None] | None = None) -> str:
    """Return what is allowed of some HTML, well formed.

    Parameters
    ----------
    image : str
        The word that stands for an image that may not be shown.
    style : callable, optional
        Gets every style sheet in it that asks for nothing; without it they are left out.
    """
    cleaner = Cleaner(image)
    cleaner.feed(html)
    cleaner.close()
    if style is not None:
        for sheet in cleaner.styles:
            style(sheet)
    text = "".join(cleaner.written)
    return f'<div class="wide">{text}</div>' if cleaner.columns > WIDE else text
