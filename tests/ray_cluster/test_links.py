"""Who may open a link, and what an unauthenticated connection gets: nothing."""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ray_cluster import links
from ray_cluster.federation import FederationDescription
from ray_cluster.frames import FrameError, FrameReceiver, FrameSender, read_into, shut, tune
from ray_cluster.hello import NONCE, Hello, HelloRefused, challenge, listen, say
from ray_cluster.identities import ProcessIdentity, fingerprint, public_key
from ray_cluster.links import Dialer, Link, LinkFailed, OpenSockets
from tests.ray_cluster.wiring import Wiring, new_job, wiring


@pytest.fixture
def wires() -> Iterator[Wiring]:
    with wiring() as made:
        yield made


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection without a word more."""
    connection.settimeout(10)
    try:
        while connection.recv(4096):
            pass
    except OSError:
        return True
    return True


def tls(wires: Wiring, identity: ProcessIdentity, to: int) -> ssl.SSLSocket:
    context = identity.client_context(wires.identities[to].certificate)
    return context.wrap_socket(socket.create_connection(wires.listeners[to].address, timeout=10))


def assert_still_serves(wires: Wiring) -> None:
    job, sockets = new_job(), wires.sockets
    wires.listeners[1].open(job, [("party", "hospital")], b"L" * 32)
    call = wires.dialer(0).call(1, job, "party", b"C" * 32, sockets)
    arrival = wires.listeners[1].arrivals(job, [("party", "hospital")])["party", "hospital"]
    assert (call.ephemeral, arrival.ephemeral) == (b"L" * 32, b"C" * 32)
    FrameSender(call.connection).send(memoryview(b"dealt"))
    assert FrameReceiver(arrival.connection).receive(5) == b"dealt"
    wires.listeners[1].finish(job)
    arrival.connection.close()


def test_an_answered_hello_carries_frames(wires: Wiring) -> None:
    assert_still_serves(wires)


def test_garbage_is_dropped(wires: Wiring) -> None:
    with socket.create_connection(wires.listeners[1].address, timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n" + os.urandom(500))
        assert is_closed(connection)
    assert_still_serves(wires)


def test_a_client_without_certificate_gets_nothing(wires: Wiring) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(wires.listeners[1].address, timeout=10) as plain,
        context.wrap_socket(plain) as connection,
        pytest.raises(FrameError),
    ):
        read_into(connection, memoryview(bytearray(NONCE)))
    assert_still_serves(wires)


def test_an_unknown_certificate_gets_nothing(wires: Wiring) -> None:
    stranger = ProcessIdentity.generate("hospital")
    with tls(wires, stranger, 1) as connection, pytest.raises(FrameError):
        read_into(connection, memoryview(bytearray(NONCE)))
    assert_still_serves(wires)


def test_old_protocols_are_refused(wires: Wiring) -> None:
    context = wires.identities[0].client_context(wires.identities[1].certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(wires.listeners[1].address, timeout=10) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain)


def test_the_caller_refuses_another_server(wires: Wiring) -> None:
    members = list(wires.description.members)
    members[1] = replace(members[1], link=wires.listeners[2].address)
    misled = Dialer(wires.identities[0], FederationDescription(members=tuple(members), catalog={}))
    with pytest.raises(LinkFailed):
        misled.call(1, new_job(), "party", bytes(32), wires.sockets)


def test_a_finished_job_is_refused(wires: Wiring) -> None:
    job = new_job()
    wires.listeners[1].finish(job)
    with pytest.raises(LinkFailed):
        wires.dialer(0).call(1, job, "party", bytes(32), wires.sockets)
    with pytest.raises(LinkFailed):
        wires.listeners[1].open(job, [("party", "hospital")], bytes(32))


def test_an_uninvited_dealer_is_refused(wires: Wiring) -> None:
    job = new_job()
    wires.listeners[1].open(job, [("party", "hospital")], bytes(32))
    with pytest.raises(LinkFailed):
        wires.dialer(0).call(1, job, "dealer", bytes(32), wires.sockets)


def test_a_second_hello_is_refused(wires: Wiring) -> None:
    job = new_job()
    wires.listeners[1].open(job, [("party", "hospital")], bytes(32))
    wires.dialer(0).call(1, job, "party", bytes(32), wires.sockets)
    with pytest.raises(LinkFailed):
        wires.dialer(0).call(1, job, "party", bytes(32), wires.sockets)


def test_a_member_cannot_speak_for_another(wires: Wiring) -> None:
    job = new_job()
    wires.listeners[1].open(job, [("party", "hospital")], bytes(32))
    hello = Hello(job=job, purpose="party", caller="hospital", listener="laboratory", ephemeral=bytes(32))
    with tls(wires, wires.identities[2], 1) as connection, pytest.raises(FrameError):
        say(connection, wires.identities[2], wires.identities[1].certificate, hello)


def test_a_replayed_hello_is_refused(wires: Wiring) -> None:
    job = new_job()
    wires.listeners[1].open(job, [("party", "hospital")], bytes(32))
    hospital, laboratory = wires.identities[0], wires.identities[1]
    hello = Hello(job=job, purpose="party", caller="hospital", listener="laboratory", ephemeral=bytes(32))

    said = bytearray()

    class Tape:
        """Records what is said, and never answers."""

        def recv_into(self, buffer: memoryview) -> int:
            if said:
                raise OSError
            buffer[:] = bytes(len(buffer))
            return len(buffer)

        def sendall(self, data: bytes) -> None:
            said.extend(data)

    with pytest.raises(FrameError):
        say(Tape(), hospital, laboratory.certificate, hello)  # type: ignore[arg-type]  # stands in for a connection
    with tls(wires, hospital, 1) as connection:
        read_into(connection, memoryview(bytearray(NONCE)))
        connection.sendall(said)
        assert is_closed(connection)


def test_a_hello_waits_for_its_job(wires: Wiring) -> None:
    job, sockets = new_job(), wires.sockets
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(wires.dialer(0).call, 1, job, "party", b"C" * 32, sockets)
        wires.listeners[1].open(job, [("party", "hospital")], b"L" * 32)
        assert calling.result(timeout=10).ephemeral == b"L" * 32


def test_cancelling_wakes_a_waiting_caller(wires: Wiring) -> None:
    sockets = wires.sockets
    with ThreadPoolExecutor(1) as pool:
        calling = pool.submit(wires.dialer(0).call, 1, new_job(), "party", bytes(32), sockets)
        sockets.cancel()
        with pytest.raises(LinkFailed):
            calling.result(timeout=10)


def test_finishing_wakes_a_waiting_listener(wires: Wiring) -> None:
    job = new_job()
    wires.listeners[1].open(job, [("party", "hospital")], bytes(32))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wires.listeners[1].arrivals, job, [("party", "hospital")])
        wires.listeners[1].finish(job)
        with pytest.raises(LinkFailed):
            waiting.result(timeout=10)


class Deaf:
    """A connection that hears the nonce only, so that what is said gets no answer."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self._heard = 0
        self.sendall = connection.sendall

    def recv_into(self, buffer: memoryview) -> int:
        if self._heard == NONCE:
            raise OSError
        count = self._connection.recv_into(buffer)
        self._heard += count
        return count


