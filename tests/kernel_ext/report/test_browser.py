"""A report as a browser lays it out: on light paper whatever the reader prefers, and no wider than the window."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from kernel_ext.report.pages import to_html
from kernel_ext.report.pdf import chromium
from tests.kernel_ext.report.notebook import executed, meta

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None and "browser" not in os.environ.get("SECUREFRAME_REQUIRE", ""), reason="no chromium"),
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(to_html(executed(), language="nl", meta=meta()), "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"] if os.geteuid() == 0 else [])
        opened = browser.new_page(color_scheme="dark", viewport={"width": 1000, "height": 800})
        opened.goto(path.as_uri())
        yield opened
        browser.close()


def test_paper_is_light_whatever_the_reader_prefers(page: Any) -> None:
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    shown = page.locator("img:visible").evaluate_all("images => images.map(i => i.className)")
    assert shown.count("sf-light") == 1 and "sf-dark" not in shown


def test_the_page_fits_its_window(page: Any) -> None:
    """Down to a telephone's: what is wider scrolls by itself."""
    page.set_viewport_size({"width": 400, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.set_viewport_size({"width": 1000, "height": 800})
