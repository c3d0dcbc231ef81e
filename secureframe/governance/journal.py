"""An institution's own journal: since when it serves under which policy, and which jobs ran here, for whom and how they ended.

A file of JSON lines in its private directory, mode 0600. It holds what the institution was asked and what it decided, never a
value, a count or anything else that depends on rows. It is no ledger and no audit log: nothing is decided by it, lines are not
chained, and the oldest jobs are dropped.
"""

from __future__ import annotations

import datetime
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

JOURNAL = "journal.jsonl"
"""The file of the journal within an institution's private directory."""
MOST_JOBS = 5_000
"""Jobs that are kept; the file is cut down to so many when it holds twice as many."""
MOST_STATISTICS = 50
RUNNING, RELEASED, REFUSED, FAILED, CANCELLED, LOST = "running", "released", "refused", "failed", "cancelled", "lost"
STATUSES = (RUNNING, RELEASED, REFUSED, FAILED, CANCELLED, LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalJob:
    """A job as one institution knows it.

    Parameters
    ----------
    job, plan : str
        The identifier of the run, and the digest of what was asked.
    analyst, purpose, recipient : str
        Who asked, what for, and whom the result was sealed for.
    tables : tuple of str
        The institution's own tables that it read; empty where the institution only computed for others.
    statistics : tuple of str
        What was asked, one line a release.
    policy : str
        Digest of the institution's policy that was in force.
    rules : tuple of str
        The rules that the releases were held against, of all owners the strictest.
    begun : str
        When it was admitted, ISO 8601, UTC.
    status : str
        One of `STATUSES`. ``released`` says that the institution did its part to the end: whatever another one did then, the
        result counts as released. ``lost`` says that a process of the institution went before it could tell.
    ended : str or None
        When that was, ISO 8601, UTC.
    error : str or None
        The class of the error that refused it.
    """

    job: str
    plan: str
    analyst: str
    purpose: str
    recipient: str
    tables: tuple[str, ...]
    statistics: tuple[str, ...]
    policy: str
    rules: tuple[str, ...]
    begun: str
    status: str = RUNNING
    ended: str | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRecord:
    """What a journal says.

    Parameters
    ----------
    institution : str
        Whose it is.
    since : str
        When the institution began to serve, ISO 8601, UTC.
    policy : dict
        Its policy in force since then, as JSON.
    tables : tuple of str
        The tables that it offers.
    jobs : tuple of JournalJob
        The oldest first.
    """

    institution: str
    since: str
    policy: dict[str, Any]
    tables: tuple[str, ...]
    jobs: tuple[JournalJob, ...]


class Journal:
    """Writes the journal of one institution.

    Parameters
    ----------
    institution : str
        Its name.
    directory : Path
        Its private directory.
    """

    def __init__(self, institution: str, directory: Path) -> None:
        self._institution = institution
        self._path = directory / JOURNAL
        self._lock = threading.Lock()
        self._jobs = 0

    def serving(self, policy: dict[str, Any], tables: Sequence[str]) -> None:
        """Note that the institution serves from now on; jobs that an earlier process of it left running are lost."""
        line = {"event": "serving", "institution": self._institution, "at": now(), "policy": policy, "tables": list(tables)}
        with self._lock:
            self._cut_down()
            self._append(line)

    def begun(self, job: JournalJob) -> None:
        """Note a job that was admitted, or refused."""
        shown = job.statistics
        if len(shown) > MOST_STATISTICS:
            job = replace(job, statistics=(*shown[:MOST_STATISTICS], f"and {len(shown) - MOST_STATISTICS} more"))
        with self._lock:
            self._append({"event": "job", **asdict(job)})
            self._jobs += 1
            if self._jobs >= 2 * MOST_JOBS:
                self._cut_down()

    def ended(self, job: str, status: str) -> None:
        """Note how a job ended."""
        with self._lock:
            self._append({"event": "ended", "job": job, "status": status, "at": now()})

    def _append(self, record: dict[str, Any]) -> None:
        # One write a line: whoever reads meanwhile sees whole lines, but for the last one.
        descriptor = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            os.write(descriptor, json.dumps(record).encode("utf-8") + b"\n")
        finally:
            os.close(descriptor)

    def _cut_down(self) -> None:
        """Leave out the oldest jobs, and what a process that went was in the middle of writing."""
        records = list(_records(self._path))
        kept = {r["job"] for r in [r for r in records if r["event"] == "job"][-MOST_JOBS:]}
        last = max((i for i, r in enumerate(records) if r["event"] == "serving"), default=0)
        records = [r for i, r in enumerate(records) if r.get("job") in kept or (r["event"] == "serving" and i == last)]
        self._jobs = len(kept)
        if not records:
            return
        draft = self._path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(r) + "\n" for r in records)
        draft.replace(self._path)


def read_journal(directory: Path) -> JournalRecord | None:
    """Return what an institution's journal says; None where it has none.

    Parameters
    ----------
    directory : Path
        The institution's private directory.
    """
    serving: dict[str, Any] | None = None
    jobs: dict[str, JournalJob] = {}
    for record in _records(directory / JOURNAL):
        match record:
            case {"event": "serving"}:
                serving = record
                jobs = {n: replace(j, status=LOST) if j.status == RUNNING else j for n, j in jobs.items()}
            case {"event": "job"}:
                jobs[record["job"]] = _job(record)
            case {"event": "ended", "job": job} if job in jobs and jobs[job].status == RUNNING:
                jobs[job] = replace(jobs[job], status=record["status"], ended=record["at"])
    if serving is None:
        return None
    return JournalRecord(
        institution=serving["institution"],
        since=serving["at"],
        policy=serving["policy"],
        tables=tuple(serving["tables"]),
        jobs=tuple(jobs.values()),
    )


def now() -> str:
    """The time as records hold it: ISO 8601, UTC, in seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _job(record: dict[str, Any]) -> JournalJob:
    values: dict[str, Any] = {f.name: record[f.name] for f in fields(JournalJob)}
    values |= {name: tuple(values[name]) for name in ("tables", "statistics", "rules")}
    return JournalJob(**values)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # what a process was writing when it went
        if isinstance(record, dict) and "event" in record:
            yield record
