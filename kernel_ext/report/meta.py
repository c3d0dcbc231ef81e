"""What a report says of itself on its cover and at its end: what was asked, when, of whom, and under which rules."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMeta:
    """The facts about one run of a report. All of them are public or were released.

    Parameters
    ----------
    title : str
        The notebook's first heading, or its name where it has none.
    purpose : str
        What the answers are for, as the plans say; several purposes with ``"; "`` between them.
    period, selection : str or None
        The parameters of these names; None where the notebook has none.
    federation : str
        ``"demo:nafld"``, or the name of the federation's file.
    started, finished : datetime
        When the run began and ended, in UTC; a resumed run began when it was resumed.
    releases : tuple of dict
        The release record (plain JSON, see ``secureframe.results.record``) of every released table, in the order in which
        the notebook asked for them.
    plans : tuple of str
        The digest of every plan that was run or resumed, in the same order, each once.
    deliveries : tuple of dict
        The receipt (``Receipt.to_json()``) of every result that went to an institution.
    resumed : int
        How many of the notebook's jobs were not run again, since their results had been released before.
    """

    title: str
    purpose: str
    period: str | None
    selection: str | None
    federation: str
    started: datetime.datetime
    finished: datetime.datetime
    releases: tuple[dict[str, Any], ...]
    plans: tuple[str, ...]
    deliveries: tuple[dict[str, Any], ...] = ()
    resumed: int = 0
