"""Numbers out: what leaves, of columns, of frames, and by groups with a public domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tests.matrix.layouts import Study
from tests.matrix.operations.registry import operation

ROW = "numbers out"
NUMBERS = ["age", "bmi", "balance", "score"]
QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]
EDGES = [15, 20, 25, 30, 35, 50]

for _how in ("count", "sum", "mean", "var", "std", "sem", "skew", "kurtosis", "nunique"):
    _column = "grade" if _how == "nunique" else "balance"
    operation(ROW, f"column.{_how}()", lambda s, c=_column, h=_how: getattr(s.people[c], h)())  # type: ignore[misc]
    operation(ROW, f"column of two institutions.{_how}()", lambda s, h=_how: getattr(_mixed(s, h), h)())  # type: ignore[misc]
    operation(ROW, f"df.{_how}()", lambda s, h=_how: getattr(_several(s, h), h)())  # type: ignore[misc]
    operation(
        ROW,
        f"groupby(key)[column].{_how}()",
        lambda s, h=_how: getattr(s.people.groupby("sex", observed=False)["grade" if h == "nunique" else "bmi"], h)(),  # type: ignore[misc]
        lambda s, h=_how: getattr(  # type: ignore[misc]
            s.people.groupby("sex", observed=False)["grade" if h == "nunique" else "bmi"], "kurt" if h == "kurtosis" else h
        )(),
    )


def _mixed(s: Study, how: str) -> Any:
    return s.people["smoker"] & (s.people["score"] > 0) if how == "nunique" else s.people["bmi"] + s.people["score"]


def _several(s: Study, how: str) -> Any:
    return s.people[["grade", "smoker", "sex"] if how == "nunique" else NUMBERS]


operation(ROW, "column.agg([...])", lambda s: s.people["balance"].agg(["count", "sum", "mean", "std"]))
operation(ROW, 'column.agg("mean")', lambda s: s.people["balance"].agg("mean"))
operation(ROW, "df.agg([...])", lambda s: s.people[NUMBERS].agg(["count", "mean", "std"]))
operation(ROW, "df.agg({column: how})", lambda s: s.people.agg({"age": "mean", "bmi": "std"}))
operation(ROW, "df.agg({column: [...]})", lambda s: s.people.agg({"age": ["mean", "count"], "bmi": ["count", "std"]}))
operation(ROW, "column.kurt()", lambda s: s.people["bmi"].kurt())
operation(ROW, "groupby(key)[column].kurt()", lambda s: s.people.groupby("sex", observed=False)["bmi"].kurt())
operation(ROW, "df.isna().sum()", lambda s: s.people[["age", "bmi", "grade", "seen"]].isna().sum())
operation(ROW, "df.notna().mean()", lambda s: s.people[["bmi", "grade"]].notna().mean())
operation(ROW, "df.select_dtypes().mean()", lambda s: s.people.drop(columns="id").select_dtypes("number").mean())
operation(ROW, "category.count()", lambda s: s.people["grade"].count())
operation(ROW, "date.count()", lambda s: s.people["seen"].count())
operation(ROW, "truth.mean()", lambda s: s.people["smoker"].mean())
operation(
    ROW, "column.median()", lambda s: s.people["bmi"].median(), lambda s: s.people["bmi"].quantile(0.5, interpolation="lower")
)
for _name in NUMBERS:
    operation(
        ROW,
        f"{_name}.quantile([...])",
        lambda s, c=_name: s.people[c].quantile(QUANTILES, interpolation="lower"),  # type: ignore[misc]
    )
operation(ROW, "date.quantile(0.25)", lambda s: s.people["entered"].quantile(0.25, interpolation="lower"))
operation(ROW, "date of the registry.median", lambda s: s.people["seen"].quantile(0.5, interpolation="lower"))
operation(
    ROW,
    "column of two institutions.quantile(0.75)",
    lambda s: (s.people["bmi"] + s.people["score"]).quantile(0.75, interpolation="lower"),
)
operation(
    ROW,
    "df.quantile([...])",
    lambda s: s.people[["age", "bmi"]].quantile([0.25, 0.5], interpolation="lower"),
)
operation(
    ROW,
    "df.quantile(0.5)",
    lambda s: s.people[["age", "bmi"]].quantile(0.5, interpolation="lower"),
)
operation(
    ROW, "df.median()", lambda s: s.people[["age", "bmi"]].median(),
    lambda s: s.people[["age", "bmi"]].quantile(0.5, interpolation="lower").rename(None),
)  # fmt: skip
operation(
    ROW,
    "column.robust_range()",
    lambda s: s.people["bmi"].robust_range(),
    lambda s: tuple(s.people["bmi"].quantile(q, interpolation="lower") for q in (0.05, 0.95)),
)


def _described(column: pd.Series) -> pd.Series:
    """pandas' description with quantiles that are values."""
    found = {"count": column.count(), "mean": column.mean(), "std": column.std()}
    found |= {f"{q:.0%}": column.quantile(q, interpolation="lower") for q in QUANTILES}
    return pd.Series(found, name=column.name)


