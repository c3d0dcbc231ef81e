"""``python -m benchmarks.peers.on_mpyc WORKLOAD N DIRECTORY``: a workload on MPyC, between three processes; a line as JSON.

Shamir's scheme in a prime field, with MPyC's arrays: three parties, one of whom may be corrupt and keeps to the protocol.
Numbers are `SecInt` of the bits that the workload needs; factors are smaller, so that products and sums stay within them. Sorts
are MPyC's own (Batcher's network). Joins and groups by a hidden key are put together as on SPU, and stay in the order of the key.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.columns import MOST_ROWS, Plain, columns
from benchmarks.peers.parties import LOOPBACK, Parties, measure, script


class MpycParty:
    """A party of MPyC's runtime, which reads its settings from the command line; every party inputs what it was dealt."""

    def __init__(self, rank: int, ports: Sequence[int], directory: Path) -> None:
        addresses = [word for port in ports for word in ("-P", f"{LOOPBACK}:{port}")]
        sys.argv = ["party", *addresses, "-I", str(rank), "--no-log"]
        from mpyc.runtime import mpc

        # Parties listen on every address otherwise.
        mpc._loop.create_server = functools.partial(mpc._loop.create_server, host=LOOPBACK)
        self._mpc = mpc
        mpc.run(mpc.start())

    def prepare(self, work: Any) -> None:
        name, columns = work
        self._chosen = PROGRAMS[name]
        number = self._mpc.SecInt(self._chosen.width)
        self._shared = [self._mpc.input(number.array(each.astype(object)), senders=0) for each in columns]
        self._mpc.run(self._settle(self._shared))

    async def _settle(self, values: Sequence[Any]) -> None:
        await self._mpc.gather(list(values))
        # Nobody begins before all have arrived.
        await self._mpc.transfer(None)

    def run(self, counted: bool) -> int | None:
        before = self._sent()
        self._found = self._mpc.run(self._compute())
        return self._sent() - before

    async def _compute(self) -> list[Any]:
        found = self._chosen.program(self._mpc, *self._shared)
        if self._chosen.opened:
            return [await self._mpc.output(each) for each in found]
        await self._mpc.gather(found)
        return list(found)

    def _sent(self) -> int:
        others = (each for each in self._mpc.parties if each.pid != self._mpc.pid)
        return sum(each.protocol.nbytes_sent for each in others)

    def answer(self) -> Any:
        return self._mpc.run(self._open())

    async def _open(self) -> list[Plain]:
        opened = self._found if self._chosen.opened else [await self._mpc.output(each) for each in self._found]
        return [np.array([int(number) for number in np.asarray(each).reshape(-1)], np.int64) for each in opened]

    def close(self) -> None:
        self._mpc.run(self._mpc.shutdown())


# -- programs --------------------------------------------------------------------------------------------------------------


def multiply(mpc: Any, x: Any, y: Any) -> list[Any]:
    return [x * y]


def less_than(mpc: Any, x: Any, y: Any) -> list[Any]:
    return [x < y]


def equality(mpc: Any, x: Any, y: Any) -> list[Any]:
    return [x == y]


def inner(mpc: Any, x: Any, y: Any) -> list[Any]:
    return [mpc.np_matmul(x, y)]


def sort(mpc: Any, keys: Any) -> list[Any]:
    return [mpc.np_sort(keys)]


def join(mpc: Any, keys: Any, payload: Any) -> list[Any]:
    ordered, moved = _by_key(mpc, keys, payload)
    found = ordered[1:] - ordered[:-1] == 1
    return [ordered, found, found * moved[1:]]


def group_public(mpc: Any, members: Any, values: Any) -> list[Any]:
    return [mpc.np_matmul(values, members)]


def group_hidden(mpc: Any, keys: Any, values: Any) -> list[Any]:
    ordered, sums = _by_key(mpc, keys, values)
    same = ordered[1:] == ordered[:-1]
    reach, step = same, 1
    while step < MOST_ROWS:
        sums = mpc.np_concatenate([sums[:step], sums[step:] + reach * sums[:-step]])
        reach = reach[step:] * reach[:-step] if 2 * step < MOST_ROWS else reach
        step *= 2
    return [ordered, mpc.np_concatenate([(1 - same) * sums[:-1], sums[-1:]])]


def _by_key(mpc: Any, keys: Any, values: Any) -> tuple[Any, Any]:
    both = mpc.np_sort(mpc.np_vstack((keys, values)), key=lambda rows: rows[0])
    return both[0], both[1]


@dataclass(frozen=True, slots=True)
class Mpyc:
    """A program, the bits of the numbers that it takes, those of its numbers, and whether it opens its results."""

    program: Callable[..., list[Any]]
    bits: int = 63
    width: int = 64
    opened: bool = False


PROGRAMS = {
    "multiply": Mpyc(multiply, bits=32, opened=True),
    "less_than": Mpyc(less_than, opened=True),
    "equality": Mpyc(equality),
    "inner": Mpyc(inner, bits=20),
    "sort_64": Mpyc(sort),
    "sort_32": Mpyc(sort, bits=31, width=32),
    "join": Mpyc(join, width=40),
    "group_public": Mpyc(group_public, width=40),
    "group_hidden": Mpyc(group_hidden, width=40),
}


def found(name: str, n: int, directory: Path) -> dict[str, Any]:
    chosen = PROGRAMS[name]
    data = columns(name, n, chosen.bits)
    with Parties(MpycParty, 3, directory) as parties:
        parties.deal([(name, data.inputs)] * 3)
        taken = measure(parties, lambda answers: answers[0], data.answers)
    return {**taken, "about": {"protocol": "Shamir", "bits": chosen.bits, "width": chosen.width, "parties": 3}}


if __name__ == "__main__":
    script(found, ("mpyc", "numpy", "gmpy2"))
