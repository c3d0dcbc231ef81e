"""The page of measurements: nothing on it but what the records say."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from benchmarks import plots, report
from benchmarks.fitting import exponent
from benchmarks.records import Record, read
from benchmarks.workloads import WORKLOADS


def test_the_page_is_that_of_the_kept_records() -> None:
    assert report.DOCUMENT.read_text(encoding="utf-8") == report.page(read(), report.TEMPLATE.read_text(encoding="utf-8"))


def test_its_pictures_are_there() -> None:
    for name in re.findall(r"\]\((images/[^)]+)\)", report.DOCUMENT.read_text(encoding="utf-8")):
        assert (report.DOCUMENT.parent / name).read_bytes().startswith(b"\x89PNG")


def test_exponents() -> None:
    sizes = [10**5, 10**6, 10**7]
    assert exponent(sizes, [0.1, 1, 10]) == pytest.approx(1)
    assert exponent(sizes, [n**1.5 for n in sizes]) == pytest.approx(1.5)
    assert 1.05 < exponent(sizes, [n * math.log(n) for n in sizes]) < 1.10
    with pytest.raises(ValueError, match="two sizes"):
        exponent([10], [1.0])


def invented() -> list[Record]:
    """A few records of every part, of no machine."""
    known = {"part": "protocols", "workload": "less_than", "n": 10**6}
    found = [
        Record.of([0.30, 0.20, 0.40], system="secureframe TLS", rounds=9, bytes_per_party=2 * 10**7, peak_mb=1200.0, **known),
        Record.of([0.25], system="secureframe TCP", **known),
        Record.of([0.002], system="numpy", **known),
        Record.of([0.003], system="pandas", **known),
        Record.of([0.1], part="protocols", workload="join_any", n=10**5, system="secureframe TLS", rounds=5),
        Record.of([0.30], part="peers", workload="less_than", n=10**6, system="secureframe TLS"),
        Record.of([0.20], part="peers", workload="less_than", n=10**6, system="secureframe TCP"),
        Record.of([0.60], part="peers", workload="less_than", n=10**6, system="spu 0.9.5, public result"),
        Record.of([3.60], part="peers", workload="less_than", n=10**6, system="spu 0.9.5"),
        Record.of([0.002], part="peers", workload="less_than", n=10**6, system="numpy"),
    ]
    for n, taken in zip((10**4, 10**5, 10**6, 10**7), (0.02, 0.05, 0.5, 5.0), strict=True):
        found.append(Record.of([taken], part="growth", workload="multiply", n=n, system="secureframe TLS", bytes_per_party=8 * n))
    for delay in (0.0, 10.0):
        detail = {"delays": "held back"}
        found.append(
            Record.of(
                [0.1 + delay / 100],
                part="latency",
                workload="join",
                n=10**4,
                system="secureframe TLS",
                rounds=200,
                round_trip_ms=delay,
                detail=detail,
            )
        )
    return found


def test_tables_say_what_the_records_do() -> None:
    page = report.page(invented(), "{{targets}}\n{{peers}}\n{{growth}}\n{{latency}}")
    lines = [re.sub(r" +", " ", line) for line in page.splitlines()]
    title = WORKLOADS["less_than"].title
    assert f"| {title} | 10^6 | 0.300 | 0.15 | no, 2.0 times | 0.250 | 0.00200 (numpy) | 150 | 1.19 (ORQ) | 4.0 |" in lines
    assert f"| {title} | 10^6 | spu 0.9.5 | 3.60 | 3.60 | | | 0.300 | 0.200 | 12 | 11 |" in lines
    # What does something else than ours is shown, and is held to no ratio.
    assert f"| {title} | 10^6 | spu 0.9.5, public result | 0.600 | 0.600 | | | 0.300 | 0.200 | 2.0 | |" in lines
    assert not any("numpy" in line for line in lines if "spu" in line)
    assert "| multiply and open | 0.020 | 0.050 | 0.500 | 5.00 | 1.00 | 1.00 |" in lines
    assert any(line.endswith("| 10^4 | 200 | 0.100 | 0.200 |") for line in lines)


def test_statements_are_held_against_their_goals() -> None:
    """That of a description depends on pandas in the same run."""
    known = {"part": "horizontal", "workload": "describe_horizontal", "n": 3 * 10**6}
    stages = {"stage_seconds": {"aggregate": 0.5, "release": 0.25}}
    found = [
        Record.of([1.4], system="secureframe TLS", detail=stages, **known),
        Record.of([0.5], system="pandas", **known),
        Record.of([0.09], part="statements", workload="statement_small: of one owner", n=1000, system="secureframe TLS"),
    ]
    page = re.sub(r" +", " ", report.statements(found))
    assert "| describe_horizontal | 3,000,000 | 1.40 | 1.40 | 1.3 | no, 1.1 times | | | | | 0.500 | 2.8 | |" in page
    assert "| statement_small: of one owner | 1,000 | 0.090 | 0.090 | 0.06 | no, 1.5 times |" in page
    assert "- describe_horizontal, 3,000,000: aggregate 500, release 250, all else 650" in page


def test_completions_are_held_against_their_goal() -> None:
    known = {"part": "kernel", "system": "secureframe kernel"}
    slow = Record.of([0.06, 0.05, 0.07], workload="completion of a column", n=50, detail={"first_seconds": 0.1}, **known)
    start = Record.of([0.5], workload="kernel start", n=1, detail={"processor_seconds": 0.4}, **known)
    page = re.sub(r" +", " ", report.notebook([slow, start]))
    assert "| completion of a column | secureframe kernel | 60 | 50 | 70 | 100 | 50 | no, 1.2 times | |" in page
    assert "| kernel start | secureframe kernel | 500 | 500 | 500 | | | | 400 |" in page


def test_parts_that_were_not_measured_say_so() -> None:
    for name, section in report.SECTIONS.items():
        if name != "conditions":
            assert section([]) == report.NOTHING
    with pytest.raises(KeyError):
        report.page([], "{{something}}")


def test_plots_are_drawn_of_what_there_is(tmp_path: Path) -> None:
    written = plots.draw(invented(), tmp_path)
    assert {path.name for path in written} == {f"benchmark-{name}.png" for name in ("workloads", "growth", "latency")}
    assert plots.draw([], tmp_path) == []
