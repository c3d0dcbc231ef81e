"""How a column of a table comes from the columns of its source: another name, unit, coding or formula.

Institutions record the same fact under other names and codes. Each declares once how its source maps to the columns that all
have agreed on; the mapping is applied by the owner when the table is registered, before any rule is held against the values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from secureframe.errors import PlanError
from secureframe.schema.types import as_fraction

UNITS: Mapping[tuple[str, str], tuple[Fraction, Fraction]] = {
    ("lb", "kg"): (Fraction(45359237, 100_000_000), Fraction(0)),
    ("g", "kg"): (Fraction(1, 1000), Fraction(0)),
    ("in", "cm"): (Fraction(254, 100), Fraction(0)),
    ("ft", "cm"): (Fraction(3048, 100), Fraction(0)),
    ("m", "cm"): (Fraction(100), Fraction(0)),
    ("mm", "cm"): (Fraction(1, 10), Fraction(0)),
    ("degF", "degC"): (Fraction(5, 9), Fraction(-160, 9)),
    ("kPa", "mmHg"): (Fraction(760_000, 101_325), Fraction(0)),
    ("weeks", "days"): (Fraction(7), Fraction(0)),
    ("years", "days"): (Fraction(36525, 100), Fraction(0)),
    ("hours", "minutes"): (Fraction(60), Fraction(0)),
}
"""Units with an exact factor and offset (the pound and the inch of 1959; standard atmosphere: 760 mmHg, 101.325 kPa); the
other way round follows."""

Value = str | int | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """Where a column comes from; made by ``mapped``.

    Parameters
    ----------
    source : str or None
        A column of the source; None where ``sql`` says it.
    sql : str or None
        An expression over the source's columns, row by row, in the SQL of Polars.
    values : tuple of pairs or None
        What every value of the source becomes; a value that is not named counts as out of range.
    factor, offset : Fraction
        ``value * factor + offset``.
    edges : tuple of Fraction or None
        Inner and outer edges of bands of numbers.
    labels : tuple of str or None
        A label for every band.
    right : bool
        Whether a band holds its right edge.
    """

    source: str | None = None
    sql: str | None = None
    values: tuple[tuple[Value, Value], ...] | None = None
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    edges: tuple[Fraction, ...] | None = None
    labels: tuple[str, ...] | None = None
    right: bool = True

    def __post_init__(self) -> None:
        if (self.source is None) == (self.sql is None):
            raise PlanError(
                "a mapped column comes from one column, or from sql=", hint="sf.mapped('sex'), or sf.mapped(sql='...')"
            )
        if self.values is not None and len({(k, isinstance(k, bool)) for k, _ in self.values}) != len(self.values):
            raise PlanError("a value is mapped twice", hint="values={0: 'no', 1: 'yes'}")
        if self.values is not None and {type(new) for _, new in self.values} not in ({str}, {int}, {bool}):
            raise PlanError(
                "values are mapped to text alone, whole numbers alone or truth values alone", hint="values={1: 'm', 2: 'f'}"
            )
        if self.edges is not None:
            if len(self.edges) < 2 or any(a >= b for a, b in zip(self.edges, self.edges[1:], strict=False)):
                raise PlanError("the edges of bands increase", hint="bands=[0, 20, 50, 200]")
            if self.labels is None or len(self.labels) != len(self.edges) - 1:
                raise PlanError("bands need one label each", hint="bands=[0, 20, 50, 200], labels=['small', 'middle', 'large']")

    @property
    def rescales(self) -> bool:
        """Whether numbers change their unit."""
        return self.factor != 1 or self.offset != 0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; numbers as text."""
        return {
            "source": self.source,
            "sql": self.sql,
            "values": None if self.values is None else [list(pair) for pair in self.values],
            "factor": str(self.factor),
            "offset": str(self.offset),
            "edges": None if self.edges is None else [str(e) for e in self.edges],
            "labels": None if self.labels is None else list(self.labels),
            "right": self.right,
        }

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Mapped:
        return Mapped(
            source=record["source"],
            sql=record["sql"],
            values=None if record["values"] is None else tuple((a, b) for a, b in record["values"]),
            factor=Fraction(record["factor"]),
            offset=Fraction(record["offset"]),
            edges=None if record["edges"] is None else tuple(map(Fraction, record["edges"])),
            labels=None if record["labels"] is None else tuple(record["labels"]),
            right=record["right"],
        )


def mapped(
    source: str | None = None,
    *,
    sql: str | None = None,
    values: Mapping[Value, Value] | None = None,
    unit: tuple[str, str] | None = None,
    factor: float | Fraction = 1,
    offset: float | Fraction = 0,
    bands: Sequence[float] | None = None,
    labels: Sequence[str] | None = None,
    right: bool = True,
) -> Mapped:
    """Say where a column of a table comes from: for ``sf.Table(source, mapping={...})``.

    Parameters
    ----------
    source : str
        The column of the source, whatever it is called there.
    sql : str
        In its place an expression over several columns of a row, in the SQL of Polars.
    values : mapping
        Another coding: ``{0: "no", 1: "yes"}``.
    unit : (str, str)
        From one unit to another, ``("lb", "kg")``; ``factor=`` and ``offset=`` for all others.
    factor, offset : number
        ``value * factor + offset``.
    bands, labels : list
        Edges of bands of numbers and their labels: for a centre that measured where the others classified.
    right : bool
        Whether a band holds its right edge, as in ``sf.cut``; else its left one.

    Examples
    --------
    >>> sf.Table("gbsg.parquet", person_key="pid", mapping={
    ...     "pid": sf.mapped("pid"),
    ...     "size": sf.mapped("size", bands=[0, 20, 50, 1000], labels=["<=20", "20-50", ">50"]),
    ...     "weight_kg": sf.mapped("weight", unit=("lb", "kg")),
    ...     "relapse": sf.mapped("status", values={0: False, 1: True}),
    ...     "relapse_days": sf.mapped(sql="CASE WHEN recur = 1 THEN rtime ELSE dtime END")})
    """
    scale, shift = as_fraction(factor), as_fraction(offset)
    if unit is not None:
        if scale != 1 or shift != 0:
            raise PlanError("a unit has its own factor", hint="unit=, or factor= and offset=")
        scale, shift = conversion(*unit)
    changes = [values is not None, scale != 1 or shift != 0, bands is not None]
    if sum(changes) > 1:
        raise PlanError(
            "a column is recoded, rescaled or banded, one of the three", hint="sf.mapped('sex', values={1: 'm', 2: 'f'})"
        )
    return Mapped(
        source=source,
        sql=sql,
        values=None if values is None else tuple(values.items()),
        factor=scale,
        offset=shift,
        edges=None if bands is None else tuple(as_fraction(e) for e in bands),
        labels=None if labels is None else tuple(labels),
        right=right,
    )


def conversion(one: str, other: str) -> tuple[Fraction, Fraction]:
    """Return factor and offset from one unit to another.

    Raises
    ------
    PlanError
        If the pair is not known.
    """
    if (one, other) in UNITS:
        return UNITS[one, other]
    if (other, one) in UNITS:
        factor, offset = UNITS[other, one]
        return 1 / factor, -offset / factor
    known = ", ".join(f"{a} and {b}" for a, b in UNITS)
    raise PlanError(f"there is no conversion from {one!r} to {other!r}", hint=f"factor=...; known are {known}")
