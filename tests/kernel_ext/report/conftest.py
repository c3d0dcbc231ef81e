"""Runs the command inside the test's process; its kernel is a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from kernel_ext.report import pages
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


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the pages of reports were asked to show: notebook, language and meta, one entry a report."""
    asked: list[Any] = []
    to_html = pages.to_html

    def watched(executed: Any, *, language: str, meta: Any) -> str:
        asked.append((executed, language, meta))
        return to_html(executed, language=language, meta=meta)

    monkeypatch.setattr(pages, "to_html", watched)
    return asked
