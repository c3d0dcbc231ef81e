"""What all charts share: axes of their own or given ones, marks of withheld cells, the note on the release, and words."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from secureframe.figures import style
from secureframe.figures.cells import WITHHELD, Cells, Shown
from secureframe.figures.picture import Picture
from secureframe.results.record import reason, rules_text
from secureframe.wording import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EPOCH = datetime.datetime(1970, 1, 1)
NAMED = 40
"""Cells that are named in words; a longer table is read as a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What can be said of a chart, in pandas' names; None is left to the chart."""

    ax: Any = None
    figsize: tuple[float, float] | None = None
    title: str | None = None
    xlabel: str | None = None
    ylabel: str | None = None
    xlim: tuple[Any, Any] | None = None
    ylim: tuple[Any, Any] | None = None
    legend: bool | None = None
    grid: bool | None = None
    rot: float | None = None
    color: Any = None
    stacked: bool = False
    subplots: bool = False

    def colour(self, position: int) -> Any:
        """Return the colour of a series."""
        if self.color is None:
            return style.colour(position)
        if isinstance(self.color, str | tuple):
            return self.color
        return self.color[position % len(self.color)]


@dataclass(slots=True)
class Chart:
    """One chart in the making.

    Parameters
    ----------
    cells : Cells
        What is shown.
    options : Options
        How.
    ax : matplotlib.axes.Axes
        Where.
    horizontal : bool
        Whether numbers run along x.
    handles, names : list
        Entries of the legend.
    remarks : list of str
        What the note says of the figure beside the rules.
    withheld : int
        How many withheld cells were marked.
    hatched : matplotlib artist or None
        A mark of a withheld cell that the legend has to explain.
    above : float
        What marks take above the axes, in parts of their height.
    """

    cells: Cells
    options: Options
    ax: Axes
    horizontal: bool = False
    handles: list[Any] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    withheld: int = 0
    hatched: Any = None
    above: float = 0.0

    def entry(self, handle: Any, name: str) -> None:
        """Add an entry to the legend."""
        self.handles.append(handle)
        self.names.append(name)

    def band(self, centre: float, width: float, *, word: bool = False) -> None:
        """Mark a withheld cell: hatched over the whole height, which says nothing of the cell."""
        span = self.ax.axhspan if self.horizontal else self.ax.axvspan
        patch = span(centre - width / 2, centre + width / 2, facecolor="none", edgecolor=style.HATCH, hatch="////", linewidth=0)
        self.withheld += 1
        if word:
            self.word(centre, say("withheld"))
        else:
            self.hatched = patch

    def word(self, centre: float, text: str) -> None:
        """Write a word where a mark would be."""
        across = self.ax.get_yaxis_transform() if self.horizontal else self.ax.get_xaxis_transform()
        at = (0.5, centre) if self.horizontal else (centre, 0.5)
        self.ax.text(
            *at,
            text,
            rotation=0 if self.horizontal else 90,
            rotation_mode="anchor",
            ha="center",
            va="center",
            transform=across,
            color=style.INK,
            fontsize=style.TEXT,
            fontfamily=style.font(),
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 2.0},
        )

    def limit(self, floor: float | None = None, margin: float = 0.06) -> None:
        """Set the ends of the axis of numbers: public ones, or up to the largest released number."""
        given = self.options.xlim if self.horizontal else self.options.ylim
        setter = self.ax.set_xlim if self.horizontal else self.ax.set_ylim
        public = self.cells.limits()
        if given is not None:
            setter(*given)
        elif public is not None:
            low, high = public
            low, high = (low, high) if floor is None else (min(low, floor), max(high, floor))
            setter(low, high if high > low else low + 1)
        elif self.cells.released:
            low = min(self.cells.released) if floor is None else min(floor, *self.cells.released)
            high = max(self.cells.released) if floor is None else max(floor, *self.cells.released)
            reach = (high - low) or abs(high) or 1.0
            setter(low - (margin * reach if low < (floor or 0) or floor is None else 0), high + margin * reach)
        else:
            setter(0, 1)
            self._numbers().set_ticks([])

    def _numbers(self) -> Any:
        return self.ax.xaxis if self.horizontal else self.ax.yaxis

    def dated(self, axis: Any) -> None:
        """Write an axis of days as dates."""
        from matplotlib import dates

        kinds: Any = dates  # which has no types
        locator = kinds.AutoDateLocator()
        axis.set_major_locator(locator)
        axis.set_major_formatter(kinds.ConciseDateFormatter(locator))

    def finish(self, *, values: str | None, along: str | None) -> None:
        """Write labels, legend and ends of axes, after everything was drawn."""
        options, ax = self.options, self.ax
        x, y = (values, along) if self.horizontal else (along, values)
        ax.set_xlabel(options.xlabel if options.xlabel is not None else (x or ""))
        ax.set_ylabel(options.ylabel if options.ylabel is not None else (y or ""))
        if options.xlim is not None and not self.horizontal:
            ax.set_xlim(*options.xlim)
        if options.ylim is not None and self.horizontal:
            ax.set_ylim(*options.ylim)
        if self.cells.dates:
            self.dated(self._numbers())
        else:
            self._numbered()
        style.finish(ax, values_along="x" if self.horizontal else "y", grid=options.grid)
        if self.hatched is not None:
            self.entry(self.hatched, say("withheld"))
        if options.legend is not False and (len(self.names) > 1 or self.hatched is not None):
            style.legend(ax, self.handles, self.names, above=self.above)

    def _numbered(self) -> None:
        """Ticks at round numbers, whole ones where all that is shown is whole, written as numbers in the figure are."""
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        if not all(float(v).is_integer() for v in self.cells.released):
            return
        axis = self._numbers()
        axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: grouped(round(value))))

    def describe(self, kind: str, shown: str | None = None) -> str:
        """Return what the chart shows, in words."""
        what = shown or self.what()
        text = say("chart of", chart=say(kind), what=what)
        return f"{text}: {self.told()}."

    def what(self) -> str:
        """Return what the numbers are and what they are given by, in words."""
        what = self.cells.quantity() or self.cells.title or ""
        if len(self.cells.names) > 1:
            what = f"{what} ({', '.join(self.cells.names)})" if what else ", ".join(self.cells.names)
        return say("by", what=what, key=self.cells.key) if self.cells.key else what

    def told(self) -> str:
        """Return the cells in words."""
        several = len(self.cells.names) > 1
        told = [
            f"{label}{f', {name}' if several else ''} {cell_text(value, dates=self.cells.dates)}"
            for name, column in zip(self.cells.names, self.cells.values, strict=True)
            for label, value in zip(self.cells.labels, column, strict=True)
        ]
        more = [say("and more", count=len(told) - NAMED)] if len(told) > NAMED else []
        return "; ".join([*told[:NAMED], *more])


