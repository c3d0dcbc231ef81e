"""Programs: typed instructions over secret values, and the builder that emits them.

A program is straight-line code in single-assignment form. It says *what* is computed on secret values and carries
no idea of how many parties there are or how they share: that belongs to the engine, which executes the same
program at every party. Shapes are public, so rounds and bytes follow from the program alone (see ``cost.py``).

Three layouts of a secret value:

``arith``
    ``rows x n`` ring elements modulo ``2**(64 * limbs)``; negative numbers in two's complement.
``bits``
    ``rows`` bit planes of ``n`` elements each; plane b holds bit b (little endian) of 64 consecutive elements a word.
``words``
    ``n`` elements of ``rows`` 64-bit words each, shared by exclusive or: what moves through a shuffle. An element of one word of
    which only the low ``bits`` carry anything takes one, two or four bytes where these are enough.

Three further kinds exist only inside the engine: ``shuffle`` (a secret permutation, each third of it known to two
parties), ``order`` (a permutation of already shuffled elements, public among the parties) and ``groups`` (for each of already
shuffled elements the first one with its key, public among the parties).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["arith", "bits", "words", "shuffle", "order", "groups"]


TAG_BITS = 96
"""Bits of the tags that ``equal_keys`` opens, and most bits of a key there."""


class Value(NamedTuple):
    """A secret value of a program: its number and its public shape; ``bits`` says something of words alone.

    A tuple, because a program has thousands.
    """

    number: int
    kind: Kind
    rows: int
    n: int
    limbs: int = 1
    bits: int = 64

    @property
    def elements(self) -> int:
        return self.rows * self.n


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One typed instruction; ``attributes`` hold public constants only."""

    operation: str
    arguments: tuple[Value, ...]
    results: tuple[Value, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """A value that one data owner knows in the clear and deals to the parties."""

    owner: str
    label: str
    value: Value


class Kept(NamedTuple):
    """A value that outlives a job at the parties: what it is (a digest), the arrangement it belongs to, and the job that made it.

    ``origin`` is empty where it is the job that keeps the value.
    """

    digest: str
    group: str
    origin: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Straight-line code: inputs in order of dealing, instructions in order of emission, released values.

    ``recalled`` values are there from an earlier job, ``kept`` ones stay at the parties for later jobs; see ``keeping.py``.
    """

    inputs: tuple[InputSpec, ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[Value, ...]
    stages: tuple[str, ...]
    recalled: tuple[Kept, ...] = ()
    kept: tuple[Kept, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel inside an institution as flat tuples: several times faster than object by object."""
        made = [r for i in self.instructions for r in i.results]
        given = (*(spec.value for spec in self.inputs), *(k.value for k in self.recalled))
        values = [tuple(v) for v in (*given, *made)]
        return _unpacked, (
            values,
            [(spec.owner, spec.label, spec.value.number) for spec in self.inputs],
            [
                (i.operation, [a.number for a in i.arguments], [r.number for r in i.results], i.attributes, i.stage)
                for i in self.instructions
            ],
            [v.number for v in self.outputs],
            self.stages,
            [(*k[:3], k.value.number) for k in self.recalled],
            [(*k[:3], k.value.number) for k in self.kept],
        )


def _unpacked(
    values: list[tuple[int, Kind, int, int, int, int]],
    inputs: list[tuple[str, str, int]],
    instructions: list[tuple[str, list[int], list[int], dict[str, Any], str]],
    outputs: list[int],
    stages: tuple[str, ...],
    recalled: list[tuple[str, str, str, int]],
    kept: list[tuple[str, str, str, int]],
) -> Program:
    known = {fields[0]: Value(*fields) for fields in values}
    return Program(
        inputs=tuple(InputSpec(owner=owner, label=label, value=known[number]) for owner, label, number in inputs),
        instructions=tuple(
            Instruction(
                operation=operation,
                arguments=tuple([known[n] for n in arguments]),
                results=tuple([known[n] for n in results]),
                attributes=attributes,
                stage=stage,
            )
            for operation, arguments, results, attributes, stage in instructions
        ),
        outputs=tuple(known[number] for number in outputs),
        stages=stages,
        recalled=tuple(Kept(digest, group, origin, known[number]) for digest, group, origin, number in recalled),
        kept=tuple(Kept(digest, group, origin, known[number]) for digest, group, origin, number in kept),
    )


class ProgramError(ValueError):
    """An instruction whose shapes do not fit: a defect of the compiler, never of the data."""


def bit_length(lo: int, hi: int) -> int:
    """Return the width of a two's complement integer that holds every value in ``lo .. hi`` (sign bit included)."""
    return max(lo.bit_length() if lo >= 0 else (-lo - 1).bit_length(), hi.bit_length() if hi >= 0 else (-hi - 1).bit_length()) + 1


def limbs_for(width: int) -> int:
    """Return how many 64-bit limbs hold a two's complement integer of ``width`` bits (sign bit included)."""
    return max(1, math.ceil(width / 64))


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise ProgramError(text)


class Builder:
    """Emits typed instructions; every method checks the shapes of its arguments and returns the result's handle.

    Methods marked *local* cost no communication. The others name their rounds; bytes are those of the protocol that
    the engine runs for them (``cost.py``).
    """

    def __init__(self, stages: Sequence[str] = ()) -> None:
        """``stages`` fixes the order of stages that are used later in any order; unused ones are left out."""
        self._next = 0
        self._inputs: list[InputSpec] = []
        self._instructions: list[Instruction] = []
        self._outputs: list[Value] = []
        self._stages: list[str] = ["share", *stages]
        self._stage = "share"
        self._undone: set[int] = set()
        self._shuffled: dict[int, int] = {}

    # -- structure ---------------------------------------------------------------------------------------------

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Emit the instructions inside under stage ``name``. Stages run one after the other, in order of first use."""
        before = self._stage
        if name not in self._stages:
            self._stages.append(name)
        self._stage = name
        yield
        self._stage = before

    def program(self) -> Program:
        return Program(
            inputs=tuple(self._inputs),
            instructions=tuple(self._instructions),
            outputs=tuple(self._outputs),
            stages=tuple(s for s in self._stages if s == "share" or s in {i.stage for i in self._instructions}),
        )

    def _value(self, kind: Kind, rows: int, n: int, limbs: int = 1, bits: int = 64) -> Value:
        if rows < 1 or n < 1 or limbs < 1:
            raise ProgramError(f"empty {kind} value")
        value = Value(self._next, kind, rows, n, limbs, bits)
        self._next += 1
        return value

    def _emit(self, operation: str, arguments: Sequence[Value], result: Value, **attributes: Any) -> Value:
        self._instructions.append(
            Instruction(
                operation=operation,
                arguments=tuple(arguments),
                results=(result,),
                attributes=attributes,
                stage=self._stage,
            )
        )
        return result

    def input(self, owner: str, label: str, kind: Kind, rows: int, n: int, limbs: int = 1) -> Value:
        """A value dealt by ``owner`` at the start of the job."""
        value = self._value(kind, rows, n, limbs)
        self._inputs.append(InputSpec(owner=owner, label=label, value=value))
        return value

    def output(self, value: Value) -> None:
        """Mark a value as leaving the program, still shared. Called by ``disclosure`` alone."""
        _require(value.kind in ("arith", "bits"), "only arith and bits leave a program")
        self._outputs.append(value)

    # -- public constants (local) ------------------------------------------------------------------------------

    def constant(self, values: Sequence[int], *, rows: int = 1, limbs: int = 1) -> Value:
        """*Local.* A public constant as a trivially shared ``arith`` value of ``rows x len(values)/rows``."""
        _require(len(values) % rows == 0, "constants do not fill the rows")
        result = self._value("arith", rows, len(values) // rows, limbs)
        return self._emit("constant", (), result, values=tuple(values))

    def constant_bits(self, planes: Sequence[Sequence[bool]]) -> Value:
        """*Local.* Public bit planes as a trivially shared ``bits`` value."""
        _require(len({len(p) for p in planes}) == 1, "planes differ in length")
        result = self._value("bits", len(planes), len(planes[0]))
        return self._emit("constant_bits", (), result, planes=tuple(tuple(bool(x) for x in p) for p in planes))

    def zeros(self, kind: Kind, rows: int, n: int, limbs: int = 1) -> Value:
        """*Local.* Public zeros: what pads a column, whatever its length."""
        _require(kind in ("arith", "bits", "words"), "arith, bits or words expected")
        return self._emit("zeros", (), self._value(kind, rows, n, limbs))

    def ones_bits(self, rows: int, n: int) -> Value:
        """*Local.* Public bit planes of ones."""
        return self.invert(self.zeros("bits", rows, n))

    def positions(self, n: int, width: int) -> Value:
        """*Local.* The positions ``0 .. n - 1`` as ``width`` bit planes: the index that makes the keys of a sort distinct."""
        _require(n <= 1 << width and width <= 64, "positions do not fit the width")
        return self._emit("positions", (), self._value("bits", width, n))

    def positions_where(self, x: Value, width: int) -> Value:
        """*Local.* The positions as ``width`` bit planes in elements whose bit is 1, zeros in the others."""
        _require(x.kind == "bits" and x.rows == 1 and x.n <= 1 << width, "one plane, and positions that fit the width")
        return self._emit("positions_where", (x,), self._value("bits", width, x.n))

    # -- arith, local ------------------------------------------------------------------------------------------

    def _same(self, x: Value, y: Value, kind: Kind) -> tuple[int, int]:
        """Shape of an elementwise operation; a side of one row is repeated for every row of the other."""
        # The text is made only where it is needed: a program has thousands of these.
        if x.kind != kind or y.kind != kind or x.limbs != y.limbs:
            raise ProgramError(f"{kind} expected, same limbs: {x} {y}")
        if x.n != y.n or (x.rows != y.rows and 1 not in (x.rows, y.rows)):
            raise ProgramError(f"shapes differ: {x} {y}")
        return max(x.rows, y.rows), x.n

    def add(self, x: Value, y: Value) -> Value:
        """*Local.* x + y."""
        rows, n = self._same(x, y, "arith")
        return self._emit("add", (x, y), self._value("arith", rows, n, x.limbs))

    def subtract(self, x: Value, y: Value) -> Value:
        """*Local.* x - y."""
        rows, n = self._same(x, y, "arith")
        return self._emit("subtract", (x, y), self._value("arith", rows, n, x.limbs))

    def add_public(self, x: Value, constants: Sequence[int]) -> Value:
        """*Local.* x + c, with one constant for all elements or one for each (row-major)."""
        _require(x.kind == "arith" and len(constants) in (1, x.elements), "one constant, or one an element")
        return self._emit("add_public", (x,), self._value("arith", x.rows, x.n, x.limbs), constants=tuple(constants))

    def multiply_public(self, x: Value, constants: Sequence[int]) -> Value:
        """*Local.* x * c, with one constant for all elements or one for each (row-major)."""
        _require(x.kind == "arith" and len(constants) in (1, x.elements), "one constant, or one an element")
        return self._emit("multiply_public", (x,), self._value("arith", x.rows, x.n, x.limbs), constants=tuple(constants))

    def sum(self, x: Value) -> Value:
        """*Local.* Sum of each row: ``(rows, n) -> (1, rows)``."""
        _require(x.kind == "arith", "arith expected")
        return self._emit("sum", (x,), self._value("arith", 1, x.rows, x.limbs))

    def prefix_sum(self, x: Value) -> Value:
        """*Local.* Inclusive running sum along each row."""
        _require(x.kind == "arith", "arith expected")
        return self._emit("prefix_sum", (x,), self._value("arith", x.rows, x.n, x.limbs))

    def combine(self, x: Value, weights: Sequence[int]) -> Value:
        """*Local.* Weighted sum of the rows by public weights: ``(rows, n) -> (1, n)``."""
        _require(x.kind == "arith" and len(weights) == x.rows, "one weight a row")
        return self._emit("combine", (x,), self._value("arith", 1, x.n, x.limbs), weights=tuple(weights))

    def reshape(self, x: Value, rows: int) -> Value:
        """*Local.* The same elements (row-major) in ``rows`` rows; arith, or the few bits of cells."""
        _require(x.kind in ("arith", "bits") and x.elements % rows == 0, "elements do not fill the rows")
        return self._emit("reshape", (x,), self._value(x.kind, rows, x.elements // rows, x.limbs))

    def take(self, x: Value, index: Sequence[int], *, rows: int = 1) -> Value:
        """*Local.* Elements at public flat (row-major) positions, repetitions allowed, laid out in ``rows`` rows.

        For ``arith`` only; meant for the few values of cells, not for columns.
        """
        _require(x.kind == "arith" and len(index) % rows == 0, "positions do not fill the rows")
        _require(all(0 <= i < x.elements for i in index), "position out of range")
        return self._emit("take", (x,), self._value("arith", rows, len(index) // rows, x.limbs), index=tuple(index))

    def concat(self, values: Sequence[Value]) -> Value:
        """*Local.* Arith values of one row each, or words of one width, or bits of one width: joined along n."""
        first = values[0]
        _require(all((v.kind, v.rows, v.limbs) == (first.kind, first.rows, first.limbs) for v in values), "unlike values")
        total, bits = sum(v.n for v in values), max(v.bits for v in values)
        return self._emit("concat", values, self._value(first.kind, first.rows, total, first.limbs, bits))

    def rows(self, values: Sequence[Value]) -> Value:
        """*Local.* Values of one n stacked: rows of arith, planes of bits or words an element."""
        first = values[0]
        _require(all((v.kind, v.n, v.limbs) == (first.kind, first.n, first.limbs) for v in values), "unlike values")
        total = sum(v.rows for v in values)
        return self._emit("rows", values, self._value(first.kind, total, first.n, first.limbs))

    def pick_rows(self, x: Value, index: Sequence[int]) -> Value:
        """*Local.* Rows (arith), planes (bits) or words at public positions, repetitions allowed."""
        _require(all(0 <= i < x.rows for i in index), "row out of range")
        return self._emit("pick_rows", (x,), self._value(x.kind, len(index), x.n, x.limbs), index=tuple(index))

    def cut(self, x: Value, start: int, stop: int) -> Value:
        """*Local.* Elements ``start .. stop - 1`` along n of every row."""
        _require(0 <= start < stop <= x.n, "slice out of range")
        return self._emit("cut", (x,), self._value(x.kind, x.rows, stop - start, x.limbs, x.bits), start=start, stop=stop)

    def narrow(self, x: Value, limbs: int) -> Value:
        """*Local.* The low limbs of a ring element: its value modulo ``2**(64 * limbs)``."""
        _require(x.kind == "arith" and limbs <= x.limbs, "narrow only drops limbs")
        return self._emit("narrow", (x,), self._value("arith", x.rows, x.n, limbs))

    # -- bits and words, local -----------------------------------------------------------------------------------

    def xor(self, x: Value, y: Value) -> Value:
        """*Local.* Exclusive or of bits or of words; a side of one plane (or word) is repeated for every one of the other."""
        _require(x.kind in ("bits", "words"), "bits or words expected")
        rows, n = self._same(x, y, x.kind)
        return self._emit("xor", (x, y), self._value(x.kind, rows, n, bits=max(x.bits, y.bits)))

    def invert(self, x: Value) -> Value:
        """*Local.* Complement of every bit."""
        _require(x.kind == "bits", "bits expected")
        return self._emit("invert", (x,), self._value("bits", x.rows, x.n))

    def take_bits(self, x: Value, index: Sequence[int]) -> Value:
        """*Local.* Elements along n at public positions, repetitions allowed; meant for the few values of cells."""
        _require(x.kind == "bits" and all(0 <= i < x.n for i in index), "position out of range")
        return self._emit("take_bits", (x,), self._value("bits", x.rows, len(index)), index=tuple(index))

    def transpose_bits(self, x: Value) -> Value:
        """*Local.* Planes become elements and elements planes: ``(rows, n) -> (n, rows)``; for the few values of cells."""
        _require(x.kind == "bits", "bits expected")
        return self._emit("transpose_bits", (x,), self._value("bits", x.n, x.rows))

    def spread(self, x: Value, n: int) -> Value:
        """*Local.* One bit a plane repeated for n elements: ``(rows, 1) -> (rows, n)``."""
        _require(x.kind == "bits" and x.n == 1, "bits of one element expected")
        return self._emit("spread", (x,), self._value("bits", x.rows, n))

    def pack(self, x: Value) -> Value:
        """*Local.* Bit planes to words of ``ceil(rows / 64)`` words an element (missing bits zero)."""
        _require(x.kind == "bits", "bits expected")
        return self._emit("pack", (x,), self._value("words", math.ceil(x.rows / 64), x.n, bits=min(x.rows, 64)))

    def unpack(self, x: Value, width: int) -> Value:
        """*Local.* The low ``width`` bits of the words as bit planes."""
        _require(x.kind == "words" and width <= 64 * x.rows, "words expected, wide enough")
        return self._emit("unpack", (x,), self._value("bits", width, x.n))

    def shift(self, x: Value, by: int) -> Value:
        """*Local.* Elements moved ``by`` positions towards the end along n; zeros enter at the front."""
        _require(x.kind in ("arith", "words", "bits") and 1 <= by < x.n, "shift out of range")
        return self._emit("shift", (x,), self._value(x.kind, x.rows, x.n, x.limbs, x.bits), by=by)

    # -- interactive -----------------------------------------------------------------------------------------------

    def multiply(self, x: Value, y: Value) -> Value:
        """Products element by element; a side of one row is repeated. 1 round."""
        rows, n = self._same(x, y, "arith")
        return self._emit("multiply", (x, y), self._value("arith", rows, n, x.limbs))

    def inner(self, x: Value, y: Value) -> Value:
        """Inner products of all rows, ``x @ y.T``: ``(r, n), (c, n) -> (r, c)``. 1 round, one element an output."""
        _require(x.kind == y.kind == "arith" and x.n == y.n and x.limbs == y.limbs, f"shapes differ: {x} {y}")
        return self._emit("inner", (x, y), self._value("arith", x.rows, y.rows, x.limbs))

    def and_(self, x: Value, y: Value) -> Value:
        """Conjunction bit by bit; a side of one plane is repeated. 1 round."""
        rows, n = self._same(x, y, "bits")
        return self._emit("and", (x, y), self._value("bits", rows, n))

    def outer(self, x: Value, y: Value) -> Value:
        """Conjunctions of every plane of ``x`` with every plane of ``y``, those of one plane of ``x`` together. 1 round."""
        _require(x.kind == "bits" and y.kind == "bits" and x.n == y.n, "bits of one n expected")
        left = self.pick_rows(x, [i for i in range(x.rows) for _ in range(y.rows)])
        return self.and_(left, self.pick_rows(y, [j for _ in range(x.rows) for j in range(y.rows)]))

    def mask_words(self, x: Value, mask: Value) -> Value:
        """Words where the bit of ``mask`` (one plane) is 1, else zero. 1 round."""
        _require(x.kind == "words" and mask.kind == "bits" and mask.rows == 1 and mask.n == x.n, "words and one plane")
        return self._emit("mask_words", (x, mask), self._value("words", x.rows, x.n))

    def to_bits(self, x: Value, width: int) -> Value:
        """The low ``width`` bits of every element (row-major), two's complement: arith -> bits. 2 + log2 width rounds."""
        _require(x.kind == "arith" and 1 <= width <= 64 * x.limbs, "width beyond the ring")
        return self._emit("to_bits", (x,), self._value("bits", width, x.elements))

    def to_arith(self, x: Value, limbs: int = 1) -> Value:
        """Every bit as a ring element 0 or 1: ``bits (rows, n) -> arith (rows, n)``. 2 rounds."""
        _require(x.kind == "bits", "bits expected")
        return self._emit("to_arith", (x,), self._value("arith", x.rows, x.n, limbs))

    def count_bits(self, x: Value, limbs: int = 1) -> Value:
        """How many elements of each plane are 1: ``bits (rows, n) -> arith (1, rows)``. 2 rounds."""
        _require(x.kind == "bits", "bits expected")
        if limbs > 1:
            return self.sum(self.to_arith(x, limbs))
        return self._emit("count_bits", (x,), self._value("arith", 1, x.rows))

    def is_negative(self, x: Value, width: int) -> Value:
        """One plane: is the element, a two's complement integer of ``width`` bits, below zero? 2 + log2 width rounds."""
        _require(x.kind == "arith" and 1 <= width <= 64 * x.limbs, "width beyond the ring")
        return self._emit("is_negative", (x,), self._value("bits", 1, x.elements), width=width)

    def is_zero(self, x: Value, width: int) -> Value:
        """One plane: are the low ``width`` bits of the element zero? 1 + log2 width rounds."""
        _require(x.kind == "arith" and 1 <= width <= 64 * x.limbs, "width beyond the ring")
        return self._emit("is_zero", (x,), self._value("bits", 1, x.elements), width=width)

    def refresh(self, x: Value) -> Value:
        """The same secret value under a fresh, independent sharing (arith or bits). 1 round."""
        _require(x.kind in ("arith", "bits"), "arith or bits expected")
        return self._emit("refresh", (x,), self._value(x.kind, x.rows, x.n, x.limbs))

    def all_planes(self, x: Value) -> Value:
        """One plane: the conjunction of all planes of ``x``. log2 rows rounds."""
        _require(x.kind == "bits", "bits expected")
        return self._emit("all_planes", (x,), self._value("bits", 1, x.n))

    def any_plane(self, x: Value) -> Value:
        """One plane: the disjunction of all planes of ``x``. log2 rows rounds."""
        return self.invert(self.all_planes(self.invert(x)))

    def or_(self, x: Value, y: Value) -> Value:
        """Disjunction bit by bit. 1 round."""
        return self.invert(self.and_(self.invert(x), self.invert(y)))

    # -- permutations ------------------------------------------------------------------------------------------------

    def shuffle(self, values: Sequence[Value]) -> tuple[Value, tuple[Value, ...]]:
        """A fresh secret permutation, and the values (words and one-or-more-row arith of one n) permuted by it. 3 rounds."""
        n = values[0].n
        _require(all(v.kind in ("arith", "words") and v.n == n for v in values), "words and arith of one n")
        handle = self._value("shuffle", 1, n)
        results = tuple(self._value(v.kind, v.rows, v.n, v.limbs, v.bits) for v in values)
        self._instructions.append(
            Instruction(operation="shuffle", arguments=tuple(values), results=(handle, *results), stage=self._stage)
        )
        self._shuffled.update((result.number, handle.number) for result in results)
        return handle, results

    def unshuffle(self, handle: Value, values: Sequence[Value]) -> tuple[Value, ...]:
        """Values permuted back by the inverse of an earlier shuffle, which is used up by it. 3 rounds."""
        _require(handle.kind == "shuffle" and handle.number not in self._undone, "a shuffle that was not undone yet expected")
        _require(all(v.kind in ("arith", "words") and v.n == handle.n for v in values), "words and arith of one n")
        self._undone.add(handle.number)
        results = tuple(self._value(v.kind, v.rows, v.n, v.limbs, v.bits) for v in values)
        self._instructions.append(
            Instruction(operation="unshuffle", arguments=(handle, *values), results=results, stage=self._stage)
        )
        return results

    def sort(self, keys: Value, width: int) -> Value:
        """The order that sorts shuffled, pairwise distinct keys (words, low ``width`` bits, unsigned).

        Opens comparisons between shuffled elements. The keys must come out of a shuffle and must be made distinct by
        a secret pre-shuffle index in their low bits; only then the opened bits say nothing about the data. One shuffle
        serves one sort: the orders of two keys under one shuffle would be linked.
        """
        self._serve(keys, width)
        return self._emit("sort", (keys,), self._value("order", 1, keys.n), width=width)

    def equal_keys(self, keys: Value, width: int) -> Value:
        """For every shuffled key (words, low ``width`` bits) the first one that equals it. 15 rounds.

        Opens which of the shuffled keys are equal: how many there are once, twice and so on. Only for those who may know that.
        The keys must come out of a shuffle, which serves nothing else.
        """
        _require(width <= TAG_BITS, f"keys of at most {TAG_BITS} bits expected")
        self._serve(keys, width)
        return self._emit("equal_keys", (keys,), self._value("groups", 1, keys.n), width=width)

    def _serve(self, keys: Value, width: int) -> None:
        """Check that keys come out of a shuffle that served nothing yet; from now on it has."""
        _require(keys.kind == "words" and width <= 64 * keys.rows, "words expected, wide enough")
        _require(keys.number in self._shuffled, "keys straight out of a shuffle that served no sort yet expected")
        handle = self._shuffled[keys.number]
        self._shuffled = {number: other for number, other in self._shuffled.items() if other != handle}

    def group_totals(self, groups: Value, x: Value) -> Value:
        """*Local.* In every element the exclusive or (words) or the sum (arith) of all elements of its group."""
        _require(groups.kind == "groups" and x.kind in ("words", "arith") and groups.n == x.n, "groups of the same n expected")
        return self._emit("group_totals", (groups, x), self._value(x.kind, x.rows, x.n, x.limbs, x.bits))

    def reorder(self, order: Value, x: Value) -> Value:
        """*Local.* ``x`` with its elements (along n) brought into ``order``."""
        _require(order.kind == "order" and order.n == x.n, "an order of the same n expected")
        return self._emit("reorder", (order, x), self._value(x.kind, x.rows, x.n, x.limbs, x.bits))

    def restore(self, order: Value, x: Value) -> Value:
        """*Local.* The inverse of ``reorder``."""
        _require(order.kind == "order" and order.n == x.n, "an order of the same n expected")
        return self._emit("restore", (order, x), self._value(x.kind, x.rows, x.n, x.limbs, x.bits))
