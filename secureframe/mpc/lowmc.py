"""LowMC: a block cipher of few conjunctions, evaluated on bit planes of shares under a key that no party knows.

A round puts triples of bits through a substitution of three conjunctions, multiplies the block by a public matrix, and adds a
public constant and a round key, which is a public matrix times the key. Only the conjunctions cost communication, all of a round
go together, and the matrices act on every component alone.

Security
    The instance that is used (``tags.py``) has a block of 96 bits, a key of 128 and substitutions over the whole block. Its 13
    rounds are what the designers' third formula asks for where an attacker of 2**128 steps has up to 2**64 blocks of his
    choice. Nobody chooses blocks here, and a key meets no more of them than its tables have rows: for 2**32 blocks the formula
    asks for 11 rounds. LowMC is younger than AES, and has had attacks that were not foreseen: instances of the second formula
    were broken, and since the third one such that substitute a small part of the block a round, or have up to 4 rounds and two
    chosen blocks, as Picnic's (Liu, Isobe, Meier, CRYPTO 2021; Liu, Sarkar, Wang, Meier, Isobe, ASIACRYPT 2022). We know of none
    on nearly as many rounds with substitutions over the whole block.
Source
    Albrecht, Rechberger, Schneider, Tiessen, Zohner, "Ciphers for MPC and FHE", EUROCRYPT 2015 (eprint 2016/687), with the third
    version of the formula for rounds, and the reference implementation's order of drawing matrices and constants.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc._numba import kernel
from secureframe.mpc.bitplanes import Index, plane_words
from secureframe.mpc.boolean import Pair, and_planes
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.traffic import Traffic, all_back

Choices = NDArray[np.uint8]

_SLICE = 4
"""Columns of a matrix that are multiplied by one look-up."""
_LANES = 64
"""Words of a plane that are worked on together, in cache."""
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel("void(u8[::1], u8[::1])")
def _add(total: Words, x: Words) -> None:
    for lane in range(total.shape[0]):
        total[lane] ^= x[lane]


@kernel("void(u8[::1], u8[::1], u8[::1])")
def _sum(x: Words, y: Words, out: Words) -> None:
    for lane in range(out.shape[0]):
        out[lane] = x[lane] ^ y[lane]


@kernel("void(u8[:, ::1], u8[:, ::1], i8, u1[:, ::1], u8[::1])")
def layer_kernel(state: Words, products: Words, boxes: int, choices: Choices, mask: Words) -> None:
    """One round on one component, in place: substitution from the products of its inputs, matrix, constant and key.

    ``choices[g, r]`` are the bits of row r of the matrix in its g-th slice of columns: which of the sums of these planes, all of
    them made first, belongs to plane r (the method of four Russians).
    """
    planes, words = state.shape
    slices = choices.shape[0]
    chosen = np.zeros((slices * _SLICE, _LANES), np.uint64)
    sums = np.zeros((1 << _SLICE, _LANES), np.uint64)
    total = np.empty((planes, _LANES), np.uint64)
    for start in range(0, words, _LANES):
        lanes = min(_LANES, words - start)
        for at in range(0, 3 * boxes, 3):
            for lane in range(lanes):
                w = start + lane
                high = state[at + 2, w]
                both = high ^ state[at + 1, w]
                chosen[at, lane] = both ^ state[at, w] ^ products[at, w]
                chosen[at + 1, lane] = both ^ products[at + 1, w]
                chosen[at + 2, lane] = high ^ products[at + 2, w]
        for r in range(3 * boxes, planes):
            for lane in range(lanes):
                chosen[r, lane] = state[r, start + lane]
        for r in range(planes):
            total[r, :] = mask[r]
        for g in range(slices):
            for bit in range(_SLICE):
                half = 1 << bit
                for k in range(half):
                    _sum(sums[k], chosen[g * _SLICE + bit], sums[half + k])
            for r in range(planes):
                _add(total[r], sums[choices[g, r]])
        for r in range(planes):
            for lane in range(lanes):
                state[r, start + lane] = total[r, lane]


def _grain(length: int) -> NDArray[np.uint8]:
    """Bits of the Grain register, at first all ones, in self-shrinking mode: of every pair the second one, if the first is 1.

    In the register bit t + 80 is the sum of the bits t + 0, 13, 23, 38, 51 and 62. The same holds with all distances doubled, and
    doubled again, so that ever more bits are made at once. The first 160 new ones are thrown away.
    """
    bits = np.zeros(length, np.uint8)
    bits[:80] = 1
    known, scale = 80, 1
    while known < length:
        if known >= 160 * scale:
            scale *= 2
        count = min((80 - 62) * scale, length - known)
        start = known - 80 * scale
        for tap in (0, 13, 23, 38, 51, 62):
            at = start + tap * scale
            bits[known : known + count] ^= bits[at : at + count]
        known += count
    pairs = bits[80 + 160 : 80 + 160 + (length - 240) // 2 * 2].reshape(-1, 2)
    return pairs[pairs[:, 0] == 1, 1]


class _Drawn:
    """Numbers of some bits each, one after the other from the register."""

    def __init__(self) -> None:
        self._bits = _grain(1 << 20)
        self._position = 0

    def numbers(self, count: int, width: int) -> tuple[int, ...]:
        stop = self._position + count * width
        while stop > len(self._bits):
            self._bits = _grain(8 * len(self._bits))
        taken = self._bits[self._position : stop].reshape(count, width)
        self._position = stop
        return tuple(int.from_bytes(row.tobytes(), "little") for row in np.packbits(taken, axis=1, bitorder="little"))


def _full_rank(rows: Sequence[int]) -> bool:
    """Whether no row of a matrix is a sum of others."""
    reduced: list[int] = []
    for row in rows:
        for other in reduced:
            row = min(row, row ^ other)
        if not row:
            return False
        reduced.append(row)
    return True


@dataclass(frozen=True, slots=True)
class Cipher:
    """An instance of LowMC: bit i of a block, and of a row of a matrix, is bit i of an integer.

    Parameters
    ----------
    block, boxes, rounds, key
        Bits of a block, triples that are substituted (the lowest ones), rounds, bits of a key.
    matrices, constants
        Of every round.
    key_matrices
        Of the key that is added before the first round, and after every round.
    """

    block: int
    boxes: int
    rounds: int
    key: int
    matrices: tuple[tuple[int, ...], ...]
    constants: tuple[int, ...]
    key_matrices: tuple[tuple[int, ...], ...]

    def choices(self) -> Choices:
        """Slices of the matrices' rows: ``(rounds, slices, block)``."""
        slices = -(-self.block // _SLICE)
        low = (1 << _SLICE) - 1
        found = [[[row >> _SLICE * g & low for row in matrix] for g in range(slices)] for matrix in self.matrices]
        return np.array(found, np.uint8)

    def masks(self, key: int, *, constants: bool) -> Words:
        """Round keys of a component of the key, and the constants if it has them: words ``(rounds + 1, block)``."""
        found = np.zeros((self.rounds + 1, self.block), np.uint64)
        for r, matrix in enumerate(self.key_matrices):
            added = self.constants[r - 1] if constants and r else 0
            for i, row in enumerate(matrix):
                if ((row & key).bit_count() ^ added >> i) & 1:
                    found[r, i] = _FULL
        return found


@functools.lru_cache(maxsize=4)
def instance(block: int, boxes: int, rounds: int, key: int) -> Cipher:
    """Return the instance of these parameters, drawn as the reference implementation draws it."""
    drawn = _Drawn()

    def matrix(width: int) -> tuple[int, ...]:
        while True:
            rows = drawn.numbers(block, width)
            if _full_rank(rows):
                return rows

    if key < block or 3 * boxes > block:
        raise ValueError("a key at least as long as the block, and no more triples than it has")
    return Cipher(
        block=block,
        boxes=boxes,
        rounds=rounds,
        key=key,
        matrices=tuple(matrix(block) for _ in range(rounds)),
        constants=drawn.numbers(rounds, block),
        key_matrices=tuple(matrix(key) for _ in range(rounds + 1)),
    )


@functools.lru_cache(maxsize=4)
def _choices(cipher: Cipher) -> Choices:
    return cipher.choices()


def _gates(boxes: int) -> tuple[Index, Index]:
    """Which planes are multiplied, by the plane of the block that takes up their product."""
    at = 3 * np.arange(boxes, dtype=np.int64)[:, np.newaxis]
    return (at + np.array([2, 2, 1])).reshape(-1), (at + np.array([1, 0, 0])).reshape(-1)


def encrypt(party: Party, cipher: Cipher, state: Pair, key: tuple[int, int]) -> Steps[Pair]:
    """Encrypt a block of bit planes, all elements under one key; the planes given are overwritten.

    Parameters
    ----------
    state
        Both components, ``(block, words)``.
    key
        Both components of the key.

    Leakage
        None (``reshare``).
    Rounds and bytes
        One round a round of the cipher; each party sends three bits a triple and element in each.
    Source
        See the module.
    """
    left, right = _gates(cipher.boxes)
    choices = _choices(cipher)
    # Component 0 has the constants: it is the first one of party 0, the second one of party 2.
    masks = cipher.masks(key[0], constants=party.index == 0), cipher.masks(key[1], constants=party.index == 2)
    for component, mask in zip(state, masks, strict=True):
        component ^= mask[0][:, np.newaxis]
    for r in range(cipher.rounds):
        products = yield from and_planes(party, state, left, state, right)
        for component, product, mask in zip(state, products, masks, strict=True):
            layer_kernel(component, np.ascontiguousarray(product), cipher.boxes, choices[r], mask[r + 1])
    return state


def encrypt_cost(boxes: int, rounds: int, n: int) -> list[Traffic]:
    return [all_back(3 * boxes * plane_words(n))] * rounds
