"""The tables that the tests of frames are about: patients, measurements, events, at three institutions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd

from secureframe.schema.table import Column, TableSchema, Use
from secureframe.schema.types import ColumnType, Kind, bool_type

PERSONS = 240
STAGES = ("none", "mild", "moderate", "severe")
TESTS = ("sbp", "hdl")
SECRET = 54.3210987
"""A value that no repr, error or record may hold."""

KEY = ColumnType(kind=Kind.KEY, lo=1, hi=1000, domain="study")
ONE = Fraction(1)


def number(low: int, high: int, *, step: Fraction = ONE, nullable: bool = False) -> ColumnType:
    kind = Kind.INT if step == 1 else Kind.DECIMAL
    return ColumnType(kind=kind, lo=int(low / step), hi=int(high / step), step=step, nullable=nullable)


def category(*levels: str, nullable: bool = False) -> ColumnType:
    return ColumnType(kind=Kind.CATEGORY, lo=0, hi=len(levels) - 1, categories=levels, nullable=nullable)


def schema(owner: str, name: str, rows: int, *columns: Column) -> TableSchema:
    return TableSchema(
        owner=owner,
        name=name,
        columns=(Column(name="id", type=KEY, unique=rows == 1), *columns),
        person_key="id",
        person_domain="study",
        roster_size=PERSONS,
        rows_per_person=rows,
        version="v1",
    )


PATIENTS = schema(
    "hospital",
    "patients",
    1,
    Column(name="age", type=number(18, 98)),
    Column(name="male", type=number(0, 1)),
    Column(name="bmi", type=number(10, 70, step=Fraction(1, 10), nullable=True)),
    Column(name="stage", type=category(*STAGES, nullable=True)),
    Column(name="smoker", type=bool_type(nullable=True)),
    Column(name="entered", type=ColumnType(kind=Kind.DATE, lo=14610, hi=18261)),
    Column(name="cost", type=number(0, 90000), magnitude=True),
    Column(name="note", type=ColumnType(kind=Kind.STRING), uses=frozenset({Use.FILTER})),
)
LABS = schema(
    "laboratory",
    "labs",
    6,
    Column(name="days", type=number(0, 4000)),
    Column(name="test", type=category(*TESTS)),
    Column(name="value", type=number(0, 300)),
)
EVENTS = schema(
    "registry",
    "events",
    4,
    Column(name="days", type=number(0, 4000)),
    Column(name="event", type=category("MI", "stroke", "death")),
)


def rows() -> dict[str, pd.DataFrame]:
    """The rows, with nulls, an empty level and cells on both sides of the threshold."""
    random = np.random.default_rng(7)
    ids = np.arange(1, PERSONS + 1)
    age = random.integers(18, 99, PERSONS)
    male = random.integers(0, 2, PERSONS)
    bmi = np.round(random.normal(27, 5, PERSONS).clip(12, 60), 1)
    stage = random.choice(STAGES[:3], PERSONS, p=[0.55, 0.42, 0.03])
    patients = pd.DataFrame(
        {
            "id": pd.array(ids, dtype="Int64"),
            "age": pd.array(age, dtype="Int64"),
            "male": pd.array(male, dtype="Int64"),
            "bmi": pd.array(bmi, dtype="Float64"),
            "stage": pd.Categorical(stage, categories=list(STAGES)),
            "smoker": pd.array(random.integers(0, 2, PERSONS).astype(bool), dtype="boolean"),
            "entered": pd.Timestamp("2010-01-01") + pd.to_timedelta(random.integers(0, 3000, PERSONS), unit="D"),
            "cost": pd.array(random.integers(0, 90000, PERSONS), dtype="Int64"),
            "note": pd.array(["confidential"] * PERSONS, dtype="string"),
        }
    )
    patients["entered"] = patients["entered"].astype("datetime64[s]")
    patients.loc[random.choice(PERSONS, 25, replace=False), "bmi"] = pd.NA
    patients.loc[random.choice(PERSONS, 12, replace=False), "smoker"] = pd.NA
    patients.loc[random.choice(PERSONS, 11, replace=False), "stage"] = None
    visits = random.choice(ids, 900)
    labs = pd.DataFrame(
        {
            "id": pd.array(visits, dtype="Int64"),
            "days": pd.array(random.integers(0, 4000, 900), dtype="Int64"),
            "test": pd.Categorical(random.choice(TESTS, 900), categories=list(TESTS)),
            "value": pd.array(random.integers(60, 200, 900), dtype="Int64"),
        }
    )
    labs = labs.groupby("id").head(6).reset_index(drop=True)
    happened = random.choice(ids, 150)
    events = pd.DataFrame(
        {
            "id": pd.array(happened, dtype="Int64"),
            "days": pd.array(random.integers(0, 4000, 150), dtype="Int64"),
            "event": pd.Categorical(random.choice(["MI", "stroke"], 150), categories=["MI", "stroke", "death"]),
        }
    )
    return {"patients": patients, "labs": labs, "events": events.groupby("id").head(4).reset_index(drop=True)}
