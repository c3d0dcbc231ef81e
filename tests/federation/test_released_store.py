"""What was released to a report is found again for the same question alone, and outside a report nothing is kept at all."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.backend import Outcome
from secureframe.disclosure.policy import preset
from secureframe.federation import Federation
from secureframe.governance.identity import AnalystIdentity
from secureframe.plan.envelope import Plan
from secureframe.plan.shown import Shown
from secureframe.released_store import ENVIRONMENT, Kept, ReleasedStore, release_key, store_of_report
from secureframe.results.released import SUPPRESSED
from secureframe.schema.table import TableSchema
from secureframe.testing import InMemoryBackend, start_in_memory

COUNT = 120
FEW = 4
FIRST = datetime.date(2020, 1, 1)
PEOPLE = pd.DataFrame(
    {
        "id": range(COUNT),
        "age": np.arange(COUNT) % 61 + 20,
        "weight": (np.arange(COUNT) * 37 % 1001) / 10,
        "site": ["a"] * (COUNT - FEW) + ["b"] * FEW,
        "seen": [FIRST + datetime.timedelta(days=int(day)) for day in np.arange(COUNT) * 7 % 366],
    }
)


def tables() -> dict[str, dict[str, sf.Table]]:
    columns = {
        "id": sf.key(low=0, high=999, nullable=False),
        "age": sf.integer(0, 120, nullable=False),
        "weight": sf.number(0, 400, precision=0.1, nullable=False),
        "site": sf.category(["a", "b"], nullable=False),
        "seen": sf.date(FIRST, datetime.date(2020, 12, 31), nullable=False),
    }
    return {"hospital": {"people": sf.Table(PEOPLE, columns=columns, roster_size=COUNT, rows_per_person=1)}}


def started(**options: Any) -> Federation:
    return sf.simulate(tables(), purpose="a study", quiet=True, start=start_in_memory, **options)


@pytest.fixture
def fed() -> Iterator[Federation]:
    with started() as federation:
        yield federation


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReleasedStore:
    """The store of a report that runs."""
    directory = tmp_path / "report"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv(ENVIRONMENT, str(directory))
    return ReleasedStore(directory)


def files(store: ReleasedStore) -> list[Path]:
    return sorted(store._files())


def reconnected(fed: Federation, **changed: Any) -> Federation:
    """The same institutions and the same analyst, as a later process reaches them."""
    return Federation(fed._backend, **{"purpose": fed.purpose, "analyst": fed._analyst, "quiet": True, **changed})


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for every job that the institutions run."""
    found: list[str] = []
    run = InMemoryBackend.run

    def counted(self: InMemoryBackend, *arguments: Any) -> Outcome:
        found.append("job")
        return run(self, *arguments)

    monkeypatch.setattr(InMemoryBackend, "run", counted)
    return found


def table_of(fed: Federation) -> pd.DataFrame:
    with pytest.warns(sf.SuppressedWarning):
        found: pd.DataFrame = fed["people"].groupby("site")[["age", "weight"]].agg(["count", "mean", "std", "median"])
    return found


def first_day(fed: Federation) -> Any:
    return fed["people"]["seen"].quantile(0.25)


# -- found again ---------------------------------------------------------------------------------------------------------------


