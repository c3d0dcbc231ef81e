"""A program without the planes that nobody needs: what moves is as narrow as what is asked of it.

A program that starts from what was kept needs little of what the one it comes from packed into words: one column, say, of keys,
flags and columns. Here every value of bits or words becomes one of its live planes alone, in their old order, so that words
are packed anew and take the fewest bytes that hold them (``sharing.word_type``). What is computed of them stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from secureframe.mpc.program import Instruction, Value
from secureframe.mpc.provenance import ALIKE, PAIRED, planes

BESIDE = frozenset({"rows", "pick_rows", "concat"})
"""Operations that put planes of bits side by side, choose among them, or join them element by element."""


def apart(item: Instruction) -> bool:
    """Return whether an operation keeps planes apart, so that some of its result need no more than some of its arguments."""
    (result,) = item.results
    if result.kind == "words":
        return item.operation == "pack" or (item.operation in ALIKE and item.arguments[-1].kind == "words")
    if result.kind != "bits":
        return False
    if item.operation in PAIRED:
        return all(planes(a) in (1, result.rows) for a in item.arguments)
    return item.operation in BESIDE | ALIKE or item.operation in ("unpack", "zeros")


class Narrowing:
    """Rewrites instructions in their order.

    Parameters
    ----------
    live : mapping
        For the number of every value the planes that are needed of it, as a mask; all of them where an operation that mixes
        planes takes it.
    fresh : callable
        Returns a value like one that is given, under a number that no other one has.
    """

    def __init__(self, live: Mapping[int, int], fresh: Callable[[Value], Value]) -> None:
        self._live, self._fresh = live, fresh
        self._held: dict[int, tuple[Value, tuple[int, ...]]] = {}
        self._out: list[Instruction] = []

    def narrowed(self, instructions: Sequence[Instruction]) -> tuple[Instruction, ...]:
        """Return the instructions over narrower values; values of which every plane is live keep their numbers."""
        for item in instructions:
            if item.operation in ("shuffle_again", "unshuffle"):
                moved = [self._holding(a) for a in item.arguments[1:]]
                results = [self._like(r, value, at) for r, (value, at) in zip(item.results, moved, strict=True)]
                arguments = (item.arguments[0], *(value for value, _ in moved))
                self._out.append(replace(item, arguments=arguments, results=tuple(results)))
            elif len(item.results) == 1 and apart(item):
                self._apart(item)
            else:
                self._out.append(item)
        return tuple(self._out)

    def _wanted(self, value: Value) -> tuple[int, ...]:
        mask = self._live[value.number]
        return tuple(p for p in range(planes(value)) if mask >> p & 1)

    def _holding(self, value: Value) -> tuple[Value, tuple[int, ...]]:
        """A value as it is now, and which of its planes that is."""
        return self._held.get(value.number, (value, tuple(range(planes(value)))))

    def _like(self, result: Value, value: Value, at: tuple[int, ...]) -> Value:
        """A result that holds the planes of an argument."""
        if len(at) == planes(result):
            return result
        narrow = self._fresh(result)._replace(rows=value.rows, bits=value.bits)
        self._held[result.number] = narrow, at
        return narrow

    def _chosen(self, item: Instruction, value: Value, wanted: tuple[int, ...]) -> Value:
        """Some planes of a value of bits."""
        held, at = self._holding(value)
        if wanted == at:
            return held
        index = tuple(at.index(p) for p in wanted)
        chosen = self._fresh(value)._replace(rows=len(wanted))
        self._out.append(replace(item, operation="pick_rows", arguments=(held,), results=(chosen,), attributes={"index": index}))
        return chosen

    def _apart(self, item: Instruction) -> None:
        (result,) = item.results
        wanted, attributes = self._wanted(result), item.attributes
        arguments: list[Value] = []
        match item.operation:
            case "zeros":
                pass
            case "rows":
                start = 0
                for argument in item.arguments:
                    own = tuple(p - start for p in wanted if start <= p < start + argument.rows)
                    start += argument.rows
                    if own:
                        arguments.append(self._chosen(item, argument, own))
            case "pick_rows":
                held, at = self._holding(item.arguments[0])
                arguments = [held]
                attributes = {"index": tuple(at.index(item.attributes["index"][p]) for p in wanted)}
            case "pack":
                arguments, wanted = self._packed(item, wanted)
            case "unpack":
                held, at = self._holding(item.arguments[0])
                arguments, wanted = [held], tuple(p for p in at if p < result.rows)
            case "concat":
                arguments = [self._chosen(item, a, wanted) for a in item.arguments]
            case operation if operation in PAIRED:
                arguments = [a if a.rows == 1 else self._chosen(item, a, wanted) for a in item.arguments]
            case _:
                held, wanted = self._holding(item.arguments[-1])
                arguments = [*item.arguments[:-1], held]
        results = (self._result(result, wanted),)
        self._out.append(replace(item, arguments=tuple(arguments), results=results, attributes=attributes))

    def _packed(self, item: Instruction, wanted: tuple[int, ...]) -> tuple[list[Value], tuple[int, ...]]:
        """What is packed, and which planes it is of the words; beyond the planes that there are, words are zero."""
        (argument,), (result,) = item.arguments, item.results
        there = tuple(p for p in wanted if p < argument.rows)
        if len(there) == argument.rows:
            return [argument], tuple(range(planes(result)))
        parts = [self._chosen(item, argument, there)] if there else []
        if len(there) < len(wanted):
            parts.append(self._fresh(argument)._replace(rows=len(wanted) - len(there)))
            self._out.append(replace(item, operation="zeros", arguments=(), results=(parts[-1],)))
        if len(parts) == 1:
            return parts, wanted
        joined = self._fresh(argument)._replace(rows=len(wanted))
        self._out.append(replace(item, operation="rows", arguments=tuple(parts), results=(joined,)))
        return [joined], wanted

    def _result(self, result: Value, wanted: tuple[int, ...]) -> Value:
        if len(wanted) == planes(result):
            return result
        rows, bits = len(wanted), result.bits
        if result.kind == "words":
            rows, bits = -(-len(wanted) // 64), min(len(wanted), 64)
        narrow = self._fresh(result)._replace(rows=rows, bits=bits)
        self._held[result.number] = narrow, wanted
        return narrow
