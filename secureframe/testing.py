"""A federation inside one process, for tests only: the same engine, protocols and rules over queues instead of links.

``in_memory`` takes what ``sf.simulate`` takes. Three threads are the compute parties; institutions are objects. Nothing here
protects anybody: everything is in one memory.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from secureframe.backend import Backend, Member, Outcome, Progress
from secureframe.engine.institution import AdmittedJob, Institution
from secureframe.engine.party_job import PartyJob
from secureframe.errors import ProtocolAborted
from secureframe.governance.identity import AnalystIdentity
from secureframe.mpc.channel import Channel, LinkClosed, MemoryChannel, Recorder
from secureframe.mpc.randomness import SECRET_BYTES, PartyKeys

WrapChannel = Callable[[MemoryChannel], Channel]


class InMemoryBackend(Backend):
    """Institutions as objects and parties as threads.

    Parameters
    ----------
    declarations, policies
        As every backend gets them.
    analyst : AnalystIdentity
        Who asks.
    recorder : Recorder, optional
        Keeps every payload at the channels, for leak tests; ``dealt`` keeps what owners dealt.
    """

    def __init__(
        self,
        *,
        declarations: Mapping[str, Mapping[str, dict[str, Any]]],
        policies: Mapping[str, dict[str, Any]],
        analyst: AnalystIdentity,
        recorder: Recorder | None = None,
    ) -> None:
        names = list(declarations)
        neutral = ("neutral", "neutral-2", "neutral-3")
        hosts = (names + [n for n in neutral if n not in names])[:3]
        self.members = tuple(
            Member(name=n, party=hosts.index(n) if n in hosts else None, data=n in declarations)
            for n in dict.fromkeys([*names, *hosts])
        )
        self.recorder = recorder
        self.dealt: list[tuple[bytes, bytes, bytes]] = []
        self.wrap: WrapChannel | None = None
        self.keys: list[bytes] | None = None
        members = [{"name": m.name, "party": m.party, "data": m.data} for m in self.members]
        self.institutions = {
            name: Institution(name=name, policy=dict(policies[name]), members=members) for name in names
        }
        for name, tables in declarations.items():
            for table, declaration in tables.items():
                self.institutions[name].register(table, declaration)
        entries = self.catalog()
        for institution in self.institutions.values():
            institution.set_catalog(entries)
            institution.trust(analyst.public())
        self._lock = threading.Lock()

    def catalog(self) -> dict[str, dict[str, Any]]:
        return {name: institution.describe() for name, institution in self.institutions.items()}

    def run(self, request: bytes, signature: bytes, progress: Progress) -> Outcome:
        with self._lock:
            return self._run(request, signature, progress)

    def _run(self, request: bytes, signature: bytes, progress: Progress) -> Outcome:
        started = time.perf_counter()
        jobs = {name: institution.admit(request, signature) for name, institution in self.institutions.items()}
        dealt = {}
        for name, institution in self.institutions.items():
            messages = institution.deal(jobs[name])
            if messages is not None:
                dealt[name] = messages
                self.dealt.append(messages)
        job = next(iter(jobs.values()))
        channels = MemoryChannel.triple(self.recorder)
        pairwise = self.keys or [secrets.token_bytes(SECRET_BYTES) for _ in range(3)]
        wrapped = [self.wrap(c) if self.wrap else c for c in channels]

        def party(index: int) -> tuple[list[dict[str, Any]], bytes]:
            keys = PartyKeys(previous=pairwise[index], next=pairwise[(index + 1) % 3])
            try:
                return _run_party(job, index, wrapped[index], keys, {n: m[index] for n, m in dealt.items()}, progress)
            except BaseException:
                wrapped[index].close()
                raise

        with ThreadPoolExecutor(max_workers=3) as pool:
            futures = [pool.submit(party, index) for index in range(3)]
            errors = [f.exception() for f in futures]
            failed = [e for e in errors if e is not None]
            if failed:
                cause = next((e for e in failed if not isinstance(e, LinkClosed)), failed[0])
                raise ProtocolAborted(
                    f"the job was stopped ({type(cause).__name__}); nothing was released", hint="run the statement again"
                ) from cause
            results = [f.result() for f in futures]
        stages = [
            {
                "name": reports[0]["name"],
                "seconds": max(r["seconds"] for r in reports),
                "rounds": reports[0]["rounds"],
                "bytes": sum(r["bytes"] for r in reports),
            }
            for reports in zip(*(r[0] for r in results), strict=True)
        ]
        first, second, third = (r[1] for r in results)
        return Outcome(
            packages=(first, second, third),
            report={
                "stages": stages,
                "links": {},
                "dealt": {name: sum(map(len, messages)) for name, messages in dealt.items()},
                "seconds": time.perf_counter() - started,
            },
        )

    def close(self) -> None:
        """Nothing was started."""


def _run_party(
    job: AdmittedJob, index: int, channel: Channel, keys: PartyKeys, dealt: dict[str, bytes], progress: Progress
) -> tuple[list[dict[str, Any]], bytes]:
    computation = PartyJob(job, index, channel, keys, dealt)
    reports = []
    for number, stage in enumerate(job.stages):
        reports.append(computation.run_stage(stage))
        if index == 0:
            progress(stage, number + 1, len(job.stages))
    return reports, computation.seal()


def start_in_memory(
    *,
    declarations: Mapping[str, Mapping[str, dict[str, Any]]],
    policies: Mapping[str, dict[str, Any]],
    directory: Path,
    analyst: AnalystIdentity,
    progress: Callable[[str], None],
) -> Backend:
    """Start an `InMemoryBackend`; the signature that every backend's entry point has."""
    progress("registering tables")
    try:
        return InMemoryBackend(declarations=declarations, policies=policies, analyst=analyst)
    finally:
        shutil.rmtree(directory)  # everything has been read
