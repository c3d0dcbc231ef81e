"""A release as a pandas object when nobody says how it was to be shaped: what its cells and statistics suggest."""

from __future__ import annotations

from typing import Any

import pandas as pd

from secureframe.results.receipt import statistic_text
from secureframe.results.released import ReleasedTable
from secureframe.results.shape import column_series, grouped_frame, grouped_series, one_number


def general(table: ReleasedTable) -> Any:
    """Return a number, a Series or a DataFrame with its release record.

    One statistic is a number, or by keys a Series; several are a Series, or by keys a DataFrame with a column each.
    """
    labels = [statistic_text(s) for s in table.node.statistics]
    if not table.node.by:
        return one_number([table]) if len(labels) == 1 else column_series([table], labels)
    return grouped_series([table], labels[0]) if len(labels) == 1 else grouped_frame([table], pd.Index(labels))
