"""What was used lately, up to a size in all: what was used longest ago makes room first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key; for any number of threads.

    Parameters
    ----------
    most : int
        Size of all values together.
    size : callable
        Size of a value, which never changes.
    """

    def __init__(self, most: int, size: Callable[[V], int]) -> None:
        self._most = most
        self._size_of = size
        self._held: OrderedDict[K, V] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """Return what is held under a key, if it is."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: K, value: V) -> None:
        """Hold a value, if none is held under the key."""
        with self._lock:
            if key not in self._held:
                self._held[key] = value
                self._size += self._size_of(value)
            while self._size > self._most:
                _, dropped = self._held.popitem(last=False)
                self._size -= self._size_of(dropped)
