"""What the planner's placement saves: twenty statements, as they are and with every column dealt as it is.

Both ways run on the same engine, protocols and rules, in one process over queues, and have to give the same answers; bytes and
rounds are those that jobs report. ``python -m benchmarks.placement`` writes the table into ``docs/placement.md``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import secureframe as sf
from benchmarks.measuring import table
from benchmarks.records import Record, read
from benchmarks.twenty import PERSONS, TWENTY, Question
from secureframe import federation as kernel
from secureframe.engine import institution as engine
from secureframe.mpc.program import Value
from secureframe.mpc.sharing import message_bytes
from secureframe.plan.expressions import column_names
from secureframe.plan.forms import key_width
from secureframe.plan.nodes import Filter, GroupPersons, Node, Project, SortRows, Summarise, Table, walk_nodes
from secureframe.planner.compile import compile_plan
from secureframe.planner.placement import reduces_many_rows
from secureframe.planner.prediction import Prediction, predict
from secureframe.planner.remembered import RememberedPrograms
from secureframe.schema.types import Kind
from secureframe.testing import start_in_memory

DOCUMENT = Path(__file__).parents[1] / "docs" / "placement.md"
PLACED, ON_SHARES = "secureframe in memory", "secureframe in memory, everything on shares"
BEGIN, END = "<!-- the table, written by python -m benchmarks.placement -->", "<!-- end of the table -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a statement: its seconds, bytes dealt, among the parties and sealed, rounds; and what was expected of it."""

    seconds: float
    dealt: int
    computed: int
    sealed: int
    rounds: int
    expected_bytes: int
    expected_rounds: int
    most_rounds: int

    @property
    def bytes(self) -> int:
        return self.dealt + self.computed + self.sealed

    @property
    def off(self) -> float:
        """By how much of the measured bytes the expectation differs."""
        return self.expected_bytes / self.bytes - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A statement with the planner's placement and without.

    ``many_rows`` are the bytes that dealing the tables with many rows a person would take, from their declared sizes: their
    owners reduce them either way, and they are in neither run.
    """

    name: str
    study: str
    placed: Run
    on_shares: Run
    many_rows: int
    same: bool

    @property
    def ratio(self) -> float:
        """How many times more bytes it takes without placement, as far as it was run, and the many rows dealt."""
        return (self.on_shares.bytes + self.many_rows) / self.placed.bytes

    @staticmethod
    def of(lines: Sequence[Record]) -> Compared:
        """Return what the two records of a statement say."""
        runs = {each.system: Run(seconds=each.seconds_median, **each.detail["run"]) for each in lines}
        detail = lines[0].detail
        return Compared(
            name=lines[0].workload,
            study=detail["study"],
            placed=runs[PLACED],
            on_shares=runs[ON_SHARES],
            many_rows=detail["many_rows"],
            same=detail["same"],
        )


@contextmanager
def everything_on_shares() -> Iterator[None]:
    """Compile without placement, in this process: the kernel and every institution alike."""
    changed = functools.partial(compile_plan, everything_on_shares=True)
    remembered = RememberedPrograms.of
    try:
        RememberedPrograms.of = lambda self, plan, compile_: compile_()  # type: ignore[method-assign]
        for module in (kernel, engine):
            module.compile_plan = changed  # type: ignore[attr-defined]
        yield
    finally:
        RememberedPrograms.of = remembered  # type: ignore[method-assign]
        for module in (kernel, engine):
            module.compile_plan = compile_plan  # type: ignore[attr-defined]


def expected(fed: sf.Federation, question: Question) -> tuple[Prediction, list[Summarise]]:
    """Return what a statement is expected to cost, as it would be compiled now, from what is kept now, and its releases."""
    with sf.defer() as study:
        question.ask(fed)
    nodes = list(dict.fromkeys(node for pending in study.pending for node in pending.nodes))
    return predict(fed._prepared(nodes, {})[1]), nodes


def asked(fed: sf.Federation, question: Question) -> tuple[Any, Run]:
    """Ask a statement and return its answer, what it took, and what was expected."""
    prediction, _ = expected(fed, question)
    answer = question.ask(fed)
    job = fed.last_job
    assert job is not None
    return answer, Run(
        seconds=job.seconds,
        dealt=sum(job.dealt.values()),
        computed=sum(stage.bytes for stage in job.stages),
        sealed=job.sealed,
        rounds=job.rounds,
        expected_bytes=prediction.bytes,
        expected_rounds=prediction.rounds,
        most_rounds=prediction.most_rounds,
    )


def many_rows(nodes: Sequence[Node]) -> int:
    """Bytes that dealing the tables with many rows a person would take: what is read of them, at their declared sizes."""
    read: dict[Table, set[str]] = {}
    for node in {n for each in nodes for n in walk_nodes(each) if reduces_many_rows(n)}:
        assert isinstance(node, GroupPersons)
        (base,) = {n for n in walk_nodes(node) if isinstance(n, Table)}
        read.setdefault(base, set()).update(_read(node))
    total = 0
    for base, names in read.items():
        planes = 2  # whether a row is valid, and whether it is of the same person as the one before
        for name in names:
            type_ = base.schema[name].type
            planes += (key_width(type_) if type_.kind is Kind.KEY else type_.width) + type_.nullable
        value = Value(0, "bits", planes, base.length)
        total += sum(message_bytes([value], party) for party in range(3))
    return total


def _read(node: GroupPersons) -> set[str]:
    """The columns of its table that a reduction reads."""
    names = {node.key, *(a.column for a in node.aggregations)}
    below: Node = node.frame
    while not isinstance(below, Table):
        match below:
            case Filter(predicate=predicate):
                names |= column_names(predicate)
            case SortRows(by=by):
                names |= set(by)
            case Project():
                names = {n for name in names for n in column_names(below.definitions[name])}
            case _:
                raise TypeError(f"{type(below).__name__} below a reduction of many rows")
        (below,) = below.inputs
    return names


def same(one: Any, other: Any) -> bool:
    """Whether two answers agree, withheld cells among them."""
    if isinstance(one, pd.DataFrame | pd.Series):
        return bool(one.equals(other))
    return bool(one == other) or (pd.isna(one) and pd.isna(other))


def run(progress: Callable[[str], None]) -> list[Compared]:
    """Ask every statement both ways."""
    found = []
    for study in dict.fromkeys(question.study for question in TWENTY):
        with sf.demo(study, quiet=True, start=start_in_memory) as fed:
            for question in TWENTY:
                if question.study == study:
                    found.append(_compared(fed, question))
                    progress(f"{question.name}: {found[-1].ratio:.1f} times the bytes without placement")
    return found


def _compared(fed: sf.Federation, question: Question) -> Compared:
    # Nothing that an earlier statement left is used: each is measured as if it were the first.
    fed._backend.forget_kept()
    answer, placed = asked(fed, question)
    fed._backend.forget_kept()
    with everything_on_shares():
        _, nodes = expected(fed, question)
        other, on_shares = asked(fed, question)
    return Compared(
        name=question.name,
        study=question.study,
        placed=placed,
        on_shares=on_shares,
        many_rows=many_rows(nodes),
        same=same(answer, other),
    )


def records(found: Sequence[Compared]) -> list[Record]:
    """Return two records a statement: with placement and without."""
    return [
        Record.of(
            [run.seconds],
            part="placement",
            workload=each.name,
            n=PERSONS[each.study],
            system=system,
            bytes_per_party=run.bytes // 3,
            rounds=run.rounds,
            detail={
                "study": each.study,
                "many_rows": each.many_rows,
                "same": each.same,
                "run": {name: value for name, value in asdict(run).items() if name != "seconds"},
            },
        )
        for each in found
        for system, run in ((PLACED, each.placed), (ON_SHARES, each.on_shares))
    ]


def kept(lines: Sequence[Record]) -> list[Compared]:
    """Return the comparisons that were recorded, in the order of the statements."""
    mine = [each for each in lines if each.part == "placement"]
    return [Compared.of([each for each in mine if each.workload == question.name]) for question in TWENTY]


def text(found: Sequence[Compared]) -> str:
    """Return the table of a run."""
    placed, raw = ["dealt", "computed", "rounds"], ["dealt raw", "computed", "rounds"]
    head = ["statement", "study", *placed, *raw, "many rows", "times", "expected"]
    rows = [
        [
            each.name if each.same else f"{each.name} (ANSWERS DIFFER)",
            each.study,
            _size(each.placed.dealt),
            _size(each.placed.computed),
            f"{each.placed.rounds}",
            _size(each.on_shares.dealt),
            _size(each.on_shares.computed),
            f"{each.on_shares.rounds}",
            _size(each.many_rows) if each.many_rows else "",
            f"{each.ratio:,.1f}",
            f"{100 * each.placed.off:+.1f} %" if each.placed.off else "exact",
        ]
        for each in found
    ]
    return table(head, rows)


def _size(size: int) -> str:
    """Bytes for people, in MB or kB."""
    return f"{size / 1e6:,.2f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


def document(found: Sequence[Compared]) -> None:
    """Put the table into the documentation."""
    written = DOCUMENT.read_text(encoding="utf-8")
    before, after = written.split(BEGIN)[0], written.split(END)[1]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text(found)}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Write the table of the kept numbers into the documentation."""
    document(kept(read()))


if __name__ == "__main__":
    main()
