"""Statements that run aside: how whoever stops waiting for one finds its job, before it begins or while it runs."""

from __future__ import annotations

import threading
from contextvars import ContextVar

from secureframe.errors import ProtocolAborted


class Ticket:
    """What a thread has to know that nobody waits for any more: which job it runs, and that it is to run none."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._job: str | None = None
        self._dropped = False

    def take(self, job: str) -> None:
        """Note the job that is about to run; `ProtocolAborted` where nobody waits for it."""
        with self._lock:
            if self._dropped:
                raise ProtocolAborted("the statement was cancelled before it ran; nothing was released")
            self._job = job

    @property
    def dropped(self) -> bool:
        """Whether nobody waits any more."""
        return self._dropped

    def drop(self) -> str | None:
        """Wait no longer; return the job to cancel, if one has begun."""
        with self._lock:
            self._dropped = True
            return self._job


current: ContextVar[Ticket | None] = ContextVar("ticket", default=None)
