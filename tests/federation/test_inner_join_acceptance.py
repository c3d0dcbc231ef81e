"""Acceptance from outside: a secure inner join of up to five institutions, as TNO's public tests of theirs set it up.

Owners with 7, 6, 6 and 5 named records and two numeric columns each, negatives and decimals among them, have exactly Thomas,
Michiel, Alex and Daniel in common for the first two, Thomas, Alex and Daniel for three, Thomas and Daniel for four; a fifth
owner with one stranger has nobody in common with anyone. Sums and counts leave under a threshold of 2; how many matched is seen
by nobody before.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats

import secureframe as sf
from ray_cluster.records import load_payloads
from ray_cluster.simulate import start as start_ray
from secureframe.backend import Backend
from secureframe.disclosure.policy import Policy
from secureframe.mpc.channel import Payload, Recorder
from secureframe.testing import InMemoryBackend, start_in_memory
from tests.leakage import LeakError, assert_no_repeats, assert_uniform

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

RECORDS: dict[str, dict[str, tuple[float, float]]] = {
    "north": {
        "Thomas": (2.31, -0.1), "Michiel": (-30.5, 0.2), "Bart": (3.0, -9.87), "Alex": (10.75, 2.5),
        "Nicole": (-21.4, 0.0), "Daniel": (-1.25, -4.02), "Tariq": (0.6, 8.1),
    },
    "east": {
        "Daniel": (8.31, -0.1), "Victor": (0.54, 1.2), "Thomas": (-10.0, 2.4), "Olivia": (-12.9, 3.2),
        "Alex": (4.25, -27.5), "Michiel": (99.99, -99.99),
    },
    "south": {
        "Alex": (0.01, 1.0), "Femke": (33.3, -2.0), "Thomas": (-0.5, -0.25), "Ruben": (17.0, 4.75),
        "Daniel": (65.2, -8.8), "Sanne": (-3.0, 12.0),
    },
    "west": {
        "Wouter": (5.5, -5.5), "Thomas": (-7.77, 41.0), "Lotte": (6.0, 0.5), "Daniel": (12.5, -12.5), "Joris": (1.1, 2.2),
    },
    "island": {"Wilma": (1.5, -2.5)},
}  # fmt: skip
"""The columns of every owner by name: an amount and a balance."""

COMMON = {
    2: ("Alex", "Daniel", "Michiel", "Thomas"),
    3: ("Alex", "Daniel", "Thomas"),
    4: ("Daniel", "Thomas"),
    5: (),
}
OWNERS = tuple(RECORDS)
POLICY = Policy(name="acceptance", threshold=2)


def records(owner: str, names: dict[str, str] | None = None) -> pd.DataFrame:
    """An owner's table; with some of its people under other names."""
    rows = [((names or {}).get(name, name), *values) for name, values in RECORDS[owner].items()]
    return pd.DataFrame(rows, columns=["id", f"amount_{owner}", f"balance_{owner}"])


def table(owner: str, names: dict[str, str] | None = None) -> sf.Table:
    columns = {f"{what}_{owner}": sf.decimal(-100, 100, 2, nullable=False) for what in ("amount", "balance")}
    key = sf.key(nullable=False)
    return sf.Table(records(owner, names), columns={"id": key, **columns}, roster_size=8, rows_per_person=1)


def federation(start: Any = start_in_memory, names: dict[str, dict[str, str]] | None = None) -> sf.Federation:
    tables = {owner: {"records": table(owner, (names or {}).get(owner))} for owner in OWNERS}
    return sf.simulate(tables, policy=POLICY, purpose="an inner join of five", quiet=True, start=start)


def joined(fed: sf.Federation, owners: int) -> sf.SecureFrame:
    frame: sf.SecureFrame = fed[f"{OWNERS[0]}.records"]
    for owner in OWNERS[1:owners]:
        frame = frame.merge(fed[f"{owner}.records"], on="id", validate="1:1")
    return frame


@pytest.fixture(scope="module")
def memory() -> Iterator[sf.Federation]:
    with federation() as fed:
        yield fed


@pytest.fixture(scope="module")
def ray(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sf.Federation]:
    with federation(start=None) as fed:
        yield fed


