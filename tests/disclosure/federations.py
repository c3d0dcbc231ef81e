"""A small federation with people worth attacking, and what tests ask of a result.

Person 1 alone is 99 years old and has the only rare laboratory row; person 2 has twelve dense rows, and nobody else has any;
person 6 alone has w = 100. Site d has four people, site c nobody with the sensitive diagnosis.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import secureframe as sf
from secureframe.disclosure.policy import Policy, preset
from secureframe.engine.catalog import Catalog
from secureframe.governance.identity import AnalystIdentity
from secureframe.mpc.channel import Recorder
from secureframe.plan.envelope import Plan, new_plan
from secureframe.plan.nodes import Summarise
from secureframe.testing import InMemoryBackend, start_in_memory

PEOPLE = 240
PURPOSE = "attacks that must fail"
Frames = dict[str, pd.DataFrame]


def people(seed: int = 1, count: int = PEOPLE) -> Frames:
    generator = np.random.default_rng(seed)
    ids = np.arange(1, count + 1)
    patients = pd.DataFrame(
        {
            "id": ids,
            "age": generator.integers(30, 91, count),
            "male": generator.integers(0, 2, count),
            "sex": generator.integers(1, 3, count),
            "x": generator.integers(0, 1000, count),
            "y": pd.array(generator.integers(0, 100, count), dtype="Int64"),
            "z": pd.array(generator.integers(0, 100, count), dtype="Int64"),
            "site": generator.choice(["a", "b", "c"], count),
            "hiv": generator.integers(0, 2, count),
            "cost": generator.integers(0, 10_000, count),
        }
    )
    patients.loc[0, ["age", "male"]] = 99, 1
    patients.loc[[10, 11, 12], "y"] = pd.NA
    patients.loc[np.arange(20, 60), "z"] = pd.NA
    patients.loc[[1, 2, 3, 4], "site"] = "d"
    patients.loc[patients["site"] == "c", "hiv"] = 0
    labs = pd.DataFrame({"id": np.repeat(ids, 3), "test": np.tile(["u", "v", "w"], count)})
    labs["value"] = generator.integers(0, 301, len(labs))
    rare = pd.DataFrame({"id": [1], "test": ["rare"], "value": [271]})
    dense = pd.DataFrame({"id": [2] * 12, "test": ["dense"] * 12, "value": generator.integers(0, 301, 12)})
    registry = pd.DataFrame({"id": ids, "w": ids % 90, "code": np.where(ids % 3 == 0, "k", "m"), "case_id": (ids + 1) // 2})
    registry.loc[5, "w"] = 100
    return {"patients": patients, "labs": pd.concat([labs, rare, dense], ignore_index=True), "registry": registry}


def tables(frames: Frames) -> dict[str, dict[str, sf.Table]]:
    size = len(frames["patients"])
    patients = sf.Table(
        frames["patients"],
        columns={
            "id": sf.key("person", 1, 4000, nullable=False),
            "age": sf.integer(0, 120, nullable=False),
            "male": sf.integer(0, 1, nullable=False),
            "sex": sf.integer(1, 2, nullable=False),
            "x": sf.integer(0, 1000, nullable=False),
            "y": sf.integer(0, 100, nullable=True),
            "z": sf.integer(0, 100, nullable=True),
            "site": sf.category(["a", "b", "c", "d", "e"], nullable=False),
            "hiv": sf.integer(0, 1, sensitive=True, nullable=False),
            "cost": sf.integer(0, 10_000, magnitude=True, nullable=False),
        },
        roster_size=size,
        rows_per_person=1,
    )
    labs = sf.Table(
        frames["labs"],
        columns={
            "id": sf.key("person", 1, 4000, nullable=False),
            "test": sf.category(["u", "v", "w", "rare", "dense"], nullable=False),
            "value": sf.integer(0, 300, nullable=False),
        },
        roster_size=size,
        rows_per_person=20,
    )
    registry = sf.Table(
        frames["registry"],
        columns={
            "id": sf.key("person", 1, 4000, nullable=False),
            "w": sf.integer(0, 100, nullable=False),
            "code": sf.category(["k", "m"], nullable=False),
            "case_id": sf.key("person", 1, 4000, nullable=False),
        },
        roster_size=size,
        rows_per_person=1,
    )
    return {"hospital": {"patients": patients}, "laboratory": {"labs": labs}, "office": {"registry": registry}}


def federation(
    frames: Frames, policy: str | Policy | Mapping[str, str | Policy], recorder: Recorder | None = None
) -> sf.Federation:
    """Start the federation inside this process."""

    def start(**options: Any) -> InMemoryBackend:
        backend = start_in_memory(**options)
        assert isinstance(backend, InMemoryBackend)
        backend.recorder = recorder
        return backend

    return sf.simulate(tables(frames), policy=policy, purpose=PURPOSE, quiet=True, start=start)


def is_withheld(result: Any) -> bool:
    """Whether a number, or every cell of a table, was withheld; the record and the value must say the same."""
    record = result.attrs["release"] if isinstance(result, pd.Series | pd.DataFrame) else result.release
    withheld = len(record["suppressed"])
    if isinstance(result, pd.Series | pd.DataFrame):
        assert int(result.isna().to_numpy().sum()) >= withheld
        return withheld == result.size
    assert withheld in (0, 1) and (not withheld or result != result), "a withheld number holds no value"
    return bool(withheld)


class Direct:
    """Institutions without a notebook between: plans are written, changed and signed by hand."""

    def __init__(self, policy: str | Mapping[str, Policy] = "open-research") -> None:
        self.analyst = AnalystIdentity.generate("mallory", "university")
        self.other = AnalystIdentity.generate("bob", "elsewhere")
        with tempfile.TemporaryDirectory() as directory:
            declared = {
                owner: {name: table.declare(f"{owner}-{name}", Path(directory)) for name, table in owned.items()}
                for owner, owned in tables(people()).items()
            }
            chosen = {o: preset(policy) if isinstance(policy, str) else policy[o] for o in declared}
            self.backend = InMemoryBackend(
                declarations=declared, policies={o: p.to_json() for o, p in chosen.items()}, analyst=self.analyst
            )
        self.catalog = Catalog.from_entries(self.backend.catalog())

    def plan(self, *nodes: Summarise, policies: Mapping[str, str] | None = None) -> Plan:
        owners = sorted(frozenset().union(*(n.owners for n in nodes)))
        return new_plan(
            nodes,
            {},
            purpose=PURPOSE,
            analyst=self.analyst.public(),
            policies=policies or {o: self.catalog.policies[o].digest for o in owners},
            versions=self.catalog.versions(nodes),
        )

    def run(self, plan: Plan, change: Callable[[bytes], bytes] = bytes, signer: AnalystIdentity | None = None) -> Any:
        request = change(plan.to_bytes())
        return self.backend.run(request, (signer or self.analyst).sign(request), lambda *_: None)
