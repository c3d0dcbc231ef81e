"""LowMC on shares against its definition, the definition against published vectors."""

from __future__ import annotations

import numpy as np
import pytest

from secureframe.mpc import bitplanes
from secureframe.mpc.boolean import Pair
from secureframe.mpc.lowmc import encrypt, instance
from secureframe.mpc.party import Party
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Steps, run_lockstep
from tests.mpc.harness import run_parties
from tests.mpc.lowmc import plain

PICNIC = (128, 10, 20, 128)
VECTORS = [
    ("80000000000000000000000000000000", "ABFF0000000000000000000000000000", "0E30720B9F64D5C2A7771C8C238D8F70"),
    ("B5DF537B000000000000000000000000", "F77DB57B000000000000000000000000", "0E5961E9992153B13245AF243DD7DDC0"),
]
"""Key, block, encrypted: vectors of Picnic's LowMC at level 1 (https://github.com/microsoft/Picnic); the first bit is bit 0."""


def first_bit_lowest(text: str) -> int:
    return int(f"{int(text, 16):0{4 * len(text)}b}"[::-1], 2)


def planes_of(blocks: list[int], width: int) -> Words:
    return bitplanes.from_bools(np.array([[block >> bit & 1 for block in blocks] for bit in range(width)], bool))


def on_shares(parameters: tuple[int, int, int, int], key: int, blocks: list[int]) -> list[int]:
    """Blocks encrypted by three parties under a shared key."""
    generator = np.random.default_rng(len(blocks))
    state = planes_of(blocks, parameters[0])
    masks = [generator.integers(0, 2**64, state.shape, dtype=np.uint64) for _ in range(2)]
    states = [*masks, state ^ masks[0] ^ masks[1]]
    hidden = [int.from_bytes(generator.bytes(16)) for _ in range(2)]
    keys = [*hidden, key ^ hidden[0] ^ hidden[1]]

    def run(party: Party) -> Pair:
        own, following = party.index, (party.index + 1) % 3
        pair = (states[own].copy(), states[following].copy())
        steps: Steps[Pair] = encrypt(party, instance(*parameters), pair, (keys[own], keys[following]))
        found: Pair = run_lockstep(party, [steps])[0]
        return found

    results = run_parties(run)
    for index in range(3):
        assert np.array_equal(results[index][1], results[(index + 1) % 3][0])
    found = bitplanes.to_bools(results[0][0] ^ results[1][0] ^ results[2][0], len(blocks))
    return [sum(int(bit) << i for i, bit in enumerate(column)) for column in found.T]


@pytest.mark.parametrize(("key", "block", "encrypted"), VECTORS)
def test_published_vectors(key: str, block: str, encrypted: str) -> None:
    secret, message, answer = (first_bit_lowest(text) for text in (key, block, encrypted))
    assert plain(*PICNIC).encrypt(secret, message) == answer
    assert on_shares(PICNIC, secret, [message, message]) == [answer, answer]


@pytest.mark.parametrize("parameters", [PICNIC, (96, 32, 13, 128), (7, 2, 2, 8)])
def test_instances_are_drawn_as_by_the_reference(parameters: tuple[int, int, int, int]) -> None:
    ours, theirs = instance(*parameters), plain(*parameters)
    assert [list(m) for m in ours.matrices] == theirs.matrices
    assert list(ours.constants) == theirs.constants
    assert [list(m) for m in ours.key_matrices] == theirs.key_matrices


@pytest.mark.parametrize("n", [1, 63, 64, 65, 1100])
def test_shares_equal_the_definition(n: int) -> None:
    generator = np.random.default_rng(n)
    key = int.from_bytes(generator.bytes(16))
    blocks = [0, (1 << 96) - 1, 1, 1 << 95][:n] + [int.from_bytes(generator.bytes(12)) for _ in range(n - 4)]
    cipher = plain(96, 32, 13, 128)
    checked = range(n) if n < 100 else [0, 1, 2, 3, 1023, 1024, n - 1]
    found = on_shares((96, 32, 13, 128), key, blocks)
    assert [found[i] for i in checked] == [cipher.encrypt(key, blocks[i]) for i in checked]
