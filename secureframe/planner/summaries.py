"""Parts of a release as values on shares: dealt whole by the one owner that has them, or computed from rows on shares.

Over rows on shares every count and moment is one inner product: the planes of the first key as ring elements, times rows of
weights (validity, presence, predicate, the levels of the other keys) times values. One element a cell is sent for it,
however many rows there are.
"""

from __future__ import annotations

from secureframe.disclosure.rounding import Ranged
from secureframe.errors import RangeError
from secureframe.mpc.program import Value, bit_length, limbs_for
from secureframe.mpc.quantile import ranks_lower, select_ranks
from secureframe.plan.expressions import ColumnRef, Expr
from secureframe.plan.forms import ONEHOT, PLANES, PRESENT, TRUTH, VALID, arith
from secureframe.plan.nodes import Node, Statistic, Summarise
from secureframe.plan.parts import Breakdown, Count, Moment, Part, Quantile, frame_counts, nullable_columns
from secureframe.plan.parts import breakdown as break_down
from secureframe.planner.frames import AGGREGATE, FrameCompiler, LocalPart
from secureframe.schema.types import ColumnType

MAX_BITS = 512
"""Widest aggregate; wider ones are refused before anything runs."""


Parts = dict[Part, Ranged]


def persons_bound(frame: Node) -> int:
    """Most persons that a frame can hold."""
    return frame.base.table.roster_size


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
    frame = breakdown.frame
    parts: Parts = {}
    shared = _SharedParts(c, breakdown) if len(frame.owners) > 1 else None
    if shared is not None:
        shared.prepare([p for p in breakdown.parts if isinstance(p, Moment)])
    for part in breakdown.parts:
        lo, hi = part_range(breakdown, part)
        if shared is None:
            (owner,) = frame.owners
            local = LocalPart(owner=owner, breakdown=breakdown, part=part, values=cells_of(breakdown, part))
            value = c.deal(local, "arith", 1, local.values, part_limbs(breakdown, part))
        elif isinstance(part, Count) and part.scope == "base":
            value = _frame_count(c, frame, "base")
        else:
            with c.builder.stage(AGGREGATE):
                value = shared.emit(part)
        parts[part] = Ranged(value=value, lo=lo, hi=hi)
    for thinned in breakdown.thinned:
        parts |= _frame_parts(c, thinned)
    return parts


def _frame_parts(c: FrameCompiler, frame: Node) -> Parts:
    """Counts of a frame that was reduced or merged in."""
    hi = persons_bound(frame)
    return {part: Ranged(value=_frame_count(c, frame, part.scope), lo=0, hi=hi) for part in frame_counts(frame)}


def _frame_count(c: FrameCompiler, frame: Node, scope: str) -> Value:
    """A count over a whole frame, by its owner or on shares; once, however many releases ask for it."""
    if scope == "base":
        frame = frame.base
    if (frame, scope) not in c.counts:
        if len(frame.owners) > 1:
            with c.builder.stage(AGGREGATE):
                c.counts[frame, scope] = c.builder.count_bits(c.value(frame, None, VALID))
        else:
            (owner,) = frame.owners
            local = LocalPart(owner=owner, breakdown=_size_of(c, frame), part=Count(scope=scope), values=1)
            c.counts[frame, scope] = c.deal(local, "arith", 1, 1)
    return c.counts[frame, scope]


def _size_of(c: FrameCompiler, frame: Node) -> Breakdown:
    """The release of a frame's size: its parts are the counts that an owner makes of it, all in one go."""
    if frame not in c.sizes:
        c.sizes[frame] = break_down(Summarise(frame, (), (Statistic(kind="size"),)))
    return c.sizes[frame]


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
            case Count(scope="frame"):
                return self.b.count_bits(self._mask(part.columns, part.where))
            case Count():
                return self._over_cells(self._weight(part.columns, part.where, 1), 1)
            case Moment():
                return self._moment(part)
            case Quantile():
                return self._quantile(part)

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
        expr, _ = self._column(self.node.by[0])
        key = (("", self.node.by[0]), None, limbs)
        if key not in self._weights:
            self._weights[key] = self.b.to_arith(self.c.value(self.frame, expr, ONEHOT), limbs)
        return self.b.reshape(self.b.inner(self._weights[key], rows), 1)

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
            count = self.emit(Count(columns=nullable_columns(self.frame, (part.column,))))
            mask = self._mask((part.column,), None)
            groups = self._levels(self.node.by)
            masks = mask if groups is None else self.b.and_(groups, mask)
            ranks = ranks_lower(self.b, count, [p.q for p in wanted], persons_bound(self.frame))
            planes = self.c.value(self.frame, expr, PLANES)
            found = select_ranks(self.b, planes, masks, ranks)
            self._quantiles[part.column] = self.b.add_public(found, [type_.low])
        at, width = wanted.index(part), len(wanted)
        return self.b.take(self._quantiles[part.column], [g * width + at for g in range(self.node.cells)])
