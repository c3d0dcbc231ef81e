"""A federation at a glance: its members and how they are, who hosts which party, the jobs, and a button that cancels.

Institutions are asked how they are when the analyst presses the button, and at no other time; a job that ends well says it too.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import ipywidgets

from kernel_ext.widgets.aside import Aside
from kernel_ext.widgets.parts import StatusLine, button, dropdown, html, moment, row, show, title, whole
from secureframe.backend import READY
from secureframe.display.page import Html, chip, element, facts, scrolling, table
from secureframe.federation import Federation
from secureframe.history import JobEntry
from secureframe.jobs import megabytes

SHOWN = 50
"""Jobs that are listed; ``fed.jobs`` has more."""
STATES = {"ready": "local", "restarting": "withheld", "unreachable": "refused"}
ENDS = {"running": "partial", "released": "local", "cancelled": "withheld", "refused": "refused", "failed": "refused"}
"""How a state and an end look."""
NONE = "no job is running"


class FederationPanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Members, jobs, and a button that cancels; see `federation_panel`.

    Parameters
    ----------
    federation : Federation
        What is shown.
    """

    def __init__(self, federation: Federation) -> None:
        self._federation = federation
        self._states: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        # Apart, so that a job is cancelled at once while an institution does not answer.
        self._asking, self._following, self._cancelling = Aside("health"), Aside("jobs"), Aside("cancelling")
        self._head, self._members, self._jobs, self._elapsed = html(), html(), html(), html()
        self._ask = button("Ask all institutions", "Ask every institution whether a job could run there now", self.refresh)
        self._running = dropdown("Running job", "The job that the button cancels", [(NONE, "")])
        self._cancel = button(
            "Cancel at all parties", "Cancel the running job at every institution; nothing of it is released", self.cancel,
            disabled=True, icon="stop",
        )  # fmt: skip
        self.status = StatusLine()
        show(self._head, title("Federation") + facts([("answers are for", federation.purpose)]))
        super().__init__(
            [self._head, self._members, row(self._ask), self._jobs, row(self._running, self._cancel), self._elapsed, self.status]
        )
        self._show_members()
        self._show_jobs(federation.jobs)
        federation.watch(self._changed)

    # -- what the analyst does -------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask every institution how it is; the answers are shown as they are there."""
        self.status.say("asking all institutions …")
        self._asking.start(self._ask_all)

    def cancel(self) -> None:
        """Cancel the job that is chosen, at all parties."""
        job = self._running.value
        if not job:
            self.status.say(NONE)
            return
        self.status.say(f"cancelling {job[:8]} at all institutions …")
        self._cancelling.start(lambda: self._federation.cancel(job))

    def close(self) -> None:
        """Show nothing any more, and follow no job."""
        self._federation.unwatch(self._changed)
        super().close()

    # -- aside -----------------------------------------------------------------------------------------------------------

    def _ask_all(self) -> None:
        try:
            self._states = self._federation.health()
        except Exception as error:  # noqa: BLE001  # it is told in the widget
            self.status.tell(error)
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self._seen |= dict.fromkeys([name for name, state in self._states.items() if state == READY], now)
        self._show_members()
        ready = sum(state == READY for state in self._states.values())
        self.status.say(f"{ready} of {len(self._federation.members)} institutions are ready")

    def _changed(self) -> None:
        """A job has begun, or has changed; called by whatever runs it, which is not kept waiting."""
        self._following.start(self._follow)

    def _follow(self) -> None:
        """Show the jobs, again and again as long as one runs."""
        while True:
            jobs = self._federation.jobs
            self._show_jobs(jobs)
            self._see(jobs)
            if not any(map(_runs, jobs)) or not self._following.pause(1.0):
                return

    def _see(self, jobs: Sequence[JobEntry]) -> None:
        """Whoever a job has ended well with was there: all institutions take part in every job."""
        ended = [_end(entry) for entry in jobs if entry.status == "released"]
        latest = max(ended, default="")
        before = dict(self._seen)
        for member in self._federation.members:
            if latest > self._seen.get(member.name, ""):
                self._seen[member.name] = latest
        if self._seen != before:
            self._show_members()

    # -- what is shown ---------------------------------------------------------------------------------------------------

    def _show_members(self) -> None:
        rows = [
            (
                member.name,
                ", ".join(member.tables) or "no tables",
                "none" if member.party is None else f"compute party {member.party}",
                _state(self._states.get(member.name)),
                moment(self._seen[member.name]) if member.name in self._seen else "not yet",
            )
            for member in self._federation.members
        ]
        show(self._members, table(("institution", "tables", "hosts", "state", "last seen"), rows, caption="Members"))

    def _show_jobs(self, jobs: Sequence[JobEntry]) -> None:
        now = [entry for entry in jobs if _runs(entry) and entry.job]
        running = [(f"{entry.title or 'a statement'} ({entry.job[:8]})", entry.job) for entry in now]
        options = tuple(running) or ((NONE, ""),)
        if tuple(self._running.options) != options:
            self._running.options = options
        self._cancel.disabled = not running
        show(self._jobs, _jobs(jobs))
        # Apart from the table, which would lose the reader's place each time that it is shown anew.
        seconds = [f"{entry.job[:8]} has been running for {entry.seconds:.0f} s" for entry in now]
        show(self._elapsed, element("p", "; ".join(seconds), classes="sf-note") if seconds else "")
        if jobs and self.status.text.startswith("cancelling") and not running:
            self.status.say(f"the job has ended: {jobs[-1].status}")


