"""Attacks on rows of several institutions: by an owner who knows its own rows, by stacking, merging and leaving out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.errors import DisclosureError, PlanError
from secureframe.mpc.channel import Recorder
from secureframe.testing import start_in_memory
from tests.disclosure.centres import federation, hospitals, patients, stacked, table
from tests.disclosure.federations import is_withheld
from tests.leakage import assert_uniform

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

NORTH, SOUTH, WEST = range(1, 101), range(201, 301), range(401, 501)


def of(*, north: Any = NORTH, south: Any = SOUTH, **more: Any) -> dict[str, pd.DataFrame]:
    """Hospitals whose patients all lie in ward a."""
    frames = {"north": north, "south": south, **more}
    return {name: patients(ids, seed).assign(ward="a") for seed, (name, ids) in enumerate(frames.items())}


def marked(frame: pd.DataFrame, count: int, ward: str = "b") -> pd.DataFrame:
    """The same people, the first of them in another ward."""
    return frame.assign(ward=np.where(np.arange(len(frame)) < count, ward, frame["ward"]))


# -- an owner that knows its own rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("disjoint", [True, False])
@pytest.mark.parametrize(("others", "withheld"), [(0, False), (1, True), (9, True), (10, False)])
def test_what_is_left_without_an_owners_own_rows(others: int, withheld: bool, disjoint: bool) -> None:
    """The north has fifty of a cohort: without them nobody is left, or enough."""
    frames = of()
    frames["north"], frames["south"] = marked(frames["north"], 50), marked(frames["south"], others)
    with hospitals(frames, disjoint=disjoint) as fed:
        both = stacked(fed, ("north", "south"))
        cohort = both[both["ward"] == "b"]
        for statement in (
            lambda: cohort["x"].sum(),
            lambda: cohort["x"].count(),
            lambda: both[both["ward"] != "b"]["x"].mean(),
            lambda: sf.where(both["ward"] == "b", both["x"], 0).sum(),
            lambda: both.groupby("ward")["x"].mean()[["a", "b"]].isna().all(),
        ):
            found = statement()
            assert (bool(found) if isinstance(found, bool | np.bool_) else is_withheld(found)) == withheld


@pytest.mark.parametrize(("others", "withheld"), [(1, True), (9, True), (10, False)])
def test_persons_of_two_institutions_are_left_when_a_third_leaves_out_its_own(others: int, withheld: bool) -> None:
    """Patients whom two hospitals share, each reduced to one row, are stacked with those of another country."""

    def held(ids: Any, domain: str) -> sf.Table:
        return sf.Table(
            pd.DataFrame({"id": ids, "x": np.arange(len(ids)) % 50}),
            columns={"id": sf.key(domain, low=0, high=999, nullable=False), "x": sf.integer(0, 100, nullable=False)},
            person_domain=domain,
            roster_size=300,
            rows_per_person=1,
        )

    people = {"north": (range(others), "home"), "south": (range(others), "home"), "abroad": (range(200), "away")}
    tables = {name: {"people": held(ids, domain)} for name, (ids, domain) in people.items()}
    with sf.simulate(tables, purpose="attacks", quiet=True, start=start_in_memory) as fed:
        home = sf.concat([fed["north.people"], fed["south.people"]]).groupby("id").agg(x=("x", "sum"))
        everybody = sf.concat([home, fed["abroad.people"].groupby("id").agg(x=("x", "sum"))])
        for frame in (everybody, everybody[everybody["x"] >= 0]):
            assert is_withheld(frame["x"].count()) == withheld
            assert is_withheld(frame["x"].mean()) == withheld


@pytest.mark.parametrize(("left_out", "withheld"), [(0, False), (3, True), (10, False)])
def test_those_who_are_left_out_without_an_owners_own_rows(left_out: int, withheld: bool) -> None:
    """Forty of the north and few of the south are left out: the north knows whom of its own, and so who the others are."""
    frames = of()
    frames["north"], frames["south"] = marked(frames["north"], 40), marked(frames["south"], left_out)
    with hospitals(frames, disjoint=True) as fed:
        both = stacked(fed, ("north", "south"))
        assert is_withheld(both[both["ward"] == "a"]["x"].sum()) == withheld


def test_an_owner_subtracts_its_rows_from_the_margins_of_a_table() -> None:
    """Five of the south in one band, and nobody of it in the smallest other one, which would hide them from everybody else."""
    frames = of()
    ages = {"north": [40, 25, 15, 20], "south": [5, 50, 0, 45]}
    for name, sizes in ages.items():
        frames[name]["age"] = np.repeat([35, 50, 65, 80], sizes)
    with hospitals(frames, disjoint=True) as fed:
        both = stacked(fed, ("north", "south"))
        found = list(both.groupby(sf.cut(both["age"], [30, 45, 60, 75, 90]))["x"].count())
    withheld = [place for place, value in enumerate(found) if pd.isna(value)]
    assert withheld[0] == 0 and 2 in withheld and len(withheld) == 3
    assert sum(ages["south"][place] for place in withheld) - 5 >= 10, "what the north works out is of more than these five"


def lying_above(size: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """The south lies above all of the north; both together."""
    north = of()["north"].iloc[:size].assign(x=np.arange(size))
    south = patients(range(201, 231), 3).assign(ward="a", x=np.arange(30) * 10 + 500)
    return north, south, pd.concat([north, south])["x"]


@pytest.mark.parametrize("merged", [False, True])
def test_an_owner_of_all_but_the_tail_sees_no_extreme_of_it(merged: bool) -> None:
    """The 75 % quantile of both is the smallest value of the south: from histograms, and from rows on shares."""
    size = next(n for n in range(100, 20, -1) if int(np.floor(0.75 * (n + 30 - 1))) == n)
    for shift, withheld in ((0, True), (-24, False)):
        north, south, clear = lying_above(size + shift)
        found = clear.quantile(0.75, interpolation="lower")
        assert (found == 500) == withheld, "the smallest of the south, or its seventh"
        tables = {name: {"patients": table(f, disjoint=True)} for name, f in (("north", north), ("south", south))}
        ids = [*north["id"], *south["id"]]
        tables["insurer"] = {"costs": table(pd.DataFrame({"id": ids, "w": [i % 100 for i in ids]}))}
        with federation(tables, Policy(name="five", threshold=5)) as fed:
            both = stacked(fed, ("north", "south"))
            frame = both.merge(fed["insurer.costs"], on="id") if merged else both
            for value in (frame["x"].quantile(0.75), frame.groupby("ward")["x"].quantile(0.75)["a"]):
                assert pd.isna(value) if withheld else int(value) == found
            assert int(frame["x"].quantile(0.5)) == int(clear.quantile(0.5, interpolation="lower"))


def test_an_owner_does_not_see_which_bins_of_the_others_are_empty() -> None:
    """Under ``standard`` a sensitive column's empty cells are withheld, and so are those that are empty but for one's own."""
    frames = of()
    frames["north"]["hiv"] = np.arange(100) % 2
    frames["south"]["hiv"] = 0
    with hospitals(frames, "standard", disjoint=True) as fed:
        both = stacked(fed, ("north", "south"))
        assert is_withheld(both["hiv"].value_counts()), "the north would see that nobody of the south is positive"
    frames["south"]["hiv"] = np.arange(100) % 2
    with hospitals(frames, "standard", disjoint=True) as fed:
        both = stacked(fed, ("north", "south"))
        assert list(both["hiv"].value_counts()) == [100, 100]


# -- centres -----------------------------------------------------------------------------------------------------------------


def test_a_centre_of_one_patient() -> None:
    """Its cell is withheld, with another one beside it, wherever the label is used."""
    frames = of(west=WEST, tiny=[999])
    with hospitals(frames, disjoint=True) as fed:
        frame = stacked(fed, tuple(frames), labelled=True)
        found = frame.groupby("centre")["x"].agg(["count", "sum"])
        assert found.loc["tiny"].isna().all() and int(found["count"].isna().sum()) >= 2
        assert is_withheld(frame[frame["centre"] == "tiny"]["x"].sum())
        assert is_withheld(frame[frame["centre"] != "tiny"]["x"].sum())
        assert is_withheld(sf.where(frame["centre"] == "tiny", frame["x"], 0).sum())
        crossed = sf.crosstab(frame["centre"], frame["male"])
        assert crossed.loc["tiny"].isna().any()
    with hospitals(frames, Policy(name="parts", every_part=True), disjoint=True) as fed:
        assert is_withheld(stacked(fed, tuple(frames))["x"].sum()), "with and without it would tell its patient"
        assert not is_withheld(stacked(fed, ("north", "south", "west"))["x"].sum())


# -- persons at several hospitals --------------------------------------------------------------------------------------------


def test_persons_are_counted_once_wherever_they_are() -> None:
    """Six patients of both hospitals are twelve rows and six persons."""
    frames = {"north": patients(range(1, 101), 1).assign(ward="a"), "south": patients(range(1, 101), 2).assign(ward="a")}
    for name in frames:
        frames[name] = marked(frames[name], 6)
    with hospitals(frames) as fed:
        both = stacked(fed, ("north", "south"))
        assert is_withheld(both[both["ward"] == "b"]["x"].count())
        assert both.groupby("ward")["x"].count()[["a", "b"]].isna().all()
        assert int(both["x"].count()) == 200, "rows are counted, once enough persons are in them"


def test_persons_of_different_domains_are_never_the_same() -> None:
    frames = {"north": patients(range(1, 9), 1), "south": patients(range(1, 9), 2)}
    tables = {name: {"patients": table(frame, domain=name)} for name, frame in frames.items()}
    with federation(tables) as fed:
        both = stacked(fed, ("north", "south"))
        assert is_withheld(both["x"].count()), "sixteen persons, and eight without either hospital"
        with pytest.raises(PlanError, match="different domains"):
            fed["north.patients"].merge(fed["south.patients"], on="id")
    many = {name: patients(range(1, 61), seed) for seed, name in enumerate(("north", "south"))}
    with federation({name: {"patients": table(frame, domain=name)} for name, frame in many.items()}) as fed:
        both = stacked(fed, ("north", "south"))
        assert int(both["x"].count()) == 120
        assert int(both.groupby("id").agg(x=("x", "sum"))["x"].count()) == 120, "equal numbers are other people"


@pytest.mark.parametrize(("shared", "withheld"), [(0, False), (4, True), (12, False)])
def test_the_others_part_of_a_persons_total(shared: int, withheld: bool) -> None:
    """A person's rows at both hospitals become one: without the north, those are left who are at the south too."""
    frames = {
        "north": patients(range(1, 101), 1).assign(ward="b"),
        "south": patients([*range(1, shared + 1), *range(201, 301)], 2),
    }
    frames["south"]["ward"] = np.where(frames["south"]["id"] <= shared, "b", "a")
    rows = pd.concat(frames.values())
    with hospitals(frames) as fed:
        # The row that stands for a person of both hospitals is the north's.
        both = stacked(fed, ("south", "north"))
        totals = both[both["ward"] == "b"].groupby("id").agg(x=("x", "sum"))
        found = totals["x"].sum()
        assert is_withheld(found) == withheld, "the north would subtract its part of every person's total"
        if not withheld:
            assert int(found) == int(rows[rows["ward"] == "b"]["x"].sum())


