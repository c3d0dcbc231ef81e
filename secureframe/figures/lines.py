"""Lines over an ordered key (bands, numbers, calendar periods); a withheld point is a gap with a hatched band."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from secureframe.figures import style
from secureframe.figures.bars import turn
from secureframe.figures.cells import WITHHELD, Cells, position
from secureframe.figures.charts import Chart, Options

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRIP = 0.07
"""Height of the strip above the axes for lines that are withheld where others are not, in parts of the axes'."""
TICKS = 12
"""Dates that are named along x."""


def lines(cells: Cells, options: Options, ax: Axes) -> tuple[Chart, str]:
    """Draw a line for every column, with a mark at every released cell; lines end where a cell is not there."""
    chart = Chart(cells, options, ax)
    dated = bool(cells.rows) and all(hasattr(row, "isoformat") for row in cells.rows)
    numeric = bool(cells.rows) and all(isinstance(row, int | float) and not isinstance(row, bool) for row in cells.rows)
    places = [position(row) for row in cells.rows] if dated or numeric else [float(i) for i in range(len(cells.rows))]
    several = len(cells.names) > 1
    width = 0.5 * min((b - a for a, b in pairwise(sorted(set(places)))), default=1.0)
    for at, (name, column) in enumerate(zip(cells.names, cells.values, strict=True)):
        heights = [float(v) if isinstance(v, int | float) else float("nan") for v in column]
        if all(h != h for h in heights):
            continue
        (handle,) = ax.plot(
            places,
            heights,
            color=options.colour(at),
            linestyle=style.DASHES[at % len(style.DASHES)],
            marker=style.MARKERS[at % len(style.MARKERS)],
            markersize=5,
            linewidth=1.6,
            clip_on=False,
            zorder=3,
        )
        if several:
            chart.entry(handle, name)
    for place, row in zip(places, zip(*cells.values, strict=True), strict=True):
        hidden = [at for at, value in enumerate(row) if value is WITHHELD]
        if hidden and len(hidden) == len(row):
            chart.band(place, width, word=not several)
            chart.withheld += len(hidden) - 1
        elif hidden:
            _aside(chart, place, width, hidden)
    if places:
        reach = (max(places) - min(places)) or 1.0
        ax.set_xlim(min(places) - 0.04 * reach - width / 2, max(places) + 0.04 * reach + width / 2)
    if dated or not numeric:
        step = -(-len(places) // TICKS) if dated else 1
        ax.xaxis.set_ticks(places[::step], (_periods(cells) if dated else cells.labels)[::step])
        turn(chart)
    chart.limit(floor=None if cells.limits() else 0.0)
    chart.finish(values=cells.quantity(), along=cells.key)
    return chart, chart.describe("line chart")


def _aside(chart: Chart, place: float, width: float, hidden: list[int]) -> None:
    """Mark the lines that are withheld where others are not: open marks in a hatched strip above the axes, beyond all values."""
    from matplotlib.patches import Rectangle

    across = chart.ax.get_xaxis_transform()
    look: dict[str, Any] = {"transform": across, "clip_on": False}
    strip = Rectangle((place - width / 2, 1.0), width, STRIP, facecolor="none", edgecolor=style.HATCH, hatch="////", lw=0, **look)
    chart.ax.add_patch(strip)
    for number, at in enumerate(hidden):
        chart.ax.plot(
            [place + width * ((number + 1) / (len(hidden) + 1) - 0.5)],
            [1.0 + STRIP / 2],
            marker=style.MARKERS[at % len(style.MARKERS)],
            markersize=5,
            markerfacecolor=style.PAPER,
            markeredgecolor=chart.options.colour(at),
            linestyle="none",
            zorder=4,
            **look,
        )
    chart.withheld += len(hidden)
    chart.hatched, chart.above = strip, STRIP


def _periods(cells: Cells) -> tuple[str, ...]:
    """Dates as short as they stay apart: years, months or days, in ISO 8601."""
    days = [str(row)[:10] for row in cells.rows]
    for length in (4, 7):
        if len({day[:length] for day in days}) == len(days) and len({day[length:] for day in days}) <= (1 if length == 4 else 4):
            return tuple(day[:length] for day in days)
    return tuple(days)
