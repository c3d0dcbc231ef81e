"""Share, compute, open equals plain, for every instruction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.mpc.local import LOCAL
from secureframe.mpc.operations import INTERACTIVE, UnknownOperation, is_local
from secureframe.mpc.program import Builder, Instruction, ProgramError
from tests.mpc.harness import Job

Array = np.ndarray[Any, Any]

few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32)
lengths = st.integers(1, 140)


def _numbers(seed: int, shape: tuple[int, int], limbs: int) -> Array:
    """Signed integers that fill the ring, extreme ones among them."""
    generator = np.random.default_rng(seed)
    half = 1 << (64 * limbs - 1)
    out = np.empty(shape, object)
    for place in np.ndindex(shape):
        out[place] = int.from_bytes(generator.bytes(8 * limbs), "little", signed=True)
    out.flat[0] = [half - 1, -half, 0, -1][seed % 4]
    return out


def _ring(values: Array, limbs: int) -> Array:
    modulus = 1 << (64 * limbs)
    wrapped = np.array([(int(v) + modulus // 2) % modulus - modulus // 2 for v in values.ravel()], dtype=object)
    return wrapped.reshape(values.shape)


def _equal(result: Array, expected: Any) -> bool:
    return result.shape == expected.shape and bool(np.array_equal(result.astype(object), expected.astype(object)))


def _low_bits(values: Array, width: int) -> Array:
    return np.array([[(int(v) >> bit) & 1 for v in values.ravel()] for bit in range(width)], dtype=bool)


@few
@given(seed=seeds, n=lengths, rows=st.integers(1, 3), limbs=st.integers(1, 3))
def test_ring_instructions(seed: int, n: int, rows: int, limbs: int) -> None:
    x, y, one = (_numbers(seed + k, (r, n), limbs) for k, r in enumerate((rows, rows, 1)))
    weights = [3, -(2**40), 1][:rows]
    index = [0, n - 1, rows * n - 1, 0]
    job = Job()
    b = job.builder
    p, q, r = job.arith(x, limbs), job.arith(y, limbs), job.arith(one, limbs)
    pairs = [
        (b.add(p, q), x + y),
        (b.subtract(p, q), x - y),
        (b.subtract(r, p), one - x),
        (b.add(p, b.constant(list(range(n)), limbs=limbs)), x + np.arange(n).astype(object)),
        (b.add_public(p, [-7]), x - 7),
        (b.add_public(p, list(range(rows * n))), x + np.arange(rows * n).reshape(rows, n).astype(object)),
        (b.multiply_public(p, [-(3**30)]), x * -(3**30)),
        (b.multiply_public(p, list(range(rows * n))), x * np.arange(rows * n).reshape(rows, n).astype(object)),
        (b.sum(p), x.sum(axis=1)[None]),
        (b.prefix_sum(p), x.cumsum(axis=1)),
        (b.combine(p, weights), (x * np.array(weights, dtype=object)[:, None]).sum(axis=0)[None]),
        (b.reshape(p, n), x.reshape(n, rows)),
        (b.take(p, index, rows=2), x.ravel()[index].reshape(2, 2)),
        (b.concat([r, r, b.zeros("arith", 1, 2, limbs)]), np.concatenate([one, one, np.zeros((1, 2), object)], axis=1)),
        (b.rows([p, r]), np.concatenate([x, one])),
        (b.pick_rows(p, [rows - 1, 0]), x[[rows - 1, 0]]),
        (b.cut(p, n // 2, n), x[:, n // 2 :]),
        (b.multiply(p, q), x * y),
        (b.multiply(r, p), one * x),
        (b.inner(p, q), x @ y.T),
        (b.inner(p, r), x @ one.T),
        (b.refresh(p), x),
    ]
    if n > 1:
        pairs.append((b.shift(p, n - 1), np.concatenate([np.zeros((rows, n - 1), object), x[:, :1]], axis=1)))
    results = job.run(*(value for value, _ in pairs))
    for number, (result, (_, expected)) in enumerate(zip(results, pairs, strict=True)):
        assert _equal(result, _ring(expected, limbs)), number


@few
@given(seed=seeds, n=lengths, limbs=st.integers(1, 3), width=st.integers(1, 192))
def test_between_integers_and_bits(seed: int, n: int, limbs: int, width: int) -> None:
    width = min(width, 64 * limbs)
    x = _numbers(seed, (2, n), limbs)
    x[1, n // 2] = 1 << min(width, 64 * limbs - 2)
    low = _low_bits(x, width)
    job = Job()
    b = job.builder
    p = job.arith(x, limbs)
    planes = b.to_bits(p, width)
    weights = [1 << k for k in range(width)]
    results = job.run(
        planes,
        b.is_negative(p, width),
        b.is_zero(p, width),
        b.combine(b.to_arith(planes, limbs), weights),
        b.count_bits(planes, limbs),
        b.to_arith(planes, limbs),
        b.narrow(p, 1),
    )
    modulus = 1 << width
    assert _equal(results[0], low)
    assert _equal(results[1], low[-1:])
    assert _equal(results[2], ~low.any(axis=0, keepdims=True))
    assert _equal(results[3], _ring(np.array([[int(v) % modulus for v in x.ravel()]], dtype=object), limbs))
    assert _equal(results[4], low.sum(axis=1)[None])
    assert _equal(results[5], low.astype(int))
    assert _equal(results[6], _ring(x, 1))


@few
@given(seed=seeds, width=st.integers(2, 64), n=lengths)
def test_the_sign_of_a_number_of_declared_width(seed: int, width: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    half = 2 ** (width - 1)
    x = generator.integers(-half, half, n, endpoint=False) if width < 64 else generator.integers(-(2**63), 2**63 - 1, n)
    x[0] = -half
    x[-1] = half - 1
    job = Job()
    p = job.arith(x)
    (negative,) = job.run(job.builder.is_negative(p, width))
    assert _equal(negative[0], x < 0)


@few
@given(seed=seeds, n=lengths, rows=st.integers(1, 5))
def test_bit_instructions(seed: int, n: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    x, y, one = (generator.random((r, n)) < 0.6 for r in (rows, rows, 1))
    index = [n - 1, 0, n // 2]
    job = Job()
    b = job.builder
    p, q, r = job.bits(x), job.bits(y), job.bits(one)
    cell = job.bits(x[:, :1])
    pairs = [
        (b.xor(p, q), x ^ y),
        (b.xor(r, p), one ^ x),
        (b.invert(p), ~x),
        (b.and_(p, q), x & y),
        (b.and_(r, p), one & x),
        (b.or_(p, q), x | y),
        (b.all_planes(p), x.all(axis=0, keepdims=True)),
        (b.any_plane(p), x.any(axis=0, keepdims=True)),
        (b.take_bits(p, index), x[:, index]),
        (b.transpose_bits(p), x.T),
        (b.reshape(p, n), x.reshape(n, rows)),
        (b.concat([p, q, p]), np.concatenate([x, y, x], axis=1)),
        (b.rows([p, r]), np.concatenate([x, one])),
        (b.pick_rows(p, [rows - 1, 0]), x[[rows - 1, 0]]),
        (b.cut(p, n // 3, n), x[:, n // 3 :]),
        (b.spread(cell, n + 3), np.repeat(x[:, :1], n + 3, axis=1)),
        (b.unpack(b.pack(p), rows), x),
        (b.refresh(p), x),
        (b.constant_bits([list(row) for row in x]), x),
        (b.ones_bits(2, n), np.ones((2, n), bool)),
        (b.positions(n, 9), _low_bits(np.arange(n), 9)),
    ]
    if n > 1:
        pairs.append((b.shift(p, 1), np.concatenate([np.zeros((rows, 1), bool), x[:, :-1]], axis=1)))
    results = job.run(*(value for value, _ in pairs))
    for number, (result, (_, expected)) in enumerate(zip(results, pairs, strict=True)):
        assert _equal(result, expected), number


@few
@given(seed=seeds, n=lengths, rows=st.integers(1, 3))
def test_words_and_permutations(seed: int, n: int, rows: int) -> None:
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 2**64, (rows, n), dtype=np.uint64)
    y = _numbers(seed, (2, n), 2)
    mask = generator.random((1, n)) < 0.5
    job = Job()
    b = job.builder
    p, q, m = job.words(x), job.arith(y, 2), job.bits(mask)
    handle, (moved, moved_arith) = b.shuffle([p, q])
    back, back_arith = b.unshuffle(handle, [moved, moved_arith])
    results = job.run(b.mask_words(p, m), b.xor(p, p), moved, moved_arith, back, back_arith)
    assert _equal(results[0], np.where(mask, x, np.uint64(0)))
    assert not results[1].any()
    assert _equal(np.sort(results[2], axis=1), np.sort(x, axis=1))
    where = [next(j for j in range(n) if (x[:, j] == results[2][:, k]).all()) for k in range(n)]
    assert _equal(results[3], y[:, where])
    assert _equal(results[4], x)
    assert _equal(results[5], y)


def test_a_shuffle_is_undone_once() -> None:
    b = Builder()
    x = b.input("owner", "x", "words", 1, 4)
    handle, (moved,) = b.shuffle([x])
    b.unshuffle(handle, [moved])
    with pytest.raises(ProgramError, match="not undone"):
        b.unshuffle(handle, [moved])


def test_only_shuffled_keys_are_sorted_and_once() -> None:
    b = Builder()
    x = b.input("owner", "x", "words", 1, 4)
    with pytest.raises(ProgramError, match="out of a shuffle"):
        b.sort(x, 8)
    _, (first, second) = b.shuffle([x, x])
    b.sort(first, 8)
    with pytest.raises(ProgramError, match="served no sort"):
        b.sort(second, 8)


def test_every_instruction_of_the_builder_is_run_by_something() -> None:
    unknown = Instruction(operation="guess", arguments=(), results=(), stage="share")
    with pytest.raises(UnknownOperation, match="guess"):
        is_local(unknown)
    assert not set(LOCAL) & set(INTERACTIVE)
