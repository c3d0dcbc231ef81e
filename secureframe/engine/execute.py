"""Execution of a program at one party, stage by stage.

Local instructions run as soon as their arguments exist; interactive ones that are ready run in lockstep, so that independent
operations share rounds; a finished one releases its followers into the next round without waiting for the others.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secureframe.mpc.local import LOCAL
from secureframe.mpc.operations import INTERACTIVE, is_local
from secureframe.mpc.party import Party
from secureframe.mpc.program import Instruction, Program, Value
from secureframe.mpc.rounds import Lockstep
from secureframe.mpc.schedule import StageSchedule, by_stage
from secureframe.mpc.sharing import Share, array_shape


class ExecutionError(RuntimeError):
    """A program that is run out of order, or with inputs that do not fit: a defect of the caller, never of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """What a stage took at this party."""

    name: str
    rounds: int
    bytes_sent_previous: int
    bytes_sent_next: int
    seconds: float
    opened_bits: int


class Execution:
    """One run of a program at one party.

    Parameters
    ----------
    program
        The same at every party.
    party
        This party's context; used for this run alone, since its randomness moves on.
    inputs
        This party's shares of all inputs, by the number of their value.
    recalled
        What the program recalls of earlier jobs, by the number of its value.
    """

    def __init__(
        self, program: Program, party: Party, inputs: dict[int, Share], recalled: Mapping[int, Any] | None = None
    ) -> None:
        self._program = program
        self._party = party
        self._stages = by_stage(program)
        self._pending = list(program.stages)
        expected = {spec.value.number: spec.value for spec in program.inputs}
        if set(inputs) != set(expected):
            raise ExecutionError("the inputs given are not the inputs of the program")
        for number, share in inputs.items():
            if share.a.shape != array_shape(expected[number]) or share.b.shape != share.a.shape:
                raise ExecutionError(f"input {number} does not have its declared shape")
        self._values: dict[int, Any] = {**inputs, **(recalled or {})}
        if set(self._values) - set(inputs) != {kept.value.number for kept in program.recalled}:
            raise ExecutionError("what was kept is not what the program recalls")
        self._uses = Counter(value.number for item in program.instructions for value in item.arguments)
        self._uses.update(value.number for value in program.outputs)
        self._kept: set[int] = {kept.value.number for kept in program.kept}
        self._failed = False

    def keep(self, value: Value) -> None:
        """Do not free a value after its last use, so that ``share`` can return it later."""
        self._kept.add(value.number)

    def run_stage(self, name: str) -> StageReport:
        """Run one stage; stages run in the program's order.

        Raises
        ------
        InconsistentOpening
            If the parties do not agree on what was opened.
        LinkClosed
            If another party is gone.
        ExecutionError
            If a stage failed before: the parties' streams may have moved apart, so the job needs fresh keys.
        """
        if self._failed:
            raise ExecutionError("a stage failed before; the job has to be started anew")
        if not self._pending or self._pending[0] != name:
            raise ExecutionError(f"stage {name!r} is not the next to run")
        channel, party = self._party.channel, self._party
        started = time.perf_counter()
        before = (channel.rounds, channel.bytes_sent_previous, channel.bytes_sent_next, party.opened_bits)
        self._failed = True
        self._run(self._stages[name])
        self._failed = False
        self._pending.pop(0)
        return StageReport(
            name=name,
            rounds=channel.rounds - before[0],
            bytes_sent_previous=channel.bytes_sent_previous - before[1],
            bytes_sent_next=channel.bytes_sent_next - before[2],
            seconds=time.perf_counter() - started,
            opened_bits=party.opened_bits - before[3],
        )

    def run(self) -> list[StageReport]:
        """Run all stages that are left."""
        return [self.run_stage(name) for name in list(self._pending)]

    def _run(self, instructions: list[Instruction]) -> None:
        schedule = StageSchedule(instructions, set(self._values))
        lockstep = Lockstep(self._party)
        self._start(schedule, lockstep)
        while lockstep:
            for instruction, result in lockstep.round():
                self._finish(schedule, instruction, result)
            self._start(schedule, lockstep)
        if schedule.left:
            raise ExecutionError("a stage uses a value of a later stage")

    def _start(self, schedule: StageSchedule, lockstep: Lockstep) -> None:
        """Run everything local that is ready, start everything interactive that is, until nothing new becomes ready."""
        while ready := schedule.take_ready():
            for instruction in ready:
                arguments = [self._values[value.number] for value in instruction.arguments]
                if is_local(instruction):
                    self._finish(schedule, instruction, LOCAL[instruction.operation](self._party.index, arguments, instruction))
                    continue
                steps = INTERACTIVE[instruction.operation].run(self._party, arguments, instruction)
                ended, result = lockstep.start(instruction, steps)
                if ended:
                    self._finish(schedule, instruction, result)

    def _finish(self, schedule: StageSchedule, instruction: Instruction, result: Any) -> None:
        results = result if isinstance(result, list) else [result]
        for value, share in zip(instruction.results, results, strict=True):
            if self._uses[value.number] or value.number in self._kept:
                self._values[value.number] = share
        for value in instruction.arguments:
            self._uses[value.number] -= 1
            if not self._uses[value.number] and value.number not in self._kept:
                self._values.pop(value.number, None)
        schedule.finish(instruction)

    def share(self, value: Value) -> Any:
        """Return this party's share of a value that is still needed, or was asked to be kept."""
        if value.number not in self._values:
            raise ExecutionError(f"value {value.number} does not exist, or not any more")
        return self._values[value.number]

    def outputs(self) -> list[Share]:
        """Return this party's shares of the program's outputs, in order, once every stage has run.

        Every opening was checked when it was made, so that no output rests on a disputed one.
        """
        if self._failed or self._pending:
            raise ExecutionError("outputs are handed out after the last stage")
        return [self.share(value) for value in self._program.outputs]

    def forget(self) -> None:
        """Forget all shares; nothing can be run or handed out any more."""
        self._failed = True
        self._values.clear()
