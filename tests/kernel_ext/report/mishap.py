"""A mishap in the notebook's own process: a job is under way everywhere but at one institution until the test has done its worst.

Files in a directory are how the test and the notebook tell each other: ``admitted``, and then ``done``.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ray_cluster.client import GatewayClient

LATE = "hospital"
"""It hears of the job only once the mishap has happened, so that the job cannot end before."""


def prepare(directory: Path, institution: str) -> None:
    """Have the next job wait, once an institution has admitted it, until the test says that it is done."""
    stream = GatewayClient.stream

    def watched(gateway: GatewayClient, request: bytes, signature: bytes, put: Any) -> None:
        def told(name: str, event: dict[str, Any]) -> None:
            put(name, event)
            if name == institution and event["event"] == "admitted":
                (directory / "admitted").touch()
                wait_for(directory / "done")

        if gateway.name == LATE:
            wait_for(directory / "done")
        stream(gateway, request, signature, told)

    GatewayClient.stream = watched  # type: ignore[method-assign]


def wait_for(path: Path, seconds: float = 90.0) -> None:
    """Wait until there is a file."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(path.name)
        time.sleep(0.01)
