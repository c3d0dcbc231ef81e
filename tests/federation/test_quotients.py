"""Quotients and bounds of columns of several institutions, on shares, against pandas with the same rounding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.testing import start_in_memory

PEOPLE = 400
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(1)
    left = pd.DataFrame({"id": np.arange(PEOPLE), "x": pd.array(rng.integers(-50, 51, PEOPLE), dtype="Int64")})
    y, z = pd.array(rng.integers(1, 10, PEOPLE), dtype="Int64"), -rng.integers(1, 10, PEOPLE)
    right = pd.DataFrame({"id": np.arange(PEOPLE)[::-1], "y": y, "z": z})
    left.loc[rng.random(PEOPLE) < 0.1, "x"] = pd.NA
    right.loc[rng.random(PEOPLE) < 0.1, "y"] = pd.NA
    return left, right.iloc[:350]


@pytest.fixture(scope="module")
def merged(frames: tuple[pd.DataFrame, pd.DataFrame]) -> Iterator[tuple[sf.SecureFrame, pd.DataFrame]]:
    left, right = frames
    columns = {"y": sf.integer(1, 9), "z": sf.integer(-9, -1)}
    with sf.simulate(
        {
            "clinic": {"a": sf.Table(left, columns={"x": sf.integer(-50, 50)}, rows_per_person=1)},
            "insurer": {"b": sf.Table(right, columns=columns, rows_per_person=1, roster_size=PEOPLE)},
        },
        policy=sf.Policy(name="a test of arithmetic", threshold=2),
        purpose="arithmetic",
        quiet=True,
        start=start_in_memory,
    ) as fed:
        yield fed["clinic.a"].merge(fed["insurer.b"], on="id", how="left"), left.merge(right, on="id", how="left")


def onto(values: pd.Series, step: float) -> pd.Series:
    """Rounded half to even onto a grid."""
    return pd.Series(np.round(values / step) * step).dropna()


def check(column: sf.SecureSeries, wanted: pd.Series) -> None:
    with sf.defer():
        asked = column.count(), column.sum(), column.median(), column.mean()
    count, total, median, mean = sf.collect(*asked)
    assert (count, total) == (len(wanted), wanted.sum())
    assert median == wanted.quantile(0.5, interpolation="lower")
    assert mean == pytest.approx(wanted.mean(), rel=1e-9)


def test_quotients(merged: tuple[sf.SecureFrame, pd.DataFrame]) -> None:
    secure, clear = merged
    x, y, z = (clear[name].astype(float) for name in "xyz")
    check(secure["x"] / secure["y"], onto(x / y, 2**-11))
    check(secure["x"] / secure["z"], onto(x / z, 2**-11))
    check((secure["x"] - secure["y"]) / 4, onto((x - y) / 4, 2**-13))
    check(3 / secure["y"], onto(3 / y, 2**-15))


def test_ties_go_to_the_even_point(merged: tuple[sf.SecureFrame, pd.DataFrame]) -> None:
    secure, clear = merged
    halves = (clear["x"].astype(float) - clear["y"].astype(float)) / 2
    check(((secure["x"] - secure["y"]) / 2).astype(float, precision=1), onto(halves, 1.0))


def test_bounds(merged: tuple[sf.SecureFrame, pd.DataFrame]) -> None:
    secure, clear = merged
    x, y = clear["x"].astype(float), clear["y"].astype(float)
    check((secure["x"] * secure["y"]).clip(-20, 50), (x * y).clip(-20, 50).dropna())
    check((secure["x"] - secure["y"]).clip(lower=0.5), (x - y).clip(lower=0.5).dropna())


def test_a_divisor_that_may_be_zero_is_refused(merged: tuple[sf.SecureFrame, pd.DataFrame]) -> None:
    secure, _ = merged
    with pytest.raises(sf.RangeError, match="Hint"):
        secure["y"] / secure["x"]
