"""The version of a table: the same for the same data and key, another for other data, and silent about them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from secureframe.local.register import register
from secureframe.schema.declare import Table, integer

KEY, OTHER = "11" * 32, "22" * 32


def version(directory: Path, ages: list[int], key: str | None) -> str:
    frame = pd.DataFrame({"id": range(len(ages)), "age": ages})
    declaration = Table(frame, columns={"age": integer(0, 120)}, rows_per_person=1).declare("people", directory)
    return register("clinic", "people", declaration | ({} if key is None else {"version_key": key})).schema.version


def test_a_restart_keeps_the_version_and_a_change_does_not(tmp_path: Path) -> None:
    first = version(tmp_path, [30, 40], KEY)
    assert version(tmp_path, [30, 40], KEY) == first
    assert version(tmp_path, [30, 41], KEY) != first
    assert version(tmp_path, [30, 40], OTHER) != first


def test_without_a_key_it_is_random(tmp_path: Path) -> None:
    assert version(tmp_path, [30, 40], None) != version(tmp_path, [30, 40], None)