operation(ROW, "column.describe()", lambda s: s.people["bmi"].describe(), lambda s: _described(s.people["bmi"]))
operation(
    ROW,
    "df.describe()",
    lambda s: s.people[NUMBERS].describe(),
    lambda s: pd.DataFrame({name: _described(s.people[name]) for name in NUMBERS}),
)
operation(
    ROW,
    "groupby(key)[column].describe()",
    lambda s: s.people.groupby("sex")["age"].describe(),
    lambda s: s.people.groupby("sex", observed=False)["age"].apply(_described).unstack(),
)


def _mode(column: pd.Series) -> pd.Series:
    counted = column.value_counts()
    return pd.Series({"count": column.count(), "top": counted.index[0], "freq": counted.iloc[0]}, name=column.name)


operation(ROW, "category.describe()", lambda s: s.people["grade"].describe(), lambda s: _mode(s.people["grade"]))
operation(ROW, "column.value_counts()", lambda s: s.people["grade"].value_counts())
operation(ROW, "column.value_counts(normalize=True)", lambda s: s.people["grade"].value_counts(normalize=True))
operation(ROW, "column.value_counts(sort=False)", lambda s: s.people["sex"].value_counts(sort=False))
operation(ROW, "truth.value_counts()", lambda s: s.people["smoker"].value_counts())
operation(
    ROW,
    "df.value_counts([...])",
    lambda s: s.people.value_counts(["sex", "grade"]),
    lambda s: (
        s.people.groupby(["sex", "grade"], observed=False).size().rename("count").sort_values(ascending=False, kind="stable")
    ),
)
operation(ROW, "column.corr(column)", lambda s: s.people["bmi"].corr(s.people["age"]), relative=1e-8)
operation(ROW, "column.corr(column of another institution)", lambda s: s.people["balance"].corr(s.people["score"]), relative=1e-8)
operation(ROW, "df.corr()", lambda s: s.people[NUMBERS].corr(), relative=1e-8)
operation(ROW, "column.cov(column)", lambda s: s.people["bmi"].cov(s.people["balance"]), relative=1e-8)
operation(ROW, "df.cov()", lambda s: s.people[NUMBERS].cov(), relative=1e-8)


def _histogram(column: pd.Series) -> tuple[tuple[float, ...], tuple[int, ...]]:
    found = np.histogram(column.dropna().astype(float), EDGES)[0]
    return tuple(float(e) for e in EDGES), tuple(int(n) for n in found)


operation(ROW, "column.hist(bins=edges)", lambda s: s.people["bmi"].hist(bins=EDGES), lambda s: _histogram(s.people["bmi"]))
operation(
    ROW,
    "df.hist(bins=edges)",
    lambda s: s.people[["bmi"]].hist(column=["bmi"], bins=EDGES),
    lambda s: {"bmi": _histogram(s.people["bmi"])},
)

# -- groups ----------------------------------------------------------------------------------------------------------------

