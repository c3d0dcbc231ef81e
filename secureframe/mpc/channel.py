"""The links of one party to its two neighbours, as the protocols see them.

A concrete channel implements ``_transfer`` and ``close``; counting and recording happen here, above the wire, so that
they are the same in memory and over TLS.
"""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from secureframe.mpc.ring import Words

Span = tuple[int, int]


class LinkClosed(Exception):
    """The link to a neighbour is gone: that party stopped, or failed, or was lost."""

    def __init__(self, peer_index: int) -> None:
        self.peer_index = peer_index
        super().__init__(f"the link to party {peer_index} is closed")


class UnexpectedMessage(Exception):
    """A neighbour sent another number of words than public shapes ask for."""

    def __init__(self, peer_index: int, words: int, due: int) -> None:
        self.peer_index = peer_index
        super().__init__(f"party {peer_index} sent {words} words where {due} were due")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """One recorded message between two parties; ``declared`` are the spans of words that a protocol declares public."""

    round: int
    sender: int
    receiver: int
    words: Words
    declared: tuple[Span, ...] = ()


@dataclass(slots=True)
class Recorder:
    """Keeps every payload of the channels it is given to, for the leak tests."""

    payloads: list[Payload] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def keep(self, payload: Payload) -> None:
        with self._lock:
            self.payloads.append(payload)


class Channel(ABC):
    """Party ``index``'s links to its predecessor and its successor. One exchange is one round."""

    def __init__(self, index: int, recorder: Recorder | None = None) -> None:
        if index not in (0, 1, 2):
            raise ValueError("a party's index is 0, 1 or 2")
        self.index = index
        self.rounds = 0
        self.bytes_sent_previous = 0
        self.bytes_sent_next = 0
        self._recorder = recorder

    def exchange(
        self,
        to_previous: Words | None,
        to_next: Words | None,
        from_previous: int,
        from_next: int,
        *,
        declared_previous: Sequence[Span] = (),
        declared_next: Sequence[Span] = (),
    ) -> tuple[Words, Words]:
        """Send to both neighbours and receive from both: one round.

        Parameters
        ----------
        to_previous, to_next
            Contiguous words, or None where nothing travels.
        from_previous, from_next
            How many words the neighbour sends, known from public shapes; 0 where nothing travels.
        declared_previous, declared_next
            Spans of the words sent that the protocol declares as openings; for the recorder alone.

        Returns
        -------
        The words from the predecessor and from the successor.

        Raises
        ------
        LinkClosed
            If a neighbour is gone.
        UnexpectedMessage
            If a neighbour sent another number of words.
        """
        self.rounds += 1
        if to_previous is not None:
            self.bytes_sent_previous += to_previous.nbytes
            self._record((self.index - 1) % 3, to_previous, declared_previous)
        if to_next is not None:
            self.bytes_sent_next += to_next.nbytes
            self._record((self.index + 1) % 3, to_next, declared_next)
        return self._transfer(to_previous, to_next, from_previous, from_next)

    def _record(self, receiver: int, words: Words, declared: Sequence[Span]) -> None:
        if self._recorder is not None:
            self._recorder.keep(
                Payload(round=self.rounds, sender=self.index, receiver=receiver, words=words.copy(), declared=tuple(declared))
            )

    @abstractmethod
    def _transfer(
        self, to_previous: Words | None, to_next: Words | None, from_previous: int, from_next: int
    ) -> tuple[Words, Words]:
        """Move the words; the arrays given are never changed afterwards, the arrays returned belong to the caller."""

    @abstractmethod
    def close(self, error: BaseException | None = None) -> None:
        """Close both links; the neighbours' next exchange raises ``LinkClosed``. May be called again."""


_EMPTY: Words = np.empty(0, np.uint64)


class MemoryChannel(Channel):
    """Three parties as threads of one process, over queues: for tests."""

    def __init__(
        self,
        index: int,
        outgoing: tuple[queue.SimpleQueue[Words | None], queue.SimpleQueue[Words | None]],
        incoming: tuple[queue.SimpleQueue[Words | None], queue.SimpleQueue[Words | None]],
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(index, recorder)
        self._to_previous, self._to_next = outgoing
        self._from_previous, self._from_next = incoming
        self._closed = False

    @classmethod
    def triple(cls, recorder: Recorder | None = None) -> tuple[MemoryChannel, MemoryChannel, MemoryChannel]:
        """Return three connected channels."""
        backward: list[queue.SimpleQueue[Words | None]] = [queue.SimpleQueue() for _ in range(3)]
        forward: list[queue.SimpleQueue[Words | None]] = [queue.SimpleQueue() for _ in range(3)]
        first, second, third = (
            cls(i, (backward[i], forward[i]), (forward[i - 1], backward[(i + 1) % 3]), recorder) for i in range(3)
        )
        return first, second, third

    def _transfer(
        self, to_previous: Words | None, to_next: Words | None, from_previous: int, from_next: int
    ) -> tuple[Words, Words]:
        if self._closed:
            raise LinkClosed(self.index)
        # Copies: what arrives is the receiver's own to write to.
        if to_previous is not None:
            self._to_previous.put(to_previous.copy())
        if to_next is not None:
            self._to_next.put(to_next.copy())
        first = self._take(self._from_previous, (self.index - 1) % 3, from_previous) if from_previous else _EMPTY
        second = self._take(self._from_next, (self.index + 1) % 3, from_next) if from_next else _EMPTY
        return first, second

    def _take(self, source: queue.SimpleQueue[Words | None], peer: int, count: int) -> Words:
        words = source.get()
        if words is None:
            source.put(None)
            raise LinkClosed(peer)
        if len(words) != count:
            raise UnexpectedMessage(peer, len(words), count)
        return words

    def close(self, error: BaseException | None = None) -> None:
        if not self._closed:
            self._closed = True
            self._to_previous.put(None)
            self._to_next.put(None)
