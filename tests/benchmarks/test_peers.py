"""What peers run, what is made of what they say, and that nothing of them is left. No peer is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.peers import beside, columns, on_mpyc, on_spu, parties
from benchmarks.peers.beside import ENTRIES, MPYC, SIZES, SPU, Entry, Peer, PeerError, Told, ask, entries
from benchmarks.records import Record
from benchmarks.workloads import WORKLOADS
from tests.benchmarks.fake_peer import Adder

FAKE = Peer(name="fake", script="tests.benchmarks.fake_peer")
LINE = {"seconds": [0.2, 0.1], "bytes_per_party": 8, "rounds": None, "peak_mb": 3.0, "processor_seconds": 0.1}


# -- what they run ---------------------------------------------------------------------------------------------------------


def test_peers_run_workloads_of_ours_under_names_that_their_scripts_know() -> None:
    programs = {"spu": {*on_spu.PROGRAMS, "psi"}, "mpyc": set(on_mpyc.PROGRAMS)}
    for workload, each in ENTRIES.items():
        assert workload in WORKLOADS
        assert {entry.program or workload for entry in each if entry.peer is SPU} <= programs["spu"]
        assert {entry.program or workload for entry in each if entry.peer is MPYC} <= programs["mpyc"]
    assert programs["spu"] | programs["mpyc"] == set(columns.MAKE)


def test_every_size_has_a_peer_and_those_with_a_wanted_ratio_are_measured_on_spu() -> None:
    assert all(entries(name, n) for name, sizes in SIZES.items() for n in sizes)
    for name, workload in WORKLOADS.items():
        for n in workload.ratios:
            assert n in SIZES[name] and any(entry.peer is SPU and not entry.program for entry in entries(name, n))


def test_a_peer_is_spared_what_takes_it_too_long() -> None:
    assert [entry.peer for entry in entries("sort_64", 10**3)] == [SPU, MPYC]
    assert [entry.peer for entry in entries("sort_64", 10**3 + 1)] == [SPU]
    assert entries("sort_64", 10**7) == [] and entries("median", 10) == []


@pytest.mark.parametrize("n", [1, 2, 9, 1000])
@pytest.mark.parametrize("name", ["sort_64", "join", "psi", "group_public", "group_codes", "group_hidden"])
def test_the_clear_is_what_polars_says(name: str, n: int) -> None:
    data = columns.columns(name, n, 63)
    found = [answer.tolist() for answer in data.answers]
    one, *rest = (pl.Series(values=each.tolist()) for each in data.inputs)
    if name == "sort_64":
        assert found == [one.sort().to_list()]
    elif name == "psi":
        assert found == [pl.DataFrame({"k": one}).join(pl.DataFrame({"k": rest[0]}), on="k").sort("k")["k"].to_list()]
    elif name == "join":
        sides = pl.DataFrame({"k": one // 4, "side": one % 4, "p": rest[0]})
        left, right = (sides.filter(pl.col("side") == side).drop("side") for side in (0, 1))
        pairs = left.join(right, on="k").sort("k")
        held = [(key // 4, payload) for key, hit, payload in zip(*found, strict=False) if hit]
        assert held == list(zip(pairs["k"], pairs["p_right"], strict=True))
        assert found[0] == one.sort().to_list() and not any(p for hit, p in zip(*found[1:], strict=True) if not hit)
        assert left.height == right.height == n and left["k"].n_unique() == right["k"].n_unique() == n
    elif name == "group_hidden":
        sums = pl.DataFrame({"k": one, "v": rest[0]}).group_by("k").agg(pl.col("v").sum(), pl.len()).sort("k")
        assert sums["len"].max() <= columns.MOST_ROWS
        assert found == [one.sort().to_list(), [v for _, v, rows in sums.iter_rows() for v in [0] * (rows - 1) + [v]]]
    else:
        levels = np.argmax(data.inputs[0], axis=1) if name == "group_public" else data.inputs[0]
        assert found == [[int(data.inputs[1][levels == level].sum()) for level in range(columns.GROUPS)]]


# -- what they say ---------------------------------------------------------------------------------------------------------


def test_a_line_becomes_a_record_with_the_peer_s_own_versions() -> None:
    told = Told.from_line(json.dumps({**LINE, "versions": {"spu": "0.9.5", "numpy": "1.26"}, "about": {"ring": "FM64"}}))
    found = beside.record("sort_64", 1000, Entry(SPU, 10**6), told)
    assert (found.part, found.workload, found.n, found.system) == ("peers", "sort_64", 1000, "spu 0.9.5")
    assert (found.seconds_median, found.seconds_min, found.seconds_max, found.repeats) == (pytest.approx(0.15), 0.1, 0.2, 2)
    assert (found.bytes_per_party, found.rounds, found.peak_mb) == (8, None, 3.0)
    assert found.versions == {"spu": "0.9.5", "numpy": "1.26"} and found.detail["ring"] == "FM64"
    assert Record.from_line(found.to_line()).to_line() == found.to_line()
    assert beside.record("join", 10, Entry(SPU, 10, "psi", "public"), told).system == "spu 0.9.5, public"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        json.dumps(LINE),
        json.dumps({**LINE, "versions": {}}),
        json.dumps({**LINE, "versions": {"spu": "1"}, "more": 1}),
        json.dumps({**LINE, "versions": {"spu": "1"}, "seconds": []}),
        json.dumps({**LINE, "versions": {"spu": "1"}, "seconds": 3}),
        json.dumps({**LINE, "versions": {"spu": "1"}, "seconds": [0.1, 0.0]}),
        json.dumps({**LINE, "versions": {"spu": "1"}, "seconds": [float("nan")]}),
        json.dumps({**LINE, "versions": {"spu": "1"}, "seconds": ["fast"]}),
    ],
)
def test_what_is_no_measurement_is_refused(line: str) -> None:
    with pytest.raises(PeerError, match="no measurement"):
        Told.from_line(line)


def test_what_spu_writes_of_its_link_is_found(tmp_path: Path) -> None:
    party = on_spu.SpuParty.__new__(on_spu.SpuParty)
    party._log = tmp_path / "party0.log"
    party._log.write_text("- pphlo.multiply, send bytes 5\n[info] Link details: total send bytes 80, recv bytes 7\n")
    assert party._sent() == 80
    party._log.write_text("nothing of the kind")
    assert party._sent() is None


# -- scripts and what is left of them --------------------------------------------------------------------------------------


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment of a peer that starts our own Python; returns where the script says what it saw."""
    python = tmp_path / "peers" / "fake" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    (tmp_path / "peers" / "fake" / ".installed").touch()
    monkeypatch.setattr(beside, "ENVIRONMENTS", tmp_path / "peers")
    monkeypatch.setenv("FAKE_PEER_SAYS", str(tmp_path / "says"))
    monkeypatch.setenv("PYTHONPATH", "/of/another/environment")
    return tmp_path / "says"


