"""Replicated secret sharing: how a data owner deals, what a party holds, how a recipient puts together.

A secret is the sum modulo ``2**(64 * limbs)`` (``arith``) or the exclusive or (``bits``, ``words``) of three components.
Party i holds the components i and i+1. Any one party's two components are uniform; any two parties have all three.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc import bitplanes, ring
from secureframe.mpc.program import Value
from secureframe.mpc.randomness import SECRET_BYTES, derive_stream
from secureframe.mpc.ring import Words


class SharingError(ValueError):
    """A message of shares that does not have the form its public shape asks for."""


class InconsistentShares(Exception):
    """The two copies of a component, held by two parties, differ."""

    def __init__(self, component: int) -> None:
        self.component = component
        self.pair = ((component - 1) % 3, component)
        super().__init__(f"parties {self.pair[0]} and {self.pair[1]} hold different copies of component {component}")


@dataclass(frozen=True, slots=True)
class ArithShare:
    """Party i's components i (``a``) and i+1 (``b``), each ``(limbs, rows, n)``."""

    a: Words
    b: Words


@dataclass(frozen=True, slots=True)
class BitShare:
    """Party i's components i (``a``) and i+1 (``b``), each ``(rows, ceil(n / 64))`` bit planes of n elements."""

    a: Words
    b: Words
    n: int


@dataclass(frozen=True, slots=True)
class WordShare:
    """Party i's components i (``a``) and i+1 (``b``), each ``(rows, n)`` words of ``word_type``, shared by exclusive or."""

    a: Words
    b: Words


Share = ArithShare | BitShare | WordShare


def array_shape(value: Value) -> tuple[int, ...]:
    """Return the shape of one component of a value."""
    match value.kind:
        case "arith":
            return (value.limbs, value.rows, value.n)
        case "bits":
            return (value.rows, bitplanes.plane_words(value.n))
        case "words":
            return (value.rows, value.n)
        case _:
            raise SharingError(f"a value of kind {value.kind} has no components")


def word_type(value: Value) -> np.dtype[Any]:
    """Return the unsigned type in which the words of a value lie: the narrowest that holds its bits."""
    if value.kind != "words":
        return np.dtype(np.uint64)
    return np.dtype(f"u{next(size for size in (1, 2, 4, 8) if value.bits <= 8 * size)}")


