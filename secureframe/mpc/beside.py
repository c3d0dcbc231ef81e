"""What lies on either side of a quantile that was sought in a histogram: how much of some histograms, up to it and from it on."""

from __future__ import annotations

from collections.abc import Sequence

from secureframe.mpc.program import Builder, ProgramError, Value

FEW_GROUPS = 16
"""Up to so many groups the ranks of all are multiplied with the histograms of all, and only what is of one group is taken."""


def beside(b: Builder, before: Value, histograms: Sequence[Value]) -> tuple[Value, ...]:
    """How much of each histogram lies up to the bins of some ranks, and how much from these bins on.

    With m = 1 for the bins before the one of a rank, and h a histogram: up to that bin lie ``h_0 + sum m_i h_(i+1)``, and from it
    on ``sum h_i - sum m_i h_i``.

    Parameters
    ----------
    b
        The builder.
    before
        arith ``(groups * q, bins)``: for each group and rank 1 for the bins before its own, then 0 (as ``bins_before``).
    histograms
        arith ``(groups, bins)`` each, of one limb.

    Returns
    -------
    tuple of arith ``(1, groups * q)``: for each histogram what lies up to the bins, and what lies from there on. Where a group
    has no element of a rank (all bins are before), everything, and nothing.

    Leakage
        None.
    Rounds and bytes
        1 round; each party sends one ring element for every rank, histogram and side, times the number of groups where these are
        few, times the number of bins where they are many.
    Source
        Inner products as in Araki et al., CCS 2016, section 2.1.
    """
    groups, bins = histograms[0].rows, histograms[0].n
    if before.n != bins or before.rows % groups or any((h.rows, h.n) != (groups, bins) for h in histograms):
        raise ProgramError("histograms of one shape, and equally many ranks for each of their groups")
    each = before.rows // groups
    group_of = [group for group in range(groups) for _ in range(each)]
    end = b.zeros("arith", groups, 1)
    shifted = [b.concat([b.cut(h, 1, bins), end]) if bins > 1 else end for h in histograms]
    factors = [*histograms, *shifted]
    if groups <= FEW_GROUPS:
        products = b.inner(before, b.rows(factors))
        width = len(factors) * groups
        sums = [
            b.take(products, [row * width + place * groups + group for row, group in enumerate(group_of)])
            for place in range(len(factors))
        ]
    else:
        sums = [b.sum(b.multiply(before, b.pick_rows(h, group_of))) for h in factors]
    found: list[Value] = []
    for number, histogram in enumerate(histograms):
        first = b.take(histogram, [group * bins for group in group_of])
        whole = b.take(b.sum(histogram), group_of)
        found += [b.add(first, sums[len(histograms) + number]), b.subtract(whole, sums[number])]
    return tuple(found)
