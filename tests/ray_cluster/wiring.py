"""Identities, listeners and linked channels within one process, for tests of links without Ray."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from ray_cluster.federation import FederationDescription, FederationMember
from ray_cluster.frames import FrameReceiver, FrameSender
from ray_cluster.identities import ProcessIdentity
from ray_cluster.links import Dialer, Listener, OpenSockets
from ray_cluster.tls_channel import TlsChannel

NAMES = ("hospital", "laboratory", "registry")


@dataclass
class Wiring:
    identities: tuple[ProcessIdentity, ...]
    listeners: tuple[Listener, ...]
    description: FederationDescription
    sockets: OpenSockets

    def dialer(self, index: int) -> Dialer:
        return Dialer(self.identities[index], self.description)


@contextmanager
def wiring() -> Iterator[Wiring]:
    identities = tuple(ProcessIdentity.generate(name) for name in NAMES)
    listeners = tuple(Listener(identity) for identity in identities)
    members = tuple(
        FederationMember(name=each.name, party=index, data=True, certificate=each.certificate, link=listeners[index].address)
        for index, each in enumerate(identities)
    )
    description, sockets = FederationDescription(members=members, catalog={}), OpenSockets()
    for listener in listeners:
        listener.start(description)
    try:
        yield Wiring(identities, listeners, description, sockets)
    finally:
        sockets.close()
        for listener in listeners:
            listener.close()


def new_job() -> str:
    return secrets.token_hex(16)


def linked_channel(wires: Wiring, index: int, job: str) -> TlsChannel:
    peers = [(index - 1) % 3, (index + 1) % 3]
    public, sockets, dialer = secrets.token_bytes(32), OpenSockets(), wires.dialer(index)
    wires.listeners[index].open(job, [("party", NAMES[peer]) for peer in peers], public)
    made = [dialer.call(peer, job, "party", public, sockets) for peer in peers]
    arrivals = wires.listeners[index].arrivals(job, [("party", NAMES[peer]) for peer in peers])
    came = [arrivals["party", NAMES[peer]] for peer in peers]
    return TlsChannel(
        index,
        (FrameSender(made[0].connection), FrameSender(made[1].connection)),
        (FrameReceiver(came[0].connection), FrameReceiver(came[1].connection)),
    )


@contextmanager
def linked_channels() -> Iterator[tuple[TlsChannel, TlsChannel, TlsChannel]]:
    job = new_job()
    with wiring() as wires, ThreadPoolExecutor(3) as pool:
        first, second, third = pool.map(lambda index: linked_channel(wires, index, job), range(3))
        try:
            yield first, second, third
        finally:
            for channel in (first, second, third):
                channel.close()
                channel.release()
