"""An institution as recipient: it waits for the sealed packages of the jobs that it admitted, and keeps them sealed.

A package comes from the host of each party. Their number and lengths follow from the plan; a package of a job that this
institution did not admit, of another length, or a second one of a party, is refused. Nothing is opened here.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secureframe.errors import ProtocolAborted
from secureframe.governance.kept import PACKAGE_OVERHEAD, KeptResult

PARTIES = 3
MAX_EXPECTED = 100
"""Jobs whose packages are waited for; the oldest is forgotten beyond that."""


@dataclass(slots=True, kw_only=True)
class _Expected:
    """A job that was admitted with this institution as its recipient."""

    request: bytes
    signature: bytes
    size: int
    packages: dict[int, bytes] = field(default_factory=dict)


class Receiving:
    """Packages on their way to one institution.

    Parameters
    ----------
    name : str
        The institution.
    directory : Path
        The folder that results are kept in.
    catalog : callable
        Returns the catalog entries that plans are compiled against.
    """

    def __init__(self, name: str, directory: Path, catalog: Callable[[], dict[str, dict[str, Any]]]) -> None:
        self._name = name
        self._directory = directory
        self._catalog = catalog
        self._expected: dict[str, _Expected] = {}
        self._kept: dict[str, None] = {}
        self._changed = threading.Condition()

    def expect(self, job: str, request: bytes, signature: bytes, released_bytes: int) -> None:
        """Wait for the packages of an admitted job; each holds ``released_bytes`` of shares."""
        with self._changed:
            self._expected[job] = _Expected(request=request, signature=signature, size=released_bytes + PACKAGE_OVERHEAD)
            while len(self._expected) > MAX_EXPECTED:
                self._expected.pop(next(iter(self._expected)))
            self._changed.notify_all()

    def receive(self, job: str, party: int, package: bytes, seconds: float = 0.0) -> None:
        """Take a party's package; the third one completes the result, which is then kept.

        Parameters
        ----------
        seconds : float
            How long to wait for the job to be admitted here: another institution may have been faster.

        Raises
        ------
        ProtocolAborted
            If it is not expected, or not what is expected.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: job in self._expected, seconds):
                raise ProtocolAborted(f"{self._name} expects no result of this job", hint="run the statement again")
            expected = self._expected[job]
            if not 0 <= party < PARTIES or party in expected.packages or len(package) != expected.size:
                raise ProtocolAborted(
                    f"a package for {self._name} is not what the plan says it is", hint="run the statement again"
                )
            expected.packages[party] = package
            if len(expected.packages) < PARTIES:
                return
            del self._expected[job]
            first, second, third = (expected.packages[i] for i in range(PARTIES))
            KeptResult(
                job=job,
                recipient=self._name,
                received=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                request=expected.request,
                signature=expected.signature,
                catalog=self._catalog(),
                packages=(first, second, third),
            ).save(self._directory)
            self._kept[job] = None
            while len(self._kept) > MAX_EXPECTED:
                self._kept.pop(next(iter(self._kept)))
            self._changed.notify_all()

    def complete(self, job: str, seconds: float) -> bool:
        """Whether all packages of a job are kept, or are within ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: job in self._kept, seconds)

    def forget(self, job: str) -> None:
        """Drop what came of a job that will not be completed; two packages would already be a result."""
        with self._changed:
            self._expected.pop(job, None)
