"""A compute party as a process: it opens a job's links, runs its stages, and hands its sealed package out at the end.

Nothing here knows Ray: the actor that hosts it passes calls on. Methods answer with JSON-able records and never raise
across that boundary, so that nothing of an exception but its class name travels.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ray_cluster.failures import Cause, describe_failure
from ray_cluster.federation import PARTIES, FederationDescription
from ray_cluster.frames import FrameReceiver, FrameSender
from ray_cluster.identities import ProcessIdentity
from ray_cluster.links import Caller, Dialer, Link, LinkFailed, Listener, OpenSockets
from ray_cluster.memory import WhenIdle
from ray_cluster.records import save_payloads
from ray_cluster.tls_channel import TlsChannel
from secureframe.backend import PROGRESS_SECONDS
from secureframe.engine.kept import KeptShares
from secureframe.engine.saved import SavedFrames, storage_key
from secureframe.engine.shelf import restore_shares, save_shares
from secureframe.mpc.channel import Recorder
from secureframe.mpc.randomness import PartyKeys

if TYPE_CHECKING:
    from secureframe.engine.job import AdmittedJob
    from secureframe.engine.party_job import PartyJob

TELL_SECONDS = 0.02
"""How long the answer of a step may wait for the next one, to be told together with it."""

_log = logging.getLogger("secureframe.party")


class _Running:
    """One job at this party: its links, its computation, and whether it was cancelled."""

    def __init__(self, job: AdmittedJob) -> None:
        self.job = job
        self.sockets = OpenSockets()
        self.channel: TlsChannel | None = None
        self.computation: PartyJob | None = None
        self.recorder: Recorder | None = None
        self.dealt: dict[str, int] = {}
        self.cancelled = False
        self.turn = threading.Lock()
        self.made: dict[int, Link] = {}
        self.came: list[Link] = []

    def cancel(self) -> None:
        self.cancelled = True
        self.sockets.cancel()


class PartyHost:
    """Hosts compute party ``index`` for one institution.

    Parameters
    ----------
    identity : ProcessIdentity
        The institution's identity, which its party shares.
    index : int
        0, 1 or 2.
    compute : callable
        Makes the computation of a job: `PartyJob`.
    port : int
        Where to accept links; 0 for any free port.
    records : Path, optional
        Where to keep what was sent above TLS, a file a job; for the leak tests only.
    directory : Path, optional
        The institution's private directory, in which analysts' saved frames lie; without one none are saved.
    """

    def __init__(
        self,
        identity: ProcessIdentity,
        index: int,
        compute: Callable[[AdmittedJob, int, TlsChannel, PartyKeys, dict[str, bytes], KeptShares], PartyJob],
        port: int,
        records: Path | None = None,
        directory: Path | None = None,
    ) -> None:
        self._saved = None if directory is None else SavedFrames(directory, storage_key(identity.key))
        self.index = index
        self._compute = compute
        self._identity = identity
        self._listener = Listener(identity, port)
        self._records = records
        self._description: FederationDescription | None = None
        self._dialer: Dialer | None = None
        self._kept = KeptShares()
        self._jobs: dict[str, _Running] = {}
        self._idle = WhenIdle()
        self._lock = threading.Lock()

    @property
    def address(self) -> tuple[str, int]:
        return self._listener.address

    def configure(self, description: FederationDescription) -> None:
        """Learn the members, and begin to accept their links."""
        self._description = description
        self._dialer = Dialer(self._identity, description)
        self._listener.start(description)

    def run(self, job: AdmittedJob) -> Iterator[list[dict[str, Any]]]:
        """Run a job from its links to its sealed package: the answers of `open`, of every stage and of `seal`, in this order.

        An answer with an ``error`` is the last one. An answer waits a moment for the next one, so that a small job is told in one
        go, and no longer. While none comes, ``progress`` says now and then how many rounds and bytes the job has taken here.
        """
        answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, args=(job, answers.put), name=f"job {job.job_id[:8]}", daemon=True).start()
        waiting: list[dict[str, Any]] = []
        told: dict[str, int] = {}
        ended = False
        while not ended:
            try:
                answer = answers.get(timeout=TELL_SECONDS if waiting else PROGRESS_SECONDS)
            except queue.Empty:
                far = {} if waiting else self._progress(job.job_id)
                if far and far != told:
                    waiting, told = [{"progress": far}], far
                if waiting:
                    yield waiting
                waiting = []
                continue
            ended = answer is None
            if answer is not None:
                waiting.append(answer)
        if waiting:
            yield waiting

    def _progress(self, job_id: str) -> dict[str, int]:
        """Rounds and bytes that a job has taken here so far; nothing before its links are there."""
        with self._lock:
            running = self._jobs.get(job_id)
        channel = None if running is None else running.channel
        if channel is None:
            return {}
        return {"rounds": channel.rounds, "bytes": channel.bytes_sent_previous + channel.bytes_sent_next}

    def _work(self, job: AdmittedJob, put: Callable[[dict[str, Any] | None], None]) -> None:
        """Put every answer of a job, and then None, whatever becomes of it."""
        self._idle.begin()
        try:
            for answer in self._steps(job):
                put(answer)
        finally:
            put(None)
            self._idle.end()

    def _steps(self, job: AdmittedJob) -> Iterator[dict[str, Any]]:
        answer = self.open(job)
        yield answer
        for name in job.stages:
            if "error" in answer:
                return
            answer = self.run_stage(job.job_id, name)
            yield answer
        if "error" not in answer:
            yield self.seal(job.job_id)

    def open(self, job: AdmittedJob) -> dict[str, Any]:
        """Make the links of a job in both directions, agree on its keys, and receive what was dealt."""
        running = _Running(job)
        with self._lock:
            known = job.job_id in self._jobs
            if not known:
                self._jobs[job.job_id] = running
        if known:
            return describe_failure(LinkFailed("the job has been opened before"), self._identity.name, cancelled=False)
        return self._guarded(running, lambda: self._open(running))

    def run_stage(self, job_id: str, name: str) -> dict[str, Any]:
        """Run one stage of an open job."""

        def run(computation: PartyJob) -> dict[str, Any]:
            return {"report": computation.run_stage(name)}

        return self._with_computation(job_id, run)

    def seal(self, job_id: str) -> dict[str, Any]:
        """Seal this party's part of the result; it is handed out once both other parties have come to their end too."""

        def run(computation: PartyJob) -> dict[str, Any]:
            package = computation.seal()
            running = self._jobs[job_id]
            assert running.channel is not None
            running.channel.confirm(job_id.encode("ascii"))
            computation.settle()
            return {"package": package, "report": self._report(running), "kept": self._kept.held(running.job.analyst)}

        answer = self._with_computation(job_id, run)
        self.finish(job_id, well="error" not in answer)
        return answer

    def kept(self, analyst: str) -> dict[str, str]:
        """Return what is kept here of an analyst's earlier statements: for each digest the job it comes from."""
        return self._kept.held(analyst)

    def forget(self, analyst: str) -> None:
        """Drop what is kept of an analyst's statements."""
        self._kept.forget(analyst)

    def save(self, analyst: str, name: str, digests: list[str]) -> None:
        """Write down this party's part of a saved frame, encrypted."""
        if self._saved is not None:
            save_shares(self._saved, self._kept, analyst, name, digests)

    def restore(self, analyst: str, name: str, current: bool) -> None:
        """Take up this party's part of a saved frame again, or drop it where data or policies have changed."""
        if self._saved is not None:
            restore_shares(self._saved, self._kept, analyst, name, current=current)

    def cancel(self, job_id: str) -> None:
        """Close a job's links, which aborts it here and at the other parties; from any thread, and also before it is opened."""
        with self._lock:
            running = self._jobs.get(job_id)
        if running is not None:
            running.cancel()
        self._listener.finish(job_id)

    def cancel_all(self) -> None:
        """Abort whatever runs: the institution that drove it is gone."""
        with self._lock:
            jobs = list(self._jobs)
        for job_id in jobs:
            self.cancel(job_id)
            self.finish(job_id)

    def finish(self, job_id: str, *, well: bool = False) -> None:
        """Forget a job and close its links, which rest for the next one where it has ended well; harmless where it is already."""
        with self._lock:
            running = self._jobs.pop(job_id, None)
        self._listener.finish(job_id)
        if running is None:
            return
        if not well:
            running.sockets.cancel()
        with running.turn:
            if self._records is not None and running.recorder is not None:
                save_payloads(self._records / f"{job_id}-{self.index}.npz", running.recorder.payloads)
            if well and running.channel is not None and running.sockets.let_go():
                self._rest(running, running.channel)
                return
            if running.channel is not None:
                running.channel.release()
            running.sockets.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _rest(self, running: _Running, channel: TlsChannel) -> None:
        """Keep the connections of a job that has ended well: everything that was sent over them has been received."""
        assert self._dialer is not None
        channel.detach()
        for party, link in running.made.items():
            self._dialer.rest(party, link)
        for link in running.came:
            self._listener.rest(link)

    def _with_computation(self, job_id: str, run: Callable[[PartyJob], dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            running = self._jobs.get(job_id)
        if running is None or running.computation is None:
            return describe_failure(LinkFailed("the job is not open"), self._identity.name, cancelled=True)
        computation = running.computation
        return self._guarded(running, lambda: run(computation))

    def _guarded(self, running: _Running, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            with running.turn:
                return work()
        except BaseException as error:  # noqa: BLE001  # nothing of an exception but its class leaves this process
            hosts = [self._description.host(party).name for party in range(PARTIES)] if self._description else []
            failure = describe_failure(error, self._identity.name, cancelled=running.cancelled, hosts=hosts)
            if failure["cause"] == Cause.OWN:
                _log.exception("job %s failed", running.job.job_id)
            self.finish(running.job.job_id)
            return failure

    def _open(self, running: _Running) -> dict[str, Any]:
        started = time.perf_counter()
        assert self._description is not None and self._dialer is not None
        job, dialer = running.job, self._dialer
        secret = X25519PrivateKey.generate()
        public = secret.public_key().public_bytes_raw()
        neighbours = {party: self._description.host(party).name for party in range(PARTIES) if party != self.index}
        callers: list[Caller] = [("party", name) for name in neighbours.values()]
        callers += [("dealer", owner) for owner in job.owners]
        self._listener.open(job.job_id, callers, public)

        def ended(call: Future[Link]) -> None:
            if call.exception() is not None:
                # Nobody need wait for the links that were to come, once one cannot be made.
                self._listener.finish(job.job_id)

        with ThreadPoolExecutor(max_workers=2, thread_name_prefix="open") as pool:
            try:
                calls = {
                    party: pool.submit(dialer.call, party, job.job_id, "party", public, running.sockets) for party in neighbours
                }
                for each in calls.values():
                    each.add_done_callback(ended)
                arrivals = self._listener.arrivals(job.job_id, callers)
                for arrival in arrivals.values():
                    running.sockets.add(arrival.connection)
                made = {party: call.result() for party, call in calls.items()}
            except BaseException:
                running.sockets.cancel()
                raise
        previous, following = (self.index - 1) % 3, (self.index + 1) % 3
        came = {party: arrivals["party", name] for party, name in neighbours.items()}
        own = bytes.fromhex(self._identity.fingerprint) + public
        prints = {party: bytes.fromhex(self._description.host(party).fingerprint) for party in neighbours}
        keys = PartyKeys(
            previous=pair_secret(secret, own, prints[previous], made[previous], came[previous], job.job_id),
            next=pair_secret(secret, own, prints[following], made[following], came[following], job.job_id),
        )
        running.made, running.came = made, list(arrivals.values())
        running.recorder = Recorder() if self._records is not None else None
        running.channel = TlsChannel(
            self.index,
            (FrameSender(made[previous].connection), FrameSender(made[following].connection)),
            (FrameReceiver(came[previous].connection), FrameReceiver(came[following].connection)),
            running.recorder,
        )
        dealt = {}
        for owner in job.owners:
            receiver = FrameReceiver(arrivals["dealer", owner].connection)
            dealt[owner] = receiver.receive(job.dealt_bytes(owner, self.index))
        running.dealt = {owner: len(message) for owner, message in dealt.items()}
        running.computation = self._compute(job, self.index, running.channel, keys, dealt, self._kept)
        return {"seconds": time.perf_counter() - started}

    def _report(self, running: _Running) -> dict[str, Any]:
        assert self._description is not None and running.channel is not None
        previous, following = (self._description.host((self.index + step) % 3).name for step in (-1, 1))
        name = self._identity.name
        return {
            "rounds": running.channel.rounds,
            "links": {
                f"{name} -> {previous}": running.channel.bytes_sent_previous,
                f"{name} -> {following}": running.channel.bytes_sent_next,
            },
            "dealt": running.dealt,
        }


def pair_secret(secret: X25519PrivateKey, own: bytes, peer: bytes, made: Link, came: Link, job_id: str) -> bytes:
    """Return the secret that a pair of parties shares for one job.

    Both ephemeral keys are signed within the hellos of both connections of the pair, each bound to the job and both
    certificates; the two connections must show the same ones. The secret is bound to both certificates as well: else a
    party that shows its neighbour's ephemeral key as its own would make the two secrets of the third party equal, and
    what those mask would cancel.

    Parameters
    ----------
    secret : X25519PrivateKey
        This party's ephemeral key.
    own : bytes
        The digest of this party's certificate, and its ephemeral public key.
    peer : bytes
        The digest of the other party's certificate.
    made, came : Link
        The two connections of the pair.
    job_id : str
        The job, in hexadecimal characters.
    """
    if made.ephemeral != came.ephemeral:
        raise LinkFailed("the two links of a pair show different keys")
    shared = secret.exchange(X25519PublicKey.from_public_bytes(made.ephemeral))
    pair = b"".join(sorted((own, peer + made.ephemeral)))
    return HKDF(algorithm=SHA256(), length=32, salt=bytes.fromhex(job_id), info=b"secureframe pair v2\x00" + pair).derive(shared)
