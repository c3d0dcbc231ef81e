"""Rows of several hospitals: statistics by centre where policies allow them, pooled only where one does not, and every part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.policy import Policy, preset
from secureframe.errors import PolicyError
from tests.disclosure.centres import federation, hospitals, patients, stacked, table
from tests.disclosure.federations import is_withheld

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

NAMES = ("north", "east", "south")
FRAMES = {name: patients(range(1 + 100 * i, 81 + 100 * i), seed=i) for i, name in enumerate(NAMES)}
POOLED = Policy(name="pooled", pooled_only=True)
PARTS = Policy(name="parts", every_part=True)


def pooled(frames: dict[str, pd.DataFrame] = FRAMES) -> pd.DataFrame:
    return pd.concat([f.assign(centre=name) for name, f in frames.items()], ignore_index=True)


# -- by centre -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("disjoint", [True, False])
def test_statistics_by_centre(disjoint: bool) -> None:
    """The labels of ``concat`` are a column like others: group by it, cross it, describe by it."""
    clear = pooled()
    with hospitals(FRAMES, disjoint=disjoint) as fed:
        frame = stacked(fed, NAMES, labelled=True)
        found = frame.groupby("centre")["x"].agg(["count", "mean", "std", "median"])
        wanted = clear.groupby("centre")["x"]
        for name in NAMES:
            group = wanted.get_group(name)
            assert list(map(float, found.loc[name])) == pytest.approx(
                [group.count(), group.mean(), group.std(), group.quantile(interpolation="lower")], rel=1e-12
            )
        crossed = sf.crosstab(frame["centre"], frame["male"])
        assert crossed.to_numpy().tolist() == pd.crosstab(clear["centre"], clear["male"]).loc[list(NAMES)].to_numpy().tolist()
        first = sf.table_one(frame, by="centre", columns=["age", "male"])
        assert [int(n) for n in first.loc[("age", "count"), list(NAMES)]] == [80, 80, 80]
        one = frame[frame["centre"] == "east"]["x"].sum()
        assert int(one) == int(FRAMES["east"]["x"].sum())


def test_a_label_has_the_levels_that_were_given_in_their_order() -> None:
    with hospitals(FRAMES, disjoint=True) as fed:
        frame = stacked(fed, ("south", "north"), labelled=True)
        assert list(frame.groupby("centre").size().index) == ["south", "north"]
        assert "centre" in frame.columns
        assert list(frame.columns) == ["centre", *FRAMES["south"].columns]


# -- pooled only -----------------------------------------------------------------------------------------------------------------

ALONE: dict[str, Callable[[sf.Federation, sf.SecureFrame], Any]] = {
    "its table": lambda fed, frame: fed["east.patients"]["x"].mean(),
    "its table, reduced": lambda fed, frame: fed["east.patients"].groupby("id").agg(x=("x", "max"))["x"].mean(),
    "by label": lambda fed, frame: frame.groupby("centre")["x"].mean(),
    "crossed with the label": lambda fed, frame: sf.crosstab(frame["male"], frame["centre"]),
    "table one by label": lambda fed, frame: sf.table_one(frame, by="centre"),
    "the label described": lambda fed, frame: frame["centre"].value_counts(),
    "chosen by label": lambda fed, frame: frame[frame["centre"] == "east"]["x"].mean(),
    "all but one label": lambda fed, frame: frame[frame["centre"] != "east"]["x"].mean(),
    "a value masked by label": lambda fed, frame: sf.where(frame["centre"] == "east", frame["x"], 0).sum(),
    "a column made of the label": lambda fed, frame: frame.assign(
        east=frame["centre"].isin(["east"]), z=frame["x"]
    ).groupby("east")["z"].mean(),
    "a label by hand": lambda fed, frame: sf.concat(
        [fed["north.patients"].assign(who=1), fed["east.patients"].assign(who=2)]
    ).groupby("who")["x"].mean(),
    "a constant below a filter": lambda fed, frame: (
        lambda both: both[both["who"] == 1]["x"].mean()
    )(sf.concat([fed["north.patients"].assign(who=1).query("age > 0"), fed["east.patients"].assign(who=2)])),
    "a column that only it has": lambda fed, frame: sf.concat(
        [fed["north.patients"].drop(columns="y"), fed["east.patients"]]
    )["y"].mean(),
    "those who have what only it has": lambda fed, frame: (
        lambda both: both[both["y"].notna()]["x"].mean()
    )(sf.concat([fed["north.patients"].drop(columns="y"), fed["east.patients"]])),
    "merged into rows of another": lambda fed, frame: fed["north.patients"][["id"]]
    .merge(fed["east.patients"], on="id", how="left")["x"].mean(),
    "those of another who are not in it": lambda fed, frame: fed["north.patients"]
    .merge(fed["east.patients"][["id"]], on="id", how="left_anti")["x"].mean(),
    "a label kept by a reduction": lambda fed, frame: frame.groupby("id").agg(c=("centre", "first"), x=("x", "max"))
    .groupby("c")["x"].mean(),
}  # fmt: skip


@pytest.fixture(scope="module")
def strict() -> Any:
    with hospitals(FRAMES, {"north": "open-research", "east": POOLED, "south": "open-research"}) as fed:
        yield fed


@pytest.mark.parametrize("name", ALONE)
def test_rows_that_leave_pooled_only_are_refused_alone(strict: sf.Federation, name: str) -> None:
    frame = stacked(strict, NAMES, labelled=True)
    before = strict.last_job
    with pytest.raises(PolicyError, match="pooled") as refused:
        ALONE[name](strict, frame)
    assert "east" in refused.value.message and refused.value.hint
    assert strict.last_job is before, "nothing ran"


def test_pooled_statistics_leave_and_other_institutions_are_free(strict: sf.Federation) -> None:
    clear = pooled()
    frame = stacked(strict, NAMES, labelled=True)
    assert int(frame["x"].sum()) == int(clear["x"].sum())
    found = frame.groupby("male")["x"].mean()
    assert list(map(float, found)) == pytest.approx(list(clear.groupby("male")["x"].mean()), rel=1e-12)
    assert int(strict["north.patients"]["x"].sum()) == int(FRAMES["north"]["x"].sum())
    assert not is_withheld(frame.drop(columns="centre")["y"].median())


def test_values_that_only_one_institution_has_do_not_tell_it_apart() -> None:
    """A shift before stacking makes bands of one hospital each: no label, and the rule on shares sees it."""
    frames = {"north": FRAMES["north"], "east": FRAMES["east"]}
    for policy, withheld in ((preset("open-research"), False), (POOLED, True)):
        with hospitals(frames, {"north": "open-research", "east": policy}) as fed:
            both = sf.concat([fed["north.patients"], fed["east.patients"].assign(age=fed["east.patients"]["age"] + 1000)])
            assert is_withheld(both[both["age"] >= 1000]["x"].mean()) == withheld
            assert is_withheld(both[both["age"] < 1000]["x"].mean()) == withheld, "what is left of all is that hospital"
            assert is_withheld(both.groupby(sf.cut(both["age"], [0, 999, 2000]))["x"].mean()) == withheld
            assert is_withheld(sf.where(both["age"] >= 1000, both["x"], 0).sum()) == withheld
            assert not is_withheld(both["x"].mean())


def test_a_cell_that_others_hardly_are_in_is_not_pooled() -> None:
    """Nine of others beside many of one's own are too few; ten are enough."""
    for others, withheld in ((9, True), (10, False)):
        frames = {name: frame.assign(ward="a") for name, frame in FRAMES.items()}
        frames["east"]["ward"] = "b"
        frames["north"].loc[: others - 1, "ward"] = "b"
        with hospitals(frames, {"north": "open-research", "east": POOLED, "south": "open-research"}, disjoint=True) as fed:
            found = stacked(fed, NAMES).groupby("ward")["x"].mean()
            assert pd.isna(found["b"]) == withheld


