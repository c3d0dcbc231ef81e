"""Sealed packages between institutions: from the host of a party to the recipient's gateway, and from nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ray_cluster import gateway as gateway_module
from ray_cluster import institution as institution_module
from ray_cluster.delivery import Courier
from ray_cluster.failures import Cause
from ray_cluster.federation import FederationDescription
from ray_cluster.gateway import GatewayServer, create_application
from ray_cluster.identities import ProcessIdentity
from ray_cluster.institution import InstitutionHost
from ray_cluster.job_run import JobRun
from ray_cluster.links import Dialer, bind
from secureframe.engine.receiving import Receiving
from secureframe.errors import PartyUnavailable, ProtocolAborted
from secureframe.governance.kept import PACKAGE_OVERHEAD, kept
from tests.ray_cluster.engine_double import AdmittedJob, Institution
from tests.ray_cluster.serving import PartyDouble
from tests.ray_cluster.wiring import new_job, wiring

SIZE = 160
PACKAGE = bytes(SIZE + PACKAGE_OVERHEAD)


@dataclass
class Delivered:
    """The gateway of the hospital, which hosts party 0, and whoever may speak to it."""

    description: FederationDescription
    identities: tuple[ProcessIdentity, ...]
    analyst: ProcessIdentity
    institution: Institution
    host: InstitutionHost
    directory: Path

    @property
    def receiving(self) -> Receiving:
        found: Receiving = self.institution.receiving
        return found

    def courier(self, party: int) -> Courier:
        return Courier(self.identities[party], self.description)

    def post(self, identity: ProcessIdentity, path: str, content: bytes = PACKAGE) -> httpx.Response:
        member = self.description.member("hospital")
        assert member.gateway is not None
        context = identity.client_context(member.certificate)
        with httpx.Client(base_url=f"https://127.0.0.1:{member.gateway[1]}", verify=context, trust_env=False) as client:
            return client.post(path, content=content)

    def run(self, job: AdmittedJob, party: PartyDouble | None = None) -> JobRun:
        dialer = Dialer(self.identities[0], self.description)
        return JobRun(self.institution, job, party, dialer, "hospital", self.host._hand_over)  # type: ignore[arg-type]


@contextmanager
def delivering(directory: Path) -> Iterator[Delivered]:
    with wiring() as wires:
        identity, analyst = wires.identities[0], ProcessIdentity.generate("ana")
        institution = Institution(name=identity.name, policy={}, members=[])
        institution.receiving = Receiving(identity.name, directory / "results", dict)
        host = InstitutionHost(identity, institution)  # type: ignore[arg-type]
        entry = host.register({"visits": {}})
        listener = bind(0)
        first = replace(wires.description.members[0], gateway=listener.getsockname()[:2])
        gone = bind(0)
        second = replace(wires.description.members[1], gateway=gone.getsockname()[:2])
        gone.close()
        members = (first, second, wires.description.members[2])
        description = FederationDescription(members=members, catalog={"hospital": entry})
        host.configure(description, None)
        clients = [analyst.certificate, *(m.certificate for m in members)]
        server = GatewayServer(create_application(host), identity, clients, listener)
        server.start()
        try:
            yield Delivered(description, wires.identities, analyst, institution, host, directory)
        finally:
            server.stop()


@pytest.fixture
def delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Delivered]:
    monkeypatch.setattr(institution_module, "ADMISSION_SECONDS", 0.1)
    with delivering(tmp_path) as found:
        yield found


def job(job_id: str, recipient: str | None = "hospital") -> AdmittedJob:
    return AdmittedJob(job_id=job_id, owners=(), stages=("release",), words=1, rounds=1, marks=None, recipient=recipient)


def test_hosts_hand_over_what_the_recipient_keeps(delivered: Delivered) -> None:
    job_id = new_job()
    delivered.receiving.expect(job_id, b"", b"", SIZE)
    for party in (1, 2):
        delivered.courier(party).hand_over("hospital", job_id, party, PACKAGE)
    delivered.host._hand_over("hospital", job_id, PACKAGE)
    assert delivered.receiving.complete(job_id, 0) and len(kept(delivered.directory)) == 1


def test_a_package_comes_from_the_host_of_its_party(delivered: Delivered) -> None:
    job_id = new_job()
    delivered.receiving.expect(job_id, b"", b"", SIZE)
    for who, party in ((delivered.identities[1], 2), (delivered.analyst, 1), (delivered.identities[0], 7)):
        answer = delivered.post(who, f"/packages/{job_id}/{party}")
        assert answer.status_code == 403 and "the host of its party" in answer.json()["message"]
    with pytest.raises(httpx.TransportError):
        delivered.post(ProcessIdentity.generate("laboratory"), f"/packages/{job_id}/1")
    assert delivered.post(delivered.identities[1], f"/packages/{job_id}/1").status_code == 200


def test_what_is_not_expected_is_refused(delivered: Delivered, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, laboratory = new_job(), delivered.identities[1]
    assert delivered.post(laboratory, f"/packages/{job_id}/1").status_code == 422
    delivered.receiving.expect(job_id, b"", b"", SIZE)
    assert delivered.post(laboratory, f"/packages/{job_id}/1", PACKAGE[:-1]).status_code == 422
    assert delivered.post(laboratory, f"/packages/{job_id}/one").status_code == 422
    monkeypatch.setattr(gateway_module, "LARGEST_PACKAGE", len(PACKAGE) - 1)
    assert delivered.post(laboratory, f"/packages/{job_id}/1").status_code == 413


def test_an_institution_that_keeps_nothing_says_so(delivered: Delivered) -> None:
    delivered.institution.receiving = None
    answer = delivered.post(delivered.identities[1], f"/packages/{new_job()}/1")
    assert answer.status_code == 403 and "receives no results" in answer.json()["message"]


def test_a_full_disk_tells_nothing(delivered: Delivered) -> None:
    def full(*arguments: Any) -> None:
        raise OSError("no space for what is secret")

    delivered.receiving.receive = full  # type: ignore[method-assign]
    answer = delivered.post(delivered.identities[1], f"/packages/{new_job()}/1")
    assert answer.status_code == 500 and "secret" not in answer.text


@pytest.mark.parametrize("recipient", ["hospital", "laboratory", "registry"], ids=["refuses", "is gone", "has no gateway"])
def test_a_recipient_that_takes_nothing_is_named(delivered: Delivered, recipient: str) -> None:
    with pytest.raises(PartyUnavailable, match=f"{recipient} could not take") as caught:
        delivered.courier(1).hand_over(recipient, new_job(), 1, PACKAGE)
    assert caught.value.institution == recipient


def test_the_recipient_ends_its_job_when_all_packages_are_there(delivered: Delivered) -> None:
    job_id, events = new_job(), []
    delivered.receiving.expect(job_id, b"", b"", SIZE)
    party = PartyDouble()
    party.package = PACKAGE
    running = threading.Thread(target=delivered.run(job(job_id), party).run, args=(events.append,))
    running.start()
    delivered.courier(1).hand_over("hospital", job_id, 1, PACKAGE)
    assert running.is_alive() and "result" not in [e["event"] for e in events]
    delivered.courier(2).hand_over("hospital", job_id, 2, PACKAGE)
    running.join(timeout=10)
    assert events[-1]["event"] == "result" and events[-1]["package"] is None


def test_a_recipient_that_is_cancelled_keeps_nothing(delivered: Delivered) -> None:
    job_id, events = new_job(), []
    delivered.receiving.expect(job_id, b"", b"", SIZE)
    run = delivered.run(job(job_id))
    running = threading.Thread(target=run.run, args=(events.append,))
    running.start()
    delivered.courier(1).hand_over("hospital", job_id, 1, PACKAGE)
    run.cancel()
    running.join(timeout=10)
    assert events[-1]["event"] == "error" and events[-1]["cause"] == Cause.CANCELLED
    with pytest.raises(ProtocolAborted, match="expects no result"):
        delivered.receiving.receive(job_id, 2, PACKAGE)


def test_a_host_that_cannot_hand_over_ends_the_job(delivered: Delivered) -> None:
    events: list[dict[str, Any]] = []
    delivered.run(job(new_job(), "laboratory"), PartyDouble()).run(events.append)
    assert events[-1]["event"] == "error" and events[-1]["error"]["class"] == "PartyUnavailable"
    assert events[-1]["error"]["institution"] == "laboratory"
