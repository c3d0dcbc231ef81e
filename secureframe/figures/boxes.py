"""Boxes from released quantiles: the quartiles, the median, and whiskers at the outermost quantiles; never a single row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from secureframe.errors import PlanError
from secureframe.figures import style
from secureframe.figures.bars import turn
from secureframe.figures.cells import WITHHELD, Cells, Shown, label_text, of, quantiles
from secureframe.figures.charts import Chart, Options, cell_text, sentence
from secureframe.wording import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUARTILES = (0.25, 0.5, 0.75)
HINT = 'df.groupby("stage")["age"].quantile([0.05, 0.25, 0.5, 0.75, 0.95]).plot.box(), or df.describe().plot.box()'
WIDTH = 0.5


def box_cells(data: pd.Series | pd.DataFrame) -> Cells:
    """Return the quantiles of a released table: a row a box, a column a quantile.

    Quantiles may be the last level of the rows (grouped quantiles), the rows (``describe``, quantiles of several columns), or
    the columns (``agg``).

    Raises
    ------
    PlanError
        If the quartiles and the median are not there.
    """
    cells = of(data)
    if isinstance(data.index, pd.MultiIndex):
        return _stacked(data, cells)
    by_row, by_column = quantiles(list(data.index)), quantiles([label_text(name).split(", ")[-1] for name in cells.names])
    if set(QUARTILES) <= set(by_row):
        found = {q: tuple(column[at] for column in cells.values) for q, at in by_row.items()}
        return _boxes(cells, found, list(cells.names), None, cells.title if len(cells.names) == 1 else None)
    if set(QUARTILES) <= set(by_column) and len(by_column) == len(set(by_column.values())):
        found = {q: cells.values[at] for q, at in by_column.items()}
        return _boxes(cells, found, list(cells.rows), cells.key, cells.title)
    raise PlanError("a box needs the released quantiles 25 %, 50 % and 75 %", hint=HINT)


def _stacked(data: pd.Series | pd.DataFrame, cells: Cells) -> Cells:
    """Grouped quantiles, whose last level is the quantile: a box a group; of several columns the only or the first one."""
    levels = quantiles(list(dict.fromkeys(row[-1] for row in cells.rows)))
    if not set(QUARTILES) <= set(levels):
        raise PlanError("a box needs the released quantiles 25 %, 50 % and 75 %", hint=HINT)
    if len(cells.names) > 1:
        hint = f"table[{cells.names[0]!r}].plot.box()"
        raise PlanError("boxes of several columns in groups are drawn one column at a time", hint=hint)
    groups = list(dict.fromkeys(row[:-1] for row in cells.rows))
    values: dict[tuple[object, float], Shown] = {}
    for row, value in zip(cells.rows, cells.values[0], strict=True):
        for q in quantiles([row[-1]]):
            values[row[:-1], q] = value
    found = {q: tuple(values.get((group, q)) for group in groups) for q in levels}
    names = [group[0] if len(group) == 1 else group for group in groups]
    return _boxes(cells, found, names, cells.key, cells.title or cells.names[0])


def _boxes(
    cells: Cells, found: Mapping[float, tuple[Shown, ...]], rows: list[object], key: str | None, title: str | None
) -> Cells:
    order = sorted(found)
    return Cells(
        rows=tuple(rows),
        names=tuple(f"{q * 100:g}%" for q in order),
        values=tuple(found[q] for q in order),
        record=cells.record,
        key=key,
        title=title,
        dates=cells.dates,
    )


def boxes(cells: Cells, options: Options, ax: Axes) -> tuple[Chart, str]:
    """Draw a box a row of `box_cells`; one without its quartiles is withheld as a whole."""
    chart = Chart(cells, options, ax)
    qs = [float(name.rstrip("%")) / 100 for name in cells.names]
    low, high = (q if abs(q - 0.5) > 0.25 else None for q in (qs[0], qs[-1]))
    told: list[str] = []
    without: list[str] = []
    for at, label in enumerate(cells.labels):
        row = {q: column[at] for q, column in zip(qs, cells.values, strict=True)}
        body = [row[q] for q in QUARTILES]
        if any(v is WITHHELD for v in body):
            chart.band(at, WIDTH, word=True)
            chart.withheld += sum(v is WITHHELD for v in row.values()) - 1
            told.append(f"{label} {say('withheld')}")
            continue
        if any(v is None for v in body):
            chart.word(at, say("no value"))
            told.append(f"{label} {say('no value')}")
            continue
        told.append(f"{label} {_box(chart, at, label, row, low, high, without)}")
    if without:
        chart.remarks.append(f"{sentence(say('whisker withheld', where=', '.join(without)))}.")
    if low is not None and high is not None:
        chart.remarks.insert(0, say("whiskers are", low=f"{low * 100:g}\u202f%", high=f"{high * 100:g}\u202f%"))
    ax.xaxis.set_ticks(range(len(cells.rows)), cells.labels)
    ax.set_xlim(-0.6, len(cells.rows) - 0.4)
    turn(chart)
    chart.limit()
    chart.finish(values=cells.title, along=cells.key)
    what = (say("by", what=cells.title, key=cells.key) if cells.key else cells.title) if cells.title else ", ".join(cells.labels)
    return chart, f"{say('chart of', chart=say('box plot'), what=what)}: {'; '.join(told)}."


def _box(
    chart: Chart, at: int, label: str, row: Mapping[float, Shown], low: float | None, high: float | None, without: list[str]
) -> str:
    """Draw one box and return it in words; add to ``without`` which of its whiskers are withheld."""
    hidden: list[str] = []
    first, middle, last = (float(row[q]) for q in QUARTILES)  # type: ignore[arg-type]  # all three are there
    ax, colour = chart.ax, chart.options.colour(0)
    ax.bar([at], [last - first], bottom=first, width=WIDTH, color=colour, alpha=0.35, linewidth=0)
    for edge in (first, last):
        ax.plot([at - WIDTH / 2, at + WIDTH / 2], [edge, edge], color=colour, linewidth=1.2, solid_capstyle="butt")
    for side in (-WIDTH / 2, WIDTH / 2):
        ax.plot([at + side, at + side], [first, last], color=colour, linewidth=1.2)
    ax.plot([at - WIDTH / 2, at + WIDTH / 2], [middle, middle], color=style.INK, linewidth=2.0, solid_capstyle="butt")
    words = [_say("box", middle, first, last, chart)]
    ends = []
    for q, start in ((low, first), (high, last)):
        end = None if q is None else row[q]
        if isinstance(end, int | float):
            ax.plot([at, at], [start, end], color=colour, linewidth=1.2)
            ax.plot([at - WIDTH / 4, at + WIDTH / 4], [end, end], color=colour, linewidth=1.2)
            ends.append(float(end))
        elif end is WITHHELD and q is not None:
            chart.withheld += 1
            hidden.append(f"{q * 100:g}\u202f%")
    if hidden:
        without.append(f"{label} ({', '.join(hidden)})")
    if len(ends) == 2:
        texts = (cell_text(end, dates=chart.cells.dates) for end in ends)
        words.append(say("whiskers", **dict(zip(("low", "high"), texts, strict=True))))
    return ", ".join(words)


def _say(key: str, middle: float, first: float, last: float, chart: Chart) -> str:
    texts = {name: cell_text(v, dates=chart.cells.dates) for name, v in (("median", middle), ("low", first), ("high", last))}
    return say(key, **texts)
