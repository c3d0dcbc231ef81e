"""A source under the names, units and codes that institutions have agreed on; computed by its owner, row by row."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from secureframe.schema.mapping import Mapped


class BrokenMapping(Exception):
    """A mapping that does not fit its source; says how, and never with a value."""

    def __init__(self, column: str, rule: str, message: str, hint: str | None = None) -> None:
        self.column, self.rule, self.message, self.hint = column, rule, message, hint
        super().__init__(message)


def map_source(
    source: pl.DataFrame, mapping: Mapping[str, Mapped], lenient: frozenset[str]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the mapped columns, and for every column how many values had no place in its mapping and became missing.

    Parameters
    ----------
    source : polars.DataFrame
        The rows as read.
    mapping : mapping of str to Mapped
        Every column of the result.
    lenient : frozenset of str
        Columns whose owner lets values out of range become missing.

    Raises
    ------
    BrokenMapping
        If a column of the source is not there, an expression cannot be computed, or a value is not mapped.
    """
    columns: list[pl.Series] = []
    unmapped: dict[str, int] = {}
    for name, where in mapping.items():
        found = _read(source, name, where)
        changed = _changed(found, name, where)
        lost = changed.null_count() - found.null_count()
        if lost and name not in lenient:
            raise BrokenMapping(
                name,
                "value map" if where.values is not None else "bands",
                "holds a value that its mapping does not name",
                "name it, or declare the column with out_of_range='null'",
            )
        if lost:
            unmapped[name] = lost
        columns.append(changed.alias(name))
    return pl.DataFrame(columns), unmapped


def _read(source: pl.DataFrame, name: str, where: Mapped) -> pl.Series:
    if where.source is not None:
        if where.source not in source.columns:
            raise BrokenMapping(
                name,
                "mapping",
                f"comes from {where.source!r}, and the source has no such column",
                "name it as the source spells it",
            )
        return source[where.source]
    assert where.sql is not None
    try:
        found = source.select(pl.sql_expr(where.sql).alias(name)).to_series()
    except Exception:  # noqa: BLE001 - the library raises many classes, and any of their messages may quote a value
        raise BrokenMapping(
            name,
            "mapping",
            "has a formula that cannot be computed from the source",
            "columns by name, CASE WHEN ... THEN ... ELSE ... END",
        ) from None
    if len(found) != source.height:
        raise BrokenMapping(name, "mapping", "has a formula that does not go row by row", "no aggregates: one value a row")
    return found


def _changed(found: pl.Series, name: str, where: Mapped) -> pl.Series:
    if where.values is not None:
        return _recoded(found, where)
    if where.edges is not None:
        return _banded(_numbers(found, name), where)
    if not where.rescales:
        return found
    numbers = _numbers(found, name)
    return numbers * (where.factor.numerator / where.factor.denominator) + where.offset.numerator / where.offset.denominator


def _recoded(found: pl.Series, where: Mapped) -> pl.Series:
    """The values under their other codes; in text a code stands for how it is spelled, truth values as ``true``."""
    assert where.values is not None
    (kind,) = {type(new) for _, new in where.values}
    dtype = {bool: pl.Boolean(), int: pl.Int64(), str: pl.String()}[kind]
    codes: dict[str | int, str | int | bool]
    if found.dtype.is_numeric():
        codes = {old: new for old, new in where.values if not isinstance(old, str)}
    else:
        found = found.cast(pl.String)
        codes = {str(old).lower() if isinstance(old, bool) else str(old): new for old, new in where.values}
    if not codes:
        return pl.Series([None] * len(found), dtype=dtype)
    return found.replace_strict(list(codes), list(codes.values()), default=None, return_dtype=dtype)


def _numbers(found: pl.Series, name: str) -> pl.Series:
    numbers = found.cast(pl.Float64, strict=False)
    if numbers.null_count() != found.null_count():
        raise BrokenMapping(name, "mapping", "holds something that is no number", "values={...} maps words")
    return numbers


def _banded(numbers: pl.Series, where: Mapped) -> pl.Series:
    """The label of the band that holds each number; missing outside of all bands."""
    assert where.edges is not None and where.labels is not None
    edges = [e.numerator / e.denominator for e in where.edges]
    band = pl.lit(None, dtype=pl.String)
    value = pl.col("value")
    for low, high, label in zip(edges, edges[1:], where.labels, strict=False):
        inside = (value > low) & (value <= high) if where.right else (value >= low) & (value < high)
        band = pl.when(inside).then(pl.lit(label)).otherwise(band)
    return pl.DataFrame({"value": numbers}).select(band.alias("value")).to_series()
