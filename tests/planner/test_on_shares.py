"""Random statements of which nothing is computed by owners, against pandas: the comparison without placement is an honest one."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.placement import everything_on_shares
from secureframe.errors import PlanError
from tests.planner.strategies import Frames, asked
from tests.planner.test_statements import FAST, nothing_withheld, run, study

__all__ = ["nothing_withheld"]

ONLY_AT_OWNERS = ("not offered over columns", "of different institutions is not", "mixes institutions", "too wide for quantiles")
"""What can be done in the clear alone, and is refused where it would have to be done on shares."""


@pytest.mark.usefixtures("nothing_withheld")
@FAST
@given(st.data(), st.integers(0, 3))
def test_random_statements_without_placement(data: st.DataObject, seed: int) -> None:
    frames = Frames(data.draw, study(seed))
    node = asked(data.draw, frames.step(frames.merged(), 2))
    cutoff = data.draw(st.integers(-4, 40)) * Fraction(1, 2)
    with everything_on_shares():
        try:
            run(study(seed), [node], {"cutoff": cutoff})
        except PlanError as error:
            assume(not any(text in str(error) for text in ONLY_AT_OWNERS))
            raise
