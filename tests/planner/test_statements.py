"""Random statements over three institutions, released, against pandas on the pooled and quantised rows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from secureframe.disclosure.release import Rules
from secureframe.mpc.program import Value
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan.combining import Merge
from secureframe.plan.envelope import parameters_of
from secureframe.results.released import SUPPRESSED
from secureframe.schema import declare as d
from tests.planner.statistics import differences, pooled
from tests.planner.strategies import Frames, asked
from tests.planner.study import COLUMNS, Study, random_tables, start

FAST = settings(
    max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck)
)
STUDIES: dict[int, Study] = {}
LARGE = {
    name: {c: d.key("person", low=1, high=400, nullable=c != "id") if c.endswith("id") else t for c, t in columns.items()}
    for name, columns in COLUMNS.items()
}


def study(seed: int) -> Study:
    if seed not in STUDIES:
        STUDIES[seed] = start(random_tables(seed))
    return STUDIES[seed]


@pytest.fixture
def nothing_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """Release every cell, so that the smallest is compared too; the rules have tests of their own."""

    def released(self: Rules) -> Value:
        return self.b.zeros("bits", 1, self.node.cells * len(self.breakdown.pieces))

    monkeypatch.setattr(Rules, "withheld", released)


def run(study: Study, nodes: list[n.Summarise], parameters: dict[str, Any]) -> None:
    """Run releases as one job and hold every cell against pandas."""
    used = {name for node in nodes for name in parameters_of(node)}
    values = {name: value for name, value in parameters.items() if name in used}
    for node, released in zip(nodes, study.federation.run(nodes, values), strict=True):
        assert differences(node, released.values, pooled(node.frame, study.tables, parameters)) == []


@pytest.mark.usefixtures("nothing_withheld")
@FAST
@given(st.data(), st.integers(0, 3))
def test_random_statements_over_three_institutions(data: st.DataObject, seed: int) -> None:
    frames = Frames(data.draw, study(seed))
    nodes = [asked(data.draw, frames.step(frames.merged(), 2)) for _ in range(data.draw(st.integers(1, 2)))]
    run(study(seed), nodes, {"cutoff": data.draw(st.integers(-4, 40)) * Fraction(1, 2)})


@pytest.mark.usefixtures("nothing_withheld")
@FAST
@given(st.data(), st.integers(0, 3))
def test_random_statements_at_one_institution(data: st.DataObject, seed: int) -> None:
    """The same question where one owner has all of it: many rows a person, its own merges, its own reductions."""
    frames = Frames(data.draw, study(seed))
    scores, visits = (frames.step(study(seed).table(f"labor.{name}"), 2) for name in ("scores", "visits"))
    how = data.draw(st.sampled_from(("inner", "left")))
    frame = data.draw(
        st.sampled_from([visits, scores, frames.reduced(), Merge(visits, scores, ("id",), ("id",), how, ("_v", "_s"))])
    )
    node = asked(data.draw, frames.step(frame, 2))
    assert node.owners == {"labor"}
    run(study(seed), [node], {"cutoff": data.draw(st.integers(-4, 40)) * Fraction(1, 2)})


@pytest.mark.usefixtures("nothing_withheld")
@pytest.mark.parametrize("how", ("inner", "left"))
def test_one_question_has_one_answer_wherever_it_is_computed(how: str) -> None:
    """A left key that repeats, is missing and has no match: by its owner alone, and on shares."""
    people = study(1).table("clinic.people")
    cases = n.Project(people, (("id", e.ColumnRef("id")), ("case_grade", e.ColumnRef("grade")), ("case_age", e.ColumnRef("age"))))
    alone = Merge(people, cases, ("case_id",), ("id",), how, ("_l", "_r"))
    spread = Merge(alone, study(1).table("register.events"), ("id_l",), ("id",), "left")
    statistics = tuple(n.Statistic(kind=kind, columns=("case_age",)) for kind in ("count", "sum", "mean", "var"))
    nodes = [n.Summarise(frame, ("case_grade",), statistics) for frame in (alone, spread)]
    run(study(1), nodes, {})
    here, there = study(1).federation.run(nodes, {})
    assert here.values == there.values


# -- under a policy --------------------------------------------------------------------------------------------------------


def test_what_a_policy_lets_out_is_true() -> None:
    """Many persons, the rules in force: nearly every cell leaves, and every one that does equals pandas."""
    large = start(random_tables(9, persons=300), persons=320, columns=LARGE)
    people, scores, events = (large.table(name) for name in ("clinic.people", "labor.scores", "register.events"))
    frame = Merge(Merge(people, scores, ("id",), ("id",), "left"), events, ("id",), ("id",), "inner")
    kept = tuple((name, e.ColumnRef(name)) for name in frame.schema)
    made = e.Binary("+", e.ColumnRef("score"), e.ColumnRef("bmi"))
    band = e.Cut(e.ColumnRef("age"), (Fraction(18), Fraction(50), Fraction(91)), ("young", "old"), False, False)
    frame = n.Project(frame, (*kept, ("made", made), ("band", band)))
    kinds = ("count", "sum", "mean", "var", "std")
    statistics = (
        n.Statistic(kind="size"),
        *(n.Statistic(kind=kind, columns=("made",)) for kind in kinds),
        *(n.Statistic(kind="quantile", columns=(name,), q=Fraction(1, 2)) for name in ("made", "dose", "died")),
        n.Statistic(kind="corr", columns=("made", "level")),
        n.Statistic(kind="mean", columns=("mi",)),
    )
    nodes = [n.Summarise(frame, by, statistics) for by in ((), ("band",), ("grade", "mi"), ("stage", "hit"))]
    released = large.federation.run(nodes, {})
    cells = 0
    for node, table in zip(nodes, released, strict=True):
        assert differences(node, table.values, pooled(node.frame, large.tables)) == []
        cells += sum(cell is not SUPPRESSED for column in table.values for cell in column)
    assert cells >= 0.9 * sum(node.cells for node in nodes) * len(statistics)
