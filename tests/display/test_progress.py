"""One line a job, where the reader is: in a terminal, in JupyterLab, in a notebook that runs unattended; nothing elsewhere."""

from __future__ import annotations

import asyncio
import io
import sys
import types
from dataclasses import fields, replace
from typing import Any

import pytest

import secureframe as sf
from secureframe.backend import Outcome, Progress, ProgressEvent
from secureframe.display import ProgressLine
from secureframe.errors import Busy, PartyUnavailable
from secureframe.pace import Pace
from secureframe.progress import METADATA, summary, told
from secureframe.tracking import JobTracker
from tests.disclosure.federations import people
from tests.federation.session import joined, session

BEGUN = ProgressEvent("share", 0, 4, None, 0, 0, 0.4)
RUNS = ProgressEvent("join on shares", 1, 4, None, 31, 2_400_000, 1.5, 8.2)
WAITS = ProgressEvent("release", 3, 4, "laboratory", 1_200, 25_400_000, 8.9, 8.2)
END = "8.9 s, 1,200 rounds, 25.4 MB among hospital, laboratory, registry"


def run(line: ProgressLine) -> None:
    with line:
        for event in (BEGUN, RUNS, WAITS):
            line(event)
        line.done(END)


# -- the line --------------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(terminal: Terminal) -> list[str]:
    """What stood on a terminal's line, one time after the other."""
    assert terminal.getvalue().count("\n") <= 1
    return [text.rstrip() for text in terminal.getvalue().split("\r")[1:]]


def test_on_a_terminal_it_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    run(ProgressLine(stream=terminal))
    assert written(terminal) == [
        "[....................] 0/4 share  0.40 s",
        "[###.................] 1/4 join on shares  31 rounds, 2.4 MB, 1.5 s of about 8 s",
        "[####################] 3/4 release  1,200 rounds, 25.4 MB, 8.9 s of about 9 s, waits for laboratory",
        "✓ " + END,
    ]
    assert terminal.getvalue().endswith("\n")


def test_it_is_no_longer_than_the_terminal_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    terminal = Terminal()
    run(ProgressLine(stream=terminal))
    assert max(map(len, written(terminal))) == 49


def test_a_short_job_shows_its_end_alone() -> None:
    terminal = Terminal()
    with ProgressLine(stream=terminal) as line:
        line(replace(BEGUN, seconds=0.05))
        line(replace(RUNS, seconds=0.2))
        line.done("0.21 s")
    assert written(terminal) == ["✓ 0.21 s"]


def test_a_start_is_shown_at_once() -> None:
    terminal = Terminal()
    line = ProgressLine(stream=terminal, quiet=0)
    line(ProgressEvent("Ray starts", 1, 6, None, 0, 0, 0.0))
    line.close()
    line.close()
    assert written(terminal) == ["[###.................] 1/6 Ray starts  0.00 s"] and terminal.getvalue().endswith("\n")


def test_it_moves_ten_times_a_second_at_most() -> None:
    terminal = Terminal()
    line = ProgressLine(stream=terminal)
    for number in range(1000):
        line(replace(RUNS, seconds=1 + number / 1000))
    assert len(written(terminal)) in (10, 11)


def test_a_statement_that_waits_says_for_whom_and_begins_anew() -> None:
    terminal = Terminal()
    line = ProgressLine(stream=terminal)
    line(ProgressEvent.waiting("restarting", "hospital", 12.0))
    line(RUNS)
    assert written(terminal)[0] == "[....................] restarting  12.0 s, waits for hospital"
    assert written(terminal)[1].startswith("[###.................] 1/4 join on shares  31 rounds")


def test_it_never_goes_back() -> None:
    terminal = Terminal()
    line = ProgressLine(stream=terminal)
    for estimate in (2.0, 20.0):
        line(replace(RUNS, seconds=2 - 1 / estimate, estimate=estimate))
    first, second = (text.count("#") for text in written(terminal))
    assert first == second > 10


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (KeyboardInterrupt(), "✗ cancelled at every institution after 1.5 s; nothing was released"),
        (asyncio.CancelledError(), "✗ cancelled at every institution after 1.5 s; nothing was released"),
        (PartyUnavailable("patient 4711"), "✗ stopped after 1.5 s; nothing was released"),
        (Busy("later"), "[###.................] 1/4 join on shares  31 rounds, 2.4 MB, 1.5 s of about 8 s"),
    ],
)
def test_a_job_that_did_not_end_says_so(monkeypatch: pytest.MonkeyPatch, error: BaseException, last: str) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    with pytest.raises(type(error)), ProgressLine(stream=terminal) as line:
        line(RUNS)
        raise error
    assert written(terminal)[-1] == last and terminal.getvalue().endswith("\n")


