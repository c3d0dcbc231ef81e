"""Parts of dates on shares against Python's calendar, around every century and at the ends of the calendar."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from secureframe.plan import expressions as e
from secureframe.plan import operations as o
from secureframe.plan.combining import Merge
from secureframe.schema import declare as d
from secureframe.schema.calendar import first_of_month, months_since
from tests.planner.study import Study, start
from tests.planner.test_rows import check

Day = datetime.date
RANGES: dict[str, tuple[Day, Day]] = {
    "all": (Day(1, 1, 1), Day(9999, 12, 31)),
    "first": (Day(1, 1, 1), Day(4, 3, 1)),
    "last": (Day(9996, 2, 28), Day(9999, 12, 31)),
    "births": (Day(1890, 5, 6), Day(2026, 1, 1)),
    "since_1900": (Day(1900, 1, 1), Day(2101, 3, 1)),
    "skipped": (Day(1900, 2, 27), Day(1900, 12, 31)),
    "after_skipped": (Day(1900, 3, 1), Day(1901, 1, 2)),
    "kept": (Day(2000, 2, 28), Day(2000, 3, 1)),
    "months": (Day(2019, 11, 30), Day(2020, 3, 1)),
    "one": (Day(2020, 2, 29), Day(2020, 2, 29)),
}
PERSONS = 96


def days_of(low: Day, high: Day, generator: np.random.Generator) -> list[Day]:
    """The ends of a range, days around the turns of its years, and days all over it."""
    span = (high - low).days
    turns = []
    for year in sorted({low.year, high.year, *generator.integers(low.year, high.year + 1, 4), *(y for y in CENTURIES)}):
        for month, day in ((1, 1), (2, 28), (3, 1), (12, 31)):
            turns += [Day(int(year), month, day) + datetime.timedelta(days=i) for i in (0, 1) if (year, month) != (9999, 12)]
    inside = [day for day in turns if low <= day <= high]
    spread = [low + datetime.timedelta(days=int(i)) for i in generator.integers(0, span + 1, PERSONS)]
    return [low, high, *inside, *spread][:PERSONS]


CENTURIES = (4, 100, 1600, 1700, 1900, 2000, 2100)


@pytest.fixture(scope="module")
def study() -> Study:
    generator = np.random.default_rng(8)
    ids = list(range(1, PERSONS + 1))
    columns = {
        "clinic.people": {"id": d.key("person", 1, 99)} | {name: d.date(*ends, nullable=False) for name, ends in RANGES.items()},
        "labor.values": {"id": d.key("person", 1, 99), "hit": d.boolean(nullable=False)},
    }
    people: dict[str, Any] = {"id": ids} | {name: days_of(*ends, generator) for name, ends in RANGES.items()}
    values = pl.DataFrame({"id": ids, "hit": [i % 9 != 5 for i in ids]})
    return start({"clinic.people": pl.DataFrame(people), "labor.values": values}, persons=PERSONS, columns=columns)


@pytest.mark.parametrize("name", RANGES)
def test_parts_of_days_of_any_century(study: Study, name: str) -> None:
    node = Merge(study.table("clinic.people"), study.table("labor.values"), ("id",), ("id",), "inner")
    day = e.Where(e.ColumnRef("hit"), e.ColumnRef(name), e.Literal(None))
    low, high = RANGES[name]
    parts = ["year", "quarter", "month", "day", "dayofweek", "dayofyear", "date"]
    if high.year - low.year < 40:
        parts += ["period[Y]", "period[Q]", "period[M]"]
    check(study, node, [o.DatePart(day, part) for part in parts])


def test_months_are_numbered_through() -> None:
    for day in (Day(1, 1, 1), Day(1969, 12, 31), Day(1970, 1, 1), Day(9999, 12, 1)):
        assert first_of_month(months_since(day)) == day.replace(day=1)
