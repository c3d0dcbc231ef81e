"""Statements over a cohort of three owners after its join: exact answers, and exactly what they send."""

from __future__ import annotations

from typing import Any

import pytest

import secureframe as sf
from benchmarks.cohort import clear, cohort_of, compare, statements, tables
from secureframe.testing import start_in_memory

PERSONS = 640

SENT = {
    "count": (19, 9_432),
    "mean": (21, 54_872),
    "grouped mean": (33, 107_648),
}
"""Rounds, and bytes of everything: between the parties, dealt by owners, sealed.

A mean counts how often each bit of its column is set in the rows that count, and these rows; a grouped mean does so for every
group. The groups hold everybody, so that nobody is counted twice. So few rows send more than ring elements would once a column
is there, and far less on its way there.
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


FIRST = {
    "a column": (23, 83_880),
    "a wider one of another table": (23, 113_176),
    "a condition": (22, 34_440),
    "a condition before all others": (23, 34_568),
}
"""The same for statements that ask for something that the join has not moved; each moves that and nothing else."""


def test_what_a_column_costs_that_was_not_there_before(held: dict[str, dict[str, sf.Table]]) -> None:
    fed = sf.simulate(held, purpose="tests", quiet=True, start=start_in_memory)
    cohort_of(fed)["age"].count()
    joined = fed["hospital.people"].merge(fed["laboratory.people"], on="id").merge(fed["registry.people"], on="id")
    asked = {
        "a column": lambda: cohort_of(fed)["visits"].mean(),
        "a wider one of another table": lambda: cohort_of(fed)["cholesterol"].mean(),
        "a condition": lambda: (lambda c: c[c["visits"] > 20]["age"].count())(cohort_of(fed)),
        "a condition before all others": lambda: (lambda c: c[c["pressure"] > 150]["age"].count())(joined[joined["visits"] > 90]),
    }
    found = {}
    for name, ask in asked.items():
        ask()
        assert fed.last_job is not None and sum(stage.opened_bits for stage in fed.last_job.stages) == 0
        found[name] = (fed.last_job.rounds, fed.last_job.bytes)
    assert found == FIRST
