"""Work beside the kernel: one piece at a time, the last of several that wait, and whatever it raises."""

from __future__ import annotations

import threading

import pytest

from kernel_ext.widgets.aside import Aside


def test_the_last_of_several_that_wait_is_run() -> None:
    aside, go_on, began, ran = Aside("test"), threading.Event(), threading.Event(), []

    def first() -> None:
        began.set()
        assert go_on.wait(10)
        ran.append(0)

    aside.start(first)
    assert began.wait(10) and not aside.wait(0.01)
    for number in (1, 2, 3):
        aside.start(lambda number=number: ran.append(number))  # type: ignore[misc]
    go_on.set()
    assert aside.wait(10) and ran == [0, 3]
    aside.start(lambda: ran.append(4))
    assert aside.wait(10) and ran == [0, 3, 4]


def test_work_runs_in_a_thread_that_keeps_no_process_alive() -> None:
    aside, threads = Aside("test"), []
    aside.start(lambda: threads.append(threading.current_thread()))
    assert aside.wait(10)
    assert threads[0] is not threading.main_thread() and threads[0].daemon


def test_what_fails_is_not_in_the_way_of_the_next(caplog: pytest.LogCaptureFixture) -> None:
    aside, ran = Aside("test"), []

    def fails() -> None:
        raise ValueError("a value of a row")

    aside.start(fails)
    assert aside.wait(10)
    aside.start(lambda: ran.append(1))
    assert aside.wait(10) and ran == [1]
    assert "ValueError" in caplog.text and "a value of a row" not in caplog.text


def test_a_pause_ends_with_further_work() -> None:
    aside, paused, alone = Aside("test"), threading.Event(), []

    def waits() -> None:
        paused.set()
        alone.append(aside.pause(10))

    aside.start(waits)
    assert paused.wait(10)
    aside.start(lambda: alone.append(aside.pause(0.01)))
    assert aside.wait(10) and alone == [False, True]
