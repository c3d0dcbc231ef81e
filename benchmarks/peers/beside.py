"""Workloads of ours and of the peers in one run, size by size: ours over TLS and TCP, then every peer that is installed.

A peer that is not installed, or that fails, leaves no record; what is missing, and what to type, is said. A script that runs in a
peer's environment has a private directory, a session of its own and a time limit; when it is over, nothing of it still runs.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measuring import load
from benchmarks.records import Record

if TYPE_CHECKING:
    from benchmarks.protocols import Progress
    from benchmarks.workloads import Workload

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / ".peers"
PART = "peers"
LIMIT_SECONDS = 1200.0
_SAID = 2000


class PeerError(Exception):
    """A peer did not measure what it was asked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A system in an environment of its own, and the script that measures it there."""

    name: str
    script: str

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.name / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """What ``make`` leaves when the environment is whole."""
        return ENVIRONMENTS / self.name / ".installed"

    def missing(self) -> str | None:
        """What to do to have this peer; none if it is there."""
        if self.stamp.exists() and self.python.exists():
            return None
        wants = "Python 3.11 and the network"
        return f"{self.name} is not installed, so it is left out; with {wants}: make {self.stamp.relative_to(ROOT)}"


SPU = Peer(name="spu", script="benchmarks.peers.on_spu")
MPYC = Peer(name="mpyc", script="benchmarks.peers.on_mpyc")
PEERS = (SPU, MPYC)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a peer runs for a workload, up to the size that it does in reasonable time.

    Parameters
    ----------
    peer, most
        The system, and its largest size.
    program
        The script's name of it, where that is another one than ours.
    note
        What sets it apart from the peer's other entry for the workload.
    """

    peer: Peer
    most: int
    program: str | None = None
    note: str = ""


SAME_INPUT = "bits of levels put in, as ours"
ENTRIES: Mapping[str, tuple[Entry, ...]] = {
    "multiply": (Entry(SPU, 10**7), Entry(MPYC, 10**5)),
    "less_than": (Entry(SPU, 10**7), Entry(MPYC, 10**4)),
    "equality": (Entry(SPU, 10**7), Entry(MPYC, 10**4)),
    "inner": (Entry(SPU, 10**7), Entry(MPYC, 10**6)),
    "sort_64": (Entry(SPU, 10**6), Entry(MPYC, 10**3)),
    "sort_32": (Entry(SPU, 10**6), Entry(MPYC, 10**3)),
    "join": (Entry(SPU, 10**5), Entry(MPYC, 10**2)),
    "join_tagged": (Entry(SPU, 10**6, "psi", "set intersection of two, public result"),),
    "group_public": (Entry(SPU, 10**6, "group_codes"), Entry(SPU, 10**6, note=SAME_INPUT), Entry(MPYC, 10**5)),
    "group_hidden": (Entry(SPU, 10**5), Entry(MPYC, 10**3)),
}
"""What peers run, by our names. In `group_public` SPU compares a level with each, or is given a bit for each, as ours is."""

SIZES: Mapping[str, tuple[int, ...]] = {
    "multiply": (10**5, 10**6),
    "less_than": (10**4, 10**6),
    "equality": (10**4, 10**6),
    "inner": (10**6, 10**7),
    "sort_64": (10**3, 10**5, 10**6),
    "sort_32": (10**3, 10**5, 10**6),
    "join": (10**2, 10**5),
    "join_tagged": (10**5, 10**6),
    "group_public": (10**5,),
    "group_hidden": (10**3, 10**5),
}
"""The sizes of ``make bench-peers``: ours, and below them the largest that MPyC does within a minute or so."""


def entries(workload: str, n: int) -> list[Entry]:
    return [each for each in ENTRIES.get(workload, ()) if n <= each.most]


# -- one script ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The line of a script."""

    seconds: tuple[float, ...]
    bytes_per_party: int | None
    rounds: int | None
    peak_mb: float | None
    processor_seconds: float
    versions: Mapping[str, str]
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_line(cls, line: str) -> Told:
        """Read the line of a script.

        Raises
        ------
        PeerError
            If it is none.
        """
        try:
            told = cls(**json.loads(line))
            seconds = tuple(float(each) for each in told.seconds)
            if not seconds or not all(math.isfinite(each) and each > 0 for each in seconds) or not told.versions:
                raise ValueError("no seconds, or no versions")
            return cls(**{**json.loads(line), "seconds": seconds})
        except (TypeError, ValueError, AttributeError) as error:
            raise PeerError(f"said something that is no measurement ({error}): {line[:200]!r}") from None


def ask(peer: Peer, program: str, n: int, limit: float = LIMIT_SECONDS) -> Told:
    """Let a peer measure a program of its own, and end all its processes.

    Raises
    ------
    PeerError
        If it fails or takes too long; with the end of what it said.
    """
    surroundings = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    with tempfile.TemporaryDirectory(prefix="secureframe-peer-") as private:
        told, said = Path(private) / "told", Path(private) / "said"
        with told.open("wb") as line, said.open("wb") as errors:
            process = subprocess.Popen(
                [peer.python, "-m", peer.script, program, str(n), private],
                cwd=ROOT,
                env=surroundings,
                # Held open while we wait: should we be ended ourselves, the script sees that and ends too.
                stdin=subprocess.PIPE,
                stdout=line,
                stderr=errors,
                start_new_session=True,
            )
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                raise PeerError(f"took longer than {limit:.0f} s") from None
            finally:
                end(process)
        if process.returncode != 0:
            raise PeerError(f"ended with {process.returncode}: {said.read_text(encoding='utf-8', errors='replace')[-_SAID:]}")
        return Told.from_line(told.read_text(encoding="utf-8", errors="replace").strip())


def end(process: subprocess.Popen[bytes]) -> None:
    """End a script and every process of its session that is left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def record(workload: str, n: int, entry: Entry, told: Told) -> Record:
    name = f"{entry.peer.name} {told.versions[entry.peer.name]}"
    return Record.of(
        told.seconds,
        part=PART,
        workload=workload,
        n=n,
        system=f"{name}, {entry.note}" if entry.note else name,
        bytes_per_party=told.bytes_per_party,
        rounds=told.rounds,
        peak_mb=told.peak_mb,
        # Those of the peer's environment alone.
        versions=dict(told.versions),
        detail={"processor_seconds": told.processor_seconds, "load": load()[:1], **told.about},
    )


# -- all -------------------------------------------------------------------------------------------------------------------


def theirs(workload: str, n: int, progress: Progress) -> Iterator[Record]:
    """The records of all peers that are installed."""
    for entry in entries(workload, n):
        if entry.peer.missing() is not None:
            continue
        try:
            yield record(workload, n, entry, ask(entry.peer, entry.program or workload, n))
        except PeerError as error:
            progress(f"{workload} {n:,}: {entry.peer.name} {error}")


def run(chosen: Iterable[tuple[Workload, int]], progress: Progress) -> Iterator[list[Record]]:
    """Measure sizes of workloads on every system in turn."""
    from benchmarks import protocols

    for peer in PEERS:
        if (missing := peer.missing()) is not None:
            progress(missing)
    for workload, n in chosen:
        if not entries(workload.name, n):
            progress(f"{workload.name} {n:,}: no peer does it at this size")
            continue
        found = [*protocols.measure(workload, n, part=PART), *theirs(workload.name, n, progress)]
        progress(f"{workload.name} {n:,}: " + ", ".join(f"{each.system} {each.seconds_median:.3g} s" for each in found))
        yield found
