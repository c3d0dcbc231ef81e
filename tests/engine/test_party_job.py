"""One job at one party: only fresh sharings leave, and keys and shares are forgotten at its end, good or bad."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from secureframe.disclosure.sealing import open_packages
from secureframe.engine.execute import Execution, ExecutionError
from secureframe.engine.job import AdmittedJob
from secureframe.engine.party_job import PartyJob, check_outputs
from secureframe.mpc.channel import LinkClosed, MemoryChannel
from secureframe.mpc.party import Party
from secureframe.mpc.program import Builder, Program, Value
from secureframe.mpc.sharing import deal, deserialise, receive, reconstruct
from tests.mpc.harness import fresh_keys

RECIPIENT = X25519PrivateKey.generate()
JOB, DIGEST = "ab" * 16, "cd" * 32


def _program(*, fresh: bool = True, again: bool = False) -> tuple[Program, Value, Value]:
    b = Builder()
    x = b.input("clinic", "x", "arith", 1, 3)
    with b.stage("release"):
        square = b.multiply(x, x)
        out = b.refresh(square) if fresh else square
        if again:
            b.add(out, x)
    b.output(out)
    return b.program(), x, out


def _admitted(program: Program) -> AdmittedJob:
    return AdmittedJob(
        job_id=JOB,
        plan_digest=DIGEST,
        owners=("clinic",),
        stages=program.stages,
        analyst="ana",
        recipient_key=base64.b64encode(RECIPIENT.public_key().public_bytes_raw()).decode(),
        program=program,
    )


def _jobs(channels: Any) -> tuple[list[PartyJob], Value]:
    program, x, out = _program()
    messages = deal([(x, np.array([[2, -3, 4]]))])
    held = zip(channels, fresh_keys(), messages, strict=True)
    return [PartyJob(_admitted(program), i, c, k, {"clinic": m}) for i, (c, k, m) in enumerate(held)], out


def _together(work: Callable[[int], Any]) -> list[Any]:
    results: list[Any] = [None] * 3

    def run(index: int) -> None:
        try:
            results[index] = work(index)
        except Exception as error:  # noqa: BLE001 - what a party raised is what is looked at
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _all_stages(job: PartyJob) -> bytes:
    for stage in ("share", "release"):
        job.run_stage(stage)
    return job.seal()


def test_a_sealed_job_has_forgotten_its_keys_and_shares_while_its_links_live_on() -> None:
    channels = MemoryChannel.triple()
    jobs, out = _jobs(channels)
    packages = _together(lambda index: _all_stages(jobs[index]))
    opened = open_packages(packages, RECIPIENT, job_id=JOB, plan_digest=DIGEST)
    assert reconstruct([deserialise(data, out) for data in opened], out).tolist() == [[4, 9, 16]]
    for job in jobs:
        with pytest.raises(RuntimeError, match="forgotten"):
            _ = job._party.randomness
        with pytest.raises(ExecutionError):
            job.seal()
        with pytest.raises(ExecutionError):
            job.run_stage("release")
        assert not job._execution._values
    word = np.ones(1, np.uint64)
    for previous, following in _together(lambda index: channels[index].exchange(word, word, 1, 1)):
        assert previous.tolist() == following.tolist() == [1]


def test_a_stage_that_fails_ends_the_job_for_good() -> None:
    channels = MemoryChannel.triple()
    jobs, _ = _jobs(channels)
    _together(lambda index: jobs[index].run_stage("share"))
    channels[1].close()

    def last(index: int) -> Any:
        try:
            return jobs[index].run_stage("release")
        except LinkClosed:
            channels[index].close()
            raise

    failures = _together(last)
    assert all(isinstance(failure, LinkClosed) for failure in failures)
    for job in jobs:
        with pytest.raises(RuntimeError, match="forgotten"):
            _ = job._party.randomness
        with pytest.raises(ExecutionError, match="anew"):
            job.run_stage("release")
        with pytest.raises(ExecutionError):
            job.seal()


def test_a_failed_execution_is_not_resumed() -> None:
    program, x, _ = _program()
    channel = MemoryChannel.triple()[0]
    party = Party(0, channel, fresh_keys()[0])
    execution = Execution(program, party, {x.number: receive([x], deal([(x, np.array([[1, 2, 3]]))])[0], 0)[0]})
    execution.run_stage("share")
    channel.close()
    with pytest.raises(LinkClosed):
        execution.run_stage("release")
    with pytest.raises(ExecutionError, match="anew"):
        execution.run_stage("release")


@pytest.mark.parametrize(("fresh", "again"), [(False, False), (True, True)])
def test_only_fresh_sharings_leave(fresh: bool, again: bool) -> None:
    program, _, _ = _program(fresh=fresh, again=again)
    with pytest.raises(ExecutionError, match="fresh sharings"):
        check_outputs(program)
    with pytest.raises(ExecutionError, match="fresh sharings"):
        PartyJob(_admitted(program), 0, MemoryChannel.triple()[0], fresh_keys()[0], {})


def test_a_value_leaves_once() -> None:
    b = Builder()
    out = b.refresh(b.input("clinic", "x", "arith", 1, 3))
    b.output(out)
    check_outputs(b.program())
    b.output(out)
    with pytest.raises(ExecutionError, match="once"):
        check_outputs(b.program())
