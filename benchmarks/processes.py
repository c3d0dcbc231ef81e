"""Joins and groups of 10^5 rows between three processes, over TLS 1.3 links: seconds, rounds, bytes and peak memory.

Every party is a process of its own, started afresh, with its own interpreter, kernels and links. What owners deal comes by a
pipe before the clock starts. Memory is sampled in runs of their own, since sampling takes time.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import numpy as np
import polars as pl

from benchmarks.measuring import Seconds, proportional_bytes, seconds_of, table
from benchmarks.protocols import Case, Plain, planes
from secureframe.engine.execute import Execution, StageReport
from secureframe.mpc import runs
from secureframe.mpc.matching import Lookup, Side, match
from secureframe.mpc.party import Party
from secureframe.mpc.program import Program, Value
from secureframe.mpc.sharing import Share, deal, receive, reconstruct
from secureframe.mpc.warm import warm
from tests.mpc.harness import Job, fresh_keys
from tests.ray_cluster.wiring import NAMES, Wiring, linked_channel, new_job

KEY_BITS, PAYLOAD_BITS, MOST_ROWS = 34, 32, 8


def join(random: np.random.Generator, n: int, *, distinct: bool) -> Case:
    """Unique keys of 34 bits on both sides, half of them common; a column of 32 bits moves to the left rows."""
    keys = random.permutation(np.unique(random.integers(0, 2**KEY_BITS, 3 * n, dtype=np.uint64)))
    right, others = keys[:n], keys[n : 2 * n]
    left = np.where(random.random(n) < 0.5, random.permutation(right), others)
    payload = random.integers(1, 2**PAYLOAD_BITS, n, dtype=np.uint64)
    job = Job()
    b = job.builder
    left_key, right_key = job.bits(planes(left, KEY_BITS)), job.bits(planes(right, KEY_BITS))
    column = job.bits(planes(payload, PAYLOAD_BITS))
    with b.stage("join"):
        sides = [Side(key, b.ones_bits(1, n), 1, distinct) for key in (left_key, right_key)]
        (found,), _ = match(b, sides, 0, [Lookup(1, column)])
        assert found.planes is not None
        answer = b.pack(found.planes)
    a, z = pl.DataFrame({"key": left}), pl.DataFrame({"key": right, "payload": payload})

    def clear() -> Plain:
        joined: Plain = a.join(z, on="key", how="left", maintain_order="left")["payload"].fill_null(0).to_numpy()
        return joined

    kind = "keys made distinct by their owners" if distinct else "keys of any rows"
    return Case(name=f"join {n:,} x {n:,}, {kind}", job=job, answer=answer, clear=clear, yardstick="polars")


def groups(random: np.random.Generator, n: int) -> Case:
    """Sums by a hidden key of 34 bits, at most 8 rows a key: in the last row of every key, zero elsewhere."""
    drawn = random.integers(0, 2**KEY_BITS, n // 3, dtype=np.uint64)
    keys = random.permutation(np.repeat(drawn, MOST_ROWS))[:n]
    values = random.integers(0, 10**6, n)
    job = Job()
    b = job.builder
    key, column = job.bits(planes(keys, KEY_BITS)), job.arith(values)
    with b.stage("group"):
        arranged = runs.arrange(b, key=key, present=b.ones_bits(1, n), words=[], ariths=[column])
        sums = runs.scan_sum(b, arranged.ariths[0], arranged.same, MOST_ROWS)
        chosen = b.multiply(sums, b.to_arith(runs.is_last(b, arranged.same)))
        _, (answer,) = runs.give_back(b, arranged, words=[], ariths=[chosen])
    frame = pl.DataFrame({"key": keys, "value": values})

    def clear() -> Plain:
        last = pl.int_range(pl.len()).over("key") == pl.len().over("key") - 1
        found: Plain = frame.select(pl.when(last).then(pl.col("value").sum().over("key")).otherwise(0))["value"].to_numpy()
        return found

    return Case(name=f"sums by a hidden key, {n:,} rows", job=job, answer=answer, clear=clear, yardstick="polars")


Make = Callable[[np.random.Generator, int], Case]
CASES: dict[str, Make] = {
    "join_1e5": lambda random, n: join(random, n, distinct=True),
    "join_1e5_any": lambda random, n: join(random, n, distinct=False),
    "groupby_hidden_1e5": groups,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one run took at one party, and its share of the answer."""

    reports: list[StageReport]
    processor: float
    share: Share


def party_process(index: int, pipe: Connection) -> None:
    """One party: links itself to the others, then runs what it is sent until it is sent nothing."""
    from ray_cluster.federation import FederationDescription, FederationMember
    from ray_cluster.identities import ProcessIdentity
    from ray_cluster.links import Listener, OpenSockets
    from ray_cluster.memory import give_back, keep_freed

    keep_freed()
    warm()
    identity = ProcessIdentity.generate(NAMES[index])
    listener = Listener(identity)
    pipe.send((identity.certificate, listener.address))
    members = tuple(
        FederationMember(name=NAMES[number], party=number, data=True, certificate=certificate, link=address)
        for number, (certificate, address) in enumerate(pipe.recv())
    )
    wires = Wiring((identity,) * 3, (listener,) * 3, FederationDescription(members=members, catalog={}), OpenSockets())
    listener.start(wires.description)
    pipe.send(None)
    while (work := pipe.recv()) is not None:
        name, keys, message, program, answer = work
        channel = linked_channel(wires, index, name)
        specs = [spec.value for spec in program.inputs]
        shares = receive(specs, message, index)
        execution = Execution(program, Party(index, channel, keys), {v.number: s for v, s in zip(specs, shares, strict=True)})
        execution.keep(answer)
        del work, message
        give_back()
        pipe.send(None)
        pipe.recv()
        before = time.process_time()
        reports = execution.run()
        pipe.send(Taken(reports=reports, processor=time.process_time() - before, share=execution.share(answer)))
        execution.forget()
        channel.close()
        channel.release()
        del shares, execution
        give_back()
    listener.close()


