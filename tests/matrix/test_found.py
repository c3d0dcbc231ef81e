"""Statements that random search found to be wrong once, or refused where they should not be; each in every spread layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import secureframe as sf
from tests.matrix.comparison import differences
from tests.matrix.conftest import SEEDS, SMALL, SPREAD
from tests.matrix.data import Sample
from tests.matrix.layouts import LAYOUTS, Study, clear
from tests.matrix.operations.registry import keyed, totals
from tests.matrix.running import filled, waiting

STATEMENTS: dict[str, Callable[[Study], Any]] = {}


def found(statement: Callable[[Study], Any]) -> Callable[[Study], Any]:
    STATEMENTS[statement.__name__] = statement
    return statement


def _kept(frame: Any, mask: Any) -> Any:
    """Rows where a condition is true; pandas wants to be told that missing means false."""
    return frame[mask.fillna(False)] if isinstance(frame, pd.DataFrame) else frame[mask]


@found
def a_person_whose_last_row_was_left_out_keeps_the_key(s: Study) -> Any:
    reduced = keyed(s.stays[s.stays["nights"] < 14].groupby("id").agg(most=("nights", "max")))
    merged = s.stays.merge(reduced, on="id", how="left")
    return {
        "merged": totals(merged[["nights", "most"]], "most"),
        "people": s.people.merge(reduced, on="id")["most"].agg(["count", "sum"]),
    }


@found
def a_reduction_of_merged_rows_is_stacked_with_others(s: Study) -> Any:
    reduced = keyed(s.visits.groupby("id").agg(first=("days", "min")))
    stacked = s.ns.concat([reduced, s.extra[["id", "dose"]]])
    return {"all": totals(stacked[["first", "dose"]], "first"), "once": stacked.drop_duplicates(subset="id")[["dose"]].count()}


@found
def a_reduction_of_some_rows_is_merged_with_all_of_them(s: Study) -> Any:
    reduced = keyed(s.visits[s.visits["flag"]].groupby("id").agg(mean=("days", "mean")))
    return {how: s.visits.merge(reduced, on="id", how=how)[["kind", "days"]].count() for how in ("left", "outer", "right")}


@found
def a_reduction_is_merged_with_stacked_rows(s: Study) -> Any:
    stacked = s.ns.concat([s.people, s.visits[s.visits["days"] < 100][["id", "days", "value"]]])
    young = _kept(stacked, stacked["bmi"] < 34)
    reduced = keyed(s.visits.groupby("id").agg(first=("days", "min")))
    return {
        how: totals(reduced.merge(young, on="id", how=how)[["first", "bmi"]], "first", "bmi")
        for how in ("left", "outer", "right")
    }


@found
def an_anti_merge_of_persons_with_several_rows(s: Study) -> Any:
    reduced = keyed(s.visits.groupby("id").agg(rows=("days", "count"), first=("value", "first")))
    return totals(reduced.merge(s.extra, on="id", how="left_anti")[["rows", "first"]], "rows", "first")


@found
def a_reduction_of_a_reduction_is_merged(s: Study) -> Any:
    once = keyed(s.visits.groupby("id").agg(last=("days", "last")))
    twice = keyed(once.groupby("id").agg(rows=("last", "count")))
    return totals(s.people.merge(twice, on="id", how="left")[["age", "rows"]], "rows")


@found
def a_frame_stacked_with_a_part_of_itself_has_its_persons_once(s: Study) -> Any:
    stacked = s.ns.concat([s.people, _kept(s.people, s.people["bmi"] >= 20)])
    reduced = keyed(stacked.groupby("id").agg(best=("score", "max"), rows=("age", "count")))
    return totals(reduced[["best", "rows"]], "best", "rows")


@pytest.mark.usefixtures("nothing_withheld")
@pytest.mark.parametrize("nulls", (False, True))
@pytest.mark.parametrize("layout", SPREAD)
@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_equals_pandas(
    small_federations: Callable[[str, int], sf.Federation], name: str, layout: str, nulls: bool
) -> None:
    for seed in SEEDS:
        sample = Sample(nulls, SMALL, seed)
        with sf.defer():
            asked = STATEMENTS[name](LAYOUTS[layout].study(small_federations(layout, seed), nulls))
        sf.collect(*waiting(asked))
        assert list(differences(filled(asked), STATEMENTS[name](clear(sample)), 1e-9)) == []


@pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_few_persons_stay_few_when_they_are_stacked_twice(
    memory_federations: Callable[[str], sf.Federation], layout: str
) -> None:
    """Six to nine persons are too few, and their rows twice are no more persons."""
    people = clear(Sample(False)).people
    few = next(n for n in range(18, 90) if 6 <= ((people["age"] <= n) & (people["score"] == 9)).sum() <= 9)
    study = LAYOUTS[layout].study(memory_federations(layout), False)
    chosen = study.people[(study.people["age"] <= few) & (study.people["score"] == 9)]
    stacked = sf.concat([chosen, chosen])
    with sf.defer():
        asked = (chosen["age"].count(), stacked["age"].count(), stacked["bmi"].mean())
    once, twice, mean = sf.collect(*asked)
    assert [bool(n.release["suppressed"]) for n in (once, twice, mean)] == [True, True, True]
