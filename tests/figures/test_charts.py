"""What is drawn is what was released: every mark has the height of its cell, and a withheld cell is marked, never zero."""

from __future__ import annotations

import datetime
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.dates import date2num
from matplotlib.figure import Figure

from secureframe import PlanError, figures
from secureframe.figures import style
from secureframe.figures.cells import WITHHELD, of
from secureframe.results.histogram import Histogram
from tests.figures.tables import MONTHS, NOTE, RECORD, STAGES, column, counts, description, means, monthly, released


def hatched(ax: Any) -> list[tuple[float, float]]:
    """Where the marks of withheld cells lie, along x."""
    boxes = [patch.get_bbox() for patch in ax.patches if patch.get_hatch()]
    return [(round(box.x0, 6), round(box.x1, 6)) for box in boxes]


def heights(ax: Any) -> list[float]:
    return [patch.get_height() for patch in ax.patches if not patch.get_hatch()]


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


# -- bars --------------------------------------------------------------------------------------------------------------------


def test_bars_have_the_height_of_their_cells() -> None:
    ax = figures.plot(means(41.2, 55.1, None, 62.4), "bar").ax
    assert heights(ax) == [41.2, 55.1, 62.4]
    assert hatched(ax) == [(1.6, 2.4)]
    assert texts(ax) == ["41.2", "55.1", "withheld", "62.4"]
    assert [label.get_text() for label in ax.get_xticklabels()] == list(STAGES)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("stage", "age")


def test_a_withheld_band_covers_all_heights() -> None:
    """Its height is that of the axes, whatever the cell was."""
    ax = figures.plot(means(41.2, 55.1, None, 62.4), "bar").ax
    (band,) = [patch for patch in ax.patches if patch.get_hatch()]
    assert (band.get_y(), band.get_height()) == (0, 1)
    assert band.get_transform().contains_branch(ax.get_xaxis_transform())


def test_grouped_bars() -> None:
    picture = figures.plot(counts(), "bar")
    assert heights(picture.ax) == [1200, 455, 25610, 800, 310, 90]
    assert hatched(picture.ax) == [(2.6, 3.0), (1.0, 1.4)]
    legend = [text.get_text() for text in picture.ax.get_legend().get_texts()]
    assert legend == ["NL", "DE", "withheld"]
    lying = figures.plot(counts(), "barh").ax
    assert [patch.get_width() for patch in lying.patches if not patch.get_hatch()] == [1200, 455, 25610, 800, 310, 90]


def test_missing_is_told_from_withheld() -> None:
    table = means(41.2, 55.1, None, 62.4)
    table.iloc[0] = pd.NA
    ax = figures.plot(table, "bar").ax
    assert "no value" in texts(ax) and "withheld" in texts(ax) and len(hatched(ax)) == 1


def test_stacked_bars_need_all_cells() -> None:
    with pytest.raises(PlanError, match="withheld or missing cannot be stacked"):
        figures.plot(counts(), "bar", stacked=True)
    whole = counts().fillna(10)
    ax = figures.plot(whole, "bar", stacked=True).ax
    assert [patch.get_y() for patch in ax.patches] == [0] * 4 + [1200, 455, 25610, 10]


def test_sorted_and_turned_tables_keep_their_marks() -> None:
    backwards = counts().sort_values("DE", ascending=False)
    assert [row[-1] is WITHHELD for row in zip(*of(backwards).values, strict=True)] == [False, False, False, True]
    assert of(counts().T).values == tuple(zip(*of(counts()).values, strict=True))
    assert of(counts()["NL"]).values == (of(counts()).values[0],)


def test_a_table_of_another_shape_shows_all_that_is_missing_as_withheld() -> None:
    sums = (counts()["NL"] + counts()["DE"]).reset_index(drop=True)
    sums.attrs = counts().attrs
    assert [value is WITHHELD for value in of(sums).values[0]] == [False, True, False, True]


# -- lines -------------------------------------------------------------------------------------------------------------------


def test_lines_end_where_a_point_is_withheld() -> None:
    ax = figures.plot(monthly()["mean"], "line").ax
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), date2num(MONTHS))
    np.testing.assert_array_equal(line.get_ydata(), [131, 133.2, 130, np.nan, 128, 127])
    ((low, high),) = hatched(ax)
    assert (low + high) / 2 == pytest.approx(date2num(MONTHS[3]))
    assert [label.get_text() for label in ax.get_xticklabels()] == [f"2025-0{month}" for month in range(1, 7)]


def test_lines_withheld_beside_others_are_marked_outside_the_axes() -> None:
    table = monthly()
    table["other"] = column([120] * 6)
    ax = figures.plot(table[["mean", "other"]], "line").ax
    bands = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(bands) == 1 and bands[0].get_y() == 1.0
    assert "withheld" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_panels() -> None:
    picture = figures.plot(monthly(), "line", subplots=True)
    assert [ax.get_ylabel() for ax in picture.axes] == ["count", "mean of sbp"]
    assert "2 cells withheld" in picture.alt and picture.alt.count(NOTE) == 1


# -- boxes -------------------------------------------------------------------------------------------------------------------


def test_boxes_are_released_quantiles() -> None:
    picture = figures.plot(description(), "box")
    bodies = [(patch.get_y(), patch.get_y() + patch.get_height()) for patch in picture.ax.patches if not patch.get_hatch()]
    assert bodies == [(52, 70), (118, 144)]
    drawn = {float(y) for line in picture.ax.get_lines() for y in line.get_ydata()}
    assert drawn == {40, 52, 61, 70, 83, 95, 118, 130, 144}
    assert hatched(picture.ax) == [(1.75, 2.25)]
    assert "Whiskers: 5\u202f% and 95\u202f% quantiles." in picture.alt and "Whiskers withheld: sbp (95\u202f%)." in picture.alt


def test_boxes_of_grouped_quantiles() -> None:
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    index = pd.MultiIndex.from_product([["f", "m"], levels], names=["sex", None])
    table = pd.Series(column([20, 30, 40, 50, 60, *[None] * 5], "Int64"), index=index, name="age")
    released(table, *((["m", q], "age") for q in levels), kinds=["quantile"])
    picture = figures.plot(table, "box")
    assert picture.alt.startswith(
        "Box plot of age by sex: f median 40, quartiles 30 to 50, whiskers 20 to 60; m withheld. 5 cells withheld:"
    )
    assert picture.ax.get_ylim() == (18, 98)


def test_boxes_need_quartiles() -> None:
    with pytest.raises(PlanError, match="needs the released quantiles 25 %, 50 % and 75 %") as caught:
        figures.plot(monthly(), "box")
    assert "quantile([0.05, 0.25, 0.5, 0.75, 0.95])" in str(caught.value)


# -- histograms --------------------------------------------------------------------------------------------------------------


def histogram() -> Histogram:
    record = {**RECORD, "kinds": ["size"], "ranges": {}, "suppressed": [{"row": "[0, 40)", "column": "count"}], "cells": 3}
    return Histogram(edges=(0, 40, 60, 120), counts=(None, 30, 40), name="age", release=record)


@pytest.mark.parametrize("draw", [lambda h: h.plot(), lambda h: figures.plot(h.to_series(), "hist")])
def test_histograms_are_to_scale(draw: Any) -> None:
    ax = draw(histogram()).ax
    bars = [(p.get_x(), p.get_x() + p.get_width(), p.get_height()) for p in ax.patches if not p.get_hatch()]
    assert bars == [(40, 60, 30), (60, 120, 40)] and hatched(ax) == [(0, 40)]
    assert ax.get_xlim() == (0, 120)


def test_a_histogram_of_released_statistics_is_refused() -> None:
    with pytest.raises(PlanError, match="between public edges") as caught:
        figures.plot(means(41.2, 55.1, None, 62.4), "hist")
    assert 'frame["age"].hist(' in str(caught.value)


# -- axes --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [(41.2, 55.1, None, 62.4), (20, 21, 22, 23)])
def test_axes_span_public_ranges(values: Any) -> None:
    """The same whatever was released."""
    assert figures.plot(means(*values), "bar").ax.get_ylim() == (0, 98)
    assert figures.plot(means(*values), "line").ax.get_ylim() == (18, 98)


