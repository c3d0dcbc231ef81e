"""The page on statistics holds what the code says, and what was measured."""

from __future__ import annotations

import json

from benchmarks import cells
from secureframe.plan.statistics import STATISTICS

PAGE = cells.DOCUMENT.read_text(encoding="utf-8")


def test_every_statistic_is_on_the_page_with_what_it_needs() -> None:
    assert cells.kinds_text() in PAGE
    assert all(f"| {kind} " in PAGE for kind in STATISTICS)


def test_the_measured_table_is_the_one_on_record() -> None:
    record = json.loads(cells.RESULTS.read_text(encoding="utf-8"))
    assert cells.text([cells.Taken(**each) for each in record["cells"]]) in PAGE
    assert {each["cells"] for each in record["cells"]} == {100, 1_000}
