"""Numbers at the ends of their ranges, lengths around the word, and groups of nobody."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from secureframe.mpc import numeric, quantile, sorting
from secureframe.mpc.program import bit_length
from tests.mpc.harness import Job


def test_every_small_number_is_divided_by_every_small_divisor() -> None:
    """All 7-bit numbers by all divisors up to a power of two beyond them."""
    x = np.arange(128)
    job = Job()
    p = job.arith(x)
    divisors = range(1, 131)
    results = job.run(*(numeric.floor_divide_public(job.builder, p, divisor, 7) for divisor in divisors))
    for divisor, found in zip(divisors, results, strict=True):
        assert np.array_equal(found[0], x // divisor), divisor


@pytest.mark.parametrize("width", [31, 32, 33, 61, 62, 63])
def test_division_holds_around_every_multiple(width: int) -> None:
    """The numbers next to a multiple are where a wrong magic number shows; divisors up to the numbers' own size."""
    divisors = [3, 5, 7, 10, 641, 2**16 + 1, 2 ** (width - 1) - 1, 2 ** (width - 1) + 1, 2**width - 1]
    job = Job()
    b = job.builder
    cases, values = [], []
    for divisor in divisors:
        top = (2**width - 1) // divisor
        numbers = {k * divisor + d for k in (1, 2, top // 2, top) for d in (-1, 0, 1)} | {2**width - 1}
        x = np.array([sorted(v for v in numbers if 0 <= v < 2**width)])
        cases.append(x // divisor)
        values.append(numeric.floor_divide_public(b, job.arith(x), divisor, width))
    for divisor, expected, found in zip(divisors, cases, job.run(*values), strict=True):
        assert np.array_equal(found, expected), divisor


def test_a_width_is_that_of_twos_complement() -> None:
    for lo, hi, width in ((0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (-128, 127, 8), (-129, 0, 9), (0, 128, 9)):
        assert bit_length(lo, hi) == width


def test_groups_of_nobody_end_like_all_others() -> None:
    """An empty group's rank is -1: the same rounds and bytes as for full groups, and a number within the width."""

    def run(mask: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], list[tuple[int, int, int]]]:
        job = Job()
        b = job.builder
        held, planes = job.bits(mask), job.unsigned(range(65), 7)
        ranks = quantile.ranks_lower(b, b.count_bits(held), [Fraction(1, 4), Fraction(19, 20)], 65)
        (found,) = job.run(quantile.select_ranks(b, planes, held, ranks))
        return found, [(r.rounds, r.bytes_sent_previous, r.bytes_sent_next) for party in job.reports for r in party]

    empty, cost_empty = run(np.zeros((2, 65)))
    full, cost_full = run(np.ones((2, 65)))
    assert cost_empty == cost_full
    assert full.tolist() == [[16, 60, 16, 60]]
    assert ((empty >= 0) & (empty < 128)).all()


def test_a_divisor_of_zero_ends_like_all_others() -> None:
    job = Job()
    b = job.builder
    x, y = job.arith([1000, 1000, 0]), job.arith([0, 7, 0])
    (found,) = job.run(numeric.divide(b, x, y, 10, 3))
    assert found[0, 1] == 142 and ((found >= 0) & (found < 2**10)).all()


def test_comparisons_that_no_order_has_are_noticed() -> None:
    """Three elements, each below the next in a circle: what only a party that computes wrongly brings about."""
    schedule = sorting.quicksort_schedule(3)
    left, right = next(schedule)
    assert list(zip(left, right, strict=True)) == [(0, 1), (0, 2), (1, 2)]
    with pytest.raises(sorting.ContradictoryOrder):
        schedule.send(np.array([True, False, True]))
