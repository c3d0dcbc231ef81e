"""Reductions of many rows to one a person, kept at their owner between the statements of one analyst.

A cohort is asked about many times, and most of what an owner computes for it is the same every time: hundreds of thousands of
rows gone through for a few columns. What is kept is what that left, never the rows. It lies in the memory of the owner's own
process, and goes when the table does, which is part of its key as everything else is that it depends on.
"""

from __future__ import annotations

import polars as pl

from secureframe.local.expressions import Parameters
from secureframe.plan.envelope import parameters_of
from secureframe.plan.nodes import Node
from secureframe.recent import Recent

MOST_BYTES = 64 << 20
"""What is kept at most, of all analysts; what was used longest ago makes room first."""

Key = tuple[str, Node, tuple[tuple[str, object], ...]]


class RememberedFrames:
    """Reduced rows by analyst, frame (its tables with their versions) and parameters; for any number of threads.

    Parameters
    ----------
    most_bytes : int
        What is kept at most.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._held: Recent[Key, pl.DataFrame] = Recent(most_bytes, lambda rows: int(rows.estimated_size()))

    def of(self, analyst: str) -> AnalystFrames:
        """Return what is kept for one analyst: how long a statement takes tells nobody what another one has asked."""
        return AnalystFrames(self._held, analyst)


class AnalystFrames:
    """What is kept for one analyst."""

    def __init__(self, held: Recent[Key, pl.DataFrame], analyst: str) -> None:
        self._held = held
        self._analyst = analyst

    def get(self, node: Node, parameters: Parameters) -> pl.DataFrame | None:
        """Return the rows of a reduced frame, if they are kept."""
        return self._held.get(self._key(node, parameters))

    def put(self, node: Node, parameters: Parameters, rows: pl.DataFrame) -> None:
        """Keep the rows of a reduced frame."""
        self._held.put(self._key(node, parameters), rows)

    def _key(self, node: Node, parameters: Parameters) -> Key:
        return self._analyst, node, tuple((name, parameters[name]) for name in sorted(parameters_of(node)))
