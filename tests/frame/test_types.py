"""Columns of every type through the whole engine, at one owner and over rows of two: the same answers as pandas."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.testing import start_in_memory

PERSONS = 300
FIRST, LAST = datetime.date(1985, 3, 1), datetime.date(1988, 2, 29)
SINCE, UNTIL = datetime.datetime(2019, 12, 30), datetime.datetime(2020, 2, 2, 23, 59, 59)
WORDS = ["red", "green", "blue"]

Frames = tuple[Any, pd.DataFrame]
Statement = Callable[[Any], Any]


def holes(values: Any, generator: np.random.Generator) -> Any:
    """The same column with missing values."""
    column = pd.Series(values)
    return column.mask(pd.Series(generator.random(len(column)) < 0.1))


def left_table(generator: np.random.Generator, ids: Any) -> pd.DataFrame:
    born = pd.Series(pd.Timestamp(FIRST) + pd.to_timedelta(generator.integers(0, 1096, PERSONS), unit="D"))
    return pd.DataFrame(
        {
            "id": pd.array(ids, dtype="Int64"),
            "n": holes(pd.array(generator.integers(-20, 30, PERSONS), dtype="Int64"), generator),
            "few": pd.array(generator.integers(0, 4, PERSONS), dtype="Int64"),
            "cost": holes(pd.array(generator.integers(-5_000, 90_000, PERSONS) / 100, dtype="Float64"), generator),
            "color": pd.Categorical(holes(generator.choice(WORDS, PERSONS), generator), categories=WORDS),
            "ok": holes(pd.array(generator.integers(0, 2, PERSONS).astype(bool), dtype="boolean"), generator),
            "born": holes(born.astype("datetime64[s]"), generator),
            "note": holes(pd.array(generator.choice(["abc", "Abd", " x-y ", ""], PERSONS), dtype="string"), generator),
        }
    )


def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    generator = np.random.default_rng(11)
    ids = np.arange(1, PERSONS + 1)
    left, more = left_table(generator, ids), left_table(generator, ids + PERSONS)
    moments = pd.Series(pd.Timestamp(SINCE) + pd.to_timedelta(generator.integers(0, 35 * 86_400, PERSONS), unit="s"))
    right = pd.DataFrame(
        {
            "id": pd.array(generator.permutation(ids), dtype="Int64"),
            "k": pd.array(generator.integers(3, 12, PERSONS), dtype="Int64"),
            "x": holes(pd.array(generator.integers(-64, 65, PERSONS) / 8, dtype="Float64"), generator),
            "seen": moments.astype("datetime64[s]"),
            "tone": pd.Categorical(generator.choice(WORDS, PERSONS), categories=WORDS),
        }
    )
    return left, right, more


@pytest.fixture(scope="module")
def both() -> Iterator[dict[str, Frames]]:
    """The left table at one owner, two such tables stacked, and left and right merged; with the same in pandas."""
    left, right, more = tables()
    stamps = {"seen": sf.timestamp(SINCE, UNTIL, nullable=False)}
    columns = {
        "id": sf.key(low=1, high=2 * PERSONS),
        "n": sf.integer(-20, 29),
        "few": sf.integer(0, 3),
        "cost": sf.decimal(-50, 900, 2),
        "color": sf.category(WORDS),
        "born": sf.date(FIRST, LAST),
        "note": sf.string(),
    }
    whole: dict[str, Any] = {"columns": columns, "roster_size": PERSONS, "rows_per_person": 1, "disjoint": True}
    declared = {
        "hospital": {"left": sf.Table(left, **whole)},
        "clinic": {"left": sf.Table(more, **whole)},
        "registry": {
            "right": sf.Table(
                right,
                columns={"k": sf.integer(3, 11), "x": sf.number(-8, 8, 0.125), **stamps},
                roster_size=PERSONS,
                rows_per_person=1,
            )
        },
    }
    with pytest.warns(UserWarning):
        fed = sf.simulate(declared, policy=Policy(name="test", threshold=2), purpose="tests", start=start_in_memory, quiet=True)
    with fed:
        secret = fed["hospital.left"]
        yield {
            "one owner": (secret, left),
            "stacked": (sf.concat([secret, fed["clinic.left"]]), pd.concat([left, more], ignore_index=True)),
            "two owners": (secret.merge(fed["registry.right"], on="id"), left.merge(right, on="id")),
        }


def same(found: Any, wanted: Any) -> bool:
    return bool(found == pytest.approx(float(wanted), rel=1e-12, abs=1e-9))


ONE_OWNER: dict[str, Statement] = {
    "whole tens": lambda d: d["n"] // 10,
    "remainder": lambda d: d["n"] % 3,
    "remainder of a negative divisor": lambda d: d["n"] % -4,
    "whole quotient by a column": lambda d: d["n"].clip(-10, 10) // (d["few"] + 3),
    "remainder by a column": lambda d: d["n"] % (d["few"] + 1),
    "tens": lambda d: d["n"].round(-1),
    "clip": lambda d: d["n"].clip(-10, 20),
    "absolute": lambda d: d["n"].abs(),
    "map of categories": lambda d: d["color"].map({"red": 1, "blue": 5}).astype("Float64" if is_clear(d) else float),
    "map of numbers": lambda d: d["few"].map({0: 7, 1: -2, 3: 9}),
    "map of truth values": lambda d: d["ok"].map({True: 2, False: 5}),
    "mask": lambda d: d["n"].mask(d["ok"].fillna(False), 0),
    "where": lambda d: d["n"].where(d["few"] > 1, d["few"]),
    "truth as a number": lambda d: d["ok"].astype("Int64" if is_clear(d) else int),
    "number as truth": lambda d: d["few"].astype(bool).astype("Int64" if is_clear(d) else int),
    "year": lambda d: d["born"].dt.year,
    "quarter": lambda d: d["born"].dt.quarter,
    "month": lambda d: d["born"].dt.month,
    "day of week": lambda d: d["born"].dt.day_of_week,
    "length": lambda d: d["note"].str.len(),
    "length of a slice": lambda d: d["note"].str.strip().str.slice(0, 2).str.len(),
    "length of a word": lambda d: d["color"].astype("string" if is_clear(d) else str).str.len(),
}

TWO_OWNERS: dict[str, Statement] = {
    "whole quotient": lambda d: (d["n"] + d["k"]) // 10,
    "remainder": lambda d: (d["n"] - d["k"]) % 3,
    "whole quotient by a column": lambda d: d["n"].clip(-10, 14) // d["k"],
    "remainder by a column": lambda d: d["n"] % d["k"],
    "tens": lambda d: (d["n"].clip(-10, 20) + d["k"]).round(-1),
    "map of numbers": lambda d: (d["few"] + (d["k"] > 6)).map({0: 7, 1: -2, 3: 9, 4: 0}),
    "clip": lambda d: (d["n"] + d["x"]).clip(-10, 20),
    "days since midnight of birth": lambda d: (d["seen"] - d["born"]).dt.days,
    "seconds": lambda d: (d["seen"] - d["born"]).dt.total_seconds(),
    "month of a moved day": lambda d: moved(d).dt.month,
    "year of a moved day": lambda d: moved(d).dt.year,
}


def is_clear(frame: Any) -> bool:
    return isinstance(frame, pd.DataFrame)


BANDS = ["1985-03-01", "1986-01-01", "1986-06-30", "1988-02-29"]
STAMPS = ["2019-12-30", "2020-01-10 12:00", "2020-02-01"]


def banded(dates: pd.Series, *, right: bool) -> pd.Series:
    """pandas' bands by name."""
    found = pd.cut(dates, list(pd.to_datetime(BANDS if right else STAMPS, format="mixed")), right=right)
    return found.astype(str).where(found.notna(), None)


