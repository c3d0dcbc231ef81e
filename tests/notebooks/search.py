"""Searches a notebook's outputs, metadata and widget state for what must not be there.

What must not be there: rows of the institutions' tables (values of one row beside each other, values of a column one after the
other, or a measurement in full), counts that were never released, private keys, and paths of this machine. A number alone says
little: a median *is* somebody's value, and a mean may look like one. So single numbers count only where no release could have
made them, and others only with their neighbours.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise
from typing import Any

import polars as pl

TOKEN = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[A-Za-z]+")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
TAGS = re.compile(r"<[^>]*>")

ROW_COLUMNS, ROW_DIGITS = 3, 8
"""So many neighbouring values of a row are recognised, if together they have so many digits and letters."""
COLUMN_ROWS, COLUMN_DISTINCT, STRIDES = 6, 4, range(1, 13)
"""So many neighbouring values of a column, if so many of them differ; printed in a table, they stand some words apart."""
PRECISE, GRID = 7, 128
"""Digits of a measurement in full. On the grid of its column, of so many points a unit, it would have another value, which a
quantile may be."""


def strings(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every text, number and name in plain JSON, with its place; lists of either as one text as well."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield where, str(name)
            yield from strings(part, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        if value and all(isinstance(part, str) for part in value):
            yield where, "".join(value)
        yield where, " ".join(str(part) for part in value if isinstance(part, str | int | float))
        for number, part in enumerate(value):
            yield from strings(part, f"{where}[{number}]")
    elif value is not None:
        yield where, str(value)


def places(notebook: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of a notebook that is no source: outputs, metadata of cells and of the notebook, widget state among it."""
    yield from strings(notebook["metadata"], "metadata")
    for number, cell in enumerate(notebook["cells"]):
        yield from strings(cell["metadata"], f"cell {number}.metadata")
        for output in cell.get("outputs", ()):
            shown = {mime: value for mime, value in output.get("data", {}).items() if mime != "image/png"}
            yield from strings({**output, "data": shown}, f"cell {number}.outputs")


@functools.lru_cache(maxsize=1 << 20)
def spelled(value: object) -> str:
    """A number in one spelling, however it was written; of text the first word."""
    try:
        return f"{float(str(value).replace('−', '-')):.10g}"
    except ValueError:
        first = TOKEN.match(str(value))
        return first[0] if first else str(value)


def readings(text: str) -> Iterator[list[str]]:
    """Numbers and words of a text in their order: as it stands, without its tags, and with thousands joined."""
    bare = unescape(TAGS.sub(" ", text))
    for reading in dict.fromkeys((text, bare, THOUSANDS.sub("", text), THOUSANDS.sub("", bare))):
        yield [spelled(token) for token in TOKEN.findall(reading)]


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What a search looks for.

    Parameters
    ----------
    sequences : set of int
        Hashes of neighbouring values: of one row, or of one column.
    values : set of str
        Numbers that stand for one person, or for a count that was never released.
    texts : mapping
        Texts, such as keys and paths, and what each is.
    """

    sequences: set[int] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)

    def add_table(self, table: pl.DataFrame) -> None:
        """Take in the rows of an institution's table."""
        columns = {name: [None if v is None else spelled(v) for v in table[name].to_list()] for name in table.columns}
        for row in zip(*columns.values(), strict=True):
            for window in windows(row, ROW_COLUMNS):
                if None not in window and sum(map(len, window)) >= ROW_DIGITS:
                    self.sequences.add(hash(window))
        for values in columns.values():
            for window in windows(values, COLUMN_ROWS):
                if None not in window and len(set(window)) >= COLUMN_DISTINCT and not evenly_spaced(window):
                    self.sequences.add(hash(window))
        for name in table.select(pl.selectors.float()).columns:
            self.values.update(v for v in columns[name] if v and len(v.strip("-0").replace(".", "")) >= PRECISE and off_grid(v))

    def found(self, notebook: Mapping[str, Any]) -> list[str]:
        """Say what of it a notebook holds, and where; never the thing itself."""
        hits: dict[str, None] = {}
        for where, text in places(notebook):
            hits |= {f"{where}: {what}": None for forbidden, what in self.texts.items() if forbidden in text}
            for reading in readings(text):
                hits |= {f"{where}: {what}": None for what in self._in(reading)}
        return [*hits]

    def _in(self, reading: Sequence[str]) -> Iterator[str]:
        if self.values & set(reading):
            yield "a value of one person, or a count that was not released"
        if any(hash(window) in self.sequences for window in windows(reading, ROW_COLUMNS)):
            yield "values of one row"
        for stride in STRIDES:
            for start in range(stride):
                if any(hash(window) in self.sequences for window in windows(reading[start::stride], COLUMN_ROWS)):
                    yield "values of a column, row by row"
                    return


def windows(sequence: Sequence[Any], width: int) -> Iterator[tuple[Any, ...]]:
    """All runs of neighbours."""
    return zip(*(sequence[first:] for first in range(width)), strict=False)


def off_grid(value: str) -> bool:
    """Whether a release could not have made a measurement."""
    return float(value) * GRID % 1 != 0


def evenly_spaced(run: Sequence[str]) -> bool:
    """Whether a run counts up or down evenly, as an index does."""
    try:
        numbers = [float(value) for value in run]
    except ValueError:
        return False
    return len({round(b - a, 9) for a, b in pairwise(numbers)}) == 1
