"""Links between institutions: a listener that admits only pinned, signed hellos, and calls that return once answered.

A link belongs to one job; where that ends early, the link closes, which is the signal to abort. The connection of a link whose
job has ended well rests for the next one for a while: that begins with a hello of its own, over a fresh nonce and with fresh
keys, as on a new connection, and saves the handshake. A hello for a job that this party has not opened yet waits for it, so
that an answered hello means that both institutions admitted it.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ray_cluster.federation import PARTIES, FederationDescription
from ray_cluster.frames import FrameError, shut, tune
from ray_cluster.hello import Hello, HelloRefused, Purpose, answer, challenge, listen, say
from ray_cluster.identities import ProcessIdentity

HANDSHAKE_SECONDS = 5.0
IDLE_SECONDS = 300.0
REST_SECONDS = 60.0
"""How long a connection waits for a further job."""
MOST_SECONDS = 600.0
"""How old a connection becomes: its TLS keys serve no job that begins later."""
_MOST_RESTING = 64
_AGAIN_SECONDS = 0.1
_MOST_HANDSHAKES = 32
_MOST_WAITING = 64
_GLANCE_SECONDS = 0.5
_REMEMBERED_JOBS = 4096

_log = logging.getLogger("secureframe.links")

Caller = tuple[Purpose, str]


class LinkFailed(Exception):
    """A link could not be made: nobody listens there, or the other side is not who it should be."""


_REFUSED = (OSError, ValueError, FrameError, HelloRefused, LinkFailed)


@dataclass(slots=True)
class Link:
    """A connection whose hello was answered, the fresh public key of the other side, and when the connection was made."""

    connection: ssl.SSLSocket
    ephemeral: bytes
    made: float = field(default_factory=time.monotonic)

    @property
    def may_rest(self) -> bool:
        return time.monotonic() - self.made < MOST_SECONDS - REST_SECONDS


@dataclass(slots=True)
class _Desk:
    """One job's place at a listener: who may still call, and who has called."""

    expected: set[Caller]
    ephemeral: bytes
    arrivals: dict[Caller, Link] = field(default_factory=dict)
    closed: bool = False


