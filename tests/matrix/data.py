"""The rows of the matrix, pooled, as pandas holds them; every value lies on the grid that its column is declared with."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

import secureframe as sf
from secureframe.schema.columns import ColumnDeclaration

DOMAIN = "residents"
FIRST, LAST = datetime.date(2015, 1, 1), datetime.date(2019, 12, 31)
SEXES, GRADES, KINDS, ARMS = ("f", "m"), ("low", "mid", "high"), ("lab", "ward", "home"), ("a", "b", "c")

PEOPLE = ("id", "age", "smoker", "bmi", "entered", "town", "sex", "balance", "grade", "score", "seen")
"""Columns of the frame with one row a person, in its order."""
AT_HOSPITAL = ("id", "age", "smoker", "bmi", "entered", "town")
AT_INSURER = ("id", "sex", "balance")
AT_REGISTRY = ("id", "grade", "score", "seen")


def columns(nulls: bool) -> Mapping[str, ColumnDeclaration]:
    """Every column as owners declare it: ranges that are public knowledge."""
    return {
        "id": sf.key(DOMAIN, low=1, high=9_999, nullable=False),
        "age": sf.integer(18, 90, nullable=False),
        "smoker": sf.boolean(nullable=nulls),
        "bmi": sf.number(15, 50, precision=0.125, nullable=nulls),
        "entered": sf.date(FIRST, LAST, nullable=False),
        "town": sf.string(nullable=nulls),
        "sex": sf.category(SEXES, nullable=nulls),
        "balance": sf.decimal(-500, 500, 2, nullable=nulls),
        "grade": sf.category(GRADES, nullable=nulls),
        "score": sf.integer(-20, 20, nullable=nulls),
        "seen": sf.date(FIRST, LAST, nullable=nulls),
        "days": sf.integer(0, 364, nullable=False),
        "value": sf.number(0, 100, precision=0.125, nullable=nulls),
        "kind": sf.category(KINDS, nullable=False),
        "flag": sf.boolean(nullable=nulls),
        "booked": sf.date(FIRST, LAST, nullable=nulls),
        "nights": sf.integer(0, 30, nullable=False),
        "cost": sf.decimal(0, 900, 2, nullable=nulls),
        "dose": sf.integer(0, 8, nullable=nulls),
        "arm": sf.category(ARMS, nullable=nulls),
        "begun": sf.date(FIRST, LAST, nullable=nulls),
    }


@dataclass(frozen=True, slots=True)
class Sample:
    """Which rows: with missing values or without, of how many people, drawn with which seed."""

    nulls: bool
    persons: int = 2_000
    seed: int = 2026

    @property
    def extra(self) -> int:
        """People of whom there is something extra, strangers among them."""
        return self.persons * 7 // 10

    @property
    def strangers(self) -> int:
        return max(1, self.persons // 20)

    @property
    def guests(self) -> int:
        """People who stay somewhere."""
        return self.persons * 6 // 10


class _Rows:
    """Draws columns; with nulls every tenth value of a column that may be missing is."""

    def __init__(self, size: int, nulls: bool, seed: int) -> None:
        self.size = size
        self.nulls = nulls
        self.random = np.random.default_rng(seed)

    def _missing(self, values: pd.Series, sometimes: bool) -> pd.Series:
        gone = self.random.random(self.size) < 0.1
        return values.mask(gone) if self.nulls and sometimes else values

    def integers(self, low: int, high: int, *, nullable: bool = True) -> pd.Series:
        return self._missing(pd.Series(self.random.integers(low, high + 1, self.size), dtype="Int64"), nullable)

    def numbers(self, low: float, high: float, steps: int, *, nullable: bool = True) -> pd.Series:
        grid = self.random.integers(int(low * steps), int(high * steps) + 1, self.size)
        return self._missing(pd.Series(grid / steps, dtype="Float64"), nullable)

    def truth(self, share: float) -> pd.Series:
        return self._missing(pd.Series(self.random.random(self.size) < share, dtype="boolean"), True)

    def words(self, levels: tuple[str, ...], shares: list[float], *, nullable: bool = True) -> pd.Series:
        drawn = self.random.choice(levels, self.size, p=shares)
        return self._missing(pd.Series(pd.Categorical(drawn, categories=list(levels))), nullable)

    def days(self, low: datetime.date, high: datetime.date, *, nullable: bool = True) -> pd.Series:
        offsets = self.random.integers(0, (high - low).days + 1, self.size)
        found = pd.Series((np.datetime64(low) + offsets).astype("datetime64[s]"))
        return self._missing(found, nullable)

    def towns(self) -> pd.Series:
        drawn = self.random.integers(0, 150, self.size)
        names = [f"{('Old', 'New', 'Upper')[n % 3]} {('Haven', 'bridge')[n % 2]}-{n:03d}" for n in drawn]
        return self._missing(pd.Series(names, dtype="string"), True)


@functools.cache
def pooled(sample: Sample) -> Mapping[str, pd.DataFrame]:
    """Return the tables ``people``, ``visits``, ``stays`` and ``extra``, in the order in which institutions hold their rows.

    With nulls, the insurer and the registry do not know everybody: their columns are missing together there.
    """
    nulls, persons = sample.nulls, sample.persons
    draw = _Rows(persons, nulls, sample.seed)
    people = pd.DataFrame({"id": pd.Series(draw.random.permutation(np.arange(1, persons + 1)), dtype="Int64")})
    people["age"] = draw.integers(18, 90, nullable=False)
    people["smoker"] = draw.truth(0.3)
    people["bmi"] = draw.numbers(16, 45, 8)
    people["entered"] = draw.days(FIRST, LAST, nullable=False)
    people["town"] = draw.towns()
    people["sex"] = draw.words(SEXES, [0.45, 0.55], nullable=False)
    people["balance"] = draw.numbers(-480, 480, 100)
    people["grade"] = draw.words(GRADES, [0.5, 0.3, 0.2])
    people["score"] = draw.integers(-6, 6) * 3
    people["seen"] = draw.days(FIRST, LAST)
    if nulls:
        for at in (AT_INSURER, AT_REGISTRY):
            unknown = draw.random.random(persons) < 0.05
            for name in at[1:]:
                people[name] = people[name].mask(unknown)
    sexes = people.set_index("id")["sex"]
    draw = _Rows(2 * persons, nulls, sample.seed + 1)
    visits = pd.DataFrame({"id": pd.Series(np.sort(draw.random.integers(0, persons, 2 * persons)), dtype="Int64")})
    visits["id"] = people["id"].iloc[visits["id"].to_numpy(dtype=int)].to_numpy()
    visits["days"] = draw.integers(0, 364, nullable=False)
    visits["value"] = draw.numbers(0, 100, 8)
    visits["kind"] = draw.words(KINDS, [0.5, 0.3, 0.2], nullable=False)
    visits["flag"] = draw.truth(0.4)
    visits["booked"] = draw.days(FIRST, LAST)
    visits["sex"] = pd.Categorical(visits["id"].map(sexes), categories=list(SEXES))
    draw = _Rows(persons * 9 // 10, nulls, sample.seed + 2)
    stays = pd.DataFrame({"id": pd.Series(draw.random.integers(1, sample.guests + 1, draw.size), dtype="Int64")})
    stays["nights"] = draw.integers(0, 30, nullable=False)
    stays["cost"] = draw.numbers(0, 900, 100)
    draw = _Rows(sample.extra, nulls, sample.seed + 3)
    strangers = np.arange(9_000, 9_000 + sample.strangers)
    known = draw.random.permutation(people["id"].to_numpy(dtype=int))[: sample.extra - sample.strangers]
    extra = pd.DataFrame({"id": pd.Series(draw.random.permutation(np.concatenate([known, strangers])), dtype="Int64")})
    extra["dose"] = draw.integers(0, 8)
    extra["arm"] = draw.words(ARMS, [0.5, 0.3, 0.2])
    extra["begun"] = draw.days(FIRST, LAST)
    return {"people": people, "visits": visits, "stays": stays, "extra": extra}
