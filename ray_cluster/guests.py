"""Analysts who were invited while a simulation ran: whoever started it names them, and every institution remembers them.

Real institutions admit analysts themselves. A simulation belongs to one person altogether, and that person alone may invite.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray_cluster.identities import public_key
from secureframe.errors import PolicyError
from secureframe.governance.identity import is_sealing_key, verify

GUESTS_FILE = "guests.json"
MOST_GUESTS = 64


class Guests:
    """Who was invited to one institution.

    Parameters
    ----------
    directory : Path
        The institution's private directory, in which the list outlives its processes.
    owner : str
        The key (base64) of the analyst who started the simulation.
    admit : callable
        Called with the public record and the certificate (DER) of each.
    """

    def __init__(self, directory: Path, owner: str, admit: Callable[[dict[str, Any], bytes], None]) -> None:
        self._path = directory / GUESTS_FILE
        self._owner = owner
        self._admit = admit
        self._lock = threading.Lock()

    def welcome_back(self) -> None:
        """Admit those who were invited before this process began."""
        for guest in self._read():
            self._admit(guest["analyst"], base64.b64decode(guest["certificate"], validate=True))

    def invite(self, body: bytes, signature: bytes, verify_key: str) -> None:
        """Admit whom a signed invitation names.

        Raises
        ------
        PolicyError
            If it is not signed by who started the simulation, or names no identity.
        """
        if verify_key != self._owner or not verify(verify_key, signature, body):
            raise PolicyError("only who started the simulation invites", hint="fed.invite('name') in that notebook")
        guest = _read_guest(body)
        with self._lock:
            known = self._read()
            if guest in known:
                return
            if len(known) >= MOST_GUESTS:
                raise PolicyError(f"a simulation has at most {MOST_GUESTS} guests")
            self._admit(guest["analyst"], base64.b64decode(guest["certificate"], validate=True))
            draft = self._path.with_suffix(".draft")
            descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump([*known, guest], file)
            draft.replace(self._path)

    def _read(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        found: list[dict[str, Any]] = json.loads(self._path.read_text(encoding="utf-8"))
        return found


def _read_guest(body: bytes) -> dict[str, Any]:
    malformed = PolicyError("an invitation names an analyst with a certificate over the same key")
    try:
        record = json.loads(body)
        analyst, certificate = record["analyst"], base64.b64decode(record["certificate"], validate=True)
        key = base64.b64encode(public_key(certificate).public_bytes_raw()).decode("ascii")
        texts = (analyst["name"], analyst["verify_key"], analyst["sealing_key"])
        fields = {"name", "affiliation", "verify_key", "sealing_key"}
        valid = set(record) == {"analyst", "certificate"} and set(analyst) == fields and all(isinstance(t, str) for t in texts)
    except (ValueError, TypeError, KeyError) as error:
        raise malformed from error
    if not valid or analyst["verify_key"] != key or not is_sealing_key(analyst["sealing_key"]):
        raise malformed
    if not isinstance(analyst["affiliation"], str | None):
        raise malformed
    return {"analyst": analyst, "certificate": record["certificate"]}
