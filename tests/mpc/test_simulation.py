"""What a party sees, over all coins that it does not know: exactly the same distribution whatever the others' secrets are.

Protocols run here with chosen coins on one element. Of the three pairwise keys a party lacks one; its coins are run through
exhaustively. Additions are watched in their lowest bit, where they are exclusive ors. This is the simulation argument of
the protocols, checked case by case instead of argued.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from secureframe.mpc import arithmetic, boolean, comparison, conversion, counting, lowmc, permutation, sorting
from secureframe.mpc.bitplanes import Index, to_bools, to_words
from secureframe.mpc.channel import MemoryChannel
from secureframe.mpc.opening import open_bits
from secureframe.mpc.operations import INTERACTIVE
from secureframe.mpc.party import Party
from secureframe.mpc.program import Value
from secureframe.mpc.randomness import PairRandomness, Randomness, Stream
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Received, Steps
from secureframe.mpc.sharing import BitShare, Share, WordShare, array_shape, combine, make_share
from tests.mpc.harness import fresh_keys

PURPOSES = ("zero", "common", "permutations")
Coins = dict[str, tuple[int, ...]]
Protocol = Callable[[Party, list[Any]], Steps[Any]]
_EMPTY: Words = np.empty(0, np.uint64)


class Chosen(Stream):
    """A stream of chosen coins: one bit a word, one number a permutation; counts what is asked for."""

    def __init__(self, coins: Sequence[int]) -> None:
        self._scratch = None
        self._coins = list(coins)
        self.asked = 0

    def fill(self, out: Words) -> None:
        self.asked += len(out)
        taken, self._coins = self._coins[: len(out)], self._coins[len(out) :]
        out[:] = np.array(taken + [0] * (len(out) - len(taken)), np.uint64)

    def permutation(self, n: int) -> Index:
        number = int(self.words(1)[0])
        chosen = next(itertools.islice(itertools.permutations(range(n)), number, None))
        return np.array(chosen, np.int64)


class Pair(PairRandomness):
    """What one pair of parties draws from."""

    def __init__(self, coins: Coins) -> None:
        self.zero, self.common, self.permutations = (Chosen(coins.get(purpose, ())) for purpose in PURPOSES)


class ChosenRandomness(Randomness):
    """A party's coins; each party has streams of its own, since the two holders draw at different times."""

    def __init__(self, previous: Coins, following: Coins) -> None:
        self.previous = Pair(previous)
        self.next = Pair(following)


def run_alone(parties: Sequence[Party], protocol: Protocol, shares: Sequence[list[Share]]) -> tuple[list[Any], list[list[Words]]]:
    """Run the three sides of a protocol in turns; return the results, and what each received."""
    sides = [protocol(party, held) for party, held in zip(parties, shares, strict=True)]
    received: list[list[Words]] = [[], [], []]
    messages = [next(side) for side in sides]
    while True:
        results: list[Any] = []
        following = []
        for index, side in enumerate(sides):
            before, after = messages[index - 1].to_next, messages[(index + 1) % 3].to_previous
            # Copies, as over a wire: a side may write to what it received.
            words = Received(*(_EMPTY if sent is None else sent.reshape(-1).copy() for sent in (before, after)))
            assert (words.from_previous.size, words.from_next.size) == (messages[index].from_previous, messages[index].from_next)
            received[index] += [words.from_previous.copy(), words.from_next.copy()]
            try:
                following.append(side.send(words))
            except StopIteration as stop:
                results.append(stop.value)
        if results:
            assert len(results) == 3
            return results, received
        messages = following


def with_coins(coins: Sequence[Coins]) -> list[Party]:
    parties = []
    for index, (channel, keys) in enumerate(zip(MemoryChannel.triple(), fresh_keys(), strict=True)):
        party = Party(index, channel, keys)
        party._randomness = ChosenRandomness(coins[index], coins[(index + 1) % 3])
        parties.append(party)
    return parties


