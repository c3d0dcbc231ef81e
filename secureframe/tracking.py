"""How far a job is, put together from what its institutions tell while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from secureframe.backend import PROGRESS_SECONDS, Progress, ProgressEvent


class JobTracker:
    """Tells of a job as its institutions tell of it; one thread calls all methods.

    Parameters
    ----------
    institutions : sequence of str
        All of them.
    hosts : sequence of str
        Those that host compute parties.
    progress : callable
        Is told: once the job has begun, of every stage that all parties have ended, of news in a stage that lasts, but no more
        often than every `PROGRESS_SECONDS`, and whenever `tell` is called.
    clock : callable, optional
        Seconds.
    """

    def __init__(
        self,
        institutions: Sequence[str],
        hosts: Sequence[str],
        progress: Progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._progress = progress
        self._clock = clock
        self._began = clock()
        self._awaited = dict.fromkeys(institutions)
        self._stages: tuple[str, ...] = ()
        self._ended = dict.fromkeys(hosts, 0)
        self._rounds = dict.fromkeys(hosts, 0)
        self._bytes = dict.fromkeys(hosts, 0)
        self._before = dict.fromkeys(hosts, (0, 0))
        self._told = -1
        self._moment = self._began

    def admitted(self, institution: str, stages: Sequence[str]) -> None:
        """An institution has admitted the job; all name the same stages."""
        self._awaited.pop(institution, None)
        self._stages = tuple(stages)
        self._news()

    def running(self, host: str, rounds: int, sent: int) -> None:
        """A party has come so far in its job: rounds, and bytes that it has sent. What is less than was known is no news."""
        if host in self._ended:
            self._take(host, rounds, sent)
            if self._clock() - self._moment >= PROGRESS_SECONDS:
                self.tell()

    def ended(self, host: str, rounds: int, sent: int) -> None:
        """A party has ended its next stage, which took so many rounds and bytes."""
        if host in self._ended:
            self._ended[host] += 1
            before = self._before[host]
            self._before[host] = (before[0] + rounds, before[1] + sent)
            self._take(host, *self._before[host])
            self._news()

    def tell(self) -> None:
        """Tell how far it is; of a job that nobody has admitted yet there is nothing to tell."""
        if not self._stages:
            return
        number = min(min(self._ended.values()), len(self._stages))
        self._told, self._moment = number, self._clock()
        behind = [host for host, count in self._ended.items() if count == number < len(self._stages)]
        waited = list(self._awaited) or behind
        self._progress(
            ProgressEvent(
                stage=self._stages[min(number, len(self._stages) - 1)],
                number=number,
                total=len(self._stages),
                party=waited[0] if len(waited) == 1 else None,
                rounds=max(self._rounds.values()),
                bytes=sum(self._bytes.values()),
                seconds=self._moment - self._began,
            )
        )

    def _take(self, host: str, rounds: int, sent: int) -> None:
        self._rounds[host] = max(self._rounds[host], rounds)
        self._bytes[host] = max(self._bytes[host], sent)

    def _news(self) -> None:
        if min(self._ended.values()) > self._told and self._stages:
            self.tell()
