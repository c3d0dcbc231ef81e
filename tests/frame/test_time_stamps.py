"""Time stamps wherever a frame takes dates: descriptions, groups, reductions to persons, keys of merges, duplicates."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.testing import start_in_memory

PERSONS = 160
SINCE, UNTIL = datetime.datetime(2019, 11, 29, 6), datetime.datetime(2020, 3, 3, 18, 30)
Sample = dict[str, tuple[Any, pd.DataFrame]]


def stamps(generator: np.random.Generator, n: int) -> Any:
    minutes = generator.integers(0, (UNTIL - SINCE) // datetime.timedelta(minutes=1) + 1, n)
    return pd.Series(pd.Timestamp(SINCE) + pd.to_timedelta(minutes, unit="min")).astype("datetime64[s]")


def visits(generator: np.random.Generator) -> pd.DataFrame:
    ids = np.repeat(np.arange(1, PERSONS + 1), 3)
    values = pd.array(generator.integers(0, 50, len(ids)), dtype="Int64")
    return pd.DataFrame({"id": ids, "seen": stamps(generator, len(ids)), "x": values})


@pytest.fixture(scope="module")
def sample() -> Iterator[Sample]:
    generator = np.random.default_rng(4)
    begun = stamps(generator, PERSONS)
    people = pd.DataFrame({"id": np.arange(1, PERSONS + 1), "begun": begun.mask(generator.random(PERSONS) < 0.1)})
    held = {"a": visits(generator), "b": visits(generator)}
    time = sf.timestamp(SINCE, UNTIL, "min", nullable=True)
    key = sf.key(low=1, high=PERSONS)
    tables: dict[str, dict[str, sf.Table]] = {
        "clinic": {"people": sf.Table(people, columns={"id": key, "begun": time}, roster_size=PERSONS, rows_per_person=1)}
    }
    for owner, rows in held.items():
        columns = {"id": key, "seen": sf.timestamp(SINCE, UNTIL, "min", nullable=False), "x": sf.integer(0, 49, nullable=False)}
        tables[owner] = {"visits": sf.Table(rows, columns=columns, roster_size=PERSONS, rows_per_person=3, rows=3 * PERSONS)}
    with sf.simulate(tables, policy=Policy(name="test", threshold=2), purpose="t", start=start_in_memory, quiet=True) as fed:
        both = sf.concat([fed["a.visits"], fed["b.visits"]])
        yield {
            "people": (fed["clinic.people"], people),
            "visits": (fed["a.visits"], held["a"]),
            "both": (both, pd.concat(held.values(), ignore_index=True)),
        }


def lower(column: pd.Series, q: float) -> Any:
    return column.quantile(q, interpolation="lower")


def test_descriptions(sample: Sample) -> None:
    for name, column in (("people", "begun"), ("both", "seen")):
        secret, clear = sample[name]
        found = secret[column].describe()
        assert found["count"] == clear[column].count()
        assert [found[f"{q}%"] for q in (5, 50, 95)] == [lower(clear[column], q / 100) for q in (5, 50, 95)]
        low, high = secret[column].robust_range()
        assert (low, high) == (lower(clear[column], 0.05), lower(clear[column], 0.95))
        assert isinstance(low, datetime.datetime) and low.release["policy"] == "test"
        assert column in secret.select_dtypes("datetime").columns
        assert "datetime 2019-11-29 06:00:00 to 2020-03-03 18:30:00 by 1 min" in repr(secret[column])


def test_quantiles_of_groups(sample: Sample) -> None:
    secret, clear = sample["both"]
    with pytest.warns(sf.SuppressedWarning, match="7 cells"):  # months in which nobody was seen have no median
        found = secret.groupby(secret["seen"].dt.month)["seen"].median()
    wanted = clear.groupby(clear["seen"].dt.month)["seen"].quantile(0.5, interpolation="lower")
    there = found.dropna()
    assert list(there) == list(wanted) and [int(i) for i in there.index] == list(wanted.index)
    assert str(found.dtype) == "datetime64[s]"


def test_groups_of_hours_and_days(sample: Sample) -> None:
    for name in ("visits", "both"):
        secret, clear = sample[name]
        for make in (lambda d: d["seen"].dt.hour, lambda d: d["seen"].dt.day_of_week, lambda d: d["seen"].dt.minute % 5):
            found, wanted = secret.groupby(make(secret)).size(), clear.groupby(make(clear)).size()
            assert {int(k): v for k, v in found.items() if v} == wanted.to_dict()


def test_a_persons_first_and_last_rows(sample: Sample) -> None:
    secret, clear = sample["visits"]
    first = secret.sort_values("seen").groupby("id").agg(x=("x", "first"), seen=("seen", "min"))
    wanted = clear.sort_values("seen").groupby("id").agg(x=("x", "first"), seen=("seen", "min"))
    assert first["x"].sum() == wanted["x"].sum()
    assert first["seen"].median() == lower(wanted["seen"], 0.5)


def test_the_least_and_the_largest_of_several_institutions(sample: Sample) -> None:
    secret, clear = sample["both"]
    persons = secret.groupby("id").agg(low=("seen", "min"), high=("seen", "max"))
    wanted = clear.groupby("id").agg(low=("seen", "min"), high=("seen", "max"))
    between = (wanted["high"] - wanted["low"]) / pd.Timedelta(days=1)
    assert (persons["high"] - persons["low"]).mean() == pytest.approx(between.mean(), rel=1e-12)
    assert (persons["high"] - persons["low"]).dt.days.sum() == (wanted["high"] - wanted["low"]).dt.days.sum()
    assert persons["high"].median() == lower(wanted["high"], 0.5)


def test_a_key_of_a_merge(sample: Sample) -> None:
    """Rows that agree in person and minute; missing ones never match."""
    people, clear = sample["people"]
    other = people.assign(when=people["begun"]).merge(sample["visits"][0].groupby("id").agg(x=("x", "sum")), on="id")
    same = people.merge(other[["id", "when", "x"]], left_on=["id", "begun"], right_on=["id", "when"])
    present = clear["begun"].notna()
    assert same["x"].count() == int(present.sum())


def test_rows_without_duplicates(sample: Sample) -> None:
    secret, clear = sample["visits"]
    whole = lambda d: d.assign(day=d["seen"].dt.date)  # noqa: E731 - the same statement for both
    found = whole(secret).drop_duplicates(subset=["id", "day"])["x"].count()
    assert found == len(whole(clear).drop_duplicates(subset=["id", "day"]))


def test_stacked_with_days(sample: Sample) -> None:
    """Days and time stamps have a common grid, the finer one."""
    secret, clear = sample["visits"]
    days = secret.assign(seen=secret["seen"].dt.date)
    found = sf.concat([secret, days], keys=["whole", "days"], names=["kind"])
    assert str(found["seen"].dtype) == "datetime64[s]"
    both = pd.concat([clear["seen"], clear["seen"].dt.normalize()])
    assert found["seen"].quantile(0.25) == lower(both, 0.25)
