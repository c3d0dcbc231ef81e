"""A recipient that brings rows of its own: what it can take away never counts towards a threshold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe.errors import SuppressedWarning
from secureframe.governance.identity import AnalystIdentity
from secureframe.mpc.channel import Recorder
from secureframe.testing import InMemoryBackend, start_in_memory
from tests.disclosure.federations import is_withheld

pytestmark = pytest.mark.filterwarnings(f"ignore::{SuppressedWarning.__module__}.SuppressedWarning")

OWN, OTHER = "padder", "target"
Rows = dict[str, list[int]]


def table(rows: pd.DataFrame, roster: int, *, disjoint: bool = True) -> sf.Table:
    return sf.Table(
        rows,
        columns={
            "id": sf.key(low=0, high=9999, nullable=False),
            "age": sf.integer(0, 120, nullable=False),
            "x": sf.integer(0, 1000, nullable=False),
            "y": sf.integer(0, 1000, nullable=True),
            "site": sf.category(["a", "b", "c", "d"], nullable=False),
        },
        roster_size=roster,
        rows_per_person=1,
        disjoint=disjoint,
    )


def people(first: int, ages: Sequence[int], seed: int, sites: Sequence[str] | None = None) -> pd.DataFrame:
    rng, n = np.random.default_rng(seed), len(ages)
    return pd.DataFrame(
        {
            "id": np.arange(first, first + n),
            "age": np.asarray(ages),
            "x": rng.integers(0, 1001, n),
            "y": rng.integers(0, 1001, n),
            "site": list(sites) if sites is not None else ["a"] * n,
        }
    )


@contextmanager
def federation(
    own: pd.DataFrame, other: pd.DataFrame, *, roster: int = 400, disjoint: bool = True, policy: str = "open-research"
) -> Iterator[sf.Federation]:
    """The padder and its target, stacked, and a registry that knows a number of everybody."""
    ids = np.unique(np.concatenate([own["id"], other["id"]]))
    registry = sf.Table(
        pd.DataFrame({"id": ids, "w": np.random.default_rng(9).integers(0, 100, len(ids))}),
        columns={"id": sf.key(low=0, high=9999, nullable=False), "w": sf.integer(0, 100, nullable=False)},
        roster_size=2 * roster,
        rows_per_person=1,
    )
    tables = {
        OWN: {"people": table(own, roster, disjoint=disjoint)},
        OTHER: {"people": table(other, roster, disjoint=disjoint)},
        "registry": {"numbers": registry},
    }
    with sf.simulate(tables, policy=policy, purpose="padding", quiet=True, start=start_in_memory) as fed:
        yield fed


def received(fed: sf.Federation, recipient: str, study: sf.pending.Study) -> list[object]:
    """What an institution opens of a study that goes to it."""
    sf.collect(*study.pending, recipient=recipient)
    opened = sf.received(fed[recipient])[-1].open()
    return list(opened) if isinstance(opened, tuple) else [opened]


def stacked(fed: sf.Federation, *, joined: bool) -> sf.SecureFrame:
    frame: sf.SecureFrame = fed["people"]
    return frame.merge(fed["registry.numbers"], on="id") if joined else frame


@pytest.mark.parametrize("joined", [False, True], ids=["owners' parts", "rows on shares"])
@pytest.mark.parametrize(
    ("statistic", "others"),
    [("std", 10), ("corr", 19), ("median", 19), ("95%", 199)],
)
def test_own_rows_do_not_help_a_statistic_over_its_minimum(joined: bool, statistic: str, others: int) -> None:
    """One more person of the other institution, and the padder is given the number."""
    for more in (0, 1):
        with federation(people(0, [50] * 240, 1), people(1000, [50] * (others + more), 2)) as fed:
            frame = stacked(fed, joined=joined)
            with sf.defer() as study:
                match statistic:
                    case "corr":
                        frame["x"].corr(frame["y"])
                    case "std":
                        frame["x"].std()
                    case "median":
                        frame["x"].median()
                    case _:
                        frame["x"].quantile(0.95)
            (number,) = received(fed, OWN, study)
            assert is_withheld(number) == (more == 0)
            assert f"without the rows of {OWN}" in number.release["rules"][-1]  # type: ignore[attr-defined]
            assert f"rows of {OWN} are the recipient's own" in fed.explain(study.pending[0].nodes, recipient=OWN)
            assert "recipient's own" not in fed.explain(study.pending[0].nodes, recipient="registry")
            for nobody in ("registry", OTHER):
                assert not is_withheld(received(fed, nobody, study)[0]), "it can take away no small remainder"
            assert not is_withheld(sf.collect(*study.pending)[0])


@pytest.mark.parametrize("joined", [False, True], ids=["owners' parts", "rows on shares"])
def test_own_rows_do_not_fill_up_a_complement(joined: bool) -> None:
    """The cohort leaves out 18 persons, 15 of whom the padder knows, and might tell others of."""
    for left_out, withheld in ((3, True), (10, False)):
        own = people(0, [50] * 85 + [20] * 15, 1)
        other = people(1000, [50] * (100 - left_out) + [20] * left_out, 2)
        with federation(own, other) as fed:
            frame = stacked(fed, joined=joined)
            cohort = frame[frame["age"] >= 30]
            with sf.defer() as study:
                cohort["x"].mean()
                cohort["age"].count()
            for recipient in (OWN, "registry"):
                assert [is_withheld(number) for number in received(fed, recipient, study)] == [withheld, withheld]


def test_own_rows_do_not_fill_up_the_complement_of_a_cell() -> None:
    """Everybody of the other institution but three is in cell a; the other cells are full of the padder's people."""
    own = people(0, [50] * 200, 1, ["a", "b", "c", "d"] * 50)
    other = people(1000, [50] * 50, 2, ["a"] * 40 + ["b"] * 10)
    with federation(own, other) as fed:
        with sf.defer() as study:
            fed["people"].groupby("site").size()
        (table_,) = received(fed, OWN, study)
        assert table_.tolist() == [90, 60, 50, 50], "each cell has none of the others, or enough"
    other = people(1000, [50] * 50, 2, ["a"] * 41 + ["b"] * 9)
    with federation(own, other) as fed:
        with sf.defer() as study:
            fed["people"].groupby("site").size()
        (table_,) = received(fed, OWN, study)
        assert table_.isna().tolist()[:2] == [True, True], "nine are too few, and forty-one would give them away"


