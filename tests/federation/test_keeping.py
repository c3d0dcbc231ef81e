"""Joins are paid once: what later statements start from, and everything after which they start anew."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import secureframe as sf
from secureframe import federation
from secureframe.backend import ProgressEvent
from secureframe.errors import Busy, PartyUnavailable
from secureframe.federation import Federation
from secureframe.governance.identity import AnalystIdentity
from secureframe.mpc.channel import Recorder
from secureframe.pending import NOTHING
from secureframe.progress import ProgressLine
from tests.disclosure.federations import PURPOSE, people
from tests.federation.session import ANALYST, in_memory, joined, session, sorts, stores
from tests.leakage import assert_no_repeats, assert_uniform, shape_of

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

Statement = Callable[[Federation], Any]
STATEMENTS: dict[str, Statement] = {
    "moments": lambda fed: joined(fed).groupby("site")["w"].agg(["count", "mean", "std"]),
    "quantile": lambda fed: joined(fed).groupby("male")["w"].median(),
    "across": lambda fed: (joined(fed)["w"] + joined(fed)["age"]).mean(),
    "of the left": lambda fed: joined(fed)["age"].mean(),
    "filtered afterwards": lambda fed: joined(fed)[joined(fed)["w"] > 40].groupby("male")["x"].sum(),
    "another cohort of the same table": lambda fed: cohort(fed, 60)["w"].mean(),
    "a category": lambda fed: joined(fed)["code"].value_counts(),
}


def cohort(fed: Federation, age: int) -> sf.SecureFrame:
    """People chosen before the merge: the keys that are sorted are those of their table all the same."""
    return fed["patients"][fed["patients"]["age"] >= age].merge(fed["registry"], on="id")


VERIFY = ANALYST.public()["verify_key"]


def same(a: Any, b: Any) -> None:
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b)
    elif isinstance(a, pd.Series):
        pd.testing.assert_series_equal(a, b)
    else:
        assert a == b


@pytest.fixture(scope="module")
def warm() -> Federation:
    fed = session()
    joined(fed)["w"].mean()
    assert sorts(fed)
    return fed


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_later_statement_sorts_nothing_and_answers_the_same(warm: Federation, name: str) -> None:
    found = STATEMENTS[name](warm)
    assert not sorts(warm)
    cold = session(stores=None)
    wanted = STATEMENTS[name](cold)
    assert sorts(cold)
    same(found, wanted)


def test_the_other_way_to_join_the_same_keys_hits_too(warm: Federation) -> None:
    found = joined(warm, "left").groupby("site")["w"].agg(["count", "mean"])
    assert not sorts(warm)
    pooled = people()
    merged = pooled["patients"].merge(pooled["registry"], on="id", how="left").groupby("site")["w"].agg(["count", "mean"])
    shown = found.dropna()
    assert np.allclose(shown.astype(float), merged.loc[list(shown.index.astype(str))].astype(float))


def test_duplicates_and_persons_are_told_apart_once() -> None:
    fed = session()
    unique = joined(fed).drop_duplicates(subset=["w"])
    first = unique["age"].mean()
    assert sorts(fed)
    assert unique["age"].mean() == first and not sorts(fed)
    unique.groupby("male")["x"].sum()
    assert not sorts(fed)


def test_explain_says_what_is_kept(warm: Federation) -> None:
    with sf.defer():
        pending = joined(warm).groupby("site")["w"].mean()
    text = pending.explain()
    assert "kept from an earlier statement: 1 arrangement of rows by a key; no join" in text
    assert "comparisons of shuffled rows" not in text and "about" not in text
    with sf.defer():
        other = joined(session()).groupby("site")["w"].mean()
    assert "kept from an earlier statement" not in other.explain()


def test_what_is_explained_is_what_is_measured(warm: Federation) -> None:
    with sf.defer():
        pending = joined(warm).groupby("site")["x"].mean()
    text = pending.explain()
    pending.submit()
    assert warm.last_job is not None
    for stage in warm.last_job.stages:
        assert f"  {stage.name}: {stage.rounds} rounds" in text


def test_another_analyst_starts_anew(warm: Federation) -> None:
    other = AnalystIdentity.generate("ben", "university")
    backend = in_memory(warm).guest(other)
    fed = Federation(backend, purpose=PURPOSE, analyst=other, quiet=True)
    assert backend.kept() == {}
    joined(fed)["w"].mean()
    assert sorts(fed)
    assert backend.kept() and not set(backend.kept().values()) & set(in_memory(warm).kept().values())


def test_naming_what_another_analyst_left_ends_the_job(warm: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is the analyst's to write: the parties look only among what they keep for whoever signed it."""
    other = AnalystIdentity.generate("eve", "university")
    backend = in_memory(warm).guest(other)
    fed = Federation(backend, purpose=PURPOSE, analyst=other, quiet=True)
    monkeypatch.setattr(backend, "kept", in_memory(warm).kept)
    with pytest.raises(sf.SecureFrameError, match="not kept any more"), fed._recorded(NOTHING) as recording:
        fed._send(*fed._prepared(_nodes(fed), {}), recording, ProgressLine(enabled=False))
    joined(fed)["w"].mean()
    assert sorts(fed), "the notebook asks anew, and nothing of the other analyst's is used"


