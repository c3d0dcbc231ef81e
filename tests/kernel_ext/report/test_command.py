"""The report command: what it writes, how it ends, and how it goes on after a failure."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
import typer
from typer.testing import CliRunner

import secureframe as sf
from kernel_ext.report import exits, pages, pdf, running
from kernel_ext.report.command import app
from kernel_ext.report.exits import Ended, Exit
from kernel_ext.report.running import check
from kernel_ext.report.state import claimed, directory_of
from secureframe import command, errors
from tests.kernel_ext.report.conftest import Report
from tests.kernel_ext.report.notebooks import IN_MEMORY, log_line, outputs, write
from tests.ray_cluster.federations import ROOT

RELEASES = (
    'print("mean", float(tumours["age"].mean()))',
    'tumours.groupby("size")["nodes"].agg(["count", "mean"])',
    'print("median", tumours["nodes"].quantile(0.5))',
    'sf.crosstab(tumours["size"], tumours["relapse"])',
    'print("relapse", float(tumours["relapse"].mean()))',
)
MISHAP = 'if os.environ.get("MISHAP"):\n    tumours["age"].max()'


# -- with kernels ----------------------------------------------------------------------------------------------------------


@pytest.mark.notebook
def test_a_report_that_failed_goes_on_with_the_same_numbers(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: list[Any]
) -> None:
    shutil.copytree(Path(ROOT) / "kernel_ext" / "kernelspec", tmp_path / "jupyter" / "kernels" / "secureframe")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    notebook = write(tmp_path / "monthly.ipynb", IN_MEMORY, *RELEASES[:2], MISHAP, *RELEASES[2:])
    monkeypatch.setenv("MISHAP", "yes")
    arguments = (notebook, "-p", "period", "1990", "-p", "youngest", "50")
    failed = report(*arguments)
    assert failed.exit_code == Exit.REFUSED and failed.stdout == ""
    assert "DisclosureError: " in failed.stderr and "Hint: " in failed.stderr and "Traceback" not in failed.stderr
    facts = log_line(failed.stderr)
    assert facts.pop("seconds") and facts == {
        "notebook": "monthly.ipynb", "status": "refused", "exit": "4", "cell": "6", "jobs": "2", "resumed": "0",
    }  # fmt: skip
    assert shown == [] and not (tmp_path / "out").exists()
    (state,) = (tmp_path / "state").iterdir()
    assert state.stat().st_mode & 0o777 == 0o700 and len(list((state / "released").iterdir())) == 2
    assert "without encryption" not in (state / "kernel.log").read_text()

    monkeypatch.delenv("MISHAP")
    resumed = report(*arguments, "--resume", "--language", "nl")
    assert resumed.exit_code == Exit.DONE, resumed.stderr
    facts = log_line(resumed.stderr)
    assert facts["jobs"] == "5" and facts["resumed"] == "2" and facts["status"] == "done"
    assert list((tmp_path / "state").iterdir()) == [], "nothing is left of a report that is whole"

    written = [tmp_path / "out" / name for name in ("monthly.executed.ipynb", "monthly.html")]
    assert resumed.stdout.splitlines() == list(map(str, written)) and sorted((tmp_path / "out").iterdir()) == written
    assert written[0].stat().st_mode & 0o777 == 0o600
    ((executed, language, meta),) = shown
    assert language == "nl" and meta.title == "A monthly report" and meta.period == "1990" and meta.selection == "all"
    assert meta.federation == "demo:breast-cancer" and meta.purpose == "breast cancer in two countries: a demonstration"
    assert meta.resumed == 2 and meta.started < meta.finished
    assert len(meta.plans) == len(set(meta.plans)) == 5 and {r["plan"] for r in meta.releases} == set(meta.plans)
    assert "papermill" not in executed.metadata and str(tmp_path) not in written[0].read_text()

    texts = outputs(written[0])
    assert len(texts) == 5 and texts[0].startswith("mean ")
    assert any("Vrijgegeven volgens " in text for text in texts), "footnotes speak the report's language"
    whole = report(*arguments, "--resume", "--language", "nl")
    assert log_line(whole.stderr)["resumed"] == "0", "there was nothing to resume"
    assert outputs(written[0]) == texts and shown[1][2].releases == meta.releases


@pytest.mark.notebook
def test_a_kernel_that_dies_and_an_exception_of_the_notebook(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "KERNEL", "one that is not installed")
    loaded = "assert get_ipython().find_line_magic('jobs') is not None"
    dying = write(tmp_path / "dying.ipynb", loaded, "import os; os._exit(1)")
    result = report(dying)
    assert result.exit_code == Exit.NOTEBOOK and "kernel died" in result.stderr
    (state,) = (tmp_path / "state").iterdir()
    assert "without encryption" not in (state / "kernel.log").read_text()
    raising = write(tmp_path / "raising.ipynb", "secret = 98765.4321", "raise ValueError(secret)", parameters=None)
    result = report(raising)
    assert result.exit_code == Exit.NOTEBOOK and "ValueError" in result.stderr and "98765" not in result.stderr
    assert log_line(result.stderr)["cell"] == "3"


# -- without ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-p", "month", "10"), "no parameter 'month'"),
        (("-p", "youngest", "old"), "of type int"),
        (("-p", "period", "a", "-p", "period", "b"), "given twice"),
        (("-p", "federation", "nowhere.toml"), "no federation's file"),
        (("--language", "fr"), "fr"),
        (("-p", "period"), "a name and a value"),
        (("-p",), "-p"),
    ],
)
def test_wrong_arguments(report: Report, tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    result = report(write(tmp_path / "monthly.ipynb"), *arguments)
    assert result.exit_code == Exit.ARGUMENTS and told in result.stderr
    assert not (tmp_path / "state").exists() and not (tmp_path / "out").exists()


def test_no_notebook(report: Report, tmp_path: Path) -> None:
    (tmp_path / "words.ipynb").write_text('{"cells": "98765.4321"}')
    for name in ("nothing.ipynb", "words.ipynb"):
        result = report(tmp_path / name)
        assert result.exit_code == Exit.ARGUMENTS and "cannot be read as a notebook" in result.stderr
        assert "98765" not in result.stderr
    other = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}})
    nbformat.write(other, tmp_path / "other.ipynb")
    result = report(tmp_path / "other.ipynb")
    assert result.exit_code == Exit.ARGUMENTS and "not a notebook of Python" in result.stderr


def test_the_same_report_runs_once(report: Report, tmp_path: Path) -> None:
    notebook = write(tmp_path / "monthly.ipynb", parameters=None)
    with claimed(directory_of(tmp_path / "state", notebook.resolve(), {})):
        result = report(notebook)
    assert result.exit_code == Exit.RUNNING and log_line(result.stderr)["status"] == "running"


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook that has run by itself: what comes after is the same."""
    monkeypatch.setattr("kernel_ext.report.running.execute", lambda notebook, values, **_: notebook)


