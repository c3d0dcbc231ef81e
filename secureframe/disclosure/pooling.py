"""Rows that leave only together with those of other institutions: what is refused before anything runs.

What statements can hide in values (numbers that another institution never has) the rules on shares see: of a count that is not
0, at least the threshold has to be left without the rows of any one institution (`owners.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from secureframe.errors import PolicyError
from secureframe.plan.centres import choosing, labels, row_owners
from secureframe.plan.combining import Merge
from secureframe.plan.nodes import Node, Summarise, walk_nodes

POOL = "sf.concat([fed['a.patients'], fed['b.patients']]) pools them with those of another institution"


def require_pooled(release: Summarise, pooled: Iterable[str]) -> None:
    """Refuse a release in which an institution's rows would not be pooled with others'.

    Parameters
    ----------
    release : Summarise
        The release.
    pooled : iterable of str
        The institutions whose policies are ``pooled_only``.

    Raises
    ------
    PolicyError
        If the rows of one of them are alone, are merged in from elsewhere, or are told from others' by a label.
    """
    strict = frozenset(pooled)
    owners = row_owners(release.frame)
    if len(owners) == 1 and owners & strict:
        raise PolicyError(f"{_names(owners)} lets its rows leave only pooled with those of others", hint=POOL)
    for merge in walk_nodes(release.frame):
        if isinstance(merge, Merge):
            strangers = row_owners(merge.right) & strict - row_owners(merge.left)
            if strangers:
                raise PolicyError(
                    f"{_names(strangers)} lets its rows leave only pooled with those of others, and here they are merged in",
                    hint="stack them, and merge the other frame in: sf.concat([a, b]).merge(other, on='id')",
                )
    if not owners & strict:
        return
    for name in _telling(release):
        raise PolicyError(
            f"{name!r} tells the rows of one institution from those of others,"
            f" and {_names(owners & strict)} lets its rows leave only pooled with theirs",
            hint=f"leave {name!r} out; statistics over all institutions together are allowed",
        )


def _telling(release: Summarise) -> Iterator[str]:
    """Yield the labels that a release groups, describes or chooses rows by."""
    known = labels(release.frame)
    used = dict.fromkeys((*release.by, *(c for s in release.statistics for c in s.columns)))
    yield from (name for name in used if name in known)
    steps: dict[tuple[Node, frozenset[str]], None] = dict.fromkeys(choosing(release.frame))
    for frame, columns in steps:
        yield from sorted(labels(frame) & columns)


def _names(owners: Iterable[str]) -> str:
    return ", ".join(sorted(owners))
