"""Every protocol of the table: exact at every edge, complete, and of one transcript whatever the data."""

from __future__ import annotations

import math
from collections import Counter
from secrets import token_bytes
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.mpc.channel import Payload, Recorder
from secureframe.mpc.cost import cost
from secureframe.mpc.local import LOCAL
from secureframe.mpc.operations import INTERACTIVE, Protocol
from secureframe.mpc.party import Party
from secureframe.mpc.program import Builder, Instruction, Value
from secureframe.mpc.randomness import PartyKeys, Randomness
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Message, Steps
from secureframe.mpc.sharing import Share, array_shape, make_share
from tests.leakage import LeakError, assert_no_repeats, assert_uniform, in_order, shape_of, undeclared
from tests.mpc.harness import Job
from tests.mpc.protocols import ROWS, Row
from tests.mpc.protocols.cases import PATTERNS, Case
from tests.mpc.protocols.registry import functions, methods, named, operations
from tests.mpc.watching import chosen_permutations, watch_openings

TALKING = [row for row in ROWS if row.talks()]
ORDERING = [row for row in ROWS if "sort" in operations(row.job([row.short])[0].program())]
TAGGING = [row for row in ROWS if "equal_keys" in operations(row.job([row.short])[0].program())]
OPENING = [*ORDERING, *TAGGING]
WORLDS = ("zeros", "ones", "spread")


# -- the table is complete -------------------------------------------------------------------------------------------------


def test_every_method_and_every_function_over_the_builder_has_a_row() -> None:
    """One that is missing here is tested at no edge: give it a row in ``tests/mpc/protocols``."""
    there = {named(each) for row in ROWS for each in row.of}
    wanted = {named(each) for each in (*methods(), *functions())}
    assert sorted(wanted - there) == []


def test_every_operation_of_the_engine_is_emitted_by_a_row() -> None:
    emitted = {operation for row in ROWS for operation in operations(row.job([row.short])[0].program())}
    assert sorted((set(INTERACTIVE) | set(LOCAL)) - emitted) == []


# -- exact -----------------------------------------------------------------------------------------------------------------


def differs(found: np.ndarray[Any, Any], expected: Any) -> str:
    """How a result differs from what it has to be; nothing if it does not."""
    expected = np.asarray(expected)
    if found.shape != expected.shape:
        return f"shape {found.shape} in place of {expected.shape}"
    wrong = np.argwhere(found.astype(object) != expected.astype(object))
    if not len(wrong):
        return ""
    at = tuple(int(i) for i in wrong[0])
    return f"{len(wrong)} of {found.size} differ, the first at {at}: {found[at]} in place of {expected[at]}"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_results_are_exact_at_every_edge(row: Row) -> None:
    job, wanted = row.job(row.cases())
    results = job.run(*(value for _, value, _ in wanted))
    pairs = zip(results, wanted, strict=True)
    wrong = [f"{case}: {text}" for found, (case, _, expected) in pairs if (text := differs(found, expected))]
    assert wrong == []


@pytest.mark.parametrize("row", ROWS, ids=str)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_results_are_exact_at_any_length_and_width(row: Row, data: st.DataObject) -> None:
    lengths, widths = st.integers(1, min(140, row.lengths[-1])), st.integers(row.widths[0], row.widths[-1])
    some = st.tuples(lengths, widths, st.sampled_from(PATTERNS))
    cases = [Case(*drawn) for drawn in data.draw(st.lists(some, min_size=1, max_size=2))]
    job, wanted = row.job(cases)
    results = job.run(*(value for _, value, _ in wanted))
    for found, (case, _, expected) in zip(results, wanted, strict=True):
        assert not differs(found, expected), case


