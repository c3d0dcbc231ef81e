"""Where the processor time of a workload goes: py-spy on all three parties while it runs, and the busiest functions.

Compiled kernels and calls of OpenSSL or the system count for the Python function that calls them. A thread that waits is not
counted, so the shares are of processor time.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from benchmarks.parties import Parties
from benchmarks.protocols import TLS, checked, verified
from benchmarks.records import Record
from benchmarks.transport import Link
from benchmarks.workloads import Workload

AS = ("--rate", "200", "--format", "raw", "--function", "--nonblocking")
"""How py-spy samples. Threads that it stopped while it looks would be woken by that, and count as busy where they wait."""
ENOUGH_SECONDS = 8.0
SHOWN = 14
_ATTACHING_SECONDS = 2.0


def sampler() -> str:
    """Where py-spy is.

    Raises
    ------
    FileNotFoundError
        If it is not installed.
    """
    found = shutil.which("py-spy", path=sysconfig.get_path("scripts")) or shutil.which("py-spy")
    if found is None:
        raise FileNotFoundError(f"py-spy is not installed: {sys.executable} -m pip install py-spy")
    return found


def by_function(stacks: str) -> Counter[str]:
    """Samples by the innermost function of each stack (``raw`` lines of py-spy), with the file that it stands in."""
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        function, _, place = stack.rsplit(";", 1)[-1].partition(" (")
        found[f"{place.rstrip(')').split(':')[0]}: {function}"] += int(count)
    return found


def profiled(workload: Workload, n: int) -> Record:
    """Run a workload for some seconds under py-spy."""
    spy, case, name = sampler(), workload.case(n), f"{workload.name}_{n}"
    expected = checked(case, name)
    total: Counter[str] = Counter()
    with Parties() as parties, tempfile.TemporaryDirectory() as folder:
        verified(parties, case, Link(), expected, name)
        outputs = [Path(folder) / f"{process}.txt" for process in parties.numbers]
        watching = [
            subprocess.Popen(
                [spy, "record", *AS, "--pid", f"{process}", "-o", str(output)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for process, output in zip(parties.numbers, outputs, strict=True)
        ]
        time.sleep(_ATTACHING_SECONDS)
        ran = [verified(parties, case, Link(), expected, name)]
        while sum(each.seconds for each in ran) < ENOUGH_SECONDS:
            ran.append(verified(parties, case, Link(), expected, name))
        for each in watching:
            each.send_signal(signal.SIGINT)
        for each in watching:
            each.wait(60)
        for output in outputs:
            total += by_function(output.read_text(encoding="utf-8"))
    samples = sum(total.values())
    shares = [[function, count / samples] for function, count in total.most_common(SHOWN)]
    return Record.of(
        [each.seconds for each in ran],
        part="profile",
        workload=workload.name,
        n=n,
        system=TLS,
        detail={"samples": samples, "shares": shares},
    )


def run(chosen: Iterable[tuple[Workload, int]], progress: Callable[[str], None]) -> Iterator[list[Record]]:
    """Profile sizes of workloads."""
    for workload, n in chosen:
        found = profiled(workload, n)
        progress(f"profile of {workload.name} {n:,}: {found.detail['samples']:,} samples")
        yield [found]
