"""One live line a job: stage, rounds, bytes and time, and at the end one line of what it took.

The line is where the reader is: in JupyterLab one output that is updated; in a notebook that runs unattended (papermill,
nbconvert) plain text, once when it has begun and once at its end; on a terminal one line that is written over; elsewhere nothing.
It never holds anything that depends on data.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import sys
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from secureframe.backend import ProgressEvent
from secureframe.display.page import element, styled
from secureframe.errors import SecureFrameError
from secureframe.jobs import megabytes

BAR_WIDTH = 20
QUIET_SECONDS = 0.3
"""A job that is over by then shows its end alone."""
BETWEEN_SECONDS = 0.1
told: ContextVar[Callable[[str], None] | None] = ContextVar("told", default=None)
"""Who shows the line of a statement of this context in place of it; it is called with the line's text, in the job's thread."""
METADATA = {"secureframe": {"kind": "progress"}}
"""What marks these outputs in a notebook, for whoever wants to leave them out."""


class ProgressLine:
    """The line of one job, or of a start; a context, which ends the line whatever becomes of the job.

    Parameters
    ----------
    enabled : bool, optional
        By default only where somebody looks: in a notebook, or on a terminal.
    stream : file, optional
        Where a terminal's line goes; standard error by default.
    quiet : float
        Seconds for which nothing is shown yet.
    """

    def __init__(self, enabled: bool | None = None, stream: TextIO | None = None, quiet: float = QUIET_SECONDS) -> None:
        self._surface = None if enabled is False else _surface(stream, always=enabled is True)
        self._quiet = quiet
        self._seconds = 0.0
        self._told = False
        self._shown = -math.inf
        self._fraction = 0.0

    def __call__(self, event: ProgressEvent) -> None:
        """Take note of how far the job is, and show it."""
        if event.seconds < self._seconds:
            self._shown = -math.inf  # it was sent anew
        self._seconds, self._told = event.seconds, True
        if self._surface is None or event.seconds < max(self._quiet, self._shown + BETWEEN_SECONDS):
            return
        self._shown = event.seconds
        self._fraction = max(self._fraction, _fraction(event))
        stage = f"{event.number}/{event.total} {event.stage}" if event.total else event.stage
        self._surface.show(stage, _numbers(event), self._fraction)

    def done(self, summary: str) -> None:
        """End the line with what the job took."""
        self._end("✓", summary)

    def close(self) -> None:
        """End the line as it is."""
        surface, self._surface = self._surface, None
        if surface is not None:
            surface.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the line where a job was stopped; of what never ran, or what the notebook answers by itself, nothing is said."""
        if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
            self.cancelled()
        elif error is not None and not (isinstance(error, SecureFrameError) and not error.told):
            self._end_unreleased("stopped")
        else:
            self.close()

    def cancelled(self) -> None:
        """End the line of a job that somebody cancelled."""
        self._end_unreleased("cancelled at every institution")

    def _end_unreleased(self, what: str) -> None:
        if self._told:
            self._end("✗", f"{what} after {_seconds(self._seconds)}; nothing was released")
        else:
            self.close()

    def _end(self, sign: str, text: str) -> None:
        surface, self._surface = self._surface, None
        if surface is not None:
            surface.end(sign, text)


def summary(seconds: float, rounds: int, size: int, parties: Sequence[str]) -> str:
    """Return what a job took: seconds, rounds, bytes, and the hosts of its parties."""
    return f"{_seconds(seconds)}, {_count(rounds, 'round')}, {megabytes(size)} among {', '.join(parties)}"


def _numbers(event: ProgressEvent) -> str:
    """What a job has taken so far; before the first round that is time alone."""
    parts = [_count(event.rounds, "round"), megabytes(event.bytes)] if event.rounds else []
    parts.append(_seconds(event.seconds))
    if event.estimate is not None:
        parts[-1] += f" of about {max(event.estimate, event.seconds):,.0f} s"
    if event.party is not None:
        parts.append(f"waits for {event.party}")
    return ", ".join(parts)


def _fraction(event: ProgressEvent) -> float:
    """How much of a job is done: by its estimate, or by its stages where there is none."""
    if event.estimate is not None and event.estimate > 0:
        return min(event.seconds / event.estimate, 1.0)
    return min(event.number, event.total) / max(event.total, 1)


def _seconds(seconds: float) -> str:
    return f"{seconds:,.2f} s" if seconds < 1 else f"{seconds:,.1f} s"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


