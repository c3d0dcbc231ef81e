"""``python -m benchmarks.run``: measure on this machine, keep the numbers, and make the page from them anew.

Without names it measures what ``make bench`` does; ``--long`` and ``--peers`` choose the other lists. Names may be those of parts
(``latency``), of workloads (``less_than``: all its sizes) and of single sizes (``join_1e5``), with commas between them.
"""

# A party's process imports this file once more, since it is the main one: whatever is heavy is imported where it is used.
from __future__ import annotations

import argparse
import difflib
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from benchmarks.records import Record
    from benchmarks.workloads import Workload

Progress = Callable[[str], None]
Runs = Iterator[list["Record"]]
List = Literal["bench", "long", "peers"]
Sizes = list[tuple["Workload", int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the benchmark: the list it belongs to, and what runs it.

    ``run`` is given the sizes of workloads that were chosen by name, where the part is one of workloads; none means its own. It
    yields records that were measured together, as soon as they are there.
    """

    list: List | None
    about: str
    of_workloads: bool = False
    run: Callable[[Sizes, Progress], Runs]


class UnknownName(ValueError):
    """A name that is neither of a part nor of a workload."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(name, known, 2, 0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else "."
        super().__init__(f"there is no {name!r}{hint} Known: {', '.join(known)}; a workload also with a size, as in join_1e5")


# -- parts -------------------------------------------------------------------------------------------------------------------


def _protocols(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import protocols
    from benchmarks.workloads import WORKLOADS

    chosen = sizes or [(w, n) for w in WORKLOADS.values() for n in w.sizes]
    return protocols.run(chosen, progress)


def _latency(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import protocols
    from benchmarks.workloads import WORKLOADS

    chosen = sizes or [(w, w.delayed) for w in WORKLOADS.values() if w.delayed]
    return protocols.run_delayed(chosen, progress)


def _growth(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import protocols
    from benchmarks.workloads import WORKLOADS

    chosen = sizes or [(w, n) for w in WORKLOADS.values() for n in w.growth]
    return protocols.run_growth(chosen, progress)


def _peers(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks.peers import beside
    from benchmarks.workloads import WORKLOADS

    return beside.run(sizes or [(WORKLOADS[name], n) for name, of_it in beside.SIZES.items() for n in of_it], progress)


def _profile(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import profile
    from benchmarks.workloads import WORKLOADS

    chosen = sizes or [(WORKLOADS[name], 10**6) for name in ("sort_64", "sort_32", "join")]
    return profile.run(chosen, progress)


def _statements(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import statements

    yield statements.records(statements.run(3, 5, progress))


def _small(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import small

    yield small.records(small.run(small.ROWS, 30, progress))


def _kernel(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import kernel

    yield kernel.records(kernel.run(5, progress))


def _horizontal(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import horizontal

    yield horizontal.records(horizontal.run(horizontal.ROWS, 5, progress))


def _horizontal_long(sizes: Sizes, progress: Progress) -> Runs:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from benchmarks import horizontal

    yield horizontal.records(horizontal.run(horizontal.MANY_ROWS, 5, progress))
    # A kernel of its own: what this process has held before would count as memory of the notebook's.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as kernel:
        yield horizontal.memory_records(kernel.submit(horizontal.memory, horizontal.MOST_ROWS, progress).result())


def _cohort(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import cohort

    yield cohort.records(cohort.run(cohort.PERSONS, 5, progress))


def _timeline(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import timeline

    yield timeline.records(timeline.run(10, progress))


def _placement(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import placement

    yield placement.records(placement.run(progress))


def _cells(sizes: Sizes, progress: Progress) -> Runs:
    from benchmarks import cells

    yield cells.records(cells.run(progress))


PARTS: dict[str, Part] = {
    "protocols": Part(list="bench", about="every workload over TLS, TCP and in the clear", of_workloads=True, run=_protocols),
    "latency": Part(list="bench", about="workloads with delays between the parties", of_workloads=True, run=_latency),
    "statements": Part(list="bench", about="statements on a study over three institutions", run=_statements),
    "small": Part(list="bench", about="the latency of statements on 1,000 rows an institution", run=_small),
    "horizontal": Part(list="bench", about="a description of 20 columns over three institutions", run=_horizontal),
    "kernel": Part(list="bench", about="a notebook's kernel: start, completion, display", run=_kernel),
    "growth": Part(list="long", about="workloads from 10^3 to 10^7", of_workloads=True, run=_growth),
    "horizontal_long": Part(list="long", about="the same of 3 million rows, and the memory of 10 million", run=_horizontal_long),
    "cohort": Part(list="long", about="statements on a cohort of a million persons at three owners", run=_cohort),
    "timeline": Part(list="long", about="where a statement's time goes, step by step", run=_timeline),
    "placement": Part(list="long", about="what the planner's placement saves", run=_placement),
    "cells": Part(list="long", about="statements with many cells", run=_cells),
    "profile": Part(list=None, about="where the processor time of the heaviest workloads goes", of_workloads=True, run=_profile),
    "peers": Part(list="peers", about="workloads of ours and of other systems in one run", of_workloads=True, run=_peers),
}


# -- selection ---------------------------------------------------------------------------------------------------------------


def select(names: Sequence[str], wanted: List = "bench") -> list[tuple[str, Sizes]]:
    """Return which parts to run, and the sizes of workloads that were chosen for them.

    Parameters
    ----------
    names
        Of parts, workloads and single sizes; none stands for the whole list.
    wanted
        The list. Workloads are measured by the parts that are named beside them; without any, by the list's own part for them.

    Raises
    ------
    UnknownName
        With the names that there are.
    """
    if not names:
        return [(name, []) for name, part in PARTS.items() if part.list == wanted]
    sizes = list(dict.fromkeys(size for name in names if name not in PARTS for size in _sizes(name, wanted)))
    chosen = [name for name in PARTS if name in names]
    if sizes and not any(PARTS[name].of_workloads for name in chosen):
        chosen.insert(0, {"bench": "protocols", "long": "growth", "peers": "peers"}[wanted])
    return [(name, sizes if PARTS[name].of_workloads else []) for name in chosen]


def _sizes(name: str, wanted: List) -> Sizes:
    from benchmarks.peers.beside import SIZES
    from benchmarks.workloads import WORKLOADS

    if (workload := WORKLOADS.get(name)) is not None:
        of_list = {"bench": workload.sizes, "long": workload.growth, "peers": SIZES.get(name, ())}[wanted]
        return [(workload, n) for n in of_list or workload.sizes]
    before, _, size = name.rpartition("_")
    if before in WORKLOADS and re.fullmatch(r"[1-9]\d*(e\d)?", size):
        return [(WORKLOADS[before], int(float(size)))]
    raise UnknownName(name, [*PARTS, *WORKLOADS])


# -- the command -------------------------------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--long", dest="list", action="store_const", const="long", help="what takes long, or much memory")
    which.add_argument("--peers", dest="list", action="store_const", const="peers", help="other systems beside ours")
    parser.add_argument("--only", default="", metavar="NAMES", help="parts, workloads or sizes, with commas between them")
    parser.add_argument("--into", type=Path, metavar="PATH", help="another file for the records; the page is left as it is")
    found = parser.parse_args()
    try:
        found.parts = select([name for name in found.only.replace(",", " ").split() if name], found.list or "bench")
    except UnknownName as error:
        parser.error(str(error))
    return found


def progress(text: str) -> None:
    """Tell of what was just measured; the table alone goes to standard output."""
    print(f"  {text}", file=sys.stderr, flush=True)


def main() -> None:
    chosen = arguments()
    from benchmarks import report
    from benchmarks.records import LATEST, write
    from secureframe.errors import SuppressedWarning

    path = chosen.into or LATEST
    # A cell is withheld now and then; that is no news here.
    warnings.simplefilter("ignore", SuppressedWarning)
    measured, began = [], time.perf_counter()
    for name, sizes in chosen.parts:
        progress(f"{name}: {PARTS[name].about}")
        for records in PARTS[name].run(sizes, progress):
            write(records, path)
            measured += records
    print(report.overview(measured))
    print(f"\n{len(measured)} records in {time.perf_counter() - began:.0f} s, kept in {path}")
    if path == LATEST:
        print("\n".join(f"{each} is made anew" for each in report.document()))


if __name__ == "__main__":
    main()