def test_a_job_that_somebody_cancelled_elsewhere_says_so() -> None:
    terminal = Terminal()
    with pytest.raises(sf.ProtocolAborted), ProgressLine(stream=terminal) as line:
        line(RUNS)
        line.cancelled()
        raise sf.ProtocolAborted("the job was cancelled")
    assert written(terminal)[-1] == "✗ cancelled at every institution after 1.5 s; nothing was released"


def test_of_what_never_ran_nothing_is_said() -> None:
    terminal = Terminal()
    with pytest.raises(sf.PolicyError), ProgressLine(stream=terminal):
        raise sf.PolicyError("refused before anything ran")
    assert terminal.getvalue() == ""


def test_it_is_silent_where_nobody_looks() -> None:
    stream = io.StringIO()
    run(ProgressLine(stream=stream))
    assert stream.getvalue() == ""
    terminal = Terminal()
    run(ProgressLine(enabled=False, stream=terminal))
    assert terminal.getvalue() == ""


def test_where_nothing_can_be_written_over_it_is_a_first_and_a_last_line() -> None:
    stream = io.StringIO()
    run(ProgressLine(enabled=True, stream=stream))
    assert stream.getvalue() == f"0/4 share  0.40 s\n✓ {END}\n"


def test_a_stream_without_the_signs_gets_others() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    run(ProgressLine(enabled=True, stream=stream))
    assert raw.getvalue().decode("ascii").splitlines()[-1] == f"? {END}"


Shown = list[tuple[str, dict[str, str]]]


