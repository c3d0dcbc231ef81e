"""What is foretold is what is measured."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from secureframe.mpc import numeric, quantile
from secureframe.mpc.cost import cost
from secureframe.mpc.joining import join_unique
from tests.mpc.harness import Job


def _build(n: int) -> Job:
    """A program with every interactive instruction but the sort, over three stages and two owners."""
    generator = np.random.default_rng(n)
    job = Job()
    b = job.builder
    x = job.input("arith", generator.integers(-1000, 1000, (2, n)), owner="clinic")
    wide = job.input("arith", generator.integers(-1000, 1000, (1, n)), 2, owner="registry")
    words = job.input("words", generator.integers(0, 9, (2, n), dtype=np.uint64), owner="clinic")
    with b.stage("prepare"):
        product = b.multiply(x, b.pick_rows(x, [0]))
        table = b.inner(x, x)
        negative = b.is_negative(x, 12)
        zero = b.is_zero(wide, 70)
        one = b.is_negative(x, 1)
    with b.stage("work"):
        planes = b.to_bits(product, 21)
        numbers = b.refresh(b.to_arith(b.any_plane(planes), 2))
        both = b.and_(negative, b.or_(negative, one))
        handle, moved = b.shuffle([words, wide, product])
        back = b.unshuffle(handle, list(moved))
        masked = b.mask_words(back[0], zero)
        counted = b.count_bits(planes)
        single = b.to_bits(wide, 1)
    with b.stage("finish"):
        mask = b.pick_rows(b.refresh(planes), [0, 1])
        ranks = quantile.ranks_lower(b, b.count_bits(mask), [Fraction(1, 3)], 2 * n)
        found = quantile.select_ranks(b, b.pick_rows(planes, range(2, 9)), mask, ranks)
        rounded = numeric.round_to_base(b, counted, 5, 20)
        quotient = numeric.divide(b, counted, b.add_public(counted, [1]), 20, 20, 4)
        least = numeric.argmin(b, table, 40)
    for value in (numbers, both, found, rounded, quotient, least, single):
        b.output(value)
    job.run(masked)
    return job


def test_rounds_and_bytes_are_exact_without_a_sort() -> None:
    for n in (3, 64, 1000):
        job = _build(n)
        report = cost(job.program())
        assert not report.estimated
        for number, stage in enumerate(report.stages):
            measured = [reports[number] for reports in job.reports]
            assert stage.name == measured[0].name
            assert {m.rounds for m in measured} == {stage.rounds}
            assert tuple(m.bytes_sent_previous for m in measured) == stage.bytes_to_previous
            assert tuple(m.bytes_sent_next for m in measured) == stage.bytes_to_next
        assert report.rounds == sum(m.rounds for m in job.reports[0])
        clinic = 8 * (2 * n + 2 * n)
        assert report.dealt_bytes["clinic"] == (64, 32 + clinic, 32 + clinic)


def test_a_sort_is_estimated_and_says_so() -> None:
    n = 2000
    job = Job()
    key, present = job.unsigned(range(n), 11), job.bits(np.ones(n))
    with job.builder.stage("join"):
        joined = join_unique(
            job.builder,
            left_key=key,
            left_present=present,
            right_key=key,
            right_present=present,
            words=[],
            ariths=[],
            left_unique=True,
        )
    assert job.run(joined.matched)[0].all()
    stage = cost(job.program()).stages[1]
    measured = [reports[1] for reports in job.reports]
    assert stage.estimated
    assert abs(stage.rounds - measured[0].rounds) < 0.25 * stage.rounds
    assert measured[0].rounds <= stage.most_rounds < 10 * stage.rounds
    assert abs(sum(stage.bytes_sent) / sum(m.bytes_sent_previous + m.bytes_sent_next for m in measured) - 1) < 0.1
    assert measured[0].opened_bits > 0
