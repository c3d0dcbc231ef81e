"""How a party opens a job: secrets that belong to one pair alone, and no waiting for links that cannot come."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from ray_cluster.failures import Cause
from ray_cluster.federation import FederationDescription
from ray_cluster.links import Link, bind
from ray_cluster.party import PartyHost, pair_secret
from tests.ray_cluster.engine_double import AdmittedJob
from tests.ray_cluster.wiring import new_job, wiring

OWN, FIRST, SECOND = b"o" * 32, b"a" * 32, b"b" * 32


def shown(key: X25519PrivateKey) -> Link:
    """A link over which the other side has shown this ephemeral key."""
    connection: Any = None
    return Link(connection, key.public_key().public_bytes_raw())


def test_both_sides_of_a_pair_derive_the_same_secret() -> None:
    left, right, job = X25519PrivateKey.generate(), X25519PrivateKey.generate(), new_job()
    one = pair_secret(left, FIRST + left.public_key().public_bytes_raw(), SECOND, shown(right), shown(right), job)
    two = pair_secret(right, SECOND + right.public_key().public_bytes_raw(), FIRST, shown(left), shown(left), job)
    assert one == two
    other = pair_secret(right, SECOND + right.public_key().public_bytes_raw(), FIRST, shown(left), shown(left), new_job())
    assert other != one


def test_a_neighbours_key_shown_as_ones_own_makes_no_equal_secrets() -> None:
    """With equal secrets on both sides the masks of a party would cancel."""
    key, echoed, job = X25519PrivateKey.generate(), shown(X25519PrivateKey.generate()), new_job()
    own = OWN + key.public_key().public_bytes_raw()
    assert pair_secret(key, own, FIRST, echoed, echoed, job) != pair_secret(key, own, SECOND, echoed, echoed, job)


def test_a_link_that_cannot_be_made_ends_the_opening() -> None:
    """One neighbour is gone, and the other has not opened the job."""

    def compute(*arguments: Any) -> Any:
        raise AssertionError

    with wiring() as wires, bind(0) as unheard:
        party = PartyHost(wires.identities[0], 0, compute, 0)
        members = list(wires.description.members)
        members[1] = replace(members[1], link=unheard.getsockname()[:2])
        party.configure(FederationDescription(members=tuple(members), catalog={}))
        job: Any = AdmittedJob(job_id=new_job(), owners=(), stages=("share",), words=1, rounds=1, marks=None)
        with ThreadPoolExecutor(1) as pool:
            opening = pool.submit(party.open, job)
            try:
                assert opening.result(timeout=10)["cause"] == Cause.LINK
            finally:
                party.cancel(job.job_id)
        party.cancel(secrets.token_hex(16))
        party._listener.close()
