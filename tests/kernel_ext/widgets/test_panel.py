"""The panel: who is there, told by a job or when the button is pressed, which jobs there are, and cancelling one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from kernel_ext.widgets import FederationPanel, federation_panel
from secureframe.errors import PartyUnavailable, PlanError, SecureFrameError
from secureframe.federation import Federation
from tests.kernel_ext.widgets.conftest import Runs, until
from tests.kernel_ext.widgets.looking import named, press, text_of


def ask(panel: FederationPanel) -> None:
    press(named(panel, "Ask all institutions"))
    assert panel._asking.wait(30)


def test_members_are_shown_and_nobody_is_asked(fed: Federation, runs: Runs) -> None:
    panel = federation_panel(fed)
    shown = text_of(panel._members)
    assert "hospital people compute party 0 not asked yet not yet" in shown
    assert "neutral no tables compute party 2 not asked yet not yet" in shown
    assert "No job has been asked for yet" in text_of(panel._jobs)
    assert (runs.count, runs.asked) == (0, 0)


def test_institutions_are_asked_when_the_button_is_pressed(fed: Federation, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = federation_panel(fed)
    monkeypatch.setattr(fed, "health", lambda: {"hospital": "ready", "laboratory": "unreachable", "neutral": "restarting"})
    ask(panel)
    lines = text_of(panel._members).split("compute party")
    assert "0 ready" in lines[1] and "UTC" in lines[1]
    assert lines[2].strip().startswith("1 unreachable not yet") and lines[3].strip() == "2 restarting not yet"
    assert panel.status.text == "1 of 3 institutions are ready"


def test_what_goes_wrong_is_told(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = federation_panel(fed)

    def failing() -> dict[str, str]:
        raise ValueError("a value of a row")

    monkeypatch.setattr(fed, "health", failing)
    ask(panel)
    assert panel.status.failed and panel.status.text == "an internal error (ValueError)"
    monkeypatch.undo()
    ask(panel)
    assert not panel.status.failed and "3 of 3" in panel.status.text


def test_a_job_says_that_everybody_was_there(fed: Federation, runs: Runs) -> None:
    panel = federation_panel(fed)
    fed["hospital.people"]["age"].mean()
    assert panel._following.wait(30)
    assert "not yet" not in text_of(panel._members) and runs.asked == 0
    assert "not asked yet" in text_of(panel._members), "that it was there does not say that it still is"


def test_jobs_are_listed_newest_first(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    fed["hospital.people"]["age"].mean()
    panel = federation_panel(fed)
    assert "mean of age" in text_of(panel._jobs), "jobs of before the panel"

    def lost(*arguments: Any) -> None:
        raise PartyUnavailable("registry is gone")

    with monkeypatch.context() as patched, pytest.raises(PartyUnavailable):
        patched.setattr(fed._backend, "run", lost)
        fed["hospital.people"]["dose"].mean()
    assert panel._following.wait(30)
    shown = text_of(panel._jobs)
    assert shown.index("failed: PartyUnavailable") < shown.index("released") and "registry is gone" not in shown
    assert shown.index("mean of dose") < shown.index("mean of age") and "purpose" not in shown, "it stands above already"
    fed.purpose = "another purpose"
    fed["hospital.people"]["age"].count()
    assert panel._following.wait(30)
    assert "another purpose" in text_of(panel._jobs) and "widgets" in text_of(panel._jobs)


def test_the_running_job_is_cancelled_at_all_parties(fed: Federation, runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while an institution that was asked how it is does not answer."""
    panel = federation_panel(fed)
    answer = threading.Event()
    monkeypatch.setattr(fed, "health", lambda: dict.fromkeys(["hospital"] * answer.wait(60), "ready"))
    panel.refresh()
    cancel, running = named(panel, "Cancel at all parties"), named(panel, "Running job")
    assert cancel.disabled and running.value == ""
    raised: list[SecureFrameError] = []

    def work() -> None:
        try:
            fed["hospital.people"]["age"].mean()
        except SecureFrameError as error:
            raised.append(error)

    with runs.held():
        thread = threading.Thread(target=work)
        thread.start()
        assert runs.started.wait(30)
        assert until(lambda: not cancel.disabled), "a job that begins can be cancelled"
        assert fed.jobs[-1].job == running.value and "mean of age" in running.label
        table = panel._jobs.value
        assert "running" in text_of(panel._jobs) and "has been running for" in text_of(panel._elapsed)
        panel._show_jobs(fed.jobs)
        assert panel._jobs.value == table, "the reader keeps their place in it"
        press(cancel)
        thread.join(30)
    assert panel._cancelling.wait(30) and panel._following.wait(30) and not answer.is_set()
    assert len(raised) == 1 and "nothing was released" in str(raised[0])
    assert panel._elapsed.value == ""
    assert fed.jobs[-1].status == "cancelled" and cancel.disabled and running.value == ""
    assert "cancelled" in text_of(panel._jobs) and panel.status.text == "the job has ended: cancelled"
    panel.cancel()
    assert panel.status.text == "no job is running"
    answer.set()
    assert panel._asking.wait(30) and fed["hospital.people"]["age"].count() > 0, "the next one runs"


def test_a_press_does_not_wait_for_institutions(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, panel = threading.Event(), federation_panel(fed)

    def slow() -> dict[str, str]:
        assert answer.wait(30)
        return {}

    monkeypatch.setattr(fed, "health", slow)
    press(named(panel, "Ask all institutions"))
    assert not answer.is_set() and "asking" in panel.status.text
    answer.set()
    assert panel._asking.wait(30)


def test_a_panel_that_is_closed_follows_no_job(fed: Federation) -> None:
    panel = federation_panel(fed)
    before = panel._jobs.value
    panel.close()
    fed["hospital.people"]["age"].mean()
    assert panel._jobs.value == before


def test_whoever_watches_cannot_stop_a_job(fed: Federation) -> None:
    def failing() -> None:
        raise PlanError("no")

    fed.watch(failing)
    assert fed["hospital.people"]["age"].mean() > 0
