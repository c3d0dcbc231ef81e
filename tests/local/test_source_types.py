"""Sources of every type: time stamps, durations, decimals, nullable, boolean and categorical columns of three libraries."""

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

from secureframe.errors import PlanError, RegistrationError
from secureframe.local.register import RegisteredTable, register
from secureframe.local.values import to_pandas
from secureframe.schema import declare as d
from secureframe.schema.types import ColumnType, Kind

Moment = datetime.datetime
STAMPS = [Moment(2020, 1, 2, 3, 4, 5), None, Moment(1969, 12, 31, 23, 59, 59)]
MONEY = [Decimal("1.50"), None, Decimal("-2.25")]
DAYS = [datetime.date(2020, 1, 1), None, datetime.date(1969, 1, 1)]
SECONDS = [1_577_934_245, None, -1]


def registered(directory: Path, column: Any, declared: d.ColumnDeclaration | None = None) -> RegisteredTable:
    library = type(column).__module__.partition(".")[0]
    make: Callable[[Any], Any] = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}.get(library, pd.DataFrame)
    source = make({"id": list(range(1, len(column) + 1)), "x": column})
    columns = {} if declared is None else {"x": declared}
    return register("hospital", "patients", d.Table(source, columns=columns).declare("patients", directory))


def type_of(table: RegisteredTable) -> ColumnType:
    return table.schema.column("x").type


INFERRED: dict[str, tuple[Callable[[], Any], Kind, Fraction, list[Any]]] = {
    "pandas, ns": (lambda: pd.Series(STAMPS).astype("datetime64[ns]"), Kind.DATETIME, Fraction(1, 86_400), SECONDS),
    "pandas, s": (lambda: pd.Series(STAMPS).astype("datetime64[s]"), Kind.DATETIME, Fraction(1, 86_400), SECONDS),
    "pandas, arrow": (
        lambda: pd.Series(STAMPS, dtype=pd.ArrowDtype(pa.timestamp("ms"))), Kind.DATETIME, Fraction(1, 86_400), SECONDS
    ),
    "polars, ms": (lambda: pl.Series(STAMPS, dtype=pl.Datetime("ms")), Kind.DATETIME, Fraction(1, 86_400), SECONDS),
    "pyarrow, s": (lambda: pa.array(STAMPS, type=pa.timestamp("s")), Kind.DATETIME, Fraction(1, 86_400), SECONDS),
    "milliseconds": (
        lambda: pl.Series([Moment(1970, 1, 1, 0, 0, 0, 7_000)]), Kind.DATETIME, Fraction(1, 86_400_000), [7]
    ),
    "microseconds": (lambda: pl.Series([Moment(1970, 1, 1, 0, 0, 0, 7)]), Kind.DATETIME, Fraction(1, 86_400_000_000), [7]),
    "nanoseconds are cut down": (
        lambda: pd.Series(pd.to_datetime([-1, 1_999], unit="ns")), Kind.DATETIME, Fraction(1, 86_400_000_000), [-1, 1]
    ),
    "midnights": (lambda: pd.Series(DAYS).astype("datetime64[s]"), Kind.DATE, Fraction(1), [18262, None, -365]),
    "dates as objects": (lambda: pd.Series(DAYS, dtype=object), Kind.DATE, Fraction(1), [18262, None, -365]),
    "date64": (lambda: pa.array(DAYS, type=pa.date64()), Kind.DATE, Fraction(1), [18262, None, -365]),
    "decimals as objects": (lambda: pd.Series(MONEY, dtype=object), Kind.DECIMAL, Fraction(1, 100), [150, None, -225]),
    "decimals, pandas": (
        lambda: pd.Series(MONEY, dtype=pd.ArrowDtype(pa.decimal128(10, 2))), Kind.DECIMAL, Fraction(1, 100), [150, None, -225]
    ),
    "decimals, polars": (lambda: pl.Series(MONEY, dtype=pl.Decimal(12, 3)), Kind.DECIMAL, Fraction(1, 1000), [1500, None, -2250]),
    "decimals, 256 bits": (lambda: pa.array(MONEY, type=pa.decimal256(40, 2)), Kind.DECIMAL, Fraction(1, 100), [150, None, -225]),
    "hours": (
        lambda: pd.Series(pd.to_timedelta([1, None, -3], unit="h")), Kind.DECIMAL, Fraction(1, 86_400), [3600, None, -10_800]
    ),
    "whole days": (
        lambda: pl.Series([datetime.timedelta(9), None, datetime.timedelta(-2)]), Kind.INT, Fraction(1), [9, None, -2]
    ),
    "nullable integers": (lambda: pd.Series([1, None, 3], dtype="UInt64"), Kind.INT, Fraction(1), [1, None, 3]),
    "nullable truth values": (
        lambda: pd.Series([True, None, False], dtype="boolean"), Kind.BOOL, Fraction(1), [True, None, False]
    ),
    "truth values, arrow": (lambda: pd.Series([True, None], dtype="bool[pyarrow]"), Kind.BOOL, Fraction(1), [True, None]),
    "truth values as objects": (lambda: pd.Series([True, None], dtype=object), Kind.BOOL, Fraction(1), [True, None]),
    "nullable text": (lambda: pd.Series(["b", None, "a"], dtype="string"), Kind.CATEGORY, Fraction(1), [1, None, 0]),
    "categories of numbers": (lambda: pd.Series(pd.Categorical([1, None, 3])), Kind.INT, Fraction(1), [1, None, 3]),
    "dictionary": (lambda: pa.array(["b", None, "a"]).dictionary_encode(), Kind.CATEGORY, Fraction(1), [1, None, 0]),
    "half floats": (lambda: pa.array(np.array([1, 2.5], dtype=np.float16)), Kind.FLOAT, Fraction(1, 128), [128, 320]),
}  # fmt: skip


