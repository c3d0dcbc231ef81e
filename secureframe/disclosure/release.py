"""The one way out: rules evaluated on shares, then flag and flag times value, freshly shared, for the recipient alone.

For every statistic of a release the rules see counts of distinct persons (``parts.py``) and yield one bit a cell. A value whose
bit is set is multiplied by zero before its shares are made anew and leave the program, so a withheld value is never
reconstructed by anyone, the recipient included. Number, order and sizes of what leaves are the same either way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from secureframe.disclosure import closing, moments, rounding
from secureframe.disclosure.owners import difference, repeated, unsafe, views
from secureframe.disclosure.policy import Policy
from secureframe.disclosure.rounding import Ranged
from secureframe.mpc.numeric import round_to_base
from secureframe.mpc.program import Builder, Value, bit_length
from secureframe.plan.expressions import Binary, ColumnRef, Not, column_names
from secureframe.plan.nodes import Node, Statistic
from secureframe.plan.parts import Breakdown, Count, Moment, Part, Piece, Quantile
from secureframe.plan.statistics import KINDS, PERSONS_PER_COLUMN
from secureframe.schema.types import ColumnType

CORRELATION_PLACES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Cells of one statistic within a value that leaves, which holds those of others too."""

    value: Value
    start: int
    cells: int

    def of(self, opened: Mapping[Value, Sequence[int]]) -> Sequence[int]:
        """Return these cells of what was opened."""
        return opened[self.value][self.start : self.start + self.cells]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedField:
    """A number of a statistic: its name, and the grid that it indexes, if any; and where it lies, once it has left."""

    name: str
    at: Stretch | None = None
    grid: tuple[Fraction, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedPiece:
    """What leaves of one statistic: the bits that withhold cells, and its numbers."""

    piece: Piece
    withheld: Stretch
    fields: tuple[ReleasedField, ...]


def release(
    b: Builder, breakdown: Breakdown, parts: Mapping[Part, Ranged], policy: Policy, violated: Sequence[Value] = ()
) -> tuple[ReleasedPiece, ...]:
    """Emit the rules of a release and mark what leaves the program.

    Parameters
    ----------
    violated : sequence of Value
        bits ``(1, 1)``: where one is set, the frame is not what the statement says, and everything is withheld.

    Leakage: nothing opens. The recipient learns, for every cell and statistic, one bit, and the fields where it is 0.
    """
    rules = Rules(b, breakdown, parts, policy, violated)
    return _leave(b, rules.withheld(), [(piece, rules.fields(piece)) for piece in breakdown.pieces])


Numbers = tuple[Piece, list[tuple[ReleasedField, Ranged]]]
"""A statistic and its numbers."""


def _leave(b: Builder, withheld: Value, pieces: Sequence[Numbers]) -> tuple[ReleasedPiece, ...]:
    """Zero what is withheld, share everything anew, and mark it as leaving: the bits of all statistics as one value, and their
    numbers as one value a width, so that a release of many statistics has few steps."""
    cells = withheld.n // len(pieces)
    kept = b.invert(withheld)
    numbers: dict[int, list[tuple[int, int, Value]]] = {}
    for i, (_, fields) in enumerate(pieces):
        for j, (_, ranged) in enumerate(fields):
            numbers.setdefault(ranged.value.limbs, []).append((i, j, ranged.value))
    flags = b.refresh(withheld)
    leaving = [flags]
    places: dict[tuple[int, int], Stretch] = {}
    for limbs, found in sorted(numbers.items()):
        mask = b.to_arith(kept, limbs)
        index = [i * cells + cell for i, _, _ in found for cell in range(cells)]
        left = b.refresh(b.multiply(b.concat([value for _, _, value in found]), b.take(mask, index)))
        leaving.append(left)
        places |= {(i, j): Stretch(value=left, start=at * cells, cells=cells) for at, (i, j, _) in enumerate(found)}
    for value in leaving:
        b.output(value)
    return tuple(
        ReleasedPiece(
            piece=piece,
            withheld=Stretch(value=flags, start=i * cells, cells=cells),
            fields=tuple(replace(field, at=places[i, j]) for j, (field, _) in enumerate(fields)),
        )
        for i, (piece, fields) in enumerate(pieces)
    )


def minimum_persons(statistic: Statistic, threshold: int, together: int = 2) -> int:
    """Fewest persons that a statistic other than a frequency may be about.

    ``together`` is the number of columns whose correlations or covariances the release holds.
    """
    kind = KINDS[statistic.kind]
    if statistic.q is not None:
        return math.ceil(threshold / min(statistic.q, 1 - statistic.q))
    return max(threshold, PERSONS_PER_COLUMN * together) if kind.is_pair else threshold + kind.freedom


def is_binary(type_: ColumnType) -> bool:
    """Whether a sum of the column is a frequency, but for a public multiple of the rows: it has two values at most."""
    return type_.is_numeric and type_.high - type_.low <= 1


def opposites(sides: Sequence[Count]) -> list[tuple[Count, Count]]:
    """Return the pairs of counts that are both sides of one condition."""
    known = set(sides)
    pairs = []
    for side in sides:
        match side.where:
            case Binary("!=", left, right):
                other = replace(side, where=Binary("==", left, right))
            case ColumnRef() as condition:
                other = replace(side, where=Not(condition))
            case _:
                continue
        if other in known:
            pairs.append((side, other))
    return pairs


class Rules:
    """Evidence and verdicts of one release."""

    def __init__(
        self,
        b: Builder,
        breakdown: Breakdown,
        parts: Mapping[Part, Ranged],
        policy: Policy,
        violated: Sequence[Value] = (),
    ) -> None:
        self.b = b
        self.breakdown = breakdown
        self.node = breakdown.node
        self.parts = parts
        self.policy = policy
        self.violated = tuple(violated)
        self._patterns: dict[Count, Value] = {}
        self._fields: dict[str, Ranged] = {}
        self._frame_bad: Value | None = None

    # -- verdicts ------------------------------------------------------------------------------------------------

    def withheld(self) -> Value:
        """One plane over the cells of all statistics, one statistic after the other: which of them are withheld."""
        b, pieces = self.b, self.breakdown.pieces
        found = [self._verdicts(piece) for piece in pieces]
        # What has fewer verdicts than others repeats its first one.
        planes = [b.concat([v[i] if i < len(v) else v[0] for v in found]) for i in range(max(map(len, found)))]
        planes.append(closing.repeat(b, self._frame(), self.node.cells * len(pieces)))
        return b.any_plane(b.rows([*planes, *self._too_few(), *self._of_tails()]))

    def _too_few(self) -> list[Value]:
        """The same for statistics other than frequencies: fewer persons than such a statistic needs."""
        b, pieces = self.b, self.breakdown.pieces
        least = [
            0 if p.statistic.kind in ("size", "count")
            else minimum_persons(p.statistic, self.policy.threshold, max(2, len(self.node.together)))
            for p in pieces
        ]  # fmt: skip
        if not any(least):
            return []
        persons = [self.parts[p.persons] for p in pieces]
        cells, hi = self.node.cells, max(p.hi for p in persons)
        limits = [limit for limit in least for _ in range(cells)]
        found = [closing.below(b, b.concat([p.value for p in persons]), limits, hi)]
        if any(p.others is not None for p in persons):
            # What the recipient has itself it takes away; where nobody else is left, the statistic tells nothing of others.
            left = [p.value if p.others is None else p.others for p in persons]
            asked = [0 if p.others is None else limit for p, limit in zip(persons, least, strict=True) for _ in range(cells)]
            found.append(closing.small(b, b.concat(left), asked, hi))
        return found

    def _of_tails(self) -> list[Value]:
        """The same for quantiles: too few values on one side, once an owner leaves its own out: it would see an extreme."""
        b, pieces, cells = self.b, self.breakdown.pieces, self.node.cells
        tails = [[t for part in p.parts if isinstance(part, Quantile) for t in self.parts[part].tails] for p in pieces]
        values, limits = [], []
        for i in range(max(map(len, tails))):
            for piece, own in zip(pieces, tails, strict=True):
                # What is no quantile, or has fewer owners, is asked nothing.
                values.append(own[i] if i < len(own) else self.parts[piece.persons].value)
                limits += [self.policy.tail if i < len(own) else 0] * cells
        if not values:
            return []
        hi = max(self.breakdown.frame.length, *(self.parts[p.persons].hi for p in pieces))
        found = closing.small(b, b.concat(values), limits, hi)
        each = len(pieces) * cells
        return [b.cut(found, start, start + each) for start in range(0, len(limits), each)]

    def _verdicts(self, piece: Piece) -> list[Value]:
        """Planes over cells, in each of which the statistic is withheld, for reasons of its own."""
        b = self.b
        persons = self.parts[piece.persons]
        evidence = dict.fromkeys((Count(), piece.persons, *piece.sides))
        verdicts = [self._pattern(e) for e in evidence]
        verdicts += [self._two_sided(one, other) for one, other in opposites(piece.sides)]
        verdicts += [self._of_merged(count, piece.persons) for count in piece.merged]
        if self.policy.sensitive_zeros:
            verdicts += [empty for counts in self._classes(piece) for empty in self._empty(counts, persons)]
        if piece.statistic.kind in ("size", "count") and self.policy.rounding and piece.persons != Count():
            verdicts.append(unsafe(b, [difference(b, self.parts[Count()], persons)], self.policy))
        if self.policy.rounding and self._is_quotient_of_spreads(piece.statistic):
            verdicts.append(self._without_variance(piece))
        return verdicts

    def _classes(self, piece: Piece) -> list[Ranged]:
        """Persons in either class of a sensitive column of two values that the statistic is about."""
        schema = self.node.frame.schema
        named = {name for name in piece.statistic.columns if schema[name].sensitive and is_binary(schema[name].type)}
        return [self.parts[s] for s in piece.sides if s.where is not None and column_names(s.where) & named]

    def _empty(self, counts: Ranged, persons: Ranged) -> list[Value]:
        """Cells in which a class is empty: pooled, or without the rows of one owner where somebody else is in the cell."""
        b = self.b
        found = [closing.below(b, counts.value, 1, counts.hi)]
        for left, everybody in zip(counts.rest, persons.rest, strict=True):
            tests = closing.below(b, b.concat([left, everybody]), 1, persons.hi)
            found.append(b.and_(b.cut(tests, 0, left.n), b.invert(b.cut(tests, left.n, 2 * left.n))))
        return found

    def _is_quotient_of_spreads(self, statistic: Statistic) -> bool:
        """Whether a statistic does not exist where a column has one value only, and is rounded as it is."""
        if statistic.kind in ("skew", "kurtosis"):
            return not is_binary(self.node.frame.schema[statistic.columns[0]].type)
        return statistic.kind == "corr"

    def _without_variance(self, piece: Piece) -> Value:
        """One plane over cells: a column of the statistic has one value only, so that there is nothing to round."""
        b = self.b
        count = self._exact(piece.parts[0])
        pairs = (((1, 0), (2, 0)), ((0, 1), (0, 2))) if piece.statistic.kind == "corr" else (((1,), (2,)),)
        spreads = [self._spread(piece, count, a, square) for a, square in pairs]
        zeros = [b.is_zero(x.value, bit_length(0, x.hi)) for x in spreads]
        return b.or_(*zeros) if len(zeros) == 2 else zeros[0]

    def _frame(self) -> Value:
        """One bit: the frame itself, or what its base table has beyond it, is too small; so for each frame it is made of."""
        if self._frame_bad is None:
            b = self.b
            counts = [self.parts[Count(scope="frame")], self._complement(None)]
            for frame in (None, *self.breakdown.thinned):
                outside = self.parts.get(Count(scope="outside", of=frame))
                counts.append(self._complement(frame) if outside is None else outside)
            counts += [self.parts[Count(scope="frame", of=frame)] for frame in self.breakdown.stacked]
            bad = unsafe(b, counts, self.policy)
            self._frame_bad = b.any_plane(b.rows([bad, *self.violated])) if self.violated else bad
        return self._frame_bad

    def _complement(self, frame: Node | None) -> Ranged:
        """Persons of a frame's base table that are not in the frame."""
        base, inside = self.parts[Count(scope="base", of=frame)], self.parts[Count(scope="frame", of=frame)]
        return difference(self.b, base, inside)

    def _pattern(self, evidence: Count) -> Value:
        """Cells withheld on account of one count of persons, closed against recovery from its margins."""
        if evidence not in self._patterns:
            self._patterns[evidence] = self._close(evidence)
        return self._patterns[evidence]

    def _close(self, evidence: Count) -> Value:
        b = self.b
        counts = self.parts[evidence]
        if not self.node.by:
            return unsafe(b, [counts], self.policy)
        total = repeated(b, self.parts[replace(evidence, scope="frame")], self.node.cells)
        primary = unsafe(b, [counts, difference(b, total, counts)], self.policy)
        if self.policy.sensitive_zeros and evidence == Count():
            for number, view in enumerate(views(counts)):
                primary = self._sensitive(primary, view, self._reach(counts), pooled=number == 0)
        sizes = [len(levels) for levels in self.node.levels]
        return self._closed(counts, primary, sizes[0], math.prod(sizes[1:]))

    def _of_merged(self, count: Count, persons: Count) -> Value:
        """Cells with too few right rows that several persons share, closed like those with too few persons."""
        b = self.b
        merged = self.parts[count]
        few = closing.small(b, merged.value, self.policy.threshold, merged.hi)
        if self.node.cells == 1:
            return few
        sizes = [len(levels) for levels in self.node.levels]
        return self._closed(self.parts[persons], b.or_(few, self._pattern(persons)), sizes[0], math.prod(sizes[1:]))

    def _closed(self, counts: Ranged, primary: Value, rows: int, columns: int) -> Value:
        """A pattern that is closed for everybody, and for each owner of rows, who subtracts its own from every margin."""
        b, t, hi, overlap = self.b, self.policy.threshold, self._reach(counts), self._overlap
        if rows == 1 or columns == 1:
            found = [closing.close_line(b, view, primary, t, hi, overlap=overlap) for view in views(counts)]
        else:
            found = [closing.close_rectangle(b, view, primary, rows, columns, t, hi, overlap=overlap) for view in views(counts)]
        return b.any_plane(b.rows(found)) if len(found) > 1 else found[0]

    @property
    def _overlap(self) -> bool:
        """Whether a person may be in several cells."""
        return self.node.frame.rows_per_person > 1

    def _reach(self, counts: Ranged) -> int:
        """A bound of every sum of cells."""
        return counts.hi * 2 * self.node.cells if self._overlap else counts.hi

    def _two_sided(self, one: Count, other: Count) -> Value:
        """Cells withheld in a table of two rows, both sides of a condition, whose margins (sizes and totals) are known."""
        b = self.b
        cells = self.node.cells
        first, second = self.parts[one], self.parts[other]
        both = Ranged(
            value=b.concat([first.value, second.value]),
            lo=0,
            hi=max(first.hi, second.hi),
            rest=tuple(b.concat(pair) for pair in zip(first.rest, second.rest, strict=True)),
            own=tuple(b.concat(pair) for pair in zip(first.own, second.own, strict=True)),
        )
        primary = unsafe(b, [both], self.policy)
        closed = primary if cells == 1 else self._closed(both, primary, 2, cells)
        return b.or_(b.cut(closed, 0, cells), b.cut(closed, cells, 2 * cells))

    def _sensitive(self, primary: Value, counts: Value, hi: int, *, pooled: bool) -> Value:
        """Empty cells, and whole lines that one cell holds, in a table by a sensitive column.

        Where one owner's rows are left out (not ``pooled``), lines that are empty without them say nothing.
        """
        b = self.b
        sizes = [len(levels) for levels in self.node.levels]
        for axis, name in enumerate(self.node.by):
            if not self.node.frame.schema[name].sensitive:
                continue
            inner = math.prod(sizes[axis + 1 :])
            line_of = [i // (inner * sizes[axis]) * inner + i % inner for i in range(self.node.cells)]
            lines: list[list[int]] = [[] for _ in range(self.node.cells // sizes[axis])]
            for i, line in enumerate(line_of):
                lines[line].append(i)
            flat = [i for line in lines for i in line]
            totals = b.sum(b.take(counts, flat, rows=len(lines)))
            others = b.subtract(b.take(totals, line_of), counts)
            tests = b.invert(closing.below(b, b.concat([counts, others]), 1, hi))
            filled, shared = b.cut(tests, 0, self.node.cells), b.cut(tests, self.node.cells, 2 * self.node.cells)
            whole = b.and_(filled, b.invert(shared))
            by_place = [[line[place] for line in lines] for place in range(sizes[axis])]
            line_bad = b.any_plane(b.rows([b.take_bits(whole, index) for index in by_place]))
            empty = b.invert(filled) if pooled else b.and_(b.invert(filled), shared)
            primary = b.any_plane(b.rows([primary, empty, b.take_bits(line_bad, line_of)]))
        return primary

    # -- numbers ---------------------------------------------------------------------------------------------------

    def fields(self, piece: Piece) -> list[tuple[ReleasedField, Ranged]]:
        """The numbers of a statistic, exact or rounded as the policy says."""
        statistic = piece.statistic
        rounded = bool(self.policy.rounding)
        count = self._exact(piece.parts[0])
        match statistic.kind:
            case "size" | "count":
                return [self._field("count", self._to_base(count))]
            case "quantile":
                (quantile,) = [p for p in piece.parts if isinstance(p, Quantile)]
                return [self._field("value", self._exact(quantile))]
            case "corr":
                return self._correlation(piece, rounded)
            case "cov":
                return self._covariance(piece, count, rounded)
        type_ = self.node.frame.schema[statistic.columns[0]].type
        total = self._total(piece, count, type_)
        if rounded and is_binary(type_):
            return self._two_values(piece, count, type_)
        if statistic.kind == "sum":
            return [self._rounded_sum(total, count, type_)] if rounded else [self._field("total", total)]
        if statistic.kind == "mean":
            if rounded:
                return [self._on_grid(total, count, type_.step, type_.low, type_.high)]
            return [self._field("count", count), self._field("total", total)]
        spread = self._spread(piece, count, (1,), (2,))
        if statistic.kind in ("skew", "kurtosis"):
            return self._shape(piece, count, spread, rounded)
        if not rounded:
            return [self._field("count", count), self._field("spread", spread)]
        pairs = rounding.combine(self.b, rounding.multiply(self.b, count, count), 1, count, -1)
        pairs = replace(pairs, lo=0)
        reach = Fraction(type_.high - type_.low) * type_.step
        if statistic.kind == "var":
            return [self._to_grid(spread, pairs, type_.step**2, rounding.significant_grid(Fraction(0), reach**2))]
        grid = rounding.significant_grid(Fraction(0), reach)
        if statistic.kind == "sem":
            pairs = replace(rounding.multiply(self.b, pairs, count), lo=0)
        return [self._to_grid(spread, pairs, type_.step**2, grid, squared=True)]

    def _field(self, name: str, ranged: Ranged) -> tuple[ReleasedField, Ranged]:
        return ReleasedField(name=name), ranged

    def _exact(self, part: Part) -> Ranged:
        return self.parts[part]

    def _to_base(self, x: Ranged) -> Ranged:
        """A frequency rounded to the policy's base."""
        base = self.policy.rounding
        if not base:
            return x
        hi = x.hi + base
        value = self.b.narrow(x.value, 1) if x.value.limbs > 1 else x.value
        return Ranged(value=round_to_base(self.b, value, base, bit_length(0, hi)), lo=0, hi=hi)

    def _two_values(self, piece: Piece, count: Ranged, type_: ColumnType) -> list[tuple[ReleasedField, Ranged]]:
        """Frequencies of all and of the higher value, both rounded, and the total that follows from them."""
        # The centre of two values is the lower one.
        higher = self._exact(Moment(columns=piece.statistic.columns, powers=(1,)))
        everyone, total = self._to_base(count), self._to_base(replace(higher, lo=0, hi=count.hi))
        # A deviation is that of zeros and ones.
        if type_.low and piece.statistic.kind in ("sum", "mean"):
            total = rounding.combine(self.b, total, 1, everyone, type_.low)
        return [self._field("count", everyone), self._field("total", total)]

    def _rounded_sum(self, total: Ranged, count: Ranged, type_: ColumnType) -> tuple[ReleasedField, Ranged]:
        """The exact mean times the rounded frequency: beside the mean, an exact sum would give the exact frequency away."""
        everyone = self._to_base(count)
        scaled = rounding.multiply(self.b, total, everyone)
        reach = [min(type_.low, 0) * everyone.hi, max(type_.high, 0) * everyone.hi]
        return self._on_grid(scaled, count, type_.step, min(reach), max(reach))

    def _total(self, piece: Piece, count: Ranged, type_: ColumnType) -> Ranged:
        """The sum of grid integers: that of the centred ones, and the centre for every row."""
        columns = piece.statistic.columns
        moment = self._exact(Moment(columns=columns, powers=(1,)))
        if type_.centre == 0:
            return moment
        total = rounding.combine(self.b, moment, 1, count, type_.centre)
        rows = self.breakdown.frame.length
        return replace(total, lo=min(type_.low * rows, 0), hi=max(type_.high * rows, 0))

    def _spread(self, piece: Piece, count: Ranged, a: tuple[int, ...], square: tuple[int, ...]) -> Ranged:
        """count * sum of squares - sum ** 2, which no centre changes."""
        columns = piece.statistic.columns
        sums = [count, *(self._exact(Moment(columns=columns, powers=p)) for p in (a, square))]
        return self._clamped(moments.polynomial(self.b, moments.SPREAD, sums))

    @staticmethod
    def _clamped(x: Ranged) -> Ranged:
        """A sum of squares is never negative."""
        return replace(x, lo=0, hi=max(x.hi, 0))

    def _correlation(self, piece: Piece, rounded: bool) -> list[tuple[ReleasedField, Ranged]]:
        b = self.b
        count = self._exact(piece.parts[0])
        xx = self._spread(piece, count, (1, 0), (2, 0))
        yy = self._spread(piece, count, (0, 1), (0, 2))
        xy = self._cross(piece, count)
        if not rounded:
            return [self._field("xx", xx), self._field("yy", yy), self._field("xy", xy)]
        signed = rounding.signed_square(b, xy)
        grid = rounding.decimal_grid(Fraction(-1), Fraction(1), CORRELATION_PLACES)
        return [self._to_grid(signed, rounding.multiply(b, xx, yy), Fraction(1), grid, squared=True)]

    def _cross(self, piece: Piece, count: Ranged) -> Ranged:
        """count * sum of products - product of sums."""
        columns = piece.statistic.columns
        sums = [self._exact(Moment(columns=columns, powers=p)) for p in ((1, 0), (0, 1), (1, 1))]
        return moments.polynomial(self.b, moments.CROSS, [count, *sums])

    def _covariance(self, piece: Piece, count: Ranged, rounded: bool) -> list[tuple[ReleasedField, Ranged]]:
        xy = self._cross(piece, count)
        if not rounded:
            return [self._field("count", count), self._field("xy", xy)]
        types = [self.node.frame.schema[name].type for name in piece.statistic.columns]
        reach = Fraction(math.prod(max(1, t.high - t.low) for t in types))
        unit = types[0].step * types[1].step
        pairs = moments.polynomial(self.b, ((1, (0, 0)), (-1, (0,))), [count])
        grid = rounding.significant_grid(-reach * unit, reach * unit)
        return [self._to_grid(xy, replace(pairs, lo=0), unit, grid)]

    def _shape(self, piece: Piece, count: Ranged, spread: Ranged, rounded: bool) -> list[tuple[ReleasedField, Ranged]]:
        """Skewness and kurtosis: the third or fourth central moment beside the second."""
        kind, columns = piece.statistic.kind, piece.statistic.columns
        sums = [count, *(self._exact(Moment(columns=columns, powers=p)) for p in KINDS[kind].powers)]
        terms = moments.THIRD if kind == "skew" else moments.FOURTH
        central = moments.polynomial(self.b, terms, sums)
        if rounded:
            rows = self.breakdown.frame.length
            numerator, denominator = moments.quotient(self.b, kind, count, spread, central)
            return [self._to_grid(numerator, denominator, Fraction(1), moments.grid(kind, rows), squared=kind == "skew")]
        return [self._field("count", count), self._field("spread", spread), self._field("central", central)]

    def _on_grid(self, numerator: Ranged, denominator: Ranged, step: Fraction, lo: int, hi: int) -> tuple[ReleasedField, Ranged]:
        return self._to_grid(numerator, denominator, step, rounding.significant_grid(lo * step, hi * step))

    def _to_grid(
        self, numerator: Ranged, denominator: Ranged, unit: Fraction, grid: tuple[Fraction, ...], squared: bool = False
    ) -> tuple[ReleasedField, Ranged]:
        """The nearest point of a public grid to unit * numerator / denominator, or to its signed root."""
        thresholds = [t * abs(t) if squared else t for t in rounding.midpoints(grid)]
        reached = rounding.points_reached(self.b, numerator, denominator, [t / unit for t in thresholds])
        return ReleasedField(name="point", grid=grid), reached
