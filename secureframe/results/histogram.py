"""A released histogram: public edges, released counts, and a figure drawn from them alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from secureframe.results.record import cell, combine, footnote_text, warn_if_withheld
from secureframe.results.released import SUPPRESSED, Cell, ReleasedTable
from secureframe.wording import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts of a column between public edges.

    Withheld bins at either end, and empty ones outside of them, are merged into one, so that the figure does not tell how
    far the few extreme values reach.

    Parameters
    ----------
    edges : tuple of float
        Ends of the bins, one more than there are counts; every bin is ``[left, right)``, the last holds its right end.
    counts : tuple of int or None
        Rows in each bin, None where withheld.
    name : str or None
        The column.
    release : dict
        The release record.
    """

    edges: tuple[float, ...]
    counts: tuple[int | None, ...]
    name: str | None = None
    release: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(tables: Sequence[ReleasedTable], edges: Sequence[float], name: str | None) -> Histogram:
        """Return the histogram of a release by bins."""
        (table,) = tables
        merged_edges, merged = merge_ends(edges, table.values[0])
        names = [interval(a, b, i == len(merged) - 1) for i, (a, b) in enumerate(pairwise(merged_edges))]
        suppressed = [cell(n, "count") for n, v in zip(names, merged, strict=True) if v is SUPPRESSED]
        record = combine(tables, suppressed, cells=max(2, len(merged)))
        warn_if_withheld(record)
        counts = tuple(None if v is SUPPRESSED else int(v) for v in merged)  # type: ignore[arg-type]  # sizes are ints
        return Histogram(edges=merged_edges, counts=counts, name=name, release=record)

    def to_series(self) -> Any:
        """Return the counts as a Series over intervals."""
        series = pd.Series(
            pd.array([pd.NA if c is None else c for c in self.counts], dtype="Int64"),
            index=pd.Index(self._labels(), name=self.name),
            name="count",
        )
        series.attrs["release"] = self.release
        series.attrs["edges"] = list(self.edges)
        return series

    def plot(self, ax: Axes | None = None, **options: Any) -> Any:
        """Draw it; needs matplotlib.

        Bars have the height of their counts; a withheld bin is a hatched band over the whole height, which says nothing of it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default in a figure of its own.
        **options
            As `secureframe.figures.charts.Options` names them, in pandas' words: ``title``, ``figsize``, ``color``, ...

        Returns
        -------
        secureframe.figures.Picture
            Or the axes, where they were given.
        """
        from secureframe.figures.charts import Options
        from secureframe.figures.histograms import histogram_picture

        return histogram_picture(self.edges, self.counts, self._labels(), self.name, self.release, Options(ax=ax, **options))

    def to_png(self, path: str | Path, dpi: int = 150) -> Path:
        """Write the figure as a PNG and return its path."""
        target = Path(path)
        target.write_bytes(self.plot().to_png(dpi=dpi))
        return target

    def _bins(self) -> list[tuple[float, float]]:
        return list(pairwise(self.edges))

    def _labels(self) -> list[str]:
        return [interval(a, b, i == len(self.counts) - 1) for i, (a, b) in enumerate(self._bins())]

    def _repr_html_(self) -> str | None:
        try:
            return str(self.plot().to_html())
        except ImportError:
            return None

    def __repr__(self) -> str:
        rows = [
            f"  {label:<20} {say('withheld') if count is None else count:>10}"
            for label, count in zip(self._labels(), self.counts, strict=True)
        ]
        return "\n".join([f"Histogram of {self.name or 'a column'}", *rows, footnote_text(self.release)])


def histogram_of(tables: Sequence[ReleasedTable], edges: Sequence[float], name: str | None) -> Histogram:
    """Return the histogram of a release by bins."""
    return Histogram.of(tables, edges, name)


def histograms_of(
    tables: Sequence[ReleasedTable], edges: Sequence[Sequence[float]], names: Sequence[str]
) -> dict[str, Histogram]:
    """Return histograms of several columns, by name; one a release."""
    found = zip(tables, edges, names, strict=True)
    return {name: Histogram.of([table], ends, name) for table, ends, name in found}


def interval(left: float, right: float, closed: bool) -> str:
    """Return a bin in words of mathematics."""
    return f"[{left:g}, {right:g}{']' if closed else ')'}"


def merge_ends(edges: Sequence[float], counts: Sequence[Cell]) -> tuple[tuple[float, ...], tuple[Cell, ...]]:
    """Merge the run of withheld and empty bins at either end into one bin, if it holds a withheld one."""
    low = _run(counts)
    high = len(counts) - _run(counts[::-1]) if low < len(counts) else len(counts)
    if low == len(counts):
        return (edges[0], edges[-1]), (SUPPRESSED,)
    kept_edges = [edges[0]] * bool(low) + list(edges[low : high + 1]) + [edges[-1]] * (high < len(counts))
    kept: list[Cell] = [SUPPRESSED] * bool(low) + list(counts[low:high]) + [SUPPRESSED] * (high < len(counts))
    assert len(kept_edges) == len(kept) + 1 and math.isfinite(kept_edges[0])
    return tuple(kept_edges), tuple(kept)


def _run(counts: Sequence[Cell]) -> int:
    """Number of leading bins up to the last withheld one of the leading withheld or empty bins."""
    run = 0
    for position, count in enumerate(counts):
        if count is SUPPRESSED:
            run = position + 1
        elif count != 0:
            break
    return run
