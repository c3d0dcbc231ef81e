"""One job at one compute party: its inputs from the dealers, the stages of the program, the sealed package at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from secureframe.disclosure.sealing import seal
from secureframe.engine.execute import Execution, ExecutionError
from secureframe.engine.job import AdmittedJob
from secureframe.engine.kept import KeptShares
from secureframe.mpc.channel import Channel
from secureframe.mpc.party import Party
from secureframe.mpc.program import Kept, Program
from secureframe.mpc.randomness import PartyKeys
from secureframe.mpc.sharing import Share, receive, serialise


def check_outputs(program: Program) -> None:
    """Refuse a program that hands out anything but values made anew for the recipient, each used for nothing else.

    A value that was computed with has components that depend on other secrets; only a fresh sharing shows its sum alone.

    Raises
    ------
    ExecutionError
        If an output does not come straight from ``refresh``, or is used again.
    """
    fresh = {value.number for item in program.instructions if item.operation == "refresh" for value in item.results}
    used = {value.number for item in program.instructions for value in item.arguments}
    numbers = [value.number for value in program.outputs]
    if not fresh.issuperset(numbers) or used.intersection(numbers) or len(set(numbers)) != len(numbers):
        raise ExecutionError("a program hands out fresh sharings only, each of them once")


class PartyJob:
    """Runs an admitted job at party ``index``.

    Parameters
    ----------
    job : AdmittedJob
        The job, as this institution compiled it.
    index : int
        0, 1 or 2.
    channel : Channel
        The links of this job.
    keys : PartyKeys
        The pairwise secrets of this job.
    dealt : mapping
        The message that each owner dealt to this party.
    kept : KeptShares, optional
        What this party keeps of earlier jobs, and for later ones; nothing where there is none.

    Raises
    ------
    ExecutionError
        If the program would hand out anything but fresh sharings.
    KeptLost
        If the job starts from what is not kept here.
    """

    def __init__(
        self,
        job: AdmittedJob,
        index: int,
        channel: Channel,
        keys: PartyKeys,
        dealt: Mapping[str, bytes],
        kept: KeptShares | None = None,
    ) -> None:
        check_outputs(job.program)
        self._kept = kept or KeptShares(0)
        recalled = self._kept.recall(job.analyst, job.program.recalled)
        self._job = job
        self._party = Party(index, channel, keys)
        inputs: dict[int, Share] = {}
        for owner in job.owners:
            specs = [spec.value for spec in job.program.inputs if spec.owner == owner]
            shares = receive(specs, dealt[owner], index)
            inputs |= {value.number: share for value, share in zip(specs, shares, strict=True)}
        self._execution = Execution(job.program, self._party, inputs, recalled)
        self._leaving: list[tuple[Kept, Any]] = []

    def run_stage(self, name: str) -> dict[str, Any]:
        """Run one stage and return its public report: rounds, bytes, seconds, opened bits.

        A stage that fails ends the job: its keys and shares are forgotten.
        """
        try:
            report = self._execution.run_stage(name)
        except BaseException:
            self._forget()
            raise
        return {
            "name": report.name,
            "rounds": report.rounds,
            "bytes": report.bytes_sent_previous + report.bytes_sent_next,
            "bytes_to_previous": report.bytes_sent_previous,
            "bytes_to_next": report.bytes_sent_next,
            "seconds": report.seconds,
            "opened_bits": report.opened_bits,
        }

    def seal(self) -> bytes:
        """Return this party's shares of what leaves, sealed for the recipient, and forget the job's keys and shares.

        The links stay open, so that the parties can confirm to each other that all of them have come to the end.
        """
        outputs = self._job.program.outputs
        shares = b"".join(serialise(s, v) for s, v in zip(self._execution.outputs(), outputs, strict=True))
        package = seal(
            shares,
            self._job.recipient_key,
            job_id=self._job.job_id,
            plan_digest=self._job.plan_digest,
            party=self._party.index,
        )
        self._leaving = [(each, self._execution.share(each.value)) for each in self._job.program.kept]
        self._forget()
        return package

    def settle(self) -> None:
        """Keep what later statements of the analyst may start from; once all parties have confirmed their end to each other."""
        leaving, self._leaving = self._leaving, []
        self._kept.keep(self._job.analyst, self._job.job_id, leaving)

    def _forget(self) -> None:
        self._party.forget_keys()
        self._execution.forget()
