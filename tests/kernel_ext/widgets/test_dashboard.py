"""The owner's dashboard: policy, jobs and releases without values, and results that the owner itself received."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import secureframe as sf
from kernel_ext.widgets import owner_dashboard
from secureframe.errors import PlanError, SecureFrameError
from secureframe.federation import Federation
from tests.kernel_ext.widgets.conftest import THRESHOLD
from tests.kernel_ext.widgets.looking import holds, named, press, states, text_of


def test_the_policy_in_force_is_shown_with_its_meaning(fed: Federation) -> None:
    dashboard = owner_dashboard(fed["hospital"])
    assert "Institution hospital" in text_of(dashboard._head) and "people" in text_of(dashboard._head)
    shown = text_of(dashboard._policy)
    policy = sf.Policy(name="strict here", threshold=THRESHOLD)
    assert f"strict here, digest {policy.digest[:16]}" in shown and f"threshold {THRESHOLD} persons" in shown
    assert "recipients the analyst and every member" in shown


def test_what_is_not_kept_is_said_plainly(fed: Federation, tmp_path: Path) -> None:
    for dashboard in (owner_dashboard(fed["hospital"]), owner_dashboard(tmp_path)):
        shown = text_of(dashboard._missing)
        assert all(f"{what} not kept yet" in shown for what in ("ledger of releases", "budget", "approvals", "audit log"))
    assert "journal not kept yet" in text_of(dashboard._head) and "Not kept yet" in text_of(dashboard._jobs)
    assert "Not kept yet" in text_of(dashboard._policy) and "Not kept yet" in text_of(dashboard._released)


def test_jobs_and_releases_on_its_data_are_shown_without_values(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    mean = fed["hospital.people"]["age"].mean()
    total = fed["laboratory.scores"]["score"].sum()
    assert fed.last_job is not None
    hospital, laboratory = fed.jobs[-2], fed.jobs[-1]
    with monkeypatch.context() as patched, pytest.raises(SecureFrameError):
        patched.setattr(fed._backend.institutions["hospital"], "deal", breaking)  # type: ignore[attr-defined]
        fed["hospital.people"]["dose"].mean()
    dashboard = owner_dashboard(fed["hospital"])
    jobs, released = text_of(dashboard._jobs), text_of(dashboard._released)
    assert hospital.job[:8] in jobs and "mean of age" in jobs and "analyst" in jobs and "widgets" in jobs
    assert laboratory.job[:8] not in jobs + released
    assert hospital.job[:8] in released and hospital.plan[:16] in released and f"at least {THRESHOLD} persons" in released
    assert not holds(states(), mean) and not holds(states(), total)
    dashboard._shown.value = "all, also where we only computed for others"
    assert f"{laboratory.job[:8]} released" in text_of(dashboard._jobs) and "none of ours" in text_of(dashboard._jobs)
    dashboard._shown.value = "on our data, and not released"
    shown = text_of(dashboard._jobs)
    assert hospital.job[:8] not in shown and f"{fed.jobs[-1].job[:8]} failed" in shown
    assert fed.jobs[-1].job[:8] not in released


def breaking(*arguments: object) -> None:
    raise PlanError("broken")


def test_it_is_read_again_when_the_button_is_pressed(fed: Federation) -> None:
    dashboard = owner_dashboard(fed["hospital"])
    fed["hospital.people"]["age"].count()
    job = fed.jobs[-1].job[:8]
    assert job not in text_of(dashboard._jobs)
    press(named(dashboard, "Read again"))
    assert dashboard.wait() and job in text_of(dashboard._jobs)


def test_a_received_result_is_opened_when_its_button_is_pressed(fed: Federation) -> None:
    people = fed["hospital.people"]
    count = int(people["age"].count())
    dashboard = owner_dashboard(fed["laboratory"])
    assert named(dashboard, "Open it here").disabled and named(dashboard, "Received result").value == ""
    with sf.defer(recipient="laboratory") as study:
        people.groupby("male")["age"].agg(["count", "mean"])
        people["age"].count()
    receipt = study.collect()
    press(named(dashboard, "Read again"))
    assert dashboard.wait() and named(dashboard, "Received result").value == receipt.job
    assert not holds(states(), count // 2) and not holds(states(), count), "nothing is opened yet"
    assert receipt.job[:8] not in text_of(dashboard._released), "it is not about the laboratory's data"
    press(named(dashboard, "Open it here"))
    assert dashboard.wait() and not dashboard.status.failed, dashboard.status.text
    shown = text_of(dashboard._value)
    assert f"0 {count // 2}" in shown and "Released under strict here" in shown and str(count) in shown
    other = owner_dashboard(fed["hospital"])
    assert named(other, "Open it here").disabled and f"{receipt.job[:8]}" in text_of(other._released)
    assert "laboratory" in text_of(other._released), "to whom it went"


def test_a_result_that_cannot_be_opened_is_told(fed: Federation, tmp_path: Path) -> None:
    with sf.defer(recipient="laboratory") as study:
        fed["hospital.people"]["age"].mean()
    study.collect()
    directory = fed["laboratory"].directory
    assert directory is not None
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    (copy / "identity.pem").unlink()
    dashboard = owner_dashboard(copy)
    press(named(dashboard, "Open it here"))
    assert dashboard.wait() and dashboard.status.failed and dashboard._value.value == ""


def test_nobody_else_reads_it(fed: Federation, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no private directory") as caught:
        owner_dashboard(tmp_path / "nowhere")
    assert caught.value.hint is not None
    member = fed["hospital"]
    member.directory = None
    with pytest.raises(PlanError, match="this member is no private directory"):
        owner_dashboard(member)
