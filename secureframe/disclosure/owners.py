"""What the owners of a frame's rows may subtract: counts of persons without each of them, and of each of them.

An owner knows its own rows. So a count of persons over rows of several owners is judged pooled and with the rows of each left
out in turn; under ``pooled_only`` a count that is not 0 also leaves at least the threshold without any one of them, and under
``every_part`` what each one adds is 0 or at least the threshold. Several owners together are covered by the last alone.
"""

from __future__ import annotations

from dataclasses import replace

from secureframe.disclosure import closing
from secureframe.disclosure.policy import Policy
from secureframe.disclosure.rounding import Ranged
from secureframe.mpc.program import Builder, Value


def difference(b: Builder, total: Ranged, part: Ranged) -> Ranged:
    """Persons of the whole that are not in the part, with what is left of them without each owner and what each has."""
    rest = tuple(b.subtract(x, y) for x, y in zip(total.rest, part.rest, strict=True)) if part.rest and total.rest else ()
    own = tuple(b.subtract(x, y) for x, y in zip(total.own, part.own, strict=True)) if part.own and total.own else ()
    return Ranged(value=b.subtract(total.value, part.value), lo=0, hi=total.hi, rest=rest, own=own)


def repeated(b: Builder, counts: Ranged, cells: int) -> Ranged:
    """One count of a whole frame, for every cell."""

    def everywhere(value: Value) -> Value:
        return b.take(value, [0] * cells)

    return replace(
        counts,
        value=everywhere(counts.value),
        rest=tuple(map(everywhere, counts.rest)),
        own=tuple(map(everywhere, counts.own)),
    )


def unsafe(b: Builder, counts: list[Ranged], policy: Policy) -> Value:
    """One plane over the elements of several counts of one length: one of them is too small, or would be for an owner of rows."""
    t = policy.threshold
    hi = max(c.hi for c in counts)
    judged = [v for c in counts for v in (c.value, *c.rest, *(c.own if policy.every_part else ()))]
    n = judged[0].n
    found = closing.small(b, b.concat(judged), t, hi)
    verdicts = [b.cut(found, i * n, (i + 1) * n) for i in range(len(judged))]
    if policy.pooled_only and any(c.rest for c in counts):
        several = [c for c in counts if c.rest]
        rests = [v for c in several for v in c.rest]
        tests = closing.below(b, b.concat([b.add_public(c.value, [t - 1]) for c in several] + rests), t, hi + t)
        empty = [b.cut(tests, i * n, (i + 1) * n) for i in range(len(several))]
        few = [b.cut(tests, i * n, (i + 1) * n) for i in range(len(several), len(several) + len(rests))]
        filled = [b.invert(e) for c, e in zip(several, empty, strict=True) for _ in c.rest]
        verdicts += [b.and_(f, x) for f, x in zip(filled, few, strict=True)]
    return b.any_plane(b.rows(verdicts)) if len(verdicts) > 1 else verdicts[0]


def views(counts: Ranged) -> list[Value]:
    """The counts as everybody sees them, and as each owner of rows does who leaves its own out."""
    return [counts.value, *counts.rest]
