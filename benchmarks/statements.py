"""Statements on the NAFLD study over three institutions: real processes, real links, everything that an analyst waits for."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

import secureframe as sf
from benchmarks.measuring import MemorySampler, Seconds, family, processor_seconds, seconds_of
from benchmarks.pooled import Pooled
from benchmarks.records import Record
from secureframe.backend import Backend
from secureframe.datasets import NAFLD_ROSTER
from secureframe.jobs import JobReport

START = "start of the demonstration"
COLUMNS = ["age", "male", "bmi", "sbp", "chol", "mi"]
Start = Callable[..., Backend]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement, its counterpart on pooled rows, and whether both can be compared cell by cell."""

    name: str
    ask: Callable[[], pd.DataFrame]
    clear: Callable[[], object]
    compared: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a statement took: seconds at the notebook, and what the job reported of itself, as medians.

    Processor seconds are those of all processes, a mean: what hardly depends on who else uses the machine.
    """

    name: str
    seconds: Seconds
    processor: float
    rounds: int
    bytes: int
    dealt: int
    stages: dict[str, float]
    clear: Seconds


@dataclass(slots=True, kw_only=True)
class Findings:
    """All that was measured on the demonstration."""

    start: Seconds
    first: float
    statements: list[Measured] = field(default_factory=list)
    idle_bytes: int = 0
    peak_bytes: int = 0
    peak_by_kind: dict[str, int] = field(default_factory=dict)


def cohort_of(fed: sf.Federation) -> sf.SecureFrame:
    """The cohort of the demonstration: all three institutions."""
    patients, labs, events = fed["hospital.patients"], fed["laboratory.labs"], fed["registry.events"]
    sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
    chol = labs[labs["test"] == "chol"].sort_values("days").groupby("id").agg(chol=("value", "last"))
    first = events[events["event"] == "MI"].groupby("id").agg(first_mi=("days", "min"))
    adults = patients[patients["age"] >= 50].assign(case=patients["case_id"] == patients["id"])
    linked = adults.merge(sbp.merge(chol, on="id", how="left"), on="id").merge(first, on="id", how="left")
    cohort: sf.SecureFrame = linked.assign(mi=linked["first_mi"].notna())
    return cohort


def ages(fed: sf.Federation) -> pd.DataFrame:
    """The local statement: one institution's rows alone."""
    released: pd.DataFrame = fed["hospital.patients"].groupby("male")["age"].agg(["count", "mean", "std", "median"])
    return released


def pressures(fed: sf.Federation) -> pd.DataFrame:
    """A statement that needs one row of all three institutions."""
    cohort = cohort_of(fed)
    released: pd.DataFrame = cohort[cohort["mi"]].groupby("male")["sbp"].agg(["count", "mean", "std"])
    return released


def statements(fed: sf.Federation, pooled: Pooled) -> list[Statement]:
    """What is measured."""
    return [
        Statement(name="local: ages by sex", ask=lambda: ages(fed), clear=pooled.ages),
        Statement(name="join of all three: pressure by sex", ask=lambda: pressures(fed), clear=pooled.pressures),
        Statement(
            name="join of all three: Table 1 by case",
            ask=lambda: sf.table_one(cohort_of(fed), by="case", columns=COLUMNS),
            clear=lambda: pooled.table_one(COLUMNS),
            compared=False,
        ),
    ]


def measure(fed: sf.Federation, statement: Statement, repeats: int) -> Measured:
    """Ask once unmeasured and then ``repeats`` times.

    Raises
    ------
    RuntimeError
        If a released cell is not that of the pooled rows.
    """
    if statement.compared:
        compare(statement)
    else:
        statement.ask()
    jobs: list[JobReport] = []
    seconds = []
    before = _processor()
    for _ in range(repeats):
        started = time.perf_counter()
        statement.ask()
        seconds.append(time.perf_counter() - started)
        assert fed.last_job is not None
        jobs.append(fed.last_job)
    processor = (_processor() - before) / repeats
    names = [stage.name for stage in jobs[0].stages]
    return Measured(
        name=statement.name,
        seconds=Seconds(all=tuple(seconds)),
        processor=processor,
        rounds=int(statistics.median(job.rounds for job in jobs)),
        bytes=int(statistics.median(job.bytes for job in jobs)),
        dealt=int(statistics.median(sum(job.dealt.values()) for job in jobs)),
        stages={name: statistics.median(job.stages[i].seconds for job in jobs) for i, name in enumerate(names)},
        clear=seconds_of(statement.clear, repeats),
    )


