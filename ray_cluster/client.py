"""The notebook's side of the gateways: everything it needs is a federation description and the analyst's identity.

A statement is sent to every institution; the first failure cancels it everywhere. Losses cascade, so all are heard before
one is raised: an institution whose own process exited is named before one that saw a closed link.
"""

from __future__ import annotations

import base64
import json
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from ray_cluster.failures import Cause
from ray_cluster.federation import PARTIES, FederationDescription, FederationMember
from ray_cluster.identities import ProcessIdentity
from ray_cluster.job_report import job_report
from secureframe.backend import PROGRESS_SECONDS, READY, RESTARTING, UNREACHABLE, Outcome, Progress, ProgressEvent, common
from secureframe.errors import PartyUnavailable, ProtocolAborted, Restarting, SecureFrameError
from secureframe.plan.envelope import job_id
from secureframe.tracking import JobTracker

SIGNATURE_HEADER = "x-secureframe-signature"
READY_SECONDS = 60.0
_GRACE_SECONDS = 4.0
_INTERRUPT_SECONDS = 2.0
_CANCEL_INTERVAL = 0.1
_REMEMBERED = 1024
_KEEP_SECONDS = 1800.0
"""How long a connection is kept open between two statements; a gateway would keep it longer."""
_SAVING_SECONDS = 60.0

Event = dict[str, Any]
Put = Callable[[str, Event], None]


class GatewayClient:
    """Speaks to one institution's gateway over mutual TLS 1.3, with its certificate pinned."""

    def __init__(self, member: FederationMember, identity: ProcessIdentity) -> None:
        if member.gateway is None:
            raise ValueError(f"{member.name} has no gateway")
        self.name = member.name
        host, port = member.gateway
        self._http = httpx.Client(
            base_url=f"https://{host}:{port}",
            verify=identity.client_context(member.certificate),
            trust_env=False,
            timeout=httpx.Timeout(5.0, read=None),
            limits=httpx.Limits(keepalive_expiry=_KEEP_SECONDS),
        )

    def health(self) -> str:
        """Whether the institution could run a job now: `READY`, `RESTARTING`, or `UNREACHABLE` where nobody answers."""
        try:
            answer = self._http.get("/health", timeout=5.0)
            state = answer.json().get("state") if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError, AttributeError, RuntimeError):
            state = None
        return state if state in (READY, RESTARTING) else UNREACHABLE

    def kept(self) -> dict[str, str]:
        """Return what the institution's party keeps of this analyst's earlier statements; nothing where it cannot be asked."""
        try:
            answer = self._http.get("/kept", timeout=5.0)
            return _strings(answer.json()) if answer.status_code == 200 else {}
        except (httpx.HTTPError, ValueError, RuntimeError):
            return {}

    def forget(self) -> None:
        """Have the institution's party drop what it keeps of this analyst's statements; a gateway that is gone keeps nothing."""
        try:
            self._http.delete("/kept", timeout=_GRACE_SECONDS)
        except (httpx.HTTPError, RuntimeError):
            return

    def catalog(self) -> dict[str, Any]:
        """Return the institution's public catalog entry."""
        try:
            answer = self._http.get("/catalog", timeout=10.0)
            answer.raise_for_status()
            entry: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._lost() from error
        return entry

    def stream(self, request: bytes, signature: bytes, put: Put) -> None:
        """Send a signed plan and put every event; the last is a ``result`` or an ``error``, and nothing is raised."""
        headers = {SIGNATURE_HEADER: base64.b64encode(signature).decode("ascii"), "content-type": "application/json"}
        answered = ended = False
        try:
            with self._http.stream("POST", "/jobs", content=request, headers=headers) as answer:
                answered = True
                if answer.status_code != 200:
                    answer.read()
                    cause = Cause.RESTARTING if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else Cause.OWN
                    put(self.name, {"event": "error", "cause": cause, "error": self._refusal(answer).to_json()})
                    return
                for line in answer.iter_lines():
                    event = _read_event(line)
                    ended = event["event"] in ("result", "error")
                    put(self.name, event)
        except Exception:  # noqa: BLE001  # a connection that another thread closes fails in ways of its own
            pass
        if not ended:
            cause = Cause.LOST if answered else Cause.RESTARTING
            put(self.name, {"event": "error", "cause": cause, "error": self._lost().to_json()})

    def invite(self, body: bytes, signature: bytes) -> None:
        """Have the institution admit another analyst."""
        self._asked("POST", "/analysts", body, signature)

    def save(self, body: bytes, signature: bytes) -> None:
        """Have the institution save a frame, and its party its part of what is kept of it."""
        self._asked("POST", "/saved", body, signature)

    def load(self, name: str) -> dict[str, Any]:
        """Return a saved frame as the institution has it; its party takes up its part again."""
        record: dict[str, Any] = self._asked("GET", f"/saved/{name}").json()
        return record

    def saved(self) -> list[str]:
        """Return the names of this analyst's saved frames at the institution."""
        names: list[str] = self._asked("GET", "/saved").json()
        return names

    def forget_saved(self, name: str) -> bool:
        """Remove a saved frame at the institution; return whether there was one."""
        return bool(self._asked("DELETE", f"/saved/{name}").json()["removed"])

    def _asked(self, method: str, path: str, body: bytes | None = None, signature: bytes = b"") -> httpx.Response:
        """Return the answer to a request; `SecureFrameError` where it is refused or nobody answers."""
        headers = {"content-type": "application/json"}
        if body is not None:
            headers[SIGNATURE_HEADER] = base64.b64encode(signature).decode("ascii")
        try:
            answer = self._http.request(method, path, content=body, headers=headers, timeout=_SAVING_SECONDS)
        except httpx.HTTPError as error:
            raise self._lost() from error
        if answer.status_code != 200:
            raise self._refusal(answer)
        return answer

    def cancel(self, job_id: str) -> None:
        """Cancel a job at this institution; a gateway that is gone runs none."""
        try:
            self._http.delete(f"/jobs/{job_id}", timeout=_GRACE_SECONDS)
        except (httpx.HTTPError, RuntimeError):
            return

    def close(self) -> None:
        self._http.close()

    def _lost(self) -> PartyUnavailable:
        return PartyUnavailable(
            f"{self.name} could not be reached or was lost; nothing was released",
            hint="run the statement again once the institution is back",
            institution=self.name,
        )

    def _refusal(self, answer: httpx.Response) -> SecureFrameError:
        try:
            record = answer.json()
        except ValueError:
            record = {}
        if "class" in record:
            return SecureFrameError.from_json({**record, "institution": record.get("institution") or self.name})
        detail = record.get("detail")
        text = detail if isinstance(detail, str) else "the gateway refused the request"
        return SecureFrameError(f"{text} (status {answer.status_code})", institution=self.name)


