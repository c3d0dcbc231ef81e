"""Jobs, receipts, studies, federations and results that were received, as a notebook shows them."""

from __future__ import annotations

import re
from typing import Any

import pytest

import secureframe as sf
from tests.display.looks import body_of
from tests.federation.session import session

NASTY = "<script>alert(1)</script> & 'co\""


@pytest.fixture(scope="module")
def fed() -> sf.Federation:
    fed = session()
    fed.purpose = NASTY
    return fed


def words(html: str, kind: str) -> str:
    """What a reader hears of a fragment."""
    return " ".join(re.sub(r"<[^>]+>", " ", body_of(html, kind)).split())


def test_a_job(fed: sf.Federation) -> None:
    fed["hospital.patients"]["age"].mean()
    job = fed.last_job
    assert job is not None
    heard = words(job._repr_html_(), "job")
    assert heard.startswith(f"Job {job.job[:8]} {job.seconds:.2f} s {job.rounds} rounds")
    for stage in job.stages:
        assert f"{stage.name} {stage.seconds:.3f} s {stage.rounds}" in heard
    assert "compute parties random-looking shares and public sizes" in heard
    assert "and nothing else" in heard and "Bytes by link" not in heard


def test_jobs(fed: sf.Federation) -> None:
    fed["hospital.patients"]["age"].mean()
    with pytest.raises(sf.PlanError):
        fed["hospital.patients"].groupby("x")["age"].mean()
    shown = fed.jobs._repr_html_()
    heard = words(shown, "jobs")
    assert "released" in heard and '<span class="sf-chip sf-local">released</span>' in shown
    assert "<script" not in shown and "&lt;script&gt;" in shown


def test_pending_and_study(fed: sf.Federation) -> None:
    patients = fed["hospital.patients"].rename(columns={"age": NASTY})
    with sf.defer() as study:
        waiting = patients.groupby("male")[NASTY].mean()
    heard = words(waiting._repr_html_(), "pending")
    assert "not run yet asks mean of &lt;script&gt;" in heard and "by male (2 cells) of hospital next .explain()" in heard
    assert words(study._repr_html_(), "study").startswith("Study of 1 result, one job result asks state")
    waiting.result()
    assert "released" in words(waiting._repr_html_(), "pending") and "not run yet" not in words(study._repr_html_(), "study")


def test_a_receipt_and_what_was_received(fed: sf.Federation) -> None:
    with sf.defer(recipient="office") as study:
        fed["hospital.patients"].groupby("male")["age"].mean()
    assert "for office, one job" in words(study._repr_html_(), "study")
    receipt = study.collect()
    heard = words(receipt._repr_html_(), "receipt")
    assert heard.startswith(f"A result was sealed for office , which alone can open it job {receipt.job} plan ")
    assert "mean of age by male (2 cells)" in heard and "&lt;script&gt;" in heard
    results = sf.received(fed["office"])
    assert words(results._repr_html_(), "inbox").startswith("1 result, sealed until opened job received asked by")
    assert words(results[:0]._repr_html_(), "inbox") == "no results were received"


def test_a_federation_and_its_members(fed: sf.Federation) -> None:
    heard = words(fed._repr_html_(), "federation")
    rules = "open-research: 0 or at least 10 persons in every cell, not rounded"
    assert f"laboratory laboratory.labs party 1 {rules} office office.registry party 2 {rules} purpose &lt;script&gt;" in heard
    member = words(fed["office"]._repr_html_(), "member")
    assert member == f"Member office tables office.registry hosts party 2 what leaves {rules}"


def test_a_neutral_host_brings_nothing() -> None:
    from secureframe.testing import start_in_memory
    from tests.disclosure.federations import people, tables

    two: Any = {name: owned for name, owned in tables(people()).items() if name != "office"}
    fed = sf.simulate(two, purpose="tests", start=start_in_memory, quiet=True)
    assert words(fed["neutral"]._repr_html_(), "member") == "Member neutral tables none hosts party 2"
    assert "neutral none party 2 purpose tests" in words(fed._repr_html_(), "federation")
