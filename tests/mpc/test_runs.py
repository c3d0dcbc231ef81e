"""Rows in the order of a key, and what is computed within runs, against plain Python."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from secureframe.mpc import runs, sorting
from secureframe.mpc.bitplanes import Index, to_bools
from secureframe.mpc.channel import Recorder
from secureframe.mpc.cost import cost
from secureframe.mpc.joining import exists, join_unique
from secureframe.mpc.opening import open_bits
from secureframe.mpc.party import Party
from secureframe.mpc.program import Builder, ProgramError, Value
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import BitShare
from tests.leakage import assert_no_repeats, assert_uniform, shape_of
from tests.mpc.harness import Job

SIZES = [1, 2, 3, 63, 64, 65, 130]


def numbers(planes: np.ndarray[Any, Any]) -> list[int]:
    """Unsigned integers from bit planes, lowest first."""
    return [sum(int(bit) << place for place, bit in enumerate(column)) for column in planes.T]


def run_lengths(generator: np.random.Generator, n: int, most: int) -> list[int]:
    """Lengths of runs that fill n rows, the first one as long as may be."""
    lengths = [min(n, most)]
    while sum(lengths) < n:
        lengths.append(min(int(generator.integers(1, most + 1)), n - sum(lengths)))
    return lengths


def within_runs(lengths: Sequence[int]) -> list[list[int]]:
    """For every row the rows of its run up to it."""
    found, start = [], 0
    for length in lengths:
        found += [list(range(start, start + k + 1)) for k in range(length)]
        start += length
    return found


def same_bits(lengths: Sequence[int]) -> list[bool]:
    return [k > 0 for length in lengths for k in range(length)]


# -- the order ----------------------------------------------------------------------------------------------------------

KEYS: dict[str, Callable[[np.random.Generator, int], np.ndarray[Any, Any]]] = {
    "equal": lambda generator, n: np.full(n, 31),
    "zeros": lambda generator, n: np.zeros(n, np.int64),
    "distinct": lambda generator, n: generator.permutation(n) % 256,
    "few": lambda generator, n: generator.integers(0, 4, n),
    "ends": lambda generator, n: generator.choice([0, 255], n),
}
HERE: dict[str, Callable[[np.random.Generator, int], np.ndarray[Any, Any]]] = {
    "all": lambda generator, n: np.ones(n, bool),
    "none": lambda generator, n: np.zeros(n, bool),
    "some": lambda generator, n: generator.random(n) < 0.6,
}


@pytest.mark.parametrize("n", [1, 2, 3, 65])
@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("here", HERE)
def test_rows_are_arranged_and_given_back(n: int, kind: str, here: str) -> None:
    generator = np.random.default_rng(n)
    keys, present = KEYS[kind](generator, n), HERE[here](generator, n)
    words, ariths = generator.integers(0, 2**64, (2, n), dtype=np.uint64), generator.integers(-(2**62), 2**62, (2, n))
    job = Job()
    b = job.builder
    arranged = runs.arrange(
        b, key=job.unsigned(keys, 8), present=job.bits(present), words=[job.words(words)], ariths=[job.arith(ariths)]
    )
    (back_words,), (back_ariths,) = runs.give_back(b, arranged, words=arranged.words, ariths=arranged.ariths)
    last = runs.is_last(b, arranged.same)
    results = job.run(arranged.present, arranged.same, last, *arranged.words, *arranged.ariths, back_words, back_ariths)
    order = sorted(range(n), key=lambda j: (not present[j], keys[j], j))
    same = [k > 0 and present[j] and present[order[k - 1]] and keys[j] == keys[order[k - 1]] for k, j in enumerate(order)]
    assert results[0][0].tolist() == [bool(present[j]) for j in order]
    assert results[1][0].tolist() == same
    assert results[2][0].tolist() == [not follows for follows in [*same[1:], False]]
    assert np.array_equal(results[3], words[:, order]) and np.array_equal(results[4], ariths[:, order])
    assert np.array_equal(results[5], words) and np.array_equal(results[6], ariths)


def test_rows_without_their_presence_are_refused() -> None:
    b = Builder()
    with pytest.raises(ProgramError, match="presence"):
        runs.arrange(b, key=b.zeros("bits", 3, 4), present=b.zeros("bits", 1, 5), words=[], ariths=[])


# -- within runs ---------------------------------------------------------------------------------------------------------

BOUNDS = [1, 2, 3, 4, 7, 8, 9, 1000]
"""Greatest lengths of a run; the first run is as long as it says."""


@pytest.mark.parametrize("n", SIZES)
def test_flags_are_seen_within_their_run(n: int) -> None:
    generator = np.random.default_rng(n)
    flags = generator.random((3, n)) < 0.3
    lengths = [run_lengths(generator, n, most) for most in BOUNDS]
    job = Job()
    b = job.builder
    shared = job.bits(flags)
    values = []
    for most, each in zip(BOUNDS, lengths, strict=True):
        same = job.bits(same_bits(each))
        values += [runs.scan_any(b, shared, same, most), runs.seen_before(b, shared, same, most)]
    results = job.run(*values)
    for number, each in enumerate(lengths):
        for k, rows in enumerate(within_runs(each)):
            assert results[2 * number][:, k].tolist() == flags[:, rows].any(axis=1).tolist()
            assert results[2 * number + 1][:, k].tolist() == flags[:, rows[:-1]].any(axis=1).tolist()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("limbs", [1, 2])
def test_sums_stay_within_their_run(n: int, limbs: int) -> None:
    generator = np.random.default_rng(n)
    x = generator.integers(-(2**62), 2**62, (2, n))
    lengths = [run_lengths(generator, n, most) for most in BOUNDS]
    job = Job()
    shared = job.arith(x, limbs)
    sums = [
        runs.scan_sum(job.builder, shared, job.bits(same_bits(each)), most) for most, each in zip(BOUNDS, lengths, strict=True)
    ]
    modulus = 1 << 64 * limbs
    for each, found in zip(lengths, job.run(*sums), strict=True):
        for k, rows in enumerate(within_runs(each)):
            for row in range(2):
                assert (int(found[row, k]) - sum(int(v) for v in x[row, rows])) % modulus == 0


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("here", HERE)
def test_the_first_and_the_last_that_is_present(n: int, here: str) -> None:
    generator = np.random.default_rng(n)
    present = HERE[here](generator, n)
    plain = np.where(present, generator.choice([0, 1, 511, 300], n), 0)
    lengths = [run_lengths(generator, n, most) for most in BOUNDS]
    job = Job()
    b = job.builder
    planes, there = job.unsigned(plain, 9), job.bits(present)
    values: list[Value] = []
    for most, each in zip(BOUNDS, lengths, strict=True):
        same = job.bits(same_bits(each))
        values += runs.scan_first(b, planes, there, same, most)
        values += runs.scan_first(b, planes, there, same, most, last=True)
    results = job.run(*values)
    for number, each in enumerate(lengths):
        first, some, last, any_ = results[4 * number : 4 * number + 4]
        firsts, lasts = numbers(first), numbers(last)
        for k, rows in enumerate(within_runs(each)):
            found = [int(plain[j]) for j in rows if present[j]]
            assert some[0, k] == any_[0, k] == bool(found)
            assert firsts[k] == (found[0] if found else 0)
            assert lasts[k] == (found[-1] if found else 0)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("width", [2, 9, 63])
def test_the_extremes_are_exact_at_the_ends_of_their_width(n: int, width: int) -> None:
    generator = np.random.default_rng(n)
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    present = generator.random(n) < 0.6
    plain = np.where(present, generator.choice(np.array([low, low + 1, -1, 0, high]), n), 0)
    lengths = [run_lengths(generator, n, most) for most in BOUNDS]
    job = Job()
    b = job.builder
    x, there = job.arith(plain), job.bits(present)
    values: list[Value] = []
    for most, each in zip(BOUNDS, lengths, strict=True):
        same = job.bits(same_bits(each))
        for largest in (False, True):
            values += runs.scan_extreme(b, x, there, width, same, most, largest=largest)
    results = job.run(*values)
    for number, each in enumerate(lengths):
        smallest, some, greatest, any_ = results[4 * number : 4 * number + 4]
        for k, rows in enumerate(within_runs(each)):
            found = [int(plain[j]) for j in rows if present[j]]
            assert some[0, k] == any_[0, k] == bool(found)
            if found:
                assert (smallest[0, k], greatest[0, k]) == (min(found), max(found))


# -- who has a partner ----------------------------------------------------------------------------------------------------

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


# -- what is seen ---------------------------------------------------------------------------------------------------------


def _scans(column: np.ndarray[Any, Any]) -> Job:
    """Every scan on one column, without the sort."""
    n = len(column)
    job = Job()
    b = job.builder
    same, flag = job.bits(column % 3 == 0), job.bits(column % 2 == 0)
    numbers_, planes = job.arith(column), job.unsigned(column, 39)
    results = [runs.scan_any(b, flag, same, 9), runs.seen_before(b, flag, same, 9)]
    results += runs.scan_first(b, planes, flag, same, n, last=True)
    results += [runs.scan_sum(b, numbers_, same, n), *runs.scan_extreme(b, numbers_, flag, 41, same, 9, largest=False)]
    for value in results:
        b.output(b.refresh(value))
    return job


def _columns(n: int) -> list[np.ndarray[Any, Any]]:
    spread = np.random.default_rng(1).integers(0, 2**39, n)
    return [np.zeros(n, np.int64), np.full(n, 2**39 - 1), spread]


def test_transcripts_of_scans_are_equal_for_all_data() -> None:
    shapes = []
    for column in _columns(300):
        recorder = Recorder()
        _scans(column).run(recorder=recorder)
        assert_uniform(recorder.payloads)
        assert_no_repeats(recorder.payloads)
        shapes.append(shape_of(recorder.payloads))
    assert shapes[0] == shapes[1] == shapes[2]


def test_costs_of_scans_are_exact() -> None:
    for n in (2, 65, 300):
        job = _scans(_columns(n)[2])
        job.run()
        stage = cost(job.program()).stages[0]
        measured = [reports[0] for reports in job.reports]
        assert {m.rounds for m in measured} == {stage.rounds}
        assert tuple(m.bytes_sent_previous for m in measured) == stage.bytes_to_previous
        assert tuple(m.bytes_sent_next for m in measured) == stage.bytes_to_next


class ChosenPermutation:
    """A stream that gives one permutation, by its number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def permutation(self, n: int) -> Index:
        return np.array(next(itertools.islice(itertools.permutations(range(n)), self._number, None)), np.int64)


