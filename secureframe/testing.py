"""A federation inside one process, for tests only: the same engine, protocols and rules over queues instead of links.

``in_memory`` takes what ``sf.simulate`` takes. Three threads are the compute parties; institutions are objects. Nothing here
protects anybody: everything is in one memory.
"""

from __future__ import annotations

import copy
import queue
import secrets
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secureframe.backend import PROGRESS_SECONDS, READY, Backend, Outcome, Progress, common, members_for
from secureframe.disclosure.policy import preset
from secureframe.engine.catalog import Catalog
from secureframe.engine.institution import Institution
from secureframe.engine.job import AdmittedJob
from secureframe.engine.kept import KeptShares
from secureframe.engine.party_job import PartyJob
from secureframe.engine.saved import SavedFrames, storage_key
from secureframe.engine.shelf import Shelf, restore_shares, save_shares
from secureframe.errors import KeptLost, ProtocolAborted
from secureframe.governance.identity import AnalystIdentity, InstitutionIdentity
from secureframe.governance.journal import CANCELLED, FAILED, RELEASED
from secureframe.mpc.channel import Channel, LinkClosed, MemoryChannel, Recorder
from secureframe.mpc.randomness import SECRET_BYTES, PartyKeys
from secureframe.plan.envelope import job_id
from secureframe.tracking import JobTracker

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
    parties : sequence of str, optional
        Who hosts the parties.
    """

    def __init__(
        self,
        *,
        declarations: Mapping[str, Mapping[str, dict[str, Any]]],
        policies: Mapping[str, dict[str, Any]],
        analyst: AnalystIdentity,
        recorder: Recorder | None = None,
        parties: Sequence[str] | None = None,
    ) -> None:
        found = members_for([*declarations], parties)
        identities = {m.name: InstitutionIdentity.of(m.name, Ed25519PrivateKey.generate()) for m in found}
        self.directory = Path(tempfile.mkdtemp(prefix="sf-kept-"))
        weakref.finalize(self, shutil.rmtree, self.directory, ignore_errors=True)
        self.members = tuple(replace(m, identity=identities[m.name].public(), directory=self.directory / m.name) for m in found)
        self.recorder = recorder
        self.dealt: list[tuple[bytes, bytes, bytes]] = []
        self.wrap: WrapChannel | None = None
        self.keys: list[bytes] | None = None
        members = [{"name": m.name, "party": m.party, "data": m.data} for m in self.members]
        # A neutral host has no table that a policy could bind; it still runs the same code, which wants one.
        neutral = preset("open-research").to_json()
        self.institutions = {
            m.name: Institution(name=m.name, policy=dict(policies.get(m.name, neutral)), members=members) for m in self.members
        }
        for m in self.members:
            assert m.directory is not None
            m.directory.mkdir(mode=0o700)
            identities[m.name].save(m.directory)
            self.institutions[m.name].identify(identities[m.name].public(), m.directory)
        for name, tables in declarations.items():
            for table, declaration in tables.items():
                self.institutions[name].register(table, declaration)
        entries = {name: institution.describe() for name, institution in self.institutions.items()}
        for institution in self.institutions.values():
            institution.set_catalog(entries)
            institution.trust(analyst.public())
        self.stores = [KeptShares() for _ in range(3)]
        self._shelves = {}
        for m in self.members:
            assert m.directory is not None
            place = SavedFrames(m.directory, storage_key(identities[m.name].signing_key))
            self._shelves[m.name] = (place, Shelf(place, lambda: Catalog.from_entries(self._entries)))
        self._entries = entries
        self._analyst = analyst
        self._visiting = False
        self._running: tuple[str, list[Channel]] = ("", [])
        self._cancelled: str | None = None
        self._lock = threading.Lock()

    def catalog(self) -> dict[str, dict[str, Any]]:
        return {m.name: self.institutions[m.name].describe() for m in self.members if m.data}

    def guest(self, analyst: AnalystIdentity) -> InMemoryBackend:
        """The same institutions and parties, as another analyst reaches them."""
        for institution in self.institutions.values():
            institution.trust(analyst.public())
        other = copy.copy(self)
        other._analyst, other._visiting = analyst, True
        return other

    def health(self) -> dict[str, str]:
        return dict.fromkeys(self.institutions, READY)

    def cancel(self, job_id: str) -> None:
        running, channels = self._running
        if running == job_id:
            self._cancelled = running
            for channel in channels:
                channel.close()

    def kept(self) -> dict[str, str]:
        return common([store.held(self._verify_key) for store in self.stores])

    def forget_kept(self) -> None:
        for store in self.stores:
            store.forget(self._verify_key)

    def save(self, body: bytes, signature: bytes) -> None:
        for member in self.members:
            place, shelf = self._shelves[member.name]
            keepsake = shelf.save(body, signature, self._verify_key)
            if member.party is not None:
                save_shares(place, self.stores[member.party], self._verify_key, keepsake.name, list(keepsake.kept))

    def load(self, name: str) -> list[dict[str, Any]]:
        found = []
        for member in self.members:
            place, shelf = self._shelves[member.name]
            record, current = shelf.load(self._verify_key, name)
            if member.party is not None:
                restore_shares(place, self.stores[member.party], self._verify_key, name, current=current)
            found.append(record)
        return found

    def saved(self) -> list[str]:
        return sorted({name for _, shelf in self._shelves.values() for name in shelf.names(self._verify_key)})

    def forget_saved(self, name: str) -> bool:
        found = [shelf.forget(self._verify_key, name) for _, shelf in self._shelves.values()]
        return any(found)

    @property
    def _verify_key(self) -> str:
        return str(self._analyst.public()["verify_key"])

    def run(self, request: bytes, signature: bytes, progress: Progress) -> Outcome:
        with self._lock:
            job, status = job_id(request), FAILED
            try:
                outcome = self._run(request, signature, progress)
                status = RELEASED
                return outcome
            finally:
                for institution in self.institutions.values():
                    institution.ended(job, CANCELLED if job == self._cancelled else status)

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
        wrapped: list[Channel] = [self.wrap(c) if self.wrap else c for c in channels]

        computations: list[PartyJob | None] = [None] * 3
        hosts = {m.party: m.name for m in self.members if m.party is not None}
        tracker = JobTracker(list(self.institutions), [hosts[index] for index in range(3)], progress)
        told: queue.SimpleQueue[tuple[str, dict[str, Any]] | None] = queue.SimpleQueue()

        def party(index: int) -> tuple[list[dict[str, Any]], bytes]:
            keys = PartyKeys(previous=pairwise[index], next=pairwise[(index + 1) % 3])
            try:
                messages = {n: m[index] for n, m in dealt.items()}
                computation = PartyJob(job, index, wrapped[index], keys, messages, self.stores[index])
                computations[index] = computation
                return _run_party(job, computation, lambda report: told.put((hosts[index], report)))
            except BaseException:
                wrapped[index].close()
                raise

        with ThreadPoolExecutor(max_workers=3) as pool:
            self._running = (job.job_id, wrapped)
            try:
                futures = [pool.submit(party, index) for index in range(3)]
                for future in futures:
                    future.add_done_callback(lambda _: told.put(None))
                for name in self.institutions:
                    tracker.admitted(name, job.stages)
                _follow(told, tracker, {hosts[index]: channel for index, channel in enumerate(wrapped)})
            except BaseException:
                # An interrupted cell: whoever waits for a message hears of it.
                self.cancel(job.job_id)
                raise
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
                "opened_bits": reports[0]["opened_bits"],
            }
            for reports in zip(*(r[0] for r in results), strict=True)
        ]
        first, second, third = (r[1] for r in results)
        if job.recipient is not None:
            receiving = self.institutions[job.recipient].receiving
            assert receiving is not None
            for index, package in enumerate((first, second, third)):
                receiving.receive(job.job_id, index, package)
        return Outcome(
            packages=(first, second, third) if job.recipient is None else None,
            report={
                "stages": stages,
                "links": {},
                "dealt": {name: sum(map(len, messages)) for name, messages in dealt.items()},
                "seconds": time.perf_counter() - started,
            },
        )

    def close(self) -> None:
        """Nothing was started; what is kept of the analyst's statements is dropped, and what institutions have kept."""
        self.forget_kept()
        if not self._visiting:
            shutil.rmtree(self.directory, ignore_errors=True)


