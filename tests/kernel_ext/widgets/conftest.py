"""A federation with a planted value and a planted count that no widget may hold, and jobs that wait for the test's word."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.federation import Federation
from secureframe.mpc.channel import MemoryChannel
from secureframe.testing import InMemoryBackend, start_in_memory

STAGES = {"late": 1_237, "first": 1_601, "second": 1_747, "third": 1_873}
"""Persons by stage: ``late`` has fewer than the threshold, and ``first``, which would tell it by subtraction, is withheld too."""
FEW, NEXT, MANY = STAGES["late"], STAGES["first"], STAGES["third"]
PEOPLE = sum(STAGES.values())
THRESHOLD = 1_500
PLANTED = 48_611_973
"""The dose of everybody in the stage ``late``."""


@pytest.fixture(scope="session")
def federation() -> Iterator[Federation]:
    people = pd.DataFrame({"id": np.arange(PEOPLE), "stage": np.repeat(list(STAGES), list(STAGES.values()))})
    people["male"] = np.arange(PEOPLE) % 2
    people["dose"] = np.where(people["stage"] == "late", PLANTED, 20_000_000 + np.arange(PEOPLE))
    people["age"] = 30 + np.arange(PEOPLE) % 60
    scores = pd.DataFrame({"id": np.arange(PEOPLE), "score": np.arange(PEOPLE) % 101})
    ids = sf.key(low=0, high=9_999, nullable=False)
    declared = {
        "id": ids,
        "stage": sf.category(list(STAGES), nullable=False),
        "male": sf.integer(0, 1, nullable=False),
        "dose": sf.integer(0, 50_000_000, nullable=False),
        "age": sf.integer(0, 120, nullable=False),
    }
    tables = {
        "hospital": {"people": sf.Table(people, columns=declared, roster_size=PEOPLE, rows_per_person=1)},
        "laboratory": {
            "scores": sf.Table(
                scores,
                columns={"id": ids, "score": sf.integer(0, 100, nullable=False)},
                roster_size=PEOPLE,
                rows_per_person=1,
            )
        },
    }
    policy = sf.Policy(name="strict here", threshold=THRESHOLD)
    with sf.simulate(
        tables, policy=policy, purpose="widgets", quiet=True, start=start_in_memory, parties=["hospital", "laboratory", "neutral"]
    ) as fed:
        yield fed


@dataclass
class Runs:
    """Jobs that the institutions were asked for, and how one is held back."""

    backend: InMemoryBackend
    count: int = 0
    asked: int = 0
    started: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Jobs begin, and wait until they are cancelled or the block is left."""
        self.started.clear()
        self.go_on.clear()
        self.backend.wrap = self._hold
        try:
            yield
        finally:
            self.backend.wrap = None
            self.go_on.set()

    def _hold(self, channel: MemoryChannel) -> MemoryChannel:
        transfer, close = channel._transfer, channel.close

        def waiting(*arguments: Any, **named: Any) -> Any:
            self.started.set()
            assert self.go_on.wait(60)
            return transfer(*arguments, **named)

        def closing(error: BaseException | None = None) -> None:
            close(error)
            self.go_on.set()

        channel._transfer, channel.close = waiting, closing  # type: ignore[method-assign]
        return channel


@pytest.fixture
def fed(federation: Federation) -> Federation:
    """The federation as a new notebook meets it: no jobs yet."""
    assert isinstance(federation._backend, InMemoryBackend)
    return Federation(federation._backend, purpose=federation.purpose, analyst=federation._analyst, quiet=True)


@pytest.fixture
def runs(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> Runs:
    assert isinstance(fed._backend, InMemoryBackend)
    found = Runs(fed._backend)
    run, health = InMemoryBackend.run, InMemoryBackend.health

    def counted(self: InMemoryBackend, *arguments: Any) -> Any:
        found.count += 1
        return run(self, *arguments)

    def asked(self: InMemoryBackend) -> dict[str, str]:
        found.asked += 1
        return health(self)

    monkeypatch.setattr(InMemoryBackend, "run", counted)
    monkeypatch.setattr(InMemoryBackend, "health", asked)
    return found


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """No widget of one test is another one's."""
    yield
    ipywidgets.Widget.close_all()


@pytest.fixture
def by_sex(fed: Federation) -> pd.DataFrame:
    table: pd.DataFrame = fed["hospital.people"].groupby("male")["age"].agg(["count", "mean"])
    return table


@pytest.fixture
def by_stage(fed: Federation) -> pd.DataFrame:
    """A table of which one line is withheld."""
    with pytest.warns(sf.SuppressedWarning):
        table: pd.DataFrame = fed["hospital.people"].groupby("stage")["dose"].agg(["count", "mean"])
    return table


def until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Wait for what another thread brings about; return whether it has."""
    waiting = threading.Event()
    for _ in range(int(seconds / 0.01)):
        if true():
            return True
        waiting.wait(0.01)
    return true()