class OpenSockets:
    """The sockets of one job on this side, so that a cancellation from another thread reaches whatever waits on one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._cancelled = False

    def add(self, connection: socket.socket) -> None:
        with self._lock:
            self._sockets.append(connection)
            cancelled = self._cancelled
        if cancelled:
            shut(connection)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            sockets = list(self._sockets)
        for each in sockets:
            shut(each)

    def let_go(self) -> bool:
        """Forget the sockets, which serve other jobs from here on; False where they were cancelled and have to be closed."""
        with self._lock:
            if not self._cancelled:
                self._sockets = []
            return not self._cancelled

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def close(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for each in sockets:
            each.close()


class Dialer:
    """Makes links to compute parties in the name of one institution."""

    def __init__(self, identity: ProcessIdentity, description: FederationDescription) -> None:
        self._identity = identity
        self._hosts = {party: description.host(party) for party in range(PARTIES)}
        self._contexts = {party: identity.client_context(host.certificate) for party, host in self._hosts.items()}
        self._resting: dict[int, list[tuple[Link, float]]] = {party: [] for party in self._hosts}
        self._lock = threading.Lock()

    def host(self, party: int) -> str:
        """Return the name of the member that hosts a compute party."""
        return self._hosts[party].name

    def call(self, party: int, job: str, purpose: Purpose, ephemeral: bytes, sockets: OpenSockets) -> Link:
        """Connect, handshake and say hello; return once the listener has answered.

        Parameters
        ----------
        party : int
            The compute party called.
        job, purpose, ephemeral
            What to say: see `Hello`.
        sockets : OpenSockets
            Where the connection is kept for cancellation.

        Raises
        ------
        LinkFailed
            If nobody listens there, or it is not the holder of the pinned certificate, or it refuses the job.
        """
        host, name = self._hosts[party], self._identity.name
        if host.link is None:
            raise LinkFailed("the party has no address yet")
        hello = Hello(job=job, purpose=purpose, caller=name, listener=host.name, ephemeral=ephemeral)
        while (rested := self._rested(party)) is not None:
            sockets.add(rested.connection)
            try:
                return Link(rested.connection, say(rested.connection, self._identity, host.certificate, hello), rested.made)
            except (OSError, ValueError, FrameError, HelloRefused) as error:
                # The other side may have closed it, or be another process by now.
                rested.connection.close()
                if sockets.cancelled:
                    raise LinkFailed(f"no link to party {party}") from error
        try:
            connection = self._connect(party, host.link)
            sockets.add(connection)
            if connection.getpeercert(True) != host.certificate:
                raise LinkFailed("another certificate than the pinned one")
            # Until the other institution has admitted the job there is no answer; a refusal or a cancellation closes the link.
            tune(connection, idle_seconds=IDLE_SECONDS)
            return Link(connection, say(connection, self._identity, host.certificate, hello))
        except (OSError, ValueError, FrameError, HelloRefused) as error:
            raise LinkFailed(f"no link to party {party}") from error

    def rest(self, party: int, link: Link) -> None:
        """Keep the connection of a job that has ended well for the next one."""
        with self._lock:
            if link.may_rest and len(self._resting[party]) < _MOST_RESTING:
                self._resting[party].append((link, time.monotonic()))
                return
        shut(link.connection)
        link.connection.close()

    def close(self) -> None:
        """Close what rests."""
        with self._lock:
            for resting in self._resting.values():
                while resting:
                    resting.pop()[0].connection.close()

    def _rested(self, party: int) -> Link | None:
        """A connection to a party on which the other side has asked for the next hello; None where there is none.

        Nobody waits for that: the other side may still be at the job before, and that job at another one that waits for this.
        """
        found: Link | None = None
        with self._lock:
            resting, self._resting[party] = self._resting[party], []
            for link, since in resting:
                if not link.may_rest or time.monotonic() - since > REST_SECONDS:
                    link.connection.close()
                elif found is None and _readable(link.connection):
                    found = link
                else:
                    self._resting[party].append((link, since))
        return found

    def _connect(self, party: int, address: tuple[str, int]) -> ssl.SSLSocket:
        connection = self._contexts[party].wrap_socket(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        try:
            connection.settimeout(HANDSHAKE_SECONDS)
            connection.connect(address)
        except BaseException:
            connection.close()
            raise
        return connection


class Listener:
    """Accepts links to one compute party. Each connection has its own thread until its hello is answered.

    Parameters
    ----------
    identity : ProcessIdentity
        The institution that hosts the party.
    port : int
        0 for any free one; a restarted party takes the port that it had.
    """

    def __init__(self, identity: ProcessIdentity, port: int = 0) -> None:
        self._identity = identity
        self._description: FederationDescription | None = None
        self._context: ssl.SSLContext | None = None
        self._desks: dict[str, _Desk] = {}
        self._finished: dict[str, None] = {}
        self._changed = threading.Condition()
        self._handshakes = threading.BoundedSemaphore(_MOST_HANDSHAKES)
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)
        self._resting: set[ssl.SSLSocket] = set()
        self._closing = threading.Event()
        self._socket = bind(port)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]

    def start(self, description: FederationDescription) -> None:
        """Begin to accept the members of ``description``, by their certificates."""
        first = self._description is None
        self._description = description
        self._context = self._identity.server_context([member.certificate for member in description.members])
        if first:
            self._socket.listen(128)
            threading.Thread(target=self._accept, name="listener", daemon=True).start()

    def close(self) -> None:
        """Stop accepting, and close what has arrived."""
        self._closing.set()
        shut(self._socket)
        self._socket.close()
        for job in list(self._desks):
            self.finish(job)
        for connection in list(self._resting):
            shut(connection)

    # -- a job's desk ----------------------------------------------------------------------------------------------

    def open(self, job: str, expected: Iterable[Caller], ephemeral: bytes) -> None:
        """Begin to answer the hellos of one job, each expected caller once."""
        with self._changed:
            if job in self._desks or job in self._finished:
                raise LinkFailed("the job has been opened before")
            self._desks[job] = _Desk(expected=set(expected), ephemeral=ephemeral)
            self._changed.notify_all()

    def arrivals(self, job: str, callers: Iterable[Caller]) -> dict[Caller, Link]:
        """Wait until all ``callers`` have called, and hand their links over."""
        wanted = set(callers)
        deadline = time.monotonic() + IDLE_SECONDS
        with self._changed:
            while True:
                desk = self._desks.get(job)
                if desk is None or desk.closed:
                    raise LinkFailed("the job was closed")
                if wanted <= desk.arrivals.keys():
                    return {caller: desk.arrivals.pop(caller) for caller in wanted}
                if not self._changed.wait(deadline - time.monotonic()):
                    raise LinkFailed("a link was not made in time")

    def finish(self, job: str) -> None:
        """Answer no more hellos of a job, now or ever, and wake up whoever waits for one."""
        with self._changed:
            desk = self._desks.pop(job, None)
            self._finished[job] = None
            while len(self._finished) > _REMEMBERED_JOBS:
                del self._finished[next(iter(self._finished))]
            self._changed.notify_all()
        if desk is not None:
            desk.closed = True
            for arrival in desk.arrivals.values():
                shut(arrival.connection)
                arrival.connection.close()

    # -- the door --------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError as error:
                # No descriptor may be free just now, or a caller went away at once: neither makes this party deaf.
                if self._closing.wait(_AGAIN_SECONDS):
                    return
                _log.warning("a connection could not be accepted: %s", type(error).__name__)
                continue
            if not self._handshakes.acquire(blocking=False):
                plain.close()
                continue
            try:
                threading.Thread(target=self._greet, args=(plain,), name="greeting", daemon=True).start()
            except RuntimeError:
                _log.warning("no thread is left for a connection")
                self._handshakes.release()
                plain.close()

    def rest(self, link: Link) -> None:
        """Keep the connection of a job that has ended well, for the next hello of its caller."""
        with self._changed:
            kept = link.may_rest and len(self._resting) < _MOST_RESTING and not self._closing.is_set()
            if kept:
                self._resting.add(link.connection)
        if kept:
            threading.Thread(target=self._greet_again, args=(link,), name="resting link", daemon=True).start()
        else:
            shut(link.connection)
            link.connection.close()

    def _greet_again(self, link: Link) -> None:
        connection = link.connection

        def identify() -> tuple[Hello, bytes, bytes]:
            try:
                connection.settimeout(2 * REST_SECONDS)
                return self._identify(connection)
            finally:
                with self._changed:
                    self._resting.discard(connection)

        self._answer(connection, identify, link.made)

    def _greet(self, plain: socket.socket) -> None:
        secured: ssl.SSLSocket | None = None
        made = time.monotonic()
        try:
            plain.settimeout(HANDSHAKE_SECONDS)
            assert self._context is not None
            secured = self._context.wrap_socket(plain, server_side=True)
            identified = self._identify(secured)
        except _REFUSED as error:
            _log.info("a connection was refused: %s", type(error).__name__)
            shut(secured or plain)
            (secured or plain).close()
            return
        finally:
            self._handshakes.release()
        self._answer(secured, lambda: identified, made)

    def _answer(self, connection: ssl.SSLSocket, identify: Callable[[], tuple[Hello, bytes, bytes]], made: float) -> None:
        """Answer a hello, or close its connection."""
        kept = False
        try:
            kept = self._admit(connection, *identify(), made)
        except _REFUSED as error:
            _log.info("a connection was refused: %s", type(error).__name__)
        finally:
            if not kept:
                shut(connection)
                connection.close()

    def _identify(self, connection: ssl.SSLSocket) -> tuple[Hello, bytes, bytes]:
        assert self._description is not None
        certificate = connection.getpeercert(True)
        callers = [member for member in self._description.members if member.certificate == certificate]
        if certificate is None or not callers:
            raise HelloRefused("a certificate that is not pinned")
        nonce = challenge(connection)
        hello = listen(connection, nonce, self._identity, certificate)
        if hello.caller != callers[0].name or hello.listener != self._identity.name:
            raise HelloRefused("a hello of another member or to another member")
        return hello, nonce, certificate

    def _await_job(self, connection: ssl.SSLSocket, job: str) -> None:
        """Wait until a job is opened or finished here; a caller that gives up in the meantime holds no place."""
        deadline = time.monotonic() + IDLE_SECONDS
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        with self._changed:
            while not self._changed.wait_for(lambda: job in self._desks or job in self._finished, _GLANCE_SECONDS):
                # A caller says nothing before it is answered: what can be read now is the end of the stream.
                if poll.poll(0) or time.monotonic() > deadline:
                    raise LinkFailed("a caller did not wait for the job")

    def _admit(self, connection: ssl.SSLSocket, hello: Hello, nonce: bytes, certificate: bytes, made: float) -> bool:
        caller: Caller = (hello.purpose, hello.caller)
        if not self._waiting.acquire(blocking=False):
            raise LinkFailed("too many connections wait")
        try:
            self._await_job(connection, hello.job)
            with self._changed:
                desk = self._desks.get(hello.job)
                if desk is None or caller not in desk.expected:
                    raise LinkFailed("a hello for no open job, or a second one")
                desk.expected.remove(caller)
        finally:
            self._waiting.release()
        tune(connection, idle_seconds=IDLE_SECONDS)
        answer(connection, nonce, self._identity, certificate, hello, desk.ephemeral)
        with self._changed:
            if desk.closed or self._desks.get(hello.job) is not desk:
                return False
            desk.arrivals[caller] = Link(connection, hello.ephemeral, made)
            self._changed.notify_all()
        return True


def _readable(connection: socket.socket) -> bool:
    """Whether something has arrived, or the end of the stream."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def bind(port: int, *, patience: float = 10.0) -> socket.socket:
    """Return a bound loopback socket; a port that a lost process held may take a moment to be free again."""
    deadline = time.monotonic() + patience
    while True:
        # With the protocol named, asyncio turns Nagle's algorithm off on what is accepted: 40 ms an answer otherwise.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            if port == 0 or time.monotonic() > deadline:
                raise
            threading.Event().wait(0.05)
        else:
            return listener
