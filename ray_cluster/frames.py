"""Frames over one direction of a TLS link: a fixed header, then raw bytes read straight into a buffer of known size.

A link is used one way only: one `FrameSender` at one end, one `FrameReceiver` at the other, each used by a single
thread at a time (an SSLSocket used by two threads at once crashes now and then).
"""

from __future__ import annotations

import queue
import socket
import ssl
import struct
import threading
from contextlib import suppress

_HEADER = struct.Struct("<4sIQQ")
_MAGIC = b"SFL1"
DIRECT_LIMIT = 32 * 1024
"""Up to this many bytes the calling thread sends itself: they fit into the socket's buffers, so that it never waits."""


class FrameError(Exception):
    """The other end closed the link or sent something that is no frame. The message holds nothing of what was sent."""


class FrameSender:
    """Sends frames in order; large ones from a thread of its own, so that two parties sending at once never wait in a circle."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._sequence = 0
        self._work: queue.SimpleQueue[tuple[bytes, memoryview] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._pending = False

    def start(self, payload: memoryview) -> None:
        """Begin to send one frame; `finish` waits until it has left."""
        header = _HEADER.pack(_MAGIC, 0, self._sequence, payload.nbytes)
        self._sequence += 1
        if payload.nbytes <= DIRECT_LIMIT:
            try:
                self._connection.sendall(header + payload.tobytes() if payload.nbytes else header)
            except (OSError, ValueError) as error:
                raise FrameError("the link was closed") from error
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._send_large, name="link sender", daemon=True)
            self._thread.start()
        self._pending = True
        self._work.put((header, payload))

    def finish(self) -> None:
        """Wait until the frame that was begun has left."""
        if not self._pending:
            return
        self._pending = False
        error = self._done.get()
        if error is not None:
            raise FrameError("the link was closed") from error

    def send(self, payload: memoryview) -> None:
        """Send one frame and wait until it has left."""
        self.start(payload)
        self.finish()

    def _send_large(self) -> None:
        while (work := self._work.get()) is not None:
            header, payload = work
            try:
                self._connection.sendall(header)
                self._connection.sendall(payload)
            except (OSError, ValueError) as error:
                self._done.put(error)
            else:
                self._done.put(None)

    def close(self) -> None:
        """End the link, from any thread: a thread that waits on it gets an error."""
        shut(self._connection)

    def detach(self) -> None:
        """Leave the connection to somebody else, open; only once all frames have left."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join()
            self._thread = None

    def release(self) -> None:
        """Free the socket; only once no thread sends any more."""
        shut(self._connection)
        self.detach()
        self._connection.close()


class FrameReceiver:
    """Receives frames in order into buffers that the caller provides."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._sequence = 0
        self._scratch = memoryview(bytearray(_HEADER.size + DIRECT_LIMIT))

    def receive_into(self, buffer: memoryview) -> None:
        """Fill ``buffer`` (bytes) with the next frame, which must have exactly its length."""
        size = buffer.nbytes
        if size <= DIRECT_LIMIT:
            whole = self._scratch[: _HEADER.size + size]
            self._fill(whole)
            self._check(whole[: _HEADER.size], size)
            buffer[:] = whole[_HEADER.size :]
        else:
            header = self._scratch[: _HEADER.size]
            self._fill(header)
            self._check(header, size)
            self._fill(buffer)

    def receive(self, size: int) -> bytes:
        """Return the next frame, which must have exactly ``size`` bytes."""
        payload = bytearray(size)
        self.receive_into(memoryview(payload))
        return bytes(payload)

    def _check(self, header: memoryview, size: int) -> None:
        magic, reserved, sequence, length = _HEADER.unpack(header)
        if magic != _MAGIC or reserved != 0 or sequence != self._sequence:
            raise FrameError("a frame is out of order or no frame")
        if length != size:
            raise FrameError("a frame has another length than the program says")
        self._sequence += 1

    def _fill(self, buffer: memoryview) -> None:
        read_into(self._connection, buffer)

    def close(self) -> None:
        """End the link, from any thread: a thread that waits on it gets an error."""
        shut(self._connection)

    def release(self) -> None:
        """Free the socket; only once no thread receives any more."""
        self._connection.close()


def read_into(connection: ssl.SSLSocket, buffer: memoryview) -> None:
    """Fill ``buffer`` from a connection; `FrameError` where it ends before."""
    filled, size = 0, buffer.nbytes
    while filled < size:
        try:
            count = connection.recv_into(buffer[filled:])
        except (OSError, ValueError) as error:
            raise FrameError("the link was closed") from error
        if count == 0:
            raise FrameError("the link was closed")
        filled += count


def shut(connection: socket.socket) -> None:
    """Shut the connection below TLS: harmless to a thread inside it, which then reads the end of the stream."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def tune(connection: socket.socket, *, idle_seconds: float) -> None:
    """Set no delay for small frames, and how long a link may be silent."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A limit of the socket's own (SO_RCVTIMEO) would never end a read: ssl takes it for an interruption and reads on.
    connection.settimeout(idle_seconds)
