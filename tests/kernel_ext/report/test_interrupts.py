"""Signals: the cell that runs is interrupted, no further one begins, and a kernel that does not listen is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from kernel_ext.report import running
from kernel_ext.report.exits import Ended, Exit
from kernel_ext.report.running import SIGNALS, Interrupts

LISTENING = """
import time
try:
    print('up', flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print('interrupted')
"""
DEAF = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"


@pytest.fixture
def kernel(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", request.param], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.communicate()


def client_of(process: Any) -> Any:
    return SimpleNamespace(km=SimpleNamespace(provisioner=SimpleNamespace(process=process)))


@pytest.mark.parametrize("kernel", [LISTENING], indirect=True)
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts_the_cell_and_no_further_one_begins(kernel: subprocess.Popen[str], number: int) -> None:
    before = signal.getsignal(number)
    with Interrupts() as interrupts, interrupts.of(client_of(kernel)):
        interrupts.check(cell={}, cell_index=0)
        os.kill(os.getpid(), number)
        assert kernel.communicate(timeout=30)[0] == "interrupted\n"
        with pytest.raises(Ended) as caught:
            interrupts.check(cell={}, cell_index=1)
        assert caught.value.code is Exit.CANCELLED
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("kernel", [DEAF], indirect=True)
def test_a_kernel_that_does_not_listen_is_ended(kernel: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE_SECONDS", 0.05)
    with Interrupts() as interrupts, interrupts.of(client_of(kernel)):
        os.kill(os.getpid(), signal.SIGTERM)
        assert kernel.wait(timeout=30) == -signal.SIGKILL


@pytest.mark.parametrize("kernel", [DEAF], indirect=True)
def test_a_second_signal_waits_for_nothing(kernel: subprocess.Popen[str]) -> None:
    with Interrupts() as interrupts, interrupts.of(client_of(kernel)):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_where_no_cell_runs_a_signal_ends_the_report_at_once() -> None:
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    assert not interrupts.requested
    with Interrupts() as interrupts, interrupts.of(client_of(None)):
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.requested, "a kernel that is about to start begins no cell"
