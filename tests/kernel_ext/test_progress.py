"""The line of a job in a real kernel, as a front end receives it: attended, unattended, and from a cell that awaits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from secureframe.progress import METADATA

JOB = """
import asyncio
from secureframe.backend import ProgressEvent
from secureframe.progress import ProgressLine

def job():
    with ProgressLine() as line:
        for number in range(3):
            line(ProgressEvent("join", number, 3, None, 10 * number, 1000 * number, 0.4 + number))
        line.done("2.9 s")
"""
SECONDS = 60


@pytest.fixture(scope="module")
def kernel() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(startup_timeout=SECONDS)
    try:
        shown(client, JOB)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def shown(client: BlockingKernelClient, code: str, attended: bool = True) -> list[tuple[str, dict[str, Any]]]:
    """Run a cell and return what it tells a front end to show: kind and content of every message."""
    asked, told = client.execute(code, allow_stdin=attended), []
    while True:
        message = client.get_iopub_msg(timeout=SECONDS)
        if message["parent_header"].get("msg_id") != asked:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "idle":
            return told
        assert kind != "error", content
        if kind not in ("status", "execute_input"):
            told.append((kind, content))


@pytest.mark.parametrize("cell", ["job()", "await asyncio.to_thread(job)"])
def test_somebody_who_looks_sees_one_output_that_is_updated(kernel: BlockingKernelClient, cell: str) -> None:
    told = shown(kernel, cell)
    assert [kind for kind, _ in told] == ["display_data", *3 * ["update_display_data"]]
    assert len({content["transient"]["display_id"] for _, content in told}) == 1
    texts = ["0/3 join  0.40 s", "1/3 join  10 rounds, 1.0 kB, 1.4 s", "2/3 join  20 rounds, 2.0 kB, 2.4 s", "✓ 2.9 s"]
    assert [content["data"]["text/plain"] for _, content in told] == texts
    assert all(content["metadata"] == METADATA and "sf-progress" in content["data"]["text/html"] for _, content in told)


@pytest.mark.parametrize("cell", ["job()", "await asyncio.to_thread(job)"])
def test_a_notebook_that_runs_unattended_holds_its_beginning_and_its_end(kernel: BlockingKernelClient, cell: str) -> None:
    told = shown(kernel, cell, attended=False)
    assert [(kind, content["data"], content["metadata"]) for kind, content in told] == [
        ("display_data", {"text/plain": "0/3 join  0.40 s"}, METADATA),
        ("display_data", {"text/plain": "✓ 2.9 s"}, METADATA),
    ]
