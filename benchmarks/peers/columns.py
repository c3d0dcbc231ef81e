"""The data of the workloads and their answers in the clear, with numpy alone: for the environments of the peers.

Sizes and distributions are those of `benchmarks.workloads`. Where a system compares by the sign of a difference, numbers stay
within half of its ring, so that the difference fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plain = NDArray[Any]
SEED = 20_261_126
KEY_BITS, PAYLOAD_BITS, MOST_ROWS, GROUPS = 34, 32, 8, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """What goes in, and what has to come out."""

    inputs: tuple[Plain, ...]
    answers: tuple[Plain, ...]


def signed(random: np.random.Generator, n: int, bits: int) -> Plain:
    """Signed numbers of so many bits, the sign among them."""
    return random.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), n, dtype=np.int64)


def multiply(random: np.random.Generator, n: int, bits: int) -> Columns:
    x, y = signed(random, n, bits), signed(random, n, bits)
    return Columns(inputs=(x, y), answers=(x * y,))


def less_than(random: np.random.Generator, n: int, bits: int) -> Columns:
    x, y = signed(random, n, bits), signed(random, n, bits)
    return Columns(inputs=(x, y), answers=(x < y,))


def equality(random: np.random.Generator, n: int, bits: int) -> Columns:
    x = signed(random, n, bits)
    y = np.where(random.random(n) < 0.5, x, signed(random, n, bits))
    return Columns(inputs=(x, y), answers=(x == y,))


def inner(random: np.random.Generator, n: int, bits: int) -> Columns:
    x, y = signed(random, n, bits), signed(random, n, bits)
    return Columns(inputs=(x, y), answers=(np.dot(x, y).reshape(1),))


def sort(random: np.random.Generator, n: int, bits: int) -> Columns:
    keys = signed(random, n, bits)
    return Columns(inputs=(keys,), answers=(np.sort(keys),))


def unique_keys(random: np.random.Generator, n: int) -> tuple[Plain, Plain]:
    """Unique keys of two sides; half of the left ones are on the right as well."""
    keys = random.permutation(np.unique(random.integers(0, 2**KEY_BITS, 3 * n)))
    right, others = keys[:n], keys[n : 2 * n]
    return np.where(random.random(n) < 0.5, random.permutation(right), others), right


def join(random: np.random.Generator, n: int, bits: int) -> Columns:
    """Both sides below each other, sorted; every row with whether its partner follows it, and the partner's payload.

    A key goes in as four times itself, plus one on the right: neighbours differ by one where a pair stands, and nowhere else.
    """
    left, right = unique_keys(random, n)
    keys = np.concatenate([4 * left, 4 * right + 1])
    payload = np.concatenate([np.zeros(n, np.int64), random.integers(1, 2**PAYLOAD_BITS, n)])
    order = np.argsort(keys)
    found = np.diff(keys[order]) == 1
    return Columns(inputs=(keys, payload), answers=(keys[order], found, found * payload[order][1:]))


def psi(random: np.random.Generator, n: int, bits: int) -> Columns:
    left, right = unique_keys(random, n)
    return Columns(inputs=(left, right), answers=(np.intersect1d(left, right),))


def group_public(random: np.random.Generator, n: int, bits: int) -> Columns:
    """Sums in groups with public levels; which level a row has goes in as a bit for every level."""
    levels, values = random.integers(0, GROUPS, n), random.integers(0, 10**6, n)
    sums = np.bincount(levels, weights=values, minlength=GROUPS).astype(np.int64)
    return Columns(inputs=(levels[:, np.newaxis] == np.arange(GROUPS), values), answers=(sums,))


def group_codes(random: np.random.Generator, n: int, bits: int) -> Columns:
    """The same with the level of a row as a number, which shares are to be compared with every level."""
    levels, values = random.integers(0, GROUPS, n), random.integers(0, 10**6, n)
    sums = np.bincount(levels, weights=values, minlength=GROUPS).astype(np.int64)
    return Columns(inputs=(levels, values), answers=(sums,))


def group_hidden(random: np.random.Generator, n: int, bits: int) -> Columns:
    """Sorted keys, and the sum of a key in the last of its at most 8 rows; zero in the others."""
    drawn = np.unique(random.integers(0, 2**KEY_BITS, n // 3 + 1))
    keys = random.permutation(np.repeat(drawn, MOST_ROWS))[:n]
    values = random.integers(0, 10**6, n)
    _, group = np.unique(keys, return_inverse=True)
    ordered = np.sort(keys)
    sums = np.zeros(n, np.int64)
    sums[np.append(ordered[1:] != ordered[:-1], True)] = np.bincount(group, weights=values).astype(np.int64)
    return Columns(inputs=(keys, values), answers=(ordered, sums))


MAKE: dict[str, Callable[[np.random.Generator, int, int], Columns]] = {
    "multiply": multiply,
    "less_than": less_than,
    "equality": equality,
    "inner": inner,
    "sort_64": sort,
    "sort_32": sort,
    "join": join,
    "group_public": group_public,
    "group_codes": group_codes,
    "group_hidden": group_hidden,
    "psi": psi,
}


def columns(name: str, n: int, bits: int) -> Columns:
    """The same data on every day."""
    return MAKE[name](np.random.default_rng(SEED), n, bits)
