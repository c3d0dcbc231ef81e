"""Ending every process of a session, whatever process group it moved to and whoever its parent is.

Ray's own agents outlive a killed driver, and its workers are in process groups of their own; all stay in the session of
the launcher that started them.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 10.0


def members_of_session(session: int) -> list[int]:
    """Return the processes of a session, without this one and without those that have ended."""
    found = []
    for pid in _processes():
        if pid == os.getpid():
            continue
        with suppress(OSError):
            if os.getsid(pid) == session and not _is_zombie(pid):
                found.append(pid)
    return found


def end_session(session: int) -> None:
    """Kill every process of a session but this one, and wait until none is left."""
    deadline = time.monotonic() + _PATIENCE
    while (members := members_of_session(session)) and time.monotonic() < deadline:
        for pid in members:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        reap()
        time.sleep(0.02)
    while not reap() and time.monotonic() < deadline:
        time.sleep(0.01)


def reap() -> bool:
    """Collect ended children, and ended descendants that this process adopted; return whether none is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        return True
    return False


def adopt_descendants() -> None:
    """Make orphaned descendants children of this process, where the system can do that."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def remove_directory(directory: Path) -> None:
    """Remove a directory that processes just killed may still have had open."""
    for _ in range(3):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.05)


def _processes() -> list[int]:
    proc = Path("/proc")
    if proc.is_dir():
        return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    listed = subprocess.run(["ps", "-axo", "pid="], capture_output=True, text=True, check=True)
    return [int(line) for line in listed.stdout.split()]


def _is_zombie(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text[text.rindex(")") + 2] in "ZX"
