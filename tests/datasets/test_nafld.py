"""The demonstration data register as declared, publish nothing of themselves, and come with their sources."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import pytest

from secureframe.datasets import NAFLD_ROSTER, nafld
from secureframe.local.register import RegisteredTable, register


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RegisteredTable]:
    directory: Path = tmp_path_factory.mktemp("nafld")
    return {
        f"{owner}.{name}": register(owner, name, table.declare(name, directory))
        for owner, declared in nafld().items()
        for name, table in declared.items()
    }


def test_three_institutions_hold_one_table_each(tables: dict[str, RegisteredTable]) -> None:
    heights = {name: table.frame.height for name, table in tables.items()}
    assert heights == {"hospital.patients": 17_549, "laboratory.labs": 400_123, "registry.events": 34_340}
    for table in tables.values():
        assert table.warnings == ()
        assert table.schema.roster_size == NAFLD_ROSTER
        assert table.schema.person_domain == "nafld"
    assert [t.schema.rows_per_person for t in tables.values()] == [1, 600, 20]


def test_the_case_is_a_key_of_the_same_people(tables: dict[str, RegisteredTable]) -> None:
    schema = tables["hospital.patients"].schema
    assert schema.column("case_id").type.domain == schema.column("id").type.domain == "nafld"
    assert schema.column("case_id").type.nullable
    assert schema.column("id").unique
    assert schema.column("status").sensitive


def test_only_the_outliers_of_the_laboratory_are_changed(tables: dict[str, RegisteredTable]) -> None:
    assert {name: table.owner_counts for name, table in tables.items()} == {
        "hospital.patients": {},
        "laboratory.labs": {"value": 6},
        "registry.events": {},
    }


def test_sources_and_citation_travel_with_the_data() -> None:
    text = importlib.resources.files("secureframe.datasets").joinpath("README.md").read_text(encoding="utf-8")
    for word in ("survival", "Therneau", "Allen", "Hepatology", "case_id", "13,682"):
        assert word in text
