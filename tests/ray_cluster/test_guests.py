"""Who may be invited, who is connected, and what a federation's file says."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ray_cluster.connect import connect, write_invitation
from ray_cluster.federation import FederationDescription, FederationMember
from ray_cluster.guests import MOST_GUESTS, Guests
from ray_cluster.identities import ProcessIdentity
from ray_cluster.presence import Presence
from secureframe.errors import PartyUnavailable, PlanError, PolicyError
from secureframe.governance.identity import AnalystIdentity, is_sealing_key
from tests.ray_cluster.serving import Served, serving

HOST = AnalystIdentity.generate("ana")
KEY = HOST.public()["verify_key"]


def invitation(name: str = "ben", **changes: Any) -> bytes:
    identity = ProcessIdentity.generate(name)
    analyst = {**AnalystIdentity.of(name, None, identity.key).public(), **changes}
    return json.dumps({"analyst": analyst, "certificate": base64.b64encode(identity.certificate).decode()}).encode()


class Door:
    def __init__(self, directory: Path) -> None:
        self.inside: list[str] = []
        self.guests = Guests(directory, KEY, lambda analyst, certificate: self.inside.append(analyst["name"]))


def test_guests_are_remembered(tmp_path: Path) -> None:
    door = Door(tmp_path)
    body = invitation()
    for _ in range(2):
        door.guests.invite(body, HOST.sign(body), KEY)
    assert door.inside == ["ben"]
    later = Door(tmp_path)
    later.guests.welcome_back()
    assert later.inside == ["ben"]
    assert (tmp_path / "guests.json").stat().st_mode & 0o777 == 0o600


def test_only_the_owner_invites(tmp_path: Path) -> None:
    door, other = Door(tmp_path), AnalystIdentity.generate("eve")
    body = invitation()
    for signature, key in ((other.sign(body), other.public()["verify_key"]), (other.sign(body), KEY), (HOST.sign(b"x"), KEY)):
        with pytest.raises(PolicyError, match="who started"):
            door.guests.invite(body, signature, key)
    assert door.inside == []


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"no JSON",
        invitation(verify_key=KEY),
        invitation(sealing_key="short"),
        invitation(affiliation=["a"]),
        invitation(more="fields"),
    ],
)
def test_an_invitation_names_an_identity(tmp_path: Path, body: bytes) -> None:
    door = Door(tmp_path)
    with pytest.raises(PolicyError, match="names an analyst"):
        door.guests.invite(body, HOST.sign(body), KEY)
    assert door.inside == [] and not (tmp_path / "guests.json").exists()


def test_there_is_an_end_of_guests(tmp_path: Path) -> None:
    door = Door(tmp_path)
    record = json.loads(invitation())
    (tmp_path / "guests.json").write_text(json.dumps([record] * MOST_GUESTS))
    body = invitation("max")
    with pytest.raises(PolicyError, match="at most"):
        door.guests.invite(body, HOST.sign(body), KEY)


def test_who_comes_back_in_time_has_not_gone() -> None:
    gone: list[str] = []
    left = threading.Event()
    presence = Presence(lambda key: (gone.append(key), left.set())[0], seconds=0.2)
    for key in ("ana", "ana", "ben"):
        presence.enter(key)
    presence.leave("ana")
    presence.leave("ben")
    presence.enter("ben")
    assert not left.wait(0.4) and gone == []
    presence.leave("ana")
    assert left.wait(5) and gone == ["ana"]


def test_a_gateway_notices_that_an_analyst_has_gone() -> None:
    with serving(gone_seconds=0.2) as served:
        assert isinstance(served, Served)
        with served.client("ben") as client:
            client.get("/kept")
            key = served.ben.public()["verify_key"]
        for _ in range(100):
            if f"forget {key}" in served.party.calls:
                break
            threading.Event().wait(0.05)
        assert f"forget {key}" in served.party.calls
        assert f"forget {served.ana.public()['verify_key']}" not in served.party.calls


def test_a_file_says_what_was_written(tmp_path: Path) -> None:
    host = ProcessIdentity.generate("hospital")
    member = FederationMember(
        name="hospital", party=0, data=True, certificate=host.certificate, gateway=("127.0.0.1", 1), link=("127.0.0.1", 2)
    )
    guest = ProcessIdentity.generate('b"e\nn\x7f')
    analyst = AnalystIdentity.of(guest.name, "clinic", guest.key)
    path = write_invitation(tmp_path / "ben", FederationDescription(members=(member,), catalog={}), analyst, guest, 'a = "b"')
    with pytest.raises(PartyUnavailable, match="hospital"):
        connect(path)
    text = path.read_text()
    path.write_text(text.replace(member.fingerprint, "0" * 64))
    with pytest.raises(PlanError, match="cannot be read as the file"):
        connect(path)
    path.write_text(text)
    (path.parent / "identity.pem").unlink()
    with pytest.raises(PlanError, match="identity"):
        connect(path)


def test_keys_of_an_analyst_follow_from_one() -> None:
    identity = ProcessIdentity.generate("ben")
    first, second = (AnalystIdentity.of("ben", None, identity.key) for _ in range(2))
    assert first.public() == second.public() and is_sealing_key(first.public()["sealing_key"])
    assert first.public()["sealing_key"] != AnalystIdentity.of("ben", None, HOST.signing_key).public()["sealing_key"]
