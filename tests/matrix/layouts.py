"""The same frames laid out in four ways: at one institution, rows at several, columns at several, and both at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

import secureframe as sf
from tests.matrix import spelling
from tests.matrix.data import AT_HOSPITAL, AT_INSURER, AT_REGISTRY, DOMAIN, PEOPLE, Sample, columns, pooled

Tables = dict[str, dict[str, sf.Table]]
HOSPITALS = ("north", "south", "west")
MOST = 12
"""Rows a person, at most."""
VISITED = ["id", "days", "value", "kind", "flag", "booked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What an operation is written over: frames, and the functions beside their methods; secure or pandas alike.

    ``people`` has one row a person. ``visits`` has several, all of a person's at one institution; ``stays`` has several, a
    person's possibly at more than one. ``extra`` has one row for some of the people, and for strangers.
    """

    people: Any
    visits: Any
    stays: Any
    extra: Any
    ns: Any
    nulls: bool


def clear(sample: Sample) -> Study:
    """The study in pandas, pooled."""
    return Study(**{name: table.copy() for name, table in pooled(sample).items()}, ns=spelling, nulls=sample.nulls)


def _table(rows: pd.DataFrame, nulls: bool, *, many: int = 1, persons: int, disjoint: bool = False) -> sf.Table:
    known = columns(nulls)
    return sf.Table(
        rows.reset_index(drop=True),
        person_domain=DOMAIN,
        columns={name: known[name] for name in rows.columns},
        roster_size=persons,
        rows_per_person=many,
        rows=None if many == 1 else len(rows) + 7,
        disjoint=disjoint,
    )


