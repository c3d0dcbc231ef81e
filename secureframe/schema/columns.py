"""What is said about a column: one short constructor a kind, and the record they make.

Pure: nothing here reads data. ``secureframe.schema.declare`` holds the table that columns are declared in.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from secureframe.errors import PlanError
from secureframe.schema.calendar import EPOCH, UNITS, as_days
from secureframe.schema.table import Use
from secureframe.schema.types import ColumnType, Kind, Scalar, as_fraction

DEFAULT_USES = ("link", "filter", "group", "aggregate")
OUT_OF_RANGE = ("refuse", "clip", "null")
DEFAULT_PRECISION = 0.01

_GRID_LIMIT = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDeclaration:
    """What is said about one column; made by ``integer``, ``number``, ``category`` and their like.

    Parameters
    ----------
    kind : Kind
        What the column holds.
    low, high : Fraction or None
        Ends of the public range, both included; days since 1970-01-01 for dates and time stamps. None for keys and strings.
    step : Fraction
        The grid that values are rounded to.
    values : tuple or None
        The public domain of a category, in the order in which tables show it.
    domain : str or None
        The key domain; None stands for the table's person domain.
    nullable : bool or None
        None: as the data are found.
    uses : frozenset of Use
        What the column may be used for.
    sensitive, magnitude, unique : bool
        See ``secureframe.schema.table.Column``.
    out_of_range : str
        ``refuse``, ``clip`` or ``null``.
    """

    kind: Kind
    low: Fraction | None = None
    high: Fraction | None = None
    step: Fraction = Fraction(1)
    values: tuple[str | int | bool, ...] | None = None
    domain: str | None = None
    nullable: bool | None = None
    uses: frozenset[Use] = frozenset(Use)
    sensitive: bool = False
    magnitude: bool = False
    out_of_range: str = "refuse"
    unique: bool = False

    def __post_init__(self) -> None:
        if self.out_of_range not in OUT_OF_RANGE:
            raise PlanError(f"out_of_range={self.out_of_range!r} is no rule", hint="'refuse', 'clip' or 'null'")
        if self.out_of_range == "clip" and self.kind not in (
            Kind.INT, Kind.DECIMAL, Kind.FLOAT, Kind.DATE, Kind.DATETIME
        ):  # fmt: skip
            raise PlanError(f"a {self.kind} cannot be moved to the nearer end of a range", hint="out_of_range='null'")
        if self.out_of_range == "null" and self.nullable is False:
            raise PlanError("a column that turns values into nulls is nullable", hint="leave nullable= out")
        if (self.low is None) != (self.high is None):
            raise PlanError("a range needs both of its ends", hint="low= and high=")
        if self.low is not None and self.high is not None:
            if self.low > self.high:
                raise PlanError("a range is empty: its low end lies above its high end")
            if max(abs(self.low), abs(self.high)) / self.step > _GRID_LIMIT:
                raise PlanError("the range has more grid points than 62 bits can number", hint="a coarser precision or scale")

    def column_type(self, *, nullable: bool, person_domain: str) -> ColumnType:
        """Return the public type: the range on the grid, its ends rounded outwards."""
        lo, hi = None, None
        if self.kind is Kind.CATEGORY:
            assert self.values is not None
            lo, hi = 0, len(self.values) - 1
        elif self.low is not None and self.high is not None:
            lo, hi = math.floor(self.low / self.step), math.ceil(self.high / self.step)
            if self.kind is Kind.DATETIME:
                hi = math.floor(self.high / self.step)
        return ColumnType(
            kind=self.kind,
            lo=lo,
            hi=hi,
            step=self.step,
            nullable=nullable,
            categories=self.values,
            domain=(self.domain or person_domain) if self.kind is Kind.KEY else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the declaration as JSON; numbers travel as text, so that none is rounded."""
        record: dict[str, Any] = {
            "kind": str(self.kind),
            "uses": sorted(map(str, self.uses)),
            "sensitive": self.sensitive,
            "magnitude": self.magnitude,
            "out_of_range": self.out_of_range,
            "unique": self.unique,
            "step": str(self.step),
        }
        if self.low is not None:
            record |= {"low": str(self.low), "high": str(self.high)}
        for name in ("domain", "nullable"):
            if getattr(self, name) is not None:
                record[name] = getattr(self, name)
        if self.values is not None:
            record["values"] = list(self.values)
        return record

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> ColumnDeclaration:
        return ColumnDeclaration(
            kind=Kind(record["kind"]),
            low=Fraction(record["low"]) if "low" in record else None,
            high=Fraction(record["high"]) if "high" in record else None,
            step=Fraction(record["step"]),
            values=tuple(record["values"]) if "values" in record else None,
            domain=record.get("domain"),
            nullable=record.get("nullable"),
            uses=frozenset(map(Use, record["uses"])),
            sensitive=record["sensitive"],
            magnitude=record["magnitude"],
            out_of_range=record["out_of_range"],
            unique=record["unique"],
        )


