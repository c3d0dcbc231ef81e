"""pandas draws with secureframe's figures once both are there, whichever comes first; loading the extension imports neither."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd

from kernel_ext import pictures

ROOT = Path(__file__).parents[2]


def run(text: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def test_pandas_is_not_imported_and_not_missed() -> None:
    text = (
        "import sys; from kernel_ext import pictures; restore = pictures.install(None)\n"
        "print('pandas' in sys.modules, 'matplotlib' in sys.modules)\n"
        "import pandas as pd, importlib; print(pd.get_option('plotting.backend'), 'matplotlib' in sys.modules)\n"
        "print(type(pd.__spec__.loader).__name__, pd.__loader__ is pd.__spec__.loader, pd.DataFrame({'a': [1]}).shape)\n"
        "restore(); print(pd.get_option('plotting.backend'), [f for f in sys.meta_path if 'kernel_ext' in type(f).__module__])"
    )
    assert run(text) == [
        *("False", "False", "secureframe.figures", "False"),
        *("SourceFileLoader", "True", "(1,", "1)", "matplotlib", "[]"),
    ]


def test_unloading_before_pandas_leaves_nothing() -> None:
    text = (
        "import sys; from kernel_ext import pictures; pictures.install(None)()\n"
        "import pandas as pd; print(pd.get_option('plotting.backend'))"
    )
    assert run(text) == ["matplotlib"]


def test_with_pandas_it_is_chosen_at_once() -> None:
    restore = pictures.install(None)
    try:
        assert pd.get_option("plotting.backend") == "secureframe.figures"
    finally:
        restore()
    assert pd.get_option("plotting.backend") == "matplotlib"
