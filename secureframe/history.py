"""The jobs of a federation as whoever asked remembers them: ``fed.jobs``.

An entry says what was asked, how it ended and what it took. All of it follows from the plan and from public sizes: a result, a
count or the text of an error never gets here.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from secureframe import tickets
from secureframe.display import page
from secureframe.display.frames import table_text
from secureframe.errors import DisclosureError, PlanError, PolicyError, RangeError
from secureframe.jobs import JobReport, megabytes
from secureframe.pending import About

Status = Literal["running", "released", "refused", "cancelled", "failed"]

REMEMBERED = 200
"""So many of the latest jobs are remembered."""
REFUSALS = (PlanError, PolicyError, DisclosureError, RangeError)
HEAD = ("job", "status", "asked", "seconds", "rounds", "sent", "what", "purpose")
NUMBERS = (3, 4, 5)
"""Columns of numbers."""
SHOWN = 60
"""Longest text in a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEntry:
    """One job.

    Parameters
    ----------
    job : str
        Its identifier at the institutions; empty where it was refused before it was sent.
    title : str
        What was asked, for people.
    purpose : str
        What the answers are for.
    status : str
        ``running``; ``released``; ``refused``, by the rules and without looking at data; ``cancelled``; or ``failed``.
    started : str
        When it was asked, ISO 8601, UTC.
    seconds : float
        From the statement to its end, or so far.
    rounds, bytes : int
        Of the protocols, once it has ended well; see `JobReport`.
    plan : str
        Digest of what was asked; empty as long as there is no plan.
    error_class : str
        The class of the error that ended it; empty without one.
    """

    job: str = ""
    title: str
    purpose: str
    status: Status = "running"
    started: str
    seconds: float = 0.0
    rounds: int = 0
    bytes: int = 0
    plan: str = ""
    error_class: str = ""

    def row(self) -> tuple[str, ...]:
        """The entry as a line of a table."""
        ended = self.status == "released"
        status = f"{self.status}: {self.error_class}" if self.error_class and self.status != "cancelled" else self.status
        rounds, sent = (str(self.rounds), megabytes(self.bytes)) if ended else ("", "")
        seconds = f"{self.seconds:.2f}"
        return (self.job[:8], status, self.started[:19], seconds, rounds, sent, _short(self.title), _short(self.purpose))


class Jobs(tuple[JobEntry, ...]):
    """Entries, newest last."""

    __slots__ = ()

    def latest(self, number: int) -> Jobs:
        """Return so many of the latest."""
        return Jobs(self[max(0, len(self) - number) :])

    def __repr__(self) -> str:
        return table_text(HEAD, [entry.row() for entry in self], indent="") if self else "no job has been asked for yet"

    def _repr_html_(self) -> str:
        if not self:
            return page.styled(page.element("p", repr(self)), kind="jobs")
        rows = [_cells(entry) for entry in self]
        shown = page.table(HEAD, rows, caption="Jobs, the newest last", numbers=NUMBERS)
        return page.styled(page.scrolling(shown, "jobs"), kind="jobs")


def _cells(entry: JobEntry) -> tuple[object, ...]:
    """The entry as a line of an HTML table, how it ended in the colours of that."""
    job, status, asked, *rest = entry.row()
    meaning = {"released": "local", "running": "partial", "cancelled": "withheld"}.get(entry.status, "refused")
    return (job or "not sent", page.chip(status, meaning), page.element("span", asked, classes="sf-whole"), *rest)


class Recording:
    """What a running job tells of itself."""

    def __init__(self, history: History, number: int) -> None:
        self._history = history
        self._number = number

    def sent(self, job: str, plan: str) -> None:
        """It was signed under an identifier; sent anew, it has another one."""
        self._history.change(self._number, job=job, plan=plan)

    def released(self, report: JobReport) -> None:
        """It has ended well."""
        self._history.change(self._number, status="released", rounds=report.rounds, bytes=report.bytes)


class History:
    """Remembers the latest jobs; threads may ask at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._entries: dict[int, JobEntry] = {}
        self._began: dict[int, float] = {}
        self._cancelled: set[str] = set()
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        """Call something whenever an entry is made or changes: in the thread of its job, so it has to return at once."""
        with self._lock:
            self._watchers.append(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Call it no more; harmless where it is not called."""
        with self._lock:
            self._watchers = [each for each in self._watchers if each != changed]

    def _tell(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for changed in watchers:
            # Whoever watches cannot stop a job.
            with suppress(Exception):
                changed()

    @contextmanager
    def recorded(self, about: About, purpose: str) -> Iterator[Recording]:
        """Remember what is asked meanwhile, and how it ends."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        number = next(self._numbers)
        with self._lock:
            self._entries[number] = JobEntry(title=about.title, purpose=purpose, started=now)
            self._began[number] = time.perf_counter()
            for old in list(self._entries)[:-REMEMBERED]:
                del self._entries[old]
        self._tell()
        try:
            yield Recording(self, number)
        except BaseException as error:
            self.change(number, status=self._status(number, error), error_class=type(error).__name__)
            raise
        finally:
            with self._lock:
                began = self._began.pop(number)
            self.change(number, seconds=time.perf_counter() - began)

    def change(self, number: int, **facts: Any) -> None:
        """Note something of an entry, if it is still remembered."""
        with self._lock:
            if number in self._entries:
                self._entries[number] = replace(self._entries[number], **facts)
        self._tell()

    def cancelling(self, job: str) -> None:
        """Note that a job is about to be cancelled by whoever asked."""
        with self._lock:
            self._cancelled.add(job)

    def is_cancelled(self, job: str) -> bool:
        """Whether somebody asked for a job that runs to be cancelled."""
        with self._lock:
            return job in self._cancelled

    def _status(self, number: int, error: BaseException) -> Status:
        ticket = tickets.current.get()
        with self._lock:
            job = self._entries[number].job if number in self._entries else ""
            asked = job in self._cancelled
            self._cancelled.discard(job)
        if asked or isinstance(error, KeyboardInterrupt | asyncio.CancelledError) or (ticket is not None and ticket.dropped):
            return "cancelled"
        return "refused" if isinstance(error, REFUSALS) else "failed"

    @property
    def jobs(self) -> Jobs:
        """What is remembered, newest last; of those that run, the seconds so far."""
        with self._lock:
            now = time.perf_counter()
            began = self._began
            found = [replace(e, seconds=now - began[n]) if n in began else e for n, e in self._entries.items()]
        return Jobs(found)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
