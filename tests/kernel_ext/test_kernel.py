"""The kernelspec's own kernel, spoken to as JupyterLab speaks to it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import kernel_ext

ROOT = Path(__file__).parents[2]
SPEC = Path(kernel_ext.__file__).parent / "kernelspec"
SECONDS = 60

OPENING = """
import secureframe as sf
from tests.federation.session import session

fed = session()
patients = fed["patients"]
"""
HELD = """
import threading
from secureframe.errors import ProtocolAborted

began, ended = threading.Event(), threading.Event()

def run(*_):
    began.set()
    assert ended.wait(30)
    raise ProtocolAborted("the job was cancelled; nothing was released")

fed._backend.run, fed._backend.cancel = run, lambda job: ended.set()
threading.Thread(target=lambda: began.wait(30) and print("it runs", flush=True)).start()
with sf.defer():
    mean = patients["age"].mean()
"""


class Client:
    """Sends requests and waits for what answers them."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def run(self, code: str, interrupt_at: str | None = None) -> tuple[dict[str, Any], str]:
        """Run a cell and return its reply and its texts; interrupt it where it prints something."""
        texts: list[str] = []

        def output(message: dict[str, Any]) -> None:
            content = message["content"]
            texts.append(content.get("text", "") or content.get("data", {}).get("text/plain", ""))
            if interrupt_at is not None and interrupt_at in texts[-1]:
                self.manager.interrupt_kernel()

        reply = self.client.execute_interactive(code, output_hook=output, timeout=SECONDS)
        return reply["content"], "".join(texts)

    def complete(self, code: str, position: int | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self.client.complete(code, position, reply=True, timeout=SECONDS)["content"]
        return found


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    kernels: Path = tmp_path_factory.mktemp("kernels")
    (kernels / "secureframe").symlink_to(SPEC)
    specs = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
    manager = KernelManager(kernel_name="secureframe", kernel_spec_manager=specs)
    manager.transport_encryption = "required"
    home = tmp_path_factory.mktemp("home")
    manager.start_kernel(env={**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(home)}, cwd=str(ROOT))
    try:
        yield Client(manager)
    finally:
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def test_a_session(kernel: Client) -> None:
    """One kernel for all of it: a start takes seconds."""
    reply, _ = kernel.run("%federation")
    assert reply["ename"] == "PlanError" and "%federation demo nafld" in reply["traceback"][-1]

    assert kernel.run(OPENING)[0]["status"] == "ok"

    # Completion, in the middle of a cell of several lines.
    cell = 'older = patients[patients["age"] > 50]\nolder[""].mean()\n'
    position = cell.index('""') + 1
    found = kernel.complete(cell, position)
    assert found["matches"][:2] == ["id", "age"] and (found["cursor_start"], found["cursor_end"]) == (position, position)
    found = kernel.complete('patients["site"] == "')
    assert found["matches"] == ["a", "b", "c", "d", "e"]
    assert found["metadata"]["_jupyter_types_experimental"][0]["type"] == "category"

    # An error names the cell and the line, and nothing of the engine.
    reply, _ = kernel.run("x = 1\npatients.head()")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in reply["traceback"]]
    assert lines[0] == "DisclosureError: head: rows never leave their institution" and lines[-1] == "Hint: df.describe()"
    assert re.fullmatch(r"Cell In\[\d+\], line 2", lines[1]) and lines[2] == "----> 2 patients.head()" and len(lines) == 4

    # Awaited, and in a study.
    reply, text = kernel.run("with sf.defer():\n    mean = patients['age'].mean()\n(await sf.collect_async(mean))[0]")
    assert reply["status"] == "ok" and float(text) > 0
    reply, text = kernel.run("%%study why not\nages = patients['age'].describe()\npatients['age'].mean()")
    assert reply["status"] == "ok" and float(text) > 0
    assert kernel.run("fed.jobs[-1].purpose, len(ages)")[1] == "('why not', 8)"

    # An interrupt of an awaited job cancels it, and the kernel goes on.
    reply, text = kernel.run(HELD + "await sf.collect_async(mean)", interrupt_at="it runs")
    assert "it runs" in text and reply["ename"] == "CancelledError"
    assert "the statement was stopped" in reply["traceback"][0] and "federation.py" not in "".join(reply["traceback"])
    assert kernel.run("fed.jobs[-1].status")[1] == "'cancelled'"
