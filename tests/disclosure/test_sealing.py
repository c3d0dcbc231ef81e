"""Packages that only their recipient opens, and shares that have to fit together."""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace
from typing import Any

import pytest

from secureframe.disclosure.sealing import KEY_BYTES, open_packages, seal, unseal
from secureframe.errors import PolicyError, ProtocolAborted
from secureframe.governance.identity import AnalystIdentity
from secureframe.plan.envelope import job_id
from secureframe.plan.nodes import Statistic, Summarise
from secureframe.plan.nodes import Table as TableNode
from secureframe.planner.compile import compile_plan
from secureframe.results.decode import decode_release, open_outputs
from tests.disclosure.federations import Direct

JOB: dict[str, Any] = {"job_id": "0" * 32, "plan_digest": "d" * 64}
SHARES = [secrets.token_bytes(96) for _ in range(3)]


@pytest.fixture(scope="module")
def identity() -> AnalystIdentity:
    return AnalystIdentity.generate("ana")


@pytest.fixture
def packages(identity: AnalystIdentity) -> list[bytes]:
    key = identity.public()["sealing_key"]
    return [seal(shares, key, party=party, **JOB) for party, shares in enumerate(SHARES)]


def test_the_recipient_opens_them(identity: AnalystIdentity, packages: list[bytes]) -> None:
    assert open_packages(packages, identity.sealing_key, **JOB) == tuple(SHARES)
    assert len({len(p) for p in packages}) == 1
    assert all(shares not in package for shares in SHARES for package in packages)


def test_nobody_else_does(packages: list[bytes]) -> None:
    with pytest.raises(ProtocolAborted, match="cannot be opened"):
        open_packages(packages, AnalystIdentity.generate("eve").sealing_key, **JOB)


@pytest.mark.parametrize("position", [0, KEY_BYTES - 1, KEY_BYTES, KEY_BYTES + 50, -1])
def test_a_changed_byte_is_noticed(identity: AnalystIdentity, packages: list[bytes], position: int) -> None:
    changed = bytearray(packages[1])
    changed[position] ^= 1
    with pytest.raises(ProtocolAborted):
        open_packages([packages[0], bytes(changed), packages[2]], identity.sealing_key, **JOB)


@pytest.mark.parametrize("package", [b"", b"short", bytes(KEY_BYTES), bytes(200)])
def test_malformed_packages_are_refused(identity: AnalystIdentity, package: bytes) -> None:
    with pytest.raises(ProtocolAborted):
        unseal(package, identity.sealing_key, party=0, **JOB)


def test_swapped_parties_are_refused(identity: AnalystIdentity, packages: list[bytes]) -> None:
    with pytest.raises(ProtocolAborted):
        open_packages([packages[1], packages[0], packages[2]], identity.sealing_key, **JOB)
    with pytest.raises(ProtocolAborted):
        open_packages([packages[0], packages[0], packages[2]], identity.sealing_key, **JOB)


@pytest.mark.parametrize("other", [{"job_id": "1" * 32}, {"plan_digest": "e" * 64}])
def test_packages_of_another_job_or_plan_are_refused(
    identity: AnalystIdentity, packages: list[bytes], other: dict[str, Any]
) -> None:
    with pytest.raises(ProtocolAborted):
        open_packages(packages, identity.sealing_key, **(JOB | other))


def test_every_package_has_a_key_of_its_own(identity: AnalystIdentity) -> None:
    key = identity.public()["sealing_key"]
    first, second = (seal(SHARES[0], key, party=0, **JOB) for _ in range(2))
    assert first[:KEY_BYTES] != second[:KEY_BYTES] and first[KEY_BYTES:] != second[KEY_BYTES:]


def test_a_recipient_without_a_real_key_gets_nothing() -> None:
    for key in ("no base64!", base64.b64encode(bytes(5)).decode(), base64.b64encode(bytes(32)).decode()):
        with pytest.raises(ValueError):
            seal(SHARES[0], key, party=0, **JOB)


# -- shares at the recipient -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def direct() -> Direct:
    return Direct()


@pytest.fixture(scope="module")
def asked(direct: Direct) -> Summarise:
    patients = TableNode(direct.catalog.tables[("hospital", "patients")])
    return Summarise(patients, ("male",), (Statistic(kind="size"), Statistic(kind="mean", columns=("age",))))


def test_inconsistent_shares_are_detected(direct: Direct, asked: Summarise) -> None:
    plan = direct.plan(asked)
    compiled = compile_plan(plan, direct.catalog.policies)
    outcome = direct.run(plan)
    job = job_id(plan.to_bytes())
    shares = open_packages(outcome.packages, direct.analyst.sealing_key, job_id=job, plan_digest=plan.digest)
    table = decode_release(compiled.releases[0], open_outputs(compiled, shares), plan)
    assert len(table.values[0]) == 2
    for party in range(3):
        for at in (0, len(shares[party]) // 2, len(shares[party]) - 1):
            changed = bytearray(shares[party])
            changed[at] ^= 1
            with pytest.raises(ProtocolAborted, match="do not fit"):
                open_outputs(compiled, [bytes(changed) if i == party else s for i, s in enumerate(shares)])
    for wrong in ([s[:-8] for s in shares], [s + bytes(8) for s in shares], [shares[0], shares[2], shares[1]]):
        with pytest.raises(ProtocolAborted, match="do not fit"):
            open_outputs(compiled, wrong)


def test_recipients_cannot_be_swapped(direct: Direct, asked: Summarise) -> None:
    """Results go to whoever asked and signed, whoever is named."""
    plan = direct.plan(asked)
    mine, other = direct.analyst.public(), direct.other.public()
    with pytest.raises(PolicyError, match="analyst who asks"):
        direct.run(replace(plan, recipient=other))
    with pytest.raises(PolicyError, match="analyst who asks"):
        direct.run(replace(plan, recipient=mine | {"sealing_key": other["sealing_key"]}))
    with pytest.raises(PolicyError, match="does not know"):
        direct.run(replace(plan, analyst=other, recipient=other), signer=direct.other)
    with pytest.raises(PolicyError, match="signature"):
        direct.run(plan, signer=direct.other)
    direct.run(plan)


def test_a_swap_in_the_signed_bytes_breaks_the_signature(direct: Direct, asked: Summarise) -> None:
    plan = direct.plan(asked)
    request = plan.to_bytes()
    signature = direct.analyst.sign(request)
    swapped = replace(plan, recipient=direct.other.public()).to_bytes()
    with pytest.raises(PolicyError, match="signature"):
        direct.backend.run(swapped, signature, lambda *_: None)
    direct.backend.run(request, signature, lambda *_: None)