def held(values: Sequence[Value], components: Sequence[Sequence[Words]]) -> list[list[Share]]:
    """The shares of the three parties from the three components of every value."""
    return [
        [make_share(value, parts[i], parts[(i + 1) % 3]) for value, parts in zip(values, components, strict=True)]
        for i in range(3)
    ]


def need(protocol: Protocol, values: Sequence[Value]) -> list[dict[str, int]]:
    """How many coins of every purpose each pair draws."""
    parties = with_coins([{}, {}, {}])
    nothing = [[np.zeros(array_shape(value), np.uint64)] * 3 for value in values]
    run_alone(parties, protocol, held(values, nothing))
    drawn = []
    for index, party in enumerate(parties):
        mine, theirs = party.randomness.previous, parties[index - 1].randomness.next
        counts = {purpose: getattr(mine, purpose).asked for purpose in PURPOSES}
        # Both holders have drawn equally much of every stream.
        assert counts == {purpose: getattr(theirs, purpose).asked for purpose in PURPOSES}
        drawn.append(counts)
    return drawn


def choices(counts: dict[str, int], outcomes: int) -> Iterator[Coins]:
    """All coins of a pair; a permutation's number is below ``outcomes``."""
    alphabets = [[range(outcomes) if purpose == "permutations" else range(2)] * counts[purpose] for purpose in PURPOSES]
    for drawn in itertools.product(*(itertools.product(*alphabet) for alphabet in alphabets)):
        yield dict(zip(PURPOSES, drawn, strict=True))


def low(words: Sequence[Words]) -> tuple[int, ...]:
    return tuple(int(word) & 1 for part in words for word in part.reshape(-1))


def secrets_of(value: Value) -> list[Words]:
    """Values of a component: all bits of one element, or small numbers."""
    shape = array_shape(value)
    count = math.prod(shape)
    alphabet = range(2) if value.kind in ("bits", "words") else range(4)
    return [np.array(drawn, np.uint64).reshape(shape) for drawn in itertools.product(alphabet, repeat=count)]


def bits(rows: int) -> Value:
    return Value(0, "bits", rows, 1)


ARITH = Value(0, "arith", 1, 1)
WIDE = Value(0, "arith", 1, 1, 2)
WORDS = Value(0, "words", 1, 2)
NARROW = Value(0, "words", 1, 2, bits=8)
"""Elements of a byte, side by side in a message: its one coin masks the first of them, and so does its one bit show that one."""


def _refreshed_product(party: Party, x: list[Any]) -> Steps[Any]:
    return (yield from arithmetic.refresh(party, (yield from arithmetic.multiply(party, x[0], x[1]))))


def _refreshed_and(party: Party, x: list[Any]) -> Steps[Any]:
    return (yield from boolean.refresh_bits(party, (yield from boolean.conjunction(party, x[0], x[1]))))


def _shuffle(party: Party, x: list[Any]) -> Steps[Any]:
    _, (moved,) = yield from permutation.shuffle(party, x)
    return moved


def _shuffle_again(party: Party, x: list[Any]) -> Steps[Any]:
    n = x[0].a.shape[-1]
    randomness = party.randomness
    kept = permutation.ShuffleHandle(randomness.previous.permutations.permutation(n), randomness.next.permutations.permutation(n))
    (moved,) = yield from permutation.shuffle_again(party, kept, x)
    return moved


def _there_and_back(party: Party, x: list[Any]) -> Steps[Any]:
    handle, moved = yield from permutation.shuffle(party, x)
    (back,) = yield from permutation.unshuffle(party, handle, moved)
    return back


def _less_than(party: Party, x: list[Any]) -> Steps[Any]:
    a, b = (np.concatenate([to_words(part, 1) for part in parts], axis=1) for parts in ([y.a for y in x], [y.b for y in x]))
    held = yield from comparison.with_products(party, WordShare(a, b), 3)
    return (yield from comparison.less_than_at(party, held, np.zeros(1, np.int32), np.ones(1, np.int32), 3))


