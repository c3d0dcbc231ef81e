"""The page of operations: what is supported in which layout, and where it is computed, as the compiled plans say.

``python -m tests.matrix.table`` writes the page anew, takes out of ``pending.py`` what works now, and says what ceased to work.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import secureframe as sf
from secureframe.plan.places import place
from secureframe.planner.frames import LocalPart
from secureframe.testing import start_in_memory
from tests.matrix.layouts import LAYOUTS, Study, start
from tests.matrix.operations import OPERATIONS, REFUSALS, Operation
from tests.matrix.operations.registry import ROWS
from tests.matrix.pending import BY_DESIGN, NAMES, PENDING
from tests.matrix.running import asked, waiting

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
LIST = Path(__file__).parent / "pending.py"
COSTS = ("nothing", "local", "partial", "shared")
NOT_YET, REFUSED = "not yet", "refused"

INTRODUCTION = """\
# Operations

What an analyst may type, and where it is computed. Each line is an entry of the test matrix (`tests/matrix`): it is run in every
layout, with missing values and without, in memory and (but for a single institution) over real processes, and compared with
pandas on the pooled rows. The places are those of the compiled plans. `python -m tests.matrix.table` writes this page; a test
holds it.

| layout | whose rows and columns |
| --- | --- |
| single | one institution has everything |
| horizontal | three hospitals, each with its own patients and all columns |
| vertical | a hospital, an insurer and a registry, each with other columns of the same people |
| mixed | the patients at two hospitals, further columns at an insurer and a registry |

| place | what leaves an institution |
| --- | --- |
| nothing | nothing is computed: the plan says it |
| local | one institution computes the statistics from its own rows and shares only those |
| partial | each of several institutions computes its part from its own rows; only the parts are shared, and added |
| shared | columns are shared row by row (criteria as bits), and combined among the three compute parties |
| not yet | promised, and refused with a hint |
| refused | only the institution itself can do it, from columns of its own |

Where persons may be at several institutions, so that they have to be counted once, a partial statistic also shares their keys:
such operations are shown as `partial, keys`.
"""


def place_of(operation: Operation, study: Study, fed: sf.Federation) -> str:
    """Return where an operation is computed, the costliest of its releases counting."""
    try:
        releases = [(p, node) for p in waiting(asked(operation, study)) for node in p.nodes]
        found = "nothing"
        for pending, node in releases:
            compiled = fed._compiled(fed._plan([node], pending.parameters))
            said = place(node).partition("(")[0]
            parts_only = all(isinstance(local, LocalPart) for local in compiled.locals)
            if said == "shared" or (said == "local" and not parts_only):
                where = "shared"
            else:
                where = said if parts_only else "partial, keys"
            found = max(found, where, key=[*COSTS[:3], "partial, keys", "shared"].index)
        return found
    except (sf.SecureFrameError, AttributeError):
        return NOT_YET


def places(federation: Callable[[str], sf.Federation]) -> dict[str, dict[str, str]]:
    """Return for every operation its place in every layout; those that raise are ``not yet``."""
    found: dict[str, dict[str, str]] = {shown: {} for shown in OPERATIONS}
    for layout in LAYOUTS:
        fed = federation(layout)
        study = LAYOUTS[layout].study(fed, True)
        for shown, operation in OPERATIONS.items():
            found[shown][layout] = place_of(operation, study, fed)
    return found


def page(found: dict[str, dict[str, str]]) -> str:
    """Return the page."""
    lines = [INTRODUCTION]
    for row in ROWS:
        shown = [name for name, operation in OPERATIONS.items() if operation.row == row]
        if not shown:
            continue
        lines += [f"## {row.capitalize()}", "", f"| operation | {' | '.join(LAYOUTS)} |", "| --- " * (len(LAYOUTS) + 1) + "|"]
        for name in shown:
            cells = [
                REFUSED if layout in BY_DESIGN.get(name, ()) and where == NOT_YET else where
                for layout, where in found[name].items()
            ]
            lines.append(f"| `{name.replace('|', chr(92) + '|')}` | {' | '.join(cells)} |")
        lines.append("")
    lines += [
        "## Refused",
        "",
        "Everywhere, with the nearest allowed statement as a hint.",
        "",
        "| operation | error |",
        "| --- | --- |",
    ]
    lines += [f"| `{name}` | {refusal.error.__name__} |" for name, refusal in REFUSALS.items()]
    return "\n".join(lines) + "\n"


def out_of_date(found: dict[str, dict[str, str]]) -> list[str]:
    """Return what ``pending.py`` says wrongly."""
    wrong = []
    for name, by_layout in found.items():
        missing = {layout for layout, where in by_layout.items() if where == NOT_YET}
        listed = PENDING.get(name, frozenset()) | BY_DESIGN.get(name, frozenset())
        wrong += [f"{name!r} works {layout} and is listed" for layout in sorted(listed - missing)]
        wrong += [f"{name!r} does not work {layout} and is not listed" for layout in sorted(missing - listed)]
    return wrong


def landed(found: dict[str, dict[str, str]]) -> str:
    """Return ``pending.py`` without the operations that work."""
    text = LIST.read_text(encoding="utf-8")
    head, _, rest = text.partition("PENDING: Mapping[str, frozenset[str]] = {")
    _, _, tail = rest.partition("}\n")
    lines = []
    for name, layouts in PENDING.items():
        left = frozenset(layout for layout in layouts if found[name][layout] == NOT_YET)
        if left:
            quoted = f"'{name}'" if '"' in name else f'"{name}"'
            lines.append(f"    {quoted}: {NAMES[left]},\n")
    return f"{head}PENDING: Mapping[str, frozenset[str]] = {{\n{''.join(lines)}}}\n{tail}"


def main() -> None:
    started: dict[str, Any] = {}

    def federation(layout: str) -> sf.Federation:
        fed: sf.Federation = started.setdefault(layout, start(layout, backend=start_in_memory))
        return fed

    warnings.simplefilter("ignore")
    found = places(federation)
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"{PAGE} is written")
    LIST.write_text(landed(found), encoding="utf-8")
    for name, by_layout in found.items():
        listed = PENDING.get(name, frozenset()) | BY_DESIGN.get(name, frozenset())
        ceased = [layout for layout, where in by_layout.items() if where == NOT_YET and layout not in listed]
        if ceased:
            print(f"{name!r} does not work {', '.join(ceased)}")


if __name__ == "__main__":
    main()
