"""Reaching a federation that runs already: its file, the analyst's identity beside it, and a backend of gateways.

The file says where the gateways are and which certificates they hold; both are pinned, so that whoever reads the file reaches
these institutions or nobody. The identity is a file of its own, for its owner's eyes alone.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from ray_cluster.client import FederationClient
from ray_cluster.federation import FederationDescription, FederationMember
from ray_cluster.identities import ProcessIdentity
from secureframe.backend import Backend, Member, Outcome, Progress
from secureframe.errors import PlanError
from secureframe.governance.identity import AnalystIdentity

FEDERATION_FILE = "federation.toml"
IDENTITY_FILE = "identity.pem"
_OTHERS = 0o077


class GatewayBackend(Backend):
    """A federation behind its gateways.

    Parameters
    ----------
    members : tuple of Member
        Who they are.
    description : FederationDescription
        Where they are.
    client : FederationClient
        Speaks to them.
    """

    def __init__(self, members: tuple[Member, ...], description: FederationDescription, client: FederationClient) -> None:
        self.members = members
        self.description = description
        self._client = client

    def catalog(self) -> dict[str, dict[str, Any]]:
        return {each.name: dict(self.description.catalog[each.name]) for each in self.description.members if each.data}

    def run(self, request: bytes, signature: bytes, progress: Progress) -> Outcome:
        return self._client.run(request, signature, progress)

    def cancel(self, job_id: str) -> None:
        self._client.cancel(job_id)

    def health(self) -> dict[str, str]:
        return self._client.health()

    def kept(self) -> dict[str, str]:
        return self._client.kept()

    def last_kept(self) -> dict[str, str]:
        return self._client.last_kept()

    def forget_kept(self) -> None:
        self._client.forget_kept()

    def save(self, body: bytes, signature: bytes) -> None:
        self._client.save(body, signature)

    def load(self, name: str) -> list[dict[str, Any]]:
        return self._client.load(name)

    def saved(self) -> list[str]:
        return self._client.saved()

    def forget_saved(self, name: str) -> bool:
        return self._client.forget_saved(name)

    def close(self) -> None:
        self.forget_kept()
        self._client.close()


def write_invitation(
    directory: Path, description: FederationDescription, analyst: AnalystIdentity, identity: ProcessIdentity, purpose: str
) -> Path:
    """Write the federation's file and an analyst's identity to a private directory, and return the file's path."""
    directory.mkdir(mode=0o700, parents=True)
    identity.save(directory / IDENTITY_FILE)
    lines = ["[federation]", f"purpose = {_quoted(purpose)}", "", "[analyst]", f"name = {_quoted(analyst.name)}"]
    if analyst.affiliation is not None:
        lines.append(f"affiliation = {_quoted(analyst.affiliation)}")
    lines.append(f"identity = {_quoted(IDENTITY_FILE)}")
    for member in description.members:
        lines += ["", "[[members]]", *_fields(member)]
    path = directory / FEDERATION_FILE
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def connect(path: Path) -> tuple[Backend, AnalystIdentity, str]:
    """Reach the federation that a file describes.

    Returns
    -------
    tuple
        The backend, who asks, and the purpose that the file names.

    Raises
    ------
    PlanError
        If the file or the identity beside it cannot be read, or others may read the identity.
    PartyUnavailable
        If an institution cannot be reached.
    """
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
        members = tuple(_member(each) for each in record["members"])
        named = record["analyst"]
        name, beside, purpose = str(named["name"]), path.parent / str(named["identity"]), str(record["federation"]["purpose"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlanError(
            f"{path} cannot be read as the file of a federation ({type(error).__name__})",
            hint="the file that fed.invite('name') has written, or that the institutions have given out",
        ) from None
    try:
        if beside.stat().st_mode & _OTHERS:
            raise PlanError(f"others may read {beside}, which holds a private key", hint=f"chmod 600 {beside}")
        identity = ProcessIdentity.load(name, beside)
    except (OSError, ValueError, TypeError) as error:
        raise PlanError(
            f"{beside} cannot be read as an analyst's identity ({type(error).__name__})",
            hint="the identity lies beside the file of the federation",
        ) from None
    analyst = AnalystIdentity.of(name, named.get("affiliation"), identity.key)
    client = FederationClient(FederationDescription(members=members, catalog={}), identity)
    try:
        catalog = client.catalog()
    except BaseException:
        client.close()
        raise
    description = FederationDescription(members=members, catalog=catalog)
    shown = tuple(
        Member(name=each.name, party=each.party, data=each.data, identity=catalog[each.name].get("identity")) for each in members
    )
    return GatewayBackend(shown, description, client), analyst, purpose


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON's are, but for the one control character that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _fields(member: FederationMember) -> list[str]:
    record = member.to_json()
    found = []
    for name, value in record.items():
        if value is not None:
            found.append(f"{name} = {_quoted(value) if isinstance(value, str) else json.dumps(value)}")
    return found


def _member(record: dict[str, Any]) -> FederationMember:
    return FederationMember.from_json({"party": None, "gateway": None, "link": None, **record})
