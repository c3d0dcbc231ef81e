"""Three compute parties, each a process of its own with its own interpreter and kernels, and programs run on them.

What owners deal comes by a pipe before the clock starts. A party's clock runs from its first instruction to the last message of
the result.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from benchmarks.measuring import proportional_bytes
from benchmarks.party import Taken, digest, party_process
from benchmarks.transport import Link, Namespace
from benchmarks.workloads import Case, Plain
from secureframe.mpc.sharing import combine, deal, reconstruct
from tests.mpc.harness import fresh_keys
from tests.ray_cluster.wiring import new_job


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run: seconds of the slowest party, processor seconds and bytes of all three, rounds, and the answer."""

    seconds: float
    processor: float
    rounds: int
    bytes: int
    answer: Plain


class Parties:
    """Three processes, linked while this is entered.

    Parameters
    ----------
    delayed : bool
        Whether runs will have delays between the parties: they are then put into a network namespace where that can be;
        ``why_not`` says why it could not.
    """

    def __init__(self, *, delayed: bool = False) -> None:
        self._delayed = delayed
        self._namespace: Namespace | None = None
        self.why_not = ""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            if self._delayed:
                try:
                    self._namespace = stack.enter_context(Namespace())
                except OSError as error:
                    self.why_not = str(error)
            context = multiprocessing.get_context("spawn")
            pairs = [context.Pipe() for _ in range(3)]
            name = self._namespace.name if self._namespace is not None else None
            self._processes = [
                context.Process(target=party_process, args=(index, theirs, name), daemon=True)
                for index, (_, theirs) in enumerate(pairs)
            ]
            self._pipes = [mine for mine, _ in pairs]
            for process in self._processes:
                process.start()
                stack.callback(process.terminate)
            for _, theirs in pairs:
                theirs.close()
            self._tell([[self._hear(index) for index in range(3)]] * 3)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._stack:
            for pipe, process in zip(self._pipes, self._processes, strict=True):
                if process.is_alive() and error is None:
                    pipe.send(None)
                    process.join(20)

    @property
    def delays(self) -> str:
        """How a delay is made: by the network (netem), or by holding messages back."""
        return "netem" if self._namespace is not None else "held back"

    @property
    def numbers(self) -> list[int]:
        """The processes' numbers."""
        return [process.pid or 0 for process in self._processes]

    def _hear(self, index: int) -> Any:
        try:
            return self._pipes[index].recv()
        except (EOFError, OSError):
            raise RuntimeError(f"party {index} ended; what it wrote to standard error says why") from None

    def _tell(self, messages: Sequence[Any]) -> list[Any]:
        for pipe, message in zip(self._pipes, messages, strict=True):
            with contextlib.suppress(BrokenPipeError):
                pipe.send(message)
        return [self._hear(index) for index in range(3)]

    def run(self, case: Case, link: Link | None = None) -> Ran:
        """Deal, run, and put the answer together.

        Raises
        ------
        RuntimeError
            If the parties opened another answer than their shares hold, or one of them ended.
        """
        link = link or Link()
        if self._namespace is not None:
            self._namespace.delay(link.round_trip_ms)
        elif link.round_trip_ms:
            link = replace(link, held_back=True)
        program, name, keys, messages = case.job.program(), new_job(), fresh_keys(), deal(case.job.data)
        self._tell([(link, name, keys[index], messages[index], program, case.answer, case.opened) for index in range(3)])
        del messages
        taken: list[Taken] = self._tell([None] * 3)
        # Only now may links be closed: messages of a party that is through can still be on the way.
        self._tell([None] * 3)
        first, second = taken[0].share, taken[1].share
        whole = combine(case.answer, combine(case.answer, first.a, first.b), second.b)
        if case.opened and {each.opened for each in taken} != {digest(whole)}:
            raise RuntimeError("the parties opened another answer than their shares hold")
        return Ran(
            seconds=max(each.seconds for each in taken),
            processor=sum(each.processor for each in taken),
            rounds=max(each.rounds for each in taken),
            bytes=sum(each.sent for each in taken),
            answer=reconstruct([each.share for each in taken], case.answer),
        )

    def memory(self) -> int:
        """Bytes of all parties, shared pages in proportion."""
        return sum(map(proportional_bytes, self.numbers))

    def peak(self, call: Callable[[], object]) -> int:
        """The most memory of all parties while something runs; sampling takes time, so it is not timed."""
        seen, done = [self.memory()], threading.Event()

        def sample() -> None:
            while not done.wait(0.02):
                seen.append(self.memory())

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            call()
        finally:
            done.set()
            thread.join()
        return max(seen)
