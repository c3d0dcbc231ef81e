"""What leaves institutions and parties in a whole statement: noise of public lengths, and nothing else; and checks that notice.

Everything that owners deal and parties send is recorded above the wire, without headers and declared openings, and searched for
every column and identifier in every encoding that the code uses.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from secureframe.engine.party_job import PartyJob
from secureframe.errors import ProtocolAborted
from secureframe.local.parts import local_parts
from secureframe.mpc import bitplanes, sharing
from secureframe.mpc.channel import Channel, MemoryChannel, Payload, Recorder, Span
from secureframe.mpc.opening import InconsistentOpening
from secureframe.mpc.randomness import Randomness, Stream
from secureframe.mpc.ring import Words
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Merge
from secureframe.plan.forms import TEXT_KEY_BITS
from secureframe.plan.parts import breakdown
from secureframe.results.released import SUPPRESSED
from secureframe.schema import declare as d
from secureframe.schema.types import Kind
from tests.leakage import (
    LeakError,
    assert_independent,
    assert_no_repeats,
    assert_uniform,
    find_plaintext,
    shape_of,
    undeclared,
)
from tests.planner.study import Study, start

PERSONS = 320
HIGHEST = 10**11
COLUMNS = {
    "clinic.people": {
        "id": d.key("person", low=1, high=HIGHEST),
        "age": d.integer(18, 98, nullable=False),
        "group": d.category(("one", "two", "three"), nullable=False),
        "weight": d.number(0, 2**40, precision=2**-7, nullable=True),
    },
    "labor.scores": {
        "id": d.key("person", low=1, high=HIGHEST),
        "value": d.number(0, 2**36, precision=2**-10, nullable=False),
        "hit": d.boolean(nullable=False),
    },
    "register.events": {
        "id": d.key("person", low=1, high=HIGHEST),
        "word": d.key("words"),
        "days": d.integer(0, 2**34, nullable=False),
    },
}


def spread(seed: int = 1) -> dict[str, pl.DataFrame]:
    """Rows of many different values; everybody is everywhere."""
    generator = np.random.default_rng(seed)
    ids = generator.choice(HIGHEST, PERSONS, replace=False) + 1
    words = [f"person-{hashlib.sha256(str(i).encode()).hexdigest()[:12]}" for i in ids]
    return {
        "clinic.people": pl.DataFrame(
            {
                "id": ids,
                "age": generator.integers(18, 99, PERSONS),
                "group": [("one", "two", "three")[i] for i in generator.integers(0, 3, PERSONS)],
                "weight": generator.integers(0, 2**47, PERSONS) / 2**7,
            }
        ),
        "labor.scores": pl.DataFrame(
            {
                "id": generator.permutation(ids),
                "value": generator.integers(0, 2**46, PERSONS) / 2**10,
                "hit": generator.integers(0, 2, PERSONS).astype(bool),
            }
        ),
        "register.events": pl.DataFrame(
            {"id": generator.permutation(ids), "word": words, "days": generator.integers(0, 2**34, PERSONS)}
        ),
    }


def alike() -> dict[str, pl.DataFrame]:
    """As many rows, nearly all of them equal; nobody of one table is in another, and a group holds one person."""
    ids = np.arange(1, PERSONS + 1)
    return {
        "clinic.people": pl.DataFrame(
            {"id": ids, "age": [18] * PERSONS, "group": ["one"] * (PERSONS - 1) + ["two"], "weight": [None] * PERSONS},
            schema_overrides={"weight": pl.Float64},
        ),
        "labor.scores": pl.DataFrame({"id": ids + 5 * PERSONS, "value": [0.0] * PERSONS, "hit": [False] * PERSONS}),
        "register.events": pl.DataFrame({"id": ids + 9 * PERSONS, "word": [f"w{i}" for i in ids], "days": [0] * PERSONS}),
    }


def begin(tables: dict[str, pl.DataFrame]) -> Study:
    return start(tables, persons=PERSONS, columns=COLUMNS)


def joined(study: Study) -> n.Summarise:
    """A statement in which every kind of dealt value takes part."""
    people, scores, events = (study.table(name) for name in COLUMNS)
    frame: n.Node = Merge(Merge(people, scores, ("id",), ("id",), "inner"), events, ("id",), ("id",), "left")
    frame = n.Filter(frame, e.Binary(">", e.Binary("+", e.ColumnRef("weight"), e.ColumnRef("value")), e.ColumnRef("days")))
    statistics = [n.Statistic(kind=kind, columns=(c,)) for kind in ("count", "sum", "var") for c in ("weight", "value", "days")]
    return n.Summarise(frame, ("group", "hit"), (n.Statistic(kind="size"), *statistics))


def alone(study: Study) -> n.Summarise:
    """A statement that one institution answers alone; no sort is in it."""
    statistics = tuple(n.Statistic(kind=kind, columns=("weight",)) for kind in ("count", "mean", "var"))
    return n.Summarise(study.table("clinic.people"), ("group",), (n.Statistic(kind="size"), *statistics))


def record(study: Study, statement: n.Summarise) -> list[Payload]:
    """Run a statement and return what the parties sent and what the owners dealt: those as payloads of round 0."""
    study.backend.recorder = Recorder()
    study.backend.dealt.clear()
    study.federation.run([statement], {})
    payloads = list(study.backend.recorder.payloads)
    for owner, messages in enumerate(study.backend.dealt):
        for party, message in enumerate(messages):
            words = np.frombuffer(bytearray(message), np.uint64)
            payloads.append(Payload(round=0, sender=owner, receiver=party, words=words))
    return payloads


def stripped(payloads: Sequence[Payload]) -> list[Payload]:
    """Payloads without their declared openings."""
    return [
        Payload(round=p.round, sender=p.sender, receiver=p.receiver, words=piece) for p in payloads for piece in undeclared(p)
    ]


def patterns(study: Study) -> list[bytes]:
    """Every column of every table as it could travel; what is shorter than 8 bytes or trivial says nothing."""
    found: set[bytes] = set()
    for table in study.tables.values():
        for column in table.schema.columns:
            series, type_ = table.frame[column.name], column.type
            if series.dtype == pl.String:
                texts = [text.encode() for text in series.to_list()]
                found |= set(texts)
                digests = [int.from_bytes(hashlib.sha256(text).digest()[:8]) for text in texts]
                grid = np.array([value >> (64 - TEXT_KEY_BITS) for value in digests])
                low, width = 0, TEXT_KEY_BITS
                found |= {np.uint64(value).tobytes() for value in digests}
            else:
                grid = series.cast(pl.Int64).fill_null(type_.low).to_numpy()
                low, width = type_.low, type_.width
            natural = grid * float(type_.step)
            integers = [grid, grid - low] + ([] if type_.kind is Kind.KEY else [grid - type_.centre, (grid - type_.centre) ** 2])
            for values in [*integers, natural]:
                words = values.astype("<f8" if values is natural else "<i8")
                found |= {words[i : i + k].tobytes() for k in (1, 2) for i in range(len(words) - 1)}
                found |= {word.astype(">f8" if values is natural else ">i8").tobytes() for word in words}
            narrow = grid - low
            found |= {narrow.astype("<i4")[i : i + 2].tobytes() for i in range(PERSONS - 1) if narrow.max() < 2**31}
            planes = bitplanes.from_bools(np.array([(narrow >> bit) & 1 for bit in range(width)], dtype=bool))
            for plane in planes:
                found |= {word.tobytes() for word in plane}
    # Values of few bits, and words of few ones, occur by chance or in honest zeros.
    return [p for p in found if len(p) >= 8 and len(set(p)) > 3 and sum(map(int.bit_count, p)) > 8]


def totals(study: Study) -> list[bytes]:
    """What one institution computes whole and deals, where it is long enough to be searched for."""
    parts = local_parts(breakdown(alone(study)), study.tables)
    return [total.to_bytes(8, "little") for values in parts.values() for total in values if 2**40 < total < 2**63]


# -- nothing but noise -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", [joined, alone])
def test_what_travels_holds_no_input_and_looks_uniform(statement: Callable[[Study], n.Summarise]) -> None:
    study = begin(spread())
    wanted = [*patterns(study), *totals(study)]
    assert len(wanted) > 5000 and totals(study)
    first, second = (record(study, statement(study)) for _ in range(2))
    assert find_plaintext(stripped(first), wanted) == []
    if statement is joined:
        assert sum(p.words.size for p in stripped(first)) > 100_000
        assert_uniform(first)
        assert_no_repeats([p for p in [*first, *second] if p.round])
    else:
        assert_independent([p for p in first if p.round], [p for p in second if p.round])


def test_extreme_data_look_uniform_too() -> None:
    study = begin(alike())
    payloads = record(study, joined(study))
    assert_uniform(payloads)
    assert_no_repeats([p for p in payloads if p.round])


# -- lengths say nothing ---------------------------------------------------------------------------------------------------


def stages(study: Study, payloads: Sequence[Payload]) -> dict[str, list[Any]]:
    """Transcripts without contents, by stage, rounds counted from the beginning of each."""
    assert study.federation.last_job is not None
    found: dict[str, list[Any]] = {"dealt": shape_of(p for p in payloads if p.round == 0)}
    before = 0
    for stage in study.federation.last_job.stages:
        own = [
            Payload(round=p.round - before, sender=p.sender, receiver=p.receiver, words=p.words, declared=p.declared)
            for p in payloads
            if before < p.round <= before + stage.rounds
        ]
        found[stage.name] = [stage.rounds, stage.bytes, *shape_of(own)]
        before += stage.rounds
    return found


def test_transcripts_are_equal_whatever_the_data_are_and_whatever_is_withheld() -> None:
    """Two data sets of equal size, one of which loses cells; outside of the join, which sorts, nothing differs."""
    transcripts, cells = [], []
    for tables in (spread(1), spread(2), alike()):
        study = begin(tables)
        for statement in (joined, alone):
            payloads = record(study, statement(study))
            found = stages(study, payloads)
            join = found.pop("join", None)
            assert (join is not None) == (statement is joined)
            transcripts.append(found)
            (released,) = study.federation.run([statement(study)], {})
            cells.append(sum(cell is SUPPRESSED for column in released.values for cell in column))
    assert transcripts[0] == transcripts[2] == transcripts[4]
    assert transcripts[1] == transcripts[3] == transcripts[5]
    assert cells[5] > 0 == cells[1]


def test_before_its_sort_a_join_is_the_same_for_all_data() -> None:
    """Up to its first opening."""
    transcripts = []
    for tables in (spread(1), alike()):
        study = begin(tables)
        payloads = [p for p in record(study, joined(study)) if p.round]
        opened = min(p.round for p in payloads if p.declared)
        transcripts.append(shape_of(p for p in payloads if p.round <= opened))
    assert transcripts[0] == transcripts[1]


# -- the checks notice -----------------------------------------------------------------------------------------------------


class Tampering(Channel):
    """A channel that changes what its party sends."""

    def __init__(self, inner: MemoryChannel, change: Callable[[int, Words, Sequence[Span]], Words]) -> None:
        super().__init__(inner.index)
        self._inner = inner
        self._change = change

    def exchange(
        self,
        to_previous: Words | None,
        to_next: Words | None,
        from_previous: int,
        from_next: int,
        *,
        declared_previous: Sequence[Span] = (),
        declared_next: Sequence[Span] = (),
    ) -> tuple[Words, Words]:
        self.rounds += 1
        if to_next is not None:
            to_next = self._change(self.index, to_next.copy(), declared_next)
        return self._inner.exchange(
            to_previous,
            to_next,
            from_previous,
            from_next,
            declared_previous=declared_previous,
            declared_next=declared_next,
        )

    def _transfer(self, *_: Any) -> tuple[Words, Words]:
        raise AssertionError("what is sent goes through the inner channel")

    def close(self, error: BaseException | None = None) -> None:
        self._inner.close(error)


def test_a_planted_leak_is_found() -> None:
    """A party that sends a column of its institution in place of a share."""
    study = begin(spread())
    ages = study.registered("labor.scores").frame["value"].to_numpy().view(np.uint64)

    def leak(index: int, words: Words, declared: Sequence[Span]) -> Words:
        if index == 1 and words.size > 400 and not declared:
            words[40:42] = ages[7:9]
        return words

    study.backend.wrap = lambda channel: Tampering(channel, leak)
    study.backend.recorder = Recorder()
    with contextlib.suppress(ProtocolAborted):
        study.federation.run([joined(study)], {})
    assert find_plaintext(stripped(study.backend.recorder.payloads), patterns(study))


@pytest.mark.parametrize("statement", [joined, alone])
def test_a_dealer_that_does_not_mask_is_found(statement: Callable[[Study], n.Summarise], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of columns in the one statement, totals in the other."""

    class Blank(Stream):
        def fill(self, out: Words) -> None:
            out[:] = 0

    monkeypatch.setattr(sharing, "derive_stream", lambda *_: Blank(bytes(16)))
    study = begin(spread())
    dealt = [p for p in record(study, statement(study)) if p.round == 0]
    assert find_plaintext(dealt, patterns(study) if statement is joined else totals(study))