def _nodes(fed: Federation) -> Any:
    with sf.defer():
        pending = joined(fed)["w"].mean()
    return pending.nodes


@pytest.mark.parametrize("changed", ["policy", "data", "nothing"])
def test_a_changed_policy_or_changed_data_start_anew(changed: str) -> None:
    first = session()
    joined(first)["w"].mean()
    frames = people()
    if changed == "data":
        frames["registry"].loc[100, "w"] = 3
    fed = session(frames, policy="standard" if changed == "policy" else "open-research", stores=stores(first))
    joined(fed)["w"].mean()
    assert sorts(fed) is (changed != "nothing")


def test_a_party_that_lost_what_it_kept_makes_all_start_anew() -> None:
    fed = session()
    wanted = joined(fed)["w"].mean()
    stores(fed)[1].forget(VERIFY)
    assert in_memory(fed).kept() == {}
    assert joined(fed)["w"].mean() == wanted and sorts(fed)
    assert joined(fed)["w"].mean() == wanted and not sorts(fed), "and what they keep now is of one job again"


def test_a_party_that_makes_room_after_it_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = session()
    wanted = joined(fed)["w"].mean()
    held = in_memory(fed).kept()
    stores(fed)[2].forget(VERIFY)
    monkeypatch.setattr(in_memory(fed), "kept", lambda: held)
    assert joined(fed)["w"].mean() == wanted
    assert sorts(fed)


def test_a_failed_job_keeps_nothing() -> None:
    fed = session()
    backend = in_memory(fed)

    def broken(channel: Any) -> Any:
        if channel.index == 1:
            channel.close()
        return channel

    backend.wrap = broken
    with pytest.raises(sf.SecureFrameError):
        joined(fed)["w"].mean()
    assert [s.held(VERIFY) for s in stores(fed)] == [{}, {}, {}]


def test_no_message_of_a_session_comes_twice() -> None:
    fed = session()
    recorder = in_memory(fed).recorder = Recorder()
    for _ in range(2):
        joined(fed).groupby("male")["w"].mean()
        joined(fed)["x"].mean()
    assert not sorts(fed)
    assert_no_repeats(recorder.payloads)
    assert_uniform(recorder.payloads)


def test_later_statements_have_transcripts_of_one_shape() -> None:
    shapes = []
    for seed in (1, 5):
        fed = session(people(seed))
        joined(fed)["w"].mean()
        recorder = in_memory(fed).recorder = Recorder()
        joined(fed).groupby("site")["w"].agg(["count", "mean"])
        assert not sorts(fed)
        shapes.append(shape_of(recorder.payloads))
    assert shapes[0] == shapes[1]
    assert all(declared == () for *_, declared in shapes[0]), "nothing is opened any more"


def test_a_stopped_statement_leaves_nothing_and_the_next_one_runs() -> None:
    """As the stop button does it: the interrupt arrives while the main thread waits for the parties."""
    fed = session()
    wanted = joined(session())["w"].mean()
    backend = in_memory(fed)
    run = backend.run

    waiting, first = threading.main_thread().ident, threading.Lock()
    assert waiting is not None

    def interrupt(event: ProgressEvent) -> None:
        if event.number and first.acquire(blocking=False):
            signal.pthread_kill(waiting, signal.SIGINT)

    def stopped(request: bytes, signature: bytes, progress: Any) -> Any:
        return run(request, signature, interrupt)

    backend.run = stopped  # type: ignore[method-assign]
    # Whoever starts the tests in the background may have them ignore interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            joined(fed)["w"].mean()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [s.held(VERIFY) for s in stores(fed)] == [{}, {}, {}]
    backend.run = run  # type: ignore[method-assign]
    assert joined(fed)["w"].mean() == wanted


def test_whoever_stops_waiting_cancels_the_job() -> None:
    fed = session()
    with sf.defer():
        pending = joined(fed)["w"].mean()

    async def given_up() -> None:
        task = asyncio.create_task(sf.collect_async(pending))
        while not in_memory(fed)._running[0]:
            await asyncio.sleep(0.001)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(given_up())
    assert not pending.done and fed._backend.kept() == {}
    assert pending.result() == joined(session())["w"].mean()


def test_a_statement_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = session()
    backend, turns = in_memory(fed), [0, 0, 0]
    run = backend.run

    def busy(request: bytes, signature: bytes, progress: Any) -> Any:
        if turns:
            turns.pop()
            raise Busy("as many statements as there may be", institution="hospital")
        return run(request, signature, progress)

    said: list[str] = []
    monkeypatch.setattr(backend, "run", busy)
    monkeypatch.setattr(federation.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(ProgressLine, "__call__", lambda line, event: said.append(f"{event.stage} at {event.party}"))
    assert joined(fed)["w"].mean() == joined(session())["w"].mean() and turns == []
    assert said[:3] == 3 * ["queued at hospital"] and "queued at hospital" not in said[3:]
    turns += [0] * 10
    monkeypatch.setattr(federation, "QUEUE_SECONDS", -1.0)
    with pytest.raises(PartyUnavailable, match="no place for this statement") as caught:
        joined(fed)["w"].mean()
    assert caught.value.institution == "hospital"
