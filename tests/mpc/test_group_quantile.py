"""Ranks within disjoint groups, and levels of codes, against plain Python."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.mpc.channel import Recorder
from secureframe.mpc.disjoint import disjoint_counts
from secureframe.mpc.group_quantile import select_ranks_apart
from secureframe.mpc.numeric import levels_of_code
from secureframe.mpc.program import Builder, ProgramError
from secureframe.mpc.quantile import folded, ranks_lower
from tests.leakage import shape_of
from tests.mpc.harness import Job

Q = [Fraction(1, 20), Fraction(1, 2), Fraction(19, 20)]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 150), groups=st.integers(1, 7), width=st.integers(1, 9))
def test_every_group_finds_its_own_ranks(seed: int, n: int, groups: int, width: int) -> None:
    """Elements in no group, and elements that are not there, count nowhere."""
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 2**width, n)
    member = generator.integers(-1, groups, n)
    there = generator.random(n) < 0.8
    job = Job()
    b = job.builder
    planes = job.bits([member == group for group in range(groups)])
    mask = job.bits(there)

    def count(flags):  # type: ignore[no-untyped-def]
        both = b.outer(planes, flags)
        return b.count_bits(both)

    ranks = ranks_lower(b, count(mask), Q, n)
    found = select_ranks_apart(b, job.unsigned(values, width), mask, planes, count, ranks)
    (result,) = job.run(found)
    for group, row in enumerate(result.reshape(groups, len(Q))):
        exact = sorted(values[(member == group) & there])
        if exact:
            assert list(row) == [exact[math.floor(q * (len(exact) - 1))] for q in Q]


def test_transcripts_do_not_depend_on_groups_or_values() -> None:
    shapes = []
    for values, member in ((np.zeros(70), np.zeros(70)), (np.arange(70), np.arange(70) % 3)):
        job = Job()
        b = job.builder
        planes, mask = job.bits([member == group for group in range(3)]), job.bits(np.ones(70))
        ranks = job.arith([5, 0, 3])
        found = select_ranks_apart(
            b, job.unsigned(values, 7), mask, planes, lambda flags, p=planes, b=b: b.count_bits(b.outer(p, flags)), ranks
        )
        b.output(b.refresh(found))
        recorder = Recorder()
        job.run(recorder=recorder)
        shapes.append(shape_of(recorder.payloads))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("levels", [1, 2, 3, 5, 8, 13, 16, 40])
def test_codes_become_levels(levels: int) -> None:
    job = Job()
    codes = np.arange(levels)
    planes = job.unsigned(codes, max(1, (levels - 1).bit_length()))
    (found,) = job.run(levels_of_code(job.builder, planes, levels))
    assert (found.astype(bool) == np.eye(levels, dtype=bool)).all()


def test_planes_are_folded_by_exclusive_or() -> None:
    for groups in (1, 2, 5, 6):
        plain = np.random.default_rng(groups).integers(0, 2, (groups * 2, 9)).astype(bool)
        job = Job()
        (found,) = job.run(folded(job.builder, job.bits(plain), 2))
        assert (found.astype(bool) == np.bitwise_xor.reduce(plain.reshape(groups, 2, 9), axis=0)).all()


def test_shapes_that_do_not_fit_are_refused() -> None:
    b = Builder()
    bits = b.zeros("bits", 3, 5)
    with pytest.raises(ProgramError, match="each group"):
        select_ranks_apart(b, bits, bits, bits, b.count_bits, b.zeros("arith", 1, 3))
    with pytest.raises(ProgramError, match="codes"):
        levels_of_code(b, bits, 9)


@pytest.mark.parametrize("groups", [1, 64, 65, 100, 130])
def test_disjoint_planes_are_counted(groups: int) -> None:
    generator = np.random.default_rng(groups)
    member = generator.integers(-1, groups, 300)
    job = Job()
    (found,) = job.run(disjoint_counts(job.builder, job.bits([member == group for group in range(groups)])))
    assert found[0].tolist() == [int((member == group).sum()) for group in range(groups)]