def runs(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return text[text.rindex(")") + 2] != "Z"


def gone(processes: Sequence[int], seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while any(map(runs, processes)):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_a_script_s_line_is_read_and_its_processes_and_files_are_gone(fake: Path) -> None:
    told = ask(FAKE, "multiply", 5)
    assert told.seconds == (0.25, 0.5, 1.0) and told.bytes_per_party == 40 and told.about == {"ring": 64}
    says = json.loads(fake.read_text())
    assert gone(says["pids"])
    assert says["mode"] == 0o700 and not Path(says["private"]).exists() and says["path"] is None


@pytest.mark.parametrize(
    ("program", "limit", "reason"),
    [("fails", 60, "ended with 3: the reason why"), ("lasts", 2, "took longer than 2 s"), ("mumbles", 60, "no measurement")],
)
def test_nothing_is_left_of_a_script_that_fails(fake: Path, program: str, limit: float, reason: str) -> None:
    with pytest.raises(PeerError, match=reason):
        ask(FAKE, program, 5, limit)
    says = json.loads(fake.read_text())
    assert gone(says["pids"]) and not Path(says["private"]).exists()


def test_a_script_ends_with_the_one_who_asked_even_if_that_was_killed(fake: Path) -> None:
    code = "from tests.benchmarks.test_peers import FAKE, ask, beside; from pathlib import Path; import sys\n"
    code += "beside.ENVIRONMENTS = Path(sys.argv[1]); ask(FAKE, 'lasts', 5)"
    asking = subprocess.Popen([sys.executable, "-c", code, str(beside.ENVIRONMENTS)], cwd=beside.ROOT, env=_clean())
    try:
        until = time.monotonic() + 60
        while not (fake.exists() and fake.read_text()) and time.monotonic() < until:
            time.sleep(0.02)
        pids = json.loads(fake.read_text())["pids"]
        assert all(map(runs, pids))
    finally:
        asking.kill()
        asking.wait()
    assert gone(pids)


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def test_a_missing_peer_leaves_no_record_and_what_to_type_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(beside, "ROOT", tmp_path)
    monkeypatch.setattr(beside, "ENVIRONMENTS", tmp_path / ".peers")
    monkeypatch.setattr("benchmarks.protocols.measure", lambda workload, n, **more: [_ours(workload.name, n)])
    said: list[str] = []
    found = list(beside.run([(WORKLOADS["multiply"], 1000)], said.append))
    assert [[each.system for each in records] for records in found] == [["secureframe TLS"]]
    assert all(any(f"make .peers/{name}/.installed" in text for text in said) for name in ("spu", "mpyc"))


def test_a_peer_that_fails_does_not_keep_the_others_from_being_measured(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "PEERS", (FAKE,))
    monkeypatch.setattr(beside, "ENTRIES", {"multiply": (Entry(FAKE, 10, "fails"), Entry(FAKE, 10))})
    monkeypatch.setattr("benchmarks.protocols.measure", lambda workload, n, **more: [_ours(workload.name, n)])
    said: list[str] = []
    (records,) = beside.run([(WORKLOADS["multiply"], 10), (WORKLOADS["multiply"], 11)], said.append)
    assert [each.system for each in records] == ["secureframe TLS", "fake 1.2"]
    assert any("the reason why" in text for text in said) and any("multiply 11: no peer" in text for text in said)


def _ours(workload: str, n: int) -> Record:
    return Record.of([1.0], part="peers", workload=workload, n=n, system="secureframe TLS")


# -- parties ---------------------------------------------------------------------------------------------------------------


def test_parties_are_dealt_run_and_checked(tmp_path: Path) -> None:
    with parties.Parties(Adder, 3, tmp_path) as running:
        pids = [process.pid or 0 for process in running._processes]
        running.deal([np.arange(3)] * 3)
        found = parties.measure(running, lambda answers: answers[:1], [np.array([1, 2, 3])])
        assert len(found["seconds"]) == 7 and found["bytes_per_party"] == 8 and found["rounds"] is None and found["peak_mb"] > 1
        with pytest.raises(RuntimeError, match="not the one in the clear"):
            parties.measure(running, lambda answers: answers[:1], [np.array([1, 2, 4])])
    assert gone(pids)
    assert (tmp_path / "party2.log").read_text() == "party 2 is there\n"


def test_a_party_that_ends_is_told_with_what_it_said_and_the_others_end(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)party 1 ended:.*cannot go on"), parties.Parties(Adder, 3, tmp_path) as running:
        pids = [process.pid or 0 for process in running._processes]
        running.deal([np.arange(3), None, np.arange(3)])
        running.turn(counted=False)
    assert gone(pids)


def test_what_takes_long_runs_once() -> None:
    assert [parties.repeats(seconds) for seconds in (0.01, 0.5, 19, 21)] == [7, 3, 3, 0]


def test_answers_of_another_number_or_size_are_not_the_same() -> None:
    two = [np.arange(3), np.array([True, False])]
    assert parties.same([np.arange(3).reshape(1, 3), np.array([1, 0])], two)
    assert not parties.same(two[:1], two)
    assert not parties.same([np.arange(2), two[1]], two)
