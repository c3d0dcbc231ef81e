"""A cohort over three owners, one row a person at each: statements after its join, on real processes and real links.

Five criteria over columns of all three. Each is evaluated by the owner of its column in the clear; the parties have kept
the arrangement of the join from an earlier statement, so that a statement moves only what it needs of the rows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

import secureframe as sf
from benchmarks.measuring import MemorySampler, Seconds, family, processor_seconds
from benchmarks.records import Record
from secureframe.backend import PARTIES, Backend
from secureframe.jobs import JobReport

PERSONS = 1_000_000
ID_SPACE = 1_200_000
"""Everybody who could be in a table: each owner has ``PERSONS`` of them."""
Start = Callable[..., Backend]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one statement took: the first of a frame pays for the join, the later ones are measured."""

    name: str
    first: float
    seconds: Seconds
    processor: float
    rounds: int
    bytes: int
    dealt: int
    stages: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The statements over one cohort, and the memory of all processes (PSS), sampled in further runs."""

    persons: int
    statements: tuple[Statement, ...]
    idle_bytes: int
    peak_bytes: int


def tables(persons: int = PERSONS) -> dict[str, dict[str, sf.Table]]:
    """A hospital, a laboratory and a registry: other columns of mostly the same people."""
    draw = np.random.default_rng(21)

    def owned(columns: dict[str, Any], declared: dict[str, sf.ColumnDeclaration]) -> sf.Table:
        ids = np.sort(draw.choice(persons * ID_SPACE // PERSONS, persons, replace=False)) + 1
        key = sf.key(low=1, high=persons * ID_SPACE // PERSONS, nullable=False)
        return sf.Table(
            pl.DataFrame({"id": ids, **columns}), columns={"id": key, **declared}, roster_size=persons, rows_per_person=1
        )

    def whole(low: int, high: int) -> tuple[Any, sf.ColumnDeclaration]:
        return np.round(low + (high - low) * draw.beta(3, 4, persons)).astype(np.int64), sf.integer(low, high, nullable=False)

    def truth(share: float) -> tuple[Any, sf.ColumnDeclaration]:
        return draw.random(persons) < share, sf.boolean(nullable=False)

    columns = {
        "hospital": {"age": whole(0, 110), "bmi": whole(10, 80), "male": truth(0.5)},
        "laboratory": {"pressure": whole(60, 260), "cholesterol": whole(0, 500)},
        "registry": {"infarction": truth(0.2), "visits": whole(0, 200)},
    }
    return {
        owner: {
            "people": owned(
                {name: values for name, (values, _) in held.items()}, {name: type_ for name, (_, type_) in held.items()}
            )
        }
        for owner, held in columns.items()
    }


def cohort_of(fed: sf.Federation) -> sf.SecureFrame:
    """The people of all three tables who meet five criteria."""
    joined = fed["hospital.people"].merge(fed["laboratory.people"], on="id").merge(fed["registry.people"], on="id")
    kept: sf.SecureFrame = joined[
        (joined["age"] >= 40)
        & (joined["bmi"] < 50)
        & (joined["pressure"] >= 110)
        & (joined["cholesterol"] < 300)
        & ~joined["infarction"]
    ]
    return kept


def statements(fed: sf.Federation) -> dict[str, Callable[[], Any]]:
    """A count, a mean, and a mean of groups."""
    return {
        "count": lambda: cohort_of(fed)["age"].count(),
        "mean": lambda: cohort_of(fed)["pressure"].mean(),
        "grouped mean": lambda: cohort_of(fed).groupby("male")["pressure"].mean(),
    }


def clear(held: dict[str, dict[str, sf.Table]]) -> dict[str, Any]:
    """The same answers from the pooled rows."""
    hospital, laboratory, registry = (held[name]["people"].source for name in ("hospital", "laboratory", "registry"))
    joined = hospital.join(laboratory, on="id").join(registry, on="id")
    kept = joined.filter(
        (pl.col("age") >= 40)
        & (pl.col("bmi") < 50)
        & (pl.col("pressure") >= 110)
        & (pl.col("cholesterol") < 300)
        & ~pl.col("infarction")
    )
    groups = dict(kept.group_by("male").agg(pl.col("pressure").mean()).iter_rows())
    return {"count": kept.height, "mean": kept["pressure"].mean(), "grouped mean": groups}


def compare(name: str, released: Any, wanted: Any) -> None:
    """Hold an answer against that of the pooled rows.

    Raises
    ------
    RuntimeError
        If it is another one.
    """
    pairs = [(released[key], value) for key, value in wanted.items()] if isinstance(wanted, dict) else [(released, wanted)]
    if any(abs(float(found) - float(value)) > 1e-9 * max(1.0, abs(float(value))) for found, value in pairs):
        raise RuntimeError(f"the {name} of the cohort is not that of the pooled rows")


def run(persons: int, repeats: int, progress: Callable[[str], None], start: Start | None = None) -> Cohort:
    """Ask every statement once, which joins where nothing is kept yet, and then ``repeats`` times."""
    held = tables(persons)
    wanted = clear(held)
    fed = sf.simulate(held, purpose="benchmark", quiet=True, start=start)
    del held
    with fed:
        asked = statements(fed)
        firsts = {}
        for name, ask in asked.items():
            began = time.perf_counter()
            released = ask()
            firsts[name] = time.perf_counter() - began
            compare(name, released, wanted[name])
            progress(f"first {name} of a cohort of {persons:,}: {firsts[name]:.2f} s")
        found = tuple(_measured(fed, name, ask, firsts[name], repeats, progress) for name, ask in asked.items())
        with MemorySampler() as idle:
            time.sleep(0.5)
        with MemorySampler() as busy:
            for ask in asked.values():
                ask()
    return Cohort(persons=persons, statements=found, idle_bytes=idle.peak, peak_bytes=max(idle.peak, busy.peak))


def _measured(
    fed: sf.Federation, name: str, ask: Callable[[], Any], first: float, repeats: int, progress: Callable[[str], None]
) -> Statement:
    seconds: list[float] = []
    jobs: list[JobReport] = []
    before = _processor()
    for _ in range(repeats):
        began = time.perf_counter()
        ask()
        seconds.append(time.perf_counter() - began)
        assert fed.last_job is not None
        jobs.append(fed.last_job)
    processor = (_processor() - before) / repeats
    job = jobs[-1]
    found = Statement(
        name=name,
        first=first,
        seconds=Seconds(all=tuple(seconds)),
        processor=processor,
        rounds=job.rounds,
        bytes=job.bytes,
        dealt=sum(job.dealt.values()),
        stages={stage.name: float(np.median([j.stages[i].seconds for j in jobs])) for i, stage in enumerate(job.stages)},
    )
    progress(f"{name}, after the join: {found.seconds.median:.2f} s")
    return found


def _processor() -> float:
    return sum(map(processor_seconds, family(os.getpid())))


def records(found: Cohort) -> list[Record]:
    """Return one record a statement; the peak of memory is that of all of them."""
    return [
        Record.of(
            each.seconds.all,
            part="cohort",
            workload=f"cohort_vertical: {each.name}",
            n=found.persons,
            system="secureframe TLS",
            bytes_per_party=each.bytes // PARTIES,
            rounds=each.rounds,
            peak_mb=found.peak_bytes / 1e6,
            detail={
                "first_seconds": each.first,
                "processor_seconds": each.processor,
                "dealt_bytes": each.dealt,
                "stage_seconds": each.stages,
                "rest_mb": found.idle_bytes / 1e6,
            },
        )
        for each in found.statements
    ]
