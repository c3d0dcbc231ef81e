"""A widget's work in a thread of its own, so that no callback keeps the kernel, or another widget, waiting."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

Work = Callable[[], None]

_log = logging.getLogger("secureframe.widgets")


class Aside:
    """Runs one piece of work at a time, beside whatever the kernel does.

    What is asked for while another piece runs waits for it, and only the last of several that wait is run: whoever turns a choice
    five times sees what comes of the fifth.

    Parameters
    ----------
    name : str
        What its thread is called.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._next: Work | None = None
        self._running = False
        self._changed = threading.Condition()

    def start(self, work: Work) -> None:
        """Have some work done, and return at once. What it raises is logged: it is to tell of its failures itself."""
        with self._changed:
            self._next = work
            self._changed.notify_all()
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def wait(self, seconds: float = 60.0) -> bool:
        """Wait until nothing is left to do; return whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def pause(self, seconds: float) -> bool:
        """Within some work: wait, but no longer than until other work is asked for; return whether none is."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._next is not None, seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                work, self._next = self._next, None
                if work is None:
                    self._running = False
                    self._changed.notify_all()
                    return
            try:
                work()
            except Exception as error:  # noqa: BLE001  # there is nobody to raise it to; its text may be anybody's
                _log.warning("a widget could not finish its work (%s)", type(error).__name__)
