"""The gallery as it lies in ``notebooks/``, and how the tests run it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill

from tests.conftest import ROOT

NOTEBOOKS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}


def stored(name: str) -> nbformat.NotebookNode:
    """A notebook as it lies in the repository."""
    return nbformat.read(NOTEBOOKS[name], as_version=4)


def executed(name: str, folder: Path, **parameters: Any) -> nbformat.NotebookNode:
    """Run a notebook by papermill in a folder of its own and return what it is afterwards.

    Paths are relative to the folder: papermill writes those that it is given into the notebook.
    """
    (folder / f"{name}.ipynb").write_bytes(NOTEBOOKS[name].read_bytes())
    with within(folder):
        papermill.execute_notebook(f"{name}.ipynb", "executed.ipynb", parameters=parameters, cwd=".", progress_bar=False)
        return nbformat.read("executed.ipynb", as_version=4)


@contextmanager
def within(folder: Path) -> Iterator[None]:
    """Work in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def shown(notebook: nbformat.NotebookNode) -> str:
    """All that a notebook's cells print and show as text."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)
