"""Many lookups by one sort, against dictionaries; what the sort opens; what it costs beside sorts of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.mpc.channel import Recorder
from secureframe.mpc.cost import cost
from secureframe.mpc.matching import Lookup, Side, match
from secureframe.mpc.program import Builder, ProgramError, Value
from tests.leakage import assert_no_repeats, assert_uniform, shape_of
from tests.mpc.harness import Job
from tests.mpc.watching import chosen_permutations, watch_openings

Plain = np.ndarray[Any, Any]


@dataclass
class Rows:
    """A side in the clear: keys, who has one, how many rows of a key there may be, and what it carries."""

    keys: list[int]
    present: Plain
    most: int = 1
    distinct: bool = False
    planes: Plain | None = None
    ariths: tuple[tuple[Plain, int], ...] = ()
    check: bool = False

    def side(self, job: Job, width: int) -> Side:
        return Side(job.unsigned(self.keys, width), job.bits(self.present), self.most, self.distinct)

    def lookup(self, job: Job, number: int) -> Lookup:
        planes = None if self.planes is None else job.bits(self.planes)
        return Lookup(number, planes, tuple(job.arith(values, limbs) for values, limbs in self.ariths), self.check)

    def partner(self) -> dict[int, int]:
        return {key: row for row, key in enumerate(self.keys) if self.present[row]}


def expected(hub: Rows, side: Rows) -> list[Plain]:
    """Match bits and what was moved, by a dictionary."""
    place = side.partner()
    found = np.array([place.get(k, -1) if here else -1 for k, here in zip(hub.keys, hub.present, strict=True)])
    moved = [] if side.planes is None else [side.planes]
    moved += [values for values, _ in side.ariths]
    return [(found >= 0)[None], *(np.where(found >= 0, values[:, found], 0) for values in moved)]


def check(hub: Rows, others: Sequence[Rows], width: int, asked: dict[int, Plain | None] | None = None) -> None:
    """Hold every lookup against its dictionary; ``asked`` counts the sides from 1 and says which of the hub's rows count."""
    job = Job()
    sides = [hub.side(job, width), *(side.side(job, width) for side in others)]
    lookups = [side.lookup(job, number) for number, side in enumerate(others, 1)]
    asking = {number: None if plain is None else job.bits(plain) for number, plain in (asked or {}).items()}
    found, partners = match(job.builder, sides, 0, lookups, asking)
    values: list[Value] = []
    for each in found:
        values += [each.matched, *([] if each.planes is None else [each.planes]), *each.ariths]
        values += [] if each.violated is None else [each.violated]
    results = iter(job.run(*values, *partners.values()))
    for side, each in zip(others, found, strict=True):
        told = [next(results) for _ in range(1 + (each.planes is not None) + len(each.ariths))]
        violated = bool(next(results)[0, 0]) if each.violated is not None else False
        assert violated == (max(Counter(np.array(side.keys)[side.present].tolist()).values(), default=0) > 1 and side.check)
        if not violated:
            for plain, held in zip(expected(hub, side), told, strict=True):
                assert np.array_equal(plain, held)
    for number, plain in (asked or {}).items():
        there = hub.present if plain is None else hub.present & plain
        keys = {key for key, here in zip(hub.keys, there, strict=True) if here}
        side = others[number - 1]
        bits = [bool(here) and key in keys for key, here in zip(side.keys, side.present, strict=True)]
        assert next(results)[0].tolist() == bits


def drawn(generator: np.random.Generator, n: int, values: int, *, unique: bool, here: float) -> tuple[list[int], Plain]:
    present = generator.random(n) < here
    if not unique:
        return [int(k) for k in generator.integers(0, values, n)], present
    pool = generator.permutation(max(values, n))[:n]
    # Absent rows repeat keys of others: they match nothing all the same.
    return [int(k) for k in np.where(present, pool, pool[0])], present


