"""Several notebooks at one federation: each with its own identity, at the same time, and none with what another one left."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import secureframe as sf
from ray_cluster.connect import connect
from secureframe.errors import PlanError, PolicyError
from secureframe.federation import Federation
from secureframe.governance.identity import AnalystIdentity
from tests.disclosure.federations import PURPOSE, people, tables
from tests.ray_cluster.federations import ROOT
from tests.ray_cluster.notebook import held_back, joined

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore::UserWarning")]


@pytest.fixture(scope="module")
def fed() -> Iterator[Federation]:
    with sf.simulate(tables(people()), purpose=PURPOSE, quiet=True) as federation:
        yield federation


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    frames = people()
    merged = frames["patients"].merge(frames["registry"], on="id").groupby("male")["w"]
    patients = frames["patients"]
    return {
        "counts": merged.count().tolist(),
        "means": merged.mean().tolist(),
        "mean": [patients[patients["age"] >= 40 + n]["x"].mean() for n in range(10)],
    }


class Notebook:
    """A process that has connected, and waits for the word to begin."""

    def __init__(self, path: Path, work: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.ray_cluster.notebook", str(path), work],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        self.connected = self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        record: dict[str, Any] = json.loads(self._process.stdout.readline())
        return record

    def begin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("begin\n")
        self._process.stdin.flush()

    def records(self) -> list[dict[str, Any]]:
        out, _ = self._process.communicate(timeout=200)
        assert self._process.returncode == 0
        return [json.loads(line) for line in out.splitlines()]


def right(records: list[dict[str, Any]], expected: dict[str, Any]) -> bool:
    return all(
        r["counts"] == expected["counts"]
        and r["means"] == pytest.approx(expected["means"])
        and r["mean"] == pytest.approx(expected["mean"][r["number"]])
        for r in records
    )


def test_two_notebooks_at_once_both_get_the_right_answers(fed: Federation, expected: dict[str, Any]) -> None:
    joined(fed)["w"].mean()
    notebooks = [Notebook(fed.invite(name), "5") for name in ("ben", "eve")]
    assert all(n.connected == {"connected": [m.name for m in fed.members], "purpose": PURPOSE} for n in notebooks)
    for notebook in notebooks:
        notebook.begin()
    own = joined(fed).groupby("male")["w"].mean()
    found = [notebook.records() for notebook in notebooks]
    assert [len(records) for records in found] == [5, 5]
    assert all(right(records, expected) for records in found)
    assert own.astype(float).tolist() == pytest.approx(expected["means"])
    first, second = found
    assert first[0]["began"] < second[-1]["ended"] and second[0]["began"] < first[-1]["ended"], "they ran beside each other"
    for records in found:
        assert records[0]["opened"] > 0, "nobody starts from what another analyst left"
        assert all(r["opened"] == 0 for r in records[1:])


def test_a_stopped_statement_is_cancelled_everywhere_and_the_next_one_runs(fed: Federation, expected: dict[str, Any]) -> None:
    notebook = Notebook(fed.invite("ivy"), "interrupt")
    notebook.begin()
    stopped, after = notebook.records()
    assert stopped["interrupted"] and stopped["seconds"] < 10
    assert right([after], expected)
    assert after["opened"] > 0, "a statement that was stopped leaves nothing"


def test_statements_of_one_notebook_at_once(fed: Federation, expected: dict[str, Any]) -> None:
    with sf.defer():
        first = joined(fed).groupby("male")["w"].mean()
        second = joined(fed)["x"].mean()

    async def both() -> Any:
        return await asyncio.gather(sf.collect_async(first), sf.collect_async(second))

    (table,), (mean,) = asyncio.run(both())
    assert table.astype(float).tolist() == pytest.approx(expected["means"])
    assert mean == pytest.approx(people()["patients"]["x"].mean())


def test_whoever_stops_waiting_cancels_the_job(fed: Federation, expected: dict[str, Any]) -> None:
    fed._backend.forget_kept()
    with sf.defer():
        pending = joined(fed).groupby("male")["w"].mean()

    async def stopped(given_up: threading.Event) -> None:
        task = asyncio.create_task(sf.collect_async(pending))
        while not fed._backend._client._running:  # type: ignore[attr-defined]
            await asyncio.sleep(0.005)
        task.cancel()
        try:
            await task
        finally:
            given_up.set()

    with held_back(fed) as given_up, pytest.raises(asyncio.CancelledError):
        asyncio.run(stopped(given_up))
    assert not pending.done and fed._backend.kept() == {}
    assert joined(fed).groupby("male")["w"].mean().astype(float).tolist() == pytest.approx(expected["means"])


def test_what_is_kept_ends_with_the_connection(fed: Federation) -> None:
    path = fed.invite("kim")
    for _ in range(2):
        with sf.connect(path, quiet=True, start=connect) as other:
            assert other._backend.kept() == {}
            mean = joined(other)["w"].mean()
            assert other._backend.kept()
    assert joined(fed)["w"].mean() == mean


def test_a_party_that_was_lost_has_lost_what_it_kept(fed: Federation) -> None:
    """The others forget nothing; but only what all three keep of one job counts."""
    mean = joined(fed)["w"].mean()
    assert fed._backend.kept()
    gateway = fed._backend._client._gateways[0]  # type: ignore[attr-defined]
    gateway.forget()
    assert fed._backend.kept() == {}
    assert joined(fed)["w"].mean() == mean and fed._backend.kept()


def test_only_who_started_the_simulation_invites(fed: Federation) -> None:
    path = fed.invite("lea", affiliation="elsewhere")
    with sf.connect(path, quiet=True, start=connect) as guest:
        with pytest.raises(PlanError, match="say themselves"):
            guest.invite("max")
        record = {"analyst": AnalystIdentity.generate("max").public(), "certificate": ""}
        body = json.dumps(record).encode()
        with pytest.raises(PolicyError, match="who started"):
            guest._backend._client.invite(body, guest._analyst.sign(body))  # type: ignore[attr-defined]
        assert fed["patients"]["x"].mean() == guest["patients"]["x"].mean()


def test_the_identity_is_for_its_owner_alone(fed: Federation, tmp_path: Path) -> None:
    path = fed.invite("zoe", directory=tmp_path / "zoe")
    key = path.parent / "identity.pem"
    assert [p.stat().st_mode & 0o777 for p in (path.parent, path, key)] == [0o700, 0o600, 0o600]
    key.chmod(0o640)
    with pytest.raises(PlanError, match="others may read"):
        sf.connect(path, quiet=True, start=connect)
    with pytest.raises(PlanError, match="cannot be read"):
        sf.connect(tmp_path / "nothing.toml", start=connect)
    key.chmod(0o600)
    path.write_text(path.read_text().replace('name = "zoe"', 'name = "ben"'))
    with sf.connect(path, quiet=True, start=connect) as other, pytest.raises(PolicyError, match="does not know"):
        other["patients"]["x"].mean()


def test_a_saved_frame_comes_back_in_a_later_notebook_with_its_join(fed: Federation) -> None:
    path = fed.invite("sam")
    with sf.connect(path, quiet=True, start=connect) as first:
        cohort = joined(first)[joined(first)["age"] >= 40]
        mean = cohort["w"].mean()
        cohort.save("cohort")
        assert first.saved == ["cohort"] and fed.saved == []
    with sf.connect(path, quiet=True, start=connect) as later:
        assert later._backend.kept() == {}
        assert later.load("cohort")["w"].mean() == mean
        assert later.last_job is not None and all(stage.opened_bits == 0 for stage in later.last_job.stages)
        later.forget("cohort")
        with pytest.raises(PlanError, match="no frame was saved"):
            later.load("cohort")
        with pytest.raises(PlanError, match="no frame was saved"):
            fed.load("cohort")
