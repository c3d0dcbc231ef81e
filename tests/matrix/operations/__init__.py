"""Every operation that an analyst may type, each written once for secure and for pandas frames.

One file for each row of the table in which the operations are promised; ``registry.py`` collects them. Begin with
``choose.py``. An entry has a second function where pandas spells an operation differently (quantiles that interpolate).
"""

from __future__ import annotations

from tests.matrix.operations import choose, combine, compute, look, numbers, persons, refused
from tests.matrix.operations.registry import OPERATIONS, REFUSALS, Operation, Refusal

__all__ = [
    "OPERATIONS",
    "REFUSALS",
    "Operation",
    "Refusal",
    "choose",
    "combine",
    "compute",
    "look",
    "numbers",
    "persons",
    "refused",
]
