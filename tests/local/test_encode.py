"""Every form decodes to the natural values again, and invalid or missing rows hold nothing but zeros."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from secureframe.errors import PlanError
from secureframe.local.encode import encode
from secureframe.local.lower import lower
from secureframe.plan import expressions as e
from secureframe.plan.forms import TEXT_KEY_BITS, Form, form_width, key_layout, key_width
from secureframe.plan.nodes import Filter
from secureframe.schema.declare import key
from secureframe.schema.types import ColumnType, Kind
from tests.local import tables
from tests.local.test_lower import clinic

LENGTH = 40 * 12
NULLABLE_NUMBERS = ("n", "m", "x", "y", "c", "b", "day")


def from_planes(planes: np.ndarray[Any, Any]) -> list[int]:
    return [sum(int(bit) << position for position, bit in enumerate(column)) for column in planes.T]


@settings(max_examples=25, deadline=None)
@given(rows=tables.random_rows())
def test_every_form_round_trips(rows: list[dict[str, Any]]) -> None:
    registered = tables.table(rows)
    rows = sorted(rows, key=lambda row: row["id"])  # a person's rows are brought together
    node = Filter(tables.node(registered), e.Binary(">", e.ColumnRef("m"), e.Literal(4)))
    local = lower(node, clinic(registered))
    valid = [row["m"] > 4 for row in rows] + [False] * (LENGTH - len(rows))

    def encoded(name: str, form: Form, **more: Any) -> np.ndarray[Any, Any]:
        found = encode(local, e.ColumnRef(name), form, node.schema, LENGTH, **more)
        assert found.shape == (form_width(form, node.schema[name].type) if form is not Form.KEY else found.shape[0], LENGTH)
        return found

    assert encode(local, None, Form.VALID, node.schema, LENGTH).tolist() == [valid]
    assert encoded("b", Form.TRUTH)[0].tolist() == [v and row["b"] is True for v, row in zip(valid, rows, strict=False)] + [
        False
    ] * (LENGTH - len(rows))
    for name in NULLABLE_NUMBERS:
        type_ = node.schema[name].type
        grid = [int(v) if v is not None else None for v in registered.frame[name].to_list()] + [None] * (LENGTH - len(rows))
        kept = [v if ok else None for v, ok in zip(grid, valid, strict=True)]
        assert encoded(name, Form.PRESENT)[0].tolist() == [v is not None for v in kept]
        centred = [0 if v is None else v - type_.centre for v in kept]
        arith = encoded(name, Form.ARITH)
        assert arith.dtype == np.int64
        assert arith[0].tolist() == centred
        assert encoded(name, Form.POWER2)[0].tolist() == [v * v for v in centred]
        planes = encoded(name, Form.PLANES)
        assert planes.dtype == bool
        assert from_planes(planes) == [0 if v is None else v - type_.low for v in kept]
    for name, levels in (("k", 3), ("b", 2), ("n", 12)):
        onehot = encoded(name, Form.ONEHOT)
        assert onehot.shape[0] == levels
        low = node.schema[name].type.low
        grid = [int(v) if v is not None else None for v in registered.frame[name].to_list()] + [None] * (LENGTH - len(rows))
        for row, (v, ok) in enumerate(zip(grid, valid, strict=True)):
            expected = [] if v is None or not ok else [v - low]
            assert np.flatnonzero(onehot[:, row]).tolist() == expected
    numbers = encoded("other", Form.KEY, key=(-5, 7))
    assert from_planes(numbers) == [
        0 if not v or row["other"] is None else row["other"] + 5 for v, row in zip(valid, rows, strict=False)
    ] + [0] * (LENGTH - len(rows))
    text = from_planes(encoded("word", Form.KEY))
    assert text == [
        0 if not v or row["word"] is None else int(hashlib.sha256(row["word"].encode()).hexdigest(), 16) >> 194
        for v, row in zip(valid, rows, strict=False)
    ] + [0] * (LENGTH - len(rows))


def test_expressions_and_constants_are_encoded_at_full_length() -> None:
    registered = tables.table(tables.many_rows(10))
    node = tables.node(registered)
    local = lower(node, clinic(registered))
    constant = encode(local, e.Literal(True), Form.TRUTH, node.schema, LENGTH)
    assert constant[0].tolist() == [True] * 10 + [False] * (LENGTH - 10)
    compared = e.Binary(">", e.ColumnRef("m"), e.Literal(4))
    found = encode(local, compared, Form.TRUTH, node.schema, LENGTH)[0, :10]
    assert found.tolist() == [v > 4 for v in registered.frame["m"].to_list()]


def test_ranges_beyond_64_bits_become_python_integers() -> None:
    registered = tables.table(tables.many_rows(10))
    node = tables.node(registered)
    local = lower(node, clinic(registered))
    for factor, forms in ((2**40, (Form.POWER2,)), (2**70, (Form.ARITH, Form.POWER2, Form.PLANES))):
        wide = e.Binary("*", e.ColumnRef("m"), e.Literal(factor))
        type_ = e.infer(wide, node.schema).type
        values = [v * factor for v in registered.frame["m"].to_list()]
        for form in forms:
            found = encode(local, wide, form, node.schema, LENGTH)
            if form is Form.PLANES:
                assert from_planes(found[:, :10]) == [v - type_.low for v in values]
            else:
                assert found.dtype == object
                assert found[0, :10].tolist() == [(v - type_.centre) ** (2 if form is Form.POWER2 else 1) for v in values]


@pytest.mark.parametrize(
    ("name", "form"),
    [("n", Form.TRUTH), ("k", Form.ARITH), ("s", Form.PLANES), ("x", Form.ONEHOT), ("x", Form.KEY), (None, Form.ARITH)],
)
def test_a_form_that_a_column_cannot_have_is_refused(name: str | None, form: Form) -> None:
    registered = tables.table([])
    node = tables.node(registered)
    with pytest.raises(PlanError, match="form"):
        encode(lower(node, clinic(registered)), e.ColumnRef(name) if name else None, form, node.schema, LENGTH)


def key_type(low: int | None, high: int | None, domain: str = "person") -> ColumnType:
    return key(domain, low, high).column_type(nullable=False, person_domain="person")


def test_keys_are_laid_out_over_their_common_range() -> None:
    assert key_layout([key_type(1, 9), key_type(-3, 4)]) == (-3, 4)
    assert key_width(key_type(5, 5)) == 1
    assert key_layout([key_type(None, None), key_type(None, None)]) == (0, TEXT_KEY_BITS)
    for types in (
        [],
        [key_type(1, 9), key_type(None, None)],
        [key_type(1, 9), key_type(1, 9, "other")],
        [key_type(1, 9), ColumnType(kind=Kind.INT, lo=0, hi=1)],
    ):
        with pytest.raises(PlanError):
            key_layout(types)