@pytest.mark.parametrize("name", INFERRED)
def test_what_a_column_is_taken_for(name: str, tmp_path: Path) -> None:
    make, kind, step, grid = INFERRED[name]
    table = registered(tmp_path, make())
    assert (type_of(table).kind, type_of(table).step) == (kind, step)
    assert table.frame["x"].to_list() == grid
    assert type_of(table).nullable == (None in grid)


def test_a_categorical_column_keeps_its_categories_and_their_order(tmp_path: Path) -> None:
    for column in (
        pd.Series(pd.Categorical(["b", None, "a"], categories=["b", "never", "a"])),
        pl.Series(["b", None, "a"], dtype=pl.Enum(["b", "never", "a"])),
    ):
        table = registered(tmp_path, column)
        assert type_of(table).categories == ("b", "never", "a")
        assert table.frame["x"].to_list() == [0, None, 2]


SINCE, UNTIL = Moment(1969, 12, 1), Moment(2020, 12, 31, 23, 59, 59)

DECLARED: dict[str, tuple[Callable[[], Any], d.ColumnDeclaration, list[Any]]] = {
    "seconds, cut down": (
        lambda: pl.Series([Moment(1970, 1, 1, 0, 0, 1, 999_999), Moment(1969, 12, 31, 23, 59, 59, 1)]),
        d.timestamp(SINCE, UNTIL),
        [1, -1],
    ),
    "minutes, cut down": (
        lambda: pl.Series([Moment(1970, 1, 1, 0, 1, 59), Moment(1969, 12, 31, 23, 59, 59)]),
        d.timestamp(SINCE, UNTIL, "min"), [1, -1]
    ),
    "hours of text": (
        lambda: pl.Series(["1970-01-02 01:59", "1970-01-02T02:00:00.5", " 1970-01-03"]),
        d.timestamp(SINCE, UNTIL, "h"), [25, 26, 48]
    ),
    "days as time stamps": (lambda: pl.Series([datetime.date(1970, 1, 2), None]), d.timestamp(SINCE, UNTIL, "s"), [86_400, None]),
    "durations as numbers": (
        lambda: pd.Series(pd.to_timedelta([12, -6], unit="h")), d.number(-9, 9, precision=0.25), [2, -1]
    ),
    "durations as whole days": (lambda: pd.Series(pd.to_timedelta([12, -6], unit="D")), d.integer(-9, 12), [12, -6]),
    "decimals below zero": (lambda: pl.Series(MONEY), d.decimal(-3, 2, 1), [15, None, -22]),
    "40 bits": (
        lambda: pl.Series([-(2.0**19), 2.0**19 - 2.0**-20, 0.0]),
        d.number(-(2**19), 2**19, precision=2**-20), [-(2**39), 2**39 - 1, 0]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DECLARED)
def test_declared_grids(name: str, tmp_path: Path) -> None:
    make, declared, grid = DECLARED[name]
    assert registered(tmp_path, make(), declared).frame["x"].to_list() == grid


def test_time_stamps_out_of_range_follow_the_rule(tmp_path: Path) -> None:
    column = pl.Series([Moment(1900, 1, 1), Moment(1970, 1, 1), Moment(2100, 1, 1)])
    moved = registered(tmp_path, column, d.timestamp(SINCE, UNTIL, out_of_range="clip"))
    assert moved.frame["x"].to_list() == [type_of(moved).low, 0, type_of(moved).high]
    gone = registered(tmp_path, column, d.timestamp(SINCE, UNTIL, out_of_range="null"))
    assert gone.frame["x"].to_list() == [None, 0, None]
    with pytest.raises(RegistrationError, match="outside its declared range") as refused:
        registered(tmp_path, column, d.timestamp(SINCE, UNTIL))
    assert "1900" not in str(refused.value) and "2100" not in str(refused.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.Series(pd.to_datetime(["2020-01-01 10:00"]).tz_localize("Europe/Amsterdam")),
        lambda: pa.array(STAMPS, type=pa.timestamp("us", tz="UTC")),
        lambda: pl.Series([datetime.time(1)]),
        lambda: pd.Series(pd.period_range("2020-01", periods=1, freq="M")),
        lambda: pd.Series([1j]),
        lambda: pa.nulls(3),
    ],
)
def test_what_has_no_type_here_is_refused_without_a_value(make: Callable[[], Any], tmp_path: Path) -> None:
    with pytest.raises(RegistrationError) as refused:
        registered(tmp_path, make())
    assert "\nHint: " in str(refused.value) and "2020" not in str(refused.value)


