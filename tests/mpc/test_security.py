"""What a party sees: lengths that depend on nothing secret, words that look uniform, and checks that would notice."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from secureframe.mpc import _numba, numeric, opening, operations, quantile, sorting
from secureframe.mpc.channel import Recorder
from secureframe.mpc.joining import join_unique
from secureframe.mpc.party import Party
from secureframe.mpc.program import Instruction
from secureframe.mpc.randomness import PartyKeys, Randomness, Stream
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Message, Steps
from secureframe.mpc.sharing import BitShare
from tests.leakage import LeakError, assert_independent, assert_no_repeats, assert_uniform, find_plaintext, shape_of
from tests.mpc.harness import Job, fresh_keys

N = 700
PROTOCOLS = Path(sorting.__file__).parent


def _data(name: str) -> np.ndarray[Any, Any]:
    """Columns of very different people."""
    generator = np.random.default_rng(7)
    match name:
        case "zeros":
            return np.zeros(N, np.int64)
        case "equal":
            return np.full(N, 2**39 - 1)
        case _:
            return generator.integers(0, 2**39, N)


def _everything(column: np.ndarray[Any, Any], *, join: bool) -> Job:
    """A program in which every protocol runs on the column, the sort only if asked for."""
    job = Job()
    b = job.builder
    x = job.arith(np.stack([column, column[::-1]]))
    bit = job.bits(column % 2 == 0)
    planes = job.unsigned(column, 39)
    identifiers = job.words(column.astype(np.uint64))
    first = b.refresh(x)
    second = b.refresh(x)
    with b.stage("work"):
        product = b.multiply(first, second)
        table = b.inner(x, product)
        negative = b.is_negative(b.subtract(b.pick_rows(x, [0]), b.pick_rows(x, [1])), 41)
        zero = b.is_zero(x, 40)
        digits = b.to_bits(x, 40)
        folded = b.all_planes(b.xor(digits, b.invert(digits)))
        both = b.and_(negative, bit)
        whole = b.to_arith(b.refresh(both), 2)
        wide = b.multiply(whole, whole)
        masked = b.mask_words(identifiers, bit)
        handle, moved = b.shuffle([identifiers, x])
        b.unshuffle(handle, list(moved))
        ranks = quantile.ranks_lower(b, b.count_bits(bit), [Fraction(1, 2)], N)
        median = quantile.select_ranks(b, planes, bit, ranks)
        rounded = numeric.round_to_base(b, b.count_bits(bit), 5, 12)
    b.output(median)
    b.output(rounded)
    b.output(table)
    if join:
        with b.stage("join"):
            matched, _, _, _ = join_unique(
                b,
                left_key=planes,
                left_present=bit,
                right_key=planes,
                right_present=bit,
                words=[masked],
                ariths=[b.cut(wide, 0, N)],
                left_unique=False,
            )
            b.output(matched)
    b.output(zero)
    b.output(folded)
    return job


def _record(column: np.ndarray[Any, Any], *, join: bool, keys: list[PartyKeys] | None = None) -> Recorder:
    recorder = Recorder()
    _everything(column, join=join).run(recorder=recorder, keys=keys)
    return recorder


# -- transcripts -----------------------------------------------------------------------------------------------------


def test_transcripts_are_equal_for_all_data() -> None:
    shapes = [shape_of(_record(_data(name), join=False).payloads) for name in ("zeros", "equal", "spread")]
    assert shapes[0] == shapes[1] == shapes[2]


def _sorted_runs(keys: list[int], runs: int, *, secret_index: bool, monkeypatch: pytest.MonkeyPatch) -> np.ndarray[Any, Any]:
    """Levels, message lengths and opened bits of many sorts of one column."""
    opened: list[tuple[int, int]] = []
    honest = opening.open_bits

    def watching(party: Party, x: BitShare) -> Steps[Words]:
        plain = yield from honest(party, x)
        if party.index == 0:
            opened.append((x.n, int(np.bitwise_count(plain).sum())))
        return plain

    monkeypatch.setattr(sorting, "open_bits", watching)
    # So few keys would be sorted in one batch: here they go through all levels.
    monkeypatch.setattr(sorting, "_cheap", lambda _: 0)
    found = []
    n, width = len(keys), 6
    for _ in range(runs):
        opened.clear()
        job = Job()
        b = job.builder
        secret, positions = job.unsigned(keys, width), b.positions(n, 5)
        record = b.pack(b.rows([positions, secret] if secret_index else [secret]))
        _, (moved,) = b.shuffle([record])
        order = b.sort(moved, width + 5 if secret_index else width)
        b.output(b.to_arith(b.unpack(b.reorder(order, moved), 1)))
        job.run()
        report = job.reports[0][0]
        found.append(
            (
                report.rounds,
                report.bytes_sent_previous + report.bytes_sent_next,
                sum(bits for bits, _ in opened),
                sum(ones for _, ones in opened),
                opened[0][1],
                opened[-1][1],
            )
        )
    monkeypatch.undo()
    return np.array(found, dtype=float)


def _same_distribution(first: np.ndarray[Any, Any], second: np.ndarray[Any, Any]) -> bool:
    values = [stats.ks_2samp(first[:, k], second[:, k]).pvalue for k in range(first.shape[1])]
    return bool(min(values) > 1e-5 / len(values))


def test_a_sort_of_equal_keys_looks_like_one_of_distinct_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    n, runs = 28, 250
    equal = _sorted_runs([9] * n, runs, secret_index=True, monkeypatch=monkeypatch)
    ascending = _sorted_runs(list(range(n)), runs, secret_index=True, monkeypatch=monkeypatch)
    assert _same_distribution(equal, ascending)


def test_ties_that_are_not_broken_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    n, runs = 28, 60
    equal = _sorted_runs([9] * n, runs, secret_index=False, monkeypatch=monkeypatch)
    ascending = _sorted_runs(list(range(n)), runs, secret_index=False, monkeypatch=monkeypatch)
    assert not _same_distribution(equal, ascending)


# -- contents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["zeros", "equal", "spread"])
def test_payloads_are_uniform_and_never_come_twice(name: str) -> None:
    payloads = _record(_data(name), join=True).payloads
    assert_uniform(payloads)
    assert_no_repeats(payloads)


def _patterns(column: np.ndarray[Any, Any]) -> list[bytes]:
    words = column.astype("<i8")
    columns = [words[start : start + 2].tobytes() for start in range(0, N - 1, 5)]
    return [*columns, *(value.tobytes() for value in words[words > 2**32]), words.tobytes()]


def test_payloads_hold_no_input() -> None:
    column = _data("spread")
    assert find_plaintext(_record(column, join=True).payloads, _patterns(column)) == []


def test_trivial_patterns_are_refused() -> None:
    for pattern in (b"short", bytes(16)):
        with pytest.raises(ValueError, match="not trivial"):
            find_plaintext([], [pattern])


def test_two_jobs_with_fresh_keys_are_independent() -> None:
    assert_independent(_record(_data("zeros"), join=False).payloads, _record(_data("equal"), join=False).payloads)


# -- the checks notice -----------------------------------------------------------------------------------------------


def test_a_planted_leak_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    column = _data("spread")

    def leaking(party: Party, shares: Any, instruction: Instruction) -> Steps[Any]:
        if party.index == 0:
            yield Message(to_next=column.view(np.uint64)[3:50])
        elif party.index == 1:
            yield Message(from_previous=47)
        else:
            yield Message()
        return shares[0]

    honest = operations.INTERACTIVE["refresh"]
    monkeypatch.setitem(operations.INTERACTIVE, "refresh", operations.Protocol(run=leaking, cost=honest.cost))
    found = find_plaintext(_record(column, join=False).payloads, _patterns(column))
    assert found


def test_a_skipped_mask_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_words(_: Randomness, count: int) -> tuple[Words, Words]:
        return np.zeros(count, np.uint64), np.zeros(count, np.uint64)

    monkeypatch.setattr(Randomness, "zero_words", no_words)
    for name in ("zeros", "equal", "spread"):
        with pytest.raises(LeakError, match="not uniform"):
            assert_uniform(_record(_data(name), join=False).payloads)


def test_an_unmasked_split_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blank(Stream):
        def words(self, count: int) -> Words:
            return np.zeros(count, np.uint64)

    before = Randomness.__init__

    def without_common(self: Randomness, keys: PartyKeys) -> None:
        before(self, keys)
        for pair in (self.previous, self.next):
            pair.common = Blank(bytes(16))

    monkeypatch.setattr(Randomness, "__init__", without_common)
    with pytest.raises(LeakError):
        assert_uniform(_record(_data("zeros"), join=False).payloads)


def test_a_reused_key_is_noticed() -> None:
    keys = fresh_keys()
    first, second = (_record(_data(name), join=False, keys=keys).payloads for name in ("zeros", "equal"))
    with pytest.raises(LeakError):
        assert_independent(first, second)


def test_a_counter_that_is_used_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Stream.words
    kept: dict[int, Words] = {}

    def repeating(self: Stream, count: int) -> Words:
        if len(kept.get(id(self), ())) < count:
            kept[id(self)] = honest(self, count)
        return kept[id(self)][:count]

    monkeypatch.setattr(Stream, "words", repeating)
    with pytest.raises(LeakError, match="twice"):
        assert_no_repeats(_record(_data("spread"), join=False).payloads)


# -- the source ------------------------------------------------------------------------------------------------------


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PROTOCOLS.glob("*.py")):
        yield path.name, ast.parse(path.read_text())


def _calls(wanted: Callable[[ast.Call], bool]) -> set[str]:
    return {name for name, tree in _sources() for node in ast.walk(tree) if isinstance(node, ast.Call) and wanted(node)}


def _named(name: str) -> Callable[[ast.Call], bool]:
    def wanted(call: ast.Call) -> bool:
        return (isinstance(call.func, ast.Name) and call.func.id == name) or (
            isinstance(call.func, ast.Attribute) and call.func.attr == name
        )

    return wanted


def test_only_sorts_and_tags_open() -> None:
    assert _calls(_named("open_bits")) == {"sorting.py", "tags.py"}
    assert _calls(lambda call: any(word.arg == "opening" for word in call.keywords)) == {"opening.py"}


def test_messages_are_made_in_four_places() -> None:
    """Products (reshare), what one party knows (deal_first), permutations (_step), openings (open_bits)."""
    assert _calls(_named("Message")) == {"arithmetic.py", "conversion.py", "permutation.py", "opening.py"}


def test_the_ground_floor_imports_nothing_above_it() -> None:
    for name, tree in _sources():
        for node in ast.walk(tree):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [module or ""]
            for imported in names:
                assert not imported.startswith("secureframe") or imported.startswith("secureframe.mpc"), (name, imported)


def test_every_kernel_is_in_the_hash_of_the_cache() -> None:
    assert _calls(_named("kernel")) | {"_numba.py"} == set(_numba.KERNEL_SOURCES)
