"""A notebook in this process: an IPython shell with the extension, and a small federation in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

import kernel_ext
import secureframe as sf
from secureframe.federation import Federation
from tests.federation.session import session


@dataclass(frozen=True)
class Ran:
    """What a cell has left: what it displayed as text and as HTML, what it printed, and its error."""

    shown: list[str]
    html: list[str]
    printed: str
    error: BaseException | None


class Notebook:
    """Cells are run as an analyst runs them."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    @property
    def names(self) -> dict[str, Any]:
        found: dict[str, Any] = self.shell.user_ns
        return found

    def run(self, cell: str) -> Ran:
        with capture_output() as captured:
            result = self.shell.run_cell(cell, store_history=True)
        bundles = [output.data for output in captured.outputs]
        return Ran(
            shown=[bundle["text/plain"] for bundle in bundles],
            html=[bundle.get("text/html", "") for bundle in bundles],
            printed=captured.stdout + captured.stderr,
            error=result.error_before_exec or result.error_in_exec,
        )


@pytest.fixture
def shell() -> Iterator[Any]:
    """A shell of its own, with the extension."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    found = InteractiveShell.instance(config=config)
    kernel_ext.load_ipython_extension(found)
    yield found
    kernel_ext.unload_ipython_extension(found)
    InteractiveShell.clear_instance()


@pytest.fixture(scope="session")
def federation() -> Federation:
    """Institutions hospital, laboratory and office; see ``tests.disclosure.federations``."""
    return session()


@pytest.fixture
def notebook(shell: Any, federation: Federation) -> Notebook:
    """A notebook in which the federation and its frames have names."""
    shell.user_ns.update(sf=sf, fed=federation, patients=federation["patients"], labs=federation["labs"])
    return Notebook(shell)
