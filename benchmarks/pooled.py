"""The same statements on the pooled rows, in pandas: what they would cost if all three institutions were one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from secureframe.datasets import nafld

GRID = 128
"""A person's mean is kept in 1/128 of its unit, as its owner keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """The three tables with the values that the institutions declare."""

    patients: pd.DataFrame
    labs: pd.DataFrame
    events: pd.DataFrame

    @staticmethod
    def read() -> Pooled:
        """Read the tables; laboratory values out of their declared range are missing, as at their owner."""
        tables = {name: pd.read_parquet(table.source) for owned in nafld().values() for name, table in owned.items()}
        labs = tables["labs"].astype({"test": "category"})
        events = tables["events"].astype({"event": "category"})
        labs["value"] = labs["value"].where(labs["value"].between(0, 400))
        return Pooled(patients=tables["patients"], labs=labs, events=events)

    def ages(self) -> pd.DataFrame:
        """Ages of men and women: the hospital's rows alone."""
        groups = self.patients.groupby("male")["age"]
        return groups.agg(["count", "mean", "std"]).join(groups.quantile(0.5, interpolation="lower").rename("median"))

    def cohort(self) -> pd.DataFrame:
        """Everyone of 50 or older with a blood pressure, their last cholesterol and first myocardial infarction."""
        labs, events, patients = self.labs, self.events, self.patients
        sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
        sbp["sbp"] = (sbp["sbp"] * GRID).round() / GRID
        chol = labs[labs["test"] == "chol"].sort_values("days", kind="stable").groupby("id").agg(chol=("value", "last"))
        first = events[events["event"] == "MI"].groupby("id").agg(first_mi=("days", "min"))
        adults = patients[patients["age"] >= 50].assign(case=patients["case_id"] == patients["id"])
        measured = sbp.reset_index().merge(chol.reset_index(), on="id", how="left")
        cohort = adults.merge(measured, on="id").merge(first.reset_index(), on="id", how="left")
        return cohort.assign(mi=cohort["first_mi"].notna())

    def pressures(self) -> pd.DataFrame:
        """Blood pressure by sex of those with a myocardial infarction: needs a row of all three institutions."""
        cohort = self.cohort()
        return cohort[cohort["mi"]].groupby("male")["sbp"].agg(["count", "mean", "std"])

    def table_one(self, columns: Sequence[str]) -> list[pd.DataFrame]:
        """What Table 1 by case status is made of: summaries of numbers, counts of levels, overall and by group."""
        cohort = self.cohort()
        numbers = [name for name in columns if cohort[name].nunique() > 2]
        levels = [name for name in columns if name not in numbers]
        parts = [cohort[numbers].describe()]
        parts += [cohort.groupby("case")[name].describe() for name in numbers]
        parts += [cohort.groupby([*keys, name]).size().to_frame() for name in levels for keys in ((), ("case",))]
        return parts
