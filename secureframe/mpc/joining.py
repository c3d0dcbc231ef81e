"""The join on a key that is unique on the right: sizes public, matches hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from secureframe.mpc.matching import Lookup, Side, match
from secureframe.mpc.program import Builder, Value


class Joined(NamedTuple):
    """The match bits over the left rows, the payload there, and whether right keys turned out to repeat, if that was asked."""

    matched: Value
    words: tuple[Value, ...]
    ariths: tuple[Value, ...]
    violated: Value | None = None


def join_unique(
    b: Builder,
    *,
    left_key: Value,
    left_present: Value,
    right_key: Value,
    right_present: Value,
    words: Sequence[Value],
    ariths: Sequence[Value],
    left_unique: bool,
    most_left: int | None = None,
    check_unique: bool = False,
) -> Joined:
    """For each left row, the payload of the right row with the same key; zero where there is none.

    Both sides, right rows first, are shuffled together and sorted by (absent, key, position): a right row then stands
    directly before the left rows that it matches. The payload is copied down, the order undone, the right side cut away
    (``match``). Absent rows (null keys, padding) sort behind all others and never match, whatever their keys.

    Parameters
    ----------
    b
        The builder.
    left_key, right_key
        bits ``(width, n)`` and ``(width, m)``.
    left_present, right_present
        bits ``(1, n)`` and ``(1, m)``. Among present rows, right keys are unique (validated by the owner).
    words, ariths
        Payload over the right rows: words and arith values of length m.
    left_unique
        Whether left keys are unique among present rows too: then one copying step is enough.
    most_left
        A public bound of left rows with one key, where they are not unique (default n).
    check_unique
        Right keys are not known to be unique: also return whether two present right rows share one. What is moved to their
        left rows then means nothing.

    Returns
    -------
    matched
        bits ``(1, n)``.
    words, ariths
        The payload over the left rows, in the given order.
    violated
        bits ``(1, 1)``, or None where uniqueness is not checked.

    Leakage
        None beyond the comparisons of ``sort``: the keys that it opens comparisons of are shuffled, and distinct by the
        position in their low bits, which was fixed before the shuffle and is secret after it.
    Rounds and bytes
        6 + one sort of n + m keys of ``width + 1 + ceil(log2(n + m))`` bits + ``ceil(log2(width + 1)) + 2`` (unique) or
        ``ceil(log2(width + 1)) + ceil(log2 most_left) + 4``; arith payload takes 3 rounds a copying step instead of 1.
        Payload is moved twice: each party sends 4 elements of it an element.
    Source
        Sort-based joins: Hamada et al. 2012; Badrinarayanan et al., "Secret-shared joins with multiplicity from aggregation
        trees", CCS 2022.
    """
    sides = [Side(left_key, left_present, 1 if left_unique else most_left or left_key.n), Side(right_key, right_present)]
    planes = [b.unpack(value, 64 * value.rows) for value in words]
    lookup = Lookup(1, b.rows(planes) if planes else None, tuple(ariths), check_unique)
    ((matched, moved, moved_ariths, violated),), _ = match(b, sides, 0, [lookup])
    found, at = [], 0
    for value in words:
        assert moved is not None
        found.append(b.pack(b.pick_rows(moved, range(at, at + 64 * value.rows))))
        at += 64 * value.rows
    return Joined(matched, tuple(found), moved_ariths, violated)


def exists(
    b: Builder, *, left_key: Value, left_present: Value, right_key: Value, right_present: Value, left_unique: bool
) -> Value:
    """For each left row, whether a present right row has its key; right keys may repeat.

    Both sides are shuffled together and sorted by (absent, key, position), right rows first: the first left row of a key looks
    at the row before it, and tells all others (``match``).

    Parameters
    ----------
    b
        The builder.
    left_key, right_key, left_present, right_present, left_unique
        As for ``join_unique``.

    Returns
    -------
    bits ``(1, n)``.

    Leakage
        As ``join_unique``.
    Rounds and bytes
        6 + one sort of n + m keys of ``width + 1 + ceil(log2(n + m))`` bits + ``ceil(log2(width + 1)) + 1`` (unique) or
        ``ceil(log2(width + 1)) + ceil(log2 n) + 3``.
    Source
        As ``join_unique``.
    """
    left = Side(left_key, left_present, 1 if left_unique else left_key.n)
    (found,), _ = match(b, [left, Side(right_key, right_present, right_key.n)], 0, [Lookup(1)])
    return found.matched
