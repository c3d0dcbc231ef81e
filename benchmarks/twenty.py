"""Twenty statements as epidemiologists make them, over the three demonstrations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import secureframe as sf

BANDS = [18, 40, 50, 60, 70, 80, 110]
FIVE_YEARS = 1_826
PERSONS = {"nafld": 17_549, "nafld-mixed": 18_000, "breast-cancer": 3_700}
"""As many persons as the institutions of a study declare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A statement: which demonstration it is asked of, and the line that asks it."""

    name: str
    study: str
    ask: Callable[[sf.Federation], Any]


def pressures(fed: sf.Federation) -> sf.SecureFrame:
    """A person's mean systolic blood pressure and its last cholesterol, at the laboratory."""
    labs = fed["laboratory.labs"]
    sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
    chol = labs[labs["test"] == "chol"].sort_values("days").groupby("id").agg(chol=("value", "last"))
    merged: sf.SecureFrame = sbp.merge(chol, on="id", how="left")
    return merged


def infarctions(fed: sf.Federation) -> sf.SecureFrame:
    """A person's first myocardial infarction, at the registry."""
    events = fed["registry.events"]
    first: sf.SecureFrame = events[events["event"] == "MI"].groupby("id").agg(first_mi=("days", "min"))
    return first


def cohort(fed: sf.Federation) -> sf.SecureFrame:
    """Everyone of 50 or older with a blood pressure, and whether and when they had an infarction."""
    patients = fed["hospital.patients"]
    adults = patients[patients["age"] >= 50].assign(case=patients["case_id"] == patients["id"])
    merged = adults.merge(pressures(fed), on="id").merge(infarctions(fed), on="id", how="left")
    found: sf.SecureFrame = merged.assign(mi=merged["first_mi"].notna())
    return found


# -- columns at three institutions -------------------------------------------------------------------------------------------


def ages_by_sex(fed: sf.Federation) -> Any:
    return fed["hospital.patients"].groupby("male")["age"].agg(["count", "mean", "std", "median"])


def cases_by_band(fed: sf.Federation) -> Any:
    patients = fed["hospital.patients"]
    banded = patients.assign(case=patients["case_id"] == patients["id"], band=sf.cut(patients["age"], BANDS, right=False))
    return sf.crosstab(banded["band"], banded["case"])


def pressure_after_infarction(fed: sf.Federation) -> Any:
    found = cohort(fed)
    return found[found["mi"]].groupby("male")["sbp"].agg(["count", "mean", "std"])


def hypertensive(fed: sf.Federation) -> Any:
    found = cohort(fed)
    return found[(found["sbp"] >= 140) & (found["bmi"] >= 30)].groupby("case")["age"].count()


def table_one(fed: sf.Federation) -> Any:
    return sf.table_one(cohort(fed), by="case", columns=["age", "male", "bmi", "sbp", "mi"])


def median_pressure(fed: sf.Federation) -> Any:
    return cohort(fed).groupby(["case", "male"])[["sbp"]].agg(["count", "median"])


def age_and_pressure(fed: sf.Federation) -> Any:
    found = cohort(fed)
    return found["age"].corr(found["sbp"])


def pressure_for_age(fed: sf.Federation) -> Any:
    found = cohort(fed)
    return found[found["sbp"] >= found["age"] + 90].groupby("male")["sbp"].agg(["count", "mean"])


def without_infarction(fed: sf.Federation) -> Any:
    patients = fed["hospital.patients"]
    return patients.merge(infarctions(fed), on="id", how="left_anti").groupby("male").size()


# -- rows at two institutions ------------------------------------------------------------------------------------------------


def tumours(fed: sf.Federation) -> Any:
    return fed["tumours"]["age"].count()


def describe_tumours(fed: sf.Federation) -> Any:
    return fed["tumours"][["age", "nodes", "pgr", "er", "relapse_days"]].describe()


def ages_by_size(fed: sf.Federation) -> Any:
    return fed["tumours"].groupby("size")["age"].agg(["count", "mean", "std"])


