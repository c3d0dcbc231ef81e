"""``python -m benchmarks.session [--memory]``: what later statements on a merged frame cost, beside the first one.

Statements of a session with ``sf.demo("nafld")``: the same cohort is asked again, for other statistics and other columns.
``--memory`` runs the parties as threads of this process instead of as processes of a simulated federation.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import secureframe as sf
from benchmarks.measuring import table
from secureframe.federation import Federation
from secureframe.testing import start_in_memory

Statement = Callable[[], Any]


def statements(fed: Federation) -> list[tuple[str, Statement]]:
    """What is asked, in order; all of it of rows that three institutions hold together."""
    patients, labs, events = fed["hospital.patients"], fed["laboratory.labs"], fed["registry.events"]
    sbp = labs[labs["test"] == "sbp"].groupby("id").agg(sbp=("value", "mean"))
    mi = events[events["event"] == "MI"].groupby("id").agg(first_mi=("days", "min"))

    def people(age: int) -> sf.SecureFrame:
        adults: sf.SecureFrame = patients[patients["age"] >= age]
        return adults.merge(sbp, on="id").merge(mi, on="id", how="left")

    cohort = people(50)
    ill = cohort[cohort["first_mi"].notna()]
    older = people(65)
    return [
        ("mean and deviation by sex", lambda: ill.groupby("male")["sbp"].agg(["count", "mean", "std"])),
        ("the same again", lambda: ill.groupby("male")["sbp"].agg(["count", "mean", "std"])),
        ("median of the same column", lambda: ill.groupby("male")["sbp"].median()),
        ("another column", lambda: ill["first_mi"].mean()),
        ("another condition", lambda: cohort[cohort["first_mi"] > 365].groupby("male")["sbp"].mean()),
        ("another cohort", lambda: older[older["first_mi"].notna()].groupby("male")["sbp"].agg(["count", "mean", "std"])),
    ]


def measured(fed: Federation) -> list[list[str]]:
    """One line a statement: seconds, rounds and megabytes of the join, and of the whole statement."""
    lines = []
    for name, statement in statements(fed):
        started = time.perf_counter()
        statement()
        seconds = time.perf_counter() - started
        assert fed.last_job is not None
        stages = {stage.name: stage for stage in fed.last_job.stages}
        join = stages["join"]
        lines.append(
            [
                name,
                f"{join.seconds:.2f}",
                str(join.rounds),
                f"{join.bytes / 1e6:.2f}",
                f"{seconds:.2f}",
                str(fed.last_job.rounds),
                f"{fed.last_job.bytes / 1e6:.2f}",
            ]
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memory", action="store_true")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    with sf.demo("nafld", quiet=True, start=start_in_memory if chosen.memory else None) as fed:
        fed["hospital.patients"]["age"].mean()
        head = ["statement", "join s", "rounds", "MB", "all s", "rounds", "MB"]
        print(table(head, measured(fed)))


if __name__ == "__main__":
    main()
