"""Simulated federations whose institutions run the engine double, and what tests ask of their processes."""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ray_cluster.processes import members_of_session
from ray_cluster.simulate import SimulationBackend, start
from secureframe.backend import Outcome, Progress, ProgressEvent
from secureframe.errors import Restarting
from secureframe.governance.identity import AnalystIdentity

ENGINE = "tests.ray_cluster.engine_double"
INSTITUTIONS = ("hospital", "laboratory", "registry")
ROOT = str(Path(__file__).resolve().parents[2])


def silent(event: ProgressEvent) -> None:
    """Takes no notice of progress."""


class Federation:
    """A simulation that was started, and its analyst."""

    def __init__(self, declarations: dict[str, Any] | None = None, *, record: bool = False) -> None:
        # Actors import the engine double by its name.
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([ROOT, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]))
        self.analyst = AnalystIdentity.generate("ana", "university")
        self.directory = Path(tempfile.mkdtemp(prefix="sf-"))
        self.told: list[str] = []
        backend = start(
            declarations=declarations or {name: {"visits": {}} for name in INSTITUTIONS},
            policies={},
            directory=self.directory,
            analyst=self.analyst,
            progress=self.told.append,
            record=record,
            institution=f"{ENGINE}:Institution",
            party_job=f"{ENGINE}:PartyJob",
        )
        assert isinstance(backend, SimulationBackend)
        self.backend = backend
        self.guardian: int = backend._simulation._guardian.pid
        self.launcher = launcher_of(self.guardian)

    def run(self, progress: Progress = silent, **record: Any) -> Outcome:
        """Run a job; as a notebook does, send it anew where an institution was being restarted."""
        request = {"owners": list(INSTITUTIONS), "stages": ["share", "count", "release"], "words": 5, **record}
        while True:
            body = json.dumps({"nonce": secrets.token_hex(8), **request}).encode()
            try:
                return self.backend.run(body, self.analyst.sign(body), progress)
            except Restarting:
                continue

    def processes(self) -> list[int]:
        """Return the launcher and everything that stems from it."""
        return members_of_session(self.launcher)


def launcher_of(guardian: int) -> int:
    """Return the launcher that a guardian started."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(guardian)], capture_output=True, text=True, check=True)
    first, *others = [int(line) for line in children.stdout.split()]
    assert not others
    return first


def wait_for_end(pid: int, seconds: float = 30.0) -> None:
    """Wait until a process has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], seconds)[0], "the process is still there"
    finally:
        os.close(descriptor)
