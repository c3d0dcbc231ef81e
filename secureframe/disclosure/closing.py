"""Closing a table, on shares: withhold further cells until no small one can be recovered from the margins.

Margins are treated as known whether or not they are printed. A line of cells is closed when those withheld are at least
two and hold at least the threshold together. A table with two keys is closed by rectangles: all rows times all columns that
hold a primary cell, and the smallest row and column more, until every primary cell could lie anywhere between 0 and
the threshold (the bounds of the transportation polytope: its row and column minus the rectangle's total from below, its row or
column from above). The number of steps is fixed; what is still open then is withheld whole. Nobody learns which.

Source: disclosure control by complementary suppression; Willenborg and de Waal, Elements of Statistical Disclosure
Control (2001), chapter 6; here in the sharper form that a bounded interval must contain 0 to the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

from secureframe.mpc.numeric import argmin
from secureframe.mpc.program import Builder, Value, bit_length

STEPS = 3
"""Rows and columns that may be added to a rectangle before the whole table is withheld."""
PAIRWISE = 40
"""Up to so many candidates are compared each with each, in constant rounds; more play a tournament."""


def below(b: Builder, x: Value, limit: int | Sequence[int], hi: int) -> Value:
    """One plane: x < limit, for 0 <= x <= hi; one limit for all elements, or one for each."""
    limits = [limit] if isinstance(limit, int) else limit
    return b.is_negative(b.add_public(x, [-each for each in limits]), bit_length(-max(limits), hi))


def small(b: Builder, x: Value, threshold: int | Sequence[int], hi: int) -> Value:
    """One plane: 1 <= x < threshold, for 0 <= x <= hi; both comparisons in one. Never where a threshold is 0 or 1."""
    limits = [max(1, each) for each in ([threshold] if isinstance(threshold, int) else threshold)]
    both = b.concat([b.add_public(x, [-1]), b.add_public(x, [-each for each in limits])])
    negative = b.is_negative(both, bit_length(-max(limits), hi))
    zero, under = b.cut(negative, 0, x.n), b.cut(negative, x.n, 2 * x.n)
    return b.xor(under, zero)  # x < 1 implies x < threshold


def repeat(b: Builder, bit: Value, times: int) -> Value:
    """One element of one plane, for every cell."""
    return b.take_bits(bit, [0] * times)


def any_element(b: Builder, x: Value) -> Value:
    """One element: is any element of the plane set?"""
    return b.any_plane(b.transpose_bits(x)) if x.n > 1 else x


def smallest(b: Builder, x: Value, candidates: Value, hi: int) -> Value:
    """One plane with the one candidate set whose x is smallest, the first of equal ones; none where there is no candidate.

    Every pair is compared at once, in constant rounds, for the few lines of a table; many lines play a tournament.
    """
    n = x.n
    if n == 1:
        return candidates
    away = b.multiply_public(b.to_arith(b.invert(candidates)), [hi + 1])
    values = b.add(x, away)
    if n > PAIRWISE:
        return b.and_(argmin(b, values, bit_length(0, 2 * hi + 1)), candidates)
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    first, second = b.take(values, [i for i, _ in pairs]), b.take(values, [j for _, j in pairs])
    later_wins = b.is_negative(b.subtract(second, first), bit_length(-2 * hi - 2, 2 * hi + 2))
    outcome = b.concat([later_wins, b.invert(later_wins)])
    number = {pair: k for k, pair in enumerate(pairs)}
    planes = []
    for turn in range(1, n):
        against = [(i + turn) % n for i in range(n)]
        index = [number[(j, i)] if j < i else number[(i, j)] + len(pairs) for i, j in enumerate(against)]
        planes.append(b.take_bits(outcome, index))
    return b.and_(b.all_planes(b.rows(planes)), candidates)


def solid(b: Builder, counts: Value, threshold: int, hi: int) -> Value:
    """The counts, and 0 in place of those below the threshold."""
    return b.multiply(counts, b.to_arith(b.invert(below(b, counts, threshold, hi))))


def close_line(b: Builder, counts: Value, primary: Value, threshold: int, hi: int, *, overlap: bool = False) -> Value:
    """Withheld cells of one line of counts whose total is known.

    One further cell is always enough: a cell that is neither primary nor empty holds at least the threshold. Where
    persons may be in several cells (``overlap``), cells below the threshold add nothing to what is held together.
    """
    n = counts.n
    withheld = b.to_arith(primary)
    held = b.sum(b.multiply(solid(b, counts, threshold, hi) if overlap else counts, withheld))
    enough = b.and_(b.invert(below(b, held, threshold, hi)), b.invert(below(b, b.sum(withheld), 2, max(n, 2))))
    need = b.and_(any_element(b, primary), b.invert(enough))
    filled = b.invert(below(b, counts, 1, hi))
    candidates = b.and_(filled, b.invert(primary))
    added = smallest(b, counts, candidates, hi)
    everything = b.and_(need, b.invert(any_element(b, candidates)))
    more = b.and_(repeat(b, need, n), added)
    return b.or_(b.xor(primary, more), repeat(b, everything, n))


def close_rectangle(
    b: Builder, counts: Value, primary: Value, rows: int, columns: int, threshold: int, hi: int, *, overlap: bool = False
) -> Value:
    """Withheld cells of a table with two keys (row-major) whose margins are known; ``overlap`` as for a line."""
    cells = rows * columns
    weighty = solid(b, counts, threshold, hi) if overlap else counts
    by_row = [[r * columns + c for r in range(rows)] for c in range(columns)]
    by_column = [[r * columns + c for c in range(columns)] for r in range(rows)]
    in_rows = b.any_plane(b.rows([b.take_bits(primary, index) for index in by_row]))
    in_columns = b.any_plane(b.rows([b.take_bits(primary, index) for index in by_column]))
    row_of = [i // columns for i in range(cells)]
    column_of = [i % columns for i in range(cells)]
    transposed = [r * columns + c for c in range(columns) for r in range(rows)]
    row_size = b.sum(b.reshape(counts, rows))
    column_size = b.sum(b.take(counts, transposed, rows=columns))
    filled_rows = b.invert(below(b, row_size, 1, hi))
    filled_columns = b.invert(below(b, column_size, 1, hi))
    trouble = primary
    for step in range(STEPS + 1):
        inside = b.and_(b.take_bits(in_rows, row_of), b.take_bits(in_columns, column_of))
        chosen = b.to_arith(inside)
        held = b.multiply(counts, chosen)
        row_held = b.sum(b.reshape(held, rows))
        column_held = b.sum(b.take(held, transposed, rows=columns))
        total = b.sum(held)
        in_row, in_column = b.take(row_held, row_of), b.take(column_held, column_of)
        slack = b.subtract(b.take(total, [0] * cells), b.add(in_row, in_column))
        if overlap:
            held = b.multiply(weighty, chosen)
            in_row = b.take(b.sum(b.reshape(held, rows)), row_of)
            in_column = b.take(b.sum(b.take(held, transposed, rows=columns)), column_of)
        # The rest of a primary cell's row and column, and the rectangle's total against row plus column.
        row_rest, column_rest = b.subtract(in_row, held), b.subtract(in_column, held)
        checks = b.concat([b.add_public(row_rest, [-threshold]), b.add_public(column_rest, [-threshold]), slack])
        bad = b.is_negative(checks, bit_length(-2 * hi - threshold, 2 * hi))
        row_bad, column_bad, both_bad = (b.and_(primary, b.cut(bad, i * cells, (i + 1) * cells)) for i in range(3))
        lines = b.concat([b.sum(b.to_arith(in_rows)), b.sum(b.to_arith(in_columns))])
        few = b.and_(below(b, lines, 2, max(rows, columns, 2)), repeat(b, any_element(b, primary), 2))
        flags = [any_element(b, f) for f in (row_bad, column_bad, both_bad)]
        need_columns = b.any_plane(b.rows([flags[0], flags[2], b.take_bits(few, [1])]))
        need_rows = b.any_plane(b.rows([flags[1], flags[2], b.take_bits(few, [0])]))
        trouble = b.or_(need_rows, need_columns)
        if step == STEPS:
            break
        row_added = smallest(b, row_size, b.and_(filled_rows, b.invert(in_rows)), hi)
        column_added = smallest(b, column_size, b.and_(filled_columns, b.invert(in_columns)), hi)
        in_rows = b.or_(in_rows, b.and_(row_added, repeat(b, need_rows, rows)))
        in_columns = b.or_(in_columns, b.and_(column_added, repeat(b, need_columns, columns)))
    inside = b.and_(b.take_bits(in_rows, row_of), b.take_bits(in_columns, column_of))
    return b.or_(inside, repeat(b, trouble, cells))
