"""The page on placement shows the numbers that were kept, and no others."""

from __future__ import annotations

import json

from benchmarks import placement
from benchmarks.twenty import TWENTY


def test_the_table_is_that_of_the_kept_numbers() -> None:
    kept = json.loads(placement.RESULTS.read_text(encoding="utf-8"))["placement"]
    found = [placement.Compared.from_json(each) for each in kept]
    assert [each.name for each in found] == [question.name for question in TWENTY]
    assert all(each.same for each in found)
    page = placement.DOCUMENT.read_text(encoding="utf-8")
    shown = page.split(placement.BEGIN)[1].split(placement.END)[0]
    assert shown.strip() == placement.text(found)
