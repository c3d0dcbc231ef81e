"""Saved frames at one institution: what it takes, what it gives back, and when what its party kept is not of use any more."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from secureframe.engine.catalog import Catalog
from secureframe.engine.kept import KeptShares
from secureframe.engine.saved import SavedFrames, pack, unpack
from secureframe.errors import PlanError, PolicyError
from secureframe.governance.identity import verify
from secureframe.plan.keepsake import Keepsake, read_keepsake, require_name


class Shelf:
    """The plans of saved frames at one institution.

    Parameters
    ----------
    saved : SavedFrames
        Where they lie, encrypted.
    catalog : callable
        Returns the catalog in force.
    """

    def __init__(self, saved: SavedFrames, catalog: Callable[[], Catalog]) -> None:
        self._saved = saved
        self._catalog = catalog

    def save(self, body: bytes, signature: bytes, analyst: str) -> Keepsake:
        """Keep a frame that its analyst has signed.

        Raises
        ------
        PolicyError
            If it is signed by somebody else.
        PlanError
            If it is no frame of the tables in force.
        """
        if not verify(analyst, signature, body):
            raise PolicyError("the saved frame is not signed by who sends it")
        keepsake = read_keepsake(body, self._catalog().tables)
        record = {
            "name": keepsake.name,
            "body": base64.b64encode(body).decode("ascii"),
            "signature": base64.b64encode(signature).decode("ascii"),
        }
        self._saved.write(analyst, keepsake.name, "plan", json.dumps(record).encode("utf-8"))
        return keepsake

    def load(self, analyst: str, name: str) -> tuple[dict[str, Any], bool]:
        """Return a saved frame as it was signed, and whether data and policies are still those of then.

        Raises
        ------
        PlanError
            If there is none of that name.
        """
        require_name(name)
        raw = self._saved.read(analyst, name, "plan")
        if raw is None:
            raise PlanError(f"no frame was saved as {name!r}", hint="fed.saved lists those that were")
        record = json.loads(raw)
        current = self._is_current(base64.b64decode(record["body"], validate=True))
        return {"body": record["body"], "signature": record["signature"], "current": current}, current

    def names(self, analyst: str) -> list[str]:
        """Return the names of an analyst's saved frames."""
        return self._saved.names(analyst)

    def forget(self, analyst: str, name: str) -> bool:
        """Remove a saved frame with all that belongs to it; return whether there was one."""
        require_name(name)
        return self._saved.forget(analyst, name)

    def _is_current(self, body: bytes) -> bool:
        catalog = self._catalog()
        try:
            keepsake = read_keepsake(body, catalog.tables)
        except PlanError:
            return False
        return is_current(keepsake, catalog)


def is_current(keepsake: Keepsake, catalog: Catalog) -> bool:
    """Whether the data and the policies of a saved frame are still those in force."""
    policies = {owner: catalog.policies[owner].digest for owner in sorted(keepsake.frame.owners)}
    return policies == dict(keepsake.policies) and catalog.versions_of(keepsake.frame) == dict(keepsake.versions)


def save_shares(saved: SavedFrames, kept: KeptShares, analyst: str, name: str, digests: list[str]) -> None:
    """Write down, encrypted, a party's part of the arrangements that a saved frame starts from."""
    saved.write(analyst, name, "shares", pack(kept.groups(analyst, digests)))


def restore_shares(saved: SavedFrames, kept: KeptShares, analyst: str, name: str, *, current: bool) -> None:
    """Take up a party's part of a saved frame again; what belongs to data or policies of before is dropped from the disk."""
    if not current:
        saved.drop_shares(analyst, name)
        return
    raw = saved.read(analyst, name, "shares")
    if raw is not None:
        kept.restore(analyst, unpack(raw))
