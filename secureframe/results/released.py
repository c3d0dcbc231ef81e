"""A release as the recipient holds it: a value or a suppression for every statistic of every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secureframe.plan.nodes import Summarise
from secureframe.schema.types import Scalar


class Suppressed:
    """The mark of a cell that a rule withheld."""

    def __repr__(self) -> str:
        return "suppressed"


SUPPRESSED = Suppressed()

Cell = Scalar | Suppressed


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedTable:
    """The cells of one ``Summarise`` node.

    Parameters
    ----------
    node : Summarise
        What was asked; ``node.levels`` gives the cells, row-major over its keys (one cell if there are none).
    values : tuple of tuple
        For every statistic, in order, one value a cell: an int, float, date or category label; None where the statistic
        is missing (a mean of nothing), ``SUPPRESSED`` where a rule withheld it.
    release : dict
        The release record, plain JSON: plan digest, rules, threshold, suppressed cells, rounding, error bound, recipients.
    """

    node: Summarise
    values: tuple[tuple[Cell, ...], ...]
    release: dict[str, Any]
