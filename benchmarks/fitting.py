"""How measurements grow: the exponent of a power law through them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return b of the least-squares line ``log seconds = a + b log n``: 1 is linear, n log n gives some 1.06 from 10^5 to 10^7.

    Raises
    ------
    ValueError
        With fewer than two sizes.
    """
    if len(sizes) < 2:
        raise ValueError("an exponent needs two sizes")
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
