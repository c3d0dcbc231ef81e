"""The extension adds one line under released tables and leaves all others alone."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import kernel_ext
from secureframe.display import released_html

NOTE = "Released under open-research (threshold 10 persons, not rounded), plan 01234567."


@pytest.fixture
def table() -> pd.DataFrame:
    found = pd.DataFrame({"<n>": pd.array([12, None], dtype="Int64")})
    found.attrs["release"] = {
        "plan": "0123456789",
        "policy": "open-research",
        "threshold": 10,
        "rounding": "none",
        "suppressed": [],
    }
    return found


def shown(shell: Any, thing: object) -> dict[str, str]:
    bundle, _ = shell.display_formatter.format(thing)
    return dict(bundle)


def test_a_released_table_has_a_footnote(shell: Any, table: pd.DataFrame) -> None:
    bundle = shown(shell, table)
    assert bundle["text/plain"] == f"{table!r}\n{NOTE}"
    assert bundle["text/html"] == released_html(table)
    assert bundle["text/html"].endswith(f'<p class="sf-note">{NOTE}</p></div>')


def test_a_withheld_cell_is_marked(shell: Any, table: pd.DataFrame) -> None:
    table.attrs["release"]["suppressed"] = [{"row": 1, "column": "<n>"}]
    assert '<td class="sf-withheld">withheld</td>' in shown(shell, table)["text/html"]


def test_a_released_series_has_a_footnote(shell: Any, table: pd.DataFrame) -> None:
    series = table["<n>"]
    series.attrs = dict(table.attrs)
    bundle = shown(shell, series)
    assert bundle["text/plain"].endswith(NOTE) and NOTE in bundle["text/html"]
    assert "&lt;n&gt;" in bundle["text/html"] and "<n>" not in bundle["text/html"]


def test_other_tables_are_left_alone(shell: Any) -> None:
    other = pd.DataFrame({"a": [1, 2]})
    assert shown(shell, other) == {"text/plain": repr(other), "text/html": other._repr_html_()}
    assert shown(shell, other["a"]) == {"text/plain": repr(other["a"])}


def test_footnotes_are_escaped(shell: Any, table: pd.DataFrame) -> None:
    table.attrs["release"]["policy"] = "<script>alert(1)</script>"
    assert "<script" not in shown(shell, table)["text/html"]


def test_unloading_restores(shell: Any, table: pd.DataFrame) -> None:
    kernel_ext.unload_ipython_extension(shell)
    assert shown(shell, table)["text/plain"] == repr(table)


def test_what_was_registered_before_comes_back(shell: Any, table: pd.DataFrame) -> None:
    kernel_ext.unload_ipython_extension(shell)
    formatter = shell.display_formatter.formatters["text/html"]
    formatter.for_type(pd.DataFrame, lambda table: "of another extension")
    try:
        kernel_ext.load_ipython_extension(shell)
        assert NOTE in shown(shell, table)["text/html"]
        kernel_ext.unload_ipython_extension(shell)
        assert shown(shell, table)["text/html"] == "of another extension"
    finally:
        formatter.pop("pandas.DataFrame", None)
