"""The channel of life: one party's links to its two neighbours, two one-way TLS connections a pair."""

from __future__ import annotations

import hashlib

import numpy as np

from ray_cluster.frames import FrameError, FrameReceiver, FrameSender
from secureframe.errors import ProtocolAborted
from secureframe.mpc.channel import Channel, LinkClosed, Recorder
from secureframe.mpc.ring import Words

_EMPTY: Words = np.empty(0, np.uint64)


class TlsChannel(Channel):
    """Moves words between three parties over four one-way connections.

    Parameters
    ----------
    index : int
        This party.
    senders : tuple of FrameSender
        To the predecessor and to the successor.
    receivers : tuple of FrameReceiver
        From the predecessor and from the successor.
    recorder : Recorder, optional
        Keeps what is sent, for the leak tests.
    """

    def __init__(
        self,
        index: int,
        senders: tuple[FrameSender, FrameSender],
        receivers: tuple[FrameReceiver, FrameReceiver],
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(index, recorder)
        self._to_previous, self._to_next = senders
        self._from_previous, self._from_next = receivers
        self._previous, self._next = (index - 1) % 3, (index + 1) % 3

    def _transfer(
        self, to_previous: Words | None, to_next: Words | None, from_previous: int, from_next: int
    ) -> tuple[Words, Words]:
        peer = self._previous
        try:
            if to_previous is not None and to_previous.size:
                self._to_previous.start(to_previous.data.cast("B"))
            peer = self._next
            if to_next is not None and to_next.size:
                self._to_next.start(to_next.data.cast("B"))
            peer = self._previous
            first = self._receive(self._from_previous, from_previous)
            peer = self._next
            second = self._receive(self._from_next, from_next)
            peer = self._previous
            self._to_previous.finish()
            peer = self._next
            self._to_next.finish()
        except FrameError as error:
            self.close(error)
            raise LinkClosed(peer) from error
        return first, second

    def _receive(self, receiver: FrameReceiver, count: int) -> Words:
        if count == 0:
            return _EMPTY
        words: Words = np.empty(count, np.uint64)
        receiver.receive_into(words.data.cast("B"))
        return words

    def confirm(self, subject: bytes) -> None:
        """Tell both neighbours that this party has come to the end, and hear the same of both.

        No party hands anything out before this returns, so that a party lost on the way releases nothing.
        """
        digest: Words = np.frombuffer(hashlib.sha256(b"secureframe complete v1\x00" + subject).digest(), np.uint64)
        for received in self._transfer(digest, digest, len(digest), len(digest)):
            if not np.array_equal(received, digest):
                raise ProtocolAborted("the parties did not end the same job")

    def close(self, error: BaseException | None = None) -> None:
        for end in (self._to_previous, self._to_next, self._from_previous, self._from_next):
            end.close()

    def detach(self) -> None:
        """Leave the connections to somebody else, open; only once the job has ended well."""
        for end in (self._to_previous, self._to_next):
            end.detach()

    def release(self) -> None:
        """Free the sockets; only once no thread is in an exchange any more."""
        for end in (self._to_previous, self._to_next, self._from_previous, self._from_next):
            end.release()
