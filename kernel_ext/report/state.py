"""The directory of a report while it is not whole: one for each notebook and its parameters, private, with a lock."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kernel_ext.report.exits import Ended, Exit

KEPT_DAYS = 30
"""What a report that failed was released is kept so long, if nobody resumes it."""
_LOCK = ".lock"


def directory_of(root: Path, notebook: Path, parameters: Mapping[str, Any]) -> Path:
    """Return where the report of a notebook with its parameters lies: the same for every run of it."""
    record = json.dumps([str(notebook), dict(parameters)], sort_keys=True, default=repr)
    return root / f"{notebook.stem}-{hashlib.sha256(record.encode()).hexdigest()[:16]}"


@contextmanager
def claimed(directory: Path) -> Iterator[Path]:
    """Hold a report's directory, which is made if it is not there; whoever else holds it runs the same report.

    The lock ends with the process, however that ends.

    Raises
    ------
    Ended
        With `Exit.RUNNING`, where another process holds it.
    """
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        directory.mkdir(mode=0o700, exist_ok=True)
        try:
            descriptor = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        except FileNotFoundError:
            # Its holder has just removed the directory.
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Ended(
                Exit.RUNNING, "the same report, with the same parameters, is running already\nHint: wait for its end"
            ) from None
        if _is_lock(descriptor, directory / _LOCK):
            break
        # Its holder has just removed it with the directory.
        os.close(descriptor)
    try:
        yield directory
    finally:
        os.close(descriptor)


def _is_lock(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def remove_old(root: Path, *, days: float = KEPT_DAYS) -> None:
    """Remove the directories of reports that failed and that nobody has resumed for so many days."""
    oldest = time.time() - days * 86_400
    for directory in root.iterdir() if root.is_dir() else ():
        with suppress(OSError):
            if (directory / _LOCK).is_file() and directory.stat().st_mtime < oldest:
                with suppress(Ended), claimed(directory):
                    shutil.rmtree(directory, ignore_errors=True)
