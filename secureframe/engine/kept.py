"""What a compute party keeps of jobs for later statements of the same analyst: arrangements of frames on shares.

Nothing here is a share of a result; what is kept is one party's part of secret permutations and bits, of no use to it alone. It
is dropped when the analyst or the federation leaves, when other arrangements need the room, and is never found again once a
policy or the data changed, since both are part of its digest.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from secureframe.errors import KeptLost
from secureframe.mpc.permutation import ShuffleHandle
from secureframe.mpc.program import Kept
from secureframe.mpc.sharing import ArithShare, BitShare

MOST_BYTES = 256 << 20
"""What a party keeps at most, of all analysts; the arrangement used longest ago makes room first."""


@dataclass(slots=True)
class Arrangement:
    """What is kept of one arrangement, by digest, and the job that made it."""

    origin: str
    items: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return sum(array.nbytes for item in self.items.values() for array in arrays_of(item))


def arrays_of(item: Any) -> tuple[np.ndarray[Any, Any], ...]:
    """Return the arrays that a kept value consists of."""
    match item:
        case ShuffleHandle(previous=previous, next=following):
            return previous, following
        case BitShare(a=a, b=b) | ArithShare(a=a, b=b):
            return a, b
        case np.ndarray():
            return (item,)
        case _:
            raise TypeError(f"{type(item).__name__} is not kept")


class KeptShares:
    """Arrangements by analyst, bounded, the one used longest ago leaving first; for any number of threads.

    Parameters
    ----------
    most_bytes : int
        What is kept at most.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, str], Arrangement] = OrderedDict()
        self._size = 0

    def held(self, analyst: str) -> dict[str, str]:
        """Return for the digest of everything kept for an analyst the job that it comes from."""
        with self._lock:
            return {d: each.origin for (whose, _), each in self._held.items() if whose == analyst for d in each.items}

    def recall(self, analyst: str, wanted: Iterable[Kept]) -> dict[int, Any]:
        """Return what a program recalls, by the number of its value.

        Raises
        ------
        KeptLost
            If any of it is not here, or comes from another job: then the statement runs from the start.
        """
        found: dict[int, Any] = {}
        with self._lock:
            for kept in wanted:
                held = self._held.get((analyst, kept.group))
                if held is None or held.origin != kept.origin or kept.digest not in held.items:
                    raise KeptLost("what an earlier statement left is not kept any more", hint="run the statement again")
                self._held.move_to_end((analyst, kept.group))
                item = held.items[kept.digest]
                # A shuffle is undone once a job: every job has a handle of its own.
                found[kept.value.number] = ShuffleHandle(item.previous, item.next) if isinstance(item, ShuffleHandle) else item
        return found

    def keep(self, analyst: str, job: str, values: Iterable[tuple[Kept, Any]]) -> None:
        """Keep values of a job that has ended well; what stands under the same keys from another job is dropped."""
        with self._lock:
            for kept, item in values:
                key = (analyst, kept.group)
                held = self._held.get(key)
                if kept.origin:
                    if held is None or held.origin != kept.origin:
                        continue
                elif held is None or held.origin != job:
                    self._drop(key)
                    held = self._held[key] = Arrangement(origin=job)
                before = held.size
                held.items[kept.digest] = item
                self._size += held.size - before
                self._held.move_to_end(key)
            while self._size > self._most_bytes:
                self._drop(next(iter(self._held)))

    def groups(self, analyst: str, digests: Iterable[str]) -> dict[str, Arrangement]:
        """Return the arrangements in which any of some digests are kept."""
        wanted = set(digests)
        with self._lock:
            return {
                group: Arrangement(origin=each.origin, items=dict(each.items))
                for (whose, group), each in self._held.items()
                if whose == analyst and wanted & each.items.keys()
            }

    def restore(self, analyst: str, found: Mapping[str, Arrangement]) -> None:
        """Take arrangements up again that were saved; what is kept already stays."""
        with self._lock:
            for group, arrangement in found.items():
                if (analyst, group) not in self._held:
                    self._held[analyst, group] = arrangement
                    self._size += arrangement.size
            while self._size > self._most_bytes:
                self._drop(next(iter(self._held)))

    def forget(self, analyst: str) -> None:
        """Drop all that is kept for an analyst."""
        with self._lock:
            for key in [key for key in self._held if key[0] == analyst]:
                self._drop(key)

    def _drop(self, key: tuple[str, str]) -> None:
        dropped = self._held.pop(key, None)
        if dropped is not None:
            self._size -= dropped.size
