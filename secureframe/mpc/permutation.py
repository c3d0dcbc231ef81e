"""Secret permutations: three in a row, each known to two parties, so that no party knows their composition.

In step s the parties s-1 and s, which have the key k_s in common, hold all three components between them: the first adds its
two, the second has the one that is missing. Both permute what they have; the result's components s-1 and s+1 are drawn
with the third party, and the pair exchanges what remains for component s. The third party sends and receives nothing.

Source
    Laur, Willemson, Zhang (ISC 2011), resharing-based shuffling; two messages a step as in Asharov et al. (CCS 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from secureframe.mpc import ring
from secureframe.mpc.party import Party
from secureframe.mpc.randomness import Index
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Message, Steps
from secureframe.mpc.sharing import ArithShare, WordShare
from secureframe.mpc.traffic import Traffic, Triple

Movable = ArithShare | WordShare


@dataclass(slots=True)
class ShuffleHandle:
    """A party's two of the three permutations: with its predecessor, with its successor. Good for one way back."""

    previous: Index
    next: Index
    used: bool = False


def _added(x: Movable, first: Words, second: Words) -> Words:
    return ring.add(first, second) if isinstance(x, ArithShare) else first ^ second


def _taken(x: Movable, first: Words, second: Words) -> Words:
    return ring.subtract(first, second) if isinstance(x, ArithShare) else first ^ second


def gathered(words: Words, places: Index) -> Words:
    """Elements at ``places`` along the last axis."""
    return np.take(words, places, axis=-1)


def scattered(words: Words, places: Index) -> Words:
    """Every element at its place along the last axis: the inverse of ``gathered``, without the inverse permutation."""
    out = np.empty_like(words)
    for to, row in zip(out.reshape(-1, out.shape[-1]), words.reshape(-1, out.shape[-1]), strict=True):
        to[places] = row
    return out


Permute = Callable[[Words, Index], Words]


def _step(
    party: Party, step: int, permute: Permute, permutation: Index | None, values: Sequence[Movable]
) -> Steps[list[Movable]]:
    """Permute all values by the permutation of the pair (step - 1, step), or its inverse, and share them anew.

    Leakage
        None: each of the pair receives the other's permuted summand minus a component that it does not know; the third
        party draws two components and sees nothing else.
    Rounds and bytes
        1 round; both of the pair send one element (of all words) to each other, each value in whole words of 64 bits.
    """
    # Narrow words travel side by side, each value in whole words of a message.
    ends = np.cumsum([-(-value.a.nbytes // 8) for value in values])
    count = int(ends[-1])
    randomness = party.randomness

    def drawn(words: Words) -> list[Words]:
        parts = np.split(words, ends[:-1])
        return [p.view(v.a.dtype)[: v.a.size].reshape(v.a.shape) for p, v in zip(parts, values, strict=True)]

    def masked(permutation: Index, summands: Iterable[Words], masks: Words) -> tuple[Words, list[Words]]:
        """The message, and its parts; what fills up a value's last word is a mask of nothing, so that all of it is uniform."""
        sent = masks.copy()
        parts = drawn(sent)
        for value, summand, part in zip(values, summands, parts, strict=True):
            part[...] = _taken(value, permute(summand, permutation), part)
        return sent, parts

    position = (party.index - step) % 3
    if position == 1:
        # The third party, step + 1: component step + 1 is common with party step, component step + 2 with party step - 1.
        first = drawn(randomness.previous.common.words(count))
        second = drawn(randomness.next.common.words(count))
        yield Message()
    elif permutation is None:
        raise ValueError("a party of the pair knows its permutation")
    elif position == 2:
        # Party step - 1 adds its components step - 1 and step; it draws component step - 1 with the third party.
        masks = randomness.previous.common.words(count)
        sent, parts = masked(permutation, (_added(value, value.a, value.b) for value in values), masks)
        received = yield Message(to_next=sent, from_next=count)
        first = drawn(masks)
        second = [_added(v, x, y) for v, x, y in zip(values, parts, drawn(received.from_next), strict=True)]
    else:
        # Party step has component step + 1, which it draws anew with the third party.
        masks = randomness.next.common.words(count)
        sent, parts = masked(permutation, (value.b for value in values), masks)
        received = yield Message(to_previous=sent, from_previous=count)
        second = drawn(masks)
        first = [_added(v, x, y) for v, x, y in zip(values, parts, drawn(received.from_previous), strict=True)]
    return [type(value)(a, b) for value, a, b in zip(values, first, second, strict=True)]


def _known(party: Party, step: int, previous: Index, following: Index) -> Index | None:
    if party.index == step:
        return previous
    return following if party.index == (step - 1) % 3 else None


def shuffle(party: Party, values: Sequence[Movable]) -> Steps[tuple[ShuffleHandle, list[Movable]]]:
    """Permute all values (of one n) by one fresh, secret, uniform permutation.

    Leakage
        None (``_step``). To any one party the composition is uniform: one of the three permutations is unknown to it.
    Rounds and bytes
        3 rounds; each party sends two elements of all values an element.
    Source
        Laur, Willemson, Zhang (ISC 2011), section 3; Asharov et al. (CCS 2022), section 4.
    """
    n = values[0].a.shape[-1]
    previous = party.randomness.previous.permutations.permutation(n)
    following = party.randomness.next.permutations.permutation(n)
    moved = list(values)
    for step in range(3):
        moved = yield from _step(party, step, gathered, _known(party, step, previous, following), moved)
    return ShuffleHandle(previous, following), moved


def shuffle_again(party: Party, handle: ShuffleHandle, values: Sequence[Movable]) -> Steps[list[Movable]]:
    """Permute further values by the permutation of an earlier shuffle, of an earlier job too.

    Never for values that are sorted then: the orders of two keys under one permutation would be linked.

    Leakage
        None (``_step``): masks are drawn anew, from the keys of the job that runs, and nothing is opened.
    Rounds and bytes
        As ``shuffle``.
    Source
        As ``shuffle``.
    """
    moved = list(values)
    for step in range(3):
        moved = yield from _step(party, step, gathered, _known(party, step, handle.previous, handle.next), moved)
    return moved


def unshuffle(party: Party, handle: ShuffleHandle, values: Sequence[Movable]) -> Steps[list[Movable]]:
    """Permute values back by the inverse of an earlier shuffle, which is used up by it.

    Leakage
        None (``_step``).
    Rounds and bytes
        3 rounds; each party sends two elements of all values an element.
    Source
        As ``shuffle``, the inverses in the opposite order.
    """
    if handle.used:
        raise RuntimeError("a shuffle is undone once; a second use would link what was permuted")
    handle.used = True
    moved = list(values)
    for step in (2, 1, 0):
        moved = yield from _step(party, step, scattered, _known(party, step, handle.previous, handle.next), moved)
    return moved


def _step_cost(step: int, words: int) -> Traffic:
    def only(party: int) -> Triple:
        counts = [0, 0, 0]
        counts[party] = words
        return counts[0], counts[1], counts[2]

    return Traffic(to_previous=only(step), to_next=only((step - 1) % 3))


def shuffle_cost(words: int) -> list[Traffic]:
    return [_step_cost(step, words) for step in range(3)]


def unshuffle_cost(words: int) -> list[Traffic]:
    return [_step_cost(step, words) for step in (2, 1, 0)]
