"""Protocols as generators, and how independent ones share rounds.

A protocol primitive is a generator: ``received = yield Message(...)`` is one round, its return value the party's share of
the result. ``Lockstep`` runs any number of them together: per round, all their payloads travel as one message a
direction, in the order in which the generators were started, which is the same at every party.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from secureframe.mpc.channel import Span
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words


@dataclass(slots=True)
class Message:
    """What one primitive sends and expects in one round: contiguous words, or None; numbers of words due.

    ``opening`` marks what the protocol declares as public among the parties (openings, digests, verdicts).
    """

    to_previous: Words | None = None
    to_next: Words | None = None
    from_previous: int = 0
    from_next: int = 0
    opening: bool = False


class Received(NamedTuple):
    """The words that arrived from both neighbours."""

    from_previous: Words
    from_next: Words


Result = TypeVar("Result")
Steps = Generator[Message, Received, Result]

_EMPTY: Words = np.empty(0, np.uint64)


def _joined(parts: list[tuple[Words, bool]]) -> tuple[Words | None, list[Span]]:
    """One message from all payloads of a direction, and the spans of its declared openings."""
    if not parts:
        return None, []
    spans: list[Span] = []
    position = 0
    for words, opening in parts:
        if opening:
            spans.append((position, position + words.size))
        position += words.size
    if len(parts) == 1:
        return parts[0][0].reshape(-1), spans
    return np.concatenate([words.reshape(-1) for words, _ in parts]), spans


class Lockstep:
    """Generators that advance together, one exchange a round."""

    def __init__(self, party: Party) -> None:
        self._party = party
        self._running: list[tuple[Any, Steps[Any], Message]] = []

    def __bool__(self) -> bool:
        return bool(self._running)

    def start(self, key: Any, steps: Steps[Any]) -> tuple[bool, Any]:
        """Run a generator up to its first round; return whether it ended there already, and its result if so."""
        try:
            message = next(steps)
        except StopIteration as stop:
            return True, stop.value
        self._running.append((key, steps, message))
        return False, None

    def round(self) -> list[tuple[Any, Any]]:
        """Exchange one round for all running generators; return the keys and results of those that ended."""
        to_previous: list[tuple[Words, bool]] = []
        to_next: list[tuple[Words, bool]] = []
        from_previous = from_next = 0
        for _, _, message in self._running:
            if message.to_previous is not None and message.to_previous.size:
                to_previous.append((message.to_previous, message.opening))
            if message.to_next is not None and message.to_next.size:
                to_next.append((message.to_next, message.opening))
            from_previous += message.from_previous
            from_next += message.from_next
        backward, declared_previous = _joined(to_previous)
        forward, declared_next = _joined(to_next)
        previous, following = self._party.channel.exchange(
            backward, forward, from_previous, from_next, declared_previous=declared_previous, declared_next=declared_next
        )
        # A generator that was just resumed must find its words writable and contiguous: kernels have one signature.
        previous = previous if previous.flags.writeable else previous.copy()
        following = following if following.flags.writeable else following.copy()
        return self._resume(previous, following)

    def _resume(self, previous: Words, following: Words) -> list[tuple[Any, Any]]:
        ended: list[tuple[Any, Any]] = []
        running: list[tuple[Any, Steps[Any], Message]] = []
        position_previous = position_next = 0
        for key, steps, message in self._running:
            received = Received(
                previous[position_previous : position_previous + message.from_previous] if message.from_previous else _EMPTY,
                following[position_next : position_next + message.from_next] if message.from_next else _EMPTY,
            )
            position_previous += message.from_previous
            position_next += message.from_next
            try:
                running.append((key, steps, steps.send(received)))
            except StopIteration as stop:
                ended.append((key, stop.value))
        self._running = running
        return ended


def run_lockstep(party: Party, generators: Iterable[Steps[Any]]) -> list[Any]:
    """Run independent generators together to their ends; return their results in order."""
    lockstep = Lockstep(party)
    results: dict[int, Any] = {}
    count = 0
    for key, steps in enumerate(generators):
        count += 1
        ended, result = lockstep.start(key, steps)
        if ended:
            results[key] = result
    while lockstep:
        results.update(lockstep.round())
    return [results[key] for key in range(count)]
