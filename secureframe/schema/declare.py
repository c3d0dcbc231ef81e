"""What a data owner writes about a table: where it lies, who its rows are about, and what its columns may hold.

A declaration is pure and JSON-able. It is checked against the data by the owner, when the table is registered; what it
leaves out is taken from the data there, with a warning, because a range taken from data reveals them.
"""

from __future__ import annotations

import datetime
import math
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secureframe.errors import PlanError, RegistrationError
from secureframe.schema.table import Use
from secureframe.schema.types import EPOCH, ColumnType, Kind, Scalar, as_fraction

if TYPE_CHECKING:
    import polars

DEFAULT_USES = ("link", "filter", "group", "aggregate")
OUT_OF_RANGE = ("refuse", "clip", "null")
DEFAULT_PRECISION = 0.01
NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")
"""Names of institutions, tables and columns: identifiers, so that ``owner.table.column`` reads one way only."""

_GRID_LIMIT = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDeclaration:
    """What is said about one column; made by ``integer``, ``number``, ``category`` and their like.

    Parameters
    ----------
    kind : Kind
        What the column holds.
    low, high : Fraction or None
        Ends of the public range, both included; days since 1970-01-01 for dates. None for keys and strings.
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
        if self.out_of_range == "clip" and self.kind not in (Kind.INT, Kind.DECIMAL, Kind.FLOAT, Kind.DATE):
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


@dataclass(frozen=True, slots=True)
class Table:
    """A table as its owner declares it.

    Parameters
    ----------
    source : pandas.DataFrame, polars.DataFrame, pyarrow.Table, str or Path
        The data, or the path of a Parquet or CSV file.
    person_key : str
        The column that says who a row is about.
    person_domain : str
        The numbering it belongs to; keys of different domains never denote one person.
    columns : mapping of str to ColumnDeclaration
        What is known of the columns; the others are inferred, with a warning.
    roster_size : int, optional
        Padded number of persons, public; the number of persons found if left out.
    rows_per_person : int, optional
        Most rows a person may have, public; the number found if left out.

    Examples
    --------
    >>> Table("patients.parquet", columns={"age": integer(0, 120)}, roster_size=20_000, rows_per_person=1)
    Table('patients.parquet', person_key='id')
    """

    source: Any
    person_key: str = field(default="id", kw_only=True)
    person_domain: str = field(default="person", kw_only=True)
    columns: Mapping[str, ColumnDeclaration] = field(default_factory=dict, kw_only=True)
    roster_size: int | None = field(default=None, kw_only=True)
    rows_per_person: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name, declared in self.columns.items():
            if not isinstance(declared, ColumnDeclaration):
                raise PlanError(f"column {name!r} is not declared by a type", hint=f"columns={{{name!r}: sf.integer(0, 120)}}")
        for what, size in (("roster_size", self.roster_size), ("rows_per_person", self.rows_per_person)):
            if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
                raise PlanError(f"{what} is a positive integer")
        declared_key = self.columns.get(self.person_key)
        if declared_key is not None:
            if declared_key.kind is not Kind.KEY:
                raise PlanError(f"the person key {self.person_key!r} is a key", hint=f"columns={{{self.person_key!r}: sf.key()}}")
            if declared_key.domain not in (None, self.person_domain):
                raise PlanError("the person key belongs to the person domain", hint="leave out domain= or person_domain=")
            if declared_key.nullable or declared_key.out_of_range != "refuse":
                raise PlanError("a person key is never missing", hint="rows without a person belong in no table")

    def __repr__(self) -> str:
        shown = repr(str(self.source)) if isinstance(self.source, str | Path) else type(self.source).__name__
        return f"Table({shown}, person_key={self.person_key!r})"

    def declare(self, name: str, directory: Path) -> dict[str, Any]:
        """Return the declaration as JSON; a source in memory is first written to a private file.

        Parameters
        ----------
        name : str
            What the table is called at its owner.
        directory : Path
            An existing directory that only its owner can read.

        Raises
        ------
        PlanError
            If the source is of no kind that is offered.
        RegistrationError
            If the source cannot be written as a table.
        """
        if isinstance(self.source, str | Path):
            path, kind = _file_source(self.source)
        else:
            path, kind = _write_private(as_polars(self.source, name), name, directory), "parquet"
        return {
            "path": str(path),
            "format": kind,
            "person_key": self.person_key,
            "person_domain": self.person_domain,
            "roster_size": None if self.roster_size is None else str(self.roster_size),
            "rows_per_person": None if self.rows_per_person is None else str(self.rows_per_person),
            "columns": {column: declared.to_json() for column, declared in self.columns.items()},
        }


def _file_source(source: str | Path) -> tuple[Path, str]:
    if "://" in str(source):
        raise PlanError("a database is no source that is offered", hint="write the query's rows to a Parquet file")
    path = Path(source).expanduser().resolve()
    match path.suffix.lower():
        case ".parquet" | ".pq":
            return path, "parquet"
        case ".csv":
            return path, "csv"
        case _:
            raise PlanError("a path is that of a Parquet or CSV file", hint="name it *.parquet or *.csv")


def as_polars(source: Any, name: str) -> polars.DataFrame:
    """Return a pandas, polars or pyarrow table as a Polars frame; missing values of every kind become nulls."""
    import polars as pl

    if isinstance(source, pl.DataFrame):
        return source
    library = type(source).__module__.partition(".")[0]
    names = [str(n) for n in getattr(source, "columns" if library == "pandas" else "column_names", [])]
    if type(source).__name__ not in ("DataFrame", "Table") or library not in ("pandas", "pyarrow"):
        raise PlanError(
            f"a {type(source).__name__} is no source of a table",
            hint="a pandas, polars or pyarrow table, or a Parquet or CSV path",
        )
    if len(set(names)) != len(names):
        raise RegistrationError(f"{name}: two columns have one name (rule: column names)")
    columns = []
    for position, column in enumerate(names):
        try:
            if library == "pandas":
                columns.append(pl.from_pandas(source.iloc[:, position], nan_to_null=True).alias(column))
            else:
                columns.append(pl.Series(column, pl.from_arrow(source.column(position))))
        except Exception:  # noqa: BLE001 - the libraries raise many classes, and any of their messages may quote a value
            raise RegistrationError(
                f"{name}.{column} mixes kinds of values, or holds values of a kind that is not offered (rule: type)",
                hint="one type a column: numbers, text, bool or dates",
            ) from None
    return pl.DataFrame(columns)


def _write_private(frame: polars.DataFrame, name: str, directory: Path) -> Path:
    path = Path(directory).resolve() / f"{name}-{secrets.token_hex(8)}.parquet"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        frame.write_parquet(file)
    return path


def inferred(kind: Kind, low: Scalar = None, high: Scalar = None, values: tuple[Any, ...] | None = None) -> ColumnDeclaration:
    """Return the declaration that an owner's data suggest where nothing was declared."""
    step = power_of_two_step(DEFAULT_PRECISION) if kind is Kind.FLOAT else Fraction(1)
    ends = (None, None) if low is None else (as_fraction(low), as_fraction(high))
    return ColumnDeclaration(kind=kind, low=ends[0], high=ends[1], step=step, values=values)
