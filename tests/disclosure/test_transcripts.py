"""Suppressed or released: the parties send the same messages, and the packages have the same size."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import secureframe as sf
from secureframe.mpc.channel import Recorder
from secureframe.results import opening
from secureframe.results.decode import open_outputs
from tests.disclosure.federations import Frames, federation, is_withheld, people
from tests.leakage import LeakError, assert_uniform, shape_of

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")

Statement = Callable[[sf.Federation], Any]


def dense() -> Frames:
    """As many rows as `people`, in which no cell that is not empty is too small."""
    frames = people()
    frames["patients"]["site"] = frames["patients"]["site"].replace("d", "a")
    frames["labs"]["test"] = frames["labs"]["test"].replace({"rare": "u", "dense": "v"})
    return frames


def sparse() -> Frames:
    """The same sizes, and nearly every cell is too small."""
    frames = people(seed=8)
    frames["patients"]["site"] = "a"
    frames["patients"].loc[[3, 4, 5], "site"] = "b"
    frames["patients"]["male"] = 0
    frames["patients"].loc[:6, "male"] = 1
    frames["patients"]["age"] = 95
    frames["patients"].loc[:4, "age"] = 31
    frames["registry"]["w"] = 94
    return frames


LOCAL: dict[str, Statement] = {
    "number": lambda fed: fed["patients"][fed["patients"]["age"] < 80]["x"].mean(),
    "table": lambda fed: sf.crosstab(fed["patients"]["site"], fed["patients"]["male"]),
    "groups": lambda fed: fed["patients"].groupby("site")["male"].agg(["count", "mean", "std", "median"]),
    "mask": lambda fed: sf.where(fed["patients"]["age"] < 80, fed["patients"]["x"], 0).sum(),
    "rows": lambda fed: fed["labs"].groupby("test")["value"].agg(["count", "mean"]),
}
JOINED: dict[str, Statement] = {
    "joined": lambda fed: merged(fed).groupby("site")["w"].agg(["count", "mean", "median"]),
    "across": lambda fed: sf.where(merged(fed)["w"] < merged(fed)["age"], 1, 0).sum(),
    "quotient": lambda fed: ((merged(fed)["w"] - merged(fed)["age"]) // 200).sum(),
    "map": lambda fed: (merged(fed)["w"] < merged(fed)["age"]).map({True: 3, False: 1}).sum(),
    "year": lambda fed: (merged(fed)["w"] - merged(fed)["age"] + datetime.date(2021, 1, 1)).dt.year.sum(),
}


def merged(fed: sf.Federation) -> sf.SecureFrame:
    return fed["patients"].merge(fed["registry"], on="id", how="left")


class Run:
    """What a statement gave, what was sent for it, and what left."""

    def __init__(self, frames: Frames, policy: str, statement: Statement) -> None:
        self.recorder = Recorder()
        with federation(frames, policy, self.recorder) as fed:
            backend: Any = fed._backend
            sizes: list[list[int]] = []
            run = backend.run

            def remember(*arguments: Any) -> Any:
                outcome = run(*arguments)
                sizes.append([len(p) for p in outcome.packages])
                self.report = outcome.report
                return outcome

            backend.run = remember
            self.result = statement(fed)
        (self.packages,) = sizes

    @property
    def withheld(self) -> int:
        result = self.result
        record = result.attrs["release"] if hasattr(result, "attrs") else result.release
        return len(record["suppressed"])


@pytest.mark.parametrize("policy", ["open-research", "standard"])
@pytest.mark.parametrize("name", LOCAL)
def test_messages_and_packages_are_the_same(name: str, policy: str) -> None:
    plain, hidden = Run(dense(), policy, LOCAL[name]), Run(sparse(), policy, LOCAL[name])
    assert hidden.withheld > plain.withheld
    assert shape_of(plain.recorder.payloads) == shape_of(hidden.recorder.payloads)
    assert plain.packages == hidden.packages and len(set(plain.packages)) == 1
    assert not any(p.declared for p in hidden.recorder.payloads), "the rules open nothing"


@pytest.mark.parametrize("name", JOINED)
def test_the_same_outside_the_sort(name: str) -> None:
    plain, hidden = Run(dense(), "open-research", JOINED[name]), Run(sparse(), "open-research", JOINED[name])
    assert hidden.withheld > plain.withheld
    assert plain.packages == hidden.packages
    for one, other in zip(plain.report["stages"], hidden.report["stages"], strict=True):
        if one["name"] != "join":
            assert (one["name"], one["rounds"], one["bytes"]) == (other["name"], other["rounds"], other["bytes"])


def test_what_the_rules_send_looks_uniform() -> None:
    """Verdicts, counts and rounded numbers of a table of nothing but small cells."""
    hidden = Run(sparse(), "open-research", LOCAL["table"])
    assert hidden.withheld
    assert_uniform(hidden.recorder.payloads)
    skewed = [replace(p, words=p.words >> np.uint64(1)) for p in hidden.recorder.payloads]
    with pytest.raises(LeakError):
        assert_uniform(skewed)


def test_a_withheld_value_is_not_in_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens for a withheld cell is zero, for the recipient too."""
    seen: list[list[list[int]]] = []

    def spy(*arguments: Any) -> Any:
        opened = open_outputs(*arguments)
        seen.append([list(numbers) for numbers in opened.values()])
        return opened

    monkeypatch.setattr(opening, "open_outputs", spy)
    with federation(people(), "open-research") as fed:
        assert is_withheld(fed["patients"][fed["patients"]["site"] == "d"]["x"].sum())
        assert not is_withheld(fed["patients"]["x"].sum())
    withheld, released = seen
    assert withheld == [[1], [0]]
    assert released[0] == [0] and released[1][0] > 0
