"""What a gateway lets in: holders of pinned certificates, and plans that they signed themselves."""

from __future__ import annotations

import base64
import json
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from ray_cluster.client import SIGNATURE_HEADER, FederationClient
from ray_cluster.failures import Cause
from ray_cluster.federation import FederationDescription
from ray_cluster.gateway import LARGEST_REQUEST, GatewayServer, create_application
from ray_cluster.identities import ProcessIdentity
from ray_cluster.institution import InstitutionHost
from ray_cluster.job_run import PartyLost
from ray_cluster.links import bind
from secureframe.errors import PartyUnavailable, PolicyError
from secureframe.governance.identity import AnalystIdentity
from tests.ray_cluster.engine_double import SECRET, AdmittedJob, Institution
from tests.ray_cluster.wiring import wiring


class PartyDouble:
    """A compute party in this process: it does as the test says."""

    def __init__(self) -> None:
        self.lost = False
        self.calls: list[str] = []
        self.on_cancel: Callable[[], None] = lambda: None
        self.on_stage: Callable[[str], dict[str, Any]] = lambda name: {"report": {"rounds": 1, "bytes": 8, "seconds": 0.0}}

    def _note(self, call: str) -> None:
        self.calls.append(call)
        if self.lost:
            raise PartyLost

    def ping(self) -> None:
        self._note("ping")

    def open(self, job: AdmittedJob) -> dict[str, Any]:
        self._note("open")
        return {"seconds": 0.0}

    def run_stage(self, job_id: str, name: str) -> dict[str, Any]:
        self._note(name)
        return self.on_stage(name)

    def seal(self, job_id: str) -> dict[str, Any]:
        self._note("seal")
        return {"package": b"sealed", "report": {"links": {}, "rounds": 1}}

    def cancel(self, job_id: str) -> None:
        self._note("cancel")
        self.on_cancel()

    def finish(self, job_id: str) -> None:
        self._note("finish")


@dataclass
class Served:
    description: FederationDescription
    ana: AnalystIdentity
    ben: AnalystIdentity
    certificates: dict[str, ProcessIdentity]
    party: PartyDouble

    def client(self, name: str = "ana") -> httpx.Client:
        member = self.description.members[0]
        assert member.gateway is not None
        context = self.certificates[name].client_context(member.certificate)
        return httpx.Client(base_url=f"https://127.0.0.1:{member.gateway[1]}", verify=context, trust_env=False, timeout=10)


@pytest.fixture
def served() -> Iterator[Served]:
    ana, ben = AnalystIdentity.generate("ana"), AnalystIdentity.generate("ben")
    certificates = {each.name: ProcessIdentity.of(each.name, each.signing_key) for each in (ana, ben)}
    party = PartyDouble()
    with wiring() as wires:
        identity = wires.identities[0]
        host = InstitutionHost(identity, Institution(name=identity.name, policy={}, members=[]))  # type: ignore[arg-type]
        entry = host.register({"visits": {}})
        for analyst in (ana, ben):
            host.trust(analyst.public())
        listener = bind(0)
        first = replace(wires.description.members[0], gateway=listener.getsockname()[:2])
        description = FederationDescription(members=(first, *wires.description.members[1:]), catalog={"hospital": entry})
        host.configure(description, party)  # type: ignore[arg-type]  # it takes another record of a job
        clients = [each.certificate for each in certificates.values()]
        server = GatewayServer(create_application(host), identity, clients, listener)
        server.start()
        try:
            yield Served(description, ana, ben, certificates, party)
        finally:
            server.stop()


def plan(**record: Any) -> bytes:
    return json.dumps({"owners": [], "stages": ["share", "release"], "words": 1, **record}).encode()


def post(client: httpx.Client, body: bytes, signature: bytes) -> httpx.Response:
    return client.post("/jobs", content=body, headers={SIGNATURE_HEADER: base64.b64encode(signature).decode()})


def test_a_signed_plan_runs(served: Served) -> None:
    with served.client() as client:
        answer = post(client, plan(), served.ana.sign(plan()))
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert [each["event"] for each in events] == ["admitted", "stage", "stage", "result"]
    assert base64.b64decode(events[-1]["package"]) == b"sealed"
    assert served.party.calls == ["open", "share", "release", "seal", "finish"]


def test_health_and_catalog(served: Served) -> None:
    with served.client() as client:
        assert client.get("/health").json() == {"institution": "hospital", "state": "ready"}
        assert client.get("/catalog").json()["tables"] == ["visits"]
        served.party.lost = True
        assert client.get("/health").json()["state"] == "restarting"


def test_openapi_describes_the_routes(served: Served) -> None:
    with served.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/health", "/catalog", "/jobs", "/jobs/{job_id}"}
    assert "application/json" in paths["/jobs"]["post"]["requestBody"]["content"]


def test_no_certificate_no_answer(served: Served) -> None:
    with httpx.Client(verify=False, trust_env=False) as client, pytest.raises(httpx.TransportError):
        client.get(f"https://127.0.0.1:{served.description.members[0].gateway[1]}/health")  # type: ignore[index]


