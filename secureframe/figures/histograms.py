"""Released counts between public edges, to scale; a withheld bin is a hatched band over the whole height."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from secureframe.figures import style
from secureframe.figures.cells import WITHHELD, Cells
from secureframe.figures.charts import Chart, Options, picture
from secureframe.wording import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def histogram_picture(
    edges: Sequence[float],
    counts: Sequence[int | None],
    labels: Sequence[str],
    name: str | None,
    record: dict[str, Any],
    options: Options,
) -> Any:
    """Return the picture of a histogram, or the axes where they were given.

    Parameters
    ----------
    edges : sequence of float
        Public ends of the bins, one more than there are counts.
    counts : sequence of int or None
        Rows in each bin, None where withheld.
    labels : sequence of str
        The bins in words.
    name : str or None
        The column.
    record : dict
        The release record.
    """
    cells = Cells(
        rows=tuple(labels),
        names=(say("count"),),
        values=(tuple(WITHHELD if count is None else float(count) for count in counts),),
        record=record,
        key=None,
        title=name,
    )
    ax = options.ax if options.ax is not None else style.new_figure(options.figsize).subplots()
    chart = histogram(cells, edges, options, ax)
    return picture([chart], [chart.describe("histogram", name or say("value"))], options)


def histogram(cells: Cells, edges: Sequence[float], options: Options, ax: Axes) -> Chart:
    """Draw the bins of a histogram."""
    chart = Chart(cells, options, ax)
    for (left, right), count in zip(pairwise(edges), cells.values[0], strict=True):
        if isinstance(count, int | float):
            ax.bar(
                [left],
                [count],
                width=right - left,
                align="edge",
                color=options.colour(0),
                edgecolor=style.PAPER,
                linewidth=0.8,
            )
        else:
            chart.band((left + right) / 2, right - left, word=right - left >= 0.03 * (edges[-1] - edges[0]))
    ax.set_xlim(edges[0], edges[-1])
    chart.limit(floor=0.0)
    chart.finish(values=say("count"), along=cells.title or say("value"))
    return chart
