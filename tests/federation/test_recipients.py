"""Institutions as recipients, and any number of institutions: who hosts, who receives, who may."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from ray_cluster.settings import IDENTITY_FILE as RAY_IDENTITY_FILE
from secureframe.disclosure.policy import Policy
from secureframe.errors import PlanError, PolicyError, ProtocolAborted, SecureFrameError
from secureframe.governance.identity import IDENTITY_FILE
from secureframe.governance.journal import JournalJob, read_journal
from secureframe.governance.kept import RESULTS
from secureframe.results.receipt import Receipt
from secureframe.testing import start_in_memory

NAMES = ("north", "east", "south", "west", "centre", "coast", "island")
HERE = [pytest.param("memory", id="memory"), pytest.param("ray", id="ray", marks=pytest.mark.ray)]


def pooled(owners: int) -> pd.DataFrame:
    """People at some institutions, each with its own."""
    rng = np.random.default_rng(owners)
    frames = []
    for number, name in enumerate(NAMES[:owners]):
        size = 60 + 10 * number
        frames.append(
            pd.DataFrame(
                {
                    "id": np.arange(number * 1000, number * 1000 + size),
                    "age": rng.integers(20, 80, size),
                    "sex": rng.choice(["f", "m"], size),
                    "centre": name,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def tables(owners: int) -> dict[str, dict[str, sf.Table]]:
    return {
        name: {
            "people": sf.Table(
                rows.drop(columns="centre"),
                columns={
                    "id": sf.key(low=0, high=9999, nullable=False),
                    "age": sf.integer(0, 120, nullable=False),
                    "sex": sf.category(["f", "m"], nullable=False),
                },
                roster_size=200,
                rows_per_person=1,
                disjoint=True,
            )
        }
        for name, rows in ((name, rows) for name, rows in pooled(owners).groupby("centre", sort=False))
    }


def memory(owners: int, **options: Any) -> sf.Federation:
    return sf.simulate(tables(owners), purpose="who receives", quiet=True, start=start_in_memory, **options)


@pytest.fixture(scope="module")
def two() -> Iterator[sf.Federation]:
    with memory(2) as fed:
        yield fed


@pytest.fixture(scope="module")
def five_processes() -> Iterator[sf.Federation]:
    """Five owners as real processes; parties at an institution in the middle, a neutral host and the first one."""
    with sf.simulate(tables(5), purpose="who receives", quiet=True, parties=["west", "neutral", "north"]) as fed:
        yield fed


@pytest.fixture(scope="module")
def five_in_memory() -> Iterator[sf.Federation]:
    with memory(5, parties=["west", "neutral", "north"]) as fed:
        yield fed


@pytest.fixture(params=HERE)
def five(request: pytest.FixtureRequest) -> sf.Federation:
    federation: sf.Federation = request.getfixturevalue("five_processes" if request.param == "ray" else "five_in_memory")
    return federation


# -- any number of institutions ----------------------------------------------------------------------------


@pytest.mark.parametrize("owners", [1, 2, 4, 5, 7])
def test_any_number_of_institutions_answers(owners: int) -> None:
    with memory(owners) as fed:
        people = fed["people"] if owners > 1 else fed["north.people"]
        found = people.groupby("sex")["age"].agg(["count", "mean", "median"])
        hosts = [m.name for m in sorted(fed.members, key=lambda m: (m.party is None, m.party or 0)) if m.party is not None]
    clear = pooled(owners).groupby("sex")["age"]
    assert found["count"].tolist() == clear.count().tolist()
    assert found["mean"].tolist() == pytest.approx(clear.mean().tolist(), rel=1e-12)
    assert found["median"].tolist() == clear.quantile(0.5, interpolation="lower").tolist()
    assert hosts == [*NAMES[: min(owners, 3)], *["neutral", "neutral-2"][: max(0, 3 - owners)]]


def test_members_say_who_hosts(five: sf.Federation) -> None:
    assert {m.name: m.party for m in five.members} == {
        "north": 2, "east": None, "south": None, "west": 0, "centre": None, "neutral": 1,
    }  # fmt: skip
    assert "hosts compute party 0" in repr(five["west"]) and "hosts no compute party" in repr(five["east"])


def test_institutions_keep_a_journal_and_say_how_they_are(five: sf.Federation) -> None:
    five["people"]["age"].mean()
    assert five.last_job is not None
    job, plan = five.last_job.job, five.last_job.plan
    for member in five.members:
        found = noted(member, job)
        assert (found.plan, found.status, found.recipient) == (plan, "released", "analyst")
        assert found.tables == (("people",) if member.tables else ()) and found.statistics == ("mean of age",)
    assert five.health() == {member.name: "ready" for member in five.members}


def noted(member: Any, job: str) -> JournalJob:
    """A job in a member's journal, once its institution has told how it ended and has noted it."""
    deadline = time.monotonic() + 30
    while True:
        record = read_journal(member.directory)
        assert record is not None and record.institution == member.name
        (found,) = [each for each in record.jobs if each.job == job]
        if found.status != "running" or time.monotonic() > deadline:
            return found
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("parties", "message"),
    [
        (["north", "hospital"], "'hospital' has no tables"),
        (["north", "north"], "each at another host"),
        (["north", "east", "neutral", "neutral-2"], "3 compute parties"),
        ("north", "3 compute parties"),
    ],
)
def test_hosts_that_cannot_be(parties: Sequence[str], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        memory(2, parties=parties)


def test_neutral_hosts_may_have_all_parties() -> None:
    with memory(2, parties=[]) as fed:
        assert [m.party for m in fed.members] == [None, None, 0, 1, 2]
        assert fed["people"]["age"].count() == len(pooled(2))


def test_nobody_is_called_analyst() -> None:
    with pytest.raises(PlanError, match="whoever asks"):
        sf.simulate({"analyst": {"t": pd.DataFrame({"id": [1]})}}, purpose="x", start=start_in_memory)


# -- receipts and results ----------------------------------------------------------------------------


@pytest.mark.parametrize("recipient", ["west", "neutral", "centre"], ids=["hosts a party", "is neutral", "hosts none"])
def test_an_institution_opens_what_the_analyst_cannot(five: sf.Federation, recipient: str) -> None:
    with sf.defer(recipient=recipient) as study:
        five["people"].groupby("sex")["age"].agg(["count", "mean"])
        five["people"]["age"].mean()
    receipt = study.collect()
    assert isinstance(receipt, Receipt) and receipt.recipient == recipient
    sealed = sf.received(five[recipient])[receipt.job]
    table, number = sealed.open()
    clear = pooled(5)
    assert table.iloc[:, 0].tolist() == clear.groupby("sex")["age"].count().tolist()
    assert number == pytest.approx(clear["age"].mean(), rel=1e-12)
    record = table.attrs["release"]
    assert record["recipients"] == [recipient] and record["plan"] == receipt.plan and not record["suppressed"]
    assert sf.footnote(table).startswith("Released under open-research")  # type: ignore[union-attr]
    for other in five.members:
        if other.name != recipient:
            assert receipt.job not in [r.job for r in sf.received(other)]


def test_the_same_study_for_the_analyst_has_the_same_numbers(two: sf.Federation) -> None:
    with sf.defer() as study:
        two["people"].groupby("sex")["age"].agg(["count", "std"])
    receipt = sf.collect(*study.pending, recipient="east")
    (mine,) = study.collect()
    theirs = sf.received(two["east"])[receipt.job].open()
    assert theirs.to_numpy().tolist() == mine.to_numpy().tolist()
    assert theirs.attrs["release"]["plan"] == mine.attrs["release"]["plan"]


def test_a_receipt_says_what_was_known_before(two: sf.Federation) -> None:
    with sf.defer(recipient="east") as study:
        two["people"].groupby("sex")["age"].median()
    assert "for east" in repr(study) and "east: the cells that pass" in study.explain()
    receipt = study.collect()
    assert receipt.statistics == ("50% of age by sex (2 cells)",)
    assert receipt.institutions == ("east", "north") and receipt.purpose == "who receives"
    assert json.loads(json.dumps(receipt.to_json()))["job"] == receipt.job
    assert receipt.job in repr(receipt) and receipt.job in receipt._repr_html_()
    assert two.last_job is not None and two.last_job.saw["recipient east"] == "the released cells"


def test_what_a_receipt_shows_of_an_analysts_words_is_escaped(two: sf.Federation) -> None:
    receipt = Receipt(
        job="j", plan="p", recipient="east", asked="now", purpose="<script>", institutions=("<b>",), statistics=("<i>",)
    )
    assert "<script>" not in receipt._repr_html_() and "<b>" not in receipt._repr_html_()


def test_pending_statements_remember_their_recipient(two: sf.Federation) -> None:
    with sf.defer(recipient="east") as study:
        theirs = two["people"]["age"].mean()
    with sf.defer():
        mine = two["people"]["age"].mean()
    assert isinstance(theirs.result(), Receipt) and theirs.result() is theirs.result()
    assert theirs.map(float, "the same").recipient == "east"
    with pytest.raises(PlanError, match="different jobs"):
        sf.collect(theirs, mine)
    assert isinstance(sf.collect(theirs, mine, recipient="north"), Receipt)
    assert mine.result() == pytest.approx(pooled(2)["age"].mean())
    assert isinstance(study.collect(), Receipt)


@pytest.mark.parametrize("recipient", ["nobody", "", "analyst"])
def test_a_recipient_is_a_member(two: sf.Federation, recipient: str) -> None:
    with sf.defer(recipient=recipient) as study:
        two["people"]["age"].mean()
    with pytest.raises(PlanError, match="could receive results") as caught:
        study.collect()
    assert "north, east, neutral" in str(caught.value.hint)


def test_a_receipt_comes_asynchronously_too(two: sf.Federation) -> None:
    import asyncio

    with sf.defer(recipient="east") as study:
        two["people"]["age"].mean()
    assert isinstance(asyncio.run(sf.collect_async(*study.pending)), Receipt)


# -- what lies at the recipient ----------------------------------------------------------------------------


@pytest.fixture
def kept(two: sf.Federation) -> Path:
    """The file of a result at the institution ``north``."""
    with sf.defer(recipient="north") as study:
        two["people"]["age"].mean()
    directory = two["north"].directory
    assert directory is not None
    return directory / RESULTS / f"{study.collect().job}.sealed"


def test_results_are_kept_sealed_and_private(five: sf.Federation) -> None:
    with sf.defer(recipient="centre") as study:
        five["people"]["age"].mean()
    directory = five["centre"].directory
    assert directory is not None
    path = directory / RESULTS / f"{study.collect().job}.sealed"
    for private, mode in ((path, 0o600), (path.parent, 0o700), (directory, 0o700), (directory / IDENTITY_FILE, 0o600)):
        assert stat.S_IMODE(private.stat().st_mode) == mode
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []
    mean = sf.received(directory)[path.stem].open()
    assert repr(float(mean))[:8].encode() not in path.read_bytes()


def test_another_institutions_key_opens_nothing(two: sf.Federation, kept: Path, tmp_path: Path) -> None:
    assert two["east"].directory is not None
    stolen = tmp_path / "east"
    (stolen / RESULTS).mkdir(parents=True)
    (stolen / RESULTS / kept.name).write_bytes(kept.read_bytes())
    (stolen / IDENTITY_FILE).write_bytes((two["east"].directory / IDENTITY_FILE).read_bytes())
    with pytest.raises(ProtocolAborted, match="cannot be opened"):
        sf.received(stolen)[0].open()
    (stolen / IDENTITY_FILE).unlink()
    with pytest.raises(SecureFrameError, match="cannot be read as an institution's key"):
        sf.received(stolen)[0].open()


def changed(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_packages_in_another_order_are_refused(kept: Path) -> None:
    first, second, third = json.loads(kept.read_text())["packages"]
    changed(kept, packages=[first, third, second])
    with pytest.raises(ProtocolAborted, match="cannot be opened"):
        sf.received(kept.parent.parent)[kept.stem].open()
    kept.unlink()


@pytest.mark.parametrize(
    "change", [{"request": "AAAA"}, {"job": "0" * 32}, {"recipient": "east"}, {"catalog": {}}, {"version": "0"}]
)
def test_a_file_that_is_no_result_is_left_out(two: sf.Federation, kept: Path, change: dict[str, Any]) -> None:
    others = len(sf.received(two["north"])) - 1
    changed(kept, **change)
    with pytest.warns(UserWarning, match=f"{kept.name} is no result"):
        assert len(sf.received(two["north"])) == others
    kept.unlink()


def test_results_are_listed_without_being_opened(two: sf.Federation, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from secureframe import inbox

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("nothing is opened")

    monkeypatch.setattr(inbox, "open_released", refuse)
    found = sf.received(two["north"])
    assert kept.stem[:8] in repr(found) and kept.stem[:8] in found._repr_html_() and "mean of age" in repr(found[-1])
    assert found[kept.stem].job == found[kept.stem[:10]].job == found[-1].job
    assert len(found[:1]) == 1 and kept.stem[:8] in found._ipython_key_completions_()
    with pytest.raises(PlanError, match="no result begins"):
        found["zzz"]
    with pytest.raises(PlanError, match="begin"):
        found[""]


def test_there_must_be_a_directory(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no private directory"):
        sf.received(tmp_path / "nowhere")
    assert repr(sf.received(tmp_path)) == "no results were received"


def test_both_packages_speak_of_one_key() -> None:
    assert RAY_IDENTITY_FILE == IDENTITY_FILE


# -- whom owners allow ----------------------------------------------------------------------------


def policies(**recipients: tuple[str, ...] | None) -> dict[str, Policy]:
    return {name: Policy(name="open-research", recipients=allowed) for name, allowed in recipients.items()}


def test_owners_decide_who_receives() -> None:
    with memory(2, policy=policies(north=("east", "analyst"), east=("east", "north"))) as fed:
        with sf.defer() as study:
            fed["people"]["age"].mean()
        assert isinstance(sf.collect(*study.pending, recipient="east"), Receipt)
        assert "results about north's data may go to east, analyst" in repr(fed.catalog)
        for refused, owner in (("north", "north"), ("neutral", "east")):
            with pytest.raises(PolicyError, match=f"{owner} does not allow .* to go to {refused}"):
                sf.collect(*study.pending, recipient=refused)
        with pytest.raises(PolicyError, match="to go to the analyst who asks"):
            study.collect()
        with pytest.raises(PolicyError, match="east does not allow"):
            fed["east.people"]["age"].mean()
        assert fed["north.people"]["age"].mean() > 0, "the other owner is not asked about what is not its own"


def test_institutions_check_the_recipient_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook that does not look at policies is refused by every institution."""
    from secureframe import federation

    with memory(2, policy=policies(north=("analyst",), east=None)) as fed:
        monkeypatch.setattr(federation, "require_recipient", lambda *_: None)
        with sf.defer(recipient="east") as study:
            fed["people"]["age"].mean()
        with pytest.raises(PolicyError, match="north does not allow"):
            study.collect()
        assert not sf.received(fed["east"])


# -- real processes ------------------------------------------------------------------------------------------------------------


def process_of(directory: Path) -> int:
    """The process that writes an institution's log."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if link.readlink() == directory / "institution.log":
                return int(link.parts[2])
    raise AssertionError("no process writes there")


@pytest.mark.ray
def test_results_outlive_the_process_that_received_them(five_processes: sf.Federation) -> None:
    """The restarted institution has the same key: it opens what came before, and receives again."""
    with sf.defer(recipient="centre") as study:
        five_processes["people"]["age"].mean()
    before = study.collect()
    directory = five_processes["centre"].directory
    assert directory is not None
    os.kill(process_of(directory), signal.SIGKILL)
    after = study.collect()
    found = sf.received(directory)
    assert found[before.job].open() == found[after.job].open() == pytest.approx(pooled(5)["age"].mean())
