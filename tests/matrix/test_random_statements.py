"""Random statements over every layout against pandas: all cells of small tables, and what the rules let out of large ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

import secureframe as sf
from tests.matrix.comparison import differences
from tests.matrix.conftest import SEEDS, SMALL, SPREAD
from tests.matrix.data import Sample
from tests.matrix.layouts import LAYOUTS, clear
from tests.matrix.running import filled, waiting
from tests.matrix.steps import Statements

RANDOM = settings(
    max_examples=int(os.environ.get("STATEMENTS", "10")),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""``STATEMENTS=300`` looks further than every run does."""


def compare(data: st.DataObject, fed: sf.Federation, layout: str, sample: Sample, *, released_only: bool = False) -> None:
    """Draw a statement, run it on shares and in pandas, and hold its cells against pandas."""
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
    for name in wanted:
        both = _released(found[name], wanted[name]) if released_only else (found[name], wanted[name])
        assert list(differences(*both, 1e-7, name)) == []


@pytest.mark.usefixtures("nothing_withheld")
@pytest.mark.parametrize("layout", SPREAD)
@RANDOM
@given(data=st.data(), seed=st.sampled_from(SEEDS), nulls=st.booleans())
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
    compare(data, memory_federations(layout), layout, Sample(nulls), released_only=True)


def _released(found: Any, wanted: Any) -> tuple[Any, Any]:
    """Both results without the cells that were withheld."""
    hidden = {(str(cell["row"]), str(cell["column"])) for cell in found.attrs["release"]["suppressed"]}
    if not hidden:
        return found, wanted
    kept = found.notna()
    released = found.where(kept)
    released.attrs = {}
    return released, wanted.astype("Float64").where(kept)
