"""Rows of the builder's own operations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from secureframe.mpc.program import Builder, Instruction, Value
from tests.mpc.harness import Job, low_bits
from tests.mpc.protocols.cases import WIDTHS, Case, ring
from tests.mpc.protocols.registry import row, upto

Pairs = Iterator[tuple[Value, Any]]

RINGS = (64, 128, 192)
"""Numbers that fill one, two and three limbs."""
PLANES = (1, 2, 3, 63, 64, 65, 127, 128, 130)
WORDS = (1, 64, 128, 192)


def _words(case: Case, which: int = 0) -> Any:
    """Words ``(ceil(width / 64), n)`` that hold unsigned integers of the width, and these integers."""
    values = case.unsigned(which)
    rows = -(-case.width // 64)
    words = np.array([[(int(v) >> 64 * k) & (2**64 - 1) for v in values[0]] for k in range(rows)], dtype=np.uint64)
    return words, values


# -- public constants --------------------------------------------------------------------------------------------------


@row(Builder.constant, widths=RINGS)
def _constant(job: Job, case: Case) -> Pairs:
    x = case.signed(rows=2)
    yield job.builder.constant([int(v) for v in x.reshape(-1)], rows=2, limbs=case.limbs), x


@row(Builder.constant_bits, Builder.zeros, Builder.ones_bits, widths=PLANES)
def _constants(job: Job, case: Case) -> Pairs:
    b, x = job.builder, case.bits(case.width)
    yield b.constant_bits([list(plane) for plane in x]), x
    yield b.zeros("bits", case.width, case.n), np.zeros_like(x)
    yield b.zeros("words", 2, case.n), np.zeros((2, case.n), np.uint64)
    yield b.zeros("arith", 2, case.n, case.limbs), np.zeros((2, case.n), object)
    yield b.ones_bits(case.width, case.n), np.ones_like(x)


@row(Builder.positions, Builder.positions_where, widths=(10, 63, 64))
def _positions(job: Job, case: Case) -> Pairs:
    b, places, chosen = job.builder, np.arange(case.n), case.bits()
    yield b.positions(case.n, case.width), low_bits(places, case.width)
    yield b.positions_where(job.bits(chosen), case.width + 3), low_bits(places, case.width + 3) & chosen
    fitting = max(1, (case.n - 1).bit_length())
    yield b.positions(case.n, fitting), low_bits(places, fitting)


# -- arith, local --------------------------------------------------------------------------------------------------------


@row(
    Builder.add,
    Builder.subtract,
    Builder.add_public,
    Builder.multiply_public,
    Builder.sum,
    Builder.prefix_sum,
    Builder.combine,
    widths=RINGS,
)
def _linear(job: Job, case: Case) -> Pairs:
    b, k = job.builder, case.limbs
    x, y, one = case.signed(rows=3), case.signed(1, rows=3), case.signed(2)
    p, q, r = job.arith(x, k), job.arith(y, k), job.arith(one, k)
    constant, constants = int(case.signed(3)[0, -1]), [int(v) for v in y.reshape(-1)]
    weights = [int(v) for v in case.signed(4, rows=3)[:, 0]]
    yield b.add(p, q), ring(x + y, k)
    yield b.add(r, p), ring(one + x, k)
    yield b.subtract(p, q), ring(x - y, k)
    yield b.subtract(r, p), ring(one - x, k)
    yield b.subtract(p, r), ring(x - one, k)
    yield b.add_public(p, [constant]), ring(x + constant, k)
    yield b.add_public(p, constants), ring(x + y, k)
    yield b.multiply_public(p, [constant]), ring(x * constant, k)
    yield b.multiply_public(p, constants), ring(x * y, k)
    yield b.sum(p), ring(x.sum(axis=1)[None], k)
    yield b.prefix_sum(p), ring(x.cumsum(axis=1), k)
    yield b.combine(p, weights), ring((x * np.array(weights, dtype=object)[:, None]).sum(axis=0)[None], k)


@row(Builder.take, Builder.narrow, widths=RINGS)
def _taken(job: Job, case: Case) -> Pairs:
    b, n, k = job.builder, case.n, case.limbs
    x = case.signed(rows=2)
    p, index = job.arith(x, k), [2 * n - 1, 0, n, n - 1]
    yield b.take(p, index, rows=2), x.reshape(-1)[index].reshape(2, 2)
    for limbs in range(1, k + 1):
        yield b.narrow(p, limbs), ring(x, limbs)


@row(
    Builder.reshape,
    Builder.concat,
    Builder.rows,
    Builder.pick_rows,
    Builder.cut,
    Builder.shift,
    widths=RINGS,
)
def _laid_out(job: Job, case: Case) -> Pairs:
    """The same of every kind."""
    b, n = job.builder, case.n
    for kind in ("arith", "bits", "words"):
        if kind == "arith":
            x = case.signed(rows=3)
            p, r = job.arith(x, case.limbs), job.arith(x[:1], case.limbs)
        elif kind == "bits":
            x = low_bits(case.unsigned(), 3)
            p, r = job.bits(x), job.bits(x[:1])
        else:
            x = np.array([_words(case, which)[0][0] for which in range(3)])
            p, r = job.words(x), job.words(x[:1])
        yield b.concat([r, r, r]), np.concatenate([x[:1]] * 3, axis=1)
        if kind != "arith":
            yield b.concat([p, p]), np.concatenate([x, x], axis=1)
        yield b.rows([p, r, p]), np.concatenate([x, x[:1], x])
        yield b.pick_rows(p, [2, 0, 0]), x[[2, 0, 0]]
        for start, stop in {(0, n), (0, 1), (n - 1, n), (n // 2, n), (min(n - 1, 1), n)}:
            yield b.cut(p, start, stop), x[:, start:stop]
        for by in {1, n // 2, n - 1, 63, 64, 65} & set(range(1, n)):
            yield b.shift(p, by), np.concatenate([np.zeros_like(x[:, :by]), x[:, :-by]], axis=1)
        if kind != "words":
            for rows in (n, 1, 3):
                yield b.reshape(p, rows), x.reshape(rows, -1)


# -- bits and words, local -----------------------------------------------------------------------------------------------


@row(
    Builder.xor,
    Builder.invert,
    Builder.take_bits,
    Builder.transpose_bits,
    Builder.spread,
    Builder.pack,
    Builder.unpack,
    widths=PLANES,
)
def _planes(job: Job, case: Case) -> Pairs:
    b, n, w = job.builder, case.n, case.width
    x, y = low_bits(case.unsigned(), w), low_bits(case.unsigned(1), w)
    words, other = _words(case)[0], _words(case, 1)[0]
    p, q, one = job.bits(x), job.bits(y), job.bits(y[:1])
    u, v, first = job.words(words), job.words(other), job.words(other[:1])
    index = [n - 1, 0, n // 2, n - 1]
    yield b.xor(p, q), x ^ y
    yield b.xor(one, p), x ^ y[:1]
    yield b.xor(u, v), words ^ other
    yield b.xor(u, first), words ^ other[:1]
    yield b.invert(p), ~x
    # What stands beyond the last element must never come back.
    yield b.invert(b.invert(p)), x
    yield b.take_bits(p, index), x[:, index]
    yield b.take_bits(b.invert(p), index), ~x[:, index]
    yield b.transpose_bits(p), x.T
    for width in (1, 63, 64, 65, n):
        yield b.spread(job.bits(x[:, :1]), width), np.repeat(x[:, :1], width, axis=1)
    packed = b.pack(p)
    yield packed, words
    # Words of few bits lie in narrower numbers, also beside wider ones.
    yield b.xor(packed, u), np.zeros_like(words)
    yield b.concat([packed, u]), np.concatenate([words, words], axis=1)
    yield b.rows([packed, u]), np.concatenate([words, words])
    yield b.cut(packed, n // 2, n), words[:, n // 2 :]
    yield b.pack(b.invert(p)), words ^ _words(Case(n, w, "ones"))[0]
    for width in {1, max(1, w - 1), w, 64 * len(words)}:
        yield b.unpack(u, width), low_bits(case.unsigned(), width)


# -- interactive ---------------------------------------------------------------------------------------------------------


@row(Builder.multiply, widths=RINGS)
def _multiply(job: Job, case: Case) -> Pairs:
    b, k = job.builder, case.limbs
    x, y = case.signed(rows=2), case.signed(1, rows=2)
    p, q, r = job.arith(x, k), job.arith(y, k), job.arith(y[:1], k)
    yield b.multiply(p, q), ring(x * y, k)
    yield b.multiply(p, p), ring(x * x, k)
    yield b.multiply(r, p), ring(x * y[:1], k)
    yield b.multiply(p, r), ring(x * y[:1], k)


@row(Builder.inner, widths=RINGS)
def _inner(job: Job, case: Case) -> Pairs:
    b, k = job.builder, case.limbs
    x, y = case.signed(rows=3), case.signed(1, rows=2)
    p, q = job.arith(x, k), job.arith(y, k)
    yield b.inner(p, q), ring(x @ y.T, k)
    yield b.inner(q, p), ring(y @ x.T, k)
    yield b.inner(p, p), ring(x @ x.T, k)


@row(Builder.and_, widths=PLANES)
def _and(job: Job, case: Case) -> Pairs:
    b = job.builder
    x, y = low_bits(case.unsigned(), case.width), low_bits(case.unsigned(1), case.width)
    p, q, one = job.bits(x), job.bits(y), job.bits(y[:1])
    yield b.and_(p, q), x & y
    yield b.and_(p, p), x
    yield b.and_(p, b.invert(p)), np.zeros_like(x)
    yield b.and_(one, p), x & y[:1]
    yield b.and_(p, one), x & y[:1]


@row(Builder.or_, Builder.outer, widths=(1, 2, 3, 7))
def _or(job: Job, case: Case) -> Pairs:
    b, w = job.builder, case.width
    x, y = low_bits(case.unsigned(), w), low_bits(case.unsigned(1), w)[: max(1, w - 1)]
    p, q, one = job.bits(x), job.bits(y), job.bits(y[:1])
    yield b.or_(p, one), x | y[:1]
    yield b.or_(p, b.invert(p)), np.ones_like(x)
    yield b.outer(p, q), np.array([left & right for left in x for right in y])


@row(Builder.mask_words, widths=WORDS)
def _mask_words(job: Job, case: Case) -> Pairs:
    words, mask = _words(case)[0], case.bits(which=1)
    yield job.builder.mask_words(job.words(words), job.bits(mask)), np.where(mask, words, np.uint64(0))
    yield job.builder.mask_words(job.words(words), job.builder.invert(job.bits(mask))), np.where(mask, np.uint64(0), words)
    planes = low_bits(case.unsigned(2), 5)
    yield job.builder.unpack(job.builder.mask_words(job.builder.pack(job.bits(planes)), job.bits(mask)), 5), planes & mask


@row(Builder.to_bits, widths=WIDTHS)
def _to_bits(job: Job, case: Case) -> Pairs:
    x = case.signed(rows=2)
    for limbs in {case.limbs, 3}:
        yield job.builder.to_bits(job.arith(x, limbs), case.width), low_bits(x, case.width)


@row(Builder.to_arith, widths=RINGS)
def _to_arith(job: Job, case: Case) -> Pairs:
    x = low_bits(case.unsigned(), 5)
    yield job.builder.to_arith(job.bits(x), case.limbs), x.astype(int)
    yield job.builder.to_arith(job.builder.invert(job.bits(x)), case.limbs), 1 - x.astype(int)


@row(Builder.count_bits, widths=PLANES)
def _count_bits(job: Job, case: Case) -> Pairs:
    x = low_bits(case.unsigned(), case.width)
    p = job.bits(x)
    for limbs in (1, 2):
        yield job.builder.count_bits(p, limbs), x.sum(axis=1)[None]
        yield job.builder.count_bits(job.builder.invert(p), limbs), (~x).sum(axis=1)[None]


@row(Builder.is_negative, widths=WIDTHS)
def _is_negative(job: Job, case: Case) -> Pairs:
    x = case.signed(rows=2)
    for limbs in {case.limbs, 3}:
        yield job.builder.is_negative(job.arith(x, limbs), case.width), (x < 0).reshape(1, -1)


@row(Builder.is_zero, widths=WIDTHS)
def _is_zero(job: Job, case: Case) -> Pairs:
    b, k = job.builder, case.limbs
    x, top = case.signed(rows=2), 1 << (case.width - 1)
    yield b.is_zero(job.arith(x, k), case.width), (x == 0).reshape(1, -1)
    # Nothing but the top bit, or only bits above the width.
    alone = np.array([[top, 2 * top, 0, 3 * top]], dtype=object)
    yield b.is_zero(job.arith(ring(alone, 4), 4), case.width), np.array([[False, True, True, False]])


@row(Builder.refresh, widths=RINGS)
def _refresh(job: Job, case: Case) -> Pairs:
    x = case.signed(rows=2)
    planes = low_bits(x, 3)
    yield job.builder.refresh(job.arith(x, case.limbs)), x
    yield job.builder.refresh(job.bits(planes)), planes


@row(Builder.all_planes, Builder.any_plane, widths=PLANES)
def _all_planes(job: Job, case: Case) -> Pairs:
    b, x = job.builder, low_bits(case.unsigned(), case.width)
    almost = np.ones_like(x)
    almost[np.arange(case.n) % case.width, np.arange(case.n)] = False
    for planes in (x, almost, ~almost):
        p = job.bits(planes)
        yield b.all_planes(p), planes.all(axis=0, keepdims=True)
        yield b.any_plane(p), planes.any(axis=0, keepdims=True)


# -- permutations --------------------------------------------------------------------------------------------------------


def _again(b: Builder, handle: Value, values: list[Value]) -> list[Value]:
    """What a program that starts from what was kept says, which no method of the builder emits."""
    results = [b._value(v.kind, v.rows, v.n, v.limbs, v.bits) for v in values]
    b._instructions.append(
        Instruction(operation="shuffle_again", arguments=(handle, *values), results=tuple(results), stage=b._stage)
    )
    return results


@row(Builder.shuffle, Builder.unshuffle, "shuffle_again", widths=WORDS)
def _shuffle(job: Job, case: Case) -> Pairs:
    """There and back; in between everything is in one order, whenever it was moved, and however narrow its words are."""
    b, k = job.builder, case.limbs
    words, x = _words(case)[0], case.signed(1, rows=2)
    planes = [low_bits(case.unsigned(2), width) for width in (5, 16, 17, 33)]
    places = np.arange(case.n, dtype=np.uint64)[None]
    packed = [b.pack(job.bits(part)) for part in planes]
    handle, moved_all = b.shuffle([job.words(words), job.arith(x, k), job.words(places), *packed])
    moved_words, moved, moved_places, *moved_planes = moved_all
    later_words, *later_planes, later = _again(b, handle, [job.words(words), *packed, job.arith(x, k)])
    same = b.subtract(later, moved)
    yield same, np.zeros_like(x)
    yield b.xor(later_words, moved_words), np.zeros_like(words)
    for first, second, part in zip(later_planes, moved_planes, planes, strict=True):
        yield b.unpack(b.xor(first, second), len(part)), np.zeros_like(part)
    yield b.reshape(b.sum(moved), 1), ring(x.sum(axis=1)[None], k)
    back = b.unshuffle(handle, [moved_words, later, moved_places, *later_planes])
    yield from zip(back, (words, x, places), strict=False)
    for narrow, part in zip(back[3:], planes, strict=True):
        yield b.unpack(narrow, len(part)), part


@row(Builder.sort, Builder.reorder, Builder.restore, widths=upto(130))
def _sort(job: Job, case: Case) -> Pairs:
    """Stable, since the secret index breaks ties; everything else goes along, and back."""
    b, n = job.builder, case.n
    keys, index = [int(v) for v in case.unsigned()[0]], max(1, (n - 1).bit_length())
    x = case.signed(1)
    record = b.pack(b.rows([b.positions(n, index), job.unsigned(keys, case.width)]))
    handle, (moved, carried) = b.shuffle([record, job.arith(x, case.limbs)])
    order = b.sort(moved, case.width + index)
    places = sorted(range(n), key=lambda j: (keys[j], j))
    yield b.unpack(b.reorder(order, moved), index), low_bits(np.array(places), index)
    in_order = b.reorder(order, carried)
    yield in_order, x[:, places]
    yield b.reorder(order, b.unpack(moved, index + 1)), low_bits(np.array([keys[j] % 2 << index | j for j in places]), index + 1)
    yield b.unshuffle(handle, [b.restore(order, in_order)])[0], x


@row(Builder.equal_keys, Builder.group_totals, widths=(*upto(65), 95, 96))
def _equal_keys(job: Job, case: Case) -> Pairs:
    """Every row is told the totals of the rows with its key, of words and of integers; a shuffle serves one set of tags."""
    b, k = job.builder, case.limbs
    keys, index = [int(v) for v in case.unsigned()[0]], max(1, (case.n - 1).bit_length())
    x, words = case.signed(1, rows=2), case.unsigned(2).astype(object) % 2**64
    record = b.pack(b.rows([job.unsigned(keys, case.width), b.positions(case.n, index)]))
    handle, (moved, carried, numbers) = b.shuffle([record, job.words(words.astype(np.uint64)), job.arith(x, k)])
    groups = b.equal_keys(moved, case.width)
    back = b.unshuffle(handle, [b.group_totals(groups, carried), b.group_totals(groups, numbers)])
    either, sums = dict.fromkeys(keys, 0), {key: np.zeros(2, dtype=object) for key in keys}
    for j, key in enumerate(keys):
        either[key] ^= int(words[0, j])
        sums[key] = sums[key] + x[:, j]
    yield back[0], np.array([[either[key] for key in keys]], np.uint64)
    yield back[1], ring(np.array([sums[key] for key in keys]).T, k)