def payload(generator: np.random.Generator, n: int, planes: int, ariths: int) -> dict[str, Any]:
    made = tuple((generator.integers(-99, 99, (1 + k % 2, n)), 1 + k // 2) for k in range(ariths))
    return {"planes": (generator.random((planes, n)) < 0.5) if planes else None, "ariths": made}


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_lookups_are_dictionaries(data: st.DataObject) -> None:
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32), label="seed"))
    sizes = st.integers(1, 40)
    values = data.draw(st.integers(1, 60), label="values")
    here = data.draw(st.sampled_from([0.0, 0.7, 1.0]), label="here")
    width = data.draw(st.sampled_from([7, 70]), label="width")
    hub_unique = data.draw(st.booleans(), label="hub unique")
    distinct = hub_unique and data.draw(st.booleans(), label="distinct")
    n = data.draw(sizes)
    keys, present = drawn(generator, n, values, unique=hub_unique, here=here)
    most = 1 if hub_unique else max(Counter(keys).values())
    hub = Rows(keys, present, most, distinct)
    others = []
    for _ in range(data.draw(st.integers(1, 4), label="others")):
        m = data.draw(sizes)
        own = drawn(generator, m, values, unique=True, here=here)
        carried = payload(generator, m, data.draw(st.integers(0, 3)), data.draw(st.integers(0, 4)))
        others.append(Rows(*own, distinct=distinct, **carried))
    asked = {number: None for number in range(1, len(others) + 1) if data.draw(st.booleans())}
    counting = {k: (generator.random(n) < 0.5) if data.draw(st.booleans()) else v for k, v in asked.items()}
    if not distinct:
        for _ in range(data.draw(st.integers(0, 2 if hub_unique else 1), label="loose")):
            m = data.draw(sizes)
            if data.draw(st.booleans(), label="checked"):
                own = drawn(generator, m, values, unique=data.draw(st.booleans()), here=here)
                others.append(Rows(*own, check=True, **payload(generator, m, 2, 2)))
            else:
                others.append(Rows(*drawn(generator, m, values, unique=False, here=here), most=m))
    check(hub, others, width, counting)


@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_partner_is_found_whoever_else_has_the_key(count: int, distinct: bool) -> None:
    """All combinations of who has a key: a row of the hub and of any of the others, at the ends of the range too."""
    combinations = 2 ** (count + 1)
    keys = [0, *range(100, 100 + combinations - 2), 255]
    generator = np.random.default_rng(count)
    sides = []
    for number in range(count + 1):
        present = np.array([bool(k >> number & 1) for k in range(combinations)])
        sides.append(Rows(keys, present, distinct=distinct, **payload(generator, combinations, 2 + number, 1 if number else 0)))
    hub = Rows(keys, sides[0].present, distinct=distinct)
    check(hub, sides[1:], 8, dict.fromkeys(range(1, count + 1)))


@pytest.mark.parametrize("distinct", [False, True])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 70), (70, 1), (64, 64), (65, 63)])
@pytest.mark.parametrize("here", ["nobody", "all", "strangers"])
def test_sizes_and_ends(n: int, m: int, here: str, distinct: bool) -> None:
    """Absent rows all have one key; narrow keys (7 bits) hold fewer values than there are rows in all."""
    absent = here == "nobody"
    left = Rows([0] * n if absent else list(range(n)), np.full(n, not absent), distinct=distinct)
    shift = 57 if here == "strangers" else 0
    keys = [0] * m if absent else [(k + shift) % 128 for k in range(m)]
    right = Rows(keys, np.full(m, not absent), distinct=distinct, planes=np.ones((3, m), bool))
    check(left, [right], 7, {1: None})


def test_a_repeated_key_spoils_no_other_lookup() -> None:
    """The checked side repeats keys; that is told, and what the other ones give is right all the same."""
    n = 9
    hub = Rows(list(range(n)), np.ones(n, bool))
    generator = np.random.default_rng(0)
    firm = [Rows(list(range(n)), np.ones(n, bool), **payload(generator, n, 3, 1)) for _ in range(3)]
    repeated = Rows([2] * 5 + [4] * 4, np.ones(9, bool), check=True, planes=np.ones((1, 9), bool))
    check(hub, [repeated, *firm], 4)
    check(Rows([0, 0, 2, 2, 2, 4], np.ones(6, bool), most=3), [*firm, repeated], 4)


