"""Counts of bits, and descents by digits of every width, against numpy."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from secureframe.mpc import counting, quantile
from secureframe.mpc.channel import Recorder
from secureframe.mpc.cost import cost
from tests.leakage import shape_of
from tests.mpc.harness import Job


def _require_counted(plain: np.ndarray) -> int:
    """Count planes, hold the count against numpy's and the cost against what was measured; return the rounds."""
    job = Job()
    (found,) = job.run(job.builder.count_bits(job.bits(plain)))
    assert found.tolist() == [plain.sum(axis=1).tolist()]
    (stage,) = cost(job.program()).stages
    measured = [reports[0] for reports in job.reports]
    assert {m.rounds for m in measured} == {stage.rounds}
    assert tuple(m.bytes_sent_previous for m in measured) == stage.bytes_to_previous
    assert tuple(m.bytes_sent_next for m in measured) == stage.bytes_to_next
    return stage.rounds


@pytest.mark.parametrize("n", [1, 63, 64, 65, 191, 192, 193, 577, 1000, 4999])
@pytest.mark.parametrize("rows", [1, 3])
def test_counts_are_exact_with_as_many_layers_as_there_are_words_for(monkeypatch: pytest.MonkeyPatch, n: int, rows: int) -> None:
    monkeypatch.setattr(counting, "ROUND", 0)
    random = np.random.default_rng(n)
    for plain in (random.random((rows, n)) < 0.5, np.ones((rows, n), bool), np.zeros((rows, n), bool)):
        assert (_require_counted(plain) > 2) == (n > 128)


def test_many_bits_are_added_up_before_they_become_ring_elements() -> None:
    random = np.random.default_rng(1)
    assert _require_counted(random.random((1, 100_000)) < 0.9) == 2
    assert _require_counted(random.random((1, 100_001)) < 0.1) == 2
    assert _require_counted(random.random((1, 250_001)) < 0.5) == 5
    assert _require_counted(np.ones((2, 250_001), bool)) == 6


def test_what_stands_beyond_the_last_element_counts_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "ROUND", 0)
    for n in (65, 449):
        job = Job()
        (found,) = job.run(job.builder.count_bits(job.builder.invert(job.bits(np.zeros((1, n))))))
        assert found.tolist() == [[n]]


def test_counts_cost_at_most_what_ring_elements_would() -> None:
    """A layer is added only where it sends less than it saves."""
    for rows in (1, 7, 300):
        for n in (1, 1000, 99_999, 10**6):
            after = counting._layers(rows, n).after
            assert sum(after) <= -(-n // 64)
            assert sum(w << k for k, w in enumerate(after)) >= -(-n // 64)


@pytest.mark.parametrize("data", ["random", "equal", "sorted", "reversed", "extremes"])
@pytest.mark.parametrize("digits", [[1] * 6, [2, 2, 2], [4, 2], [3, 3], [1, 4, 1]])
def test_digits_of_every_width_find_the_same(data: str, digits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantile, "digits_of", lambda width, n, counted: digits)
    monkeypatch.setattr(counting, "ROUND", 300)
    n, random = 333, np.random.default_rng(5)
    values = {
        "random": random.integers(0, 64, n),
        "equal": np.full(n, 41),
        "sorted": np.arange(n) * 64 // n,
        "reversed": 63 - np.arange(n) * 64 // n,
        "extremes": random.integers(0, 2, n) * 63,
    }[data]
    masks = np.array([random.random(n) < 0.5, np.arange(n) == 77, np.zeros(n, bool), np.ones(n, bool)])
    q = [Fraction(0), Fraction(1, 20), Fraction(1, 2), Fraction(1)]
    job = Job()
    b = job.builder
    mask = job.bits(masks)
    ranks = quantile.ranks_lower(b, b.count_bits(mask), q, n)
    (found,) = job.run(quantile.select_ranks(b, job.unsigned(values, 6), mask, ranks))
    for chosen, row in zip(masks, found.reshape(len(masks), len(q)), strict=True):
        held = np.sort(values[chosen])
        assert ((row >= 0) & (row < 64)).all()
        if len(held):
            assert row.tolist() == [held[math.floor(f * (len(held) - 1))] for f in q]


def test_digits_make_up_the_width_and_are_wide_where_rounds_cost_most() -> None:
    for width in range(1, 65):
        for n, counted in ((1, 1), (17_549, 1), (17_549, 100), (10**6, 1), (10**6, 30)):
            digits = quantile.digits_of(width, n, counted)
            assert sum(digits) == width and all(1 <= bits <= quantile.WIDEST for bits in digits)
    assert quantile.digits_of(8, 1000, 1) == [4, 4]
    assert quantile.digits_of(8, 10**6, 1) == [2, 2, 2, 2]
    assert quantile.digits_of(8, 10**6, 30) == [1] * 8


def test_transcripts_do_not_depend_on_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "ROUND", 300)
    random, shapes = np.random.default_rng(0), []
    for values, chosen in ((np.zeros(700), np.zeros(700)), (random.integers(0, 128, 700), random.random(700) < 0.3)):
        job = Job()
        b = job.builder
        mask = job.bits(chosen)
        ranks = quantile.ranks_lower(b, b.count_bits(mask), [Fraction(1, 2), Fraction(3, 4)], 700)
        b.output(b.refresh(quantile.select_ranks(b, job.unsigned(values, 7), mask, ranks)))
        recorder = Recorder()
        job.run(recorder=recorder)
        shapes.append(shape_of(recorder.payloads))
    assert shapes[0] == shapes[1]
