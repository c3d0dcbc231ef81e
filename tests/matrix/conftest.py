"""Federations of the matrix, and its results: every operation of a layout is run once a session, many in one job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.disclosure.release import Rules
from secureframe.mpc.program import Value
from secureframe.testing import start_in_memory
from tests.matrix.data import Sample
from tests.matrix.layouts import LAYOUTS, clear, start
from tests.matrix.operations import OPERATIONS, Operation
from tests.matrix.running import run_all

SPREAD = ("horizontal", "vertical", "mixed")
"""Layouts in which several institutions hold the frames."""
SMALL = 13
"""People of a study small enough to look into the smallest cells."""
SEEDS = (1, 2)
LOW = Policy(name="test", threshold=2)
Case = tuple[str, str, bool]
"""Backend, layout, and whether there are nulls."""


@pytest.fixture(scope="session")
def memory_federations() -> Iterator[Callable[[str], sf.Federation]]:
    """One federation in memory for each layout."""
    started: dict[str, sf.Federation] = {}

    def of(layout: str) -> sf.Federation:
        if layout not in started:
            started[layout] = start(layout, backend=start_in_memory)
        return started[layout]

    yield of
    for fed in started.values():
        fed.close()


@pytest.fixture(scope="session")
def ray_federation_of_all() -> Iterator[sf.Federation]:
    """One federation of real processes that holds the tables of all layouts."""
    with start(*LAYOUTS) as fed:
        yield fed


@pytest.fixture(scope="session")
def federation_of(request: pytest.FixtureRequest) -> Callable[[str, str], sf.Federation]:
    """The federation in which a layout lies."""

    def of(backend: str, layout: str) -> sf.Federation:
        if backend == "ray":
            found: sf.Federation = request.getfixturevalue("ray_federation_of_all")
            return found
        return request.getfixturevalue("memory_federations")(layout)  # type: ignore[no-any-return]

    return of


@pytest.fixture(scope="session")
def results(
    request: pytest.FixtureRequest, federation_of: Callable[[str, str], sf.Federation]
) -> Callable[[Case], dict[str, Any]]:
    """Results of all operations that this session tests in a layout, or the errors that they raised."""
    wanted: dict[Case, list[Operation]] = {}
    for item in request.session.items:
        values = getattr(getattr(item, "callspec", None), "params", {})
        if isinstance(values.get("case"), tuple) and values.get("shown") in OPERATIONS:
            wanted.setdefault(values["case"], []).append(OPERATIONS[values["shown"]])
    found: dict[Case, dict[str, Any]] = {}

    def of(case: Case) -> dict[str, Any]:
        if case not in found:
            backend, layout, nulls = case
            study = LAYOUTS[layout].study(federation_of(backend, layout), nulls)
            found[case] = run_all(wanted[case], study)
        return found[case]

    return of


@pytest.fixture(scope="session")
def oracle() -> Callable[[str, bool], Any]:
    """What pandas answers, once for all layouts."""
    known: dict[tuple[str, bool], Any] = {}

    def of(shown: str, nulls: bool) -> Any:
        if (shown, nulls) not in known:
            known[shown, nulls] = OPERATIONS[shown].pandas(clear(Sample(nulls)))
        return known[shown, nulls]

    return of


@pytest.fixture
def nothing_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """Release every cell, so that the smallest is compared too; the rules have tests of their own."""

    def released(self: Rules) -> Value:
        return self.b.zeros("bits", 1, self.node.cells * len(self.breakdown.pieces))

    monkeypatch.setattr(Rules, "withheld", released)


@pytest.fixture(scope="session")
def small_federations() -> Iterator[Callable[[str, int], sf.Federation]]:
    """A federation in memory for each layout and seed, with few people."""
    started: dict[tuple[str, int], sf.Federation] = {}

    def of(layout: str, seed: int) -> sf.Federation:
        if (layout, seed) not in started:
            samples = [Sample(nulls, SMALL, seed) for nulls in (False, True)]
            started[layout, seed] = start(layout, backend=start_in_memory, samples=samples, policy=LOW)
        return started[layout, seed]

    yield of
    for fed in started.values():
        fed.close()
