"""Frames over pooled rows, and the same rows in pandas."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

import secureframe as sf
from secureframe.plan.nodes import Table
from tests.frame.pooled import PooledSession
from tests.frame.study import EVENTS, LABS, PATIENTS, rows


@dataclass(frozen=True)
class Study:
    session: PooledSession
    patients: sf.SecureFrame
    labs: sf.SecureFrame
    events: sf.SecureFrame
    clear: dict[str, pd.DataFrame]


@pytest.fixture
def study() -> Study:
    clear = rows()
    session = PooledSession(clear)
    frames = [sf.SecureFrame(session, Table(table)) for table in (PATIENTS, LABS, EVENTS)]
    return Study(session, *frames, clear)


@pytest.fixture
def patients(study: Study) -> sf.SecureFrame:
    return study.patients


@pytest.fixture
def clear(study: Study) -> pd.DataFrame:
    return study.clear["patients"]
