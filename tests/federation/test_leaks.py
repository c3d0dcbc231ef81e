"""What parties send each other over real links: recorded above TLS, searched for the inputs, and judged for uniformity."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from ray_cluster.records import load_payloads
from ray_cluster.simulate import start
from secureframe.backend import Backend
from secureframe.mpc import bitplanes
from secureframe.mpc.channel import Payload
from tests.leakage import LeakError, assert_no_repeats, assert_uniform, find_plaintext, undeclared

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore::UserWarning")]

PEOPLE = 900


def tables(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two institutions' columns about the same people, with identifiers of eleven digits."""
    rng = np.random.default_rng(seed)
    ids = rng.choice(10**11, PEOPLE, replace=False).astype(np.int64)
    left = pd.DataFrame({"id": ids, "age": rng.integers(18, 100, PEOPLE), "group": rng.integers(0, 3, PEOPLE)})
    right = pd.DataFrame({"id": rng.permutation(ids), "amount": np.round(rng.normal(5e6, 1e6, PEOPLE), 2).clip(0, 1e7)})
    return left, right


def patterns(*frames: pd.DataFrame) -> list[bytes]:
    """Every column as it could travel: values of 8 bytes, as integers and floats, neighbouring ones, and bit planes."""
    found: set[bytes] = set()
    for frame in frames:
        for name in frame.columns:
            values = frame[name].to_numpy()
            encodings = [values.astype("<f8")] + ([values.astype("<i8")] if np.issubdtype(values.dtype, np.integer) else [])
            grid = np.round(values * 128).astype("<i8") if values.dtype.kind == "f" else values.astype("<i8")
            encodings += [grid, grid - (grid.min() + grid.max()) // 2]
            for encoded in encodings:
                found |= {encoded[i : i + 1].tobytes() for i in range(0, PEOPLE, 7)}
            width = max(1, int(grid.max() - grid.min()).bit_length())
            planes = bitplanes.from_bools(np.array([(grid - grid.min()) >> bit & 1 for bit in range(width)], bool))
            found |= {word.tobytes() for plane in planes for word in plane[:-1]}
            found |= {text.encode() for text in map(str, values[::50]) if len(text) >= 8}
    return [p for p in found if len(set(p)) > 1 and len(p) >= 8]


def stripped(payloads: list[Payload]) -> list[Payload]:
    """The payloads without their declared openings."""
    return [
        Payload(round=p.round, sender=p.sender, receiver=p.receiver, words=piece) for p in payloads for piece in undeclared(p)
    ]


def test_nothing_but_noise_travels_over_real_links() -> None:
    left, right = tables(1)
    directories: list[Path] = []

    def recording(**given: object) -> Backend:
        directories.append(Path(str(given["directory"])))
        return functools.partial(start, record=True)(**given)  # type: ignore[arg-type]

    key = sf.key(low=0, high=10**11)
    with sf.simulate(
        {
            "clinic": {"people": sf.Table(left, columns={"id": key, "group": sf.category([0, 1, 2])}, rows_per_person=1)},
            "insurer": {"costs": sf.Table(right, columns={"id": key, "amount": sf.number(0, 1e7)}, rows_per_person=1)},
        },
        purpose="a search for leaks",
        quiet=True,
        start=recording,
    ) as fed:
        joined = fed["clinic.people"].merge(fed["insurer.costs"], on="id")
        transcripts = []
        for _ in range(2):
            joined.groupby("group")["amount"].agg(["count", "mean", "median"])
            files = sorted(directories[0].rglob(f"{fed.last_job.job}-*.npz"))
            assert len(files) == 3
            transcripts.append([p for path in files for p in load_payloads(path)])
    first, second = transcripts
    sent, wanted = stripped(first), patterns(left, right)
    assert sum(p.words.size for p in sent) > 10_000
    assert find_plaintext(sent, wanted) == []
    assert_uniform(first)
    assert_no_repeats([*first, *second])
    column_word = next(p for p in wanted if len(p) == 8)
    planted = np.array([int.from_bytes(column_word, "little")], np.uint64)
    assert find_plaintext([*sent, Payload(round=1, sender=0, receiver=1, words=planted)], wanted)
    with pytest.raises(LeakError):
        assert_no_repeats([*first, *first])
