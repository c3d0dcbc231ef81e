"""The parts of a release, where a frame lies at one owner: a few integers, exact, computed in Polars.

The same parts in the same order as three parties compute on shares; the disclosure rules cannot tell them apart.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import polars as pl

from secureframe.errors import RangeError
from secureframe.local.expressions import Parameters, lower_expression
from secureframe.local.integers import integer_dtype
from secureframe.local.lower import PERSON, VALID, Computed, Tables, compute
from secureframe.local.wide import sums_of_products
from secureframe.mpc.program import bit_length
from secureframe.plan.nodes import Filter, GroupPersons, Node, Project, Table
from secureframe.plan.parts import Breakdown, Count, Histogram, Moment, Part, Quantile
from secureframe.schema.types import ColumnType

_CELL = "__cell"
SLICE = 1 << 18
"""Rows that are gone through at once: what is computed of them stays small, however many there are."""


def local_parts(breakdown: Breakdown, tables: Tables, parameters: Parameters | None = None) -> dict[Part | Histogram, list[int]]:
    """Return every part of a release over a frame of one owner.

    Parameters
    ----------
    breakdown : Breakdown
        The release in pieces.
    tables : mapping of str to RegisteredTable
        The owner's tables by ``owner.name``.
    parameters : mapping, optional
        Natural values of the plan's parameters.

    Returns
    -------
    dict of Part to list of int
        In the order of ``breakdown.parts``: one integer a cell, row-major over ``node.levels``; one in all for the
        scopes ``frame`` and ``base``. Rows with a missing key are in no cell. Then the histograms that are asked for, one
        integer a cell and grid point, row-major.
    """
    return parts_of(breakdown, Computed(tables=tables, parameters=parameters or {}))


def parts_of(breakdown: Breakdown, done: Computed) -> dict[Part | Histogram, list[int]]:
    """The same within a job, in which every frame is computed once."""
    everything = compute(breakdown.frame, done).rows
    cells = _Cells(breakdown, everything if everything[VALID].all() else everything.filter(pl.col(VALID)), done.parameters)
    found: dict[Part | Histogram, list[int]] = {}
    for part in breakdown.parts:
        match part:
            case Count(scope="base"):
                # No step takes rows out: what a frame leaves out it only marks.
                persons = everything[PERSON]
                alone = _a_row_a_person(breakdown.frame)
                found[part] = [len(persons) - persons.null_count() if alone else persons.drop_nulls().n_unique()]
            case Count(scope="outside"):
                found[part] = [everything.filter(~pl.col(VALID))[PERSON].n_unique()]
            case Quantile(column=column) if column in breakdown.histograms:
                continue
            case Quantile():
                found[part] = cells.quantile(part)
            case Moment() if cells.exceeds(part):
                found[part] = cells.wide_moment(part)
            case _:
                cells.ask(part)
    found |= cells.answers()
    ordered: dict[Part | Histogram, list[int]] = {part: found[part] for part in breakdown.parts if part in found}
    return ordered | {Histogram(column=column): cells.histogram(column) for column in breakdown.histograms}


def _a_row_a_person(frame: Node) -> bool:
    """Whether nobody has two rows, those that the frame leaves out among them."""
    while isinstance(frame, Filter | Project):
        frame = frame.frame
    return isinstance(frame, GroupPersons) or (isinstance(frame, Table) and frame.table.rows_per_person == 1)


def _cell_index(node_by: tuple[str, ...], frame: Node) -> pl.Expr:
    """The number of a row's cell, row-major; missing where a key is."""
    index = pl.lit(0, dtype=pl.Int64)
    for name in node_by:
        type_ = frame.schema[name].type
        assert type_.levels is not None
        index = index * len(type_.levels) + (pl.col(name).cast(pl.Int64) - type_.low)
    return index


