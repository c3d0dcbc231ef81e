"""How long a job will take: the cost of its plan, at the pace that this federation has shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from secureframe.backend import Progress, ProgressEvent
from secureframe.planner.compile import Compiled
from secureframe.planner.prediction import predict

ROUND_SECONDS = 2e-4
BYTE_SECONDS = 3e-9
"""What a round and a byte among the parties take on one machine (docs/benchmarks.md); others show their own pace."""
LATER_SECONDS = 2.0
"""No cost is worked out for jobs that are over by then."""
_WEIGHT = 1.0
"""Seconds of work for which the pace of earlier jobs counts, beside what the job itself has shown."""


class Pace:
    """What a federation's jobs took, compared with the cost of their plans; of one federation, for all of its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known = 1.0

    def following(self, compiled: Compiled, progress: Progress) -> Progress:
        """Return a listener that passes a job's events on to another, each with an estimate."""
        return _Followed(compiled, progress, self._known, self._learn)

    def _learn(self, shown: float) -> None:
        with self._lock:
            self._known = (self._known + shown) / 2


class _Followed:
    """The events of one job on their way to whoever shows them; the cost of its plan is worked out aside, once it takes long."""

    def __init__(self, compiled: Compiled, progress: Progress, known: float, learn: Callable[[float], None]) -> None:
        self._compiled = compiled
        self._progress = progress
        self._known = known
        self._learn = learn
        self._aside: threading.Thread | None = None
        self._work: float | None = None
        self._began: float | None = None

    def __call__(self, event: ProgressEvent) -> None:
        if self._began is None and event.rounds:
            # Institutions work on their own rows before the first round, which no plan's cost says anything of.
            self._began = event.seconds
        ended = event.number >= event.total
        if not ended and event.seconds >= LATER_SECONDS and self._aside is None:
            self._aside = threading.Thread(target=self._count, name="cost of a plan", daemon=True)
            self._aside.start()
        if ended and self._work:
            self._learn(self._pace(event, self._work))
        if ended or self._work is None:
            self._progress(event)
            return
        left = max(self._work - _work(event.rounds, event.bytes), 0.0)
        self._progress(replace(event, estimate=event.seconds + left * self._pace(event, self._work)))

    def _count(self) -> None:
        report = predict(self._compiled).report
        self._work = _work(report.rounds, sum(report.bytes_sent))

    def _pace(self, event: ProgressEvent, work: float) -> float:
        """Seconds that a second of work by the plan's cost takes: what was known before, and what the job has shown."""
        if self._began is None:
            return self._known
        done = min(_work(event.rounds, event.bytes), work)
        return (_WEIGHT * self._known + event.seconds - self._began) / (_WEIGHT + done)


def _work(rounds: int, sent: int) -> float:
    return rounds * ROUND_SECONDS + sent * BYTE_SECONDS
