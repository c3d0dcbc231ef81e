"""The directory of a report that is not whole: one a report, held by one process, and not kept for ever."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from pathlib import Path

import pytest

from kernel_ext.report.exits import Ended, Exit
from kernel_ext.report.state import KEPT_DAYS, claimed, directory_of, remove_old


def test_every_notebook_and_its_parameters_have_their_own(tmp_path: Path) -> None:
    notebook = tmp_path / "monthly.ipynb"
    names = {
        directory_of(tmp_path, path, parameters)
        for path in (notebook, tmp_path / "other" / "monthly.ipynb")
        for parameters in ({"period": "1990"}, {"period": "1991"}, {"period": 1990}, {})
    }
    assert len(names) == 8
    assert directory_of(tmp_path, notebook, {"a": 1, "b": 2}) == directory_of(tmp_path, notebook, {"b": 2, "a": 1})


def test_one_process_holds_it(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "monthly"
    with claimed(directory):
        assert directory.stat().st_mode & 0o777 == 0o700
        with pytest.raises(Ended) as caught, claimed(directory):
            pass
        assert caught.value.code is Exit.RUNNING
    with claimed(directory):
        shutil.rmtree(directory)
        with claimed(directory):
            pass


def test_a_lock_whose_directory_has_just_gone_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "monthly"
    lock = fcntl.flock

    def once(descriptor: int, operation: int) -> None:
        """Its holder ends, and removes the directory, while this process is about to take the lock."""
        monkeypatch.setattr(fcntl, "flock", lock)
        shutil.rmtree(directory)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", once)
    with claimed(directory), pytest.raises(Ended), claimed(directory):
        pass


def test_what_nobody_resumes_is_removed(tmp_path: Path) -> None:
    long_ago = time.time() - (KEPT_DAYS + 1) * 86_400
    for name in ("old", "held", "new"):
        with claimed(tmp_path / name):
            pass
    (tmp_path / "another's").mkdir()
    for name in ("old", "held", "another's"):
        os.utime(tmp_path / name, (long_ago, long_ago))
    with claimed(tmp_path / "held"):
        remove_old(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"held", "new", "another's"}
    remove_old(tmp_path / "nothing")
