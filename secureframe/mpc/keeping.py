"""What of a program can be kept for later programs, and the program that starts from what was kept.

The dear part of a join, of a group-by on shares and of telling persons apart is to bring rows into the order of a key that
nobody may see. What stands in that order later is cheap. So an *arrangement* is kept: a party's two of the three permutations
of a shuffle, the opened order of the shuffled rows, and the bits that follow from the arranged keys alone (which row matches
which). A later program that arranges the same keys takes them up again: it moves whatever columns it needs by the same
permutations, and sorts nothing.

Whether keys are the same is decided by the digest of how they come about: operation by operation down to the inputs, whose
digests say frame, expression, form, data version and policy. Nothing here knows of frames, so every protocol that shuffles,
sorts and gives back is covered.

Leakage
    None beyond the first program. The order was opened there, of rows in a uniform order that no party knows, and no second
    one is opened under these permutations. Later programs apply the permutations to values that are masked by that job's own
    randomness in each step (``permutation.shuffle_again``), and kept bits are re-shared by a fresh share of zero before they
    are used: every message is uniform given what its receiver knows, as in the first program.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from secureframe.mpc.program import Instruction, Kept, Program, Value

FEW = 64
"""Ring elements that are kept as they are; of longer ones the bits that they are made of."""

_CONSTANT = -1
_OTHER = -2


@dataclass(slots=True)
class _Arrangement:
    """A shuffle, its record of keys, and their sort; ``first`` of those with the same keys in a program."""

    shuffle: Instruction
    sort: Instruction
    record: Value
    moved: Value
    first: bool = True

    @property
    def handle(self) -> Value:
        return self.shuffle.results[0]

    @property
    def order(self) -> Value:
        return self.sort.results[0]


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
        self._made = {r.number: (item, at) for item in program.instructions for at, r in enumerate(item.results)}
        self._arrangements = _arrangements(program, self._made)
        self._of_handle = {a.handle.number: number for number, a in enumerate(self._arrangements)}
        self._home = self._homes()
        self._digests = self._digested(identities)
        self._frontier = self._needed_outside()
        seen: set[str] = set()
        for a in self._arrangements:
            group = self._digests.get(a.record.number)
            a.first = group is not None and group not in seen
            seen.add(group or "")

    # -- what follows from arranged keys alone ---------------------------------------------------------------------------

    def _homes(self) -> dict[int, int]:
        """For every value the arrangement that it follows from, in the stage of the sort; else whether it is constant."""
        home: dict[int, int] = {spec.value.number: _OTHER for spec in self._program.inputs}
        for number, a in enumerate(self._arrangements):
            home[a.moved.number] = number
        for item in self._program.instructions:
            for at, result in enumerate(item.results):
                if result.number not in home:
                    home[result.number] = self._home_of(item, at, home)
        return home

    def _home_of(self, item: Instruction, at: int, home: Mapping[int, int]) -> int:
        if item.operation == "shuffle":
            return _OTHER
        if item.operation == "unshuffle":
            number = self._of_handle.get(item.arguments[0].number, _OTHER)
            return number if home[item.arguments[at + 1].number] == number else _OTHER
        found = {home[a.number] for a in item.arguments} - {_CONSTANT}
        if not found:
            return _CONSTANT
        (number,) = found if len(found) == 1 else (_OTHER,)
        return number if number >= 0 and item.stage == self._arrangements[number].sort.stage else _OTHER

    def _needed_outside(self) -> dict[int, Value]:
        """Bits, or a few ring elements, that follow from arranged keys alone and are used together with something else."""
        found: dict[int, Value] = {}
        outputs = {value.number for value in self._program.outputs}
        for item in self._program.instructions:
            for at, argument in enumerate(item.arguments):
                number = self._home[argument.number]
                if number < 0 or item.operation == "shuffle":
                    continue
                results = item.results[at - 1 : at] if item.operation == "unshuffle" else item.results
                if any(self._home[r.number] != number for r in results) and argument.number not in outputs:
                    self._take(argument, found)
        return found

    def _take(self, value: Value, found: dict[int, Value]) -> None:
        waiting = [value]
        while waiting:
            each = waiting.pop()
            number = self._home[each.number]
            if each.number in found or number < 0 or each.kind in ("order", "shuffle"):
                continue
            if each.kind == "bits" or (each.kind == "arith" and each.elements * each.limbs <= FEW):
                found[each.number] = each
                continue
            item, at = self._made[each.number]
            if item.operation == "unshuffle":
                waiting.append(item.arguments[at + 1])
            elif item.operation != "shuffle":
                waiting += item.arguments

    # -- digests ---------------------------------------------------------------------------------------------------------

    def _digested(self, identities: Mapping[int, str]) -> dict[int, str]:
        """Digests of records, of all that they are made of, and of all that follows from them alone."""
        wanted = {value.number for a in self._arrangements for value in (a.record, a.handle, a.order)}
        wanted |= {number for number, home in self._home.items() if home >= 0}
        for item in reversed(self._program.instructions):
            if any(r.number in wanted for r in item.results):
                wanted |= {a.number for a in item.arguments}
        found = {
            spec.value.number: _hashed("input", identities[spec.value.number], spec.value[1:])
            for spec in self._program.inputs
            if spec.value.number in identities
        }
        records = {a.handle.number: a.record for a in self._arrangements}
        for item in self._program.instructions:
            for at, result in enumerate(item.results):
                if result.number in wanted:
                    digest = self._digest(item, at, found, records)
                    if digest is not None:
                        found[result.number] = digest
        return found

    @staticmethod
    def _digest(item: Instruction, at: int, found: Mapping[int, str], records: Mapping[int, Value]) -> str | None:
        arguments = item.arguments
        if item.operation == "shuffle":
            record = records.get(item.results[0].number)
            # All that leaves a shuffle belongs to the record whose order is opened.
            arguments = () if record is None else (record,) if at == 0 else (record, item.arguments[at - 1])
            if not arguments:
                return None
        elif item.operation == "unshuffle":
            arguments = (item.arguments[0], item.arguments[at + 1])
        beneath = [found.get(a.number) for a in arguments]
        if any(digest is None for digest in beneath):
            return None
        place = min(at, 1) if item.operation in ("shuffle", "unshuffle") else at
        attributes = sorted(item.attributes.items())
        return _hashed(item.operation, place, item.results[at][1:], attributes, beneath)

    # -- the program that starts from what was kept ----------------------------------------------------------------------

    def program(self, kept: Mapping[str, str]) -> Program:
        """Return the program that takes up what was kept, and says what is to be kept of it.

        Parameters
        ----------
        kept
            For the digest of everything that is kept the job that it comes from; of no use where digests of one arrangement come
            from different jobs.
        """
        usable = {number: origin for number, a in enumerate(self._arrangements) if (origin := self._origin(a, kept))}
        program = self._resumed(usable, kept) if usable else self._program
        recalled = {k.value.number for k in program.recalled}
        made = {r.number for item in program.instructions for r in item.results} - recalled
        keep = []
        for number, a in enumerate(self._arrangements):
            if not a.first:
                continue
            group, origin = self._digests[a.record.number], usable.get(number, "")
            values = [] if origin else [a.handle, a.order]
            values += [
                v
                for v in self._frontier.values()
                if self._home[v.number] == number and not (origin and kept.get(self._digests[v.number]) == origin)
            ]
            keep += [Kept(self._digests[v.number], group, origin, v) for v in values if v.number in made]
        return replace(program, kept=tuple({k.digest: k for k in reversed(keep)}.values()))

    def _origin(self, a: _Arrangement, kept: Mapping[str, str]) -> str | None:
        handle, order = self._digests.get(a.handle.number), self._digests.get(a.order.number)
        if handle is None or order is None or handle not in kept or kept[handle] != kept.get(order):
            return None
        return kept[handle]

    def _resumed(self, usable: Mapping[int, str], kept: Mapping[str, str]) -> Program:
        """Go from the outputs back to what they need, and stop at what was kept."""
        live = {value.number for value in self._program.outputs}
        following = max([*self._made, *(spec.value.number for spec in self._program.inputs)]) + 1
        recalled: list[Kept] = []
        instructions: list[Instruction] = []

        def recall(value: Value, number: int, *, raw: bool = False) -> Value:
            nonlocal following
            given = value if raw else value._replace(number=following)
            following += 0 if raw else 1
            group = self._digests[self._arrangements[number].record.number]
            recalled.append(Kept(self._digests[value.number], group, usable[number], given))
            return given

        def is_kept(value: Value) -> bool:
            number = self._home[value.number]
            return (
                number in usable
                and value.number in self._frontier
                and kept.get(self._digests[value.number]) == usable[number]
            )

        for item in reversed(self._program.instructions):
            wanted = [r for r in item.results if r.number in live]
            for result in [r for r in wanted if is_kept(r)]:
                # Under a sharing of its own in every job: what is kept is never used as it is.
                given = recall(result, self._home[result.number])
                instructions.append(
                    Instruction(operation="refresh", arguments=(given,), results=(result,), stage=item.stage)
                )
                wanted.remove(result)
            if not wanted:
                continue
            number = self._of_handle.get(item.results[0].number) if item.operation == "shuffle" else None
            if item.operation == "sort" and (home := self._home[item.arguments[0].number]) in usable:
                recall(item.results[0], home, raw=True)
                continue
            if number is not None and number in usable:
                recall(item.results[0], number, raw=True)
                moved = [(r, item.arguments[at]) for at, r in enumerate(item.results[1:]) if r.number in live]
                if not moved:
                    continue
                arguments = (item.results[0], *(argument for _, argument in moved))
                item = replace(item, operation="shuffle_again", arguments=arguments, results=tuple(r for r, _ in moved))
            elif item.operation == "unshuffle":
                back = [(r, item.arguments[at + 1]) for at, r in enumerate(item.results) if r in wanted]
                item = replace(
                    item, arguments=(item.arguments[0], *(a for _, a in back)), results=tuple(r for r, _ in back)
                )
            live.update(a.number for a in item.arguments)
            instructions.append(item)
        instructions.reverse()
        there, groups = {k.digest for k in recalled}, {k.group for k in recalled}
        for number in usable:
            # Whoever names any of an arrangement names its permutations and order: they say that the rest belongs together.
            a = self._arrangements[number]
            for value in (a.handle, a.order):
                if self._digests[a.record.number] in groups and self._digests[value.number] not in there:
                    there.add(self._digests[value.number])
                    recall(value, number, raw=True)
        inputs = tuple(spec for spec in self._program.inputs if spec.value.number in live)
        stages = {item.stage for item in instructions}
        return replace(
            self._program,
            inputs=inputs,
            instructions=tuple(instructions),
            stages=tuple(s for s in self._program.stages if s == self._program.stages[0] or s in stages),
            recalled=tuple(recalled),
        )


def _arrangements(program: Program, made: Mapping[int, tuple[Instruction, int]]) -> list[_Arrangement]:
    """The shuffles that serve a sort, in order."""
    found = []
    for item in program.instructions:
        if item.operation == "sort":
            shuffle, at = made[item.arguments[0].number]
            record = shuffle.arguments[at - 1]
            found.append(_Arrangement(shuffle, item, record, item.arguments[0]))
    return found


def _hashed(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8")).hexdigest()[:32]
