"""Masks and omissions below the surface: in rows that a person's values are reduced from, and in frames that are merged in.

Each attack subtracts what one person's row adds; each innocent twin leaves out many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import secureframe as sf
from secureframe.plan.nodes import Filter, GroupPersons
from secureframe.plan.thinning import thinned_frames
from tests.disclosure.federations import Frames, federation, is_withheld, people

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

Frame = sf.SecureFrame


@pytest.fixture(scope="module")
def clear() -> Frames:
    return people()


@pytest.fixture(scope="module")
def fed(clear: Frames) -> Iterator[sf.Federation]:
    with federation(clear, "open-research") as started:
        yield started


def per_person(rows: Frame, column: str = "value") -> Frame:
    return rows.groupby("id").agg(total=(column, "sum"), number=(column, "count"), average=(column, "mean"))


# -- many rows a person --------------------------------------------------------------------------------------------------------


def test_all_rows_but_one(fed: sf.Federation) -> None:
    """Nobody leaves the cohort, but one row does: the difference of two sums would be its value."""
    labs = fed["labs"]
    assert not is_withheld(labs["value"].sum())
    for kind in ("count", "sum", "mean", "median"):
        assert is_withheld(getattr(labs[labs["test"] != "rare"]["value"], kind)()), kind
    assert not is_withheld(labs[labs["test"] == "u"]["value"].sum())


def test_reductions_of_all_rows_but_one(fed: sf.Federation) -> None:
    labs = fed["labs"]
    for name in ("total", "number", "average"):
        assert not is_withheld(per_person(labs)[name].sum())
        assert is_withheld(per_person(labs[labs["test"] != "rare"])[name].sum()), name
        assert not is_withheld(per_person(labs[labs["test"] == "u"])[name].sum())


MASKED: dict[str, Callable[[Frame, sf.SecureSeries], sf.SecureSeries]] = {
    "where": lambda rows, rare: sf.where(rare, rows["value"], 0),
    "where not": lambda rows, rare: sf.where(~rare, rows["value"], 0),
    "missing": lambda rows, rare: rows["value"].where(~rare),
    "product": lambda rows, rare: rows["value"] * ~rare,
    "number": lambda rows, rare: (~rare).astype(int) * 1000,
}


@pytest.mark.parametrize("name", MASKED)
def test_a_mask_below_a_reduction(fed: sf.Federation, name: str) -> None:
    labs = fed["labs"]
    for narrow, hidden in ((labs["test"] == "rare", True), (labs["test"] == "v", False)):
        reduced = per_person(labs.assign(y=MASKED[name](labs, narrow)), "y")
        with sf.defer():
            asked = reduced["total"].sum(), reduced["total"].mean()
        assert [is_withheld(number) for number in sf.collect(*asked)] == [hidden] * 2


def test_a_mask_below_a_reduction_that_is_merged_in(fed: sf.Federation) -> None:
    labs, patients = fed["labs"], fed["patients"]
    for test, hidden in (("rare", True), ("v", False)):
        reduced = per_person(labs.assign(y=sf.where(labs["test"] != test, labs["value"], 0)), "y")
        for how in ("inner", "left"):
            assert is_withheld(patients.merge(reduced, on="id", how=how)["total"].sum()) == hidden


# -- merged frames -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["inner", "left"])
@pytest.mark.parametrize("kind", ["count", "sum", "mean", "median"])
def test_a_right_frame_without_one_person(fed: sf.Federation, how: str, kind: str) -> None:
    """A left merge keeps everybody, and the one who finds no match is the difference of two counts."""
    patients, registry = fed["patients"], fed["registry"]
    narrow = patients.merge(registry[registry["w"] != 100], on="id", how=how)
    assert is_withheld(getattr(narrow["w"], kind)())
    wide = patients.merge(registry[registry["w"] < 50], on="id", how=how)
    assert not is_withheld(getattr(wide["w"], kind)())


def test_a_right_frame_that_was_thinned_further_down(fed: sf.Federation) -> None:
    patients, registry = fed["patients"], fed["registry"]
    inner = registry.merge(patients[patients["age"] != 99], on="id")[["id", "w"]]
    labs = per_person(fed["labs"])
    assert is_withheld(labs.merge(inner, on="id", how="left")["w"].sum())
    reduced = per_person(fed["labs"][fed["labs"]["test"] != "rare"])
    assert is_withheld(patients.merge(reduced, on="id", how="left")["x"].sum())


@pytest.mark.parametrize("name", ["where", "missing", "clip", "comparison", "product"])
def test_a_mask_in_a_frame_that_is_merged_in(fed: sf.Federation, name: str) -> None:
    patients, registry = fed["patients"], fed["registry"]
    for cut, hidden in ((99, True), (50, False)):
        w = registry["w"]
        column = {
            "where": sf.where(w <= cut, w, 0),
            "missing": w.where(w <= cut),
            "clip": w.clip(upper=cut),
            "comparison": w <= cut,
            "product": w * (w <= cut),
        }[name]
        merged = patients.merge(registry.assign(hidden=column), on="id", how="left")
        assert is_withheld(merged["hidden"].sum()) == hidden


def test_another_column_of_the_merged_frame_is_not_concerned(fed: sf.Federation) -> None:
    """A condition concerns the columns that it is hidden in."""
    registry = fed["registry"]
    merged = fed["patients"].merge(registry.assign(hidden=registry["w"].clip(upper=99)), on="id", how="left")
    assert is_withheld(merged["hidden"].sum())
    assert not is_withheld(merged["w"].sum()) and not is_withheld(merged["x"].sum())


def test_the_same_where_numbers_are_rounded(clear: Frames) -> None:
    """A rounded sum would hide one row among many, not among few; the rules do not rely on it."""
    with federation(clear, "standard") as fed:
        labs, patients, registry = fed["labs"], fed["patients"], fed["registry"]
        hidden = [
            labs[labs["test"] != "rare"]["value"].count(),
            per_person(labs[labs["test"] != "rare"])["number"].count(),
            per_person(labs.assign(y=labs["value"].where(labs["test"] != "rare")), "y")["number"].mean(),
            patients.merge(registry[registry["w"] != 100], on="id", how="left")["male"].mean(),
        ]
    assert all(map(is_withheld, hidden))


# -- masks without a condition -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def staged() -> Iterator[Frame]:
    """Sex is 2 for four people."""
    frames = people()
    frames["patients"]["sex"] = [2] * 4 + [1] * 236
    with federation(frames, "open-research") as started:
        yield started["patients"]


def test_a_polynomial_that_is_zero_but_for_few(staged: Frame) -> None:
    sex = staged["sex"]
    assert is_withheld((staged["x"] * (sex - 1)).sum())
    assert is_withheld(((sex - 1) * (sex + 1) * 500).sum())
    assert not is_withheld((staged["x"] * staged["male"]).sum())
    assert not is_withheld((staged["x"] * staged["age"]).mean())


def test_two_values_that_are_not_0_and_1(staged: Frame) -> None:
    assert is_withheld(staged["sex"].mean()) and is_withheld((staged["sex"] - 1).sum())
    assert not is_withheld((staged["male"] + 1).mean())


def test_rounding_to_few_points_is_a_comparison(staged: Frame) -> None:
    age = staged["age"]
    assert is_withheld((age / 39.2).round().sum()), "3 for whoever is older than 97"
    assert not is_withheld((age / 120).round().sum())


# -- what a frame gets -----------------------------------------------------------------------------------------------------------


def test_frames_that_rows_were_left_out_of(fed: sf.Federation) -> None:
    labs, patients = fed["labs"], fed["patients"]
    u = labs[labs["test"] == "u"]
    merged = patients.merge(per_person(u), on="id", how="left")
    assert set(map(type, thinned_frames(merged.node))) == {Filter, GroupPersons}
    assert thinned_frames(patients.merge(per_person(labs), on="id").node) == ()
    assert thinned_frames(u.node) == (), "the frame itself is counted anyway"
