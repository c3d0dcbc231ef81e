"""What was released to a report is kept until the report is whole, so that one that failed goes on where it stopped.

Outside a report nothing is ever kept here: `store_of_report` finds a store only in a process whose environment names one. Kept
is what the analyst was released anyway, opened, and the receipts of what went to institutions, for the eyes of one user. It is
found again by `release_key` alone: by everything that the result depends on, and everybody whom it is for.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from secureframe.errors import SecureFrameError
from secureframe.jobs import JobReport, Stage
from secureframe.plan.envelope import Plan
from secureframe.plan.nodes import Summarise
from secureframe.results.receipt import Receipt
from secureframe.results.released import SUPPRESSED, Cell, ReleasedTable
from secureframe.schema.table import TableSchema

ENVIRONMENT = "SECUREFRAME_REPORT"
"""The variable that names the directory of the report for which a process runs."""
FORMAT = "1"
_FOLDER = "released"
_ASKED = "asked"
_OTHERS = 0o077


def release_key(plan: Plan, tables: Mapping[str, TableSchema], *, demonstration: str | None = None) -> str:
    """Return what names the results of a plan: the same for the same question, asked of the same data by the same analyst.

    It covers the plan's body with the values of its parameters, the purpose, the analyst and the recipient with their keys, the
    policies, every table with its schema and the version of its data, and the version of this software; it leaves out the nonce,
    the time, and what the parties keep of earlier statements, from which a job only starts sooner.

    Parameters
    ----------
    plan : Plan
        What is asked.
    tables : mapping
        By ``owner.table``, the tables that it reads, as the catalog has them.
    demonstration : str, optional
        What names the data of a demonstration, which are public and the same at each of its starts. Its analyst has other
        keys and its tables other versions at every start: this stands in their place. An institution that receives results
        does not outlive the start either, and nothing stands in place of its keys: it is sent its results again.
    """
    schemas = {name: tables[name].to_json() for name in sorted(tables)}
    analyst, recipient = dict(plan.analyst), dict(plan.recipient)
    if demonstration is not None:
        schemas = {name: {**schema, "version": demonstration} for name, schema in schemas.items()}
        if recipient == analyst:
            recipient = _nameable(recipient)
        analyst = _nameable(analyst)
    record = {
        "format": FORMAT,
        "software": importlib.metadata.version("secureframe"),
        "plan": plan.digest,
        "purpose": plan.purpose,
        "analyst": analyst,
        "recipient": recipient,
        "policies": dict(plan.policies),
        "tables": schemas,
        "results": [shown.to_json() for shown in plan.results],
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _nameable(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: identity[name] for name in ("name", "affiliation")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The results of one job.

    Parameters
    ----------
    purpose : str
        What the plan said the answers are for.
    job : JobReport
        What the job took.
    cells : tuple
        For every release, in order, the values of its `ReleasedTable`; empty where the results went to an institution.
    records : tuple of dict
        For every release its record.
    receipt : Receipt or None
        Where they went to an institution.
    """

    purpose: str
    job: JobReport
    cells: tuple[tuple[tuple[Cell, ...], ...], ...] = ()
    records: tuple[dict[str, Any], ...] = ()
    receipt: Receipt | None = None

    @staticmethod
    def of(plan: Plan, job: JobReport, result: Sequence[ReleasedTable] | Receipt) -> Kept:
        """Return what is kept of a job that has ended."""
        if isinstance(result, Receipt):
            return Kept(purpose=plan.purpose, job=job, receipt=result)
        return Kept(
            purpose=plan.purpose, job=job, cells=tuple(t.values for t in result), records=tuple(t.release for t in result)
        )

    def tables(self, nodes: Sequence[Summarise]) -> list[ReleasedTable]:
        """Return the releases of the nodes that were asked for."""
        found = zip(nodes, self.cells, self.records, strict=True)
        return [ReleasedTable(node=node, values=values, release=record) for node, values, record in found]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "purpose": self.purpose,
            "job": asdict(self.job),
            "cells": [[[_encoded(cell) for cell in column] for column in table] for table in self.cells],
            "records": list(self.records),
            "receipt": None if self.receipt is None else self.receipt.to_json(),
        }

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Kept:
        """Read what `to_json` wrote."""
        stages = tuple(Stage(**stage) for stage in record["job"]["stages"])
        receipt = record["receipt"]
        lists = {name: tuple(receipt[name]) for name in ("institutions", "statistics")} if receipt is not None else {}
        return Kept(
            purpose=record["purpose"],
            job=JobReport(**{**record["job"], "stages": stages}),
            cells=tuple(tuple(tuple(map(_decoded, column)) for column in table) for table in record["cells"]),
            records=tuple(record["records"]),
            receipt=None if receipt is None else Receipt(**{**receipt, **lists}),
        )


