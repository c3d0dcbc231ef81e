"""Composed arithmetic, quantiles and joins against Python, pandas and a dictionary."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.mpc import numeric, quantile
from secureframe.mpc.joining import join_unique
from tests.mpc.harness import Job

few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32)


@few
@given(
    seed=seeds,
    width=st.integers(1, 62),
    divisors=st.lists(st.integers(1, 10**7) | st.sampled_from([3, 1000, 1461, 2**20 + 1, 10**12]), min_size=3, max_size=3),
    base=st.integers(1, 100),
)
def test_division_by_public_numbers_is_exact(seed: int, width: int, divisors: list[int], base: int) -> None:
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 2**width, (2, 6))
    x[0, 0], x[0, 1] = 2**width - 1, 0
    x[1, :3] = [min(2**width - 1, d * int(generator.integers(1, 9))) for d in divisors]
    job = Job()
    b = job.builder
    p = job.arith(x)
    values = [numeric.floor_divide_public(b, p, d, width) for d in divisors]
    results = job.run(*values, numeric.round_to_base(b, p, base, width))
    for divisor, result in zip(divisors, results, strict=False):
        assert np.array_equal(result, x // divisor)
    assert np.array_equal(results[-1], (x.astype(object) + base // 2) // base * base)


@few
@given(seed=seeds, x_width=st.integers(1, 40), y_width=st.integers(1, 30), limbs=st.integers(1, 2))
def test_division_and_root_are_exact(seed: int, x_width: int, y_width: int, limbs: int) -> None:
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 2**x_width, 7)
    y = generator.integers(1, 2**y_width, 7, endpoint=False) if y_width > 1 else np.ones(7, np.int64)
    x[0], y[0], x[1] = 2**x_width - 1, 2**y_width - 1, 0
    quotients = x // y
    job = Job()
    b = job.builder
    p, q = job.arith(x, limbs), job.arith(y, limbs)
    bound = max(1, int(quotients.max()).bit_length())
    results = job.run(
        numeric.divide(b, p, q, x_width, y_width),
        numeric.divide(b, p, q, x_width, y_width, bound),
        numeric.square_root(b, p, x_width),
    )
    assert (results[0] == quotients).all() and (results[1] == quotients).all()
    assert [int(v) for v in results[2][0]] == [math.isqrt(int(v)) for v in x]


@few
@given(seed=seeds, n=st.integers(1, 150), groups=st.integers(1, 3), width=st.integers(1, 20))
def test_quantiles_are_those_of_pandas(seed: int, n: int, groups: int, width: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 2**width, n)
    member, valid = generator.integers(0, groups, n), generator.random(n) < 0.8
    q = [Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(9, 10), Fraction(1)]
    job = Job()
    b = job.builder
    mask = job.bits(np.array([(member == g) & valid for g in range(groups)]))
    planes = job.unsigned(values, width)
    ranks = quantile.ranks_lower(b, b.count_bits(mask), q, n)
    (result,) = job.run(quantile.select_ranks(b, planes, mask, ranks))
    for group, found in enumerate(result.reshape(groups, len(q))):
        chosen = pd.Series(values[(member == group) & valid])
        if len(chosen):
            exact = sorted(chosen)
            assert list(found) == [exact[math.floor(f * (len(exact) - 1))] for f in q]
            assert found[2] == chosen.quantile(0.5, interpolation="lower")
        assert all(0 <= v < 2**width for v in found)


@few
@given(
    seed=seeds,
    n=st.integers(1, 60),
    m=st.integers(1, 60),
    keys=st.integers(1, 90),
    left_unique=st.booleans(),
    wide=st.booleans(),
)
def test_the_join_is_a_dictionary(seed: int, n: int, m: int, keys: int, left_unique: bool, wide: bool) -> None:
    generator = np.random.default_rng(seed)
    width = 70 if wide else 7
    scale = 2**60 if wide else 1

    def column(count: int, unique: bool) -> tuple[list[int], np.ndarray]:
        present = generator.random(count) < 0.7
        drawn = generator.integers(0, keys, count)
        if unique:
            pool = generator.permutation(max(keys, count))[:count]
            drawn = np.where(present, pool, drawn % 3)
        return [int(k) * scale for k in drawn], present

    right_keys, right_present = column(m, True)
    left_keys, left_present = column(n, left_unique)
    words = generator.integers(0, 2**64, (2, m), dtype=np.uint64)
    numbers = generator.integers(-99, 99, (2, m))
    most = max(1, max(left_keys.count(k) for k in left_keys))
    job = Job()
    b = job.builder
    matched, moved_words, moved_ariths, _ = join_unique(
        b,
        left_key=job.unsigned(left_keys, width + 8),
        left_present=job.bits(left_present),
        right_key=job.unsigned(right_keys, width + 8),
        right_present=job.bits(right_present),
        words=[job.words(words)],
        ariths=[job.arith(numbers), job.arith(numbers[:1], 2)],
        left_unique=left_unique,
        most_left=most,
    )
    result = job.run(matched, *moved_words, *moved_ariths)
    place = {key: j for j, key in enumerate(right_keys) if right_present[j]}
    found = np.array([place.get(key, -1) if here else -1 for key, here in zip(left_keys, left_present, strict=True)])
    assert np.array_equal(result[0][0], found >= 0)
    assert np.array_equal(result[1], np.where(found >= 0, words[:, found], 0))
    assert np.array_equal(result[2], np.where(found >= 0, numbers[:, found], 0))
    assert (result[3] == np.where(found >= 0, numbers[:1, found], 0)).all()


def test_a_join_without_payload_tells_who_matched() -> None:
    for left_unique in (True, False):
        job = Job()
        matched, words, ariths, _ = join_unique(
            job.builder,
            left_key=job.unsigned([3, 5], 4),
            left_present=job.bits([1, 1]),
            right_key=job.unsigned([5], 4),
            right_present=job.bits([1]),
            words=[],
            ariths=[],
            left_unique=left_unique,
        )
        assert words == () and ariths == ()
        assert job.run(matched)[0].tolist() == [[False, True]]
