"""A notebook's cells as a reader sees them: what the author wrote, and what came out; never code, never a progress line."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape, unescape
from typing import Any

import mistune

from kernel_ext.report.labels import label
from kernel_ext.report.sanitise import clean
from secureframe.wording import TEXTS

HIDDEN = frozenset({"remove-cell", "remove-output", "hide-cell"})
"""Tags, as other tools for notebooks name them, of cells that a report leaves out."""
NEW_PAGE = "new-page"
"""The tag of a cell that begins a page."""
SHORT = 40
"""Characters of a text that is a number or a word rather than a listing."""
WIDGET = "application/vnd.jupyter.widget-view+json"
IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HINTS = re.compile("|".join(f"; {re.escape(text)}" for text in TEXTS["merge levels"].values()))
"""What a footnote tells an analyst to type, which is nothing to a reader."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading and where it stands."""

    level: int
    text: str
    anchor: str


@dataclass(slots=True)
class Content:
    """What a notebook contributes to a report.

    Parameters
    ----------
    language : str
        Of the words that are ours.
    parts : list of str
        HTML in order.
    headings : list of Heading
        For the table of contents.
    styles : dict
        Style sheets of outputs, each once.
    """

    language: str
    parts: list[str] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    styles: dict[str, None] = field(default_factory=dict)

    def add(self, html: str, *, kind: str, tags: frozenset[str] = frozenset()) -> None:
        """Add a part of the page."""
        if html.strip():
            start = " new-page" if NEW_PAGE in tags else ""
            reached = ' tabindex="0"' if "<table" in html else ""  # what scrolls must be reached by keyboard
            self.parts.append(f'<section class="{kind}{start}"{reached}>{html}</section>')

    def clean(self, html: str) -> str:
        """Return what is allowed of some HTML, and remember its styles."""
        cleaned = clean(html, image=label("image", self.language), style=lambda sheet: self.styles.setdefault(sheet, None))
        return HINTS.sub("", cleaned)


class _Markdown(mistune.HTMLRenderer):
    """Markdown whose headings have anchors that a table of contents can name."""

    def __init__(self, content: Content) -> None:
        super().__init__(escape=False)
        self._content = content

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        anchor = f"section-{len(self._content.headings) + 1}"
        shown = unescape(re.sub(r"<[^>]*>", "", text)).strip()
        self._content.headings.append(Heading(level, shown, anchor))
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'


def content_of(notebook: Any, language: str, title: str) -> Content:
    """Return what an executed notebook says.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Executed.
    language : str
        ``"en"`` or ``"nl"``.
    title : str
        The report's; a first heading of these words stands on the cover already.
    """
    content = Content(language)
    for cell in notebook.cells:
        tags = frozenset(cell.get("metadata", {}).get("tags", ()))
        if tags & HIDDEN:
            continue
        if cell.cell_type == "markdown":
            content.add(_markdown(cell, content, title), kind="text", tags=tags)
        elif cell.cell_type == "code":
            for made in cell.get("outputs", ()):
                content.add(_output(made, content), kind="output", tags=tags)
                tags = tags - {NEW_PAGE}
    return content


def _markdown(cell: Any, content: Content, title: str) -> str:
    source = _text(cell.source)
    for name, bundle in cell.get("attachments", {}).items():
        for mime, data in bundle.items():
            source = source.replace(f"attachment:{name}", f"data:{mime};base64,{''.join(data.split())}")
    if not content.headings:
        source = re.sub(rf"\A\s*#\s+{re.escape(title)}\s*\n", "\n", source + "\n")
    return markdown(source, content)


def markdown(source: str, content: Content) -> str:
    """Return Markdown as HTML that may stand in a report."""
    plugins = ["table", "strikethrough", "footnotes", "def_list", "url"]
    return content.clean(str(mistune.create_markdown(renderer=_Markdown(content), plugins=plugins)(source)))


def _output(made: Any, content: Content) -> str:
    kind = made.get("output_type")
    if kind == "stream":
        text = ANSI.sub("", _text(made.get("text", "")))
        return f"<pre>{escape(text.strip(chr(10)))}</pre>" if made.get("name") == "stdout" and text.strip() else ""
    if kind == "error":
        said = f"{made.get('ename', '')}: {made.get('evalue', '')}"
        return f'<div class="failed"><p><strong>{label("failed", content.language)}</strong></p><pre>{escape(said)}</pre></div>'
    marked = made.get("metadata", {}).get("secureframe", {})
    if isinstance(marked, Mapping) and marked.get("kind") == "progress":
        return ""
    return _bundle(made.get("data", {}), made.get("metadata", {}), content)


def _bundle(data: Mapping[str, Any], metadata: Mapping[str, Any], content: Content) -> str:
    """The richest form of an output that a page of paper can hold."""
    if "text/html" in data:
        return content.clean(_text(data["text/html"]))
    for mime in IMAGES:
        if mime in data:
            described = metadata.get(mime, {})
            alt = described.get("alt") if isinstance(described, Mapping) else None
            return content.clean(_image(mime, _text(data[mime]), alt or _alt(data, content.language)))
    if WIDGET in data:
        return ""
    if "text/markdown" in data:
        return markdown(_text(data["text/markdown"]), content)
    text = ANSI.sub("", _text(data.get("text/plain", "")))
    if not text or text == "None":
        return ""
    return f'<p class="value">{escape(text)}</p>' if len(text) <= SHORT and "\n" not in text else f"<pre>{escape(text)}</pre>"


def _image(mime: str, data: str, alt: str) -> str:
    encoded = base64.b64encode(data.encode()).decode() if mime == "image/svg+xml" else "".join(data.split())
    return f'<figure><img alt="{escape(alt)}" src="data:{mime};base64,{encoded}"></figure>'


def _alt(data: Mapping[str, Any], language: str) -> str:
    """The words for an image that brings none: what its text says, unless that only names its size."""
    text = _text(data.get("text/plain", ""))
    return label("image", language) if not text or text.startswith("<") else text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(value)