def _many_blocks(n: int = 20_037) -> tuple[Job, list[tuple[Value, Any]]]:
    """Everything interactive on a column longer than what a kernel or a message takes at a time, against NumPy."""
    generator = np.random.default_rng(1)
    x, y = generator.integers(-(2**62), 2**62, (2, n)), generator.integers(-(2**62), 2**62, (2, n))
    x[:, -3:], y[:, :2] = [-(2**63), 0, 2**63 - 1], 0
    words, mask = x.view(np.uint64), generator.random((1, n)) < 0.5
    bits = np.unpackbits(words[:1].T.copy().view(np.uint8), axis=1, bitorder="little").T.astype(bool)
    wide = generator.integers(-(2**31), 2**31, (1, n))
    keys, index = x[0] % 2**30 // 2**17, (n - 1).bit_length()
    job = Job()
    b = job.builder
    p, q, u, m, planes, w = job.arith(x), job.arith(y), job.words(words), job.bits(mask), job.bits(bits), job.arith(wide, 2)
    one = b.pick_rows(p, [0])
    with np.errstate(over="ignore"):
        pairs: list[tuple[Value, Any]] = [
            (b.multiply(p, q), x * y),
            (b.multiply(b.pick_rows(q, [0]), p), x * y[:1]),
            (b.multiply(w, w), wide.astype(object) ** 2),
            (b.inner(p, q), x @ y.T),
            (b.and_(planes, m), bits & mask),
            (b.mask_words(u, m), np.where(mask, words, np.uint64(0))),
            (b.to_bits(one, 64), bits),
            (b.is_negative(p, 64), (x < 0).reshape(1, -1)),
            (b.is_zero(q, 64), (y == 0).reshape(1, -1)),
            (b.to_arith(b.pick_rows(planes, [0, 63])), bits[[0, 63]].astype(int)),
            (b.count_bits(planes), bits.sum(axis=1)[None]),
            (b.refresh(p), x),
            (b.refresh(planes), bits),
            (b.all_planes(b.or_(planes, m)), (bits | mask).all(axis=0, keepdims=True)),
        ]
    record = b.pack(b.rows([b.positions(n, index), job.bits(bits[17:30])]))
    handle, (moved, carried) = b.shuffle([record, p])
    order = b.sort(moved, index + 13)
    pairs.append((b.reorder(order, carried), x[:, np.argsort(keys, kind="stable")]))
    pairs.append((b.unshuffle(handle, [carried])[0], x))
    return job, pairs


def test_columns_of_many_blocks_are_exact() -> None:
    job, pairs = _many_blocks()
    found = job.run(*(value for value, _ in pairs))
    wrong = [(at, differs(have, want)) for at, (have, (_, want)) in enumerate(zip(found, pairs, strict=True))]
    assert [each for each in wrong if each[1]] == []


def test_what_is_said_to_be_local_sends_nothing() -> None:
    quiet = {named(each) for row in ROWS if row not in TALKING for each in row.of}
    local = {named(each) for each in methods() if (each.__doc__ or "").startswith("*Local.*")}
    opened = {named(each) for each in (Builder.reorder, Builder.restore, Builder.group_totals)}
    assert local - opened <= quiet


# -- what a party sees -------------------------------------------------------------------------------------------------------


def recorded(job: Job, *, keys: list[PartyKeys] | None = None, shares: list[list[Share]] | None = None) -> list[Payload]:
    recorder = Recorder()
    job.run(recorder=recorder, keys=keys, shares=shares)
    return in_order(recorder.payloads)


@pytest.mark.parametrize("row", TALKING, ids=str)
def test_transcripts_have_one_shape_and_cost_what_is_foretold(row: Row) -> None:
    """Up to so many rows a sort asks for all comparisons at once."""
    shapes, payloads = [], []
    for pattern in WORLDS:
        job, _ = row.job([row.short._replace(pattern=pattern)])
        payloads.append(recorded(job))
        shapes.append(shape_of(payloads[-1]))
        (stage,), measured = cost(job.program()).stages, [reports[0] for reports in job.reports]
        assert not stage.estimated and {m.rounds for m in measured} == {stage.rounds}
        assert tuple(m.bytes_sent_previous for m in measured) == stage.bytes_to_previous
        assert tuple(m.bytes_sent_next for m in measured) == stage.bytes_to_next
        assert (row in OPENING) == any(m.opened_bits for m in measured) == any(p.declared for p in payloads[-1])
    assert shapes[0] == shapes[1] == shapes[2]
    assert_no_repeats([payload for each in payloads for payload in each])


def test_what_every_protocol_sends_looks_uniform() -> None:
    for pattern in WORLDS:
        assert_uniform([payload for row in TALKING for payload in recorded(row.job([row.short._replace(pattern=pattern)])[0])])


@pytest.mark.parametrize("row", TALKING, ids=str)
def test_no_mask_is_used_twice(row: Row) -> None:
    """Where all shares are zeros, what is sent is masks and nothing else: a mask that comes twice would be seen."""
    assert_no_repeats(of_nothing(row.job([row.short])[0]))


def of_nothing(job: Job) -> list[Payload]:
    """What is sent where all components of all inputs are zeros."""
    shares: list[Share] = []
    for value, _ in job.data:
        zeros = np.zeros(array_shape(value), np.uint64)
        shares.append(make_share(value, zeros, zeros))
    return recorded(job, shares=[shares] * 3)


