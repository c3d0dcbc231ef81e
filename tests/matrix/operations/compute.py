"""Compute: columns made of columns, over columns of one institution and, where layouts have several, of several.

``age``, ``bmi`` and ``entered`` are known to the hospitals, ``sex`` and ``balance`` to the insurer, ``grade``, ``score`` and
``seen`` to the registry.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tests.matrix.data import FIRST, LAST
from tests.matrix.layouts import Study
from tests.matrix.operations.registry import day, levels, number, operation, truth

ROW = "compute"
QUARTERS = [str(quarter) for quarter in pd.period_range(FIRST, LAST, freq="Q")]
EDGES = pd.to_datetime([str(FIRST), "2018-05-01", str(LAST)])
BANDS = [18, 40, 55, 65, 91]


def _grid(column: Any, step: float) -> pd.Series:
    """Rounded half to even onto a grid, as a quotient is."""
    return pd.Series(np.round(column.astype("Float64") / step) * step).astype("Float64")


def computed(shown: str, make: Callable[[Any, Study], Any], of: Callable[[Any], Any], pandas: Any = None) -> None:
    """Enter an expression over the columns of ``people``, and what is released of it."""
    run = lambda s: of(make(s.people, s))  # noqa: E731 - one line for what an entry does
    operation(ROW, shown, run, None if pandas is None else lambda s: of(pandas(s.people, s)))


ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul}
for _sign, _does in ARITHMETIC.items():
    computed(f"column {_sign} constant", lambda d, s, f=_does: f(d["bmi"], 2), number)  # type: ignore[misc]
    computed(f"constant {_sign} column", lambda d, s, f=_does: f(10, d["score"]), number)  # type: ignore[misc]
    computed(f"column {_sign} column of one institution", lambda d, s, f=_does: f(d["bmi"], d["age"]), number)  # type: ignore[misc]
    computed(f"column {_sign} column of another institution", lambda d, s, f=_does: f(d["bmi"], d["score"]), number)  # type: ignore[misc]
for _named in ("add", "sub", "mul", "rsub", "gt", "le", "ne"):
    computed(f"column.{_named}(constant)", lambda d, s, m=_named: getattr(d["score"], m)(3), truth)  # type: ignore[misc]
computed("column ** 2", lambda d, s: d["score"] ** 2, number)
computed("column.pow(3)", lambda d, s: d["score"].pow(3), number)
computed("-column", lambda d, s: -d["score"], number)
computed("+column", lambda d, s: +d["score"], number)
computed("column / constant", lambda d, s: d["bmi"] / 4, number)
computed(
    "column / column of one institution",
    lambda d, s: d["bmi"] / d["age"],
    number,
    lambda d, s: _grid(d["bmi"] / d["age"], 1 / 32768),
)
computed(
    "column / column of another institution",
    lambda d, s: d["score"] / d["age"],
    number,
    lambda d, s: _grid(d["score"] / d["age"], 1 / 65536),
)
computed("column // constant", lambda d, s: d["score"] // 7, number)
computed("column // constant of decimals", lambda d, s: d["balance"] // 100, number)
computed("column // column", lambda d, s: d["balance"] * 3 // d["age"], number)
computed("column % constant", lambda d, s: d["score"] % 7, number)
computed("column % negative constant", lambda d, s: d["score"] % -7, number)
computed("column % column", lambda d, s: d["score"] % d["age"], number)
computed("sum of columns of two institutions // constant", lambda d, s: (d["score"] + d["age"]) // 10, number)
computed("sum of columns of two institutions % constant", lambda d, s: (d["score"] + d["age"]) % 10, number)

COMPARISONS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
for _sign, _does in COMPARISONS.items():
    computed(f"column {_sign} constant", lambda d, s, f=_does: f(d["score"], 3), truth)  # type: ignore[misc]
    computed(f"column {_sign} column of another institution", lambda d, s, f=_does: f(d["balance"], d["score"] * 10), truth)  # type: ignore[misc]


def _kleene(column: pd.Series, level: str) -> pd.Series:
    """A comparison of a category that is missing where the category is; in pandas it is false there."""
    return (column == level).astype("boolean").mask(column.isna())


computed('category == "level"', lambda d, s: d["grade"] == "mid", truth, lambda d, s: _kleene(d["grade"], "mid"))
computed('category != "level"', lambda d, s: d["grade"] != "mid", truth, lambda d, s: ~_kleene(d["grade"], "mid"))


def _date(d: Any, s: Study) -> Any:
    return d["seen"] >= pd.Timestamp("2017-03-01")


computed("date >= date constant", _date, truth, lambda d, s: (_date(d, s)).astype("boolean").mask(d["seen"].isna()))
computed(
    "date > date of another institution",
    lambda d, s: d["seen"] > d["entered"],
    truth,
    lambda d, s: (d["seen"] > d["entered"]).astype("boolean").mask(d["seen"].isna()),
)
computed("truth & truth", lambda d, s: (d["age"] > 50) & d["smoker"], truth)
computed("truth | truth of another institution", lambda d, s: (d["score"] > 0) | d["smoker"], truth)
computed("~truth", lambda d, s: ~d["smoker"], truth)
computed("truth + truth", lambda d, s: (d["age"] > 50) * 1 + (d["score"] > 0) * 1, number,
         lambda d, s: (d["age"] > 50).astype("Int64") + (d["score"] > 0).astype("Int64"))  # fmt: skip
computed("numbers.isin([...])", lambda d, s: d["score"].isin([-3, 0, 4, 5, 6]), truth)
computed("category.isin([...])", lambda d, s: d["grade"].isin(["low", "mid"]), truth)
computed("column.between(a, b)", lambda d, s: d["score"].between(-3, 8), truth)
computed('column.between(a, b, inclusive="left")', lambda d, s: d["score"].between(-3, 8, inclusive="left"), truth)
computed("column.between(column, column)", lambda d, s: d["balance"].between(d["score"], d["age"]), truth)
computed("column.isna()", lambda d, s: d["age"].where(d["score"] > 0).isna(), truth)
computed("column.notna()", lambda d, s: d["age"].where(d["score"] > 0).notna(), truth)
computed("column.fillna(constant)", lambda d, s: d["score"].where(d["age"] > 50).fillna(7), number)
computed("column.fillna(column)", lambda d, s: d["score"].where(d["age"] > 50).fillna(d["age"]), number)
computed('category.fillna("level")', lambda d, s: d["grade"].fillna("low"), levels)
computed("column.clip(lower, upper)", lambda d, s: d["score"].clip(-8, 11), number)
computed("column.clip(lower=)", lambda d, s: d["balance"].clip(lower=0), number)
computed("column.abs()", lambda d, s: d["score"].abs(), number)
computed("abs(column)", lambda d, s: abs(d["balance"]), number)
computed("column.round()", lambda d, s: d["bmi"].round(), number)
computed("column.round(1)", lambda d, s: d["balance"].round(1), number)
computed("column.round(-1)", lambda d, s: d["age"].round(-1), number)
computed("(sum of columns of two institutions).round()", lambda d, s: (d["bmi"] + d["score"]).round(), number)
computed("column.where(condition)", lambda d, s: d["bmi"].where(d["age"] > 50), number)
computed("column.where(condition, constant)", lambda d, s: d["bmi"].where(d["score"] > 0, 20), number,
         lambda d, s: d["bmi"].where((d["score"] > 0).fillna(False), 20))  # fmt: skip
computed("column.mask(condition, constant)", lambda d, s: d["bmi"].mask(d["score"] > 0, 20), number)
computed("column.mask(condition)", lambda d, s: d["bmi"].mask(d["age"] > 50), number)
computed("sf.where(condition, 1, 0)", lambda d, s: s.ns.where(d["bmi"] >= 30, 1, 0), number)
computed("sf.where(condition, column, column)", lambda d, s: s.ns.where(d["smoker"], d["score"], d["age"]), number)
computed("truth.map({...})", lambda d, s: d["smoker"].map({True: 3, False: 5}), number)
computed("category.map({...})", lambda d, s: d["grade"].map({"low": 1, "mid": 2, "high": 4}), number,
         lambda d, s: d["grade"].astype(object).map({"low": 1, "mid": 2, "high": 4}).astype("Int64"))  # fmt: skip
computed("category.map({...}) to a category", lambda d, s: d["grade"].map({"low": "few", "mid": "many", "high": "most"}), levels,
         lambda d, s: d["grade"].cat.rename_categories({"low": "few", "mid": "many", "high": "most"}))  # fmt: skip
computed(
    "numbers.map({...})",
    lambda d, s: (d["age"] // 50).map({0: 10, 1: 20}),
    number,
    lambda d, s: (d["age"] // 50).map({0: 10, 1: 20}),
)
computed("numbers.astype(bool)", lambda d, s: d["score"].astype(bool), truth, lambda d, s: d["score"] != 0)
computed("numbers.astype(str)", lambda d, s: (d["age"] // 50).astype(str), levels,
         lambda d, s: (d["age"] // 50).astype(str).astype(pd.CategoricalDtype(["0", "1"])))  # fmt: skip
computed("truth.astype(int)", lambda d, s: d["smoker"].astype(int), number, lambda d, s: d["smoker"].astype("Int64"))
computed("numbers.astype(float)", lambda d, s: d["score"].astype(float), number, lambda d, s: d["score"].astype("Float64"))
computed('numbers.astype("Int64")', lambda d, s: d["score"].astype("Int64"), number)
computed(
    "numbers.astype(float, precision=)",
    lambda d, s: d["bmi"].astype(float, precision=0.5),
    number,
    lambda d, s: _grid(d["bmi"], 0.5),
)
computed("sf.cut(column, edges)", lambda d, s: s.ns.cut(d["age"], BANDS, right=False), levels)
computed("sf.cut(column, edges, labels=)", lambda d, s: s.ns.cut(d["age"], BANDS, labels=["a", "b", "c", "d"]), levels)
computed(
    "sf.cut(column of two institutions)",
    lambda d, s: s.ns.cut(d["age"] + d["score"], [0, 40, 60, 111], include_lowest=True, labels=["a", "b", "c"]),
    levels,
)

for _part in ("year", "month", "day", "dayofweek", "day_of_week", "quarter"):
    _same = {"dayofweek": "day_of_week"}.get(_part, _part)
    for _name, _whose in (("entered", "date"), ("seen", "date of the registry")):
        computed(
            f"{_whose}.dt.{_part}",
            lambda d, s, n=_name, p=_part: getattr(d[n].dt, p),  # type: ignore[misc]
            number,
            lambda d, s, n=_name, p=_same: getattr(d[n].dt, p),
        )
computed("(date - date).dt.days", lambda d, s: (d["seen"] - d["entered"]).dt.days, number)
computed("(date - date constant).dt.days", lambda d, s: (d["entered"] - pd.Timestamp("2015-01-01")).dt.days, number)
computed(
    "(date + days of another institution).dt.month",
    lambda d, s: (d["entered"] + d["score"]).dt.month,
    number,
    lambda d, s: (d["entered"] + pd.to_timedelta(d["score"], unit="D")).dt.month.astype("Int64"),
)
computed(
    "date > date + days",
    lambda d, s: d["seen"] > d["entered"] + pd.Timedelta(days=30),
    truth,
    lambda d, s: (d["seen"] > d["entered"] + pd.Timedelta(days=30)).astype("boolean").mask(d["seen"].isna()),
)
computed(
    'date.dt.to_period("Q")',
    lambda d, s: d["entered"].dt.to_period("Q"),
    levels,
    lambda d, s: d["entered"].dt.to_period("Q").astype(str).astype(pd.CategoricalDtype(QUARTERS)),
)
computed(
    "sf.cut(date, edges)",
    lambda d, s: s.ns.cut(d["seen"], EDGES, labels=["a", "b"], include_lowest=True),
    levels,
    lambda d, s: pd.cut(d["seen"], EDGES, labels=["a", "b"], include_lowest=True),
)
computed("date median", lambda d, s: d["seen"], day)
TEXT: dict[str, Callable[[Any], Any]] = {
    'str.startswith("Old")': lambda c: c.str.startswith("Old"),
    'str.endswith("-003")': lambda c: c.str.contains("-00", regex=False),
    'str.lower() == "..."': lambda c: c.str.lower().str.contains("bridge", regex=False),
    "str.len()": lambda c: c.str.len() > 12,
    "str.upper()": lambda c: c.str.upper().str.startswith("UPPER"),
    "str.strip()": lambda c: c.str.strip().str.startswith("New"),
    "str.slice()": lambda c: c.str.slice(0, 3) == "Old",
    "str.replace()": lambda c: c.str.replace("Old", "New", regex=False).str.startswith("New"),
}
for _shown, _text in TEXT.items():
    computed(_shown, lambda d, s, f=_text: f(d["town"]), truth)  # type: ignore[misc]
computed(
    "text == text", lambda d, s: d["town"].isin(["Old Haven-000", "New bridge-001", "Old Haven-006", "Old bridge-003"]), truth
)
