"""Which analysts are connected to a gateway, and what happens once one has gone: what is kept of their statements is dropped."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

GONE_SECONDS = 120.0
"""An analyst without a connection for so long has gone; a notebook that comes back later starts anew."""


class Presence:
    """Connections by analyst.

    Parameters
    ----------
    gone : callable
        Called with the key of an analyst who has had no connection for ``seconds``.
    """

    def __init__(self, gone: Callable[[str], None], seconds: float = GONE_SECONDS) -> None:
        self._gone = gone
        self._seconds = seconds
        self._open: Counter[str] = Counter()
        self._waiting: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()

    def enter(self, verify_key: str) -> None:
        """Note that a connection of an analyst was made."""
        with self._lock:
            self._open[verify_key] += 1
            waiting = self._waiting.pop(verify_key, None)
        if waiting is not None:
            waiting.cancel()

    def leave(self, verify_key: str) -> None:
        """Note that a connection of an analyst has ended."""
        with self._lock:
            self._open[verify_key] -= 1
            if self._open[verify_key] > 0:
                return
            del self._open[verify_key]
            timer = self._waiting[verify_key] = threading.Timer(self._seconds, self._expire, [verify_key])
            timer.daemon = True
        timer.start()

    def _expire(self, verify_key: str) -> None:
        with self._lock:
            if verify_key in self._open or self._waiting.pop(verify_key, None) is None:
                return
        self._gone(verify_key)
