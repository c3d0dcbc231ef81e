"""Sums that no machine integer holds, against Python's own integers."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.local.wide import sums_of_products


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 3), st.integers(2, 63))
def test_sums_by_cell_are_exact(data: st.DataObject, factors: int, bits: int) -> None:
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    value = st.one_of(st.sampled_from([low, high, -1, 0, 1]), st.integers(low, high))
    rows = data.draw(st.integers(1, 12))
    columns = [data.draw(st.lists(value, min_size=rows, max_size=rows)) for _ in range(factors)]
    powers = data.draw(st.lists(st.integers(0, 4), min_size=factors, max_size=factors))
    cell = data.draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows))
    wanted = [0, 0, 0]
    for i in range(rows):
        wanted[cell[i]] += math.prod(column[i] ** power for column, power in zip(columns, powers, strict=True))
    arrays = [np.array(column, np.int64) for column in columns]
    assert sums_of_products(arrays, [bits] * factors, powers, np.array(cell, np.int64), 3) == wanted


def test_many_rows_at_the_ends_of_a_wide_range() -> None:
    rows = 200_000
    column = np.where(np.arange(rows) % 3 == 0, -(2**39), 2**39)
    cell = np.arange(rows, dtype=np.int64) % 2
    found = sums_of_products([column], [41], [3], cell, 2)
    assert found == [sum(int(v) ** 3 for v in column[i::2]) for i in range(2)]
    assert sums_of_products([column], [41], [4], cell, 2) == [rows // 2 * 2**156] * 2
