"""Public descriptions: what is known of a table by everyone in a federation, and of a frame made from tables.

Nothing here holds data. A ``TableSchema`` is what an institution publishes in the catalog; a ``Field`` is a column of a
frame, with the uses that are still allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from secureframe.errors import PlanError
from secureframe.schema.types import ColumnType


class Use(StrEnum):
    """What a data owner allows a column to be used for."""

    LINK = "link"
    FILTER = "filter"
    GROUP = "group"
    AGGREGATE = "aggregate"


ALL_USES = frozenset(Use)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: type, allowed uses, flags, and the rule for values out of range.

    Parameters
    ----------
    uses : frozenset of Use
        What the owner allows.
    sensitive : bool
        A class disclosure counts: zero cells of a table by it are withheld under ``standard``.
    magnitude : bool
        Amounts (costs) in which single persons may dominate a sum.
    out_of_range : str
        ``refuse``, ``clip`` or ``null``: what happens at registration to a value out of range.
    unique : bool
        No two rows share a value; checked at registration.
    """

    name: str
    type: ColumnType
    uses: frozenset[Use] = ALL_USES
    sensitive: bool = False
    magnitude: bool = False
    out_of_range: str = "refuse"
    unique: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type.to_json(),
            "uses": sorted(map(str, self.uses)),
            "sensitive": self.sensitive,
            "magnitude": self.magnitude,
            "out_of_range": self.out_of_range,
            "unique": self.unique,
        }

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Column:
        return Column(
            name=record["name"],
            type=ColumnType.from_json(record["type"]),
            uses=frozenset(map(Use, record["uses"])),
            sensitive=record["sensitive"],
            magnitude=record["magnitude"],
            out_of_range=record["out_of_range"],
            unique=record["unique"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSchema:
    """A table as the catalog shows it.

    Parameters
    ----------
    owner, name : str
        Whose table it is and what it is called.
    person_key : str
        The column that says who a row is about; ``person_domain`` says in which numbering.
    roster_size : int
        Declared, padded number of persons: the length of every shared person-level column.
    rows_per_person : int
        Most rows a person may have; 1 makes the person key unique.
    version : str
        Changes whenever the data do; random, so it says nothing about them.
    rows : int
        Declared, padded number of rows: the length of every shared column of a table with many rows a person.
    disjoint : bool
        The owner attests that nobody in it is in a table of another institution that attests the same, in one domain.
    """

    owner: str
    name: str
    columns: tuple[Column, ...]
    person_key: str
    person_domain: str
    roster_size: int
    rows_per_person: int
    version: str
    rows: int = 0
    disjoint: bool = False

    def __post_init__(self) -> None:
        if self.rows == 0 or self.rows_per_person == 1:
            object.__setattr__(self, "rows", self.roster_size * self.rows_per_person)

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise PlanError(
            f"{self.owner}.{self.name} has no column {name!r}", hint=f"its columns are {', '.join(c.name for c in self.columns)}"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "owner": self.owner,
            "name": self.name,
            "columns": [c.to_json() for c in self.columns],
            "person_key": self.person_key,
            "person_domain": self.person_domain,
            "roster_size": str(self.roster_size),
            "rows_per_person": str(self.rows_per_person),
            "version": self.version,
            "rows": str(self.rows),
            "disjoint": self.disjoint,
        }

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> TableSchema:
        return TableSchema(
            owner=record["owner"],
            name=record["name"],
            columns=tuple(Column.from_json(c) for c in record["columns"]),
            person_key=record["person_key"],
            person_domain=record["person_domain"],
            roster_size=int(record["roster_size"]),
            rows_per_person=int(record["rows_per_person"]),
            version=record["version"],
            rows=int(record["rows"]),
            disjoint=record["disjoint"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column of a frame: its type and what may still be done with it.

    ``owners`` are the institutions whose values it is made of.
    """

    type: ColumnType
    uses: frozenset[Use]
    owners: frozenset[str]
    sensitive: bool = False
    magnitude: bool = False


Schema = Mapping[str, Field]
"""The columns of a frame, in order."""
