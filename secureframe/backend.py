"""What a federation needs from whatever runs it: the notebook's side of the gateways.

A backend is found by its entry point (group ``secureframe.backends``), so that nothing here imports Ray. The engine,
the protocols and the rules are the same behind every backend.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secureframe.errors import PlanError

PROGRESS_SECONDS = 0.25
"""How often a job is told of while nothing ends."""


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """How far a job is. Public numbers only: they follow from public shapes, or, in a sort, from coins that no data move.

    Parameters
    ----------
    stage : str
        The stage that runs; the last one where all have ended.
    number, total : int
        Stages that all parties have ended, and stages of the job; both 0 where it has none yet.
    party : str or None
        The institution that the others wait for; None where several are still at work.
    rounds : int
        Rounds so far.
    bytes : int
        Bytes that the parties have sent each other so far.
    seconds : float
        Since the job was sent.
    estimate : float, optional
        Seconds that it is expected to take in all, by the cost of its plan; None where that is not known yet.
    """

    stage: str
    number: int
    total: int
    party: str | None
    rounds: int
    bytes: int
    seconds: float
    estimate: float | None = None

    @staticmethod
    def waiting(stage: str, party: str | None, seconds: float) -> ProgressEvent:
        """A statement that has not begun to run: it waits for an institution, for so many seconds already."""
        return ProgressEvent(stage, 0, 0, party, 0, 0, seconds)


Progress = Callable[[ProgressEvent], None]
"""Called now and then while a job runs, from the thread that waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An institution of a federation.

    Parameters
    ----------
    name : str
        Its name, as in ``fed["name"]``.
    party : int or None
        The compute party (0, 1, 2) that it hosts.
    data : bool
        Whether it brings tables.
    identity : mapping, optional
        Name, affiliation and public keys under which it receives results.
    directory : Path, optional
        In a simulation, its private directory on this machine, in which it keeps the results that it receives.
    """

    name: str
    party: int | None
    data: bool
    identity: Mapping[str, Any] | None = None
    directory: Path | None = None


READY, RESTARTING, UNREACHABLE = "ready", "restarting", "unreachable"
"""What `Backend.health` says of an institution."""
PARTIES = 3
NEUTRAL = "neutral"


def members_for(institutions: Sequence[str], parties: Sequence[str] | None = None) -> tuple[Member, ...]:
    """Return the members of a simulation: institutions with tables, and neutral hosts where parties are left over.

    Parameters
    ----------
    institutions : sequence of str
        Those with tables, any number of them.
    parties : sequence of str, optional
        Who hosts the compute parties 0, 1 and 2, by name; by default the first three institutions. Whoever has no tables is a
        neutral host, and neutral hosts fill up what is missing.
    """
    hosts = list(institutions[:PARTIES] if parties is None else parties)
    spare = _neutral_names({*institutions, *hosts})
    while len(hosts) < PARTIES:
        hosts.append(next(spare))
    names = list(dict.fromkeys([*institutions, *hosts]))
    return tuple(Member(name=n, party=hosts.index(n) if n in hosts else None, data=n in institutions) for n in names)


def _neutral_names(taken: set[str]) -> Iterator[str]:
    for number in range(1, 2 * PARTIES + len(taken)):
        name = NEUTRAL if number == 1 else f"{NEUTRAL}-{number}"
        if name not in taken:
            yield name


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What comes back from a job: three sealed packages, in order of party, and the public report.

    ``packages`` is None where an institution is the recipient: then the parties' hosts have handed them to it.
    ``report`` holds ``stages`` (list of dicts with name, seconds, rounds, bytes), ``links`` (bytes by "from -> to"),
    ``dealt`` (bytes by owner) and ``seconds``.
    """

    packages: tuple[bytes, bytes, bytes] | None
    report: dict[str, Any] = field(default_factory=dict)


def common(held: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what all parties keep from one and the same job."""
    first, *others = held
    return {digest: origin for digest, origin in first.items() if all(o.get(digest) == origin for o in others)}


class Backend(ABC):
    """Runs signed plans at the institutions of a federation."""

    members: tuple[Member, ...]

    @abstractmethod
    def catalog(self) -> dict[str, dict[str, Any]]:
        """Return the public catalog entry of every institution."""

    @abstractmethod
    def run(self, request: bytes, signature: bytes, progress: Progress) -> Outcome:
        """Send a signed plan to every institution and return the sealed packages.

        Raises
        ------
        SecureFrameError
            As raised by an institution; `PartyUnavailable` names the institution that was lost. `Restarting` where one was not
            there yet when the plan arrived, and is by now: the statement may be signed and sent anew.
        """

    def cancel(self, job_id: str) -> None:  # noqa: B027  # a backend whose jobs end on their own has nothing to do
        """End a job that another thread runs, at every party; harmless where it has ended."""

    def health(self) -> dict[str, str]:
        """Ask every institution whether a job could run there now, all at the same time.

        Returns
        -------
        dict
            By name, `READY`, `RESTARTING` or `UNREACHABLE`; without those that a backend cannot ask.
        """
        return {}

    def invite(self, name: str, affiliation: str | None, directory: Path | None, purpose: str) -> Path:
        """Let another analyst ask, and return the path of the file with which they connect."""
        raise PlanError("the institutions of this federation say themselves who may ask", hint="ask them to be admitted")

    @abstractmethod
    def kept(self) -> dict[str, str]:
        """Return what all three parties keep of this analyst's earlier statements: for each digest the job it comes from."""

    def last_kept(self) -> dict[str, str]:
        """Return the same where it is known from the last job, so that nobody has to be asked: some of it may be gone by now."""
        return self.kept()

    @abstractmethod
    def forget_kept(self) -> None:
        """Have all parties drop what they keep of this analyst's earlier statements."""

    @abstractmethod
    def save(self, body: bytes, signature: bytes) -> None:
        """Have every institution keep a signed frame, and every party its part of what is kept of it."""

    @abstractmethod
    def load(self, name: str) -> list[dict[str, Any]]:
        """Return a saved frame as each institution has it (body, signature, current); parties take up their parts again."""

    @abstractmethod
    def saved(self) -> list[str]:
        """Return the names of this analyst's saved frames."""

    @abstractmethod
    def forget_saved(self, name: str) -> bool:
        """Remove a saved frame everywhere; return whether there was one."""

    @abstractmethod
    def close(self) -> None:
        """End everything that the backend started; calling it twice is harmless."""
