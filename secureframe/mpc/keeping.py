"""What of a program can be kept for later programs, and the program that starts from what was kept.

The dear part of a join, of a group-by on shares and of telling persons apart is to bring rows into the order of a key that
nobody may see. What stands in that order later is cheap. So an *arrangement* is kept: a party's two of the three permutations
of a shuffle, the opened order of the shuffled rows (of a tagged join which of them have one key), the bits that follow from the
arranged keys alone (which row matches which), and the columns that were moved to their rows. A later program that arranges the
same keys takes them up again: a column that was moved is there, any other one is moved by the same permutations, and nothing
is sorted or tagged.

Whether keys are the same is decided by how they come about: operation by operation down to the inputs, whose digests say frame,
expression, form, data version and policy (``provenance.py``). Nothing here knows of frames, so every protocol that shuffles,
sorts (or tags) and gives back is covered.

Leakage
    None beyond the first program. The order (or which have one key) was opened there, of rows in a uniform order that no party
    knows, and no second one is opened under these permutations. Later programs apply the permutations to values that are masked
    by that job's own randomness in each step (``permutation.shuffle_again``), and kept shares are re-shared by a fresh share of
    zero before they are used: every message is uniform given what its receiver knows, as in the first program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from secureframe.mpc.live import Narrowing, apart
from secureframe.mpc.program import Instruction, Kept, Program, Value
from secureframe.mpc.provenance import ALIKE, ARRANGING, PAIRED, Arrangement, Provenance, planes

FEW = 64
"""Ring elements of control bits that are kept as they are; of more the bits that they are made of."""


class Keeping:
    """What a program arranges.

    Parameters
    ----------
    program
        As it is without anything kept.
    identities
        Digest of every input by the number of its value; an input that has none is the same as no other.
    """

    def __init__(self, program: Program, identities: Mapping[int, str]) -> None:
        self._program = program
        self._from = Provenance(program, identities)
        self._arrangements = self._from.arrangements
        self._home = {number: self._from.home(value) for number, value in self._values().items()}
        self._frontier = self._found_frontier()
        self._digests = {number: self._from.digest(value) for number, value in self._frontier.items()}
        self._first: dict[bytes, int] = {}
        for number, a in enumerate(self._arrangements):
            if a.digest:
                self._first.setdefault(a.digest, number)

    def _values(self) -> dict[int, Value]:
        made = [r for item in self._program.instructions for r in item.results]
        return {v.number: v for v in (*(spec.value for spec in self._program.inputs), *made)}

    # -- what is worth keeping -------------------------------------------------------------------------------------------

    def _steers(self, value: Value) -> bool:
        """Whether a value follows from arranged keys alone: who matches whom, whatever is moved."""
        home = self._home[value.number]
        return home >= 0 and not any(t.inputs & ~self._arrangements[home].inputs for t in self._from.of(value))

    def _found_frontier(self) -> dict[int, Value]:
        """Values that follow from an arrangement and meet something else; of bits that steer, also where they meet data."""
        found: dict[int, Value] = {}
        outputs = {value.number for value in self._program.outputs}
        for item in self._program.instructions:
            if item.operation == "shuffle":
                continue
            for at, argument in enumerate(item.arguments):
                home = self._home[argument.number]
                if home < 0 or argument.number in outputs:
                    continue
                results = item.results[at - 1 : at] if item.operation == "unshuffle" else item.results
                steering = self._steers(argument)
                if any(self._home[r.number] != home or (steering and not self._steers(r)) for r in results):
                    self._take(argument, steering, found)
        return found

    def _take(self, value: Value, steering: bool, found: dict[int, Value]) -> None:
        waiting = [value]
        while waiting:
            each = waiting.pop()
            if each.number in found or self._home[each.number] < 0 or each.kind in ("order", "groups", "shuffle"):
                continue
            item, at = self._from.made[each.number]
            few = each.elements * each.limbs <= FEW
            if each.kind == "bits" or (each.kind == "arith" and (few or not (steering or item.operation == "to_arith"))):
                found[each.number] = each
            elif item.operation == "unshuffle":
                waiting.append(item.arguments[at + 1])
            elif item.operation != "shuffle":
                waiting += item.arguments

    # -- the program that starts from what was kept ----------------------------------------------------------------------

    def program(self, kept: Mapping[str, str]) -> Program:
        """Return the program that takes up what was kept, and says what is to be kept of it.

        Parameters
        ----------
        kept
            For the digest of everything that is kept the job that it comes from; of no use where digests of one arrangement come
            from different jobs.
        """
        usable = {number: origin for number, a in enumerate(self._arrangements) if (origin := _origin(a, kept))}
        program = self._program
        if usable:
            program = _Resumed(program, self._from, self._home, self._digests, usable, kept).program()
        made = {r.number for item in program.instructions for r in item.results} - {k.value.number for k in program.recalled}
        keep: dict[str, Kept] = {}
        for number in self._first.values():
            a, origin = self._arrangements[number], usable.get(number, "")
            named = {} if origin else {_handle(a): a.handle, _order(a): a.order}
            for each in self._frontier.values():
                digest = self._digests[each.number]
                if self._home[each.number] == number and digest and not (origin and kept.get(digest) == origin):
                    named.setdefault(digest, each)
            keep |= {d: Kept(d, a.digest.hex(), origin, v) for d, v in named.items() if v.number in made}
        return replace(program, kept=tuple(keep.values()))


def _handle(a: Arrangement) -> str:
    return a.digest.hex() + "h"


def _order(a: Arrangement) -> str:
    return a.digest.hex() + "o"


def _origin(a: Arrangement, kept: Mapping[str, str]) -> str | None:
    found = kept.get(_handle(a))
    return found if a.digest and found is not None and kept.get(_order(a)) == found else None


class _Resumed:
    """Goes from the outputs back to what they need, plane by plane, and stops at what was kept."""

    def __init__(
        self,
        program: Program,
        made: Provenance,
        home: Mapping[int, int],
        digests: Mapping[int, str],
        usable: Mapping[int, str],
        kept: Mapping[str, str],
    ) -> None:
        self._program, self._arrangements, self._home = program, made.arrangements, home
        self._digests, self._usable, self._kept = digests, usable, kept
        self._of_handle = {a.handle.number: number for number, a in enumerate(made.arrangements)}
        self._next = 1 + max([*made.made, *(spec.value.number for spec in program.inputs)])
        self._live: dict[int, int] = {}
        self._recalled: list[Kept] = []
        self._instructions: list[Instruction] = []

    def program(self) -> Program:
        for value in self._program.outputs:
            self._need(value)
        for item in reversed(self._program.instructions):
            self._visit(item)
        instructions = Narrowing(self._live, self._fresh).narrowed(self._instructions[::-1])
        there, groups = {k.digest for k in self._recalled}, {k.group for k in self._recalled}
        for number in self._usable:
            # Whoever names any of an arrangement names its permutations and order: they say that the rest belongs together.
            a = self._arrangements[number]
            for digest, value in ((_handle(a), a.handle), (_order(a), a.order)):
                if a.digest.hex() in groups and digest not in there:
                    there.add(digest)
                    self._recall(digest, number, value)
        inputs = tuple(spec for spec in self._program.inputs if self._live.get(spec.value.number))
        stages = {item.stage for item in instructions}
        first = self._program.stages[0]
        return replace(
            self._program,
            inputs=inputs,
            instructions=instructions,
            stages=tuple(s for s in self._program.stages if s == first or s in stages),
            recalled=tuple(self._recalled),
        )

    def _need(self, value: Value, mask: int | None = None) -> None:
        every = (1 << planes(value)) - 1
        self._live[value.number] = self._live.get(value.number, 0) | (every if mask is None else mask & every)

    def _recall(self, digest: str, number: int, value: Value) -> None:
        self._recalled.append(Kept(digest, self._arrangements[number].digest.hex(), self._usable[number], value))

    def _fresh(self, value: Value) -> Value:
        self._next += 1
        return value._replace(number=self._next - 1)

    def _visit(self, item: Instruction) -> None:
        wanted = []
        for result in item.results:
            if not self._live.get(result.number):
                continue
            digest, home = self._digests.get(result.number), self._home[result.number]
            if digest and home in self._usable and self._kept.get(digest) == self._usable[home]:
                # Under a sharing of its own in every job: what is kept is never used as it is.
                given = self._fresh(result)
                self._recall(digest, home, given)
                self._instructions.append(
                    Instruction(operation="refresh", arguments=(given,), results=(result,), stage=item.stage)
                )
            else:
                wanted.append(result)
        if not wanted:
            return
        if item.operation in ARRANGING:
            number = self._home[item.results[0].number]
            if number in self._usable:
                self._recall(_order(self._arrangements[number]), number, item.results[0])
                return
        if item.operation == "shuffle":
            self._shuffle(item, wanted)
        elif item.operation == "unshuffle":
            back = [(r, argument) for r, argument in zip(item.results, item.arguments[1:], strict=True) if r in wanted]
            self._need(item.arguments[0])
            for result, argument in back:
                self._need(argument, self._live[result.number])
            arguments = (item.arguments[0], *(a for _, a in back))
            self._instructions.append(replace(item, arguments=arguments, results=tuple(r for r, _ in back)))
        else:
            self._whole(item)

    def _shuffle(self, item: Instruction, wanted: list[Value]) -> None:
        number = self._of_handle.get(item.results[0].number, -1)
        moved = [(r, a) for r, a in zip(item.results[1:], item.arguments, strict=True) if r in wanted]
        if number not in self._usable:
            for argument in item.arguments:
                self._need(argument)
            self._instructions.append(item)
            return
        self._recall(_handle(self._arrangements[number]), number, item.results[0])
        for result, argument in moved:
            self._need(argument, self._live[result.number])
        if moved:
            again = replace(
                item,
                operation="shuffle_again",
                arguments=(item.results[0], *(a for _, a in moved)),
                results=tuple(r for r, _ in moved),
            )
            self._instructions.append(again)

    def _whole(self, item: Instruction) -> None:
        """An operation with one result: need what its living planes are made of."""
        (result,) = item.results
        mask = self._live[result.number]
        if apart(item):
            at = 0
            for argument in item.arguments:
                count = planes(argument)
                match item.operation:
                    case "rows":
                        self._need(argument, mask >> at)
                        at += count
                    case "pick_rows":
                        own = 0
                        for to, index in enumerate(item.attributes["index"]):
                            own |= (mask >> to & 1) << index
                        self._need(argument, own)
                    case "pack" | "unpack" | "concat":
                        self._need(argument, mask)
                    case operation if (operation in ALIKE or operation in PAIRED) and count == planes(result):
                        self._need(argument, mask)
                    case _:
                        self._need(argument)
        else:
            for argument in item.arguments:
                self._need(argument)
        self._instructions.append(item)
