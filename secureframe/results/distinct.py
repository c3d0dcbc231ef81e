"""How many levels occur: counted in released tables of frequencies, and missing where one of their cells is withheld."""

from __future__ import annotations

from collections.abc import Sequence

from secureframe.results.released import SUPPRESSED, Cell, ReleasedTable

LEVELS = "numbers of levels are taken from released frequencies and missing where one of theirs is withheld"


def levels_that_occur(table: ReleasedTable) -> tuple[Cell, ...]:
    """Return, for every combination of levels of all keys but the last, how many levels of the last one occur.

    A level with few persons is withheld, and so is the number: it would otherwise tell whether anybody is there.
    """
    (counts,) = table.values
    width = len(table.node.levels[-1])
    return tuple(_occurring(counts[start : start + width]) for start in range(0, len(counts), width))


def _occurring(counts: Sequence[Cell]) -> Cell:
    if any(count is SUPPRESSED for count in counts):
        return SUPPRESSED
    return sum(count != 0 for count in counts)