class FederationClient:
    """Runs signed plans at all institutions of a federation.

    Parameters
    ----------
    description : FederationDescription
        The members and their certificates.
    identity : ProcessIdentity
        The analyst's key and certificate.
    check : callable
        Raises where the backend knows that there is nobody to wait for any more.
    """

    def __init__(
        self, description: FederationDescription, identity: ProcessIdentity, check: Callable[[], None] = lambda: None
    ) -> None:
        self._description = description
        self._check = check
        self._gateways = [GatewayClient(member, identity) for member in description.members]
        self._running: dict[str, _Job] = {}
        self._cancelled: dict[str, None] = {}
        self._told: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=len(self._gateways), thread_name_prefix="gateway")

    def wait_ready(self, progress: Progress = lambda event: None) -> None:
        """Wait until every institution could run a job: one that was lost may be restarting."""
        began = time.monotonic()
        while True:
            self._check()
            missing = next((name for name, state in self.health().items() if state != READY), None)
            if missing is None:
                return
            waited = time.monotonic() - began
            progress(ProgressEvent.waiting("restarting", missing, waited))
            if waited > READY_SECONDS:
                raise PartyUnavailable(
                    f"{missing} is not available",
                    hint="run the statement again once the institution is back",
                    institution=missing,
                )
            time.sleep(_CANCEL_INTERVAL)

    def health(self) -> dict[str, str]:
        """Return how every institution is; all are asked at the same time."""
        states = self._pool.map(GatewayClient.health, self._gateways)
        return {gateway.name: state for gateway, state in zip(self._gateways, states, strict=True)}

    def kept(self) -> dict[str, str]:
        """Return what all three parties keep of this analyst's earlier statements: for each digest the job it comes from."""
        hosts = {self._description.host(party).name for party in range(PARTIES)}
        return common(list(self._pool.map(GatewayClient.kept, [g for g in self._gateways if g.name in hosts])))

    def last_kept(self) -> dict[str, str]:
        """Return what the parties kept when the last job ended, if it ended well; else what they keep now."""
        with self._lock:
            told = list(self._told.values())
        return common(told) if told else self.kept()

    def forget_kept(self) -> None:
        """Have all parties drop what they keep of this analyst's statements."""
        self._forget_told()
        list(self._pool.map(GatewayClient.forget, self._gateways))

    def run(self, request: bytes, signature: bytes, progress: Progress) -> Outcome:
        """Run a signed plan; see `Backend.run`.

        Nobody is asked beforehand whether all are there: who is not says so, or does not answer, and is then waited for.
        """
        self._check()
        started = time.perf_counter()
        job = _Job(self._gateways, request)
        with self._lock:
            if job.job_id in self._cancelled:
                raise ProtocolAborted("the statement was cancelled before it ran; nothing was released")
            self._running[job.job_id] = job
        try:
            job.start(signature)
            self._follow(job, progress)
        except BaseException:
            self._forget_told()
            job.cancel()
            job.collect(_INTERRUPT_SECONDS)
            raise
        finally:
            with self._lock:
                del self._running[job.job_id]
        if job.failures:
            self._forget_told()
            job.cancel()
            job.collect(_GRACE_SECONDS)
            self._check()
            restarting = [each for each in job.failures.values() if each["cause"] == Cause.RESTARTING]
            if restarting:
                self.wait_ready(progress)
                raise Restarting.from_json({**restarting[0]["error"], "class": Restarting.__name__})
            raise _first_cause(list(job.failures.values()))
        hosts = [self._description.host(party).name for party in range(3)]
        with self._lock:
            self._told = {host: _strings(job.results[host].get("kept")) for host in hosts}
        try:
            packages = _packages([job.results[host]["package"] for host in hosts])
            report = {"job": job.job_id, **job_report(job.stages, job.results, hosts, time.perf_counter() - started)}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ProtocolAborted("what the institutions answered does not fit together") from error
        return Outcome(packages=packages, report=report)

    def _forget_told(self) -> None:
        with self._lock:
            self._told = {}

    def _follow(self, job: _Job, progress: Progress) -> None:
        """Take events until all institutions have answered or one has failed; tell of the job as they do."""
        hosts = [member.name for member in self._description.members if member.party is not None]
        tracker = JobTracker([member.name for member in self._description.members], hosts, progress)
        while not job.over():
            told = job.next_event(timeout=PROGRESS_SECONDS)
            if told is None:
                self._check()
                tracker.tell()
                continue
            name, event = told
            match event["event"]:
                case "error":
                    return
                case "admitted":
                    tracker.admitted(name, event["stages"])
                case "progress":
                    tracker.running(name, event["rounds"], event["bytes"])
                case "stage":
                    tracker.ended(name, int(event.get("rounds", 0)), int(event.get("bytes", 0)))

    def catalog(self) -> dict[str, dict[str, Any]]:
        """Return every institution's public catalog entry."""
        entries = list(self._pool.map(GatewayClient.catalog, self._gateways))
        return {gateway.name: entry for gateway, entry in zip(self._gateways, entries, strict=True)}

    def invite(self, body: bytes, signature: bytes) -> None:
        """Have every institution admit another analyst; `SecureFrameError` where one refuses."""
        list(self._pool.map(lambda gateway: gateway.invite(body, signature), self._gateways))

    def save(self, body: bytes, signature: bytes) -> None:
        """Have every institution save a signed frame, and every party its part of what is kept of it."""
        list(self._pool.map(lambda gateway: gateway.save(body, signature), self._gateways))

    def load(self, name: str) -> list[dict[str, Any]]:
        """Return a saved frame as each institution has it; parties take up their parts again."""
        self._forget_told()
        return list(self._pool.map(lambda gateway: gateway.load(name), self._gateways))

    def saved(self) -> list[str]:
        """Return the names of this analyst's saved frames, at whichever institutions."""
        return sorted({name for names in self._pool.map(GatewayClient.saved, self._gateways) for name in names})

    def forget_saved(self, name: str) -> bool:
        """Remove a saved frame at every institution; return whether there was one."""
        found = list(self._pool.map(lambda gateway: gateway.forget_saved(name), self._gateways))
        return any(found)

    def cancel(self, job_id: str) -> None:
        """Cancel a job of this analyst at every institution until all have ended; harmless where it has ended."""
        with self._lock:
            job = self._running.get(job_id)
            if job is None:
                # It may be about to begin.
                self._cancelled[job_id] = None
                while len(self._cancelled) > _REMEMBERED:
                    del self._cancelled[next(iter(self._cancelled))]
        if job is not None:
            job.cancel()

    def close(self) -> None:
        self._pool.shutdown(wait=False)
        for gateway in self._gateways:
            gateway.close()


