"""Who has a partner, and whether keys repeat: sides of few rows and many, none of them there or all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from secureframe.mpc.joining import exists, join_unique
from tests.mpc.harness import Job

HERE: dict[str, Callable[[np.random.Generator, int], np.ndarray[Any, Any]]] = {
    "all": lambda generator, n: np.ones(n, bool),
    "none": lambda generator, n: np.zeros(n, bool),
    "some": lambda generator, n: generator.random(n) < 0.6,
}


PLACES: dict[str, tuple[list[int], list[int]]] = {
    "one and one": ([5], [5]),
    "one and another": ([5], [6]),
    "all equal": ([3] * 7, [3] * 5),
    "no match": (list(range(9)), list(range(100, 104))),
    "zeros and ends": ([0, 255, 0, 255, 7], [255, 0, 0]),
    "one with many": ([9], [9] * 70),
    "many with one": ([9] * 70, [9]),
}


def _here(generator: np.random.Generator, n: int, here: str) -> np.ndarray[Any, Any]:
    return HERE[here](generator, n)


@pytest.mark.parametrize("here", HERE)
@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("unique", [False, True])
def test_a_row_has_a_partner_if_its_key_is_there(name: str, here: str, unique: bool) -> None:
    left, right = PLACES[name]
    if unique:
        left = list(dict.fromkeys(left))
    generator = np.random.default_rng(0)
    left_here, right_here = _here(generator, len(left), here), _here(generator, len(right), here)
    job = Job()
    found = exists(
        job.builder,
        left_key=job.unsigned(left, 8),
        left_present=job.bits(left_here),
        right_key=job.unsigned(right, 8),
        right_present=job.bits(right_here),
        left_unique=unique,
    )
    keys = {key for key, present in zip(right, right_here, strict=True) if present}
    assert job.run(found)[0][0].tolist() == [bool(p) and key in keys for key, p in zip(left, left_here, strict=True)]


@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize(
    ("right", "present", "violated"),
    [
        ([5], [1], False),
        ([5, 5], [1, 1], True),
        ([5, 5], [1, 0], False),
        ([0, 0, 0], [0, 0, 0], False),
        ([0, 0, 9], [1, 1, 1], True),
        (list(range(64)), [1] * 64, False),
        ([*range(64), 63], [1] * 65, True),
        ([7] * 3, [1] * 3, True),
    ],
)
def test_repeated_right_keys_are_told(right: list[int], present: list[int], violated: bool, unique: bool) -> None:
    left = [5, 7, 70, 0] if unique else [5, 5, 7, 0, 0]
    job = Job()
    joined = join_unique(
        job.builder,
        left_key=job.unsigned(left, 7),
        left_present=job.bits([1] * len(left)),
        right_key=job.unsigned(right, 7),
        right_present=job.bits(present),
        words=[],
        ariths=[],
        left_unique=unique,
        check_unique=True,
    )
    assert joined.violated is not None
    told, matched = job.run(joined.violated, joined.matched)
    assert told.tolist() == [[violated]]
    if not violated:
        keys = {key for key, there in zip(right, present, strict=True) if there}
        assert matched[0].tolist() == [key in keys for key in left]
