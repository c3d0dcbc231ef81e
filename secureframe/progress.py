"""One line of progress of a job: it never holds anything that depends on data."""

from __future__ import annotations

import sys
from html import escape
from typing import Any, TextIO

BAR_WIDTH = 20


class ProgressLine:
    """One line that says which stage of a job runs; it never holds anything that depends on data.

    Parameters
    ----------
    enabled : bool, optional
        By default only where somebody looks: in a notebook, or on a terminal.
    stream : file, optional
        Where a terminal's line goes; standard error by default.
    """

    def __init__(self, enabled: bool | None = None, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._display = _notebook_display() if stream is None and enabled is not False else None
        watched = self._display is not None or _is_terminal(self._stream)
        self._enabled = watched if enabled is None else enabled
        self._handle: Any = None
        self._width = 0

    def __call__(self, stage: str, number: int, total: int) -> None:
        """Show a stage, its number and the number of stages; the last one ends the line."""
        if not self._enabled:
            return
        if self._display is not None:
            self._show_html(stage, number, total)
        else:
            self._show_text(stage, number, total)

    def close(self) -> None:
        """End the line, if one is open."""
        if self._width:
            self._stream.write("\n")
            self._stream.flush()
        self._handle, self._width = None, 0

    def _show_text(self, stage: str, number: int, total: int) -> None:
        filled = BAR_WIDTH * min(number, total) // max(total, 1)
        line = f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {number}/{total} {stage}"
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)
        if number >= total:
            self.close()

    def _show_html(self, stage: str, number: int, total: int) -> None:
        assert self._display is not None
        line = f"{int(number)}/{int(total)} {stage}"
        bar = f'<progress value="{int(number)}" max="{int(total)}"></progress>'
        bundle = {"text/plain": line, "text/html": f"{bar} {escape(line)}"}
        if self._handle is None:
            self._handle = self._display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
        if number >= total:
            self.close()


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _notebook_display() -> Any:
    """Return IPython's display function if this process is a notebook's kernel; IPython is never imported here."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return ipython.display.display if shell is not None and hasattr(shell, "kernel") else None  # type: ignore[union-attr]
