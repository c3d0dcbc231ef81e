"""A description of many columns whose rows lie at three institutions: every cell that of pandas, every byte foretold."""

from __future__ import annotations

import pytest

import secureframe as sf
from benchmarks import horizontal
from secureframe.plan.parts import Histogram
from secureframe.planner.frames import LocalPart
from secureframe.planner.prediction import predict
from secureframe.testing import start_in_memory

ROWS = 3_000


@pytest.fixture(scope="module")
def hospitals() -> tuple[sf.Federation, object]:
    return horizontal.started(ROWS, start_in_memory)


def test_the_description_is_that_of_the_pooled_rows(hospitals: tuple[sf.Federation, object]) -> None:
    fed, frame = hospitals
    released = fed["patients"].describe(include="all")
    horizontal.compare(released, horizontal.described(frame), frame)
    assert list(released.columns) == list(frame.columns)
    with pytest.raises(RuntimeError, match="is not that of the pooled rows"):
        horizontal.compare(released, horizontal.described(frame.iloc[1:]), frame)


def test_owners_add_up_and_deal_totals_alone(hospitals: tuple[sf.Federation, object]) -> None:
    """What is dealt depends on grids and statistics, and not on rows."""
    fed, _ = hospitals
    with sf.defer():
        pending = fed["patients"].describe(include="all")
    _, compiled = fed._prepared(pending.nodes, {})
    assert all(isinstance(local, LocalPart) for local in compiled.locals)
    points = sum(local.values for local in compiled.locals if isinstance(local.part, Histogram))
    others = sum(local.values for local in compiled.locals if not isinstance(local.part, Histogram))
    schema = fed["patients"].node.schema
    numbers = [schema[name].type for name in (*horizontal.WHOLE, *horizontal.DECIMAL)]
    assert points == len(horizontal.HOSPITALS) * sum(type_.high - type_.low + 1 for type_ in numbers)
    assert others < 1_000
    pending.result()
    expected = predict(compiled)
    assert fed.last_job is not None
    assert (fed.last_job.rounds, fed.last_job.bytes) == (expected.rounds, expected.bytes)
