"""LowMC straight from its definition, bit by bit in Python integers: what the protocol on shares is held against."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

SUBSTITUTION = (0, 1, 3, 6, 7, 4, 5, 2)


def grain() -> Iterator[int]:
    """The self-shrinking Grain register of 80 bits, one bit at a time."""
    state = [1] * 80

    def clocked() -> int:
        state.append(state[0] ^ state[13] ^ state[23] ^ state[38] ^ state[51] ^ state[62])
        state.pop(0)
        return state[-1]

    for _ in range(160):
        clocked()
    while True:
        choice, bit = clocked(), clocked()
        if choice:
            yield bit


def rank(rows: list[int], width: int) -> int:
    """Gauss, column by column."""
    held, done = list(rows), 0
    for column in range(width):
        pivot = next((i for i in range(done, len(held)) if held[i] >> column & 1), None)
        if pivot is None:
            continue
        held[done], held[pivot] = held[pivot], held[done]
        for i in range(done + 1, len(held)):
            if held[i] >> column & 1:
                held[i] ^= held[done]
        done += 1
    return done


@dataclass(frozen=True)
class Plain:
    block: int
    boxes: int
    matrices: list[list[int]]
    constants: list[int]
    key_matrices: list[list[int]]

    def encrypt(self, key: int, block: int) -> int:
        state = block ^ _times(self.key_matrices[0], key)
        for matrix, constant, key_matrix in zip(self.matrices, self.constants, self.key_matrices[1:], strict=True):
            for box in range(self.boxes):
                old = state >> 3 * box & 7
                state ^= (old ^ SUBSTITUTION[old]) << 3 * box
            state = _times(matrix, state) ^ constant ^ _times(key_matrix, key)
        return state


def _times(matrix: list[int], vector: int) -> int:
    return sum(((row & vector).bit_count() & 1) << i for i, row in enumerate(matrix))


@functools.cache
def plain(block: int, boxes: int, rounds: int, key: int) -> Plain:
    bits = grain()

    def drawn(width: int) -> int:
        return sum(next(bits) << i for i in range(width))

    def matrix(width: int) -> list[int]:
        while True:
            rows = [drawn(width) for _ in range(block)]
            if rank(rows, width) == block:
                return rows

    matrices = [matrix(block) for _ in range(rounds)]
    constants = [drawn(block) for _ in range(rounds)]
    return Plain(block, boxes, matrices, constants, [matrix(key) for _ in range(rounds + 1)])