@pytest.mark.usefixtures("executed")
def test_without_chromium_the_html_is_there(report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(html: Path, target: Path) -> None:
        raise sf.SecureFrameError("there is no chromium", hint="apt-get install chromium")

    monkeypatch.setattr(pdf, "to_pdf", missing)
    notebook = write(tmp_path / "monthly.ipynb")
    result = report(notebook, "--pdf")
    assert result.exit_code == Exit.NO_PDF and "no chromium" in result.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["monthly.executed.ipynb", "monthly.html"]
    assert list((tmp_path / "state").iterdir()), "what was released is kept for the run that prints"

    monkeypatch.setattr(pdf, "to_pdf", lambda html, target: target.write_bytes(html.read_bytes()))
    result = report(notebook, "--pdf", "--resume")
    assert result.exit_code == Exit.DONE and (tmp_path / "out" / "monthly.pdf").exists()


@pytest.mark.usefixtures("executed")
def test_what_was_written_before_stays_until_there_is_something_new(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = write(tmp_path / "monthly.ipynb")
    assert report(notebook).exit_code == Exit.DONE
    before = (tmp_path / "out" / "monthly.html").read_text()

    def broken(executed: Any, **_: Any) -> str:
        raise ValueError("98765.4321")

    monkeypatch.setattr(pages, "to_html", broken)
    result = report(notebook)
    assert result.exit_code == Exit.FAILED and "ValueError" in result.stderr and "98765" not in result.stderr
    assert (tmp_path / "out" / "monthly.html").read_text() == before
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["monthly.executed.ipynb", "monthly.html"]


@pytest.mark.usefixtures("executed")
def test_a_place_that_cannot_be_written(report: Report, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    result = report(write(tmp_path / "monthly.ipynb"))
    assert result.exit_code == Exit.FAILED and "FileExistsError" in result.stderr


def test_every_error_has_its_exit_code() -> None:
    assert exits.exit_of("PartyUnavailable") == exits.exit_of("Restarting") == Exit.UNAVAILABLE
    assert {exits.exit_of(name) for name in ("PlanError", "RangeError", "DisclosureError", "PolicyError")} == {Exit.REFUSED}
    assert exits.exit_of("ApprovalRequired") == Exit.APPROVAL and exits.exit_of("ProtocolAborted") == Exit.ABORTED
    assert exits.exit_of("KeyboardInterrupt") == exits.exit_of("CancelledError") == Exit.CANCELLED
    for name in ("ValueError", "RegistrationError", "SuppressedWarning", "annotations", "Any"):
        assert exits.exit_of(name) == Exit.NOTEBOOK
    assert exits.ours("RegistrationError") is errors.RegistrationError and exits.ours("SuppressedWarning") is None
    assert len({int(code) for code in Exit}) == len(Exit) == 11


def test_the_documentation_names_every_exit_code() -> None:
    text = (Path(ROOT) / "docs" / "reports.md").read_text()
    for code in Exit:
        assert f"| {int(code)} | `{code.status}` |" in text
    assert len(re.findall(r"^\| \d+ \| `", text, re.MULTILINE)) == len(Exit)


def test_a_command_alone_needs_no_further_name() -> None:
    whole = typer.Typer()
    whole.callback()(command._root)
    command.add(whole, app, "report")
    result = CliRunner().invoke(whole, ["report", "nothing.ipynb", "-p", "period", "1990"])
    assert result.exit_code == Exit.ARGUMENTS and "cannot be read as a notebook" in result.stderr
    told = CliRunner().invoke(whole, ["report", "--help"], env={"COLUMNS": "200"}).stdout
    assert "report [OPTIONS] {notebook}" in told and "NAME VALUE" in told


def failing(name: str, *tags: str) -> Any:
    """A notebook whose first cell of its own has failed with a value in its message."""
    error = nbformat.v4.new_output("error", ename=name, evalue="98765.4321", traceback=[])
    injected = nbformat.v4.new_code_cell(metadata={"tags": ["injected-parameters"]})
    return nbformat.v4.new_notebook(cells=[injected, nbformat.v4.new_code_cell(outputs=[error], metadata={"tags": [*tags]})])


@pytest.mark.parametrize(("name", "told"), [("KeyError", False), ("PolicyError", True), ("RegistrationError", True)])
def test_of_an_error_of_the_notebooks_own_the_class_alone_is_told(name: str, told: bool) -> None:
    with pytest.raises(Ended) as caught:
        check(failing(name))
    assert ("98765" in caught.value.message) is told and caught.value.cell == 1
    with pytest.raises(Ended) as caught:
        check(failing(name), stopped=True)
    assert caught.value.code is Exit.CANCELLED, "whatever a stopped cell raises"


def test_a_cell_may_mean_to_fail() -> None:
    check(failing("DisclosureError", "raises-exception"))
    with pytest.raises(Ended) as caught:
        check(failing("DisclosureError", "raises-exception"), stopped=True)
    assert caught.value.code is Exit.CANCELLED
