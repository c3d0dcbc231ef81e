"""``python -m tests.traffic``: writes down the rounds and bytes that every protocol and some statements take.

They are exact. Shapes are public, and the one thing that is left to coins, the order in which a sort finds its rows, is fixed
here by the pairwise keys, which are no secret in a test. So a protocol that sends one word more is noticed, and by name:
the tests compare with what is written down. Whoever means it writes it down anew, and commits what has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from secureframe.engine.execute import StageReport

COMMAND = "python -m tests.traffic"
SECRETS = [bytes([number]) * 32 for number in range(1, 4)]
"""The pairwise keys, as good as any others."""

Traffic = dict[str, Any]
Table = Mapping[str, Traffic]


def traffic(reports: Sequence[Sequence[StageReport]]) -> Traffic:
    """Rounds of a job, and the bytes that each party sends."""
    (rounds,) = {sum(stage.rounds for stage in stages) for stages in reports}
    sent = [sum(stage.bytes_sent_previous + stage.bytes_sent_next for stage in stages) for stages in reports]
    return {"rounds": rounds, "bytes": sent}


def written(table: Table) -> str:
    """One line each, so that a difference is read at a glance."""
    lines = [f"  {json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in sorted(table.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def changes(found: Table, path: Path) -> list[str]:
    """What differs from what is written down."""
    known: Table = json.loads(path.read_text(encoding="utf-8"))
    texts = [f"{name}: not written down" for name in found if name not in known]
    texts += [f"{name}: written down, and not there any more" for name in known if name not in found]
    for name, was in known.items():
        if name in found and found[name] != was:
            texts.append(f"{name}: " + ", ".join(_change(each, was[each], found[name][each]) for each in was))
    return sorted(texts)


def _change(what: str, was: Any, now: Any) -> str:
    if was == now:
        return f"{what} {now} as before"
    before, after = (sum(v) if isinstance(v, list) else v for v in (was, now))
    share = f" ({100 * (after - before) / before:+.1f}%)" if before else ""
    return f"{what} {was} -> {now}{share}"


def check(found: Table, path: Path) -> None:
    """Fail where anything differs."""
    texts = changes(found, path)
    if texts:
        raise AssertionError("\n  ".join(["traffic has changed:", *texts, f"if this is meant: {COMMAND}"]))


def main() -> None:
    from tests.federation.test_traffic import PATH as STATEMENTS
    from tests.federation.test_traffic import statements
    from tests.mpc.test_traffic import PATH as PROTOCOLS
    from tests.mpc.test_traffic import protocols

    for path, table in ((PROTOCOLS, protocols()), (STATEMENTS, statements())):
        for text in changes(table, path) if path.exists() else ["new"]:
            print(f"{path.parent.name}: {text}")
        path.write_text(written(table), encoding="utf-8")


if __name__ == "__main__":
    main()
