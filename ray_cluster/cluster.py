"""Ray: the local cluster, and the actors that host institutions and compute parties. The only file that imports ray.

Ray carries calls within one institution and tells when a process exited. It carries no share and no protocol round, and
nothing of it crosses between institutions or reaches the notebook.
"""

from __future__ import annotations

import functools
import gc
import importlib
import logging
import os
import secrets
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ray_cluster.party_handle import PartyLost
from ray_cluster.settings import ActorSettings

if TYPE_CHECKING:
    from secureframe.engine.job import AdmittedJob

_THREADS_OF_AN_ACTOR = 24
_ANSWER_SECONDS = 3.0
_WATCH_SECONDS = 600.0
_OBJECT_STORE = 80 * 1024 * 1024
_ONE_THREAD = (
    "POLARS_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)
_UNUSED_MODULE = "rfc3987_syntax"
"""A grammar of addresses that jsonschema loads where it finds it, and Ray jsonschema: a second and 16 MB in every process."""
_UNUSED_SERVICES = ("start_monitor", "start_log_monitor", "start_api_server")


class ActorLost(Exception):
    """An actor's process has exited."""


class ActorBusy(Exception):
    """An actor has not answered in time; the call stands, and is done once the actor comes to it."""


def prepare_environment(directory: Path) -> None:
    """Set what Ray and its workers read from the environment; before ray is imported.

    Workers inherit it from Ray's processes, which is faster than a runtime environment of their own.
    """
    token = directory / "ray-token"
    descriptor = os.open(token, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    _leave_out(_UNUSED_MODULE, directory)
    # The notebook may run inside a cluster of its own, whose settings mean another Ray than this one.
    for name in [each for each in os.environ if each.startswith("RAY_")]:
        del os.environ[name]
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    os.environ.update(
        # Actors have many threads, which would each have a heap of their own: see `memory`.
        MALLOC_ARENA_MAX="1",
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN_PATH=str(token),
        RAY_USAGE_STATS_ENABLED="0",
        # Without a cluster of several machines Ray takes the loopback address, and its servers listen there alone.
        RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
        RAY_enable_metrics_collection="0",
        RAY_enable_open_telemetry="0",
        RAY_enable_timeline="0",
        RAY_event_stats="0",
        # Ray makes its workers yield to everything else on the machine; here they are what the machine is for.
        RAY_worker_niceness="0",
        RAY_task_events_report_interval_ms="0",
    )


def _leave_out(module: str, directory: Path) -> None:
    """Have an optional module not found by Ray's processes, nor by this one."""
    path = directory / "left-out"
    path.mkdir(mode=0o700)
    (path / f"{module}.py").write_text("raise ImportError\n", encoding="ascii")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(path), *filter(None, [os.environ.get("PYTHONPATH")])])
    sys.modules.setdefault(module, cast(Any, None))


@contextmanager
def _lean() -> Iterator[None]:
    """Leave out the services of a node that nothing here uses: autoscaler, log monitor, dashboard (250 MB, 3 s of work)."""
    from ray._private.node import Node

    kept = {name: getattr(Node, name) for name in _UNUSED_SERVICES if hasattr(Node, name)}
    for name in kept:
        setattr(Node, name, lambda self, *arguments, **options: None)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(Node, name, method)


class Actor:
    """A handle of an actor: calls by name, and `ActorLost` instead of Ray's errors."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def start(self, method: str, *arguments: Any) -> Any:
        """Begin a call and return its reference, for `wait`."""
        return getattr(self._handle, method).remote(*arguments)

    def call(self, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Call a method and return its answer."""
        return wait(self.start(method, *arguments), timeout=timeout)

    def stream(self, method: str, *arguments: Any) -> Iterator[Any]:
        """Begin a call of a method that yields, and return its answers as they come."""
        return _answers(getattr(self._handle, method).options(num_returns="streaming").remote(*arguments))


def _answers(references: Iterable[Any]) -> Iterator[Any]:
    with _translated():
        for reference in references:
            yield wait(reference)


def wait(reference: Any, *, timeout: float | None = None) -> Any:
    """Return the answer of a call that was begun.

    Raises
    ------
    ActorLost
        If the actor's process has exited.
    ActorBusy
        If it has not answered in time.
    """
    import ray

    with _translated():
        return ray.get(reference, timeout=timeout)