def _encrypt(party: Party, x: list[Any]) -> Steps[Any]:
    components = (5, 3, 6)
    key = components[party.index], components[(party.index + 1) % 3]
    return (yield from lowmc.encrypt(party, lowmc.instance(3, 1, 2, 3), (x[0].a.copy(), x[0].b.copy()), key))


PROTOCOLS: dict[str, tuple[Protocol, list[Value]]] = {
    "multiply": (lambda p, x: arithmetic.multiply(p, x[0], x[1]), [ARITH, ARITH]),
    "multiply, two limbs": (lambda p, x: arithmetic.multiply(p, x[0], x[1]), [WIDE, WIDE]),
    "inner": (lambda p, x: arithmetic.inner(p, x[0], x[0]), [Value(0, "arith", 1, 2)]),
    "and": (lambda p, x: boolean.conjunction(p, x[0], x[1]), [bits(1), bits(1)]),
    "mask_words": (lambda p, x: boolean.mask_words(p, x[0], x[1]), [Value(0, "words", 2, 1), bits(1)]),
    "refresh": (lambda p, x: arithmetic.refresh(p, x[0]), [ARITH]),
    "refresh, bits": (lambda p, x: boolean.refresh_bits(p, x[0]), [bits(2)]),
    "all_planes": (lambda p, x: boolean.all_planes(p, x[0]), [bits(4)]),
    "to_bits": (lambda p, x: conversion.to_bits(p, x[0], 3), [ARITH]),
    "to_bits, one": (lambda p, x: conversion.to_bits(p, x[0], 1), [ARITH]),
    "is_negative, one": (lambda p, x: comparison.is_negative(p, x[0], 1), [ARITH]),
    "is_negative, odd": (lambda p, x: comparison.is_negative(p, x[0], 3), [ARITH]),
    "is_negative": (lambda p, x: comparison.is_negative(p, x[0], 4), [ARITH]),
    "is_zero": (lambda p, x: comparison.is_zero(p, x[0], 4), [ARITH]),
    "less_than": (_less_than, [bits(3), bits(3)]),
    "to_arith": (lambda p, x: conversion.to_arith(p, x[0], 1), [bits(2)]),
    "to_arith, two limbs": (lambda p, x: conversion.to_arith(p, x[0], 2), [bits(1)]),
    "count_bits": (lambda p, x: counting.count_bits(p, x[0]), [Value(0, "bits", 2, 3)]),
    "full adders": (lambda p, x: counting._add_layer(p, (x[0].a, x[0].b), (3,)), [Value(0, "bits", 2, 3 * 64)]),
    "equal_keys, a small cipher": (_encrypt, [bits(3)]),
    "shuffle": (_shuffle, [WORDS]),
    "shuffle, narrow words": (_shuffle, [NARROW]),
    "shuffle_again": (_shuffle_again, [WORDS]),
    "shuffle_again, narrow words": (_shuffle_again, [NARROW]),
    "refreshed product": (_refreshed_product, [ARITH, ARITH]),
    "refreshed and": (_refreshed_and, [bits(1), bits(1)]),
}


ELSEWHERE = {
    "unshuffle": "test_a_way_there_and_back_is_uniform_too",
    "sort": "test_opened_comparisons_are_those_of_a_uniform_order",
}
"""Operations with a test of their own."""


def test_every_interactive_operation_is_simulated() -> None:
    """One that is missing here is not shown to be uniform: give it a row above, or a test of its own."""
    assert sorted(set(INTERACTIVE) - {name.partition(",")[0] for name in PROTOCOLS} - set(ELSEWHERE)) == []
    assert all(name in globals() for name in ELSEWHERE.values())


def _views(
    protocol: Protocol,
    values: Sequence[Value],
    watcher: int,
    components: Sequence[Sequence[Words]],
    own: Sequence[Coins],
    drawn: dict[str, int],
    outcomes: int,
    see: Callable[[Sequence[Any], Sequence[Words]], Any],
) -> Counter[Any]:
    """What the watcher sees, over all coins of the key that it lacks."""
    lacked = (watcher + 2) % 3
    views: Counter[Any] = Counter()
    for coins in choices(drawn, outcomes):
        parties = with_coins([coins if key == lacked else own[key] for key in range(3)])
        results, received = run_alone(parties, protocol, held(values, components))
        views[see(results, received[watcher])] += 1
    return views


