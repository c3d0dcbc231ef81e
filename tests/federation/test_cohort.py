"""Statements over a cohort of three owners after its join: exact answers, and exactly what they send."""

from __future__ import annotations

from typing import Any

import pytest

import secureframe as sf
from benchmarks.cohort import clear, compare, statements, tables
from secureframe.testing import start_in_memory

PERSONS = 640

SENT = {
    "count": (19, 9_432),
    "mean": (21, 35_552),
    "grouped mean": (33, 53_648),
}
"""Rounds, and bytes of everything: between the parties, dealt by owners, sealed.

A mean turns the bit that says whether a row counts into a ring element, and adds products within an inner product: nothing is
sent for them. A grouped mean does so for every group, in whose bits that bit is by then; the groups hold everybody, so that
nobody is counted twice.
"""


@pytest.fixture(scope="module")
def held() -> dict[str, dict[str, sf.Table]]:
    return tables(PERSONS)


def test_what_a_cohort_costs_after_its_join(held: dict[str, dict[str, sf.Table]]) -> None:
    fed = sf.simulate(held, purpose="tests", quiet=True, start=start_in_memory)
    wanted = clear(held)
    asked = statements(fed)
    for name, ask in asked.items():
        compare(name, ask(), wanted[name])
    found: dict[str, Any] = {}
    for name, ask in asked.items():
        compare(name, ask(), wanted[name])
        assert fed.last_job is not None
        found[name] = (fed.last_job.rounds, fed.last_job.bytes)
    assert found == SENT