def _run_party(
    job: AdmittedJob, computation: PartyJob, tell: Callable[[dict[str, Any]], None]
) -> tuple[list[dict[str, Any]], bytes]:
    reports = []
    for stage in job.stages:
        reports.append(computation.run_stage(stage))
        tell(reports[-1])
    return reports, computation.seal()


def _follow(
    told: queue.SimpleQueue[tuple[str, dict[str, Any]] | None], tracker: JobTracker, channels: Mapping[str, Channel]
) -> None:
    """Tell of the stages that parties end, and now and then of what they have sent, until all three are through."""
    left = len(channels)
    while left:
        try:
            item = told.get(timeout=PROGRESS_SECONDS)
        except queue.Empty:
            for name, channel in channels.items():
                tracker.running(name, channel.rounds, channel.bytes_sent_previous + channel.bytes_sent_next)
            tracker.tell()
            continue
        if item is None:
            left -= 1
        else:
            tracker.ended(item[0], item[1]["rounds"], item[1]["bytes"])


def start_in_memory(
    *,
    declarations: Mapping[str, Mapping[str, dict[str, Any]]],
    policies: Mapping[str, dict[str, Any]],
    directory: Path,
    analyst: AnalystIdentity,
    progress: Callable[[str], None],
    parties: Sequence[str] | None = None,
) -> Backend:
    """Start an `InMemoryBackend`; the signature that every backend's entry point has."""
    progress("registering tables")
    try:
        return InMemoryBackend(declarations=declarations, policies=policies, analyst=analyst, parties=parties)
    finally:
        shutil.rmtree(directory)  # everything has been read
