"""The page on placement shows the numbers that were kept, and no others."""

from __future__ import annotations

from benchmarks import placement
from benchmarks.records import read
from benchmarks.twenty import TWENTY


def test_the_table_is_that_of_the_kept_numbers() -> None:
    found = placement.kept(read())
    assert [each.name for each in found] == [question.name for question in TWENTY]
    assert all(each.same for each in found)
    page = placement.DOCUMENT.read_text(encoding="utf-8")
    shown = page.split(placement.BEGIN)[1].split(placement.END)[0]
    assert shown.strip() == placement.text(found)
