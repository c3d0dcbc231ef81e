"""Memory of a compute party: what a job frees serves its next steps and the next job, and goes back once nothing is going on.

Every step of a protocol makes arrays of megabytes. glibc maps such arrays one by one and unmaps them when they are freed, so that
the system clears the same pages again and again, which takes a third of a large comparison (a page fault costs 4 us on a small
virtual machine). A party keeps freed pages instead, until it rests for a while: it would otherwise hold what its largest job
took, and several parties may share a machine. Another C library is left as it is.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress

IDLE_SECONDS = 2.0
_NEVER = -1
_SETTINGS = {
    # From malloc.h. One arena: those of threads consist of pieces that are unmapped as soon as they are empty.
    "M_ARENA_MAX": (-8, 1),
    "M_MMAP_THRESHOLD": (-3, 1 << 30),
    "M_TRIM_THRESHOLD": (-1, _NEVER),
    "M_TOP_PAD": (-2, 16 * 1024 * 1024),
}


def keep_freed() -> None:
    """Keep freed memory in this process, until `give_back`; called before its first job."""
    library = ctypes.CDLL(None)
    with suppress(AttributeError):
        for parameter, value in _SETTINGS.values():
            library.mallopt(parameter, value)


def give_back() -> None:
    """Give freed memory back to the system."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))


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
