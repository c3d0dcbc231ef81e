"""Completion from the schemas of a notebook: what is offered, where, and that it asks nobody and runs nothing."""

from __future__ import annotations

from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter

import secureframe as sf
from kernel_ext.completion import completions
from secureframe.federation import Federation
from tests.federation.session import in_memory
from tests.kernel_ext.conftest import Notebook

COLUMNS = ["id", "age", "male", "sex", "x", "y", "z", "site", "hiv", "cost"]
KEYS = ["male", "sex", "site", "hiv"]
TABLES = ["hospital.patients", "laboratory.labs", "office.registry"]
SITES = ["a", "b", "c", "d", "e"]
NUMBERS = ["count", "sum", "mean", "var", "std", "sem", "median", "skew", "kurtosis"]

CASES = {
    # institutions and tables
    'fed["': ["hospital", "laboratory", "office", *TABLES],
    'fed["hosp': ["hospital", "hospital.patients"],
    "fed[": [repr(name) for name in ["hospital", "laboratory", "office", *TABLES]],
    'fed["hospital"]["': ["patients"],
    # columns
    'patients["': COLUMNS,
    'patients["s': ["sex", "site"],
    'fed["hospital.patients"]["ag': ["age"],
    'patients[["age", "s': ["sex", "site"],
    'patients.loc[patients["age"] > 50, "si': ["site"],
    'patients.sort_values("ag': ["age"],
    'patients.drop(columns=["ag': ["age"],
    'patients.rename(columns={"ag': ["age"],
    'patients.rename(columns={"age": "a': [],
    'patients.query("ag': ["age"],
    'patients.query("age > 50 and si': ["site"],
    'patients.query("site == \'': SITES,
    'patients.table_one("': [],
    'sf.table_one(patients, by="': KEYS,
    'sf.table_one(patients, columns=["ag': ["age"],
    'patients.hist("si': [],
    # keys
    'patients.groupby("': ["id", *KEYS],
    'patients.groupby(["male", "': KEYS,
    'patients.pivot_table(index="': KEYS,
    'patients.pivot_table(values="a': ["age"],
    'patients.merge(labs, on="': ["id"],
    'patients.merge(right=labs, on="': ["id"],
    'patients.merge(labs, right_on="': ["id", "test", "value"],
    'patients.merge(labs, left_on=["ag': ["age"],
    'patients.merge(labs, how="l': ["left", "left_anti"],
    # categories
    'patients["site"] == "': SITES,
    'patients["site"] == ': [repr(site) for site in SITES],
    'patients[(patients["age"] >= limit) & (patients["site"] != "': SITES,
    'patients["site"].isin(["a", "': SITES,
    'patients["site"].map({"': SITES,
    'patients["site"].map({"a": "': [],
    'patients["age"] == "': [],
    'patients["site"] > "': [],
    # statistics that the rules allow
    'patients["age"].agg("': NUMBERS,
    'patients["site"].agg("': ["count", "nunique"],
    'patients["site"].agg(["': ["count"],
    'patients["cost"].agg(["': ["count", "median"],
    'patients.agg({"age": "me': ["mean", "median"],
    'patients.groupby("male")["age"].agg("me': ["mean", "median"],
    'patients.groupby("male")["cost"].agg(["count", "': ["count", "size", "median"],
    'patients.groupby("male").agg(n=("ag': ["age"],
    'patients.groupby("male").agg(n=("site", "': ["count", "size", "nunique"],
    'labs.groupby("id").agg(v=("value", "': ["count", "sum", "mean", "min", "max", "first", "last"],
    'labs.groupby("id").agg(v=("test", "': ["count", "first", "last"],
    # of what the cell has not run yet
    'made = patients.assign(old=patients["age"] > 50)\nmade["o': ["old"],
    'with sf.defer():\n    made = labs[labs["value"] > 3]\n    made["te': ["test"],
    'labs = labs.groupby("id").agg(v=("value", "mean"))\nlabs["': ["id", "v"],
    'patients.merge(labs.groupby("id").agg(v=("value", "mean")), on="id")["v': ["v"],
    'sf.concat([patients, patients])["ag': ["age"],
    'patients.groupby(sf.cut(patients["age"], [0, 50, 120]))["x"].agg("med': ["median"],
    # behind a dot
    "patients.gro": ["groupby"],
    'patients["age"].med': ["median"],
    'patients[patients["age"] > 50].mal': ["male"],
    'patients.groupby("male").agg': ["agg", "aggregate"],
    "patients._": [],
    # magics
    "%federation ": ["status", "members", "connect", "demo", "close"],
    "%federation dem": ["demo"],
    "%federation demo nafld-": ["nafld-mixed"],
    "%%study why --ti": ["--title"],
    '%%study why\npatients["ag': ["age"],
    '%explain patients["ag': ["age"],
    # nowhere
    '# patients["': [],
    'unknown["': [],
    "patients": [],
    '"patients["': [],
    'patients["age"]': [],
    '{"a": "': [],
}


