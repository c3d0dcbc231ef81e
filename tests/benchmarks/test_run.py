"""What a name on the command line chooses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import report, run
from benchmarks.peers.beside import SIZES
from benchmarks.records import Record, read
from benchmarks.run import PARTS, UnknownName, select
from benchmarks.workloads import WORKLOADS

SORT, JOIN = WORKLOADS["sort_64"], WORKLOADS["join"]


def test_without_names_the_whole_list_runs() -> None:
    assert [name for name, _ in select([])] == ["protocols", "latency", "statements", "small", "horizontal", "kernel"]
    assert [name for name, _ in select([], "peers")] == ["peers"]
    assert not any(sizes for _, sizes in select([], "long"))


def test_a_workload_stands_for_all_its_sizes_and_a_size_for_itself() -> None:
    assert select(["sort_64"]) == [("protocols", [(SORT, 10**5), (SORT, 10**6)])]
    assert select(["sort_64_1e5", "join_250"]) == [("protocols", [(SORT, 10**5), (JOIN, 250)])]
    assert select(["join_1e5", "join"]) == [("protocols", [(JOIN, 10**5), (JOIN, 10**6)])]


def test_workloads_are_measured_by_the_list_that_was_asked_for() -> None:
    assert select(["sort_64"], "long") == [("growth", [(SORT, n) for n in SORT.growth])]
    assert select(["join_1e5"], "peers") == [("peers", [(JOIN, 10**5)])]
    assert select(["sort_64"], "peers") == [("peers", [(SORT, n) for n in SIZES["sort_64"]])]


def test_parts_and_workloads_together() -> None:
    """A part of workloads measures those that are named beside it; other parts have nothing to do with them."""
    assert select(["profile", "latency", "join_1e4"]) == [("latency", [(JOIN, 10**4)]), ("profile", [(JOIN, 10**4)])]
    assert select(["statements", "join_1e4"]) == [("protocols", [(JOIN, 10**4)]), ("statements", [])]
    assert select(["latency"]) == [("latency", [])]


@pytest.mark.parametrize("name", ["lessthan", "join_", "join_many", "jion_1e5", "join_0", "join_1.5"])
def test_an_unknown_name_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(UnknownName) as refused:
        select(["join", name])
    text = str(refused.value)
    assert repr(name) in text and all(each in text for each in (*PARTS, *WORKLOADS))
    assert "did you mean" in text


def test_the_command_takes_names_with_commas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["run", "--only", "less_than,join_1e5"])
    assert run.arguments().parts == [("protocols", [(WORKLOADS["less_than"], 10**6), (JOIN, 10**5)])]
    monkeypatch.setattr(sys, "argv", ["run", "--only", "less_then"])
    with pytest.raises(SystemExit):
        run.arguments()
    assert "did you mean less_than" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
@pytest.mark.parametrize(("target", "flags"), [("bench", ""), ("bench-long", "--long "), ("bench-peers", "--peers ")])
def test_make_hands_the_names_on(target: str, flags: str) -> None:
    call = ["make", "--dry-run", target, "ONLY=less_than,join_1e5"]
    said = subprocess.run(call, cwd=report.ROOT, capture_output=True, text=True, check=True).stdout
    assert f'-m benchmarks.run {flags}--only "less_than,join_1e5"' in said


def test_a_run_keeps_its_records_and_makes_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    line = Record.of([2.0], part="protocols", workload="join", n=10, system="secureframe TLS")
    part = run.Part(list="bench", about="a join", run=lambda sizes, progress: iter([[line]]))
    monkeypatch.setattr(run, "PARTS", {"protocols": part})
    monkeypatch.setattr(sys, "argv", ["run", "--into", str(tmp_path / "other.jsonl")])
    made: list[str] = []
    monkeypatch.setattr(report, "document", lambda: made.append("page") or [])
    run.main()
    assert read(tmp_path / "other.jsonl") == [line] and made == []
    monkeypatch.setattr("benchmarks.records.LATEST", tmp_path / "latest.jsonl")
    monkeypatch.setattr(sys, "argv", ["run"])
    run.main()
    assert read(tmp_path / "latest.jsonl") == [line] and made == ["page"]


def test_every_workload_of_the_list_of_targets_has_its_sizes() -> None:
    for workload in WORKLOADS.values():
        wanted = {*workload.targets, *workload.ratios, *workload.published}
        assert wanted <= set(workload.sizes), workload.name
