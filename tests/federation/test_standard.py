"""The preset ``standard``: the oracle rounds too. Frequencies to base 5, other numbers to three significant digits."""

from __future__ import annotations

import math
from fractions import Fraction

import pandas as pd
import pytest

import secureframe as sf
from tests.federation.study import clear_cohort, secure_cohort

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")


@pytest.fixture(scope="module")
def cohort(standard_federation: sf.Federation) -> sf.SecureFrame:
    return secure_cohort(standard_federation)


@pytest.fixture(scope="module")
def clear(pooled: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return clear_cohort(pooled)


def base5(count: int) -> int:
    return 5 * ((count + 2) // 5)


def three_digits(value: float) -> float:
    """Half up to three significant digits; written without the product's code."""
    exact = Fraction(value)
    if exact == 0:
        return 0.0
    unit = Fraction(10) ** (math.floor(math.log10(abs(value))) - 2)
    return float(math.floor(exact / unit + Fraction(1, 2)) * unit)


def test_numbers(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    with sf.defer():
        asked = [(c.count(), c.mean(), c.std(), c.var()) for c in (cohort["age"], cohort["sbp"], cohort["chol"])]
    got = sf.collect(*(number for four in asked for number in four))
    for i, name in enumerate(("age", "sbp", "chol")):
        values = clear[name].dropna().astype(float)
        count, mean, deviation, variance = got[4 * i : 4 * i + 4]
        assert count == base5(len(values))
        assert mean == pytest.approx(three_digits(values.mean()), rel=1e-12)
        assert deviation == pytest.approx(three_digits(values.std()), rel=1e-12)
        assert variance == pytest.approx(three_digits(values.var()), rel=1e-12)


def test_tables(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    got = sf.crosstab(cohort["male"], cohort["mi"])
    assert got.to_numpy(dtype=int).tolist() == [[base5(x) for x in row] for row in pd.crosstab(clear["male"], clear["mi"]).values]
    sizes = cohort.groupby("male")["sbp"].agg(["count", "mean", "median"])
    groups = clear.groupby("male")["sbp"]
    assert sizes["count"].tolist() == [base5(n) for n in groups.count()]
    assert sizes["mean"].tolist() == pytest.approx([three_digits(m) for m in groups.mean()], rel=1e-12)
    assert sizes["median"].tolist() == groups.quantile(0.5, interpolation="lower").tolist()


def test_rates_come_from_the_rounded_parts(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    with sf.defer():
        asked = cohort["mi"].mean(), cohort["mi"].sum()
    rate, hits = sf.collect(*asked)
    assert hits == base5(int(clear["mi"].sum()))
    assert rate == pytest.approx(base5(int(clear["mi"].sum())) / base5(len(clear)), rel=1e-12)


def test_correlation_has_three_decimals(cohort: sf.SecureFrame, clear: pd.DataFrame) -> None:
    wanted = clear["age"].astype(float).corr(clear["sbp"].astype(float))
    assert cohort["age"].corr(cohort["sbp"]) == pytest.approx(math.floor(wanted * 1000 + 0.5) / 1000, abs=1e-12)


def test_the_release_says_so(cohort: sf.SecureFrame) -> None:
    release = cohort["sbp"].count().release
    assert release["policy"] == "standard"
    assert "base 5" in release["rounding"]
    assert "ledger against differencing" in release["not_enforced"]
