"""Random statements on the study, in memory and over real processes: every cell that leaves equals pandas."""

from __future__ import annotations

import math
import operator
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import secureframe as sf
from tests.federation.study import clear_cohort, secure_cohort

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")
COMPARE = {"<": operator.lt, ">=": operator.ge, "!=": operator.ne}
COLUMNS = {"age": (40, 90), "bmi": (15, 50), "sbp": (90, 180), "chol": (30, 90), "readings": (1, 20)}

condition = st.tuples(st.sampled_from(sorted(COLUMNS)), st.sampled_from(sorted(COMPARE)), st.integers(0, 20), st.booleans())
crossed = st.tuples(st.just("sbp"), st.sampled_from(["<", ">="]), st.sampled_from(["chol", "bmi", "age"]), st.booleans())
statement = st.fixed_dictionaries(
    {
        "conditions": st.lists(condition | crossed, min_size=1, max_size=3),
        "any": st.booleans(),
        "by": st.sampled_from(["male", "mi", "case", "band"]),
        "column": st.sampled_from(sorted(COLUMNS)),
        "kinds": st.lists(st.sampled_from(["count", "sum", "mean", "std", "median"]), min_size=1, max_size=3, unique=True),
    }
)


def mask(frame: Any, asked: dict[str, Any]) -> Any:
    """The condition of a statement over a frame, secure or clear."""
    combined = None
    for name, compare, other, negated in asked["conditions"]:
        low, high = COLUMNS[name]
        value = frame[other] * 2 if isinstance(other, str) else low + (high - low) * other // 20
        hit = COMPARE[compare](frame[name], value)
        hit = ~hit if negated else hit
        combined = hit if combined is None else (combined | hit if asked["any"] else combined & hit)
    return combined


def wanted(groups: Any, kind: str) -> list[float]:
    values = groups.quantile(0.5, interpolation="lower") if kind == "median" else getattr(groups, kind)()
    return [math.nan if pd.isna(v) else float(v) for v in values]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=statement)
def test_random_statements_equal_pandas(fed: sf.Federation, pooled: dict[str, pd.DataFrame], asked: dict[str, Any]) -> None:
    cohort, clear = secure_cohort(fed), clear_cohort(pooled)
    clear = clear[mask(clear, asked).fillna(False).astype(bool)]
    got = cohort[mask(cohort, asked)].groupby(asked["by"])[asked["column"]].agg(asked["kinds"])
    groups = clear.assign(**{asked["column"]: clear[asked["column"]].astype(float)}).groupby(asked["by"], observed=False)
    there = [str(level) for level, _ in groups]
    for kind in asked["kinds"]:
        expected = dict(zip(there, wanted(groups[asked["column"]], kind), strict=True))
        for level, value in got[kind].items():
            if not pd.isna(value):
                assert float(value) == pytest.approx(expected.get(str(level), 0.0), rel=1e-9 if kind in ("mean", "std") else 0)
