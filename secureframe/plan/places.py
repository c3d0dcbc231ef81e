"""Places: where a value of a frame can be computed, in the words that frames, plans and explanations show."""

from __future__ import annotations

from collections.abc import Iterable

from secureframe.plan.nodes import Node


def added_up(frame: Node) -> bool:
    """Whether owners compute their parts of a frame's totals, which are only added: no rows of persons meet on shares."""
    return len(frame.owners) == 1 or (frame.apart and all(len(branch.owners) == 1 for branch in frame.branches))


def place(frame: Node, owners: Iterable[str] | None = None) -> str:
    """Return where a frame, or a column of it with values of some owners, is computed.

    ``local``: by one institution from its own rows; ``partial``: by each of several from rows of its own, so that only sums are
    shared; ``shared``: among the compute parties, since values of several institutions meet on one row.
    """
    names = sorted(frame.owners if owners is None else owners)
    if len(names) < 2:
        return f"local({names[0]})" if names else "public"
    partial = len(frame.branches) > 1 and all(len(branch.owners) == 1 for branch in frame.branches)
    return f"{'partial' if partial else 'shared'}({', '.join(names)})"
