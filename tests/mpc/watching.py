"""What a program opens among the parties, and under which permutations."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Callable, Sequence

import numpy as np
import pytest

import secureframe.mpc
from secureframe.mpc.bitplanes import Index, to_bools
from secureframe.mpc.opening import open_bits
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import BitShare


class ChosenPermutation:
    """A stream that gives one permutation, by its number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def permutation(self, n: int) -> Index:
        return np.array(next(itertools.islice(itertools.permutations(range(n)), self._number, None)), np.int64)


def chosen_permutations(chosen: Sequence[int]) -> Callable[[Party], None]:
    """Let the pairs of parties draw permutations of these numbers."""

    def prepare(party: Party) -> None:
        party.randomness.previous.permutations = ChosenPermutation(chosen[party.index])  # type: ignore[assignment]
        party.randomness.next.permutations = ChosenPermutation(chosen[(party.index + 1) % 3])  # type: ignore[assignment]

    return prepare


def watch_openings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, ...]]:
    """Everything that is opened from now on, wherever it is."""
    seen: list[tuple[bool, ...]] = []

    def watching(party: Party, x: BitShare) -> Steps[Words]:
        plain = yield from open_bits(party, x)
        if party.index == 0:
            seen.append(tuple(bool(bit) for bit in to_bools(plain, x.n).reshape(-1)))
        return plain

    for info in pkgutil.iter_modules(secureframe.mpc.__path__):
        module = importlib.import_module(f"secureframe.mpc.{info.name}")
        if getattr(module, "open_bits", None) is open_bits:
            monkeypatch.setattr(module, "open_bits", watching)
    return seen
