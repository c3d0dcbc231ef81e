"""An exchange over TLS: what arrives is what was sent, no size waits in a circle, and a closed link says so."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from ray_cluster.frames import DIRECT_LIMIT
from ray_cluster.tls_channel import TlsChannel
from secureframe.errors import ProtocolAborted
from secureframe.mpc.channel import LinkClosed
from tests.ray_cluster.wiring import linked_channels

SIZES = (1, 7, DIRECT_LIMIT // 8 - 1, DIRECT_LIMIT // 8, DIRECT_LIMIT // 8 + 1, 1_000_003)


def at_all(channels: tuple[TlsChannel, ...], work: Callable[[TlsChannel], Any]) -> list[Any]:
    with ThreadPoolExecutor(3) as pool:
        return [each.result(timeout=60) for each in [pool.submit(work, channel) for channel in channels]]


def message(sender: int, receiver: int, count: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return np.random.default_rng([sender, receiver, count]).integers(0, 2**64, count, np.uint64)


def test_every_size_arrives_also_when_all_send_at_once() -> None:
    def exchange(channel: TlsChannel) -> None:
        me, previous, following = channel.index, (channel.index - 1) % 3, (channel.index + 1) % 3
        for count in SIZES:
            first, second = channel.exchange(message(me, previous, count), message(me, following, count), count, count)
            assert np.array_equal(first, message(previous, me, count))
            assert np.array_equal(second, message(following, me, count))

    with linked_channels() as channels:
        at_all(channels, exchange)
        for channel in channels:
            assert channel.rounds == len(SIZES)
            assert channel.bytes_sent_previous == channel.bytes_sent_next == 8 * sum(SIZES)


def test_directions_are_independent() -> None:
    """Party i sends i large words to its successor only, and nothing the other way."""
    counts = (0, 5, 300_000)

    def exchange(channel: TlsChannel) -> None:
        me, previous = channel.index, (channel.index - 1) % 3
        outgoing = message(me, me, counts[me]) if counts[me] else None
        for _ in range(3):
            first, second = channel.exchange(None, outgoing, counts[previous], 0)
            assert len(second) == 0
            assert np.array_equal(first, message(previous, previous, counts[previous]))

    with linked_channels() as channels:
        at_all(channels, exchange)


def test_many_small_rounds_stay_in_step() -> None:
    def exchange(channel: TlsChannel) -> None:
        for number in range(500):
            words = np.array([number, channel.index], np.uint64)
            first, second = channel.exchange(words, words, 2, 2)
            assert first.tolist() == [number, (channel.index - 1) % 3]
            assert second.tolist() == [number, (channel.index + 1) % 3]

    with linked_channels() as channels:
        at_all(channels, exchange)


@pytest.mark.parametrize("count", [3, 500_000])
def test_a_closed_link_raises_at_both_neighbours(count: int) -> None:
    def exchange(channel: TlsChannel) -> int:
        if channel.index == 0:
            channel.close()
        words = np.zeros(count, np.uint64)
        with pytest.raises(LinkClosed) as caught:
            for _ in range(3):
                channel.exchange(words, words, count, count)
        # Whoever aborts closes its links too, so that the third party may hear of it from either side.
        return caught.value.peer_index

    with linked_channels() as channels:
        assert all(peer in (0, 1, 2) for peer in at_all(channels, exchange))


def test_another_length_than_due_ends_the_link() -> None:
    def exchange(channel: TlsChannel) -> None:
        words = np.zeros(4 if channel.index == 0 else 3, np.uint64)
        with pytest.raises(LinkClosed):
            for _ in range(2):
                channel.exchange(words, words, 3, 3)

    with linked_channels() as channels:
        at_all(channels, exchange)


def test_confirmation_needs_the_same_job_at_all() -> None:
    with linked_channels() as channels:
        at_all(channels, lambda channel: channel.confirm(b"job"))

    def confirm(channel: TlsChannel) -> bool:
        try:
            channel.confirm(b"another" if channel.index == 2 else b"job")
        except ProtocolAborted:
            return True
        return False

    with linked_channels() as channels:
        assert all(at_all(channels, confirm))
