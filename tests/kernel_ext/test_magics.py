"""The magics: what they show, what they bind, and what they never run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import kernel_ext.magics as magics
import secureframe.starting as opening
from secureframe.federation import Federation
from secureframe.results.receipt import Receipt
from secureframe.testing import start_in_memory
from tests.disclosure.federations import PURPOSE
from tests.federation.session import session
from tests.kernel_ext.conftest import Notebook

STUDY = """%%study why the old fare worse --title "Table 2" --meta protocol=2026-17
ages = patients["age"].describe()
both = {"x": patients["x"].mean(), "site": "a"}
patients["age"].median()
by = patients.groupby("male")
by["age"].mean()
"""


@pytest.mark.parametrize("magic", ["federation", "catalog", "explain", "study", "jobs"])
def test_every_magic_has_help(notebook: Notebook, magic: str) -> None:
    found = notebook.shell.find_magic(magic, "cell" if magic == "study" else "line")
    assert "::" in found.__doc__ and "%" + magic in found.__doc__
    assert "arguments:" in found.__doc__ and "Examples::" in found.__doc__


# -- which federation --------------------------------------------------------------------------------------------------------


def test_without_a_federation_the_magics_say_how_to_open_one(shell: Any) -> None:
    ran = Notebook(shell).run("%federation")
    assert "no federation is open" in ran.printed and "Hint: %federation demo nafld" in ran.printed


def test_the_newest_open_federation_is_meant(notebook: Notebook, federation: Federation) -> None:
    names = {"first": federation, "second": session(), "third": session()}
    assert magics.federation_of(names) is names["third"]
    names["third"].close()
    assert magics.federation_of(names) is names["second"]
    notebook.names["fed"] = names["second"]
    notebook.run("%federation close")
    assert names["second"].closed


def test_demo_and_connect_bind_a_name(shell: Any, monkeypatch: pytest.MonkeyPatch, federation: Federation) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(opening, "connect", lambda path, **more: asked.append((path, more)) or federation)
    demo = opening.demo
    monkeypatch.setattr(opening, "demo", lambda name: asked.append(name) or demo(name, quiet=True, start=start_in_memory))
    notebook = Notebook(shell)
    ran = notebook.run('%federation connect ~/study/federation.toml --name study -p "a purpose"')
    assert asked == [(Path("~/study/federation.toml").expanduser(), {"purpose": "a purpose"})]
    assert notebook.names["study"] is federation and "hospital.patients" in ran.printed
    notebook.run("%federation demo breast-cancer -p 'another purpose'")
    assert asked[1:] == ["breast-cancer"] and notebook.names["fed"].purpose == "another purpose"
    notebook.names["fed"].close()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("%federation demmo", "invalid choice"),
        ("%federation members of", "takes nothing behind it"),
        ("%federation connect", "needs the path"),
        ("%federation demo nafld --name 1a", "no name for a variable"),
        ("%federation demo 'nafld", "not closed"),
        ("%federation demo nowhere", "there is no demonstration"),
        ("%explain", "needs an expression"),
        ("%jobs -n many", "invalid int value"),
        ("%%study --meta protocol\npatients['age'].mean()", "no KEY=VALUE"),
        ("%%study don't\npatients['age'].mean()", "not closed"),
    ],
)
def test_lines_that_are_refused(notebook: Notebook, federation: Federation, line: str, why: str) -> None:
    before = federation.jobs
    ran = notebook.run(line)
    assert why in ran.printed and "Traceback" not in ran.printed and ran.error is not None
    assert federation.jobs == before


def test_status_and_members(notebook: Notebook) -> None:
    shown = notebook.run("%federation").printed
    assert f"Federation\n  purpose     {PURPOSE}\n" in shown and "hospital.patients, laboratory.labs, office.registry" in shown
    rows = [line.split() for line in notebook.run("%federation members").printed.split("\n")]
    assert ["laboratory", "labs", "1"] in rows
    notebook.run("%federation")
    html = notebook.run("display(_)").html[0]
    assert "<dt>members</dt><dd>hospital, laboratory, office</dd>" in html and "<th" not in html
    notebook.run("%federation members")
    html = notebook.run("display(_)").html[0]
    assert '<th scope="row">laboratory</th>' in html and "<caption>" in html


# -- catalog, explain, jobs ----------------------------------------------------------------------------------------------------


def test_catalog(notebook: Notebook) -> None:
    assert repr(notebook.names["fed"].catalog) in notebook.run("%catalog").printed
    found = notebook.run("%catalog CATEGORY hospital").printed
    assert "site" in found and "laboratory" not in found and "age" not in found
    assert repr(notebook.names["fed"].catalog.search("office key")) in notebook.run("%catalog office key").printed


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ('patients["age"].mean()', "release mean(age)   @ local(hospital)"),
        ("patients", "hospital.patients"),
        ('patients["age"]', "age"),
        ('patients.groupby("male")["age"].agg(["count", "mean"])', "mean(age)"),
    ],
)
def test_explain_runs_nothing(notebook: Notebook, federation: Federation, expression: str, said: str) -> None:
    before = len(federation.jobs)
    ran = notebook.run(f"%explain {expression}")
    assert said in ran.printed and "\\n" not in ran.printed and ran.error is None
    assert len(federation.jobs) == before


def test_explain_of_what_has_no_plan(notebook: Notebook) -> None:
    assert "has no plan to explain" in notebook.run("%explain 1 + 1").printed


def test_jobs(notebook: Notebook, federation: Federation) -> None:
    notebook.run('patients["age"].mean()\npatients["x"].mean()')
    last = federation.jobs[-1]
    shown = notebook.run("%jobs -n 1").printed
    assert last.job[:8] in shown and "mean of x" in shown and "mean of age" not in shown
    one = notebook.run(f"%jobs {last.job[:10]}").printed
    assert last.plan in one and "took" in one
    assert "jobs begin with" in notebook.run("%jobs zz").printed


# -- study -----------------------------------------------------------------------------------------------------------------------


def test_a_study_is_one_job(notebook: Notebook, federation: Federation) -> None:
    before = len(federation.jobs)
    ran = notebook.run(STUDY)
    assert ran.error is None
    assert len(federation.jobs) == before + 1 and federation.jobs[-1].purpose == "why the old fare worse"
    names = notebook.names
    alone = names["patients"]["age"].describe()
    pd.testing.assert_series_equal(names["ages"], alone)
    assert names["both"] == {"x": names["patients"]["x"].mean(), "site": "a"}
    # In order: the median first, and the last one as the cell's own.
    assert ran.shown == [repr(names["patients"]["age"].median())]
    assert ran.printed.index("male") > 0 and "Name: age" in ran.printed
    study = {"title": "Table 2", "purpose": "why the old fare worse", "protocol": "2026-17"}
    assert names["ages"].attrs["release"]["study"] == study and names["both"]["x"].release["study"] == study
    json.dumps(names["ages"].attrs["release"])
    assert "study" not in alone.attrs["release"]


def test_a_list_that_was_there_before(notebook: Notebook) -> None:
    notebook.run("means = []")
    notebook.run("%%study\nfor name in ('age', 'x'):\n    means.append(patients[name].mean())")
    assert notebook.names["means"] == [notebook.names["patients"]["age"].mean(), notebook.names["patients"]["x"].mean()]


def test_what_holds_itself_is_left_alone(notebook: Notebook) -> None:
    notebook.run("knot = []\nknot.append(knot)")
    assert notebook.run("%%study\nmean = patients['age'].mean()").error is None
    assert isinstance(notebook.names["mean"], float)


def test_a_study_that_is_only_explained(notebook: Notebook, federation: Federation) -> None:
    before = len(federation.jobs)
    ran = notebook.run("%%study --explain\nmean = patients['age'].mean()\npatients['x'].std()")
    assert "mean(age)" in ran.printed and "std(x)" in ran.printed
    assert len(federation.jobs) == before and not notebook.names["mean"].done


def test_a_study_for_an_institution(notebook: Notebook) -> None:
    ran = notebook.run("%%study --recipient laboratory\nmean = patients['age'].mean()\npatients['x'].std()")
    assert isinstance(notebook.names["mean"], Receipt) and notebook.names["mean"].recipient == "laboratory"
    assert "sealed for laboratory" in ran.printed and not ran.shown


def test_a_study_without_a_question(notebook: Notebook) -> None:
    assert "nothing in the cell asks for numbers" in notebook.run("%%study\nx = 1").printed


def test_other_values_are_shown_too(notebook: Notebook) -> None:
    ran = notebook.run("%%study\n'before'\npatients['age'].mean()\nNone\n'after'")
    assert ran.shown == ["'before'", repr(notebook.names["patients"]["age"].mean())] and "'after'" in ran.printed