def _encoded(cell: Cell) -> Any:
    """A cell as JSON: what JSON knows as it is (floats to their last bit), the rest with its name."""
    if cell is SUPPRESSED:
        return {"suppressed": True}
    if isinstance(cell, datetime.datetime):
        return {"datetime": cell.isoformat()}
    if isinstance(cell, datetime.date):
        return {"date": cell.isoformat()}
    if cell is None or type(cell) in (bool, int, float, str):
        return cell
    raise SecureFrameError(f"a released value of type {type(cell).__name__} cannot be kept")


def _decoded(record: Any) -> Cell:
    match record:
        case {"suppressed": True}:
            return SUPPRESSED
        case {"datetime": text}:
            return datetime.datetime.fromisoformat(text)
        case {"date": text}:
            return datetime.date.fromisoformat(text)
        case _:
            found: Cell = record
            return found


class ReleasedStore:
    """The results that one report was released, a file each; and in which order the report has asked for them.

    Parameters
    ----------
    directory : Path
        The report's directory, private to this user.

    Raises
    ------
    SecureFrameError
        If others may read or write the directory, or it is another user's.
    """

    def __init__(self, directory: Path) -> None:
        try:
            found = directory.stat()
        except OSError as error:
            raise SecureFrameError(
                f"{directory} cannot be read as the directory of a report ({type(error).__name__})",
                hint=f"{ENVIRONMENT} is set by `secureframe report` alone",
            ) from None
        if found.st_mode & _OTHERS or found.st_uid != os.getuid():
            raise SecureFrameError(
                f"others may read {directory}, where released results are kept", hint=f"chmod 700 {directory}, as its owner"
            )
        self._directory = directory
        self._folder = directory / _FOLDER

    def find(self, key: str) -> Kept | None:
        """Return what is kept under a key, if it can be read as a whole."""
        try:
            record = json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8"))
            if record["format"] != FORMAT or record["key"] != key:
                return None
            return Kept.from_json(record["kept"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: str, kept: Kept) -> None:
        """Keep the results of a job under a key; the file appears once it is whole."""
        record = {"format": FORMAT, "key": key, "kept": kept.to_json()}
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor, draft = tempfile.mkstemp(prefix=".", dir=self._folder)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(record, file)
                    file.flush()
                    os.fsync(file.fileno())
                Path(draft).replace(self._folder / f"{key}.json")
            except BaseException:
                Path(draft).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise SecureFrameError(
                f"what was released could not be kept in {self._directory} ({error.strerror})",
                hint="make room there and run the report with --resume",
            ) from error

    def note(self, key: str, *, resumed: bool) -> None:
        """Note that the report has asked for what is kept under a key, and whether it was there before."""
        descriptor = os.open(self._directory / _ASKED, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "resumed": resumed}) + "\n")

    def begin(self, *, resume: bool) -> None:
        """Begin a run: nothing has been asked for yet, and unless it resumes, nothing is kept."""
        (self._directory / _ASKED).unlink(missing_ok=True)
        if not resume:
            for path in self._files():
                path.unlink(missing_ok=True)

    def asked(self) -> list[tuple[Kept, bool]]:
        """Return what this run has asked for, in order and each once, and whether it had been released before the run."""
        first: dict[str, bool] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in (self._directory / _ASKED).read_text(encoding="utf-8").splitlines():
                noted = json.loads(line)
                first.setdefault(noted["key"], noted["resumed"])
        return [(kept, resumed) for key, resumed in first.items() if (kept := self.find(key)) is not None]

    def _files(self) -> Iterator[Path]:
        yield from self._folder.iterdir() if self._folder.is_dir() else ()


@dataclass(frozen=True, slots=True)
class Entry:
    """The place of one job in the store of the report that runs."""

    store: ReleasedStore
    key: str
    plan: Plan

    def found(self) -> Kept | None:
        """Return what was released before, and note that it was asked for."""
        kept = self.store.find(self.key)
        if kept is not None:
            self.store.note(self.key, resumed=True)
        return kept

    def keep(self, job: JobReport, result: Sequence[ReleasedTable] | Receipt) -> None:
        """Keep what was released now."""
        self.store.keep(self.key, Kept.of(self.plan, job, result))
        self.store.note(self.key, resumed=False)


def store_of_report() -> ReleasedStore | None:
    """Return the store of the report for which this process runs; None outside a report."""
    named = os.environ.get(ENVIRONMENT)
    return ReleasedStore(Path(named)) if named else None
