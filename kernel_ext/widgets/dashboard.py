"""An institution's own view: its policy in force, the jobs that ran on its data, what was released of it and to whom.

It is read from the institution's private directory alone, on its own machine. It shows what was asked and by which rules it left,
never what came out, but for results that the institution itself received and opens here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ipywidgets

from kernel_ext.widgets.aside import Aside
from kernel_ext.widgets.parts import StatusLine, button, dropdown, html, moment, row, show, title, whole
from secureframe.disclosure.policy import Policy
from secureframe.display.page import chip, element, facts, scrolling, styled, table
from secureframe.display.released import released_html
from secureframe.errors import PlanError
from secureframe.federation import MemberView
from secureframe.governance.journal import JournalJob, JournalRecord, read_journal
from secureframe.inbox import Results, received

LOOKS = {
    "running": "partial", "released": "local", "cancelled": "withheld",
    "refused": "refused", "failed": "refused", "lost": "refused",
}  # fmt: skip
OWN, ALL, NOT_RELEASED = "on our data", "all, also where we only computed for others", "on our data, and not released"
SHOWN = 200
NOTHING = "no result was received"


class OwnerDashboard(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Policy, jobs, releases and received results of one institution; see `owner_dashboard`.

    Parameters
    ----------
    directory : Path
        The institution's private directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._reading = Aside("owner's dashboard")
        self._results: Results | None = None
        self._record: JournalRecord | None = None
        self._head, self._policy, self._jobs, self._released = html(), html(), html(), html()
        self._shown = dropdown("Jobs shown", "Which jobs are listed", [OWN, NOT_RELEASED, ALL])
        self._again = button("Read again", "Read the institution's journal and received results again", self.refresh)
        self._received = dropdown("Received result", "A result that this institution received, sealed for it", [(NOTHING, "")])
        self._opening = button(
            "Open it here", "Open it with the institution's key and show it below", self.open_received, disabled=True
        )
        self._value = html()
        self._missing = html()
        self.status = StatusLine()
        self._shown.observe(lambda _: self._show_jobs(), names="value")
        self._received.observe(lambda _: show(self._value, ""), names="value")
        super().__init__(
            [
                self._head, row(self._again), self._policy,
                html(title("Jobs, newest first", 4)), row(self._shown), self._jobs, self._released,
                html(title("Received by this institution", 4)), row(self._received, self._opening), self._value,
                self._missing, self.status,
            ]
        )  # fmt: skip
        show(self._missing, _not_kept())
        self._read()

    # -- what the owner does ---------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read everything again."""
        self.status.say("reading …")
        self._reading.start(self._read)

    def open_received(self) -> None:
        """Open the received result that is chosen, with the institution's key."""
        job = self._received.value
        if job:
            self.status.say(f"opening {job[:8]} …")
            self._reading.start(lambda: self._opened(job))

    def wait(self, seconds: float = 60.0) -> bool:
        """Wait until everything is shown; return whether it is."""
        return self._reading.wait(seconds)

    # -- aside -----------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            self._record = read_journal(self._directory)
            self._results = received(self._directory)
        except Exception as error:  # noqa: BLE001  # it is told in the widget
            self.status.tell(error)
            return
        show(self._head, _head(self._record))
        show(self._policy, _policy(self._record))
        self._show_jobs()
        show(self._released, _releases(self._record))
        options = [(f"{'; '.join(r.statistics)} ({r.job[:8]}, {moment(r.received)})", r.job) for r in self._results]
        if list(self._received.options) != (options or [(NOTHING, "")]):
            self._received.options = options or [(NOTHING, "")]
        self._opening.disabled = not options
        self.status.say("")

    def _opened(self, job: str) -> None:
        assert self._results is not None
        try:
            found = self._results[job].open()
        except Exception as error:  # noqa: BLE001  # it is told in the widget
            self.status.tell(error)
            return
        parts = list(zip(self._results[job].titles, found if isinstance(found, tuple) else (found,), strict=False))
        self._value.value = "".join(_value(name, value) for name, value in parts)
        self.status.say(f"{job[:8]} was opened with the institution's key")

    def _show_jobs(self) -> None:
        jobs = [] if self._record is None else list(self._record.jobs)
        if self._shown.value != ALL:
            jobs = [job for job in jobs if job.tables]
        if self._shown.value == NOT_RELEASED:
            jobs = [job for job in jobs if job.status != "released"]
        show(self._jobs, _jobs(jobs, self._record is None))


# -- what is shown -------------------------------------------------------------------------------------------------------------


def _head(record: JournalRecord | None) -> str:
    if record is None:
        return title("Institution") + facts([("journal", "not kept yet: the institution has not served")])
    return title(f"Institution {record.institution}") + facts(
        [
            ("serves since", moment(record.since)),
            ("tables", ", ".join(record.tables) or "none: it only computes for others"),
        ]
    )


