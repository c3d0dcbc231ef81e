"""Reading a declared source: Parquet as it is typed, CSV as text, so that registration alone decides what a word means."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from secureframe.errors import RegistrationError

MISSING_WORDS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>"]
"""What a CSV field holds where nothing is known; as pandas reads them."""


class Source(Protocol):
    """The rows of a source, a column at a time."""

    @property
    def columns(self) -> list[str]: ...

    def __getitem__(self, name: str) -> pl.Series: ...


class _ParquetSource:
    """A Parquet file, of which only the column that is asked for is in memory."""

    def __init__(self, path: Path, where: str) -> None:
        self._path, self._where = path, where
        self.columns = list(pl.read_parquet_schema(path))

    def __getitem__(self, name: str) -> pl.Series:
        try:
            return pl.read_parquet(self._path, columns=[name], glob=False)[name]
        except Exception:  # noqa: BLE001 - as in `open_source`
            raise _malformed(self._where, self._path, "parquet") from None


def open_source(declaration: Mapping[str, Any], where: str) -> Source:
    """Return a source, whose columns are read when they are asked for where its format allows it.

    Parameters
    ----------
    declaration : mapping
        ``path`` and ``format`` (``parquet`` or ``csv``), as ``Table.declare`` writes them.
    where : str
        ``institution.table``, for messages.

    Raises
    ------
    RegistrationError
        If the file cannot be read; the reader's own message is dropped, because it may quote a value.
    """
    path = Path(str(declaration["path"]))
    if not path.is_file():
        raise RegistrationError(f"{where}: there is no file {path.name} (rule: malformed file)", hint="give an absolute path")
    is_csv = declaration["format"] == "csv"
    try:
        source: Source = _read_csv(path) if is_csv else _ParquetSource(path, where)
        names = _csv_header(path) if is_csv else source.columns
    except Exception:  # noqa: BLE001 - readers raise many classes, and any of their messages may quote a value
        raise _malformed(where, path, declaration["format"]) from None
    if len(set(names)) != len(names):
        raise RegistrationError(f"{where}: two columns have one name (rule: column names)", hint="rename one of them")
    return source


def _malformed(where: str, path: Path, kind: str) -> RegistrationError:
    return RegistrationError(
        f"{where}: {path.name} is no well-formed {kind} file (rule: malformed file)",
        hint="every row needs the columns of the header, in UTF-8" if kind == "csv" else None,
    )


def _read_csv(path: Path) -> pl.DataFrame:
    """Read every field as text."""
    return pl.read_csv(path, glob=False, infer_schema=False, null_values=MISSING_WORDS, extra_columns="raise")


def _csv_header(path: Path) -> list[str]:
    """Return the names as the file spells them.

    Raises
    ------
    ValueError
        If a row is shorter or longer than the header: Polars would fill a file that was cut off with missing values.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        header = next(rows)
        if any(row and len(row) != len(header) for row in rows):
            raise ValueError("a row has another number of fields than the header")
    return header
