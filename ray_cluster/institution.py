"""An institution as a process: its tables and policy, what it admits, and the job runs behind its gateway.

Nothing here knows Ray or HTTP: the actor gives it a handle of its compute party, and the gateway asks it.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ray_cluster.delivery import ADMISSION_SECONDS, Courier
from ray_cluster.failures import Cause
from ray_cluster.federation import FederationDescription
from ray_cluster.guests import Guests
from ray_cluster.identities import ProcessIdentity, key_text
from ray_cluster.job_run import Emit, JobRun
from ray_cluster.links import Dialer
from ray_cluster.memory import WhenIdle
from ray_cluster.party_handle import PartyHandle, PartyLost
from secureframe.engine.catalog import Catalog
from secureframe.engine.saved import SavedFrames, storage_key
from secureframe.engine.shelf import Shelf
from secureframe.errors import PartyUnavailable, PlanError, PolicyError
from secureframe.governance.identity import InstitutionIdentity, verify
from secureframe.governance.journal import CANCELLED, FAILED, LOST, RELEASED

if TYPE_CHECKING:
    from secureframe.engine.institution import Institution

MOST_JOBS = 4


class TooManyJobs(Exception):
    """The institution runs as many jobs as it takes at once."""


class InstitutionHost:
    """Hosts one institution.

    Parameters
    ----------
    identity : ProcessIdentity
        Its key and certificate; its name is the institution's.
    institution : Institution
        Its tables, its policy, and what it admits.
    directory : Path, optional
        Its private directory, in which it keeps the results that it receives; without one it receives none.
    """

    def __init__(self, identity: ProcessIdentity, institution: Institution, directory: Path | None = None) -> None:
        self.name = identity.name
        self._identity = identity
        self._institution = institution
        self._description: FederationDescription | None = None
        self._dialer: Dialer | None = None
        self._party: PartyHandle | None = None
        self._runs: dict[str, tuple[str, JobRun]] = {}
        self._admitting = 0
        self._idle = WhenIdle()
        self.guests: Guests | None = None
        self._directory = directory
        self._courier: Courier | None = None
        self._lock = threading.Lock()
        if directory is not None:
            institution.identify(InstitutionIdentity.of(identity.name, identity.key).public(), directory)

    def register(self, tables: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Register tables by their declarations, and return the institution's catalog entry.

        A declaration is given the institution's ``version_key``: under it the same data have the same version after a
        restart, while nobody else can tell from a version what the data are.
        """
        version_key = _version_key(self._identity)
        for table, declaration in tables.items():
            self._institution.register(table, {**declaration, "version_key": version_key})
        entry: dict[str, Any] = self._institution.describe()
        return entry

    def trust(self, analyst: dict[str, Any]) -> None:
        """Let an analyst ask: name, affiliation and public keys."""
        self._institution.trust(analyst)

    def configure(self, description: FederationDescription, party: PartyHandle | None) -> None:
        """Learn the members, the catalog, and the institution's own compute party."""
        self._dialer = Dialer(self._identity, description)
        self._courier = Courier(self._identity, description)
        self._institution.set_catalog(description.catalog)
        self._party = party
        self._description = description

    def replace_party(self, party: PartyHandle) -> None:
        """Take a new compute party in place of one that was lost."""
        self._party = party

    # -- what the gateway asks -------------------------------------------------------------------------------------

    def ready(self) -> bool:
        """Whether a job could run here now."""
        if self._description is None:
            return False
        if self._party is None:
            return True
        try:
            self._party.ping()
        except Exception:  # noqa: BLE001  # lost, or too busy to answer
            return False
        return True

    def catalog(self) -> dict[str, Any]:
        """Return the institution's public catalog entry."""
        entry: dict[str, Any] = self._institution.describe()
        return entry

    def invite(self, body: bytes, signature: bytes, verify_key: str) -> None:
        """Admit another analyst, where whoever started a simulation invites them."""
        if self.guests is None:
            raise PolicyError("this institution says itself who may ask", institution=self.name)
        self.guests.invite(body, signature, verify_key)

    @property
    def shelf(self) -> Shelf:
        """The frames that analysts have saved here."""
        if self._directory is None or self._description is None:
            raise PlanError(f"{self.name} saves no frames", institution=self.name)
        entries = {m.name: self._description.catalog[m.name] for m in self._description.members}
        return Shelf(SavedFrames(self._directory, storage_key(self._identity.key)), lambda: Catalog.from_entries(entries))

    def save(self, body: bytes, signature: bytes, verify_key: str) -> None:
        """Keep a frame that its analyst has signed, and have the party keep its part."""
        keepsake = self.shelf.save(body, signature, verify_key)
        if self._party is not None:
            self._party.save(verify_key, keepsake.name, list(keepsake.kept))

    def load(self, name: str, verify_key: str) -> dict[str, Any]:
        """Return a saved frame, and have the party take up its part again."""
        record, current = self.shelf.load(verify_key, name)
        if self._party is not None:
            self._party.restore(verify_key, name, current)
        return record

    def kept(self, verify_key: str) -> dict[str, str]:
        """Return what the institution's party keeps of an analyst's earlier statements: for each digest the job it comes from."""
        if self._party is None:
            return {}
        try:
            return self._party.kept(verify_key)
        except Exception:  # noqa: BLE001  # lost, or too busy to answer: then statements start anew
            return {}

    def forget(self, verify_key: str) -> None:
        """Drop what the institution's party keeps of an analyst's statements."""
        if self._party is not None:
            with suppress(PartyLost):
                self._party.forget(verify_key)

    def admit(self, request: bytes, signature: bytes, verify_key: str) -> tuple[str, JobRun]:
        """Check a signed plan and return the job's identifier and its run.

        Parameters
        ----------
        request, signature : bytes
            The plan's canonical bytes, and the analyst's signature over them.
        verify_key : str
            The key of the certificate with which the connection was made: it must have signed the plan.
        """
        if self._dialer is None:
            raise PartyUnavailable("the institution is starting", institution=self.name)
        if self._party is not None and self._party.lost():
            raise PartyUnavailable("the institution's compute party is being restarted", institution=self.name)
        if not verify(verify_key, signature, request):
            raise PolicyError(
                "the plan is not signed by the holder of the certificate that sent it",
                hint="sign the plan with the identity that opens the connection",
                institution=self.name,
            )
        # A place is taken before any work is done: what is refused for want of one costs nothing, and may be sent again.
        with self._lock:
            if len(self._runs) + self._admitting >= MOST_JOBS:
                raise TooManyJobs
            self._admitting += 1
        try:
            job = self._institution.admit(request, signature)
            run = JobRun(self._institution, job, self._party, self._dialer, self.name, self._hand_over)
            with self._lock:
                self._runs[job.job_id] = (verify_key, run)
        finally:
            with self._lock:
                self._admitting -= 1
        return job.job_id, run

    def receive(self, job_id: str, party: int, package: bytes, verify_key: str) -> None:
        """Take a party's package of a job whose recipient this institution is.

        Parameters
        ----------
        verify_key : str
            The key of the certificate with which the connection was made: the host of the party must have made it.
        """
        hosts = {} if self._description is None else {m.party: m for m in self._description.members if m.party is not None}
        if party not in hosts or key_text(hosts[party].certificate) != verify_key:
            raise PolicyError("a package comes from the host of its party", institution=self.name)
        if self._institution.receiving is None:
            raise PolicyError(f"{self.name} receives no results", institution=self.name)
        self._institution.receiving.receive(job_id, party, package, ADMISSION_SECONDS)

    def _hand_over(self, recipient: str, job_id: str, package: bytes) -> None:
        """Bring its own party's package to the recipient."""
        assert self._description is not None and self._courier is not None
        party = self._description.member(self.name).party
        assert party is not None
        if recipient != self.name:
            self._courier.hand_over(recipient, job_id, party, package)
        elif self._institution.receiving is not None:
            self._institution.receiving.receive(job_id, party, package)

    def run(self, job_id: str, emit: Emit) -> None:
        """Run an admitted job to its end."""
        _, run = self._runs[job_id]
        self._idle.begin()
        status = LOST
        try:
            status = _status(run.run(emit))
        finally:
            self._idle.end()
            with self._lock:
                del self._runs[job_id]
            self._institution.ended(job_id, status)

    def cancel(self, job_id: str, verify_key: str) -> bool:
        """Cancel a job of the same analyst; return whether there was one."""
        with self._lock:
            owner, run = self._runs.get(job_id, (None, None))
        if run is None or owner != verify_key:
            return False
        run.cancel()
        return True


def _status(event: dict[str, Any]) -> str:
    """How a job ended here, as the journal says it: its last event."""
    if event["event"] == "result":
        return RELEASED
    return CANCELLED if event["cause"] == Cause.CANCELLED else FAILED


def _version_key(identity: ProcessIdentity) -> str:
    """Return a secret of the institution (64 hexadecimal characters) that outlives its processes, as its identity does."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"secureframe data versions v1")
    return derive.derive(identity.key.private_bytes_raw()).hex()
