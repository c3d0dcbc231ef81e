"""A report in a browser: nothing serious for who cannot see it, in either language and theme, and nothing asked of anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext

from kernel_ext.report.pages import to_html
from tests.browser.lab import serious
from tests.kernel_ext.report.notebook import executed, meta

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "nl"])
def test_a_report_can_be_read_by_everybody(
    context: BrowserContext, tmp_path: Path, language: str, theme: Literal["light", "dark"]
) -> None:
    path = tmp_path / "report.html"
    path.write_text(to_html(executed(), language=language, meta=meta()), encoding="utf-8")
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.emulate_media(color_scheme=theme)
    page.goto(path.as_uri())
    assert serious(page, "body") == []
    assert asked == [path.as_uri()]
    page.close()
