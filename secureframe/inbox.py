"""Results that an institution received, in its own notebook: listed without being opened, and opened with its own key.

Begin with `received`. What an institution opens, it compiles from the plan that it admitted, under the catalog and the policies
that were in force then.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from secureframe.display import page
from secureframe.engine.catalog import Catalog
from secureframe.errors import PlanError, SecureFrameError
from secureframe.federation import MemberView
from secureframe.governance.identity import InstitutionIdentity
from secureframe.governance.kept import KeptResult, kept
from secureframe.plan.envelope import Plan, job_id, read_plan
from secureframe.plan.shown import Shown, printable
from secureframe.planner.compile import compile_plan
from secureframe.results.forms import MISFITS, Form
from secureframe.results.general import general
from secureframe.results.opening import open_released
from secureframe.results.receipt import asked
from secureframe.results.released import ReleasedTable

SHOWN = 8
"""Characters by which a list shows a job."""


class SealedResult:
    """A result as it is kept: what was asked is known, what came out is not before it is opened.

    Parameters
    ----------
    record : KeptResult
        What the institution keeps.
    directory : Path
        The institution's private directory, which holds its key.
    """

    def __init__(self, record: KeptResult, directory: Path) -> None:
        self._record = record
        self._directory = directory
        self._catalog = Catalog.from_entries(record.catalog)
        self.plan: Plan = read_plan(record.request, self._catalog.tables)
        if job_id(record.request) != record.job or self.plan.recipient.get("name") != record.recipient:
            raise PlanError(f"{record.job[:SHOWN]} is not the result of the plan that it holds")
        self.job = record.job
        self.received = record.received

    @property
    def statistics(self) -> tuple[str, ...]:
        """What was asked, one line a release."""
        return tuple(asked(release) for release in self.plan.releases)

    def released(self) -> list[ReleasedTable]:
        """Open it with the institution's key, and return the cells of its releases.

        Raises
        ------
        SecureFrameError
            If the key cannot be read; `ProtocolAborted` if the packages do not fit it or each other.
        """
        identity = InstitutionIdentity.load(self._record.recipient, self._directory)
        compiled = compile_plan(self.plan, self._catalog.policies)
        return open_released(self._record.packages, identity.sealing_key, job=self.job, plan=self.plan, compiled=compiled)

    @property
    def titles(self) -> tuple[str, ...]:
        """What the results are, in the analyst's words, as `open` returns them."""
        return tuple(shown.title for shown in self.plan.results) or self.statistics

    def open(self) -> Any:
        """Open it with the institution's key.

        Returns
        -------
        pandas object or number, or tuple of them
            What the analyst's statements would have returned, in order, each with its release record: ``.attrs["release"]``,
            or ``.release`` of a number. Labels are the analyst's; ``statistics`` says what was computed.
        """
        tables = self.released()
        results = self.plan.results or tuple(Shown(title="", releases=(i,)) for i in range(len(tables)))
        found = tuple(_shaped(shown, [tables[i] for i in shown.releases]) for shown in results)
        return found[0] if len(found) == 1 else found

    def row(self) -> tuple[str, str, str, str, str]:
        """Return job, time, analyst, purpose and statistics, as a list shows them."""
        who = self.plan.analyst
        name = str(who["name"]) + (f" ({who['affiliation']})" if who.get("affiliation") else "")
        return self.job[:SHOWN], self.received, printable(name), printable(self.plan.purpose), "; ".join(self.statistics)

    def __repr__(self) -> str:
        job, received, analyst, purpose, statistics = self.row()
        return f"<SealedResult {job}: {statistics}; asked by {analyst} for {purpose!r}, received {received}; .open()>"


def _shaped(shown: Shown, tables: Sequence[ReleasedTable]) -> Any:
    """One result in its form; without one, or where it does not fit what was computed, as cells and statistics suggest."""
    if shown.form is not None:
        try:
            return Form.from_json(shown.form)(tables)
        except (PlanError, *MISFITS):
            warnings.warn(f"the form of {shown.title!r} does not fit what was computed", UserWarning, stacklevel=4)
    found = tuple(general(table) for table in tables)
    return found[0] if len(found) == 1 else found


class Results(Sequence[SealedResult]):
    """The results that an institution keeps, the oldest first; ``results[0]`` and ``results["1f3a"]`` are one of them."""

    HEADER = ("job", "received", "asked by", "purpose", "statistics")

    def __init__(self, found: Sequence[SealedResult]) -> None:
        self._found = tuple(found)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[SealedResult]:
        return iter(self._found)

    def __getitem__(self, which: Any) -> Any:
        if not isinstance(which, str):
            return Results(self._found[which]) if isinstance(which, slice) else self._found[which]
        matching = [r for r in self._found if r.job.startswith(which)]
        if len(matching) != 1 or not which:
            raise PlanError(
                f"{'several results begin' if matching else 'no result begins'} with {which!r}",
                hint=f"one of {', '.join(r.job[:SHOWN] for r in self._found) or 'none yet'}",
            )
        return matching[0]

    def _ipython_key_completions_(self) -> list[str]:
        return [r.job[:SHOWN] for r in self._found]

    def __repr__(self) -> str:
        if not self._found:
            return "no results were received"
        rows = [self.HEADER, *(r.row() for r in self._found)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.HEADER))]
        return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows)

    def _repr_html_(self) -> str:
        if not self._found:
            return page.styled(page.element("p", repr(self)), kind="inbox")
        caption = f"{len(self)} result{'' if len(self) == 1 else 's'}, sealed until opened"
        shown = page.table(self.HEADER, [r.row() for r in self._found], caption=caption)
        return page.styled(page.scrolling(shown, "results that were received"), kind="inbox")


def received(institution: str | Path | MemberView) -> Results:
    """Return the results that an institution received; nothing is opened yet.

    Parameters
    ----------
    institution : str, Path or member
        The institution's private directory; in a simulation also the member: ``sf.received(fed["registry"])``.

    Returns
    -------
    Results

    Raises
    ------
    PlanError
        If there is no such directory.

    Warns
    -----
    UserWarning
        Of every file that is no result, or cannot be read; it is left out.

    Examples
    --------
    >>> table = sf.received("/srv/secureframe/registry")[-1].open()
    """
    given = institution.directory if isinstance(institution, MemberView) else Path(institution)
    if given is None or not given.is_dir():
        raise PlanError(
            f"{'this member' if given is None else given} is no private directory of an institution on this machine",
            hint="sf.received('directory'), with the directory that holds identity.pem",
        )
    found = []
    for path in kept(given):
        try:
            found.append(SealedResult(KeptResult.load(path), given))
        except (SecureFrameError, ValueError, LookupError, TypeError) as error:
            warnings.warn(f"{path.name} is no result that can be read ({type(error).__name__})", UserWarning, stacklevel=2)
    return Results(found)
