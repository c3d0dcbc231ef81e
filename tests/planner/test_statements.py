"""Random statements over three institutions, released, against pandas on the pooled and quantised rows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from secureframe.disclosure.release import Rules
from secureframe.mpc.program import Value
from secureframe.plan import nodes as n
from secureframe.plan.envelope import parameters_of
from secureframe.plan.parts import Piece
from tests.planner.statistics import differences, pooled
from tests.planner.strategies import Frames, asked
from tests.planner.study import Study, random_tables, start

FAST = settings(
    max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck)
)
STUDIES: dict[int, Study] = {}


def study(seed: int) -> Study:
    if seed not in STUDIES:
        STUDIES[seed] = start(random_tables(seed))
    return STUDIES[seed]


@pytest.fixture
def nothing_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """Release every cell, so that the smallest is compared too; the rules have tests of their own."""

    def released(self: Rules, _: Piece) -> Value:
        return self.b.zeros("bits", 1, self.node.cells)

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
