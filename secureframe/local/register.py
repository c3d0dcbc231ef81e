"""Registration: a source is held against its declaration at its owner, once, and becomes a table of grid integers.

Whatever is wrong is said with institution, table, column and rule, and never with a value or a count: the message may
travel to an analyst.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import IO, Any, cast

import polars as pl

from secureframe.errors import PlanError, RangeError, RegistrationError
from secureframe.local.infer import infer_column, infer_key, leak_warning
from secureframe.local.integers import compact
from secureframe.local.mapping import BrokenMapping, map_source
from secureframe.local.quantise import BrokenRule, quantise
from secureframe.local.sources import Source, open_source
from secureframe.schema.columns import ColumnDeclaration
from secureframe.schema.declare import NAME
from secureframe.schema.mapping import Mapped
from secureframe.schema.table import Column, TableSchema
from secureframe.schema.types import Kind

ROWS_ROUNDED = 1_024
"""A number of rows that is taken from the data is rounded up to a multiple of this."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegisteredTable:
    """A table at its owner.

    Parameters
    ----------
    schema : TableSchema
        What the catalog shows.
    frame : polars.DataFrame
        The rows in the order of the source, those of a person one after the other: grid integers, category codes, days and
        integer keys in the narrowest signed integers that hold their range, truth values as Boolean, text as String, nulls as
        nulls.
    warnings : tuple of str
        What was taken from the data and is thereby published; without values.
    owner_counts : dict
        For the owner alone: how many values of a column its rule for values out of range changed.
    """

    schema: TableSchema
    frame: pl.DataFrame
    warnings: tuple[str, ...]
    owner_counts: dict[str, int]

    def __repr__(self) -> str:
        return f"RegisteredTable({self.schema.owner}.{self.schema.name})"


def register(owner: str, name: str, declaration: Mapping[str, Any]) -> RegisteredTable:
    """Read, check and quantise a table.

    Parameters
    ----------
    owner, name : str
        Whose table it is and what it is called.
    declaration : mapping
        What ``secureframe.schema.declare.Table.declare`` returned.

    Raises
    ------
    RegistrationError
        If the data break a rule; names institution, table, column and rule.
    """
    return _Registration(owner, name, declaration).run()


