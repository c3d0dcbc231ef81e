"""How figures look: sizes, fonts and colours, the same in a notebook, a report and a journal; nothing global is changed.

Colours tell series apart for readers with any of the common colour vision deficiencies and stand out from the paper by 3:1 or
more; text by 4.5:1 or more. Hatching always and only means withheld.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER, HATCH = "#1a1a1a", "#595959", "#dcdcdc", "#ffffff", "#8c8c8c"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#8a3ffc", "#5c0f14", "#12205e")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)))

DARK = {
    INK: "#f0f0f0",
    MUTED: "#b8b8b8",
    GRID: "#3a3a3a",
    PAPER: "#111111",
    HATCH: "#9a9a9a",
    **dict(zip(SERIES, ("#56a8f0", "#f0883c", "#1fae7f", "#9b5cff", "#f7f25c", "#f3d6ea"), strict=True)),
}
"""What every colour becomes on dark paper; any other colour stays."""

SIZE = (6.4, 3.6)
"""Inches: the width of a page's text, and of an A4 report's."""
TEXT, SMALL = 9.0, 7.0
"""Points."""
FONTS = ("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans")
"""The first that this machine has is used."""


@functools.cache
def font() -> list[str]:
    """Return the fonts of all text: the one that it is set in, and what takes its place where an SVG file is read."""
    from matplotlib.font_manager import fontManager

    known = {entry.name for entry in fontManager.ttflist}
    return [next(name for name in FONTS if name in known or name == FONTS[-1]), "sans-serif"]


def new_figure(size: tuple[float, float] | None = None) -> Figure:
    """Return an empty figure that belongs to nobody: pyplot does not know it."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=size or SIZE, layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08), facecolor=PAPER)


def figure_of(ax: Axes) -> Figure:
    """Return the figure that axes stand in, whole."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def colour(position: int) -> str:
    """Return the colour of a series."""
    return SERIES[position % len(SERIES)]


def finish(ax: Axes, *, values_along: str = "y", grid: bool | None = None) -> None:
    """Give axes fonts, lines and a light grid behind the marks."""
    ax.set_facecolor(PAPER)
    ax.set_axisbelow(True)
    for side, spine in ax.spines.items():
        spine.set_visible(side == "bottom" or (side == "left" and values_along == "x"))
        spine.set_edgecolor(MUTED)
        spine.set_linewidth(0.8)
    for axis, name in ((ax.xaxis, "x"), (ax.yaxis, "y")):
        lined = grid if grid is not None else name in values_along
        if lined:
            axis.grid(True, color=GRID, linewidth=0.8)
        else:
            axis.grid(False)
        axis.set_tick_params(colors=MUTED, labelcolor=INK, labelsize=TEXT, width=0.8, length=0 if name in values_along else 3)
        axis.label.set(color=INK, fontsize=TEXT, fontfamily=font())
        axis.get_offset_text().set(color=INK, fontsize=SMALL, fontfamily=font())
        for label in (*axis.get_ticklabels(which="major"), *axis.get_ticklabels(which="minor")):
            label.set_fontfamily(font())


def legend(ax: Axes, handles: list[Any], labels: list[str], *, above: float = 0.0) -> None:
    """Put a legend above the axes, where it hides nothing; ``above`` is what else stands there, in parts of their height."""
    if not handles:
        return
    ax.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0 + above),
        ncols=min(len(handles), 4),
        frameon=False,
        borderaxespad=0.2,
        handlelength=1.6,
        columnspacing=1.4,
        prop={"family": font(), "size": TEXT},
        labelcolor=INK,
    )


def note(ax: Axes, text: str, *, own: bool) -> None:
    """Write the note on the release below the axes; in a figure of our own at its very bottom."""
    figure = figure_of(ax)
    width = float(figure.get_size_inches()[0])
    lines = textwrap.fill(text, width=max(30, int(width * 72 / (SMALL * 0.52))))
    words: dict[str, Any] = {"fontsize": SMALL, "color": MUTED, "fontfamily": font()}
    if own:
        figure.supxlabel(lines, x=0.08 / width, ha="left", **words)
    else:
        ax.annotate(lines, (0, 0), (0, -34), xycoords="axes fraction", textcoords="offset points", va="top", **words)


@contextmanager
def on_dark_paper(figure: Figure) -> Iterator[None]:
    """Turn a figure's colours into those for dark paper, and back."""
    from matplotlib.text import Text

    before: list[tuple[Any, Any]] = []
    behind = [text.get_bbox_patch() for text in figure.findobj(Text)]
    for artist in (*figure.findobj(), *filter(None, behind)):
        for name in ("facecolor", "edgecolor", "color", "markerfacecolor", "markeredgecolor", "hatchcolor"):
            getter, setter = getattr(artist, f"get_{name}", None), getattr(artist, f"set_{name}", None)
            if getter is None or setter is None or (name == "color" and hasattr(artist, "get_facecolor")):
                continue
            was = getter()
            turned = _turned(was)
            if turned is not None:
                before.append((setter, was))
                setter(turned)
    try:
        yield
    finally:
        for setter, was in reversed(before):
            setter(was)


def _turned(was: Any) -> Any:
    from matplotlib.colors import is_color_like, to_hex, to_rgba

    if not is_color_like(was) or to_rgba(was)[3] == 0:
        return None
    dark = DARK.get(to_hex(was))
    return None if dark is None else to_rgba(dark, to_rgba(was)[3])
