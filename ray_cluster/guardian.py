"""The guardian: a small process outside the launcher's session that ends everything when the notebook or the launcher is gone.

``python -m ray_cluster.guardian DIRECTORY PARENT``: standard input is a pipe from the notebook's kernel, whose end of file
(or any byte) means that the simulation is over; standard output is the launcher's pipe to the kernel.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

from ray_cluster.processes import adopt_descendants, end_session, remove_directory


def guard(directory: Path, parent: int) -> None:
    """Start the launcher and wait for the first of: the kernel's word, the kernel's end, the launcher's end."""
    adopt_descendants()
    with (directory / "guardian.log").open("ab") as log:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "ray_cluster.launcher", str(directory)],
            stdin=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        try:
            # The kernel must read the end of the launcher's pipe when the launcher ends: no copy of it stays here.
            os.dup2(log.fileno(), 1)
            _wait_for_an_end(parent, launcher.pid)
        finally:
            end_session(launcher.pid)
            remove_directory(directory)


def _wait_for_an_end(parent: int, launcher: int) -> None:
    watched = [0]
    for pid in (parent, launcher):
        # A fork of the kernel would keep the pipe open: the kernel's own end is watched as well, where that is possible.
        if hasattr(os, "pidfd_open"):
            try:
                watched.append(os.pidfd_open(pid))
            except ProcessLookupError:
                return
    if len(watched) == 3:
        select.select(watched, [], [])
        return
    while not select.select([0], [], [], 0.25)[0]:
        if os.getppid() != parent or os.waitpid(launcher, os.WNOHANG)[0] != 0:
            return


if __name__ == "__main__":
    guard(Path(sys.argv[1]), int(sys.argv[2]))
