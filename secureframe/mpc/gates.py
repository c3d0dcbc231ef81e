"""Kernels of gates on shared bit planes: local terms of conjunctions, masked, for a run of the result's words.

A kernel makes the words ``start .. start + len(mask) - 1`` of its result (row-major), so that masks are drawn in pieces which
stay in cache. What a gate's result is added to is added here, to component i by party i, before it is shared anew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from secureframe.mpc._numba import kernel
from secureframe.mpc.ring import Words

Index = NDArray[np.int64]

_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)
_NONE = np.uint64(0)


# -- rows --------------------------------------------------------------------------------------------------------------


@kernel("void(u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1])")
def _and_row(xa: Words, xb: Words, ya: Words, yb: Words, plus: Words, minus: Words, out: Words) -> None:
    for w in range(out.shape[0]):
        out[w] = (xa[w] & (ya[w] ^ yb[w])) ^ (xb[w] & ya[w]) ^ plus[w] ^ minus[w]


@kernel("void(u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1], u8[::1])")
def _and_add_row(xa: Words, xb: Words, ya: Words, yb: Words, added: Words, plus: Words, minus: Words, out: Words) -> None:
    for w in range(out.shape[0]):
        out[w] = (xa[w] & (ya[w] ^ yb[w])) ^ (xb[w] & ya[w]) ^ added[w] ^ plus[w] ^ minus[w]


# -- layers ------------------------------------------------------------------------------------------------------------


@kernel("void(u8[:, ::1], u8[:, ::1], i8[::1], u8[:, ::1], u8[:, ::1], i8[::1], u8[::1], u8[::1], u8[:, ::1], i8)")
def and_rows(
    xa: Words, xb: Words, x_rows: Index, ya: Words, yb: Words, y_rows: Index, plus: Words, minus: Words, out: Words, start: int
) -> None:
    """The conjunction of plane ``x_rows[r]`` with plane ``y_rows[r]``, for every r."""
    words = out.shape[1]
    done = 0
    while done < plus.shape[0]:
        r = (start + done) // words
        w = start + done - r * words
        n = min(words - w, plus.shape[0] - done)
        x = x_rows[r]
        y = y_rows[r]
        _and_row(
            xa[x, w : w + n],
            xb[x, w : w + n],
            ya[y, w : w + n],
            yb[y, w : w + n],
            plus[done : done + n],
            minus[done : done + n],
            out[r, w : w + n],
        )
        done += n


@kernel("void(u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[:, ::1], u8[::1], u8[::1], u8[:, ::1], i8)")
def merge_pairs(ga: Words, gb: Words, pa: Words, pb: Words, plus: Words, minus: Words, out: Words, start: int) -> None:
    """What pairs of neighbouring places generate, then what all but the lowest propagate; place i propagates ``p[i - 1]``."""
    words = out.shape[1]
    pairs = ga.shape[0] // 2
    done = 0
    while done < plus.shape[0]:
        r = (start + done) // words
        w = start + done - r * words
        n = min(words - w, plus.shape[0] - done)
        if r < pairs:
            _and_add_row(
                pa[2 * r, w : w + n],
                pb[2 * r, w : w + n],
                ga[2 * r, w : w + n],
                gb[2 * r, w : w + n],
                ga[2 * r + 1, w : w + n],
                plus[done : done + n],
                minus[done : done + n],
                out[r, w : w + n],
            )
        else:
            upper = 2 * (r - pairs + 1)
            _and_row(
                pa[upper, w : w + n],
                pb[upper, w : w + n],
                pa[upper - 1, w : w + n],
                pb[upper - 1, w : w + n],
                plus[done : done + n],
                minus[done : done + n],
                out[r, w : w + n],
            )
        done += n


@kernel("void(u8[:, ::1], u8[:, ::1], i8, b1, u8[::1], u8[:, ::1], i8)")
def split_pairs(dealt: Words, known: Words, places: int, whole: bool, mask: Words, out: Words, start: int) -> None:
    """One party's summands of what pairs of places of ``s + t`` generate, then of what all but the lowest pair propagate.

    ``dealt`` is a summand of the planes of s, then from row ``len(known)`` on of the conjunctions of its pairs; ``known`` are the
    planes of t. What depends on t alone is added where ``whole`` is true. An odd place is left alone, as the lowest pair.
    """
    words = out.shape[1]
    odd = places % 2
    groups = places // 2 + odd
    done = 0
    while done < mask.shape[0]:
        r = (start + done) // words
        w = start + done - r * words
        n = min(words - w, mask.shape[0] - done)
        drawn, target = mask[done : done + n], out[r, w : w + n]
        if r < odd:
            s, t = dealt[0, w : w + n], known[0, w : w + n]
            for k in range(n):
                target[k] = drawn[k] ^ (s[k] & t[k])
        else:
            pair = r - odd if r < groups else r - groups + 1 - odd
            lower = odd + 2 * pair
            s_low, s_high, s_both = dealt[lower, w:], dealt[lower + 1, w:], dealt[known.shape[0] + pair, w:]
            t_low, t_high = known[lower, w:], known[lower + 1, w:]
            if r < groups:
                for k in range(n):
                    target[k] = drawn[k] ^ (s_high[k] & t_high[k]) ^ (t_low[k] & (s_both[k] ^ (s_low[k] & t_high[k])))
            else:
                also = _FULL if whole else _NONE
                for k in range(n):
                    target[k] = drawn[k] ^ s_both[k] ^ (s_high[k] & t_low[k]) ^ (t_high[k] & (s_low[k] ^ (t_low[k] & also)))
        done += n


@kernel("void(u8[:, ::1], u8[:, ::1], u8[::1], u8[:, ::1], i8)")
def split_places(dealt: Words, known: Words, mask: Words, out: Words, start: int) -> None:
    """One party's summands of what every place of ``s + t`` generates."""
    words = out.shape[1]
    done = 0
    while done < mask.shape[0]:
        r = (start + done) // words
        w = start + done - r * words
        n = min(words - w, mask.shape[0] - done)
        drawn, target, s, t = mask[done : done + n], out[r, w : w + n], dealt[r, w : w + n], known[r, w : w + n]
        for k in range(n):
            target[k] = drawn[k] ^ (s[k] & t[k])
        done += n
