"""A pooled description of twenty columns whose rows lie at three institutions, 100,000 each: real processes, real links."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

import secureframe as sf
from benchmarks.measuring import MemorySampler, Seconds, family, processor_seconds, ratio, seconds_of, table
from secureframe.backend import Backend
from secureframe.results.summaries import NUMBER_QUANTILES

ROWS = 100_000
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

    def to_json(self) -> dict[str, Any]:
        return {
            "name": "horizontal_describe_1e5",
            **{name: value for name, value in asdict(self).items() if name not in ("seconds", "clear")},
            "seconds": self.seconds.to_json(),
            "clear": {"with": "pandas", **self.clear.to_json()},
            "ratio": ratio(self.seconds.median, self.clear.median),
        }


def tables(rows: int = ROWS) -> dict[str, dict[str, sf.Table]]:
    """Three hospitals with the same columns and other patients: whole numbers, decimals and categories, a tenth missing."""
    draw = np.random.default_rng(20)
    columns = {name: sf.integer(low, high, nullable=True) for name, (low, high) in WHOLE.items()}
    columns |= {name: sf.decimal(low, high, digits, nullable=True) for name, (low, high, digits) in DECIMAL.items()}
    columns |= {name: sf.category(levels, nullable=True) for name, levels in LEVELS.items()}
    found = {}
    for number, hospital in enumerate(HOSPITALS):
        frame: dict[str, Any] = {"id": np.arange(rows) + number * rows + 1}
        for name, (low, high) in WHOLE.items():
            frame[name] = _missing(draw, np.round(low + (high - low) * draw.beta(2, 3 + number, rows)))
        for name, (low, high, digits) in DECIMAL.items():
            frame[name] = _missing(draw, np.round(low + (high - low) * draw.beta(3, 4 + number, rows), digits))
        for name, levels in LEVELS.items():
            picked = np.array(levels, dtype=object)[draw.integers(0, len(levels), rows)]
            frame[name] = pd.Series(picked).mask(draw.random(rows) < 0.1)
        found[hospital] = {
            "patients": sf.Table(
                pd.DataFrame(frame),
                person_domain="country",
                roster_size=rows,
                rows_per_person=1,
                disjoint=True,
                columns={"id": sf.key("country", low=1, high=10_000_000, nullable=False), **columns},
            )
        }
    return found


def _missing(draw: np.random.Generator, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    values[draw.random(len(values)) < 0.1] = np.nan
    return values


def pooled(held: Mapping[str, Mapping[str, sf.Table]]) -> pd.DataFrame:
    """All rows in one frame, in pandas' nullable types."""
    frame = pd.concat([owned["patients"].source for owned in held.values()], ignore_index=True).drop(columns="id")
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


def text(found: Described) -> str:
    """Return the table of a run."""
    sent = ["rounds", "MB", "of it dealt"]
    head = ["describe(), warm", "s, median", "least", "processor s", *sent, "pandas, s", "ratio", "PSS, MiB"]
    row = [
        f"{found.columns} columns, {found.rows:,} rows, 3 institutions",
        f"{found.seconds.median:.2f}",
        f"{found.seconds.least:.2f}",
        f"{found.processor:.2f}",
        f"{found.rounds}",
        f"{found.bytes / 1e6:.1f}",
        f"{found.dealt / 1e6:.1f}",
        f"{found.clear.median:.2f}",
        f"{ratio(found.seconds.median, found.clear.median):.1f}",
        f"{found.peak_bytes / 2**20:,.0f}",
    ]
    stages = ", ".join(f"{name} {1e3 * value:.0f}" for name, value in found.stages.items())
    rest = f"memory at rest {found.idle_bytes / 2**20:,.0f} MiB"
    return table(head, [row]) + f"\n\nstages, ms (slowest party, median): {stages}; {rest}"
