"""Loading adds everything, unloading leaves the shell as it was, and neither imports what a notebook may never need."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import kernel_ext

ROOT = Path(__file__).parents[2]


def state(shell: Any) -> dict[str, Any]:
    """Everything of a shell that the extension touches."""
    formatters = shell.display_formatter.formatters
    return {
        "formatters": {m: (dict(f.type_printers), dict(f.deferred_printers)) for m, f in formatters.items()},
        "magics": {kind: dict(found) for kind, found in shell.magics_manager.magics.items()},
        "matchers": list(shell.Completer.custom_matchers),
        "errors": (shell.custom_exceptions, shell.CustomTB),
        "warnings": warnings.formatwarning,
    }


def test_unloading_leaves_nothing(shell: Any) -> None:
    loaded = state(shell)
    assert {"federation", "catalog", "explain", "jobs"} <= loaded["magics"]["line"].keys()
    kernel_ext.unload_ipython_extension(shell)
    before = state(shell)
    assert before != loaded and "federation" not in before["magics"]["line"] and "study" not in before["magics"]["cell"]
    for name in ("formatters", "matchers", "errors", "warnings"):
        assert before[name] != loaded[name], name
    kernel_ext.load_ipython_extension(shell)
    kernel_ext.unload_ipython_extension(shell)
    assert state(shell) == before
    kernel_ext.unload_ipython_extension(shell)
    assert state(shell) == before


def test_loading_twice_is_loading_once(shell: Any) -> None:
    loaded = state(shell)
    kernel_ext.load_ipython_extension(shell)
    assert state(shell) == loaded


def test_a_magic_that_was_there_comes_back(shell: Any) -> None:
    kernel_ext.unload_ipython_extension(shell)
    shell.register_magic_function(lambda line: "mine", magic_name="jobs")
    mine = shell.magics_manager.magics["line"]["jobs"]
    try:
        kernel_ext.load_ipython_extension(shell)
        assert shell.magics_manager.magics["line"]["jobs"] is not mine
        kernel_ext.unload_ipython_extension(shell)
        assert shell.magics_manager.magics["line"]["jobs"] is mine
    finally:
        del shell.magics_manager.magics["line"]["jobs"]


def test_loading_imports_nothing_heavy_and_starts_nothing() -> None:
    text = (
        "import sys, threading; from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()\n"
        "shell.run_cell('import math\\nmath.'); before = set(sys.modules); threads = threading.active_count()\n"
        "shell.run_line_magic('load_ext', 'kernel_ext'); shell.run_cell('1 + 1'); shell.complete('', 'math.s', 6)\n"
        "print(*{m.split('.')[0] for m in set(sys.modules) - before}, threading.active_count() - threads)\n"
    )
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split("\n")[-2].split())
    assert {"kernel_ext", "secureframe", "0"} <= loaded
    assert not loaded & {"numpy", "pandas", "polars", "pyarrow", "numba", "ray", "ray_cluster", "matplotlib", "ipywidgets"}