def test_a_caller_that_gives_up_holds_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its job is never opened here, as where this institution alone refused it."""
    monkeypatch.setattr(links, "_MOST_WAITING", 1)
    with wiring() as wires:
        hello = Hello(job=new_job(), purpose="party", caller="hospital", listener="laboratory", ephemeral=bytes(32))
        with tls(wires, wires.identities[0], 1) as connection:
            with pytest.raises(FrameError):
                say(Deaf(connection), wires.identities[0], wires.identities[1].certificate, hello)  # type: ignore[arg-type]
            socket.socket.shutdown(connection, socket.SHUT_WR)
            assert is_closed(connection)
        assert_still_serves(wires)


def test_a_listener_survives_what_accept_raises(wires: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    accept, failures = socket.socket.accept, [errno.EMFILE, errno.ECONNABORTED]

    def fail_first(listener: socket.socket) -> tuple[socket.socket, object]:
        if failures:
            raise OSError(failures.pop(), "no descriptor is free")
        return accept(listener)

    # The first call wakes the accept that waits already.
    monkeypatch.setattr(socket.socket, "accept", fail_first)
    assert_still_serves(wires)
    assert_still_serves(wires)
    assert failures == []


def test_a_silent_link_ends(wires: Wiring) -> None:
    job, sockets = new_job(), wires.sockets
    wires.listeners[1].open(job, [("party", "hospital")], bytes(32))
    connection = wires.dialer(0).call(1, job, "party", bytes(32), sockets).connection
    tune(connection, idle_seconds=0.05)
    with pytest.raises(FrameError) as caught:
        read_into(connection, memoryview(bytearray(1)))
    assert isinstance(caught.value.__cause__, TimeoutError)


@pytest.mark.parametrize(
    "wrong", [{"job": 1}, {"job": ["a"] * 32}, {"caller": None}, {"listener": 5}, {"purpose": []}, {"job": "a"}]
)
def test_the_fields_of_a_hello_are_texts(wrong: dict[str, object]) -> None:
    fields = {"job": new_job(), "purpose": "party", "caller": "a", "listener": "b", "ephemeral": bytes(32).hex(), **wrong}
    with pytest.raises(HelloRefused):
        Hello.decode(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize("name", ["", "患" * 40, "x" * 200])
def test_a_name_of_any_length_has_an_identity(name: str) -> None:
    assert ProcessIdentity.generate(name).name == name


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"null", b"\xff", b'{"job": 1}', b"[" * 2000],
    ids=["empty", "no fields", "list", "null", "not text", "wrong type", "deep"],
)
def test_malformed_hellos_are_refused(text: bytes) -> None:
    with pytest.raises(HelloRefused):
        Hello.decode(text)


def test_a_hello_must_be_canonical() -> None:
    text = Hello(job=new_job(), purpose="party", caller="a", listener="b", ephemeral=bytes(32)).encode()
    assert Hello.decode(text).caller == "a"
    with pytest.raises(HelloRefused):
        Hello.decode(text + b" ")
    with pytest.raises(HelloRefused):
        Hello.decode(text.replace(b"party", b"other"))


def test_the_hello_fits_its_nonce() -> None:
    first, second = socket.socketpair()
    with first, second:
        nonce = challenge(first)  # type: ignore[arg-type]  # any stream will do
        assert second.recv(100) == nonce
        second.sendall(b"SFH1" + (5000).to_bytes(4, "little"))
        with pytest.raises(HelloRefused):
            identity = ProcessIdentity.generate("a")
            listen(first, nonce, identity, identity.certificate)  # type: ignore[arg-type]  # as above


def test_identities_survive_a_restart_and_hide_their_keys(tmp_path: Path) -> None:
    identity = ProcessIdentity.generate("hospital")
    path = tmp_path / "identity.pem"
    identity.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    again = ProcessIdentity.load("hospital", path)
    assert again.fingerprint == identity.fingerprint == fingerprint(again.certificate)
    assert public_key(again.certificate) == identity.key.public_key()
    assert "Ed25519" not in repr(identity)


def job_over(wires: Wiring, dialer: Dialer, *, rest: bool = True) -> tuple[Link, Link]:
    """One job that ends well: the caller's link and the listener's, which both rest afterwards."""
    job, sockets, listener = new_job(), OpenSockets(), wires.listeners[1]
    listener.open(job, [("party", "hospital")], b"L" * 32)
    made = dialer.call(1, job, "party", b"C" * 32, sockets)
    came = listener.arrivals(job, [("party", "hospital")])["party", "hospital"]
    FrameSender(made.connection).send(memoryview(b"dealt"))
    assert FrameReceiver(came.connection).receive(5) == b"dealt"
    listener.finish(job)
    if rest:
        assert sockets.let_go()
        listener.rest(came)
        assert select.select([made.connection], [], [], 10)[0]
        dialer.rest(1, made)
    return made, came


def test_a_connection_serves_one_job_after_the_other(wires: Wiring) -> None:
    dialer = wires.dialer(0)
    first, _ = job_over(wires, dialer)
    second, _ = job_over(wires, dialer)
    assert second.connection is first.connection and second.made == first.made
    dialer.close()
    third, _ = job_over(wires, dialer)
    assert third.connection is not first.connection
    dialer.close()


def test_a_connection_whose_other_side_is_not_done_is_not_waited_for(wires: Wiring) -> None:
    """Two jobs, each of which takes the other's connection, would wait for each other."""
    dialer = wires.dialer(0)
    first, came = job_over(wires, dialer, rest=False)
    dialer.rest(1, first)
    second, other = job_over(wires, dialer, rest=False)
    assert second.connection is not first.connection
    wires.listeners[1].rest(came)
    assert select.select([first.connection], [], [], 10)[0]
    third, _ = job_over(wires, dialer)
    assert third.connection is first.connection
    for each in (second, other):
        each.connection.close()
    dialer.close()