# -- stacking ----------------------------------------------------------------------------------------------------------------

WEIGHTED: dict[str, Callable[[sf.SecureFrame, sf.SecureFrame, sf.SecureFrame], Any]] = {
    "a frame and one of its people": lambda a, b, one: sf.concat([a, one])["x"].sum(),
    "the same, thrice": lambda a, b, one: sf.concat([a, one, one])["x"].count(),
    "summed by person first": lambda a, b, one: sf.concat([a, one]).groupby("id").agg(x=("x", "sum"))["x"].sum(),
    "counted by person first": lambda a, b, one: sf.concat([a, one]).groupby("id").agg(n=("x", "count"))["n"].mean(),
    "with another hospital": lambda a, b, one: sf.concat([a, b, one])["x"].sum(),
    "by group": lambda a, b, one: sf.concat([a, one]).groupby("male")["x"].mean(),
    "all but one of them": lambda a, b, one: sf.concat([a, a[a["age"] >= 30]])["x"].sum(),
    "one chosen by a match": lambda a, b, one: sf.concat([a, a.merge(one[["id"]], on="id")])["x"].sum(),
    "one chosen by none": lambda a, b, one: sf.concat(
        [a, a.merge(a[a["age"] >= 30][["id"]], on="id", how="left_anti")]
    )["x"].sum(),
    "a masked copy": lambda a, b, one: sf.concat([a, a.assign(x=sf.where(a["age"] < 30, a["x"], 0))])["x"].sum(),
    "the one and others": lambda a, b, one: sf.concat([b, one])["x"].sum(),
    "duplicates of one dropped": lambda a, b, one: sf.concat([one, a]).drop_duplicates("male")["x"].sum(),
}  # fmt: skip


