"""What a gateway lets in: holders of pinned certificates, and plans that they signed themselves."""

from __future__ import annotations

import base64
import json
import queue
import socket
import threading
import time
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ray_cluster import gateway as gateway_module
from ray_cluster.client import SIGNATURE_HEADER
from ray_cluster.failures import Cause
from ray_cluster.gateway import LARGEST_REQUEST, GatewayServer
from ray_cluster.identities import ProcessIdentity
from ray_cluster.links import bind
from ray_cluster.party_handle import PartyLost
from secureframe.errors import PartyUnavailable
from tests.ray_cluster.engine_double import SECRET
from tests.ray_cluster.serving import Served, events_of, plan, post


def test_a_signed_plan_runs(served: Served) -> None:
    with served.client() as client:
        answer = post(client, plan(), served.ana.sign(plan()))
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert [each["event"] for each in events] == ["admitted", "stage", "stage", "result"]
    assert base64.b64decode(events[-1]["package"]) == b"sealed"
    assert served.party.calls == ["open", "share", "release", "seal"]


def test_health_and_catalog(served: Served) -> None:
    with served.client() as client:
        assert client.get("/health").json() == {"institution": "hospital", "state": "ready"}
        assert client.get("/catalog").json()["tables"] == ["visits"]
        served.party.is_lost = True
        assert client.get("/health").json()["state"] == "restarting"


def test_openapi_describes_the_routes(served: Served) -> None:
    with served.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
    known = {"/health", "/catalog", "/kept", "/saved", "/saved/{name}", "/analysts", "/jobs", "/jobs/{job_id}"}
    assert set(paths) == known | {"/packages/{job_id}/{party}"}
    assert "application/json" in paths["/jobs"]["post"]["requestBody"]["content"]


def test_what_is_kept_is_told_to_whose_it_is(served: Served) -> None:
    for name, analyst in (("ana", served.ana), ("ben", served.ben)):
        key = analyst.public()["verify_key"]
        with served.client(name) as client:
            assert client.get("/kept").json() == {"digest": f"job of {key}"}
            assert client.delete("/kept").json() == {"forgotten": True}
        assert served.party.calls[-1] == f"forget {key}"
    served.party.is_lost = True
    with served.client() as client:
        assert client.get("/kept").json() == {}


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


def noted(served: Served) -> str:
    """How the only job ended, as the institution notes it once it has told it."""
    deadline = time.monotonic() + 10
    while not served.statuses and time.monotonic() < deadline:
        time.sleep(0.01)
    (status,) = served.statuses.values()
    return status


def test_a_replayed_plan_is_refused(served: Served) -> None:
    with served.client() as client:
        assert post(client, plan(), served.ana.sign(plan())).status_code == 200
        assert noted(served) == "released"
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
        served.party.is_lost = True
        raise PartyLost

    served.party.on_stage = lose
    with served.client() as client:
        events = [json.loads(line) for line in post(client, plan(), served.ana.sign(plan())).text.splitlines()]
    assert events[-1]["cause"] == Cause.LOST
    assert noted(served) == "failed"
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
    assert noted(served) == "cancelled"


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


def failing(*arguments: Any) -> Any:
    raise RuntimeError(SECRET)


@pytest.mark.parametrize("fails", [True, False])
def test_a_job_is_told_of_to_its_end_whatever_becomes_of_its_party(served: Served, fails: bool) -> None:
    served.party.on_cancel = served.party.on_finish = failing
    if fails:
        served.party.on_stage = failing
    with served.client() as client:
        answer = post(client, plan(), served.ana.sign(plan()))
    assert events_of(answer)[-1]["event"] == ("error" if fails else "result")
    assert SECRET not in answer.text


def test_a_failed_dealing_does_not_wait_for_its_links(served: Served) -> None:
    """No party has opened the job, so that no call is answered."""
    body = plan(owners=["hospital"], stages=["share", "undealt"])
    with served.client() as client:
        events = events_of(post(client, body, served.ana.sign(body)))
    assert events[-1]["cause"] == Cause.OWN
    assert "ValueError" in events[-1]["error"]["message"]


def test_who_shows_no_certificate_keeps_few_connections(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "_MOST_CONNECTIONS", 3)
    address = served.description.members[0].gateway
    assert address is not None
    waiting = [socket.create_connection(address, timeout=10) for _ in range(3)]
    with socket.create_connection(address, timeout=10) as refused:
        assert refused.recv(1) == b""
    for each in waiting:
        each.close()
    with served.client() as client:
        assert _answered(client) == 200


def _answered(client: httpx.Client) -> int:
    """The status of the gateway's answer, once it has noticed that others are gone."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return client.get("/health").status_code
        except httpx.ConnectError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_who_shows_no_certificate_has_little_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "HANDSHAKE_SECONDS", 0.1)
    listener = bind(0)
    address = listener.getsockname()
    server = GatewayServer(FastAPI(), ProcessIdentity.generate("hospital"), [], listener)
    server.start()
    try:
        with socket.create_connection(address, timeout=20) as connection:
            assert connection.recv(1) == b""
    finally:
        server.stop()
