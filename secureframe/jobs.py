"""What a job took and who learned what: ``fed.last_job``. Public numbers only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secureframe.display import page
from secureframe.plan.envelope import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of a job: seconds, rounds, bytes that the three parties sent each other, and bits that they opened."""

    name: str
    seconds: float
    rounds: int
    bytes: int
    opened_bits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """A finished job.

    Parameters
    ----------
    seconds : float
        From the statement to its result, at the notebook.
    stages : tuple of Stage
        In order.
    dealt : mapping
        Bytes of shares that each institution dealt: all that left it.
    links : mapping
        Bytes by link, ``"from -> to"``.
    saw : mapping
        For every role, what it saw.
    sealed : int
        Bytes of the sealed packages that came back.
    """

    job: str
    plan: str
    seconds: float
    stages: tuple[Stage, ...]
    dealt: Mapping[str, int]
    links: Mapping[str, int]
    saw: Mapping[str, str]
    sealed: int = 0

    @property
    def rounds(self) -> int:
        return sum(s.rounds for s in self.stages)

    @property
    def bytes(self) -> int:
        """Bytes of shares, digests and packages: dealt, between parties, and sealed. What carries them is not counted: the
        signed plan, hellos, frames, TLS."""
        return sum(s.bytes for s in self.stages) + sum(self.dealt.values()) + self.sealed

    @staticmethod
    def from_report(report: Mapping[str, Any], job: str, plan: Plan, seconds: float, sealed: int = 0) -> JobReport:
        """Read what the backend reports."""
        stages = tuple(
            Stage(
                name=s["name"],
                seconds=float(s["seconds"]),
                rounds=int(s["rounds"]),
                bytes=int(s["bytes"]),
                opened_bits=int(s.get("opened_bits", 0)),
            )
            for s in report["stages"]
        )
        dealt = {str(k): int(v) for k, v in report["dealt"].items()}
        saw = {
            "institutions": "the plan, and their own rows",
            "compute parties": "random-looking shares and public sizes"
            + ("; order comparisons of shuffled rows" if any(s.opened_bits for s in stages) else ""),
            f"recipient {plan.recipient['name']}": "the released cells",
        }
        return JobReport(
            job=job,
            plan=plan.digest,
            seconds=seconds,
            stages=stages,
            dealt=dealt,
            links={str(k): int(v) for k, v in report["links"].items()},
            saw=saw,
            sealed=sealed,
        )

    def __str__(self) -> str:
        lines = [f"{self.seconds:.2f} s, {self.rounds} rounds, {megabytes(self.bytes)}"]
        lines += [f"  {s.name:<10} {s.seconds:6.3f} s {s.rounds:5d} rounds {megabytes(s.bytes):>10}" for s in self.stages]
        lines += [f"  {name} sent {megabytes(size)} of shares, and nothing else" for name, size in self.dealt.items()]
        lines += [f"  {who} saw {what}" for who, what in self.saw.items()]
        return "\n".join(lines)


    def _repr_html_(self) -> str:
        title = page.element("p", f"Job {self.job[:8]}", classes="sf-title")
        total = [f"{self.seconds:.2f} s", f"{self.rounds:,} rounds", megabytes(self.bytes), f"plan {self.plan[:8]}"]
        chips = page.element("p", *(page.chip(text) for text in total))
        rows = [(s.name, f"{s.seconds:.3f} s", f"{s.rounds:,}", megabytes(s.bytes)) for s in self.stages]
        stages = page.table(("stage", "time", "rounds", "among the parties"), rows, numbers=(1, 2, 3))
        sent = [(name, f"{megabytes(size)} of shares, and nothing else") for name, size in self.dealt.items()]
        links = page.table(("link", "sent"), [(link, megabytes(size)) for link, size in self.links.items()], numbers=(1,))
        parts = [title, chips, stages, page.details("What institutions sent", page.facts(sent), opened=True)]
        parts += [page.details("What each role saw", page.facts(self.saw.items()), opened=True)]
        parts += [page.details("Bytes by link", links)] if self.links else []
        return page.styled("".join(parts), kind="job")


def megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"
