"""What a data owner writes about a table: where it lies, who its rows are about, and what its columns may hold.

A declaration is pure and JSON-able. It is checked against the data by the owner, when the table is registered; what it
leaves out is taken from the data there, with a warning, because a range taken from data reveals them.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secureframe.errors import PlanError, RegistrationError
from secureframe.schema.columns import (
    ColumnDeclaration,
    boolean,
    category,
    date,
    decimal,
    integer,
    key,
    number,
    string,
    timestamp,
)
from secureframe.schema.mapping import Mapped, mapped
from secureframe.schema.types import Kind

if TYPE_CHECKING:
    import polars

__all__ = [
    "NAME",
    "ColumnDeclaration",
    "Table",
    "as_polars",
    "boolean",
    "category",
    "date",
    "decimal",
    "integer",
    "key",
    "mapped",
    "number",
    "string",
    "timestamp",
]

NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")
"""Names of institutions, tables and columns: identifiers, so that ``owner.table.column`` reads one way only."""


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
    rows : int, optional
        Padded number of rows where a person may have many, public. If left out, as many as the roster and the most rows a person
        allow, or the number found, rounded up, where these are left out too.
    disjoint : bool
        The owner attests that nobody in this table is in a table of another institution that attests the same. Then rows
        at several institutions are counted without comparing persons.
    mapping : mapping of str to Mapped, optional
        Where every column comes from, if the source has other names, units or codes; the table then has these columns and
        no others, and ``person_key`` and ``columns`` go by their new names.

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
    rows: int | None = field(default=None, kw_only=True)
    disjoint: bool = field(default=False, kw_only=True)
    mapping: Mapping[str, Mapped] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self._check_mapping()
        for name, declared in self.columns.items():
            if not isinstance(declared, ColumnDeclaration):
                raise PlanError(f"column {name!r} is not declared by a type", hint=f"columns={{{name!r}: sf.integer(0, 120)}}")
        for what, size in (("roster_size", self.roster_size), ("rows_per_person", self.rows_per_person), ("rows", self.rows)):
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

    def _check_mapping(self) -> None:
        if self.mapping is None:
            return
        for name, where in self.mapping.items():
            if not isinstance(where, Mapped):
                raise PlanError(f"column {name!r} is not mapped", hint=f"mapping={{{name!r}: sf.mapped('its name there')}}")
        missing = [name for name in self.columns if name not in self.mapping and name != self.person_key]
        if missing:
            raise PlanError(f"{missing[0]!r} is declared and not mapped", hint=f"mapping={{{missing[0]!r}: sf.mapped(...)}}")

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
            "rows": None if self.rows is None else str(self.rows),
            "disjoint": self.disjoint,
            "columns": {column: declared.to_json() for column, declared in self.columns.items()},
            "mapping": self._mapping_json(),
        }

    def _mapping_json(self) -> dict[str, Any] | None:
        """The mapping; the person key keeps its name where nothing is said of it."""
        if self.mapping is None:
            return None
        known = {self.person_key: mapped(self.person_key), **self.mapping}
        return {name: where.to_json() for name, where in known.items()}


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
                columns.append(_of_pandas(source.iloc[:, position]).alias(column))
            else:
                columns.append(pl.Series(column, pl.from_arrow(_narrowed(source.column(position)))))
        except Exception:  # noqa: BLE001 - the libraries raise many classes, and any of their messages may quote a value
            raise RegistrationError(
                f"{name}.{column} mixes kinds of values, or holds values of a kind that is not offered (rule: type)",
                hint="one type a column: numbers, text, bool or dates",
            ) from None
    return pl.DataFrame(columns)


def _of_pandas(column: Any) -> polars.Series:
    """A pandas column; a categorical one of words keeps its categories and their order."""
    import polars as pl

    words = column.cat.categories.tolist() if str(column.dtype) == "category" else []
    if words and all(isinstance(word, str) for word in words):
        return pl.Series(pl.from_pandas(column.astype(object), nan_to_null=True)).cast(pl.Enum(words))
    return pl.Series(pl.from_pandas(column, nan_to_null=True))


def _narrowed(column: Any) -> Any:
    """A pyarrow column; decimals of 256 bits, which Polars does not have, as those of 128."""
    if not str(column.type).startswith("decimal256"):
        return column
    from pyarrow import decimal128

    return column.cast(decimal128(38, column.type.scale))


def _write_private(frame: polars.DataFrame, name: str, directory: Path) -> Path:
    path = Path(directory).resolve() / f"{name}-{secrets.token_hex(8)}.parquet"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        frame.write_parquet(file)
    return path