def with_one(policy: str = "open-research") -> sf.Federation:
    """One patient of the north is younger than 30."""
    frames = of()
    frames["north"].loc[0, "age"] = 20
    return hospitals(frames, policy, disjoint=True)


@pytest.mark.parametrize("name", WEIGHTED)
def test_nobody_is_weighted_by_stacking(name: str) -> None:
    with with_one() as fed:
        a, b = fed["north.patients"], fed["south.patients"]
        assert not is_withheld(a["x"].sum())
        assert is_withheld(WEIGHTED[name](a, b, a[a["age"] < 30]))


def test_a_frame_stacked_upon_itself_counts_its_people_once() -> None:
    with with_one() as fed:
        a = fed["north.patients"]
        twice = sf.concat([a, a])
        assert int(twice["x"].count()) == 200 and float(twice["x"].mean()) == pytest.approx(float(a["x"].mean()))
    frames = of(north=range(1, 7))
    with hospitals(frames, disjoint=True) as fed:
        a = fed["north.patients"]
        assert is_withheld(sf.concat([a, a, a])["x"].count()), "eighteen rows of six people"
        assert is_withheld(sf.concat([a, a, a]).groupby("id").agg(x=("x", "sum"))["x"].sum())


# -- merging -----------------------------------------------------------------------------------------------------------------


