"""The notebook's side: what institutions answer becomes an error of SecureFrame, and an interrupt reaches them all."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ray_cluster import client as client_module
from ray_cluster.client import FederationClient
from ray_cluster.failures import Cause
from ray_cluster.federation import FederationDescription
from secureframe.errors import PartyUnavailable, PolicyError
from tests.ray_cluster.serving import Served, plan


def test_the_client_raises_what_the_institution_raised(served: Served) -> None:
    alone = FederationDescription(members=served.description.members[:1], catalog={})
    client = FederationClient(alone, served.certificates["ana"])
    body = plan(refused_by="hospital")
    with pytest.raises(PolicyError, match="the policy forbids it") as caught:
        client.run(body, served.ana.sign(body), lambda name, number, count: None)
    assert caught.value.institution == "hospital"
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
        client.run(plan(), served.ana.sign(plan()), lambda name, number, count: None)
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
