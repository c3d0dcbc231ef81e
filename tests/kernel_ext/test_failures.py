"""Errors say what happened, why and what to type, at the analyst's own line, and show nothing of the engine."""

from __future__ import annotations

from typing import Any

import pytest

import kernel_ext
from secureframe.errors import PartyUnavailable, ProtocolAborted
from secureframe.federation import Federation
from tests.federation.session import in_memory
from tests.kernel_ext.conftest import Notebook

HEAD = "DisclosureError: head: rows never leave their institution\n"
HINT = "Hint: df.describe()\n"


def test_a_refused_method(notebook: Notebook) -> None:
    ran = notebook.run("x = 1\nif x:\n    patients.head()")
    assert ran.printed == f"{HEAD}Cell In[1], line 3\n----> 3 patients.head()\n{HINT}"


def test_the_line_that_was_run_and_the_line_that_failed(notebook: Notebook) -> None:
    notebook.run("def look(frame):\n    return frame.head()")
    lines = "Cell In[2], line 1\n----> 1 look(patients)\nCell In[1], line 2\n----> 2 return frame.head()\n"
    assert notebook.run("look(patients)").printed == HEAD + lines + HINT
    notebook.run("double = lambda frame: frame.head()")
    assert "In[3], line 1\n----> 1 double = " in notebook.run("patients.assign(twice=double)").printed


@pytest.mark.parametrize("cell", ["%explain patients.head()", "shown = %explain patients.head()"])
def test_the_line_of_a_magic_as_it_was_typed(notebook: Notebook, cell: str) -> None:
    assert notebook.run(cell).printed == f"{HEAD}Cell In[1], line 1\n----> 1 {cell}\n{HINT}"


def test_a_line_of_a_study(notebook: Notebook) -> None:
    ran = notebook.run("%%study\nages = patients['age'].mean()\n\npatients.head()")
    assert ran.printed == f"{HEAD}Cell In[1], line 4\n----> 4 patients.head()\n{HINT}"
    assert not notebook.names["ages"].done


@pytest.fixture
def lost(federation: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any) -> Any:
        raise PartyUnavailable("was lost in the middle of it", hint="ask the laboratory", institution="laboratory")

    monkeypatch.setattr(in_memory(federation), "run", run)


LOST = "PartyUnavailable: [laboratory] was lost in the middle of it\n"


@pytest.mark.usefixtures("lost")
@pytest.mark.parametrize(
    ("cell", "number", "line"),
    [
        ("patients['age'].mean()", 1, "patients['age'].mean()"),
        ("%%study\npatients['age'].mean()", 1, "%%study"),
        (
            "with sf.defer():\n    mean = patients['age'].mean()\nawait sf.collect_async(mean)",
            3,
            "await sf.collect_async(mean)",
        ),
    ],
)
def test_an_error_of_a_running_job(notebook: Notebook, cell: str, number: int, line: str) -> None:
    printed = notebook.run(cell).printed
    assert printed == f"{LOST}Cell In[1], line {number}\n----> {number} {line}\nHint: ask the laboratory\n"


def test_an_error_that_another_one_caused(notebook: Notebook, federation: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any) -> Any:
        try:
            raise ValueError("of the engine")
        except ValueError as error:
            raise ProtocolAborted("the parties stopped the job") from error

    monkeypatch.setattr(in_memory(federation), "run", run)
    printed = notebook.run("patients['age'].mean()").printed
    assert printed == "ProtocolAborted: the parties stopped the job\nCell In[1], line 1\n----> 1 patients['age'].mean()\n"


def test_an_interrupted_statement(notebook: Notebook, federation: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(in_memory(federation), "run", run)
    ran = notebook.run("patients['age'].mean()")
    assert ran.printed.startswith("KeyboardInterrupt: the statement was stopped") and "federation.py" not in ran.printed
    assert "----> 1 patients['age'].mean()" in ran.printed and isinstance(ran.error, KeyboardInterrupt)


@pytest.mark.parametrize("cell", ["raise KeyboardInterrupt", "1 / 0", "import ast\nast.parse('x +')"])
def test_what_is_not_ours_is_shown_as_before(notebook: Notebook, cell: str) -> None:
    with_ours = notebook.run(cell).printed
    kernel_ext.unload_ipython_extension(notebook.shell)
    assert with_ours.replace("In[1]", "In[2]") == notebook.run(cell).printed


def test_the_analysts_own_mistakes_in_a_study(notebook: Notebook) -> None:
    printed = notebook.run("%%study\nx = 1\n\nx / 0").printed
    assert "ZeroDivisionError" in printed and "----> 4 x / 0" in printed and "study.py" not in printed
    printed = notebook.run("%%study\nx = 1\nx +").printed
    assert "line 3" in printed and "SyntaxError" in printed and "study.py" not in printed


def test_the_whole_traceback_on_request_holds_no_values(notebook: Notebook) -> None:
    notebook.run("%xmode Verbose")
    try:
        printed = notebook.run("import pandas as pd\nrows = pd.DataFrame({'id': [7461]})\npatients.merge(rows)").printed
        assert "frame.py" in printed and "DisclosureError" in printed and "7461" not in printed.replace("[7461]", "")
        assert notebook.shell.InteractiveTB.include_vars
    finally:
        notebook.run("%xmode Context")


def test_errors_of_another_extension_stay_its_own(shell: Any) -> None:
    kernel_ext.unload_ipython_extension(shell)
    before = shell.custom_exceptions, shell.CustomTB
    shell.set_custom_exc((ZeroDivisionError,), lambda shell, kind, error, trace, tb_offset=None: print("handled elsewhere"))
    theirs = shell.CustomTB
    try:
        kernel_ext.load_ipython_extension(shell)
        assert Notebook(shell).run("1 / 0").printed == "handled elsewhere\n"
        kernel_ext.unload_ipython_extension(shell)
        assert shell.CustomTB is theirs and shell.custom_exceptions == (ZeroDivisionError,)
    finally:
        shell.custom_exceptions, shell.CustomTB = before


def test_bold_where_the_shell_marks_words(notebook: Notebook) -> None:
    notebook.shell.colors = "linux"
    try:
        printed = notebook.run("patients.head()").printed
    finally:
        notebook.shell.colors = "nocolor"
    assert "\x1b[1mDisclosureError\x1b[0m: head" in printed and "\x1b[1m----> 1\x1b[0m patients.head()" in printed
