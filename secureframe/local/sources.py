"""Reading a declared source: Parquet as it is typed, CSV as text, so that registration alone decides what a word means."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from secureframe.errors import RegistrationError

MISSING_WORDS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>"]
"""What a CSV field holds where nothing is known; as pandas reads them."""


def read_source(declaration: Mapping[str, Any], where: str) -> pl.DataFrame:
    """Return the rows of a source.

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
        frame = _read_csv(path) if is_csv else pl.read_parquet(path, glob=False)
        names = _csv_header(path) if is_csv else frame.columns
    except Exception:  # noqa: BLE001 - readers raise many classes, and any of their messages may quote a value
        raise RegistrationError(
            f"{where}: {path.name} is no well-formed {declaration['format']} file (rule: malformed file)",
            hint="every row needs the columns of the header, in UTF-8" if is_csv else None,
        ) from None
    if len(set(names)) != len(names):
        raise RegistrationError(f"{where}: two columns have one name (rule: column names)", hint="rename one of them")
    return frame


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
