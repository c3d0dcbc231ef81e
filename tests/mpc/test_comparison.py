"""Comparisons between elements of one array, on shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from secureframe.mpc import comparison
from secureframe.mpc.channel import Recorder
from secureframe.mpc.gathered import LANES
from secureframe.mpc.party import Party
from secureframe.mpc.program import Value
from secureframe.mpc.rounds import Steps, run_lockstep
from secureframe.mpc.sharing import BitShare, deal, receive, reconstruct
from tests.mpc.harness import run_parties

Array = np.ndarray[Any, Any]
BLOCK = 64 * LANES


def _compared(numbers: list[int], width: int, above: int, left: Array, right: Array, recorder: Recorder | None = None) -> Array:
    """Bits of ``less_than_at`` on numbers whose words hold other bits above their width."""
    rows = (width + above + 63) // 64
    wide = [number | (number * 0x9E3779B97F4A7C15 % (1 << above)) << width for number in numbers]
    words = np.array([[number >> 64 * row & (2**64 - 1) for number in wide] for row in range(rows)], np.uint64)
    value = Value(0, "words", rows, len(numbers))
    messages = deal([(value, words)])

    def run(party: Party) -> Any:
        (share,) = receive([value], messages[party.index], party.index)

        def compared() -> Steps[BitShare]:
            held = yield from comparison.with_products(party, share, width)
            return (yield from comparison.less_than_at(party, held, left, right, width))

        return run_lockstep(party, [compared()])[0]

    shares = run_parties(run, recorder)
    return reconstruct(shares, Value(0, "bits", 1, len(left)))[0]


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 17, 31, 63, 64, 65, 66, 81, 127, 128, 129])
@pytest.mark.parametrize("above", [0, 70])
def test_elements_are_compared_at_any_width(width: int, above: int) -> None:
    """Neighbouring numbers, the ends of the range, and numbers that differ in one bit, all with all."""
    top = (1 << width) - 1
    numbers = sorted({0, top, top // 2, top // 2 + 1, 1, top - 1, *(1 << k for k in range(0, width, 7)), top ^ 1 << width - 1})
    left, right = (each.ravel().astype(np.int32) for each in np.indices((len(numbers), len(numbers))))
    less = _compared(numbers, width, above, left, right)
    assert np.array_equal(less, [numbers[i] < numbers[j] for i, j in zip(left, right, strict=True)])


@pytest.mark.parametrize("count", [1, 63, 64, 65, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 65, 70_000])
@pytest.mark.parametrize("width", [6, 81])
def test_any_number_of_comparisons(count: int, width: int) -> None:
    """Around words, around the blocks that stay in the cache, and in several draws of masks; and exactly the foretold bytes."""
    generator = np.random.default_rng(count)
    numbers = [int.from_bytes(generator.bytes(11), "little") % (1 << width) for _ in range(50)]
    left, right = (generator.integers(0, len(numbers), count, dtype=np.int32) for _ in range(2))
    recorder = Recorder()
    less = _compared(numbers, width, 0, left, right, recorder)
    plain = np.array([[x < y for y in numbers] for x in numbers])
    assert np.array_equal(less, plain[left, right])
    foretold = [*comparison.with_products_cost(width, len(numbers)), *comparison.less_than_at_cost(width, count)]
    for party in range(3):
        sent = [payload.words.size for payload in recorder.payloads if payload.sender == party]
        assert sent == [traffic.to_previous[party] for traffic in foretold]