# -- where it is shown -----------------------------------------------------------------------------------------------------


class _Surface(Protocol):
    """Where one line is shown."""

    def show(self, stage: str, numbers: str, fraction: float) -> None: ...

    def end(self, sign: str, text: str) -> None:
        """Show the last text in place of the line."""

    def close(self) -> None:
        """Leave what is shown as it is."""


def _surface(stream: TextIO | None, *, always: bool) -> _Surface | None:
    """Where somebody looks; None where nobody does, unless it is to be shown always."""
    tell = told.get()
    if tell is not None:
        return _Told(tell)
    display, attended = _notebook() if stream is None else (None, False)
    if display is not None:
        return _Output(display) if attended else _Unattended(display)
    stream = stream if stream is not None else sys.stderr
    if _is_terminal(stream):
        return _Terminal(stream)
    return _Lines(stream) if always else None


def _bar(fraction: float) -> str:
    filled = int(BAR_WIDTH * fraction)
    return f"[{'#' * filled}{'.' * (BAR_WIDTH - filled)}]"


class _Terminal:
    """A terminal: one line that is written over, cut at the terminal's width."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0

    def show(self, stage: str, numbers: str, fraction: float) -> None:
        self._write(f"{_bar(fraction)} {stage}  {numbers}")

    def end(self, sign: str, text: str) -> None:
        self._write(f"{sign} {text}")
        self.close()

    def close(self) -> None:
        if self._width:
            self._stream.write("\n")
            self._stream.flush()
        self._width = 0

    def _write(self, text: str) -> None:
        line = _writable(text, self._stream)[: max(shutil.get_terminal_size().columns - 1, BAR_WIDTH)]
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)


class _Lines:
    """Text that cannot be written over: one line when it has begun, one at the end."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._begun = False

    def show(self, stage: str, numbers: str, fraction: float) -> None:
        if not self._begun:
            self._begun = True
            self._put(f"{stage}  {numbers}")

    def end(self, sign: str, text: str) -> None:
        self._put(f"{sign} {text}")

    def close(self) -> None:
        """Each line has been ended."""

    def _put(self, text: str) -> None:
        assert self._stream is not None
        self._stream.write(_writable(text, self._stream) + "\n")
        self._stream.flush()


class _Told:
    """Somebody who shows it, such as a widget."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def show(self, stage: str, numbers: str, fraction: float) -> None:
        self._tell(f"{stage}  {numbers}")

    def end(self, sign: str, text: str) -> None:
        self._tell(f"{sign} {text}")

    def close(self) -> None:
        """What was told last stays."""


class _Unattended(_Lines):
    """A notebook that nobody looks at while it runs: plain text."""

    def __init__(self, display: Any) -> None:
        super().__init__(None)
        self._display = display

    def _put(self, text: str) -> None:
        self._display({"text/plain": text}, raw=True, metadata=METADATA)


class _Output:
    """A notebook that somebody looks at: one output that is updated."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None

    def show(self, stage: str, numbers: str, fraction: float) -> None:
        bar = element("progress", max="1", value=f"{fraction:.2f}", aria_label=f"the job: {stage}")
        line = element("p", bar, " ", element("span", stage, classes="sf-title"), "  ", element("span", numbers))
        self._put(f"{stage}  {numbers}", line)

    def end(self, sign: str, text: str) -> None:
        mark = element("span", sign, aria_hidden="true")
        self._put(f"{sign} {text}", element("p", mark, " ", text, role="status", classes="sf-muted"))

    def close(self) -> None:
        """What was shown last stays."""

    def _put(self, text: str, body: str) -> None:
        bundle = {"text/plain": text, "text/html": styled(body, kind="progress")}
        if self._handle is None:
            self._handle = self._display(bundle, raw=True, display_id=True, metadata=METADATA)
        else:
            self._handle.update(bundle, raw=True, metadata=METADATA)


def _writable(text: str, stream: TextIO) -> str:
    """A text in signs that a stream has."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False


def _notebook() -> tuple[Any, bool]:
    """Return IPython's display function if this process is a notebook's kernel, and whether somebody could be asked something.

    Front ends that people sit at let a cell ask for input; papermill and nbconvert do not. IPython is never imported here.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    if ipython is None or shell is None or not hasattr(shell, "kernel"):
        return None, False
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    return ipython.display.display, bool((parent.get("content") or {}).get("allow_stdin", True))
