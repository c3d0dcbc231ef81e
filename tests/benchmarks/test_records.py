"""Lines of measurements: what is written is read again, and a run replaces its own lines alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.records import Record, merge, read, write


def record(part: str, workload: str, n: int, system: str, seconds: float = 1.0, **more: Any) -> Record:
    return Record.of([seconds], part=part, workload=workload, n=n, system=system, **more)


def test_seconds_of_repetitions() -> None:
    found = Record.of([3.0, 1.0, 2.5, 9.0], part="protocols", workload="sort_64", n=10, system="secureframe TLS")
    assert (found.seconds_median, found.seconds_min, found.seconds_max, found.repeats) == (2.75, 1.0, 9.0, 4)
    assert found.bytes_per_party is found.rounds is found.peak_mb is None
    with pytest.raises(ValueError, match="not timed once"):
        record("protocols", "sort_64", 10, "numpy").of([], part="protocols", workload="sort_64", n=10, system="numpy")


def test_a_line_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.jsonl"
    more: dict[str, Any] = {"rounds": 3, "peak_mb": 1.5, "round_trip_ms": 40.0, "detail": {"stages": [1, 2.5]}}
    one = record("latency", "join", 10, "secureframe TLS", 0.25, **more)
    write([one], path)
    assert read(path) == [one]
    wanted = {"workload", "n", "system", "seconds_median", "seconds_min", "seconds_max", "bytes_per_party", "rounds", "peak_mb"}
    assert wanted | {"machine", "versions"} <= json.loads(path.read_text(encoding="utf-8")).keys()


def test_a_line_with_other_fields_is_refused() -> None:
    line = json.loads(record("protocols", "join", 10, "polars").to_line())
    del line["rounds"]
    with pytest.raises(ValueError, match="rounds"):
        Record.from_line(json.dumps(line))


def test_a_run_replaces_what_it_measured_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "latest.jsonl"
    before = [
        record("protocols", "join", 10, "secureframe TLS"),
        record("protocols", "join", 10, "polars"),
        record("protocols", "join", 100, "secureframe TLS"),
        record("protocols", "sort_64", 10, "secureframe TLS"),
        record("peers", "join", 10, "spu 0.9.5"),
        record("latency", "join", 10, "secureframe TLS", round_trip_ms=1.0),
    ]
    write(before, path)
    write([record("protocols", "join", 10, "secureframe TLS", 0.5)], path)
    # The yardstick of the earlier run is gone with it: a ratio of lines of two runs would mean nothing.
    kept = {(each.part, each.workload, each.n, each.system): each.seconds_median for each in read(path)}
    assert kept == {
        ("protocols", "join", 10, "secureframe TLS"): 0.5,
        ("protocols", "join", 100, "secureframe TLS"): 1.0,
        ("protocols", "sort_64", 10, "secureframe TLS"): 1.0,
        ("peers", "join", 10, "spu 0.9.5"): 1.0,
        ("latency", "join", 10, "secureframe TLS"): 1.0,
    }


def test_the_order_of_lines_does_not_depend_on_the_order_of_runs() -> None:
    one, other = record("protocols", "join", 100, "polars"), record("protocols", "join", 20, "polars")
    assert merge([one], [other]) == merge([other], [one]) == [other, one]
