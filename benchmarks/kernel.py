"""The notebook's kernel: its start beside plain ipykernel's, completion of what a federation has, display of a wide frame.

A kernel is a process of its own and is spoken to as JupyterLab speaks to it, so that a completion's time is that of the whole
answer. The federation in it lies in the same process: completion and display ask nobody, wherever it lies.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import kernel_ext
from benchmarks.measuring import Seconds, processor_seconds
from benchmarks.records import Record

COLUMNS = 50
TIMEOUT = 120
PLAIN, OURS = "plain", "secureframe"
SPEC = Path(kernel_ext.__file__).parent / "kernelspec"
SYSTEMS = {PLAIN: "ipykernel", OURS: "secureframe kernel"}

OPENING = f"""
import polars as pl
import secureframe as sf
from secureframe.testing import start_in_memory

columns = {{"id": sf.key(low=1, high=1000, nullable=False), "event": sf.category([f"event {{i}}" for i in range(40)])}}
columns |= {{f"value_{{i}}": sf.integer(0, 100) for i in range({COLUMNS} - 2)}}
values = {{name: [1] * 100 for name in columns}} | {{"id": range(1, 101), "event": ["event 1"] * 100}}
rows = pl.DataFrame(values)
table = sf.Table(rows, columns=columns, roster_size=100, rows_per_person=1)
owners = {{name: {{"patients": table}} for name in ("hospital", "laboratory", "registry")}}
fed = sf.simulate(owners, purpose="benchmark", quiet=True, start=start_in_memory)
df = fed["hospital.patients"]
other = fed["registry.patients"]
"""
CELLS = {
    "an institution": 'fed["',
    "a column": 'df["',
    "a column, in a cell of many lines": "value = df['value_1'].mean()\n" * 40 + 'df["val',
    "a key to group by": 'df.groupby("',
    "a key to merge on": 'df.merge(other, on="',
    "a category": 'df["event"] == "',
    "a statistic": 'df.groupby("event").agg("',
    "a column of a merged frame": 'df[df["value_1"] > 5].merge(other, on="id")["',
    "a method": "df.gro",
}
"""What is completed, behind which text."""
DISPLAY = """
import json, time
taken = []
for _ in range({repeats}):
    began = time.perf_counter()
    get_ipython().display_formatter.format(df)
    taken.append(time.perf_counter() - began)
print(json.dumps(taken))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One thing that was measured, in one kernel; ``first`` the first time in a new one, in seconds."""

    name: str
    kernel: str
    n: int
    seconds: Seconds
    first: float | None = None
    processor: float | None = None


@contextmanager
def kernel(name: str, specs: KernelSpecManager) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """Start a kernel; it has answered once it is entered."""
    manager = KernelManager(kernel_name=name, kernel_spec_manager=specs)
    manager.start_kernel(stderr=subprocess.DEVNULL)
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.kernel_info(reply=True, timeout=TIMEOUT)
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@contextmanager
def kernelspecs() -> Iterator[KernelSpecManager]:
    """The two kernels: plain ipykernel, and the same with the extension."""
    with tempfile.TemporaryDirectory() as directory:
        plain = Path(directory) / PLAIN
        plain.mkdir()
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (plain / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": PLAIN, "language": "python"}))
        (Path(directory) / OURS).symlink_to(SPEC)
        yield KernelSpecManager(kernel_dirs=[directory], ensure_native_kernel=False)


def starts(specs: KernelSpecManager, repeats: int) -> list[Measured]:
    """Start both kernels by turns: seconds to the first answer, and processor seconds of the kernel until then."""
    wall: dict[str, list[float]] = {PLAIN: [], OURS: []}
    processor: dict[str, list[float]] = {PLAIN: [], OURS: []}
    for number in range(repeats + 1):
        for name in wall:
            began = time.perf_counter()
            with kernel(name, specs) as (manager, _):
                taken = time.perf_counter() - began
                spent = processor_seconds(getattr(manager.provisioner, "pid", None) or 0)
            if number:
                wall[name].append(taken)
                processor[name].append(spent)
    spent_in = {name: sum(each) / repeats for name, each in processor.items()}
    return [
        Measured(name="kernel start", kernel=name, n=1, seconds=Seconds(all=tuple(wall[name])), processor=spent_in[name])
        for name in wall
    ]


def answers(specs: KernelSpecManager, repeats: int) -> list[Measured]:
    """Complete and display in one kernel with a federation."""
    found = []
    with kernel(OURS, specs) as (_, client):
        _run(client, OPENING)
        for name, cell in CELLS.items():
            taken = []
            for _ in range(repeats + 1):
                began = time.perf_counter()
                reply = client.complete(cell, reply=True, timeout=TIMEOUT)
                taken.append(time.perf_counter() - began)
                if not reply["content"]["matches"]:
                    raise ValueError(f"nothing completes {cell!r}")
            seconds = Seconds(all=tuple(taken[1:]))
            found.append(Measured(name=f"completion of {name}", kernel=OURS, n=COLUMNS, seconds=seconds, first=taken[0]))
        shown = json.loads(_run(client, DISPLAY.format(repeats=repeats + 1)))
        found.append(
            Measured(name="display of a frame", kernel=OURS, n=COLUMNS, seconds=Seconds(all=tuple(shown[1:])), first=shown[0])
        )
    return found


def _run(client: BlockingKernelClient, code: str) -> str:
    """Run a cell and return what it prints."""
    texts: list[str] = []
    reply = client.execute_interactive(
        code, output_hook=lambda message: texts.append(message["content"].get("text", "")), timeout=TIMEOUT
    )
    if reply["content"]["status"] != "ok":
        raise ValueError("\n".join(reply["content"]["traceback"]))
    return "".join(texts)


def run(repeats: int, progress: Callable[[str], None]) -> list[Measured]:
    """Measure starts ``repeats`` times, and everything else four times as often."""
    with kernelspecs() as specs:
        found = starts(specs, repeats) + answers(specs, 4 * repeats)
    for each in found:
        first = "" if each.first is None else f", the first {1e3 * each.first:.1f} ms"
        progress(f"{each.name} ({SYSTEMS[each.kernel]}): {1e3 * each.seconds.median:.1f} ms{first}")
    return found


def records(found: list[Measured]) -> list[Record]:
    """Return one record for everything that was measured."""
    return [
        Record.of(
            each.seconds.all,
            part="kernel",
            workload=each.name,
            n=each.n,
            system=SYSTEMS[each.kernel],
            detail={
                **({} if each.first is None else {"first_seconds": each.first}),
                **({} if each.processor is None else {"processor_seconds": each.processor}),
            },
        )
        for each in found
    ]
