"""Withheld cells are told in one line, without a path; other warnings as Python tells them."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import kernel_ext
import secureframe as sf

CELL = "/tmp/ipykernel_17/1234.py"


def told(category: type[Warning]) -> str:
    """What Python writes of a warning in a cell."""
    return warnings.formatwarning(category("1 cell withheld"), category, CELL, 1, "df.mean()")


def test_withheld_cells_are_told_in_one_line(shell: Any) -> None:
    assert told(sf.SuppressedWarning) == "SuppressedWarning: 1 cell withheld\n"
    assert told(UserWarning) == f"{CELL}:1: UserWarning: 1 cell withheld\n  df.mean()\n"
    kernel_ext.unload_ipython_extension(shell)
    assert told(sf.SuppressedWarning).startswith(f"{CELL}:1: SuppressedWarning: ")


def test_python_writes_them_so() -> None:
    text = (
        "import warnings, secureframe as sf; from kernel_ext.cautions import install; install(None);"
        "warnings.warn('1 cell withheld', sf.SuppressedWarning)"
    )
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stderr == (
        "SuppressedWarning: 1 cell withheld\n"
    )