def test_what_is_left_of_random_tables_is_nowhere_small() -> None:
    """Whatever the padder takes away from what it is given, no small count of others is left."""
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(4):
        own = people(0, rng.integers(20, 80, 120), 1, rng.choice(list("abcd"), 120))
        other = people(1000, rng.integers(20, 80, 60), 2, rng.choice(list("abcd"), 60, p=[0.5, 0.3, 0.12, 0.08]))
        cut = int(rng.integers(25, 45))
        with federation(own, other) as fed:
            frame = fed["people"]
            with sf.defer() as study:
                frame[frame["age"] >= cut].groupby("site")["x"].agg(["count", "std"])
            (found,) = received(fed, OWN, study)
        inside = other[other["age"] >= cut]
        counts = inside.groupby("site").size().reindex(list("abcd"), fill_value=0)
        if 0 < len(other) - len(inside) < 10:
            assert found.isna().all().all()
            continue
        for site, n in counts.items():
            shown = found.loc[site].notna()
            seen += int(shown.sum())
            if 0 < n < 10 or 0 < len(inside) - n < 10:
                assert not shown.any()
            if 0 < n < 11:
                assert not shown.iloc[1]
    assert seen, "some cells are released"


def test_persons_at_both_institutions_count_as_far_as_others_have_rows_of_them() -> None:
    """Of forty persons of the target, thirty are also the padder's: they are counted by the target's rows, not by its own."""
    own, other = people(0, [50] * 100, 1), people(70, [50] * 40, 2)
    for size, withheld in ((11, False), (10, True)):
        with federation(own, other.head(size), disjoint=False) as fed:
            persons = fed["people"]
            with sf.defer() as study:
                persons["x"].std()
            assert is_withheld(received(fed, OWN, study)[0]) == withheld