def _blocks(rows: pd.DataFrame, sample: Sample, shares: Sequence[int]) -> list[pd.DataFrame]:
    """The rows by the hospital of their person; hospitals have consecutive people, up to these shares (in percent)."""
    people = pooled(sample)["people"]["id"]
    ends = [len(people) * share // 100 for share in shares]
    hospital = pd.Series([sum(position >= end for end in ends) for position in range(len(people))], index=people.to_numpy())
    of_row = rows["id"].map(hospital).fillna(0).to_numpy()
    return [rows[of_row == i] for i in range(len(ends) + 1)]


def _known(rows: pd.DataFrame, names: Sequence[str], nulls: bool) -> pd.DataFrame:
    """What an institution knows of persons; with nulls, nothing of those of whom all is missing."""
    held = rows[list(names)]
    return held.dropna(how="all", subset=list(names[1:])) if nulls else held


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A layout: what its institutions hold, and how its frames are put together of that."""

    name: str
    tables: Callable[[Sample], Tables]
    frames: Callable[[Callable[[str], Any], bool], Mapping[str, Any]]

    def named(self, sample: Sample) -> Tables:
        """The tables under names that say layout and nulls, so that one federation holds those of all layouts."""
        return {
            owner: {self._name(table, sample.nulls): held for table, held in tables.items()}
            for owner, tables in self.tables(sample).items()
        }

    def _name(self, table: str, nulls: bool) -> str:
        return f"{self.name}_{table}" + ("_nulls" if nulls else "")

    def study(self, fed: sf.Federation, nulls: bool) -> Study:
        """The frames of this layout in a federation that holds its tables."""
        made = self.frames(lambda table: fed[self._name(table, nulls)], nulls)
        return Study(**made, ns=sf, nulls=nulls)


def _single(sample: Sample) -> Tables:
    rows, nulls = pooled(sample), sample.nulls
    return {
        "clinic": {
            "people": _table(rows["people"], nulls, persons=sample.persons),
            "visits": _table(rows["visits"], nulls, many=MOST, persons=sample.persons),
            "stays": _table(rows["stays"], nulls, many=MOST, persons=sample.guests),
            "extra": _table(rows["extra"], nulls, persons=sample.extra),
        }
    }


def _horizontal(sample: Sample) -> Tables:
    rows, nulls, persons = pooled(sample), sample.nulls, sample.persons
    parts = {name: _blocks(rows[name], sample, (35, 70)) for name in ("people", "visits", "extra")}
    ends = [0, persons * 35 // 100, persons * 62 // 100, len(rows["stays"])]
    found: Tables = {}
    for i, hospital in enumerate(HOSPITALS):
        found[hospital] = {
            "people": _table(parts["people"][i], nulls, persons=persons * 40 // 100 + 1, disjoint=True),
            "visits": _table(parts["visits"][i], nulls, many=MOST, persons=persons * 40 // 100 + 1, disjoint=True),
            "extra": _table(parts["extra"][i], nulls, persons=persons * 40 // 100 + 2, disjoint=True),
            "stays": _table(rows["stays"].iloc[ends[i] : ends[i + 1]], nulls, many=MOST, persons=persons * 40 // 100),
        }
    return found


def _vertical(sample: Sample) -> Tables:
    rows, nulls = pooled(sample), sample.nulls
    people = rows["people"]
    return {
        "clinic": {
            "people": _table(people[list(AT_HOSPITAL)], nulls, persons=sample.persons),
            "visits": _table(rows["visits"][VISITED], nulls, many=MOST, persons=sample.persons),
        },
        "insurer": {
            "members": _table(_known(people, AT_INSURER, nulls), nulls, persons=sample.persons),
            "stays": _table(rows["stays"], nulls, many=MOST, persons=sample.guests),
        },
        "registry": {
            "records": _table(_known(people, AT_REGISTRY, nulls), nulls, persons=sample.persons),
            "extra": _table(rows["extra"], nulls, persons=sample.extra),
        },
    }


def _mixed(sample: Sample) -> Tables:
    rows, nulls, persons = pooled(sample), sample.nulls, sample.persons
    people, visits = _blocks(rows["people"], sample, (55,)), _blocks(rows["visits"][VISITED], sample, (55,))
    middle = len(rows["stays"]) // 2
    stays = [rows["stays"].iloc[:middle], rows["stays"].iloc[middle:]]
    found: Tables = {
        hospital: {
            "people": _table(people[i][list(AT_HOSPITAL)], nulls, persons=persons * 60 // 100, disjoint=True),
            "visits": _table(visits[i], nulls, many=MOST, persons=persons * 60 // 100, disjoint=True),
            "stays": _table(stays[i], nulls, many=MOST, persons=sample.guests),
        }
        for i, hospital in enumerate(HOSPITALS[:2])
    }
    rest = _vertical(sample)
    found["insurer"] = {"members": rest["insurer"]["members"]}
    found["registry"] = rest["registry"]
    return found


def _whole(table: Callable[[str], Any], nulls: bool) -> dict[str, Any]:
    """Frames that are logical tables: those of one institution, or the rows of all."""
    return {name: table(name) for name in ("people", "visits", "stays", "extra")}


def _widened(table: Callable[[str], Any], nulls: bool) -> dict[str, Any]:
    """People with what the insurer and the registry know of them; visits with the person's sex."""
    how = "left" if nulls else "inner"
    members = table("members")
    people = table("people").merge(members, on="id", how=how).merge(table("records"), on="id", how=how)
    return {
        "people": people[list(PEOPLE)],
        "visits": table("visits").merge(members[["id", "sex"]], on="id", how=how),
        "stays": table("stays"),
        "extra": table("extra"),
    }


LAYOUTS: Mapping[str, Layout] = {
    "single": Layout(name="single", tables=_single, frames=_whole),
    "horizontal": Layout(name="horizontal", tables=_horizontal, frames=_whole),
    "vertical": Layout(name="vertical", tables=_vertical, frames=_widened),
    "mixed": Layout(name="mixed", tables=_mixed, frames=_widened),
}


SAMPLES = (Sample(False), Sample(True))


def start(*names: str, backend: Any = None, samples: Sequence[Sample] = SAMPLES, **options: Any) -> sf.Federation:
    """Start a federation that holds the tables of some layouts, with nulls and without."""
    found: Tables = {}
    for name in names:
        for sample in samples:
            for owner, tables in LAYOUTS[name].named(sample).items():
                found.setdefault(owner, {}).update(tables)
    return sf.simulate(found, purpose="the test matrix", quiet=True, start=backend, **options)