def _runs(entry: JobEntry) -> bool:
    return entry.status == "running"


def _state(state: str | None) -> Html:
    return chip("not asked yet") if state is None else chip(state, STATES.get(state, ""))


def _end(entry: JobEntry) -> str:
    """When a job ended, ISO 8601, UTC."""
    began = datetime.datetime.fromisoformat(entry.started)
    return (began + datetime.timedelta(seconds=entry.seconds)).isoformat(timespec="seconds")


def _jobs(jobs: Sequence[JobEntry]) -> str:
    """The latest jobs, the newest first."""
    if not jobs:
        return element("p", "No job has been asked for yet.", classes="sf-note")
    purposes = {entry.purpose for entry in jobs}
    head = ("job", "status", "what", "asked", "seconds", "rounds", "sent", *(["purpose"] if len(purposes) > 1 else []))
    rows = []
    for entry in list(jobs)[::-1][:SHOWN]:
        ended = entry.status == "released"
        status = f"{entry.status}: {entry.error_class}" if entry.status in ("refused", "failed") else entry.status
        rows.append(
            (
                entry.job[:8] or "not sent",
                chip(status, ENDS.get(entry.status, "")),
                entry.title,
                whole(moment(entry.started)),
                "" if _runs(entry) else f"{entry.seconds:.1f}",
                f"{entry.rounds:,}" if ended else "",
                megabytes(entry.bytes) if ended else "",
                *([entry.purpose] if len(purposes) > 1 else []),
            )
        )
    caption = "Jobs, newest first" + (f": the latest {SHOWN} of {len(jobs)}" if len(jobs) > SHOWN else "")
    return scrolling(table(head, rows, caption=caption, numbers=(4, 5, 6)), "Jobs")


def federation_panel(federation: Federation) -> FederationPanel:
    """Return a panel of a federation's members and jobs, which follows the jobs that run.

    Parameters
    ----------
    federation : Federation
        What is shown. Its institutions are asked how they are when the button is pressed, and at no other time.

    Returns
    -------
    FederationPanel
        A widget: members with their tables, parties, state and when they were last seen; jobs with status, time, rounds and
        bytes; a button that cancels the running job at all parties, while its cell runs too (JupyterLab 4.4 and ipykernel 7 or
        later; elsewhere the cell is interrupted).

    Examples
    --------
    >>> federation_panel(fed)
    """
    return FederationPanel(federation)
