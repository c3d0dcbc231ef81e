"""What the magics show of a federation: its state, its members, its tables, one of its jobs. All of it is public."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from secureframe.display import styled, table_text
from secureframe.display.page import element, facts, scrolling, table
from secureframe.errors import PlanError

if TYPE_CHECKING:
    from secureframe.federation import Federation


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A table with its caption, as text and as HTML; without a head, names and what they stand for."""

    caption: str
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        head, *rows = (self.head, *self.rows) if self.head else self.rows
        return f"{self.caption}\n{table_text(head, rows)}"

    def _repr_html_(self) -> str:
        if not self.head:
            listed = facts((name, text) for name, text in self.rows)
            return styled(element("p", self.caption, classes="sf-title") + listed, kind="summary")
        return styled(scrolling(table(self.head, self.rows, caption=self.caption), self.caption), kind="summary")


def status(fed: Federation) -> Summary:
    """Return what a federation is for, who is in it, and what has been asked last."""
    jobs = fed.jobs
    running = sum(entry.status == "running" for entry in jobs)
    said = [
        ("purpose", fed.purpose),
        ("members", ", ".join(member.name for member in fed.members)),
        ("tables", ", ".join(f"{owner}.{name}" for owner, name in fed.catalog.tables)),
        ("open since", fed.opened.isoformat(sep=" ", timespec="seconds")),
        ("jobs", f"{len(jobs)} asked, {running} running"),
    ]
    if jobs:
        said.append(("last job", f"{jobs[-1].title}: {jobs[-1].status}, {jobs[-1].seconds:.2f} s"))
    return Summary(caption="Federation", rows=tuple(said))


def members(fed: Federation) -> Summary:
    """Return who brings which tables, and who hosts which compute party."""
    rows = [
        (
            member.name,
            ", ".join(member.tables) or "none",
            "none" if member.party is None else str(member.party),
        )
        for member in fed.members
    ]
    return Summary(caption="Members of the federation", head=("member", "tables", "compute party"), rows=tuple(rows))


def job(fed: Federation, beginning: str) -> Any:
    """Return what is known of the one job whose identifier begins so."""
    found = [entry for entry in fed.jobs if entry.job.startswith(beginning)]
    if len(found) != 1 or not beginning:
        raise PlanError(f"{len(found)} jobs begin with {beginning!r}", hint="%jobs shows them")
    rows = [(name, str(value)) for name, value in asdict(found[0]).items()]
    if fed.last_job is not None and fed.last_job.job == found[0].job:
        rows += [("took", line.strip()) for line in str(fed.last_job).split("\n")]
    return Summary(caption=f"Job {found[0].job[:8]}", rows=tuple(rows))