# -- every part ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("disjoint", [True, False])
def test_every_part_is_nobody_or_enough(disjoint: bool) -> None:
    """Five of one hospital among many of two others: enough for everybody and for each owner, not for two of them together."""
    frames = {name: frame.assign(ward="a") for name, frame in FRAMES.items()}
    for name, few in (("north", 40), ("east", 40), ("south", 5)):
        frames[name].loc[: few - 1, "ward"] = "b"
    clear = pooled(frames)
    wanted = clear[clear["ward"] == "b"]["x"].sum()
    with hospitals(frames, disjoint=disjoint) as fed:
        frame = stacked(fed, NAMES)
        assert int(frame[frame["ward"] == "b"]["x"].sum()) == wanted
        assert list(frame.groupby("ward")["x"].sum().isna()) == [False, False, True], "nobody is in the third"
    with hospitals(frames, {"north": "open-research", "east": PARTS, "south": "open-research"}, disjoint=disjoint) as fed:
        frame = stacked(fed, NAMES)
        assert is_withheld(frame[frame["ward"] == "b"]["x"].sum())
        assert is_withheld(frame[frame["ward"] == "a"]["x"].sum()), "the five are what is left out"
        assert list(frame.groupby("ward")["x"].sum().isna()) == [True, True, True]
        assert not is_withheld(frame["x"].sum())
        without = sf.concat([fed["north.patients"], fed["east.patients"]])
        assert not is_withheld(without[without["ward"] == "b"]["x"].sum())


def test_a_part_is_everybody_with_rows_at_a_hospital_wherever_else_they_are() -> None:
    """Five of the south are patients of the north too: they are what the south adds, though nobody is left out without it."""
    frames = {
        "north": patients(range(1, 61), 1),
        "east": patients(range(101, 161), 2),
        "south": patients([*range(1, 26), *range(201, 226)], 3),
    }
    for few, withheld in ((5, True), (25, False)):
        for name, frame in frames.items():
            hidden = frame["id"] > 200 if name == "south" else frame["id"] % 2 == 0
            frame["ward"] = hidden.map({True: "b", False: "a"})
        frames["south"].loc[few:, "ward"] = "b"
        for policy, rule in (("open-research", False), (PARTS, withheld)):
            with hospitals(frames, policy) as fed:
                frame = stacked(fed, NAMES)
                assert is_withheld(frame[frame["ward"] == "a"]["x"].sum()) == rule


def test_the_owners_of_merged_columns_are_no_owners_of_rows() -> None:
    ids = [i for f in FRAMES.values() for i in f["id"]]
    costs = pd.DataFrame({"id": ids, "w": [i % 101 for i in ids]})
    tables = {name: {"patients": table(frame, disjoint=True)} for name, frame in FRAMES.items()}
    tables["insurer"] = {"costs": table(costs)}
    clear = pooled().merge(costs, on="id")
    with federation(tables, {**dict.fromkeys(NAMES, POOLED), "insurer": "open-research"}) as fed:
        frame = stacked(fed, NAMES).merge(fed["insurer.costs"], on="id")
        assert int(frame["w"].sum()) == int(clear["w"].sum())
        assert int(fed["insurer.costs"]["w"].sum()) == int(costs["w"].sum())
        with pytest.raises(PolicyError, match="merged in"):
            fed["insurer.costs"].merge(stacked(fed, NAMES), on="id")["x"].mean()