def test_one_row_does_not_stand_for_many() -> None:
    """The first man's and the first woman's value beside everybody of their sex."""
    frames = of()
    with hospitals(frames, disjoint=True) as fed:
        for rows, others in (("north", "south"), ("north", "north")):
            left = fed[f"{rows}.patients"][["id", "male", "age", "ward"]]
            first = fed[f"{others}.patients"].drop_duplicates("male")[["male", "x"]]
            values = frames[others].drop_duplicates("male")["x"]
            joined = left.merge(first, on="male")
            assert is_withheld(joined.groupby("male")["x"].mean())
            assert is_withheld(joined["x"].mean())
            between = int(values.min()) + 1
            assert is_withheld(joined.groupby(joined["x"] > between)["age"].mean())
            assert is_withheld(joined[joined["x"] > between]["age"].count())
            assert not is_withheld(joined["age"].mean()), "what the two rows brought is not in it"
            with pytest.raises(PlanError, match="several persons may share") as refused:
                joined.groupby("id").agg(x=("x", "max"))["x"].mean()
            assert refused.value.hint
            with pytest.raises(PlanError, match="several persons may share"):
                fed["south.patients"][["id", "ward"]].merge(joined[["id", "x"]], on="id")["x"].mean()
            with pytest.raises(PlanError, match="several persons may share"):
                sf.concat([joined, joined])["x"].mean()


