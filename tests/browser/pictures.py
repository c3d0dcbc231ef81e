"""Pictures for the documentation, light and dark; drawn only where they are asked for, as `make browser PICTURES=1` does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, ViewportSize

from tests.browser.lab import THEMES, Notebook, serious
from tests.conftest import ROOT

WANTED = bool(os.environ.get("SECUREFRAME_PICTURES"))
VIEW: ViewportSize = {"width": 1280, "height": 960}
TALL: ViewportSize = {"width": 1280, "height": 2_400}
"""A cell is taken whole only where all of it is seen."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Takes a cell in both themes; where none are wanted it only looks whether the dark one can be read."""

    folder: Path = ROOT / "docs" / "images"

    def __call__(self, notebook: Notebook, what: Locator, name: str, ours: str = ".secureframe") -> None:
        """Take a cell, and look whether what is ours in it can be read."""
        for theme in THEMES:
            notebook.theme(theme)
            assert serious(notebook.page, ours) == [], theme
            if WANTED:
                notebook.page.set_viewport_size(TALL)
                self._take(notebook, what, name, theme)
                notebook.page.set_viewport_size(VIEW)
        notebook.theme("light")

    def window(self, notebook: Notebook, first: Locator, name: str) -> None:
        """Take the window without its sidebar, from a cell on."""
        if not WANTED:
            return
        notebook.page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        for theme in THEMES:
            notebook.theme(theme)
            first.evaluate("cell => cell.scrollIntoView({block: 'start'})")
            self._take(notebook, notebook.page, name, theme)
        notebook.page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        notebook.theme("light")

    def _take(self, notebook: Notebook, what: Locator | Page, name: str, theme: str) -> None:
        notebook.page.mouse.move(0, 0)
        if not isinstance(what, Page):
            what.scroll_into_view_if_needed()
        what.screenshot(path=self.folder / f"jupyter-{name}-{theme}.png", animations="disabled")
