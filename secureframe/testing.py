"""A federation inside one process, for tests only: the same engine, protocols and rules over queues instead of links.

``in_memory`` takes what ``sf.simulate`` takes. Three threads are the compute parties; institutions are objects. Nothing here
protects anybody: everything is in one memory.
"""

from __future__ import annotations

import copy
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from secureframe.backend import Backend, Member, Outcome, Progress, common
from secureframe.engine.institution import AdmittedJob, Institution
from secureframe.engine.kept import KeptShares
from secureframe.engine.party_job import PartyJob
from secureframe.errors import KeptLost, ProtocolAborted
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
        self.stores = [KeptShares() for _ in range(3)]
        self._analyst = analyst
        self._lock = threading.Lock()

    def catalog(self) -> dict[str, dict[str, Any]]:
        return {name: institution.describe() for name, institution in self.institutions.items()}

    def guest(self, analyst: AnalystIdentity) -> InMemoryBackend:
        """The same institutions and parties, as another analyst reaches them."""
        for institution in self.institutions.values():
            institution.trust(analyst.public())
        other = copy.copy(self)
        other._analyst = analyst
        return other

    def kept(self) -> dict[str, str]:
        return common([store.held(self._analyst.public()["verify_key"]) for store in self.stores])

    def forget_kept(self) -> None:
        for store in self.stores:
            store.forget(self._analyst.public()["verify_key"])

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

        computations: list[PartyJob | None] = [None] * 3

        def party(index: int) -> tuple[list[dict[str, Any]], bytes]:
            keys = PartyKeys(previous=pairwise[index], next=pairwise[(index + 1) % 3])
            try:
                messages = {n: m[index] for n, m in dealt.items()}
                computation = PartyJob(job, index, wrapped[index], keys, messages, self.stores[index])
                computations[index] = computation
                return _run_party(job, index, computation, progress)
            except BaseException:
                wrapped[index].close()
                raise

        with ThreadPoolExecutor(max_workers=3) as pool:
            futures = [pool.submit(party, index) for index in range(3)]
            errors = [f.exception() for f in futures]
            failed = [e for e in errors if e is not None]
            if failed:
                cause = next((e for e in failed if not isinstance(e, LinkClosed)), failed[0])
                if isinstance(cause, KeptLost):
                    raise cause
                raise ProtocolAborted(
                    f"the job was stopped ({type(cause).__name__}); nothing was released", hint="run the statement again"
                ) from cause
            results = [f.result() for f in futures]
        for computation in computations:
            assert computation is not None
            computation.settle()
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
        """Nothing was started; what is kept of the analyst's statements is dropped."""
        self.forget_kept()


def _run_party(
    job: AdmittedJob, index: int, computation: PartyJob, progress: Progress
) -> tuple[list[dict[str, Any]], bytes]:
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
