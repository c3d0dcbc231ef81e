"""Registration: every source and kind of column; every rule, named with its column and without a value."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from secureframe.errors import RegistrationError
from secureframe.local.integers import compact
from secureframe.local.register import RegisteredTable, register
from secureframe.local.values import to_pandas
from secureframe.schema import declare as d
from secureframe.schema.types import EPOCH, Kind

DAYS = [datetime.date(2001, 2, 3), None, datetime.date(1969, 12, 31)]


def registered(directory: Path, source: Any, **arguments: Any) -> RegisteredTable:
    return register("hospital", "patients", d.Table(source, **arguments).declare("patients", directory))


def sources(directory: Path) -> dict[str, Any]:
    """The same small table in every form a source may have."""
    frame = pl.DataFrame(
        {
            "id": [3, 1, 2],
            "age": [70, None, 18],
            "weight": [70.504, 81.25, None],
            "smoker": [True, None, False],
            "sex": ["m", None, "f"],
            "born": DAYS,
        }
    )
    frame.write_parquet(directory / "patients.parquet")
    frame.write_csv(directory / "patients.csv")
    nullable = pd.DataFrame(
        {
            "id": [3, 1, 2],
            "age": pd.array([70, None, 18], dtype="Int16"),
            "weight": pd.array([70.504, 81.25, None], dtype="Float64"),
            "smoker": pd.array([True, None, False], dtype="boolean"),
            "sex": pd.Categorical(["m", None, "f"]),
            "born": pd.to_datetime(pd.Series(["2001-02-03", None, "1969-12-31"])),
        }
    )
    classic = pd.DataFrame(
        {
            "id": [3, 1, 2],
            "age": [70, np.nan, 18],
            "weight": [70.504, 81.25, np.nan],
            "smoker": [True, None, False],
            "sex": ["m", None, "f"],
            "born": DAYS,
        }
    )
    arrow = pa.table({**frame.to_arrow().to_pydict(), "sex": pa.array(["m", None, "f"]).dictionary_encode()})
    return {
        "pandas, nullable": nullable,
        "pandas, classic": classic,
        "polars": frame,
        "pyarrow": arrow,
        "Parquet": directory / "patients.parquet",
        "CSV": str(directory / "patients.csv"),
    }


DECLARED = {
    "id": d.key(low=1, high=9),
    "age": d.integer(0, 120),
    "weight": d.number(20, 300),
    "smoker": d.boolean(),
    "sex": d.category(["m", "f"]),
    "born": d.date(datetime.date(1900, 1, 1), datetime.date(2030, 1, 1)),
}


@pytest.mark.parametrize("form", ["pandas, nullable", "pandas, classic", "polars", "pyarrow", "Parquet", "CSV"])
def test_every_source_gives_the_same_grid_integers(form: str, tmp_path: Path) -> None:
    table = registered(tmp_path, sources(tmp_path)[form], columns=DECLARED, roster_size=4, rows_per_person=1)
    assert table.frame.to_dict(as_series=False) == {
        "id": [3, 1, 2],
        "age": [70, None, 18],
        "weight": [round(70.504 * 128), 10400, None],
        "smoker": [True, None, False],
        "sex": [0, None, 1],
        "born": [11356, None, -1],
    }
    assert table.frame.dtypes[3] == pl.Boolean
    for column in table.schema.columns:
        if column.name != "smoker":
            assert table.frame[column.name].dtype == compact(column.type)
    assert [c.type.nullable for c in table.schema.columns] == [False, True, True, True, True, True]
    assert table.schema.column("id").unique
    assert table.owner_counts == {}
    assert len(table.schema.version) == 32


@pytest.mark.parametrize("form", ["pandas, nullable", "pandas, classic", "polars", "pyarrow", "Parquet", "CSV"])
def test_every_source_is_inferred_alike(form: str, tmp_path: Path) -> None:
    table = registered(tmp_path, sources(tmp_path)[form])
    types = {c.name: c.type for c in table.schema.columns}
    age = (Kind.FLOAT, 18 * 128, 70 * 128) if form == "pandas, classic" else (Kind.INT, 18, 70)
    assert (types["age"].kind, types["age"].lo, types["age"].hi) == age
    assert (types["id"].kind, types["id"].lo, types["id"].hi, types["id"].domain) == (Kind.KEY, 1, 3, "person")
    assert (types["weight"].kind, types["weight"].step) == (Kind.FLOAT, Fraction(1, 128))
    assert (types["weight"].low, types["weight"].high) == (9024, 10400)
    assert types["smoker"].kind is Kind.BOOL
    assert types["sex"].categories == ("f", "m")
    assert types["born"].kind is Kind.DATE
    assert (table.schema.roster_size, table.schema.rows_per_person) == (3, 1)


def test_everything_inferred_is_said_without_a_value(tmp_path: Path) -> None:
    source = pl.DataFrame({"id": [7771, 7772, 7772], "age": [7773, 7774, None], "sex": ["Zebra", "Yak", "Yak"], "on": [True] * 3})
    warnings = registered(tmp_path, source).warnings
    assert warnings[1] == (
        "range of hospital.patients.age was taken from the data, which reveals it; "
        "declare it: columns={'age': sf.integer(low, high)}"
    )
    text = "\n".join(warnings)
    for subject in (
        "patients.id",
        "patients.age",
        "domain of hospital.patients.sex",
        "roster_size=",
        "rows_per_person=",
        "nullable=",
    ):
        assert subject in text
    assert not any(character.isdigit() for character in text)
    assert "Zebra" not in text
    assert "patients.on" not in text


def test_a_full_declaration_publishes_nothing_of_the_data(tmp_path: Path) -> None:
    source = pl.DataFrame({"id": [1, 2], "age": [30, 40]})
    columns = {"id": d.key(low=1, high=9), "age": d.integer(0, 120, nullable=True)}
    table = registered(tmp_path, source, columns=columns, roster_size=10, rows_per_person=1)
    assert table.warnings == ()
    assert (table.schema.roster_size, table.schema.rows_per_person) == (10, 1)


def test_many_words_are_text_and_few_are_a_category(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(65)]
    table = registered(tmp_path, pl.DataFrame({"id": range(65), "many": words, "few": words[:64] + words[:1]}))
    assert table.schema.column("many").type.kind is Kind.STRING
    assert table.schema.column("few").type.categories == tuple(sorted(words[:64]))
    assert table.frame["many"].to_list() == words


def test_a_person_key_may_be_text_and_a_csv_keeps_leading_zeros(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("id,zip,n\n007,01234,1\n012,99999,2\n")
    table = registered(tmp_path, tmp_path / "patients.csv")
    assert table.frame["id"].to_list() == ["007", "012"]
    assert table.schema.column("id").type.lo is None
    assert table.schema.column("zip").type.categories == ("01234", "99999")
    assert table.schema.column("n").type.kind is Kind.INT


def test_whole_floats_are_keys_and_integers(tmp_path: Path) -> None:
    source = pd.DataFrame({"id": [1.0, 2.0], "case": [2.0, np.nan], "n": [5.0, np.nan]})
    table = registered(tmp_path, source, columns={"case": d.key("person", 1, 9), "n": d.integer(0, 9)})
    assert table.frame.to_dict(as_series=False) == {"id": [1, 2], "case": [2, None], "n": [5, None]}


@pytest.mark.parametrize(
    ("values", "declared", "grid"),
    [
        ([0.0625, 0.1875, None, 0.3125], d.number(0, 1, precision=0.125), [0, 2, None, 2]),
        ([float("nan"), 1.0], d.number(0, 1), [None, 128]),
        ([1, 2], d.number(0, 2), [128, 256]),
        ([Decimal("1.005"), Decimal("1.015"), Decimal("-1.025")], d.decimal(-2, 2, 2), [100, 102, -102]),
        ([Decimal("1.5"), Decimal("2.5")], d.decimal(0, 9, 3), [1500, 2500]),
        ([1.15, 2.675], d.decimal(0, 9, 2), [115, 268]),
        ([3, 4], d.decimal(0, 9, 1), [30, 40]),
        ([Decimal("0.5")], d.number(0, 1), [64]),
        ([17.0, 9.0], d.number(0, 20, precision=8), [2, 1]),
        ([0, 1, None], d.boolean(), [False, True, None]),
        ([1.0, 0.0], d.boolean(), [True, False]),
        ([True, False], d.integer(0, 1), [1, 0]),
        ([5, 7], d.category([7, 5]), [1, 0]),
        ([True, None], d.category([False, True]), [1, None]),
        (["2000-01-01"], d.date(datetime.date(1999, 1, 1), datetime.date(2001, 1, 1)), [10957]),
        ([None, None], d.integer(0, 9), [None, None]),
        ([None, None], d.category(["a"]), [None, None]),
    ],
)
def test_values_go_to_the_nearest_grid_point(
    values: list[Any], declared: d.ColumnDeclaration, grid: list[Any], tmp_path: Path
) -> None:
    source = pl.DataFrame({"id": range(len(values)), "x": values}, strict=False)
    assert registered(tmp_path, source, columns={"x": declared}).frame["x"].to_list() == grid


@pytest.mark.parametrize(("rule", "grid", "changed"), [("clip", [0, 120, 30, None], 2), ("null", [None, None, 30, None], 2)])
def test_values_out_of_range_follow_the_rule_and_are_counted_for_the_owner(
    rule: str, grid: list[int | None], changed: int, tmp_path: Path
) -> None:
    source = pl.DataFrame({"id": [1, 2, 3, 4], "age": [-5, 999, 30, None]})
    table = registered(tmp_path, source, columns={"age": d.integer(0, 120, out_of_range=rule)})
    assert table.frame["age"].to_list() == grid
    assert table.owner_counts == {"age": changed}
    assert table.schema.column("age").type.nullable
    assert not any("999" in w for w in table.warnings)


def test_an_unknown_category_may_become_missing(tmp_path: Path) -> None:
    source = pl.DataFrame({"id": [1, 2], "sex": ["m", "M"]})
    table = registered(tmp_path, source, columns={"sex": d.category(["m"], out_of_range="null")})
    assert table.frame["sex"].to_list() == [0, None]
    assert table.owner_counts == {"sex": 1}


SECRET = 987654
BROKEN: dict[str, tuple[Callable[[], Any], dict[str, Any], str, str]] = {
    "above the range": (
        lambda: {"id": [1, 2], "age": [30, SECRET]},
        {"columns": {"age": d.integer(0, 120)}},
        "age",
        "out_of_range='refuse'",
    ),
    "below a float range": (
        lambda: {"id": [1, 2], "age": [0.5, -float(SECRET)]},
        {"columns": {"age": d.number(0, 120)}},
        "age",
        "out_of_range='refuse'",
    ),
    "decimal above": (
        lambda: {"id": [1], "age": [Decimal(SECRET)]},
        {"columns": {"age": d.decimal(0, 120, 2)}},
        "age",
        "out_of_range='refuse'",
    ),
    "date": (
        lambda: {"id": [1], "born": [datetime.date(1985, 6, 17)]},
        {"columns": {"born": d.date(datetime.date(1990, 1, 1), datetime.date(2000, 1, 1))}},
        "born",
        "out_of_range='refuse'",
    ),
    "key": (lambda: {"id": [1, SECRET]}, {"columns": {"id": d.key(low=1, high=9)}}, "id", "out_of_range='refuse'"),
    "unknown category": (
        lambda: {"id": [1, 2], "sex": ["m", "Zebra"]},
        {"columns": {"sex": d.category(["m", "f"])}},
        "sex",
        "unknown category",
    ),
    "category of another case": (
        lambda: {"id": [1], "event": ["Zebra"]},
        {"columns": {"event": d.category(["zebra"])}},
        "event",
        "unknown category",
    ),
    "null where excluded": (
        lambda: {"id": [1, SECRET], "age": [None, 30]},
        {"columns": {"age": d.integer(0, 120, nullable=False)}},
        "age",
        "nullable=False",
    ),
    "null person": (lambda: {"id": [None, SECRET]}, {}, "id", "person key"),
    "duplicate value": (
        lambda: {"id": [1, 2], "code": [SECRET, SECRET]},
        {"columns": {"code": d.integer(0, 10**6, unique=True)}},
        "code",
        "unique",
    ),
    "duplicate key": (lambda: {"id": [SECRET, SECRET]}, {"columns": {"id": d.key(unique=True)}}, "id", "unique"),
    "second row": (lambda: {"id": [SECRET, SECRET]}, {"rows_per_person": 1}, "id", "rows_per_person=1"),
    "too many rows": (lambda: {"id": [SECRET] * 3}, {"rows_per_person": 2}, "id", "rows_per_person"),
    "roster": (lambda: {"id": [1, 2, SECRET]}, {"roster_size": 2}, "id", "roster_size"),
    "text for numbers": (lambda: {"id": [1], "age": ["Zebra"]}, {"columns": {"age": d.integer(0, 120)}}, "age", "type"),
    "text for floats": (lambda: {"id": [1], "age": ["Zebra"]}, {"columns": {"age": d.number(0, 120)}}, "age", "type"),
    "fraction for integers": (lambda: {"id": [1], "age": [98.7654]}, {"columns": {"age": d.integer(0, 120)}}, "age", "type"),
    "numbers for text": (lambda: {"id": [1], "sex": [SECRET]}, {"columns": {"sex": d.category(["m"])}}, "sex", "type"),
    "numbers for words": (lambda: {"id": [1], "note": [SECRET]}, {"columns": {"note": d.string()}}, "note", "type"),
    "numbers for dates": (
        lambda: {"id": [1], "born": [SECRET]},
        {"columns": {"born": d.date(DAYS[2] or EPOCH, EPOCH)}},
        "born",
        "type",
    ),
    "no date": (lambda: {"id": [1], "born": ["1999-13-98"]}, {"columns": {"born": d.date(EPOCH, EPOCH)}}, "born", "type"),
    "time of day": (
        lambda: {"id": [1], "born": [datetime.datetime(1998, 7, 6, 5, 4)]},
        {"columns": {"born": d.date(EPOCH, EPOCH)}},
        "born",
        "type",
    ),
    "no truth value": (lambda: {"id": [1], "on": [SECRET]}, {"columns": {"on": d.boolean()}}, "on", "type"),
    "infinite": (lambda: {"id": [1, 2], "x": [float("inf"), 98.7654]}, {}, "x", "finite numbers"),
    "nothing to infer": (lambda: {"id": [SECRET], "x": [None]}, {}, "x", "declared type"),
    "list column": (lambda: {"id": [1], "x": [[SECRET]]}, {}, "x", "type"),
    "missing column": (lambda: {"id": [SECRET]}, {"columns": {"age": d.integer(0, 120)}}, "age", "missing column"),
    "missing person key": (lambda: {"pid": [SECRET]}, {}, "id", "missing column"),
    "fractional key": (lambda: {"id": [98.7654]}, {}, "id", "type"),
    "huge float": (lambda: {"id": [1], "x": [9.87654e30]}, {}, "x", "range"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_broken_rule_is_named_with_its_column_and_no_value(case: str, tmp_path: Path) -> None:
    make, arguments, column, rule = BROKEN[case]
    with pytest.raises(RegistrationError) as caught:
        registered(tmp_path, pl.DataFrame(make(), strict=False), **arguments)
    text = str(caught.value)
    assert f"hospital.patients.{column} " in text
    assert f"(rule: {rule})" in text
    assert not any(secret in text for secret in ("987", "98.7", "1985", "1998", "1999", "Zebra"))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("name", ["case.id", "2nd", "with space", "__valid", "Größe", ""])
def test_names_are_identifiers(name: str, tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match="rule: column names"):
        registered(tmp_path, pl.DataFrame({"id": [1], name: [2]}))


@pytest.mark.parametrize(("owner", "table"), [("hos.pital", "patients"), ("hospital", "pat ients"), ("", "patients")])
def test_owners_and_tables_are_named_by_identifiers(owner: str, table: str, tmp_path: Path) -> None:
    declaration = d.Table(pl.DataFrame({"id": [1]})).declare("patients", tmp_path)
    with pytest.raises(RegistrationError, match="rule: names"):
        register(owner, table, declaration)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ragged.csv", b"id,age\n1,30\n2,40,Zebra\n"),
        ("short.csv", b"id,age\n1,30\nZebra\n"),
        ("bytes.csv", b"id,age\n1,\xff\xfeZebra\n"),
        ("empty.csv", b""),
        ("no.parquet", b"Zebra is no Parquet file"),
    ],
)
def test_a_malformed_file_is_refused_without_its_content(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RegistrationError, match=r"hospital\.patients.*rule: malformed file") as caught:
        registered(tmp_path, tmp_path / name)
    assert "Zebra" not in str(caught.value)


def test_a_missing_file_and_a_double_header_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match="malformed file"):
        registered(tmp_path, tmp_path / "nowhere.parquet")
    (tmp_path / "twice.csv").write_text("id,age,age\n1,30,31\n")
    with pytest.raises(RegistrationError, match="column names"):
        registered(tmp_path, tmp_path / "twice.csv")


@pytest.mark.parametrize(
    ("values", "declared", "grid"),
    [
        ([-5, 10**12, 3], d.number(0, 10, out_of_range="clip"), [0, 1280, 384]),
        ([1e300, -1e300, 0.5], d.number(0, 10, out_of_range="clip"), [1280, 0, 64]),
        (
            [Decimal("99999999999999999999.5"), Decimal("-1"), Decimal("3.14159")],
            d.decimal(0, 9, 2, out_of_range="clip"),
            [900, 0, 314],
        ),
        (
            [datetime.date(1, 1, 1), datetime.date(9999, 1, 1), None],
            d.date(datetime.date(1900, 1, 1), datetime.date(2000, 1, 1), out_of_range="clip"),
            [-25567, 10957, None],
        ),
    ],
)
def test_far_values_are_moved_to_the_nearer_end(
    values: list[Any], declared: d.ColumnDeclaration, grid: list[Any], tmp_path: Path
) -> None:
    table = registered(tmp_path, pl.DataFrame({"id": [1, 2, 3], "x": values}, strict=False), columns={"x": declared})
    assert table.frame["x"].to_list() == grid
    assert table.owner_counts == {"x": 2}


def test_a_csv_spells_missing_values_as_pandas_reads_them(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("id,age,sex,on\n1,NA,,true\n2, 30,m,False\n3,nan,NULL,\n")
    columns = {"age": d.integer(0, 120), "sex": d.category(["m"]), "on": d.boolean()}
    table = registered(tmp_path, tmp_path / "patients.csv", columns=columns)
    assert table.frame["age"].to_list() == [None, 30, None]
    assert table.frame["sex"].to_list() == [None, 0, None]
    assert table.frame["on"].to_list() == [True, False, None]


def test_the_oracle_sees_the_quantised_values(tmp_path: Path) -> None:
    columns = {**DECLARED, "cost": d.decimal(0, 100, 2), "note": d.string(), "mother": d.key("person")}
    source = pl.DataFrame(
        {
            "id": [1, 2],
            "age": [30, None],
            "weight": [70.5039, None],
            "smoker": [True, None],
            "sex": ["f", None],
            "born": DAYS[:2],
            "cost": [19.99, None],
            "note": ["a", None],
            "mother": ["x", None],
        }
    )
    table = registered(tmp_path, source, columns=columns)
    found = to_pandas(table.frame, table.schema)
    assert [str(t) for t in found.dtypes] == [
        "Int64", "Int64", "Float64", "boolean", "category", "datetime64[s]", "Float64", "string", "string",
    ]  # fmt: skip
    assert found.iloc[0].tolist() == [1, 30, 70.5, True, "f", pd.Timestamp("2001-02-03"), 19.99, "a", "x"]
    assert found.iloc[1, 1:].isna().all()
    assert found["sex"].cat.categories.tolist() == ["m", "f"]
