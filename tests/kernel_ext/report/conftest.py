"""Runs the command inside the test's process; its kernel is a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from kernel_ext.report.command import app
from tests.ray_cluster.federations import ROOT

Report = Callable[..., Result]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Run ``secureframe report`` with some arguments; it writes to ``out`` and keeps what is not whole in ``state``."""
    monkeypatch.setenv("PYTHONPATH", ROOT)

    def run(*arguments: str | Path) -> Result:
        places = ["--out", str(tmp_path / "out"), "--state", str(tmp_path / "state")]
        return CliRunner().invoke(app, [*places, *map(str, arguments)], catch_exceptions=False)

    return run


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Pages that show the report's meta and nothing else; what they were asked to show is returned."""
    asked: list[Any] = []
    module: Any = ModuleType("kernel_ext.report.pages")

    def to_html(executed: Any, *, language: str, meta: Any) -> str:
        asked.append((executed, language, meta))
        return f"<html lang={language}>{meta.title}</html>"

    module.to_html = to_html
    monkeypatch.setitem(sys.modules, "kernel_ext.report.pages", module)
    return asked