def relapses_by_size(fed: sf.Federation) -> Any:
    frame = fed["tumours"]
    return sf.crosstab(frame["size"], frame["relapse"])


def relapses_of_node_positive(fed: sf.Federation) -> Any:
    frame = fed["tumours"]
    chosen = frame[frame["postmenopausal"] & (frame["nodes"] >= 4)]
    return chosen.assign(early=(chosen["relapse_days"] < FIVE_YEARS) & chosen["relapse"]).groupby("hormone")["early"].mean()


def receptors_by_hormone(fed: sf.Federation) -> Any:
    return fed["tumours"].groupby("hormone")["pgr"].quantile([0.25, 0.5, 0.75])


def countries(fed: sf.Federation) -> Any:
    stacked = sf.concat([fed["rotterdam.tumours"], fed["gbsg.tumours"]], keys=["NL", "DE"], names=["country"])
    return sf.table_one(stacked, by="country", columns=["age", "size", "nodes", "hormone", "relapse"])


# -- rows at two institutions, columns at two more ---------------------------------------------------------------------------


def patients(fed: sf.Federation) -> sf.SecureFrame:
    """The patients of both hospitals, with the hospital as a column."""
    stacked: sf.SecureFrame = sf.concat(
        [fed["north_hospital.patients"], fed["south_hospital.patients"]], keys=["north", "south"], names=["hospital"]
    )
    return stacked


def sizes_by_hospital(fed: sf.Federation) -> Any:
    return patients(fed).groupby("hospital")[["bmi", "height"]].agg(["count", "mean"])


def pressure_by_hospital(fed: sf.Federation) -> Any:
    found = patients(fed)
    merged = found[found["age"] >= 50].merge(pressures(fed)[["id", "sbp"]], on="id")
    return merged.groupby("hospital")["sbp"].agg(["count", "mean", "std"])


def infarctions_by_sex(fed: sf.Federation) -> Any:
    merged = patients(fed).merge(infarctions(fed), on="id", how="left")
    return sf.crosstab(merged["male"], merged["first_mi"].notna())


def follow_up_after_infarction(fed: sf.Federation) -> Any:
    merged = patients(fed).merge(infarctions(fed), on="id")
    return merged[merged["first_mi"] < merged["futime"]].groupby("male")["futime"].agg(["count", "median"])


TWENTY = (
    Question(name="ages by sex", study="nafld", ask=ages_by_sex),
    Question(name="cases by band of age", study="nafld", ask=cases_by_band),
    Question(name="pressure by sex after an infarction", study="nafld", ask=pressure_after_infarction),
    Question(name="hypertensive and obese, by case", study="nafld", ask=hypertensive),
    Question(name="Table 1 by case, five variables", study="nafld", ask=table_one),
    Question(name="median pressure by case and sex", study="nafld", ask=median_pressure),
    Question(name="correlation of age and pressure", study="nafld", ask=age_and_pressure),
    Question(name="pressure above age + 90, by sex", study="nafld", ask=pressure_for_age),
    Question(name="persons without an infarction, by sex", study="nafld", ask=without_infarction),
    Question(name="tumours of both countries", study="breast-cancer", ask=tumours),
    Question(name="description of five columns", study="breast-cancer", ask=describe_tumours),
    Question(name="ages by size of tumour", study="breast-cancer", ask=ages_by_size),
    Question(name="relapses by size of tumour", study="breast-cancer", ask=relapses_by_size),
    Question(name="early relapses after menopause, 4 nodes or more", study="breast-cancer", ask=relapses_of_node_positive),
    Question(name="quartiles of receptors by treatment", study="breast-cancer", ask=receptors_by_hormone),
    Question(name="Table 1 by country, five variables", study="breast-cancer", ask=countries),
    Question(name="body sizes by hospital", study="nafld-mixed", ask=sizes_by_hospital),
    Question(name="pressure by hospital", study="nafld-mixed", ask=pressure_by_hospital),
    Question(name="infarctions by sex, both hospitals", study="nafld-mixed", ask=infarctions_by_sex),
    Question(name="follow-up after an infarction, by sex", study="nafld-mixed", ask=follow_up_after_infarction),
)