def _policy(record: JournalRecord | None) -> str:
    head = title("Policy in force", 4)
    if record is None:
        return head + element("p", "Not kept yet.", classes="sf-note")
    policy = Policy.from_json(record.policy)
    rows = [
        ("threshold", f"{policy.threshold} persons", "a frequency is 0 or at least this; other statistics need as many persons"),
        ("rounding", f"to {policy.rounding}" if policy.rounding else "none", "of counts, before anything is opened"),
        ("tail", f"{policy.tail} values", "on either side of a quantile"),
        ("sensitive zeros", _yes(policy.sensitive_zeros), "empty cells of tables by a sensitive column are withheld"),
        ("pooled only", _yes(policy.pooled_only), "our rows leave only together with those of others"),
        ("every part", _yes(policy.every_part), "what each institution adds to a frequency is held to the threshold too"),
        ("joins by tags", _yes(policy.tagged_joins), "compute parties may learn how many keys two tables have in common"),
        ("purposes", _listed(policy.purposes, "any that is stated"), "what answers may be for"),
        ("recipients", _listed(policy.recipients, "the analyst and every member"), "to whom results may go"),
        ("approval", _yes(policy.approval), "somebody has to agree before a job runs"),
        ("ledger and budget", _yes(policy.ledger or policy.budget), "what was released before counts against later jobs"),
    ]
    caption = f"{policy.name}, digest {policy.digest[:16]}"
    return head + table(("rule", "value", "what it means"), rows, caption=caption)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _listed(names: Sequence[str] | None, otherwise: str) -> str:
    return otherwise if names is None else "; ".join(names) or "none"


def _jobs(jobs: Sequence[JournalJob], unknown: bool) -> str:
    if not jobs:
        return element("p", "Not kept yet." if unknown else "No such job has run.", classes="sf-note")
    rows = [
        (
            job.job[:8],
            chip(f"{job.status}: {job.error}" if job.error else job.status, LOOKS[job.status]),
            whole(moment(job.begun)),
            job.analyst,
            job.purpose,
            ", ".join(job.tables) or "none of ours",
            "; ".join(job.statistics),
        )
        for job in list(jobs)[::-1][:SHOWN]
    ]
    names = ("job", "status", "begun", "asked by", "purpose", "our tables", "statistics")
    return scrolling(table(names, rows), "Jobs") + _more(jobs)


def _more(jobs: Sequence[JournalJob]) -> str:
    return element("p", f"The latest {SHOWN} of {len(jobs)}.", classes="sf-note") if len(jobs) > SHOWN else ""


def _releases(record: JournalRecord | None) -> str:
    head = title("Released about our data, newest first", 4)
    jobs = [] if record is None else [job for job in record.jobs if job.tables and job.status == "released"]
    note = element(
        "p",
        "What was asked and by which rules it left. The values went, sealed, to the recipient: they are not kept here.",
        classes="sf-note",
    )
    if not jobs:
        return head + element("p", "Not kept yet." if record is None else "Nothing has been released.", classes="sf-note")
    rows = [
        (
            job.job[:8],
            whole(moment(job.ended or job.begun)),
            job.recipient,
            "; ".join(job.rules),
            "; ".join(job.statistics),
            whole(job.plan[:16]),
            whole(job.policy[:16]),
        )
        for job in jobs[::-1][:SHOWN]
    ]
    names = ("job", "released", "recipient", "rules", "statistics", "plan digest", "policy digest")
    return head + scrolling(table(names, rows), "Released about our data") + _more(jobs) + note


def _not_kept() -> str:
    return title("Ledger and approvals", 4) + facts(
        [
            ("ledger of releases", "not kept yet: the journal is no ledger, and drops the oldest jobs"),
            ("budget", "not kept yet: a policy that asks for one denies everything"),
            ("approvals", "not kept yet: a policy that asks for them denies everything"),
            ("audit log", "not kept yet: the lines of the journal are not chained"),
        ]
    )


def _value(name: str, value: Any) -> str:
    """A result that the institution received."""
    shown = released_html(value)
    return styled(title(name, 4), kind="widget") + shown if shown else styled(facts([(name, repr(value))]), kind="widget")


def owner_dashboard(institution: str | Path | MemberView) -> OwnerDashboard:
    """Return an institution's own view: policy in force, jobs on its data, what was released, and the results it received.

    Parameters
    ----------
    institution : str, Path or member
        The institution's private directory; in a simulation also the member: ``owner_dashboard(fed["hospital"])``.

    Returns
    -------
    OwnerDashboard
        A widget. It holds what was asked, by which rules it left and to whom, never a value; a result that the institution itself
        received is shown once its button is pressed.

    Raises
    ------
    PlanError
        If there is no such directory on this machine: nobody else than the institution reads it.

    Examples
    --------
    >>> owner_dashboard("/srv/secureframe/registry")
    """
    given = institution.directory if isinstance(institution, MemberView) else Path(institution)
    if given is None or not given.is_dir():
        raise PlanError(
            f"{'this member' if given is None else given} is no private directory of an institution on this machine",
            hint="owner_dashboard('directory'), at the institution, with the directory that holds identity.pem",
        )
    return OwnerDashboard(given)


