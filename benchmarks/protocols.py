"""Workloads between three processes, over TLS and over plain TCP, beside the same work in the clear: seconds, bytes, memory.

Runs over TLS and TCP take turns between the same processes, so that both meet the same neighbours on the machine. Every answer is
held against the one in the clear.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.measuring import available_mb, load, seconds_of
from benchmarks.parties import Parties, Ran
from benchmarks.records import Record
from benchmarks.transport import Link
from benchmarks.workloads import Case, Plain, Workload

Progress = Callable[[str], None]
TLS, TCP = "secureframe TLS", "secureframe TCP"
ROUND_TRIPS_MS = (0.0, 0.1, 1.0, 10.0, 40.0)


def repeats(seconds: float) -> int:
    """How often something is timed that takes so long: what takes some seconds three times."""
    return 7 if seconds < 0.3 else 5 if seconds < 1.5 else 3 if seconds < 20 else 1


def checked(case: Case, name: str) -> Plain:
    """The answer in the clear, on which all its packages agree."""
    answers = [np.asarray(call()).reshape(-1).astype(np.int64) for call in case.clear.values()]
    if any(not np.array_equal(answers[0], each) for each in answers[1:]):
        raise RuntimeError(f"{name}: the answers in the clear differ")
    return answers[0]


def verified(parties: Parties, case: Case, link: Link, expected: Plain, name: str) -> Ran:
    """Run a case once.

    Raises
    ------
    RuntimeError
        If its answer is another one than in the clear.
    """
    ran = parties.run(case, link)
    if not np.array_equal(ran.answer.reshape(-1).astype(np.int64), expected):
        raise RuntimeError(f"{name}: the protocol's answer is not the one in the clear")
    return ran


def _record(ran: Sequence[Ran], detail: dict[str, Any], **known: Any) -> Record:
    return Record.of(
        [each.seconds for each in ran],
        # Rounds and bytes of sorts depend on fresh coins.
        bytes_per_party=int(statistics.median(each.bytes for each in ran) / 3),
        rounds=int(statistics.median(each.rounds for each in ran)),
        detail={"processor_seconds": statistics.median(each.processor for each in ran), **detail},
        **known,
    )


def in_the_clear(workload: str, n: int, case: Case, part: str = "protocols") -> list[Record]:
    """The same work by every package that does it in the clear."""
    found = []
    for system, call in case.clear.items():
        once = seconds_of(call, 1).least
        found.append(Record.of(seconds_of(call, repeats(once)).all, part=part, workload=workload, n=n, system=system))
    return found


def measure(
    workload: Workload, n: int, *, part: str = "protocols", transports: Sequence[str] = (TLS, TCP), memory: bool = True
) -> list[Record]:
    """Measure a size of a workload, each of its transports in turn, and the clear.

    Raises
    ------
    RuntimeError
        If an answer is another one than in the clear.
    """
    name = f"{workload.name}_{n}"
    case = workload.case(n)
    expected = checked(case, name)
    links = {TLS: Link(transport="TLS"), TCP: Link(transport="TCP")}
    ran: dict[str, list[Ran]] = {system: [] for system in transports}
    before = load()
    with Parties() as parties:
        rest = parties.memory()
        first = [verified(parties, case, links[system], expected, name) for system in transports]
        for _ in range(repeats(first[0].seconds)):
            for system in transports:
                ran[system].append(verified(parties, case, links[system], expected, name))
        peak = parties.peak(lambda: parties.run(case)) if memory else None
    found = []
    for system, once in zip(transports, first, strict=True):
        known: dict[str, Any] = {"part": part, "workload": workload.name, "n": n, "system": system}
        detail = {"load": before[:1], "first_seconds": once.seconds}
        if system == TLS and peak is not None:
            known["peak_mb"], detail["rest_mb"] = peak / 1e6, rest / 1e6
        found.append(_record(ran[system], detail, **known))
    return found + in_the_clear(workload.name, n, case, part)


def run(chosen: Iterable[tuple[Workload, int]], progress: Progress) -> Iterator[list[Record]]:
    """Measure sizes of workloads, each with processes of its own."""
    for workload, n in chosen:
        found = measure(workload, n)
        progress(f"{workload.name} {n:,}: " + ", ".join(f"{each.system} {each.seconds_median:.3g} s" for each in found))
        yield found


def run_delayed(
    chosen: Iterable[tuple[Workload, int]], progress: Progress, round_trips_ms: Sequence[float] = ROUND_TRIPS_MS
) -> Iterator[list[Record]]:
    """Measure what workloads take with delays between the parties, over TLS."""
    for workload, n in chosen:
        found = delayed(workload, n, round_trips_ms)
        taken = ", ".join(f"{each.round_trip_ms:g} ms {each.seconds_median:.3g} s" for each in found)
        progress(f"{workload.name} {n:,}, round trips of {taken}")
        yield found


def run_growth(chosen: Iterable[tuple[Workload, int]], progress: Progress) -> Iterator[list[Record]]:
    """Measure sizes of workloads over TLS alone, ascending; what would not fit into memory in chunks of the size before."""
    before: dict[str, Record] = {}
    for workload, n in sorted(chosen, key=lambda size: size[1]):
        smaller = before.get(workload.name)
        if smaller is None or fits(smaller, n):
            found = measure(workload, n, part="growth", transports=(TLS,))
            before[workload.name] = found[0]
        else:
            found = [in_chunks(workload, n, smaller.n)]
        progress(f"{workload.name} {n:,}: {found[0].seconds_median:.3g} s, {found[0].peak_mb or 0:,.0f} MB")
        yield found


def fits(smaller: Record, n: int) -> bool:
    """Whether half of the memory that is free holds a workload, judged by what a smaller size of it took."""
    taken = (smaller.peak_mb or 0.0) - smaller.detail["rest_mb"]
    return bool(taken * n / smaller.n < available_mb() / 2)


def in_chunks(workload: Workload, n: int, chunk: int) -> Record:
    """Run a workload on as many rows, chunk by chunk: each is a case of its own, and their times are added."""
    sizes = [min(chunk, n - begin) for begin in range(0, n, chunk)]
    ran, peak = [], 0
    with Parties() as parties:
        rest = parties.memory()
        for number, size in enumerate(sizes):
            case = workload.case(size, number)
            ran.append(verified(parties, case, Link(), checked(case, workload.name), workload.name))
            peak = max(peak, parties.memory())
        peak = max(peak, parties.peak(lambda: parties.run(workload.case(sizes[-1]))))
    return Record.of(
        [sum(each.seconds for each in ran)],
        part="growth",
        workload=workload.name,
        n=n,
        system=TLS,
        bytes_per_party=sum(each.bytes for each in ran) // 3,
        rounds=sum(each.rounds for each in ran),
        peak_mb=peak / 1e6,
        detail={
            "processor_seconds": sum(each.processor for each in ran),
            "rest_mb": rest / 1e6,
            "chunks": len(sizes),
        },
    )


def delayed(workload: Workload, n: int, round_trips_ms: Sequence[float]) -> list[Record]:
    """Measure a workload at several round trips."""
    case, found = workload.case(n), []
    expected = checked(case, workload.name)
    with Parties(delayed=True) as parties:
        for round_trip in round_trips_ms:
            link = Link(round_trip_ms=round_trip)
            first = verified(parties, case, link, expected, workload.name)
            ran = [verified(parties, case, link, expected, workload.name) for _ in range(min(5, repeats(first.seconds)))]
            known = {"part": "latency", "workload": workload.name, "n": n, "system": TLS, "round_trip_ms": round_trip}
            found.append(_record(ran, {"delays": parties.delays, "why_not_netem": parties.why_not}, **known))
    return found
