"""Policies are the owners': presets, what is refused, the strictest of several, and none that a plan could weaken."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from secureframe.disclosure.policy import PRESETS, Policy, preset, strictest
from secureframe.disclosure.release import minimum_persons
from secureframe.errors import PlanError, PolicyError
from secureframe.plan.nodes import QUANTILES, Statistic, Summarise
from secureframe.plan.nodes import Table as TableNode
from tests.disclosure.federations import PURPOSE, Direct, federation, is_withheld, people

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")


def test_presets() -> None:
    assert preset("open-research") == Policy(name="open-research", threshold=10, rounding=0, sensitive_zeros=False, tail=3)
    assert preset("standard") == Policy(name="standard", threshold=10, rounding=5, sensitive_zeros=True, tail=10)
    for name in PRESETS:
        assert not preset(name).pooled_only and not preset(name).every_part, "statistics by centre are allowed"
    own = Policy(name="ours", threshold=25)
    assert preset(own) is own


def test_strict_is_refused_with_a_way_out() -> None:
    with pytest.raises(PolicyError, match="approvals and a ledger") as caught:
        preset("strict")
    assert "standard" in str(caught.value.hint) and "pooled_only=True, every_part=True" in str(caught.value.hint)
    with pytest.raises(PolicyError) as caught:
        preset("Standard")
    assert "'standard'" in str(caught.value.hint)


@pytest.mark.parametrize("rule", ["ledger", "budget", "approval", "audit"])
def test_rules_that_do_not_exist_yet_deny(rule: str) -> None:
    wanted: dict[str, Any] = {rule: True}
    with pytest.raises(PolicyError, match=f"{rule}.*denies everything") as caught:
        Policy(name="ours", **wanted)
    assert caught.value.hint
    record = preset("standard").to_json() | wanted
    with pytest.raises(PolicyError, match=rule):
        Policy.from_json(record)


@pytest.mark.parametrize(
    "values", [{"threshold": 1}, {"threshold": 0}, {"threshold": -10}, {"rounding": 3}, {"rounding": 10}, {"tail": 1}]
)
def test_rules_that_protect_nobody_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(name="weak", **values)
    assert caught.value.hint


def test_json_round_trip_and_digest() -> None:
    for policy in (*PRESETS.values(), Policy(name="ours", threshold=30, rounding=5, purposes=("care", "research"))):
        record = json.loads(json.dumps(policy.to_json()))
        assert Policy.from_json(record) == policy
        assert Policy.from_json(record).digest == policy.digest
    digests = {p.digest for p in (*PRESETS.values(), Policy(name="open-research", threshold=9), Policy(name="x"))}
    assert len(digests) == 4


def test_the_strictest_of_several() -> None:
    a = Policy(name="a", threshold=10, rounding=5, purposes=("care", "research"))
    c = Policy(name="c", threshold=30, sensitive_zeros=True, purposes=("research", "teaching"))
    d = Policy(name="d", threshold=5, pooled_only=True, every_part=True, tail=7)
    for order in itertools.permutations((a, c, d)):
        found = strictest(order)
        assert (found.threshold, found.rounding, found.sensitive_zeros) == (30, 5, True)
        assert found.pooled_only and found.every_part and found.tail == 7
        assert found.purposes is not None and set(found.purposes) == {"research"}
    assert strictest([a]) == a and strictest([a, a]) == a
    with pytest.raises(PolicyError, match="denies"):
        strictest([])


def test_fewest_persons_of_every_statistic() -> None:
    kinds = ("sum", "mean", "var", "std", "sem", "skew", "kurtosis", "corr", "cov")
    least = {k: minimum_persons(Statistic(kind=k, columns=("x",)), 10) for k in kinds}
    spreads = {"var": 11, "std": 11, "sem": 11, "skew": 12, "kurtosis": 13}
    assert least == {"sum": 10, "mean": 10, **spreads, "corr": 20, "cov": 20}
    assert minimum_persons(Statistic(kind="corr", columns=("x", "y")), 10, 5) == 50
    found = {q: minimum_persons(Statistic(kind="quantile", columns=("x",), q=q), 10) for q in QUANTILES}
    assert all(n * min(q, 1 - q) >= 10 > (n - 1) * min(q, 1 - q) for q, n in found.items())


def test_the_strictest_owner_decides_for_a_merged_frame() -> None:
    """Fifteen at site e: enough for one owner, not for the other, and so not for both together."""
    frames = people()
    frames["patients"]["site"] = ["e"] * 15 + ["a"] * 225
    frames["registry"]["code"] = ["m"] * 15 + ["k"] * 225
    policies = {"hospital": preset("open-research"), "laboratory": preset("standard"), "office": Policy(name="o", threshold=20)}
    with federation(frames, policies) as fed:
        patients, registry = fed["patients"], fed["registry"]
        assert not is_withheld(patients[patients["site"] == "e"]["x"].mean())
        assert is_withheld(registry[registry["code"] == "m"]["w"].mean())
        merged = patients.merge(registry, on="id")
        assert is_withheld(merged[merged["site"] == "e"]["x"].mean())
        assert not is_withheld(merged[merged["age"] < 60]["x"].mean())
        record = patients.merge(registry, on="id")["x"].mean().release
        assert record["threshold"] == 20 and record["policy"] == "open-research+o"


def test_an_institution_without_a_policy_denies() -> None:
    with pytest.raises(PlanError, match="denies"):
        federation(people(), {"hospital": "standard", "office": "standard"})


# -- plans ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def direct() -> Direct:
    return Direct("standard")


def test_a_plan_made_against_other_policies_is_refused(direct: Direct) -> None:
    patients = TableNode(direct.catalog.tables[("hospital", "patients")])
    asked = Summarise(patients, (), (Statistic(kind="mean", columns=("x",)),))
    weak = Policy(name="standard", threshold=2, sensitive_zeros=True)
    for policies in (
        {"hospital": weak.digest},
        {"hospital": preset("open-research").digest},
        {},
        {"hospital": preset("standard").digest, "office": preset("standard").digest},
        {"laboratory": preset("standard").digest},
    ):
        plan = replace(direct.plan(asked), policies=policies)
        with pytest.raises(PolicyError, match="other policies"):
            direct.run(plan)
    direct.run(direct.plan(asked))


@pytest.mark.parametrize("name", ["threshold", "policy", "rounding"])
def test_a_plan_has_no_field_for_a_rule(direct: Direct, name: str) -> None:
    patients = TableNode(direct.catalog.tables[("hospital", "patients")])
    plan = direct.plan(Summarise(patients, (), (Statistic(kind="mean", columns=("x",)),)))
    for at in (b'"envelope":{', b'"body":{', b'"releases":[{'):
        with pytest.raises(PlanError):
            direct.run(plan, lambda raw, at=at: raw.replace(at, at + f'"{name}":"2",'.encode(), 1))


def test_the_catalog_that_institutions_agree_on_holds_each_policy(direct: Direct) -> None:
    institution = direct.backend.institutions["hospital"]
    entries = direct.backend.catalog()
    weakened = {k: dict(v) for k, v in entries.items()}
    weakened["hospital"]["policy"] = Policy(name="standard", threshold=2).to_json()
    with pytest.raises(PlanError, match="does not hold hospital"):
        institution.set_catalog(weakened)
    institution.set_catalog(entries)


def test_purposes() -> None:
    narrow, fitting = Policy(name="p", purposes=("another purpose",)), Policy(name="p", purposes=(PURPOSE,))
    with federation(people(), narrow) as fed, pytest.raises(PolicyError, match="does not allow this purpose"):
        fed["patients"]["x"].mean()
    with federation(people(), fitting) as fed:
        assert not is_withheld(fed["patients"]["x"].mean())
