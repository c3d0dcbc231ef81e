"""The page on protocols holds what the code says: its table, its formulas, every protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.protocol_costs import Row, chains, rows, text
from secureframe.mpc.operations import INTERACTIVE

PAGE = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")


def test_the_table_is_the_one_that_is_printed() -> None:
    _, table = PAGE.split("<!-- costs -->\n")
    assert table.split("\n<!-- end of costs -->")[0] == text()


def test_the_merges_are_those_that_are_printed() -> None:
    _, merges = PAGE.split("<!-- chains -->\n")
    assert merges.split("\n<!-- end of chains -->")[0] == chains()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_formulas_give_the_numbers(row: Row) -> None:
    rounds, sent = row.measured
    assert row.evaluated(row.rounds) in (None, rounds)
    assert row.evaluated(row.first) in (None, sent[0])
    assert row.evaluated(row.others) in (None, sent[1])
    assert sent[1] == sent[2]


def test_every_protocol_is_on_the_page() -> None:
    for operation in INTERACTIVE:
        assert f"`{operation}`" in PAGE, operation
