"""The gateway that most tests of this folder speak to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ray_cluster.serving import Served, serving


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as made:
        yield made
