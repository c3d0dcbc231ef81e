"""What a compiled plan will cost, from the notebook's line to its answer: shares dealt, rounds and bytes among parties, packages.

Counted is every byte of a share, of a digest and of a sealed package: what ``fed.last_job`` measures. Not counted, by either, is
what carries them: the signed plan, the hellos of a job's links, the 24 bytes before every message, and TLS.
"""

from __future__ import annotations

from dataclasses import dataclass

from secureframe.governance.kept import PACKAGE_OVERHEAD
from secureframe.mpc.cost import CostReport, cost
from secureframe.mpc.sharing import word_count
from secureframe.planner.compile import Compiled

PARTIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Expected cost of a job.

    Parameters
    ----------
    report : CostReport
        Rounds and bytes among the parties, stage by stage, and bytes dealt by every owner.
    sealed : int
        Bytes of the three packages.
    """

    report: CostReport
    sealed: int

    @property
    def rounds(self) -> int:
        return self.report.rounds

    @property
    def most_rounds(self) -> int:
        """Rounds that are not exceeded; equal to ``rounds`` where nothing is sorted."""
        return self.report.most_rounds

    @property
    def dealt(self) -> int:
        """Bytes that left the owners."""
        return sum(map(sum, self.report.dealt_bytes.values()))

    @property
    def bytes(self) -> int:
        """All of it: dealt, among the parties, and sealed."""
        return self.dealt + sum(self.report.bytes_sent) + self.sealed


def predict(compiled: Compiled) -> Prediction:
    """Return what a compiled plan will cost; nothing of it is run.

    Exact but for sorts, of whose levels and comparisons it holds an expectation and a bound of the rounds.
    """
    return Prediction(report=cost(compiled.program), sealed=sealed_bytes(compiled))


def sealed_bytes(compiled: Compiled) -> int:
    """Return the length of all three packages: of every output each party hands out both of its components."""
    shares = sum(2 * 8 * word_count(value) for value in compiled.program.outputs)
    return PARTIES * (shares + PACKAGE_OVERHEAD)
