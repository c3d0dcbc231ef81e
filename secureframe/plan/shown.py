"""How results for an institution are to be shown: which releases make one, its title, and its form.

It is part of the envelope, as the analyst wrote it: the form of a result says nothing of what is computed, and what is computed
does not depend on it. Whoever opens the result reads the form (``results/forms.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secureframe.errors import PlanError

MAX_TITLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One result of a job.

    Parameters
    ----------
    title : str
        What it is, for people; printable.
    releases : tuple of int
        Positions of the plan's releases that it is made of.
    form : mapping or None
        Its form as JSON; None leaves it to whoever opens it.
    """

    title: str
    releases: tuple[int, ...]
    form: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not self.title.isprintable() or len(self.title) > MAX_TITLE:
            raise PlanError("the title of a result is not printable, or too long")
        if not self.releases:
            raise PlanError("a result is made of releases")

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON, numbers as text."""
        form = None if self.form is None else dict(self.form)
        return {"title": self.title, "releases": [str(n) for n in self.releases], "form": form}

    @staticmethod
    def from_json(record: Any, count: int) -> Shown:
        """Read it strictly; a plan has ``count`` releases.

        Raises
        ------
        PlanError
            For anything that `to_json` would not have written.
        """
        if not isinstance(record, dict) or set(record) != {"title", "releases", "form"}:
            raise PlanError("a result of the plan is malformed")
        title, releases, form = record["title"], record["releases"], record["form"]
        known = {str(n): n for n in range(count)}
        if not isinstance(title, str) or not isinstance(releases, list) or not (form is None or isinstance(form, dict)):
            raise PlanError("a result of the plan is malformed")
        if not all(isinstance(n, str) and n in known for n in releases):
            raise PlanError("a result names a release that the plan does not have")
        return Shown(title=title, releases=tuple(known[n] for n in releases), form=form)


def printable(text: str) -> str:
    """Return a text as a title: without anything that would steer a terminal, and not too long."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:MAX_TITLE]
