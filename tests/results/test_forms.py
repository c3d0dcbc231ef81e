"""Forms travel: what an institution opens looks as it would have looked to the analyst."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

import secureframe as sf
from secureframe.errors import PlanError, SuppressedWarning
from secureframe.plan.codec import canonical, parse
from secureframe.results.forms import FORMS, Form
from secureframe.results.histogram import Histogram
from secureframe.results.periods import in_periods
from secureframe.results.receipt import asked
from secureframe.results.shape import column_series, grouped_frame, one_number
from secureframe.testing import start_in_memory

pytestmark = pytest.mark.filterwarnings(f"ignore::{SuppressedWarning.__module__}.SuppressedWarning")


@pytest.fixture(scope="module")
def fed() -> Iterator[sf.Federation]:
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "id": range(300),
            "age": rng.integers(20, 90, 300),
            "x": rng.integers(0, 100, 300),
            "y": pd.array(rng.integers(0, 100, 300), dtype="Int64"),
            "male": rng.integers(0, 2, 300),
            "site": rng.choice(["a", "b", "c"], 300, p=[0.5, 0.48, 0.02]),
        }
    )
    rows.loc[:30, "y"] = pd.NA
    rows["day"] = pd.Timestamp(2020, 1, 1) + pd.to_timedelta(rng.integers(0, 700, 300), unit="D")
    columns = {
        "id": sf.key(low=0, high=999, nullable=False),
        "age": sf.integer(0, 120, nullable=False),
        "x": sf.integer(0, 100, nullable=False),
        "y": sf.integer(0, 100, nullable=True),
        "male": sf.integer(0, 1, nullable=False),
        "site": sf.category(["a", "b", "c"], nullable=False),
        "day": sf.date(datetime.date(2020, 1, 1), datetime.date(2022, 12, 31), nullable=False),
    }
    table = sf.Table(rows, columns=columns, roster_size=300, rows_per_person=1)
    with sf.simulate({"hospital": {"people": table}}, purpose="forms", quiet=True, start=start_in_memory) as found:
        yield found


Statement = Callable[[sf.SecureFrame], Any]
STATEMENTS: dict[str, Statement] = {
    "a number": lambda df: df["age"].mean(),
    "a count": lambda df: df["y"].count(),
    "columns": lambda df: df[["age", "x"]].mean(),
    "one quantile of columns": lambda df: df[["age", "x"]].quantile(0.25),
    "quantiles of columns": lambda df: df[["age", "x"]].quantile([0.25, 0.5]),
    "quantiles of a column": lambda df: df["age"].quantile([0.25, 0.5]),
    "a list of statistics": lambda df: df["age"].agg(["count", "mean"]),
    "description": lambda df: df[["age", "y", "site"]].describe(),
    "description of a column": lambda df: df["site"].describe(),
    "counts": lambda df: df["site"].value_counts(),
    "shares": lambda df: df["site"].value_counts(normalize=True),
    "counts by two": lambda df: df[["site", "male"]].assign(male=df["male"] == 1).value_counts(["site", "male"]),
    "sizes": lambda df: df.groupby("site").size(),
    "a statistic by groups": lambda df: df.groupby("site")["age"].std(),
    "statistics by groups": lambda df: df.groupby("site")["age"].agg(["count", "mean"]),
    "named statistics": lambda df: df.groupby("site").agg(n=("age", "count"), m=("x", "median")),
    "statistics of columns by groups": lambda df: df.groupby("site")[["age", "x"]].agg(["mean", "std"]),
    "quantiles by groups": lambda df: df.groupby("site")["age"].quantile([0.25, 0.75]),
    "a quantile by groups": lambda df: df.groupby("site")["age"].quantile(0.75),
    "description by groups": lambda df: df.groupby("site")["age"].describe(),
    "correlations": lambda df: df[["age", "x", "y"]].corr(),
    "correlations by groups": lambda df: df.groupby("site")[["age", "x"]].corr(),
    "covariances": lambda df: df[["age", "x", "y"]].cov(),
    "skewness": lambda df: df[["age", "x"]].skew(),
    "levels": lambda df: df["male"].nunique(),
    "levels of columns": lambda df: df[["site", "male"]].nunique(),
    "levels by groups": lambda df: df.groupby("site")["male"].nunique(),
    "levels beside statistics": lambda df: df.groupby("male").agg(n=("age", "count"), s=("site", "nunique"), m=("x", "median")),
    "a pivot table": lambda df: df.pivot_table(values=["x", "y"], index="site", columns="male", aggfunc=["mean", "count"]),
    "a pivot table with totals": lambda df: df.pivot_table(index="site", columns="male", values="x", aggfunc="sum", margins=True),
    "sizes by period": lambda df: df.resample("YE", on="day").size(),
    "correlations by period": lambda df: df.resample("YE", on="day")[["age", "x"]].corr(),
    "quantiles by period": lambda df: df.resample("YE", on="day")["age"].quantile([0.25, 0.75]),
    "a correlation": lambda df: df["age"].corr(df["x"]),
    "a cross table": lambda df: sf.crosstab(df["site"], df["male"] == 1, margins=True),
    "table one": lambda df: sf.table_one(df[["age", "male", "site"]], by="site"),
    "a range": lambda df: df["age"].robust_range(),
    "columns and what is asked of each": lambda df: df.agg({"age": ["count", "mean"], "x": ["mean", "std"]}),
    "histograms": lambda df: df[["age", "x"]].hist(bins=4),
    "a histogram": lambda df: df["age"].hist(bins=[0, 40, 60, 120]),
}


def same(mine: Any, theirs: Any) -> None:
    if isinstance(mine, pd.DataFrame):
        assert_frame_equal(mine, theirs)
        assert mine.attrs["release"]["suppressed"] == theirs.attrs["release"]["suppressed"]
    elif isinstance(mine, pd.Series):
        assert_series_equal(mine, theirs)
        assert mine.attrs["release"]["suppressed"] == theirs.attrs["release"]["suppressed"]
    elif isinstance(mine, Histogram):
        assert (mine.edges, mine.counts, mine.name) == (theirs.edges, theirs.counts, theirs.name)
    elif isinstance(mine, dict):
        assert list(mine) == list(theirs)
        for name, one in mine.items():
            same(one, theirs[name])
    else:
        assert type(mine) is type(theirs)
        assert mine == theirs


@pytest.mark.parametrize("name", STATEMENTS)
def test_an_institution_gets_what_the_analyst_would_have(fed: sf.Federation, name: str) -> None:
    with sf.defer() as study:
        STATEMENTS[name](fed["hospital.people"])
    (pending,) = study.pending
    assert isinstance(pending.shape, Form)
    receipt = sf.collect(pending, recipient="neutral")
    (mine,) = study.collect()
    same(mine, sf.received(fed["neutral"])[receipt.job].open())


def test_several_results_come_in_their_order(fed: sf.Federation) -> None:
    df = fed["hospital.people"]
    with sf.defer(recipient="neutral") as study:
        df["age"].mean()
        df.groupby("site")["age"].agg(["count", "mean"])
        df["age"].robust_range()
        df["age"].mean()
    receipt = study.collect()
    sealed = sf.received(fed["neutral"])[receipt.job]
    mean, table, ends, again = sealed.open()
    assert sealed.titles == ("mean of age", "2 statistics by site", "robust range of age", "mean of age")
    assert mean == again and table.columns.tolist() == ["count", "mean"]
    assert len(ends) == 2 and ends[0] < mean < ends[1]
    assert [asked(r) for r in sealed.plan.releases] == list(sealed.statistics)


def test_what_has_no_form_is_shown_all_the_same(fed: sf.Federation) -> None:
    with sf.defer() as study:
        pending = fed["hospital.people"].groupby("site")["age"].agg(["count", "mean"])
    receipt = sf.collect(pending.map(lambda table: table * 2, "twice"), recipient="neutral")
    table = sf.received(fed["neutral"])[receipt.job].open()
    assert table.columns.tolist() == ["count of age", "mean of age"]
    assert table.to_numpy().tolist() == study.collect()[0].to_numpy().tolist()


@pytest.mark.parametrize(
    "form",
    [
        Form(column_series, ["a", "b", "c", "d"]).to_json(),
        Form(grouped_frame, pd.Index(["one"])).to_json(),
        {"function": "system", "arguments": [], "named": {}},
        {"function": "one_number", "arguments": [], "named": {"tables": {"type": "null", "value": ""}}},
        {"function": "one_number"},
    ],
)
def test_a_form_that_does_not_fit_is_left_aside(
    fed: sf.Federation, form: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with sf.defer() as study:
        pending = fed["hospital.people"]["age"].mean()
    monkeypatch.setattr(Form, "to_json", lambda self: form)
    receipt = sf.collect(pending, recipient="neutral")
    with pytest.warns(UserWarning, match="does not fit"):
        number = sf.received(fed["neutral"])[receipt.job].open()
    assert number == study.collect()[0]


def test_what_an_analyst_calls_a_result_steers_no_terminal(fed: sf.Federation) -> None:
    with sf.defer():
        pending = fed["hospital.people"]["age"].mean()
    pending.title = "\x1b[31m" + "x" * 500
    receipt = sf.collect(pending, recipient="neutral")
    (title,) = sf.received(fed["neutral"])[receipt.job].titles
    assert title.isprintable() and len(title) == 200


# -- on paper ------------------------------------------------------------------------------------------------------------------


ARGUMENTS = [
    ("text", 3, 2.5, True, None),
    (["a", None], [("age", ["count", "mean"])], 0.05),
    (pd.Index(["count", "mean"]), pd.MultiIndex.from_tuples([("age", "mean"), ("x", "std")])),
]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_a_form_is_read_as_it_was_written(arguments: tuple[Any, ...]) -> None:
    written = Form(grouped_frame, *arguments, names=("a", "b")).to_json()
    assert written is not None and parse(canonical(written)) == written
    read = Form.from_json(json.loads(json.dumps(written)))
    assert read.function is grouped_frame and read.named == {"names": ("a", "b")} and read.to_json() == written
    for one, other in zip(arguments, read.arguments, strict=True):
        if isinstance(one, pd.Index):
            assert type(one) is type(other) and one.equals(other)
    assert [type(a) for a in read.arguments if not isinstance(a, tuple)] == [
        type(a) for a in arguments if not isinstance(a, list | tuple)
    ]


@pytest.mark.parametrize("argument", [object(), pd.CategoricalIndex(["a"]), pd.Index(["a"], name="b"), {"a": 1}, np.arange(3)])
def test_what_cannot_travel_has_no_form(argument: Any) -> None:
    assert Form(grouped_frame, argument).to_json() is None


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"function": "one_number", "arguments": {}, "named": {}},
        {"function": "one_number", "arguments": [], "named": []},
        {"function": "one_number", "arguments": [{"type": "float", "value": "x"}], "named": {}},
        {"function": "one_number", "arguments": [{"type": "float", "value": None}], "named": {}},
        {"function": "one_number", "arguments": [{"type": "sequence", "value": "ab"}], "named": {}},
        {"function": "one_number", "arguments": [{"type": "other", "value": ""}], "named": {}},
        {"function": "one_number", "arguments": [{"type": "int"}], "named": {}},
        {"function": "one_number", "arguments": ["a"], "named": {}},
    ],
)
def test_a_malformed_form_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        Form.from_json(record)


def test_only_functions_of_results_are_forms() -> None:
    with pytest.raises(TypeError, match="no form"):
        Form(print)
    assert Form(one_number).function is FORMS["one_number"]


def test_a_form_within_a_form() -> None:
    inner = Form(grouped_frame, pd.Index(["a"]))
    written = Form(in_periods, inner, "YE", "day").to_json()
    assert written is not None
    read = Form.from_json(json.loads(json.dumps(written))).arguments[0]
    assert isinstance(read, Form) and read.to_json() == inner.to_json()
    assert Form(in_periods, Form(grouped_frame, object()), "YE", "day").to_json() is None
    assert Form(in_periods, lambda tables: tables, "YE", "day").to_json() is None
    for value in ("text", None, {"function": "print", "arguments": [], "named": {}}):
        with pytest.raises(PlanError):
            Form.from_json({"function": "in_periods", "arguments": [{"type": "form", "value": value}], "named": {}})
