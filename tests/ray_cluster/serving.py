"""A gateway in this process, before an institution and a compute party that do as a test says."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from ray_cluster.client import SIGNATURE_HEADER
from ray_cluster.federation import FederationDescription
from ray_cluster.gateway import GatewayServer, create_application
from ray_cluster.identities import ProcessIdentity
from ray_cluster.institution import InstitutionHost
from ray_cluster.links import bind
from ray_cluster.party_handle import PartyLost
from ray_cluster.presence import Presence
from secureframe.governance.identity import AnalystIdentity
from tests.ray_cluster.engine_double import AdmittedJob, Institution
from tests.ray_cluster.wiring import wiring


class PartyDouble:
    """A compute party in this process: it does as the test says."""

    def __init__(self) -> None:
        self.is_lost = False
        self.calls: list[str] = []
        self.package = b"sealed"
        self.on_cancel: Callable[[], None] = lambda: None
        self.on_finish: Callable[[], None] = lambda: None
        self.on_stage: Callable[[str], dict[str, Any]] = lambda name: {"report": {"rounds": 1, "bytes": 8, "seconds": 0.0}}

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.is_lost:
            raise PartyLost

    def lost(self) -> bool:
        return self.is_lost

    def ping(self) -> None:
        self._note("ping")

    def run(self, job: AdmittedJob) -> Iterator[dict[str, Any]]:
        self._note("open")
        yield {"seconds": 0.0}
        for name in job.stages:
            self._note(name)
            yield self.on_stage(name)
        self._note("seal")
        yield {"package": self.package, "report": {"links": {}, "rounds": 1}}

    def kept(self, analyst: str) -> dict[str, str]:
        self._note("kept")
        return {"digest": f"job of {analyst}"}

    def forget(self, analyst: str) -> None:
        self._note(f"forget {analyst}")

    def cancel(self, job_id: str) -> None:
        self._note("cancel")
        self.on_cancel()

    def finish(self, job_id: str) -> None:
        self._note("finish")
        self.on_finish()


@dataclass
class Served:
    description: FederationDescription
    ana: AnalystIdentity
    ben: AnalystIdentity
    certificates: dict[str, ProcessIdentity]
    party: PartyDouble
    statuses: dict[str, str]

    def client(self, name: str = "ana") -> httpx.Client:
        member = self.description.members[0]
        assert member.gateway is not None
        context = self.certificates[name].client_context(member.certificate)
        return httpx.Client(base_url=f"https://127.0.0.1:{member.gateway[1]}", verify=context, trust_env=False, timeout=10)


@contextmanager
def serving(gone_seconds: float = 60.0) -> Iterator[Served]:
    ana, ben = AnalystIdentity.generate("ana"), AnalystIdentity.generate("ben")
    certificates = {each.name: ProcessIdentity.of(each.name, each.signing_key) for each in (ana, ben)}
    party = PartyDouble()
    with wiring() as wires:
        identity = wires.identities[0]
        institution = Institution(name=identity.name, policy={}, members=[])
        host = InstitutionHost(identity, institution)  # type: ignore[arg-type]  # a double
        entry = host.register({"visits": {}})
        for analyst in (ana, ben):
            host.trust(analyst.public())
        listener = bind(0)
        first = replace(wires.description.members[0], gateway=listener.getsockname()[:2])
        description = FederationDescription(members=(first, *wires.description.members[1:]), catalog={"hospital": entry})
        host.configure(description, party)  # type: ignore[arg-type]  # it takes another record of a job
        clients = [each.certificate for each in certificates.values()]
        presence = Presence(host.forget, gone_seconds)
        server = GatewayServer(create_application(host), identity, clients, listener, presence)
        server.start()
        try:
            yield Served(description, ana, ben, certificates, party, institution.statuses)
        finally:
            server.stop()


def plan(**record: Any) -> bytes:
    return json.dumps({"owners": [], "stages": ["share", "release"], "words": 1, **record}).encode()


def post(client: httpx.Client, body: bytes, signature: bytes) -> httpx.Response:
    return client.post("/jobs", content=body, headers={SIGNATURE_HEADER: base64.b64encode(signature).decode()})


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.splitlines()]