def test_many_rows_that_many_share_are_enough() -> None:
    """By the age of the other: about sixty right rows, of which a cell needs ten."""
    frames = of()
    with hospitals(frames, disjoint=True) as fed:
        left = fed["north.patients"][["id", "age", "male"]]
        first = fed["south.patients"].drop_duplicates("age")[["age", "x"]]
        found = left.merge(first, on="age").groupby("male")["x"].agg(["count", "sum"])
        clear = frames["north"][["id", "age", "male"]].merge(frames["south"].drop_duplicates("age")[["age", "x"]], on="age")
        wanted = clear.groupby("male")["x"].agg(["count", "sum"])
        assert found.astype(int).to_numpy().tolist() == wanted.to_numpy().tolist()
        few = left.merge(first, on="age")
        assert is_withheld(few[few["age"] < 40]["x"].mean()) == (clear[clear["age"] < 40]["age"].nunique() < 10)


@pytest.mark.parametrize(("unmatched", "withheld"), [(0, False), (3, True), (12, False)])
def test_an_outer_merge_does_not_count_those_outside(unmatched: int, withheld: bool) -> None:
    """Rows of the right that match nobody: their number would be the outer count minus the left one."""
    ids = [*range(1, 90), *range(301, 301 + unmatched)]
    costs = pd.DataFrame({"id": ids, "w": [i % 100 for i in ids]})
    with federation({"north": {"patients": table(of()["north"])}, "insurer": {"costs": table(costs)}}) as fed:
        outer = fed["patients"].merge(fed["costs"], on="id", how="outer")
        assert is_withheld(outer["w"].count()) == withheld
        assert is_withheld(outer["x"].count()) == withheld
        right = fed["patients"].merge(fed["costs"], on="id", how="right")
        assert int(right["w"].sum()) == int(costs["w"].sum()), "the insurer's own rows, all of them"
        assert is_withheld(right[right["x"].isna()]["w"].count()) == withheld


@pytest.mark.parametrize(("matched", "withheld"), [(0, False), (3, True), (50, False), (97, True), (100, False)])
@pytest.mark.parametrize("how", ["left_anti", "inner"])
def test_an_anti_merge_is_a_complement(matched: int, withheld: bool, how: str) -> None:
    """Those without a match, and those with one: neither may be few."""
    costs = pd.DataFrame({"id": [*range(1, matched + 1), *range(301, 401)], "w": 1})
    with federation({"north": {"patients": table(of()["north"])}, "insurer": {"costs": table(costs)}}) as fed:
        found = fed["patients"].merge(fed["costs"], on="id", how=how)["x"].count()
        assert is_withheld(found) == withheld
        if not withheld:
            assert int(found) == (100 - matched if how == "left_anti" else matched)


def test_identifiers_do_not_leave_by_way_of_several_hospitals() -> None:
    with hospitals(of(), disjoint=True) as fed:
        both = stacked(fed, ("north", "south"), labelled=True)
        with pytest.raises((DisclosureError, PlanError)):
            both["id"].value_counts()
        with pytest.raises((DisclosureError, PlanError)):
            both[both["id"] == 7]
        with pytest.raises(DisclosureError):
            sf.concat([fed["north.patients"], pd.DataFrame({"id": [7]})])


# -- traffic -----------------------------------------------------------------------------------------------------------------


def test_messages_have_the_same_sizes_whoever_is_at_both() -> None:
    """Nobody, or everybody of the north: the same bytes dealt, the same outside of the sort, the same packages."""
    runs = []
    for ids in (range(201, 301), range(1, 101)):
        frames = {"north": patients(range(1, 101), 1), "south": patients(ids, 2)}
        recorder = Recorder()
        with hospitals(frames, recorder=recorder) as fed:
            both = stacked(fed, ("north", "south"))
            both.groupby("ward")["x"].agg(["count", "mean", "median"])
            assert fed.last_job is not None
            stages = [(s.name, s.rounds, s.bytes) for s in fed.last_job.stages if s.name in ("share", "release")]
            runs.append((stages, dict(fed.last_job.dealt)))
        assert_uniform(recorder.payloads)
    assert runs[0] == runs[1]
