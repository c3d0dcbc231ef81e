"""Arrangements that are kept: what is kept of a program, and that a program which starts from it gives the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from secureframe.engine.execute import Execution, StageReport
from secureframe.mpc import bitplanes
from secureframe.mpc.channel import Recorder
from secureframe.mpc.cost import cost
from secureframe.mpc.joining import join_unique
from secureframe.mpc.keeping import Keeping
from secureframe.mpc.matching import Lookup, Side, match
from secureframe.mpc.party import Party
from secureframe.mpc.permutation import ShuffleHandle
from secureframe.mpc.program import Builder, Kept, Program, Value
from secureframe.mpc.randomness import PartyKeys
from secureframe.mpc.sharing import BitShare, deal, receive, reconstruct
from secureframe.mpc.tagged_join import match_tagged
from tests.leakage import assert_no_repeats, assert_uniform, shape_of
from tests.mpc.harness import low_bits, run_parties

LEFT, RIGHT, WIDTH = 90, 120, 8


class Join:
    """A join, by a sort or by tags, in which words or ring elements are carried, with digests of what is dealt."""

    def __init__(
        self, seed: int, *, words: int = 1, ariths: int = 0, unique: bool = True, version: str = "1", tagged: bool = False
    ) -> None:
        rng = np.random.default_rng(seed)
        self.left = rng.choice(200, LEFT, replace=False) if unique else rng.integers(0, 200, LEFT)
        self.right = rng.choice(200, RIGHT, replace=False)
        self.present = rng.random(RIGHT) < 0.8
        self.payload = rng.integers(1, 1 << 40, (words, RIGHT)).astype(np.uint64)
        self.numbers = rng.integers(-1000, 1000, (ariths, RIGHT))
        b = self.builder = Builder(["join", "rest"])
        self.data: list[tuple[Value, NDArray[Any]]] = []
        self.identities: dict[int, str] = {}

        def given(name: str, kind: Any, plain: NDArray[Any]) -> Value:
            value = b.input("owner", name, kind, plain.shape[0], plain.shape[1])
            self.data.append((value, plain))
            self.identities[value.number] = f"{name} of version {version}"
            return value

        keys = [np.array([(k >> bit) & 1 for bit in range(WIDTH)], bool) for k in (self.left, self.right)]
        left_key, right_key = given("left key", "bits", keys[0]), given("right key", "bits", keys[1])
        left_present = given("left there", "bits", np.ones((1, LEFT), bool))
        right_present = given("right there", "bits", self.present[np.newaxis])
        moved = [given(f"word {n}", "words", w[np.newaxis]) for n, w in enumerate(self.payload)]
        added = [given(f"number {n}", "arith", a[np.newaxis]) for n, a in enumerate(self.numbers)]
        with b.stage("join"):
            if tagged:
                sides = [Side(left_key, left_present, 1 if unique else LEFT), Side(right_key, right_present)]
                planes = b.rows([b.unpack(value, 64) for value in moved])
                ((matched, bits, ariths_, _),), _ = match_tagged(b, sides, 0, [Lookup(1, planes, tuple(added))])
                assert bits is not None
                found = [b.pick_rows(bits, range(64 * n, 64 * n + 64)) for n in range(words)] + list(ariths_)
            else:
                joined = join_unique(
                    b, left_key=left_key, left_present=left_present, right_key=right_key, right_present=right_present,
                    words=moved, ariths=added, left_unique=unique,
                )  # fmt: skip
                matched = joined.matched
                found = [b.unpack(value, 64) for value in joined.words] + list(joined.ariths)
        with b.stage("rest"):
            for value in (*found, b.and_(matched, left_present)):
                b.output(b.refresh(value))

    def keeping(self) -> Keeping:
        return Keeping(self.builder.program(), self.identities)

    def expected(self) -> list[NDArray[Any]]:
        at = {int(k): n for n, k in enumerate(self.right) if self.present[n]}
        rows = [at.get(int(k)) for k in self.left]
        words = [np.array([0 if r is None else int(w[r]) for r in rows], np.uint64) for w in self.payload]
        bits = [bitplanes.to_bools(bitplanes.from_words(w[np.newaxis], 64), LEFT) for w in words]
        numbers = [np.array([[0 if r is None else int(a[r]) for r in rows]]) for a in self.numbers]
        return [*bits, *numbers, np.array([[r is not None for r in rows]])]


class Parties:
    """What three parties keep between programs."""

    def __init__(self) -> None:
        self.stores: list[dict[str, Any]] = [{}, {}, {}]
        self.reports: list[list[StageReport]] = [[], [], []]

    def run(
        self,
        program: Program,
        data: list[tuple[Value, NDArray[Any]]],
        recorder: Recorder | None = None,
        keys: list[PartyKeys] | None = None,
    ) -> list[NDArray[Any]]:
        used = {spec.value.number for spec in program.inputs}
        data = [(value, plain) for value, plain in data if value.number in used]
        messages = deal(data)

        def run(party: Party) -> list[Any]:
            specs = [value for value, _ in data]
            inputs = dict(zip([v.number for v in specs], receive(specs, messages[party.index], party.index), strict=True))
            store = self.stores[party.index]
            recalled = {k.value.number: _anew(store[k.digest]) for k in program.recalled}
            execution = Execution(program, party, inputs, recalled)
            self.reports[party.index] = execution.run()
            self.opened = sum(report.opened_bits for report in self.reports[party.index])
            store.update({k.digest: execution.share(k.value) for k in program.kept})
            return execution.outputs()

        shares = run_parties(run, recorder, keys)
        return [reconstruct([s[n] for s in shares], value) for n, value in enumerate(program.outputs)]

    @property
    def held(self) -> dict[str, str]:
        return dict.fromkeys(self.stores[0], "a job")


def _anew(item: Any) -> Any:
    return ShuffleHandle(item.previous, item.next) if isinstance(item, ShuffleHandle) else item


def operations(program: Program) -> set[str]:
    return {item.operation for item in program.instructions}


def check(parties: Parties, join: Join, program: Program, recorder: Recorder | None = None) -> None:
    for found, wanted in zip(parties.run(program, join.data, recorder), join.expected(), strict=True):
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize("unique", [True, False])
def test_further_columns_are_moved_without_a_sort(unique: bool, tagged: bool) -> None:
    parties = Parties()
    first = Join(1, words=1, unique=unique, tagged=tagged)
    check(parties, first, first.keeping().program({}))
    assert parties.opened > 0
    second = Join(1, words=2, ariths=1, unique=unique, tagged=tagged)
    program = second.keeping().program(parties.held)
    assert not operations(program) & {"sort", "equal_keys", "shuffle"}
    assert not {spec.label for spec in program.inputs} & {"left key", "right key"}
    check(parties, second, program)
    assert parties.opened == 0


class Columns:
    """Columns of two tables at the rows of a third one, each of so many bits."""

    def __init__(self, widths: Mapping[str, int]) -> None:
        rng = np.random.default_rng(9)
        b = self.builder = Builder(["join", "rest"])
        self.data: list[tuple[Value, NDArray[Any]]] = []
        self.identities: dict[int, str] = {}
        self.wanted: list[NDArray[Any]] = []

        def given(name: str, plain: NDArray[Any]) -> Value:
            value = b.input("owner", name, "bits", *plain.shape)
            self.data.append((value, plain))
            self.identities[value.number] = name
            return value

        def side(name: str) -> tuple[Side, NDArray[Any]]:
            ids = rng.choice(200, LEFT, replace=False)
            return Side(given(name, low_bits(ids, WIDTH)), given(f"{name} there", np.ones((1, LEFT), bool)), 1, True), ids

        (hub, here), *others = [side(name) for name in "hab"]
        lookups, parts = [], []
        for number, (_, ids) in enumerate(others, 1):
            own = {name: width for name, width in widths.items() if name[0] == "hab"[number]}
            at = {int(k): n for n, k in enumerate(ids)}
            columns = []
            for name, width in own.items():
                plain = np.random.default_rng([ord(c) for c in name]).random((width, LEFT)) < 0.5
                columns.append(given(name, plain))
                rows = [plain[:, at[k]] if k in at else np.zeros(width, bool) for k in map(int, here)]
                self.wanted.append(np.array(rows).T)
            parts.append(list(own.values()))
            lookups.append(Lookup(number, b.rows(columns) if columns else None))
        with b.stage("join"):
            found, _ = match(b, [hub, *(each for each, _ in others)], 0, lookups)
            taken = []
            for each, own_widths in zip(found, parts, strict=True):
                assert each.planes is not None
                ends = np.cumsum(own_widths)
                taken += [b.pick_rows(each.planes, range(e - w, e)) for e, w in zip(ends.tolist(), own_widths, strict=True)]
        with b.stage("rest"):
            for value in taken:
                b.output(b.refresh(value))

    def check(self, parties: Parties) -> Program:
        program = Keeping(self.builder.program(), self.identities).program(parties.held)
        for found, wanted in zip(parties.run(program, self.data), self.wanted, strict=True):
            assert np.array_equal(found, wanted)
        assert not cost(program).estimated or "sort" in operations(program)
        return program


def moved(program: Program) -> list[tuple[str, list[int]]]:
    """What goes through the shuffles of a program, and of how many bits."""
    items = (i for i in program.instructions if i.operation in ("shuffle", "shuffle_again", "unshuffle"))
    return [(i.operation, [v.bits for v in i.arguments if v.kind == "words"]) for i in items]


def test_what_is_moved_later_is_as_narrow_as_what_is_asked() -> None:
    """Neither keys and flags nor what was moved before."""
    parties = Parties()
    first = Columns({"a1": 3, "b1": 7}).check(parties)
    # Sides, keys as wide as positions, absent, flags, the payload; and back what each side has found.
    assert [bits[0] for _, bits in moved(first)] == [2 + 9 + 1 + 3 + 3 + 7, 1 + 3 + 1 + 7]
    later = Columns({"a1": 3, "a2": 5, "b1": 7, "b2": 9}).check(parties)
    assert moved(later) == [("shuffle_again", [14]), ("unshuffle", [14])]
    assert [spec.label for spec in later.inputs] == ["a2", "b2"]
    again = Columns({"b2": 9, "a2": 5, "a1": 3, "b1": 7}).check(parties)
    assert moved(again) == [] and again.inputs == ()
    wide = Columns({"a1": 3, "b1": 7, "b3": 70}).check(parties)
    assert moved(wide) == [("shuffle_again", [64]), ("unshuffle", [64])]


def test_what_is_kept_is_whole() -> None:
    """Of a value of which only a part was needed, the rest is not taken for what it would have been."""
    parties = Parties()
    Columns({"a1": 3, "b1": 7}).check(parties)
    for names in (("a1", "b1", "b3"), ("a1", "a3", "b3"), ("a3", "a4", "b1", "b4"), ("a4", "a1", "b4", "b3")):
        Columns({name: 2 + int(name[1]) for name in names} | {"a1": 3, "b1": 7}).check(parties)


def test_a_join_that_moves_nothing_new_costs_one_round() -> None:
    parties = Parties()
    join = Join(2, words=0)
    cold = join.keeping().program({})
    check(parties, join, cold)
    warm = join.keeping().program(parties.held)
    check(parties, join, warm)
    stages = {stage.name: stage for stage in cost(warm).stages}
    assert stages["join"].rounds == 1 and operations(warm) == {"refresh", "and"}


def test_what_a_program_costs_is_foretold() -> None:
    parties = Parties()
    join = Join(3, words=2, ariths=1)
    check(parties, join, join.keeping().program({}))
    warm = join.keeping().program(parties.held)
    recorder = Recorder()
    check(parties, join, warm, recorder)
    assert not cost(warm).estimated
    assert sum(p.words.nbytes for p in recorder.payloads) == sum(cost(warm).bytes_sent)


def test_other_data_or_another_policy_is_another_arrangement() -> None:
    parties = Parties()
    join = Join(4)
    check(parties, join, join.keeping().program({}))
    changed = Join(4, version="2")
    program = changed.keeping().program(parties.held)
    assert "sort" in operations(program) and program.recalled == ()
    unknown = Keeping(join.builder.program(), {})
    assert unknown.program(parties.held).kept == () == unknown.program(parties.held).recalled


def test_values_of_different_jobs_are_never_mixed() -> None:
    parties = Parties()
    join = Join(5)
    program = join.keeping().program({})
    check(parties, join, program)
    order = next(k for k in program.kept if k.value.kind == "order")
    mixed = {**parties.held, order.digest: "another job"}
    assert join.keeping().program(mixed).recalled == ()
    bits = next(k for k in program.kept if k.value.kind == "bits")
    partly = join.keeping().program({**parties.held, bits.digest: "another job"})
    assert partly.recalled and bits.digest not in {k.digest for k in partly.recalled}
    check(parties, join, partly)


def test_shares_are_fresh_and_no_message_comes_twice() -> None:
    parties = Parties()
    join = Join(6, words=2, ariths=1)
    recorder = Recorder()
    check(parties, join, join.keeping().program({}), recorder)
    warm = join.keeping().program(parties.held)
    for _ in range(3):
        check(parties, join, warm, recorder)
    assert_no_repeats(recorder.payloads)
    assert_uniform(recorder.payloads)
    renewed = [item for item in warm.instructions if item.operation == "refresh"]
    given = {k.value.number: k for k in warm.recalled}
    renewed = [item for item in renewed if item.stage == "join"]
    assert renewed and all(item.arguments[0].number in given for item in renewed)
    raw = {a.number for item in warm.instructions if item.operation != "refresh" for a in item.arguments}
    assert all(k.value.number not in raw for k in warm.recalled if k.value.kind in ("bits", "arith"))


def test_a_refreshed_share_is_another_one() -> None:
    b = Builder()
    value = b.input("owner", "bit", "bits", 1, 640)
    fresh = b.refresh(value)
    program = b.program()
    plain = np.random.default_rng(1).random((1, 640)) < 0.5
    messages = deal([(value, plain)])
    seen: list[list[BitShare]] = []
    for _ in range(2):

        def run(party: Party) -> tuple[Any, Any]:
            (given,) = receive([value], messages[party.index], party.index)
            execution = Execution(program, party, {value.number: given})
            execution.keep(fresh)
            execution.run()
            return given, execution.share(fresh)

        shares = run_parties(run)
        assert np.array_equal(reconstruct([s for _, s in shares], fresh), plain)
        seen.append([s for _, s in shares])
        for kept, new in shares:
            assert not np.isin(new.a, kept.a).any() and not np.isin(new.b, kept.b).any()
    assert all(not np.array_equal(x.a, y.a) for x, y in zip(*seen, strict=True))


def test_transcripts_have_one_shape_whatever_the_data() -> None:
    shapes = []
    for seed in (7, 8):
        parties, join, recorder = Parties(), Join(seed, words=2, ariths=1, unique=False), Recorder()
        check(parties, join, join.keeping().program({}))
        check(parties, join, join.keeping().program(parties.held), recorder)
        shapes.append(shape_of(recorder.payloads))
    assert shapes[0] == shapes[1]
    assert all(declared == () for *_, declared in shapes[0])


def test_a_program_travels_with_what_it_keeps_and_recalls() -> None:
    join = Join(9)
    cold = join.keeping().program({})
    held = {k.digest: "a job" for k in cold.kept}
    warm = join.keeping().program(held)
    for program in (cold, warm):
        rebuild, fields = program.__reduce__()
        assert rebuild(*fields) == program
    assert all(isinstance(k, Kept) and k.origin == "a job" for k in warm.recalled)
    assert {k.group for k in warm.recalled} == {k.group for k in cold.kept}


@pytest.mark.parametrize("unique", [True, False])
def test_columns_that_were_moved_are_there(unique: bool) -> None:
    parties = Parties()
    join = Join(10, words=2, ariths=1, unique=unique)
    check(parties, join, join.keeping().program({}))
    warm = join.keeping().program(parties.held)
    assert not operations(warm) & {"shuffle", "shuffle_again", "unshuffle", "sort"}
    assert {spec.label for spec in warm.inputs} == {"left there"}
    check(parties, join, warm)
    assert warm.kept == ()


def test_a_column_is_the_same_whatever_it_travels_with() -> None:
    """Of three columns the first two were moved before; only the third is dealt and moved, and kept from then on."""
    parties = Parties()
    for words, missing in ((2, {"word 0", "word 1"}), (3, {"word 2"}), (3, set())):
        join = Join(11, words=words)
        join.payload = np.arange(1, words * RIGHT + 1, dtype=np.uint64).reshape(words, RIGHT)
        join.data = [(v, join.payload[int(p)][np.newaxis] if (p := names(join).get(v.number)) else d) for v, d in join.data]
        program = join.keeping().program(parties.held)
        assert {spec.label for spec in program.inputs if spec.label.startswith("word")} == missing
        check(parties, join, program)


def names(join: Join) -> dict[int, str]:
    """The number of every word that is moved, by its value."""
    found = {spec.value.number: spec.label for spec in join.builder.program().inputs}
    return {number: label.removeprefix("word ") for number, label in found.items() if label.startswith("word ")}