BACKENDS = [pytest.param("memory", id="memory"), pytest.param("ray", id="ray", marks=pytest.mark.ray)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("owners", COMMON)
def test_sums_and_counts_of_the_common_people(backend: str, owners: int, request: pytest.FixtureRequest) -> None:
    fed: sf.Federation = request.getfixturevalue(backend)
    pooled = functools.reduce(lambda a, b: a.merge(b, on="id"), (records(owner) for owner in OWNERS[:owners]))
    assert tuple(sorted(pooled["id"])) == COMMON[owners]
    frame = joined(fed, owners)
    with sf.defer():
        asked = frame[f"amount_{OWNERS[0]}"].count(), frame.drop(columns="id").sum()
    size, sums = sf.collect(*asked)
    assert size == len(COMMON[owners])
    wanted = pooled.drop(columns="id").sum()
    assert list(sums.index) == list(wanted.index)
    for name, total in wanted.items():
        if COMMON[owners]:
            assert float(sums[name]) == pytest.approx(total, abs=1e-9)
        else:
            assert pd.isna(sums[name]), "a sum over nobody is withheld"


# -- joined sizes --------------------------------------------------------------------------------------------------------------

STRANGERS = {
    "east": {"Daniel": "Dirk", "Thomas": "Timo", "Alex": "Arjen", "Michiel": "Maarten"},
    "south": {"Alex": "Anouk", "Thomas": "Tess", "Daniel": "Dewi"},
    "west": {"Thomas": "Teun", "Daniel": "Dave"},
}
FRIENDS = {
    "east": {"Victor": "Bart", "Olivia": "Nicole"},
    "south": {"Femke": "Bart", "Ruben": "Nicole", "Sanne": "Michiel"},
    "west": {"Wouter": "Bart", "Lotte": "Nicole", "Joris": "Michiel"},
    "island": {"Wilma": "Thomas"},
}
OVERLAPS = {"nobody": STRANGERS, "as declared": {}, "as many as can be": FRIENDS}
"""Other people under the same values: the sizes of the joins are 0, as above, and 6, 6, 5 and 1."""


class Run:
    """A statement over four owners, and all that the parties saw of it."""

    def __init__(self, names: dict[str, dict[str, str]], owners: int = 4) -> None:
        self.recorder = Recorder()

        def start(**given: Any) -> InMemoryBackend:
            backend = start_in_memory(**given)
            assert isinstance(backend, InMemoryBackend)
            backend.recorder = self.recorder
            return backend

        with federation(start, names) as fed:
            self.count = joined(fed, owners)["amount_north"].count()
            self.dealt: list[tuple[bytes, bytes, bytes]] = fed._backend.dealt  # type: ignore[attr-defined]
            self.stages = [(s.name, s.rounds, s.bytes) for s in fed.last_job.stages] if fed.last_job else []

    @property
    def outside_of_the_sort(self) -> list[tuple[str, int, int]]:
        return [stage for stage in self.stages if stage[0] != "join"]

    @property
    def join(self) -> tuple[int, int]:
        return next((rounds, size) for name, rounds, size in self.stages if name == "join")

    def view(self, party: int) -> list[Payload]:
        return [p for p in self.recorder.payloads if p.receiver == party]


def test_messages_have_the_same_sizes_whoever_matches() -> None:
    """Dealt messages, rounds and bytes of every stage outside of the sort, to the byte."""
    runs = {name: Run(names) for name, names in OVERLAPS.items()}
    assert [int(run.count) for run in runs.values()] == [0, 2, 5]
    first = runs["nobody"]
    for run in runs.values():
        assert run.outside_of_the_sort == first.outside_of_the_sort
        assert [[len(m) for m in messages] for messages in run.dealt] == [[len(m) for m in messages] for messages in first.dealt]


def test_the_sort_takes_as_long_whoever_matches() -> None:
    """A quicksort of shuffled rows with distinct keys: its rounds and bytes have one distribution."""
    sizes = {name: [Run(OVERLAPS[name], 2).join for _ in range(40)] for name in ("nobody", "as many as can be")}
    for position in (0, 1):
        one, other = ([run[position] for run in found] for found in sizes.values())
        assert stats.ks_2samp(one, other).pvalue > 1e-6
        assert stats.ks_2samp(one, [size + max(one) for size in other]).pvalue < 1e-6


def test_what_every_party_sees_is_noise() -> None:
    """What came to each party alone, the outcomes of comparisons between shuffled rows left out."""
    runs = [Run(names) for names in OVERLAPS.values() for _ in range(3)]
    for party in range(3):
        assert_uniform([p for run in runs for p in run.view(party)])
        assert_no_repeats([p for run in runs for p in run.view(party)])
    with pytest.raises(LeakError):
        assert_no_repeats([*runs[0].view(0), *runs[0].view(0)])


@pytest.mark.ray
def test_what_travels_between_five_institutions_is_noise() -> None:
    directories: list[Path] = []

    def recording(**given: Any) -> Backend:
        directories.append(Path(str(given["directory"])))
        return functools.partial(start_ray, record=True)(**given)

    with federation(recording) as fed:
        assert int(joined(fed, 4)["amount_north"].count()) == 2
        assert fed.last_job is not None
        assert set(fed.last_job.dealt) == set(OWNERS[:4])
        files = sorted(directories[0].rglob(f"{fed.last_job.job}-*.npz"))
        assert len(files) == 3
        payloads = [p for path in files for p in load_payloads(path)]
    assert_uniform(payloads)
    assert_no_repeats(payloads)
