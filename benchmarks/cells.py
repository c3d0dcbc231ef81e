"""Tables with many cells: what a statement over 17,549 persons takes at one owner, and with keys of two institutions on shares.

In one process over queues, a fresh federation for every statement. ``make bench ONLY=cells`` measures;
``python -m benchmarks.cells`` writes the measured table, and that of the statistics and what each needs, into
``docs/statistics.md``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import secureframe as sf
from benchmarks.measuring import table
from benchmarks.records import Record, read
from secureframe.disclosure.release import minimum_persons
from secureframe.plan.nodes import Statistic
from secureframe.plan.statistics import KINDS
from secureframe.testing import start_in_memory

PERSONS = 17_549
DOCUMENT = Path(__file__).parents[1] / "docs" / "statistics.md"
MEASURED = "<!-- cells, written by python -m benchmarks.cells -->", "<!-- end of cells -->"
NEEDED = "<!-- kinds, written by python -m benchmarks.cells -->", "<!-- end of kinds -->"
LEVELS = {"site": 10, "region": 25, "code": 1_000, "ward": 40, "stage": 4}
"""Keys and their levels: the first three at the hospital, the others at the laboratory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A statement: its keys, whether rows of both institutions are needed, the policy, and what is asked of every group."""

    keys: tuple[str, ...]
    merged: bool
    kinds: tuple[str, ...]
    policy: str = "open-research"

    @property
    def name(self) -> str:
        return f"{', '.join(self.kinds)} by {', '.join(self.keys)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a statement took."""

    name: str
    place: str
    policy: str
    cells: int
    seconds: float
    rounds: int
    dealt: int
    joined: int
    counted: int
    released: int


SIZE, MOMENTS, MEDIAN = ("size",), ("mean", "std"), ("median",)
QUESTIONS = (
    *(Question(keys=("code",), merged=False, kinds=kinds) for kinds in (SIZE, MOMENTS, MEDIAN)),
    Question(keys=("code",), merged=False, kinds=MOMENTS, policy="standard"),
    *(Question(keys=("region", "stage"), merged=True, kinds=kinds) for kinds in (SIZE, MOMENTS, MEDIAN)),
    *(Question(keys=("region", "ward"), merged=True, kinds=kinds) for kinds in (SIZE, MOMENTS, MEDIAN)),
    Question(keys=("site", "region", "stage"), merged=True, kinds=SIZE),
    Question(keys=("code",), merged=True, kinds=MOMENTS),
)


def federation(policy: str) -> sf.Federation:
    """Two institutions with the same persons; one has numbers for them, both have keys."""
    random = np.random.default_rng(1)
    ids = np.arange(1, PERSONS + 1)
    people, values = pd.DataFrame({"id": ids}), pd.DataFrame({"id": random.permutation(ids)})
    key = sf.key("person", 1, PERSONS, nullable=False)
    declared: tuple[dict[str, Any], dict[str, Any]] = ({"id": key}, {"id": key})
    for name, count in LEVELS.items():
        at_hospital = name in ("site", "region", "code")
        levels = [f"{name} {i:03d}" for i in range(count)]
        (people if at_hospital else values)[name] = [levels[i] for i in random.integers(0, count, PERSONS)]
        declared[not at_hospital][name] = sf.category(levels, nullable=True)
    people["age"], values["value"] = random.integers(18, 98, PERSONS), random.integers(0, 300, PERSONS)
    declared[0]["age"], declared[1]["value"] = sf.integer(18, 98, nullable=True), sf.integer(0, 300, nullable=True)
    sources = {
        owner: {name: sf.Table(rows, columns=columns, roster_size=PERSONS, rows_per_person=1)}
        for owner, name, rows, columns in (
            ("hospital", "people", people, declared[0]),
            ("laboratory", "values", values, declared[1]),
        )
    }
    return sf.simulate(sources, policy=policy, purpose="benchmarks", quiet=True, start=start_in_memory)