def word_count(value: Value) -> int:
    """Return how many 64-bit words one component of a value takes."""
    count = 1
    for extent in array_shape(value):
        count *= extent
    return -(-count * word_type(value).itemsize // 8)


def make_share(value: Value, a: Words, b: Words) -> Share:
    """Return the share of a value from its two components (flat or shaped)."""
    shape = array_shape(value)
    match value.kind:
        case "arith":
            return ArithShare(a.reshape(shape), b.reshape(shape))
        case "bits":
            return BitShare(a.reshape(shape), b.reshape(shape), value.n)
        case _:
            of = word_type(value)
            return WordShare(a.reshape(shape).astype(of, copy=False), b.reshape(shape).astype(of, copy=False))


def encode(value: Value, plain: NDArray[Any]) -> Words:
    """Return plain data in the layout of one component.

    Parameters
    ----------
    value
        The public shape.
    plain
        ``arith``: integers ``(rows, n)``, int64 or object; ``bits``: booleans ``(rows, n)``; ``words``: uint64 ``(rows, n)``.
    """
    if plain.shape != (value.rows, value.n):
        raise SharingError(f"data of shape {plain.shape} for a value of shape {(value.rows, value.n)}")
    match value.kind:
        case "arith":
            return ring.from_array(plain, value.limbs)
        case "bits":
            return bitplanes.from_bools(plain)
        case "words":
            return np.ascontiguousarray(plain, dtype=np.uint64)
        case _:
            raise SharingError(f"a value of kind {value.kind} cannot be dealt")


def decode(value: Value, component: Words) -> NDArray[Any]:
    """Return plain data from the layout of one component; ``arith`` is signed (int64, or Python integers when wide)."""
    match value.kind:
        case "arith":
            return ring.to_integers(component)
        case "bits":
            return bitplanes.to_bools(component, value.n)
        case _:
            return component


def combine(value: Value, x: Words, y: Words) -> Words:
    """Return the sum, or the exclusive or, of two components."""
    return ring.add(x, y) if value.kind == "arith" else x ^ y


def _difference(value: Value, x: Words, y: Words) -> Words:
    return ring.subtract(x, y) if value.kind == "arith" else x ^ y


def deal(values: Sequence[tuple[Value, NDArray[Any]]]) -> tuple[bytes, bytes, bytes]:
    """Share plain data of an owner that is not a party; return the messages to the parties 0, 1 and 2.

    Components 0 and 1 are expanded from two fresh seeds (HKDF, AES-128-CTR), component 2 is the difference.

    Leakage
        None: a party's message is a uniform seed and either another seed or data masked by a stream whose seed it lacks.
    Rounds and bytes
        One message a party: 64 bytes to party 0; 32 bytes and the words of all values to parties 1 and 2.
    Source
        Araki, Furukawa, Lindell, Nof, Ohara (CCS 2016), section 2.1, with components expanded from seeds.
    """
    seeds = (secrets.token_bytes(SECRET_BYTES), secrets.token_bytes(SECRET_BYTES))
    streams = [derive_stream(seed, "dealt component") for seed in seeds]
    parts = []
    for value, plain in values:
        shape = array_shape(value)
        count = word_count(value)
        first, second = (stream.words(count).reshape(shape) for stream in streams)
        parts.append(_difference(value, _difference(value, encode(value, plain), first), second).astype("<u8").tobytes())
    explicit = b"".join(parts)
    return seeds[0] + seeds[1], seeds[1] + explicit, explicit + seeds[0]


def message_bytes(specs: Iterable[Value], index: int) -> int:
    """Return the exact length of the message that ``deal`` makes for party ``index``."""
    return 2 * SECRET_BYTES if index == 0 else SECRET_BYTES + 8 * sum(word_count(value) for value in specs)


def receive(specs: Sequence[Value], message: bytes, index: int) -> list[Share]:
    """Return party ``index``'s shares from the message that an owner dealt to it.

    Raises
    ------
    SharingError
        If the message does not have exactly the length that the public shapes ask for.
    """
    if len(message) != message_bytes(specs, index):
        raise SharingError(f"a dealt message of {message_bytes(specs, index)} bytes expected, {len(message)} received")
    counts = [word_count(value) for value in specs]

    def expanded(seed: bytes) -> list[Words]:
        stream = derive_stream(seed, "dealt component")
        return [stream.words(count) for count in counts]

    def explicit(start: int) -> list[Words]:
        words = np.frombuffer(message, "<u8", count=sum(counts), offset=start).astype(np.uint64)
        return np.split(words, np.cumsum(counts))[:-1]

    match index:
        case 0:
            first, second = expanded(message[:SECRET_BYTES]), expanded(message[SECRET_BYTES:])
        case 1:
            first, second = expanded(message[:SECRET_BYTES]), explicit(SECRET_BYTES)
        case 2:
            first, second = explicit(0), expanded(message[-SECRET_BYTES:])
        case _:
            raise SharingError("a party's index is 0, 1 or 2")
    return [make_share(value, a, b) for value, a, b in zip(specs, first, second, strict=True)]


def reconstruct(shares: Sequence[Share], value: Value) -> NDArray[Any]:
    """Return the plain data of a value from the shares of the parties 0, 1 and 2, in this order.

    Raises
    ------
    InconsistentShares
        If the two copies of a component differ.
    """
    if len(shares) != 3:
        raise SharingError("the shares of three parties expected")
    copies = [(share.a, share.b) for share in shares]
    if value.kind == "bits":
        copies = [(bitplanes.clear_tail(a, value.n), bitplanes.clear_tail(b, value.n)) for a, b in copies]
    for component in range(3):
        if not np.array_equal(copies[component][0], copies[component - 1][1]):
            raise InconsistentShares(component)
    total = combine(value, combine(value, copies[0][0], copies[1][0]), copies[2][0])
    return decode(value, total)


def serialise(share: Share, value: Value) -> bytes:
    """Return a party's share of a value as bytes: component i, then i+1, little endian; bits beyond n are cleared."""
    components = (share.a, share.b)
    if value.kind == "bits":
        components = (bitplanes.clear_tail(share.a, value.n), bitplanes.clear_tail(share.b, value.n))
    return b"".join(component.astype("<u8").tobytes() for component in components)


def deserialise(data: bytes, value: Value) -> Share:
    """Return a party's share of a value from its bytes.

    Raises
    ------
    SharingError
        If the bytes do not have exactly the length that the public shape asks for.
    """
    count = word_count(value)
    if len(data) != 16 * count:
        raise SharingError(f"a share of {16 * count} bytes expected, {len(data)} received")
    words = np.frombuffer(data, "<u8").astype(np.uint64)
    return make_share(value, words[:count], words[count:])
