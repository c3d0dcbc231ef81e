"""The tagged join: what it opens, what that depends on, and what is refused. That it is exact: ``test_protocols.py``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from secureframe.mpc.channel import Recorder
from secureframe.mpc.cost import cost
from secureframe.mpc.matching import Lookup, Side
from secureframe.mpc.party import Party
from secureframe.mpc.program import TAG_BITS, Builder, ProgramError, Value
from secureframe.mpc.randomness import Stream
from secureframe.mpc.ring import Words
from secureframe.mpc.tagged_join import match_tagged
from tests.leakage import assert_uniform, shape_of
from tests.mpc.harness import Job
from tests.mpc.lowmc import plain
from tests.mpc.watching import chosen_permutations, watch_openings

Keys = Sequence[int | None]
"""Of every row its key, or None where it has none."""


def joined(left: Keys, right: Keys, *, width: int = 6, payload: int = 0, unique: bool = True) -> tuple[Job, Value]:
    """A program that looks left rows up among right ones; ``payload`` is what every right row holds."""
    job = Job()
    sides = []
    for keys, most in ((left, 1 if unique else len(left)), (right, 1)):
        key = job.unsigned([0 if k is None else k for k in keys], width)
        sides.append(Side(key, job.bits([k is not None for k in keys]), most))
    (found,), _ = match_tagged(job.builder, sides, 0, [Lookup(1, job.unsigned([payload] * len(right), 8))])
    assert found.planes is not None
    return job, found.planes


class Watched:
    """A stream that notes a party's component of the key: the one time that it draws two words."""

    def __init__(self, stream: Stream, index: int, drawn: dict[int, int]) -> None:
        self._stream, self._index, self._drawn = stream, index, drawn

    def words(self, count: int) -> Words:
        words = self._stream.words(count)
        if count == 2:
            self._drawn[self._index] = int(words[0]) | int(words[1]) << 64
        return words

    def fill(self, out: Words) -> None:
        self._stream.fill(out)


def tags(opened: Sequence[tuple[bool, ...]], rows: int) -> list[tuple[bool, ...]]:
    """The tag of every shuffled row: all planes are opened at once."""
    (bits,) = opened
    return [bits[row::rows] for row in range(rows)]


def pattern(opened: Sequence[tuple[bool, ...]], rows: int) -> tuple[int, ...]:
    """For every shuffled row the first one with its tag."""
    found = tags(opened, rows)
    return tuple(found.index(tag) for tag in found)