@pytest.mark.parametrize("text", ["2020-01-01 25:00", "yesterday", "2020-13-01T00:00:00"])
def test_text_that_is_no_time_stamp(text: str, tmp_path: Path) -> None:
    with pytest.raises(RegistrationError, match="time stamps") as refused:
        registered(tmp_path, pl.Series([text]), d.timestamp(SINCE, UNTIL))
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: d.timestamp(SINCE, UNTIL, "D"),
        lambda: d.timestamp(SINCE, UNTIL, "ns"),
        lambda: d.timestamp(1, 2),  # type: ignore[arg-type]
        lambda: d.timestamp(UNTIL, SINCE),
        lambda: d.timestamp(Moment(2020, 1, 1, tzinfo=datetime.UTC), UNTIL),
    ],
)
def test_what_is_no_declaration_of_time_stamps(make: Callable[[], Any]) -> None:
    with pytest.raises(PlanError):
        make()


def test_a_csv_spells_time_stamps(tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text("id,x,y\n1,2020-01-02T03:04:05,2020-01-01\n2,NA,\n3,1969-12-31 23:59:59,1969-12-31\n")
    table = register("hospital", "patients", d.Table(tmp_path / "patients.csv").declare("patients", tmp_path))
    assert type_of(table).kind is Kind.DATETIME
    assert table.frame["x"].to_list() == SECONDS
    assert table.schema.column("y").type.kind is Kind.DATE


def test_the_oracle_sees_time_stamps_on_their_grid(tmp_path: Path) -> None:
    for unit, dtype, shown in (
        ("min", "datetime64[s]", "2020-01-02 03:04:00"),
        ("ms", "datetime64[ms]", "2020-01-02 03:04:05.678"),
        ("us", "datetime64[us]", "2020-01-02 03:04:05.678901"),
    ):
        column = pl.Series([Moment(2020, 1, 2, 3, 4, 5, 678_901), None])
        found = to_pandas(*((t := registered(tmp_path, column, d.timestamp(SINCE, UNTIL, unit))).frame, t.schema))["x"]
        assert str(found.dtype) == dtype
        assert found[0] == pd.Timestamp(shown) and found[1] is pd.NaT


def test_a_declaration_of_time_stamps_survives_its_record(tmp_path: Path) -> None:
    declared = d.timestamp(SINCE, UNTIL, "ms", nullable=True)
    assert d.ColumnDeclaration.from_json(declared.to_json()) == declared
    type_ = declared.column_type(nullable=True, person_domain="person")
    assert ColumnType.from_json(type_.to_json()) == type_
    assert type_.describe() == "datetime 1969-12-01 00:00:00 to 2020-12-31 23:59:59 by 1 ms, nullable"