def test_a_connection_that_was_closed_while_it_rested_is_made_anew(wires: Wiring) -> None:
    dialer = wires.dialer(0)
    first, came = job_over(wires, dialer)
    shut(came.connection)
    second, _ = job_over(wires, dialer)
    assert second.connection is not first.connection
    dialer.close()


@pytest.mark.parametrize("limit", ["REST_SECONDS", "MOST_SECONDS"])
def test_a_connection_neither_rests_nor_lives_for_long(wires: Wiring, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    dialer = wires.dialer(0)
    first, _ = job_over(wires, dialer)
    monkeypatch.setattr(links, limit, 0.0)
    second, _ = job_over(wires, dialer)
    assert second.connection is not first.connection
    dialer.close()


def test_a_cancelled_job_leaves_no_connection(wires: Wiring) -> None:
    dialer, sockets, job = wires.dialer(0), OpenSockets(), new_job()
    wires.listeners[1].open(job, [("party", "hospital")], bytes(32))
    made = dialer.call(1, job, "party", bytes(32), sockets)
    sockets.cancel()
    assert not sockets.let_go()
    assert is_closed(made.connection)
    sockets.close()


def test_a_cancellation_reaches_a_call_over_a_rested_connection(wires: Wiring) -> None:
    dialer, sockets = wires.dialer(0), OpenSockets()
    job_over(wires, dialer)
    with ThreadPoolExecutor(1) as pool:
        # Nobody has opened this job.
        calling = pool.submit(dialer.call, 1, new_job(), "party", bytes(32), sockets)
        while not sockets._sockets:
            pass
        sockets.cancel()
        with pytest.raises(LinkFailed):
            calling.result(timeout=10)
    sockets.close()


def test_on_a_rested_connection_a_hello_is_checked_as_on_a_new_one(wires: Wiring) -> None:
    """A replayed hello, a hello of another member, and garbage: the connection closes, and the job is not entered."""
    hospital, laboratory = wires.identities[0], wires.identities[1]
    for wrong in ("replayed", "another member", "garbage"):
        dialer = wires.dialer(0)
        made, _ = job_over(wires, dialer)
        job = new_job()
        wires.listeners[1].open(job, [("party", "hospital")], bytes(32))
        hello = Hello(job=job, purpose="party", caller="hospital", listener="laboratory", ephemeral=bytes(32))
        nonce = bytearray(NONCE)
        read_into(made.connection, memoryview(nonce))
        if wrong == "garbage":
            made.connection.sendall(os.urandom(200))
        else:
            said = replace(hello, caller="registry") if wrong == "another member" else hello
            # A hello over the nonce of another connection is what a replay would be.
            old = os.urandom(NONCE) if wrong == "replayed" else bytes(nonce)
            made.connection.sendall(spoken(hospital, laboratory.certificate, said, old))
        assert is_closed(made.connection)
        assert not wires.listeners[1]._desks[job].arrivals
        wires.listeners[1].finish(job)
        made.connection.close()


def spoken(identity: ProcessIdentity, listener: bytes, hello: Hello, nonce: bytes) -> bytes:
    """A hello as `say` sends it, over any nonce."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(nonce + bytes(96))
        with pytest.raises((HelloRefused, FrameError)):
            say(here, identity, listener, hello)  # type: ignore[arg-type]  # any stream will do
        return there.recv(4096)