@contextmanager
def _translated() -> Iterator[None]:
    """Raise what this file raises in place of Ray's errors."""
    from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError, WorkerCrashedError

    try:
        yield
    except (RayActorError, WorkerCrashedError) as error:
        raise ActorLost(type(error).__name__) from None
    except GetTimeoutError:
        raise ActorBusy from None
    except RayTaskError as error:
        # Its text is a remote traceback, which may hold anything; the actor's own log has it.
        raise RuntimeError(f"a call to an actor failed: {type(error.cause).__name__}") from None


def first_of(references: Iterable[Any], timeout: float) -> Any | None:
    """Return the first reference that is answered, or whose actor was lost, within ``timeout`` seconds."""
    import ray

    ready, _ = ray.wait(list(references), num_returns=1, timeout=timeout)
    return ready[0] if ready else None


class RemoteParty:
    """An institution's own compute party, as its institution's actor sees it: a `PartyHandle`."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._watch = actor.start("watch", _WATCH_SECONDS)

    def ping(self) -> None:
        self._call("ping", timeout=_ANSWER_SECONDS)

    def lost(self) -> bool:
        # Ray tells of the exit of a process by itself: nobody is asked.
        if first_of([self._watch], timeout=0.0) is None:
            return False
        try:
            wait(self._watch)
        except ActorLost:
            return True
        # The watch of an institution that has gone ends by itself, and gives its thread back.
        self._watch = self._actor.start("watch", _WATCH_SECONDS)
        return False

    def run(self, job: AdmittedJob) -> Iterator[dict[str, Any]]:
        return _told(self._actor.stream("run", job))

    def kept(self, analyst: str) -> dict[str, str]:
        return cast(dict[str, str], self._call("kept", analyst, timeout=_ANSWER_SECONDS))

    def forget(self, analyst: str) -> None:
        self._call("forget", analyst)

    def save(self, analyst: str, name: str, digests: list[str]) -> None:
        self._call("save", analyst, name, digests)

    def restore(self, analyst: str, name: str, current: bool) -> None:
        self._call("restore", analyst, name, current)

    def cancel(self, job_id: str) -> None:
        with suppress(ActorBusy):
            self._call("cancel", job_id, timeout=_ANSWER_SECONDS)

    def finish(self, job_id: str) -> None:
        with suppress(ActorBusy):
            self._call("finish", job_id, timeout=_ANSWER_SECONDS)

    def _call(self, method: str, *arguments: Any, timeout: float | None = None) -> Any:
        try:
            return self._actor.call(method, *arguments, timeout=timeout)
        except ActorLost as error:
            raise PartyLost from error


def _told(answers: Iterator[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The answers of a job one by one."""
    try:
        for together in answers:
            yield from together
    except ActorLost as error:
        raise PartyLost from error


