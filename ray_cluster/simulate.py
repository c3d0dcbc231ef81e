"""A federation on this machine: real institutions, parties, links and gateways, behind the `Backend` of the notebook.

The kernel starts a guardian and imports no Ray. What comes back over a pipe is the federation description, and from
then on the kernel speaks to the gateways as it would to institutions elsewhere.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ray_cluster.client import FederationClient
from ray_cluster.connect import GatewayBackend, write_invitation
from ray_cluster.federation import FederationDescription
from ray_cluster.identities import ProcessIdentity
from ray_cluster.launcher import INSTITUTIONS, LAUNCH_FILE
from ray_cluster.processes import remove_directory
from ray_cluster.settings import INSTITUTION, PARTY_JOB
from secureframe.backend import Backend, Member, members_for
from secureframe.disclosure.policy import preset
from secureframe.errors import PartyUnavailable, SecureFrameError
from secureframe.governance.identity import AnalystIdentity

START_SECONDS = 180.0
_CLOSE_SECONDS = 20.0
_LONGEST_DIRECTORY = 38
"""Bytes: Ray adds up to 69 for its sockets, whose paths end at 107."""


def start(
    *,
    declarations: dict[str, dict[str, dict[str, Any]]],
    policies: dict[str, dict[str, Any]],
    directory: Path,
    analyst: AnalystIdentity,
    progress: Callable[[str], None],
    parties: Sequence[str] | None = None,
    record: bool = False,
    institution: str = INSTITUTION,
    party_job: str = PARTY_JOB,
) -> Backend:
    """Start a federation on this machine and return its backend.

    Parameters
    ----------
    declarations : dict
        By institution and table, the declaration that is registered there.
    policies : dict
        By institution, its policy.
    directory : Path
        A private temporary directory with a short path; the backend owns it from here on, and removes it at the end.
    analyst : AnalystIdentity
        Who will ask.
    progress : callable
        Called with a short text as the start proceeds.
    parties : sequence of str, optional
        Who hosts the compute parties; by default the first three institutions.
    record : bool
        Keep what the parties send above TLS, in their private directories: for the leak tests alone.
    institution, party_job : str
        Paths of the classes that do the work in the actors.

    Raises
    ------
    SecureFrameError
        Where an institution refuses a table (`RegistrationError`), or a process could not be started; all is cleaned up.
    """
    if len(os.fsencode(directory)) > _LONGEST_DIRECTORY:
        raise PartyUnavailable(
            f"the temporary directory {directory} has too long a path: sockets are made in it",
            hint=f"make /tmp writable, or set TMPDIR to a directory of at most {_LONGEST_DIRECTORY - 12} bytes",
        )
    identity = ProcessIdentity.of(analyst.name, analyst.signing_key)
    found = members_for(list(declarations), parties)
    members: list[dict[str, Any]] = [{"name": each.name, "party": each.party, "data": each.data} for each in found]
    # A neutral host has no table that a policy could bind; it still runs the same code, which wants one.
    neutral = {each["name"]: preset("open-research").to_json() for each in members if not each["data"]}
    launch = {
        "members": members,
        "declarations": declarations,
        "policies": {**neutral, **policies},
        "analyst": analyst.public(),
        "client_certificate": base64.b64encode(identity.certificate).decode("ascii"),
        "record": record,
        "institution": institution,
        "party_job": party_job,
    }
    descriptor = os.open(directory / LAUNCH_FILE, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(launch, file)
    simulation = Simulation(directory)
    try:
        description = simulation.wait_ready(progress)
        return SimulationBackend(simulation, description, identity, analyst)
    except BaseException:
        simulation.close()
        raise


def read_events(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield what a launcher tells, up to its end, which may come in the middle of a line."""
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            return


