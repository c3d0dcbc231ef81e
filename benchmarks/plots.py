"""The plots of ``docs/benchmarks.md``: colours that the colour-blind tell apart (Okabe and Ito), and markers that differ too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.records import Record
from benchmarks.report import FITTED_FROM, clear_of, growth_of, latency_of, of_part, one, sizes_of, spu_of
from benchmarks.workloads import WORKLOADS

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000"
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
MARKERS = "osD^vPX"
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "savefig.dpi": 130,
    "savefig.bbox": "tight",
}


def draw(records: Sequence[Record], folder: Path) -> list[Path]:
    """Draw what there are records for."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = {"benchmark-workloads.png": workloads, "benchmark-growth.png": growth, "benchmark-latency.png": latency}
    written = []
    with rc_context(STYLE):
        for name, plot in plots.items():
            figure = plot(records)
            if figure is not None:
                figure.savefig(folder / name, metadata={"Software": None})
                written.append(folder / name)
    return written


def _figure(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def workloads(records: Sequence[Record]) -> Figure | None:
    """Seconds of every workload on one logarithmic line: the clear, ours, the target, and the best of others."""
    shown = [each for each in sizes_of(of_part(records, "protocols")) if one(each[2], "secureframe TLS") and each[0] in WORKLOADS]
    if not shown:
        return None
    beside = {(name, n): found for name, n, found in sizes_of(of_part(records, "peers"))}
    figure, axes = _figure((8.5, 0.42 * len(shown) + 1.5))
    kinds: dict[str, tuple[str, str, str, list[tuple[float, int]]]] = {
        "in the clear, fastest package": (BLACK, "x", BLACK, []),
        "SecureFrame, TCP": (SKY, "o", "none", []),
        "SecureFrame, TLS": (BLUE, "o", BLUE, []),
        "target": (GREEN, "|", GREEN, []),
        "best other, known before": (ORANGE, "D", "none", []),
        "SPU, same run": (VERMILION, "s", VERMILION, []),
    }
    for row, (name, n, found) in enumerate(shown):
        workload = WORKLOADS[name]
        values = {
            "in the clear, fastest package": clear_of(found),
            "SecureFrame, TCP": one(found, "secureframe TCP"),
            "SecureFrame, TLS": one(found, "secureframe TLS"),
            "SPU, same run": spu_of(beside.get((name, n), [])),
        }
        for kind, record in values.items():
            if record is not None:
                kinds[kind][3].append((record.seconds_median, row))
        if n in workload.targets:
            kinds["target"][3].append((workload.targets[n], row))
        if n in workload.published:
            kinds["best other, known before"][3].append((workload.published[n][0], row))
    for kind, (edge, marker, face, points) in kinds.items():
        if points:
            xs, ys = zip(*points, strict=True)
            (drawn,) = axes.plot(xs, ys, linestyle="none", marker=marker, markeredgecolor=edge, markerfacecolor=face, label=kind)
            drawn.set_markersize(14 if marker == "|" else 7)
            drawn.set_markeredgewidth(2 if marker in "x|" else 1.4)
    axes.set_xscale("log")
    axes.set_yticks(range(len(shown)), [f"{WORKLOADS[name].title}, {_size(n)}" for name, n, _ in shown])
    axes.invert_yaxis()
    axes.set_xlabel("seconds, median (logarithmic)")
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _size(n: int) -> str:
    """A size with a real exponent."""
    digits = len(str(n)) - 1
    return rf"$10^{{{digits}}}$" if n == 10**digits and n >= 1000 else f"{n:,}"


def growth(records: Sequence[Record]) -> Figure | None:
    """Seconds by size, both logarithmic, with a dotted line that is linear."""
    found = growth_of(records)
    if not found:
        return None
    figure, axes = _figure((8.5, 5))
    for (name, lines), colour, marker in zip(found.items(), COLOURS, MARKERS, strict=False):
        xs, ys = [each.n for each in lines], [each.seconds_median for each in lines]
        axes.plot(xs, ys, color=colour, marker=marker, label=WORKLOADS[name].title)
        chunked = [(each.n, each.seconds_median) for each in lines if "chunks" in each.detail]
        for n, taken in chunked:
            axes.plot(n, taken, color=colour, marker=marker, markerfacecolor="white")
        linear = [n for n in xs if n >= FITTED_FROM]
        if linear:
            start = ys[xs.index(linear[0])]
            axes.plot(linear, [start * n / linear[0] for n in linear], color=colour, linestyle=":", linewidth=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("n (dotted: linear from $10^5$ on; hollow: in chunks)")
    axes.set_ylabel("seconds over TLS, median")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def latency(records: Sequence[Record]) -> Figure | None:
    """Seconds by round trip."""
    found = latency_of(records)
    if not found:
        return None
    every = sorted({each.round_trip_ms for _, _, lines in found for each in lines})
    figure, axes = _figure((8.5, 4.5))
    for (name, n, lines), colour, marker in zip(found, COLOURS, MARKERS, strict=False):
        label = f"{WORKLOADS[name].title}, {_size(n)}, {lines[-1].rounds} rounds"
        xs, ys = [every.index(each.round_trip_ms) for each in lines], [each.seconds_median for each in lines]
        axes.plot(xs, ys, color=colour, marker=marker, label=label)
    axes.set_yscale("log")
    axes.set_xticks(range(len(every)), [f"{each:g}" for each in every])
    axes.set_xlabel("round trip that is added, ms")
    axes.set_ylabel("seconds over TLS, median")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure
