"""Random statements over every layout against pandas: all cells of small tables, and what the rules let out of large ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.disclosure.release import Rules
from secureframe.mpc.program import Value
from secureframe.testing import start_in_memory
from tests.matrix.comparison import differences
from tests.matrix.data import Sample
from tests.matrix.layouts import LAYOUTS, clear, start
from tests.matrix.running import filled, waiting
from tests.matrix.steps import Statements

SPREAD = ("horizontal", "vertical", "mixed")
RANDOM = settings(
    max_examples=int(os.environ.get("STATEMENTS", "10")),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""``STATEMENTS=300`` looks further than every run does."""
SMALL = 13
LOW = Policy(name="test", threshold=2)


@pytest.fixture
def nothing_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """Release every cell, so that the smallest is compared too; the rules have tests of their own."""

    def released(self: Rules) -> Value:
        return self.b.zeros("bits", 1, self.node.cells * len(self.breakdown.pieces))

    monkeypatch.setattr(Rules, "withheld", released)


@pytest.fixture(scope="module")
def small_federations() -> Iterator[Callable[[str, int], sf.Federation]]:
    started: dict[tuple[str, int], sf.Federation] = {}

    def of(layout: str, seed: int) -> sf.Federation:
        if (layout, seed) not in started:
            samples = [Sample(nulls, SMALL, seed) for nulls in (False, True)]
            started[layout, seed] = start(layout, backend=start_in_memory, samples=samples, policy=LOW)
        return started[layout, seed]

    yield of
    for fed in started.values():
        fed.close()


def compare(data: st.DataObject, fed: sf.Federation, layout: str, sample: Sample) -> None:
    """Draw a statement, run it on shares and in pandas, and hold every released cell against pandas."""
    statements = Statements(data.draw, LAYOUTS[layout].study(fed, sample.nulls), clear(sample))
    pair = statements.frame()
    text, release = statements.asked(pair)
    note(f"{layout}, {sample}:\n{pair.text}\n  {text}")
    try:
        with sf.defer():
            asked = release(pair.secure)
        sf.collect(*waiting(asked))
    except (sf.PlanError, sf.RangeError):
        return
    found, wanted = filled(asked), release(pair.clear)
    assert list(differences(found, wanted, 1e-7)) == []


@pytest.mark.usefixtures("nothing_withheld")
@pytest.mark.parametrize("layout", SPREAD)
@RANDOM
@given(data=st.data(), seed=st.integers(0, 2), nulls=st.booleans())
def test_every_cell_of_small_tables(
    small_federations: Callable[[str, int], sf.Federation], layout: str, data: st.DataObject, seed: int, nulls: bool
) -> None:
    compare(data, small_federations(layout, seed), layout, Sample(nulls, SMALL, seed))


@pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")
@pytest.mark.parametrize("layout", SPREAD)
@RANDOM
@given(data=st.data(), nulls=st.booleans())
def test_what_the_rules_let_out(
    memory_federations: Callable[[str], sf.Federation], layout: str, data: st.DataObject, nulls: bool
) -> None:
    statements = Statements(data.draw, LAYOUTS[layout].study(memory_federations(layout), nulls), clear(Sample(nulls)))
    pair = statements.frame()
    text, release = statements.asked(pair)
    note(f"{layout}, nulls={nulls}:\n{pair.text}\n  {text}")
    try:
        with sf.defer():
            asked = release(pair.secure)
        sf.collect(*waiting(asked))
    except (sf.PlanError, sf.RangeError):
        return
    found, wanted = filled(asked), release(pair.clear)
    for name in wanted:
        assert list(differences(*_released(found[name], wanted[name]), 1e-7, name)) == []


def _released(found: Any, wanted: Any) -> tuple[Any, Any]:
    """Both results without the cells that were withheld."""
    hidden = {(str(cell["row"]), str(cell["column"])) for cell in found.attrs["release"]["suppressed"]}
    if not hidden:
        return found, wanted
    found = found.copy()
    wanted = wanted.astype("Float64") if isinstance(wanted, pd.Series | pd.DataFrame) else wanted
    kept = found.notna()
    return found.where(kept), wanted.where(kept)
