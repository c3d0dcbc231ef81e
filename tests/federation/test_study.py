"""Every operation of the frame on the NAFLD study, against the same statement on the pooled tables in pandas.

Counts, sums, quantiles and tables equal pandas exactly; means, deviations and correlations to 1e-9 relative.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from tests.federation.study import BANDS, clear_cohort, secure_cohort

RELATIVE = 1e-9
pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")


@pytest.fixture
def cohort(fed: sf.Federation) -> sf.SecureFrame:
    return secure_cohort(fed)


@pytest.fixture(scope="session")
def clear(pooled: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return clear_cohort(pooled)


def close(got: Any, wanted: Any) -> None:
    """Released numbers against pandas', cell by cell; a withheld cell is checked by its caller."""
    got, wanted = np.asarray(got, dtype=float), np.asarray(wanted, dtype=float)
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=RELATIVE)


def lower(values: pd.Series, q: float) -> float:
    return float(values.dropna().astype(float).quantile(q, interpolation="lower"))


@pytest.mark.parametrize("name", ["age", "bmi", "sbp", "chol", "readings"])
def test_numbers_of_a_column(cohort: sf.SecureFrame, clear: pd.DataFrame, name: str) -> None:
    column, values = cohort[name], clear[name].dropna().astype(float)
    points = (0.05, 0.1, 0.25, 0.75, 0.9, 0.95)
    with sf.defer():
        asked = [column.count(), column.sum(), column.median(), *(column.quantile(q) for q in points)]
        moments = [column.mean(), column.var(), column.std()]
    got = sf.collect(*asked, *moments)
    assert list(got[: len(asked)]) == [len(values), values.sum(), *(lower(values, q) for q in (0.5, *points))]
    close(got[len(asked) :], [values.mean(), values.var(), values.std()])


def test_numbers_of_one_institution(fed: sf.Federation, pooled: dict[str, pd.DataFrame]) -> None:
    labs, clear = fed["laboratory.labs"], pooled["labs"]
    assert labs["value"].count() == clear["value"].count()
    close(labs["value"].mean(), clear["value"].mean())
    by = labs.groupby("test")["value"].agg(["count", "sum", "mean", "std", "median"])
    groups = clear.groupby("test", observed=False)["value"]
    assert list(by.index) == list(groups.size().index)
    assert by["count"].tolist() == groups.count().tolist()
    close(by["sum"], groups.sum())
    close(by["mean"], groups.mean())
    close(by["std"], groups.std())
    assert by["median"].tolist() == groups.quantile(0.5, interpolation="lower").tolist()


