"""How the values of a program come about, plane by plane: digests, the inputs they are made of, the sort they follow from.

Bits travel packed into words with others, and which ones differs between programs. So bits and words are followed plane by
plane (bit p of a word is plane p), through everything that treats planes alike; all other operations are followed as a whole.

Two values with one digest are the same secret, wherever the programs put them. What stands in the order of a sort has the
digest of its sorted planes in it: it is the same only under one and the same arrangement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from secureframe.mpc.program import Instruction, Program, Value

OTHER, CONSTANT = -1, -2
"""In place of the number of an arrangement: made of several things, or of public constants alone."""

ALIKE = frozenset({"shift", "cut", "reorder", "restore", "invert", "shuffle", "unshuffle", "shuffle_again", "group_totals"})
"""Operations that do the same to every plane of one argument."""
PAIRED = frozenset({"xor", "and", "mask_words"})
"""Operations that join two planes at one place; a single plane on one side meets every one of the other."""


ARRANGING = frozenset({"sort", "equal_keys"})
"""Operations that open something of shuffled rows by which they are brought together: an order, or groups."""


class Trace(NamedTuple):
    """How one plane (or a whole value of ring elements) comes about.

    Parameters
    ----------
    digest : bytes
        Of the operations and inputs; empty where an input has no identity.
    inputs : int
        The inputs that it is made of: bit i stands for the program's i-th input.
    home : int
        The arrangement that it follows from, and from nothing else but constants; or ``OTHER``, or ``CONSTANT``.
    """

    digest: bytes
    inputs: int
    home: int


@dataclass(slots=True)
class Arrangement:
    """A shuffle that serves a sort, or tags: what is sorted by, or tagged, and the inputs of that."""

    shuffle: Instruction
    sort: Instruction
    at: int
    digest: bytes = b""
    inputs: int = 0

    @property
    def handle(self) -> Value:
        return self.shuffle.results[0]

    @property
    def order(self) -> Value:
        return self.sort.results[0]


def hashed(*parts: bytes | str) -> bytes:
    """Return a digest of 16 bytes; empty if any part is."""
    if not all(parts):
        return b""
    made = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8") if isinstance(part, str) else part
        made.update(len(raw).to_bytes(4, "little") + raw)
    return made.digest()


class Provenance:
    """Traces of all values of a program.

    Parameters
    ----------
    program
        As it is compiled.
    identities
        Digest of every input by the number of its value; an input that has none is the same as no other.
    """

    def __init__(self, program: Program, identities: Mapping[int, str]) -> None:
        self.made = {r.number: (item, at) for item in program.instructions for at, r in enumerate(item.results)}
        self.arrangements = self._arrangements(program)
        self._of_handle = {a.handle.number: number for number, a in enumerate(self.arrangements)}
        self._traces: dict[int, list[Trace]] = {}
        for place, spec in enumerate(program.inputs):
            identity = identities.get(spec.value.number, "")
            self._traces[spec.value.number] = [
                Trace(hashed("input", identity, f"{spec.value[1:]} {p}"), 1 << place, OTHER) for p in range(planes(spec.value))
            ]
        last = max((program.stages.index(a.sort.stage) for a in self.arrangements), default=-1)
        followed = set(program.stages[: last + 1])
        for item in program.instructions:
            if item.stage in followed:
                self._follow(item)
            else:
                self._traces.update((r.number, [_UNKNOWN]) for r in item.results)

    def _arrangements(self, program: Program) -> list[Arrangement]:
        found = []
        for item in program.instructions:
            if item.operation in ARRANGING:
                shuffle, at = self.made[item.arguments[0].number]
                found.append(Arrangement(shuffle, item, at - 1))
        return found

    def of(self, value: Value) -> list[Trace]:
        """Return the traces of a value's planes; of a value that has none the one of the whole."""
        return self._traces[value.number]

    def home(self, value: Value) -> int:
        """Return the arrangement that all of a value follows from, or ``OTHER``, or ``CONSTANT``."""
        return _joined_home(self.of(value))

    def digest(self, value: Value) -> str:
        """Return the digest of a value, in hexadecimal; empty if any of it has none."""
        return hashed(f"{value[1:]}", *(t.digest for t in self.of(value))).hex()

    # -- operation by operation ------------------------------------------------------------------------------------------

    def _follow(self, item: Instruction) -> None:
        if item.operation == "shuffle":
            self._shuffled(item)
            return
        if item.operation == "unshuffle":
            self._given_back(item)
            return
        (result,) = item.results if len(item.results) == 1 else (None,)
        if result is None:
            raise ValueError(f"{item.operation} has more than one result")
        traces = self._along(item, result)
        if traces is None:
            traces = self._whole(item, result)
        here = {n for n in {t.home for t in traces} if n >= 0 and self.arrangements[n].sort.stage != item.stage}
        self._traces[result.number] = [t._replace(home=OTHER) if t.home in here else t for t in traces] if here else traces

    def _shuffled(self, item: Instruction) -> None:
        number = self._of_handle.get(item.results[0].number)
        keyed = b""
        if number is not None:
            a = self.arrangements[number]
            sorted_by = self.of(item.arguments[a.at])[: a.sort.attributes["width"]]
            shape = f"{a.sort.operation} {a.handle.n} {len(sorted_by)}"
            keyed = a.digest = hashed("arranged", shape, *(t.digest for t in sorted_by))
            for trace in sorted_by:
                a.inputs |= trace.inputs
        home = OTHER if number is None else number
        self._traces[item.results[0].number] = [Trace(hashed("handle", keyed), 0, OTHER)]
        for result, argument in zip(item.results[1:], item.arguments, strict=True):
            self._traces[result.number] = [Trace(hashed("moved", keyed, t.digest), t.inputs, home) for t in self.of(argument)]

    def _given_back(self, item: Instruction) -> None:
        number = self._of_handle.get(item.arguments[0].number, OTHER)
        handle = self.of(item.arguments[0])[0].digest
        for result, argument in zip(item.results, item.arguments[1:], strict=True):
            self._traces[result.number] = [
                Trace(hashed("back", handle, t.digest), t.inputs, t.home if t.home in (number, CONSTANT) else OTHER)
                for t in self.of(argument)
            ]

    def _along(self, item: Instruction, result: Value) -> list[Trace] | None:
        """The traces where planes stay apart; None for an operation that mixes them."""
        arguments = item.arguments
        if result.kind not in ("bits", "words"):
            return None
        nothing = Trace(hashed("zero", str(result.n)), 0, CONSTANT)
        if item.operation == "zeros":
            # One is like another, so that a column is the same among whatever other ones.
            return [nothing] * planes(result)
        if not arguments:
            return None
        match item.operation:
            case "rows":
                return [t for argument in arguments for t in self.of(argument)]
            case "pick_rows":
                per = planes(result) // result.rows
                own = self.of(arguments[0])
                return [own[index * per + p] for index in item.attributes["index"] for p in range(per)]
            case "pack":
                return (self.of(arguments[0]) + [nothing] * planes(result))[: planes(result)]
            case "unpack":
                return self.of(arguments[0])[: result.rows]
            case "concat":
                return [self._mixed(item, result, list(parts)) for parts in zip(*map(self.of, arguments), strict=True)]
            case operation if operation in ALIKE or operation in PAIRED:
                columns = [self.of(a) for a in arguments]
                count = planes(result)
                if any(len(c) not in (1, count) for c in columns):
                    return None
                wide = [c if len(c) == count else c * count for c in columns]
                return [self._mixed(item, result, list(parts)) for parts in zip(*wide, strict=True)]
            case _:
                return None

    def _whole(self, item: Instruction, result: Value) -> list[Trace]:
        every = [t for argument in item.arguments for t in self.of(argument)]
        if item.operation in ARRANGING:
            number = next(n for n, a in enumerate(self.arrangements) if a.sort is item)
            return [Trace(hashed("order", self.arrangements[number].digest), 0, number)]
        mixed = self._mixed(item, result, every)
        return [mixed._replace(digest=hashed(mixed.digest, f"plane {p}")) for p in range(planes(result))]

    @staticmethod
    def _mixed(item: Instruction, result: Value, parts: list[Trace]) -> Trace:
        # An order has no digest of its own rows: it says which arrangement the rest stands in.
        inputs = 0
        for trace in parts:
            inputs |= trace.inputs
        shape = f"{result.kind} {result.n} {result.limbs} {len(parts)}"
        digest = hashed(item.operation, shape, repr(sorted(item.attributes.items())) or "-", *(t.digest for t in parts))
        return Trace(digest, inputs, _joined_home(parts))


_UNKNOWN = Trace(b"", 0, OTHER)


def planes(value: Value) -> int:
    """How many planes a value is followed by: its own, 64 a word, one for everything that has none."""
    return value.rows if value.kind == "bits" else 64 * value.rows if value.kind == "words" else 1


def _joined_home(traces: list[Trace]) -> int:
    homes = {t.home for t in traces} - {CONSTANT}
    if not homes:
        return CONSTANT
    return homes.pop() if len(homes) == 1 else OTHER
