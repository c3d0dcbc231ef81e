"""Instructions that cost no communication: each party works on its own two components.

Linear operations act on every component alike. Public constants enter at component 0, which the parties 0 and 2 hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from secureframe.mpc import bitplanes, ring, tags
from secureframe.mpc.boolean import invert
from secureframe.mpc.permutation import gathered, scattered
from secureframe.mpc.program import Instruction, Value
from secureframe.mpc.ring import Words
from secureframe.mpc.sharing import ArithShare, BitShare, Share, WordShare, array_shape, make_share, word_type

Local = Callable[[int, Sequence[Any], Instruction], Any]


def _public(index: int, value: Value, words: Words) -> Share:
    """The trivial sharing of public data: component 0 holds it, the others are zero."""
    words = words.reshape(array_shape(value))
    return make_share(value, words if index == 0 else np.zeros_like(words), words if index == 2 else np.zeros_like(words))


def _constant(index: int, _: Sequence[Share], instruction: Instruction) -> Share:
    (value,) = instruction.results
    return _public(index, value, ring.from_integers(instruction.attributes["values"], value.limbs))


def _constant_bits(index: int, _: Sequence[Share], instruction: Instruction) -> Share:
    planes = bitplanes.from_bools(np.array(instruction.attributes["planes"], dtype=bool))
    return _public(index, instruction.results[0], planes)


def _positions(index: int, _: Sequence[Share], instruction: Instruction) -> Share:
    (value,) = instruction.results
    numbers = np.arange(value.n, dtype=np.uint64)[np.newaxis]
    return _public(index, value, bitplanes.from_words(numbers, min(value.rows, 64)))


def _positions_where(x: Words, instruction: Instruction) -> Words:
    (value,) = instruction.results
    out = np.zeros((value.rows, x.shape[1]), np.uint64)
    numbered = min(value.rows, 64)
    out[:numbered] = bitplanes.from_words(np.arange(value.n, dtype=np.uint64)[np.newaxis], numbered) & x
    return out


def _zeros(_: int, __: Sequence[Share], instruction: Instruction) -> Share:
    (value,) = instruction.results
    zeros = np.zeros(array_shape(value), np.uint64)
    return make_share(value, zeros, zeros)


def _add(_: int, shares: Sequence[ArithShare], __: Instruction) -> ArithShare:
    x, y = shares
    return ArithShare(ring.add(x.a, y.a), ring.add(x.b, y.b))


def _subtract(_: int, shares: Sequence[ArithShare], __: Instruction) -> ArithShare:
    x, y = shares
    return ArithShare(ring.subtract(x.a, y.a), ring.subtract(x.b, y.b))


def _constants(instruction: Instruction, name: str) -> Words:
    return ring.from_integers(instruction.attributes[name], instruction.results[0].limbs)


def _add_public(index: int, shares: Sequence[ArithShare], instruction: Instruction) -> ArithShare:
    (x,) = shares
    constants = _constants(instruction, "constants")
    shape = (constants.shape[0], 1, 1) if constants.shape[1] == 1 else x.a.shape
    constants = constants.reshape(shape)
    return ArithShare(ring.add(x.a, constants) if index == 0 else x.a, ring.add(x.b, constants) if index == 2 else x.b)


def _multiply_public(_: int, shares: Sequence[ArithShare], instruction: Instruction) -> ArithShare:
    (x,) = shares
    constants = _constants(instruction, "constants")
    return ArithShare(ring.multiply_constants(x.a, constants), ring.multiply_constants(x.b, constants))


def _combine(_: int, shares: Sequence[ArithShare], instruction: Instruction) -> ArithShare:
    (x,) = shares
    weights = _constants(instruction, "weights")
    return ArithShare(ring.combine_rows(x.a, weights), ring.combine_rows(x.b, weights))


def _componentwise(operation: Callable[[Words, Instruction], Words]) -> Local:
    """The same linear map on both components, for every kind of share."""

    def run(_: int, shares: Sequence[Share], instruction: Instruction) -> Share:
        (x,) = shares
        a, b = operation(x.a, instruction), operation(x.b, instruction)
        return make_share(instruction.results[0], np.ascontiguousarray(a), np.ascontiguousarray(b))

    return run


def _sum(x: Words, _: Instruction) -> Words:
    return ring.row_sums(x)


def _prefix_sum(x: Words, _: Instruction) -> Words:
    return ring.prefix_sums(x)


def _reshape(x: Words, instruction: Instruction) -> Words:
    (value,) = instruction.results
    if value.kind == "bits":
        return bitplanes.reshape_bits(x, instruction.arguments[0].n, value.rows)
    return x.reshape(array_shape(value))


def _take(x: Words, instruction: Instruction) -> Words:
    return x.reshape(x.shape[0], -1)[:, np.array(instruction.attributes["index"], np.int64)]


def _pick_rows(x: Words, instruction: Instruction) -> Words:
    return np.take(x, np.array(instruction.attributes["index"], np.int64), axis=-2)


def _cut(x: Words, instruction: Instruction) -> Words:
    start, stop = instruction.attributes["start"], instruction.attributes["stop"]
    return bitplanes.cut_bits(x, start, stop) if instruction.results[0].kind == "bits" else x[..., start:stop]


def _narrow(x: Words, instruction: Instruction) -> Words:
    return x[: instruction.results[0].limbs]


def _take_bits(x: Words, instruction: Instruction) -> Words:
    return bitplanes.gather_bits(x, np.array(instruction.attributes["index"], np.int64))


def _transpose_bits(x: Words, instruction: Instruction) -> Words:
    return bitplanes.from_bools(np.ascontiguousarray(bitplanes.to_bools(x, instruction.arguments[0].n).T))


def _spread(x: Words, instruction: Instruction) -> Words:
    (value,) = instruction.results
    return np.repeat(bitplanes.expand_masks(x, 1), bitplanes.plane_words(value.n), axis=1)


def _pack(x: Words, instruction: Instruction) -> Words:
    (value,) = instruction.results
    return bitplanes.to_words(x, value.n, word_type(value))


def _unpack(x: Words, instruction: Instruction) -> Words:
    return bitplanes.from_words(x, instruction.results[0].rows)


def _shift(x: Words, instruction: Instruction) -> Words:
    by = instruction.attributes["by"]
    if instruction.results[0].kind == "bits":
        return bitplanes.shift_bits(x, instruction.results[0].n, by)
    out = np.zeros_like(x)
    out[..., by:] = x[..., :-by]
    return out


def _joined(instruction: Instruction, components: list[Words]) -> Words:
    if instruction.results[0].kind == "bits":
        return bitplanes.join_bits([(x, value.n) for x, value in zip(components, instruction.arguments, strict=True)])
    return np.concatenate(components, axis=-1)


def _concat(_: int, shares: Sequence[Share], instruction: Instruction) -> Share:
    a, b = _joined(instruction, [share.a for share in shares]), _joined(instruction, [share.b for share in shares])
    return make_share(instruction.results[0], a, b)


def _rows(_: int, shares: Sequence[Share], instruction: Instruction) -> Share:
    a = np.concatenate([share.a for share in shares], axis=-2)
    b = np.concatenate([share.b for share in shares], axis=-2)
    return make_share(instruction.results[0], a, b)


def _xor(_: int, shares: Sequence[BitShare | WordShare], instruction: Instruction) -> Share:
    x, y = shares
    return make_share(instruction.results[0], x.a ^ y.a, x.b ^ y.b)


def _invert(index: int, shares: Sequence[BitShare], _: Instruction) -> BitShare:
    return invert(index, shares[0])


def _reorder(_: int, arguments: Sequence[Any], instruction: Instruction) -> Share:
    order, x = arguments
    (value,) = instruction.results
    moved = bitplanes.gather_bits if value.kind == "bits" else gathered
    return make_share(value, moved(x.a, order), moved(x.b, order))


def _restore(index: int, arguments: Sequence[Any], instruction: Instruction) -> Share:
    order, x = arguments
    (value,) = instruction.results
    if value.kind != "bits":
        return make_share(value, scattered(x.a, order), scattered(x.b, order))
    inverse = scattered(np.arange(len(order), dtype=np.uint64), order).view(np.int64)
    return _reorder(index, (inverse, x), instruction)


def _group_totals(_: int, arguments: Sequence[Any], instruction: Instruction) -> Share:
    groups, x = arguments
    return make_share(instruction.results[0], tags.totals(x.a, groups), tags.totals(x.b, groups))


LOCAL: dict[str, Local] = {
    "constant": _constant,
    "constant_bits": _constant_bits,
    "positions": _positions,
    "positions_where": _componentwise(_positions_where),
    "zeros": _zeros,
    "add": _add,
    "subtract": _subtract,
    "add_public": _add_public,
    "multiply_public": _multiply_public,
    "sum": _componentwise(_sum),
    "prefix_sum": _componentwise(_prefix_sum),
    "combine": _combine,
    "reshape": _componentwise(_reshape),
    "take": _componentwise(_take),
    "concat": _concat,
    "rows": _rows,
    "pick_rows": _componentwise(_pick_rows),
    "cut": _componentwise(_cut),
    "narrow": _componentwise(_narrow),
    "xor": _xor,
    "invert": _invert,
    "take_bits": _componentwise(_take_bits),
    "transpose_bits": _componentwise(_transpose_bits),
    "spread": _componentwise(_spread),
    "pack": _componentwise(_pack),
    "unpack": _componentwise(_unpack),
    "shift": _componentwise(_shift),
    "reorder": _reorder,
    "restore": _restore,
    "group_totals": _group_totals,
}
