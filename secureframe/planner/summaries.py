"""Parts of a release as values on shares: dealt whole by the one owner that has them, or computed from rows on shares.

Over rows on shares every count and moment is one inner product (``cells.py``): planes of levels as ring elements, times rows of
weights (validity, presence, predicate, further levels) times values. One element a cell is sent for it, however many rows there
are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from secureframe.disclosure.rounding import Ranged
from secureframe.errors import RangeError
from secureframe.mpc.beside import beside
from secureframe.mpc.disjoint import disjoint_counts
from secureframe.mpc.group_quantile import select_ranks_apart
from secureframe.mpc.program import Value, bit_length, limbs_for
from secureframe.mpc.quantile import bins_before, folded, ranks_lower, select_ranks
from secureframe.plan.expressions import ColumnRef, Expr
from secureframe.plan.forms import PLANES, PRESENT, TRUTH, VALID, arith
from secureframe.plan.nodes import Node, Statistic, Summarise
from secureframe.plan.parts import Breakdown, Count, Histogram, Moment, Part, Quantile, frame_counts, nullable_columns
from secureframe.plan.parts import breakdown as break_down
from secureframe.plan.rosters import unfiltered
from secureframe.planner.cells import Cells, Work
from secureframe.planner.frames import AGGREGATE, FrameCompiler, LocalPart
from secureframe.planner.grouping import first_of_keys
from secureframe.planner.remainders import Contribution, at_owner, mingles, owners_of, segments, summed, without_owner
from secureframe.schema.types import ColumnType

MAX_BITS = 512
"""Widest aggregate; wider ones are refused before anything runs."""
FEW_CELLS = 64
"""Up to so many cells are counted plane by plane, more through ``Cells``."""
IN_BITS, SQUARED_IN_BITS = 16, 128
"""A column of up to so many bits is added up plane by plane, where sums are all that is asked of it; its squares by pairs of
planes, where these are so few over all cells. So it is dealt, and moved by joins, as these bits and not as ring elements."""
MAX_HISTOGRAM = 1 << 18
"""Most grid points, over all cells and quantiles, that are searched in a histogram; beyond that the rows are shared."""


Parts = dict[Part, Ranged]
View = tuple[str, str] | None
"""Whose eyes a count of persons is seen with: everybody's, or of an owner, with its rows left out or with these alone."""
WITHOUT, AT = "without", "at"


def persons_bound(frame: Node) -> int:
    """Most persons that a frame can hold."""
    return sum(base.table.roster_size for base in frame.bases)


def part_range(breakdown: Breakdown, part: Part) -> tuple[int, int]:
    """Public range of a part, from types and declared sizes."""
    frame = breakdown.frame
    match part:
        case Count(unit=unit, keys=keys):
            return 0, persons_bound(frame) if unit == "persons" and not keys else frame.length
        case Quantile(column=column):
            type_ = frame.schema[column].type
            return type_.low, type_.high
        case Moment(columns=columns, powers=powers):
            lo = hi = 1
            for column, power in zip(columns, powers, strict=True):
                type_ = frame.schema[column].type
                a, b = type_.low - type_.centre, type_.high - type_.centre
                ends = [a**power, b**power] + ([0] if power % 2 == 0 else [])
                corners = [x * y for x in (lo, hi) for y in (min(ends), max(ends))]
                lo, hi = min(corners), max(corners)
            return min(lo * frame.length, 0), max(hi * frame.length, 0)


def part_limbs(breakdown: Breakdown, part: Part) -> int:
    """Limbs of the ring that holds a part whatever the data are."""
    lo, hi = part_range(breakdown, part)
    width = bit_length(lo, hi) + 1
    if width > MAX_BITS:
        raise RangeError("an aggregate of the statement is too wide", hint="narrower ranges (clip) or coarser grids (astype)")
    return limbs_for(width)


def cells_of(breakdown: Breakdown, part: Part) -> int:
    """How many values a part has."""
    return 1 if isinstance(part, Count) and part.scope != "cell" else breakdown.node.cells


def emit_parts(c: FrameCompiler, breakdown: Breakdown) -> Parts:
    """Emit every part of a release."""
    emitter = _Parts(c, breakdown)
    parts = emitter.emit()
    if c.recipient in emitter.owners:
        at = emitter.owners.index(c.recipient)
        parts = {part: replace(found, others=found.rest[at]) if found.rest else found for part, found in parts.items()}
    for thinned in breakdown.thinned:
        hi = persons_bound(thinned)
        parts |= {p: replace(_frame_count(c, thinned, p.scope), hi=hi) for p in frame_counts(thinned)}
    return parts


def register_persons(c: FrameCompiler, breakdown: Breakdown) -> None:
    """Announce all flags of persons that a release counts on shares, so that one sort serves them all."""
    _Parts(c, breakdown).register()
    for thinned in breakdown.thinned:
        for part in frame_counts(thinned):
            _register_count(c, thinned, part.scope)
    _register_count(c, breakdown.frame, "base")


def _frame_count(c: FrameCompiler, frame: Node, scope: str) -> Ranged:
    """Persons of a whole frame, counted by its owners or on shares; once, however many releases ask for it."""
    if (frame, scope) not in c.counts:
        with c.builder.stage(AGGREGATE):
            owners = owners_of(frame)
            found = [_count_of(c, f, scope, owners) for f in _counted_frames(c, frame, scope)]
            value, rest, own = summed(c.builder, found, owners)
            c.counts[frame, scope] = Ranged(value=value, lo=0, hi=persons_bound(frame), rest=rest, own=own)
    return c.counts[frame, scope]


def _counted_frames(c: FrameCompiler, frame: Node, scope: str) -> tuple[Node, ...]:
    """The frames whose persons are counted one by one; of a base the rows that nothing was left out of."""
    if c.placement.totals(frame):
        return (frame,)
    if scope == "base":
        frame = unfiltered(frame)
    return frame.branches if frame.apart else (frame,)


def _count_of(c: FrameCompiler, frame: Node, scope: str, owners: Sequence[str]) -> Contribution:
    if c.placement.totals(frame):
        (owner,) = frame.owners
        local = LocalPart(owner=owner, breakdown=_size_of(c, frame), part=Count(scope=scope), values=1)
        return Contribution.of(owner, c.deal(local, "arith", 1, 1), owners)
    b = c.builder
    makers = {view: make for (_, _, view), make in _count_flags(c, frame, scope).items()}

    def count(view: View) -> Value:
        if frame.rows_per_person == 1:
            return b.count_bits(makers[view]())
        return b.count_bits(c.persons.first(frame, (frame, scope, view)))

    return _viewed(c, frame, owners, count)


def _viewed(c: FrameCompiler, frame: Node, owners: Sequence[str], count: Callable[[View], Value]) -> Contribution:
    """A count of a frame's persons in every view; to an owner who has none of its rows, all of it is others'."""
    found = {view: count(view) for view in _views(c, frame)}
    of_rows = owners_of(frame)
    if len(of_rows) == 1:
        return Contribution.of(of_rows[0], found[None], owners)
    return Contribution(
        value=found[None],
        without={o: found[(WITHOUT, o) if o in of_rows else None] for o in owners},
        own={view[1]: value for view, value in found.items() if view is not None and view[0] == AT},
    )


def _views(c: FrameCompiler, frame: Node) -> list[View]:
    """How the persons of a frame are counted: all; and where its rows are several owners', without each, and at each."""
    owners = owners_of(frame)
    if len(owners) < 2:
        return [None]
    return [None, *((WITHOUT, o) for o in owners), *((AT, o) for o in owners if c.every_part)]


def _seen(c: FrameCompiler, frame: Node, flags: Value, view: View) -> Value:
    """Flags of rows as a view has them."""
    if view is None:
        return flags
    which, owner = view
    return (without_owner if which == WITHOUT else at_owner)(c, frame, flags, owner)


def _count_flags(c: FrameCompiler, frame: Node, scope: str) -> dict[tuple[Node, str, View], Callable[[], Value]]:
    """The flags that a count of a frame of several owners needs, in every view."""
    flags = _flags_of(c, frame, scope)
    rows = unfiltered(frame) if scope == "base" else frame
    return {(frame, scope, view): lambda view=view: _seen(c, rows, flags(), view) for view in _views(c, frame)}  # type: ignore[misc]


def _register_count(c: FrameCompiler, frame: Node, scope: str) -> None:
    """Announce the flags that ``_frame_count`` will need."""
    for found in _counted_frames(c, frame, scope):
        if not c.placement.totals(found) and found.rows_per_person > 1:
            for key, make in _count_flags(c, found, scope).items():
                c.persons.register(found, key, make)


def _flags_of(c: FrameCompiler, frame: Node, scope: str) -> Callable[[], Value]:
    match scope:
        case "base":
            return lambda: c.value(unfiltered(frame), None, VALID)
        case "outside":
            return lambda: _outside(c, frame)
        case _:
            return lambda: c.value(frame, None, VALID)


def _outside(c: FrameCompiler, frame: Node) -> Value:
    """Rows of the base that the frame leaves out: the frame has several rows a person, or is stacked with one that has."""
    b = c.builder
    return b.and_(c.value(unfiltered(frame, stacked=True), None, VALID), b.invert(c.value(frame, None, VALID)))


def _size_of(c: FrameCompiler, frame: Node) -> Breakdown:
    """The release of a frame's size: its parts are the counts that an owner makes of it, all in one go."""
    if frame not in c.sizes:
        c.sizes[frame] = break_down(Summarise(frame, (), (Statistic(kind="size"),)))
    return c.sizes[frame]


class _Parts:
    """Parts of one release: sums over the branches of its frame, each computed by its owner or on shares.

    Counts of persons who may be in several branches are counted on shares, and so are quantiles of columns whose grid is too
    large for a histogram.
    """

    def __init__(self, c: FrameCompiler, breakdown: Breakdown) -> None:
        self.c = c
        self.b = c.builder
        self.breakdown = breakdown
        self.frame = breakdown.frame
        self.owners = owners_of(self.frame)
        local = all(c.placement.totals(branch) for branch in self.frame.branches)
        histograms = self._histograms() if local and len(self.frame.branches) > 1 else ()
        self.branches = [
            replace(breakdown.at(number), histograms=histograms) if len(self.frame.branches) > 1 else breakdown
            for number in range(len(self.frame.branches))
        ]
        self._shared: dict[Node, _SharedParts] = {}
        self._keyed: dict[Count, Value] = {}

    def _histograms(self) -> tuple[str, ...]:
        """Columns whose quantiles are read from histograms that the owners deal."""
        found: dict[str, int] = {}
        for part in self.breakdown.parts:
            if isinstance(part, Quantile):
                found[part.column] = found.get(part.column, 0) + 1
        points = {name: self.frame.schema[name].type for name in found}
        cells = self.breakdown.node.cells
        return tuple(n for n, t in points.items() if (t.high - t.low + 1) * cells * found[n] <= MAX_HISTOGRAM)

    def _on_shares(self, breakdown: Breakdown) -> _SharedParts:
        if breakdown.frame not in self._shared:
            shared = _SharedParts(self.c, breakdown)
            shared.prepare([p for p in breakdown.parts if isinstance(p, Moment)])
            self._shared[breakdown.frame] = shared
        return self._shared[breakdown.frame]

    # -- persons in several branches, or with many rows ------------------------------------------------------------------

    def _counts_persons(self, part: Part, breakdown: Breakdown) -> bool:
        """Whether a part counts persons by rows on shares of whom one person may have several."""
        if not isinstance(part, Count) or part.unit == "rows" or part.scope == "base" or part.keys:
            return False
        return breakdown.frame.rows_per_person > 1 and not self.c.placement.totals(breakdown.frame)

    def _counters(self) -> list[Breakdown]:
        """The frames over which persons are counted on shares."""
        return self.branches if self.frame.apart else [self.breakdown]

    def register(self) -> None:
        for breakdown in self._counters():
            for part in breakdown.parts:
                if isinstance(part, Count) and self._counts_persons(part, breakdown):
                    for key, make in self._person_flags(part, breakdown).items():
                        self.c.persons.register(breakdown.frame, key, make)

    def _person_flags(self, part: Count, breakdown: Breakdown) -> dict[Hashable, Callable[[], Value]]:
        """Flags of the rows a count is about; and where persons may be at several owners, as every one of them sees them."""
        shared = self._on_shares(breakdown)
        views = [None] if breakdown.frame.apart else _views(self.c, breakdown.frame)
        return {
            (breakdown, part, view): lambda view=view: _seen(self.c, breakdown.frame, shared.flags(part), view)  # type: ignore[misc]
            for view in views
        }

    # -- emission ----------------------------------------------------------------------------------------------------------

    def emit(self) -> Parts:
        with self.b.stage(AGGREGATE):
            return {part: self._emit(part) for part in self.breakdown.parts}

    def _emit(self, part: Part) -> Ranged:
        lo, hi = part_range(self.breakdown, part)
        match part:
            case Count(scope="base") if not self.frame.apart or not all(map(self.c.placement.totals, self.frame.branches)):
                return replace(_frame_count(self.c, self.frame, "base"), lo=lo, hi=hi)
            case Quantile():
                value, tails = self._quantile(part)
                return Ranged(value=value, lo=lo, hi=hi, tails=tails)
            case Count(keys=keys) if keys and not self.c.placement.totals(self.frame):
                return Ranged(value=self._different(part), lo=lo, hi=hi)
            case Count() if not self.frame.apart and self._counts_persons(part, self.breakdown):
                found = [self._persons_between(part)]
            case _:
                found = [c for breakdown in self.branches for c in self._of_branch(part, breakdown)]
        value, rest, own = summed(self.b, found, self.owners if isinstance(part, Count) else ())
        return Ranged(value=value, lo=lo, hi=hi, rest=rest, own=own)

    def _different(self, part: Count) -> Value:
        """Different values of keys that several persons may share; one sort a key serves all statistics."""
        if part not in self._keyed:
            shared = self._on_shares(self.breakdown)
            same_keys = [p for p in self.breakdown.parts if isinstance(p, Count) and p.keys == part.keys]
            flags = {p: shared.flags(p) for p in same_keys}
            for each, found in first_of_keys(self.c, self.frame, part.keys, flags).items():
                self._keyed[each] = self.b.count_bits(found)
        return self._keyed[part]

    def _persons_between(self, part: Count) -> Contribution:
        """Persons who may be at several owners."""
        key = (self.breakdown, part)
        # A row is in one cell at most, in whatever order the rows are now.
        return _viewed(
            self.c,
            self.frame,
            self.owners,
            lambda view: disjoint_counts(self.b, self.c.persons.first(self.frame, (*key, view))),
        )

    def _of_branch(self, part: Part, breakdown: Breakdown) -> list[Contribution]:
        """A part of one branch, for every owner of its rows."""
        frame = breakdown.frame
        if self.c.placement.totals(frame):
            (owner,) = frame.owners
            values = cells_of(breakdown, part)
            local = LocalPart(owner=owner, breakdown=breakdown, part=part, values=values)
            dealt = self.c.deal(local, "arith", 1, values, part_limbs(self.breakdown, part))
            return [Contribution.of(owner, dealt, self.owners)]
        shared = self._on_shares(breakdown)
        if not isinstance(part, Count) or len(self.owners) == 1:
            if isinstance(part, Count) and self._counts_persons(part, breakdown):
                return [Contribution(value=shared.tally(part, self.c.persons.first(frame, (breakdown, part, None))))]
            return [Contribution(value=shared.emit(part))]
        if mingles(frame):
            flags = shared.flags(part)
            return [_viewed(self.c, frame, self.owners, lambda view: shared.tally(part, _seen(self.c, frame, flags, view)))]
        found = []
        if self._counts_persons(part, breakdown):
            # Where nobody is at two owners, no rows were moved: they are still in the order of owners.
            flags = self.c.persons.first(frame, (breakdown, part, None))
            found = [(owner, shared.tally(part, flags, start, stop)) for owner, start, stop in segments(frame)]
        else:
            found = [(owner, shared.count(part, start, stop)) for owner, start, stop in segments(frame)]
        return [Contribution.of(owner, value, self.owners) for owner, value in found]

    def _quantile(self, part: Quantile) -> tuple[Value, tuple[Value, ...]]:
        """A quantile, and what is on either side of it without the rows of each of several owners."""
        if part.column in self.branches[0].histograms:
            found, sides = self._from_histograms(part.column)
        elif self.c.placement.totals(self.frame):
            return self._of_branch(part, self.breakdown)[0].value, ()
        else:
            shared = self._on_shares(self.breakdown)
            found = shared.quantiles(part.column)
            sides = shared.sides(part.column, self.owners)
        wanted = self._wanted(part.column)
        index = [g * len(wanted) + wanted.index(part) for g in range(self.breakdown.node.cells)]
        return self.b.take(found, index), tuple(self.b.take(side, index) for side in sides)

    def _wanted(self, column: str) -> list[Quantile]:
        return [p for p in self.breakdown.parts if isinstance(p, Quantile) and p.column == column]

    def _from_histograms(self, column: str) -> tuple[Value, tuple[Value, ...]]:
        """All quantiles of a column over rows of several owners, of whose histograms the sum is searched."""
        b = self.b
        type_ = self.frame.schema[column].type
        points, cells = type_.high - type_.low + 1, self.breakdown.node.cells
        key = (self.breakdown, column)
        if key not in self.c.histograms:
            quantiles = [p.q for p in self._wanted(column)]
            dealt: dict[str, Value] = {}
            for breakdown in self.branches:
                (owner,) = breakdown.frame.owners
                local = LocalPart(owner=owner, breakdown=breakdown, part=Histogram(column=column), values=cells * points)
                value = b.reshape(self.c.deal(local, "arith", 1, cells * points, 1), cells)
                dealt[owner] = b.add(dealt[owner], value) if owner in dealt else value
            total = None
            for value in dealt.values():
                total = value if total is None else b.add(total, value)
            assert total is not None
            bound = self.frame.length
            ranks = ranks_lower(b, b.sum(total), quantiles, bound)
            before = bins_before(b, total, ranks, bound)
            if len(dealt) > 1:
                # One conversion serves the answer and what lies beside it.
                ones = b.to_arith(before, ranks.limbs)
                found = b.sum(ones)
                others = [b.subtract(total, value) for value in dealt.values()]
                sides = beside(b, ones, others)
            else:
                found, sides = b.count_bits(before, ranks.limbs), ()
            self.c.histograms[key] = b.add_public(found, [type_.low]), sides
        return self.c.histograms[key]


Step = tuple[tuple[str, ...], tuple[str, ...]]
"""Columns that have to be present, and those whose values weighted rows were multiplied by, one after the other."""


def _steps_of(part: Moment) -> list[Step]:
    """The weights of a moment, and the products on the way to it."""
    # A missing value is zero, so presence has to be asked for only where a column has power 0.
    needed = tuple(n for n, power in zip(part.columns, part.powers, strict=True) if power == 0)
    factors = tuple(n for n, power in zip(part.columns, part.powers, strict=True) for _ in range(power))
    return [(needed, factors[:count]) for count in range(len(factors) + 1)]


def _work(breakdown: Breakdown, moments: Sequence[Moment], shared: set[Step]) -> Work:
    """What the sums of a release need; ``shared`` are the steps that another one builds on."""
    steps = {step for p in moments for step in _steps_of(p)}
    masks = {(p.columns, p.where) for p in breakdown.parts if isinstance(p, Count) and p.scope == "cell"}
    masks |= {(needed, None) for needed, factors in steps if not factors}
    products = {step for step in steps if step[1]}
    return Work(masks=max(1, len(masks)), products=len(products), last=len(products - shared))


class _SharedParts:
    """Parts of one release over a frame whose rows are on shares."""

    def __init__(self, c: FrameCompiler, breakdown: Breakdown) -> None:
        self.c = c
        self.b = c.builder
        self.breakdown = breakdown
        self.frame = breakdown.frame
        self.node: Summarise = breakdown.node
        moments = [p for p in breakdown.parts if isinstance(p, Moment)]
        self._in_bits = self._summed_in_bits(moments)
        moments = [p for p in moments if not self._in_bits.issuperset(p.columns)]
        self._steps = {step for p in moments for step in _steps_of(p)[:-1]}
        self.cells = Cells(c, self.frame, self.node.by, _work(breakdown, moments, self._steps))
        self._masks: dict[tuple[tuple[str, ...], Expr | None], Value] = {}
        self._weights: dict[tuple[tuple[str, ...], Expr | None, int], Value] = {}
        self._products: dict[tuple[tuple[str, ...], tuple[str, ...], int], Value] = {}
        self._emitted: dict[Part, Value] = {}
        self._bits: dict[str, tuple[Value, Value, Value]] = {}
        self._quantiles: dict[str, Value] = {}
        self._sides: dict[str, tuple[Value, ...]] = {}
        self._limbs: dict[str, int] = {}
        self._counts: dict[tuple[tuple[str, ...], Expr | None], Value] = {}
        self._tables: dict[tuple[tuple[str, ...], Expr | None], Value] = {}
        self._weighted: set[tuple[tuple[str, ...], Expr | None]] = set()
        """Masks of which moments need weights, as elements of one limb."""
        self._tabled: set[tuple[tuple[str, ...], Expr | None]] = set()
        """Masks that are counted in every cell."""

    def _summed_in_bits(self, moments: Sequence[Moment]) -> set[str]:
        """Columns of few bits of which nothing but sums is asked, or of squares, and that nothing was computed of on shares."""

        def fits(part: Moment) -> bool:
            width = self.frame.schema[part.columns[0]].type.width
            few = width <= IN_BITS and (part.powers == (1,) or self.node.cells * width * (width + 1) // 2 <= SQUARED_IN_BITS)
            return part.powers in ((1,), (2,)) and few and part_limbs(self.breakdown, part) == 1

        sums = {p.columns[0] for p in moments if fits(p)} - {name for p in moments if not fits(p) for name in p.columns}
        return {name for name in sums if self.c.unmixed(self.frame, ColumnRef(name))}

    def prepare(self, moments: list[Moment]) -> None:
        """Choose one ring for all moments of a column, so that its rows are dealt and moved once."""
        for moment in moments:
            for column in moment.columns:
                self._limbs[column] = max(part_limbs(self.breakdown, moment), self._limbs.get(column, 1))
        weighted = (m for m in moments if not self._in_bits.issuperset(m.columns))
        self._weighted = {(_steps_of(m)[0][0], None) for m in weighted if max(self._limbs[c] for c in m.columns) == 1}
        if self.node.by:
            counts = (p for p in self.breakdown.parts if isinstance(p, Count) and p.scope == "cell" and not p.keys)
            self._tabled = {(p.columns, p.where) for p in counts}

    def emit(self, part: Part) -> Value:
        """Return a part; every part is emitted once."""
        if part not in self._emitted:
            self._emitted[part] = self._emit(part)
        return self._emitted[part]

    def _emit(self, part: Part) -> Value:
        match part:
            case Count(scope="outside"):
                return self.b.count_bits(self.flags(part))
            case Count() if part.scope == "frame" or not self.node.by:
                return self._counted(part.columns, part.where)
            case Count():
                return self._table(part.columns, part.where)
            case Moment():
                return self._moment(part)
            case Quantile():
                raise TypeError("quantiles of a column are found together")

    def _counted(self, columns: tuple[str, ...], where: Expr | None) -> Value:
        """How many rows a mask has, over all cells and those in none."""
        key = (columns, where)
        if key not in self._counts:
            anyway = key in self._weighted or key in self._tabled
            if anyway and not any(self.frame.schema[name].type.nullable for name in self.node.by):
                # Every row is in a cell, and those are counted anyway.
                self._counts[key] = self.b.sum(self._table(columns, where))
            else:
                self._counts[key] = self.b.count_bits(self._mask(columns, where))
        return self._counts[key]

    def _table(self, columns: tuple[str, ...], where: Expr | None) -> Value:
        """How many rows a mask has in every cell."""
        key = (columns, where)
        if key not in self._tables:
            self._tables[key] = self._tabulated(columns, where, 0, self.frame.length)
        return self._tables[key]

    def _tabulated(self, columns: tuple[str, ...], where: Expr | None, start: int, stop: int) -> Value:
        """The same for some of the rows: the sum of their weights where there are any, else a count."""
        if (columns, where) in self._weighted:
            return self.cells.sums(self._weight(columns, where, 1), start, stop)
        return self.cells.counts(self._mask(columns, where), start, stop)

    def count(self, part: Count, start: int, stop: int) -> Value:
        """A count of rows over some of the rows, those of one owner."""
        if part.scope != "cell":
            return self.b.count_bits(self.b.cut(self.flags(part), start, stop))
        return self._tabulated(part.columns, part.where, start, stop)

    def flags(self, part: Count) -> Value:
        """Planes of the rows that a count is about: one, or one a cell."""
        if part.scope == "outside":
            return _outside(self.c, self.frame)
        mask = self._mask(part.columns, part.where)
        levels = self.cells.planes() if part.scope == "cell" else None
        return mask if levels is None else self.b.and_(levels, mask)

    def tally(self, part: Count, flags: Value, start: int = 0, stop: int | None = None) -> Value:
        """How many of these flags of the rows that a count is about are set, or of those of some of the rows; in every cell."""
        if part.scope != "cell" or self.node.cells <= FEW_CELLS:
            return self.b.count_bits(flags if stop is None else self.b.cut(flags, start, stop))
        # A row is in one cell at most, so that one bit says whether its flag is set there.
        return self.cells.sums(self.cells.weights(folded(self.b, flags, 1), 1), start, stop)

    def _column(self, name: str) -> tuple[Expr, ColumnType]:
        return ColumnRef(name), self.frame.schema[name].type

    def _mask(self, columns: tuple[str, ...], where: Expr | None) -> Value:
        """One plane: rows that are valid, present in all columns, and fulfil the predicate."""
        key = (columns, where)
        if key not in self._masks:
            mask = self.c.value(self.frame, None, VALID)
            for name in dict.fromkeys(columns):
                expr, type_ = self._column(name)
                if type_.nullable:
                    mask = self.b.and_(mask, self.c.value(self.frame, expr, PRESENT))
            if where is not None:
                mask = self.b.and_(mask, self.c.value(self.frame, where, TRUTH))
            self._masks[key] = mask
        return self._masks[key]

    def _weight(self, columns: tuple[str, ...], where: Expr | None, limbs: int) -> Value:
        """Rows of weights, as ``Cells.sums`` adds them up."""
        key = (columns, where, limbs)
        if key not in self._weights:
            self._weights[key] = self.cells.weights(self._mask(columns, where), limbs)
        return self._weights[key]

    def _moment(self, part: Moment) -> Value:
        """Weights times values, one product a factor; a row's square is its value times the weighted value."""
        if self._in_bits.issuperset(part.columns):
            return self._moment_in_bits(part.columns[0], part.powers[0])
        limbs = max(self._limbs[name] for name in part.columns)
        needed, factors = step = _steps_of(part)[-1]
        if factors and step not in self._steps and self.cells.undivided:
            # Nobody needs the last product row by row.
            last = self.c.value(self.frame, ColumnRef(factors[-1]), arith(limbs))
            return self.cells.inner(self._product(needed, factors[:-1], limbs), last)
        return self.cells.sums(self._product(needed, factors, limbs))

    def _bit_counts(self, column: str) -> tuple[Value, Value, Value]:
        """The planes of a column where it is not missing, how often each is set in every cell, and how many values there are."""
        if column not in self._bits:
            columns = nullable_columns(self.frame, (column,))
            planes = self.b.and_(self.c.value(self.frame, ColumnRef(column), PLANES), self._mask(columns, None))
            there = self._table(columns, None) if self.node.by else self._counted(columns, None)
            self._bits[column] = planes, self._counts_of(planes), there
        return self._bits[column]

    def _counts_of(self, planes: Value) -> Value:
        """How often each plane is set in every cell: arith ``(planes, cells)``."""
        index = [g * planes.rows + plane for plane in range(planes.rows) for g in range(self.node.cells)]
        return self.b.take(self.cells.counts(planes), index, rows=planes.rows)

    def _moment_in_bits(self, column: str, power: int) -> Value:
        """The sum of a column, or of its squares, in every cell, from how often its bits are set, two of them at once."""
        b = self.b
        planes, bits, there = self._bit_counts(column)
        _, type_ = self._column(column)
        low, places = type_.low - type_.centre, range(planes.rows)
        if power == 1:
            return b.combine(b.rows([bits, there]), [*(1 << k for k in places), low])
        # (low + sum of 2**k bit_k) ** 2, where the square of a bit is the bit.
        weights = [low * low, *((1 << 2 * k) + 2 * low * (1 << k) for k in places)]
        counts = [there, bits]
        if pairs := list(itertools.combinations(places, 2)):
            both = b.and_(b.pick_rows(planes, [i for i, _ in pairs]), b.pick_rows(planes, [j for _, j in pairs]))
            counts.append(self._counts_of(both))
            weights += [2 << (i + j) for i, j in pairs]
        return b.combine(b.rows(counts), weights)

    def _product(self, needed: tuple[str, ...], factors: tuple[str, ...], limbs: int) -> Value:
        """Weights times the values of some columns; shorter products are shared by longer ones."""
        if not factors:
            return self._weight(needed, None, limbs)
        key = (needed, factors, limbs)
        if key not in self._products:
            expr, _ = self._column(factors[-1])
            rows = self._product(needed, factors[:-1], limbs)
            self._products[key] = self.b.multiply(rows, self.c.value(self.frame, expr, arith(limbs)))
        return self._products[key]

    def quantiles(self, column: str) -> Value:
        """All quantiles of a column in one descent, cell by cell."""
        if column not in self._quantiles:
            expr, type_ = self._column(column)
            wanted = [p for p in self.breakdown.parts if isinstance(p, Quantile) and p.column == column]
            if part_limbs(self.breakdown, wanted[0]) > 1:
                raise RangeError(
                    f"{column} is too wide for quantiles over several institutions",
                    hint="coarser grids (astype) or narrower ranges (clip)",
                )
            unit = "rows" if self.frame.rows_per_person > 1 else "persons"
            count = self.emit(Count(columns=nullable_columns(self.frame, (column,)), unit=unit))
            mask = self._mask((column,), None)
            groups = self.cells.planes()
            ranks = ranks_lower(self.b, count, [p.q for p in wanted], self.frame.length)
            planes = self.c.value(self.frame, expr, PLANES)
            if groups is None:
                found = select_ranks(self.b, planes, mask, ranks)
            else:
                found = select_ranks_apart(self.b, planes, mask, groups, self.cells.counts, ranks)
            self._quantiles[column] = self.b.add_public(found, [type_.low])
        return self._quantiles[column]

    def sides(self, column: str, owners: Sequence[str]) -> tuple[Value, ...]:
        """For all quantiles of a column, how many values lie up to it and from it on, without the rows of each owner."""
        if len(owners) < 2:
            return ()
        if column not in self._sides:
            b = self.b
            expr, type_ = self._column(column)
            groups, mask = self.cells.planes(), self._mask((column,), None)
            members = mask if groups is None else b.and_(groups, mask)
            found, cells = self.quantiles(column), self.node.cells
            each = found.n // cells
            rows = b.add_public(self.c.value(self.frame, expr, arith(1)), [type_.centre])
            weights = None if groups is None else b.to_arith(groups)
            sides: list[list[Value]] = [[] for _ in range(2 * len(owners))]
            for at in range(each):
                spread = b.take(found, [g * each + at for g in range(cells) for _ in range(self.frame.length)], rows=cells)
                own = spread if weights is None else b.combine(b.multiply(weights, spread), [1] * cells)
                width = bit_length(2 * min(type_.low, 0) - 1, 2 * max(type_.high, 0) + 1) + 1
                above, below = (b.is_negative(x, width) for x in (b.subtract(own, rows), b.subtract(rows, own)))
                for number, owner in enumerate(owners):
                    left = without_owner(self.c, self.frame, members, owner)
                    for side, out in enumerate((above, below)):
                        sides[2 * number + side].append(b.count_bits(b.and_(left, b.invert(out))))
            index = [at * cells + g for g in range(cells) for at in range(each)]
            self._sides[column] = tuple(b.take(b.concat(found_), index) for found_ in sides)
        return self._sides[column]
