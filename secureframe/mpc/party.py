"""One compute party in one job: its index, its links, its randomness, and how much it opened."""

from __future__ import annotations

from secureframe.mpc.channel import Channel
from secureframe.mpc.randomness import PartyKeys, Randomness


class Party:
    """Context of party ``index`` for one job; holds the job's keys until they are forgotten, or the party is closed.

    Parameters
    ----------
    index
        0, 1 or 2.
    channel
        The links to the two other parties.
    keys
        The pairwise secrets of this job, used for nothing else.
    """

    def __init__(self, index: int, channel: Channel, keys: PartyKeys) -> None:
        if channel.index != index:
            raise ValueError("the channel belongs to another party")
        self.index = index
        self.channel = channel
        self._randomness: Randomness | None = Randomness(keys)
        self.opened_bits = 0

    @property
    def randomness(self) -> Randomness:
        if self._randomness is None:
            raise RuntimeError("the keys of this job are forgotten; a job needs fresh keys")
        return self._randomness

    def forget_keys(self) -> None:
        """Forget the keys and all streams that come from them; the links stay open, and no protocol can run any more."""
        self._randomness = None

    def close(self, error: BaseException | None = None) -> None:
        """Forget the keys and close the links."""
        self.forget_keys()
        self.channel.close(error)
