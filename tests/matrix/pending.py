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

PENDING: Mapping[str, frozenset[str]] = {
    "column // constant": EVERYWHERE,
    "column // constant of decimals": EVERYWHERE,
    "column // column": EVERYWHERE,
    "column % constant": EVERYWHERE,
    "column % negative constant": EVERYWHERE,
    "column % column": EVERYWHERE,
    "sum of columns of two institutions // constant": EVERYWHERE,
    "sum of columns of two institutions % constant": EVERYWHERE,
    "column.round(-1)": EVERYWHERE,
    "truth.map({...})": EVERYWHERE,
    "category.map({...})": EVERYWHERE,
    "category.map({...}) to a category": EVERYWHERE,
    "numbers.map({...})": EVERYWHERE,
    "date.dt.year": EVERYWHERE,
    "date of the registry.dt.year": EVERYWHERE,
    "date.dt.month": EVERYWHERE,
    "date of the registry.dt.month": EVERYWHERE,
    "date.dt.day": EVERYWHERE,
    "date of the registry.dt.day": EVERYWHERE,
    "date.dt.dayofweek": EVERYWHERE,
    "date of the registry.dt.dayofweek": EVERYWHERE,
    "date.dt.quarter": EVERYWHERE,
    "date of the registry.dt.quarter": EVERYWHERE,
    "(date - date).dt.days": EVERYWHERE,
    "(date - date constant).dt.days": EVERYWHERE,
    'str.startswith("Old")': EVERYWHERE,
    'str.endswith("-003")': EVERYWHERE,
    'str.lower() == "..."': EVERYWHERE,
    "str.len()": EVERYWHERE,
    "str.upper()": EVERYWHERE,
    "str.strip()": EVERYWHERE,
    "str.slice()": EVERYWHERE,
    "str.replace()": EVERYWHERE,
}
"""Operations that are to come, and the layouts that wait for them."""

BY_DESIGN: Mapping[str, frozenset[str]] = {}
"""Operations that only one institution can do from its own rows, and the layouts in which they are refused."""
