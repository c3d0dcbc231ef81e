"""The page on figures names every kind and every word that figures take."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from kernel_ext.report.cells import HIDDEN, NEW_PAGE
from kernel_ext.report.sanitise import WIDE
from secureframe.figures.backend import KINDS
from secureframe.figures.charts import Options

DOCS = Path(__file__).parents[2] / "docs"


def test_kinds_and_words_are_those_of_the_code() -> None:
    page = (DOCS / "figures.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.M)
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) - {"kind"} == set(KINDS)
    listed = re.search(r"pandas' words hold: (.*?), and `x`", page, re.S)
    assert listed and re.findall(r"`(\w+)`", listed[1]) == [field.name for field in fields(Options)]


def test_tags_are_those_of_the_code() -> None:
    page = (DOCS / "reports.md").read_text("utf-8")
    assert f"the tag `{NEW_PAGE}`" in page and "the tag `remove-cell`" in page and "remove-cell" in HIDDEN
    assert WIDE + 1 == 10 and "a table of ten columns or more" in page
