"""Receipts: what an analyst holds of a result that went to an institution.

Everything on a receipt was known before the job ran. It is the same whether or not anything was withheld.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secureframe.display import page
from secureframe.plan.envelope import Plan
from secureframe.plan.nodes import Statistic, Summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A result was delivered, sealed, to its recipient; who holds the receipt holds nothing of it.

    Parameters
    ----------
    job : str
        The job's identifier, by which the recipient finds the result.
    plan : str
        Digest of what was asked.
    recipient : str
        The institution that received it.
    asked : str
        When the plan was signed, ISO 8601, UTC.
    purpose : str
        What the plan says the answers are for.
    institutions : tuple of str
        Whose data it is about.
    statistics : tuple of str
        What was asked, one line a release.
    """

    job: str
    plan: str
    recipient: str
    asked: str
    purpose: str
    institutions: tuple[str, ...]
    statistics: tuple[str, ...]

    @staticmethod
    def of(plan: Plan, job: str) -> Receipt:
        """Return the receipt of a job that has ended; it depends on the plan and nothing else."""
        return Receipt(
            job=job,
            plan=plan.digest,
            recipient=str(plan.recipient["name"]),
            asked=plan.created,
            purpose=plan.purpose,
            institutions=plan.owners,
            statistics=tuple(asked(release) for release in plan.releases),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "job": self.job,
            "plan": self.plan,
            "recipient": self.recipient,
            "asked": self.asked,
            "purpose": self.purpose,
            "institutions": list(self.institutions),
            "statistics": list(self.statistics),
        }

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("job", self.job),
            ("plan", self.plan[:16]),
            ("asked", self.asked),
            ("purpose", self.purpose),
            ("about data of", ", ".join(self.institutions)),
            *(("statistics", line) for line in self.statistics),
            ("to open it", f"at {self.recipient}: secureframe results open {self.job[:8]}"),
        ]

    def __repr__(self) -> str:
        lines = [f"Receipt: a result was sealed for {self.recipient}, which alone can open it"]
        return "\n".join([*lines, *(f"  {name:<14} {value}" for name, value in self._facts())])

    def _repr_html_(self) -> str:
        title = ("A result was sealed for ", page.element("strong", self.recipient), ", which alone can open it")
        typed = ("job", "plan", "to open it")
        facts = [(name, page.element("code", text) if name in typed else text) for name, text in self._facts()]
        return page.styled(page.element("p", *title, classes="sf-title") + page.facts(facts), kind="receipt")


def statistic_text(statistic: Statistic) -> str:
    """Return a statistic in words."""
    kind = statistic.kind if statistic.q is None else f"{float(statistic.q * 100):g}%"
    return " of ".join([kind, ", ".join(statistic.columns)]) if statistic.columns else kind


def asked(release: Summarise) -> str:
    """Return what a release asks, in words."""
    text = ", ".join(map(statistic_text, release.statistics))
    return text + (f" by {', '.join(release.by)} ({release.cells} cells)" if release.by else "")
