"""Closing tables on shares: equal to the reference, and no withheld cell can be recovered by subtraction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secureframe.disclosure import closing
from secureframe.mpc.channel import Recorder
from secureframe.mpc.cost import cost
from tests.disclosure.reference import (
    Pattern,
    Table,
    audit,
    closed_line,
    closed_rectangle,
    interval,
    is_small,
    primary_cells,
)
from tests.leakage import shape_of
from tests.mpc.harness import Job

T = 10
HI = 4000
FEW = settings(max_examples=4, deadline=None)
SPARSE = st.sampled_from([0, 0, 0, 1, 2, 5, 9, 10, 11, 14, 40, 200])


def tables(shape: tuple[int, int]) -> st.SearchStrategy[Table]:
    rows, columns = shape
    cells = st.lists(SPARSE, min_size=rows * columns, max_size=rows * columns)
    return cells.map(lambda xs: np.array(xs, dtype=np.int64).reshape(shape))


def many_tables(generator: np.random.Generator, count: int) -> list[Table]:
    """Sparse tables of all shapes: Poisson, independent keys, and numbers around the threshold."""
    found: list[Table] = []
    for _ in range(count):
        shape = tuple(int(n) for n in generator.integers(2, 7, 2))
        match generator.integers(3):
            case 0:
                table = generator.poisson(generator.uniform(4, 40), shape)
            case 1:
                table = np.outer(generator.choice([1, 5, 10, 50], shape[0]), generator.choice([0, 1, 2, 4], shape[1]))
            case _:
                table = generator.choice([0, 3, 9, 10, 11, 40, 90], shape)
        found.append(np.asarray(table, dtype=np.int64))
    return found


def closed_on_shares(job_tables: Sequence[tuple[Table, Pattern]], *, overlap: bool = False) -> list[Pattern]:
    """Close tables of one or two keys on shares, all in one program."""
    job, outputs = Job(), []
    for table, primary in job_tables:
        counts, flags = job.arith(table.reshape(-1)), job.bits(primary.reshape(-1))
        if table.ndim == 1:
            outputs.append(closing.close_line(job.builder, counts, flags, T, HI, overlap=overlap))
        else:
            rows, columns = table.shape
            outputs.append(closing.close_rectangle(job.builder, counts, flags, rows, columns, T, HI, overlap=overlap))
    results = job.run(*outputs)
    return [plain.astype(bool).reshape(table.shape) for plain, (table, _) in zip(results, job_tables, strict=True)]


# -- parts ---------------------------------------------------------------------------------------------------------------


def test_below_and_small_at_every_edge() -> None:
    values = np.array([0, 1, 2, T - 1, T, T + 1, HI - 1, HI])
    job = Job()
    x = job.arith(values)
    below, small = job.run(closing.below(job.builder, x, T, HI), closing.small(job.builder, x, T, HI))
    assert below[0].tolist() == [v < T for v in values]
    assert small[0].tolist() == [is_small(int(v), T) for v in values]


def test_below_and_small_with_a_limit_for_each_element() -> None:
    values = np.array([0, 0, 1, 1, 19, 20, 200, HI])
    limits = [0, 1, 1, 2, 20, 20, 201, HI]
    job = Job()
    x = job.arith(values)
    below, small = job.run(closing.below(job.builder, x, limits, HI), closing.small(job.builder, x, limits, HI))
    assert below[0].tolist() == [v < limit for v, limit in zip(values, limits, strict=True)]
    assert small[0].tolist() == [1 <= v < limit for v, limit in zip(values, limits, strict=True)]


@FEW
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=12))
def test_smallest_is_the_first_least_candidate(items: list[tuple[int, bool]]) -> None:
    values, candidates = [v for v, _ in items], [c for _, c in items]
    job = Job()
    found = closing.smallest(job.builder, job.arith(values), job.bits(candidates), 30)
    least = min((v for v, c in items if c), default=None)
    wanted = [False] * len(items)
    if least is not None:
        wanted[next(i for i, (v, c) in enumerate(items) if c and v == least)] = True
    assert job.run(found)[0][0].tolist() == wanted


def test_a_tournament_of_many_lines_finds_the_same() -> None:
    generator = np.random.default_rng(3)
    assert closing.PAIRWISE < 64
    for chosen in (generator.random(64) < 0.5, np.zeros(64, dtype=bool)):
        values = generator.integers(5, 12, 64)
        job = Job()
        found = job.run(closing.smallest(job.builder, job.arith(values), job.bits(chosen), HI))[0][0]
        wanted = np.zeros(64, dtype=bool)
        if chosen.any():
            wanted[min(np.nonzero(chosen)[0], key=lambda i: (values[i], i))] = True
        assert found.astype(bool).tolist() == wanted.tolist()


# -- against the reference -----------------------------------------------------------------------------------------------


@FEW
@given(st.lists(st.lists(SPARSE, min_size=2, max_size=8), min_size=8, max_size=8), st.booleans())
def test_lines_equal_the_reference(lines: list[list[int]], overlap: bool) -> None:
    found = [np.array(line, dtype=np.int64) for line in lines]
    cases = [(line, primary_cells(line, T)) for line in found]
    for (line, primary), pattern in zip(cases, closed_on_shares(cases, overlap=overlap), strict=True):
        assert pattern.tolist() == closed_line(line, primary, T, overlap=overlap).tolist(), line


@FEW
@given(st.lists(st.tuples(st.integers(2, 5), st.integers(2, 5)).flatmap(tables), min_size=6, max_size=6), st.booleans())
def test_rectangles_equal_the_reference(found: list[Table], overlap: bool) -> None:
    cases = [(table, primary_cells(table, T)) for table in found]
    for (table, primary), pattern in zip(cases, closed_on_shares(cases, overlap=overlap), strict=True):
        assert pattern.tolist() == closed_rectangle(table, primary, T, overlap=overlap).tolist(), table


# -- the audit -----------------------------------------------------------------------------------------------------------


def test_no_cell_of_a_line_can_be_recovered() -> None:
    generator = np.random.default_rng(11)
    lines = [generator.choice([0, 0, 1, 4, 9, 10, 12, 60], generator.integers(2, 9)) for _ in range(50)]
    cases = [(line, primary_cells(line, T)) for line in map(np.asarray, lines) if is_small(int(line.sum()), T) is False]
    partly = 0
    for (line, primary), pattern in zip(cases, closed_on_shares(cases), strict=True):
        too_small = primary & (line < T)
        assert not audit(line, pattern, too_small, T), (line, pattern)
        partly += int(too_small.any() and not pattern.all())
    assert partly > 9


@pytest.mark.parametrize("seed", [1, 2])
def test_no_cell_of_a_table_with_known_margins_can_be_recovered(seed: int) -> None:
    """A table that is withheld whole releases nothing; what its margins alone say is a matter of their own release."""
    cases = [(table, primary_cells(table, T)) for table in many_tables(np.random.default_rng(seed), 40)]
    partly = 0
    for (table, primary), pattern in zip(cases, closed_on_shares(cases), strict=True):
        assert not (primary & ~pattern).any()
        assert pattern.tolist() == closed_rectangle(table, primary, T).tolist()
        if not pattern.all():
            assert not audit(table, pattern, primary & (table < T), T), (table, pattern)
            partly += int(primary.any())
    assert partly > 6


def test_zeros_that_are_withheld_cannot_be_recovered() -> None:
    """Empty cells of a sensitive column are primary too: 0 must not be told from the threshold."""
    cases = []
    for table in many_tables(np.random.default_rng(5), 40):
        cases.append((table, primary_cells(table, T) | (table == 0)))
        cases.append((table[0], primary_cells(table[0], T) | (table[0] == 0)))
    partly = 0
    for (table, primary), pattern in zip(cases, closed_on_shares(cases), strict=True):
        if not pattern.all():
            assert not audit(table, pattern, primary & (table < T), T), (table, pattern)
            partly += int((primary & (table == 0)).any())
    assert partly > 3


def test_the_audit_sees_a_table_that_is_not_closed() -> None:
    table = np.array([[3, 50, 40], [60, 70, 80]])
    primary = primary_cells(table, T)
    assert audit(table, primary, primary, T) == [((0, 0), 3.0, 3.0)]
    row_only = primary.copy()
    row_only[0, 1] = True
    assert audit(table, row_only, primary, T)
    assert not audit(table, closed_rectangle(table, primary, T), primary, T)


def test_missing_keys_only_widen_the_interval() -> None:
    """Rows without a key are in no cell but in the frame: a hidden remainder in every margin, closed as if it were known."""
    table = np.array([[3, 50, 40], [60, 70, 80], [20, 30, 10]])
    hidden = np.array([[2], [0], [7]])
    primary = primary_cells(table, T, total=int(table.sum() + hidden.sum()))
    (pattern,) = closed_on_shares([(table, primary)])
    wide = np.hstack([table, hidden])
    withheld = np.hstack([pattern, np.ones_like(hidden, dtype=bool)])
    low, high = interval(wide, withheld, (0, 0))
    known_low, known_high = interval(table, pattern, (0, 0))
    assert low <= known_low == 0.0 and high >= known_high >= T


def test_three_keys_are_closed_as_the_first_by_the_others() -> None:
    generator = np.random.default_rng(23)
    cube = generator.choice([0, 4, 12, 30, 55], (3, 2, 4))
    table = cube.reshape(3, 8)
    primary = primary_cells(table, T)
    (pattern,) = closed_on_shares([(table, primary)])
    if not pattern.all():
        assert not audit(table, pattern, primary & (table < T), T)
    assert pattern[primary].all() and primary.any()


def test_two_cells_are_withheld_together() -> None:
    for line in ([3, 500], [500, 9]):
        counts = np.array(line)
        (pattern,) = closed_on_shares([(counts, primary_cells(counts, T))])
        assert pattern.all(), line
    for line in ([0, 500], [10, 10]):
        counts = np.array(line)
        (pattern,) = closed_on_shares([(counts, primary_cells(counts, T))])
        assert not pattern.any(), line


def test_the_same_few_persons_in_two_cells_do_not_hide_each_other() -> None:
    """Six persons twice are six persons: where persons overlap, one cell has to hold the threshold alone."""
    counts = np.array([6, 6, 80, 90])
    primary = primary_cells(counts, T)
    (apart,), (overlapping,) = closed_on_shares([(counts, primary)]), closed_on_shares([(counts, primary)], overlap=True)
    assert apart.tolist() == [True, True, False, False]
    assert overlapping.tolist() == [True, True, True, False]


# -- nothing about the data in the shape -----------------------------------------------------------------------------------


def test_messages_say_nothing_of_the_table() -> None:
    shapes, rounds = [], []
    sparse = np.array([[3, 0, 9, 1], [40, 0, 2, 77], [10, 11, 12, 0]])
    for table in (np.zeros((3, 4), dtype=np.int64), np.full((3, 4), 500), sparse):
        job, recorder = Job(), Recorder()
        counts = job.arith(table.reshape(-1))
        b = job.builder
        primary = closing.small(b, counts, T, HI)
        job.run(
            closing.close_rectangle(b, counts, primary, 3, 4, T, HI),
            closing.close_line(b, counts, primary, T, HI, overlap=True),
            recorder=recorder,
        )
        shapes.append(shape_of(recorder.payloads))
        rounds.append((job.reports[0][0].rounds, cost(job.program()).rounds))
    assert shapes[0] == shapes[1] == shapes[2]
    assert len(set(rounds)) == 1 and rounds[0][0] == rounds[0][1]