def _processor() -> float:
    return sum(processor_seconds(process) for process in family(os.getpid()))


def compare(statement: Statement) -> None:
    """Hold every released cell against the one of the pooled rows; withheld cells are passed over."""
    released, clear = statement.ask(), statement.clear()
    assert isinstance(clear, pd.DataFrame)
    for column in clear.columns:
        for key in clear.index:
            cell = released.loc[key, column]
            if pd.isna(cell):
                continue
            if abs(float(cell) - float(clear.loc[key, column])) > 1e-9 * max(1.0, abs(float(cell))):
                raise RuntimeError(f"{statement.name}: a released cell is not that of the pooled rows")


def started(start: Start | None = None, study: str = "nafld") -> tuple[sf.Federation, float]:
    """Start a demonstration; return it and the seconds that took."""
    began = time.perf_counter()
    fed = sf.demo(study, quiet=True, start=start)
    return fed, time.perf_counter() - began


def run(starts: int, repeats: int, progress: Callable[[str], None]) -> Findings:
    """Start the demonstration ``starts`` times, and measure the statements on the last one."""
    pooled = Pooled.read()
    seconds: list[float] = []
    for number in range(starts):
        fed, took = started()
        seconds.append(took)
        progress(f"start: {took:.1f} s")
        if number < starts - 1:
            fed.close()
    with fed:
        began = time.perf_counter()
        ages(fed)
        found = Findings(start=Seconds(all=tuple(seconds)), first=time.perf_counter() - began)
        asked = statements(fed, pooled)
        for statement in asked:
            found.statements.append(measure(fed, statement, repeats))
            progress(f"{statement.name}: {found.statements[-1].seconds.median:.3f} s")
        _memory(found, asked)
    return found


def _memory(found: Findings, asked: list[Statement]) -> None:
    """Sample memory at rest, and while every statement runs twice more."""
    with MemorySampler() as idle:
        time.sleep(1.0)
    with MemorySampler() as busy:
        for statement in asked:
            statement.ask()
            statement.ask()
    found.idle_bytes = idle.peak
    found.peak_bytes, found.peak_by_kind = max((idle.peak, idle.by_kind), (busy.peak, busy.by_kind), key=lambda each: each[0])


def records(found: Findings) -> list[Record]:
    """Return the records of a run: every statement over links and pooled, and the start with the memory of all processes."""
    lines = []
    for each in found.statements:
        known: dict[str, Any] = {"part": "statements", "workload": each.name, "n": NAFLD_ROSTER}
        lines.append(
            Record.of(
                each.seconds.all,
                **known,
                system="secureframe TLS",
                bytes_per_party=each.bytes // 3,
                rounds=each.rounds,
                detail={"processor_seconds": each.processor, "dealt_bytes": each.dealt, "stage_seconds": each.stages},
            )
        )
        lines.append(Record.of(each.clear.all, **known, system="pandas"))
    memory = {kind: size / 1e6 for kind, size in sorted(found.peak_by_kind.items(), key=lambda each: -each[1])}
    start = Record.of(
        found.start.all,
        part="statements",
        workload=START,
        n=NAFLD_ROSTER,
        system="secureframe TLS",
        peak_mb=found.peak_bytes / 1e6,
        detail={"first_statement_seconds": found.first, "rest_mb": found.idle_bytes / 1e6, "peak_mb_by_kind": memory},
    )
    return [*lines, start]
