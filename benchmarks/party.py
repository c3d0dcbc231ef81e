"""One compute party of a benchmark, as a process of its own. Imported there: it needs little more than a party of production."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from benchmarks.transport import join_namespace, open_channel, plain_listener
from ray_cluster.federation import FederationDescription, FederationMember
from ray_cluster.identities import ProcessIdentity
from ray_cluster.links import Listener, OpenSockets
from ray_cluster.memory import keep_freed
from secureframe.engine.execute import Execution
from secureframe.mpc.channel import Channel
from secureframe.mpc.party import Party
from secureframe.mpc.program import Value
from secureframe.mpc.ring import Words
from secureframe.mpc.sharing import Share, array_shape, combine, receive
from secureframe.mpc.warm import warm
from tests.ray_cluster.wiring import NAMES, Wiring


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one run took at one party, its share of the answer, and, where the parties open it, a digest of what it saw."""

    seconds: float
    processor: float
    rounds: int
    sent: int
    share: Share
    opened: bytes | None


def open_to_all(channel: Channel, share: Share, value: Value) -> Words:
    """Let all parties see a value, as one round: each sends the component that its successor lacks."""
    own = np.ascontiguousarray(share.a).reshape(-1)
    missing, _ = channel.exchange(None, own, own.size, 0, declared_next=((0, own.size),))
    return combine(value, combine(value, share.a, share.b), missing.reshape(array_shape(value)))


def digest(opened: Words | None) -> bytes | None:
    return None if opened is None else hashlib.sha256(opened.tobytes()).digest()


def party_process(index: int, pipe: Connection, namespace: str | None) -> None:
    """One party: makes itself known to the others, then runs what it is sent until it is sent nothing."""
    if namespace is not None:
        join_namespace(namespace)
    keep_freed()
    warm()
    identity = ProcessIdentity.generate(NAMES[index])
    listener, plain = Listener(identity), plain_listener()
    pipe.send((identity.certificate, listener.address, plain.getsockname()))
    known = pipe.recv()
    members = tuple(
        FederationMember(name=NAMES[number], party=number, data=True, certificate=certificate, link=address)
        for number, (certificate, address, _) in enumerate(known)
    )
    wires = Wiring((identity,) * 3, (listener,) * 3, FederationDescription(members=members, catalog={}), OpenSockets())
    listener.start(wires.description)
    pipe.send(None)
    while (work := pipe.recv()) is not None:
        link, name, keys, message, program, answer, opens = work
        channel = open_channel(link, wires, plain, [address for _, _, address in known], index, name)
        specs = [spec.value for spec in program.inputs]
        shares = receive(specs, message, index)
        execution = Execution(program, Party(index, channel, keys), {v.number: s for v, s in zip(specs, shares, strict=True)})
        execution.keep(answer)
        del shares, message, work
        pipe.send(None)
        pipe.recv()
        began, before = time.perf_counter(), time.process_time()
        execution.run()
        share = execution.share(answer)
        seen = open_to_all(channel, share, answer) if opens else None
        seconds, processor = time.perf_counter() - began, time.process_time() - before
        sent = channel.bytes_sent_previous + channel.bytes_sent_next
        opened = digest(seen)
        pipe.send(Taken(seconds=seconds, processor=processor, rounds=channel.rounds, sent=sent, share=share, opened=opened))
        pipe.recv()
        execution.forget()
        channel.close()
        channel.release()
        pipe.send(None)
        del execution, share, seen
    listener.close()
    plain.close()
