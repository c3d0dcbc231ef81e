"""The demonstration data: institutions that know different things of the same people, and institutions with other people.

May import schema. See ``README.md`` in this folder for sources, citations and oddities.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from secureframe.schema.declare import Table, boolean, category, integer, key, mapped, number

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


def nafld_mixed() -> dict[str, dict[str, Table]]:
    """Return the NAFLD study with its patients at two hospitals: every other person at each of them, and nobody at both."""
    import polars as pl

    whole = nafld()
    patients = whole.pop("hospital")["patients"]
    rows = pl.read_parquet(patients.source)
    hospitals = {
        name: {"patients": replace(patients, source=rows.filter(pl.col("id") % 2 == odd), roster_size=9_000, disjoint=True)}
        for name, odd in (("north_hospital", 0), ("south_hospital", 1))
    }
    return hospitals | whole


def breast_cancer() -> dict[str, dict[str, Table]]:
    """Return two studies of breast cancer as two countries hold them, each mapped to one schema.

    Rotterdam has the time of a relapse and that of death beside each other, and tumours in classes of size; the German Breast
    Cancer Study Group has the earlier of both times, and millimetres. The patients' numbers are those of each study alone.
    """
    columns = {
        "age": integer(18, 100, nullable=False),
        "postmenopausal": boolean(nullable=False),
        "size": category(("<=20", "20-50", ">50"), nullable=False),
        "grade": integer(1, 3, nullable=False),
        "nodes": integer(0, 60, nullable=False),
        "pgr": integer(0, 6_000, nullable=False),
        "er": integer(0, 6_000, nullable=False),
        "hormone": boolean(nullable=False),
        "relapse_days": integer(0, _TWENTY_YEARS, nullable=False),
        "relapse": boolean(nullable=False, sensitive=True),
    }
    alike = {name: mapped(name) for name in ("pid", "age", "grade", "nodes", "pgr", "er")}
    alike |= {new: mapped(old, values={0: False, 1: True}) for new, old in (("postmenopausal", "meno"), ("hormone", "hormon"))}
    own = {
        "rotterdam": {
            "size": mapped("size"),
            "relapse_days": mapped(sql="CASE WHEN recur = 1 THEN rtime ELSE dtime END"),
            "relapse": mapped(sql="recur = 1 OR death = 1"),
        },
        "gbsg": {
            "size": mapped("size", bands=(0, 20, 50, 1_000), labels=("<=20", "20-50", ">50")),
            "relapse_days": mapped("rfstime"),
            "relapse": mapped("status", values={0: False, 1: True}),
        },
    }
    rosters = {"rotterdam": 3_000, "gbsg": 700}
    return {
        centre: {
            "tumours": Table(
                _FOLDER / f"{centre}.parquet",
                person_key="pid",
                person_domain=centre,
                roster_size=rosters[centre],
                rows_per_person=1,
                columns={"pid": key(centre, low=1, high=10_000, nullable=False), **columns},
                mapping={name: mapping.get(name) or alike[name] for name in ("pid", *columns)},
            )
        }
        for centre, mapping in own.items()
    }


@functools.cache
def data_digest() -> str:
    """Return what names the data of the demonstrations, as they lie here: they are public, and so is this."""
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.glob("*.parquet")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Demonstration:
    """A study to try things out with: its institutions' tables, and what its answers are for."""

    tables: Callable[[], dict[str, dict[str, Table]]]
    purpose: str


DEMONSTRATIONS: Mapping[str, Demonstration] = {
    "nafld": Demonstration(tables=nafld, purpose="non-alcoholic fatty liver disease and heart disease: a demonstration"),
    "nafld-mixed": Demonstration(
        tables=nafld_mixed, purpose="non-alcoholic fatty liver disease and heart disease, two hospitals: a demonstration"
    ),
    "breast-cancer": Demonstration(tables=breast_cancer, purpose="breast cancer in two countries: a demonstration"),
}
"""What ``sf.demo`` offers."""
