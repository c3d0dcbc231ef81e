"""``python -m benchmarks.report``: make ``docs/benchmarks.md`` and its plots from the records, and from nothing else.

What is written by hand stands in ``benchmarks/pages/benchmarks.md``; ``{{name}}`` in it is the section of that name below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.fitting import exponent
from benchmarks.measuring import table
from benchmarks.protocols import TCP, TLS
from benchmarks.records import Record, read
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parents[1]
TEMPLATE = Path(__file__).parent / "pages" / "benchmarks.md"
DOCUMENT = ROOT / "docs" / "benchmarks.md"
IMAGES = ROOT / "docs" / "images"
FITTED_FROM = 10**5
"""Exponents are fitted from this size on: below it a workload's time is that of its rounds."""
NOTHING = "Not measured yet."


# -- numbers for people ------------------------------------------------------------------------------------------------------


def seconds(value: float | None) -> str:
    """Three digits that matter, in seconds."""
    if value is None:
        return ""
    if value >= 1:
        return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{value:.3f}" if value >= 0.01 else f"{value:.5f}"


def power(n: int) -> str:
    """A size as people write it."""
    digits = len(str(n)) - 1
    return f"10^{digits}" if n == 10**digits and n >= 1000 else f"{n:,}"


def times(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def megabytes(record: Record) -> str:
    return "" if record.bytes_per_party is None else f"{record.bytes_per_party / 1e6:.3g}"


# -- finding records ---------------------------------------------------------------------------------------------------------


def of_part(records: Iterable[Record], part: str) -> list[Record]:
    return [each for each in records if each.part == part]


def one(records: Iterable[Record], system: str) -> Record | None:
    return next((each for each in records if each.system == system), None)


def sizes_of(records: Sequence[Record]) -> list[tuple[str, int, list[Record]]]:
    """The records of every workload and size, in the order of the workloads; others after them, by name."""
    places = {name: place for place, name in enumerate(WORKLOADS)}

    def key(each: Record) -> tuple[int, str, int]:
        return places.get(each.workload, len(places)), each.workload, each.n

    return [(name, n, list(found)) for (_, name, n), found in groupby(sorted(records, key=key), key)]


def clear_of(records: Iterable[Record]) -> Record | None:
    """The fastest package in the clear."""
    found = [each for each in records if each.system in ("numpy", "pandas", "polars")]
    return min(found, key=lambda each: each.seconds_median, default=None)


def spu_of(records: Iterable[Record]) -> Record | None:
    """SPU as it was compared to before; what it runs under a note is another computation or input."""
    return next((each for each in records if each.system.startswith("spu") and "," not in each.system), None)


def title(workload: str) -> str:
    return WORKLOADS[workload].title if workload in WORKLOADS else workload


# -- sections ----------------------------------------------------------------------------------------------------------------


def conditions(records: Sequence[Record]) -> str:
    """What was measured on, when, at which commits, and what else wanted the processor."""
    machines = sorted({each.machine for each in records})
    days = sorted({each.day for each in records})
    commits = sorted({each.commit for each in records})
    packages: dict[str, set[str]] = {}
    for each in (each for each in records if each.system.startswith("secureframe")):
        for name, version in each.versions.items():
            packages.setdefault(name, set()).add(version)
    loads = [load[0] for each in records if (load := each.detail.get("load"))]
    lines = [
        f"- Machine: {'; '.join(machines)}.",
        f"- Measured {' and '.join([days[0], days[-1]] if len(days) > 1 else days)}, commits {', '.join(commits)}.",
        "- Versions: " + ", ".join(f"{name} {' and '.join(sorted(found))}" for name, found in sorted(packages.items())) + ".",
    ]
    if loads:
        lines.append(
            f"- Threads that wanted one of the cores in the minute before a workload: {min(loads):.1f} to {max(loads):.1f}; "
            "where that is more than 2, others used the machine too."
        )
    return "\n".join(lines)


def reached(value: float, target: float | None) -> str:
    if target is None:
        return ""
    return "yes" if value <= target else f"no, {value / target:.1f} times"


def targets(records: Sequence[Record]) -> str:
    """Every workload against its target, the clear and the best figure of another system that was known before."""
    head = ["workload", "n", "TLS, s", "target", "reached", "TCP, s", "in the clear, s", "times", "best other, s", "times ours"]
    rows, shares = [], []
    for name, n, found in sizes_of(of_part(records, "protocols")):
        ours, plain, clear = one(found, TLS), one(found, TCP), clear_of(found)
        if ours is None or name not in WORKLOADS:
            continue
        target, published = WORKLOADS[name].targets.get(n), WORKLOADS[name].published.get(n)
        shares += [ours.seconds_median / target] if target else []
        rows.append(
            [
                title(name),
                power(n),
                seconds(ours.seconds_median),
                f"{target:g}" if target else "",
                reached(ours.seconds_median, target),
                seconds(plain.seconds_median) if plain else "",
                f"{seconds(clear.seconds_median)} ({clear.system})" if clear else "",
                times(ours.seconds_median / clear.seconds_median) if clear else "",
                f"{published[0]:g} ({published[1]})" if published else "",
                times(published[0] / ours.seconds_median) if published else "",
            ]
        )
    if not rows:
        return NOTHING
    within, missed = sum(share <= 1 for share in shares), sum(share > 2 for share in shares)
    said = f"{within} of {len(shares)} targets are reached, {missed or 'none'} beyond twice the target."
    return _pictured(f"{table(head, rows)}\n\n{said}", "workloads", "Seconds of every workload, its target, others")


def _pictured(text: str, name: str, alternative: str) -> str:
    return f"{text}\n\n![{alternative}](images/benchmark-{name}.png)"


def costs(records: Sequence[Record]) -> str:
    """What every workload takes besides time."""
    spread = ["TLS, s", "least", "most", "first", "processor s"]
    head = ["workload", "n", *spread, "rounds", "MB a party", "peak MB", "at rest"]
    rows = []
    for name, n, found in sizes_of(of_part(records, "protocols")):
        if (ours := one(found, TLS)) is None:
            continue
        detail = ours.detail
        rows.append(
            [
                title(name),
                power(n),
                seconds(ours.seconds_median),
                seconds(ours.seconds_min),
                seconds(ours.seconds_max),
                seconds(detail.get("first_seconds")),
                seconds(detail.get("processor_seconds")),
                f"{ours.rounds}",
                megabytes(ours),
                f"{ours.peak_mb:,.0f}" if ours.peak_mb else "",
                f"{detail['rest_mb']:,.0f}" if "rest_mb" in detail else "",
            ]
        )
    return table(head, rows) if rows else NOTHING


def clear(records: Sequence[Record]) -> str:
    """The yardsticks: every package that does the same in the clear."""
    systems = ("numpy", "polars", "pandas")
    rows = []
    for name, n, found in sizes_of(of_part(records, "protocols")):
        cells = [one(found, system) for system in systems]
        rows.append([title(name), power(n), *(seconds(1e3 * each.seconds_median) if each else "" for each in cells)])
    return table(["in the clear, ms", "n", *systems], rows) if rows else NOTHING


def peers(records: Sequence[Record]) -> str:
    """Ours and other systems in one run."""
    ours_too = ["ours, TLS, s", "ours, TCP, s", "times TLS", "wanted"]
    head = ["workload", "n", "system", "s", "least", "MB a party", "peak MB", *ours_too]
    rows = []
    for name, n, found in sizes_of(of_part(records, "peers")):
        ours, plain = one(found, TLS), one(found, TCP)
        for other in (each for each in found if each.system not in (TLS, TCP) and each is not clear_of([each])):
            wanted = WORKLOADS[name].ratios.get(n) if name in WORKLOADS and other is spu_of(found) else None
            rows.append(
                [
                    title(name),
                    power(n),
                    other.system,
                    seconds(other.seconds_median),
                    seconds(other.seconds_min),
                    megabytes(other),
                    f"{other.peak_mb:,.0f}" if other.peak_mb else "",
                    seconds(ours.seconds_median) if ours else "",
                    seconds(plain.seconds_median) if plain else "",
                    times(other.seconds_median / ours.seconds_median) if ours else "",
                    f"{wanted:g}" if wanted else "",
                ]
            )
    return table(head, rows) if rows else NOTHING


def growth_of(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records of growth over TLS, by workload and then size."""
    found: dict[str, list[Record]] = {}
    for name, _, each in sizes_of(of_part(records, "growth")):
        if (ours := one(each, TLS)) is not None:
            found.setdefault(name, []).append(ours)
    return found


def _grown(each: Record) -> str:
    chunks = each.detail.get("chunks")
    return seconds(each.seconds_median) + (f" in {chunks} chunks" if chunks else "")


def growth(records: Sequence[Record]) -> str:
    """Seconds by size, and the fitted exponents of seconds, processor seconds and bytes."""
    found = growth_of(records)
    if not found:
        return NOTHING
    every = sorted({each.n for lines in found.values() for each in lines})
    rows = []
    for name, lines in found.items():
        by_size = {each.n: each for each in lines}
        large = [each for each in lines if each.n >= FITTED_FROM and "chunks" not in each.detail]
        exponents = ["", ""]
        if len(large) > 1:
            sizes = [each.n for each in large]
            exponents = [
                f"{exponent(sizes, [each.seconds_median for each in large]):.2f}",
                f"{exponent(sizes, [float(each.bytes_per_party or 1) for each in large]):.2f}",
            ]
        rows.append([title(name), *(_grown(by_size[n]) if n in by_size else "" for n in every), *exponents])
    spent = table(["TLS, s, for n =", *map(power, every), "exponent", "of bytes"], rows)
    peaks = [
        [title(name), *(next((f"{each.peak_mb:,.0f}" for each in lines if each.n == n and each.peak_mb), "") for n in every)]
        for name, lines in found.items()
    ]
    held = table(["peak MB of three parties, for n =", *map(power, every)], peaks)
    return f"{_pictured(spent, 'growth', 'Seconds by size')}\n\n{held}"


def latency_of(records: Sequence[Record]) -> list[tuple[str, int, list[Record]]]:
    return [
        (name, n, sorted(found, key=lambda each: each.round_trip_ms))
        for name, n, found in sizes_of(of_part(records, "latency"))
    ]


def latency(records: Sequence[Record]) -> str:
    """Seconds by round trip."""
    found = latency_of(records)
    if not found:
        return NOTHING
    every = sorted({each.round_trip_ms for _, _, lines in found for each in lines})
    rows = []
    for name, n, lines in found:
        by_delay = {each.round_trip_ms: each for each in lines}
        cells = [seconds(by_delay[each].seconds_median) if each in by_delay else "" for each in every]
        rows.append([title(name), power(n), f"{lines[-1].rounds}", *cells])
    ways = {(str(each.detail["delays"]), str(each.detail.get("why_not_netem", ""))) for _, _, lines in found for each in lines}
    how = {
        "netem": "Delays by netem on the loopback of a network namespace.",
        "held back": "Delays by holding every message back for half a round trip before it is sent; netem could not be had",
    }
    shown = table(["TLS, s, with round trips of", "n", "rounds", *(f"{each:g} ms" for each in every)], rows)
    how_made = " ".join(how[way] + (f" ({why})." if why else "") for way, why in sorted(ways))
    return f"{_pictured(shown, 'latency', 'Seconds by round trip')}\n\n{how_made}"


def goal(found: Record, clear: Record | None) -> float | None:
    """Seconds that were aimed at for a statement."""
    match found.workload.split(":")[0]:
        case "statement_small":
            return 0.06
        case "cohort_vertical" | "local":
            return 0.5
        case "describe_horizontal":
            return 2 * clear.seconds_median + 0.3 if clear is not None else None
        case "join of all three":
            return 3.0
        case "start of the demonstration":
            return 30.0
        case _:
            return None


def statements(records: Sequence[Record]) -> str:
    """Statements from the line to the pandas frame, beside pandas on the pooled rows."""
    spent = ["s", "least", "goal", "reached", "first", "processor s"]
    head = ["statement, warm", "persons", *spent, "rounds", "MB a party", "pandas, s", "times", "peak MB"]
    rows, stages = [], []
    chosen = [each for part in ("statements", "horizontal", "cohort") for each in sizes_of(of_part(records, part))]
    for name, n, found in chosen:
        if (ours := one(found, TLS)) is None:
            continue
        clear, detail = clear_of(found), ours.detail
        aim = goal(ours, clear)
        rows.append(
            [
                name,
                f"{n:,}",
                seconds(ours.seconds_median),
                seconds(ours.seconds_min),
                f"{aim:.2g}" if aim else "",
                reached(ours.seconds_median, aim),
                seconds(detail.get("first_seconds")),
                seconds(detail.get("processor_seconds")),
                "" if ours.rounds is None else f"{ours.rounds}",
                megabytes(ours),
                seconds(clear.seconds_median) if clear else "",
                times(ours.seconds_median / clear.seconds_median) if clear else "",
                f"{ours.peak_mb:,.0f}" if ours.peak_mb else "",
            ]
        )
        if "stage_seconds" in detail:
            inside: dict[str, float] = detail["stage_seconds"]
            rest = ours.seconds_median - sum(inside.values())
            listed = ", ".join(f"{stage} {1e3 * value:.0f}" for stage, value in inside.items())
            stages.append(f"- {name}, {n:,}: {listed}, all else {1e3 * rest:.0f}")
    if not rows:
        return NOTHING
    listed = "\n\nStages in ms (slowest party, medians):\n\n" + "\n".join(stages) if stages else ""
    return table(head, rows) + listed


def notebook(records: Sequence[Record]) -> str:
    """The start of a notebook's kernel beside plain ipykernel's, and how soon it answers."""
    head = ["in a notebook", "kernel", "ms", "least", "most", "first", "goal", "reached", "processor ms"]
    rows = []
    for name, _, found in sizes_of(of_part(records, "kernel")):
        for each in found:
            aim = 0.05 if name.startswith("completion") else None
            detail = each.detail
            spread = [each.seconds_median, each.seconds_min, each.seconds_max, detail.get("first_seconds")]
            rows.append(
                [
                    name,
                    each.system,
                    *(f"{1e3 * value:.3g}" if value is not None else "" for value in spread),
                    f"{1e3 * aim:g}" if aim else "",
                    reached(each.seconds_median, aim),
                    f"{1e3 * detail['processor_seconds']:.0f}" if "processor_seconds" in detail else "",
                ]
            )
    return table(head, rows) if rows else NOTHING


def memory(records: Sequence[Record]) -> str:
    """Peak memory of all processes: every workload and statement at its largest size."""
    largest: dict[str, Record] = {}
    for part in ("protocols", "growth", "horizontal", "cohort", "statements"):
        for name, n, found in sizes_of(of_part(records, part)):
            ours = one(found, TLS)
            if ours is not None and ours.peak_mb and (name not in largest or n > largest[name].n):
                largest[name] = ours
    rows = [
        [title(name), power(each.n), f"{each.peak_mb or 0:,.0f}", f"{(each.peak_mb or 0) * 1e6 / 2**30:.2f}"]
        for name, each in sorted(largest.items(), key=lambda pair: -(pair[1].peak_mb or 0))
    ]
    return table(["all processes together", "n", "peak MB", "GiB"], rows) if rows else NOTHING


def timeline(records: Sequence[Record]) -> str:
    """A table of steps for every statement of which a timeline was taken."""
    parts = []
    for each in of_part(records, "timeline"):
        rows = [[f"{where}: {what}", f"{value:.1f}"] for where, what, value in each.detail["steps"]]
        rows.append(["all of it", f"{each.detail['milliseconds']:.1f}"])
        parts.append(table([f"{each.workload}: step", "ms"], rows))
        inside = ", ".join(f"{label} {value:.1f}" for label, value in each.detail["within_milliseconds"].items())
        parts.append(f"Within, the longest call of each kind, ms (they run beside each other): {inside}.")
    return "\n\n".join(parts) or NOTHING


def profile(records: Sequence[Record]) -> str:
    """The busiest functions of every workload that was profiled."""
    parts = []
    for name, n, (found, *_) in sizes_of(of_part(records, "profile")):
        rows = [[function, f"{100 * share:.1f} %"] for function, share in found.detail["shares"]]
        rows.append(["all others", f"{100 * (1 - sum(share for _, share in found.detail['shares'])):.1f} %"])
        head = f"{title(name)}, {power(n)}: of the processor time of all parties"
        parts.append(table([head, "share"], rows) + f"\n\n{found.detail['samples']:,} samples, commit {found.commit}.")
    return "\n\n".join(parts) or NOTHING


SECTIONS: dict[str, Callable[[Sequence[Record]], str]] = {
    "conditions": conditions,
    "targets": targets,
    "peers": peers,
    "costs": costs,
    "clear": clear,
    "growth": growth,
    "latency": latency,
    "statements": statements,
    "notebook": notebook,
    "memory": memory,
    "timeline": timeline,
    "profile": profile,
}


def page(records: Sequence[Record], template: str) -> str:
    """Return the page: the template with every section filled in.

    Raises
    ------
    KeyError
        If the template names a section that there is not.
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda found: SECTIONS[found[1]](records), template)


def overview(records: Sequence[Record]) -> str:
    """A line a record, for the terminal."""
    head = ["workload", "n", "system", "s, median", "least", "most", "rounds", "MB a party", "peak MB"]
    rows: list[list[Any]] = [
        [
            each.workload,
            power(each.n),
            each.system + (f", {each.round_trip_ms:g} ms" if each.part == "latency" else ""),
            seconds(each.seconds_median),
            seconds(each.seconds_min),
            seconds(each.seconds_max),
            "" if each.rounds is None else f"{each.rounds}",
            megabytes(each),
            f"{each.peak_mb:,.0f}" if each.peak_mb else "",
        ]
        for each in records
    ]
    return table(head, rows) if rows else "nothing was measured"


def document() -> list[Path]:
    """Write the page and its plots; return what was written."""
    from benchmarks import plots

    records = read()
    written = plots.draw(records, IMAGES)
    DOCUMENT.write_text(page(records, TEMPLATE.read_text(encoding="utf-8")), encoding="utf-8")
    return [DOCUMENT, *written]


def main() -> None:
    for path in document():
        print(f"{path} is written")


if __name__ == "__main__":
    main()
