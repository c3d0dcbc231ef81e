"""Checks on recorded payloads: what a party sees must look uniform, hold no input, and never come twice.

They work on the payloads that a ``Recorder`` kept at any channel, in memory or over TLS. Openings that a protocol declares
are left out; everything else is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from secureframe.mpc.channel import Payload

Words = NDArray[np.uint64]

ALPHA = 1e-6


class LeakError(AssertionError):
    """A payload that a simulator without the inputs could not have made."""


def undeclared(payload: Payload) -> list[Words]:
    """Return the pieces of a payload between its declared openings."""
    pieces: list[Words] = []
    position = 0
    for start, stop in sorted(payload.declared):
        pieces.append(payload.words[position:start])
        position = stop
    pieces.append(payload.words[position:])
    return [piece for piece in pieces if piece.size]


def _all_words(payloads: Iterable[Payload]) -> Words:
    pieces = [piece for payload in payloads for piece in undeclared(payload)]
    return np.concatenate(pieces) if pieces else np.empty(0, np.uint64)


def find_plaintext(payloads: Sequence[Payload], patterns: Iterable[bytes]) -> list[tuple[int, bytes]]:
    """Return (payload number, pattern) wherever a pattern of 8 bytes or more occurs, at any byte, openings included.

    Raises
    ------
    ValueError
        If a pattern is shorter than 8 bytes, or one repeated byte: it would occur by chance, or in honest padding.
    """
    wanted = sorted(set(patterns))
    for pattern in wanted:
        if len(pattern) < 8 or len(set(pattern)) == 1:
            raise ValueError("patterns of 8 bytes and more that are not trivial expected")
    heads = np.unique(np.array([int.from_bytes(pattern[:8], "little") for pattern in wanted], np.uint64))
    found: list[tuple[int, bytes]] = []
    for number, payload in enumerate(payloads):
        data = payload.words.tobytes()
        hit = False
        for shift in range(8):
            count = (len(data) - shift) // 8
            windows = np.frombuffer(data, np.uint64, count=max(count, 0), offset=shift if count > 0 else 0)
            hit = hit or bool(np.isin(windows, heads).any())
        if hit:
            found += [(number, pattern) for pattern in wanted if pattern in data]
    return found


def _p_values(words: Words) -> list[tuple[str, float]]:
    """p-values of uniformity: bits, bits by position, bytes, and differences of neighbouring words."""
    bits = np.unpackbits(words.view(np.uint8), bitorder="little").reshape(-1, 64)
    ones = bits.sum(axis=0, dtype=np.int64)
    total = int(ones.sum())
    found = [("bits", float(stats.binomtest(total, bits.size).pvalue))]
    deviation = (ones - len(words) / 2) / np.sqrt(len(words) / 4)
    found.append(("bits by position", float(stats.chi2.sf(float((deviation**2).sum()), 64))))
    counts = np.bincount(words.view(np.uint8), minlength=256)
    found.append(("bytes", float(stats.chisquare(counts).pvalue)))
    steps = np.unpackbits((words[1:] ^ words[:-1]).view(np.uint8))
    found.append(("neighbours", float(stats.binomtest(int(steps.sum()), steps.size).pvalue)))
    return found


def assert_uniform(payloads: Sequence[Payload], alpha: float = ALPHA) -> None:
    """Fail unless what every party received from every other looks uniform, with ``alpha`` shared out over all tests.

    Each direction is judged as a whole, and so is every position in it that has words enough: the first and the last half.
    """
    groups: dict[str, Words] = {}
    for sender in range(3):
        for receiver in range(3):
            words = _all_words(p for p in payloads if (p.sender, p.receiver) == (sender, receiver))
            if words.size >= 256:
                groups[f"{sender} to {receiver}"] = words
            if words.size >= 1024:
                groups[f"{sender} to {receiver}, first half"] = words[: words.size // 2]
                groups[f"{sender} to {receiver}, second half"] = words[words.size // 2 :]
    if not groups:
        raise ValueError("too few words to judge")
    results = [(name, test, p) for name, words in groups.items() for test, p in _p_values(words)]
    failed = [(name, test) for name, test, p in results if p < alpha / len(results)]
    if failed:
        raise LeakError(f"payloads are not uniform: {failed}")


def assert_no_repeats(payloads: Sequence[Payload]) -> None:
    """Fail if any word (64 bits) occurs twice in all payloads: among a million uniform words one in 4e7 runs would."""
    words = np.sort(_all_words(payloads))
    if (words[1:] == words[:-1]).any():
        raise LeakError("a word was sent twice: a mask was used again, or something is not masked")


def assert_independent(first: Sequence[Payload], second: Sequence[Payload], alpha: float = ALPHA) -> None:
    """Fail unless the transcripts of two jobs of one shape are independent: neither equal masks nor equal words.

    With a reused key the masks of both jobs are the same and cancel in the difference, which then is not uniform.
    """
    assert_no_repeats([*first, *second])
    differences = []
    for p, q in zip(in_order(first), in_order(second), strict=True):
        left, right = undeclared(p), undeclared(q)
        if [x.size for x in left] != [x.size for x in right]:
            raise LeakError("the transcripts of two jobs of one shape differ in length")
        for x, y in zip(left, right, strict=True):
            differences.append(Payload(round=p.round, sender=p.sender, receiver=p.receiver, words=x ^ y))
    assert_uniform(differences, alpha)


def in_order(payloads: Iterable[Payload]) -> list[Payload]:
    """Return payloads by round, sender and receiver, whatever the threads did."""
    return sorted(payloads, key=lambda p: (p.round, p.sender, p.receiver))


def shape_of(payloads: Iterable[Payload]) -> list[tuple[int, int, int, int, tuple[tuple[int, int], ...]]]:
    """Return a transcript without its contents: round, sender, receiver, length, declared spans."""
    return [(p.round, p.sender, p.receiver, p.words.size, p.declared) for p in in_order(payloads)]