def test_outside_a_report_nothing_is_kept(fed: Federation, jobs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert store_of_report() is None
    fed["people"]["age"].mean()
    fed["people"]["age"].mean()
    assert len(jobs) == 2


def test_what_was_released_is_not_computed_again(fed: Federation, store: ReleasedStore, jobs: list[str]) -> None:
    table, mean, day = table_of(fed), fed["people"]["weight"].mean(), first_day(fed)
    last = fed.last_job
    assert len(jobs) == 3 and len(files(store)) == 3
    store.begin(resume=True)
    later = reconnected(fed)
    pd.testing.assert_frame_equal(table_of(later), table)
    assert table_of(later).attrs == table.attrs and table.attrs["release"]["suppressed"]
    again = later["people"]["weight"].mean()
    assert again == mean and again.release == mean.release
    assert first_day(later) == day and type(first_day(later)) is type(day)
    assert len(jobs) == 3 and later.last_job == last
    assert [resumed for _, resumed in store.asked()] == [True, True, True]
    later["people"]["age"].mean()
    assert len(jobs) == 4 and [resumed for _, resumed in store.asked()] == [True, True, True, False]


def test_a_run_that_does_not_resume_begins_with_nothing(fed: Federation, store: ReleasedStore, jobs: list[str]) -> None:
    fed["people"]["age"].mean()
    store.begin(resume=False)
    assert files(store) == [] and store.asked() == []
    fed["people"]["age"].mean()
    assert len(jobs) == 2


def test_a_report_asks_the_same_thing_once(fed: Federation, store: ReleasedStore, jobs: list[str]) -> None:
    assert fed["people"]["age"].mean() == fed["people"]["age"].mean()
    assert len(jobs) == 1 and [resumed for _, resumed in store.asked()] == [False]


def test_a_receipt_is_kept_as_well(fed: Federation, store: ReleasedStore, jobs: list[str]) -> None:
    def deliver(federation: Federation) -> Any:
        with sf.defer(recipient="neutral") as study:
            federation["people"]["age"].mean()
        return study.collect()

    receipt = deliver(fed)
    assert isinstance(receipt, sf.Receipt) and deliver(reconnected(fed)) == receipt and len(jobs) == 1
    fed["people"]["age"].mean()
    assert len(jobs) == 2, "the analyst's own result is another one"
    ((kept, _), _) = store.asked()
    assert kept.receipt == receipt and kept.cells == ()


def test_a_job_that_failed_leaves_nothing(fed: Federation, store: ReleasedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: InMemoryBackend, *_: Any) -> Outcome:
        raise sf.PartyUnavailable("hospital was lost", institution="hospital")

    monkeypatch.setattr(InMemoryBackend, "run", lost)
    with pytest.raises(sf.PartyUnavailable):
        fed["people"]["age"].mean()
    assert files(store) == [] and store.asked() == []


def test_statements_that_run_aside_are_kept_too(fed: Federation, store: ReleasedStore, jobs: list[str]) -> None:
    import asyncio

    with sf.defer():
        pending = fed["people"]["age"].mean()
    asyncio.run(sf.collect_async(pending))
    fed["people"]["age"].mean()
    assert len(jobs) == 1


# -- never found for another question ------------------------------------------------------------------------------------------


def asked_plan(fed: Federation, since: int = 50) -> tuple[Plan, dict[str, TableSchema]]:
    """A plan with a parameter's value in it, and its tables."""
    with sf.defer():
        people = fed["people"]
        pending = people[people["age"] >= since]["weight"].mean()
    plan = fed._plan(pending.nodes, pending.parameters)
    return plan, {"hospital.people": fed._catalog.tables["hospital", "people"]}


def other_person(plan: Plan) -> dict[str, Any]:
    return AnalystIdentity.generate(plan.analyst["name"]).public()


CHANGES: dict[str, Callable[[Plan], Plan]] = {
    "purpose": lambda plan: replace(plan, purpose="another study"),
    "the analyst's keys": lambda plan: replace(plan, analyst=other_person(plan)),
    "the recipient": lambda plan: replace(plan, recipient=other_person(plan)),
    "policy": lambda plan: replace(plan, policies={"hospital": preset("standard").digest}),
    "how it is shown": lambda plan: replace(plan, results=(Shown(title="mean", releases=(0,), form=None),)),
}


def test_the_key_is_that_of_the_question(fed: Federation) -> None:
    plan, read = asked_plan(fed)
    again, _ = asked_plan(reconnected(fed))
    assert plan.nonce != again.nonce and release_key(plan, read) == release_key(again, read)
    assert release_key(replace(plan, kept={"digest": "job"}), read) == release_key(plan, read)


@pytest.mark.parametrize("changed", CHANGES)
def test_another_question_has_another_key(fed: Federation, changed: str) -> None:
    plan, read = asked_plan(fed)
    assert release_key(CHANGES[changed](plan), read) != release_key(plan, read)


def test_another_period_has_another_key(fed: Federation) -> None:
    assert release_key(*asked_plan(fed)) != release_key(*asked_plan(fed, since=51))


@pytest.mark.parametrize("change", [{"version": "0" * 32}, {"roster_size": COUNT + 1}])
def test_other_data_have_another_key(fed: Federation, change: dict[str, Any]) -> None:
    plan, read = asked_plan(fed)
    other = {"hospital.people": replace(read["hospital.people"], **change)}
    assert release_key(plan, other) != release_key(plan, read)


def test_another_analyst_finds_nothing(fed: Federation, store: ReleasedStore, jobs: list[str]) -> None:
    fed["people"]["age"].mean()
    backend = fed._backend
    assert isinstance(backend, InMemoryBackend)
    other = AnalystIdentity.generate("analyst")
    guest = Federation(backend.guest(other), purpose=fed.purpose, analyst=other, quiet=True)
    guest["people"]["age"].mean()
    assert len(jobs) == 2 and len(files(store)) == 2


def test_a_simulation_that_starts_anew_finds_nothing(store: ReleasedStore, jobs: list[str]) -> None:
    """Its institutions are others, and what their data are nobody outside can tell."""
    for _ in range(2):
        with started() as federation:
            federation["people"]["age"].mean()
    assert len(jobs) == 2


def test_a_demonstration_that_starts_anew_goes_on(
    store: ReleasedStore, jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its data are public and the same at each start; an institution's results went with the institution."""
    means, receipts = [], []
    for _ in range(2):
        with sf.demo("breast-cancer", quiet=True, start=start_in_memory) as federation:
            means.append(federation["tumours"]["age"].mean())
            with sf.defer(recipient="gbsg") as study:
                federation["gbsg.tumours"]["age"].mean()
            receipts.append(study.collect())
    assert means[0] == means[1] and receipts[0].job != receipts[1].job
    assert len(jobs) == 3
    with sf.demo("breast-cancer", policy="standard", quiet=True, start=start_in_memory) as federation:
        federation["tumours"]["age"].mean()
    assert len(jobs) == 4
    monkeypatch.setattr("secureframe.datasets.data_digest", lambda: "of a later package")
    with sf.demo("breast-cancer", quiet=True, start=start_in_memory) as federation:
        federation["tumours"]["age"].mean()
    assert len(jobs) == 5


# -- how it is kept ------------------------------------------------------------------------------------------------------------


def test_kept_is_what_was_released_and_nothing_else(fed: Federation, store: ReleasedStore) -> None:
    table_of(fed)
    (path,) = files(store)
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    record = json.loads(path.read_text())
    assert set(record) == {"format", "key", "kept"}
    assert set(record["kept"]) == {"purpose", "job", "cells", "records", "receipt"}
    hidden = [cell for table in record["kept"]["cells"] for column in table for cell in column[1:]]
    assert hidden and all(cell == {"suppressed": True} for cell in hidden), "what was withheld is nowhere"
    assert fed._analyst.public()["verify_key"] not in path.read_text()


def test_every_kind_of_value_comes_back(fed: Federation, store: ReleasedStore) -> None:
    fed["people"]["age"].mean()
    ((kept, _),) = store.asked()
    moment = datetime.datetime(2020, 2, 29, 12, 30, 1, 500)
    cells = (((None, SUPPRESSED, True, 0, 2**70, 0.1 + 0.2, -0.0, 1e-310, "ä'\"", FIRST, moment),),)
    store.keep("0" * 64, replace(kept, cells=cells))
    found = store.find("0" * 64)
    assert isinstance(found, Kept) and found.cells == cells
    assert [type(cell) for cell in found.cells[0][0]] == [type(cell) for cell in cells[0][0]]
    assert found.cells[0][0][1] is SUPPRESSED


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "0"}', '{"format": "1", "key": "another", "kept": {}}'])
def test_what_cannot_be_read_is_computed_again(fed: Federation, store: ReleasedStore, jobs: list[str], text: str) -> None:
    mean = fed["people"]["age"].mean()
    (path,) = files(store)
    path.write_text(text)
    assert fed["people"]["age"].mean() == mean and len(jobs) == 2
    assert fed["people"]["age"].mean() == mean and len(jobs) == 2


def test_a_file_is_what_its_key_says(fed: Federation, store: ReleasedStore) -> None:
    fed["people"]["age"].mean()
    (path,) = files(store)
    assert store.find(path.stem) is not None
    path.rename(path.with_stem("0" * 64))
    assert store.find("0" * 64) is None


def test_a_directory_that_others_may_read_is_refused(fed: Federation, store: ReleasedStore) -> None:
    store._directory.chmod(0o750)
    with pytest.raises(sf.SecureFrameError, match="others may read"):
        fed["people"]["age"].mean()
    with pytest.raises(sf.SecureFrameError, match="cannot be read"):
        ReleasedStore(store._directory / "nothing")


def test_a_full_disk_is_told(fed: Federation, store: ReleasedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("secureframe.released_store.os.fsync", full)
    with pytest.raises(sf.SecureFrameError, match="No space left"):
        fed["people"]["age"].mean()
    assert files(store) == []


def test_connecting_starts_a_demonstration_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secureframe.starting._backend", lambda name: {"simulate": start_in_memory}[name])
    with sf.connect("demo:breast-cancer", purpose="a report", quiet=True) as federation:
        assert federation.purpose == "a report" and federation.members[0].name == "rotterdam"
    with pytest.raises(sf.PlanError, match="no demonstration 'lung'"):
        sf.connect("demo:lung")
