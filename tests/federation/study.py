"""The same cohort in two tongues: on a federation, and on pooled pandas frames."""

from __future__ import annotations

import numpy as np
import pandas as pd

import secureframe as sf

PRECISION = 1 / 128
BANDS = [18, 40, 50, 60, 70, 100]


def secure_cohort(fed: sf.Federation) -> sf.SecureFrame:
    """Patients of 40 or older with mean systolic pressure, last cholesterol, and first myocardial infarction."""
    patients, labs, events = fed["hospital.patients"], fed["laboratory.labs"], fed["registry.events"]
    sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"), readings=("value", "count"))
    chol = labs[labs["test"] == "chol"].sort_values("days").groupby("id").agg(chol=("value", "last"))
    mi = events[events["event"] == "MI"].groupby("id").agg(first_mi=("days", "min"))
    adults = patients[patients["age"] >= 40].assign(case=patients["case_id"] == patients["id"])
    cohort = adults.merge(sbp, on="id").merge(chol, on="id", how="left").merge(mi, on="id", how="left")
    return cohort.assign(mi=cohort["first_mi"].notna(), band=sf.cut(cohort["age"], BANDS, right=False))


def clear_cohort(pooled: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The same in pandas, on the same quantised values."""
    patients, labs, events = pooled["patients"], pooled["labs"], pooled["events"]
    by = labs[labs["test"] == "sbp"].groupby("id")["value"]
    sbp = pd.DataFrame({"sbp": on_grid(by.mean()), "readings": by.count()}).reset_index()
    ordered = labs[labs["test"] == "chol"].sort_values("days", kind="stable")
    chol = ordered.groupby("id")["value"].last().rename("chol").reset_index()
    mi = events[events["event"] == "MI"].groupby("id")["days"].min().rename("first_mi").reset_index()
    adults = patients[patients["age"] >= 40].copy()
    adults["case"] = adults["case_id"] == adults["id"]
    cohort = adults.merge(sbp, on="id").merge(chol, on="id", how="left").merge(mi, on="id", how="left")
    cohort["mi"] = cohort["first_mi"].notna()
    cohort["band"] = pd.cut(cohort["age"].astype(float), BANDS, right=False)
    return cohort


def on_grid(values: pd.Series) -> pd.Series:
    """Rounded half to even onto the grid that a mean gets."""
    return pd.Series(np.round(values.astype(float) / PRECISION) * PRECISION, index=values.index)