def _own(generator: np.random.Generator, drawn: Sequence[dict[str, int]], outcomes: int) -> list[Coins]:
    return [
        {
            purpose: tuple(int(v) for v in generator.integers(0, outcomes if purpose == "permutations" else 2, count))
            for purpose, count in counts.items()
        }
        for counts in drawn
    ]


def _worlds(generator: np.random.Generator, values: Sequence[Value], watcher: int, most: int) -> Iterator[list[list[Words]]]:
    """Components that a watcher cannot tell apart beforehand: its own two fixed, the third one any."""
    alphabets = [secrets_of(value) for value in values]
    fixed = [[part[generator.integers(len(part))] for _ in range(3)] for part in alphabets]
    worlds = list(itertools.product(*alphabets))
    for number in generator.permutation(len(worlds))[:most]:
        components = [list(parts) for parts in fixed]
        for parts, missing in zip(components, worlds[number], strict=True):
            parts[(watcher + 2) % 3] = missing
        yield components


@pytest.mark.parametrize("watcher", range(3))
@pytest.mark.parametrize("name", PROTOCOLS)
def test_what_a_party_receives_is_uniform_whatever_the_secrets(name: str, watcher: int) -> None:
    protocol, values = PROTOCOLS[name]
    generator = np.random.default_rng(watcher)
    drawn = need(protocol, values)
    lacked = drawn[(watcher + 2) % 3]
    own = _own(generator, drawn, 2)
    for components in _worlds(generator, values, watcher, 6):
        views = _views(protocol, values, watcher, components, own, lacked, 2, lambda _, words: low(words))
        length = len(next(iter(views)))
        assert len(views) == 2**length and len(set(views.values())) == 1


@pytest.mark.parametrize("watcher", range(3))
@pytest.mark.parametrize("value", [WORDS, NARROW], ids=["words", "narrow words"])
def test_a_way_there_and_back_is_uniform_too(watcher: int, value: Value) -> None:
    generator = np.random.default_rng(watcher)
    drawn = need(_there_and_back, [value])
    own = _own(generator, drawn, 2)
    for components in _worlds(generator, [value], watcher, 2):
        views = _views(
            _there_and_back, [value], watcher, components, own, drawn[(watcher + 2) % 3], 2, lambda _, words: low(words)
        )
        assert len(set(views.values())) == 1 and len(views) == 2 ** len(next(iter(views)))


def _opened(value: Value, results: Sequence[Any]) -> tuple[int, ...]:
    return low([combine(value, combine(value, results[0].a, results[1].a), results[2].a)])


@pytest.mark.parametrize("watcher", range(3))
@pytest.mark.parametrize("name", ["refreshed product", "refreshed and"])
def test_a_party_with_the_recipient_learns_the_result_alone(name: str, watcher: int) -> None:
    """All components of a result and a party's view together depend on the factors through the product only."""
    protocol, values = PROTOCOLS[name]
    generator = np.random.default_rng(watcher)
    drawn = need(protocol, values)
    own = _own(generator, drawn, 2)
    result = ARITH if values[0].kind == "arith" else bits(1)

    def both(results: Sequence[Any], words: Sequence[Words]) -> Any:
        return low(words), low([side.a for side in results])

    by_result: dict[Any, list[Counter[Any]]] = {}
    for components in _worlds(generator, values, watcher, 8):
        views = _views(protocol, values, watcher, components, own, drawn[(watcher + 2) % 3], 2, both)
        plain, _ = run_alone(with_coins(own), protocol, held(values, components))
        by_result.setdefault(_opened(result, plain), []).append(views)
    assert any(len(found) > 1 for found in by_result.values())
    for found in by_result.values():
        assert all(views == found[0] for views in found)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_recipient_sees_components_of_the_result_and_not_of_what_led_to_it(fresh: bool) -> None:
    """Two sharings of one secret look alike to whoever gets all components of a fresh one, and only then."""
    values = [bits(1)]

    def protocol(party: Party, x: list[Any]) -> Steps[Any]:
        (share,) = x
        if fresh:
            share = yield from boolean.refresh_bits(party, share)
        else:
            yield from boolean.refresh_bits(party, share)
        return share

    drawn = need(protocol, values)
    seen = []
    for third in range(2):
        # The same secret, 1, under different components.
        components = [[np.array([[word]], np.uint64) for word in (third, 1 ^ third, 0)]]
        views: Counter[Any] = Counter()
        for coins in itertools.product(*(choices(counts, 2) for counts in drawn)):
            results, _ = run_alone(with_coins(coins), protocol, held(values, components))
            views[low([side.a for side in results])] += 1
        seen.append(views)
    assert (seen[0] == seen[1]) is fresh


