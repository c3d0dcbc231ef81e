"""The sort, and its public half alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.mpc import sorting
from secureframe.mpc.channel import Recorder
from secureframe.mpc.comparison import less_than_at_cost, with_products_cost
from secureframe.mpc.cost import cost
from secureframe.mpc.opening import open_bits_cost
from secureframe.mpc.sorting import _batches, most_batches, quicksort_schedule, sort_bound, sort_cost
from tests.mpc.harness import Job


def _run(values: np.ndarray) -> tuple[np.ndarray, int, int]:
    schedule = quicksort_schedule(len(values))
    batches = comparisons = 0
    try:
        left, right = next(schedule)
        while True:
            batches, comparisons = batches + 1, comparisons + len(left)
            left, right = schedule.send(values[left] < values[right])
    except StopIteration as stop:
        return stop.value, batches, comparisons


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 3000))
def test_the_schedule_sorts_any_distinct_values(seed: int, n: int) -> None:
    values = np.random.default_rng(seed).permutation(n)
    order, _, _ = _run(values)
    assert np.array_equal(values[order], np.arange(n))


def test_the_schedule_needs_few_comparisons_and_few_batches() -> None:
    n = 35_000
    _, batches, comparisons = _run(np.random.default_rng(0).permutation(n))
    assert comparisons < n * (np.log2(n) + 4)
    assert batches < 28


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 300), width=st.integers(1, 80))
def test_sorted_shares_are_sorted(seed: int, n: int, width: int) -> None:
    generator = np.random.default_rng(seed)
    keys = [int.from_bytes(generator.bytes(10), "little") % (1 << width) for _ in range(n)]
    index = max(1, (n - 1).bit_length())
    job = Job()
    b = job.builder
    record = b.pack(b.rows([b.positions(n, index), job.unsigned(keys, width)]))
    payload = job.arith(np.arange(n))
    handle, (moved, carried) = b.shuffle([record, payload])
    order = b.sort(moved, width + index)
    in_order = b.reorder(order, carried)
    planes = b.reorder(order, b.unpack(moved, width + index))
    (back,) = b.unshuffle(handle, [b.restore(order, in_order)])
    places, bits, restored = job.run(in_order, planes, back)
    assert list(places[0]) == sorted(range(n), key=lambda j: (keys[j], j))
    found = [sum(int(bit) << k for k, bit in enumerate(column)) for column in bits[index:].T]
    assert found == sorted(keys)
    assert np.array_equal(restored[0], np.arange(n))


@pytest.mark.parametrize("n", [2, 8, 9, 20, 130, 512, 513, 1000, 5000])
def test_no_sort_takes_more_batches_than_foretold(n: int) -> None:
    taken = max(_run(np.random.default_rng(seed).permutation(n))[1] for seed in range(200))
    assert taken <= most_batches(n) <= 8 * taken


def test_few_keys_are_sorted_in_one_batch() -> None:
    for n in (2, 9, 100, 512):
        _, batches, comparisons = _run(np.random.default_rng(n).permutation(n))
        assert batches == most_batches(n) == 1 and comparisons == n * (n - 1) // 2


@pytest.mark.parametrize("n", [1, 2, 3, 100, 512, 513, 500, 1000, 5000, 20_000, 100_000])
def test_bytes_of_sorts_are_foretold_within_a_tenth(n: int) -> None:
    """In 98 of 100 shuffles, and the others not much farther off; rounds on average, and never more than the bound says."""
    width = 53

    def traffic(sizes: list[int]) -> tuple[int, int]:
        rounds = with_products_cost(width, n) if sizes else []
        rounds += [r for size in sizes for r in (*less_than_at_cost(width, size), *open_bits_cost(1, size))]
        return len(rounds), sum(sum(r.to_previous) + sum(r.to_next) for r in rounds)

    rounds, sent = len(sort_cost(n, width)), sum(sum(r.to_previous) + sum(r.to_next) for r in sort_cost(n, width))
    found = [traffic(_batches(np.random.default_rng([seed, 7]).permutation(n))) for seed in range(max(3, min(100, 10**5 // n)))]
    errors = [abs(measured - sent) / sent for _, measured in found] if sent else [0.0]
    assert np.quantile(errors, 0.98) <= 0.1 and max(errors) <= 0.2
    assert abs(np.mean([measured for measured, _ in found]) - rounds) <= 0.1 * rounds
    assert max(measured for measured, _ in found) <= len(sort_bound(n, width))


@pytest.mark.parametrize("n", [40, 100, 512, 2000])
def test_large_batches_are_made_in_parts(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is the same, no message is longer than a part's, and rounds and bytes are still those foretold."""
    at_once, index = 1024, (n - 1).bit_length()
    monkeypatch.setattr(sorting, "AT_ONCE", at_once)
    keys = np.random.default_rng(n).integers(0, 4, n)
    job, recorder = Job(), Recorder()
    b = job.builder
    _, (moved,) = b.shuffle([b.pack(b.rows([b.positions(n, index), job.unsigned(keys, 2)]))])
    with b.stage("sort"):
        ordered = b.unpack(b.reorder(b.sort(moved, index + 2), moved), index + 2)
    (bits,) = job.run(ordered, recorder=recorder)
    assert np.array_equal(bits[index:].T @ [1, 2], np.sort(keys))
    made = [*with_products_cost(index + 2, n), *less_than_at_cost(index + 2, at_once)]
    longest = max(traffic.to_previous[0] for traffic in made)
    rounds = job.reports[0][0].rounds
    assert max(payload.words.size for payload in recorder.payloads if payload.round > rounds) <= longest
    foretold, (report,) = cost(job.program()).stages[-1], job.reports[0][1:]
    assert report.rounds <= foretold.most_rounds
    if n <= 512:
        assert (report.rounds, report.bytes_sent_previous, report.bytes_sent_next) == (
            foretold.rounds,
            foretold.bytes_to_previous[0],
            foretold.bytes_to_next[0],
        )


@pytest.mark.parametrize("n", [3000, 20_000])
def test_no_sort_takes_more_rounds_in_parts_than_foretold(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "AT_ONCE", 2048)
    each = len(less_than_at_cost(20, 1)) + len(open_bits_cost(1, 1))
    batches = [_batches(np.random.default_rng(seed).permutation(n)) for seed in range(20)]
    assert max(size / n for sizes in batches for size in sizes) <= sorting._MOST_EACH
    taken = [len(with_products_cost(20, n)) + each * sum(-(-size // 2048) for size in sizes) for sizes in batches]
    assert max(taken) <= len(sort_bound(n, 20)) <= 20 * max(taken)
    assert abs(np.mean(taken) - len(sort_cost(n, 20))) <= 0.1 * np.mean(taken)
