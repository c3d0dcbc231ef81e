"""What an institution admits, what it refuses without looking at data, and what it deals."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest

from secureframe.disclosure.policy import Policy
from secureframe.engine import institution as engine
from secureframe.engine.institution import Institution
from secureframe.engine.job import AdmittedJob
from secureframe.errors import PlanError, PolicyError, ProtocolAborted, SecureFrameError
from secureframe.governance.identity import AnalystIdentity
from secureframe.governance.kept import PACKAGE_OVERHEAD
from secureframe.mpc.sharing import receive, reconstruct
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.codec import canonical, parse
from secureframe.plan.combining import Merge
from secureframe.plan.envelope import Plan, new_plan
from secureframe.planner.frames import LocalPart, LocalValue
from tests.planner.columns import plain
from tests.planner.study import TEST_POLICY, Study, random_tables, start


@dataclass(frozen=True)
class Case:
    """A study with an analyst whom all institutions know, and a plan over two of the three."""

    study: Study
    analyst: AnalystIdentity
    plan: Plan

    @property
    def clinic(self) -> Institution:
        return self.study.backend.institutions["clinic"]

    def admit(self, plan: Plan | None = None, by: AnalystIdentity | None = None, at: str = "clinic") -> AdmittedJob:
        request = (plan or self.plan).to_bytes()
        return self.study.backend.institutions[at].admit(request, (by or self.analyst).sign(request))


@pytest.fixture
def case() -> Case:
    study = start(random_tables(0))
    analyst = AnalystIdentity.generate("analyst", "university")
    for institution in study.backend.institutions.values():
        institution.trust(analyst.public())
    frame = Merge(study.table("clinic.people"), study.table("labor.scores"), ("id",), ("id",), "left")
    node = n.Summarise(frame, ("grade",), (n.Statistic(kind="mean", columns=("score",)),))
    plan = new_plan(
        [node],
        {},
        purpose="tests",
        analyst=analyst.public(),
        policies=dict.fromkeys(("clinic", "labor"), TEST_POLICY.digest),
        versions={name: study.registered(name).schema.version for name in ("clinic.people", "labor.scores")},
    )
    return Case(study, analyst, plan)


def test_all_institutions_admit_the_same_job(case: Case) -> None:
    jobs = [case.admit(at=name) for name in ("clinic", "labor", "register")]
    assert jobs[0] == jobs[1] == jobs[2]
    assert jobs[0].owners == ("clinic", "labor")
    assert jobs[0].stages == ("share", "join", "aggregate", "release")
    assert jobs[0].plan_digest == case.plan.digest
    assert jobs[0].recipient_key == case.analyst.public()["sealing_key"]


STRANGER = AnalystIdentity.generate("analyst", "university")
HOUR = datetime.timedelta(hours=1)


def asking(case: Case, changes: dict[str, Any]) -> Plan:
    """The plan with another analyst, to whom its results go."""
    changed = case.plan.analyst | changes
    return replace(case.plan, analyst=changed, recipient=changed)


def member(case: Case, name: str) -> dict[str, Any]:
    """The identity under which a member receives results."""
    (found,) = (m.identity for m in case.study.backend.members if m.name == name)
    assert found is not None
    return dict(found)


def test_a_member_may_receive(case: Case) -> None:
    """Everybody is told which one; only that one waits for packages."""
    plan = replace(case.plan, recipient=member(case, "register"))
    jobs = [case.admit(plan, at=name) for name in ("clinic", "labor", "register")]
    assert {(j.recipient, j.recipient_key) for j in jobs} == {("register", plan.recipient["sealing_key"])}
    package = bytes(jobs[0].released_bytes + PACKAGE_OVERHEAD)
    for name in ("clinic", "labor", "register"):
        receiving = case.study.backend.institutions[name].receiving
        assert receiving is not None
        if name == "register":
            receiving.receive(jobs[0].job_id, 0, package)
        else:
            with pytest.raises(ProtocolAborted, match="expects no result"):
                receiving.receive(jobs[0].job_id, 0, package)


def test_a_catalog_has_every_member_under_its_own_name(case: Case) -> None:
    entries = {name: i.describe() for name, i in case.study.backend.institutions.items()}
    for change in ({"name": "labor"}, {"affiliation": "labor"}, {"affiliation": None}):
        entry = entries["register"] | {"identity": entries["register"]["identity"] | change}
        with pytest.raises(ValueError, match="under its own name"):
            case.clinic.set_catalog(entries | {"register": entry})


def shifted(plan: Plan, by: datetime.timedelta) -> str:
    return (datetime.datetime.fromisoformat(plan.created) + by).isoformat()


CHANGES: dict[str, tuple[Callable[[Case], Plan], type[SecureFrameError], str]] = {
    "a name that is not the analyst's": (
        lambda c: asking(c, {"name": "head"}),
        PolicyError,
        "does not know the analyst",
    ),
    "an affiliation that is not the analyst's": (
        lambda c: asking(c, {"affiliation": None}),
        PolicyError,
        "does not know the analyst",
    ),
    "an analyst without a key": (
        lambda c: replace(c.plan, analyst={"name": "analyst"}, recipient={"name": "analyst"}),
        PolicyError,
        "does not know the analyst",
    ),
    "another recipient": (lambda c: replace(c.plan, recipient=STRANGER.public()), PolicyError, "the analyst who asks"),
    "another key of the recipient": (
        lambda c: replace(c.plan, recipient=c.plan.analyst | {"sealing_key": STRANGER.public()["sealing_key"]}),
        PolicyError,
        "the analyst who asks",
    ),
    "a member under another key": (
        lambda c: replace(c.plan, recipient=member(c, "register") | {"sealing_key": STRANGER.public()["sealing_key"]}),
        PolicyError,
        "under its own key",
    ),
    "a member without its affiliation": (
        lambda c: replace(c.plan, recipient=member(c, "labor") | {"affiliation": None}),
        PolicyError,
        "under its own key",
    ),
    "a member under the name of another": (
        lambda c: replace(c.plan, recipient=member(c, "labor") | {"name": "register", "affiliation": "register"}),
        PolicyError,
        "under its own key",
    ),
    "no key to seal to": (
        lambda c: asking(c, {"sealing_key": None}),
        PolicyError,
        "no key",
    ),
    "a short key to seal to": (
        lambda c: asking(c, {"sealing_key": "AAAA"}),
        PolicyError,
        "no key",
    ),
    "a weaker policy": (
        lambda c: replace(c.plan, policies=c.plan.policies | {"labor": replace(TEST_POLICY, threshold=3).digest}),
        PolicyError,
        "other policies",
    ),
    "a policy left out": (lambda c: replace(c.plan, policies={"clinic": TEST_POLICY.digest}), PolicyError, "other policies"),
    "a policy too many": (
        lambda c: replace(c.plan, policies=c.plan.policies | {"register": TEST_POLICY.digest}),
        PolicyError,
        "other policies",
    ),
    "another version of the data": (
        lambda c: replace(c.plan, versions=c.plan.versions | {"labor.scores": "0" * 32}),
        PlanError,
        "data have changed",
    ),
    "a version left out": (lambda c: replace(c.plan, versions={}), PlanError, "data have changed"),
    "no purpose": (lambda c: replace(c.plan, purpose=""), PolicyError, "what its answers are for"),
    "a blank purpose": (lambda c: replace(c.plan, purpose=" \n"), PolicyError, "what its answers are for"),
    "an old request": (lambda c: replace(c.plan, created=shifted(c.plan, -HOUR)), PlanError, "not signed just now"),
    "a request from the future": (lambda c: replace(c.plan, created=shifted(c.plan, HOUR)), PlanError, "not signed just now"),
    "no time of signing": (lambda c: replace(c.plan, created="today"), PlanError, "when it was signed"),
    "a time without a zone": (lambda c: replace(c.plan, created="2030-01-01T00:00:00"), PlanError, "when it was signed"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_not_agreed_is_refused(case: Case, what: str) -> None:
    change, error, message = CHANGES[what]
    with pytest.raises(error, match=message):
        case.admit(change(case))
    assert case.clinic._admitted == {}


def test_an_unknown_analyst_is_refused(case: Case) -> None:
    with pytest.raises(PolicyError, match="does not know the analyst") as refused:
        case.admit(replace(case.plan, analyst=STRANGER.public(), recipient=STRANGER.public()), by=STRANGER)
    assert refused.value.hint is not None


def test_another_hand_is_refused(case: Case) -> None:
    with pytest.raises(PolicyError, match="signature"):
        case.admit(by=STRANGER)


@pytest.mark.parametrize("signature", [b"", bytes(64), b"x" * 63])
def test_no_signature_is_refused(case: Case, signature: bytes) -> None:
    with pytest.raises(PolicyError, match="signature"):
        case.clinic.admit(case.plan.to_bytes(), signature)


def test_changed_bytes_are_refused(case: Case) -> None:
    request = case.plan.to_bytes()
    signature = case.analyst.sign(request)
    record = parse(request)
    record["body"]["releases"][0]["by"] = ["rank"]
    with pytest.raises(PolicyError, match="signature"):
        case.clinic.admit(canonical(record), signature)
    with pytest.raises(PlanError, match="canonical"):
        case.clinic.admit(request + b" ", signature)


def test_a_replay_is_refused(case: Case) -> None:
    case.admit()
    with pytest.raises(PlanError, match="run before"):
        case.admit()
    case.admit(replace(case.plan, nonce="another"))


def test_an_institution_that_is_not_ready_refuses(case: Case) -> None:
    fresh = Institution(name="clinic", policy=TEST_POLICY.to_json(), members=())
    with pytest.raises(PlanError, match="not ready"):
        fresh.admit(case.plan.to_bytes(), b"")


def test_purposes_are_the_owners(case: Case) -> None:
    case.clinic.policy = Policy(name="test", threshold=2, purposes=("care", "tests"))
    assert case.admit()
    for purposes in (("care",), ()):
        case.clinic.policy = Policy(name="test", threshold=2, purposes=purposes)
        with pytest.raises(PolicyError, match="does not allow this purpose"):
            case.admit(replace(case.plan, nonce="another"))


def test_a_host_without_data_in_the_plan_does_not_judge_its_purpose(case: Case) -> None:
    case.study.backend.institutions["register"].policy = Policy(name="test", threshold=2, purposes=())
    assert case.admit(at="register")


def test_a_catalog_with_another_entry_of_ones_own_is_refused(case: Case) -> None:
    entries = case.study.backend.catalog()
    entries["clinic"] = entries["clinic"] | {"policy": replace(TEST_POLICY, threshold=3).to_json()}
    with pytest.raises(PlanError, match="does not hold clinic as it is"):
        case.clinic.set_catalog(entries)
    del entries["clinic"]
    with pytest.raises(PlanError, match="does not hold clinic as it is"):
        case.clinic.set_catalog(entries)


def test_refused_jobs_do_not_pile_up(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_WAITING", 2)
    jobs = [case.admit(replace(case.plan, nonce=str(i))) for i in range(4)]
    assert [job.job_id for job in jobs[2:]] == list(case.clinic._admitted)


# -- dealing ---------------------------------------------------------------------------------------------------------------


def test_an_institution_deals_its_own_inputs_and_no_others(case: Case) -> None:
    for name in ("clinic", "labor"):
        job = case.admit(at=name)
        institution = case.study.backend.institutions[name]
        locals_ = institution._admitted[job.job_id][1]
        own = [(spec, local) for spec, local in zip(job.program.inputs, locals_, strict=True) if spec.owner == name]
        messages = institution.deal(job)
        assert messages is not None
        shares = [receive([spec.value for spec, _ in own], message, party) for party, message in enumerate(messages)]
        for i, (spec, local) in enumerate(own):
            opened = reconstruct([held[i] for held in shares], spec.value)
            if isinstance(local, LocalValue):
                assert np.array_equal(opened, plain(local, case.study.tables, {}))
            else:
                assert isinstance(local, LocalPart) and opened.tolist() == [[14]]


def test_an_institution_without_inputs_deals_nothing(case: Case) -> None:
    assert case.study.backend.institutions["register"].deal(case.admit(at="register")) is None


def test_a_job_is_dealt_once_and_only_where_it_was_admitted(case: Case) -> None:
    job = case.admit()
    assert case.clinic.deal(job) is not None
    with pytest.raises(PlanError, match="dealt before"):
        case.clinic.deal(job)
    with pytest.raises(PlanError, match="not admitted here"):
        case.study.backend.institutions["labor"].deal(job)


def test_dealing_twice_shares_anew(case: Case) -> None:
    first, second = (case.clinic.deal(case.admit(replace(case.plan, nonce=str(i)))) for i in range(2))
    assert first is not None and second is not None
    assert all(a != b and len(a) == len(b) for a, b in zip(first, second, strict=True))


def test_what_fails_at_the_owner_carries_no_value(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> Any:
        raise pl.exceptions.ComputeError("conversion of `secret 43.21` failed")

    monkeypatch.setattr(engine, "compute", failing)
    with pytest.raises(PlanError, match="clinic could not compute its part") as failed:
        case.clinic.deal(case.admit())
    assert "43.21" not in str(failed.value)
    assert failed.value.__cause__ is None and failed.value.__suppress_context__


def test_values_of_parameters_are_the_plans(case: Case) -> None:
    cutoff = e.Parameter("cutoff", e.infer(e.ColumnRef("age"), case.study.table("clinic.people").schema).type)
    frame = n.Filter(case.study.table("clinic.people"), e.Binary(">=", e.ColumnRef("age"), cutoff))
    counts = []
    for value in (18, 50, 90):
        node = n.Summarise(frame, (), (n.Statistic(kind="size"),))
        plan = replace(
            case.plan,
            releases=(node,),
            parameters={"cutoff": Fraction(value)},
            policies={"clinic": TEST_POLICY.digest},
            versions={"clinic.people": case.plan.versions["clinic.people"]},
        )
        job = case.admit(plan)
        messages = case.clinic.deal(job)
        assert messages is not None
        values = [spec.value for spec in job.program.inputs]
        shares = [receive(values, message, party) for party, message in enumerate(messages)]
        counts.append(int(reconstruct([held[1] for held in shares], values[1])[0, 0]))
    ages = case.study.pandas("clinic.people")["age"]
    assert counts == [int((ages >= value).sum()) for value in (18, 50, 90)]
