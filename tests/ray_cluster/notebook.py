"""A notebook in a process of its own: connects with the file it is given, and does what its arguments say.

``python -m tests.ray_cluster.notebook FILE WORK``; every line it prints is a JSON record.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import secureframe as sf
from ray_cluster.client import GatewayClient
from ray_cluster.connect import connect
from secureframe.federation import Federation


def joined(fed: Federation) -> sf.SecureFrame:
    return fed["patients"].merge(fed["registry"], on="id")


def tell(**record: Any) -> None:
    print(json.dumps(record), flush=True)


def answers(fed: Federation, rounds: int) -> None:
    """Ask by turns for what is one institution's and what is several institutions', beside whoever else asks."""
    for number in range(rounds):
        started = time.monotonic()
        table = joined(fed).groupby("male")["w"].agg(["count", "mean"])
        assert fed.last_job is not None
        opened = sum(stage.opened_bits for stage in fed.last_job.stages)
        mean = fed["patients"][fed["patients"]["age"] >= 40 + number]["x"].mean()
        tell(
            number=number,
            began=started,
            ended=time.monotonic(),
            opened=opened,
            counts=[int(n) for n in table["count"]],
            means=[float(m) for m in table["mean"]],
            mean=float(mean),
        )


@contextmanager
def held_back(fed: Federation) -> Iterator[threading.Event]:
    """One institution hears of a job only once the event is set and another one has ended it; at the end all have."""
    given_up, another, ended, stream = threading.Event(), threading.Event(), threading.Event(), GatewayClient.stream

    def late(gateway: GatewayClient, *arguments: Any) -> None:
        first = gateway.name == fed.members[0].name
        if first:
            given_up.wait(60)
            another.wait(60)
        stream(gateway, *arguments)
        (ended if first else another).set()

    GatewayClient.stream = late  # type: ignore[method-assign, assignment]
    try:
        yield given_up
    finally:
        given_up.set()
        GatewayClient.stream = stream  # type: ignore[method-assign]
    assert ended.wait(60), "the institution that came late has ended the job too"


def interrupted(fed: Federation) -> None:
    """Interrupt a statement as the stop button does, before one institution has heard of it; then ask again."""
    backend: Any = fed._backend

    def press() -> None:
        while not backend._client._running:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    # As a kernel has it, whoever started this process.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=press, daemon=True).start()
    started = time.monotonic()
    with held_back(fed):
        try:
            joined(fed)["w"].mean()
            tell(interrupted=False)
        except KeyboardInterrupt:
            tell(interrupted=True, seconds=time.monotonic() - started)
    answers(fed, 1)


def main() -> None:
    path, work = sys.argv[1:]
    warnings.simplefilter("ignore")
    with sf.connect(path, quiet=True, start=connect) as fed:
        tell(connected=[m.name for m in fed.members], purpose=fed.purpose)
        sys.stdin.readline()
        if work == "interrupt":
            interrupted(fed)
        else:
            answers(fed, int(work))


if __name__ == "__main__":
    main()
