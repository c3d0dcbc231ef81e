"""The first statements of the README, run as they stand there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import secureframe as sf
from secureframe.testing import start_in_memory

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")
def test_the_first_statements_run(monkeypatch: pytest.MonkeyPatch) -> None:
    block = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)[0]
    monkeypatch.setattr(sf, "demo", functools.partial(sf.demo, start=start_in_memory, quiet=True))
    names: dict[str, Any] = {}
    shown = []
    for statement in ast.parse(block).body:
        text = ast.unparse(statement)
        if isinstance(statement, ast.Expr):
            shown.append(eval(text, names))
        else:
            if "fed" in names and text.startswith("fed ="):
                names["fed"].close()
            exec(text, names)
    names["fed"].close()
    assert len(shown) == 3
    for table in shown:
        assert isinstance(table, pd.DataFrame)
        assert table.attrs["release"]["threshold"] == 10
        # The oldest of the smaller country could be told from its own rows by the larger one.
        assert table.isna().sum().sum() <= 1
