"""The page on recipients: what it shows is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import secureframe as sf
from secureframe.governance.kept import PACKAGE_OVERHEAD
from secureframe.testing import start_in_memory

PAGE = (Path(__file__).parents[2] / "docs" / "recipients.md").read_text(encoding="utf-8")


def test_the_statements_of_the_page_run() -> None:
    with sf.demo("nafld", quiet=True, start=start_in_memory) as fed:
        names: dict[str, Any] = {"sf": sf, "fed": fed}
        for statement in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(compile(statement, "<page>", "exec"), names)
        assert names["receipt"].recipient == "registry"
        assert names["ages"].index.tolist() == [0, 1] and names["medians"].notna().all()


def test_the_figures_of_the_page() -> None:
    assert f"{PACKAGE_OVERHEAD} bytes more than the shares" in PAGE
