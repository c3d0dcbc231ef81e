"""The page on types: its statements run as they stand there, and its costs are those of the programs."""

from __future__ import annotations

import datetime
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from benchmarks import elementwise
from secureframe.testing import start_in_memory

PAGE = elementwise.DOCUMENT.read_text(encoding="utf-8")
PERSONS = 400


def patients(generator: np.random.Generator) -> pd.DataFrame:
    days = pd.to_timedelta(generator.integers(0, 1000, PERSONS), unit="D")
    return pd.DataFrame(
        {
            "id": np.arange(PERSONS),
            "age": generator.integers(20, 80, PERSONS),
            "weight": generator.integers(400, 1200, PERSONS) / 10,
            "entered": (pd.Timestamp("2018-01-01") + days).astype("datetime64[s]"),
            "stage": pd.Categorical(generator.choice(["none", "mild", "severe"], PERSONS)),
            "note": generator.choice(["PCI, stent", "CABG", "Stent"], PERSONS),
        }
    )


def visits(generator: np.random.Generator) -> pd.DataFrame:
    seconds = pd.to_timedelta(generator.integers(0, 365 * 86_400, PERSONS), unit="s")
    return pd.DataFrame({"id": np.arange(PERSONS), "seen": (pd.Timestamp("2020-01-01") + seconds).astype("datetime64[s]")})


def test_the_statements_of_the_page_run() -> None:
    generator = np.random.default_rng(1)
    first, last = datetime.date(2018, 1, 1), datetime.date(2020, 12, 31)
    columns = {"note": sf.string(), "entered": sf.date(first, last)}
    tables = {
        "hospital": {"patients": sf.Table(patients(generator), columns=columns)},
        "registry": {"visits": sf.Table(visits(generator), columns={"seen": sf.timestamp(first, last)})},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fed = sf.simulate(tables, purpose="the page", start=start_in_memory, quiet=True)
        with fed:
            both = fed["hospital.patients"].merge(fed["registry.visits"], on="id")
            names: dict[str, Any] = {"sf": sf, "pd": pd, "patients": both, "visits": both}
            for statement in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
                exec(compile(statement, "<page>", "exec"), names)
    assert names["waited"].dt.days._field.owners == {"hospital", "registry"}


def test_the_costs_on_the_page_are_those_of_the_programs() -> None:
    assert elementwise.text() in PAGE


@pytest.mark.parametrize("name", ["boolean", "integer", "decimal", "number", "date", "timestamp", "category", "string", "key"])
def test_every_kind_is_on_the_page(name: str) -> None:
    assert f"| `sf.{name}(" in PAGE and callable(getattr(sf, name))