def test_numbers_computed_from_released_ones_are_seen_and_not_called_what_they_are_not() -> None:
    """Twice a mean keeps the record of the mean; so does a share that of a number."""
    twice = figures.plot(means(41.2, 55.1, None, 62.4) * 2, "bar").ax
    assert twice.get_ylim()[1] > 124.8 and twice.get_ylabel() == "age"
    shares = counts().div(counts().sum(axis=1), axis=0)
    shares.attrs = counts().attrs
    assert figures.plot(shares, "bar").ax.get_ylabel() == "" and figures.plot(counts(), "bar").ax.get_ylabel() == "count"


def test_axes_of_counts_reach_the_largest_released_one() -> None:
    low, high = figures.plot(counts(), "bar").ax.get_ylim()
    assert low == 0 and 25610 < high < 1.2 * 25610
    all_withheld = means(None, None, None, None)
    all_withheld.attrs["release"].update(ranges={}, kinds=["size"])
    assert figures.plot(all_withheld, "bar").ax.get_ylim() == (0, 1)


def test_axes_of_correlations_and_dates() -> None:
    matrix = released(pd.DataFrame({"age": [1.0, 0.2], "bmi": [0.2, 1.0]}, index=["age", "bmi"]), kinds=["corr"])
    assert figures.plot(matrix, "bar").ax.get_ylim() == (-1, 1)
    days = pd.Series(pd.to_datetime(["2020-03-01", "2021-03-01"]), index=["a", "b"], name="entered")
    released(days, kinds=["quantile"], ranges={"entered": ["2010-01-01", "2029-12-31"]})
    picture = figures.plot(days, "line")
    assert picture.ax.get_ylim() == (date2num(datetime.date(2010, 1, 1)), date2num(datetime.date(2029, 12, 31)))
    assert "a 2020-03-01; b 2021-03-01" in picture.alt


def test_what_is_asked_for_holds() -> None:
    picture = figures.plot(means(41, 55, None, 62), "bar", ylim=(30, 70), title="Ages", ylabel="years", figsize=(4, 3), color="k")
    assert picture.ax.get_ylim() == (30, 70) and picture.ax.get_ylabel() == "years"
    assert picture.alt.startswith("Ages. Bar chart of age by stage: none 41; mild 55; moderate withheld; severe 62. ")
    assert tuple(picture.figure.get_size_inches()) == (4, 3)
    assert to_hex(picture.ax.patches[0].get_facecolor()) == "#000000"


def test_given_axes_are_drawn_on_and_returned() -> None:
    axes = Figure().subplots()
    assert figures.plot(means(41, 55, None, 62), "bar", ax=axes) is axes
    assert any(NOTE in text.get_text().replace("\n", " ") for text in axes.texts)


def test_what_is_not_offered_is_refused() -> None:
    with pytest.raises(PlanError, match="not drawn as 'pie'"):
        figures.plot(counts(), "pie")
    with pytest.raises(PlanError, match="do not take colormap"):
        figures.plot(counts(), "bar", colormap="jet")
    mixed = released(pd.DataFrame({"top": ["a", "b"], "n": [1, 2]}))
    with pytest.raises(PlanError, match="top holds text"):
        figures.plot(mixed, "bar")


# -- looks -------------------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    channels = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_colours_stand_out_from_the_paper(dark: bool) -> None:
    turned = style.DARK if dark else {}
    paper = turned.get(style.PAPER, style.PAPER)
    for mark in (*style.SERIES, style.HATCH):
        assert contrast(turned.get(mark, mark), paper) >= 3
    for text in (style.INK, style.MUTED):
        assert contrast(turned.get(text, text), paper) >= 4.5


DEFICIENCIES = {
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""Machado, Oliveira and Fernandes 2009, severity 1, in linear RGB."""


def lab(colour: str, seen: Any) -> Any:
    channels = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.clip(np.array(seen) @ np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4), 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("dark", [False, True])
def test_series_are_told_apart(deficiency: str, dark: bool) -> None:
    colours = [style.DARK[colour] if dark else colour for colour in style.SERIES]
    seen = [lab(colour, DEFICIENCIES[deficiency]) for colour in colours]
    assert min(float(np.linalg.norm(a - b)) for i, a in enumerate(seen) for b in seen[:i]) > 10
