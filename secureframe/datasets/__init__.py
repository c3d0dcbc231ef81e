"""The demonstration data: three institutions that know different things of the same people.

May import schema. See ``README.md`` in this folder for sources, citations and oddities.
"""

from __future__ import annotations

from pathlib import Path

from secureframe.schema.declare import Table, category, integer, key, number

NAFLD_ROSTER = 17_549
"""Padded number of persons that each of the three institutions declares: the size of the study."""

NAFLD_EVENTS = (
    "MI",
    "afib",
    "ang/isc",
    "cardiac arrest",
    "diabetes",
    "dyslipidemia",
    "heart failure",
    "htn",
    "nafld",
    "stroke",
)
NAFLD_TESTS = ("chol", "dbp", "fib4", "hdl", "sbp", "smoke")

_FOLDER = Path(__file__).parent / "data"
_FIFTY_YEARS = 18_263
_TWENTY_YEARS = 7_305


def nafld() -> dict[str, dict[str, Table]]:
    """Return the NAFLD study as three institutions hold it, fully declared: institution, table name, table.

    Every range is one that can be known without the data: ages of adults, sizes of people, years of follow-up, plausible
    laboratory values.
    """
    domain = "nafld"
    person = key(domain, low=1, high=20_000, nullable=False)
    patients = Table(
        _FOLDER / "nafld1.parquet",
        person_domain=domain,
        roster_size=NAFLD_ROSTER,
        rows_per_person=1,
        columns={
            "id": person,
            "age": integer(18, 110, nullable=False),
            "male": integer(0, 1, nullable=False),
            "weight": number(20, 300, precision=0.1, nullable=True),
            "height": number(100, 250, precision=0.1, nullable=True),
            "bmi": number(5, 100, nullable=True),
            "case_id": key(domain, low=1, high=20_000, nullable=True),
            "futime": integer(0, _TWENTY_YEARS, nullable=False),
            "status": integer(0, 1, nullable=False, sensitive=True),
        },
    )
    labs = Table(
        _FOLDER / "nafld2.parquet",
        person_domain=domain,
        roster_size=NAFLD_ROSTER,
        rows_per_person=600,
        columns={
            "id": person,
            "days": integer(-_FIFTY_YEARS, _FIFTY_YEARS, nullable=False),
            "test": category(NAFLD_TESTS, nullable=False),
            "value": number(0, 400, nullable=True, out_of_range="null"),
        },
    )
    events = Table(
        _FOLDER / "nafld3.parquet",
        person_domain=domain,
        roster_size=NAFLD_ROSTER,
        rows_per_person=20,
        columns={
            "id": person,
            "days": integer(-_FIFTY_YEARS, _FIFTY_YEARS, nullable=False),
            "event": category(NAFLD_EVENTS, nullable=False),
        },
    )
    return {"hospital": {"patients": patients}, "laboratory": {"labs": labs}, "registry": {"events": events}}
