"""Latency of small statements: a thousand rows at each of three institutions, from the notebook and back, on real processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

import secureframe as sf
from benchmarks.measuring import Seconds, family, processor_seconds
from benchmarks.records import Record
from secureframe.backend import PARTIES, Backend

ROWS = 1_000
HOSPITALS = ("north", "south", "west")
Start = Callable[..., Backend]


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """One statement: the first of a new notebook and new processes, and later ones."""

    name: str
    first: float
    seconds: Seconds
    processor: float
    rounds: int
    bytes: int


def tables(rows: int = ROWS) -> dict[str, dict[str, sf.Table]]:
    """The same small table of other people at every hospital."""
    draw = np.random.default_rng(22)
    columns = {
        "id": sf.key(low=1, high=10 * rows, nullable=False),
        "age": sf.integer(18, 110, nullable=False),
        "male": sf.boolean(nullable=False),
    }
    found = {}
    for number, hospital in enumerate(HOSPITALS):
        ids = np.arange(rows) + number * rows + 1
        frame = pl.DataFrame({"id": ids, "age": draw.integers(18, 100, rows), "male": draw.random(rows) < 0.5})
        table = sf.Table(frame, columns=columns, roster_size=rows, rows_per_person=1, disjoint=True)
        found[hospital] = {"patients": table}
    return found


def statements(fed: sf.Federation) -> dict[str, Callable[[], Any]]:
    """One institution's mean, and groups over the rows of all three."""
    return {
        "of one owner": lambda: fed["north.patients"]["age"].mean(),
        "of three owners' rows": lambda: fed["patients"].groupby("male")["age"].mean(),
    }


def run(rows: int, repeats: int, progress: Callable[[str], None], start: Start | None = None) -> list[Small]:
    """Ask each statement once, and then ``repeats`` times."""
    fed = sf.simulate(tables(rows), purpose="benchmark", quiet=True, start=start)
    found = []
    with fed:
        for name, ask in statements(fed).items():
            began = time.perf_counter()
            ask()
            first = time.perf_counter() - began
            for _ in range(3):
                ask()
            before = _processor()
            seconds = []
            for _ in range(repeats):
                began = time.perf_counter()
                ask()
                seconds.append(time.perf_counter() - began)
            processor = (_processor() - before) / repeats
            job = fed.last_job
            assert job is not None
            small = Small(
                name=name,
                first=first,
                seconds=Seconds(all=tuple(seconds)),
                processor=processor,
                rounds=job.rounds,
                bytes=job.bytes,
            )
            found.append(small)
            progress(f"small statement {name}: {1e3 * small.seconds.median:.0f} ms, the first {1e3 * first:.0f} ms")
    return found


def _processor() -> float:
    return sum(map(processor_seconds, family(os.getpid())))


def records(found: list[Small], rows: int = ROWS) -> list[Record]:
    """Return one record a statement."""
    return [
        Record.of(
            each.seconds.all,
            part="statements",
            workload=f"statement_small: {each.name}",
            n=rows,
            system="secureframe TLS",
            bytes_per_party=each.bytes // PARTIES,
            rounds=each.rounds,
            detail={"first_seconds": each.first, "processor_seconds": each.processor},
        )
        for each in found
    ]
