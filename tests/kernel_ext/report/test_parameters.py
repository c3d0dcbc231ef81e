"""Parameters: what a notebook declares, and what a command line makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernel_ext.report.parameters import declared, given
from kernel_ext.report.running import read
from secureframe.errors import PlanError
from tests.kernel_ext.report.notebooks import write

SOURCE = """
period: str = "2026-10"
youngest = 40
share = 0.5
sexes = ["f", "m"]
whole = True
nobody = None
since = datetime.date(2020, 1, 1)
first, second = 1, 2
print(period)
"""
DEFAULTS = {
    "period": "2026-10",
    "youngest": 40,
    "share": 0.5,
    "sexes": ["f", "m"],
    "whole": True,
    "nobody": None,
    "since": None,
}


def test_a_notebook_declares_its_parameters(tmp_path: Path) -> None:
    assert declared(read(write(tmp_path / "a.ipynb", parameters=SOURCE))) == DEFAULTS
    assert declared(read(write(tmp_path / "b.ipynb", "period = 1", parameters=None))) == {}
    with pytest.raises(PlanError, match="not Python"):
        declared(read(write(tmp_path / "c.ipynb", parameters="%federation demo")))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("period", "1990", "1990"),
        ("period", "", ""),
        ("youngest", "-3", -3),
        ("share", "1", 1.0),
        ("share", "2.5e-1", 0.25),
        ("sexes", "['m']", ["m"]),
        ("whole", "False", False),
        ("nobody", "12", 12),
        ("nobody", "None", None),
        ("since", "2020-01-01", "2020-01-01"),
    ],
)
def test_a_value_has_the_type_of_its_default(name: str, text: str, value: Any) -> None:
    found = given([(name, text)], DEFAULTS, Path())[name]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [("youngest", "1.5"), ("youngest", "True"), ("youngest", "__import__('os')"), ("share", "x"), ("whole", "1"), ("sexes", "m")],
)
def test_a_value_of_another_type_is_refused(name: str, text: str) -> None:
    with pytest.raises(PlanError, match="takes a value of type"):
        given([(name, text)], DEFAULTS, Path())


def test_a_federations_file_is_named_from_where_the_command_runs(tmp_path: Path) -> None:
    (tmp_path / "federation.toml").touch()
    defaults = {"federation": "demo:nafld"}
    assert given([("federation", "federation.toml")], defaults, tmp_path) == {"federation": str(tmp_path / "federation.toml")}
    assert given([("federation", "demo:breast-cancer")], defaults, tmp_path) == {"federation": "demo:breast-cancer"}
    with pytest.raises(PlanError, match="no federation's file"):
        given([("federation", "other.toml")], defaults, tmp_path)
