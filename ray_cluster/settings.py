"""What an actor is told at its start: JSON, with the path of its institution's private directory instead of its key."""

from __future__ import annotations

import base64
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray_cluster.identities import ProcessIdentity

INSTITUTION = "secureframe.engine.institution:Institution"
PARTY_JOB = "secureframe.engine.party_job:PartyJob"
IDENTITY_FILE = "identity.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSettings:
    """Settings of one actor.

    Parameters
    ----------
    name : str
        The institution's name.
    role : str
        ``institution`` or ``party``: names the log file.
    directory : str
        The institution's private directory: identity, logs, records.
    party : int or None
        The compute party that the institution hosts.
    port : int
        Where to listen; 0 for any free port at the first start.
    members : list of dict
        All members, the same list everywhere.
    policy, tables : dict
        The institution's policy and the declarations of its tables; for the institution's actor alone.
    analyst : dict
        The analyst's public record.
    client_certificate : str
        The certificate (DER, base64) with which the analyst connects.
    record : bool
        Whether to keep what is sent above TLS, for the leak tests.
    institution, party_job : str
        Paths of the classes that do the work.
    """

    name: str
    role: str
    directory: str
    party: int | None
    port: int = 0
    members: list[dict[str, Any]] = field(default_factory=list)
    policy: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    analyst: dict[str, Any] = field(default_factory=dict)
    client_certificate: str = ""
    record: bool = False
    institution: str = INSTITUTION
    party_job: str = PARTY_JOB

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ActorSettings:
        return cls(**record)

    def identity(self) -> ProcessIdentity:
        """Read the institution's identity from its private directory."""
        from ray_cluster.identities import ProcessIdentity

        return ProcessIdentity.load(self.name, Path(self.directory) / IDENTITY_FILE)

    def clients(self) -> list[bytes]:
        """Return the certificates (DER) of those who may connect to the gateway."""
        return [base64.b64decode(self.client_certificate, validate=True)]

    def records(self) -> Path | None:
        """Return the directory for recorded payloads, or None where nothing is recorded."""
        if not self.record:
            return None
        path = Path(self.directory) / "records"
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def log_to_file(self) -> None:
        """Send the log of this process to a file in the institution's private directory."""
        handler = logging.FileHandler(Path(self.directory) / f"{self.role}.log")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        for name, level in (("secureframe", logging.INFO), ("uvicorn", logging.WARNING)):
            logger = logging.getLogger(name)
            logger.addHandler(handler)
            logger.setLevel(level)
            logger.propagate = False
