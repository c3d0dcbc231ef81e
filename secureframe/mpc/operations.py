"""The table of interactive instructions: for each, the protocol that runs it and the traffic that it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from secureframe.mpc import arithmetic, boolean, comparison, conversion, permutation, sorting, tags
from secureframe.mpc.local import LOCAL
from secureframe.mpc.party import Party
from secureframe.mpc.program import Instruction
from secureframe.mpc.rounds import Steps
from secureframe.mpc.sharing import word_count
from secureframe.mpc.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """``run`` returns a generator whose result is one share, or a list of shares, in the order of the results.

    Where ``cost`` is an estimate, ``bound`` has as many rounds as there may be.
    """

    run: Callable[[Party, Sequence[Any], Instruction], Steps[Any]]
    cost: Callable[[Instruction], list[Traffic]]
    bound: Callable[[Instruction], list[Traffic]] | None = None


class UnknownOperation(ValueError):
    """An instruction that no protocol runs: a defect of the compiler, never of the data."""


def _component_cost(instruction: Instruction) -> list[Traffic]:
    return arithmetic.reshare_cost(word_count(instruction.results[0]))


def _refresh(party: Party, shares: Sequence[Any], instruction: Instruction) -> Steps[Any]:
    if instruction.results[0].kind == "bits":
        return boolean.refresh_bits(party, shares[0])
    return arithmetic.refresh(party, shares[0])


def _shuffle(party: Party, shares: Sequence[Any], _: Instruction) -> Steps[Any]:
    handle, moved = yield from permutation.shuffle(party, shares)
    return [handle, *moved]


def _moved_words(instruction: Instruction) -> int:
    return sum(word_count(value) for value in instruction.arguments if value.kind != "shuffle")


INTERACTIVE: dict[str, Protocol] = {
    "multiply": Protocol(run=lambda party, s, _: arithmetic.multiply(party, s[0], s[1]), cost=_component_cost),
    "inner": Protocol(run=lambda party, s, _: arithmetic.inner(party, s[0], s[1]), cost=_component_cost),
    "refresh": Protocol(run=_refresh, cost=_component_cost),
    "and": Protocol(run=lambda party, s, _: boolean.conjunction(party, s[0], s[1]), cost=_component_cost),
    "mask_words": Protocol(run=lambda party, s, _: boolean.mask_words(party, s[0], s[1]), cost=_component_cost),
    "all_planes": Protocol(
        run=lambda party, s, _: boolean.all_planes(party, s[0]),
        cost=lambda i: boolean.all_planes_cost(i.arguments[0].rows, i.arguments[0].n),
    ),
    "to_bits": Protocol(
        run=lambda party, s, i: conversion.to_bits(party, s[0], i.results[0].rows),
        cost=lambda i: conversion.to_bits_cost(i.results[0].rows, i.results[0].n),
    ),
    "to_arith": Protocol(
        run=lambda party, s, i: conversion.to_arith(party, s[0], i.results[0].limbs),
        cost=lambda i: conversion.to_arith_cost(i.results[0].rows, i.results[0].n, i.results[0].limbs),
    ),
    "count_bits": Protocol(
        run=lambda party, s, _: conversion.count_bits(party, s[0]),
        cost=lambda i: conversion.count_bits_cost(i.arguments[0].rows, i.arguments[0].n),
    ),
    "is_negative": Protocol(
        run=lambda party, s, i: comparison.is_negative(party, s[0], i.attributes["width"]),
        cost=lambda i: comparison.is_negative_cost(i.attributes["width"], i.results[0].n),
    ),
    "is_zero": Protocol(
        run=lambda party, s, i: comparison.is_zero(party, s[0], i.attributes["width"]),
        cost=lambda i: comparison.is_zero_cost(i.attributes["width"], i.results[0].n),
    ),
    "shuffle": Protocol(run=_shuffle, cost=lambda i: permutation.shuffle_cost(_moved_words(i))),
    "shuffle_again": Protocol(
        run=lambda party, s, _: permutation.shuffle_again(party, s[0], s[1:]),
        cost=lambda i: permutation.shuffle_cost(_moved_words(i)),
    ),
    "unshuffle": Protocol(
        run=lambda party, s, _: permutation.unshuffle(party, s[0], s[1:]),
        cost=lambda i: permutation.unshuffle_cost(_moved_words(i)),
    ),
    "sort": Protocol(
        run=lambda party, s, i: sorting.sort(party, s[0], i.attributes["width"]),
        cost=lambda i: sorting.sort_cost(i.arguments[0].n, i.attributes["width"]),
        bound=lambda i: sorting.sort_bound(i.arguments[0].n, i.attributes["width"]),
    ),
    "equal_keys": Protocol(
        run=lambda party, s, i: tags.equal_keys(party, s[0], i.attributes["width"]),
        cost=lambda i: tags.equal_keys_cost(i.arguments[0].n),
    ),
}


def is_local(instruction: Instruction) -> bool:
    """Return whether an instruction costs no communication.

    Raises
    ------
    UnknownOperation
        If nothing here runs it.
    """
    if instruction.operation in LOCAL:
        return True
    if instruction.operation in INTERACTIVE:
        return False
    raise UnknownOperation(f"no protocol for the operation {instruction.operation!r}")
