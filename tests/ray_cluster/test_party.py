"""How a party opens a job: secrets that belong to one pair alone, and no waiting for links that cannot come."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ray_cluster import party as party_module
from ray_cluster.failures import Cause
from ray_cluster.federation import FederationDescription
from ray_cluster.job_run import JobRun
from ray_cluster.links import Dialer, Link, bind
from ray_cluster.party import PartyHost, pair_secret
from tests.ray_cluster.engine_double import AdmittedJob, Institution, PartyJob
from tests.ray_cluster.wiring import NAMES, new_job, wiring

OWN, FIRST, SECOND = b"o" * 32, b"a" * 32, b"b" * 32


def shown(key: X25519PrivateKey) -> Link:
    """A link over which the other side has shown this ephemeral key."""
    connection: Any = None
    return Link(connection, key.public_key().public_bytes_raw())


def test_both_sides_of_a_pair_derive_the_same_secret() -> None:
    left, right, job = X25519PrivateKey.generate(), X25519PrivateKey.generate(), new_job()
    one = pair_secret(left, FIRST + left.public_key().public_bytes_raw(), SECOND, shown(right), shown(right), job)
    two = pair_secret(right, SECOND + right.public_key().public_bytes_raw(), FIRST, shown(left), shown(left), job)
    assert one == two
    other = pair_secret(right, SECOND + right.public_key().public_bytes_raw(), FIRST, shown(left), shown(left), new_job())
    assert other != one


def test_a_neighbours_key_shown_as_ones_own_makes_no_equal_secrets() -> None:
    """With equal secrets on both sides the masks of a party would cancel."""
    key, echoed, job = X25519PrivateKey.generate(), shown(X25519PrivateKey.generate()), new_job()
    own = OWN + key.public_key().public_bytes_raw()
    assert pair_secret(key, own, FIRST, echoed, echoed, job) != pair_secret(key, own, SECOND, echoed, echoed, job)


def test_a_link_that_cannot_be_made_ends_the_opening() -> None:
    """One neighbour is gone, and the other has not opened the job."""

    def compute(*arguments: Any) -> Any:
        raise AssertionError

    with wiring() as wires, bind(0) as unheard:
        party = PartyHost(wires.identities[0], 0, compute, 0)
        members = list(wires.description.members)
        members[1] = replace(members[1], link=unheard.getsockname()[:2])
        party.configure(FederationDescription(members=tuple(members), catalog={}))
        job: Any = AdmittedJob(job_id=new_job(), owners=(), stages=("share",), words=1, rounds=1, marks=None)
        with ThreadPoolExecutor(1) as pool:
            opening = pool.submit(party.open, job)
            try:
                assert opening.result(timeout=10)["cause"] == Cause.LINK
            finally:
                party.cancel(job.job_id)
        party.cancel(secrets.token_hex(16))
        party._listener.close()


def test_a_step_that_lasts_is_told_of_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(party_module, "PROGRESS_SECONDS", 0.01)
    go_on = threading.Event()
    with wiring() as wires:
        party = PartyHost(wires.identities[0], 0, lambda *arguments: None, 0)  # type: ignore[arg-type,return-value]

        def opened(job: Any) -> dict[str, Any]:
            party._jobs[job.job_id] = running = party_module._Running(job)
            running.channel = SimpleNamespace(rounds=3, bytes_sent_previous=10, bytes_sent_next=20)  # type: ignore[assignment]
            return {"seconds": 0.0}

        def stage(job_id: str, name: str) -> dict[str, Any]:
            assert go_on.wait(10)
            return {"report": {"name": name}}

        monkeypatch.setattr(party, "open", opened)
        monkeypatch.setattr(party, "run_stage", stage)
        monkeypatch.setattr(party, "seal", lambda job_id: {"package": party.finish(job_id)})
        monkeypatch.setattr(party_module, "TELL_SECONDS", 0.01)
        job: Any = AdmittedJob(job_id=new_job(), owners=(), stages=("a",), words=1, rounds=1, marks=None)
        answers = party.run(job)
        assert next(answers) == [{"seconds": 0.0}]
        assert next(answers) == [{"progress": {"rounds": 3, "bytes": 30}}]
        channel: Any = party._jobs[job.job_id].channel
        channel.rounds = 4
        assert next(answers) == [{"progress": {"rounds": 4, "bytes": 30}}]
        channel.release = lambda: None
        threading.Timer(0.2, go_on.set).start()
        rest = [each for told in answers for each in told]
        assert rest == [{"report": {"name": "a"}}, {"package": None}], "what is no news is not told"
        party._listener.close()


def test_an_answer_does_not_wait_for_a_step_that_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short steps are told together; what a job has come to is told while the next step goes on; an error is the last answer."""
    go_on = threading.Event()
    with wiring() as wires:
        party = PartyHost(wires.identities[0], 0, lambda *arguments: None, 0)  # type: ignore[arg-type,return-value]

        def stage(job_id: str, name: str) -> dict[str, Any]:
            if name == "long":
                assert go_on.wait(10)
            return {"error": {}} if name == "fails" else {"report": {"name": name}}

        monkeypatch.setattr(party, "open", lambda job: {"seconds": 0.0})
        monkeypatch.setattr(party, "run_stage", stage)
        monkeypatch.setattr(party, "seal", lambda job_id: {"package": b"sealed"})
        short: Any = AdmittedJob(job_id=new_job(), owners=(), stages=("a", "b"), words=1, rounds=1, marks=None)
        assert [len(told) for told in party.run(short)] == [4]
        lasting = replace(short, stages=("a", "long", "b"))
        answers = party.run(lasting)
        assert next(answers) == [{"seconds": 0.0}, {"report": {"name": "a"}}]
        go_on.set()
        assert [each for told in answers for each in told][-1] == {"package": b"sealed"}
        failing = replace(short, stages=("a", "fails", "b"))
        assert [each for told in party.run(failing) for each in told][-1] == {"error": {}}
        party._listener.close()


