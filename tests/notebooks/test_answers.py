"""What the gallery says in words is what its notebooks found, and what pandas finds in the pooled rows."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from secureframe.datasets import DEMONSTRATIONS
from tests.notebooks.conftest import Run
from tests.notebooks.gallery import shown

pytestmark = [pytest.mark.ray, pytest.mark.notebook, pytest.mark.timeout(300)]

PLAN = re.compile(r"\bplan ([0-9a-f]{8})\b")


def read(study: str, institution: str, table: str) -> pd.DataFrame:
    return pd.read_parquet(DEMONSTRATIONS[study].tables()[institution][table].source)


def rate_ratio(rows: pd.DataFrame, exposed: str, strata: list[str]) -> float:
    """Mantel and Haenszel's, of columns ``new`` and ``days``."""
    above = below = 0.0
    for _, stratum in rows.groupby(strata, observed=True):
        one, other = (stratum[stratum[exposed].eq(value)] for value in (True, False))
        above += one["new"].sum() * other["days"].sum() / stratum["days"].sum()
        below += other["new"].sum() * one["days"].sum() / stratum["days"].sum()
    return above / below


def line(text: str, name: str) -> list[float]:
    """The numbers of the last line that begins with a name."""
    found = re.findall(rf"^\s*{re.escape(name)}\s+([\d. ]+)$", text, re.MULTILINE)
    return [float(number) for number in found[-1].split()]


def test_the_cohort_study_is_right(run: Run) -> None:
    patients, events = read("nafld", "hospital", "patients"), read("nafld", "registry", "events")
    days = events.groupby(["id", "event"])["days"].min().unstack("event")
    cohort = patients.dropna(subset="case_id").join(days, on="id")
    cohort["case"] = cohort["case_id"] == cohort["id"]
    cohort = cohort[~(cohort["diabetes"] <= 0) & (cohort["case"] | ~(cohort["nafld"] <= 0))]
    end = cohort["futime"].where(cohort["case"], cohort[["futime", "nafld"]].min(axis=1))
    cohort["new"] = cohort["diabetes"] <= end
    cohort["days"] = pd.concat([cohort["diabetes"], end], axis=1).min(axis=1)
    cohort["band"] = pd.cut(cohort["age"], [18, 45, 60, 111], right=False)
    cohort["weight"] = pd.cut(cohort["bmi"], [5, 27, 32, 100])
    text = shown(run("02_vertical"))
    assert line(text, "all ages")[0] == pytest.approx(rate_ratio(cohort, "case", ["band"]), abs=0.006)
    assert line(text, "within bands of weight")[0] == pytest.approx(rate_ratio(cohort, "case", ["weight"]), abs=0.006)


def test_two_countries_are_right(run: Run) -> None:
    dutch, german = read("breast-cancer", "rotterdam", "tumours"), read("breast-cancer", "gbsg", "tumours")
    dutch["days"] = dutch["rtime"].where(dutch["recur"] == 1, dutch["dtime"])
    dutch["relapse"] = (dutch["recur"] == 1) | (dutch["death"] == 1)
    german = german.rename(columns={"rfstime": "days"}).assign(relapse=german["status"] == 1)
    women = pd.concat([dutch.assign(country="NL"), german.assign(country="DE")])
    women = women[women["nodes"] >= 1]
    women["new"] = women["relapse"] & (women["days"] <= 1_096)
    women["days"] = women["days"].clip(upper=1_096)
    women["nodal"] = pd.cut(women["nodes"], [1, 4, 10, 61], right=False)
    women["treated"] = women["hormon"] == 1
    text = shown(run("03_horizontal"))
    for name, rows in {"NL": women[women["country"] == "NL"], "DE": women[women["country"] == "DE"]}.items():
        assert line(text, name)[0] == pytest.approx(rate_ratio(rows, "treated", ["nodal"]), abs=0.006)
    together = rate_ratio(women, "treated", ["country", "nodal"])
    assert line(text, "both, by country and nodes")[0] == pytest.approx(together, abs=0.006)
    assert together == pytest.approx(2 / 3, abs=0.03), "two thirds, it says"


def test_the_report_is_made_of_several_releases(run: Run) -> None:
    outputs = [output for cell in run("05_monthly_report").cells for output in cell.get("outputs", ())]
    assert len(set(PLAN.findall(repr(outputs)))) >= 5


def test_what_leaves_is_what_the_text_says(run: Run) -> None:
    text = shown(run("04_what_leaves"))
    assert text.count("Hint: ") >= 6 and text.count("DisclosureError: ") >= 6
    assert "<NA>" in text and "'85+, over 40'" in text, "the cell that is too small, by its name"
    assert "ledger against differencing" in text and "up to 96: nan" in text
    assert "which alone can open it" in text
