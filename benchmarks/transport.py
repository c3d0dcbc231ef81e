"""How the parties of a benchmark are linked: the production's TLS, the same frames over plain TCP, and delays on either.

Plain TCP exists here alone, to show what TLS costs; nothing outside this package can speak it. A delay is put on the loopback of
a network namespace of its own (netem) where the kernel and our rights allow it. Elsewhere every message is held back for half a
round trip before it is sent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import queue
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, cast

from ray_cluster.frames import FrameReceiver, FrameSender, tune
from ray_cluster.tls_channel import TlsChannel
from tests.ray_cluster.wiring import Wiring, linked_channel

Transport = Literal["TLS", "TCP"]
Address = tuple[str, int]
_HELLO_BYTES = 33
_IDLE_SECONDS = 300.0
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What lies between the parties: the transport, the round trip that is added to it, and whether they add it themselves."""

    transport: Transport = "TLS"
    round_trip_ms: float = 0.0
    held_back: bool = False


# -- plain TCP ---------------------------------------------------------------------------------------------------------------


def plain_listener() -> socket.socket:
    """Return a socket that listens on loopback, for the plain links of one party."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    listener.settimeout(_IDLE_SECONDS)
    return listener


def plain_channel(listener: socket.socket, addresses: Sequence[Address], index: int, job: str) -> TlsChannel:
    """Return party ``index``'s channel over one-way plain connections: the frames of production, without its encryption."""
    peers = (index - 1) % 3, (index + 1) % 3
    hello = job.encode("ascii") + bytes([index])
    assert len(hello) == _HELLO_BYTES
    made: dict[int, socket.socket] = {}
    came: dict[int, socket.socket] = {}
    for peer in peers:
        made[peer] = socket.create_connection(addresses[peer])
        tune(made[peer], idle_seconds=_IDLE_SECONDS)
        made[peer].sendall(hello)
    while len(came) < 2:
        connection, _ = listener.accept()
        tune(connection, idle_seconds=_IDLE_SECONDS)
        said = connection.recv(_HELLO_BYTES, socket.MSG_WAITALL)
        if said[:-1] != job.encode("ascii") or said[-1] not in peers:
            raise RuntimeError("a plain link of another job")
        came[said[-1]] = connection
    # Frames use nothing of a TLS connection that a plain one lacks.
    senders = (FrameSender(cast(ssl.SSLSocket, made[peers[0]])), FrameSender(cast(ssl.SSLSocket, made[peers[1]])))
    receivers = (FrameReceiver(cast(ssl.SSLSocket, came[peers[0]])), FrameReceiver(cast(ssl.SSLSocket, came[peers[1]])))
    return TlsChannel(index, senders, receivers)


# -- delays ------------------------------------------------------------------------------------------------------------------


class HoldingSender(FrameSender):
    """Sends each frame some time after it was given: messages of any number may be on the way at once, as on a long line."""

    def __init__(self, connection: ssl.SSLSocket, seconds: float) -> None:
        super().__init__(connection)
        self._seconds = seconds
        self._held: queue.SimpleQueue[tuple[float, memoryview] | None] = queue.SimpleQueue()
        self._holder = threading.Thread(target=self._pass_on, name="long line", daemon=True)
        self._holder.start()

    def start(self, payload: memoryview) -> None:
        # A copy, since the caller may use its buffer again once `finish` has returned.
        self._held.put((time.perf_counter() + self._seconds, memoryview(payload.tobytes())))

    def finish(self) -> None:
        """Nothing to wait for: the line has taken what was given."""

    def _pass_on(self) -> None:
        while (held := self._held.get()) is not None:
            due, payload = held
            time.sleep(max(0.0, due - time.perf_counter()))
            # The receiver of a link that was closed meanwhile says so itself.
            with contextlib.suppress(Exception):
                super().start(payload)
                super().finish()

    def release(self) -> None:
        self._held.put(None)
        self._holder.join()
        super().release()


def hold_back(channel: TlsChannel, seconds: float) -> None:
    """Let a channel hold every message back."""
    channel._to_previous = HoldingSender(channel._to_previous._connection, seconds)
    channel._to_next = HoldingSender(channel._to_next._connection, seconds)


def open_channel(
    link: Link, wires: Wiring, listener: socket.socket, addresses: Sequence[Address], index: int, job: str
) -> TlsChannel:
    """Link one party to the two others, in a way that all three were told."""
    tls = link.transport == "TLS"
    channel = linked_channel(wires, index, job) if tls else plain_channel(listener, addresses, index, job)
    if link.held_back:
        hold_back(channel, link.round_trip_ms / 2e3)
    return channel


class Namespace:
    """A network namespace with nothing but a loopback, whose packets can be delayed; gone when this is left.

    Raises
    ------
    OSError
        On entering, where it cannot be made: no root, no ``ip`` or ``tc``, or a kernel without netem.
    """

    def __enter__(self) -> Self:
        self.name = f"secureframe-{secrets.token_hex(4)}"
        if shutil.which("ip") is None or shutil.which("tc") is None:
            raise OSError("no ip or tc on this machine")
        _command("ip", "netns", "add", self.name)
        try:
            _command("ip", "-n", self.name, "link", "set", "lo", "up")
            self.delay(1.0)
            self.delay(0.0)
        except OSError:
            _command("ip", "netns", "delete", self.name)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _command("ip", "netns", "delete", self.name)

    def delay(self, round_trip_ms: float) -> None:
        """Delay every packet by half a round trip: both directions pass the same loopback."""
        microseconds = f"{500 * round_trip_ms:.0f}us"
        # The queue holds what is on the way; its default of 1,000 packets would drop some of a large message.
        command = ("tc", "-n", self.name, "qdisc", "replace", "dev", "lo", "root", "netem")
        _command(*command, "delay", microseconds, "limit", "1000000")


def join_namespace(name: str) -> None:
    """Move this process into a network namespace; before it opens a socket or starts a thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(Path("/run/netns") / name, os.O_RDONLY)
    try:
        if libc.setns(handle, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter the network namespace")
    finally:
        os.close(handle)


def _command(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{words[0]}: {done.stderr.strip()}")
