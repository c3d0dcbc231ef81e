"""An institution and a party's computation that do just enough to drive processes, links and gateways in tests.

The request is JSON: ``owners``, ``stages``, and ``words`` to exchange in each of ``rounds``. Stages mean what they are called:
``hold`` exchanges until a link closes, ``fail`` raises with a secret in its message at party 1, ``undealt`` raises where inputs
are dealt, ``overlong`` deals party 1 too many bytes, anything else ends.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from secureframe.engine.kept import KeptShares
from secureframe.errors import PlanError, PolicyError, RegistrationError
from secureframe.governance.identity import verify
from secureframe.mpc.channel import Channel
from secureframe.mpc.randomness import PartyKeys

SECRET = "a value of a row"
DEALT = (800, 1600, 100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmittedJob:
    job_id: str
    owners: tuple[str, ...]
    stages: tuple[str, ...]
    words: int
    rounds: int
    marks: str | None
    recipient: str | None = None
    analyst: str = ""

    def dealt_bytes(self, owner: str, index: int) -> int:
        return DEALT[index]


class Institution:
    def __init__(self, *, name: str, policy: dict[str, Any], members: Sequence[dict[str, Any]]) -> None:
        self._name = name
        self._policy = policy
        self._members = members
        self._tables: dict[str, dict[str, Any]] = {}
        self._keys: list[str] = []
        self._seen: set[str] = set()
        self._version: str | None = None
        self.receiving: Any = None
        self.statuses: dict[str, str] = {}

    def identify(self, identity: dict[str, Any], directory: Path) -> None:
        """Receives nothing."""

    def register(self, table: str, declaration: dict[str, Any]) -> None:
        if declaration.get("malformed"):
            raise RegistrationError(f"column age of {table} breaks its rule", hint="correct the table", institution=self._name)
        self._tables[table] = declaration
        # The version of data that were not changed stays what it was, also in another process.
        salt = os.urandom(8).hex() if declaration.get("changing") else ""
        self._version = hashlib.sha256((declaration["version_key"] + salt).encode()).hexdigest()

    def describe(self) -> dict[str, Any]:
        return {"tables": sorted(self._tables), "version": self._version, "process": os.getpid()}

    def set_catalog(self, entries: dict[str, dict[str, Any]]) -> None:
        if entries[self._name].get("version") != self._version:
            raise PlanError("another version of the data")

    def trust(self, analyst: dict[str, Any]) -> None:
        self._keys.append(analyst["verify_key"])

    def admit(self, request: bytes, signature: bytes) -> AdmittedJob:
        if not any(verify(key, signature, request) for key in self._keys):
            raise PolicyError("not signed by a trusted analyst", institution=self._name)
        record = json.loads(request)
        job_id = hashlib.sha256(request).hexdigest()[:32]
        if job_id in self._seen:
            raise PlanError("a replayed plan")
        self._seen.add(job_id)
        if record.get("refused_by") == self._name:
            raise PolicyError("the policy forbids it", institution=self._name)
        return AdmittedJob(
            job_id=job_id,
            owners=tuple(record["owners"]),
            stages=tuple(record["stages"]),
            words=record["words"],
            rounds=record.get("rounds", 3),
            marks=record.get("marks"),
        )

    def ended(self, job: str, status: str) -> None:
        self.statuses[job] = status

    def deal(self, job: AdmittedJob) -> tuple[bytes, bytes, bytes] | None:
        if "undealt" in job.stages:
            raise ValueError(SECRET)
        first, second, third = (os.urandom(size) for size in DEALT)
        return first, second + b"more" if "overlong" in job.stages else second, third


class PartyJob:
    def __init__(
        self, job: AdmittedJob, index: int, channel: Channel, keys: PartyKeys, dealt: dict[str, bytes], kept: KeptShares
    ) -> None:
        self._job, self._index, self._channel, self._keys, self._dealt = job, index, channel, keys, dealt
        assert set(dealt) == set(job.owners)

    def run_stage(self, name: str) -> dict[str, Any]:
        words = np.full(self._job.words, self._index, np.uint64)
        if self._job.marks is not None:
            (Path(self._job.marks) / f"{name}-{self._index}").write_text(str(os.getpid()))
        if name == "fail" and self._index == 1:
            raise ValueError(SECRET)
        rounds, started = 0, time.perf_counter()
        while rounds < self._job.rounds or name in ("hold", "fail"):
            first, second = self._channel.exchange(words, words, len(words), len(words))
            assert int(first[0]) == (self._index - 1) % 3
            assert int(second[-1]) == (self._index + 1) % 3
            rounds += 1
        return {"rounds": rounds, "bytes": rounds * 2 * words.nbytes, "seconds": time.perf_counter() - started, "opened_bits": 0}

    def seal(self) -> bytes:
        record = {
            "party": self._index,
            "previous": base64.b64encode(hashlib.sha256(self._keys.previous).digest()).decode(),
            "next": base64.b64encode(hashlib.sha256(self._keys.next).digest()).decode(),
        }
        return json.dumps(record).encode()

    def settle(self) -> None:
        """Nothing is kept."""