@pytest.mark.parametrize("counts", [[2], [0], [4], [2, 5], [], list(range(6))])
def test_any_row_of_the_hub_that_counts_is_a_partner(counts: list[int]) -> None:
    """Of the rows of a key it may be the last one that counts, however many stand before it."""
    hub = Rows([0, 0, 0, 1, 1, 2], np.ones(6, bool), most=3)
    counting = np.isin(np.arange(6), counts)
    sides = [Rows([0, 1, 2, 3], np.ones(4, bool)), Rows([2, 1, 7, 0], np.array([1, 1, 1, 0], bool))]
    check(hub, sides, 3, {1: counting, 2: counting})
    check(hub, sides[:1], 3, {1: counting})


def test_shapes_that_do_not_fit_are_refused() -> None:
    b = Builder()

    def side(n: int, width: int = 4, most: int = 1) -> Side:
        return Side(b.zeros("bits", width, n), b.zeros("bits", 1, n), most)

    many = side(3, most=3)
    with pytest.raises(ProgramError, match="one width"):
        match(b, [side(3), side(3, 5)], 0, [Lookup(1)])
    with pytest.raises(ProgramError, match="in the hub"):
        match(b, [side(3), side(3)], 0, [Lookup(0)])
    with pytest.raises(ProgramError, match="one lookup a side"):
        match(b, [side(3), side(3)], 0, [Lookup(1), Lookup(1)])
    with pytest.raises(ProgramError, match="rows of its side"):
        match(b, [side(3), side(3)], 0, [Lookup(1, b.zeros("bits", 1, 4))])
    with pytest.raises(ProgramError, match="existence"):
        match(b, [side(3), many], 0, [Lookup(1, b.zeros("bits", 1, 3))])
    with pytest.raises(ProgramError, match="too many sides"):
        match(b, [many, many, many], 0, [Lookup(1), Lookup(2)])
    with pytest.raises(ProgramError, match="too many sides"):
        match(b, [side(3), many, many, many], 0, [Lookup(1), Lookup(2), Lookup(3)])


# -- what is opened --------------------------------------------------------------------------------------------------------


def _sorted_in(keys: Sequence[int], here: Sequence[int], cuts: Sequence[tuple[int, int]], distinct: bool) -> Job:
    job = Job()
    b = job.builder
    sides = [Side(job.unsigned(keys[i:j], 3), job.bits(here[i:j]), 1, distinct) for i, j in cuts]
    found, _ = match(b, sides, 0, [Lookup(number) for number in range(1, len(sides))])
    b.output(b.refresh(found[0].matched))
    return job


EVERYBODY, SOMEBODY, NOBODY = (1, 1, 1, 1), (1, 0, 0, 1), (0, 0, 0, 0)
OPENED = {
    # By position: keys are equal on all sides, or all differ, or nobody has one.
    "position": (((0, 2), (2, 3), (3, 4)), False, [((7, 5, 7, 7), EVERYBODY), ((0, 1, 2, 3), SOMEBODY), ((5, 5, 5, 5), NOBODY)]),
    # By side: equal keys across the sides; absent rows whose keys and positions would cancel, or that repeat one another.
    "side": (
        ((0, 2), (2, 4)),
        True,
        [((7, 5, 7, 5), EVERYBODY), ((7, 7, 5, 5), SOMEBODY), ((1, 0, 1, 0), NOBODY), ((6, 6, 6, 6), NOBODY)],
    ),
}


