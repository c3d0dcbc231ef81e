"""What the table of operations promises and a layout does not answer yet, or never will; the matrix asserts it exactly.

An operation that begins to work has to be taken out of here, and one that ceases to work is no longer found here: both fail.
"""

from __future__ import annotations

from collections.abc import Mapping

SINGLE, HORIZONTAL, VERTICAL, MIXED = (frozenset({name}) for name in ("single", "horizontal", "vertical", "mixed"))
SPREAD = HORIZONTAL | VERTICAL | MIXED
STACKED = HORIZONTAL | MIXED
MERGED = VERTICAL | MIXED
NEIGHBOURS = HORIZONTAL | VERTICAL
EVERYWHERE = SINGLE | SPREAD
NAMES = {
    EVERYWHERE: "EVERYWHERE",
    SPREAD: "SPREAD",
    STACKED: "STACKED",
    MERGED: "MERGED",
    NEIGHBOURS: "NEIGHBOURS",
    SINGLE: "SINGLE",
    HORIZONTAL: "HORIZONTAL",
    VERTICAL: "VERTICAL",
    MIXED: "MIXED",
}

PENDING: Mapping[str, frozenset[str]] = {}
"""Operations that are to come, and the layouts that wait for them."""

BY_DESIGN: Mapping[str, frozenset[str]] = {}
"""Operations that only one institution can do from its own rows, and the layouts in which they are refused."""
