"""Workloads between three real processes: right answers, and records that say what the cost model says."""

from __future__ import annotations

import multiprocessing
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from benchmarks import protocols
from benchmarks.parties import Parties
from benchmarks.profile import by_function
from benchmarks.protocols import TCP, TLS, checked
from benchmarks.records import Record
from benchmarks.transport import HoldingSender, Link, Namespace
from benchmarks.workloads import WORKLOADS, Workload, planes
from ray_cluster.frames import FrameReceiver
from secureframe.mpc.cost import cost

N = 65


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_every_workload_gives_the_answer_of_every_package_in_the_clear(workload: Workload) -> None:
    """On three threads of this process: the programs are those that the processes run."""
    case = workload.case(N)
    (found,) = case.job.run(case.answer)
    assert np.array_equal(found.reshape(-1).astype(np.int64), checked(case, workload.name))


def test_planes_are_the_bits_of_the_numbers() -> None:
    values = np.array([0, 1, 2**33 + 5, 2**64 - 1], np.uint64)
    for width in (1, 8, 34, 64):
        wanted = [[bool(int(value) >> bit & 1) for value in values] for bit in range(width)]
        assert planes(values, width).tolist() == wanted


def test_three_processes_over_tls_and_tcp_give_records() -> None:
    found = {each.system: each for each in protocols.measure(WORKLOADS["less_than"], N)}
    assert found.keys() == {TLS, TCP, "numpy"}
    case = WORKLOADS["less_than"].case(N)
    foretold = cost(case.job.program())
    # Opening takes one more round, in which each party sends its component of 65 bits.
    opening = 2 * 8
    for system in (TLS, TCP):
        assert found[system].rounds == foretold.rounds + 1
        assert found[system].bytes_per_party == int((sum(foretold.bytes_sent) + 3 * opening) / 3)
        assert 0 < found[system].seconds_min <= found[system].seconds_median <= found[system].seconds_max
        assert (found[system].part, found[system].n, found[system].repeats) == ("protocols", N, 7)
    assert found[TLS].peak_mb is not None and found[TLS].peak_mb > 10
    assert found["numpy"].rounds is None


def test_records_with_a_delay_say_how_it_was_made() -> None:
    found = protocols.delayed(WORKLOADS["multiply"], N, (0.0, 1.0))
    assert [each.round_trip_ms for each in found] == [0.0, 1.0]
    assert len({each.together for each in found}) == 1
    assert {each.detail["delays"] for each in found} <= {"netem", "held back"}
    assert found[0].bytes_per_party == found[1].bytes_per_party


def test_parties_in_a_network_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the delay, for which not every kernel has what it takes."""
    asked: list[float] = []
    monkeypatch.setattr(Namespace, "delay", lambda self, round_trip_ms: asked.append(round_trip_ms))
    case = WORKLOADS["multiply"].case(N)
    with Parties(delayed=True) as parties:
        if parties.delays != "netem":
            pytest.skip(f"no network namespace here: {parties.why_not}")
        ours = Path("/proc/self/ns/net").readlink()
        assert all(Path(f"/proc/{number}/ns/net").readlink() != ours for number in parties.numbers)
        protocols.verified(parties, case, Link(round_trip_ms=5.0), checked(case, "multiply"), "multiply")
    assert asked[-1] == 5.0


def test_what_does_not_fit_into_memory_runs_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "fits", lambda smaller, n: n < 130)
    sizes = [(WORKLOADS["multiply"], n) for n in (150, 64)]
    found = [records[0] for records in protocols.run_growth(sizes, lambda text: None)]
    assert [(each.n, each.detail.get("chunks")) for each in found] == [(64, None), (150, 3)]
    assert {each.part for each in found} == {"growth"}
    bytes_of = [sum(cost(WORKLOADS["multiply"].case(n).job.program()).bytes_sent) // 3 + 8 * n for n in (64, 64, 22)]
    assert [each.bytes_per_party for each in found] == [bytes_of[0], sum(bytes_of)]


def test_half_of_the_free_memory_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "available_mb", lambda: 1000.0)
    known = {"part": "growth", "workload": "join", "n": 10, "system": TLS}
    smaller = Record.of([1.0], peak_mb=150.0, detail={"rest_mb": 100.0}, **known)
    assert protocols.fits(smaller, 99) and not protocols.fits(smaller, 101)


def test_a_wrong_answer_is_no_measurement() -> None:
    case = WORKLOADS["multiply"].case(N)
    with Parties() as parties:
        wrong = checked(case, "multiply") + 1
        with pytest.raises(RuntimeError, match="is not the one in the clear"):
            protocols.verified(parties, case, Link(), wrong, "multiply")
    with pytest.raises(RuntimeError, match="the answers in the clear differ"):
        checked(replace(case, clear={**case.clear, "pandas": lambda: np.zeros(N)}), "multiply")


def test_a_party_that_dies_is_told_of() -> None:
    case = WORKLOADS["multiply"].case(N)
    with pytest.raises(RuntimeError, match=r"party . ended"), Parties() as parties:
        lost = next(each for each in multiprocessing.active_children() if each.pid == parties.numbers[1])
        lost.kill()
        lost.join()
        parties.run(case)


def test_messages_that_are_held_back_arrive_whole_and_in_order() -> None:
    near, far = socket.socketpair()
    sender = HoldingSender(cast(ssl.SSLSocket, near), 0.002)
    receiver = FrameReceiver(cast(ssl.SSLSocket, far))
    sizes = (8, 200_000, 8, 64)
    for number, size in enumerate(sizes):
        buffer = bytearray([number]) * size
        sender.start(memoryview(buffer))
        sender.finish()
        # The caller may use its buffer again at once.
        buffer[:] = bytes(size)
    for number, size in enumerate(sizes):
        assert receiver.receive(size) == bytes([number]) * size
    sender.release()
    receiver.release()


def test_samples_are_counted_by_the_innermost_function() -> None:
    stacks = "run (a.py:3);fill (b.py:9) 5\nrun (a.py:3);fill (b.py:12) 2\nrun (a.py:4) 1\n"
    assert by_function(stacks) == {"b.py: fill": 7, "a.py: run": 1}
