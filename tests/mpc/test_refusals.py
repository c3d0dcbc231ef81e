"""What the builder and the functions over it refuse: shapes that do not fit, and what may be used once."""

from __future__ import annotations

import pytest

from secureframe.mpc import numeric, quantile, runs
from secureframe.mpc.beside import beside
from secureframe.mpc.local import LOCAL
from secureframe.mpc.operations import INTERACTIVE, UnknownOperation, is_local
from secureframe.mpc.program import Builder, Instruction, Kind, ProgramError


def test_a_shuffle_is_undone_once() -> None:
    b = Builder()
    x = b.input("owner", "x", "words", 1, 4)
    handle, (moved,) = b.shuffle([x])
    b.unshuffle(handle, [moved])
    with pytest.raises(ProgramError, match="not undone"):
        b.unshuffle(handle, [moved])


def test_only_shuffled_keys_are_sorted_and_once() -> None:
    b = Builder()
    x = b.input("owner", "x", "words", 1, 4)
    with pytest.raises(ProgramError, match="out of a shuffle"):
        b.sort(x, 8)
    _, (first, second) = b.shuffle([x, x])
    b.sort(first, 8)
    with pytest.raises(ProgramError, match="served no sort"):
        b.sort(second, 8)


def test_every_instruction_of_the_builder_is_run_by_something() -> None:
    unknown = Instruction(operation="guess", arguments=(), results=(), stage="share")
    with pytest.raises(UnknownOperation, match="guess"):
        is_local(unknown)
    assert not set(LOCAL) & set(INTERACTIVE)


def test_rows_without_their_presence_are_refused() -> None:
    b = Builder()
    with pytest.raises(ProgramError, match="presence"):
        runs.arrange(b, key=b.zeros("bits", 3, 4), present=b.zeros("bits", 1, 5), words=[], ariths=[])


def test_ranks_that_do_not_divide_into_groups_are_refused() -> None:
    b = Builder()
    with pytest.raises(ProgramError, match="each group"):
        quantile.ranks_in_histogram(b, b.zeros("arith", 2, 5), b.zeros("arith", 1, 3), 9)


def test_histograms_of_other_shapes_are_refused() -> None:
    b = Builder()
    for before, histogram in (((4, 5), (2, 6)), ((3, 5), (2, 5))):
        with pytest.raises(ProgramError, match="one shape"):
            beside(b, b.zeros("arith", *before), [b.zeros("arith", *histogram)])


def test_what_a_divisor_would_not_hold_is_refused() -> None:
    b = Builder()
    x = b.input("owner", "x", "arith", 1, 3)
    with pytest.raises(ProgramError, match="ring"):
        numeric.floor_divide_public(b, x, 3, 64)
    for divisor, width in ((0, 8), (3, 0)):
        with pytest.raises(ProgramError, match="positive"):
            numeric.floor_divide_public(b, x, divisor, width)


def test_what_does_not_fit_the_ring_is_refused() -> None:
    b = Builder()
    x = b.input("owner", "x", "arith", 1, 3)
    with pytest.raises(ProgramError, match="ring"):
        numeric.less_than(b, x, x, 64)
    with pytest.raises(ProgramError, match="ring"):
        numeric.divide(b, x, x, 64, 63)
    with pytest.raises(ProgramError, match="drops"):
        numeric.lift(b, b.input("owner", "y", "arith", 1, 3, 2), 10, 1)


@pytest.mark.parametrize("kind", ["arith", "bits", "words"])
def test_nothing_has_no_rows(kind: Kind) -> None:
    """A value of no elements is refused where it is made: sizes are public, and whoever has none asks for nothing."""
    b = Builder()
    for rows, n in ((0, 3), (3, 0)):
        with pytest.raises(ProgramError, match="empty"):
            b.input("owner", "x", kind, rows, n)
        with pytest.raises(ProgramError, match="empty"):
            b.zeros(kind, rows, n)
