"""Figures of released results: drawn from released cells alone, with what was withheld marked and said, in words too.

Begin with ``backend.py`` (what pandas calls), then ``cells.py`` (what a table says) and ``charts.py`` (what all charts share).
matplotlib is imported when something is drawn; pyplot never. May import ``results``, ``errors`` and ``wording``.
"""

from __future__ import annotations

from secureframe.figures.backend import (
    boxplot_frame,
    boxplot_frame_groupby,
    hist_frame,
    hist_series,
    plot,
    stop,
    use,
)
from secureframe.figures.picture import Picture

__all__ = ["Picture", "boxplot_frame", "boxplot_frame_groupby", "hist_frame", "hist_series", "plot", "stop", "use"]