def picture(charts: Sequence[Chart], words: Sequence[str], options: Options) -> Any:
    """Return the picture of finished charts; the axes themselves where they were given.

    Parameters
    ----------
    charts : sequence of Chart
        One, or one a panel.
    words : sequence of str
        What each shows.
    """
    own = options.ax is None
    first = charts[0]
    note = release_note(first.cells.record, sum(chart.withheld for chart in charts), [r for c in charts for r in c.remarks])
    if options.title is not None:
        if own:
            words = [f"{options.title}. {words[0]}", *words[1:]]
        _title(first.ax, options.title, own=own)
    style.note(first.ax if own else charts[-1].ax, note, own=own)
    if not own:
        return first.ax if len(charts) == 1 else [chart.ax for chart in charts]
    return Picture(style.figure_of(first.ax), " ".join([*words, note]))


def _title(ax: Any, title: str, *, own: bool) -> None:
    look: dict[str, Any] = {"color": style.INK, "fontfamily": style.font(), "fontsize": style.TEXT + 2, "fontweight": "bold"}
    if own:
        ax.figure.suptitle(title, x=0.08 / ax.figure.get_size_inches()[0], ha="left", **look)
    else:
        ax.set_title(title, loc="left", **look)


def release_note(record: dict[str, Any], withheld: int, remarks: Sequence[str] = ()) -> str:
    """Return the note in a figure: what was withheld of what it shows, and the rules of the release."""
    parts = [*([f"{sentence(reason({**record, 'cells': 2}, withheld))}."] if withheld else []), *remarks]
    return " ".join([*parts, f"{rules_text(record)}."])


def sentence(text: str) -> str:
    """Return a text with a capital at its start."""
    return text[:1].upper() + text[1:]


def cell_text(value: Shown, *, dates: bool = False) -> str:
    """Return a cell as a figure names it: the number, or that it was withheld, or that there is none."""
    if value is WITHHELD:
        return say("withheld")
    if not isinstance(value, int | float):
        return say("no value")
    if dates:
        return (EPOCH + datetime.timedelta(days=value)).date().isoformat()
    return number_text(value)


def number_text(value: float) -> str:
    """Return a number with its digits in groups and no more of them than readers compare."""
    if float(value).is_integer() and abs(value) < 1e15:
        return grouped(int(value))
    return f"{value:.4g}" if abs(value) < 1e4 else grouped(round(value))


def grouped(value: int) -> str:
    """Return a whole number with a narrow space between thousands from 10 000 on, as the SI writes it."""
    return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)
