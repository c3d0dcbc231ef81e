"""What was measured, one line a measurement: ``benchmarks/results/latest.jsonl``.

A run writes the lines of what it measured and keeps all others, so the file is always the latest of everything. The pages and
plots are made from this file alone.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Self

from benchmarks.measuring import machine

LATEST = Path(__file__).parent / "results" / "latest.jsonl"


@cache
def _measured() -> dict[str, Any]:
    """The machine and the commit, looked up once a run."""
    return machine()


def machine_line() -> str:
    """Processor, cores, memory and system of this machine."""
    on = _measured()
    return f"{on['processor']}, {on['cores']} cores, {on['memory_gib']} GiB, {on['system']}"


def _commit() -> str:
    return str(_measured()["commit"])


def versions(**others: str) -> dict[str, str]:
    """Versions of Python and of the packages that were measured with, and of others."""
    on = _measured()
    return {"python": on["python"], **on["packages"], **others}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One system on one workload.

    Parameters
    ----------
    part : str
        The run that it belongs to, for instance ``"protocols"``, ``"peers"`` or ``"latency"``. Lines of one part, workload and
        size were measured together and are replaced together, so that their ratios are those of one run.
    workload : str
        Its name without a size, for instance ``"less_than"``.
    n : int
        Its size: rows, as a rule.
    system : str
        ``"secureframe TLS"``, ``"secureframe TCP"``, ``"numpy"``, ``"pandas"``, ``"polars"``, ``"spu ..."``, ``"mpyc ..."``.
    seconds_median, seconds_min, seconds_max : float
        Of the repetitions, each that of the slowest party.
    repeats : int
        How many repetitions were timed; one before them was not.
    bytes_per_party : int, optional
        What a party sends, the mean of all parties; none for work in the clear.
    rounds : int, optional
        Sequential exchanges; none where a system does not say.
    peak_mb : float, optional
        The largest sum of all processes' proportional set sizes (10^6 bytes); none where it was not sampled.
    round_trip_ms : float
        The delay that was put between parties; 0 without any, on loopback.
    machine : str
        Processor, cores, memory and system, as one line.
    versions : dict
        What was measured with, by package, Python among them.
    commit, started : str
        The commit that was measured, and when (UTC, ISO 8601).
    detail : dict
        Figures that only this part has, for instance processor seconds or the stages of a statement.
    """

    part: str
    workload: str
    n: int
    system: str
    seconds_median: float
    seconds_min: float
    seconds_max: float
    repeats: int
    bytes_per_party: int | None = None
    rounds: int | None = None
    peak_mb: float | None = None
    round_trip_ms: float = 0.0
    machine: str = field(default_factory=machine_line)
    versions: dict[str, str] = field(default_factory=versions)
    commit: str = field(default_factory=_commit)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    detail: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, seconds: Sequence[float], *, part: str, workload: str, n: int, system: str, **more: Any) -> Self:
        """Return the record of repeated measurements.

        Raises
        ------
        ValueError
            If nothing was measured.
        """
        if not seconds:
            raise ValueError(f"{workload} on {system} was not timed once")
        return cls(
            part=part,
            workload=workload,
            n=n,
            system=system,
            seconds_median=statistics.median(seconds),
            seconds_min=min(seconds),
            seconds_max=max(seconds),
            repeats=len(seconds),
            **more,
        )

    @property
    def day(self) -> str:
        return self.started[:10]

    @property
    def together(self) -> tuple[str, str, int]:
        """What lines that are measured and replaced together have in common."""
        return self.part, self.workload, self.n

    def to_line(self) -> str:
        return json.dumps({name: _short(value) for name, value in asdict(self).items()})

    @classmethod
    def from_line(cls, line: str) -> Self:
        found = json.loads(line)
        names = {each.name for each in fields(cls)}
        if found.keys() != names:
            raise ValueError(f"a record has other fields than {sorted(names)}: {sorted(found.keys() ^ names)}")
        return cls(**found)


def _short(value: Any) -> Any:
    """Numbers without digits that no measurement has."""
    match value:
        case bool() | int():
            return value
        case float():
            return float(f"{value:.4g}")
        case dict():
            return {name: _short(each) for name, each in value.items()}
        case list() | tuple():
            return [_short(each) for each in value]
        case _:
            return value


def read(path: Path = LATEST) -> list[Record]:
    """Return the records of a file, in its order; none where it is not there."""
    if not path.exists():
        return []
    return [Record.from_line(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def merge(kept: Iterable[Record], measured: Iterable[Record]) -> list[Record]:
    """Return both, sorted, without the kept records of a part, workload and size that were measured anew."""
    fresh = list(measured)
    anew = {each.together for each in fresh}
    records = [each for each in kept if each.together not in anew] + fresh
    return sorted(records, key=lambda each: (each.part, each.workload, each.n, each.round_trip_ms, each.system))


def write(measured: Iterable[Record], path: Path = LATEST) -> None:
    """Put records into a file that keeps its others; whole or not at all."""
    records = merge(read(path), measured)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text("".join(each.to_line() + "\n" for each in records), encoding="utf-8")
    beside.replace(path)
