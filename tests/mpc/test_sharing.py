"""Dealing, receiving, putting together, and the bytes in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.mpc.program import Value
from secureframe.mpc.sharing import (
    InconsistentShares,
    SharingError,
    deal,
    deserialise,
    message_bytes,
    receive,
    reconstruct,
    serialise,
)


def _plain(value: Value, seed: int) -> np.ndarray[Any, Any]:
    generator = np.random.default_rng(seed)
    shape = (value.rows, value.n)
    match value.kind:
        case "arith":
            numbers = generator.integers(-(2**62), 2**62, shape)
            return numbers.astype(object) * 3**30 if value.limbs > 1 else numbers
        case "bits":
            return generator.random(shape) < 0.5
        case _:
            return generator.integers(0, 2**64, shape, dtype=np.uint64)


VALUES = [
    Value(0, "arith", 2, 5),
    Value(1, "arith", 1, 3, 2),
    Value(2, "bits", 3, 70),
    Value(3, "words", 2, 9),
    Value(4, "arith", 1, 1, 3),
]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_dealt_is_put_together_again(seed: int) -> None:
    data = [(value, _plain(value, seed)) for value in VALUES]
    messages = deal(data)
    assert [len(m) for m in messages] == [message_bytes(VALUES, index) for index in range(3)]
    held = [receive(VALUES, messages[index], index) for index in range(3)]
    for number, (value, plain) in enumerate(data):
        shares = [deserialise(serialise(held[index][number], value), value) for index in range(3)]
        assert np.array_equal(reconstruct(shares, value), plain)
        assert np.array_equal(reconstruct([held[index][number] for index in range(3)], value), plain)


def test_two_dealings_have_nothing_in_common() -> None:
    data = [(VALUES[0], _plain(VALUES[0], 1))]
    assert all(a != b for a, b in zip(deal(data), deal(data), strict=True))


def test_lengths_are_exact() -> None:
    messages = deal([(value, _plain(value, 1)) for value in VALUES])
    for index, message in enumerate(messages):
        for wrong in (message[:-1], message + b"\0"):
            with pytest.raises(SharingError, match="bytes expected"):
                receive(VALUES, wrong, index)
    with pytest.raises(SharingError, match="bytes expected"):
        deserialise(bytes(15), VALUES[4])


@pytest.mark.parametrize("component", [0, 1, 2])
def test_copies_that_differ_are_named(component: int) -> None:
    value = VALUES[0]
    messages = deal([(value, _plain(value, 1))])
    shares = [receive([value], messages[index], index)[0] for index in range(3)]
    shares[component].a[0, 0, 0] += np.uint64(1)
    with pytest.raises(InconsistentShares) as caught:
        reconstruct(shares, value)
    assert caught.value.component == component
    assert set(caught.value.pair) == {component, (component - 1) % 3}


def test_bits_beyond_the_last_element_do_not_leave() -> None:
    value = Value(0, "bits", 1, 3)
    messages = deal([(value, np.ones((1, 3), bool))])
    for index in range(3):
        share = receive([value], messages[index], index)[0]
        words = np.frombuffer(serialise(share, value), np.uint64)
        assert int((words >> np.uint64(3)).max()) == 0


def test_data_of_another_shape_is_refused() -> None:
    with pytest.raises(SharingError, match="shape"):
        deal([(VALUES[0], np.zeros((2, 4), np.int64))])
