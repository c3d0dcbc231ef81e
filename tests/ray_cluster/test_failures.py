"""What a failure says outside its process: its class and cause, who is in dispute, and never what the exception said."""

from __future__ import annotations

import pytest

from ray_cluster.failures import Cause, describe_failure
from ray_cluster.job_report import job_report
from ray_cluster.links import LinkFailed
from secureframe.errors import PlanError
from secureframe.mpc.channel import LinkClosed
from secureframe.mpc.opening import InconsistentOpening

HOSTS = ("hospital", "laboratory", "registry")


def test_an_unexpected_exception_keeps_its_text_to_itself() -> None:
    failure = describe_failure(ValueError("a value of a row"), "hospital", cancelled=False)
    assert failure["cause"] == Cause.OWN
    assert "ValueError" in failure["error"]["message"]
    assert "row" not in failure["error"]["message"]


def test_an_error_of_secureframe_keeps_its_class_and_text() -> None:
    failure = describe_failure(PlanError("no such column", hint="another"), "hospital", cancelled=False)
    assert failure["error"] == {"class": "PlanError", "message": "no such column", "hint": "another", "institution": "hospital"}


@pytest.mark.parametrize("error", [LinkClosed(1), LinkFailed("no link")])
def test_a_closed_link_is_somebody_elses_failure(error: Exception) -> None:
    assert describe_failure(error, "hospital", cancelled=False)["cause"] == Cause.LINK
    assert describe_failure(error, "hospital", cancelled=True)["cause"] == Cause.CANCELLED


@pytest.mark.parametrize(("disputing", "named"), [((0,), "laboratory and registry told"), ((0, 1), "dispute what registry told")])
def test_a_dispute_names_the_institutions(disputing: tuple[int, ...], named: str) -> None:
    failure = describe_failure(InconsistentOpening(disputing), "hospital", cancelled=False, hosts=HOSTS)
    assert failure["error"]["class"] == "ProtocolAborted"
    assert named in failure["error"]["message"]


def test_a_report_adds_the_parties_up() -> None:
    stages = {host: [{"name": "share", "seconds": 0.1 * k, "rounds": 2, "bytes": 10}] for k, host in enumerate(HOSTS)}
    results = {host: {"report": {"rounds": 2, "links": {f"{host} -> x": 5}, "sent_to_parties": {}}} for host in HOSTS}
    results["pharmacy"] = {"report": {"sent_to_parties": {"hospital": 3, "registry": 4}}}
    report = job_report(stages, results, HOSTS, 1.5)
    assert report["stages"] == [{"name": "share", "seconds": 0.2, "rounds": 2, "bytes": 30, "opened_bits": 0}]
    assert report["dealt"] == {"pharmacy": 7}
    assert report["dealt_links"] == {"pharmacy -> hospital": 3, "pharmacy -> registry": 4}
    assert report["links"] == {"hospital -> x": 5, "laboratory -> x": 5, "registry -> x": 5}
