"""The page of operations says what the compiled plans say."""

from __future__ import annotations

from collections.abc import Callable

import secureframe as sf
from tests.matrix.table import PAGE, out_of_date, page, places


def test_the_page_is_what_the_plans_say(memory_federations: Callable[[str], sf.Federation]) -> None:
    found = places(memory_federations)
    assert out_of_date(found) == []
    assert PAGE.read_text(encoding="utf-8") == page(found), "python -m tests.matrix.table writes it"
