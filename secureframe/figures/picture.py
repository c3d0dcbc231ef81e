"""A picture: a matplotlib figure that says in words what it shows and holds nothing that its table does not."""

from __future__ import annotations

import base64
import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secureframe.figures.style import FONTS, on_dark_paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PIXELS = 96
"""Pixels an inch on a screen."""
NOTHING = {"Date": None, "Creator": None, "Format": None, "Type": None}
"""What is said in an SVG file beside the figure."""
_saving = threading.Lock()


class Picture:
    """A figure drawn from released cells alone.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure; pyplot does not know it. Whatever is changed in it is shown and saved.
    alt : str
        What it shows, in words: for readers who do not see it.
    """

    __slots__ = ("alt", "figure")

    def __init__(self, figure: Figure, alt: str) -> None:
        self.figure = figure
        self.alt = alt

    @property
    def axes(self) -> list[Axes]:
        """The axes of the figure, in order."""
        return list(self.figure.axes)

    @property
    def ax(self) -> Axes:
        """The first axes."""
        return self.figure.axes[0]

    def savefig(self, path: str | Path, *, dark: bool = False, **options: Any) -> None:
        """Write the figure to a file: SVG, PDF or PNG by the name's ending.

        Parameters
        ----------
        path : str or path
            Where to.
        dark : bool
            On dark paper.
        **options
            As matplotlib's ``savefig`` takes them (``dpi``, ``transparent``).
        """
        target = Path(path)
        kind = str(options.pop("format", target.suffix.lstrip(".") or "png")).lower()
        target.write_bytes(self._bytes(kind, dark, **options))

    def to_svg(self, *, dark: bool = False) -> str:
        """Return the figure as SVG: shapes and texts, no date, no path, no program."""
        return self._bytes("svg", dark).decode()

    def to_png(self, *, dark: bool = False, dpi: int = 200) -> bytes:
        """Return the figure as PNG."""
        return self._bytes("png", dark, dpi=dpi)

    def to_html(self) -> str:
        """Return the figure for a notebook: one image on light and one on dark paper, of which the theme chooses."""
        width, height = (round(side * PIXELS) for side in self.figure.get_size_inches())
        images = "".join(
            f'<img class="sf-{paper}" alt="{escape(self.alt)}" width="{width}" height="{height}"{hidden} '
            f'src="data:image/svg+xml;base64,{base64.b64encode(self._bytes("svg", paper == "dark")).decode()}">'
            for paper, hidden in (("light", ""), ("dark", " hidden"))
        )
        return f'<div class="secureframe sf-figure">{STYLE}{images}</div>'

    def _bytes(self, kind: str, dark: bool, **options: Any) -> bytes:
        written = io.BytesIO()
        if kind == "svg":
            options["metadata"] = NOTHING
        elif kind == "png":
            options.setdefault("metadata", {"Software": None})
        elif kind == "pdf":
            options.setdefault("metadata", {"Creator": None, "Producer": None, "CreationDate": None, "Title": self.alt})
        with _settings(), on_dark_paper(self.figure) if dark else _as_it_is():
            self.figure.savefig(written, format=kind, **options)
        return self._plain_svg(written.getvalue().decode()).encode() if kind == "svg" else written.getvalue()

    def _plain_svg(self, text: str) -> str:
        """An SVG without a document type, which names an address, and with the words for readers who do not see it.

        Its texts are set in the first of our fonts that the reader's machine has, however it was laid out here.
        """
        text = re.sub(r"<!DOCTYPE[^>]*>\s*", "", text)
        text = re.sub(r"font-family:[^;\"]*", f"font-family: {', '.join(map(repr, FONTS))}, sans-serif", text)
        return re.sub(r"(<svg\b[^>]*)>", lambda m: f'{m[1]} role="img">\n <title>{escape(self.alt)}</title>', text, count=1)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.to_html(), "text/plain": repr(self)}

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return f"Picture: {self.alt}"


STYLE = (
    "<style>.sf-figure img{max-width:100%;height:auto}.sf-figure img[hidden]{display:none}"
    '[data-jp-theme-light="false"] .sf-figure img.sf-light{display:none}'
    '[data-jp-theme-light="false"] .sf-figure img.sf-dark{display:inline}'
    "@media (prefers-color-scheme:dark){"
    "body:not([data-jp-theme-light]):not(.sf-report) .sf-figure img.sf-light{display:none}"
    "body:not([data-jp-theme-light]):not(.sf-report) .sf-figure img.sf-dark{display:inline}}</style>"
)
"""JupyterLab says which theme it shows; elsewhere the browser does. A report is paper, and paper is light."""


@contextmanager
def _settings() -> Iterator[None]:
    """How files are written, which matplotlib reads from one place for all figures: text as text, and names that repeat."""
    import matplotlib

    with _saving, matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "secureframe", "savefig.facecolor": "auto"}):
        yield


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield

