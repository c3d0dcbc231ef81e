"""Parts of a release as values on shares: dealt whole by the one owner that has them, or computed from rows on shares.

Over rows on shares every count and moment is one inner product: the planes of the first key as ring elements, times rows of
weights (validity, presence, predicate, the levels of the other keys) times values. One element a cell is sent for it,
however many rows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

from secureframe.disclosure.rounding import Ranged
from secureframe.errors import RangeError
from secureframe.mpc.program import Builder, Value, bit_length, limbs_for
from secureframe.mpc.quantile import ranks_in_histogram, ranks_lower, select_ranks
from secureframe.plan.combining import Merge
from secureframe.plan.expressions import ColumnRef, Expr
from secureframe.plan.forms import ONEHOT, PLANES, PRESENT, TRUTH, VALID, arith
from secureframe.plan.nodes import GroupPersons, Node, Statistic, Summarise
from secureframe.plan.parts import Breakdown, Count, Histogram, Moment, Part, Quantile, frame_counts, nullable_columns
from secureframe.plan.parts import breakdown as break_down
from secureframe.plan.rosters import unfiltered
from secureframe.planner.frames import AGGREGATE, FrameCompiler, LocalPart
from secureframe.planner.grouping import locally_reduced
from secureframe.schema.types import ColumnType

MAX_BITS = 512
"""Widest aggregate; wider ones are refused before anything runs."""
MAX_HISTOGRAM = 1 << 18
"""Most grid points, over all cells and quantiles, that are searched in a histogram; beyond that the rows are shared."""


Parts = dict[Part, Ranged]


def persons_bound(frame: Node) -> int:
    """Most persons that a frame can hold."""
    return sum(base.table.roster_size for base in frame.bases)


def part_range(breakdown: Breakdown, part: Part) -> tuple[int, int]:
    """Public range of a part, from types and declared sizes."""
    frame = breakdown.frame
    match part:
        case Count(unit=unit):
            return 0, persons_bound(frame) if unit == "persons" else frame.length
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
    for thinned in breakdown.thinned:
        hi = persons_bound(thinned)
        for part in frame_counts(thinned):
            others = _frame_count(c, thinned, part.scope, emitter.own) if emitter.own else None
            parts[part] = Ranged(value=_frame_count(c, thinned, part.scope), lo=0, hi=hi, others=others)
    return parts


def register_persons(c: FrameCompiler, breakdown: Breakdown) -> None:
    """Announce all flags of persons that a release counts on shares, so that one sort serves them all."""
    emitter = _Parts(c, breakdown)
    emitter.register()
    for own in dict.fromkeys((None, emitter.own)):
        for thinned in breakdown.thinned:
            for part in frame_counts(thinned):
                _register_count(c, thinned, part.scope, own)
        _register_count(c, breakdown.frame, "base", own)


def row_owners(frame: Node) -> list[tuple[str, int]]:
    """Whose rows a frame's rows are: owners and numbers of rows, one after the other."""
    if len(frame.branches) > 1:
        return [pair for branch in frame.branches for pair in row_owners(branch)]
    match frame:
        case Merge(left=left):
            return row_owners(left)
        case GroupPersons() if len(frame.owners) > 1:
            return row_owners(locally_reduced(frame)[0])
        case _ if len(frame.owners) == 1:
            return [(next(iter(frame.owners)), frame.length)]
        case _:
            return row_owners(frame.inputs[0])


def _segments(frame: Node) -> list[tuple[str, int, int]]:
    """Row owners with the first and the last but one of their rows; neighbours of one owner are one."""
    found: list[tuple[str, int, int]] = []
    start = 0
    for owner, length in row_owners(frame):
        if found and found[-1][0] == owner:
            found[-1] = (owner, found[-1][1], start + length)
        else:
            found.append((owner, start, start + length))
        start += length
    return found


def _frame_count(c: FrameCompiler, frame: Node, scope: str, own: str | None = None) -> Value:
    """Persons of a whole frame, counted by its owners or on shares; once, however many releases ask for it.

    With ``own`` the rows of this owner are left out; an owner that has none of the rows changes nothing.
    """
    own = own if own in _owners_of_rows(frame) else None
    if (frame, scope, own) not in c.counts:
        with c.builder.stage(AGGREGATE):
            c.counts[frame, scope, own] = _counted(c, frame, scope, own)
    return c.counts[frame, scope, own]


def _owners_of_rows(frame: Node) -> list[str]:
    return list(dict.fromkeys(owner for owner, _ in row_owners(frame)))


def _counted(c: FrameCompiler, frame: Node, scope: str, own: str | None) -> Value:
    total: Value | None = None
    for found in _counted_frames(c, frame, scope):
        owners = _owners_of_rows(found)
        if owners == [own]:
            continue
        value = _count_of(c, found, scope, own if own in owners else None)
        total = value if total is None else c.builder.add(total, value)
    return c.builder.zeros("arith", 1, 1) if total is None else total


def _counted_frames(c: FrameCompiler, frame: Node, scope: str) -> tuple[Node, ...]:
    """The frames whose persons are counted one by one; of a base the rows that nothing was left out of."""
    if c.placement.totals(frame):
        return (frame,)
    if scope == "base":
        frame = unfiltered(frame)
    return frame.branches if frame.apart else (frame,)


def _count_of(c: FrameCompiler, frame: Node, scope: str, own: str | None) -> Value:
    if c.placement.totals(frame):
        (owner,) = frame.owners
        local = LocalPart(owner=owner, breakdown=_size_of(c, frame), part=Count(scope=scope), values=1)
        return c.deal(local, "arith", 1, 1)
    flags = _flags_of(c, frame, scope, own)
    return c.builder.count_bits(flags() if frame.rows_per_person == 1 else c.persons.first(frame, (frame, scope, own)))


def _register_count(c: FrameCompiler, frame: Node, scope: str, own: str | None) -> None:
    """Announce the flags that ``_frame_count`` will need."""
    for found in _counted_frames(c, frame, scope):
        owners = _owners_of_rows(found)
        left_out = own if own in owners else None
        if not c.placement.totals(found) and found.rows_per_person > 1 and owners != [left_out]:
            c.persons.register(found, (found, scope, left_out), _flags_of(c, found, scope, left_out))


def without_rows(b: Builder, flags: Value, frame: Node, owner: str) -> Value:
    """Flags of a frame's rows, zero at the rows of one owner."""
    return b.concat(
        [
            b.zeros("bits", flags.rows, stop - start) if name == owner else b.cut(flags, start, stop)
            for name, start, stop in _segments(frame)
        ]
    )


def _flags_of(c: FrameCompiler, frame: Node, scope: str, own: str | None) -> Callable[[], Value]:
    if own is not None:
        everybody = _flags_of(c, frame, scope, None)
        return lambda: without_rows(c.builder, everybody(), frame, own)
    match scope:
        case "base":
            return lambda: c.value(unfiltered(frame), None, VALID)
        case "outside":
            return lambda: _outside(c, frame)
        case _:
            return lambda: c.value(frame, None, VALID)


def _outside(c: FrameCompiler, frame: Node) -> Value:
    """Rows of the base that the frame leaves out."""
    b = c.builder
    return b.and_(c.value(unfiltered(frame), None, VALID), b.invert(c.value(frame, None, VALID)))


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
        self.owners = _owners_of_rows(self.frame)
        self.own = c.own if c.own in self.owners and len(self.owners) > 1 else None
        local = all(c.placement.totals(branch) for branch in self.frame.branches)
        histograms = self._histograms() if local and len(self.frame.branches) > 1 else ()
        self.branches = [
            replace(breakdown.at(number), histograms=histograms) if len(self.frame.branches) > 1 else breakdown
            for number in range(len(self.frame.branches))
        ]
        self._shared: dict[Node, _SharedParts] = {}

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
        if not isinstance(part, Count) or part.unit == "rows" or part.scope == "base":
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
        """Flags of the rows a count is about; and where persons may be at several owners, without the rows of each owner."""
        shared = self._on_shares(breakdown)
        makers: dict[Hashable, Callable[[], Value]] = {(breakdown, part, None): lambda: shared.flags(part)}
        if not breakdown.frame.apart and len(self.owners) > 1:
            for owner in self.owners:
                makers[breakdown, part, owner] = lambda owner=owner: without_rows(  # type: ignore[misc]
                    self.b, shared.flags(part), breakdown.frame, owner
                )
        return makers

    # -- emission ----------------------------------------------------------------------------------------------------------

    def emit(self) -> Parts:
        with self.b.stage(AGGREGATE):
            return {part: self._emit(part) for part in self.breakdown.parts}

    def _emit(self, part: Part) -> Ranged:
        lo, hi = part_range(self.breakdown, part)
        match part:
            case Count(scope="base") if not self.frame.apart or not all(map(self.c.placement.totals, self.frame.branches)):
                others = _frame_count(self.c, self.frame, "base", self.own) if self.own else None
                return Ranged(value=_frame_count(self.c, self.frame, "base"), lo=lo, hi=hi, others=others)
            case Quantile():
                return Ranged(value=self._quantile(part), lo=lo, hi=hi)
            case Count() if not self.frame.apart and self._counts_persons(part, self.breakdown):
                value, rest = self._persons_between(part)
                return Ranged(value=value, lo=lo, hi=hi, rest=rest, others=self._others(rest))
            case _:
                value, rest = self._added(part)
                return Ranged(value=value, lo=lo, hi=hi, rest=rest, others=self._others(rest))

    def _others(self, rest: tuple[Value, ...]) -> Value | None:
        """Of what is left without each owner of rows, what is left without the recipient."""
        return rest[self.owners.index(self.own)] if self.own is not None and rest else None

    def _persons_between(self, part: Count) -> tuple[Value, tuple[Value, ...]]:
        """Persons who may be at several owners; and those left without the rows of each owner."""
        found = []
        for owner in (None, *(self.owners if len(self.owners) > 1 else ())):
            found.append(self.b.count_bits(self.c.persons.first(self.frame, (self.breakdown, part, owner))))
        return found[0], tuple(found[1:])

    def _added(self, part: Part) -> tuple[Value, tuple[Value, ...]]:
        """The sum over all branches; and of counts, where several owners have rows, what is left without each."""
        by_owner: dict[str, Value] = {}
        for breakdown in self.branches:
            for owner, value in self._of_branch(part, breakdown):
                by_owner[owner] = self.b.add(by_owner[owner], value) if owner in by_owner else value
        values = [by_owner[owner] for owner in self.owners if owner in by_owner]
        total = values[0]
        for value in values[1:]:
            total = self.b.add(total, value)
        if len(values) == 1 or not isinstance(part, Count):
            return total, ()
        return total, tuple(self.b.subtract(total, value) for value in values)

    def _of_branch(self, part: Part, breakdown: Breakdown) -> list[tuple[str, Value]]:
        """A part of one branch, for every owner of its rows."""
        frame = breakdown.frame
        if self.c.placement.totals(frame):
            (owner,) = frame.owners
            values = cells_of(breakdown, part)
            local = LocalPart(owner=owner, breakdown=breakdown, part=part, values=values)
            return [(owner, self.c.deal(local, "arith", 1, values, part_limbs(self.breakdown, part)))]
        shared = self._on_shares(breakdown)
        if self._counts_persons(part, breakdown):
            assert isinstance(part, Count)
            flags = self.c.persons.first(frame, (breakdown, part, None))
            if len(self.owners) == 1:
                return [(self.owners[0], self.b.count_bits(flags))]
            # Where nobody is at two owners, no rows were moved: they are still in the order of owners.
            pieces = [(owner, self.b.cut(flags, start, stop)) for owner, start, stop in _segments(frame)]
            return [(owner, self.b.count_bits(piece)) for owner, piece in pieces]
        if isinstance(part, Count) and len(self.owners) > 1:
            return [(owner, shared.count(part, start, stop)) for owner, start, stop in _segments(frame)]
        return [(self.owners[0], shared.emit(part))]

    def _quantile(self, part: Quantile) -> Value:
        if part.column in self.branches[0].histograms:
            return self._from_histograms(part)
        if self.c.placement.totals(self.frame):
            return self._of_branch(part, self.breakdown)[0][1]
        return self._on_shares(self.breakdown).emit(part)

    def _from_histograms(self, part: Quantile) -> Value:
        """A quantile over rows of several owners, of whose histograms the sum is searched."""
        type_ = self.frame.schema[part.column].type
        points, cells = type_.high - type_.low + 1, self.breakdown.node.cells
        key = (self.breakdown, part.column)
        wanted = [p for p in self.breakdown.parts if isinstance(p, Quantile) and p.column == part.column]
        if key not in self.c.histograms:
            total: Value | None = None
            for breakdown in self.branches:
                (owner,) = breakdown.frame.owners
                values = cells * points
                local = LocalPart(owner=owner, breakdown=breakdown, part=Histogram(column=part.column), values=values)
                value = self.c.deal(local, "arith", 1, values, 1)
                total = value if total is None else self.b.add(total, value)
            assert total is not None
            bound = self.frame.length
            histogram = self.b.reshape(total, cells)
            ranks = ranks_lower(self.b, self.b.sum(histogram), [p.q for p in wanted], bound)
            found = ranks_in_histogram(self.b, histogram, ranks, bound)
            self.c.histograms[key] = self.b.add_public(found, [type_.low])
        at, width = wanted.index(part), len(wanted)
        return self.b.take(self.c.histograms[key], [g * width + at for g in range(cells)])


