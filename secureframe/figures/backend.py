"""pandas' plotting for released tables: ``table.plot.bar()``, ``barh``, ``line``, ``box`` and ``hist``.

pandas asks a plotting backend for five functions. What was not released is drawn as pandas draws it.
"""

from __future__ import annotations

import importlib
from dataclasses import fields, replace
from typing import Any

import pandas as pd

from secureframe.errors import PlanError
from secureframe.figures import style
from secureframe.figures.bars import bars
from secureframe.figures.boxes import box_cells, boxes
from secureframe.figures.cells import Cells, of, record_of
from secureframe.figures.charts import Options, picture
from secureframe.figures.histograms import histogram_picture
from secureframe.figures.lines import lines

NAME = "secureframe.figures"
KINDS = ("line", "bar", "barh", "box", "hist")
IGNORED = {
    "by": None, "bins": 10, "use_index": True, "sharex": None, "sharey": False,
    "logx": False, "logy": False, "secondary_y": False,
}  # fmt: skip
"""Arguments of pandas' that may be given as long as they ask for nothing."""


def use() -> None:
    """Let pandas draw released tables with this backend from now on, and all others as before."""
    pd.set_option("plotting.backend", NAME)


def stop() -> None:
    """Let pandas draw with matplotlib again, if this backend was in use."""
    if pd.get_option("plotting.backend") in (NAME, "secureframe"):
        pd.set_option("plotting.backend", "matplotlib")


def plot(data: Any, kind: str = "line", **options: Any) -> Any:
    """Draw a released table from its released cells; anything else as pandas does.

    Parameters
    ----------
    data : pandas.Series or pandas.DataFrame
        The table.
    kind : str
        ``"line"``, ``"bar"``, ``"barh"``, ``"box"`` or ``"hist"``.
    **options
        As `Options` names them, in pandas' words; ``x`` and ``y`` choose columns.

    Returns
    -------
    Picture
        Or the axes, where ``ax`` was given.

    Raises
    ------
    PlanError
        If a kind or an argument is not offered for released tables.
    """
    if record_of(data) is None:
        given = {name: value for name, value in options.items() if name not in ("x", "y") or value is not None}
        return data.plot(kind=kind, backend="matplotlib", **given)
    if kind not in KINDS:
        raise PlanError(
            f"released tables are not drawn as {kind!r}, only as {', '.join(KINDS)}",
            hint='plot.bar(), or backend="matplotlib" for a figure without marks of what was withheld',
        )
    chosen = _chosen(data, options.pop("x", None), options.pop("y", None))
    return released(chosen, kind, _options(options))


def released(data: pd.Series | pd.DataFrame, kind: str, options: Options) -> Any:
    """Draw a released table."""
    if kind == "hist":
        return _histogram(data, options)
    cells = box_cells(data) if kind == "box" else of(data)
    if not cells.rows or not cells.names:
        raise PlanError("the table has no cells to draw", hint='table[["mean"]].plot.bar()')
    panels = [cells.column(at) for at in range(len(cells.names))] if options.subplots and kind != "box" else [cells]
    axes = _axes(options, len(panels), kind, cells)
    drawn = []
    for panel, ax in zip(panels, axes, strict=True):
        match kind:
            case "box":
                drawn.append(boxes(panel, options, ax))
            case "line":
                drawn.append(lines(panel, options, ax))
            case _:
                drawn.append(bars(panel, options, ax, horizontal=kind == "barh"))
    return picture([chart for chart, _ in drawn], [words for _, words in drawn], options)


def _axes(options: Options, panels: int, kind: str, cells: Cells) -> list[Any]:
    if options.ax is not None:
        given = list(options.ax) if hasattr(options.ax, "__len__") else [options.ax]
        if len(given) != panels:
            raise PlanError(f"the table has {panels} panels, and {len(given)} axes were given", hint="subplots=True without ax=")
        return given
    width, height = options.figsize or style.SIZE
    if options.figsize is None and kind == "barh":
        height = max(2.2, 1.2 + 0.26 * len(cells.rows) * (1 if panels > 1 else len(cells.names)))
    if options.figsize is None and panels > 1:
        height = 0.9 + (height - 1.2) * panels
    return list(style.new_figure((width, height)).subplots(panels, 1, squeeze=False)[:, 0])


def _histogram(data: pd.Series | pd.DataFrame, options: Options) -> Any:
    edges = data.attrs.get("edges")
    if not isinstance(data, pd.Series) or not isinstance(edges, list) or len(edges) != len(data) + 1:
        raise PlanError(
            "a histogram shows released counts between public edges, not the cells of this table",
            hint='frame["age"].hist(bins=[0, 20, 40, 60, 80]).plot()',
        )
    counts = [None if pd.isna(value) else int(value) for value in data]
    name = None if data.index.name is None else str(data.index.name)
    record = record_of(data)
    assert record is not None
    return histogram_picture(edges, counts, [str(label) for label in data.index], name, record, options)


def _chosen(data: Any, x: Any, y: Any) -> Any:
    if not isinstance(data, pd.DataFrame):
        return data
    if x is not None:
        data = data.set_index(x)
    return data if y is None else data[y]


def _options(given: dict[str, Any]) -> Options:
    left = {name: value for name, value in given.items() if not (name in IGNORED and value == IGNORED[name])}
    names = [field.name for field in fields(Options)]
    unknown = [name for name in left if name not in names]
    if unknown:
        raise PlanError(
            f"figures of released tables do not take {', '.join(unknown)}",
            hint=f"one of {', '.join(names)}; change more in picture.ax",
        )
    return replace(Options(), **left)


# -- what pandas asks for beside plot ----------------------------------------------------------------------------------------


def hist_series(self: pd.Series, **options: Any) -> Any:
    """``Series.hist`` of pandas: of released counts between edges as a picture."""
    if record_of(self) is None:
        return _pandas().hist_series(self, **options)
    return released(self, "hist", _options(_wanted(options)))


def hist_frame(self: pd.DataFrame, **options: Any) -> Any:
    """``DataFrame.hist`` of pandas."""
    if record_of(self) is None:
        return _pandas().hist_frame(self, **options)
    return released(self, "hist", _options(_wanted(options)))


def boxplot_frame(self: pd.DataFrame, *arguments: Any, **options: Any) -> Any:
    """``DataFrame.boxplot`` of pandas: of released quantiles as a picture."""
    if record_of(self) is None:
        return _pandas().boxplot_frame(self, *arguments, **options)
    return released(self, "box", _options(_wanted(options)))


def boxplot_frame_groupby(grouped: Any, **options: Any) -> Any:
    """``DataFrameGroupBy.boxplot`` of pandas, as pandas draws it."""
    return _pandas().boxplot_frame_groupby(grouped, **options)


def _wanted(options: dict[str, Any]) -> dict[str, Any]:
    """The arguments that pandas' methods pass and that say something here."""
    names = {field.name for field in fields(Options)}
    return {name: value for name, value in options.items() if name in names and value not in (None, False)}


def _pandas() -> Any:
    return importlib.import_module("pandas.plotting._matplotlib")
