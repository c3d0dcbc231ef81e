"""Openings are checked before anybody acts on them; a lost party ends the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from secureframe.mpc.arithmetic import multiply
from secureframe.mpc.bitplanes import from_bools, to_bools
from secureframe.mpc.channel import LinkClosed, MemoryChannel, Span, UnexpectedMessage
from secureframe.mpc.opening import InconsistentOpening, open_bits
from secureframe.mpc.party import Party
from secureframe.mpc.program import Value
from secureframe.mpc.ring import Words
from secureframe.mpc.rounds import Message, Steps, run_lockstep
from secureframe.mpc.sharing import ArithShare, BitShare, deal, receive
from tests.mpc.harness import fresh_keys, run_parties

BITS = np.array([[True, False, True, True, False]])
VALUE = Value(0, "bits", 1, 5)


class LyingChannel(MemoryChannel):
    """Flips a bit of what it declares as an opening, towards one neighbour or both."""

    lies: tuple[bool, bool] = (False, False)

    def exchange(
        self,
        to_previous: Words | None,
        to_next: Words | None,
        from_previous: int,
        from_next: int,
        *,
        declared_previous: Sequence[Span] = (),
        declared_next: Sequence[Span] = (),
    ) -> tuple[Words, Words]:
        if self.lies[0] and self.rounds == 0 and to_previous is not None:
            to_previous = to_previous ^ np.uint64(1)
        if self.lies[1] and self.rounds == 0 and to_next is not None:
            to_next = to_next ^ np.uint64(1)
        return super().exchange(to_previous, to_next, from_previous, from_next)


def lying() -> list[LyingChannel]:
    channels = [channel for channel in LyingChannel.triple() if isinstance(channel, LyingChannel)]
    assert len(channels) == 3
    return channels


def _open(channels: Sequence[MemoryChannel]) -> list[Any]:
    messages = deal([(VALUE, BITS)])

    def run(party: Party) -> Any:
        share = receive([VALUE], messages[party.index], party.index)[0]
        assert isinstance(share, BitShare)
        try:
            (planes,) = run_lockstep(party, [open_bits(party, share)])
        except InconsistentOpening as error:
            return error
        return to_bools(planes, 5)

    return run_parties(run, channels=channels)


def test_everybody_sees_what_was_opened() -> None:
    for seen in _open(MemoryChannel.triple()):
        assert np.array_equal(seen, BITS)


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_a_dispute_names_the_pair_at_every_party(liar: int) -> None:
    channels = lying()
    channels[liar].lies = (False, True)
    for error in _open(channels):
        assert isinstance(error, InconsistentOpening)
        # The receiver, liar + 1, has another copy vouched for by the third party.
        assert error.pair is not None and set(error.pair) == {liar, (liar + 2) % 3}
        assert error.party is None


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_two_disputes_name_one_party(liar: int) -> None:
    channels = lying()
    channels[liar].lies = (True, True)
    for error in _open(channels):
        assert isinstance(error, InconsistentOpening)
        assert error.party == liar


def test_three_disputes_name_nobody() -> None:
    channels = lying()
    for channel in channels:
        channel.lies = (False, True)
    for error in _open(channels):
        assert isinstance(error, InconsistentOpening)
        assert error.party is None and error.pair is None


def test_a_party_that_fails_ends_the_others() -> None:
    lost: list[int] = []

    def run(party: Party) -> None:
        share = ArithShare(np.ones((1, 1, 4), np.uint64), np.ones((1, 1, 4), np.uint64))
        if party.index == 1:
            raise RuntimeError("gone")
        try:
            run_lockstep(party, [multiply(party, share, share)])
            run_lockstep(party, [multiply(party, share, share)])
        except LinkClosed as error:
            lost.append(error.peer_index)
            raise

    with pytest.raises(RuntimeError, match="gone"):
        run_parties(run)
    assert len(lost) == 2 and 1 in lost


def test_a_message_of_another_length_is_refused() -> None:
    def steps(party: Party) -> Steps[None]:
        yield Message(to_next=np.ones(3, np.uint64), from_previous=2)

    def run(party: Party) -> None:
        run_lockstep(party, [steps(party)])

    with pytest.raises(UnexpectedMessage, match="3 words where 2 were due"):
        run_parties(run)


def test_a_closed_party_has_forgotten_its_keys() -> None:
    party = Party(0, MemoryChannel.triple()[0], fresh_keys()[0])
    party.close()
    with pytest.raises(RuntimeError, match="fresh keys"):
        _ = party.randomness


def test_independent_operations_share_rounds() -> None:
    value = Value(0, "arith", 1, 4)
    messages = deal([(value, np.array([[1, 2, 3, 4]]))])

    def run(party: Party) -> int:
        share = receive([value], messages[party.index], party.index)[0]
        assert isinstance(share, ArithShare)
        run_lockstep(party, [multiply(party, share, share) for _ in range(50)])
        return party.channel.rounds

    assert run_parties(run) == [1, 1, 1]


def test_bits_and_bools_agree() -> None:
    assert np.array_equal(to_bools(from_bools(BITS), 5), BITS)
