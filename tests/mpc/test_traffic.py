"""Rounds and bytes of every protocol, against ``traffic.json``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secureframe.mpc.randomness import PartyKeys
from tests.mpc.protocols import ROWS
from tests.mpc.test_keeping import Join, Parties
from tests.traffic import COMMAND, SECRETS, Table, check, traffic, written

PATH = Path(__file__).with_name("traffic.json")
KEYS = [PartyKeys(SECRETS[i], SECRETS[(i + 1) % 3]) for i in range(3)]


def protocols() -> Table:
    """Every row of the table on a short and a long column, and joins that start from what was kept."""
    found = {}
    for row in ROWS:
        for case in (row.short, row.long) if row.talks() else ():
            job, _ = row.job([case])
            job.run(keys=KEYS)
            found[f"{row} n={case.n} width={case.width}"] = traffic(job.reports)
    parties = Parties()
    for name, join in (("a join", Join(1)), ("that join again", Join(1)), ("further columns", Join(1, words=2, ariths=1))):
        parties.run(join.keeping().program(parties.held), join.data, keys=KEYS)
        found[f"keeping: {name}"] = traffic(parties.reports)
    return found


def test_protocols_take_the_rounds_and_bytes_that_are_written_down() -> None:
    check(protocols(), PATH)


def test_a_change_is_told_by_name_and_what_to_type(tmp_path: Path) -> None:
    path = tmp_path / "traffic.json"
    path.write_text(written({"sort": {"rounds": 3, "bytes": [8, 8, 8]}, "gone": {"rounds": 1, "bytes": [8, 8, 8]}}))
    check(json.loads(path.read_text()), path)
    with pytest.raises(AssertionError) as error:
        check({"sort": {"rounds": 3, "bytes": [16, 8, 8]}, "new": {"rounds": 1, "bytes": [0, 0, 8]}}, path)
    assert str(error.value).splitlines() == [
        "traffic has changed:",
        "  gone: written down, and not there any more",
        "  new: not written down",
        "  sort: rounds 3 as before, bytes [8, 8, 8] -> [16, 8, 8] (+33.3%)",
        f"  if this is meant: {COMMAND}",
    ]