def words(text: str, names: dict[str, Any]) -> list[str]:
    return [each.text for each in completions(text, names)["completions"]]


@pytest.mark.parametrize("text", CASES)
def test_what_is_offered(notebook: Notebook, text: str) -> None:
    assert words(text, notebook.names) == CASES[text]


def test_every_offer_is_accepted(notebook: Notebook) -> None:
    """What is offered as a statistic can be asked for, and what is not offered is refused."""
    patients = notebook.names["patients"]
    groups = patients.groupby("male")
    for column in COLUMNS:
        texts = {f'patients["{column}"]': patients[column], f'patients.groupby("male")["{column}"]': groups[column]}
        for text, about in texts.items():
            offered = words(f'{text}.agg("', notebook.names)
            for kind in [*NUMBERS, "size", "nunique", "min", "first"]:
                with sf.defer():
                    try:
                        about.agg(kind)
                    except sf.SecureFrameError:
                        assert kind not in offered, (column, kind)
                    else:
                        assert kind in offered, (column, kind)


def test_the_rows_of_several_institutions(notebook: Notebook) -> None:
    from secureframe.testing import start_in_memory
    from tests.federation.test_recipients import tables

    with sf.simulate(tables(3), purpose="completion", quiet=True, start=start_in_memory) as fed:
        names = {"fed": fed}
        assert words('fed["', names) == [m.name for m in fed.members] + ["people"] + [f"{o}.{t}" for o, t in fed.catalog.tables]
        assert words('fed["people"]["', names) == ["id", "age", "sex"]


def test_nobody_is_asked(notebook: Notebook, federation: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    for name in ("catalog", "run", "kept", "last_kept", "forget_kept", "save", "load", "saved", "forget_saved", "cancel"):
        monkeypatch.setattr(in_memory(federation), name, lambda *_, name=name: asked.append(name))
    before = len(federation.jobs)
    for text, expected in CASES.items():
        assert words(text, notebook.names) == expected
    assert words('patients.save("x")["', notebook.names) == [] and words('fed.load("x")["', notebook.names) == []
    assert words('patients["age"].mean()["', notebook.names) == [] and words('patients.explain()["', notebook.names) == []
    assert not asked and len(federation.jobs) == before


def test_no_function_of_the_analyst_is_called(notebook: Notebook) -> None:
    called: list[Any] = []

    class Mine:
        def __getitem__(self, key: str) -> Any:
            called.append(key)

        def __getattr__(self, name: str) -> Any:
            called.append(name)

    names = {**notebook.names, "mine": Mine(), "f": called.append}
    for text in ('f(1)["', 'mine["a"]["', "mine.a.b", 'patients.assign(a=f)["', 'patients[f]["', 'mine["a"] == "', "mine.a("):
        words(text, names)
    assert words('patients.assign(a=lambda d: f(d))["', names) == []
    assert not called


@pytest.mark.filterwarnings("ignore:.Completer.complete. is pending deprecation")
@pytest.mark.parametrize("cell", ["x = 1\npatients['si", "if x:\n    patients['si"])
def test_in_ipythons_completer(notebook: Notebook, cell: str) -> None:
    """By both of its interfaces; JupyterLab's kernel uses the second one."""
    line = cell.split("\n")[-1]
    assert notebook.shell.complete("", line, len(line)) == ("si", ["site"])
    with provisionalcompleter():
        (found,) = notebook.shell.Completer.completions(cell, len(cell))
    assert (found.text, found.start, found.end, found.type) == ("site", len(cell) - 2, len(cell), "column")


def test_the_cursor_within_a_cell(notebook: Notebook) -> None:
    cell = "y = patients['']\nz = 1"
    with provisionalcompleter():
        found = list(notebook.shell.Completer.completions(cell, cell.index("'") + 1))
    assert [each.text for each in found] == COLUMNS


def test_words_with_quotes() -> None:

    from kernel_ext.completion import _written

    assert _written("don't", "'", False) == "don\\'t" and _written("don't", '"', False) == "don't"
    assert _written("don't", "", False) == repr("don't") and _written(3, '"', False) is None and _written(3, "", False) == "3"


@pytest.mark.filterwarnings("ignore:.Completer.complete. is pending deprecation")
def test_other_completion_goes_on(notebook: Notebook) -> None:
    notebook.run("table = {'first': 1}")
    assert notebook.shell.complete("", "table['fi", 9)[1] == ["first"]
    assert "math" in notebook.shell.complete("", "import mat", 10)[1]
    _, matches = notebook.shell.complete("", "%fed", 4)
    assert "%federation" in matches
