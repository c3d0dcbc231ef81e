"""A notebook in a page of JupyterLab: what a person would click and type."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

KERNEL = "SecureFrame (Python)"
SERIOUS = ("serious", "critical")
SECONDS = 1_000
KERNEL_ANSWERS = """async () => {
    const context = window.jupyterapp.shell.currentWidget.sessionContext;
    await context.ready;
    await context.session.kernel.info;
}"""
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


def found_chromium() -> str:
    """Return where chromium is; without one skip, or fail where ``SECUREFRAME_REQUIRE`` names ``browser``."""
    found = shutil.which("chromium")
    if found is None:
        reason = "there is no chromium: apt-get install chromium"
        if "browser" in os.environ.get("SECUREFRAME_REQUIRE", "").split(","):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@dataclass(frozen=True, slots=True)
class Lab:
    """A JupyterLab server.

    Parameters
    ----------
    url, token : str
        Where it is, and what opens it.
    folder : Path
        The folder that it shows.
    """

    url: str
    token: str
    folder: Path

    def new_notebook(self, page: Page) -> Notebook:
        """Open JupyterLab and choose the kernel in its launcher."""
        page.goto(f"{self.url}lab?reset&token={self.token}")
        page.locator(".jp-LauncherCard[data-category=Notebook]", has_text=KERNEL).click(timeout=60 * SECONDS)
        notebook = Notebook(page)
        # A cell that is run before the kernel has answered would be forgotten.
        expect(notebook.cells.first).to_be_visible(timeout=60 * SECONDS)
        page.evaluate(KERNEL_ANSWERS)
        expect(notebook.root.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible(timeout=60 * SECONDS)
        return notebook


@dataclass(frozen=True, slots=True)
class Notebook:
    """The notebook that is open in a page."""

    page: Page

    @property
    def root(self) -> Locator:
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    @property
    def cells(self) -> Locator:
        return self.root.locator(".jp-Cell")

    def write(self, source: str) -> Locator:
        """Type into the last cell, and return it."""
        cell = self.cells.last
        cell.locator(".cm-content").click()
        self.page.keyboard.insert_text(source)
        return cell

    def start(self, source: str) -> Locator:
        """Type and run a cell, and return it while it runs; a new one is below it."""
        number = self.cells.count()
        self.write(source)
        self.page.keyboard.press("Shift+Enter")
        expect(self.cells).to_have_count(number + 1)
        return self.cells.nth(number - 1)

    def run(self, source: str, seconds: float = 60) -> Locator:
        """Type and run a cell, wait for its end, and return it."""
        cell = self.start(source)
        self.wait(cell, seconds)
        return cell

    def wait(self, cell: Locator, seconds: float = 60) -> None:
        """Wait until a cell has run."""
        expect(cell.locator(".jp-InputPrompt")).not_to_have_text("[*]:", timeout=seconds * SECONDS)
        expect(cell.locator(".jp-InputPrompt")).not_to_have_text("[ ]:")

    def interrupt(self) -> None:
        """Press the button that stops the kernel."""
        self.root.locator(".jp-Toolbar [data-jp-item-name=interrupt] :is(button, jp-button)").first.click()

    def theme(self, name: str) -> None:
        """Choose a theme, as in the menu of settings."""
        self.page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", THEMES[name])
        light = "true" if name == "light" else "false"
        expect(self.page.locator(f"body[data-jp-theme-light={light}]")).to_be_attached(timeout=20 * SECONDS)
        expect(self.page.locator("#jupyterlab-splash")).to_have_count(0, timeout=20 * SECONDS)


def output(cell: Locator) -> Locator:
    """What a cell shows."""
    return cell.locator(".jp-OutputArea")


def serious(page: Page, selector: str = ".secureframe") -> list[str]:
    """Violations of accessibility that matter, in what a selector chooses."""
    assert page.locator(selector).count(), f"nothing is {selector}"
    found: list[dict[str, Any]] = Axe().run(page, context=selector).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:200]}: {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]
