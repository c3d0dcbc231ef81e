"""Rows of the functions that emit instructions: integers, order statistics, merges, runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from secureframe.mpc import beside, disjoint, group_quantile, joining, matching, numeric, quantile, runs, tagged_join
from secureframe.mpc.program import Value, limbs_for
from tests.mpc.harness import Job, low_bits
from tests.mpc.protocols.cases import LENGTHS, Case, Plain, ring
from tests.mpc.protocols.registry import row, upto

Pairs = Iterator[tuple[Value, Any]]

CELLS = (1, 2, 9, 65)
"""Lengths of what is computed for the few values of cells."""
ROWS = (1, 2, 63, 64, 65, 127)
"""Lengths where one more, of 1003 rows, would take long and show nothing new."""
COLUMNS = (1, 2, 3, 7, 8, 9)
QUANTILES = (Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(19, 20), Fraction(1))


# -- numeric -------------------------------------------------------------------------------------------------------------


@row(numeric.select, widths=(64, 128, 192), elementwise=True)
def _select(job: Job, case: Case) -> Pairs:
    b, k = job.builder, case.limbs
    x, y, condition = case.signed(rows=2), case.signed(1, rows=2), case.bits(which=2)
    planes, others = low_bits(case.unsigned(), 3), low_bits(case.unsigned(1), 3)
    words = [case.unsigned(which).astype(object) % 2**64 for which in range(2)]
    c = job.bits(condition)
    yield numeric.select(b, c, job.arith(x, k), job.arith(y, k)), np.where(condition, x, y)
    yield numeric.select(b, c, job.bits(planes), job.bits(others)), np.where(condition, planes, others)
    left, right = (w.astype(np.uint64) for w in words)
    yield numeric.select(b, c, job.words(left), job.words(right)), np.where(condition, left, right)


@row(numeric.less_than, widths=(*upto(129), 191), elementwise=True)
def _less_than(job: Job, case: Case) -> Pairs:
    b, k = job.builder, limbs_for(case.width + 1)
    x, y = case.signed(), case.signed(1)
    p, q = job.arith(x, k), job.arith(y, k)
    yield numeric.less_than(b, p, q, case.width), x < y
    yield numeric.less_than(b, q, p, case.width), y < x
    yield numeric.less_than(b, p, p, case.width), np.zeros_like(x, bool)


@row(numeric.equal, widths=upto(192), elementwise=True)
def _equal(job: Job, case: Case) -> Pairs:
    b, k = job.builder, case.limbs
    x, y = case.signed(), case.signed(1)
    p, q = job.arith(x, k), job.arith(y, k)
    yield numeric.equal(b, p, q, case.width), x == y
    yield numeric.equal(b, p, p, case.width), np.ones_like(x, bool)


@row(numeric.from_planes, widths=upto(192), lengths=ROWS, elementwise=True)
def _from_planes(job: Job, case: Case) -> Pairs:
    x, y = case.signed(), case.unsigned()
    yield numeric.from_planes(job.builder, job.bits(low_bits(x, case.width)), case.limbs, signed=True), x
    k = limbs_for(case.width + 1)
    yield numeric.from_planes(job.builder, job.bits(low_bits(y, case.width)), k), y


@row(numeric.levels_of_code, widths=(1, 2, 3, 6), elementwise=True)
def _levels_of_code(job: Job, case: Case) -> Pairs:
    for levels in sorted({1, 2, (1 << case.width - 1) + 1, (1 << case.width) - 1, 1 << case.width}):
        codes = case.unsigned()[0] % levels
        planes = job.unsigned(codes, case.width)
        yield numeric.levels_of_code(job.builder, planes, levels), np.array([codes == level for level in range(levels)])


@row(numeric.lift, widths=upto(128), lengths=ROWS, elementwise=True)
def _lift(job: Job, case: Case) -> Pairs:
    x = case.signed(rows=2)
    p = job.arith(x, case.limbs)
    for limbs in (case.limbs, case.limbs + 1, 3):
        yield numeric.lift(job.builder, p, case.width, limbs), x


@row(numeric.floor_divide_public, widths=upto(127), lengths=CELLS, elementwise=True)
def _floor_divide_public(job: Job, case: Case) -> Pairs:
    """The numbers next to a multiple are where a wrong magic number shows."""
    w, k, top = case.width, limbs_for(case.width + 1), (1 << case.width) - 1
    x = case.unsigned()
    for divisor in {1, 2, 3, 7, 10, 641, 1 << w - 1, (1 << w - 1) + 1, max(1, top - 1), top, top + 1, top + 2}:
        near = np.array([[v - v % divisor - int(j) % 2 if v >= divisor else v for j, v in enumerate(x[0])]], dtype=object)
        yield numeric.floor_divide_public(job.builder, job.arith(near, k), divisor, w), near // divisor


@row(numeric.round_to_base, widths=upto(65), lengths=CELLS, elementwise=True)
def _round_to_base(job: Job, case: Case) -> Pairs:
    x, k = case.unsigned(rows=2), limbs_for(case.width + 2)
    p = job.arith(x, k)
    for base in (1, 2, 5, 10):
        yield numeric.round_to_base(job.builder, p, base, case.width), (x + base // 2) // base * base


@row(numeric.argmin, widths=upto(127), lengths=COLUMNS)
def _argmin(job: Job, case: Case) -> Pairs:
    x = np.concatenate([case.signed(which) for which in range(3)])
    hot = numeric.argmin(job.builder, job.arith(x, limbs_for(case.width + 1)), case.width)
    yield hot, np.array([[column == list(line).index(min(line)) for column in range(case.n)] for line in x])


@row(numeric.divide, widths=(1, 2, 3, 9, 31, 62, 64), lengths=CELLS, elementwise=True)
def _divide(job: Job, case: Case) -> Pairs:
    b, w = job.builder, case.width
    small = min(w, 62)
    x = case.unsigned()
    y = np.array([[max(1, v % (1 << small)) for v in case.unsigned(1)[0]]], dtype=object)
    p, q = job.arith(ring(x, 1)), job.arith(y)
    yield numeric.divide(b, p, q, w, small), ring(x // y, 1)
    yield numeric.divide(b, q, q, small, small, 1), np.ones_like(x)
    wide = numeric.divide(b, job.arith(x, 2), job.arith(x + 1, 2), w, w + 1)
    yield wide, np.zeros_like(x)


@row(numeric.square_root, widths=(1, 2, 3, 8, 9, 32, 63, 64, 65), lengths=CELLS, elementwise=True)
def _square_root(job: Job, case: Case) -> Pairs:
    """Squares, and their neighbours."""
    x = case.unsigned()
    squares = np.array([[max(0, math.isqrt(v) ** 2 - j % 2) for j, v in enumerate(x[0])]], dtype=object)
    for values in (x, squares):
        found = numeric.square_root(job.builder, job.arith(ring(values, case.limbs), case.limbs), case.width)
        yield found, np.array([[math.isqrt(v) for v in values[0]]], dtype=object)


# -- order statistics ------------------------------------------------------------------------------------------------------


def _rank(values: Sequence[int], fraction: Fraction) -> int:
    return math.floor(fraction * (len(values) - 1))


@row(quantile.ranks_lower, widths=(1, 2, 3, 10, 31, 53))
def _ranks_lower(job: Job, case: Case) -> Pairs:
    counts = np.maximum(case.unsigned(), 1)
    bound = (1 << case.width) - 1
    ranks = quantile.ranks_lower(job.builder, job.arith(counts), QUANTILES, bound)
    yield ranks, np.array([[math.floor(q * (count - 1)) for count in counts[0] for q in QUANTILES]], dtype=object)


def _selected(job: Job, case: Case, groups: Sequence[Plain], chosen: Plain) -> tuple[Value, Plain, list[int], list[int]]:
    """Values in planes, zero-based ranks within the groups, and what is found there; ranks beyond a group are left out."""
    values = [int(v) for v in case.unsigned()[0]]
    ranks, expected = [], []
    for member in groups:
        inside = sorted(v for v, there in zip(values, member & chosen, strict=True) if there)
        for q in QUANTILES:
            ranks.append(_rank(inside, q) if inside else 0)
            expected.append(inside[ranks[-1]] if inside else -1)
    return job.unsigned(values, case.width), np.array([ranks]), ranks, expected


def _known(b: Any, found: Value, expected: Sequence[int]) -> tuple[Value, Any]:
    """What is found where there is something: of groups of nobody any number comes."""
    index = [place for place, value in enumerate(expected) if value >= 0] or [0]
    wanted = np.array([[expected[place] for place in index]], dtype=object)
    zero = b.multiply_public(b.take(found, index), [0 if value < 0 else 1 for value in wanted[0]])
    return zero, np.maximum(wanted, 0)


@row(quantile.select_ranks, quantile.descend, widths=(1, 2, 3, 9, 33, 64, 65), lengths=(1, 2, 65, 127))
def _select_ranks(job: Job, case: Case) -> Pairs:
    """Of all, of some, of the others, of nobody."""
    b, some = job.builder, case.bits()[0]
    masks = np.array([np.ones(case.n, bool), some, ~some, np.zeros(case.n, bool)])
    planes, ranks, _, expected = _selected(job, case, list(masks), np.ones(case.n, bool))
    found = quantile.select_ranks(b, planes, job.bits(masks), job.arith(ranks, limbs_for(case.width + 1)))
    yield _known(b, found, expected)


@row(group_quantile.select_ranks_apart, widths=(1, 2, 3, 9, 33, 64, 65), lengths=(1, 2, 65, 127))
def _select_ranks_apart(job: Job, case: Case) -> Pairs:
    """Groups without a common element, one of them of nobody, and elements in none."""
    b, some = job.builder, case.bits()[0]
    third = np.arange(case.n) % 3 == 1
    groups = np.array([some & ~third, ~some, np.zeros(case.n, bool)])
    there = case.bits(which=1)[0] | (np.arange(case.n) % 2 == 0)
    planes, ranks, _, expected = _selected(job, case, list(groups), there)
    members = job.bits(groups)

    def count(flags: Value) -> Value:
        return b.count_bits(b.outer(members, flags), limbs_for(case.width + 1))

    rank = job.arith(ranks, limbs_for(case.width + 1))
    yield _known(b, group_quantile.select_ranks_apart(b, planes, job.bits(there), members, count, rank), expected)


@row(group_quantile.folded, widths=(1, 2, 5, 6))
def _folded(job: Job, case: Case) -> Pairs:
    planes = np.array([low_bits(case.unsigned(which), 2) for which in range(case.width)])
    found = group_quantile.folded(job.builder, job.bits(planes.reshape(-1, case.n)), 2)
    yield found, np.bitwise_xor.reduce(planes, axis=0)


@row(quantile.bins_before, quantile.ranks_in_histogram, widths=(1, 2, 3, 31, 50, 64), lengths=ROWS)
def _bins(job: Job, case: Case) -> Pairs:
    """As many bins as the length says; ranks of the first, the last and one beyond the last element among them."""
    b, k = job.builder, limbs_for(case.width + 14)
    counts = case.unsigned(rows=2)
    bound = case.n << case.width
    ranks = [[0, int(total) // 2, max(0, int(total) - 1), int(total)] for total in counts.sum(axis=1)]
    so_far = counts.cumsum(axis=1)
    filled = np.array([so_far[group] <= rank for group, line in enumerate(ranks) for rank in line])
    histogram, asked = job.arith(counts, k), job.arith(np.array(ranks, dtype=object).reshape(1, -1), k)
    yield quantile.bins_before(b, histogram, asked, bound), filled
    if k == 1:
        yield quantile.ranks_in_histogram(b, histogram, asked, bound), filled.sum(axis=1)[None]


@row(beside.beside, widths=(1, 31, 53), lengths=ROWS)
def _beside(job: Job, case: Case) -> Pairs:
    """Few groups and many; bins before the first and beyond the last one."""
    bins, coins = case.n, case.coins(3)
    for groups in (1, beside.FEW_GROUPS, beside.FEW_GROUPS + 1):
        at = [0, bins, *(coins.randrange(bins + 1) for _ in range(2 * groups - 2))]
        before = np.array([np.arange(bins) < place for place in at], dtype=int)
        histograms = [case.unsigned(which, rows=groups) for which in range(2)]
        found = beside.beside(job.builder, job.arith(before), [job.arith(h) for h in histograms])
        sides: list[list[int]] = []
        for h in histograms:
            sides.append([sum(h[place // 2, : edge + 1]) for place, edge in enumerate(at)])
            sides.append([sum(h[place // 2, edge:]) for place, edge in enumerate(at)])
        yield from ((value, np.array([side], dtype=object)) for value, side in zip(found, sides, strict=True))


@row(disjoint.disjoint_counts, widths=(1, 63, 64, 65, 100, 130))
def _disjoint_counts(job: Job, case: Case) -> Pairs:
    """As many groups as the width says, and elements in none."""
    groups = case.width
    member = np.array([int(v) % (groups + 1) - 1 for v in case.unsigned()[0]])
    planes = np.array([member == group for group in range(groups)])
    yield disjoint.disjoint_counts(job.builder, job.bits(planes)), planes.sum(axis=1)[None]


# -- merges ----------------------------------------------------------------------------------------------------------------

KEYS = (1, 2, 3, 33, 64, 65)


def _first_ones(keys: Sequence[int], here: Plain) -> Plain:
    """Of present rows with one key the first."""
    seen: set[int] = set()
    out = np.zeros(len(keys), bool)
    for place, key in enumerate(keys):
        if here[place] and key not in seen:
            seen.add(key)
            out[place] = True
    return out


def _partners(left: Sequence[int], left_here: Plain, right: Sequence[int], right_here: Plain) -> Plain:
    """For every left row its partner's place, or -1."""
    place = {key: j for j, key in enumerate(right) if right_here[j]}
    return np.array([place.get(key, -1) if here else -1 for key, here in zip(left, left_here, strict=True)])