def opened(job: Job, chosen: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """What a program opens if the pairs of parties draw these permutations."""
    seen: list[tuple[bool, ...]] = []

    def watching(party: Party, x: BitShare) -> Steps[Words]:
        plain = yield from open_bits(party, x)
        if party.index == 0:
            seen.append(tuple(bool(bit) for bit in to_bools(plain, x.n)[0]))
        return plain

    def prepare(party: Party) -> None:
        party.randomness.previous.permutations = ChosenPermutation(chosen[party.index])  # type: ignore[assignment]
        party.randomness.next.permutations = ChosenPermutation(chosen[(party.index + 1) % 3])  # type: ignore[assignment]

    monkeypatch.setattr(sorting, "open_bits", watching)
    job.run(prepare=prepare)
    return tuple(seen)


def _arranged(keys: Sequence[int], here: Sequence[int]) -> Job:
    job = Job()
    b = job.builder
    arranged = runs.arrange(b, key=job.unsigned(keys, 3), present=job.bits(here), words=[], ariths=[])
    b.output(b.refresh(arranged.same))
    return job


def _joined(keys: Sequence[int], here: Sequence[int], unique: bool) -> Job:
    job = Job()
    b = job.builder
    found = join_unique(
        b,
        left_key=job.unsigned(keys[:2], 3),
        left_present=job.bits(here[:2]),
        right_key=job.unsigned(keys[2:], 3),
        right_present=job.bits(here[2:]),
        words=[],
        ariths=[],
        left_unique=unique,
        check_unique=True,
    )
    b.output(b.refresh(found.matched))
    return job


def _partners(keys: Sequence[int], here: Sequence[int], unique: bool) -> Job:
    job = Job()
    b = job.builder
    found: Value = exists(
        b,
        left_key=job.unsigned(keys[:2], 3),
        left_present=job.bits(here[:2]),
        right_key=job.unsigned(keys[2:], 3),
        right_present=job.bits(here[2:]),
        left_unique=unique,
    )
    b.output(b.refresh(found))
    return job


PROGRAMS: dict[str, Callable[[Sequence[int], Sequence[int]], Job]] = {
    "arrange": _arranged,
    "join, unique": lambda keys, here: _joined(keys, here, True),
    "join": lambda keys, here: _joined(keys, here, False),
    "exists, unique": lambda keys, here: _partners(keys, here, True),
    "exists": lambda keys, here: _partners(keys, here, False),
}


@pytest.mark.parametrize("watcher", range(3))
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_opened_is_a_uniform_order_whatever_the_keys(name: str, watcher: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all permutations of the pair that a party does not belong to, every order of four rows is opened once."""
    known = [int(number) for number in np.random.default_rng(watcher).integers(0, 24, 3)]
    for keys, here in (((7, 7, 7, 7), (1, 1, 1, 1)), ((0, 1, 2, 3), (1, 0, 0, 1)), ((5, 0, 5, 5), (0, 0, 0, 0))):
        views: Counter[Any] = Counter()
        for number in range(24):
            chosen = [number if pair == (watcher + 2) % 3 else known[pair] for pair in range(3)]
            views[opened(PROGRAMS[name](keys, here), chosen, monkeypatch)] += 1
        assert len(views) == 24 and set(views.values()) == {1}
