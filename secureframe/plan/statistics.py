"""Kinds of statistics: what each is about, which moments it is made of, and how many persons it needs beyond the threshold.

A kind is data: nodes check themselves by this table, parts are broken down by it, and the disclosure rules read their
minimum from it.
"""

from __future__ import annotations

from dataclasses import dataclass

Powers = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticKind:
    """What a statistic is made of.

    Parameters
    ----------
    columns : int
        How many columns it is about.
    powers : tuple of tuple of int
        The moments that it is computed from: for each the power of every column.
    freedom : int
        Moments beyond the first that leave with it: so many persons more than the threshold it needs, for as many degrees of
        freedom to be left as the threshold says.
    """

    columns: int = 1
    powers: Powers = ()
    freedom: int = 0

    @property
    def is_pair(self) -> bool:
        """Whether it is about two columns together."""
        return self.columns == 2


KINDS: dict[str, StatisticKind] = {
    "size": StatisticKind(columns=0),
    "count": StatisticKind(),
    "sum": StatisticKind(powers=((1,),)),
    "mean": StatisticKind(powers=((1,),)),
    "var": StatisticKind(powers=((1,), (2,)), freedom=1),
    "std": StatisticKind(powers=((1,), (2,)), freedom=1),
    "sem": StatisticKind(powers=((1,), (2,)), freedom=1),
    "skew": StatisticKind(powers=((1,), (2,), (3,)), freedom=2),
    "kurtosis": StatisticKind(powers=((1,), (2,), (3,), (4,)), freedom=3),
    "quantile": StatisticKind(),
    "corr": StatisticKind(columns=2, powers=((1, 0), (0, 1), (2, 0), (0, 2), (1, 1))),
    "cov": StatisticKind(columns=2, powers=((1, 0), (0, 1), (1, 1))),
}
STATISTICS = tuple(KINDS)
MOMENTS = tuple(name for name, kind in KINDS.items() if kind.powers)
"""Kinds that add values up: not offered of magnitudes, in which one person may dominate."""
MAX_TOGETHER = 20
"""Most columns whose correlations or covariances one release holds."""
PERSONS_PER_COLUMN = 10
"""Persons that correlations and covariances need for every column of theirs."""
