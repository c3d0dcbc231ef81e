"""Seconds of repeated calls, the machine they were measured on, and the memory of all its processes."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PACKAGES = ("numba", "numpy", "pandas", "polars", "ray", "cryptography")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Repeated measurements of one thing."""

    all: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.all)

    @property
    def least(self) -> float:
        return min(self.all)

    def to_json(self) -> dict[str, Any]:
        return {"median": self.median, "least": self.least, "all": list(self.all)}


def seconds_of(call: Callable[[], object], repeats: int) -> Seconds:
    """Call once unmeasured and then ``repeats`` times, and return the seconds of each."""
    call()
    measured = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        measured.append(time.perf_counter() - started)
    return Seconds(all=tuple(measured))


def load() -> list[float]:
    """Return how many threads wanted a processor in the last 1, 5 and 15 minutes; nothing where the system does not say."""
    return [round(each, 1) for each in os.getloadavg()] if hasattr(os, "getloadavg") else []


def commit() -> str:
    """Return the commit that is measured, marked where files differ from it; empty outside a repository."""
    call = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(call, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def machine() -> dict[str, Any]:
    """Return what the measurements were made on."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(int((_field("/proc/meminfo", "MemTotal") or "0 kB").split()[0]) / 2**20, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "commit": commit(),
        "day": datetime.now(UTC).date().isoformat(),
    }


def available_mb() -> float:
    """Return how much memory programs could still take, in 10^6 bytes; without end where the system does not say."""
    found = _field("/proc/meminfo", "MemAvailable")
    return float("inf") if found is None else int(found.split()[0]) * 1024 / 1e6


def _field(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), None)


def family(root: int) -> dict[int, str]:
    """Return a process and all its descendants: what each is called, by its number."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (text := _read(entry / "stat")):
            children.setdefault(int(text[text.rindex(")") + 2 :].split()[1]), []).append(int(entry.name))
    found: dict[int, str] = {}
    waiting = [root]
    while waiting:
        process = waiting.pop()
        found[process] = _name(process)
        waiting += children.get(process, [])
    return found


def proportional_bytes(process: int) -> int:
    """Return the memory of a process, pages that it shares with others counted in proportion (PSS); 0 if it has ended."""
    for line in _read(Path(f"/proc/{process}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return 1024 * int(line.split()[1])
    return 0


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has taken so far; 0 if it has ended."""
    text = _read(Path(f"/proc/{process}/stat"))
    if not text:
        return 0.0
    user, system = text[text.rindex(")") + 2 :].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class MemorySampler:
    """Samples the memory of this process and all its descendants while it is entered, and keeps the largest sum.

    A sample costs some 10 ms of a processor, so it is no company for measurements of time.
    """

    def __init__(self, interval: float = 0.1) -> None:
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)
        self.peak = 0
        self.samples = 0
        self.by_kind: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.is_set():
            by_kind: dict[str, int] = {}
            for process, name in family(os.getpid()).items():
                by_kind[name] = by_kind.get(name, 0) + proportional_bytes(process)
            self.samples += 1
            if sum(by_kind.values()) > self.peak:
                self.peak, self.by_kind = sum(by_kind.values()), by_kind
            self._stop.wait(self._interval)


def _name(process: int) -> str:
    """Return what a process is to us: kernel, guardian, launcher, actor, or a part of Ray."""
    if process == os.getpid():
        return "kernel"
    words = _read(Path(f"/proc/{process}/cmdline")).replace("\0", " ").split()
    line = " ".join(words)
    known = {
        "ray_cluster.guardian": "guardian",
        "ray_cluster.launcher": "launcher",
        "InstitutionActor": "institutions",
        "PartyActor": "parties",
    }
    return next((name for mark, name in known.items() if mark in line), "Ray itself")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def ratio(secure: float, clear: float) -> float:
    """How many times longer the first takes than the second."""
    return secure / clear if clear else float("inf")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown that is also readable as text; all columns but the first are flush right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        return "| " + " | ".join(cells) + " |"

    rule = "| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])
