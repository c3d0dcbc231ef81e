"""The panel in a real kernel: its button cancels a job whose cell is still running."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests.ray_cluster.federations import ROOT

SETTING = """
import time, warnings
warnings.simplefilter("ignore")
from kernel_ext.widgets import federation_panel
from tests.federation.session import session
fed = session()
panel = federation_panel(fed)
def slow(channel):
    transfer = channel._transfer
    def late(*arguments, **named):
        time.sleep(0.3)
        return transfer(*arguments, **named)
    channel._transfer = late
    return channel
fed._backend.wrap = slow
"""


class Kernel:
    """A kernel with a subshell, as JupyterLab makes one for widgets."""

    def __init__(self, client: Any) -> None:
        self._client = client
        reply = self._asked(client.session.msg("create_subshell_request"))
        self.subshell = reply["content"]["subshell_id"]

    def _asked(self, message: dict[str, Any]) -> dict[str, Any]:
        self._client.control_channel.send(message)
        while True:
            reply: dict[str, Any] = self._client.get_control_msg(timeout=30)
            if reply["parent_header"]["msg_id"] == message["header"]["msg_id"]:
                return reply

    def run(self, code: str, *, expressions: dict[str, str] | None = None, subshell: str | None = None) -> str:
        """Begin a cell and return its number."""
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": expressions or {}}
        message = self._client.session.msg("execute_request", content)
        message["header"]["subshell_id"] = subshell
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def ended(self, number: str, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            reply: dict[str, Any] = self._client.get_shell_msg(timeout=max(0.1, deadline - time.monotonic()))
            if reply["parent_header"].get("msg_id") == number:
                return dict(reply["content"])

    def value(self, expression: str, subshell: str | None = None) -> str:
        reply = self.ended(self.run("", expressions={"value": expression}, subshell=subshell), 60)
        while reply["status"] == "aborted":
            # What reaches a kernel in the moment after an error is not run.
            reply = self.ended(self.run("", expressions={"value": expression}, subshell=subshell), 60)
        return str(reply["user_expressions"]["value"]["data"]["text/plain"])

    def press(self, widget: str) -> None:
        """Send what a browser sends when a button is pressed."""
        content = {"comm_id": widget, "data": {"method": "custom", "content": {"event": "click"}}}
        message = self._client.session.msg("comm_msg", content)
        message["header"]["subshell_id"] = self.subshell
        self._client.shell_channel.send(message)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(ROOT))
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.slow
def test_a_job_is_cancelled_while_its_cell_runs(kernel: Kernel) -> None:
    assert kernel.ended(kernel.run(SETTING), 60)["status"] == "ok"
    button = kernel.value("panel._cancel.model_id").strip("'")
    cell = kernel.run("fed['patients'].merge(fed['registry'], on='id').groupby('male')['w'].mean()")
    deadline = time.monotonic() + 60
    while kernel.value("panel._cancel.disabled", kernel.subshell) == "True" and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(queue.Empty):
        kernel.ended(cell, 0.0)
    kernel.press(button)
    reply = kernel.ended(cell, 30)
    assert reply["status"] == "error" and reply["ename"] == "ProtocolAborted"
    assert kernel.value("fed.jobs[-1].status") == "'cancelled'"
