"""An institution's journal: what it was asked and how it ended, through restarts, and nothing of any row."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import secureframe as sf
from secureframe.errors import PlanError, SecureFrameError
from secureframe.federation import Federation
from secureframe.governance import journal as module
from secureframe.governance.journal import JOURNAL, Journal, JournalJob, JournalRecord, now, read_journal
from secureframe.testing import start_in_memory

PLANTED = 48_611_973
POLICY = sf.Policy(name="own", threshold=5)


def job(number: int = 0) -> JournalJob:
    return JournalJob(
        job=f"{number:032x}",
        plan="d" * 64,
        analyst="ana (university)",
        purpose="tests",
        recipient="ana",
        tables=("visits",),
        statistics=("mean of age",),
        policy="p" * 64,
        rules=("own",),
        begun=now(),
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    made = Journal("hospital", tmp_path)
    made.serving(POLICY.to_json(), ["visits"])
    return made


def read(directory: Path) -> JournalRecord:
    record = read_journal(directory)
    assert record is not None
    return record


def test_a_job_begins_and_ends(journal: Journal, tmp_path: Path) -> None:
    journal.begun(job())
    assert read(tmp_path).jobs == (job(),) and job().status == "running"
    journal.ended(job().job, "released")
    (found,) = read(tmp_path).jobs
    assert (found.status, replace(found, status="running", ended=None)) == ("released", job())
    assert found.ended is not None
    assert (read(tmp_path).institution, read(tmp_path).tables) == ("hospital", ("visits",))
    assert sf.Policy.from_json(read(tmp_path).policy) == POLICY


def test_nobody_else_reads_it(journal: Journal, tmp_path: Path) -> None:
    for _ in range(2):
        assert stat.S_IMODE((tmp_path / JOURNAL).stat().st_mode) == 0o600
        journal.serving(POLICY.to_json(), [])


def test_where_nothing_is_kept_nothing_is_read(tmp_path: Path) -> None:
    assert read_journal(tmp_path) is None


def test_a_refusal_stays_a_refusal(journal: Journal, tmp_path: Path) -> None:
    journal.begun(replace(job(), status="refused", error="PolicyError"))
    journal.ended(job().job, "failed")
    journal.ended(f"{7:032x}", "failed")
    (found,) = read(tmp_path).jobs
    assert (found.status, found.error) == ("refused", "PolicyError")


def test_what_a_process_left_running_is_lost_and_a_torn_line_is_left_out(journal: Journal, tmp_path: Path) -> None:
    for number in range(2):
        journal.begun(job(number))
    journal.ended(job(0).job, "cancelled")
    with (tmp_path / JOURNAL).open("a") as file:
        file.write('{"event": "job", "jo')
    assert len(read(tmp_path).jobs) == 2
    stricter = replace(POLICY, threshold=20)
    after = Journal("hospital", tmp_path)
    after.serving(stricter.to_json(), ["visits", "wards"])
    after.begun(job(2))
    found = read(tmp_path)
    assert [j.status for j in found.jobs] == ["cancelled", "lost", "running"]
    assert sf.Policy.from_json(found.policy) == stricter and found.tables == ("visits", "wards")


def test_the_oldest_jobs_are_dropped(journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_JOBS", 5)
    for number in range(30):
        journal.begun(job(number))
        journal.ended(job(number).job, "released")
        assert len(read(tmp_path).jobs) <= 10
    found = read(tmp_path)
    assert found.jobs[-1].job == job(29).job and len(found.jobs) >= 5
    assert [j.status for j in found.jobs] == ["released"] * len(found.jobs) and found.policy == POLICY.to_json()


def test_a_long_job_is_cut_short(journal: Journal, tmp_path: Path) -> None:
    journal.begun(replace(job(), statistics=tuple(f"mean of c{i}" for i in range(60))))
    assert read(tmp_path).jobs[0].statistics[-2:] == ("mean of c49", "and 10 more")


# -- as institutions keep it -------------------------------------------------------------------------------------------------


@pytest.fixture
def fed() -> Iterator[Federation]:
    ages = [PLANTED, *range(40, 80)]
    people = sf.Table(
        pd.DataFrame({"id": range(1, 42), "age": ages}),
        columns={"id": sf.key(low=0, high=99, nullable=False), "age": sf.integer(0, 50_000_000, nullable=False)},
        roster_size=50,
        rows_per_person=1,
    )
    beds = sf.Table(
        pd.DataFrame({"id": range(1, 42), "beds": ages}),
        columns={"id": sf.key(low=0, high=99, nullable=False), "beds": sf.integer(0, 50_000_000, nullable=False)},
        roster_size=50,
        rows_per_person=1,
    )
    tables = {"hospital": {"people": people}, "clinic": {"beds": beds}}
    policy = {"hospital": POLICY, "clinic": sf.Policy(name="closed", recipients=("clinic",))}
    with sf.simulate(tables, policy=policy, purpose="a journal", quiet=True, start=start_in_memory) as made:
        yield made


def kept(fed: Federation, name: str) -> JournalRecord:
    directory = fed[name].directory
    assert directory is not None
    return read(directory)


def test_every_institution_keeps_what_ran_there(fed: Federation) -> None:
    adults = fed["hospital.people"][fed["hospital.people"]["age"] >= 50]
    total = adults["age"].count()
    assert fed.last_job is not None
    for name, tables in (("hospital", ("people",)), ("clinic", ()), ("neutral", ())):
        (found,) = kept(fed, name).jobs
        assert (found.job, found.plan, found.status) == (fed.last_job.job, fed.last_job.plan, "released")
        assert (found.analyst, found.recipient, found.purpose) == ("analyst", "analyst", "a journal")
        assert (found.tables, found.statistics) == (tables, ("count of age",))
        assert found.rules == ("own: 0 or at least 5 persons in every cell, not rounded",)
        assert found.policy == (POLICY.digest if tables else "")
    raw = (fed["hospital"].directory / JOURNAL).read_text()
    assert str(PLANTED) not in raw and f" {total}" not in raw and f'"{total}' not in raw


def test_what_is_not_allowed_is_kept_as_refused(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook would not even send it; whoever changes the notebook is refused by the institution."""
    from secureframe import federation

    monkeypatch.setattr(federation, "require_recipient", lambda policies, recipient: None)
    with pytest.raises(SecureFrameError):
        fed["clinic.beds"]["beds"].mean()
    (found,) = kept(fed, "hospital").jobs
    assert (found.status, found.error, found.statistics) == ("refused", "PolicyError", ("mean of beds",))


def test_what_breaks_is_kept_as_failed(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(*arguments: object) -> None:
        raise PlanError("broken")

    institutions = fed._backend.institutions  # type: ignore[attr-defined]
    monkeypatch.setattr(institutions["hospital"], "deal", breaking)
    with pytest.raises(SecureFrameError):
        fed["hospital.people"]["age"].mean()
    assert [kept(fed, name).jobs[0].status for name in ("hospital", "clinic")] == ["failed", "failed"]
