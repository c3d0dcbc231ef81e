"""Notebooks for reports, made of their cells, and what tests read out of those that were run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat

PARAMETERS = 'period = "2026-10"\nselection = "all"\nfederation = "demo:breast-cancer"\nyoungest = 40\n'
IN_MEMORY = """
import os, time, warnings
from pathlib import Path
import secureframe as sf
from secureframe.testing import start_in_memory
warnings.simplefilter("ignore")
fed = sf.demo(federation.removeprefix("demo:"), quiet=True, start=start_in_memory)
tumours = fed["tumours"]
tumours = tumours[tumours["age"] >= youngest]
"""


def write(path: Path, *cells: str, parameters: str | None = PARAMETERS) -> Path:
    """Write a notebook of code cells under a heading; its parameters come first."""
    made = [nbformat.v4.new_markdown_cell("Some words\n\n# A monthly report\n\nmore")]
    if parameters is not None:
        made.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    made += [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def outputs(path: Path) -> list[Any]:
    """Return the texts of all results and streams of an executed notebook, in order."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", ()):
            found.append(output.get("text") or output.get("data", {}).get("text/plain"))
    return found


def log_line(stderr: str) -> dict[str, str]:
    """The facts of the last line of the log."""
    stamp, *words = stderr.strip().splitlines()[-1].split()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", stamp) and words[:2] == ["secureframe", "report"]
    return dict(word.split("=") for word in words[2:])