class InProcess:
    """A party's host as a handle of it, without a process in between."""

    def __init__(self, host: PartyHost) -> None:
        self.host = host

    def run(self, job: Any) -> Iterator[dict[str, Any]]:
        for told in self.host.run(job):
            yield from told

    def __getattr__(self, name: str) -> Any:
        return getattr(self.host, name)


@pytest.mark.parametrize("fails", [False, True])
def test_jobs_beside_each_other_never_wait_for_each_others_connections(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    def report(party: PartyHost, running: Any) -> dict[str, Any]:
        raise ValueError

    if fails:
        monkeypatch.setattr(PartyHost, "_report", report)
    with wiring() as wires:
        parties = [PartyHost(identity, index, PartyJob, 0) for index, identity in enumerate(wires.identities)]  # type: ignore[arg-type]
        members = tuple(replace(m, link=p.address) for m, p in zip(wires.description.members, parties, strict=True))
        description = FederationDescription(members=members, catalog={})
        for party in parties:
            party.configure(description)
        dialers = [Dialer(identity, description) for identity in wires.identities]
        owners: list[Any] = [Institution(name=name, policy={}, members=[]) for name in NAMES]

        def ended(_: int) -> list[str]:
            stages = ("share", "count", "release")
            job: Any = AdmittedJob(job_id=new_job(), owners=NAMES, stages=stages, words=500, rounds=20, marks=None)

            def at(index: int) -> str:
                events: list[dict[str, Any]] = []
                handle: Any = InProcess(parties[index])
                JobRun(owners[index], job, handle, dialers[index], NAMES[index]).run(events.append)
                return str(events[-1]["event"])

            with ThreadPoolExecutor(3) as pool:
                return list(pool.map(at, range(3)))

        with ThreadPoolExecutor(3) as pool:
            assert list(pool.map(ended, range(9))) == 9 * [3 * ["error" if fails else "result"]]
        for dialer in (*dialers, *(party._dialer for party in parties)):
            assert dialer is not None
            dialer.close()
        for party in parties:
            party._listener.close()