def in_a_notebook(monkeypatch: pytest.MonkeyPatch, **content: Any) -> Shown:
    """Have the process look like a kernel whose cell was run by a message of this content; return what is displayed."""
    shown: Shown = []

    class Handle:
        def update(self, bundle: dict[str, str], **options: Any) -> None:
            assert options == {"raw": True, "metadata": METADATA}
            shown.append(("update", bundle))

    def display(bundle: dict[str, str], *, raw: bool, metadata: Any, display_id: bool = False) -> Handle | None:
        assert raw and metadata == METADATA
        shown.append(("display", bundle))
        return Handle() if display_id else None

    shell = types.SimpleNamespace(kernel=object(), get_parent=lambda: {"content": content})
    fake = types.SimpleNamespace(get_ipython=lambda: shell, display=types.SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    return shown


@pytest.mark.parametrize("content", [{"allow_stdin": True}, {}])
def test_in_jupyterlab_it_is_one_output_that_is_updated(monkeypatch: pytest.MonkeyPatch, content: dict[str, bool]) -> None:
    shown = in_a_notebook(monkeypatch, **content)
    line = ProgressLine()
    with line:
        line(replace(RUNS, stage="join <b>", party='"x">'))
        line.done(END)
    assert [kind for kind, _ in shown] == ["display", "update"]
    first, last = (bundle["text/html"] for _, bundle in shown)
    assert '<progress max="1" value="0.18" aria-label="the job: 1/4 join &lt;b&gt;"></progress>' in first
    assert "waits for &quot;x&quot;&gt;" in first and "<b>" not in first
    assert f'<p class="sf-muted" role="status"><span aria-hidden="true">✓</span> {END}</p>' in last
    assert [bundle["text/plain"] for _, bundle in shown][1] == f"✓ {END}"


def test_in_an_unattended_notebook_it_is_plain_text_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = in_a_notebook(monkeypatch, allow_stdin=False)
    run(ProgressLine())
    assert shown == [("display", {"text/plain": "0/4 share  0.40 s"}), ("display", {"text/plain": f"✓ {END}"})]


def test_whoever_shows_it_in_its_place_is_told() -> None:
    lines: list[str] = []
    token = told.set(lines.append)
    try:
        run(ProgressLine())
        run(ProgressLine(enabled=False))
    finally:
        told.reset(token)
    assert lines == [
        "0/4 share  0.40 s",
        "1/4 join on shares  31 rounds, 2.4 MB, 1.5 s of about 8 s",
        "3/4 release  1,200 rounds, 25.4 MB, 8.9 s of about 9 s, waits for laboratory",
        "✓ " + END,
    ]


def test_summaries() -> None:
    assert summary(0.5, 1, 90_000, ["a", "b", "c"]) == "0.50 s, 1 round, 90.0 kB among a, b, c"


# -- what institutions tell ------------------------------------------------------------------------------------------------


class Told(list[ProgressEvent]):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.tracker = JobTracker(["a", "b", "c", "d"], ["a", "b", "c"], self.append, lambda: self.now)


def test_a_job_is_told_of_as_its_institutions_tell() -> None:
    told = Told()
    told.tracker.tell()
    assert told == [], "of a job that nobody has admitted there is nothing to tell"
    for name in "abcd":
        told.tracker.admitted(name, ["share", "join"])
    told.now = 2.0
    told.tracker.ended("a", 2, 100)
    told.tracker.ended("b", 2, 100)
    told.tracker.tell()
    told.tracker.ended("c", 2, 50)
    told.tracker.running("a", 9, 300)
    told.tracker.running("a", 1, 1)
    told.tracker.running("d", 99, 99)
    told.tracker.tell()
    for name in "abc":
        told.tracker.ended(name, 10, 400)
    seen = [(e.stage, e.number, e.total, e.party, e.rounds, e.bytes, e.seconds) for e in told]
    assert seen == [
        ("share", 0, 2, None, 0, 0, 0.0),
        ("share", 0, 2, "c", 2, 200, 2.0),
        ("join", 1, 2, None, 2, 250, 2.0),
        ("join", 1, 2, None, 9, 450, 2.0),
        ("join", 2, 2, None, 12, 1450, 2.0),
    ]


def test_news_of_a_stage_that_lasts_is_told_however_often_it_comes() -> None:
    told = Told()
    for name in "abcd":
        told.tracker.admitted(name, ["join"])
    for number in range(1, 101):
        told.now = number / 100
        told.tracker.running("abc"[number % 3], number, 10 * number)
    assert [event.rounds for event in told] == [0, 25, 50, 75, 100]


def test_the_institution_that_has_not_admitted_a_job_is_waited_for() -> None:
    told = Told()
    for name in "abd":
        told.tracker.admitted(name, ["share"])
    told.tracker.tell()
    assert told[-1].party == "c"


def watched(fed: sf.Federation) -> list[ProgressEvent]:
    """The events of whatever a federation runs from now on."""
    events: list[ProgressEvent] = []
    run = fed._backend.run

    def watching(request: bytes, signature: bytes, progress: Progress) -> Outcome:
        return run(request, signature, lambda event: (events.append(event), progress(event))[1])

    fed._backend.run = watching  # type: ignore[method-assign]
    return events


def test_events_of_a_statement_agree_with_its_report() -> None:
    fed = session()
    events = watched(fed)
    joined(fed)["w"].mean()
    job = fed.last_job
    assert job is not None and events[0].stage == job.stages[0].name
    assert [e.number for e in events] == sorted(e.number for e in events) and events[-1].number == len(job.stages)
    assert (events[-1].rounds, events[-1].bytes) == (job.rounds, sum(stage.bytes for stage in job.stages))


def test_events_are_the_same_whatever_the_data() -> None:
    """Beside moments they hold names of stages and institutions, and numbers that follow from public shapes."""
    assert " ".join(f.name for f in fields(ProgressEvent)) == "stage number total party rounds bytes seconds estimate"
    told = []
    for seed in (1, 2):
        fed = session(people(seed))
        events = watched(fed)
        fed["hospital.patients"].groupby("male")["x"].mean()
        told.append([(e.stage, e.number, e.total, e.rounds) for e in events if e.number == e.total])
        told[-1] += [(e.total, e.bytes) for e in events[-1:]]
    assert told[0] == told[1]


# -- estimates -------------------------------------------------------------------------------------------------------------


def compiled_of(fed: Any, pending: sf.Pending[Any]) -> Any:
    return fed._prepared(pending.nodes, pending.parameters)[1]


def test_a_long_job_has_an_estimate_that_its_pace_corrects(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = session()
    with sf.defer():
        compiled = compiled_of(fed, joined(fed)["w"].mean())
    from secureframe.planner.prediction import predict

    report = predict(compiled).report
    size = sum(report.bytes_sent)
    calls: list[Any] = []
    monkeypatch.setattr("secureframe.pace.predict", lambda of: (calls.append(of), predict(of))[1])
    pace, seen = Pace(), []

    def worked_out(listener: Any) -> None:
        listener._aside.join()

    listener = pace.following(compiled, seen.append)
    start = ProgressEvent("share", 0, 4, None, 0, 0, 1.9)
    listener(start)
    assert calls == [] and seen == [start], "nothing is worked out for a job that may be over at once"
    listener(replace(start, seconds=2.0))
    worked_out(listener)
    seen.clear()
    listener(replace(start, seconds=2.0))
    rounds = report.rounds
    for share in (0.25, 0.5, 0.75):
        listener(replace(start, rounds=int(share * rounds), bytes=int(share * size), seconds=2 + 1000 * share))
    listener(replace(start, number=4, rounds=rounds, bytes=size, seconds=1002))
    assert len(calls) == 1 and seen[-1].estimate is None
    estimates = [event.estimate for event in seen[:-1]]
    assert estimates[0] == pytest.approx(2 + rounds * 2e-4 + size * 3e-9)
    assert None not in estimates and estimates[-1] > 752  # type: ignore[operator]
    # What this job has shown is known of the next one.
    again = pace.following(compiled, seen.append)
    again(replace(start, seconds=2.0))
    worked_out(again)
    again(replace(start, seconds=2.0))
    assert seen[-1].estimate is not None and estimates[0] is not None and seen[-1].estimate > estimates[0]
