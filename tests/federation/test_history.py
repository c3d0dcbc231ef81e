"""``fed.jobs``: what was asked, how it ended, what it took, and nothing of what came out."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import asdict, fields
from typing import Any

import pytest

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.errors import PlanError, PolicyError, ProtocolAborted
from secureframe.federation import Federation
from secureframe.history import REMEMBERED, History, JobEntry
from secureframe.pending import About
from tests.disclosure.federations import PURPOSE
from tests.federation.session import in_memory, joined, session


@pytest.fixture(scope="module")
def fed() -> Federation:
    return session()


def last(fed: Federation) -> JobEntry:
    return fed.jobs[-1]


def test_a_job_that_ended_well(fed: Federation) -> None:
    mean = fed["patients"]["age"].mean()
    entry, report = last(fed), fed.last_job
    assert report is not None
    assert (entry.job, entry.plan, entry.rounds, entry.bytes) == (report.job, report.plan, report.rounds, report.bytes)
    assert (entry.status, entry.title, entry.purpose, entry.error_class) == ("released", "mean of age", PURPOSE, "")
    assert entry.seconds >= report.seconds and entry.started.endswith("+00:00")
    assert mean.release["plan"] == entry.plan


def test_several_releases_are_one_job_with_one_purpose(fed: Federation) -> None:
    before = len(fed.jobs)
    asked: list[bytes] = []
    backend = in_memory(fed)
    run = backend.run
    backend.run = lambda request, *rest: (asked.append(request), run(request, *rest))[1]  # type: ignore[method-assign]
    with sf.defer(purpose="a question of its own") as study:
        fed["patients"]["age"].mean()
        fed["patients"].groupby("male")["age"].std()
    study.collect()
    del backend.run
    assert len(fed.jobs) == before + 1
    assert last(fed).title == "mean of age; std by male" and last(fed).purpose == "a question of its own"
    assert b'"purpose":"a question of its own"' in asked[0]
    fed["patients"]["age"].mean()
    assert last(fed).purpose == PURPOSE


def test_purposes_are_not_mixed(fed: Federation) -> None:
    with sf.defer(purpose="one"):
        one = fed["patients"]["age"].mean()
    with sf.defer(purpose="other"):
        other = fed["patients"]["age"].std()
    with pytest.raises(PlanError, match="different purposes"):
        sf.collect(one, other)
    with pytest.raises(PlanError, match="what its answers are for"):
        sf.defer(purpose=" ")


def test_an_institution_that_does_not_allow_a_purpose(fed: Federation) -> None:
    hospital = in_memory(fed).institutions["hospital"]
    before = hospital.policy
    hospital.policy = Policy(name=before.name, threshold=before.threshold, purposes=(PURPOSE,))
    try:
        with sf.defer(purpose="marketing") as study:
            fed["patients"]["age"].mean()
        with pytest.raises(PolicyError):
            study.collect()
    finally:
        hospital.policy = before
    assert (last(fed).status, last(fed).error_class, last(fed).rounds) == ("refused", "PolicyError", 0)
    assert last(fed).job and last(fed).purpose == "marketing"


def test_a_failure_leaves_its_class_and_no_text(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any) -> Any:
        raise ProtocolAborted("text that is not kept")

    monkeypatch.setattr(in_memory(fed), "run", lost)
    with pytest.raises(ProtocolAborted):
        fed["patients"]["age"].mean()
    assert (last(fed).status, last(fed).error_class) == ("failed", "ProtocolAborted")
    assert "text that is not kept" not in repr(fed.jobs) + fed.jobs._repr_html_() + repr(asdict(last(fed)))


def test_an_interrupted_cell(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(in_memory(fed), "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fed["patients"]["age"].mean()
    assert last(fed).status == "cancelled"


@pytest.mark.parametrize("how", ["by its number", "by whoever awaits it"])
def test_a_job_is_cancelled_from_aside(fed: Federation, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The job ends as the backend ends it; the entry says who wanted it."""
    running, cancelled = threading.Event(), threading.Event()

    def run(*_: Any) -> Any:
        running.set()
        assert cancelled.wait(10)
        raise ProtocolAborted("the parties ended the job; nothing was released")

    monkeypatch.setattr(in_memory(fed), "run", run)
    monkeypatch.setattr(in_memory(fed), "cancel", lambda job: cancelled.set() if job == last(fed).job else None)
    with sf.defer():
        pending = joined(fed)["w"].mean()

    async def stopped() -> None:
        task = asyncio.create_task(sf.collect_async(pending))
        await asyncio.to_thread(running.wait, 10)
        assert last(fed).status == "running" and last(fed).seconds > 0 and last(fed).job
        fed.cancel("")
        assert not cancelled.is_set()
        if how == "by its number":
            fed.cancel(last(fed).job[:8])
        else:
            task.cancel()
        await task

    with pytest.raises((ProtocolAborted, asyncio.CancelledError)) as stop:
        asyncio.run(stopped())
    assert last(fed).status == "cancelled"
    if how == "by its number":
        assert "the job was cancelled at every institution; nothing was released" in str(stop.value)


def test_two_hundred_are_remembered() -> None:
    history = History()
    for number in range(REMEMBERED + 5):
        with history.recorded(About(title=f"job {number}"), "tests"):
            pass
    assert len(history.jobs) == REMEMBERED and history.jobs[-1].title == f"job {REMEMBERED + 4}"


def test_an_entry_holds_what_was_agreed(fed: Federation) -> None:
    names = ["job", "title", "purpose", "status", "started", "seconds", "rounds", "bytes", "plan", "error_class"]
    assert [each.name for each in fields(JobEntry)] == names


def test_jobs_are_shown_as_a_table() -> None:
    history = History()
    assert repr(history.jobs) == "no job has been asked for yet"
    with history.recorded(About(title="mean of <b>"), "x" * 100):
        assert "running" in repr(history.jobs)
    assert "<b>" in repr(history.jobs) and "&lt;b&gt;" in history.jobs._repr_html_() and "x" * 60 not in repr(history.jobs)


def test_a_federation_says_that_it_is_closed() -> None:
    fed = session()
    assert not fed.closed and fed.opened.tzinfo is not None
    fed.close()
    assert fed.closed