class _ActorBase:
    """What both kinds of actors share: a log file of the institution's own, and a call that ends with the process."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = ActorSettings.from_json(settings)
        self._settings.log_to_file()

    def watch(self, seconds: float | None = None) -> None:
        """Answer after so many seconds, or never: an error before that means that this process has exited."""
        threading.Event().wait(seconds)

    def ping(self) -> int:
        return os.getpid()

    def prepare(self) -> dict[str, Any]:
        """Do the slow part of the start, and answer with an address or with an error of SecureFrame."""
        try:
            return self._answer(self._prepare)
        finally:
            # What was imported stays: the garbage collector need not look through it again in the middle of every job.
            gc.freeze()

    def _answer(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        from secureframe.errors import SecureFrameError

        try:
            return work()
        except SecureFrameError as error:
            return {"error": {**error.to_json(), "institution": error.institution or self._settings.name}}
        except Exception as error:  # details stay in the institution's log
            logging.getLogger("secureframe").exception("the start failed")
            failed = SecureFrameError(f"an internal error at the start: {type(error).__name__}", institution=self._settings.name)
            return {"error": failed.to_json()}

    def _prepare(self) -> dict[str, Any]:
        raise NotImplementedError


class InstitutionActor(_ActorBase):
    """Hosts an institution and its gateway."""

    def _prepare(self) -> dict[str, Any]:
        from ray_cluster.institution import InstitutionHost
        from ray_cluster.links import bind

        settings = self._settings
        institution = _load(settings.institution)(name=settings.name, policy=settings.policy, members=settings.members)
        self._host = InstitutionHost(settings.identity(), institution, Path(settings.directory))
        entry = self._host.register(settings.tables)
        self._host.trust(settings.analyst)
        self._socket = bind(settings.port)
        return {"address": list(self._socket.getsockname()[:2]), "entry": entry}

    def configure(self, description: dict[str, Any], party: Any | None) -> dict[str, Any]:
        """Learn the federation, and begin to serve."""
        return self._answer(lambda: self._configure(description, party))

    def _configure(self, description: dict[str, Any], party: Any | None) -> dict[str, Any]:
        from ray_cluster.federation import FederationDescription
        from ray_cluster.gateway import GatewayServer, create_application
        from ray_cluster.guests import Guests
        from ray_cluster.presence import Presence

        handle = RemoteParty(Actor(party)) if party is not None else None
        known = FederationDescription.from_json(description)
        self._host.configure(known, handle)
        application = create_application(self._host)
        presence = Presence(self._host.forget)
        clients = self._settings.clients() + [each.certificate for each in known.members if each.party is not None]
        server = GatewayServer(application, self._settings.identity(), clients, self._socket, presence)

        def admit(analyst: dict[str, Any], certificate: bytes) -> None:
            self._host.trust(analyst)
            server.welcome(certificate)

        self._host.guests = Guests(Path(self._settings.directory), self._settings.analyst["verify_key"], admit)
        self._host.guests.welcome_back()
        server.start()
        return {}

    def replace_party(self, party: Any) -> None:
        self._host.replace_party(RemoteParty(Actor(party)))


class PartyActor(_ActorBase):
    """Hosts a compute party."""

    def _prepare(self) -> dict[str, Any]:
        from ray_cluster.memory import keep_freed
        from ray_cluster.party import PartyHost

        keep_freed()
        settings = self._settings
        assert settings.party is not None
        compute = _load(settings.party_job)
        self._host = PartyHost(
            settings.identity(), settings.party, compute, settings.port, settings.records(), Path(settings.directory)
        )
        return {"address": list(self._host.address)}

    def configure(self, description: dict[str, Any]) -> dict[str, Any]:
        """Learn the federation, and begin to accept links."""
        return self._answer(lambda: self._configure(description))

    def _configure(self, description: dict[str, Any]) -> dict[str, Any]:
        from ray_cluster.federation import FederationDescription

        self._host.configure(FederationDescription.from_json(description))
        return {}

    def run(self, job: AdmittedJob) -> Iterator[list[dict[str, Any]]]:
        yield from self._host.run(job)

    def kept(self, analyst: str) -> dict[str, str]:
        return self._host.kept(analyst)

    def forget(self, analyst: str) -> None:
        self._host.forget(analyst)

    def save(self, analyst: str, name: str, digests: list[str]) -> None:
        self._host.save(analyst, name, digests)

    def restore(self, analyst: str, name: str, current: bool) -> None:
        self._host.restore(analyst, name, current)

    def cancel(self, job_id: str) -> None:
        self._host.cancel(job_id)

    def cancel_all(self) -> None:
        self._host.cancel_all()

    def finish(self, job_id: str) -> None:
        self._host.finish(job_id)


class Cluster:
    """One local Ray. The environment must have been prepared before."""

    def __init__(self, directory: Path, actors: int) -> None:
        import ray

        with _lean():
            ray.init(
                # A new cluster, whatever other one this machine knows of.
                address="local",
                # Actors reserve no processor; the number only says how many workers may start at once.
                num_cpus=max(2, actors),
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=True,
                logging_level=logging.ERROR,
                object_store_memory=_OBJECT_STORE,
                _temp_dir=str(directory),
                _node_ip_address="127.0.0.1",
            )

    def institution(self, settings: ActorSettings) -> Actor:
        """Start an institution's actor."""
        return self._start(InstitutionActor, settings)

    def party(self, settings: ActorSettings) -> Actor:
        """Start a compute party's actor."""
        return self._start(PartyActor, settings)

    @staticmethod
    def handle(actor: Actor) -> Any:
        """Return what another actor can be given to call this one."""
        return actor._handle

    @staticmethod
    def _start(kind: type[_ActorBase], settings: ActorSettings) -> Actor:
        import ray

        # A process that held shares never comes back as if nothing had happened: it is started anew by the launcher.
        remote = cast(Any, ray.remote)(num_cpus=0, max_restarts=0, max_task_retries=0, max_concurrency=_THREADS_OF_AN_ACTOR)(kind)
        return Actor(remote.remote(settings.to_json()))


@functools.cache
def _load(path: str) -> Callable[..., Any]:
    """Return the class that a path like ``package.module:Name`` names."""
    module, _, name = path.partition(":")
    return cast(Callable[..., Any], getattr(importlib.import_module(module), name))
