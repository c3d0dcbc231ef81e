"""An institution as a process: how many jobs it takes, and what it makes of its own compute party."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from ray_cluster import institution as institution_module
from ray_cluster.cluster import ActorBusy, RemoteParty
from ray_cluster.institution import InstitutionHost, TooManyJobs
from secureframe.governance.identity import AnalystIdentity
from tests.ray_cluster.engine_double import AdmittedJob, Institution
from tests.ray_cluster.serving import plan
from tests.ray_cluster.wiring import wiring


def test_a_request_that_finds_no_place_is_not_admitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while another is still being admitted; it may be sent again."""
    monkeypatch.setattr(institution_module, "MOST_JOBS", 1)
    entered, go_on, ana = threading.Event(), threading.Event(), AnalystIdentity.generate("ana")
    admitted: list[bytes] = []

    class Slow(Institution):
        def admit(self, request: bytes, signature: bytes) -> AdmittedJob:
            admitted.append(request)
            entered.set()
            assert go_on.wait(10)
            return super().admit(request, signature)

    with wiring() as wires:
        identity = wires.identities[0]
        host = InstitutionHost(identity, Slow(name=identity.name, policy={}, members=[]))  # type: ignore[arg-type]
        entry = host.register({"visits": {}})
        host.trust(ana.public())
        host.configure(replace(wires.description, catalog={identity.name: entry}), None)
        first, second = plan(), plan(words=2)
        with ThreadPoolExecutor(1) as pool:
            admitting = pool.submit(host.admit, first, ana.sign(first), ana.public()["verify_key"])
            assert entered.wait(10)
            with pytest.raises(TooManyJobs):
                host.admit(second, ana.sign(second), ana.public()["verify_key"])
            go_on.set()
            job_id, _ = admitting.result(timeout=10)
        assert admitted == [first]
        host.run(job_id, lambda event: None)
        host.admit(second, ana.sign(second), ana.public()["verify_key"])


def test_a_busy_party_is_not_a_lost_one() -> None:
    class Busy:
        def call(self, *arguments: Any, timeout: float | None = None) -> Any:
            raise ActorBusy

        def start(self, *arguments: Any) -> None:
            """Its exit is never told of."""

    party = RemoteParty(Busy())  # type: ignore[arg-type]  # stands in for an actor
    party.cancel("a job")
    party.finish("a job")
    with pytest.raises(ActorBusy):
        party.ping()
    with wiring() as wires:
        host = InstitutionHost(wires.identities[0], Institution(name="hospital", policy={}, members=[]))  # type: ignore[arg-type]
        host.configure(replace(wires.description, catalog={"hospital": {}}), party)
        assert not host.ready()
