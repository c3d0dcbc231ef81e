"""A pooled description of twenty columns whose rows lie at three institutions: real processes, real links."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

import secureframe as sf
from benchmarks.measuring import MemorySampler, Seconds, family, processor_seconds, seconds_of
from benchmarks.records import Record
from secureframe.backend import PARTIES, Backend
from secureframe.results.summaries import NUMBER_QUANTILES

ROWS, MANY_ROWS, MOST_ROWS = 100_000, 1_000_000, 3_333_334
"""Rows of each hospital: as a rule, with many, and where memory is what counts."""
HOSPITALS = ("north", "south", "west")
LEVELS = {
    "smoking": ("never", "former", "current"),
    "stage": ("I", "II", "III", "IV"),
    "blood_group": ("0", "A", "B", "AB"),
    "region": tuple(f"region {i:02d}" for i in range(12)),
}
WHOLE = {
    "age": (18, 110),
    "systolic": (60, 260),
    "diastolic": (30, 160),
    "pulse": (30, 220),
    "visits": (0, 200),
    "nodes": (0, 60),
    "platelets": (5, 1_500),
    "follow_up_days": (0, 7_305),
}
DECIMAL = {
    "weight": (20, 300, 1),
    "height": (100, 250, 1),
    "bmi": (5, 100, 1),
    "cholesterol": (0, 40, 2),
    "glucose": (0, 60, 1),
    "haemoglobin": (2, 25, 1),
    "creatinine": (0, 40, 2),
    "albumin": (5, 80, 1),
}
"""Ends of the range, and digits after the point."""
Start = Callable[..., Backend]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What the description took, as medians; memory is the largest sum of all processes (PSS), sampled in further runs."""

    rows: int
    columns: int
    seconds: Seconds
    processor: float
    rounds: int
    bytes: int
    dealt: int
    stages: dict[str, float]
    clear: Seconds
    idle_bytes: int
    peak_bytes: int


def columns() -> dict[str, sf.ColumnDeclaration]:
    """What is declared of every hospital's table."""
    declared = {"id": sf.key("country", low=1, high=100_000_000, nullable=False)}
    declared |= {name: sf.integer(low, high, nullable=True) for name, (low, high) in WHOLE.items()}
    declared |= {name: sf.decimal(low, high, digits, nullable=True) for name, (low, high, digits) in DECIMAL.items()}
    return declared | {name: sf.category(levels, nullable=True) for name, levels in LEVELS.items()}


def drawn(number: int, rows: int) -> pl.DataFrame:
    """The rows of one hospital: whole numbers, decimals and categories, a tenth missing."""
    draw = np.random.default_rng(20 + number)
    found = [pl.Series("id", np.arange(rows) + number * rows + 1)]
    for name, (low, high) in WHOLE.items():
        values = np.round(low + (high - low) * draw.beta(2, 3 + number, rows)).astype(np.int64)
        found.append(_missing(draw, pl.Series(name, values)))
    for name, (low, high, digits) in DECIMAL.items():
        found.append(_missing(draw, pl.Series(name, np.round(low + (high - low) * draw.beta(3, 4 + number, rows), digits))))
    for name, levels in LEVELS.items():
        words = pl.Series(name, levels, dtype=pl.Enum(levels))
        found.append(_missing(draw, words.gather(draw.integers(0, len(levels), rows))))
    return pl.DataFrame(found)


def _missing(draw: np.random.Generator, values: pl.Series) -> pl.Series:
    return values.set(pl.Series(draw.random(len(values)) < 0.1), None)


def table_of(source: Any, rows: int) -> sf.Table:
    """One hospital's table, declared."""
    return sf.Table(source, person_domain="country", roster_size=rows, rows_per_person=1, disjoint=True, columns=columns())


def tables(rows: int = ROWS) -> dict[str, dict[str, sf.Table]]:
    """Three hospitals with the same columns and other patients."""
    return {hospital: {"patients": table_of(drawn(number, rows), rows)} for number, hospital in enumerate(HOSPITALS)}


def pooled(held: Mapping[str, Mapping[str, sf.Table]]) -> pd.DataFrame:
    """All rows in one frame, in pandas' nullable types."""
    frame = pl.concat([owned["patients"].source for owned in held.values()]).drop("id").to_pandas()
    kinds = dict.fromkeys(WHOLE, "Int64") | dict.fromkeys(DECIMAL, "Float64") | dict.fromkeys(LEVELS, "category")
    typed: pd.DataFrame = frame.astype(kinds)
    return typed


def described(frame: pd.DataFrame) -> pd.DataFrame:
    """The description by pandas, with the quantiles that are released."""
    return frame.describe(include="all", percentiles=[float(q) for q in NUMBER_QUANTILES])