@pytest.mark.parametrize("statistic", ["size", "mean"])
def test_sensitive_zeros_are_those_of_the_others(statistic: str) -> None:
    """Nobody of the other institution has the diagnosis: the padder's own people do not hide that."""

    def sensitive(rows: pd.DataFrame) -> sf.Table:
        return sf.Table(
            rows,
            columns={
                "id": sf.key(low=0, high=9999, nullable=False),
                "hiv": sf.integer(0, 1, sensitive=True, nullable=False),
            },
            roster_size=200,
            rows_per_person=1,
            disjoint=True,
        )

    own = pd.DataFrame({"id": range(100), "hiv": [0, 1] * 50})
    for ill, withheld in ((0, True), (10, False)):
        other = pd.DataFrame({"id": range(1000, 1060), "hiv": [1] * ill + [0] * (60 - ill)})
        tables = {OWN: {"people": sensitive(own)}, OTHER: {"people": sensitive(other)}}
        with sf.simulate(tables, policy="standard", purpose="padding", quiet=True, start=start_in_memory) as fed:
            frame = fed["people"]
            with sf.defer() as study:
                if statistic == "mean":
                    frame["hiv"].mean()
                else:
                    frame.groupby(sf.cut(frame["hiv"], [0, 1, 2], right=False)).size()
            for recipient in (OWN, "neutral"):
                assert is_withheld(received(fed, recipient, study)[0]) == withheld


def test_an_affiliated_analyst_is_treated_as_the_institution_is(monkeypatch: pytest.MonkeyPatch) -> None:
    generate = AnalystIdentity.generate
    for affiliation, withheld in ((None, False), ("university", False), (OWN, True)):
        monkeypatch.setattr(AnalystIdentity, "generate", lambda name, at=affiliation: generate(name, at))
        with federation(people(0, [50] * 240, 1), people(1000, [50] * 10, 2)) as fed:
            assert is_withheld(fed["people"]["x"].std()) == withheld


def test_rows_that_are_all_the_recipients_own_are_counted_as_usual() -> None:
    with federation(people(0, [50] * 30, 1), people(1000, [50] * 30, 2)) as fed:
        own = fed[f"{OWN}.people"].merge(fed["registry.numbers"], on="id")
        with sf.defer() as study:
            own["w"].mean()
        assert not is_withheld(received(fed, OWN, study)[0])


# -- who learns of it --------------------------------------------------------------------------------------------------------


def delivery(own: pd.DataFrame, other: pd.DataFrame) -> tuple[sf.Receipt, list[tuple[int, int, int]], list[int], bool]:
    """A receipt, the messages of the parties, the lengths of what was kept, and whether anything was withheld."""
    recorder = Recorder()

    def start(**options: object) -> InMemoryBackend:
        backend = start_in_memory(**options)  # type: ignore[arg-type]
        assert isinstance(backend, InMemoryBackend)
        backend.recorder = recorder
        return backend

    tables = {OWN: {"people": table(own, 400)}, OTHER: {"people": table(other, 400)}}
    with sf.simulate(tables, purpose="padding", quiet=True, start=start) as fed:
        with sf.defer(recipient=OWN) as study:
            fed["people"].groupby("site")["x"].agg(["count", "mean", "std"])
        receipt = study.collect()
        sizes = [len(p) for p in sf.received(fed[OWN])[0]._record.packages]
        withheld = bool(sf.received(fed[OWN])[0].open().attrs["release"]["suppressed"])
    return receipt, sorted((p.sender, p.receiver, len(p.words)) for p in recorder.payloads), sizes, withheld


def test_only_the_recipient_learns_that_something_was_withheld() -> None:
    """A receipt, every message and every package are the same for sparse and for dense data."""
    sites = ["a", "b", "c", "d"]
    dense = delivery(people(0, [50] * 200, 1, sites * 50), people(1000, [50] * 200, 2, sites * 50))
    sparse = delivery(people(0, [50] * 200, 1, sites * 50), people(1000, [50] * 7, 2, ["a"] * 7))
    assert (dense[3], sparse[3]) == (False, True)
    assert dense[1] == sparse[1] and dense[2] == sparse[2]
    first, second = dense[0].to_json(), sparse[0].to_json()
    assert {k: v for k, v in first.items() if k not in ("job", "asked", "plan")} == {
        k: v for k, v in second.items() if k not in ("job", "asked", "plan")
    }
    assert dense[0].plan == sparse[0].plan
    assert len(repr(dense[0])) == len(repr(sparse[0])) and len(dense[0]._repr_html_()) == len(sparse[0]._repr_html_())