def test_a_strangers_certificate_gets_no_answer(served: Served) -> None:
    served.certificates["ana"] = ProcessIdentity.generate("ana")
    with served.client() as client, pytest.raises(httpx.TransportError):
        client.get("/health")


def test_a_wrong_signature_is_refused(served: Served) -> None:
    with served.client() as client:
        answer = post(client, plan(), served.ana.sign(plan() + b" "))
    assert answer.status_code == 403
    assert answer.json()["class"] == "PolicyError"
    assert served.party.calls == []


def test_a_plan_signed_by_somebody_else_is_refused(served: Served) -> None:
    """Both are trusted: but whoever connects must be the one who signed."""
    with served.client("ben") as client:
        answer = post(client, plan(), served.ana.sign(plan()))
    assert answer.status_code == 403
    assert "certificate" in answer.json()["message"]
    with served.client("ben") as client:
        assert post(client, plan(), served.ben.sign(plan())).status_code == 200


def test_a_replayed_plan_is_refused(served: Served) -> None:
    with served.client() as client:
        assert post(client, plan(), served.ana.sign(plan())).status_code == 200
        assert post(client, plan(), served.ana.sign(plan())).status_code == 422


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(served: Served, chunked: bool) -> None:
    body = b"x" * (LARGEST_REQUEST + 1)
    content = iter([body[:1000], body[1000:]]) if chunked else body
    with served.client() as client:
        answer = client.post("/jobs", content=content, headers={SIGNATURE_HEADER: "AAAA"})
    assert answer.status_code == 413


def test_a_signature_is_base64_and_required(served: Served) -> None:
    with served.client() as client:
        assert client.post("/jobs", content=plan(), headers={SIGNATURE_HEADER: "?"}).status_code == 400
        assert client.post("/jobs", content=plan()).status_code == 422


def test_what_is_no_plan_says_nothing_of_itself(served: Served) -> None:
    body = b'{"owners": "' + SECRET.encode()
    with served.client() as client:
        answer = post(client, body, served.ana.sign(body))
    assert answer.status_code == 500
    assert SECRET not in answer.text


def test_a_lost_party_is_named(served: Served) -> None:
    def lose(name: str) -> dict[str, Any]:
        served.party.lost = True
        raise PartyLost

    served.party.on_stage = lose
    with served.client() as client:
        events = [json.loads(line) for line in post(client, plan(), served.ana.sign(plan())).text.splitlines()]
    assert events[-1]["cause"] == Cause.LOST
    assert events[-1]["error"]["class"] == "PartyUnavailable"
    assert events[-1]["error"]["institution"] == "hospital"


def test_only_the_owner_of_a_job_cancels_it(served: Served) -> None:
    def stage(name: str) -> dict[str, Any]:
        job_id = cancelling.get(timeout=10)
        with served.client("ben") as client:
            assert client.delete(f"/jobs/{job_id}").json() == {"cancelled": False}
        with served.client("ana") as client:
            assert client.delete(f"/jobs/{job_id}").json() == {"cancelled": True}
        return {"cause": Cause.LINK, "error": PartyUnavailable("closed").to_json()}

    cancelling: queue.SimpleQueue[str] = queue.SimpleQueue()
    served.party.on_stage = stage
    body = plan()
    with (
        served.client() as client,
        client.stream(
            "POST", "/jobs", content=body, headers={SIGNATURE_HEADER: base64.b64encode(served.ana.sign(body)).decode()}
        ) as answer,
    ):
        lines = answer.iter_lines()
        cancelling.put(json.loads(next(lines))["job"])
        events = [json.loads(line) for line in lines]
    assert events[-1]["cause"] == Cause.CANCELLED
    assert "cancel" in served.party.calls


def test_an_analyst_who_goes_away_cancels(served: Served) -> None:
    cancelled = threading.Event()

    def stage(name: str) -> dict[str, Any]:
        assert cancelled.wait(20)
        return {"cause": Cause.LINK, "error": PartyUnavailable("closed").to_json()}

    served.party.on_stage, served.party.on_cancel = stage, cancelled.set
    headers = {SIGNATURE_HEADER: base64.b64encode(served.ana.sign(plan())).decode()}
    with served.client() as client, client.stream("POST", "/jobs", content=plan(), headers=headers) as answer:
        assert "admitted" in next(answer.iter_lines())
    assert cancelled.wait(20)


def test_the_client_raises_what_the_institution_raised(served: Served) -> None:
    alone = FederationDescription(members=served.description.members[:1], catalog={})
    client = FederationClient(alone, served.certificates["ana"])
    body = plan(refused_by="hospital")
    with pytest.raises(PolicyError, match="the policy forbids it") as caught:
        client.run(body, served.ana.sign(body), lambda name, number, count: None)
    assert caught.value.institution == "hospital"
    client.close()