def test_a_skipped_mask_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_words(_: Randomness, count: int) -> tuple[Words, Words]:
        return np.zeros(count, np.uint64), np.zeros(count, np.uint64)

    monkeypatch.setattr(Randomness, "zero_words", no_words)
    for tables in (spread(), alike()):
        study = begin(tables)
        with pytest.raises(LeakError, match="not uniform"):
            assert_uniform(record(study, joined(study)))


def test_a_reused_key_is_noticed() -> None:
    study = begin(spread())
    study.backend.keys = [bytes([i]) * 32 for i in range(3)]
    for statement, check in ((joined, lambda a, b: assert_no_repeats([*a, *b])), (alone, assert_independent)):
        first, second = ([p for p in record(study, statement(study)) if p.round] for _ in range(2))
        with pytest.raises(LeakError):
            check(first, second)


# -- openings --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("liar", [0, 1, 2])
@pytest.mark.parametrize("late", [False, True])
def test_an_inconsistent_opening_is_detected_and_nothing_is_released(
    liar: int, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[int] = []
    honest = PartyJob.seal

    def watched(self: PartyJob) -> bytes:
        sealed.append(self._party.index)
        return honest(self)

    monkeypatch.setattr(PartyJob, "seal", watched)
    study = begin(spread())
    openings = [0]

    def flip(index: int, words: Words, declared: Sequence[Span]) -> Words:
        long = [span for span in declared if span[1] - span[0] > 1]
        if index == liar and long:
            openings[0] += 1
            if openings[0] == (3 if late else 1):
                words[long[0][0]] ^= np.uint64(1)
        return words

    study.backend.wrap = lambda channel: Tampering(channel, flip)
    with pytest.raises(ProtocolAborted) as stopped:
        study.federation.run([joined(study)], {})
    cause = stopped.value.__cause__
    assert isinstance(cause, InconsistentOpening)
    assert cause.pair == tuple(sorted((liar, (liar + 2) % 3)))
    assert openings[0] == (3 if late else 1)
    assert sealed == []
    assert study.federation.last_job is None


def test_the_next_statement_works_after_an_abort() -> None:
    study = begin(spread())

    def flip(index: int, words: Words, declared: Sequence[Span]) -> Words:
        if declared and index == 0:
            words[declared[0][0]] ^= np.uint64(4)
        return words

    study.backend.wrap = lambda channel: Tampering(channel, flip)
    with pytest.raises(ProtocolAborted):
        study.federation.run([joined(study)], {})
    study.backend.wrap = None
    (released,) = study.federation.run([joined(study)], {})
    assert sum(cell for cell in released.values[0] if isinstance(cell, int)) > 0