def moved(d: Any) -> Any:
    """A day of one owner, moved by days of the other."""
    return d["born"] + (pd.to_timedelta(d["k"], unit="D") if is_clear(d) else d["k"])


CASES = [(place, name, s) for place in ("one owner", "stacked") for name, s in ONE_OWNER.items()]
CASES += [("two owners", name, s) for name, s in TWO_OWNERS.items()]


@pytest.mark.parametrize(("place", "statement"), [(p, s) for p, _, s in CASES], ids=[f"{p}, {n}" for p, n, _ in CASES])
def test_sums_and_counts(both: dict[str, Frames], place: str, statement: Statement) -> None:
    secret, clear = both[place]
    column, wanted = statement(secret), statement(clear)
    with sf.defer():
        asked = column.sum(), column.count()
    total, count = sf.collect(*asked)
    assert same(total, wanted.sum())
    assert count == wanted.count()


CONDITIONS: dict[str, tuple[str, Statement]] = {
    "decade": ("one owner", lambda d: d["n"] // 10 == 2),
    "parity": ("one owner", lambda d: d["n"] % 2 == 0),
    "weekend": ("one owner", lambda d: d["born"].dt.day_of_week >= 5),
    "leap day": ("one owner", lambda d: (d["born"].dt.month == 2) & (d["born"].dt.day >= 20)),
    "word": ("one owner", lambda d: d["color"].str.startswith("g")),
    "text": ("one owner", lambda d: d["note"].str.lower().str.contains("ab", regex=False)),
    "stripped": ("one owner", lambda d: d["note"].str.strip().str.replace("-", "", regex=False) == "xy"),
    "no note": ("one owner", lambda d: ~d["note"].str.endswith("d")),
    "mapped": ("one owner", lambda d: d["color"].map({"red": "warm", "green": "cold", "blue": "cold"}) == "cold"),
    "parity of two": ("two owners", lambda d: (d["n"] + d["k"]) % 2 == 0),
    "a stamp after": ("two owners", lambda d: d["seen"] > pd.Timestamp("2020-01-15 12:30:00")),
    "a stamp as text": ("two owners", lambda d: d["seen"] <= "2020-01-15 12:30"),
    "between days": ("two owners", lambda d: d["seen"].between("2020-01-01", "2020-01-20")),
    "difference": ("two owners", lambda d: (d["seen"] - d["born"]) > pd.Timedelta(days=12_000)),
    "moved": ("two owners", lambda d: moved(d) >= pd.Timestamp("1987-01-01")),
    "hour": ("two owners", lambda d: d["seen"].dt.hour < 6),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions(both: dict[str, Frames], name: str) -> None:
    place, statement = CONDITIONS[name]
    secret, clear = both[place]
    wanted = statement(clear).astype("boolean").fillna(False).astype(bool)
    assert secret[statement(secret)]["few"].count() == int(wanted.sum())


KEYS: dict[str, tuple[str, Statement, Statement]] = {
    "tens": ("one owner", lambda d: d["few"] // 2, lambda d: d["few"] // 2),
    "year": ("one owner", lambda d: d["born"].dt.year, lambda d: d["born"].dt.year),
    "quarter": ("one owner", lambda d: d["born"].dt.quarter, lambda d: d["born"].dt.quarter),
    "words": (
        "one owner", lambda d: d["color"].map({"red": "warm", "blue": "cold", "green": "cold"}),
        lambda d: d["color"].astype("string").map({"red": "warm", "blue": "cold", "green": "cold"}),
    ),
    "capitals": ("one owner", lambda d: d["color"].str.upper(), lambda d: d["color"].str.upper()),
    "truth as words": ("one owner", lambda d: d["ok"].astype(str), lambda d: d["ok"].astype("string")),
    "period": ("one owner", lambda d: d["born"].dt.to_period("Q"), lambda d: d["born"].dt.to_period("Q").astype(str)),
    "year of a moved day": ("two owners", lambda d: moved(d).dt.year, lambda d: moved(d).dt.year),
    "period of a moved day": (
        "two owners", lambda d: moved(d).dt.to_period("Y"), lambda d: moved(d).dt.to_period("Y").astype(str)
    ),
    "remainder": ("two owners", lambda d: (d["n"] + d["k"]) % 5, lambda d: (d["n"] + d["k"]) % 5),
    "bands of days": (
        "one owner", lambda d: sf.cut(d["born"], pd.to_datetime(BANDS)), lambda d: banded(d["born"], right=True)
    ),
    "bands of time stamps": (
        "two owners", lambda d: sf.cut(d["seen"], STAMPS, right=False), lambda d: banded(d["seen"], right=False)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_group_keys(both: dict[str, Frames], name: str) -> None:
    place, key, clear_key = KEYS[name]
    secret, clear = both[place]
    found = secret.groupby(key(secret))["n"].agg(["count", "sum"])
    groups = clear_key(clear)
    wanted = clear.groupby(groups.mask(groups.astype("string") == "NaT"))["n"].agg(["count", "sum"])
    assert len(found) >= len(wanted)
    for level, row in found.iterrows():
        if level not in wanted.index:
            assert row["count"] == 0
        else:
            assert tuple(row) == tuple(wanted.loc[level])


def test_quantiles_of_time_stamps(both: dict[str, Frames]) -> None:
    secret, clear = both["two owners"]
    for column in ("seen", "born"):
        kept, held = secret[secret["n"] > secret["k"]], clear[(clear["n"] > clear["k"]).fillna(False)]
        found = kept[column].quantile([0.25, 0.5, 0.9])
        wanted = held[column].quantile([0.25, 0.5, 0.9], interpolation="lower")
        assert list(found) == list(wanted)
        assert found.dtype == clear[column].dtype == secret[column].dtype
    middle = secret["seen"].median()
    assert isinstance(middle, datetime.datetime)
    assert middle == clear["seen"].quantile(0.5, interpolation="lower")


def test_a_quotient_is_rounded_once(both: dict[str, Frames]) -> None:
    """``round`` and ``astype`` say where a quotient lands; halves go to the even neighbour of the exact quotient."""
    for place in both:
        secret, clear = both[place]
        divisor = "k" if place == "two owners" else "few"
        found = (secret["n"] / (secret[divisor] + 1)).round(1).sum()
        exact = [Decimal(int(a)) / Decimal(int(b) + 1) for a, b in zip(clear["n"], clear[divisor], strict=True) if a is not pd.NA]
        assert same(found, sum(x.quantize(Decimal("0.1")) for x in exact))
        coarse = (secret["n"] / (secret[divisor] + 1)).astype("decimal", precision=0.5).sum()
        assert same(coarse, sum((x * 2).quantize(Decimal(1)) / 2 for x in exact))


def test_dtypes_are_those_of_pandas(both: dict[str, Frames]) -> None:
    secret, clear = both["two owners"]
    assert secret["seen"].dtype == clear["seen"].dtype
    assert str((secret["n"] // 10).dtype) == "Int64"
    assert str(secret["note"].str.contains("a").dtype) == "boolean"
    assert str(secret["seen"].dt.date.dtype) == "datetime64[s]"
    assert str(secret["note"].astype(pd.CategoricalDtype(["abc", "other"])).dtype) == "category"
    assert list(secret["color"].astype(pd.CategoricalDtype(["blue", "pink"])).dtype.categories) == ["blue", "pink"]
    assert str(secret["born"].astype("datetime64[ms]").dtype) == "datetime64[ms]"


def test_text_becomes_a_category_by_a_stated_domain(both: dict[str, Frames]) -> None:
    secret, clear = both["one owner"]
    found = secret["note"].str.lower().astype(pd.CategoricalDtype(["abc", "abd"])).value_counts()
    wanted = clear["note"].str.lower().value_counts()
    assert dict(found) == {word: wanted[word] for word in ("abc", "abd")}
