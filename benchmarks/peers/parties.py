"""Processes of a peer's parties, timed runs of them, and the line that tells what they took.

Runs in the peer's environment. A party says how it prepares, runs and answers; all else is here. The first run is not timed: it
is the one whose memory is sampled and whose bytes are counted. What takes longer than `ONCE` seconds runs once, and that counts.
"""

from __future__ import annotations

import importlib.metadata
import json
import multiprocessing
import os
import platform
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from benchmarks.measuring import proportional_bytes
from benchmarks.peers.columns import Plain

LOOPBACK = "127.0.0.1"
ONCE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One run at one party: seconds, processor seconds, and the bytes that it sent, where the system counts them."""

    seconds: float
    processor: float
    sent: int | None


class Party(Protocol):
    """One party of a peer. ``run`` returns the bytes that were sent, if it knows; ``counted`` asks it to count them."""

    def prepare(self, work: Any) -> None: ...
    def run(self, counted: bool) -> int | None: ...
    def answer(self) -> Any: ...
    def close(self) -> None: ...


Make = Callable[[int, Sequence[int], Path], Party]


def party_process(make: Make, rank: int, ports: Sequence[int], pipe: Connection, directory: Path) -> None:
    """One party: whatever it says goes into a file, since some systems write there what they sent."""
    written = os.open(directory / f"party{rank}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(written, 1)
    os.dup2(written, 2)
    party = make(rank, ports, directory)
    pipe.send(None)
    party.prepare(pipe.recv())
    pipe.send(None)
    while (counted := pipe.recv()) is not None:
        began, before = time.perf_counter(), time.process_time()
        sent = party.run(counted)
        pipe.send(Turn(seconds=time.perf_counter() - began, processor=time.process_time() - before, sent=sent))
        pipe.send(party.answer())
    party.close()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind((LOOPBACK, 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Parties:
    """The processes of a peer, linked while this is entered; none of them is left behind."""

    def __init__(self, make: Make, count: int, directory: Path) -> None:
        self._make, self._count, self._directory = make, count, directory

    def __enter__(self) -> Self:
        context, ports = multiprocessing.get_context("spawn"), free_ports(self._count)
        pairs = [context.Pipe() for _ in range(self._count)]
        self._pipes = [mine for mine, _ in pairs]
        self._processes = [
            context.Process(target=party_process, args=(self._make, rank, ports, theirs, self._directory), daemon=True)
            for rank, (_, theirs) in enumerate(pairs)
        ]
        try:
            for process, (_, theirs) in zip(self._processes, pairs, strict=True):
                process.start()
                theirs.close()
            self.hear()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            for pipe in self._pipes:
                pipe.send(None)
            for process in self._processes:
                process.join(10)
        self._end()

    def _end(self) -> None:
        for process in self._processes:
            if process.pid is not None:
                process.kill()
                process.join()

    def hear(self) -> list[Any]:
        """What every party sends next.

        Raises
        ------
        RuntimeError
            If one of them ended; with the end of what it wrote.
        """
        heard = []
        for rank, pipe in enumerate(self._pipes):
            try:
                heard.append(pipe.recv())
            except (EOFError, ConnectionResetError):
                said = (self._directory / f"party{rank}.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"party {rank} ended:\n{said[-2000:]}") from None
        return heard

    def deal(self, work: Sequence[Any]) -> None:
        for pipe, each in zip(self._pipes, work, strict=True):
            pipe.send(each)
        self.hear()

    def turn(self, counted: bool) -> tuple[list[Turn], list[Any]]:
        """Run once; return what every party took, and the answers of all."""
        for pipe in self._pipes:
            pipe.send(counted)
        return self.hear(), self.hear()

    def memory(self) -> int:
        return sum(proportional_bytes(process.pid or 0) for process in self._processes)


class Sampler:
    """The most memory of processes while this is entered; samples get rarer, so that they cost little of a long run."""

    def __init__(self, parties: Parties) -> None:
        self._parties, self._done, self.peak = parties, threading.Event(), 0
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        began = time.perf_counter()
        while not self._done.is_set():
            self.peak = max(self.peak, self._parties.memory())
            self._done.wait(max(0.01, (time.perf_counter() - began) / 50))


def repeats(seconds: float) -> int:
    """How often something is timed whose first run took so long; not again if that was long."""
    return 7 if seconds < 0.3 else 3 if seconds < ONCE else 0


def measure(parties: Parties, whole: Callable[[list[Any]], list[Plain]], expected: Sequence[Plain]) -> dict[str, Any]:
    """Run as often as it takes, and return the fields of a record.

    Parameters
    ----------
    whole
        Puts the answers of all parties together.

    Raises
    ------
    RuntimeError
        If an answer is another one than in the clear.
    """

    def once(counted: bool) -> list[Turn]:
        turns, answers = parties.turn(counted)
        if not same(whole(answers), expected):
            raise RuntimeError("the answer is not the one in the clear")
        return turns

    with Sampler(parties) as sampler:
        first = once(counted=True)
    timed = [once(counted=False) for _ in range(repeats(max(each.seconds for each in first)))] or [first]
    sent = [each.sent for each in first if each.sent is not None]
    return {
        "seconds": [max(each.seconds for each in turns) for turns in timed],
        "bytes_per_party": sum(sent) // len(sent) if sent else None,
        "rounds": None,
        "peak_mb": sampler.peak / 1e6,
        "processor_seconds": float(np.median([sum(each.processor for each in turns) for turns in timed])),
    }


def same(found: Sequence[Plain], expected: Sequence[Plain]) -> bool:
    return len(found) == len(expected) and all(
        np.array_equal(np.asarray(one).reshape(-1), other.reshape(-1)) for one, other in zip(found, expected, strict=True)
    )


# -- scripts ---------------------------------------------------------------------------------------------------------------


def end_with_caller() -> None:
    """End with all processes of this session, if it is ours, once nobody holds our standard input open any more."""
    if os.getsid(0) != os.getpid():
        return

    def watch() -> None:
        # Not by way of sys.stdin, whose lock would be held when Python ends.
        while os.read(0, 1):
            pass
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def script(found: Callable[[str, int, Path], dict[str, Any]], packages: Sequence[str]) -> None:
    """Measure what the command line says, and write the line; whatever else is said goes to standard error."""
    end_with_caller()
    name, n, directory = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    out = os.dup(1)
    os.dup2(2, 1)
    versions = {"python": platform.python_version(), **{each: importlib.metadata.version(each) for each in packages}}
    line = {**found(name, n, directory), "versions": versions}
    with os.fdopen(out, "w", encoding="utf-8") as told:
        print(json.dumps(line), file=told)
