"""Attacks on released numbers, by name. Each is tried as an analyst would type it, and meets the sentinel or a refusal.

Where the data decide, the result has its usual shape and says that it was withheld; where the grammar or a policy decides,
the statement is refused before anything runs. Beside every attack stands an innocent twin that is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.errors import DisclosureError, PlanError, PolicyError, RangeError
from tests.disclosure.federations import Frames, federation, is_withheld, people

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

T = 10


@pytest.fixture(scope="module")
def clear() -> Frames:
    return people()


@pytest.fixture(scope="module", params=["open-research", "standard"])
def fed(request: pytest.FixtureRequest, clear: Frames) -> Iterator[sf.Federation]:
    with federation(clear, request.param) as started:
        yield started


@pytest.fixture(scope="module")
def patients(fed: sf.Federation) -> sf.SecureFrame:
    return fed["patients"]


@pytest.fixture(scope="module")
def merged(fed: sf.Federation) -> sf.SecureFrame:
    return fed["patients"].merge(fed["registry"], on="id")


# -- cohorts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["count", "sum", "mean", "median", "std"])
def test_nested_cohorts_that_differ_by_one_person(patients: sf.SecureFrame, kind: str) -> None:
    """All against all but one: the cohort without her leaves one person of the base outside."""
    assert not is_withheld(getattr(patients["x"], kind)())
    assert is_withheld(getattr(patients[patients["age"] < 99]["x"], kind)())
    assert not is_withheld(getattr(patients[patients["age"] < 60]["x"], kind)())


def test_a_cohort_of_one_person(patients: sf.SecureFrame) -> None:
    assert is_withheld(patients[patients["age"] == 99]["x"].count())
    assert is_withheld(patients[patients["age"] == 99].groupby("male")["x"].mean())


def test_a_cohort_and_its_complement(patients: sf.SecureFrame) -> None:
    four = patients["site"] == "d"
    assert is_withheld(patients[four]["x"].sum())
    assert is_withheld(patients[~four]["x"].sum())
    third = patients["site"] == "a"
    assert not is_withheld(patients[third]["x"].sum()) and not is_withheld(patients[~third]["x"].sum())


def test_the_complement_over_institutions(merged: sf.SecureFrame) -> None:
    assert is_withheld(merged[merged["w"] < 100]["x"].count())
    assert not is_withheld(merged[merged["w"] < 50]["x"].count())


def test_the_empty_cohort_is_nobody_and_has_no_mean(patients: sf.SecureFrame) -> None:
    nobody = patients[patients["age"] > 110]
    count = nobody["x"].count()
    assert not is_withheld(count) and count == 0
    for kind in ("sum", "mean", "std", "median"):
        assert is_withheld(getattr(nobody["x"], kind)())


def test_a_frame_without_its_few_unmatched_persons(fed: sf.Federation, patients: sf.SecureFrame) -> None:
    """An inner merge is a filter: who finds no match is the complement."""
    registry = fed["registry"]
    assert is_withheld(patients.merge(registry[registry["w"] != 100], on="id")["x"].count())
    assert not is_withheld(patients.merge(registry[registry["w"] < 50], on="id")["x"].count())


# -- identifiers -----------------------------------------------------------------------------------------------------------


def test_group_by_an_identifier(patients: sf.SecureFrame) -> None:
    with pytest.raises((DisclosureError, PlanError)):
        patients["id"].value_counts()
    with pytest.raises((DisclosureError, PlanError)):
        sf.crosstab(patients["id"], patients["male"])
    with pytest.raises((DisclosureError, PlanError)):
        patients["x"].value_counts()  # as many levels as people
    assert patients["male"].value_counts().size == 2


def test_choosing_persons_by_identifier(patients: sf.SecureFrame) -> None:
    with pytest.raises(DisclosureError, match="never compared"):
        patients[patients["id"] == 1]
    with pytest.raises(DisclosureError, match="isin"):
        patients[patients["id"].isin([1])]
    with pytest.raises((DisclosureError, PlanError)):
        patients[patients["id"] < 2]
    with pytest.raises((DisclosureError, PlanError)):
        patients.query("id == 1")


def test_statistics_of_an_identifier(patients: sf.SecureFrame) -> None:
    for kind in ("count", "sum", "median"):
        with pytest.raises((DisclosureError, PlanError)):
            getattr(patients["id"], kind)()


def test_row_vectors_made_by_the_analyst(patients: sf.SecureFrame) -> None:
    for vector in (np.arange(240) == 0, [True] + [False] * 239, pd.Series([True])):
        with pytest.raises((DisclosureError, PlanError)):
            patients[vector]
    with pytest.raises((DisclosureError, PlanError)):
        patients.assign(n=np.arange(240))
    with pytest.raises((DisclosureError, PlanError, AttributeError)):
        patients.merge(pd.DataFrame({"id": [1]}), on="id")


# -- extremes --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [0, 0.001, 0.01, 0.49, 0.96, 0.999, 1])
def test_extreme_quantiles(patients: sf.SecureFrame, q: float) -> None:
    with pytest.raises(DisclosureError):
        patients["x"].quantile(q)


def test_quantiles_of_too_few(patients: sf.SecureFrame, clear: Frames) -> None:
    """The 5 % quantile of n persons stands on n / 20 of them."""
    older = patients[patients["age"] > 50]
    assert T <= (clear["patients"]["age"] > 50).sum() < T * 20
    assert is_withheld(older["x"].quantile(0.05)) and is_withheld(older["x"].quantile(0.95))
    assert not is_withheld(older["x"].median())


@pytest.mark.parametrize("name", ["min", "max", "idxmax", "nlargest", "nsmallest", "head", "tail", "sample", "sort_values"])
def test_single_values(patients: sf.SecureFrame, name: str) -> None:
    with pytest.raises((DisclosureError, PlanError, AttributeError)):
        getattr(patients["x"], name)()


# -- masks hidden in aggregated expressions ----------------------------------------------------------------------------------


Column = Callable[[sf.SecureFrame], sf.SecureSeries]

# Expressions over everybody whose sum or mean is that of person 1, or of all but her.
MASKS: dict[str, Column] = {
    "where": lambda f: sf.where(f["age"] == 99, f["x"], 0),
    "where not": lambda f: sf.where(f["age"] != 99, f["x"], 0),
    "method": lambda f: f["x"].where(f["age"] != 99),
    "mask": lambda f: f["x"].mask(f["age"] == 99, 0),
    "product": lambda f: f["x"] * (f["age"] > 98),
    "comparison": lambda f: f["age"] > 98,
    "isin": lambda f: f["age"].isin([99, 100]),
    "between": lambda f: f["age"].between(99, 120),
    "clip": lambda f: f["age"].clip(upper=98),
    "clip low": lambda f: f["age"].clip(lower=98),
    "fillna": lambda f: f["y"].fillna(0),
    "isna": lambda f: f["y"].isna(),
    "logic": lambda f: (f["age"] > 98) & (f["x"] >= 0),
    "negation": lambda f: ~(f["age"] > 98),
    "nested": lambda f: sf.where(f["age"].clip(lower=98) > 98, f["x"], 1),
    "as number": lambda f: (f["age"] > 98).astype(int) * 1000,
}


@pytest.fixture(scope="module")
def exact(clear: Frames) -> Iterator[sf.SecureFrame]:
    with federation(clear, "open-research") as started:
        yield started["patients"]


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_hidden_in_an_aggregated_expression(exact: sf.SecureFrame, name: str) -> None:
    hidden = MASKS[name](exact)
    with sf.defer():
        asked = hidden.sum(), hidden.mean()
    assert all(map(is_withheld, sf.collect(*asked)))


def test_a_mask_hidden_in_an_aggregated_expression_that_is_rounded(clear: Frames) -> None:
    with federation(clear, "standard") as started:
        hidden = [mask(started["patients"]) for mask in MASKS.values()]
        with sf.defer():
            asked = [column.sum() for column in hidden]
        assert all(map(is_withheld, sf.collect(*asked)))


def test_masks_that_divide_many_from_many_are_answered(patients: sf.SecureFrame) -> None:
    wide = patients["age"] > 60
    for column in (sf.where(wide, patients["x"], 0), wide, patients["age"].clip(upper=60), patients["z"].fillna(0)):
        assert not is_withheld(column.sum()) and not is_withheld(column.mean())


def test_a_mask_over_columns_of_two_institutions(merged: sf.SecureFrame) -> None:
    narrow = merged["w"] == 100
    for hidden in (
        sf.where(narrow, merged["x"], 0),
        merged["x"].where(~narrow),
        merged["w"].clip(upper=99),
        narrow,
        (merged["age"] - merged["w"]) > 95,
    ):
        assert is_withheld(hidden.sum()), hidden
    assert not is_withheld(sf.where(merged["w"] < 50, merged["x"], 0).sum())


def test_a_mask_carried_through_assign_and_a_filter(patients: sf.SecureFrame) -> None:
    hidden = patients.assign(flag=patients["age"] > 98)
    hidden = hidden[hidden["male"] == 1].assign(value=sf.where(hidden["flag"], hidden["x"], 0))
    assert is_withheld(hidden["value"].sum())


def test_a_mask_through_cut_in_groupby(patients: sf.SecureFrame, merged: sf.SecureFrame) -> None:
    bands = patients.groupby(sf.cut(patients["age"], [0, 60, 98, 120]))["x"].sum()
    assert pd.isna(bands.iloc[2]) and pd.isna(bands.iloc[:2]).any(), "the one person, and one band that would give her away"
    across = merged.groupby(sf.cut(merged["w"], [-1, 50, 99, 100]))["x"].sum()
    assert pd.isna(across.iloc[2]) and pd.isna(across.iloc[:2]).any()


def test_a_mask_grouped_by(patients: sf.SecureFrame) -> None:
    assert is_withheld(patients.assign(one=patients["age"] == 99).groupby("one")["x"].mean())


def test_both_sides_of_a_class_in_a_group_are_closed_together() -> None:
    """Sizes are known: three cases among twelve, beside thirty of thirty, would be at least three."""
    frames = people()
    base = frames["patients"]
    base["site"] = ["a"] * 53 + ["b"] * 30 + ["c"] * 157
    base["male"] = [1] * 3 + [0] * 50 + [1] * 30 + [1] * 80 + [0] * 77
    with federation(frames, "open-research") as fed:
        means = fed["patients"].groupby("site")["male"].mean()
    assert means.isna().tolist()[:3] == [True, True, True]


# -- persons, not rows ---------------------------------------------------------------------------------------------------------


def test_twelve_visits_of_one_person(fed: sf.Federation) -> None:
    labs = fed["labs"]
    dense = labs[labs["test"] == "dense"]
    for kind in ("count", "sum", "mean", "median"):
        assert is_withheld(getattr(dense["value"], kind)())
    counts = labs["test"].value_counts()
    assert pd.isna(counts["dense"]) and pd.isna(counts["rare"]) and counts.isna().sum() == 3


def test_the_same_few_persons_in_two_cells() -> None:
    """Six persons with two tests each are twelve in two cells, and still six when the other cells are subtracted."""
    frames = people()
    extra = pd.DataFrame({"id": [1, 2, 3, 4, 5, 6] * 2, "test": ["rare"] * 6 + ["dense"] * 6, "value": range(12)})
    frames["labs"] = pd.concat([frames["labs"].query("test in ('u', 'v', 'w')"), extra], ignore_index=True)
    with federation(frames, "open-research") as fed:
        sums = fed["labs"].groupby("test")["value"].sum()
    assert sums.isna().sum() == 3


def test_join_multiplicity(fed: sf.Federation, patients: sf.SecureFrame) -> None:
    """A merge never multiplies rows, so that counts before and after it say nothing of matches."""
    labs, registry = fed["labs"], fed["registry"]
    for many in (patients.merge(labs, on="id"), labs.merge(patients, on="id"), patients.merge(labs, on="id", how="right")):
        assert many["value"].count() == labs["value"].count(), "the rows are those of the laboratory, each once"
        assert is_withheld(many[many["test"] == "dense"]["x"].sum()), "twelve rows of one person"
    with pytest.raises(PlanError, match="unique in neither"):
        labs.merge(labs, on="id")
    before, after = patients["x"].count(), patients.merge(registry, left_on="id", right_on="id", how="left")["x"].count()
    assert before == after
    with pytest.raises(PlanError, match="unique in neither"):
        labs.merge(registry, left_on="id", right_on="case_id")
    for size in (len, bool):
        with pytest.raises((DisclosureError, PlanError, TypeError)):
            size(patients)


# -- tables ------------------------------------------------------------------------------------------------------------------


def test_a_table_and_then_its_margins(patients: sf.SecureFrame, clear: Frames) -> None:
    """Site d has four people; site e nobody. Whatever margins are asked for next, they stay hidden among others."""
    table = sf.crosstab(patients["site"], patients["male"])
    rows, columns = patients["site"].value_counts(sort=False), patients["male"].value_counts(sort=False)
    assert pd.isna(table.loc["d"]).all() and pd.isna(rows["d"])
    assert table.isna().sum().sum() > 2 and rows.isna().sum() > 1
    assert columns.notna().all()
    for withheld in (table.loc["d"].isna(), rows.isna()):
        assert withheld.any()
    hidden = pd.crosstab(clear["patients"]["site"], clear["patients"]["male"])
    for level in hidden.columns:
        unknown = [s for s in hidden.index if pd.isna(table.loc[s, level])]
        assert hidden.loc[unknown, level].sum() - hidden.loc["d", level] >= T


def test_printed_margins_come_from_released_cells(patients: sf.SecureFrame) -> None:
    table = sf.crosstab(patients["site"], patients["male"], margins=True)
    assert table.loc["All"].isna().all(), "a true margin beside withheld cells would give them away"
    shares = sf.crosstab(patients["site"], patients["male"], normalize="index")
    assert pd.isna(shares.loc["d"]).all()


def test_proportions_and_the_mode(patients: sf.SecureFrame) -> None:
    assert patients["site"].value_counts(normalize=True).isna().all()
    described = patients["site"].describe()
    assert "d" not in described.astype(str).tolist()


def test_missing_value_counts(patients: sf.SecureFrame) -> None:
    """Three of y are missing, forty of z: ``standard`` withholds the count that tells three, ``open-research`` allows it."""
    count = patients["y"].count()
    assert is_withheld(count) == (count.release["policy"] == "standard")
    assert not is_withheld(patients["z"].count())
    assert is_withheld(patients["y"].isna().sum()) and not is_withheld(patients["z"].isna().sum())


@pytest.mark.parametrize("policy", ["open-research", "standard"])
def test_a_sensitive_class_that_a_group_does_not_have(policy: str) -> None:
    """Nobody at site c has it: a zero says so of everybody there. Withheld under ``standard``, as a table and as a mean."""
    frames = people()
    frames["patients"]["site"] = frames["patients"]["site"].replace("d", "a")
    with federation(frames, policy) as fed:
        patients = fed["patients"][fed["patients"]["age"] < 85]
        table = sf.crosstab(patients["site"], patients["hiv"])
        other = sf.crosstab(patients["site"], patients["male"])
        only = patients[patients["site"] == "c"]
        found = [is_withheld(only["hiv"].mean()), is_withheld(only["hiv"].sum()), is_withheld(only["male"].mean())]
    standard = policy == "standard"
    assert table.loc["c"].isna().tolist() == [standard, standard]
    assert table.isna().any().any() == standard and not other.isna().any().any()
    assert found == [standard, standard, False]


def test_a_group_that_holds_all_but_a_few_without_a_key(patients: sf.SecureFrame) -> None:
    """Three persons have no key: they are in no cell, and the complement of the only one."""
    sizes = patients.assign(known=patients["y"] >= 0).groupby("known").size()
    assert is_withheld(sizes)
    assert patients.assign(known=patients["z"] >= 0).groupby("known").size().notna().all()


def test_contributions_of_few_persons() -> None:
    """A condition that divides many from many, around values that are zero but for four."""
    frames = people()
    frames["patients"]["sex"] = [2] * 4 + [1] * 236
    with federation(frames, "open-research") as fed:
        patients = fed["patients"]
        wide = patients["age"] > 50
        assert is_withheld(sf.where(wide, (patients["sex"] - 1) * 500, 0).sum())
        assert not is_withheld(sf.where(wide, patients["male"] * 500, 0).sum())


# -- policy ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["threshold", "min_count", "rounding", "policy"])
def test_a_threshold_passed_as_an_argument(patients: sf.SecureFrame, option: str) -> None:
    with pytest.raises((DisclosureError, PlanError, TypeError)):
        patients["x"].mean(**{option: 1})


@pytest.mark.parametrize("kind", ["sum", "mean", "var", "std"])
def test_sums_of_magnitudes(patients: sf.SecureFrame, kind: str) -> None:
    """Without the dominance rule one person may be most of a sum."""
    for column in (patients["cost"], patients["cost"] * 2 + 1, sf.where(patients["male"] == 1, patients["cost"], 0)):
        with pytest.raises(PolicyError, match="magnitude"):
            getattr(column, kind)()
    with pytest.raises(PolicyError, match="magnitude"):
        patients["cost"].corr(patients["x"])
    assert not is_withheld(patients["cost"].median())


def test_sums_of_magnitudes_through_a_merge_and_a_reduction(fed: sf.Federation) -> None:
    reduced = fed["patients"].groupby("id").agg(spent=("cost", "sum"))
    with pytest.raises(PolicyError, match="magnitude"):
        fed["registry"].merge(reduced, on="id")["spent"].mean()


# -- quotients -----------------------------------------------------------------------------------------------------------------


def test_ratios_with_a_tiny_denominator(patients: sf.SecureFrame) -> None:
    with pytest.raises(RangeError, match="holds 0"):
        patients["x"] / patients["y"]
    assert is_withheld((patients["x"] / patients["age"].clip(lower=98)).sum())
    few = patients[patients["site"] == "d"]
    assert is_withheld((few["x"] / (few["age"] + 1)).mean())
    assert not is_withheld((patients["x"] / (patients["age"] + 1)).mean())


def test_degrees_of_freedom() -> None:
    """A deviation of ten persons and a correlation of nineteen are withheld, their mean is not."""
    frames = people()
    frames["patients"]["site"] = ["a"] * 10 + ["b"] * 19 + ["c"] * 20 + ["e"] * 191
    with federation(frames, "open-research") as fed:
        patients = fed["patients"]
        deviations, means = patients.groupby("site")["x"].std(), patients.groupby("site")["x"].mean()
        correlations = [is_withheld(patients[patients["site"] == s]["x"].corr(patients["age"])) for s in "abc"]
    assert deviations.isna().tolist() == [True, False, False, True, False]
    assert means.isna().tolist() == [False, False, False, True, False]
    assert correlations == [True, True, False]
