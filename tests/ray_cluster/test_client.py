"""The notebook's side: what institutions answer becomes an error of SecureFrame, and an interrupt reaches them all."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from ray_cluster import client as client_module
from ray_cluster.client import FederationClient, GatewayClient
from ray_cluster.failures import Cause
from ray_cluster.federation import FederationDescription
from ray_cluster.links import bind
from secureframe.errors import PartyUnavailable, PolicyError, Restarting
from tests.ray_cluster.serving import Served, plan


def test_the_client_raises_what_the_institution_raised(served: Served) -> None:
    alone = FederationDescription(members=served.description.members[:1], catalog={})
    client = FederationClient(alone, served.certificates["ana"])
    body = plan(refused_by="hospital")
    with pytest.raises(PolicyError, match="the policy forbids it") as caught:
        client.run(body, served.ana.sign(body), lambda event: None)
    assert caught.value.institution == "hospital"
    client.close()


def test_institutions_say_how_they_are(served: Served) -> None:
    (member, second, _), gone = served.description.members, bind(0)
    silent = replace(second, gateway=gone.getsockname()[:2])
    gone.close()
    client = FederationClient(FederationDescription(members=(member, silent), catalog={}), served.certificates["ana"])
    assert client.health() == {member.name: "ready", silent.name: "unreachable"}
    served.party.is_lost = True
    assert client.health()[member.name] == "restarting"
    client.close()


def test_an_interrupt_at_the_start_cancels(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    started, cancelled = threading.Event(), threading.Event()
    start = client_module._Job.start

    def interrupted(job: Any, *arguments: Any) -> None:
        start(job, *arguments)
        assert started.wait(10)
        raise KeyboardInterrupt

    def stage(name: str) -> dict[str, Any]:
        started.set()
        assert cancelled.wait(20)
        return {"cause": Cause.LINK, "error": PartyUnavailable("closed").to_json()}

    served.party.on_stage, served.party.on_cancel = stage, cancelled.set
    monkeypatch.setattr(client_module._Job, "start", interrupted)
    alone = FederationDescription(members=served.description.members[:1], catalog={})
    client = FederationClient(alone, served.certificates["ana"])
    with pytest.raises(KeyboardInterrupt):
        client.run(plan(), served.ana.sign(plan()), lambda event: None)
    assert cancelled.wait(20)
    client.close()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{}",
        '{"event": "other"}',
        '{"event": "error"}',
        '{"event": "error", "cause": "own", "error": "text"}',
        '{"event": "result", "package": 5, "report": {"sent_to_parties": {}}}',
        '{"event": "result", "package": null, "report": {}}',
    ],
)
def test_what_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"no event|Expecting"):
        client_module._read_event(line)


def test_packages_come_from_all_parties_or_from_none() -> None:
    assert client_module._packages(["YQ==", "Yg==", "Yw=="]) == (b"a", b"b", b"c")
    assert client_module._packages([None, None, None]) is None
    for some in (["YQ==", None, "Yw=="], ["None", None, None], ["?", "Yg==", "Yw=="]):
        with pytest.raises(ValueError):  # what is no base64, and what is missing
            client_module._packages(some)


@pytest.mark.parametrize("why", ["its party is lost", "nobody listens", "it goes before it answers"])
def test_who_is_not_there_is_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """Nobody is asked beforehand: an institution that is not there says so, and the client returns once it is there again."""
    member = served.description.members[0]
    listener = bind(0)
    if why == "its party is lost":
        served.party.is_lost = True
    elif why == "nobody listens":
        listener.close()
        member = replace(member, gateway=(member.gateway[0], 1))  # type: ignore[index]
    else:
        listener.listen()
        member = replace(member, gateway=listener.getsockname()[:2])
        threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
    asked: list[str] = []

    def health(gateway: GatewayClient) -> str:
        asked.append(gateway.name)
        return "ready" if len(asked) > 1 else "restarting"

    monkeypatch.setattr(GatewayClient, "health", health)
    client = FederationClient(FederationDescription(members=(member,), catalog={}), served.certificates["ana"])
    with pytest.raises(Restarting) as caught:
        client.run(plan(), served.ana.sign(plan()), lambda event: None)
    assert caught.value.institution == "hospital"
    assert asked == ["hospital", "hospital"]
    assert "open" not in served.party.calls
    client.close()
    listener.close()


def test_nobody_is_asked_beforehand(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def health(gateway: GatewayClient) -> str:
        raise AssertionError

    monkeypatch.setattr(GatewayClient, "health", health)
    description = FederationDescription(members=served.description.members[:1], catalog={})
    client = FederationClient(description, served.certificates["ana"])
    with pytest.raises(KeyError):
        # One institution alone makes no result; it has run its part.
        client.run(plan(), served.ana.sign(plan()), lambda event: None)
    assert served.party.calls == ["open", "share", "release", "seal"]
    client.close()


def test_what_is_kept_is_asked_for_once_a_job_has_failed(served: Served) -> None:
    key = served.ana.public()["verify_key"]
    description = FederationDescription(members=served.description.members[:1], catalog={})
    client = FederationClient(description, served.certificates["ana"])
    client._told = {"hospital": {"a": "job", "b": "job"}, "laboratory": {"a": "job", "b": "other"}, "registry": {"a": "job"}}
    assert client.last_kept() == {"a": "job"}
    assert "kept" not in served.party.calls
    body = plan(refused_by="hospital")
    with pytest.raises(PolicyError):
        client.run(body, served.ana.sign(body), lambda event: None)
    client._description = served.description
    assert client.last_kept() == {"digest": f"job of {key}"}
    assert "kept" in served.party.calls
    client.close()
