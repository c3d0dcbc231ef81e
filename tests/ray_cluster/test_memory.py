"""Freed memory is given back once nothing goes on, and not in between."""

from __future__ import annotations

import threading

from ray_cluster.memory import WhenIdle, give_back


def test_work_waits_until_nothing_goes_on() -> None:
    called = threading.Event()
    idle = WhenIdle(called.set, 0.01)
    idle.begin()
    idle.begin()
    idle.end()
    assert not called.wait(0.1)
    idle.end()
    assert called.wait(10)


def test_what_begins_in_time_calls_it_off() -> None:
    called = threading.Event()
    idle = WhenIdle(called.set, 0.2)
    idle.begin()
    idle.end()
    idle.begin()
    assert not called.wait(0.5)
    idle.end()
    assert called.wait(10)


def test_memory_is_given_back_wherever_this_runs() -> None:
    give_back()
