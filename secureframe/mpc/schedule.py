"""The order in which a stage's instructions run: by dependency, so that whatever is ready shares the next round.

The engine and the cost report follow the same schedule, which is why the one can foretell the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from secureframe.mpc.program import Instruction, Program


class StageSchedule:
    """Hands out the instructions of one stage as their arguments become available, in order of emission."""

    def __init__(self, instructions: Sequence[Instruction], available: frozenset[int] | set[int]) -> None:
        self._instructions = instructions
        self._missing: list[int] = []
        self._followers: dict[int, list[int]] = defaultdict(list)
        self._ready: list[int] = []
        for position, instruction in enumerate(instructions):
            waiting = {value.number for value in instruction.arguments if value.number not in available}
            self._missing.append(len(waiting))
            for number in waiting:
                self._followers[number].append(position)
            if not waiting:
                self._ready.append(position)
        self.left = len(instructions)

    def take_ready(self) -> list[Instruction]:
        """Return the instructions that have become ready since the last call."""
        taken = sorted(self._ready)
        self._ready.clear()
        return [self._instructions[position] for position in taken]

    def finish(self, instruction: Instruction) -> None:
        """Note that an instruction's results exist."""
        self.left -= 1
        for value in instruction.results:
            for position in self._followers.pop(value.number, ()):
                self._missing[position] -= 1
                if self._missing[position] == 0:
                    self._ready.append(position)


def by_stage(program: Program) -> dict[str, list[Instruction]]:
    """Return every stage's instructions in order of emission, stages in the order in which they run."""
    stages: dict[str, list[Instruction]] = {name: [] for name in program.stages}
    for instruction in program.instructions:
        stages[instruction.stage].append(instruction)
    return stages
