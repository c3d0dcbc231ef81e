"""Columns of a local frame as the arrays that are dealt to the parties.

What is shared never depends on what an invalid row held: its values are zeros in every form.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from secureframe.errors import PlanError
from secureframe.local.expressions import Parameters, lower_expression
from secureframe.local.integers import INT64_HIGH
from secureframe.local.lower import PERSON, VALID, LocalFrame, pad
from secureframe.plan.combining import KEY_KINDS
from secureframe.plan.expressions import Expr, infer
from secureframe.plan.forms import TEXT_KEY_BITS, Form, key_layout
from secureframe.schema.table import Schema
from secureframe.schema.types import ColumnType, Kind


def encode(
    local: LocalFrame,
    expr: Expr | None,
    form: Form,
    schema: Schema,
    length: int,
    *,
    key: tuple[int, int] | None = None,
    parameters: Parameters | None = None,
) -> NDArray[Any]:
    """Return an expression over a local frame in a form.

    Parameters
    ----------
    local : LocalFrame
        The owner's frame, padded or not.
    expr : Expr or None
        What is encoded; None for ``Form.VALID`` and ``Form.SAME``.
    form : Form
        The representation.
    schema : Schema
        The frame's columns.
    length : int
        The frame's public length.
    key : (int, int), optional
        Low end and width of ``Form.KEY``, as ``key_layout`` gives them for all keys that are compared; by default those
        of the key's own type.
    parameters : mapping, optional
        Natural values of the plan's parameters.

    Returns
    -------
    ndarray
        Bool of shape ``(planes, length)``; for ``ARITH`` and ``POWER2`` int64 of shape ``(1, length)``, or objects
        (Python integers) where the public range exceeds 64 bits.
    """
    rows = local.rows if local.rows.height == length and local.rows["__row"].is_sorted() else pad(local, length).rows
    valid = rows[VALID].to_numpy()
    if form is Form.VALID:
        return valid.reshape(1, -1).astype(bool)
    if form is Form.SAME:
        return _row((rows[PERSON] == rows[PERSON].shift(1)).fill_null(False).to_numpy())
    if expr is None:
        raise PlanError(f"the form {form} encodes an expression")
    type_ = infer(expr, schema).type
    value = rows.select(lower_expression(expr, schema, parameters).alias("value"))
    series = value.to_series() if value.height == length else pl.Series(value["value"]).new_from_index(0, length)
    match form:
        case Form.TRUTH:
            _need(type_.kind is Kind.BOOL, form, type_)
            return _row(valid & series.fill_null(False).to_numpy())
        case Form.PRESENT:
            return _row(valid & series.is_not_null().to_numpy())
        case Form.ARITH | Form.POWER2:
            _need(type_.is_ordered, form, type_)
            return _integers(series, valid, type_, 2 if form is Form.POWER2 else 1)
        case Form.PLANES:
            _need(type_.lo is not None, form, type_)
            return _planes(_offsets(series, valid, type_.low), type_.width)
        case Form.ONEHOT:
            _need(type_.levels is not None, form, type_)
            return _onehot(series, valid, type_)
        case _:
            _need(type_.kind in KEY_KINDS, form, type_)
            low, width = key or key_layout([type_])
            return _planes(_text_keys(series, valid) if type_.lo is None else _offsets(series, valid, low), width)


def _need(condition: bool, form: Form, type_: ColumnType) -> None:
    if not condition:
        raise PlanError(f"a {type_.kind} has no form {form}")


def _row(bits: NDArray[Any]) -> NDArray[np.bool_]:
    return np.ascontiguousarray(bits.reshape(1, -1).astype(bool))


def _grid(series: pl.Series) -> pl.Series:
    return series.cast(pl.Int64) if series.dtype == pl.Boolean else series


def _as_array(series: pl.Series, widest: int) -> NDArray[Any]:
    """Integers as int64 where the public range allows it, else as Python integers."""
    if series.dtype == pl.Int64 and widest <= INT64_HIGH:
        return series.to_numpy(writable=True)
    return np.array(series.to_list(), dtype=object)


def _integers(series: pl.Series, valid: NDArray[np.bool_], type_: ColumnType, power: int) -> NDArray[Any]:
    reach = max(type_.high - type_.centre, type_.centre - type_.low)
    widest = max(reach**power, abs(type_.low), abs(type_.high))
    centred = _as_array(_grid(series).fill_null(type_.centre), widest) - type_.centre
    centred[~valid] = 0
    return (centred * centred if power == 2 else centred).reshape(1, -1)


def _offsets(series: pl.Series, valid: NDArray[np.bool_], low: int) -> NDArray[Any]:
    """Grid integers minus ``low``; 0 where invalid or missing."""
    filled = _grid(series).fill_null(low)
    widest = max((abs(int(end)) for end in (filled.min(), filled.max()) if end is not None), default=0)  # type: ignore[arg-type]
    offsets = _as_array(filled, 2 * max(widest, abs(low))) - low
    offsets[~valid] = 0
    return offsets


def _text_keys(series: pl.Series, valid: NDArray[np.bool_]) -> NDArray[Any]:
    """The first 62 bits of SHA-256 of the text, in UTF-8; 0 where invalid or missing."""
    numbers = [
        int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> (64 - TEXT_KEY_BITS) if text is not None and is_valid else 0
        for text, is_valid in zip(series.to_list(), valid.tolist(), strict=True)
    ]
    return np.array(numbers, dtype=np.int64)


def _planes(numbers: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """Bit planes, lowest first."""
    planes = np.empty((width, len(numbers)), dtype=bool)
    for bit in range(width):
        planes[bit] = ((numbers >> bit) & 1).astype(bool)
    return planes


def _onehot(series: pl.Series, valid: NDArray[np.bool_], type_: ColumnType) -> NDArray[np.bool_]:
    assert type_.levels is not None
    level = _grid(series).fill_null(type_.low - 1).to_numpy() - type_.low
    return np.asarray((level[None, :] == np.arange(len(type_.levels))[:, None]) & valid[None, :], dtype=bool)
