"""Who may connect: whoever holds the key of a pinned certificate, and nobody for having the same name."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

import pytest

from ray_cluster.identities import ProcessIdentity


def shaken(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """A handshake in memory; raises what either side refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True)]
    for _ in range(3):
        for side in [*sides]:
            try:
                side.do_handshake()
                sides.remove(side)
            except ssl.SSLWantReadError:
                pass
    assert not sides


@pytest.fixture
def hospital() -> ProcessIdentity:
    return ProcessIdentity.generate("hospital")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_of_one_name_are_two(hospital: ProcessIdentity, order: Sequence[int]) -> None:
    people = [ProcessIdentity.generate("ben"), ProcessIdentity.generate("ben")]
    context = hospital.server_context([people[at].certificate for at in order])
    for person in people:
        shaken(context, person.client_context(hospital.certificate))


def test_the_same_name_opens_no_door(hospital: ProcessIdentity) -> None:
    context = hospital.server_context([ProcessIdentity.generate("ben").certificate])
    with pytest.raises(ssl.SSLError):
        shaken(context, ProcessIdentity.generate("ben").client_context(hospital.certificate))
