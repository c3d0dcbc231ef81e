"""Protocols between three parties that are threads of this process, over queues and over TLS 1.3 on loopback.

Every case holds its program, its plain data and the counterpart in the clear; the protocol's answer must equal the latter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.measuring import Seconds, ratio, seconds_of, table
from secureframe.engine.execute import Execution, StageReport
from secureframe.mpc.channel import Channel, MemoryChannel
from secureframe.mpc.joining import join_unique
from secureframe.mpc.party import Party
from secureframe.mpc.program import Value
from secureframe.mpc.quantile import ranks_lower, select_ranks
from secureframe.mpc.sharing import Share, deal, receive, reconstruct
from tests.mpc.harness import Job, run_parties
from tests.ray_cluster.wiring import linked_channels

Plain = NDArray[Any]
_START_SECONDS = 120.0
MEDIAN_PERSONS = 17_549


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A program on fresh data, the value it gives, and the same answer in the clear."""

    name: str
    job: Job
    answer: Value
    clear: Callable[[], Plain]
    yardstick: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a protocol took: seconds of the slowest party over queues and over TLS, rounds, bytes over all parties, yardstick.

    Processor seconds are those of all three parties over queues: what hardly depends on who else uses the machine.
    """

    name: str
    seconds: Seconds
    linked: Seconds
    processor: float
    rounds: int
    bytes: int
    clear: Seconds
    yardstick: str

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "seconds": self.seconds.to_json(),
            "seconds_over_tls": self.linked.to_json(),
            "processor_seconds": self.processor,
            "rounds": self.rounds,
            "bytes": self.bytes,
            "clear": {"with": self.yardstick, **self.clear.to_json()},
            "ratio": ratio(self.seconds.median, self.clear.median),
        }


def planes(values: Plain, width: int) -> Plain:
    """Bit planes of unsigned numbers, lowest first."""
    return (values[np.newaxis] >> np.arange(width, dtype=np.uint64)[:, np.newaxis] & np.uint64(1)).astype(bool)


def signed(random: np.random.Generator, n: int) -> Plain:
    """Numbers whose differences still fit 64 bits."""
    return random.integers(-(2**62), 2**62, n, dtype=np.int64)


def multiply(random: np.random.Generator, n: int) -> Case:
    x, y = signed(random, n), signed(random, n)
    job = Job()
    answer = job.builder.multiply(job.arith(x), job.arith(y))
    return Case(name=f"multiply {n:,}", job=job, answer=answer, clear=lambda: x * y, yardstick="numpy")


def less_than(random: np.random.Generator, n: int) -> Case:
    x, y = signed(random, n), signed(random, n)
    job = Job()
    answer = job.builder.is_negative(job.builder.subtract(job.arith(x), job.arith(y)), 64)
    return Case(name=f"less-than {n:,}, 64 bit", job=job, answer=answer, clear=lambda: x < y, yardstick="numpy")


def equal(random: np.random.Generator, n: int) -> Case:
    x = signed(random, n)
    y = np.where(random.random(n) < 0.5, x, signed(random, n))
    job = Job()
    answer = job.builder.is_zero(job.builder.subtract(job.arith(x), job.arith(y)), 64)
    return Case(name=f"equality {n:,}, 64 bit", job=job, answer=answer, clear=lambda: x == y, yardstick="numpy")


def inner(random: np.random.Generator, n: int) -> Case:
    x, y = signed(random, n), signed(random, n)
    job = Job()
    answer = job.builder.inner(job.arith(x), job.arith(y))
    return Case(name=f"inner product {n:,}", job=job, answer=answer, clear=lambda: np.dot(x, y), yardstick="numpy")


def sort(random: np.random.Generator, n: int, width: int) -> Case:
    keys = random.integers(0, 2**width, n, dtype=np.uint64)
    series = pl.Series(keys)
    job = Job()
    b = job.builder
    index = (n - 1).bit_length()
    shared = job.bits(planes(keys, width))
    with b.stage("sort"):
        _, (moved,) = b.shuffle([b.pack(b.rows([b.positions(n, index), shared]))])
        ordered = b.unpack(b.reorder(b.sort(moved, index + width), moved), index + width)
        answer = b.pack(b.pick_rows(ordered, range(index, index + width)))
    return Case(
        name=f"sort {n:,}, {width} bit", job=job, answer=answer, clear=lambda: series.sort().to_numpy(), yardstick="polars"
    )


def join(random: np.random.Generator, n: int, *, one_to_one: bool) -> Case:
    """Half of the left rows have a match; one word of payload moves."""
    keys = _distinct(random, 2 * n)
    right, others = keys[:n], keys[n:]
    chosen = random.permutation(right) if one_to_one else random.choice(right, n)
    left = np.where(random.random(n) < 0.5, chosen, others)
    payload = random.integers(1, 2**63, n, dtype=np.uint64)
    job = Job()
    b = job.builder
    left_key, right_key = job.bits(planes(left, 64)), job.bits(planes(right, 64))
    words = job.words(payload)
    with b.stage("join"):
        joined = join_unique(
            b,
            left_key=left_key,
            left_present=b.ones_bits(1, n),
            right_key=right_key,
            right_present=b.ones_bits(1, n),
            words=[words],
            ariths=[],
            left_unique=one_to_one,
        )
    a, z = pl.DataFrame({"key": left}), pl.DataFrame({"key": right, "payload": payload})

    def clear() -> Plain:
        found: Plain = a.join(z, on="key", how="left", maintain_order="left")["payload"].fill_null(0).to_numpy()
        return found

    kind = "one to one" if one_to_one else "many to one"
    return Case(name=f"join {n:,} x {n:,}, {kind}", job=job, answer=joined.words[0], clear=clear, yardstick="polars")


def _distinct(random: np.random.Generator, n: int) -> Plain:
    """Distinct 64-bit keys: a random high part, and a number of their own below it."""
    high = random.integers(0, 2**40, n, dtype=np.uint64)
    return (high << np.uint64(24)) + random.permutation(n).astype(np.uint64)


def median(random: np.random.Generator, n: int) -> Case:
    """The lower median of an age (7 bits) within a secret half of the rows."""
    ages, chosen = random.integers(0, 93, n), random.random(n) < 0.5
    series = pl.Series(ages)
    mask = pl.Series(chosen)
    job = Job()
    b = job.builder
    shared, held = job.bits(planes(ages.astype(np.uint64), 7)), job.bits(chosen)
    ranks = ranks_lower(b, b.count_bits(held), [Fraction(1, 2)], n)
    answer = select_ranks(b, shared, held, ranks)
    return Case(
        name=f"median of {n:,} under a mask, 7 bit",
        job=job,
        answer=answer,
        clear=lambda: np.array([series.filter(mask).quantile(0.5, "lower")]),
        yardstick="polars",
    )


Make = Callable[[np.random.Generator], Case]


def cases(scale: int) -> list[Make]:
    """What is measured; sizes are divided by ``scale``."""
    million, columns = 10**6 // scale, 10**5 // scale
    return [
        lambda random: multiply(random, million),
        lambda random: less_than(random, million),
        lambda random: equal(random, million),
        lambda random: inner(random, 10 * million),
        lambda random: sort(random, columns, 32),
        lambda random: sort(random, columns, 64),
        lambda random: join(random, columns, one_to_one=True),
        lambda random: join(random, columns, one_to_one=False),
        lambda random: median(random, MEDIAN_PERSONS),
    ]


def once(case: Case, channels: Sequence[Channel]) -> tuple[Plain, list[list[StageReport]], float]:
    """Deal fresh shares, run a case at three parties under fresh keys; return its answer, their reports, processor seconds."""
    program = case.job.program()
    messages = deal(case.job.data)
    # Unpacking takes the parties unequally long; the clock of the first one must not run while it waits for the others.
    unpacked = threading.Barrier(3)

    def at_party(party: Party) -> tuple[list[StageReport], Share, float]:
        specs = [spec.value for spec in program.inputs]
        shares = receive(specs, messages[party.index], party.index)
        execution = Execution(program, party, {v.number: s for v, s in zip(specs, shares, strict=True)})
        execution.keep(case.answer)
        unpacked.wait(_START_SECONDS)
        before = time.thread_time()
        reports = execution.run()
        return reports, execution.share(case.answer), time.thread_time() - before

    results = run_parties(at_party, channels=channels)
    answer = reconstruct([share for _, share, _ in results], case.answer)
    return answer, [reports for reports, _, _ in results], sum(processor for _, _, processor in results)


def measure(case: Case, repeats: int) -> Measured:
    """Run a case over queues and over TLS, and its counterpart in the clear.

    Raises
    ------
    RuntimeError
        If the protocol's answer is another one.
    """
    expected = np.asarray(case.clear()).reshape(-1)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    processor, rounds, sent = [], [], []
    for turn in range(repeats + 1):
        for linked in (False, True):
            with linked_channels() if linked else nullcontext(MemoryChannel.triple()) as channels:
                found, reports, taken = once(case, channels)
            if not np.array_equal(found.reshape(-1), expected):
                raise RuntimeError(f"{case.name}: the protocol's answer is not the one in the clear")
            if turn:
                seconds[linked].append(max(sum(stage.seconds for stage in party) for party in reports))
                processor += [] if linked else [taken]
                rounds.append(sum(stage.rounds for stage in reports[0]))
                sent.append(sum(stage.bytes_sent_previous + stage.bytes_sent_next for party in reports for stage in party))
    return Measured(
        name=case.name,
        seconds=Seconds(all=tuple(seconds[False])),
        linked=Seconds(all=tuple(seconds[True])),
        processor=float(np.median(processor)),
        rounds=int(np.median(rounds)),
        bytes=int(np.median(sent)),
        clear=seconds_of(case.clear, repeats),
        yardstick=case.yardstick,
    )


def run(scale: int, repeats: int, progress: Callable[[str], None]) -> list[Measured]:
    """Measure every case, one after the other, each with the same random data on every day."""
    found = []
    for make in cases(scale):
        measured = measure(make(np.random.default_rng(20_261_122)), repeats)
        progress(f"{measured.name}: {measured.seconds.median:.3f} s, over TLS {measured.linked.median:.3f} s")
        found.append(measured)
    return found


def text(found: list[Measured]) -> str:
    """Return the table of all cases."""
    head = ["three threads", "queues, s", "least", "TLS, s", "least", "processor s", "rounds", "MB", "in the clear, ms", "ratio"]
    rows = [
        [
            each.name,
            f"{each.seconds.median:.3f}",
            f"{each.seconds.least:.3f}",
            f"{each.linked.median:.3f}",
            f"{each.linked.least:.3f}",
            f"{each.processor:.3f}",
            f"{each.rounds}",
            f"{each.bytes / 1e6:.1f}",
            f"{1e3 * each.clear.median:.2f} ({each.yardstick})",
            f"{ratio(each.seconds.median, each.clear.median):,.0f}",
        ]
        for each in found
    ]
    return table(head, rows)
