"""Programs of plans that were compiled lately, so that a statement that is run again is not compiled again.

Every plan is parsed, checked and judged as if it were the first; a program only says what would be computed. What it depends on
is its key: what is asked with which parameters, whoever asks for whom, under which policies, on which data, starting from what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from secureframe.plan.envelope import Plan
from secureframe.planner.compile import Compiled
from secureframe.recent import Recent

MOST_INSTRUCTIONS = 40_000
"""Programs that are remembered have no more instructions than this together: some 20 MB."""

Key = tuple[object, ...]


class RememberedPrograms:
    """Compiled plans by all that they depend on; for any number of threads.

    Parameters
    ----------
    most : int
        Instructions of all programs together; the one used longest ago makes room first.
    """

    def __init__(self, most: int = MOST_INSTRUCTIONS) -> None:
        self._held: Recent[Key, Compiled] = Recent(most, lambda compiled: len(compiled.program.instructions))

    def of(self, plan: Plan, compile_: Callable[[], Compiled]) -> Compiled:
        """Return the program of a plan, compiled now if it is not remembered; what is refused is not remembered."""
        key = _key(plan)
        compiled = self._held.get(key)
        if compiled is None:
            compiled = compile_()
            self._held.put(key, compiled)
        return compiled


def _key(plan: Plan) -> Key:
    def pairs(record: Mapping[str, object]) -> tuple[tuple[str, object], ...]:
        return tuple(sorted(record.items()))

    people = (pairs(plan.analyst), pairs(plan.recipient))
    return (plan.digest, *people, pairs(plan.policies), pairs(plan.versions), pairs(plan.kept))
