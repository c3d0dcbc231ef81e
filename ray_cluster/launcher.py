"""The launcher: the only Ray driver. It starts a federation on this machine, watches its actors and restarts lost ones.

``python -m ray_cluster.launcher DIRECTORY`` reads ``DIRECTORY/launch.json`` and writes one JSON event a line to its
standard output: ``progress``, ``ready`` (with the federation description), ``failed``, ``lost``, ``restarted``.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray_cluster.processes import end_session, remove_directory

if TYPE_CHECKING:
    from ray_cluster.cluster import Actor, Cluster
    from ray_cluster.federation import FederationDescription, FederationMember
    from ray_cluster.settings import ActorSettings

LAUNCH_FILE = "launch.json"
INSTITUTIONS = "institutions"
"""The folder of the institutions' private directories, each named by the member's number."""


class StartFailed(Exception):
    """An actor could not start; carries the record of the error."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        super().__init__("an actor could not start")


class Events:
    """One JSON event a line, from whatever thread, to the kernel."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        self._lock = threading.Lock()

    def emit(self, event: str, **record: Any) -> None:
        with self._lock:
            self._file.write(json.dumps({"event": event, **record}) + "\n")
            self._file.flush()


@dataclass(slots=True)
class _Place:
    """One actor of one institution, through its restarts."""

    settings: ActorSettings
    actor: Actor | None = None
    watch: Any = None
    answer: dict[str, Any] = field(default_factory=dict)


class Launcher:
    """Starts and keeps the actors of all institutions."""

    def __init__(self, directory: Path, events: Events) -> None:
        self._directory = directory
        self._events = events
        self._cluster: Cluster | None = None
        self._places: dict[tuple[str, str], _Place] = {}
        self._description: FederationDescription | None = None

    def start(self, launch: dict[str, Any]) -> None:
        """Start Ray and all actors, beside each other; then make everyone known to everyone."""
        from ray_cluster.cluster import Cluster, prepare_environment

        private = self._directory / "ray"
        private.mkdir(mode=0o700)
        prepare_environment(private)
        members = self._make_places(launch)
        self._events.emit("progress", text="starting Ray")
        self._cluster = Cluster(private, len(self._places))
        self._events.emit("progress", text="starting " + ", ".join(member.name for member in members))
        prepared = []
        for place in self._places.values():
            prepared.append((place, self._begin(place)))
        for place, reference in prepared:
            self._finish_prepare(place, reference)
        self._describe(members)
        for role in ("party", "institution"):
            references = [self._configure(place) for (_, each), place in self._places.items() if each == role]
            self._wait_all(references)
        assert self._description is not None
        self._events.emit("ready", federation=self._description.to_json())

    def keep(self) -> None:
        """Watch the actors for ever, and restart what is lost."""
        from ray_cluster.cluster import ActorLost, first_of

        while True:
            watched = {place.watch: place for place in self._places.values() if place.watch is not None}
            reference = first_of(watched, timeout=3600.0)
            if reference is None:
                continue
            place = watched[reference]
            name, role = place.settings.name, place.settings.role
            self._events.emit("lost", institution=name, role=role)
            try:
                self._restart(place)
            except (StartFailed, ActorLost, RuntimeError) as error:
                place.watch = None
                self._events.emit("failed", error=_record(error, name))
            else:
                self._events.emit("restarted", institution=name, role=role)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _make_places(self, launch: dict[str, Any]) -> list[FederationMember]:
        """Make an identity and a private directory for every institution, and say which actors it has."""
        from ray_cluster.federation import FederationMember
        from ray_cluster.identities import ProcessIdentity
        from ray_cluster.settings import IDENTITY_FILE, ActorSettings

        members = []
        for number, record in enumerate(launch["members"]):
            directory = self._directory / INSTITUTIONS / str(number)
            directory.mkdir(mode=0o700, parents=True)
            identity = ProcessIdentity.generate(record["name"])
            identity.save(directory / IDENTITY_FILE)
            members.append(FederationMember(**record, certificate=identity.certificate))
        public = [
            {"name": each.name, "party": each.party, "data": each.data, "fingerprint": each.fingerprint} for each in members
        ]
        for number, member in enumerate(members):
            base = ActorSettings(
                name=member.name,
                role="institution",
                directory=str(self._directory / INSTITUTIONS / str(number)),
                party=member.party,
                members=public,
                record=launch["record"],
                institution=launch["institution"],
                party_job=launch["party_job"],
            )
            if member.party is not None:
                self._places[member.name, "party"] = _Place(replace(base, role="party"))
            self._places[member.name, "institution"] = _Place(
                replace(
                    base,
                    policy=launch["policies"].get(member.name, {}),
                    tables=launch["declarations"].get(member.name, {}),
                    analyst=launch["analyst"],
                    client_certificate=launch["client_certificate"],
                )
            )
        return members

    def _begin(self, place: _Place) -> Any:
        assert self._cluster is not None
        make = self._cluster.party if place.settings.role == "party" else self._cluster.institution
        place.actor = make(place.settings)
        place.watch = place.actor.start("watch")
        return place.actor.start("prepare")

    def _finish_prepare(self, place: _Place, reference: Any) -> None:
        place.answer = _checked(reference)
        # A restarted actor listens where the others know it to be.
        place.settings = replace(place.settings, port=place.answer["address"][1])

    def _describe(self, members: list[FederationMember]) -> None:
        from ray_cluster.federation import FederationDescription

        known = []
        for member in members:
            gateway = self._places[member.name, "institution"].answer["address"]
            party = self._places.get((member.name, "party"))
            link = party.answer["address"] if party is not None else None
            known.append(replace(member, gateway=tuple(gateway), link=tuple(link) if link is not None else None))
        catalog = {member.name: self._places[member.name, "institution"].answer["entry"] for member in members}
        self._description = FederationDescription(members=tuple(known), catalog=catalog)

    def _configure(self, place: _Place) -> Any:
        assert self._description is not None and place.actor is not None
        description = self._description.to_json()
        if place.settings.role == "party":
            return place.actor.start("configure", description)
        return place.actor.start("configure", description, self._party_handle(place.settings.name))

    def _party_handle(self, name: str) -> Any:
        party = self._places.get((name, "party"))
        if party is None or party.actor is None or self._cluster is None:
            return None
        return self._cluster.handle(party.actor)

    @staticmethod
    def _wait_all(references: list[Any]) -> None:
        for reference in references:
            _checked(reference)

    def _restart(self, place: _Place) -> None:
        from ray_cluster.cluster import ActorLost

        name = place.settings.name
        self._finish_prepare(place, self._begin(place))
        if place.settings.role == "institution":
            party = self._places.get((name, "party"))
            if party is not None and party.actor is not None:
                # Nobody drives the jobs of the lost institution any more.
                party.actor.start("cancel_all")
        _checked(self._configure(place))
        if place.settings.role == "party":
            institution = self._places[name, "institution"].actor
            assert institution is not None
            try:
                institution.call("replace_party", self._party_handle(name))
            except ActorLost:
                # It is being restarted as well, and will be given the party that is here by then.
                return


def _checked(reference: Any) -> dict[str, Any]:
    """Return the answer of a call that was begun; `StartFailed` where it is an error."""
    from ray_cluster.cluster import wait

    answer: dict[str, Any] = wait(reference)
    if "error" in answer:
        raise StartFailed(answer["error"])
    return answer


def _record(error: BaseException, institution: str | None) -> dict[str, Any]:
    from secureframe.errors import PartyUnavailable

    if isinstance(error, StartFailed):
        return error.record
    text = str(error).splitlines()[0][:200] if str(error) else ""
    return PartyUnavailable(f"a start failed: {type(error).__name__} {text}".rstrip(), institution=institution).to_json()


def _end_with_guardian(directory: Path) -> None:
    """Wait for the guardian's end; with nobody to end this session, it ends itself."""
    while os.read(0, 1):
        continue
    end_session(os.getsid(0))
    remove_directory(directory)
    os._exit(0)


def main(directory: Path) -> None:
    events = Events(os.dup(1))
    os.dup2(2, 1)
    threading.Thread(target=_end_with_guardian, args=(directory,), daemon=True).start()
    launch_file = directory / LAUNCH_FILE
    launch = json.loads(launch_file.read_text(encoding="utf-8"))
    launch_file.unlink()
    launcher = Launcher(directory, events)
    try:
        launcher.start(launch)
        launcher.keep()
    except BaseException as error:
        events.emit("failed", error=_record(error, None))
        raise


if __name__ == "__main__":
    main(Path(sys.argv[1]))
