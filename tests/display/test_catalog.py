"""The catalog as it is browsed: grouped by institution, searched by words, and nothing in it but what is published."""

from __future__ import annotations

import re

import pytest

import secureframe as sf
from secureframe.catalog import CatalogView
from tests.display.looks import body_of
from tests.federation.session import session


@pytest.fixture(scope="module")
def catalog() -> CatalogView:
    return session(policy={"hospital": "standard", "laboratory": "open-research", "office": "open-research"}).catalog


def found(view: CatalogView) -> list[str]:
    """The columns that a view shows, as text and as HTML."""
    columns, table = [], ""
    for line in repr(view).split("\n"):
        if line.startswith("    "):
            columns.append(f"{table}.{line.split()[0]}")
        elif ": " in line:
            table = line.split(":")[0]
    body = body_of(view._repr_html_(), "catalog")
    tables = re.findall(r"<summary><code>(.*?)</code>(.*?)</details>", body, re.S)
    shown = [f"{name}.{column}" for name, rest in tables for column in re.findall(r'"row"><code>(.*?)</code>', rest)]
    assert shown == columns
    return columns


def test_it_is_grouped_by_institution(catalog: CatalogView) -> None:
    body = body_of(catalog._repr_html_(), "catalog")
    assert re.findall(r"<details open><summary><strong>(\w+)</strong> 1 table", body) == ["hospital", "laboratory", "office"]
    assert body.startswith('<p class="sf-title">Catalog of 3 institutions: 3 tables, 17 columns</p>')
    assert len(found(catalog)) == 17
    hospital, laboratory = body.split("<strong>laboratory")
    assert "policy standard" in hospital and "counts are rounded to multiples of 5" in hospital
    assert "numbers are not rounded" in laboratory and "up to 20 rows a person, roster 240" in laboratory


def test_columns_say_what_may_be_asked_of_them(catalog: CatalogView) -> None:
    body = body_of(catalog._repr_html_(), "catalog")
    assert '<code>cost</code></th><td>int 0 to 10000 <span class="sf-chip sf-withheld">magnitude</span></td>' in body
    assert "<td>groups (5), counts</td>" in body and "<td>nothing: it links rows</td>" in body


@pytest.mark.parametrize(
    ("words", "columns"),
    [
        ("age", ["hospital.patients.age"]),
        ("RARE", ["laboratory.labs.test"]),
        ("key office", ["office.registry.id", "office.registry.case_id"]),
        ("laboratory", ["laboratory.labs.id", "laboratory.labs.test", "laboratory.labs.value"]),
        ("sensitive", ["hospital.patients.hiv"]),
        ("category office", ["office.registry.code"]),
        ("<nothing>", []),
    ],
)
def test_it_is_searched_by_words(catalog: CatalogView, words: str, columns: list[str]) -> None:
    view = catalog.search(words)
    assert found(view) == columns and len(view) == len(columns)
    total = f"{len(columns)} of 17 columns {'matches' if len(columns) == 1 else 'match'}"
    assert repr(view).startswith(total) and total in view._repr_html_()
    assert "<nothing>" not in view._repr_html_()


def test_a_search_goes_on_from_a_search(catalog: CatalogView) -> None:
    assert found(catalog.search("key").search("office")) == found(catalog.search("  office   key "))
    assert catalog.search("age").tables == catalog.tables, "frames are made from all of it"


def test_a_large_catalog_opens_an_institution_at_a_time(catalog: CatalogView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secureframe.catalog.SHOWN_COLUMNS", 10)
    body = body_of(catalog._repr_html_(), "catalog")
    assert "<details><summary><strong>hospital" in body
    assert "<details open><summary><strong>hospital" in body_of(catalog.search("age")._repr_html_(), "catalog")


def test_recipients_are_named() -> None:
    policy = sf.Policy(name="own", recipients=("office",))
    view = session(policy=policy).catalog
    assert "results about hospital's data may go to office" in repr(view)
    assert "to these recipients alone: office" in view._repr_html_()