def test_no_mask_is_used_twice_in_many_blocks() -> None:
    assert_no_repeats(of_nothing(_many_blocks()[0]))


def keys_of(secrets: list[bytes]) -> list[PartyKeys]:
    return [PartyKeys(secrets[i], secrets[(i + 1) % 3]) for i in range(3)]


@pytest.mark.parametrize("watcher", range(3))
def test_whatever_a_party_receives_is_masked_by_coins_that_it_lacks(watcher: int) -> None:
    """The same shares, and the same coins of the watcher: every word that it receives is another one, by uniform differences."""
    lacked = (watcher + 2) % 3
    differences: list[Payload] = []
    for row in TALKING:
        job, _ = row.job([row.short])
        secrets = [token_bytes(32) for _ in range(3)]
        others = [token_bytes(32) if number == lacked else secret for number, secret in enumerate(secrets)]
        shares = job.dealt()
        first, second = (recorded(job, keys=keys_of(each), shares=shares) for each in (secrets, others))
        for p, q in zip(first, second, strict=True):
            if p.receiver == watcher:
                for x, y in zip(undeclared(p), undeclared(q), strict=True):
                    assert not (x == y).any(), f"{row}: party {watcher} receives words in round {p.round} that it can foresee"
                    differences.append(Payload(round=p.round, sender=p.sender, receiver=watcher, words=x ^ y))
    assert_uniform(differences)


@pytest.mark.parametrize("watcher", range(3))
@pytest.mark.parametrize("row", ORDERING, ids=str)
def test_what_is_opened_is_a_uniform_order_whatever_the_data(row: Row, watcher: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all permutations of the pair that a party does not belong to, every order of few rows is opened once."""
    seen = watch_openings(monkeypatch)
    known = [int(number) for number in np.random.default_rng(watcher).integers(0, 6, 3)]
    for pattern in ("zeros", "spread"):
        case = next(
            case for n in (4, 3, 2, 1) if max(sorted_rows(row.job([case := row.short._replace(n=n, pattern=pattern)])[0])) <= 4
        )
        size = max(sorted_rows(row.job([case])[0]))
        outcomes = math.factorial(size)
        views: Counter[Any] = Counter()
        for number in range(outcomes):
            seen.clear()
            chosen = [number if pair == (watcher + 2) % 3 else known[pair] for pair in range(3)]
            row.job([case])[0].run(prepare=chosen_permutations(chosen))
            views[tuple(seen)] += 1
        assert size > 2 and len(views) == outcomes and set(views.values()) == {1}


def sorted_rows(job: Job) -> list[int]:
    """How many rows every sort of a program has."""
    return [item.arguments[0].n for item in job.program().instructions if item.operation == "sort"]


# -- the checks notice -------------------------------------------------------------------------------------------------------


def row_of(name: str) -> Row:
    return next(row for row in ROWS if row.name == name)


def test_a_method_without_a_row_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Builder, "guess", Builder.add, raising=False)
    Builder.guess = lambda self, x: x  # type: ignore[attr-defined]
    Builder.guess.__qualname__, Builder.guess.__name__ = "Builder.guess", "guess"  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match="guess"):
        test_every_method_and_every_function_over_the_builder_has_a_row()


def test_a_mask_that_comes_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest, drawn = Randomness.zero_words, dict[tuple[int, int], tuple[Words, Words]]()

    def again(self: Randomness, count: int) -> tuple[Words, Words]:
        return drawn.setdefault((id(self), count), honest(self, count))

    monkeypatch.setattr(Randomness, "zero_words", again)
    row = row_of("multiply")
    with pytest.raises(LeakError, match="twice"):
        test_no_mask_is_used_twice(row)


def test_a_mask_that_its_receiver_knows_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is uniform all the same: nothing but the receiver's coins tells it from an honest mask."""

    def known(party: Party, shares: Any, _: Instruction) -> Steps[Any]:
        component = shares[0].a
        mask = party.randomness.previous.common.words(component.size).reshape(component.shape)
        yield Message(to_previous=component ^ mask, from_next=component.size)
        party.randomness.next.common.words(component.size)
        return shares[0]

    monkeypatch.setitem(INTERACTIVE, "refresh", Protocol(run=known, cost=INTERACTIVE["refresh"].cost))
    row = row_of("refresh")
    test_transcripts_have_one_shape_and_cost_what_is_foretold(row)
    assert_uniform(recorded(row.job([row.long])[0]))
    for watcher in range(3):
        with pytest.raises(AssertionError, match="can foresee"):
            test_whatever_a_party_receives_is_masked_by_coins_that_it_lacks(watcher)
