"""Reductions of many rows to one a person, kept at their owner between the statements of one analyst.

A cohort is asked about many times, and most of what an owner computes for it is the same every time: hundreds of thousands of
rows gone through for a few columns. What is kept is what that left, never the rows. It lies in the memory of the owner's own
process, and goes when the table does, which is part of its key as everything else is that it depends on.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

import polars as pl

from secureframe.local.expressions import Parameters
from secureframe.plan.envelope import parameters_of
from secureframe.plan.nodes import Node

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
        self._most_bytes = most_bytes
        self._held: OrderedDict[Key, pl.DataFrame] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def of(self, analyst: str) -> AnalystFrames:
        """Return what is kept for one analyst: how long a statement takes tells nobody what another one has asked."""
        return AnalystFrames(self, analyst)

    def get(self, key: Key) -> pl.DataFrame | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: Key, rows: pl.DataFrame) -> None:
        with self._lock:
            if key not in self._held:
                self._held[key] = rows
                self._size += int(rows.estimated_size())
            while self._size > self._most_bytes:
                _, dropped = self._held.popitem(last=False)
                self._size -= int(dropped.estimated_size())


class AnalystFrames:
    """What is kept for one analyst."""

    def __init__(self, frames: RememberedFrames, analyst: str) -> None:
        self._frames = frames
        self._analyst = analyst

    def get(self, node: Node, parameters: Parameters) -> pl.DataFrame | None:
        """Return the rows of a reduced frame, if they are kept."""
        return self._frames.get(self._key(node, parameters))

    def put(self, node: Node, parameters: Parameters, rows: pl.DataFrame) -> None:
        """Keep the rows of a reduced frame."""
        self._frames.put(self._key(node, parameters), rows)

    def _key(self, node: Node, parameters: Parameters) -> Key:
        return self._analyst, node, tuple((name, parameters[name]) for name in sorted(parameters_of(node)))