class _Registration:
    """One table on its way in; holds what the checks share."""

    def __init__(self, owner: str, name: str, declaration: Mapping[str, Any]) -> None:
        self.owner, self.name, self.declaration = owner, name, declaration
        self.where = f"{owner}.{name}"
        self.person_key = str(declaration["person_key"])
        self.text = declaration["format"] == "csv"
        self.declared = {c: ColumnDeclaration.from_json(d) for c, d in declaration["columns"].items()}
        self.warnings: list[str] = []
        self.owner_counts: dict[str, int] = {}
        self.nullability_found = False

    def run(self) -> RegisteredTable:
        self._check_names((self.owner, self.name))
        source = self._mapped(open_source(self.declaration, self.where))
        self._check_columns(source)
        columns: list[Column] = []
        series: list[pl.Series] = []
        for column in source.columns:
            described, values = self._column(source[column])
            columns.append(described)
            series.append(values.cast(compact(described.type)).alias(column))
        frame = pl.DataFrame(series)
        roster_size, rows_per_person = self._persons(frame)
        rows = self._rows(frame, roster_size, rows_per_person)
        if rows_per_person > 1:
            # A person's rows lie one after the other, in the order of the source.
            frame = frame.sort(self.person_key, maintain_order=True)
        for position, described in enumerate(columns):
            if described.name == self.person_key and rows_per_person == 1:
                columns[position] = replace(described, unique=True)
        if self.nullability_found:
            self.warnings.append(
                f"which columns of {self.where} have missing values was taken from the data, which reveals it; "
                "declare it: nullable=True or nullable=False"
            )
        schema = TableSchema(
            owner=self.owner,
            name=self.name,
            columns=tuple(columns),
            person_key=self.person_key,
            person_domain=str(self.declaration["person_domain"]),
            roster_size=roster_size,
            rows_per_person=rows_per_person,
            rows=rows,
            disjoint=bool(self.declaration.get("disjoint", False)),
            version=_version(frame, self.declaration.get("version_key")),
        )
        return RegisteredTable(
            schema=schema, frame=frame.rechunk(), warnings=tuple(self.warnings), owner_counts=self.owner_counts
        )

    def _fail(self, column: str | None, rule: str, message: str, hint: str | None = None) -> RegistrationError:
        where = f"{self.where}.{column}" if column else self.where
        return RegistrationError(f"{where} {message} (rule: {rule})", hint=hint)

    def _mapped(self, source: Source) -> Source:
        """The source under the names, units and codes of its mapping, if it has one."""
        record = self.declaration.get("mapping")
        if record is None:
            return source
        mapping = {name: Mapped.from_json(where) for name, where in record.items()}
        lenient = frozenset(name for name, declared in self.declared.items() if declared.out_of_range == "null")
        whole = source if isinstance(source, pl.DataFrame) else pl.DataFrame([source[name] for name in source.columns])
        try:
            found, unmapped = map_source(whole, mapping, lenient)
        except BrokenMapping as broken:
            raise self._fail(broken.column, broken.rule, broken.message, broken.hint) from None
        self.owner_counts |= unmapped
        return found

    # -- names -----------------------------------------------------------------------------------------------------------

    def _check_names(self, names: tuple[str, ...]) -> None:
        for name in names:
            if not NAME.fullmatch(name):
                raise self._fail(
                    None, "names", f"is not named by identifiers: {name!r} is none", "letters, digits and _, not a digit first"
                )

    def _check_columns(self, source: Source) -> None:
        for column in source.columns:
            if not NAME.fullmatch(column):
                raise self._fail(
                    None,
                    "column names",
                    f"has a column {column!r}, which is no identifier",
                    f"rename it, for instance to {_suggestion(column)!r}",
                )
        missing = [c for c in (self.person_key, *self.declared) if c not in source.columns]
        if missing:
            is_key = missing[0] == self.person_key
            raise self._fail(
                missing[0],
                "missing column",
                "is the person key, and the source has no such column"
                if is_key
                else "is declared, and the source has no such column",
                "sf.Table(source, person_key=...) names another one" if is_key else "declare the names as the source spells them",
            )

    # -- columns ---------------------------------------------------------------------------------------------------------

    def _column(self, source: pl.Series) -> tuple[Column, pl.Series]:
        """Check one column and put it on its grid."""
        name = source.name
        is_person_key = name == self.person_key
        try:
            declared = self._declaration_of(name, source)
            found = quantise(source, declared, text=self._is_text(source))
            if found.changed:
                self.owner_counts[name] = self.owner_counts.get(name, 0) + found.changed
            has_nulls = found.values.null_count() > 0
            if has_nulls and is_person_key:
                raise BrokenRule(
                    "person key", "is the person key, and a row has none", "rows without a person belong in no table"
                )
            if has_nulls and declared.nullable is False:
                raise BrokenRule("nullable=False", "has missing values, which are excluded by its declaration", "nullable=True")
            if declared.unique and found.values.drop_nulls().is_duplicated().any():
                raise BrokenRule("unique", "repeats a value, which is excluded by its declaration", "unique=False")
            nullable = declared.nullable
            if nullable is None:
                nullable = not is_person_key and (has_nulls or declared.out_of_range == "null")
                self.nullability_found |= not is_person_key and declared.out_of_range != "null"
            type_ = declared.column_type(nullable=nullable, person_domain=str(self.declaration["person_domain"]))
        except BrokenRule as broken:
            raise self._fail(name, broken.rule, broken.message, broken.hint) from None
        except (PlanError, RangeError) as refused:
            raise self._fail(name, "range", f"cannot be described: {refused.message}", refused.hint) from None
        described = Column(
            name=name,
            type=type_,
            uses=declared.uses,
            sensitive=declared.sensitive,
            magnitude=declared.magnitude,
            out_of_range=declared.out_of_range,
            unique=declared.unique,
        )
        return described, found.values

    def _is_text(self, source: pl.Series) -> bool:
        """Whether a column spells out what it holds: as CSV files do, unless their mapping has read it."""
        return self.text and source.dtype == pl.String

    def _declaration_of(self, name: str, source: pl.Series) -> ColumnDeclaration:
        """Return what is declared, completed by what the data suggest, with a warning."""
        declared = self.declared.get(name)
        if declared is None and name == self.person_key:
            declared = ColumnDeclaration(kind=Kind.KEY)
        if declared is not None and declared.kind is Kind.KEY and declared.low is None:
            ends = infer_key(source, text=self._is_text(source))
            if ends is None:
                return declared
            declared = replace(declared, low=Fraction(ends[0]), high=Fraction(ends[1]))
        elif declared is not None:
            return declared
        else:
            declared = infer_column(source, text=self._is_text(source))
        warning = leak_warning(self.where, name, declared.kind)
        if warning:
            self.warnings.append(warning)
        return declared

    # -- persons ---------------------------------------------------------------------------------------------------------

    def _rows(self, frame: pl.DataFrame, roster_size: int, rows_per_person: int) -> int:
        """Return the public length of the table, declared or found and rounded up."""
        most = roster_size * rows_per_person
        if rows_per_person == 1:
            return most
        declared = self.declaration.get("rows")
        if declared is None and self.declaration["rows_per_person"] is not None:
            return most
        if declared is None:
            self.warnings.append(self._size_warning("the number of rows, rounded up", "rows"))
            return min(most, -(-max(frame.height, 1) // ROWS_ROUNDED) * ROWS_ROUNDED)
        if frame.height > int(declared):
            raise self._fail(self.person_key, "rows", "has more rows than declared", "a larger rows=")
        return min(most, int(declared))

    def _persons(self, frame: pl.DataFrame) -> tuple[int, int]:
        """Return roster size and most rows a person, declared or found."""
        rows = frame.group_by(self.person_key).len()["len"].to_numpy()
        found_rows = int(rows.max(initial=1))
        found_persons = max(1, len(rows))
        declared = self.declaration
        key_is_unique = self.person_key in self.declared and self.declared[self.person_key].unique
        if declared["rows_per_person"] is not None:
            rows_per_person = int(declared["rows_per_person"])
        elif key_is_unique:
            rows_per_person = 1
        else:
            rows_per_person = found_rows
            self.warnings.append(self._size_warning("the most rows a person", "rows_per_person"))
        if found_rows > rows_per_person:
            if rows_per_person == 1:
                raise self._fail(
                    self.person_key,
                    "rows_per_person=1",
                    "repeats a person, and one row a person is declared",
                    "rows_per_person=...",
                )
            raise self._fail(
                self.person_key, "rows_per_person", "has more rows of one person than declared", "a larger rows_per_person="
            )
        if declared["roster_size"] is None:
            self.warnings.append(self._size_warning("the number of persons", "roster_size"))
            return found_persons, rows_per_person
        roster_size = int(declared["roster_size"])
        if found_persons > roster_size:
            raise self._fail(self.person_key, "roster_size", "has more persons than declared", "a larger roster_size=")
        return roster_size, rows_per_person

    def _size_warning(self, what: str, argument: str) -> str:
        return f"{what} of {self.where} was taken from the data, which reveals it; declare it: sf.Table(source, {argument}=...)"


def _version(frame: pl.DataFrame, key: str | None) -> str:
    """Return what names these data and says nothing about them: keyed with the owner's secret, or random without one.

    With the key, an institution that registers the same data again after a restart publishes the same version.
    """
    if key is None:
        return secrets.token_hex(16)
    digest = _KeyedDigest(bytes.fromhex(key))
    frame.rechunk().write_ipc(cast(IO[bytes], digest))
    return digest.hexdigest()[:32]


class _KeyedDigest:
    """Takes a keyed digest of what is written to it, block by block, so that no table is in memory twice."""

    def __init__(self, key: bytes) -> None:
        self._state = hmac.new(key, digestmod="sha256")

    def write(self, block: bytes) -> int:
        self._state.update(block)
        return len(block)

    def flush(self) -> None:
        """Nothing waits to be written."""

    def hexdigest(self) -> str:
        return self._state.hexdigest()


def _suggestion(name: str) -> str:
    cleaned = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name).strip("_")
    return cleaned if NAME.fullmatch(cleaned) else f"column_{cleaned}".rstrip("_")
