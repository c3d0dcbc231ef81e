"""Kernels over the ring, bit planes and streams against plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.mpc import bitplanes, ring
from secureframe.mpc.randomness import derive_stream


def _numbers(seed: int, limbs: int, rows: int, n: int) -> np.ndarray:
    words = np.random.default_rng(seed).integers(0, 2**64, (limbs, rows, n), dtype=np.uint64)
    words[:, 0, : n // 3] = np.uint64(2**64 - 1)
    return words


def _wrapped(values: np.ndarray, limbs: int) -> list[int]:
    modulus = 1 << (64 * limbs)
    return [(int(v) + modulus // 2) % modulus - modulus // 2 for v in values.ravel()]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), limbs=st.integers(1, 4), rows=st.integers(1, 3), n=st.integers(1, 70))
def test_the_ring_is_the_integers_modulo_its_size(seed: int, limbs: int, rows: int, n: int) -> None:
    x, y = _numbers(seed, limbs, rows, n), _numbers(seed + 1, limbs, rows, n)
    p, q = (ring.to_integers(v).astype(object) for v in (x, y))
    zero = np.zeros_like(x)
    constants = ring.from_integers([-(3**40)], limbs)

    def same(result: np.ndarray, expected: np.ndarray) -> None:
        assert [int(v) for v in ring.to_integers(result).ravel()] == _wrapped(expected, limbs)

    same(ring.add(x, y), p + q)
    same(ring.subtract(x, y), p - q)
    same(ring.subtract(x, y[:, :1]), p - q[:1])
    same(ring.multiply_constants(x, constants), p * -(3**40))
    same(ring.row_sums(x), p.sum(axis=1))
    same(ring.prefix_sums(x), p.cumsum(axis=1))
    same(ring.combine_rows(x, np.ascontiguousarray(y[:, :, 0])), (p * q[:, :1]).sum(axis=0))
    plus, minus = _numbers(seed + 2, 1, 1, 64)[0, 0], _numbers(seed + 3, 1, 1, 64)[0, 0]
    if limbs > 1:
        # Masks of few words, drawn again for every piece.
        masks = (lambda count: (plus[:count], minus[:count])), 8 * limbs
        mask = ring.masked(zero, *masks)
        same(ring.subtract(ring.cross_terms(x, y, y, x, *masks), mask), p * (q + p) + q * q)
        same(ring.subtract(ring.cross_terms(x, zero, y[:, :1], zero[:, :1], *masks), mask), p * q[:1])
    same(ring.inner_terms(x, y, x, y), (p + q) @ (p + q).T - q @ q.T)
    same(ring.inner_terms(x, y, y, x), p @ (q + p).T + q @ q.T)


@pytest.mark.parametrize("limbs", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 255, 256, 257, 1000, 40_000])
def test_sums_and_products_carry_beyond_a_block(limbs: int, n: int) -> None:
    """Elements of nothing but ones carry everywhere; terms of a product with itself are computed by halves."""
    modulus = 1 << (64 * limbs)
    words = [_numbers(seed, limbs, 3, n) for seed in range(4)]
    words[0][:], words[1][:, 0], words[2][:, 1], words[3][0] = (2**64 - 1,) * 4

    def whole(x: np.ndarray) -> np.ndarray:
        return sum(part.astype(object) << (64 * i) for i, part in enumerate(x))  # type: ignore[return-value]

    xa, xb, ya, yb = words
    p, q, u, v = map(whole, words)
    weights = ring.from_integers([-1, modulus // 2 - 1, 5], limbs)
    assert np.array_equal(whole(ring.inner_terms(xa, xb, ya, yb)), (p @ (u + v).T + q @ u.T) % modulus)
    assert np.array_equal(whole(ring.inner_terms(xa, xb, xa, xb)), (p @ (p + q).T + q @ p.T) % modulus)
    assert np.array_equal(whole(ring.row_sums(xa))[0], p.sum(axis=1) % modulus)
    assert np.array_equal(whole(ring.prefix_sums(xb)), q.cumsum(axis=1) % modulus)
    assert np.array_equal(whole(ring.combine_rows(xb, weights))[0], (q * whole(weights)[:, None]).sum(axis=0) % modulus)
    assert np.array_equal(whole(ring.multiply_constants(xb, weights[:, 1:2].copy())), q * (modulus // 2 - 1) % modulus)


@pytest.mark.parametrize("limbs", [2, 3])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("n", [1, 64, 129])
def test_bits_change_the_sign_of_elements_beside_them(limbs: int, whole: bool, n: int) -> None:
    """Zeros and ones of every word, in x and in the mask: what is carried and what is borrowed."""
    rows = 4
    bits = np.random.default_rng(n).integers(0, 2, (rows, n))
    x, mask = _numbers(n, limbs, rows, n), _numbers(n + 1, limbs, rows, n)
    x[0, 1], mask[0, 2], x[:, 3] = 0, 2**64 - 1, 0
    out = np.empty_like(x)
    ring.flipped(bitplanes.from_bools(bits), x, whole, mask, out)
    expected = (1 - 2 * bits) * ring.to_integers(x) + bits * whole - ring.to_integers(mask)
    assert [int(v) for v in ring.to_integers(out).ravel()] == _wrapped(expected, limbs)


@given(value=st.integers(-(2**190), 2**190))
def test_integers_survive_the_ring(value: int) -> None:
    assert ring.to_integers(ring.from_integers([value], 3).reshape(3, 1, 1))[0, 0] == value


def test_arrays_of_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="integers expected"):
        ring.from_array(np.array([[1.5]]), 1)


@pytest.mark.parametrize("n", [2047, 2048, 2049, 4160, 6209])
@pytest.mark.parametrize("width", [1, 33, 64, 65])
def test_planes_of_many_words(n: int, width: int) -> None:
    """More blocks than are transposed side by side."""
    generator = np.random.default_rng(n)
    rows = (width + 63) // 64
    words = generator.integers(0, 2**64, (rows, n), dtype=np.uint64)
    places = np.arange(width)
    bits = (words[places // 64] >> (places % 64).astype(np.uint64)[:, None] & np.uint64(1)).astype(bool)
    planes = bitplanes.from_words(words, width)
    assert np.array_equal(bitplanes.to_bools(planes, n), bits)
    kept = words.copy()
    if width % 64:
        kept[-1] &= np.uint64((1 << width % 64) - 1)
    assert np.array_equal(bitplanes.to_words(planes, n), kept)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 200),
    width=st.integers(1, 130),
    start=st.integers(0, 199),
    count=st.integers(1, 200),
    by=st.integers(1, 199),
)
def test_planes_are_words_on_their_side(seed: int, n: int, width: int, start: int, count: int, by: int) -> None:
    generator = np.random.default_rng(seed)
    rows = (width + 63) // 64
    words = generator.integers(0, 2**64, (rows, n), dtype=np.uint64)
    planes = bitplanes.from_words(words, width)
    bits = bitplanes.to_bools(planes, n)
    assert all(bits[b, j] == bool(int(words[b // 64, j]) >> (b % 64) & 1) for b in (0, width - 1) for j in range(n))
    kept = words.copy()
    if width % 64:
        kept[-1] &= np.uint64((1 << width % 64) - 1)
    assert np.array_equal(bitplanes.to_words(planes, n), kept)
    assert np.array_equal(bitplanes.from_bools(bits), planes)
    index = generator.integers(0, n, count)
    assert np.array_equal(bitplanes.to_bools(bitplanes.gather_bits(planes, index), count), bits[:, index])
    start, stop = start % n, min(n, start % n + count)
    assert np.array_equal(bitplanes.to_bools(bitplanes.cut_bits(planes, start, stop), stop - start), bits[:, start:stop])
    both = bitplanes.join_bits([(planes, n), (planes, n), (planes, n)])
    assert np.array_equal(bitplanes.to_bools(both, 3 * n), np.concatenate([bits] * 3, axis=1))
    if by < n:
        shifted = np.zeros_like(bits)
        shifted[:, by:] = bits[:, :-by]
        assert np.array_equal(bitplanes.to_bools(bitplanes.shift_bits(planes, n, by), n), shifted)
    reshaped = bitplanes.reshape_bits(planes, n, n)
    assert np.array_equal(bitplanes.to_bools(reshaped, width), bits.reshape(n, width))
    full = np.full_like(planes, np.uint64(2**64 - 1))
    assert bitplanes.to_bools(bitplanes.clear_tail(full, n), 64 * full.shape[1]).sum() == width * n


@given(cuts=st.lists(st.integers(1, 9000), min_size=1, max_size=8))
def test_a_stream_does_not_depend_on_how_it_is_cut(cuts: list[int]) -> None:
    first, second = derive_stream(b"s" * 32, "test"), derive_stream(b"s" * 32, "test")
    joined = np.concatenate([first.words(count) for count in cuts])
    assert np.array_equal(joined, second.words(sum(cuts)))


def test_streams_of_two_purposes_or_secrets_differ() -> None:
    words = [derive_stream(secret * 32, purpose).words(4) for secret in (b"a", b"b") for purpose in ("p", "q")]
    assert len({w.tobytes() for w in words}) == 4
    with pytest.raises(ValueError, match="32 bytes"):
        derive_stream(b"short", "p")


def test_permutations_are_uniform() -> None:
    stream = derive_stream(b"p" * 32, "test")
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(4800):
        key = tuple(int(v) for v in stream.permutation(4))
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 24
    chi = sum((count - 200) ** 2 / 200 for count in counts.values())
    assert chi < 75
