"""Three parties as threads of this process, and programs run on them."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secureframe.engine.execute import Execution, StageReport
from secureframe.mpc.channel import Channel, LinkClosed, MemoryChannel, Recorder
from secureframe.mpc.party import Party
from secureframe.mpc.program import Builder, Kind, Program, Value
from secureframe.mpc.randomness import PartyKeys
from secureframe.mpc.sharing import Share, deal, receive, reconstruct


def low_bits(values: Any, width: int) -> NDArray[np.bool_]:
    """The low bits of integers in two's complement, lowest first: ``(width, elements)``."""
    flat, size, modulus = np.asarray(values, dtype=object).reshape(-1), -(-width // 8), 1 << width
    raw = b"".join((int(v) % modulus).to_bytes(size, "little") for v in flat)
    planes = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little").reshape(len(flat), 8 * size)
    return np.ascontiguousarray(planes[:, :width].T).astype(bool)


def fresh_keys() -> list[PartyKeys]:
    """Pairwise secrets of a job: k_i is known to the parties i and i-1."""
    keys = [secrets.token_bytes(32) for _ in range(3)]
    return [PartyKeys(keys[i], keys[(i + 1) % 3]) for i in range(3)]


def run_parties(
    run: Callable[[Party], Any],
    recorder: Recorder | None = None,
    keys: Sequence[PartyKeys] | None = None,
    channels: Sequence[Channel] | None = None,
    prepare: Callable[[Party], None] | None = None,
) -> list[Any]:
    """Run the same code at three parties; the first failure that is not a mere closed link is raised.

    ``prepare`` may change a party before it runs, for instance its coins.
    """
    channels = channels if channels is not None else MemoryChannel.triple(recorder)
    results: list[Any] = [None] * 3
    errors: list[BaseException] = []
    held = list(keys) if keys is not None else fresh_keys()

    def work(index: int) -> None:
        party = Party(index, channels[index], held[index])
        if prepare is not None:
            prepare(party)
        try:
            results[index] = run(party)
        except BaseException as error:  # noqa: BLE001 - a thread's failure is raised by its caller, below
            errors.append(error)
            party.close(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise next((error for error in errors if not isinstance(error, LinkClosed)), errors[0])
    return results


@dataclass(slots=True)
class Job:
    """A program under construction with the plain data of its inputs, and what its run gave."""

    builder: Builder = field(default_factory=Builder)
    data: list[tuple[Value, NDArray[Any]]] = field(default_factory=list)
    reports: list[list[StageReport]] = field(default_factory=list)
    shares: list[list[Share]] = field(default_factory=list)

    def input(self, kind: Kind, plain: NDArray[Any], limbs: int = 1, owner: str = "owner") -> Value:
        value = self.builder.input(owner, f"input {len(self.data)}", kind, plain.shape[0], plain.shape[1], limbs)
        self.data.append((value, plain))
        return value

    def arith(self, plain: Any, limbs: int = 1) -> Value:
        array = np.array(plain)
        return self.input("arith", array.reshape(1, -1) if array.ndim == 1 else array, limbs)

    def bits(self, plain: Any) -> Value:
        array = np.array(plain, dtype=bool)
        return self.input("bits", array.reshape(1, -1) if array.ndim == 1 else array)

    def unsigned(self, values: Any, width: int) -> Value:
        """Unsigned integers as bit planes."""
        return self.input("bits", low_bits(values, width))

    def words(self, plain: Any) -> Value:
        array = np.array(plain, dtype=np.uint64)
        return self.input("words", array.reshape(1, -1) if array.ndim == 1 else array)

    def dealt(self) -> list[list[Share]]:
        """Shares of the inputs, as the three parties get them."""
        messages, values = deal(self.data), [value for value, _ in self.data]
        return [receive(values, messages[index], index) for index in range(3)]

    def run(
        self,
        *values: Value,
        recorder: Recorder | None = None,
        keys: Sequence[PartyKeys] | None = None,
        shares: Sequence[Sequence[Share]] | None = None,
        prepare: Callable[[Party], None] | None = None,
    ) -> list[NDArray[Any]]:
        """Run the program and return the plain data of values; ``shares`` of the inputs, if not dealt anew."""
        program = self.builder.program()
        given = shares if shares is not None else self.dealt()

        def run(party: Party) -> tuple[list[StageReport], list[Share]]:
            numbers = [value.number for value, _ in self.data]
            execution = Execution(program, party, dict(zip(numbers, given[party.index], strict=True)))
            for value in values:
                execution.keep(value)
            reports = execution.run()
            return reports, [execution.share(value) for value in values]

        results = run_parties(run, recorder, keys, prepare=prepare)
        self.reports = [reports for reports, _ in results]
        self.shares = [list(shares) for shares in zip(*(shares for _, shares in results), strict=True)]
        return [reconstruct(shares, value) for shares, value in zip(self.shares, values, strict=True)]

    def program(self) -> Program:
        return self.builder.program()
