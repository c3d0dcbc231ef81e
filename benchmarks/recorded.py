"""Records of statements whose rows lie at several institutions: descriptions of many columns, and what they hold in memory."""

from __future__ import annotations

from typing import Any

from benchmarks.horizontal import Described
from benchmarks.records import Record

SYSTEM = "secureframe TLS"


def description(found: Described) -> list[Record]:
    """The records of a description: over links, and pooled."""
    known: dict[str, Any] = {"part": "horizontal", "workload": f"describe() of {found.columns} columns", "n": found.rows}
    linked = Record.of(
        found.seconds.all,
        **known,
        system=SYSTEM,
        bytes_per_party=found.bytes // 3,
        rounds=found.rounds,
        peak_mb=found.peak_bytes / 1e6,
        detail={
            "processor_seconds": found.processor,
            "dealt_bytes": found.dealt,
            "stage_seconds": found.stages,
            "rest_mb": found.idle_bytes / 1e6,
        },
    )
    return [linked, Record.of(found.clear.all, **known, system="pandas")]
