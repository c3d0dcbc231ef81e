"""The gallery: stored without outputs, run by papermill as it stands, right where its text says something, and silent on rows."""

from __future__ import annotations

import ast
import re

import nbformat
import pytest

from secureframe.federation import Federation
from tests.notebooks.conftest import Run, add_keys
from tests.notebooks.gallery import NOTEBOOKS, stored
from tests.notebooks.search import Forbidden

runs = [pytest.mark.ray, pytest.mark.notebook, pytest.mark.timeout(300)]
FIRST = "03_horizontal"
"""It starts a federation of its own; all others come after it and share one."""


def test_the_gallery_is_in_the_order_that_a_newcomer_needs() -> None:
    assert [*NOTEBOOKS] == ["01_first_steps", "02_vertical", "03_horizontal", "04_what_leaves", "05_monthly_report"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_stored_without_outputs(name: str) -> None:
    notebook = stored(name)
    nbformat.validate(notebook)
    assert notebook.metadata["kernelspec"]["name"] == "secureframe"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    assert len(tagged) == 1 and "federation = " in tagged[0].source


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_links_of_notebooks_lead_somewhere(name: str) -> None:
    text = "\n".join(cell.source for cell in stored(name).cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://doi.org/") or (NOTEBOOKS[name].parent / target).is_file(), target


def test_the_report_has_its_parameters() -> None:
    (cell,) = [c for c in stored("05_monthly_report").cells if "parameters" in c.metadata.get("tags", ())]
    names = [target.id for line in ast.parse(cell.source).body for target in line.targets]  # type: ignore[attr-defined]
    assert names == ["period", "selection", "federation"]


@pytest.mark.parametrize("name", sorted(NOTEBOOKS, key=lambda name: name != FIRST))
class TestRun:
    pytestmark = runs

    def test_it_runs_and_holds_nothing_that_must_not_be_there(
        self, run: Run, forbidden: Forbidden, name: str, request: pytest.FixtureRequest
    ) -> None:
        notebook = run(name)
        assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
        if name != FIRST:
            hosts: Federation = request.getfixturevalue("hosts")
            assert add_keys(forbidden, *(m.directory for m in hosts.members if m.directory)) >= len(hosts.members)
        assert forbidden.found(notebook) == []

    def test_a_planted_row_is_found(self, run: Run, forbidden: Forbidden, name: str) -> None:
        notebook = nbformat.from_dict(run(name))
        output = next(o for cell in reversed(notebook.cells) for o in cell.get("outputs", ()) if "data" in o)
        output.data["text/plain"] = output.data.get("text/plain", "") + "\n2  3  53  1  105.8  186.0"
        assert forbidden.found(notebook)


@pytest.mark.ray
@pytest.mark.notebook
@pytest.mark.parametrize("name", ["01_first_steps", "02_vertical"])
def test_widgets_leave_their_state_which_is_searched_too(run: Run, name: str) -> None:
    states = run(name).metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert len(states) > 5
    assert any("sf-" in str(widget["state"].get("value", "")) for widget in states.values())
