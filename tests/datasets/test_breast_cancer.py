"""Two studies of breast cancer: two codings, one schema; and the frame over both against the pooled sources."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.datasets import breast_cancer, nafld_mixed
from secureframe.errors import PlanError
from secureframe.local.register import register
from secureframe.plan.places import place
from secureframe.testing import start_in_memory


def source(name: str) -> pd.DataFrame:
    with importlib.resources.files("secureframe.datasets").joinpath(f"data/{name}.parquet").open("rb") as file:
        return pd.read_parquet(file)


@pytest.fixture(scope="module")
def fed() -> Iterator[sf.Federation]:
    with sf.demo("breast-cancer", quiet=True, start=start_in_memory) as federation:
        yield federation


@pytest.fixture(scope="module")
def pooled() -> pd.DataFrame:
    """The two sources, harmonised in pandas."""
    dutch, german = source("rotterdam"), source("gbsg")
    names = ["age", "meno", "grade", "nodes", "pgr", "er", "hormon"]
    a = dutch[names].assign(
        country="NL",
        size=dutch["size"],
        relapse_days=np.where(dutch["recur"] == 1, dutch["rtime"], dutch["dtime"]),
        relapse=dutch["recur"].astype(bool) | dutch["death"].astype(bool),
    )
    b = german[names].assign(
        country="DE",
        size=pd.cut(german["size"], [0, 20, 50, 1000], labels=["<=20", "20-50", ">50"]).astype(str),
        relapse_days=german["rfstime"],
        relapse=german["status"].astype(bool),
    )
    return pd.concat([a, b], ignore_index=True)


def test_both_centres_have_one_schema_and_persons_of_their_own(tmp_path: Path) -> None:
    tables = [
        register(owner, name, table.declare(name, tmp_path))
        for owner, held in breast_cancer().items()
        for name, table in held.items()
    ]
    dutch, german = (t.schema for t in tables)
    assert [t.warnings for t in tables] == [(), ()]
    assert [t.frame.height for t in tables] == [2_982, 686]
    assert [(c.name, c.uses, c.sensitive) for c in dutch.columns] == [(c.name, c.uses, c.sensitive) for c in german.columns]
    assert [c.type for c in dutch.columns[1:]] == [c.type for c in german.columns[1:]]
    assert (dutch.person_domain, german.person_domain) == ("rotterdam", "gbsg")


def test_a_third_party_is_neutral(fed: sf.Federation) -> None:
    assert [(m.name, m.party, m.tables) for m in fed.members] == [
        ("rotterdam", 0, ("tumours",)),
        ("gbsg", 1, ("tumours",)),
        ("neutral", 2, ()),
    ]


def test_the_pooled_description_is_that_of_both_countries(fed: sf.Federation, pooled: pd.DataFrame) -> None:
    tumours = fed["tumours"]
    assert place(tumours.node) == "partial(gbsg, rotterdam)"
    got = tumours[["age", "nodes", "pgr", "relapse_days"]].describe()
    for name in got.columns:
        values = pooled[name]
        assert got.loc["count", name] == len(values)
        np.testing.assert_allclose([got.loc["mean", name], got.loc["std", name]], [values.mean(), values.std()], rtol=1e-9)
        for q in (5, 25, 50, 75, 95):
            assert got.loc[f"{q}%", name] == values.quantile(q / 100, interpolation="lower")
    assert fed.last_job is not None
    assert "join" not in [s.name for s in fed.last_job.stages], "no row is compared with another one"


def test_statistics_by_country(fed: sf.Federation, pooled: pd.DataFrame) -> None:
    frames = [fed["rotterdam.tumours"], fed["gbsg.tumours"]]
    both = sf.concat(frames, keys=["NL", "DE"], names=["country"])
    got = both.groupby("country")["relapse_days"].agg(["count", "mean", "median"])
    groups = pooled.groupby("country")["relapse_days"]
    for country in ("NL", "DE"):
        assert got.loc[country, "count"] == groups.count()[country]
        assert got.loc[country, "mean"] == pytest.approx(groups.mean()[country], rel=1e-9)
        assert got.loc[country, "median"] == groups.quantile(0.5, interpolation="lower")[country]
    table = sf.crosstab(both["size"], both["relapse"])
    wanted = pd.crosstab(pooled["size"], pooled["relapse"])
    assert table.astype(int).values.tolist() == wanted.loc[list(table.index)].values.tolist()


def test_patients_of_two_hospitals_with_facts_from_elsewhere(tmp_path: Path) -> None:
    held = {
        owner: {name: register(owner, name, t.declare(name, tmp_path)) for name, t in tables.items()}
        for owner, tables in nafld_mixed().items()
    }
    assert list(held) == ["north_hospital", "south_hospital", "laboratory", "registry"]
    heights = [held[name]["patients"].frame.height for name in ("north_hospital", "south_hospital")]
    assert sum(heights) == 17_549
    assert all(held[name]["patients"].schema.disjoint for name in ("north_hospital", "south_hospital"))


def test_demonstrations_are_named() -> None:
    with pytest.raises(PlanError, match="no demonstration 'iris'") as caught:
        sf.demo("iris")
    assert "breast-cancer" in str(caught.value)


def test_sources_and_citation_travel_with_the_data() -> None:
    text = importlib.resources.files("secureframe.datasets").joinpath("README.md").read_text(encoding="utf-8")
    for word in ("Royston", "Schumacher", "rotterdam.parquet", "gbsg.parquet", "other women"):
        assert word in text
