"""Choose: columns and rows of a frame."""

from __future__ import annotations

from tests.matrix.operations.registry import counts, number, operation, totals, truth

ROW = "choose"

operation(ROW, 'df["a"]', lambda s: number(s.people["age"]))
operation(ROW, "df.a", lambda s: number(s.people.bmi))
operation(ROW, 'df[["a", "b"]]', lambda s: totals(s.people[["age", "bmi", "balance"]], "age", "bmi", "balance"))
operation(ROW, "df[mask]", lambda s: totals(s.people[s.people["age"] >= 50], "age", "bmi"))
operation(
    ROW,
    "df[mask & mask | ~mask]",
    lambda s: totals(s.people[((s.people["age"] >= 50) & (s.people["sex"] == "f")) | ~(s.people["score"] > -5)], "age", "score"),
    lambda s: totals(
        s.people[(((s.people["age"] >= 50) & _is(s.people["sex"], "f")) | ~(s.people["score"] > -5)).fillna(False)],
        "age",
        "score",
    ),
)
operation(
    ROW,
    "df[truth column]",
    lambda s: totals(s.people[s.people["smoker"]], "age"),
    lambda s: totals(s.people[s.people["smoker"].fillna(False)], "age"),
)
operation(ROW, "df[lambda d: ...]", lambda s: totals(s.people[lambda d: d["age"] < 40], "age"))
operation(ROW, "column[mask]", lambda s: number(s.people["bmi"][s.people["age"] >= 50]))
operation(
    ROW,
    'df.query("a >= 1 and b < 2")',
    lambda s: totals(s.people.query("age >= 50 and balance < 100"), "balance"),
    lambda s: totals(s.people[((s.people["age"] >= 50) & (s.people["balance"] < 100)).fillna(False)], "balance"),
)
operation(
    ROW,
    'df.query("a in [...] or not b == ...")',
    lambda s: counts(s.people.query("grade in ['low', 'mid'] or not age > 30")),
    lambda s: counts(s.people[s.people["grade"].isin(["low", "mid"]) | ~(s.people["age"] > 30)]),
)


def _with_name(s):  # type: ignore[no-untyped-def]  # secure and pandas frames alike
    limit = 45  # noqa: F841 - the query names it
    return counts(s.people.query("age > @limit"))


operation(ROW, 'df.query("a > @name")', _with_name)
operation(ROW, "df.loc[mask, columns]", lambda s: counts(s.people.loc[s.people["age"] >= 50, ["bmi", "sex"]]))
operation(ROW, "df.loc[:, columns]", lambda s: counts(s.people.loc[:, ["bmi", "sex"]]))
operation(ROW, "df.filter(items)", lambda s: counts(s.people.filter(items=["bmi", "sex", "nothing"])))
operation(
    ROW,
    "df.drop(columns=)",
    lambda s: (list(s.people.drop(columns=["town", "seen"]).columns), counts(s.people.drop(columns="town"))),
)
operation(
    ROW,
    "df.rename(columns=)",
    lambda s: (list(s.people.rename(columns={"bmi": "mass"}).columns), number(s.people.rename(columns={"bmi": "mass"})["mass"])),
)
operation(ROW, "df.rename(columns=str.upper)", lambda s: list(s.people.rename(columns=str.upper).columns))
operation(
    ROW, "df.assign(c=...)", lambda s: totals(s.people.assign(twice=s.people["age"] * 2, bmi=s.people["bmi"] + 1), "twice", "bmi")
)
operation(
    ROW,
    "df.assign(c=lambda d: ...)",
    lambda s: totals(s.people.assign(twice=lambda d: d["age"] * 2, more=lambda d: d["twice"] + 1), "twice", "more"),
)
operation(
    ROW, "df.assign(c=constant)", lambda s: number(s.people.assign(one=1)["one"]), lambda s: number(s.people.assign(one=1)["one"])
)
operation(ROW, "df[mask][mask]", lambda s: totals(s.people[s.people["age"] >= 30][s.people["sex"] == "m"], "bmi"),
          lambda s: totals(s.people[(s.people["age"] >= 30) & _is(s.people["sex"], "m")], "bmi"))  # fmt: skip
operation(ROW, "column.rename()", lambda s: s.people["bmi"].rename("mass").name)
operation(ROW, "column.to_frame()", lambda s: totals(s.people["bmi"].to_frame(), "bmi"))
operation(ROW, "df[rows with many a person]", lambda s: totals(s.visits[s.visits["days"] < 180], "value"))
operation(ROW, "truth of a person's rows", lambda s: truth(s.visits["days"] < 180))


def _is(column, level):  # type: ignore[no-untyped-def]  # a pandas category compares to False where it is missing
    return (column == level).astype("boolean").mask(column.isna())


operation(ROW, "df.dropna(subset=)", lambda s: totals(s.people.dropna(subset=["bmi", "grade"]), "age"))
operation(ROW, "df.dropna()", lambda s: totals(s.people.dropna(), "age"))
operation(ROW, "column.dropna()", lambda s: number(s.people["bmi"].dropna()))
operation(ROW, "df.fillna({column: constant})", lambda s: totals(s.people.fillna({"bmi": 20, "score": 0}), "bmi", "score"))
operation(ROW, "df.filter(like=)", lambda s: list(s.people.filter(like="s").columns))
operation(ROW, "df.filter(regex=)", lambda s: list(s.people.filter(regex="^s").columns))
operation(ROW, "df.rename(mapping, axis=1)", lambda s: list(s.people.rename({"bmi": "mass"}, axis=1).columns))
operation(ROW, "df.get(name)", lambda s: number(s.people.get("bmi")))
