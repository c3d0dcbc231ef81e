"""Mappings: names, units, codes, bands and formulas of a source become those that institutions have agreed on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import secureframe as sf
from secureframe.errors import PlanError, RegistrationError
from secureframe.local.register import RegisteredTable, register
from secureframe.local.values import to_pandas
from secureframe.schema.mapping import UNITS, Mapped, conversion, mapped

SOURCE = pl.DataFrame(
    {
        "pid": [1, 2, 3, 4],
        "sex": [1, 2, None, 1],
        "weight_lb": [100.0, 220.5, None, 150.0],
        "size": [20, 21, 50, 51],
        "recur": [0, 1, 0, 1],
        "rtime": [10, 20, 30, 40],
        "dtime": [11, 22, 33, 44],
    }
)
MAPPING = {
    "patient": mapped("pid"),
    "sex": mapped("sex", values={1: "m", 2: "f"}),
    "weight": mapped("weight_lb", unit=("lb", "kg")),
    "stage": mapped("size", bands=[0, 20, 50, 1000], labels=["small", "middle", "large"]),
    "relapse": mapped("recur", values={0: False, 1: True}),
    "days": mapped(sql="CASE WHEN recur = 1 THEN rtime ELSE dtime END"),
}
COLUMNS = {
    "patient": sf.key(low=1, high=9),
    "sex": sf.category(["f", "m"]),
    "weight": sf.number(20, 300),
    "stage": sf.category(["small", "middle", "large"]),
    "relapse": sf.boolean(),
    "days": sf.integer(0, 100),
}


def registered(directory: Path, source: Any, **changes: Any) -> RegisteredTable:
    arguments: dict[str, Any] = {"person_key": "patient", "columns": COLUMNS, "mapping": MAPPING, "rows_per_person": 1}
    return register("centre", "tumours", sf.Table(source, **{**arguments, **changes}).declare("tumours", directory))


@pytest.mark.parametrize("form", ["polars", "pandas", "CSV", "Parquet"])
def test_every_source_comes_out_as_agreed(tmp_path: Path, form: str) -> None:
    source: Any = SOURCE
    if form == "pandas":
        source = SOURCE.to_pandas()
    elif form == "CSV":
        source = tmp_path / "source.csv"
        SOURCE.write_csv(source)
    elif form == "Parquet":
        source = tmp_path / "source.parquet"
        SOURCE.write_parquet(source)
    changes: dict[str, Any] = {}
    if form == "CSV":
        # A CSV file spells everything out: formulas say what is a number.
        changes["mapping"] = {**MAPPING, "days": mapped(sql="CASE WHEN recur = '1' THEN rtime ELSE dtime END")}
    table = registered(tmp_path, source, **changes)
    held = to_pandas(table.frame, table.schema)
    assert list(held.columns) == list(MAPPING)
    assert held["patient"].tolist() == [1, 2, 3, 4]
    assert held["sex"].astype(object).where(held["sex"].notna(), None).tolist() == ["m", "f", None, "m"]
    weights = held["weight"].astype(object).where(held["weight"].notna(), None).tolist()
    assert weights == [round(w * 0.45359237 * 128) / 128 if w else None for w in (100.0, 220.5, None, 150.0)]
    assert held["stage"].tolist() == ["small", "middle", "middle", "large"]
    assert held["relapse"].tolist() == [False, True, False, True]
    assert held["days"].tolist() == [11, 20, 33, 40]


def test_the_person_key_keeps_its_name_where_nothing_is_said_of_it(tmp_path: Path) -> None:
    table = registered(
        tmp_path, SOURCE, person_key="pid", mapping={"days": mapped("rtime")}, columns={"pid": sf.key(low=1, high=9)}
    )
    assert table.frame.columns == ["pid", "days"]


def test_a_value_without_a_place_is_refused_or_becomes_missing_and_is_counted_for_the_owner(tmp_path: Path) -> None:
    mapping = {"patient": mapped("pid"), "sex": mapped("sex", values={1: "m"})}
    columns = {"sex": sf.category(["m"])}
    with pytest.raises(RegistrationError, match=r"centre.tumours.sex holds a value that its mapping does not name"):
        registered(tmp_path, SOURCE, mapping=mapping, columns=columns)
    lenient = {"sex": sf.category(["m"], out_of_range="null")}
    table = registered(tmp_path, SOURCE, mapping=mapping, columns=lenient)
    assert table.owner_counts == {"sex": 1}
    bands = {"patient": mapped("pid"), "sex": mapped("size", bands=[0, 20], labels=["m"], right=False)}
    assert registered(tmp_path, SOURCE, mapping=bands, columns=lenient).owner_counts == {"sex": 4}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (mapped("nothing"), "comes from 'nothing', and the source has no such column"),
        (mapped(sql="rtime +"), "cannot be computed"),
        (mapped(sql="SUM(rtime)"), "does not go row by row"),
        (mapped("word", factor=2), "holds something that is no number"),
        (mapped("rtime", values={"ten": 10}), "does not name"),
    ],
)
def test_what_does_not_fit_is_said_without_a_value(tmp_path: Path, where: Mapped, message: str) -> None:
    source = SOURCE.with_columns(word=pl.Series(["secret", "b", "c", "d"]))
    with pytest.raises(RegistrationError, match=message) as caught:
        registered(tmp_path, source, mapping={"patient": mapped("pid"), "x": where}, columns={})
    assert "secret" not in str(caught.value)


def test_units_go_both_ways() -> None:
    for (one, other), (factor, offset) in UNITS.items():
        back, shift = conversion(other, one)
        assert (factor * 3 + offset) * back + shift == 3
    assert conversion("kPa", "mmHg")[0] * Fraction(101_325, 1000) == 760
    with pytest.raises(PlanError, match="no conversion from 'ell' to 'cm'"):
        conversion("ell", "cm")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "comes from one column"),
        ({"source": "a", "sql": "a"}, "comes from one column"),
        ({"source": "a", "unit": ("lb", "kg"), "factor": 2}, "a unit has its own factor"),
        ({"source": "a", "factor": 2, "values": {1: 2}}, "one of the three"),
        ({"source": "a", "bands": [0, 1]}, "one label each"),
        ({"source": "a", "bands": [1, 1], "labels": ["x"]}, "increase"),
        ({"source": "a", "values": {1: "a", 2: 3}}, "alone"),
    ],
)
def test_mappings_that_mean_nothing_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        mapped(**arguments)


def test_mappings_survive_json_and_are_checked_where_they_are_declared() -> None:
    for where in MAPPING.values():
        assert Mapped.from_json(where.to_json()) == where
    with pytest.raises(PlanError, match="'age' is declared and not mapped"):
        sf.Table(pd.DataFrame(), person_key="patient", mapping=MAPPING, columns={"age": sf.integer(0, 1)})
    with pytest.raises(PlanError, match="'sex' is not mapped"):
        sf.Table(pd.DataFrame(), person_key="patient", mapping={"sex": "sex"})  # type: ignore[dict-item]
