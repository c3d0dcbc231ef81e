"""Randomness that two parties share, or that three parties share as zero.

Each pair of parties agrees on a 32-byte secret for the job; HKDF derives one AES-128-CTR stream a purpose from it. Both
holders of a secret draw from its streams in the same order, so that they always draw the same words; a stream only ever
moves on, so that no counter is used twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from secureframe.mpc._numba import kernel

Words = NDArray[np.uint64]
Index = NDArray[np.int64]

SECRET_BYTES = 32
CHUNK = 16384
"""Words of a mask made at a time: two of them and what they mask stay in the second-level cache."""
_BUFFER = 4096
_ZEROS = bytes(1 << 16)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@kernel("i8(i8[::1], u8[::1], i8, i8)")
def _fisher_yates(permutation: Index, words: Words, start: int, position: int) -> int:
    """Exchange places from ``position`` down while words last; return the position reached (0 when done).

    Place i is exchanged with a place in 0 .. i, drawn without any bias (Lemire 2019): the high half of ``word * (i + 1)``,
    rejecting the words whose low half falls below ``2**64 mod (i + 1)``.
    """
    used = start
    while position > 0 and used < words.shape[0]:
        word = words[used]
        used += 1
        bound = np.uint64(position + 1)
        low_part = (word & _LOW) * bound
        high_part = (word >> _HALF) * bound + (low_part >> _HALF)
        high = high_part >> _HALF
        low = word * bound
        if low < bound and low < (np.uint64(0) - bound) % bound:
            continue
        other = np.int64(high)
        held = permutation[position]
        permutation[position] = permutation[other]
        permutation[other] = held
        position -= 1
    return position


class Stream:
    """A sequence of uniform 64-bit words: AES-128 in counter mode under one key, from counter zero, never turned back."""

    __slots__ = ("_buffer", "_encryptor", "_position", "_scratch")

    def __init__(self, key: bytes) -> None:
        self._encryptor = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        self._buffer: Words = np.empty(0, np.uint64)
        self._position = 0
        self._scratch: Words | None = None

    def _encrypt(self, out: Words) -> None:
        target = out.view(np.uint8)
        for start in range(0, len(target), len(_ZEROS)):
            part = target[start : start + len(_ZEROS)]
            self._encryptor.update_into(memoryview(_ZEROS)[: len(part)], part.data)

    def fill(self, out: Words) -> None:
        """Write the next words of the sequence into a flat array, however it was cut into calls before."""
        held = self._buffer[self._position : self._position + len(out)]
        out[: len(held)] = held
        self._position += len(held)
        rest = out[len(held) :]
        if len(rest) >= _BUFFER:
            self._encrypt(rest)
        elif len(rest):
            if not len(self._buffer):
                self._buffer = np.empty(_BUFFER, np.uint64)
            self._encrypt(self._buffer)
            self._position = len(rest)
            rest[:] = self._buffer[: len(rest)]

    def words(self, count: int) -> Words:
        """Return the next ``count`` words of the sequence."""
        out = np.empty(count, np.uint64)
        self.fill(out)
        return out

    def passing(self, count: int) -> Words:
        """Return the next ``count`` words; up to ``CHUNK`` are in memory that the next call takes again, and stay in cache."""
        if count > CHUNK:
            return self.words(count)
        if self._scratch is None:
            self._scratch = np.empty(CHUNK, np.uint64)
        out = self._scratch[:count]
        self.fill(out)
        return out

    def permutation(self, n: int) -> Index:
        """Return a permutation of ``0 .. n - 1``, exactly uniform: Fisher and Yates, with rejection."""
        permutation = np.arange(n, dtype=np.int64)
        position = n - 1
        while position > 0:
            position = _fisher_yates(permutation, self.words(position), 0, position)
        return permutation


def derive_stream(secret: bytes, purpose: str) -> Stream:
    """Return the stream of one purpose under a 32-byte secret."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret of {SECRET_BYTES} bytes expected")
    key = HKDF(algorithm=SHA256(), length=16, salt=None, info=b"secureframe mpc stream: " + purpose.encode()).derive(secret)
    return Stream(key)


@dataclass(frozen=True, slots=True)
class PartyKeys:
    """Pairwise secrets of party i: ``previous`` with party i-1 (the key k_i), ``next`` with party i+1 (the key k_(i+1))."""

    previous: bytes = field(repr=False)
    next: bytes = field(repr=False)


class PairRandomness:
    """The streams of one pairwise secret, one a purpose."""

    __slots__ = ("common", "permutations", "zero")

    def __init__(self, secret: bytes) -> None:
        self.zero = derive_stream(secret, "zero shares")
        self.common = derive_stream(secret, "common words")
        self.permutations = derive_stream(secret, "permutations")


class Randomness:
    """What party i draws: from k_i with its predecessor (``previous``), from k_(i+1) with its successor (``next``)."""

    __slots__ = ("next", "previous")

    def __init__(self, keys: PartyKeys) -> None:
        self.previous = PairRandomness(keys.previous)
        self.next = PairRandomness(keys.next)

    def zero_words(self, count: int) -> tuple[Words, Words]:
        """Return the two halves of a share of zero, F(k_i) and F(k_(i+1)), good until the next call.

        Over the parties, the differences (or exclusive ors) of the halves cancel; to a party, another's difference is
        uniform, since it contains a stream that this party does not know (Araki et al., CCS 2016, section 3.2).
        """
        return self.previous.zero.passing(count), self.next.zero.passing(count)
