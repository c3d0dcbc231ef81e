"""Declarations: what they say, what they refuse, and that they survive JSON."""

from __future__ import annotations

import datetime
import json
import stat
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from secureframe.errors import PlanError, RegistrationError
from secureframe.schema import declare as d
from secureframe.schema.table import Use
from secureframe.schema.types import Kind

DAY = datetime.date(1999, 12, 31)


@pytest.mark.parametrize(
    ("declared", "kind", "lo", "hi", "step"),
    [
        (d.boolean(), Kind.BOOL, 0, 1, Fraction(1)),
        (d.integer(-3, 9), Kind.INT, -3, 9, Fraction(1)),
        (d.decimal(-0.5, 9.99, 2), Kind.DECIMAL, -50, 999, Fraction(1, 100)),
        (d.decimal(0, 0.25, 1), Kind.DECIMAL, 0, 3, Fraction(1, 10)),
        (d.number(0, 400), Kind.FLOAT, 0, 51200, Fraction(1, 128)),
        (d.number(0, 1, precision=0.5), Kind.FLOAT, 0, 2, Fraction(1, 2)),
        (d.number(-20, 20, precision=10), Kind.FLOAT, -3, 3, Fraction(8)),
        (d.category(["b", "a"]), Kind.CATEGORY, 0, 1, Fraction(1)),
        (d.date(DAY, datetime.date(2000, 1, 1)), Kind.DATE, 10956, 10957, Fraction(1)),
        (d.string(), Kind.STRING, None, None, Fraction(1)),
        (d.key("nafld", 1, 9), Kind.KEY, 1, 9, Fraction(1)),
        (d.key(), Kind.KEY, None, None, Fraction(1)),
    ],
)
def test_declarations_have_types_and_survive_json(
    declared: d.ColumnDeclaration, kind: Kind, lo: int | None, hi: int | None, step: Fraction
) -> None:
    type_ = declared.column_type(nullable=True, person_domain="person")
    assert (type_.kind, type_.lo, type_.hi, type_.step, type_.nullable) == (kind, lo, hi, step, True)
    assert d.ColumnDeclaration.from_json(json.loads(json.dumps(declared.to_json()))) == declared


def test_a_key_takes_the_person_domain_unless_it_names_its_own() -> None:
    assert d.key().column_type(nullable=False, person_domain="person").domain == "person"
    assert d.key("hospital").column_type(nullable=False, person_domain="person").domain == "hospital"


def test_flags_and_uses_are_kept() -> None:
    declared = d.integer(0, 1, nullable=False, uses=("filter",), sensitive=True, magnitude=True, unique=True, out_of_range="clip")
    assert declared.uses == {Use.FILTER}
    assert (declared.sensitive, declared.magnitude, declared.unique, declared.out_of_range) == (True, True, True, "clip")
    assert d.ColumnDeclaration.from_json(declared.to_json()) == declared


@pytest.mark.parametrize(
    "make",
    [
        lambda: d.integer(3, 2),
        lambda: d.integer(0.5, 2),  # type: ignore[arg-type]
        lambda: d.integer(0, 2**70),
        lambda: d.number(0, 1e30),
        lambda: d.number(0, 1, precision=0),
        lambda: d.number(0, float("inf")),
        lambda: d.decimal(0, 1, -1),
        lambda: d.category([]),
        lambda: d.category("abc"),
        lambda: d.category(["a", "a"]),
        lambda: d.category(["a", 1]),
        lambda: d.date("1999-01-01", DAY),  # type: ignore[arg-type]
        lambda: d.key(low=1),
        lambda: d.key(low="a", high="b"),  # type: ignore[arg-type]
        lambda: d.integer(0, 1, out_of_range="drop"),
        lambda: d.category(["a"], out_of_range="clip"),
        lambda: d.integer(0, 1, out_of_range="null", nullable=False),
        lambda: d.integer(0, 1, uses=("read",)),
        lambda: d.Table(pd.DataFrame(), columns={"age": int}),  # type: ignore[dict-item]
        lambda: d.Table(pd.DataFrame(), roster_size=0),
        lambda: d.Table(pd.DataFrame(), rows_per_person=0),
        lambda: d.Table(pd.DataFrame(), columns={"id": d.integer(0, 9)}),
        lambda: d.Table(pd.DataFrame(), columns={"id": d.key("other")}),
        lambda: d.Table(pd.DataFrame(), columns={"id": d.key(nullable=True)}),
    ],
)
def test_contradictory_declarations_are_refused(make: Any) -> None:
    with pytest.raises(PlanError):
        make()


@pytest.mark.parametrize("source", [42, [1, 2], "patients.xlsx", "postgres://host/patients", {"a": [1]}])
def test_sources_that_are_not_offered_are_refused(source: object, tmp_path: Path) -> None:
    with pytest.raises(PlanError):
        d.Table(source).declare("patients", tmp_path)


def test_a_path_is_given_as_an_absolute_one_and_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    declaration = d.Table("patients.csv").declare("patients", tmp_path / "elsewhere")
    assert declaration["path"] == str(tmp_path / "patients.csv")
    assert declaration["format"] == "csv"


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_source_in_memory_goes_to_a_private_file(library: Any, tmp_path: Path) -> None:
    table = d.Table(
        library({"id": [1, 2], "age": [30, 40]}), roster_size=5, rows_per_person=1, columns={"age": d.integer(0, 120)}
    )
    declaration = json.loads(json.dumps(table.declare("patients", tmp_path)))
    path = Path(declaration["path"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert pl.read_parquet(path).to_dict(as_series=False) == {"id": [1, 2], "age": [30, 40]}
    assert (declaration["roster_size"], declaration["rows_per_person"]) == ("5", "1")
    assert "30" not in repr(table)


def test_a_mixed_column_is_refused_without_its_values(tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match=r"patients\.age .*rule: type") as caught:
        d.Table(pd.DataFrame({"id": [1, 2], "age": [30, {"Zebra"}]})).declare("patients", tmp_path)
    assert "Zebra" not in str(caught.value)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame([[1, 2]], columns=["id", "id"])
    with pytest.raises(RegistrationError, match="column names"):
        d.Table(frame).declare("patients", tmp_path)
