"""Combine: merges, rows one after the other, rows without duplicates."""

from __future__ import annotations

from typing import Any

from tests.matrix.layouts import Study
from tests.matrix.operations.registry import counts, keyed, operation, totals

ROW = "combine"
MERGED = ["age", "bmi", "score", "sex", "dose", "arm"]


def _merged(frame: Any, how: str) -> dict[str, Any]:
    own = {"left_anti": ("age", "bmi"), "right_anti": ("dose",)}.get(how, ("age", "bmi", "dose"))
    return totals(frame[MERGED], *own)


for _how in ("inner", "left", "right", "outer", "left_anti", "right_anti"):
    operation(
        ROW,
        f'left.merge(right, how="{_how}")',
        lambda s, how=_how: _merged(s.people.merge(s.extra, on="id", how=how), how),  # type: ignore[misc]
    )
operation(
    ROW, "columns of a merge", lambda s: list(s.people.merge(s.extra.assign(score=1), on="id", suffixes=("_l", "_r")).columns)
)
operation(
    ROW,
    "left.merge(right, left_on=, right_on=)",
    lambda s: counts(s.people.merge(s.extra.rename(columns={"id": "person"}), left_on="id", right_on="person")[MERGED]),
)
operation(
    ROW,
    'left.merge(right, on=["a", "b"])',
    lambda s: counts(s.people.merge(_other(s), on=["id", "sex"], how="left")),
    lambda s: counts(s.people.merge(_other(s).dropna(subset=["id", "sex"]), on=["id", "sex"], how="left")),
)


def _other(s: Study) -> Any:
    """One row a person of some, with a sex that agrees with the people's own in about half of them."""
    return s.extra.assign(sex=s.ns.cut(s.extra["dose"], [0, 5, 9], right=False, labels=["f", "m"]))[["id", "sex", "arm"]]


operation(
    ROW,
    'left.merge(right, validate="m:1")',
    lambda s: totals(s.visits.merge(s.extra, on="id", validate="m:1")[["value", "arm"]], "value"),
)
operation(
    ROW,
    'left.merge(right, validate="1:m")',
    lambda s: totals(s.extra.merge(s.visits, on="id", validate="1:m")[["value", "arm"]], "value"),
)
operation(
    ROW,
    'left.merge(right, validate="1:1")',
    lambda s: counts(s.people.merge(s.extra, on="id", validate="1:1")[["age", "arm"]]),
)
operation(
    ROW,
    "merge of a reduced frame",
    lambda s: totals(
        s.people.merge(keyed(s.visits.groupby("id").agg(value=("value", "max"))), on="id", how="left")[["age", "value"]], "value"
    ),
)
operation(
    ROW,
    "sf.concat([a, b])",
    lambda s: totals(s.ns.concat([s.people[["id", "age", "sex"]], s.extra[["id", "dose", "arm"]]]), "age", "dose"),
)
operation(
    ROW,
    'sf.concat([a, b], join="inner")',
    lambda s: totals(
        s.ns.concat([s.people[["id", "age", "sex"]], s.extra.rename(columns={"dose": "age"})[["id", "age"]]], join="inner"), "age"
    ),
)
operation(
    ROW,
    "sf.concat([a, b], keys=, names=)",
    lambda s: (
        s.ns.concat(
            [s.people[["id", "age"]], s.extra.rename(columns={"dose": "age"})[["id", "age"]]], keys=["p", "x"], names=["from"]
        )
        .groupby("from", observed=False)["age"]
        .agg(["count", "mean"])
    ),
)
operation(
    ROW,
    "sf.concat of two parts of a frame",
    lambda s: totals(
        s.ns.concat([s.people[s.people["age"] >= 50], s.people[s.people["age"] < 50]])[["age", "bmi"]], "age", "bmi"
    ),
)
operation(ROW, 'df.drop_duplicates(subset="id")', lambda s: counts(s.visits[["id", "days", "kind"]].drop_duplicates(subset="id")))
operation(
    ROW,
    "df.drop_duplicates(subset=[...])",
    lambda s: totals(s.visits[["id", "kind", "days"]].drop_duplicates(subset=["id", "kind"]), "days"),
)
operation(
    ROW,
    "df.drop_duplicates() across institutions",
    lambda s: totals(s.stays.drop_duplicates(subset=["id"])[["id", "nights", "cost"]], "nights", "cost"),
)
operation(
    ROW,
    "df.drop_duplicates(keep=False)",
    lambda s: totals(s.visits[["id", "kind", "days"]].drop_duplicates(subset=["id", "kind"], keep=False), "days"),
)
operation(
    ROW,
    'df.drop_duplicates(keep="last")',
    lambda s: totals(s.visits[["id", "kind", "days"]].drop_duplicates(subset=["id"], keep="last"), "days"),
)
