"""The command line of an institution: results listed, and opened as a table, as CSV and as JSON."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import secureframe as sf
from secureframe import command
from secureframe.testing import start_in_memory

PEOPLE = pd.DataFrame({"id": range(120), "age": np.arange(120) % 60 + 20, "site": ["a"] * 60 + ["b"] * 57 + ["c"] * 3})


@pytest.fixture(scope="module")
def fed() -> Iterator[sf.Federation]:
    columns = {
        "id": sf.key(low=0, high=999, nullable=False),
        "age": sf.integer(0, 120, nullable=False),
        "site": sf.category(["a", "b", "c"], nullable=False),
    }
    table = sf.Table(PEOPLE, columns=columns, roster_size=120, rows_per_person=1)
    with sf.simulate(
        {"hospital": {"people": table}}, purpose="a \x1b[31mstudy", quiet=True, start=start_in_memory, analyst="an[red]a"
    ) as found:
        yield found


@pytest.fixture(scope="module")
def receipt(fed: sf.Federation) -> sf.Receipt:
    with sf.defer(recipient="neutral") as study:
        fed["hospital.people"].groupby("site")["age"].agg(["count", "mean"])
        fed["hospital.people"]["age"].mean()
    found = study.collect()
    assert isinstance(found, sf.Receipt)
    return found


def run(fed: sf.Federation, *arguments: str) -> str:
    result = CliRunner().invoke(
        command.application(), ["results", *arguments, "--directory", str(fed["neutral"].directory)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.stdout


def test_results_are_listed(fed: sf.Federation, receipt: sf.Receipt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = run(fed, "list")
    assert receipt.job[:8] in text and "mean of age" in text
    assert "an[red]a" in text and "\x1b[31m" not in text, "what an analyst writes steers no terminal"


def test_a_result_is_printed_with_its_footnotes(fed: sf.Federation, receipt: sf.Receipt) -> None:
    text = run(fed, "open", receipt.job[:6])
    assert "<NA>" in text and "withheld" in text and text.count("Released under open-research") == 2
    assert str(float(PEOPLE["age"].mean()))[:8] in text


def test_one_table_is_printed_as_csv(fed: sf.Federation, receipt: sf.Receipt) -> None:
    table = pd.read_csv(io.StringIO(run(fed, "open", receipt.job, "--csv", "--table", "1")), index_col=0)
    assert table.loc["a"].tolist() == [60, PEOPLE.loc[:59, "age"].mean()] and table.loc["c"].isna().all()
    number = pd.read_csv(io.StringIO(run(fed, "open", receipt.job, "--csv", "--table", "2")), index_col=0)
    assert number.iloc[0, 0] == pytest.approx(PEOPLE["age"].mean())
    with pytest.raises(sf.SecureFrameError, match="CSV holds one"):
        run(fed, "open", receipt.job, "--csv")
    with pytest.raises(sf.SecureFrameError, match="2 tables"):
        run(fed, "open", receipt.job, "--csv", "--table", "3")


def test_all_of_it_is_printed_as_json(fed: sf.Federation, receipt: sf.Receipt) -> None:
    table, number = json.loads(run(fed, "open", receipt.job, "--json"))
    assert table["table"]["index"] == ["a", "b", "c"] and table["table"]["data"][2] == [None, None]
    assert table["release"]["plan"] == receipt.plan and table["release"]["suppressed"]
    assert number["title"] == "mean of age" and number["table"]["data"] == [[pytest.approx(PEOPLE["age"].mean())]]


def test_an_error_is_told_without_a_traceback() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "secureframe.command", "results", "list", "-d", "/nowhere"], capture_output=True, text=True
    )
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith("PlanError: ") and "Hint: " in ran.stderr and "Traceback" not in ran.stderr


def test_other_packages_add_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint(name="gateway", value=f"{__name__}:other", group=command.GROUP)
    monkeypatch.setattr(command.importlib.metadata, "entry_points", lambda group: [entry] if group == command.GROUP else [])
    assert "served" in CliRunner().invoke(command.application(), ["gateway", "serve"]).stdout


def test_a_command_whose_modules_are_missing_says_so_and_no_other_one_suffers(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint(name="report", value="nowhere_to_be_found:app", group=command.GROUP)
    monkeypatch.setattr(command.importlib.metadata, "entry_points", lambda group: [entry])
    with pytest.raises(sf.SecureFrameError, match="`secureframe report` needs nowhere_to_be_found"):
        CliRunner().invoke(command.application(), ["report", "a.ipynb", "-p", "period", "1"], catch_exceptions=False)
    assert CliRunner().invoke(command.application(), ["results", "--help"]).exit_code == 0


other = typer.Typer()


@other.callback()
def _other() -> None:
    """A command of another package."""


@other.command()
def serve() -> None:
    typer.echo("served")
