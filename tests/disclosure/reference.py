"""Closing in the clear, written from its description, and the audit: what subtraction says of a withheld cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

Table = NDArray[np.int64]
Pattern = NDArray[np.bool_]

STEPS = 3


def is_small(count: int, threshold: int) -> bool:
    return 0 < count < threshold


def primary_cells(table: Table, threshold: int, total: int | None = None) -> Pattern:
    """Cells that are too small, or that leave too few persons beside them."""
    everyone = int(table.sum()) if total is None else total
    flags = [is_small(int(x), threshold) or is_small(everyone - int(x), threshold) for x in table.reshape(-1)]
    return np.array(flags).reshape(table.shape)


def _smallest(sizes: list[int], candidates: list[int]) -> list[int]:
    return [min(candidates, key=lambda i: (sizes[i], i))] if candidates else []


def closed_line(counts: Table, primary: Pattern, threshold: int, *, overlap: bool = False) -> Pattern:
    weight = np.where(counts >= threshold, counts, 0) if overlap else counts
    if not primary.any() or (primary.sum() >= 2 and weight[primary].sum() >= threshold):
        return primary.copy()
    added = _smallest(counts.tolist(), [i for i in range(counts.size) if counts[i] > 0 and not primary[i]])
    if not added:
        return np.ones_like(primary)
    withheld = primary.copy()
    withheld[added] = True
    return withheld


def closed_rectangle(table: Table, primary: Pattern, threshold: int, *, overlap: bool = False) -> Pattern:
    """Grow rows times columns around the primary cells, at most ``STEPS`` times, or withhold everything."""
    if not primary.any():
        return np.zeros_like(primary)
    weight = np.where(table >= threshold, table, 0) if overlap else table
    rows = {int(i) for i in np.nonzero(primary.any(axis=1))[0]}
    columns = {int(j) for j in np.nonzero(primary.any(axis=0))[0]}
    row_sizes, column_sizes = table.sum(axis=1).tolist(), table.sum(axis=0).tolist()
    for step in range(STEPS + 1):
        more_rows, more_columns = len(rows) < 2, len(columns) < 2
        inside = np.ix_(sorted(rows), sorted(columns))
        for i, j in zip(*np.nonzero(primary), strict=True):
            more_columns |= sum(weight[i, c] for c in columns if c != j) < threshold
            more_rows |= sum(weight[r, j] for r in rows if r != i) < threshold
            if table[inside].sum() < sum(table[i, c] for c in columns) + sum(table[r, j] for r in rows):
                more_rows = more_columns = True
        if not (more_rows or more_columns):
            withheld = np.zeros_like(primary)
            withheld[inside] = True
            return withheld
        if step < STEPS:
            new_rows = [i for i, size in enumerate(row_sizes) if size and i not in rows] if more_rows else []
            new_columns = [j for j, size in enumerate(column_sizes) if size and j not in columns] if more_columns else []
            rows |= set(_smallest(row_sizes, new_rows))
            columns |= set(_smallest(column_sizes, new_columns))
    return np.ones_like(primary)


def interval(table: Table, withheld: Pattern, cell: tuple[int, ...]) -> tuple[float, float]:
    """What a withheld cell can be, given the released cells and every margin and total, but not the rule: two linear programs."""
    hidden = [tuple(map(int, index)) for index in np.argwhere(withheld)]
    known = np.where(withheld, table, 0)
    equations: list[list[float]] = [[1.0] * len(hidden)]
    values: list[float] = [float(known.sum())]
    for axis in range(table.ndim if table.ndim > 1 else 0):
        for level in range(table.shape[axis]):
            equations.append([float(index[axis] == level) for index in hidden])
            values.append(float(known.take(level, axis=axis).sum()))
    cost = np.array([float(index == cell) for index in hidden])
    solve: Any = linprog
    low = solve(cost, A_eq=equations, b_eq=values, method="highs")
    high = solve(-cost, A_eq=equations, b_eq=values, method="highs")
    assert low.status == 0 and high.status == 0, "the true table is always feasible"
    return float(low.fun), -float(high.fun)


def audit(table: Table, withheld: Pattern, primary: Pattern, threshold: int) -> list[tuple[tuple[int, ...], float, float]]:
    """Primary cells that are known more narrowly than 0 to the threshold; empty if the pattern holds."""
    found = []
    for index in np.argwhere(primary):
        cell = tuple(map(int, index))
        if not withheld[cell]:
            found.append((cell, float(table[cell]), float(table[cell])))
            continue
        low, high = interval(table, withheld, cell)
        if low > 1e-6 or high < threshold - 1e-6:
            found.append((cell, low, high))
    return found