class _Cells:
    """Valid rows with the number of their cell; gathers what is asked and answers it in one pass a scope."""

    def __init__(self, breakdown: Breakdown, rows: pl.DataFrame, parameters: Parameters) -> None:
        self.frame = breakdown.frame
        self.cells = breakdown.node.cells
        self.keyed = bool(breakdown.node.by)
        self.rows = rows.with_columns(_cell_index(breakdown.node.by, self.frame).alias(_CELL))
        self.parameters = parameters
        self.columns: dict[str, pl.Expr] = {}
        self.asked: dict[Count | Moment, pl.Expr] = {}
        self.ordered: dict[str, tuple[list[int], list[int], pl.Series]] = {}

    # -- counts and moments ----------------------------------------------------------------------------------------------

    def ask(self, part: Count | Moment) -> None:
        """Note a count or moment for the pass over the rows."""
        self.asked[part] = self._count(part) if isinstance(part, Count) else self._moment(part)

    def _type(self, name: str) -> ColumnType:
        return self.frame.schema[name].type

    def _mask(self, part: Count) -> str | None:
        """A column that says whether a row counts; None where every row does. One a distinct condition."""
        conditions = [pl.col(name).is_not_null() for name in part.columns if self._type(name).nullable]
        if part.where is not None:
            conditions.append(lower_expression(part.where, self.frame.schema, self.parameters).fill_null(False))
        if not conditions:
            return None
        name = f"__mask {part.columns!r} {part.where!r}"
        self.columns[name] = pl.all_horizontal(conditions)
        return name

    def _count(self, part: Count) -> pl.Expr:
        mask = self._mask(part)
        if part.keys:
            there = pl.all_horizontal(pl.col(name).is_not_null() for name in part.keys)
            different = pl.struct(*part.keys).filter(there if mask is None else there & pl.col(mask))
            return different.n_unique().cast(pl.Int64)
        if part.unit == "rows" or self.frame.rows_per_person == 1:
            return pl.len().cast(pl.Int64) if mask is None else pl.col(mask).sum().cast(pl.Int64)
        persons = pl.col(PERSON) if mask is None else pl.col(PERSON).filter(pl.col(mask))
        return persons.n_unique().cast(pl.Int64)

    def _bound(self, part: Moment) -> int:
        """The largest absolute value that the sum may reach."""
        bound = max(1, self.rows.height)
        for name, power in zip(part.columns, part.powers, strict=True):
            type_ = self._type(name)
            bound *= max(1, type_.high - type_.centre, type_.centre - type_.low) ** power
        return bound

    def _ends(self, part: Moment) -> list[int]:
        return [end for name in part.columns for end in (self._type(name).low, self._type(name).high, self._type(name).centre)]

    def exceeds(self, part: Moment) -> bool:
        """Whether the sum may need more bits than Polars has."""
        try:
            integer_dtype(self._bound(part), *self._ends(part))
        except RangeError:
            return True
        return False

    def _moment(self, part: Moment) -> pl.Expr:
        """The sum of a column of products, as wide as it may become."""
        dtype = integer_dtype(self._bound(part), *self._ends(part))
        product: pl.Expr = pl.lit(1, dtype=dtype)
        for name, power in zip(part.columns, part.powers, strict=True):
            centred = pl.col(name).cast(dtype) - pl.lit(self._type(name).centre, dtype=dtype)
            if power == 0:
                # The row still counts only where the column is present.
                product = pl.when(pl.col(name).is_not_null()).then(product)
            for _ in range(power):
                product = product * centred
        column = f"__moment {part.columns!r} {part.powers!r}"
        self.columns[column] = product
        return pl.col(column).sum()

    def wide_moment(self, part: Moment) -> list[int]:
        """The sum in integers that have no width."""
        sums = [0] * self.cells
        types = [self._type(name) for name in part.columns]
        centres = [type_.centre for type_ in types]
        widths = [bit_length(t.low - t.centre, t.high - t.centre) for t in types]
        if all(width < 64 and integer_dtype(t.low, t.high) is pl.Int64 for t, width in zip(types, widths, strict=True)):
            rows = self.rows.select(_CELL, *dict.fromkeys(part.columns)).drop_nulls()
            columns = [rows[name].cast(pl.Int64).to_numpy() - centre for name, centre in zip(part.columns, centres, strict=True)]
            return sums_of_products(columns, widths, part.powers, rows[_CELL].to_numpy(), self.cells)
        for cell, *values in self.rows.select(_CELL, *part.columns).drop_nulls().iter_rows():
            sums[cell] += math.prod(
                (int(value) - centre) ** power for value, centre, power in zip(values, centres, part.powers, strict=True)
            )
        return sums

    def answers(self) -> dict[Part | Histogram, list[int]]:
        """Answer everything that was asked: sums slice by slice, and persons and keys, which may repeat, in one pass over all."""
        summed = {part: expr for part, expr in self.asked.items() if self._adds_up(part)}
        found = self._answered({part: expr for part, expr in self.asked.items() if part not in summed}, self.rows)
        if summed:
            slices = self.rows.iter_slices(SLICE) if self.rows.height else [self.rows]
            for number, rows in enumerate(slices):
                of_slice = self._answered(summed, rows)
                if number:
                    of_slice = {p: [a + b for a, b in zip(found[p], v, strict=True)] for p, v in of_slice.items()}
                found |= of_slice
        return found

    def _adds_up(self, part: Count | Moment) -> bool:
        """Whether a part of all rows is the sum of those of their slices."""
        return isinstance(part, Moment) or (not part.keys and (part.unit == "rows" or self.frame.rows_per_person == 1))

    def _answered(self, asked: dict[Count | Moment, pl.Expr], frame: pl.DataFrame) -> dict[Part | Histogram, list[int]]:
        """Answer parts over some rows: one pass over all of them, one over those in a cell."""
        rows = frame.with_columns(**self.columns) if asked else frame
        names = {part: f"__part {i}" for i, part in enumerate(asked)}
        found: dict[Part | Histogram, list[int]] = {}
        whole = [p for p in asked if isinstance(p, Count) and p.scope == "frame"]
        celled = [p for p in asked if p not in whole]
        if whole:
            single = rows.select(**{names[p]: asked[p] for p in whole})
            found |= {p: [int(single[names[p]][0])] for p in whole}
        if celled and not self.keyed:
            single = rows.select(**{names[p]: asked[p] for p in celled})
            found |= {p: [int(single[names[p]][0] or 0)] for p in celled}
        elif celled:
            grouped = rows.filter(pl.col(_CELL).is_not_null()).group_by(_CELL).agg(**{names[p]: asked[p] for p in celled})
            where = grouped[_CELL].to_list()
            for part in celled:
                values = [0] * self.cells
                for cell, value in zip(where, grouped[names[part]].to_list(), strict=True):
                    values[cell] = int(value)
                found[part] = values
        return found

    # -- quantiles -------------------------------------------------------------------------------------------------------

    def quantile(self, part: Quantile) -> list[int]:
        """The value of rank ``floor(q * (count - 1))`` in every cell; the low end of the range where there is none."""
        starts, counts, values = self._sorted(part.column)
        ranks = [start + _rank(part.q, count) for start, count in zip(starts, counts, strict=True) if count]
        found = iter(values.gather(ranks).to_list() if ranks else [])
        low = self._type(part.column).low
        return [int(next(found)) if count else low for count in counts]

    def histogram(self, column: str) -> list[int]:
        """How many values lie on each point of the column's grid, cell by cell."""
        type_ = self._type(column)
        points = type_.high - type_.low + 1
        counts = np.zeros(self.cells * points, np.int64)
        for rows in self.rows.iter_slices(SLICE):
            # Missing where the column or a key is.
            index = rows.select(pl.col(_CELL) * points + (pl.col(column).cast(pl.Int64) - type_.low)).to_series().drop_nulls()
            counts += np.bincount(index.to_numpy(), minlength=len(counts))
        found: list[int] = counts.tolist()
        return found

    def _sorted(self, column: str) -> tuple[list[int], list[int], pl.Series]:
        """A column's present values ordered within cells, with where each cell begins and how many it has."""
        if column not in self.ordered:
            present = self.rows.select(_CELL, column).filter(pl.col(column).is_not_null() & pl.col(_CELL).is_not_null())
            present = present.sort(_CELL, column)
            counts = [0] * self.cells
            for cell, count in present.group_by(_CELL).len().iter_rows():
                counts[cell] = count
            starts = [0] * self.cells
            for cell in range(1, self.cells):
                starts[cell] = starts[cell - 1] + counts[cell - 1]
            self.ordered[column] = starts, counts, present[column]
        return self.ordered[column]


def _rank(q: Fraction, count: int) -> int:
    return math.floor(q * (count - 1))
