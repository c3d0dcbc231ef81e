"""Where a statement's time goes: marks of the notebook's kernel, of all gateways and of all parties, put on one line.

A step ends when the last of the three institutions has ended it, so that the steps of a statement add up to all of it.
"""

from __future__ import annotations

import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import ray_cluster.simulate
import secureframe as sf
from benchmarks.marks import DIRECTORY, Mark, around, read
from benchmarks.records import Record
from benchmarks.statements import COLUMNS, ages, cohort_of, pressures, started
from benchmarks.twenty import PERSONS, ages_by_size
from secureframe.results import opening as kernel

WITHIN = ("compile there", "local part", "deal", "link", "inputs")
"""Labels of the calls that run beside each other: a deal holds the local part; a link waits for the other side's admission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a statement: where it happens, what, and its milliseconds (mean of the quicker half of the runs)."""

    where: str
    what: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The seconds of every run of one statement, the steps of the quicker half, and the longest of the calls that ran beside
    each other within them, in milliseconds."""

    name: str
    persons: int
    seconds: tuple[float, ...]
    total: float
    steps: tuple[Step, ...]
    within: dict[str, float]


def run(repeats: int, progress: Callable[[str], None]) -> list[Timeline]:
    """Start demonstrations whose processes leave marks, and take the timelines of statements on them."""
    found: list[Timeline] = []

    def take(fed: sf.Federation, name: str, ask: Callable[[sf.Federation], object], times: int, directory: Path) -> None:
        study = "breast-cancer" if ask is ages_by_size else "nafld"
        found.append(_take(name, PERSONS[study], lambda: ask(fed), times, directory))
        progress(f"timeline of {name}: {found[-1].total:.0f} ms")

    with _started("nafld") as (fed, directory):
        take(fed, "local: ages by sex", ages, 2 * repeats, directory)
        take(fed, "join of all three, first time: pressure by sex", _anew(pressures), repeats, directory)
        take(fed, "join of all three, again: pressure by sex", pressures, repeats, directory)
        take(fed, "join of all three, again: Table 1 by case", _table_one, repeats, directory)
    with _started("breast-cancer") as (fed, directory):
        take(fed, "rows at two institutions: ages by size", ages_by_size, 2 * repeats, directory)
    return found


@contextmanager
def _started(study: str) -> Iterator[tuple[sf.Federation, Path]]:
    """A demonstration whose processes write their marks to a directory."""
    with tempfile.TemporaryDirectory() as name:
        os.environ[DIRECTORY] = name
        institution, party_job = "benchmarks.marked:Institution", "benchmarks.marked:PartyJob"
        start = functools.partial(ray_cluster.simulate.start, institution=institution, party_job=party_job)
        fed, _ = started(start, study)
        try:
            with fed, _marked_kernel(fed):
                yield fed, Path(name)
        finally:
            del os.environ[DIRECTORY]


def _table_one(fed: sf.Federation) -> pd.DataFrame:
    released: pd.DataFrame = sf.table_one(cohort_of(fed), by="case", columns=COLUMNS)
    return released


def _anew(ask: Callable[[sf.Federation], object]) -> Callable[[sf.Federation], object]:
    """A statement that uses nothing that earlier ones left at the parties."""

    def asked(fed: sf.Federation) -> object:
        fed._backend.forget_kept()
        return ask(fed)

    return asked


@contextmanager
def _marked_kernel(fed: sf.Federation) -> Iterator[None]:
    """Leave marks in this process too: the objects of this federation, and, for this long, two functions of a module."""
    backend: Any = fed._backend
    around(fed, "run", "statement")
    around(fed, "_plan", "plan")
    around(fed, "_compiled", "compile")
    around(backend, "run", "ask")
    around(backend._client, "kept", "kept")
    originals = {name: getattr(kernel, name) for name in ("open_packages", "decode_release")}
    around(kernel, "open_packages", "open packages")
    around(kernel, "decode_release", "decode")
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(kernel, name, original)


def _take(name: str, persons: int, ask: Callable[[], object], repeats: int, directory: Path) -> Timeline:
    for _ in range(3):
        ask()
    spans = []
    for _ in range(repeats):
        begin = time.perf_counter()
        ask()
        spans.append((begin, time.perf_counter()))
    # The last answers of the other processes may be written a moment after the result has arrived.
    time.sleep(0.5)
    marks = read(directory)
    quicker = sorted(spans, key=lambda span: span[1] - span[0])[: max(1, (repeats + 1) // 2)]
    single = [_steps(begin, end, [m for m in marks if begin <= m.begin <= end]) for begin, end in quicker]
    steps = tuple(
        Step(where=where, what=what, milliseconds=1e3 * statistics.fmean(each[i][2] for each in single))
        for i, (where, what, _) in enumerate(single[0])
    )
    within = {label: 1e3 * statistics.fmean(_longest(begin, end, label, marks) for begin, end in quicker) for label in WITHIN}
    seconds = tuple(end - begin for begin, end in spans)
    total = sum(step.milliseconds for step in steps)
    return Timeline(name=name, persons=persons, seconds=seconds, total=total, steps=steps, within=within)


def _longest(begin: float, end: float, label: str, marks: list[Mark]) -> float:
    """Seconds of the longest call of a label within a statement, that of the institution which had most to do; 0 of none."""
    return max((m.end - m.begin for m in marks if m.label == label and begin <= m.begin <= end), default=0.0)


def _steps(begin: float, end: float, marks: list[Mark]) -> list[tuple[str, str, float]]:
    """Cut a statement at the moments when the last process came to each point."""

    def last(label: str, about: str = "", *, entered: bool = False) -> float:
        found = [m for m in marks if m.label == label and m.about == about]
        return max(m.begin if entered else m.end for m in found)

    stages = list(dict.fromkeys(m.about for m in sorted(marks, key=lambda m: m.begin) if m.label == "stage"))
    cuts = [("gateways", "what the parties keep", last("kept"))] if any(m.label == "kept" for m in marks) else []
    cuts += [
        ("kernel", "frame, plan and its schema", last("plan")),
        ("kernel", "compile", last("compile")),
        ("kernel", "canonical JSON, signature", last("ask", entered=True)),
        ("gateways", "request to every gateway", last("admit", entered=True)),
        ("gateways", "parse, signature, policies, compile", last("admit")),
        ("Ray", "admitted job to the party's process", last("open", entered=True)),
        ("links", "TLS links and hellos, dealing, inputs", last("open")),
    ]
    cuts += [("parties", f"stage {stage}", last("stage", stage)) for stage in stages]
    cuts += [
        ("parties", "seal, and confirm to each other", last("seal")),
        ("gateways", "last answer to the kernel", last("ask")),
        ("kernel", "unseal and open", last("open packages")),
        ("kernel", "decode the cells", last("decode")),
        ("kernel", "report, pandas frame", end),
    ]
    steps = []
    before = begin
    for where, what, at in cuts:
        steps.append((where, what, at - before))
        before = at
    return steps


def records(found: Sequence[Timeline]) -> list[Record]:
    """Return a record a statement, its steps in milliseconds within."""
    return [
        Record.of(
            each.seconds,
            part="timeline",
            workload=each.name,
            n=each.persons,
            system="secureframe TLS",
            detail={
                "milliseconds": each.total,
                "steps": [[step.where, step.what, step.milliseconds] for step in each.steps],
                "within_milliseconds": each.within,
            },
        )
        for each in found
    ]
