"""Ranks in shared histograms, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from secureframe.mpc import quantile
from secureframe.mpc.channel import Recorder
from secureframe.mpc.cost import cost
from secureframe.mpc.program import Builder, ProgramError
from tests.leakage import shape_of
from tests.mpc.harness import Job


def _bin_of(counts: np.ndarray[Any, Any], rank: int) -> int:
    """The bin of the element of a rank; the number of bins where there is none."""
    elements = np.repeat(np.arange(len(counts)), counts)
    return int(elements[rank]) if 0 <= rank < len(elements) else len(counts)


@pytest.mark.parametrize("bins", [1, 2, 64, 65])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("kind", ["empty", "one", "full", "random", "last"])
def test_ranks_lie_in_their_bins(bins: int, groups: int, kind: str) -> None:
    generator = np.random.default_rng(bins)
    bound = 1000
    counts = np.zeros((groups, bins), np.int64)
    match kind:
        case "one":
            counts[:, bins // 2] = 1
        case "full":
            counts[:, 0] = bound
        case "last":
            counts[:, -1] = bound
        case "random":
            counts = generator.multinomial(bound - 1, [1 / bins] * bins, groups)
    ranks = [0, 1, bound // 2, bound - 1]
    job = Job()
    found = quantile.ranks_in_histogram(job.builder, job.arith(counts), job.arith(ranks * groups), bound)
    expected = [_bin_of(counts[group], rank) for group in range(groups) for rank in ranks]
    assert job.run(found)[0][0].tolist() == expected


def test_ranks_that_do_not_divide_into_groups_are_refused() -> None:
    b = Builder()
    with pytest.raises(ProgramError, match="each group"):
        quantile.ranks_in_histogram(b, b.zeros("arith", 2, 5), b.zeros("arith", 1, 3), 9)


def test_transcripts_and_costs_are_those_of_the_shape() -> None:
    shapes = []
    for counts in (np.zeros((2, 40)), np.full((2, 40), 25), np.eye(2, 40) * 999):
        job = Job()
        found = quantile.ranks_in_histogram(job.builder, job.arith(counts.astype(np.int64)), job.arith([3, 4, 5, 6]), 1000)
        job.builder.output(job.builder.refresh(found))
        recorder = Recorder()
        job.run(recorder=recorder)
        shapes.append(shape_of(recorder.payloads))
        stage = cost(job.program()).stages[0]
        measured = [reports[0] for reports in job.reports]
        assert {m.rounds for m in measured} == {stage.rounds}
        sent = tuple(m.bytes_sent_previous + m.bytes_sent_next for m in measured)
        assert sent == stage.bytes_sent
    assert shapes[0] == shapes[1] == shapes[2]
