"""Tables with many cells and several keys over rows on shares: against pandas, and what they cost."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.release import Rules
from secureframe.mpc.program import Value
from secureframe.testing import start_in_memory

PERSONS = 400
PERSON = sf.key("person", 1, 2 * PERSONS, nullable=False)
REGIONS = tuple(f"region {i:02d}" for i in range(45))
CODES = tuple(f"code {i:03d}" for i in range(700))


def hospital(start: int) -> pd.DataFrame:
    random = np.random.default_rng(start)
    frame = pd.DataFrame(
        {
            "id": np.arange(start, start + PERSONS),
            "region": pd.Categorical(random.choice(REGIONS, PERSONS), categories=REGIONS),
            "male": random.integers(0, 2, PERSONS).astype(bool),
            "age": pd.array(random.integers(18, 98, PERSONS), dtype="Int64"),
        }
    )
    frame.loc[random.choice(PERSONS, 30, replace=False), "region"] = pd.NA
    return frame


def laboratory() -> pd.DataFrame:
    random = np.random.default_rng(3)
    ids = random.choice(np.arange(1, 2 * PERSONS + 1), 600, replace=False)
    frame = pd.DataFrame(
        {
            "id": ids,
            "code": pd.Categorical(random.choice(CODES[:60], 600), categories=CODES),
            "week": pd.array(random.integers(1, 53, 600), dtype="Int64"),
            "value": pd.array(random.integers(-100, 200, 600), dtype="Int64"),
        }
    )
    for name in ("code", "value"):
        frame.loc[random.choice(600, 50, replace=False), name] = pd.NA
    return frame


def visits(start: int) -> pd.DataFrame:
    """At clinic 0 there are 15 visits of five persons; at each of the others visits of thirty and more."""
    ids = np.arange(start, start + PERSONS)
    clinic = np.concatenate([np.zeros(5, int), 1 + np.arange(PERSONS - 5) % 11])
    return pd.DataFrame({"id": np.repeat(ids, 3), "clinic": [f"clinic {c}" for c in np.repeat(clinic, 3)]})


VISITS = {"id": PERSON, "clinic": sf.category(tuple(f"clinic {c}" for c in range(12)), nullable=False)}
PEOPLE = {
    "id": PERSON,
    "region": sf.category(REGIONS, nullable=True),
    "male": sf.boolean(nullable=False),
    "age": sf.integer(18, 97, nullable=False),
}
VALUES = {
    "id": PERSON,
    "code": sf.category(CODES, nullable=True),
    "week": sf.integer(1, 52, nullable=False),
    "value": sf.integer(-100, 200, nullable=True),
}


@pytest.fixture(scope="module")
def fed() -> Iterator[sf.Federation]:
    with federation() as started:
        yield started


def federation() -> sf.Federation:
    def people(rows: pd.DataFrame) -> sf.Table:
        return sf.Table(rows, columns=PEOPLE, roster_size=PERSONS, rows_per_person=1, disjoint=True)

    values = sf.Table(laboratory(), columns=VALUES, roster_size=600, rows_per_person=1)
    sources = {name: {"people": people(hospital(start))} for name, start in (("north", 1), ("south", PERSONS + 1))}
    sources["lab"] = {"values": values}
    for name, start in (("north", 1), ("south", PERSONS + 1)):
        rows = visits(start)
        most = {"roster_size": PERSONS, "rows_per_person": 3, "disjoint": True}
        sources[name]["visits"] = sf.Table(rows, columns=VISITS, **most)
    return sf.simulate(sources, policy="open-research", purpose="tests", quiet=True, start=start_in_memory)


@pytest.fixture
def nothing_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """Release every cell, so that the smallest is compared too; the rules have tests of their own."""

    def released(self: Rules) -> Value:
        return self.b.zeros("bits", 1, self.node.cells * len(self.breakdown.pieces))

    monkeypatch.setattr(Rules, "withheld", released)


KEYS = [["region"], ["code"], ["week", "male"], ["male", "week"], ["male", "region", "band"], ["region", "band", "male"]]


@pytest.mark.usefixtures("nothing_withheld")
@pytest.mark.parametrize("place", ["merged", "mixed"])
@pytest.mark.parametrize("keys", KEYS, ids=str)
def test_many_cells(fed: sf.Federation, keys: list[str], place: str) -> None:
    """Keys of either side of a left merge, missing in some rows, with more levels than are kept apart as one bit each."""
    people, clear = fed["north.people"], hospital(1)
    if place == "mixed":
        people = sf.concat([people, fed["south.people"]])
        clear = pd.concat([clear, hospital(PERSONS + 1)], ignore_index=True)
    frame = people.merge(fed["lab.values"], on="id", how="left")
    frame = frame.assign(band=sf.cut(frame["age"] + frame["week"] * 0, [17, 40, 60, 98]))
    clear = clear.merge(laboratory(), on="id", how="left")
    clear["band"] = pd.cut(clear["age"].where(clear["week"].notna()).astype(float), [17, 40, 60, 98])
    found = frame.groupby(keys)["value"].agg(["count", "mean", "std", "median", "skew"])
    groups = clear.groupby(keys, observed=False)["value"]
    wanted = groups.agg(["count", "mean", "std", "skew"])
    wanted["median"] = groups.quantile(0.5, interpolation="lower")
    assert len(found) == np.prod([{"region": 45, "code": 700, "week": 52, "male": 2, "band": 3}[key] for key in keys])
    shown = [tuple(map(str, row)) if isinstance(row, tuple) else str(row) for row in found.index]
    levels = [tuple(map(str, row)) if isinstance(row, tuple) else str(row) for row in wanted.index]
    wanted.index = pd.Index(["/".join(row) if isinstance(row, tuple) else row for row in levels])
    found.index = pd.Index(["/".join(row) if isinstance(row, tuple) else row for row in shown])
    wanted = wanted.reindex(found.index)
    assert (found["count"] == wanted["count"].fillna(0)).all()
    some = found["count"] > 0
    assert (found["median"][some] == wanted["median"][some]).all()
    for name, least in (("mean", 1), ("std", 2), ("skew", 3)):
        enough = found["count"] >= least
        assert np.allclose(
            found[name][enough].astype(float), wanted[name][enough].astype(float), rtol=1e-9, atol=1e-9, equal_nan=True
        ), name


def test_a_thousand_cells_cost_some_sixty_elements_a_row() -> None:
    """Far less than one element a cell and row; and the cells of a key with many levels travel as bits of its code."""
    with federation() as started:
        _costs(started)


def _costs(fed: sf.Federation) -> None:
    frame = fed["north.people"].merge(fed["lab.values"], on="id")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sf.SuppressedWarning)
        frame.groupby("code").size()
    assert fed.last_job is not None
    sent = {stage.name: stage.bytes for stage in fed.last_job.stages}
    assert sent["aggregate"] < 90 * 4 * 8 * PERSONS
    assert fed.last_job.dealt["lab"] < 600 * 3 * 8 * 8


def test_rules_hold_in_large_tables(fed: sf.Federation) -> None:
    """Every released count is true, none is small, and none follows from the others and the whole by subtraction."""
    frame = fed["north.people"].merge(fed["lab.values"], on="id")
    clear = hospital(1).merge(laboratory(), on="id")
    with pytest.warns(sf.SuppressedWarning):
        found = frame.groupby(["week", "male"]).size()
    wanted = clear.groupby(["week", "male"], observed=False).size().reindex(found.index, fill_value=0)
    known = found.dropna()
    assert (known == wanted[known.index]).all() and not known.between(1, 9).any()
    assert found.isna().sum() != 1 and Fraction(int(wanted.sum()) - int(known.sum())) != 1


@pytest.mark.parametrize("place", ["merged", "mixed"])
def test_persons_are_counted_in_many_cells_of_many_rows(fed: sf.Federation, place: str) -> None:
    """Fifteen rows of five persons are withheld, and with them one cell more; everything else is of enough persons."""
    rows, starts = fed["north.visits"], (1,)
    if place == "mixed":
        rows, starts = sf.concat([rows, fed["south.visits"]]), (1, PERSONS + 1)
    frame = rows.merge(fed["lab.values"], on="id", how="left")
    with pytest.warns(sf.SuppressedWarning):
        found = frame.groupby("clinic").size()
    wanted = pd.concat([visits(start) for start in starts]).groupby("clinic").size()
    # Of two owners each knows its own five persons there, so that the other five are too few.
    assert found.isna()["clinic 0"] and found.isna().sum() == 2
    known = found.dropna()
    assert (known == wanted[known.index]).all()


def test_persons_at_two_institutions_are_counted_once_in_many_cells() -> None:
    """Six persons who were at both are six, not twelve, at two clinics; the others have twelve each, whoever is left out."""
    clinic = np.array([c for c in range(70) for _ in range(6 if c in (3, 57) else 12)])
    levels = tuple(f"clinic {c}" for c in range(70))
    rows = pd.DataFrame({"id": np.arange(1, len(clinic) + 1), "clinic": [levels[c] for c in clinic]})
    columns = {"id": sf.key("person", 1, 2000, nullable=False), "clinic": sf.category(levels, nullable=False)}
    table = sf.Table(rows, columns=columns, roster_size=len(rows), rows_per_person=1)
    sources = {"east": {"visits": table}, "west": {"visits": table}}
    with sf.simulate(sources, policy="open-research", purpose="tests", quiet=True, start=start_in_memory) as fed:
        frame = sf.concat([fed["east.visits"], fed["west.visits"]])
        with pytest.warns(sf.SuppressedWarning):
            found = frame.groupby("clinic").size()
    withheld = set(found.index[found.isna()])
    assert withheld >= {"clinic 3", "clinic 57"} and len(withheld) <= 3 and (found.dropna() == 24).all()