def test_tags_are_lowmc_of_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of keys, and of one number more a row without one; under a key that is another one in every run."""
    left, right, width = [5, None, 17, 63, 2], [17, 5, 40, 1], 6
    seen, secrets = watch_openings(monkeypatch), set()
    for run in range(2):
        seen.clear()
        drawn: dict[int, int] = {}

        def prepare(party: Party, drawn: dict[int, int] = drawn) -> None:
            pair = party.randomness.previous
            pair.common = Watched(pair.common, party.index, drawn)  # type: ignore[assignment]

        job, value = joined(left, right, width=width)
        job.run(value, prepare=prepare)
        secrets.add(key := drawn[0] ^ drawn[1] ^ drawn[2])
        cipher = plain(96, 32, 13, 128)
        known = [k if k is not None else 1 << width | place for place, k in enumerate([*left, *right])]
        expected = Counter(cipher.encrypt(key, block) for block in known)
        found = Counter(sum(int(bit) << i for i, bit in enumerate(tag)) for tag in tags(seen, 9))
        assert found == expected, run
    assert len(secrets) == 2


@pytest.mark.parametrize("watcher", range(3))
@pytest.mark.parametrize(
    ("left", "right", "unique"),
    [([1, 2], [2, 3], True), ([9, 7], [7, 9], True), ([3, None], [None, 3], True), ([4, 4, 1], [4], False), ([None], [1], True)],
)
def test_every_arrangement_of_equal_tags_is_as_likely_as_any(
    left: Keys, right: Keys, unique: bool, watcher: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over all permutations of the pair that a party does not belong to: it learns how many rows have one key, and no more."""
    seen = watch_openings(monkeypatch)
    rows = len(left) + len(right)
    outcomes = math.factorial(rows)
    known = [int(number) for number in np.random.default_rng(watcher).integers(0, outcomes, 3)]
    views: Counter[Any] = Counter()
    for number in range(outcomes):
        seen.clear()
        job, value = joined(left, right, unique=unique)
        job.run(value, prepare=chosen_permutations([number if pair == (watcher + 2) % 3 else known[pair] for pair in range(3)]))
        views[pattern(seen, rows)] += 1
    sizes = sorted(Counter(next(iter(views))).values())
    assert all(sorted(Counter(view).values()) == sizes for view in views)
    # All ways to cut so many rows into groups of these sizes.
    ways = outcomes // math.prod(math.factorial(size) for size in sizes)
    ways //= math.prod(math.factorial(count) for count in Counter(sizes).values())
    assert len(views) == ways and set(views.values()) == {outcomes // ways}


def test_only_the_numbers_of_equal_keys_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the keys, the payload and the rows without a key are: the same sizes of groups, and messages of one length."""
    seen = watch_openings(monkeypatch)
    worlds: list[tuple[Keys, Keys, int]] = [
        ([1, 2, 3, 4, None], [3, 4, 5, None], 7),
        ([60, 61, None, 62, None], [None, 62, 60, None], 255),
        ([0, 1, 2, 3, 4], [4, 0, 9, 8], 0),
    ]
    shapes, sizes = [], []
    for left, right, payload in worlds:
        seen.clear()
        recorder = Recorder()
        job, value = joined(left, right, payload=payload)
        job.run(value, recorder=recorder)
        shapes.append(shape_of(recorder.payloads))
        sizes.append(sorted(Counter(pattern(seen, 9)).values()))
    assert shapes[0] == shapes[1] == shapes[2]
    assert sizes[0] == sizes[1] == sizes[2] == [1, 1, 1, 1, 1, 2, 2]


def test_tags_look_uniform_and_differ_from_join_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watch_openings(monkeypatch)
    n = 1500
    runs = []
    for _ in range(2):
        seen.clear()
        recorder = Recorder()
        job, value = joined(list(range(n)), list(range(n, 2 * n)), width=12)
        job.run(value, recorder=recorder)
        runs.append(np.array(tags(seen, 2 * n)))
        assert_uniform(recorder.payloads)
    for each in (*runs, runs[0] ^ runs[1]):
        ones = each.sum(axis=0, dtype=np.int64)
        assert each.shape == (2 * n, TAG_BITS) and (abs(ones - n) < 6 * math.sqrt(n / 2)).all()
        assert abs(int(ones.sum()) - n * TAG_BITS) < 6 * math.sqrt(n * TAG_BITS / 2)
    assert not {run.tobytes() for run in runs[0]} & {run.tobytes() for run in runs[1]}


def test_rounds_do_not_grow_and_bytes_are_those_that_are_said() -> None:
    for n in (1, 64, 100_000):
        b = Builder()
        sides = [Side(b.input("a", "key", "bits", 34, n), b.ones_bits(1, n)) for _ in range(2)]
        match_tagged(b, sides, 0, [Lookup(1, b.input("a", "column", "bits", 28, n))])
        report = cost(b.program())
        assert report.rounds == report.most_rounds == 22
        plane = 8 * -(-2 * n // 64)
        # Keys; 13 layers and their opening with digest and verdicts; a word there and half of one back, each sent twice.
        sent = 2 * 34 * 8 * -(-n // 64) + (13 + 1) * 96 * plane + 32 + 16 + 2 * 2 * n * (8 + 4)
        assert report.bytes_sent == (sent, sent, sent)


def test_what_is_refused() -> None:
    b = Builder()

    def side(n: int, width: int = 4, most: int = 1) -> Side:
        return Side(b.zeros("bits", width, n), b.ones_bits(1, n), most)

    for sides, lookups, asked in (
        ([side(3), side(3, 5)], [Lookup(1)], None),
        ([side(3), side(3, most=2)], [Lookup(1)], None),
        ([side(3), side(3)], [Lookup(0)], None),
        ([side(3), side(3)], [Lookup(1, check=True)], None),
        ([side(3, most=3), side(3)], [Lookup(1)], {1: None}),
        ([side(3, TAG_BITS), side(3, TAG_BITS)], [Lookup(1)], None),
    ):
        with pytest.raises(ProgramError):
            match_tagged(b, sides, 0, lookups, asked)
    (moved,) = b.shuffle([b.zeros("words", 1, 3)])[1]
    b.equal_keys(moved, 3)
    with pytest.raises(ProgramError):
        b.equal_keys(moved, 3)
    with pytest.raises(ProgramError):
        b.sort(moved, 3)
    with pytest.raises(ProgramError):
        b.equal_keys(b.zeros("words", 1, 3), 3)