class Parties:
    """Three processes, linked while this is entered."""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        pairs = [context.Pipe() for _ in range(3)]
        self.processes = [
            context.Process(target=party_process, args=(index, theirs), daemon=True) for index, (_, theirs) in enumerate(pairs)
        ]
        self._pipes = [mine for mine, _ in pairs]
        for process in self.processes:
            process.start()
        known = [pipe.recv() for pipe in self._pipes]
        self._tell([known] * 3)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for pipe, process in zip(self._pipes, self.processes, strict=True):
            if process.is_alive() and error is None:
                pipe.send(None)
                process.join(20)
            process.terminate()

    def _tell(self, messages: Sequence[Any]) -> list[Any]:
        for pipe, message in zip(self._pipes, messages, strict=True):
            pipe.send(message)
        return [pipe.recv() for pipe in self._pipes]

    def run(self, program: Program, data: list[tuple[Value, Plain]], answer: Value) -> tuple[Plain, list[Taken]]:
        """Deal, run, and put the answer together."""
        name, keys, messages = new_job(), fresh_keys(), deal(data)
        self._tell([(name, keys[index], messages[index], program, answer) for index in range(3)])
        taken = self._tell([None] * 3)
        return reconstruct([each.share for each in taken], answer), taken

    def memory(self) -> int:
        return sum(proportional_bytes(process.pid or 0) for process in self.processes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Seconds of the slowest party, processor seconds and bytes of all three, memory of all three at rest and at the peak."""

    key: str
    name: str
    seconds: Seconds
    processor: float
    rounds: int
    bytes: int
    at_rest: int
    peak: int
    clear: Seconds
    yardstick: str

    def to_json(self) -> dict[str, Any]:
        return {
            "entry": self.key,
            "name": self.name,
            "seconds": self.seconds.to_json(),
            "processor_seconds": self.processor,
            "rounds": self.rounds,
            "bytes": self.bytes,
            "pss_at_rest": self.at_rest,
            "pss_peak": self.peak,
            "clear": {"with": self.yardstick, **self.clear.to_json()},
        }


def _peak(parties: Parties, call: Callable[[], object]) -> int:
    """The most memory of all parties while something runs."""
    seen, done = [parties.memory()], threading.Event()

    def sample() -> None:
        while not done.wait(0.02):
            seen.append(parties.memory())

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    call()
    done.set()
    thread.join()
    return max(seen)


def measure(key: str, case: Case, parties: Parties, repeats: int) -> Measured:
    """Run a case between the processes.

    Raises
    ------
    RuntimeError
        If the protocol's answer is another one than the one in the clear.
    """
    expected = np.asarray(case.clear()).reshape(-1).astype(np.int64)
    program = case.job.program()
    seconds, processor, rounds, sent = [], [], [], []
    at_rest = parties.memory()
    for turn in range(repeats + 1):
        found, taken = parties.run(program, case.job.data, case.answer)
        if not np.array_equal(found.reshape(-1).astype(np.int64), expected):
            raise RuntimeError(f"{case.name}: the protocol's answer is not the one in the clear")
        if turn:
            seconds.append(max(sum(stage.seconds for stage in each.reports) for each in taken))
            processor.append(sum(each.processor for each in taken))
            rounds.append(sum(stage.rounds for stage in taken[0].reports))
            sent.append(sum(s.bytes_sent_previous + s.bytes_sent_next for each in taken for s in each.reports))
    return Measured(
        key=key,
        name=case.name,
        seconds=Seconds(all=tuple(seconds)),
        processor=float(np.median(processor)),
        rounds=int(np.median(rounds)),
        bytes=int(np.median(sent)),
        at_rest=at_rest,
        peak=_peak(parties, lambda: parties.run(program, case.job.data, case.answer)),
        clear=seconds_of(case.clear, repeats),
        yardstick=case.yardstick,
    )


def run(scale: int, repeats: int, progress: Callable[[str], None]) -> list[Measured]:
    """Measure every case, each with the same random data on every day and with processes of its own."""
    found = []
    for key, make in CASES.items():
        case = make(np.random.default_rng(20_261_126), 10**5 // scale)
        with Parties() as parties:
            found.append(measure(key, case, parties, repeats))
        progress(f"{case.name}: {found[-1].seconds.median:.3f} s")
    return found


def text(found: list[Measured]) -> str:
    """Return the table of all cases."""
    head = ["three processes, TLS", "s", "least", "processor s", "rounds", "MB", "MiB at rest", "at the peak", "in the clear, ms"]
    rows = [
        [
            each.name,
            f"{each.seconds.median:.3f}",
            f"{each.seconds.least:.3f}",
            f"{each.processor:.3f}",
            f"{each.rounds}",
            f"{each.bytes / 1e6:.1f}",
            f"{each.at_rest / 2**20:,.0f}",
            f"{each.peak / 2**20:,.0f}",
            f"{1e3 * each.clear.median:.2f} ({each.yardstick})",
        ]
        for each in found
    ]
    return table(head, rows)
