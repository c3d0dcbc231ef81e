"""Results of a federation draw themselves: from what was released, on axes that the catalog declares."""

from __future__ import annotations

import pandas as pd
import pytest

import secureframe as sf
from secureframe import figures


@pytest.fixture
def patients(memory_federation: sf.Federation) -> sf.SecureFrame:
    return memory_federation["hospital.patients"]


def declared(fed: sf.Federation, column: str) -> list[float]:
    type_ = fed["hospital.patients"]._source.node.schema[column].type
    return [float(type_.to_value(type_.low)), float(type_.to_value(type_.high))]  # type: ignore[arg-type]


def test_records_say_what_was_released_and_between_which_public_ends(
    memory_federation: sf.Federation, patients: sf.SecureFrame
) -> None:
    table = patients[["age", "bmi"]].describe()
    record = table.attrs["release"]
    assert record["ranges"] == {name: declared(memory_federation, name) for name in ("age", "bmi")}
    assert record["kinds"] == ["count", "mean", "std", "quantile"]


def test_bars_and_boxes_of_released_tables(
    memory_federation: sf.Federation, patients: sf.SecureFrame, pooled: dict[str, pd.DataFrame]
) -> None:
    clear = pooled["patients"]
    table = patients.groupby("male")["age"].mean()
    ax = figures.plot(table, "bar").ax
    wanted = clear.groupby("male")["age"].mean().astype(float)
    assert [patch.get_height() for patch in ax.patches] == pytest.approx(wanted.tolist())
    low, high = declared(memory_federation, "age")
    assert ax.get_ylim() == (min(low, 0), high) and ax.get_ylabel() == "age"
    box = figures.plot(patients.groupby("male")["age"].quantile([0.25, 0.5, 0.75]), "box").ax
    halves = clear.groupby("male")["age"].quantile(0.5, interpolation="lower")
    assert [line.get_ydata()[0] for line in box.get_lines() if line.get_linewidth() == 2] == halves.tolist()
    assert box.get_ylim() == (low, high)


def test_a_result_of_several_releases_says_all_of_their_ranges(patients: sf.SecureFrame) -> None:
    record = sf.table_one(patients, by="male", columns=["age", "bmi"]).attrs["release"]
    assert set(record["ranges"]) == {"age", "bmi"} and "size" in record["kinds"] and "mean" in record["kinds"]
