"""Rounds and bytes of representative statements, against ``traffic.json``: what they deal, and what the parties send."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import secureframe as sf
from secureframe.federation import Federation
from secureframe.mpc.channel import Channel, MemoryChannel
from secureframe.testing import InMemoryBackend, start_in_memory
from tests.disclosure.federations import is_withheld
from tests.disclosure.federations import people as demo_people
from tests.federation.session import in_memory, joined, session
from tests.matrix.layouts import LAYOUTS, start
from tests.traffic import SECRETS, Table, Traffic, check

PATH = Path(__file__).with_name("traffic.json")
Statement = Callable[[Federation], Any]

VERTICAL: dict[str, Statement] = {
    "describe a column of one institution": lambda fed: fed["patients"]["x"].describe(),
    "crosstab of one institution": lambda fed: sf.crosstab(fed["patients"]["site"], fed["patients"]["male"]),
    "groups of one institution": lambda fed: fed["labs"].groupby("test")["value"].agg(["count", "mean", "std", "median"]),
    "inner merge 1:1, grouped": lambda fed: joined(fed).groupby("site")["w"].agg(["count", "mean", "std"]),
    "left merge 1:1, median by group": lambda fed: joined(fed, "left").groupby("male")["w"].median(),
    "inner merge n:1, mean": lambda fed: fed["labs"].merge(fed["registry"], on="id")["w"].mean(),
    "merge of three, across institutions": lambda fed: means(fed).merge(fed["registry"], on="id")["mean"].mean(),
    "compare across institutions": lambda fed: sf.where(joined(fed)["w"] < joined(fed)["age"], 1, 0).sum(),
    "duplicates across institutions": lambda fed: joined(fed).drop_duplicates(subset=["w"])["age"].mean(),
    "correlation across institutions": lambda fed: joined(fed)[["w", "age", "x"]].corr(),
}
HORIZONTAL: dict[str, Statement] = {
    "describe a column, rows at several institutions": lambda fed: people(fed)["age"].describe(),
    "groups, rows at several institutions": lambda fed: people(fed).groupby("sex")["age"].agg(["count", "mean", "median"]),
}


def means(fed: Federation) -> sf.SecureFrame:
    """A row a person of what has several, merged with another institution's."""
    return fed["patients"].merge(fed["labs"].groupby("id").agg(mean=("value", "mean")), on="id")


def people(fed: Federation) -> Any:
    return LAYOUTS["horizontal"].study(fed, False).people


def measured(fed: Federation, statement: Statement) -> Traffic:
    """What a statement takes if the parties' pairwise keys are these."""
    backend: InMemoryBackend = in_memory(fed)
    channels: list[Channel] = []

    def watch(channel: MemoryChannel) -> Channel:
        channels.append(channel)
        return channel

    backend.keys, backend.wrap, backend.dealt = list(SECRETS), watch, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        statement(fed)
    assert channels
    by_party = [[channel for channel in channels if channel.index == index] for index in range(3)]
    (rounds,) = {sum(channel.rounds for channel in own) for own in by_party}
    sent = [sum(channel.bytes_sent_previous + channel.bytes_sent_next for channel in own) for own in by_party]
    dealt = [sum(len(messages[index]) for messages in backend.dealt) for index in range(3)]
    return {"rounds": rounds, "bytes": sent, "dealt": dealt}


def statements() -> Table:
    """Every statement alone, on a federation that keeps nothing yet; one once more on what it kept."""
    found = {}
    fed = session()
    for name, statement in VERTICAL.items():
        in_memory(fed).forget_kept()
        found[name] = measured(fed, statement)
    found["the same again: nothing is sorted"] = measured(fed, statement)
    fed.close()
    with start("horizontal", backend=start_in_memory) as rows:
        found |= {name: measured(rows, statement) for name, statement in HORIZONTAL.items()}
    return found


def test_statements_take_the_rounds_and_bytes_that_are_written_down() -> None:
    check(statements(), PATH)


FEW = [name for name in VERTICAL if "n:1" not in name and "of three" not in name]
"""Statements that sort few enough rows for one batch of comparisons, or none."""


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_nobody_take_the_same(rows: int) -> None:
    """Nobody but its owner notices that a table is empty, or holds one row: sizes are those that were declared."""
    frames = demo_people()
    for table in ("registry", "labs"):
        frames[table] = frames[table].iloc[:rows]
    fed, found = session(frames), {}
    for name in FEW:
        in_memory(fed).forget_kept()
        found[name] = measured(fed, VERTICAL[name])
    known = json.loads(PATH.read_text(encoding="utf-8"))
    assert found == {name: known[name] for name in FEW}


def test_a_merge_with_nobody_finds_nobody() -> None:
    frames = demo_people()
    frames["registry"] = frames["registry"].iloc[:0]
    fed = session(frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert joined(fed)["w"].count() == 0 and fed["registry"]["w"].count() == 0
        assert joined(fed, "left")["x"].mean() == frames["patients"]["x"].mean()
        assert joined(fed, "left")["w"].isna().sum() == len(frames["patients"])
        assert is_withheld(joined(fed)["w"].mean())
