"""Every protocol of the table: exact at every edge, complete, and of one transcript whatever the data."""

from __future__ import annotations

import math
from collections import Counter
from secrets import token_bytes
from typing import Any

import numpy as np
import pytest

from secureframe.mpc.channel import Payload, Recorder
from secureframe.mpc.cost import cost
from secureframe.mpc.local import LOCAL
from secureframe.mpc.operations import INTERACTIVE
from secureframe.mpc.program import Builder
from secureframe.mpc.randomness import PartyKeys
from secureframe.mpc.sharing import Share, array_shape, make_share
from tests.leakage import assert_no_repeats, assert_uniform, in_order, shape_of, undeclared
from tests.mpc.harness import Job
from tests.mpc.protocols import ROWS, Row
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


def test_what_is_said_to_be_local_sends_nothing() -> None:
    quiet = {named(each) for row in ROWS if row not in TALKING for each in row.of}
    local = {named(each) for each in methods() if (each.__doc__ or "").startswith("*Local.*")}
    opened = {named(each) for each in (Builder.reorder, Builder.restore, Builder.group_totals)}
    assert local - opened <= quiet


# -- what a party sees -------------------------------------------------------------------------------------------------------


def recorded(
    job: Job, *, keys: list[PartyKeys] | None = None, shares: list[list[Share]] | None = None
) -> list[Payload]:
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
    job, _ = row.job([row.short])
    nothing: list[Share] = []
    for value, _ in job.data:
        zeros = np.zeros(array_shape(value), np.uint64)
        nothing.append(make_share(value, zeros, zeros))
    assert_no_repeats(recorded(job, shares=[nothing] * 3))


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
            case
            for n in (4, 3, 2, 1)
            if max(sorted_rows(row.job([case := row.short._replace(n=n, pattern=pattern)])[0])) <= 4
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
