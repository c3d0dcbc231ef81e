"""The page on statistics holds what the code says, and what was measured."""

from __future__ import annotations

from benchmarks import cells
from benchmarks.records import read
from secureframe.plan.statistics import STATISTICS

PAGE = cells.DOCUMENT.read_text(encoding="utf-8")


def test_every_statistic_is_on_the_page_with_what_it_needs() -> None:
    assert cells.kinds_text() in PAGE
    assert all(f"| {kind} " in PAGE for kind in STATISTICS)


def test_the_measured_table_is_the_one_on_record() -> None:
    kept = cells.kept(read())
    assert cells.text(kept) in PAGE
    assert {each.cells for each in kept} == {100, 1_000}