def power_of_two_step(precision: float | Fraction) -> Fraction:
    """Return the largest power of two that is at most ``precision``."""
    wanted = as_fraction(precision)
    if wanted <= 0:
        raise PlanError("a precision is a positive number")
    step = Fraction(1)
    while step > wanted:
        step /= 2
    while step * 2 <= wanted:
        step *= 2
    return step


def _declare(
    kind: Kind,
    *,
    nullable: bool | None,
    uses: Iterable[str],
    sensitive: bool,
    magnitude: bool,
    out_of_range: str,
    unique: bool,
    **more: Any,
) -> ColumnDeclaration:
    wanted = (uses,) if isinstance(uses, str) else tuple(uses)
    unknown = [use for use in wanted if use not in DEFAULT_USES]
    if unknown:
        raise PlanError(f"{unknown[0]!r} is no use of a column", hint=f"uses= takes {', '.join(DEFAULT_USES)}")
    return ColumnDeclaration(
        kind=kind,
        nullable=nullable,
        uses=frozenset(map(Use, wanted)),
        sensitive=sensitive,
        magnitude=magnitude,
        out_of_range=out_of_range,
        unique=unique,
        **more,
    )


def boolean(
    *,
    nullable: bool | None = None,
    uses: Iterable[str] = DEFAULT_USES,
    sensitive: bool = False,
    magnitude: bool = False,
    out_of_range: str = "refuse",
    unique: bool = False,
) -> ColumnDeclaration:
    """Declare truth values; 0 and 1 are accepted."""
    return _declare(
        Kind.BOOL, low=Fraction(0), high=Fraction(1), nullable=nullable, uses=uses, sensitive=sensitive,
        magnitude=magnitude, out_of_range=out_of_range, unique=unique,
    )  # fmt: skip


def integer(
    low: int,
    high: int,
    *,
    nullable: bool | None = None,
    uses: Iterable[str] = DEFAULT_USES,
    sensitive: bool = False,
    magnitude: bool = False,
    out_of_range: str = "refuse",
    unique: bool = False,
) -> ColumnDeclaration:
    """Declare whole numbers from ``low`` to ``high``, both included."""
    for end in (low, high):
        if not isinstance(end, int) or isinstance(end, bool):
            raise PlanError("the ends of an integer range are integers", hint="sf.number(low, high) takes others")
    return _declare(
        Kind.INT, low=Fraction(low), high=Fraction(high), nullable=nullable, uses=uses, sensitive=sensitive,
        magnitude=magnitude, out_of_range=out_of_range, unique=unique,
    )  # fmt: skip


def decimal(
    low: float,
    high: float,
    scale: int,
    *,
    nullable: bool | None = None,
    uses: Iterable[str] = DEFAULT_USES,
    sensitive: bool = False,
    magnitude: bool = False,
    out_of_range: str = "refuse",
    unique: bool = False,
) -> ColumnDeclaration:
    """Declare numbers with ``scale`` digits after the point, such as amounts."""
    if not isinstance(scale, int) or not 0 <= scale <= 18:
        raise PlanError("a scale is a number of digits after the point, 0 to 18")
    return _declare(
        Kind.DECIMAL, low=as_fraction(low), high=as_fraction(high), step=Fraction(1, 10**scale), nullable=nullable,
        uses=uses, sensitive=sensitive, magnitude=magnitude, out_of_range=out_of_range, unique=unique,
    )  # fmt: skip


def number(
    low: float,
    high: float,
    precision: float = DEFAULT_PRECISION,
    *,
    nullable: bool | None = None,
    uses: Iterable[str] = DEFAULT_USES,
    sensitive: bool = False,
    magnitude: bool = False,
    out_of_range: str = "refuse",
    unique: bool = False,
) -> ColumnDeclaration:
    """Declare measurements: values are rounded to the largest power of two of at most ``precision``."""
    return _declare(
        Kind.FLOAT, low=as_fraction(low), high=as_fraction(high), step=power_of_two_step(precision), nullable=nullable,
        uses=uses, sensitive=sensitive, magnitude=magnitude, out_of_range=out_of_range, unique=unique,
    )  # fmt: skip


