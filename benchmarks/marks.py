"""Marks in time across processes: when a method was entered and left, written to a file a process.

`time.perf_counter` reads one clock of the whole machine (CLOCK_MONOTONIC), so marks of different processes compare.
"""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DIRECTORY = "SECUREFRAME_BENCHMARK_MARKS"
"""Environment variable that names the directory of the marks; processes of a federation inherit it."""

_lock = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One call: its label, what it was about, its process, and when it began and ended."""

    label: str
    about: str
    process: int
    begin: float
    end: float


def around(owner: Any, method: str, label: str, about: int | None = None) -> None:
    """Replace a method of a class or an object by one that also writes a mark.

    Parameters
    ----------
    owner : class or object
        Whose method.
    method, label : str
        Its name, and the name of the marks.
    about : int, optional
        The positional argument (a word, counted without ``self``) that says what a call is about.
    """
    inner = getattr(owner, method)
    offset = 1 if isinstance(owner, type) else 0

    @functools.wraps(inner)
    def marked(*arguments: Any, **named: Any) -> Any:
        begin = time.perf_counter()
        try:
            return inner(*arguments, **named)
        finally:
            _write(label, str(arguments[about + offset]) if about is not None else "", begin, time.perf_counter())

    setattr(owner, method, marked)


def _write(label: str, about: str, begin: float, end: float) -> None:
    path = Path(os.environ[DIRECTORY]) / f"{os.getpid()}.jsonl"
    line = json.dumps({"label": label, "about": about, "process": os.getpid(), "begin": begin, "end": end})
    with _lock, path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def read(directory: Path) -> list[Mark]:
    """Return all marks of all processes, by their begin."""
    lines = [line for path in directory.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted((Mark(**json.loads(line)) for line in lines), key=lambda mark: mark.begin)
