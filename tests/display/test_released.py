"""Released tables as a notebook shows them: withheld cells told from missing ones, and the line that says by which rules."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.display import released_html
from secureframe.results.numbers import SecureFloat, SecureInt, number
from secureframe.results.released import SUPPRESSED
from tests.display.looks import body_of
from tests.federation.session import session

RECORD = {"plan": "0123456789", "policy": "open-research", "threshold": 10, "rounding": "none", "suppressed": [], "cells": 4}
NOTE = "Released under open-research (threshold 10 persons, not rounded), plan 01234567"


def released(table: Any, *suppressed: tuple[Any, Any]) -> Any:
    table.attrs["release"] = {**RECORD, "suppressed": [{"row": row, "column": column} for row, column in suppressed]}
    return table


def cells(html: str | None) -> list[list[str]]:
    """The text of every row of the table's body, its labels included."""
    assert html is not None
    body = body_of(html, "released").split("<tbody>")[1]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in body.split("<tr>")[1:]]


def test_a_withheld_cell_is_told_from_a_missing_one() -> None:
    table = pd.DataFrame({"f": pd.array([12, None], "Int64"), "m": pd.array([None, 20], "Int64")}, index=["a", "b"])
    html = released_html(released(table, ("b", "f")))
    assert html is not None
    assert re.sub(r"\n *", "", body_of(html, "released")) == (
        '<div class="sf-scroll" role="group" tabindex="0" aria-label="released table"><table class="dataframe">'
        '<thead><tr><td></td><th scope="col">f</th><th scope="col">m</th></tr></thead>'
        '<tbody><tr><th scope="row">a</th><td>12</td><td>&lt;NA&gt;</td></tr>'
        '<tr><th scope="row">b</th><td class="sf-withheld">withheld</td><td>20</td></tr></tbody></table></div>'
        f'<p class="sf-note">{NOTE}; 1 cell withheld: fewer than 10 persons, or needed to protect one that is;'
        " merge levels, e.g. sf.cut with wider bands.</p>"
    )


def test_a_cell_with_a_value_is_never_called_withheld() -> None:
    """A record outlives what was made of a table since."""
    table = released(pd.DataFrame({"f": pd.array([12, None], "Int64")}, index=["a", "b"]), ("b", "f"), ("a", "f"))
    assert cells(released_html(table)) == [["a", "12"], ["b", "withheld"]]
    assert cells(released_html(released(table.fillna(0), ("b", "f")))) == [["a", "12"], ["b", "0"]]


def test_labels_of_several_levels_of_bands_and_of_days() -> None:
    index = pd.MultiIndex.from_product([pd.IntervalIndex.from_breaks([0, 5, 9]), pd.to_datetime(["2020-01-01", "2021-01-01"])])
    table = pd.DataFrame(np.nan, index=index, columns=pd.MultiIndex.from_product([["mean"], [0, 1]], names=[None, "male"]))
    table.iloc[0, 0] = 1.5
    marked = released(table, (["(0, 5]", "2020-01-01T00:00:00"], ["mean", 1]), (["(5, 9]", "2021-01-01T00:00:00"], ["mean", 0]))
    html = released_html(marked)
    assert [row[-2:] for row in cells(html)] == [["1.5", "withheld"], ["NaN", "NaN"], ["NaN", "NaN"], ["withheld", "NaN"]]
    assert html is not None and 'scope="colgroup" colspan="2"' in html and 'scope="rowgroup" rowspan="2"' in html


@pytest.mark.parametrize("name", [None, "n"])
def test_a_series_is_a_table_of_one_column(name: str | None) -> None:
    series = released(pd.Series(pd.array([None, 3], "Int64"), index=[False, True], name=name), (False, name))
    html = released_html(series)
    assert cells(html) == [["False", "withheld"], ["True", "3"]]
    assert html is not None and ('<th scope="col">n</th>' in html) == (name == "n")


def test_what_was_not_released_is_none() -> None:
    assert released_html(pd.DataFrame({"a": [1]})) is released_html(3.5) is released_html(SecureFloat(1.0, dict(RECORD))) is None


def test_a_table_that_is_larger_than_any_release_is_cut() -> None:
    html = released_html(released(pd.DataFrame(np.zeros((6000, 1)))))
    assert html is not None and html.count("<tr") < 100 and NOTE in html


def test_names_are_escaped() -> None:
    nasty = '<img src=x onerror="alert(1)"></td>'
    table = pd.DataFrame({nasty: pd.array([None, None], "Int64")}, index=pd.Index([nasty, "b"], name=nasty))
    html = released_html(released(table, (nasty, nasty)))
    assert html is not None and "<img" not in html and [row[-1] for row in cells(html)] == ["withheld", "&lt;NA&gt;"]
    table.attrs["release"]["policy"] = nasty
    html = released_html(table)
    assert html is not None and "<img" not in html


def test_a_statement_marks_what_its_record_withholds() -> None:
    patients = session()["hospital.patients"]
    with pytest.warns(sf.SuppressedWarning):
        table = sf.crosstab(patients["site"], patients["male"], margins=True)
    shown = cells(released_html(table))
    withheld = {(c["row"], c["column"]) for c in table.attrs["release"]["suppressed"]}
    assert withheld
    for row, (label, *texts) in zip(table.index, shown, strict=True):
        for column, text in zip(table.columns, texts, strict=True):
            assert (text == "withheld") == ((row, column) in withheld), (label, column)
            assert text in ("withheld", "&lt;NA&gt;") or text == str(table.loc[row, column])


def test_a_released_number_has_its_footnote() -> None:
    shown = SecureInt(12, dict(RECORD))._repr_html_()
    assert shown is not None
    assert body_of(shown, "number") == f'<p><span>12</span></p><p class="sf-note">{NOTE}.</p>'
    withheld = number(SUPPRESSED, {**RECORD, "cells": 1, "suppressed": [{"row": None, "column": "mean of x"}]})._repr_html_()
    assert withheld is not None and '<span class="sf-chip sf-withheld">withheld</span>' in withheld and "nan" not in withheld
    assert SecureFloat(1.0)._repr_html_() is None