def asked(question: Question) -> Taken:
    """Ask one statement of a fresh federation."""
    with federation(question.policy) as fed, warnings.catch_warnings():
        warnings.simplefilter("ignore", sf.SuppressedWarning)
        frame = fed["hospital.people"]
        frame = frame.merge(fed["laboratory.values"], on="id") if question.merged else frame
        found = frame.groupby(list(question.keys))["value" if question.merged else "age"].agg(list(question.kinds))
        job = fed.last_job
        assert job is not None
        sent = {stage.name: stage.bytes for stage in job.stages}
        return Taken(
            name=question.name,
            place="shared" if question.merged else "local",
            policy=question.policy,
            cells=len(found),
            seconds=job.seconds,
            rounds=job.rounds,
            dealt=sum(job.dealt.values()),
            joined=sent.get("join", 0),
            counted=sent.get("aggregate", 0),
            released=sent["release"],
        )


def run(progress: Callable[[str], None]) -> list[Taken]:
    """Ask every statement; the first one once more, since it also loads what all need."""
    asked(QUESTIONS[0])
    found = []
    for question in QUESTIONS:
        found.append(asked(question))
        progress(f"{found[-1].name}: {found[-1].seconds:.2f} s")
    return found


def records(found: Sequence[Taken]) -> list[Record]:
    """Return a record a statement."""
    return [
        Record.of(
            [each.seconds],
            part="cells",
            workload=f"{each.name}, {each.place}, {each.policy}",
            n=PERSONS,
            system="secureframe in memory",
            bytes_per_party=(each.dealt + each.joined + each.counted + each.released) // 3,
            rounds=each.rounds,
            detail=asdict(each) | {"number": number},
        )
        for number, each in enumerate(found)
    ]


def kept(lines: Sequence[Record]) -> list[Taken]:
    """Return the statements that were recorded, in the order in which they were asked."""
    mine = sorted((each for each in lines if each.part == "cells"), key=lambda each: int(each.detail["number"]))
    return [Taken(**{name: value for name, value in each.detail.items() if name != "number"}) for each in mine]


def text(found: Sequence[Taken]) -> str:
    """The measured statements as a table."""
    head = ["statement", "place", "policy", "cells", "s", "rounds", "dealt, MB", "join", "cells, MB", "rules"]
    rows = [
        [t.name, t.place, t.policy, f"{t.cells:,}", f"{t.seconds:.2f}", str(t.rounds)]
        + [f"{sent / 1e6:.2f}" for sent in (t.dealt, t.joined, t.counted, t.released)]
        for t in found
    ]
    return table(head, rows)


def kinds_text() -> str:
    """Every statistic, the moments that it is made of, and how many persons it needs beyond the threshold."""
    head = ["statistic", "columns", "power sums", "persons, at a threshold of 10"]
    rows = []
    for name, kind in KINDS.items():
        sums = ", ".join(
            " ".join(f"{column}^{power}" if power > 1 else column for column, power in zip("xy", powers, strict=False) if power)
            for powers in kind.powers
        )
        if name in ("size", "count"):
            least = "0 or 10"
        elif name == "quantile":
            least = "10 on either side"
        else:
            least = str(minimum_persons(Statistic(kind=name, columns=("x", "y")[: kind.columns]), 10))
        rows.append([name, str(kind.columns), sums or "-", least + (", 10 a column" if kind.is_pair else "")])
    return table(head, rows)


def between(document: str, marks: tuple[str, str], content: str) -> str:
    """Put a table between two marks of a page."""
    before, _, rest = document.partition(marks[0] + "\n")
    _, _, after = rest.partition(marks[1])
    return f"{before}{marks[0]}\n{content}\n{marks[1]}{after}"


def main() -> None:
    page = between(DOCUMENT.read_text(encoding="utf-8"), MEASURED, text(kept(read())))
    DOCUMENT.write_text(between(page, NEEDED, kinds_text()), encoding="utf-8")


if __name__ == "__main__":
    main()
