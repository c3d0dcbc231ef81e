"""What a program will cost: rounds and bytes of every stage, from the program alone.

The engine's schedule is replayed with each protocol's traffic in place of the protocol. Shapes are public, so the result
equals what the engine measures, exactly; only a sort of more than a few hundred rows is an estimate, the mean of random
permutations, and has a bound of its rounds beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from secureframe.mpc.operations import INTERACTIVE, is_local
from secureframe.mpc.program import Instruction, Program, Value
from secureframe.mpc.schedule import StageSchedule, by_stage
from secureframe.mpc.sharing import message_bytes
from secureframe.mpc.traffic import Traffic, Triple


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """Rounds of a stage, and bytes that the parties 0, 1, 2 send to their predecessors and successors.

    ``most_rounds`` equals ``rounds`` unless the stage sorts many rows; then more are needed with a probability below ``2**-40`` a
    sort.
    """

    name: str
    rounds: int
    most_rounds: int
    bytes_to_previous: Triple
    bytes_to_next: Triple

    @property
    def estimated(self) -> bool:
        """Whether the stage sorts many rows, so that rounds and bytes depend on coins."""
        return self.most_rounds > self.rounds

    @property
    def bytes_sent(self) -> Triple:
        a, b, c = self.bytes_to_previous
        d, e, f = self.bytes_to_next
        return a + d, b + e, c + f


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """Cost of a program: its stages, and the bytes that each owner deals to the parties 0, 1, 2 before the first."""

    stages: tuple[StageCost, ...]
    dealt_bytes: dict[str, Triple]

    @property
    def rounds(self) -> int:
        return sum(stage.rounds for stage in self.stages)

    @property
    def most_rounds(self) -> int:
        return sum(stage.most_rounds for stage in self.stages)

    @property
    def bytes_sent(self) -> Triple:
        """Bytes sent by each party over all stages, without what owners deal."""
        sent = [stage.bytes_sent for stage in self.stages]
        return sum(s[0] for s in sent), sum(s[1] for s in sent), sum(s[2] for s in sent)

    @property
    def estimated(self) -> bool:
        return any(stage.estimated for stage in self.stages)


def _bytes(words: Triple) -> Triple:
    return 8 * words[0], 8 * words[1], 8 * words[2]


def _stage_cost(name: str, instructions: list[Instruction], available: set[int]) -> StageCost:
    most, _ = _replayed(instructions, set(available), bound=True)
    rounds, total = _replayed(instructions, available, bound=False)
    return StageCost(
        name=name,
        rounds=rounds,
        most_rounds=max(most, rounds),
        bytes_to_previous=_bytes(total.to_previous),
        bytes_to_next=_bytes(total.to_next),
    )


def _replayed(instructions: list[Instruction], available: set[int], *, bound: bool) -> tuple[int, Traffic]:
    """Rounds and traffic of a stage; with ``bound`` of its longest run, whose traffic means nothing."""
    schedule = StageSchedule(instructions, available)
    running: list[tuple[Instruction, list[Traffic]]] = []
    total, rounds = Traffic(), 0

    def start() -> None:
        while ready := schedule.take_ready():
            for instruction in ready:
                available.update(value.number for value in instruction.results)
                traffic: list[Traffic] = []
                if not is_local(instruction):
                    protocol = INTERACTIVE[instruction.operation]
                    traffic = protocol.bound(instruction) if bound and protocol.bound else protocol.cost(instruction)
                if traffic:
                    running.append((instruction, traffic[::-1]))
                else:
                    schedule.finish(instruction)

    start()
    while running:
        rounds += 1
        for _, traffic in running:
            total += traffic.pop()
        for instruction, traffic in running:
            if not traffic:
                schedule.finish(instruction)
        running = [(instruction, traffic) for instruction, traffic in running if traffic]
        start()
    return rounds, total


def cost(program: Program) -> CostReport:
    """Return the rounds and bytes of every stage of a program.

    Parameters
    ----------
    program
        Any program; nothing of it is run.

    Returns
    -------
    Rounds and bytes as the engine will measure them; stages that sort many rows are flagged ``estimated``.
    """
    available = {spec.value.number for spec in program.inputs} | {k.value.number for k in program.recalled}
    stages = tuple(_stage_cost(name, items, available) for name, items in by_stage(program).items())
    by_owner: dict[str, list[Value]] = {}
    for spec in program.inputs:
        by_owner.setdefault(spec.owner, []).append(spec.value)
    dealt = {
        owner: (message_bytes(values, 0), message_bytes(values, 1), message_bytes(values, 2))
        for owner, values in by_owner.items()
    }
    return CostReport(stages=stages, dealt_bytes=dealt)