class Simulation:
    """The guardian of a simulation and the pipe on which the launcher tells what happens."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._closed = False
        self._owner = os.getpid()
        self._failure: SecureFrameError | None = None
        environment = dict(os.environ)
        here = str(Path(__file__).resolve().parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [here, environment.get("PYTHONPATH")]))
        self._guardian = subprocess.Popen(
            [sys.executable, "-m", "ray_cluster.guardian", str(directory), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )
        atexit.register(self.close)
        self._reader = threading.Thread(target=self._read, name="simulation events", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._guardian.stdout is not None
        for event in read_events(self._guardian.stdout):
            if event["event"] == "failed":
                self._failure = SecureFrameError.from_json(event["error"])
            self._events.put(event)
        self._ended.set()
        self._events.put(None)

    def wait_ready(self, progress: Callable[[str], None]) -> FederationDescription:
        """Tell of the start, and return the description once all is up."""
        while True:
            try:
                event = self._events.get(timeout=START_SECONDS)
            except queue.Empty:
                event = None
            if event is None:
                raise PartyUnavailable("the simulation could not be started", hint="see whether this machine has memory left")
            match event["event"]:
                case "progress":
                    progress(event["text"])
                case "failed":
                    raise SecureFrameError.from_json(event["error"])
                case "ready":
                    progress("ready")
                    return FederationDescription.from_json(event["federation"])

    def check(self) -> None:
        """Raise where there is nothing to wait for: a restart failed, or there is nobody who would restart anything."""
        if self._closed:
            raise PartyUnavailable("the simulation is closed", hint="start it again with sf.simulate(...)")
        if self._ended.is_set():
            raise PartyUnavailable("the simulation has ended unexpectedly", hint="start it again with sf.simulate(...)")
        if self._failure is not None:
            name = self._failure.institution
            raise PartyUnavailable(
                f"{name} could not be restarted: {self._failure.message}",
                hint="start the simulation again with sf.simulate(...)",
                institution=name,
            )

    def close(self) -> None:
        """End all processes and remove the directory; harmless when called twice, or in a fork of the kernel."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if os.getpid() != self._owner:
            return
        atexit.unregister(self.close)
        assert self._guardian.stdin is not None and self._guardian.stdout is not None
        with suppress(OSError):
            # A fork of the kernel may hold a copy of the pipe: the end of file alone would not arrive.
            os.write(self._guardian.stdin.fileno(), b"x")
        self._guardian.stdin.close()
        try:
            self._guardian.wait(timeout=_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            # Without the guardian the launcher reads the end of its own pipe, and ends its session itself.
            self._guardian.kill()
            self._guardian.wait()
        self._reader.join(timeout=_CLOSE_SECONDS)
        self._guardian.stdout.close()
        remove_directory(self.directory)


class SimulationBackend(GatewayBackend):
    """A simulated federation, as the notebook uses it."""

    def __init__(
        self,
        simulation: Simulation,
        description: FederationDescription,
        identity: ProcessIdentity,
        analyst: AnalystIdentity,
    ) -> None:
        members = tuple(
            Member(
                name=each.name,
                party=each.party,
                data=each.data,
                identity=description.catalog[each.name].get("identity"),
                directory=simulation.directory / INSTITUTIONS / str(number),
            )
            for number, each in enumerate(description.members)
        )
        super().__init__(members, description, FederationClient(description, identity, simulation.check))
        self.directory = simulation.directory
        self._simulation = simulation
        self._analyst = analyst

    def invite(self, name: str, affiliation: str | None, directory: Path | None, purpose: str) -> Path:
        guest = ProcessIdentity.generate(name)
        analyst = AnalystIdentity.of(name, affiliation, guest.key)
        place = directory or self.directory / "invitations" / guest.fingerprint[:16]
        record = {"analyst": analyst.public(), "certificate": base64.b64encode(guest.certificate).decode("ascii")}
        body = json.dumps(record).encode("utf-8")
        self._client.invite(body, self._analyst.sign(body))
        return write_invitation(place, self.description, analyst, guest, purpose)

    def close(self) -> None:
        # In this order: a statement that runs in another thread is told of the end before its connections go.
        self._simulation.close()
        self._client.close()
