"""Hospitals with one schema, whose patients may or may not be the same people; and an insurer that knows all of them.

At every hospital one person a row (or some rows), in one person domain unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

import secureframe as sf
from secureframe.disclosure.policy import Policy
from secureframe.mpc.channel import Recorder
from secureframe.testing import InMemoryBackend, start_in_memory

LOOSE = Policy(name="loose", threshold=2)
Tables = Mapping[str, pd.DataFrame]


def patients(ids: Sequence[int], seed: int = 1) -> pd.DataFrame:
    """One row a person; about one in six has no y."""
    generator = np.random.default_rng(seed)
    n = len(ids)
    frame = pd.DataFrame(
        {
            "id": np.asarray(ids),
            "age": generator.integers(30, 91, n),
            "male": generator.integers(0, 2, n),
            "x": generator.integers(0, 1000, n),
            "y": pd.array(generator.integers(0, 100, n), dtype="Int64"),
            "ward": generator.choice(["a", "b", "c"], n),
            "hiv": generator.integers(0, 2, n),
        }
    )
    frame.loc[generator.random(n) < 1 / 6, "y"] = pd.NA
    return frame


def table(
    frame: pd.DataFrame, *, disjoint: bool = False, rows: int = 1, roster: int | None = None, domain: str = "person"
) -> sf.Table:
    """Declare a hospital's table; what it has of the known columns."""
    columns = {
        "id": sf.key(domain, 1, 4000, nullable=False),
        "age": sf.integer(0, 120, nullable=False),
        "male": sf.integer(0, 1, nullable=False),
        "x": sf.integer(0, 1000, nullable=False),
        "y": sf.integer(0, 100, nullable=True),
        "ward": sf.category(["a", "b", "c"], nullable=False),
        "hiv": sf.integer(0, 1, sensitive=True, nullable=False),
        "w": sf.integer(0, 100, nullable=False),
        "day": sf.integer(0, 1000, nullable=False),
    }
    return sf.Table(
        frame,
        columns={name: declared for name, declared in columns.items() if name in frame.columns},
        person_domain=domain,
        roster_size=roster or max(frame["id"].nunique(), 2),
        rows_per_person=rows,
        disjoint=disjoint,
    )


def federation(
    tables: Mapping[str, Mapping[str, sf.Table]],
    policy: str | Policy | Mapping[str, str | Policy] = "open-research",
    recorder: Recorder | None = None,
) -> sf.Federation:
    """Start institutions with these tables inside this process."""

    def start(**options: Any) -> InMemoryBackend:
        backend = start_in_memory(**options)
        assert isinstance(backend, InMemoryBackend)
        backend.recorder = recorder
        return backend

    return sf.simulate(tables, policy=policy, purpose="hospitals together", quiet=True, start=start)


def hospitals(
    frames: Tables,
    policy: str | Policy | Mapping[str, str | Policy] = "open-research",
    *,
    recorder: Recorder | None = None,
    **options: Any,
) -> sf.Federation:
    """Start hospitals, each with a table ``patients``."""
    return federation({name: {"patients": table(frame, **options)} for name, frame in frames.items()}, policy, recorder)


def stacked(fed: sf.Federation, names: Sequence[str], *, labelled: bool = False) -> sf.SecureFrame:
    """The patients of some hospitals, with a column ``centre`` where they are labelled."""
    frames = [fed[f"{name}.patients"] for name in names]
    return sf.concat(frames, keys=list(names), names=["centre"]) if labelled else sf.concat(frames)