def _sides(case: Case) -> Iterator[tuple[list[int], Plain, list[int], Plain, bool]]:
    """Keys of two frames of different lengths, with everybody there, and with some; of one the left keys are to be unique."""
    other = Case(case.n // 2 + 1, case.width, case.pattern)
    left, right = [int(v) for v in case.unsigned()[0]], [int(v) for v in other.unsigned(0 if case.n % 2 else 1)[0]]
    yield left, np.ones(case.n, bool), right, np.ones(other.n, bool), case.n % 2 == 0
    yield left, case.bits()[0], right, other.bits(which=1)[0], case.n % 2 == 1


def _most(case: Case, keys: Sequence[int]) -> int:
    """A public bound of rows with one key: as many as there are where the length is odd."""
    return max(Counter(keys).values()) if case.n % 2 else case.n


@row(joining.join_unique, widths=KEYS)
def _join_unique(job: Job, case: Case) -> Pairs:
    b = job.builder
    for left, left_here, right, right_here, unique in _sides(case):
        unique_right = _first_ones(right, right_here)
        here = _first_ones(left, left_here) if unique else left_here
        m = len(right)
        words = np.arange(1, m + 1, dtype=np.uint64)[None] * np.uint64(0x9E3779B97F4A7C15)
        x, wide = np.arange(2 * m).reshape(2, m) - m, (np.arange(m) - 2).astype(object)[None] << 70
        joined = joining.join_unique(
            b,
            left_key=job.unsigned(left, case.width),
            left_present=job.bits(here),
            right_key=job.unsigned(right, case.width),
            right_present=job.bits(unique_right),
            words=[job.words(words)],
            ariths=[job.arith(x), job.arith(wide, 2)],
            left_unique=unique,
            most_left=None if unique else _most(case, left),
            check_unique=case.n % 2 == 0,
        )
        at = _partners(left, here, right, unique_right)
        yield joined.matched, (at >= 0)[None]
        yield joined.words[0], np.where(at >= 0, words[:, at], np.uint64(0))
        yield joined.ariths[0], np.where(at >= 0, x[:, at], 0)
        yield joined.ariths[1], np.where(at >= 0, wide[:, at], 0)
        if joined.violated is not None:
            yield joined.violated, np.array([[False]])


@row(joining.exists, widths=KEYS)
def _exists(job: Job, case: Case) -> Pairs:
    for left, left_here, right, right_here, unique in _sides(case):
        here = _first_ones(left, left_here) if unique else left_here
        found = joining.exists(
            job.builder,
            left_key=job.unsigned(left, case.width),
            left_present=job.bits(here),
            right_key=job.unsigned(right, case.width),
            right_present=job.bits(right_here),
            left_unique=unique,
        )
        yield found, (_partners(left, here, right, right_here) >= 0)[None]


@row(matching.match, widths=KEYS, lengths=ROWS)
def _match(job: Job, case: Case) -> Pairs:
    """Three sides in one order: one gives planes, one integers; both ask who has a partner in the hub."""
    b = job.builder
    for left, left_here, right, right_here, unique in _sides(case):
        hub = (left, _first_ones(left, left_here) if unique else left_here)
        other = (right, _first_ones(right, right_here))
        third = (left[::-1], _first_ones(left[::-1], left_here[::-1]))
        most = 1 if unique else _most(case, left)
        sides = [
            matching.Side(job.unsigned(keys, case.width), job.bits(here), most if number == 0 else 1, unique)
            for number, (keys, here) in enumerate((hub, other, third))
        ]
        planes, x = low_bits(np.arange(1, len(right) + 1), 5), (np.arange(case.n) - 3)[None]
        lookups = [matching.Lookup(1, job.bits(planes)), matching.Lookup(2, None, (job.arith(x),))]
        found, asked = matching.match(b, sides, 0, lookups, {1: None, 2: None})
        first, second = _partners(*hub, *other), _partners(*hub, *third)
        assert found[0].planes is not None
        yield found[0].matched, (first >= 0)[None]
        yield found[0].planes, np.where(first >= 0, planes[:, first], False)
        yield found[1].matched, (second >= 0)[None]
        yield found[1].ariths[0], np.where(second >= 0, x[:, second], 0)
        yield asked[1], (_partners(*other, *hub) >= 0)[None]
        yield asked[2], (_partners(*third, *hub) >= 0)[None]


@row(tagged_join.match_tagged, widths=(*KEYS, 95), lengths=ROWS)
def _match_tagged(job: Job, case: Case) -> Pairs:
    """A hub whose keys may repeat and two other sides; where they do not, both sides ask who has a partner that counts."""
    b = job.builder
    for left, left_here, right, right_here, unique in _sides(case):
        hub = (left, _first_ones(left, left_here) if unique else left_here)
        other = (right, _first_ones(right, right_here))
        third = (left[::-1], _first_ones(left[::-1], left_here[::-1]))
        sides = [
            matching.Side(job.unsigned(keys, case.width), job.bits(here), 1 if unique or number else case.n)
            for number, (keys, here) in enumerate((hub, other, third))
        ]
        planes = low_bits(np.arange(1, len(right) + 1), 70)
        x, wide = np.arange(2 * case.n).reshape(2, case.n) - 3, (np.arange(case.n) - 2).astype(object)[None] << 70
        lookups = [matching.Lookup(1, job.bits(planes)), matching.Lookup(2, None, (job.arith(x), job.arith(wide, 2)))]
        counting = case.bits(which=2)[0]
        asking = {1: None, 2: job.bits(counting)} if unique else {}
        found, asked = tagged_join.match_tagged(b, sides, 0, lookups, asking)
        first, second = _partners(*hub, *other), _partners(*hub, *third)
        assert found[0].planes is not None
        yield found[0].matched, (first >= 0)[None]
        yield found[0].planes, np.where(first >= 0, planes[:, first], False)
        yield found[1].matched, (second >= 0)[None]
        yield found[1].ariths[0], np.where(second >= 0, x[:, second], 0)
        yield found[1].ariths[1], np.where(second >= 0, wide[:, second], 0)
        if unique:
            yield asked[1], (_partners(*other, *hub) >= 0)[None]
            yield asked[2], (_partners(*third, hub[0], hub[1] & counting) >= 0)[None]


# -- runs ------------------------------------------------------------------------------------------------------------------


@row(runs.arrange, runs.give_back, runs.is_last, widths=KEYS, lengths=LENGTHS)
def _arrange(job: Job, case: Case) -> Pairs:
    """Absent rows come last, equal keys go by the tie, then keep their order."""
    b, n = job.builder, case.n
    keys, tied = [int(v) for v in case.unsigned()[0]], [int(v) % 4 for v in case.unsigned(1)[0]]
    words, x = np.arange(n, dtype=np.uint64)[None], case.signed(2)
    for here, tie in ((np.ones(n, bool), None), (case.bits()[0], job.unsigned(tied, 2))):
        arranged = runs.arrange(
            b,
            key=job.unsigned(keys, case.width),
            present=job.bits(here),
            words=[job.words(words)],
            ariths=[job.arith(x, case.limbs)],
            tie=tie,
        )
        order = sorted(range(n), key=lambda j: (not here[j], keys[j], tied[j] if tie else 0, j))
        same = [k > 0 and here[j] and here[order[k - 1]] and keys[j] == keys[order[k - 1]] for k, j in enumerate(order)]
        yield arranged.present, here[order][None]
        yield arranged.same, np.array([same])
        yield runs.is_last(b, arranged.same), ~np.array([[*same[1:], False]])
        yield arranged.words[0], words[:, order]
        yield arranged.ariths[0], x[:, order]
        back = runs.give_back(b, arranged, words=arranged.words, ariths=arranged.ariths)
        yield from zip((back[0][0], back[1][0]), (words, x), strict=True)


def _run_lengths(case: Case) -> Iterator[tuple[int, list[int]]]:
    """Greatest lengths of a run, and lengths of runs that fill the rows: as long as may be, all of one row, any."""
    n, coins = case.n, case.coins(5)
    for most in sorted({1, 2, 3, 4, 8, 9, n, n + 1}):
        lengths: list[int] = []
        while sum(lengths) < n:
            chosen = {"ones": most, "equal": most, "zeros": 1}.get(case.pattern, coins.randint(1, most))
            lengths.append(min(chosen if lengths else most, n - sum(lengths)))
        yield most, lengths


def _within(lengths: Sequence[int]) -> list[range]:
    """For every row the rows of its run up to it."""
    starts = [start for start, length in zip(np.cumsum([0, *lengths]), lengths, strict=False) for _ in range(length)]
    return [range(int(start), row + 1) for row, start in enumerate(starts)]


def _same(job: Job, lengths: Sequence[int]) -> Value:
    return job.bits([[k > 0 for length in lengths for k in range(length)]])


@row(runs.scan_any, runs.seen_before, widths=(1, 3), lengths=ROWS)
def _scan_any(job: Job, case: Case) -> Pairs:
    b, flags = job.builder, case.bits(case.width)
    p = job.bits(flags)
    for most, lengths in _run_lengths(case):
        same, within = _same(job, lengths), _within(lengths)
        yield runs.scan_any(b, p, same, most), np.array([flags[:, list(rows)].any(axis=1) for rows in within]).T
        yield runs.seen_before(b, p, same, most), np.array([flags[:, list(rows)[:-1]].any(axis=1) for rows in within]).T


@row(runs.scan_sum, widths=(64, 128), lengths=ROWS)
def _scan_sum(job: Job, case: Case) -> Pairs:
    x = case.signed(rows=2)
    p = job.arith(x, case.limbs)
    for most, lengths in _run_lengths(case):
        sums = np.array([x[:, list(rows)].sum(axis=1) for rows in _within(lengths)]).T
        yield runs.scan_sum(job.builder, p, _same(job, lengths), most), ring(sums, case.limbs)


@row(runs.scan_first, widths=(1, 9, 65), lengths=ROWS)
def _scan_first(job: Job, case: Case) -> Pairs:
    here = case.bits(which=1)
    x = np.where(here, case.unsigned(), 0)
    planes, there = job.unsigned(x[0], case.width), job.bits(here)
    for most, lengths in _run_lengths(case):
        within = [[place for place in rows if here[0, place]] for rows in _within(lengths)]
        for last in (False, True):
            value, some = runs.scan_first(job.builder, planes, there, _same(job, lengths), most, last=last)
            found = [x[0, rows[-1 if last else 0]] if rows else 0 for rows in within]
            yield value, low_bits(np.array(found, dtype=object), case.width)
            yield some, np.array([[bool(rows) for rows in within]])


@row(runs.scan_extreme, widths=(1, 2, 9, 63, 127), lengths=ROWS)
def _scan_extreme(job: Job, case: Case) -> Pairs:
    b, here, k = job.builder, case.bits(which=1), limbs_for(case.width + 1)
    x = np.where(here, case.signed(), 0)
    values, there = job.arith(x, k), job.bits(here)
    for most, lengths in _run_lengths(case):
        within = [[int(x[0, place]) for place in rows if here[0, place]] for rows in _within(lengths)]
        for largest in (False, True) if most == case.n else (most % 2 == 0,):
            found, some = runs.scan_extreme(b, values, there, case.width, _same(job, lengths), most, largest=largest)
            known = b.multiply(found, b.to_arith(some, k))
            yield known, np.array([[(max if largest else min)(rows, default=0) for rows in within]], dtype=object)
            yield some, np.array([[bool(rows) for rows in within]])
