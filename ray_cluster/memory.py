"""Memory that a process has freed, given back to the machine once it has nothing to do.

Between the jobs of a notebook freed memory is worth keeping: the next job finds its pages there. A process that rests for a
while would otherwise hold what its largest job took, and several of them share a machine.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

IDLE_SECONDS = 2.0


def give_back() -> None:
    """Give freed memory back, where the C library can (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class WhenIdle:
    """Calls something once nothing has been going on for a while; for any number of threads.

    Parameters
    ----------
    work : callable
        What is called, from a thread of its own.
    seconds : float
        How long nothing has been going on by then.
    """

    def __init__(self, work: Callable[[], None] = give_back, seconds: float = IDLE_SECONDS) -> None:
        self._work = work
        self._seconds = seconds
        self._going_on = 0
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Something begins."""
        with self._lock:
            self._going_on += 1
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def end(self) -> None:
        """Something has ended."""
        with self._lock:
            self._going_on -= 1
            if not self._going_on:
                self._timer = threading.Timer(self._seconds, self._work)
                self._timer.daemon = True
                self._timer.start()
