"""Bars: one a released cell, from zero; a withheld cell is a hatched band over the whole height."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secureframe.errors import PlanError
from secureframe.figures import style
from secureframe.figures.cells import WITHHELD, Cells
from secureframe.figures.charts import Chart, Options, cell_text
from secureframe.wording import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROUP = 0.8
"""Of the distance between two groups, what their bars fill."""
LABELLED = 16
"""Bars up to which every one bears its number."""


def bars(cells: Cells, options: Options, ax: Axes, *, horizontal: bool = False) -> tuple[Chart, str]:
    """Draw a bar for every cell; columns stand side by side, or on one another with ``stacked``.

    Raises
    ------
    PlanError
        If bars are to be stacked and one of them is not there: the height of the others would tell it apart from nothing.
    """
    chart = Chart(cells, options, ax, horizontal)
    several, stacked = len(cells.names) > 1, options.stacked and len(cells.names) > 1
    if stacked and any(not isinstance(v, int | float) for column in cells.values for v in column):
        raise PlanError("bars with a cell that is withheld or missing cannot be stacked", hint="stacked=False")
    width = GROUP if stacked else GROUP / len(cells.names)
    labelled = not stacked and len(cells.rows) * len(cells.names) <= LABELLED and (horizontal or len(cells.names) <= 4)
    base = [0.0] * len(cells.rows)
    for at, (name, column) in enumerate(zip(cells.names, cells.values, strict=True)):
        handle = None
        for row, value in enumerate(column):
            centre = row if stacked else row - GROUP / 2 + width * (at + 0.5)
            if isinstance(value, int | float):
                handle = _bar(chart, centre, value, width, base[row], options.colour(at))
                base[row] += value if stacked else 0.0
                if labelled:
                    _number(chart, centre, value)
            elif value is WITHHELD:
                chart.band(centre, width, word=not several)
            else:
                chart.word(centre, say("no value"))
        if several and handle is not None:
            chart.entry(handle, name)
    _along(chart)
    _ends(chart, base if stacked else None, labelled)
    chart.finish(values=cells.quantity(), along=cells.key)
    return chart, chart.describe("bar chart")


def _bar(chart: Chart, centre: float, value: float, width: float, base: float, colour: Any) -> Any:
    if chart.horizontal:
        return chart.ax.barh([centre], [value], height=width * 0.94, left=base, color=colour, linewidth=0)
    return chart.ax.bar([centre], [value], width=width * 0.94, bottom=base, color=colour, linewidth=0)


def _number(chart: Chart, centre: float, value: float) -> None:
    at = (value, centre) if chart.horizontal else (centre, value)
    beyond = 3 if value >= 0 else -3
    chart.ax.annotate(
        cell_text(value, dates=chart.cells.dates),
        at,
        (beyond, 0) if chart.horizontal else (0, beyond),
        textcoords="offset points",
        ha=("left" if value >= 0 else "right") if chart.horizontal else "center",
        va="center" if chart.horizontal else ("bottom" if value >= 0 else "top"),
        color=style.INK,
        fontsize=style.TEXT - 1,
        fontfamily=style.font(),
    )


def _along(chart: Chart) -> None:
    """Name the rows along the other axis."""
    count = len(chart.cells.rows)
    axis = chart.ax.yaxis if chart.horizontal else chart.ax.xaxis
    axis.set_ticks(range(count), chart.cells.labels)
    (chart.ax.set_ylim if chart.horizontal else chart.ax.set_xlim)(-0.5 - 0.1, count - 0.5 + 0.1)
    if chart.horizontal:
        chart.ax.invert_yaxis()
        return
    turn(chart)


def turn(chart: Chart) -> None:
    """Turn long names along x, so that they do not run into each other."""
    width = style.figure_of(chart.ax).get_size_inches()[0] * 72 * 0.85
    longest = max(map(len, chart.cells.labels), default=0) * style.TEXT * 0.55
    turned = chart.options.rot if chart.options.rot is not None else (0 if longest * len(chart.cells.labels) < width else 40)
    chart.ax.tick_params(axis="x", labelrotation=turned)
    if turned:
        for label in chart.ax.get_xticklabels():
            label.set(ha="right" if 0 < turned < 90 else "center", rotation_mode="anchor" if 0 < turned < 90 else "default")


def _ends(chart: Chart, totals: list[float] | None, labelled: bool) -> None:
    if totals is None or chart.options.ylim is not None:
        chart.limit(floor=0.0, margin=0.1 if labelled else 0.06)
        return
    (chart.ax.set_xlim if chart.horizontal else chart.ax.set_ylim)(0, max(totals, default=1) * 1.06)
