"""Where a statement's time goes: marks of the notebook's kernel, of all gateways and of all parties, put on one line.

A step ends when the last of the three institutions has ended it, so that the steps of a statement add up to all of it.
"""

from __future__ import annotations

import functools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import ray_cluster.simulate
import secureframe as sf
from benchmarks.marks import DIRECTORY, Mark, around, read
from benchmarks.measuring import table
from benchmarks.statements import COLUMNS, ages, cohort_of, started
from secureframe.results import opening as kernel

WITHIN = ("health", "compile there", "local part", "deal", "link", "inputs")
"""Labels of the calls that run beside each other: a deal holds the local part; a link waits for the other side's admission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a statement: where it happens, what, and its milliseconds (mean of the quicker half of the runs)."""

    where: str
    what: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The steps of one statement, and the longest of the calls that ran beside each other within them, in milliseconds."""

    name: str
    total: float
    steps: tuple[Step, ...]
    within: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        steps = [{"where": each.where, "what": each.what, "ms": each.milliseconds} for each in self.steps]
        return {"name": self.name, "ms": self.total, "steps": steps, "within": self.within}


def run(repeats: int, progress: Callable[[str], None]) -> list[Timeline]:
    """Start a demonstration whose processes leave marks, and take the timeline of two statements."""
    with tempfile.TemporaryDirectory() as name:
        os.environ[DIRECTORY] = name
        institution, party_job = "benchmarks.marked:Institution", "benchmarks.marked:PartyJob"
        fed, _ = started(functools.partial(ray_cluster.simulate.start, institution=institution, party_job=party_job))
        with fed:
            _mark_kernel(fed)
            found = [
                _take("local: ages by sex", lambda: ages(fed), 2 * repeats, Path(name)),
                _take(
                    "join of all three: Table 1 by case",
                    lambda: sf.table_one(cohort_of(fed), by="case", columns=COLUMNS),
                    repeats,
                    Path(name),
                ),
            ]
        del os.environ[DIRECTORY]
    for each in found:
        progress(f"timeline of {each.name}: {each.total:.0f} ms")
    return found


def _mark_kernel(fed: sf.Federation) -> None:
    """Leave marks in this process too: only the objects of this federation, and two functions that open results."""
    backend: Any = fed._backend
    around(fed, "run", "statement")
    around(fed, "_plan", "plan")
    around(fed, "_compiled", "compile")
    around(backend, "run", "ask")
    around(backend._client, "wait_ready", "ready?")
    around(kernel, "open_packages", "open packages")
    around(kernel, "decode_release", "decode")


def _take(name: str, ask: Callable[[], pd.DataFrame], repeats: int, directory: Path) -> Timeline:
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
    return Timeline(name=name, total=sum(step.milliseconds for step in steps), steps=steps, within=within)


def _longest(begin: float, end: float, label: str, marks: list[Mark]) -> float:
    """Seconds of the longest call of a label within a statement: that of the institution which had most to do."""
    return max(m.end - m.begin for m in marks if m.label == label and begin <= m.begin <= end)


def _steps(begin: float, end: float, marks: list[Mark]) -> list[tuple[str, str, float]]:
    """Cut a statement at the moments when the last process came to each point."""

    def last(label: str, about: str = "", *, entered: bool = False) -> float:
        found = [m for m in marks if m.label == label and m.about == about]
        return max(m.begin if entered else m.end for m in found)

    stages = list(dict.fromkeys(m.about for m in sorted(marks, key=lambda m: m.begin) if m.label == "stage"))
    cuts = [
        ("kernel", "frame, plan and its schema", last("plan")),
        ("kernel", "compile", last("compile")),
        ("kernel", "canonical JSON, signature", last("ask", entered=True)),
        ("gateways", "health of every institution and its party", last("ready?")),
        ("gateways", "request to every gateway", last("admit", entered=True)),
        ("gateways", "parse, signature, policies, compile", last("admit")),
        ("Ray", "admitted job to the party's process", last("open", entered=True)),
        ("links", "TLS links and hellos, dealing, inputs", last("open")),
    ]
    for stage in stages:
        cuts.append(("Ray", "call of the stage", last("stage", stage, entered=True)))
        cuts.append(("parties", f"stage {stage}", last("stage", stage)))
    cuts += [
        ("Ray", "call of the sealing", last("seal", entered=True)),
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


def text(found: list[Timeline]) -> str:
    """Return a table a statement."""
    parts = []
    for each in found:
        rows = [[f"{step.where}: {step.what}", f"{step.milliseconds:.1f}"] for step in each.steps]
        rows.append(["all of it", f"{each.total:.1f}"])
        parts.append(table([f"{each.name}: step", "ms"], rows))
        inside = ", ".join(f"{label} {value:.1f}" for label, value in each.within.items())
        parts.append(f"within, the longest call of each kind, ms (they run beside each other): {inside}")
    return "\n\n".join(parts)