class _Job:
    """One statement at all gateways: a thread a gateway owns its connection and puts its events here."""

    def __init__(self, gateways: list[GatewayClient], request: bytes) -> None:
        self._gateways = gateways
        self._request = request
        self._events: queue.SimpleQueue[tuple[str, Event]] = queue.SimpleQueue()
        self.job_id = job_id(request)
        self._cancelling = threading.Event()
        self.stages: dict[str, list[Event]] = {}
        self.results: dict[str, Event] = {}
        self.failures: dict[str, Event] = {}

    def start(self, signature: bytes) -> None:
        for gateway in self._gateways:
            arguments = (self._request, signature, lambda name, event: self._events.put((name, event)))
            threading.Thread(target=gateway.stream, args=arguments, name=f"job at {gateway.name}", daemon=True).start()

    def over(self) -> bool:
        return len(self.results) + len(self.failures) == len(self._gateways)

    def next_event(self, timeout: float) -> tuple[str, Event] | None:
        """Take the next event and the institution that it comes from; None where none comes in time."""
        try:
            name, event = self._events.get(timeout=timeout)
        except queue.Empty:
            return None
        match event["event"]:
            case "stage":
                self.stages.setdefault(name, []).append(event)
            case "result":
                self.results[name] = event
            case "error":
                self.failures[name] = event
        return name, event

    def cancel(self) -> None:
        """Cancel at every gateway until all have ended: one may still be about to admit the job."""
        if not self._cancelling.is_set():
            self._cancelling.set()
            for gateway in self._gateways:
                threading.Thread(target=self._cancel_at, args=(gateway,), name="cancellation", daemon=True).start()

    def _cancel_at(self, gateway: GatewayClient) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and gateway.name not in self.results and gateway.name not in self.failures:
            gateway.cancel(self.job_id)
            time.sleep(_CANCEL_INTERVAL)

    def collect(self, seconds: float) -> None:
        """Take what the other institutions say of their end, for at most ``seconds``."""
        deadline = time.monotonic() + seconds
        while not self.over() and (left := deadline - time.monotonic()) > 0:
            self.next_event(timeout=left)
        threading.Thread(target=self._drain, name="late events", daemon=True).start()

    def _drain(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.over() and time.monotonic() < deadline:
            self.next_event(timeout=1.0)


def _packages(texts: list[str | None]) -> tuple[bytes, bytes, bytes] | None:
    """The packages of all parties, or None where all of them went to an institution; `ValueError` where only some did."""
    if all(text is None for text in texts):
        return None
    first, second, third = (base64.b64decode(text, validate=True) for text in texts if text is not None)
    return first, second, third


def _strings(record: Any) -> dict[str, str]:
    """Return a record whose values are texts; an empty one in place of anything else."""
    return record if isinstance(record, dict) and all(isinstance(value, str) for value in record.values()) else {}


def _read_event(line: str) -> Event:
    """Read one event of a job; `ValueError` where it is none."""
    match json.loads(line):
        case (
            {"event": "admitted", "stages": [*_]}
            | {"event": "progress", "rounds": int(), "bytes": int()}
            | {"event": "stage", "name": str()}
            | {"event": "result", "package": str() | None, "report": {"sent_to_parties": {}}}
            | {"event": "error", "cause": str(), "error": {}}
        ) as event:
            return dict(event)
    raise ValueError("a line that is no event")


def _first_cause(failures: list[Event]) -> SecureFrameError:
    """Return the failure that explains the others, which are given in order of arrival."""
    for cause in (Cause.LOST, Cause.OWN):
        for failure in failures:
            if failure["cause"] == cause:
                return SecureFrameError.from_json(failure["error"])
    return ProtocolAborted("the parties ended the job; nothing was released", hint="run the statement again")
