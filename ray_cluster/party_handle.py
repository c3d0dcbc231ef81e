"""What an institution asks of its own compute party, whoever carries the calls to its process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from secureframe.engine.job import AdmittedJob


class PartyLost(Exception):
    """The process of the institution's own compute party has exited."""


class PartyHandle(Protocol):
    """An institution's own compute party, in another process. All but ``lost`` raise `PartyLost` once that has exited.

    ``run`` begins at once. It answers once for the links of a job, once a stage, and once with the sealed package; after an
    answer with an ``error`` there is none. Between them, while nothing ends, it may tell of its ``progress``. A job that was
    sealed needs no ``finish``.
    """

    def ping(self) -> None: ...

    def lost(self) -> bool: ...

    def run(self, job: AdmittedJob) -> Iterator[dict[str, Any]]: ...

    def cancel(self, job_id: str) -> None: ...

    def kept(self, analyst: str) -> dict[str, str]: ...

    def forget(self, analyst: str) -> None: ...

    def save(self, analyst: str, name: str, digests: list[str]) -> None: ...

    def restore(self, analyst: str, name: str, current: bool) -> None: ...

    def finish(self, job_id: str) -> None: ...