operation(ROW, "groupby(key).size()", lambda s: s.people.groupby("sex", observed=False).size())
operation(ROW, "groupby(truth).size()", lambda s: s.people.groupby("smoker", observed=False).size())
operation(
    ROW,
    "groupby(key)[column].median()",
    lambda s: s.people.groupby("sex")["bmi"].median(),
    lambda s: s.people.groupby("sex", observed=False)["bmi"].quantile(0.5, interpolation="lower"),
)
operation(
    ROW,
    "groupby(key)[column].quantile([...])",
    lambda s: s.people.groupby("sex", observed=False)["bmi"].quantile([0.25, 0.75], interpolation="lower"),
)
operation(
    ROW,
    "groupby(key)[column].agg([...])",
    lambda s: s.people.groupby("sex", observed=False)["bmi"].agg(["count", "sum", "mean", "std", "var"]),
)
operation(
    ROW,
    "groupby(key)[[columns]].agg([...])",
    lambda s: s.people.groupby("grade", observed=False)[["age", "bmi"]].agg(["count", "mean"]),
)
operation(
    ROW,
    "groupby(key).agg({column: [...]})",
    lambda s: s.people.groupby("grade", observed=False).agg({"age": ["mean", "std"], "bmi": ["count"]}),
)
operation(
    ROW,
    "groupby(key).agg(name=(column, how))",
    lambda s: s.people.groupby("grade", observed=False).agg(n=("age", "count"), mean_bmi=("bmi", "mean"), total=("score", "sum")),
)
operation(ROW, "groupby(key)[[columns]].mean()", lambda s: s.people.groupby("grade", observed=False)[["age", "bmi"]].mean())
operation(
    ROW,
    "groupby([key, key])[column].agg([...])",
    lambda s: s.people.groupby(["sex", "grade"], observed=False)["bmi"].agg(["count", "mean"]),
)
operation(
    ROW,
    "groupby([key, key, key])[column].mean()",
    lambda s: s.people.groupby(["sex", "grade", "smoker"], observed=False)["age"].mean(),
)
operation(
    ROW,
    "groupby(sf.cut(column))[column].mean()",
    lambda s: s.people.groupby(s.ns.cut(s.people["age"], [18, 50, 65, 91], right=False), observed=False)["bmi"].mean(),
)
operation(
    ROW,
    "groupby(expression of two institutions)",
    lambda s: (
        s.people.assign(high=s.people["age"] + s.people["score"] > 55)
        .groupby("high", observed=False)["bmi"]
        .agg(["count", "mean"])
    ),
)
operation(
    ROW,
    "groupby of rows with many a person",
    lambda s: s.visits.groupby("kind", observed=False)["value"].agg(["count", "mean"]),
)
operation(
    ROW,
    "groupby of rows by a person's column",
    lambda s: s.visits.groupby("sex", observed=False)["value"].agg(["count", "mean"]),
)
operation(
    ROW,
    "rows of persons at several institutions",
    lambda s: (s.stays["nights"].count(), s.stays["nights"].mean(), s.stays["cost"].sum()),
)
operation(ROW, "sf.crosstab(a, b)", lambda s: s.ns.crosstab(s.people["sex"], s.people["grade"]))
operation(ROW, "sf.crosstab(a, b, margins=True)", lambda s: s.ns.crosstab(s.people["sex"], s.people["grade"], margins=True))
operation(
    ROW, 'sf.crosstab(a, b, normalize="index")', lambda s: s.ns.crosstab(s.people["sex"], s.people["grade"], normalize="index")
)


def _table_one(s: Study) -> pd.DataFrame:
    """Table 1 in pandas: numbers with moments and quartiles, categories with shares, and missing values."""
    found: dict[Any, dict[tuple[str, str], Any]] = {}
    for label, rows in [("overall", s.people), *s.people.groupby("sex", observed=False)]:
        cells: dict[tuple[str, str], Any] = {("n", "count"): len(rows)}
        described = _described(rows["bmi"])
        cells |= {("bmi", name): described[name] for name in ("count", "mean", "std", "25%", "50%", "75%")}
        cells[("bmi", "missing")] = len(rows) - rows["bmi"].count()
        present = rows["grade"].count()
        cells[("grade", "count")] = present
        for level, counted in rows["grade"].value_counts(sort=False).items():
            cells |= {("grade", str(level)): counted, ("grade", f"{level} %"): 100 * counted / present}
        cells[("grade", "missing")] = len(rows) - present
        found[label] = cells
    index = pd.MultiIndex.from_tuples(list(found["overall"]), names=["variable", "statistic"])
    return pd.DataFrame({k: list(v.values()) for k, v in found.items()}, index=index).rename_axis(columns="sex")


operation(
    ROW, "sf.table_one(df, by=, columns=)", lambda s: s.ns.table_one(s.people, by="sex", columns=["bmi", "grade"]), _table_one
)
operation(
    ROW,
    "df.pivot_table(index=, columns=, values=, aggfunc=)",
    lambda s: s.people.pivot_table(index="sex", columns="grade", values="bmi", aggfunc="mean"),
    lambda s: s.people.pivot_table(index="sex", columns="grade", values="bmi", aggfunc="mean", observed=False),
)
operation(
    ROW,
    'df.pivot_table(aggfunc="count")',
    lambda s: s.people.pivot_table(index="sex", columns="grade", values="bmi", aggfunc="count"),
    lambda s: s.people.pivot_table(index="sex", columns="grade", values="bmi", aggfunc="count", observed=False),
)
operation(ROW, 'df.resample("YE", on=)[column].mean()', lambda s: s.people.resample("YE", on="entered")["bmi"].mean())
operation(ROW, 'df.resample("QE", on=)[column].count()', lambda s: s.people.resample("QE", on="entered")["bmi"].count())
operation(ROW, 'df.resample("ME", on=).size()', lambda s: s.visits.resample("ME", on="booked").size())
