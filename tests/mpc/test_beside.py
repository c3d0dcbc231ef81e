"""What lies on either side of ranks in histograms, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from secureframe.mpc.beside import FEW_GROUPS, beside
from secureframe.mpc.channel import Recorder
from secureframe.mpc.cost import cost
from secureframe.mpc.program import Builder, ProgramError
from tests.leakage import shape_of
from tests.mpc.harness import Job


@pytest.mark.parametrize("bins", [1, 2, 65])
@pytest.mark.parametrize("groups", [1, 3, FEW_GROUPS + 1])
def test_both_sides_hold_the_bin_itself(bins: int, groups: int) -> None:
    generator = np.random.default_rng(bins)
    each = 2
    at = generator.integers(0, bins + 1, (groups, each))
    # The first group has its ranks at the ends.
    at[0] = (0, bins)
    before = np.arange(bins) < at.reshape(-1, 1)
    histograms = [generator.integers(0, 9, (groups, bins)) for _ in range(3)]
    job = Job()
    found = beside(job.builder, job.arith(before.astype(np.int64)), [job.arith(h) for h in histograms])
    got = [plain[0].tolist() for plain in job.run(*found)]
    expected = []
    for histogram in histograms:
        expected.append([int(histogram[g, : at[g, j] + 1].sum()) for g in range(groups) for j in range(each)])
        expected.append([int(histogram[g, at[g, j] :].sum()) for g in range(groups) for j in range(each)])
    assert got == expected


def test_transcripts_and_costs_are_those_of_the_shape() -> None:
    shapes = []
    for before, counts in ((np.zeros((4, 30)), np.zeros((2, 30))), (np.ones((4, 30)), np.full((2, 30), 7))):
        job = Job()
        found = beside(job.builder, job.arith(before.astype(np.int64)), [job.arith(counts.astype(np.int64))] * 2)
        for value in found:
            job.builder.output(job.builder.refresh(value))
        recorder = Recorder()
        job.run(recorder=recorder)
        shapes.append(shape_of(recorder.payloads))
        (report,) = [s for s in cost(job.builder.program()).stages if s.name == "share"]
        assert [r[0].rounds for r in job.reports] == [report.rounds] * 3
        assert [r[0].bytes_sent_previous + r[0].bytes_sent_next for r in job.reports] == list(report.bytes_sent)
    assert shapes[0] == shapes[1]


def test_other_shapes_are_refused() -> None:
    b = Builder()
    for before, histogram in (((4, 5), (2, 6)), ((3, 5), (2, 5))):
        with pytest.raises(ProgramError, match="one shape"):
            beside(b, b.zeros("arith", *before), [b.zeros("arith", *histogram)])
