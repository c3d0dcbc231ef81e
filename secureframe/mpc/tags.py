"""Tags of secret keys: a cipher under a key that nobody knows, opened after a shuffle, says which keys are equal and no more."""

from __future__ import annotations

import numpy as np

from secureframe.mpc import bitplanes
from secureframe.mpc._numba import kernel
from secureframe.mpc.bitplanes import Index, plane_words
from secureframe.mpc.lowmc import encrypt, encrypt_cost, instance
from secureframe.mpc.opening import open_bits, open_bits_cost
from secureframe.mpc.party import Party
from secureframe.mpc.program import TAG_BITS
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import BitShare, WordShare
from secureframe.mpc.traffic import Traffic

BOXES, ROUNDS, KEY = TAG_BITS // 3, 13, 128
"""The instance of LowMC: triples of a block that are substituted (all), rounds, bits of the key."""

_ZERO = np.uint64(0)
_ONE = np.uint64(1)


@kernel("void(u8[::1], u8[::1], i8[::1], i8[::1])")
def group_kernel(low: Words, high: Words, slots: Index, out: Index) -> None:
    """For every element the first one with its tag, by open addressing; ``slots`` are -1, a power of two, and enough."""
    mask = np.uint64(slots.shape[0] - 1)
    for j in range(out.shape[0]):
        slot = np.int64(low[j] & mask)
        while slots[slot] >= 0 and (low[slots[slot]] != low[j] or high[slots[slot]] != high[j]):
            slot = np.int64(np.uint64(slot + 1) & mask)
        if slots[slot] < 0:
            slots[slot] = j
        out[j] = slots[slot]


@kernel("void(u8[:, ::1], i8[::1], u8[:, ::1])")
def xor_totals_kernel(x: Words, groups: Index, out: Words) -> None:
    """Exclusive or of all elements of a group, in each of them."""
    for r in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[r, j] = x[r, j]
        for j in range(x.shape[1]):
            if groups[j] != j:
                out[r, groups[j]] ^= x[r, j]
        for j in range(x.shape[1]):
            out[r, j] = out[r, groups[j]]


@kernel("void(u8[:, :, ::1], i8[::1], u8[:, :, ::1])")
def sum_totals_kernel(x: Words, groups: Index, out: Words) -> None:
    """Sum of all ring elements of a group, in each of them."""
    limbs, rows, n = x.shape
    out[:, :, :] = x
    for r in range(rows):
        for j in range(n):
            first = groups[j]
            if first != j:
                carry = _ZERO
                for i in range(limbs):
                    part = out[i, r, first] + x[i, r, j]
                    over = _ONE if part < x[i, r, j] else _ZERO
                    total = part + carry
                    carry = over + (_ONE if total < part else _ZERO)
                    out[i, r, first] = total
        for i in range(limbs):
            for j in range(n):
                out[i, r, j] = out[i, r, groups[j]]


def totals(x: Words, groups: Index) -> Words:
    """In every element the sum (ring elements ``(limbs, rows, n)``) or the exclusive or (words ``(rows, n)``) of its group."""
    x = x.astype(np.uint64, copy=False)
    out = np.empty_like(x)
    (sum_totals_kernel if x.ndim == 3 else xor_totals_kernel)(x, groups, out)
    return out


def equal_keys(party: Party, keys: WordShare, width: int) -> Steps[Index]:
    """For every one of shuffled keys (low ``width`` bits) the first one that equals it, public among the parties.

    All keys are encrypted under one key of 128 bits that is drawn for this call alone, every party knowing two of its three
    components; the encrypted blocks are opened. A cipher is a permutation, so tags are equal where keys are, without exception.

    Leakage
        To all parties which of the shuffled keys are equal: how many keys occur once, twice and so on. The shuffle is unknown to
        each party, so that it learns these numbers and nothing of whose keys they are. The tags of different keys look uniform
        and different, as long as LowMC is a pseudo-random permutation: to somebody who knows two of three components of its key,
        and many of the keys that are tagged, but not which tag is whose.
    Rounds and bytes
        15 rounds; each party sends 1,248 bits a key, and opens 96.
    Source
        Tags by LowMC on shares: Mohassel, Rindal, Rosulek, "Fast database joins and PSI for secret shared data" (CCS 2020), there
        for tables that some parties know in an order of their own; here of shuffled keys, to all.
    """
    cipher = instance(TAG_BITS, BOXES, ROUNDS, KEY)
    n = keys.a.shape[1]
    used = plane_words(width)
    state = []
    for component in (keys.a, keys.b):
        planes = np.zeros((TAG_BITS, plane_words(n)), np.uint64)
        planes[:width] = bitplanes.from_words(component[:used], width)
        state.append(planes)
    drawn = party.randomness.previous.common.words(2), party.randomness.next.common.words(2)
    own, following = (int(words[0]) | int(words[1]) << 64 for words in drawn)
    a, b = yield from encrypt(party, cipher, (state[0], state[1]), (own, following))
    tags = bitplanes.to_words((yield from open_bits(party, BitShare(a, b, n))), n)
    groups = np.empty(n, np.int64)
    group_kernel(tags[0], tags[1], np.full(1 << (2 * n - 1).bit_length(), -1, np.int64), groups)
    return groups


def equal_keys_cost(n: int) -> list[Traffic]:
    return encrypt_cost(BOXES, ROUNDS, n) + open_bits_cost(TAG_BITS, n)
