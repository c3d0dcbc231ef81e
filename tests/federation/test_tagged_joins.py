"""Joins by tags in a federation that allows them: the answers of any other join, learned what is said, paid once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.disclosure.policy import PRESETS, Policy
from secureframe.federation import Federation
from tests.disclosure.federations import people
from tests.federation.session import in_memory, joined, session, sorts
from tests.federation.test_saving import again

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ALLOWED = replace(PRESETS["open-research"], name="near", tagged_joins=True)
COUNT = 400
"""People, so many that their rows are not sorted in a few rounds anyway."""
TAGGED = "hospital.patients, office.registry as whole tables: how many keys are in one row of them"
Frames = dict[str, Any]


def persons(frames: Frames) -> Any:
    labs = frames["labs"]
    return labs[labs["value"] > 120].groupby("id").agg(value=("value", "max"))


def flat(frame: Any) -> Any:
    """Pandas has the key of a group in the index."""
    return frame.reset_index() if isinstance(frame, pd.DataFrame) else frame


STATEMENTS: dict[str, Callable[[Frames], Any]] = {
    "1:1": lambda f: f["patients"].merge(f["registry"], on="id")["w"].sum(),
    "both sides filtered": lambda f: (
        f["patients"][f["patients"]["age"] > 50].merge(f["registry"][f["registry"]["w"] < 70], on="id")["w"].sum()
    ),
    "many to one": lambda f: f["labs"].merge(f["registry"], on="id")["w"].sum(),
    "many to one, left": lambda f: f["labs"].merge(f["registry"][f["registry"]["w"] < 20], on="id", how="left")["w"].sum(),
    "a reduction": lambda f: f["patients"].merge(flat(persons(f)), on="id")["value"].sum(),
    "a reduction looks up": lambda f: flat(persons(f)).merge(f["patients"], on="id")["x"].sum(),
    "a chain": lambda f: (
        f["patients"].merge(f["registry"], on="id").merge(flat(persons(f)), on="id", how="left")[["w", "value"]].mean()
    ),
    "columns of both": lambda f: (lambda m: m[m["w"] > m["age"]]["x"].sum())(f["patients"].merge(f["registry"], on="id")),
}


@pytest.fixture(scope="module")
def frames() -> Frames:
    found: Frames = dict(people(count=COUNT))
    # Some are strangers to the others.
    found["registry"] = found["registry"].assign(id=found["registry"]["id"] + 150)
    return found


def secure(fed: Federation) -> Frames:
    return {name: fed[name] for name in ("patients", "labs", "registry")}


def close(found: Any, wanted: Any) -> bool:
    return bool(np.allclose(np.asarray(found, float), np.asarray(wanted, float)))


@pytest.mark.parametrize("name", STATEMENTS)
def test_statements_answer_what_pandas_answers(name: str, frames: Frames) -> None:
    fed = session(frames, policy=ALLOWED)
    found = STATEMENTS[name](secure(fed))
    assert sorts(fed) and close(found, STATEMENTS[name](frames))


def test_few_rounds_and_said_before() -> None:
    texts, rounds = [], []
    for policy in (ALLOWED, PRESETS["open-research"]):
        fed = session(people(count=COUNT), policy=policy)
        with sf.defer():
            pending = joined(fed)["w"].mean()
        texts.append(pending.explain())
        pending.submit()
        assert fed.last_job is not None
        rounds.append(sum(stage.rounds for stage in fed.last_job.stages if stage.name == "join"))
    assert TAGGED in texts[0] and "as whole tables" not in texts[1]
    assert "comparisons of shuffled rows" in texts[1] and "comparisons of shuffled rows" not in texts[0]
    # Who has a partner is joined with who is in the cohort.
    assert rounds[0] == 22 + 1 < rounds[1]


def test_a_further_key_column_is_no_way_around_the_rules() -> None:
    """What is released is withheld where few persons agree in both columns; nobody is told how many do."""
    fed = session(people(count=COUNT), policy=ALLOWED)
    with sf.defer():
        pending = fed["patients"].merge(fed["registry"], left_on=["id", "male"], right_on=["id", "w"])["x"].count()
    assert "as whole tables" not in pending.explain()


def test_one_institution_of_three_is_enough_to_refuse() -> None:
    for owner in ("hospital", "office"):
        policies = dict.fromkeys(("hospital", "laboratory", "office"), ALLOWED) | {owner: PRESETS["open-research"]}
        fed = session(people(count=COUNT), policy=policies)
        with sf.defer():
            pending = joined(fed)["w"].mean()
        assert "as whole tables" not in pending.explain()


def test_a_later_statement_tags_nothing_and_still_says_what_is_known() -> None:
    fed = session(people(count=COUNT), policy=ALLOWED)
    joined(fed)["w"].mean()
    assert sorts(fed)
    pooled = people(count=COUNT)
    merged = pooled["patients"].merge(pooled["registry"], on="id")
    with sf.defer():
        pending = joined(fed).groupby("site")["x"].sum()
    assert "1 arrangement of rows by a key; no join" in (text := pending.explain()) and TAGGED in text
    pending.submit()
    found, wanted = pending.result(), merged.groupby("site")["x"].sum()
    assert not sorts(fed)
    shown = found.dropna()
    assert len(shown) >= 2 and close(shown, wanted.loc[[str(site) for site in shown.index]])


def test_a_saved_frame_comes_back_with_its_join() -> None:
    fed = session(people(count=COUNT), policy=ALLOWED)
    cohort = joined(fed)[joined(fed)["age"] >= 40]
    wanted = cohort["w"].mean(), cohort["x"].sum()
    cohort.save("cohort")
    later = again(fed)
    found = later.load("cohort")
    assert (found["w"].mean(), found["x"].sum()) == wanted and not sorts(later)
    registry = people(count=COUNT)["registry"]
    common = people(count=COUNT)["patients"].query("age >= 40").merge(registry, on="id")
    kinds = found.groupby("code")["age"].sum()
    assert close(kinds, common.groupby("code")["age"].sum()) and not sorts(later), "of what was saved another column is moved"


def test_a_policy_that_allows_no_more_starts_anew_and_sorts() -> None:
    first = session(people(count=COUNT), policy=ALLOWED)
    joined(first)["w"].mean()
    fed = session(people(count=COUNT), policy=Policy(name="near"), stores=in_memory(first).stores)
    with sf.defer():
        pending = joined(fed)["w"].mean()
    text = pending.explain()
    assert "kept from an earlier statement" not in text and "as whole tables" not in text
    assert "comparisons of shuffled rows" in text
