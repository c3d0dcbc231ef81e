"""``python -m benchmarks.protocol_costs``: the table of ``docs/protocols.md``, rounds and bytes of every protocol.

Nothing is run: the numbers are those that ``secureframe.mpc.cost`` foretells, which equal what is measured (exactly, but for
sorts of more than 512 rows, which are estimated). Formulas are Python, so that the tests can hold them against the numbers,
unless they say "about".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from benchmarks.measuring import table
from secureframe.mpc import numeric, runs
from secureframe.mpc.comparison import less_than_at_cost, with_products_cost
from secureframe.mpc.cost import cost
from secureframe.mpc.joining import join_unique
from secureframe.mpc.matching import Lookup, Side, match
from secureframe.mpc.opening import open_bits_cost
from secureframe.mpc.program import Builder, Value
from secureframe.mpc.quantile import ranks_in_histogram, ranks_lower, select_ranks
from secureframe.mpc.tagged_join import match_tagged
from secureframe.mpc.traffic import Traffic

COLUMN = 100_000
PERSONS = 17_549
MILLION = 10**6
Measured = tuple[int, tuple[int, int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A protocol at one size: formulas of rounds and of bytes that party 0 and each other party send, and the numbers.

    In the formulas n is the number of elements, w their width in bits and P = 8 ceil(n / 64) the bytes of a bit plane.
    """

    name: str
    n: int
    width: int
    rounds: str
    first: str
    others: str
    measured: Measured

    def evaluated(self, formula: str) -> int | None:
        """Return what a formula gives; None where it is only described."""
        if formula.startswith("about") or "sort" in formula:
            return None
        functions = {"ceil": math.ceil, "floor": math.floor, "log2": math.log2}
        known = {"n": self.n, "w": self.width, "P": 8 * -(-self.n // 64), **functions}
        return int(eval(formula, {"__builtins__": {}}, known))  # only ever a formula of this file


def _emitted(build: Callable[[Builder], object]) -> Measured:
    b = Builder()
    build(b)
    report = cost(b.program())
    return report.rounds, report.bytes_sent


def _sent(rounds: Sequence[Traffic]) -> Measured:
    total = Traffic()
    for traffic in rounds:
        total += traffic
    a, b, c = (8 * (back + forth) for back, forth in zip(total.to_previous, total.to_next, strict=True))
    return len(rounds), (a, b, c)


def _arith(b: Builder, n: int, limbs: int = 1) -> Value:
    return b.input("owner", "numbers", "arith", 1, n, limbs)


def _bits(b: Builder, rows: int, n: int) -> Value:
    return b.input("owner", "bits", "bits", rows, n)


def _words(b: Builder, n: int) -> Value:
    return b.input("owner", "words", "words", 1, n)


def _there_and_back(b: Builder, n: int) -> None:
    handle, moved = b.shuffle([_words(b, n)])
    b.unshuffle(handle, moved)


def _sort(b: Builder, n: int, width: int) -> None:
    _, (moved,) = b.shuffle([b.input("owner", "records", "words", -(-width // 64), n)])
    b.sort(moved, width)


def _join(b: Builder, n: int, width: int, *, unique: bool) -> None:
    join_unique(
        b,
        left_key=_bits(b, width, n),
        left_present=_bits(b, 1, n),
        right_key=_bits(b, width, n),
        right_present=_bits(b, 1, n),
        words=[_words(b, n)],
        ariths=[],
        left_unique=unique,
    )


def _arranged(b: Builder, n: int) -> None:
    runs.arrange(b, key=_bits(b, 34, n), present=_bits(b, 1, n), words=[], ariths=[_arith(b, n)])


def _chain(b: Builder, others: int, *, together: bool, distinct: bool, n: int = COLUMN) -> None:
    """A frame merged with others on a key of 34 bits, 16 bits of each of them moved: by one sort, or by one each."""
    hub = Side(_bits(b, 34, n), _bits(b, 1, n), 1, distinct)
    sides = [Side(_bits(b, 34, n), _bits(b, 1, n), 1, distinct) for _ in range(others)]
    payload = [_bits(b, 16, n) for _ in range(others)]
    if together:
        match(b, [hub, *sides], 0, [Lookup(number, planes) for number, planes in enumerate(payload, 1)])
        return
    for side, planes in zip(sides, payload, strict=True):
        match(b, [hub, side], 0, [Lookup(1, planes)])


def _tags(b: Builder, n: int, width: int) -> None:
    _, (moved,) = b.shuffle([b.input("owner", "records", "words", -(-width // 64), n)])
    b.equal_keys(moved, width)


def _tagged(b: Builder, n: int, width: int) -> None:
    hub, side = (Side(_bits(b, width, n), _bits(b, 1, n)) for _ in range(2))
    match_tagged(b, [hub, side], 0, [Lookup(1, _bits(b, 16, n))])


def _median(b: Builder, n: int, width: int) -> None:
    mask = _bits(b, 1, n)
    select_ranks(b, _bits(b, width, n), mask, ranks_lower(b, b.count_bits(mask), [Fraction(1, 2)], n))


def rows() -> list[Row]:
    """Every protocol, at the sizes of the documentation."""
    n = COLUMN

    def row(name: str, rounds: str, first: str, others: str, measured: Measured, *, size: int = n, width: int = 64) -> Row:
        return Row(name=name, n=size, width=width, rounds=rounds, first=first, others=others, measured=measured)

    def one(build: Callable[[Builder], object]) -> Measured:
        return _emitted(build)

    return [
        row("multiply, 1 limb", "1", "8 * n", "8 * n", one(lambda b: b.multiply(_arith(b, n), _arith(b, n)))),
        row("multiply, 2 limbs", "1", "16 * n", "16 * n", one(lambda b: b.multiply(_arith(b, n, 2), _arith(b, n, 2)))),
        row("inner", "1", "8", "8", one(lambda b: b.inner(_arith(b, n), _arith(b, n)))),
        row("refresh", "1", "8 * n", "8 * n", one(lambda b: b.refresh(_arith(b, n)))),
        row("and, one plane", "1", "P", "P", one(lambda b: b.and_(_bits(b, 1, n), _bits(b, 1, n)))),
        row("mask_words", "1", "8 * n", "8 * n", one(lambda b: b.mask_words(_words(b, n), _bits(b, 1, n)))),
        row("all_planes, 64", "ceil(log2(w))", "(w - 1) * P", "(w - 1) * P", one(lambda b: b.all_planes(_bits(b, 64, n)))),
        row(
            "to_bits, 64",
            "2 + ceil(log2(w - 1))",
            "about P w log2 w",
            "about P w log2 w",
            one(lambda b: b.to_bits(_arith(b, n), 64)),
        ),
        row(
            "is_negative, 64",
            "2 + ceil(log2(w // 2))",
            "(w - 2 + (w - 1) // 2 + 2 * (w // 2) - ceil(log2(w // 2))) * P",
            "(4 * (w // 2) - 3 - ceil(log2(w // 2))) * P",
            one(lambda b: b.is_negative(_arith(b, n), 64)),
        ),
        row(
            "is_zero, 64",
            "1 + ceil(log2(w))",
            "(2 * w - 1) * P",
            "(w - 1) * P",
            one(lambda b: b.is_zero(_arith(b, n), 64)),
        ),
        row(
            "with_products, 64",
            "2",
            "4 * ceil(w / 3) * P",
            "4 * ceil(w / 3) * P",
            _sent(with_products_cost(64, n)),
        ),
        row(
            "less_than_at, 64",
            "1 + ceil(log2(ceil(w / 3)))",
            "(4 * ceil(w / 3) - 3 - ceil(log2(ceil(w / 3)))) * P",
            "(4 * ceil(w / 3) - 3 - ceil(log2(ceil(w / 3)))) * P",
            _sent(less_than_at_cost(64, n)),
        ),
        row("to_arith, one plane", "2", "8 * n", "8 * n", one(lambda b: b.to_arith(_bits(b, 1, n)))),
        row("count_bits, one plane", "2", "8 * n", "8", one(lambda b: b.count_bits(_bits(b, 1, n)))),
        row(
            "count_bits, many bits",
            "about 2 + 1.7 log2(n / 90,000)",
            "about 7 P",
            "about P",
            one(lambda b: b.count_bits(_bits(b, 1, MILLION))),
            size=MILLION,
        ),
        row(
            "select, arith",
            "3",
            "16 * n",
            "16 * n",
            one(lambda b: numeric.select(b, _bits(b, 1, n), _arith(b, n), _arith(b, n))),
        ),
        row(
            "round to base 5, 64 counts",
            "4 + ceil(log2(w - 1))",
            "about 16 n w",
            "about 8 n w",
            one(lambda b: numeric.round_to_base(b, _arith(b, 64), 5, 15)),
            size=64,
            width=33,
        ),
        row("shuffle, one word", "3", "16 * n", "16 * n", one(lambda b: b.shuffle([_words(b, n)]))),
        row("shuffle, 8 bits", "3", "2 * n", "2 * n", one(lambda b: b.shuffle([b.pack(_bits(b, 8, n))]))),
        row("shuffle and unshuffle", "6", "32 * n", "32 * n", one(lambda b: _there_and_back(b, n))),
        row("open_bits, one plane", "2", "P + 48", "P + 48", _sent(open_bits_cost(1, n))),
        row(
            "shuffle and sort, 64 + 17",
            "about 5 + 3/2 log2 n (3 + log2(w / 3))",
            "about 1.4 P w log2 n",
            "about 1.4 P w log2 n",
            one(lambda b: _sort(b, n, 81)),
            width=81,
        ),
        row(
            "join 1:1, key of 20 bits, n to n",
            "8 + ceil(log2(w + 1)) + sort",
            "sort + about 144 n",
            "sort + about 144 n",
            one(lambda b: _join(b, PERSONS, 20, unique=True)),
            size=PERSONS,
            width=20,
        ),
        row(
            "join n:1, key of 20 bits, n to n",
            "10 + ceil(log2(w + 1)) + ceil(log2 n) + sort",
            "sort + about 150 n + 17 n log2 n",
            "sort + about 150 n + 17 n log2 n",
            one(lambda b: _join(b, PERSONS, 20, unique=False)),
            size=PERSONS,
            width=20,
        ),
        row(
            "join 1:1, keys distinct, 34 bits",
            "9 + ceil(log2(w + 1)) + sort",
            "sort + about 86 n",
            "sort + about 86 n",
            one(lambda b: _chain(b, 1, together=True, distinct=True)),
            width=34,
        ),
        row(
            "shuffle and tag, up to 64 bits",
            "3 + 15",
            "16 * n + 14 * 96 * P + 48",
            "16 * n + 14 * 96 * P + 48",
            one(lambda b: _tags(b, n, 34)),
            width=34,
        ),
        row(
            "join by tags, 34 bits, n to n",
            "22",
            "about 2 P (w + 1344) + 64 n",
            "about 2 P (w + 1344) + 64 n",
            one(lambda b: _tagged(b, n, 34)),
            width=34,
        ),
        row(
            "arrange by 34 bits, one sum",
            "3 + ceil(log2(w + 3)) + sort",
            "sort + about 37 n",
            "sort + about 37 n",
            one(lambda b: _arranged(b, n)),
            width=34,
        ),
        row("scan_any, runs of 8", "6", "8 * P", "8 * P", one(lambda b: runs.scan_any(b, _bits(b, 1, n), _bits(b, 1, n), 8))),
        row(
            "scan_first of 12 bits, runs of 8",
            "6",
            "(3 * (w + 2) + 2) * P",
            "(3 * (w + 2) + 2) * P",
            one(lambda b: runs.scan_first(b, _bits(b, 12, n), _bits(b, 1, n), _bits(b, 1, n), 8)),
            width=12,
        ),
        row(
            "scan_sum, runs of 8",
            "5",
            "48 * n + 2 * P",
            "48 * n + 2 * P",
            one(lambda b: runs.scan_sum(b, _arith(b, n), _bits(b, 1, n), 8)),
        ),
        row(
            "scan_extreme of 20 bits, runs of 8",
            "3 * (6 + ceil(log2(w)))",
            "about 48 n + 7 P w",
            "about 48 n + 6 P w",
            one(lambda b: runs.scan_extreme(b, _arith(b, n), _bits(b, 1, n), 20, _bits(b, 1, n), 8, largest=False)),
            width=20,
        ),
        row(
            "rank in a histogram of 100 bins",
            "4 + ceil(log2(w // 2))",
            "(w - 2 + (w - 1) // 2 + 2 * (w // 2) - ceil(log2(w // 2))) * P + 8 * n",
            "(4 * (w // 2) - 3 - ceil(log2(w // 2))) * P + 8",
            one(lambda b: ranks_in_histogram(b, _arith(b, 100), _arith(b, 1), 10**5)),
            size=100,
            width=18,
        ),
        row(
            "median under a mask, 7 bits",
            "about w / 4 (8 + ceil(log2(floor(log2 n) + 1)))",
            "about 13 n w",
            "about 12 P w",
            one(lambda b: _median(b, PERSONS, 7)),
            size=PERSONS,
            width=7,
        ),
        row(
            "median under a mask, 20 bits",
            "about w / 2 (15 + ceil(log2(floor(log2 n) + 1)))",
            "about 9 P w",
            "about 6 P w",
            one(lambda b: _median(b, MILLION, 20)),
            size=MILLION,
            width=20,
        ),
    ]


def text() -> str:
    """Return the table."""
    head = ["protocol", "n", "rounds", "bytes of party 0", "bytes of parties 1, 2", "rounds", "party 0", "party 1", "party 2"]
    lines = []
    for each in rows():
        rounds, sent = each.measured
        lines.append(
            [each.name, f"{each.n:,}", each.rounds, each.first, each.others, f"{rounds:,}", *(f"{count:,}" for count in sent)]
        )
    return table(head, lines)


def chains() -> str:
    """Return what merges of 2, 3 and 4 frames on one key cost: with a sort each, and with one for all."""
    lines = []
    for frames in (2, 3, 4):
        cells = []
        for together, distinct in ((False, False), (True, False), (True, True)):
            b = Builder()
            _chain(b, frames - 1, together=together, distinct=distinct)
            report = cost(b.program())
            cells += [f"{report.rounds:,}", f"{sum(report.bytes_sent) / 1e6:,.1f}"]
        lines.append([f"{frames}", *cells])
    return table(["frames", "a sort each: rounds", "MB", "one sort: rounds", "MB", "keys distinct: rounds", "MB"], lines)


if __name__ == "__main__":
    print(text())
    print()
    print(chains())