class _SharedParts:
    """Parts of one release over a frame whose rows are on shares."""

    def __init__(self, c: FrameCompiler, breakdown: Breakdown) -> None:
        self.c = c
        self.b = c.builder
        self.breakdown = breakdown
        self.frame = breakdown.frame
        self.node: Summarise = breakdown.node
        self._masks: dict[tuple[tuple[str, ...], Expr | None], Value] = {}
        self._weights: dict[tuple[tuple[str, ...], Expr | None, int], Value] = {}
        self._products: dict[tuple[tuple[str, ...], tuple[str, ...], int], Value] = {}
        self._emitted: dict[Part, Value] = {}
        self._quantiles: dict[str, Value] = {}
        self._limbs: dict[str, int] = {}

    def prepare(self, moments: list[Moment]) -> None:
        """Choose one ring for all moments of a column, so that its rows are dealt and moved once."""
        for moment in moments:
            for column in moment.columns:
                self._limbs[column] = max(part_limbs(self.breakdown, moment), self._limbs.get(column, 1))

    def emit(self, part: Part) -> Value:
        """Return a part; every part is emitted once."""
        if part not in self._emitted:
            self._emitted[part] = self._emit(part)
        return self._emitted[part]

    def _emit(self, part: Part) -> Value:
        match part:
            case Count(scope="frame" | "outside"):
                return self.b.count_bits(self.flags(part))
            case Count():
                return self._over_cells(self._weight(part.columns, part.where, 1), 1)
            case Moment():
                return self._moment(part)
            case Quantile():
                return self._quantile(part)

    def count(self, part: Count, start: int, stop: int) -> Value:
        """A count of rows over some of the rows, those of one owner."""
        if part.scope != "cell":
            return self.b.count_bits(self.b.cut(self.flags(part), start, stop))
        weight = self.b.cut(self._weight(part.columns, part.where, 1), start, stop)
        if not self.node.by:
            return self.b.sum(weight)
        first = self.b.cut(self._first_levels(1), start, stop)
        return self.b.reshape(self.b.inner(first, weight), 1)

    def flags(self, part: Count) -> Value:
        """Planes of the rows that a count is about: one, or one a cell."""
        if part.scope == "outside":
            return _outside(self.c, self.frame)
        mask = self._mask(part.columns, part.where)
        levels = self._levels(self.node.by) if part.scope == "cell" else None
        return mask if levels is None else self.b.and_(levels, mask)

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

    def _levels(self, names: tuple[str, ...]) -> Value | None:
        """Planes of every combination of levels of some keys, row-major."""
        planes: Value | None = None
        for name in names:
            expr, _ = self._column(name)
            new = self.c.value(self.frame, expr, ONEHOT)
            if planes is None:
                planes = new
                continue
            outer = self.b.pick_rows(planes, [i for i in range(planes.rows) for _ in range(new.rows)])
            inner = self.b.pick_rows(new, [j for _ in range(planes.rows) for j in range(new.rows)])
            planes = self.b.and_(outer, inner)
        return planes

    def _weight(self, columns: tuple[str, ...], where: Expr | None, limbs: int) -> Value:
        """Mask times the levels of all keys but the first one, as ring elements: (combinations, n)."""
        key = (columns, where, limbs)
        if key not in self._weights:
            mask = self._mask(columns, where)
            rest = self._levels(self.node.by[1:])
            self._weights[key] = self.b.to_arith(mask if rest is None else self.b.and_(rest, mask), limbs)
        return self._weights[key]

    def _over_cells(self, rows: Value, limbs: int) -> Value:
        """Sum weighted rows within every level of the first key: one row of cells, row-major."""
        if not self.node.by:
            return self.b.sum(rows)
        return self.b.reshape(self.b.inner(self._first_levels(limbs), rows), 1)

    def _first_levels(self, limbs: int) -> Value:
        """The levels of the first key as ring elements."""
        expr, _ = self._column(self.node.by[0])
        key = (("", self.node.by[0]), None, limbs)
        if key not in self._weights:
            self._weights[key] = self.b.to_arith(self.c.value(self.frame, expr, ONEHOT), limbs)
        return self._weights[key]

    def _moment(self, part: Moment) -> Value:
        """Weights times values, one product a factor; a row's square is its value times the weighted value."""
        limbs = max(self._limbs[name] for name in part.columns)
        # A missing value is zero, so presence has to be asked for only where a column has power 0.
        needed = tuple(n for n, power in zip(part.columns, part.powers, strict=True) if power == 0)
        factors = tuple(n for n, power in zip(part.columns, part.powers, strict=True) for _ in range(power))
        return self._over_cells(self._product(needed, factors, limbs), limbs)

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

    def _quantile(self, part: Quantile) -> Value:
        """All quantiles of a column in one descent."""
        wanted = [p for p in self.breakdown.parts if isinstance(p, Quantile) and p.column == part.column]
        if part.column not in self._quantiles:
            expr, type_ = self._column(part.column)
            if part_limbs(self.breakdown, part) > 1:
                raise RangeError(
                    f"{part.column} is too wide for quantiles over several institutions",
                    hint="coarser grids (astype) or narrower ranges (clip)",
                )
            unit = "rows" if self.frame.rows_per_person > 1 else "persons"
            count = self.emit(Count(columns=nullable_columns(self.frame, (part.column,)), unit=unit))
            mask = self._mask((part.column,), None)
            groups = self._levels(self.node.by)
            masks = mask if groups is None else self.b.and_(groups, mask)
            ranks = ranks_lower(self.b, count, [p.q for p in wanted], self.frame.length)
            planes = self.c.value(self.frame, expr, PLANES)
            found = select_ranks(self.b, planes, masks, ranks)
            self._quantiles[part.column] = self.b.add_public(found, [type_.low])
        at, width = wanted.index(part), len(wanted)
        return self.b.take(self._quantiles[part.column], [g * width + at for g in range(self.node.cells)])