def category(
    values: Iterable[str | int | bool],
    *,
    nullable: bool | None = None,
    uses: Iterable[str] = DEFAULT_USES,
    sensitive: bool = False,
    magnitude: bool = False,
    out_of_range: str = "refuse",
    unique: bool = False,
) -> ColumnDeclaration:
    """Declare a public domain; text is compared case by case. A value outside it counts as out of range."""
    if isinstance(values, str):
        raise PlanError("the domain of a category is a list", hint=f"sf.category([{values!r}])")
    domain = tuple(values)
    if not domain:
        raise PlanError("a category needs its public domain", hint="sf.category(['yes', 'no'])")
    if {type(v) for v in domain} not in ({str}, {int}, {bool}):
        raise PlanError("the values of a category are all text, all integers or all bool")
    if len(set(domain)) != len(domain):
        raise PlanError("a category is named twice in its domain")
    return _declare(
        Kind.CATEGORY, values=domain, nullable=nullable, uses=uses, sensitive=sensitive, magnitude=magnitude,
        out_of_range=out_of_range, unique=unique,
    )  # fmt: skip


def date(
    low: datetime.date,
    high: datetime.date,
    *,
    nullable: bool | None = None,
    uses: Iterable[str] = DEFAULT_USES,
    sensitive: bool = False,
    magnitude: bool = False,
    out_of_range: str = "refuse",
    unique: bool = False,
) -> ColumnDeclaration:
    """Declare days from ``low`` to ``high``, both included."""
    for end in (low, high):
        if not isinstance(end, datetime.date) or isinstance(end, datetime.datetime):
            raise PlanError("the ends of a date range are dates", hint="datetime.date(1900, 1, 1)")
    return _declare(
        Kind.DATE, low=Fraction((low - EPOCH).days), high=Fraction((high - EPOCH).days), nullable=nullable, uses=uses,
        sensitive=sensitive, magnitude=magnitude, out_of_range=out_of_range, unique=unique,
    )  # fmt: skip


def timestamp(
    low: datetime.date,
    high: datetime.date,
    unit: str = "s",
    *,
    nullable: bool | None = None,
    uses: Iterable[str] = DEFAULT_USES,
    sensitive: bool = False,
    magnitude: bool = False,
    out_of_range: str = "refuse",
    unique: bool = False,
) -> ColumnDeclaration:
    """Declare time stamps without a time zone from ``low`` to ``high``, both included.

    Each is cut down to the whole ``unit`` it lies in (``h``, ``min``, ``s``, ``ms`` or ``us``), so that its day never changes.
    """
    if unit not in UNITS or unit == "D":
        raise PlanError(f"unit={unit!r} is no step of time stamps", hint="'h', 'min', 's', 'ms' or 'us'; sf.date declares days")
    for end in (low, high):
        if not isinstance(end, datetime.date):
            raise PlanError("the ends of a range of time stamps are time stamps", hint="datetime.datetime(1900, 1, 1, 12, 30)")
    return _declare(
        Kind.DATETIME, low=as_days(low), high=as_days(high), step=UNITS[unit], nullable=nullable, uses=uses,
        sensitive=sensitive, magnitude=magnitude, out_of_range=out_of_range, unique=unique,
    )  # fmt: skip


def string(
    *,
    nullable: bool | None = None,
    uses: Iterable[str] = DEFAULT_USES,
    sensitive: bool = False,
    magnitude: bool = False,
    out_of_range: str = "refuse",
    unique: bool = False,
) -> ColumnDeclaration:
    """Declare text without a public domain: filtered by its owner, never shared or released."""
    return _declare(
        Kind.STRING, nullable=nullable, uses=uses, sensitive=sensitive, magnitude=magnitude,
        out_of_range=out_of_range, unique=unique,
    )  # fmt: skip


def key(
    domain: str | None = None,
    low: int | None = None,
    high: int | None = None,
    *,
    nullable: bool | None = None,
    uses: Iterable[str] = DEFAULT_USES,
    sensitive: bool = False,
    magnitude: bool = False,
    out_of_range: str = "refuse",
    unique: bool = False,
) -> ColumnDeclaration:
    """Declare identifiers of a domain: integers from ``low`` to ``high``, or text."""
    for end in (low, high):
        if end is not None and (not isinstance(end, int) or isinstance(end, bool)):
            raise PlanError("the ends of a key range are integers", hint="sf.key(low=1, high=99999); text keys have none")
    return _declare(
        Kind.KEY, domain=domain, low=None if low is None else Fraction(low), high=None if high is None else Fraction(high),
        nullable=nullable, uses=uses, sensitive=sensitive, magnitude=magnitude, out_of_range=out_of_range, unique=unique,
    )  # fmt: skip


def inferred(
    kind: Kind,
    low: Scalar = None,
    high: Scalar = None,
    values: tuple[Any, ...] | None = None,
    step: Fraction | None = None,
) -> ColumnDeclaration:
    """Return the declaration that an owner's data suggest where nothing was declared."""
    if step is None:
        step = power_of_two_step(DEFAULT_PRECISION) if kind is Kind.FLOAT else Fraction(1)
    ends = (None, None) if low is None else (as_fraction(low), as_fraction(high))
    return ColumnDeclaration(kind=kind, low=ends[0], high=ends[1], step=step, values=values)
