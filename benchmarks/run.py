"""``python -m benchmarks.run``: measure protocols and statements on this machine, print tables, keep the numbers as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

from benchmarks import cells, horizontal, placement, processes, protocols, statements, timeline
from benchmarks.measuring import load, machine
from secureframe.errors import SuppressedWarning

LATEST = Path(__file__).parent / "results" / "latest.json"
PARTS = ("statements", "horizontal", "timeline", "protocols", "processes", "placement", "cells")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows and fewer repetitions: to see that it runs")
    where = f"where the numbers go (default {LATEST.name}; with --only a file of that name)"
    parser.add_argument("--json", type=Path, default=None, metavar="PATH", help=where)
    parser.add_argument("--only", choices=PARTS, action="append", help="leave out the other parts; may be given again")
    return parser.parse_args()


def progress(text: str) -> None:
    """Tell of what was just measured; the tables alone go to standard output."""
    print(f"  {text}", file=sys.stderr, flush=True)


def main() -> None:
    chosen = arguments()
    parts = chosen.only or PARTS
    repeats = 3 if chosen.quick else 5
    record: dict[str, Any] = {"machine": machine(), "quick": chosen.quick, "load_before": load()}
    tables = []
    # A cell is withheld now and then; that is no news here.
    warnings.simplefilter("ignore", SuppressedWarning)
    # Statements first: the arrays of the protocols would count as memory of the notebook's kernel.
    if "statements" in parts:
        asked = statements.run(1 if chosen.quick else 3, repeats, progress)
        record["statements"] = asked.to_json()
        tables.append(statements.text(asked))
    if "horizontal" in parts:
        described = horizontal.run(horizontal.ROWS // (10 if chosen.quick else 1), repeats, progress)
        record["horizontal"] = [described.to_json()]
        tables.append(horizontal.text(described))
    if "timeline" in parts:
        taken = timeline.run(2 * repeats, progress)
        record["timeline"] = [each.to_json() for each in taken]
        tables.append(timeline.text(taken))
    if "protocols" in parts:
        measured = protocols.run(10 if chosen.quick else 1, repeats, progress)
        record["protocols"] = [each.to_json() for each in measured]
        tables.append(protocols.text(measured))
    if "placement" in parts:
        compared = placement.run(progress)
        record["placement"] = placement.to_json(compared)
        tables.append(placement.text(compared))
    if "cells" in parts:
        filled = cells.run(progress)
        record["cells"] = cells.to_json(filled)
        tables.append(cells.text(filled))
    if "processes" in parts:
        linked = processes.run(10 if chosen.quick else 1, repeats, progress)
        record["processes"] = [each.to_json() for each in linked]
        tables.append(processes.text(linked))
    record["load_after"] = load()
    path = chosen.json or (LATEST.with_stem("-".join(parts)) if chosen.only else LATEST)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    on = record["machine"]
    print(f"{on['processor']}, {on['cores']} cores, {on['memory_gib']} GiB, {on['system']}, Python {on['python']}, {on['day']};")
    print(f"commit {on['commit']}; threads that wanted a processor in the last 1, 5 and 15 minutes, our own among them:")
    print(f"{record['load_before']} before, {record['load_after']} after\n")
    print("\n\n".join(tables))
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
