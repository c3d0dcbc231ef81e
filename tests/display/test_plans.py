"""Plans as graphs: a card for every stretch of steps at one place, what is sent, and what each role learns."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

import secureframe as sf
from secureframe.display import Explanation
from secureframe.display.page import STYLE, _joined
from secureframe.display.plans import _RULES
from tests.display.looks import body_of
from tests.federation.session import session

PREFIX = f'<div class="secureframe sf-plan"><style>{STYLE}.secureframe.sf-plan{{{_joined(_RULES)}}}</style>'


@pytest.fixture(scope="module")
def fed() -> sf.Federation:
    return session()


def plan_of(explanation: Any) -> str:
    """The body of a plan's HTML, without its style."""
    assert isinstance(explanation, Explanation) and repr(explanation) == str(explanation)
    html = explanation._repr_html_()
    assert html.startswith(PREFIX)
    return body_of(html.replace(PREFIX, f'<div class="secureframe sf-plan"><style>{STYLE}</style>'), "plan")


def cards(body: str) -> list[str]:
    """Every card as a reader hears it, in order."""
    found = [re.split(r"<li>|</ol>", card) for card in re.findall(r'<div class="sf-card[^"]*">(.*?)</div>', body, re.S)]
    return [" | ".join(filter(None, map(heard, parts))) for parts in found]


def heard(part: str) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", part).split()))


def cohort(fed: sf.Federation) -> sf.SecureFrame:
    labs, patients = fed["laboratory.labs"], fed["hospital.patients"]
    tests = labs[labs["test"] == "u"].groupby("id").agg(u=("value", "mean"))
    return patients[patients["age"] >= 50].merge(tests, on="id").merge(fed["office.registry"], on="id", how="left")


def test_a_frame_is_a_graph_of_places(fed: sf.Federation) -> None:
    assert cards(plan_of(cohort(fed).explain())) == [
        "A local(hospital) | table hospital.patients | rows where (age >= 50)",
        "B local(laboratory) | table laboratory.labs, up to 20 rows a person | rows where (test == 'u')"
        " | one row a person by id: u = mean(value) quantised to 1/128",
        "C local(office) | table office.registry",
        "D shared(hospital, laboratory, office) | inner merge on id, matches hidden (A with B)"
        " | left merge on id, matches hidden (the rows above with C)",
    ]


def test_its_text_is_as_it_was(fed: sf.Federation) -> None:
    lines = cohort(fed).explain().split("\n")
    assert lines[0] == "left merge on id, matches hidden   @ shared(hospital, laboratory, office)" and len(lines) == 8


def test_a_plan_says_what_is_sent_and_what_each_role_learns(fed: sf.Federation) -> None:
    with sf.defer() as study:
        cohort(fed).groupby("male")["u"].agg(["count", "median"])
        cohort(fed)["age"].mean()
    explanation = study.explain()
    body = plan_of(explanation)
    found = cards(body)
    assert found[-1] == "release to ana | count of u, 50% of u by male (2 cells) | mean of age"
    assert re.fullmatch(r"A local\(hospital\) \| .* \| sends [\d.,]+ (MB|bytes) as shares", found[0])
    assert found[2] == "C local(office) | table office.registry | sends nothing", "nothing that is asked needs it"
    for owner in ("hospital", "laboratory"):
        size = re.search(rf"^  {owner}: (.*)$", explanation, re.M)
        assert size is not None and f"sends {size.group(1)} as shares" in " ".join(found)
    for line in explanation.split("learned:\n")[1].split("\n"):
        role, what = line.strip().split(": ", 1)
        assert f"<dt>{role}</dt><dd>{what.replace(chr(39), '&#x27;')}</dd>" in body
    for stage, cost in re.findall(r"^  (\w+): (.*rounds.*)$", explanation, re.M):
        assert f'<th scope="row">{stage}</th><td>{cost}</td>' in body
    assert f"<li>{re.search('one bit a level, .* rows', explanation).group()}" in re.sub("<li>male: ", "<li>", body)  # type: ignore[union-attr]


def test_a_frame_that_two_steps_start_from_is_named_and_not_drawn_again(fed: sf.Federation) -> None:
    patients = fed["hospital.patients"]
    older = patients[patients["age"] >= 50][["id", "age", "x"]]
    both = older.merge(older.groupby("id").agg(most=("x", "max")), on="id")
    found = cards(plan_of(both.explain()))
    assert found[0].startswith("A local(hospital) | table hospital.patients") and "A as above" in found
    assert sum("table hospital.patients" in card for card in found) == 1


def test_frames_stacked_stay_apart(fed: sf.Federation) -> None:
    one, other = fed["hospital.patients"][["id", "x"]], fed["office.registry"][["id", "w"]].rename(columns={"w": "x"})
    found = cards(plan_of(sf.concat([one, other]).explain()))
    assert found[-1].startswith("C partial(hospital, office) | rows of 2 frames") and "(A and B)" in found[-1]


def test_what_one_institution_computes_alone_is_said_so(fed: sf.Federation) -> None:
    with sf.defer():
        pending = fed["hospital.patients"].groupby("male")["age"].mean()
    found = cards(plan_of(pending.explain()))
    assert len(found) == 2 and found[0].startswith("A local(hospital)")
    assert found[1] == "release to ana | mean of age by male (2 cells)"


def test_names_are_escaped(fed: sf.Federation) -> None:
    nasty = "<img src=x>'\"&"
    frame = fed["hospital.patients"].rename(columns={"age": nasty})
    with sf.defer():
        pending = frame[frame["x"] > 5][nasty].mean()
    for explanation in (frame[frame[nasty] > 5].explain(), pending.explain()):
        assert "<img" not in plan_of(explanation) and "&lt;img src=x&gt;" in plan_of(explanation)
