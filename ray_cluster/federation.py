"""What everyone knows of a federation: its members, where they listen, which certificates they hold, what they offer.

The description is JSON. The kernel needs nothing else to speak to the gateways, and the parties nothing else to find
each other; certificates in it are pinned, names alone prove nothing.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from ray_cluster.identities import fingerprint

PARTIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationMember:
    """An institution as the others see it.

    Parameters
    ----------
    name : str
        Its name.
    party : int or None
        The compute party that it hosts.
    data : bool
        Whether it brings tables.
    certificate : bytes
        Its certificate (DER), pinned by everyone.
    gateway : tuple of str and int, or None
        Host and port of its gateway; None as long as it has not been bound.
    link : tuple of str and int, or None
        Host and port at which its compute party accepts links.
    """

    name: str
    party: int | None
    data: bool
    certificate: bytes
    gateway: tuple[str, int] | None = None
    link: tuple[str, int] | None = None

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.certificate)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "party": self.party,
            "data": self.data,
            "certificate": base64.b64encode(self.certificate).decode("ascii"),
            "fingerprint": self.fingerprint,
            "gateway": list(self.gateway) if self.gateway else None,
            "link": list(self.link) if self.link else None,
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> FederationMember:
        member = cls(
            name=str(record["name"]),
            party=record["party"],
            data=bool(record["data"]),
            certificate=base64.b64decode(record["certificate"], validate=True),
            gateway=_address(record["gateway"]),
            link=_address(record["link"]),
        )
        if member.fingerprint != record["fingerprint"]:
            raise ValueError(f"the certificate of {member.name} is not the one whose fingerprint is pinned")
        return member


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationDescription:
    """Members in a fixed order, the same everywhere, and their public catalog entries."""

    members: tuple[FederationMember, ...]
    catalog: dict[str, dict[str, Any]]

    def member(self, name: str) -> FederationMember:
        for member in self.members:
            if member.name == name:
                return member
        raise KeyError(name)

    def host(self, party: int) -> FederationMember:
        """Return the member that hosts a compute party."""
        for member in self.members:
            if member.party == party:
                return member
        raise KeyError(party)

    def to_json(self) -> dict[str, Any]:
        return {"members": [member.to_json() for member in self.members], "catalog": self.catalog}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> FederationDescription:
        members = tuple(FederationMember.from_json(member) for member in record["members"])
        return cls(members=members, catalog=dict(record["catalog"]))


def _address(value: Any) -> tuple[str, int] | None:
    return None if value is None else (str(value[0]), int(value[1]))
