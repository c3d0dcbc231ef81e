"""The NAFLD study as a federation, in memory and over real processes, and the same tables pooled in pandas."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import secureframe as sf
from secureframe.datasets import nafld
from secureframe.local.register import register
from secureframe.local.values import to_pandas
from secureframe.testing import start_in_memory

BACKENDS = [pytest.param("memory", id="memory"), pytest.param("ray", id="ray", marks=pytest.mark.ray)]


@pytest.fixture(scope="session")
def ray_federation() -> Iterator[sf.Federation]:
    """One federation of real processes for the session."""
    with sf.demo("nafld", quiet=True) as fed:
        yield fed


@pytest.fixture(scope="session")
def memory_federation() -> Iterator[sf.Federation]:
    with sf.demo("nafld", quiet=True, start=start_in_memory) as fed:
        yield fed


@pytest.fixture(params=BACKENDS)
def fed(request: pytest.FixtureRequest) -> sf.Federation:
    """The same statements run on every backend."""
    federation: sf.Federation = request.getfixturevalue(f"{request.param}_federation")
    return federation


@pytest.fixture(scope="session")
def standard_federation() -> Iterator[sf.Federation]:
    with sf.demo("nafld", policy="standard", quiet=True, start=start_in_memory) as fed:
        yield fed


@pytest.fixture(scope="session")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """The quantised tables that the institutions hold, as pandas frames by table name."""
    directory: Path = tmp_path_factory.mktemp("pooled")
    frames = {}
    for institution, tables in nafld().items():
        for name, table in tables.items():
            held = register(institution, name, table.declare(name, directory))
            frames[name] = to_pandas(held.frame, held.schema)
    return frames