@pytest.mark.parametrize("watcher", range(3))
@pytest.mark.parametrize("name", OPENED)
def test_what_is_opened_is_a_uniform_order(name: str, watcher: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every order of four rows is opened once, over all permutations of the pair that a party does not belong to."""
    cuts, distinct, worlds = OPENED[name]
    seen = watch_openings(monkeypatch)
    known = [int(number) for number in np.random.default_rng(watcher).integers(0, 24, 3)]
    for keys, here in worlds:
        job = _sorted_in(keys, here, cuts, distinct)
        (width,) = (i.attributes["width"] for i in job.program().instructions if i.operation == "sort")
        assert width == (3 + 1 + 1 if distinct else 3 + 1 + 2)
        views: Counter[Any] = Counter()
        for number in range(24):
            chosen = [number if pair == (watcher + 2) % 3 else known[pair] for pair in range(3)]
            seen.clear()
            _sorted_in(keys, here, cuts, distinct).run(prepare=chosen_permutations(chosen))
            views[tuple(seen)] += 1
        assert len(views) == 24 and set(views.values()) == {1}


def _everything(keys: Plain, here: Plain, numbers: Plain, *, distinct: bool) -> Job:
    """Lookups, partners and checks over few enough rows for one batch of comparisons."""
    job = Job()
    b = job.builder
    n = len(keys)
    sides = [Side(job.unsigned(keys, 39), job.bits(here), 1, distinct) for _ in range(3)]
    looked = [Lookup(1, job.unsigned(numbers, 39)), Lookup(2, None, (job.arith(numbers),), not distinct)]
    found, asked = match(b, sides, 0, looked, {1: job.bits(here[::-1])})
    for value in (found[0].matched, found[0].planes, *found[1].ariths, asked[1]):
        assert value is not None and value.n == n
        b.output(b.refresh(value))
    return job


@pytest.mark.parametrize("distinct", [False, True])
def test_transcripts_of_few_rows_are_equal_for_all_data(distinct: bool) -> None:
    n = 150
    generator = np.random.default_rng(3)
    spread = generator.permutation(2**39 - 1 - np.arange(n) * 2**31)
    worlds = [
        (np.arange(n), np.ones(n, bool), np.zeros(n, np.int64)),
        (spread, generator.random(n) < 0.5, generator.integers(0, 2**39, n)),
        (np.zeros(n, np.int64), np.zeros(n, bool), np.full(n, 2**39 - 1)),
    ]
    shapes = []
    for keys, here, numbers in worlds:
        recorder = Recorder()
        job = _everything(keys, here, numbers, distinct=distinct)
        job.run(recorder=recorder)
        assert_uniform(recorder.payloads)
        assert_no_repeats(recorder.payloads)
        shapes.append(shape_of(recorder.payloads))
        stage, measured = cost(job.program()).stages[0], [reports[0] for reports in job.reports]
        assert not stage.estimated and {m.rounds for m in measured} == {stage.rounds}
        assert tuple(m.bytes_sent_previous for m in measured) == stage.bytes_to_previous
        assert tuple(m.bytes_sent_next for m in measured) == stage.bytes_to_next
    assert shapes[0] == shapes[1] == shapes[2]


# -- what it costs ---------------------------------------------------------------------------------------------------------


def _chain(n: int, others: int, width: int, *, together: bool, distinct: bool) -> tuple[int, int]:
    b = Builder()

    def side(name: str) -> Side:
        return Side(b.input(name, "key", "bits", width, n), b.input(name, "here", "bits", 1, n), 1, distinct)

    hub, sides = side("hub"), [side(f"other {k}") for k in range(others)]
    lookups = [Lookup(k, b.input(f"other {k - 1}", "payload", "bits", 16, n)) for k in range(1, others + 1)]
    if together:
        match(b, [hub, *sides], 0, lookups)
    else:
        for each, lookup in zip(sides, lookups, strict=True):
            match(b, [hub, each], 0, [lookup._replace(right=1)])
    report = cost(b.program())
    return report.rounds, sum(report.bytes_sent)


@pytest.mark.parametrize("distinct", [False, True])
def test_one_sort_costs_less_than_many(distinct: bool) -> None:
    for others in (2, 3):
        alone = _chain(2000, others, 34, together=False, distinct=distinct)
        together = _chain(2000, others, 34, together=True, distinct=distinct)
        assert together[1] < (0.9 if others == 2 else 0.85) * alone[1]
    assert _chain(2000, 1, 34, together=True, distinct=True)[1] < 0.8 * _chain(2000, 1, 34, together=True, distinct=False)[1]