def test_an_unmasked_product_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_words(_: Randomness, count: int) -> tuple[Words, Words]:
        return np.zeros(count, np.uint64), np.zeros(count, np.uint64)

    monkeypatch.setattr(Randomness, "zero_words", no_words)
    with pytest.raises(AssertionError):
        test_what_a_party_receives_is_uniform_whatever_the_secrets("and", 0)


# -- the sort --------------------------------------------------------------------------------------------------------


def _sort_opened(keys: Sequence[int], width: int, coins: Sequence[Coins], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    opened: list[tuple[bool, ...]] = []

    def watching(party: Party, x: BitShare) -> Steps[Words]:
        plain = yield from open_bits(party, x)
        if party.index == 0:
            opened.append(tuple(bool(bit) for bit in to_bools(plain, x.n)[0]))
        return plain

    def protocol(party: Party, x: list[Any]) -> Steps[Any]:
        _, (moved,) = yield from permutation.shuffle(party, x)
        assert isinstance(moved, WordShare)
        return (yield from sorting.sort(party, moved, width))

    monkeypatch.setattr(sorting, "open_bits", watching)
    value = Value(0, "words", 1, len(keys))
    plain = np.array([keys], np.uint64)
    zero = np.zeros_like(plain)
    run_alone(with_coins(coins), protocol, held([value], [[plain, zero, zero]]))
    return tuple(opened)


@pytest.mark.parametrize("watcher", range(3))
@pytest.mark.parametrize(("n", "small"), [(4, 8), (5, 3)])
def test_opened_comparisons_are_those_of_a_uniform_order(
    n: int, small: int, watcher: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a party that knows two of the three permutations and every key: over the third, all orders come equally often.

    Both ways of the sort are run: all pairs at once, and pivots. Keys carry their position in the low three bits.
    """
    monkeypatch.setattr(sorting, "SMALL", small)
    monkeypatch.setattr(sorting, "_cheap", lambda _: 0)
    generator = np.random.default_rng(watcher)
    outcomes = math.factorial(n)
    known = [int(number) for number in generator.integers(0, outcomes, 3)]
    seen = []
    for keys in ([7] * n, list(range(n)), [2, 0, 2, 1, 0][:n]):
        distinct = [key << 3 | position for position, key in enumerate(keys)]
        views: Counter[Any] = Counter()
        for number in range(outcomes):
            numbers = [number if key == (watcher + 2) % 3 else known[key] for key in range(3)]
            views[_sort_opened(distinct, 6, [{"permutations": (chosen,)} for chosen in numbers], monkeypatch)] += 1
        seen.append(views)
    assert seen[0] == seen[1] == seen[2]
    # Distinct orders are told apart: what is opened is the order, no more and no less.
    assert len(seen[0]) == outcomes and set(seen[0].values()) == {1}


def test_ties_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the secret index the opened bits depend on how many keys are equal."""
    views = []
    for keys in ([7, 7, 7], [1, 2, 3]):
        found: Counter[Any] = Counter()
        for number in range(6):
            found[_sort_opened(keys, 3, [{"permutations": (chosen,)} for chosen in (number, 0, 0)], monkeypatch)] += 1
        views.append(found)
    assert views[0] != views[1]