def test_group_by_keys_of_several_institutions(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    got = cohort.groupby(["male", "mi"])["sbp"].agg(["count", "mean", "std", "median"])
    groups = clear.groupby(["male", "mi"])["sbp"]
    assert got["count"].tolist() == groups.count().tolist()
    close(got["mean"], groups.mean())
    close(got["std"], groups.std())
    assert got["median"].tolist() == groups.quantile(0.5, interpolation="lower").tolist()


def test_named_aggregation_over_bands(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    got = cohort.groupby("band").agg(n=("sbp", "count"), chol=("chol", "mean"), oldest=("age", "sum"))
    groups = clear.groupby("band", observed=False)
    assert got["n"].tolist() == groups["sbp"].count().tolist()
    assert got.iloc[0].isna().tolist() == [False, True, True], "a mean or sum of nobody is withheld"
    close(got["chol"].iloc[1:], groups["chol"].mean().iloc[1:])
    assert got["oldest"].iloc[1:].tolist() == groups["age"].sum().iloc[1:].tolist()


def test_value_counts_and_crosstab(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    counts = cohort["band"].value_counts()
    assert sorted(counts.tolist()) == sorted(clear["band"].value_counts().tolist())
    got = sf.crosstab(cohort["band"], cohort["mi"])
    wanted = pd.crosstab(clear["band"], clear["mi"], dropna=False)
    visible = got.notna().to_numpy()
    assert (got.to_numpy(dtype=float)[visible] == wanted.to_numpy(dtype=float)[visible]).all()
    hidden = wanted.to_numpy()[~visible]
    assert (((wanted.to_numpy() > 0) & (wanted.to_numpy() < 10)) <= ~visible).all()
    assert hidden.sum() == 0 or hidden.sum() >= 10


def test_describe(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    got = cohort[["age", "bmi", "sbp"]].describe()
    for name in ("age", "bmi", "sbp"):
        values = clear[name].dropna().astype(float)
        assert got.loc["count", name] == len(values)
        close([got.loc["mean", name], got.loc["std", name]], [values.mean(), values.std()])
        for q in (0.05, 0.25, 0.5, 0.75, 0.95):
            assert got.loc[f"{q:.0%}", name] == lower(values, q)


def test_correlation(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    names = ["age", "bmi", "sbp", "chol"]
    got = cohort[names].corr()
    close(got, clear[names].astype(float).corr())
    close(cohort["age"].corr(cohort["chol"]), clear["age"].astype(float).corr(clear["chol"].astype(float)))


def test_histogram(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    edges = list(range(80, 201, 10))
    got = cohort["sbp"].hist(bins=edges)
    wanted, _ = np.histogram(clear["sbp"].dropna().astype(float), bins=edges)
    assert sum(got.counts) == wanted.sum()


def test_expressions_across_institutions(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    high = cohort["sbp"] > cohort["bmi"] * 4
    clear_high = clear["sbp"] > clear["bmi"] * 4
    numbers = {name: clear[name].astype(float) for name in ("age", "sbp", "chol")}
    with sf.defer():
        sums = [(cohort["chol"].fillna(50) + cohort["age"]).sum(), sf.where(cohort["mi"], cohort["sbp"], cohort["age"]).sum()]
        mean = (cohort["sbp"] - 2 * cohort["chol"]).mean()
        counts = [
            cohort[high | cohort["mi"]]["age"].count(),
            cohort[~(high | cohort["mi"])]["age"].count(),
            cohort[cohort["sbp"].between(120, 140) & cohort["male"].isin([1])]["age"].count(),
            cohort.query("age >= 50 and sbp > 130 and not mi")["age"].count(),
            cohort[cohort["chol"].isna() | (cohort["age"] < 45)]["age"].count(),
        ]
    got = sf.collect(*sums, mean, *counts)
    assert got[0] == (numbers["chol"].fillna(50) + numbers["age"]).sum()
    assert got[1] == np.where(clear["mi"], numbers["sbp"], numbers["age"]).sum()
    close(got[2], (numbers["sbp"] - 2 * numbers["chol"]).mean())
    assert list(got[3:]) == [
        int((clear_high.fillna(False) | clear["mi"]).sum()),
        int((~(clear_high | clear["mi"])).fillna(False).sum()),
        int((numbers["sbp"].between(120, 140) & (clear["male"] == 1)).sum()),
        len(clear.query("age >= 50 and sbp > 130 and not mi")),
        int((clear["chol"].isna() | (clear["age"] < 45)).sum()),
    ]


def test_expressions_at_the_owner(fed: sf.Federation, pooled: dict[str, pd.DataFrame]) -> None:
    patients, clear = fed["hospital.patients"], pooled["patients"]
    known = patients[patients["weight"].notna() & patients["height"].notna()]
    metres = known.assign(squared=known["height"] * known["height"])
    per = metres["weight"] / metres["squared"].clip(lower=1000)
    seen = clear.dropna(subset=["weight", "height"])
    height = seen["height"].astype(float)
    # The largest quotient is 300 / 10,000; the grid has 2 ** 16 points below it.
    wanted = np.round(seen["weight"].astype(float) / (height * height).clip(lower=1000) * 2**22) / 2**22
    close(per.mean(), wanted.mean())


def test_table_one_in_one_job(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    got = sf.table_one(cohort, by="male", columns=["age", "sbp", "mi"])
    assert got.loc[("n", "count"), "overall"] == len(clear)
    for sex, group in clear.groupby("male"):
        assert got.loc[("n", "count"), sex] == len(group)
        close(got.loc[("sbp", "mean"), sex], group["sbp"].mean())
        assert got.loc[("age", "50%"), sex] == lower(group["age"], 0.5)


def test_defer_and_collect_in_one_job(fed: sf.Federation, cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    with sf.defer():
        mean, count = cohort["sbp"].mean(), cohort["chol"].count()
    first, second = sf.collect(mean, count)
    close(first, clear["sbp"].mean())
    assert second == clear["chol"].count()
    assert fed.last_job is not None


def test_parameters(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    least = sf.parameter("least", 60, low=40, high=90)
    assert cohort[cohort["age"] >= least]["sbp"].count() == int((clear["age"] >= 60).sum())


def test_a_key_that_is_not_unique_on_the_left(fed: sf.Federation, pooled: dict[str, pd.DataFrame]) -> None:
    """Controls with the blood pressure of the case that they were matched to."""
    labs, patients = fed["laboratory.labs"], fed["hospital.patients"]
    sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
    controls = patients[patients["case_id"] != patients["id"]]
    got = controls.merge(sbp, left_on="case_id", right_on="id", suffixes=("", "_of_case"))
    clear = pooled["patients"]
    by = pooled["labs"][pooled["labs"]["test"] == "sbp"].groupby("id")["value"].mean()
    means = (np.round(by.astype(float) * 128) / 128).rename("sbp").reset_index()
    matched = clear[(clear["case_id"] != clear["id"]).fillna(False)].dropna(subset=["case_id"])
    wanted = matched.merge(means, left_on="case_id", right_on="id")
    assert got["age"].count() == len(wanted)
    close(got["sbp"].mean(), wanted["sbp"].mean())


def test_bands_keep_pandas_labels(cohort: sf.SecureFrame) -> None:
    counts = cohort.groupby("band").size()
    assert list(map(str, counts.index)) == [f"[{a}, {b})" for a, b in itertools.pairwise(BANDS)]
