"""One job at one institution: deal its own inputs, drive its own compute party stage by stage, and tell of it.

There is no coordinator: each institution runs the same stages in the same order, and the parties keep step by what they
receive from each other.
"""

from __future__ import annotations

import base64
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from ray_cluster.failures import Cause, describe_failure
from ray_cluster.federation import PARTIES
from ray_cluster.frames import FrameSender
from ray_cluster.links import Dialer, Link, OpenSockets
from ray_cluster.party_handle import PartyHandle, PartyLost
from secureframe.errors import PartyUnavailable

if TYPE_CHECKING:
    from secureframe.engine.institution import Institution
    from secureframe.engine.job import AdmittedJob

Emit = Callable[[dict[str, Any]], None]
HandOver = Callable[[str, str, bytes], None]
"""Called with the recipient, the job and the package."""
_LOOK_SECONDS = 0.2

_log = logging.getLogger("secureframe.institution")


class _Failed(Exception):
    """Carries a failure that the party reported."""

    def __init__(self, failure: dict[str, Any]) -> None:
        self.failure = failure
        super().__init__("the party reported a failure")


class JobRun:
    """Runs an admitted job at one institution.

    Parameters
    ----------
    institution : Institution
        Deals the inputs.
    job : AdmittedJob
        What was admitted.
    party : PartyHandle or None
        The institution's own compute party, if it hosts one.
    dialer : Dialer
        Makes the links to the parties.
    name : str
        The institution's name.
    hand_over : callable, optional
        Sends its party's package to the institution that is the recipient.
    """

    def __init__(
        self,
        institution: Institution,
        job: AdmittedJob,
        party: PartyHandle | None,
        dialer: Dialer,
        name: str,
        hand_over: HandOver | None = None,
    ) -> None:
        self._institution = institution
        self._hand_over = hand_over
        self._job = job
        self._party = party
        self._dialer = dialer
        self._name = name
        self._sockets = OpenSockets()
        self._lock = threading.Lock()
        self._first: dict[str, Any] | None = None
        self._ended = False

    def run(self, emit: Emit) -> dict[str, Any]:
        """Run the job to its end; the last event, a ``result`` or an ``error``, is also returned, and nothing is raised."""
        started = time.perf_counter()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dealing") as pool:
            try:
                emit({"event": "admitted", "job": self._job.job_id, "stages": list(self._job.stages)})
                # The party makes its links while its institution deals.
                answers = None if self._party is None else self._party.run(self._job)
                dealing = pool.submit(self._deal)
                event = self._drive(answers, dealing, emit, started)
            except BaseException as error:  # noqa: BLE001  # every end of a job is told as an event
                event = {"event": "error", **self._failed(error)}
        with self._lock:
            self._ended = True
        if event["event"] == "error":
            self._forget()
        if event["event"] == "error" and self._job.recipient == self._name and self._institution.receiving is not None:
            self._institution.receiving.forget(self._job.job_id)
        emit(event)
        return event

    def cancel(self) -> None:
        """Cancel the job here, from any thread; its closed links end it at the other institutions."""
        with self._lock:
            if self._ended:
                return
            if self._first is None:
                self._first = describe_failure(RuntimeError(), self._name, cancelled=True)
        self._stop()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _drive(
        self, answers: Iterator[dict[str, Any]] | None, dealing: Future[dict[str, int]], emit: Emit, started: float
    ) -> dict[str, Any]:
        package, report = None, {}
        sealed: dict[str, Any] = {}
        if answers is not None:
            # One call for the whole job: what it answers arrives as it comes.
            self._ask(answers, emit)
            for name in self._job.stages:
                emit({"event": "stage", **self._ask(answers, emit)["report"], "name": name})
            sealed = self._ask(answers, emit)
        dealt = dealing.result()
        if answers is not None:
            report = sealed["report"]
            if self._job.recipient is None:
                package = base64.b64encode(sealed["package"]).decode("ascii")
            else:
                assert self._hand_over is not None
                self._hand_over(self._job.recipient, self._job.job_id, sealed["package"])
        if self._job.recipient == self._name:
            self._await_packages()
        report = {**report, "sent_to_parties": dealt, "seconds": time.perf_counter() - started}
        return {"event": "result", "package": package, "report": report, "kept": sealed.get("kept", {})}

    def _await_packages(self) -> None:
        """As the recipient: wait until all three packages are kept, or the job has ended."""
        receiving = self._institution.receiving
        assert receiving is not None
        while not receiving.complete(self._job.job_id, _LOOK_SECONDS):
            with self._lock:
                if self._first is not None:
                    raise _Failed(self._first)

    @staticmethod
    def _ask(answers: Iterator[dict[str, Any]], emit: Emit) -> dict[str, Any]:
        """Return the next answer of the party; what it says of its progress meanwhile is passed on."""
        while "progress" in (answered := next(answers)):
            emit({"event": "progress", **answered["progress"]})
        if "error" in answered:
            raise _Failed(answered)
        return answered

    def _deal(self) -> dict[str, int]:
        """Share the institution's own inputs and send each party its message; the links are made meanwhile."""
        messages: tuple[bytes, ...] | None
        try:
            if self._name not in self._job.owners:
                # It deals nothing, and forgets the plan.
                self._institution.deal(self._job)
                return {}
            with ThreadPoolExecutor(max_workers=PARTIES, thread_name_prefix="dealing link") as pool:
                try:
                    calls = [pool.submit(self._call, party) for party in range(PARTIES)]
                    messages = self._institution.deal(self._job)
                    if messages is None:
                        raise RuntimeError("an owner of inputs has dealt none")
                    sent = [pool.submit(self._send, made, message) for made, message in zip(calls, messages, strict=True)]
                    links = [each.result() for each in sent]
                except BaseException:
                    # A call may wait long for its answer, and nobody needs it any more.
                    self._sockets.cancel()
                    raise
            if self._sockets.let_go():
                for party, link in enumerate(links):
                    self._dialer.rest(party, link)
        except BaseException as error:
            self._failed(error)
            raise
        finally:
            self._sockets.close()
        hosts = (self._dialer.host(party) for party in range(PARTIES))
        return {host: len(message) for host, message in zip(hosts, messages, strict=True)}

    def _call(self, party: int) -> Link:
        return self._dialer.call(party, self._job.job_id, "dealer", secrets.token_bytes(32), self._sockets)

    @staticmethod
    def _send(made: Future[Link], message: bytes) -> Link:
        link = made.result()
        sender = FrameSender(link.connection)
        sender.send(memoryview(message))
        sender.detach()
        return link

    def _failed(self, error: BaseException) -> dict[str, Any]:
        """Note a failure, end the job here, and return the failure that came first."""
        if isinstance(error, _Failed):
            noted = error.failure
        elif isinstance(error, PartyLost):
            lost = PartyUnavailable(
                f"the compute party of {self._name} was lost; nothing was released",
                hint="run the statement again: the institution is being restarted",
                institution=self._name,
            )
            noted = {"cause": Cause.LOST, "error": lost.to_json()}
        else:
            noted = describe_failure(error, self._name, cancelled=False)
            if noted["cause"] == Cause.OWN:
                _log.error("job %s failed", self._job.job_id, exc_info=error)
        with self._lock:
            # A party's exit is the cause of whatever else failed here, even where that was noticed before.
            if self._first is None or noted["cause"] == Cause.LOST:
                self._first = noted
        self._stop()
        return self._first

    def _stop(self) -> None:
        self._sockets.cancel()
        if self._party is not None:
            try:
                self._party.cancel(self._job.job_id)
            except PartyLost as error:
                with self._lock:
                    known = self._first is not None and self._first["cause"] == Cause.LOST
                if not known:
                    self._failed(error)
            except Exception:  # noqa: BLE001  # the end of the job must be told, whatever becomes of its party
                _log.exception("job %s could not be cancelled", self._job.job_id)

    def _forget(self) -> None:
        if self._party is not None:
            try:
                self._party.finish(self._job.job_id)
            except Exception as error:  # noqa: BLE001  # as above: what the party still holds ends with its process
                _log.warning("job %s could not be finished: %s", self._job.job_id, type(error).__name__)