def compare(released: pd.DataFrame, clear: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Hold every cell against pandas; quantiles against those with ``interpolation="lower"``.

    Raises
    ------
    RuntimeError
        If a cell is not that of the pooled rows.
    """
    for name in frame.columns:
        rows = ["count", "top", "freq"] if name in LEVELS else ["count", "mean", "std"]
        wanted: dict[str, Any] = {row: clear.loc[row, name] for row in rows}
        if name not in LEVELS:
            wanted |= {f"{float(q):.0%}": frame[name].quantile(float(q), interpolation="lower") for q in NUMBER_QUANTILES}
        for row, value in wanted.items():
            cell: Any = released.loc[row, name]
            close = cell == value if isinstance(value, str) else abs(float(cell) - float(value)) <= 1e-9 * max(1, abs(value))
            if not close:
                raise RuntimeError(f"{row} of {name} is not that of the pooled rows")


def started(rows: int = ROWS, start: Start | None = None) -> tuple[sf.Federation, pd.DataFrame]:
    """Start the three hospitals; return them and the pooled rows."""
    held = tables(rows)
    return sf.simulate(held, purpose="benchmark", quiet=True, start=start), pooled(held)


def run(rows: int, repeats: int, progress: Callable[[str], None], start: Start | None = None) -> Described:
    """Describe once unmeasured, and then ``repeats`` times."""
    fed, frame = started(rows, start)
    gc.collect()
    with fed:
        patients = fed["patients"]
        compare(patients.describe(include="all"), described(frame), frame)
        seconds, jobs = [], []
        before = sum(map(processor_seconds, family(os.getpid())))
        for _ in range(repeats):
            began = time.perf_counter()
            patients.describe(include="all")
            seconds.append(time.perf_counter() - began)
            assert fed.last_job is not None
            jobs.append(fed.last_job)
        processor = (sum(map(processor_seconds, family(os.getpid()))) - before) / repeats
        clear = seconds_of(lambda: described(frame), repeats)
        with MemorySampler() as idle:
            time.sleep(1.0)
        with MemorySampler() as busy:
            for _ in range(3):
                patients.describe(include="all")
    job = jobs[-1]
    found = Described(
        rows=rows * len(HOSPITALS),
        columns=len(frame.columns),
        seconds=Seconds(all=tuple(seconds)),
        processor=processor,
        rounds=job.rounds,
        bytes=job.bytes,
        dealt=sum(job.dealt.values()),
        stages={stage.name: float(np.median([j.stages[i].seconds for j in jobs])) for i, stage in enumerate(job.stages)},
        clear=clear,
        idle_bytes=idle.peak,
        peak_bytes=max(idle.peak, busy.peak),
    )
    progress(f"description of {found.columns} columns over {found.rows:,} rows: {found.seconds.median:.2f} s")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Memory of all processes (PSS): while tables are read, at rest, and while they are described."""

    rows: int
    start_seconds: float
    seconds: float
    start_bytes: int
    idle_bytes: int
    peak_bytes: int
    peak_by_kind: dict[str, int]


def memory(rows: int, progress: Callable[[str], None], start: Start | None = None) -> Held:
    """Describe tables that lie in files, of so many rows a hospital, of which this process never holds any."""
    with tempfile.TemporaryDirectory() as name:
        held = {}
        for number, hospital in enumerate(HOSPITALS):
            path = Path(name) / f"{hospital}.parquet"
            subprocess.run([sys.executable, "-m", __name__, str(number), str(rows), str(path)], check=True)
            held[hospital] = {"patients": table_of(path, rows)}
        began = time.perf_counter()
        with MemorySampler() as starting:
            fed = sf.simulate(held, purpose="benchmark", quiet=True, start=start)
        started_in = time.perf_counter() - began
    with fed:
        began = time.perf_counter()
        with MemorySampler() as busy:
            for _ in range(2):
                fed["patients"].describe(include="all")
        seconds = (time.perf_counter() - began) / 2
        with MemorySampler() as idle:
            time.sleep(1.0)
    found = Held(
        rows=rows * len(HOSPITALS),
        start_seconds=started_in,
        seconds=seconds,
        start_bytes=starting.peak,
        idle_bytes=idle.peak,
        peak_bytes=max(busy.peak, idle.peak),
        peak_by_kind=busy.by_kind,
    )
    progress(f"memory of a description of {found.rows:,} rows: {found.peak_bytes / 2**20:,.0f} MiB")
    return found


def records(found: Described) -> list[Record]:
    """Return the records of a run: over links, and pooled."""
    known: dict[str, Any] = {"part": "horizontal", "workload": "describe_horizontal", "n": found.rows}
    linked = Record.of(
        found.seconds.all,
        **known,
        system="secureframe TLS",
        bytes_per_party=found.bytes // PARTIES,
        rounds=found.rounds,
        peak_mb=found.peak_bytes / 1e6,
        detail={
            "columns": found.columns,
            "processor_seconds": found.processor,
            "dealt_bytes": found.dealt,
            "stage_seconds": found.stages,
            "rest_mb": found.idle_bytes / 1e6,
        },
    )
    return [linked, Record.of(found.clear.all, **known, system="pandas")]


def memory_records(found: Held) -> list[Record]:
    """Return the record of memory over tables in files."""
    return [
        Record.of(
            [found.seconds],
            part="horizontal",
            workload="describe_horizontal of files",
            n=found.rows,
            system="secureframe TLS",
            peak_mb=found.peak_bytes / 1e6,
            detail={
                "start_seconds": found.start_seconds,
                "start_mb": found.start_bytes / 1e6,
                "rest_mb": found.idle_bytes / 1e6,
                "peak_mb_by_kind": {kind: size / 1e6 for kind, size in found.peak_by_kind.items()},
            },
        )
    ]


if __name__ == "__main__":
    drawn(int(sys.argv[1]), int(sys.argv[2])).write_parquet(sys.argv[3])
