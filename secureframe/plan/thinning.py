"""Frames that a plan leaves rows out of before it reduces, merges in or stacks them: the rules count them like the frame."""

from __future__ import annotations

from secureframe.plan.combining import Concat, Distinct, Merge, apart_by_tables
from secureframe.plan.nodes import Filter, GroupPersons, Node, walk_nodes


def thinned_frames(frame: Node) -> tuple[Node, ...]:
    """Return the frames that were reduced, merged in or stacked on the way, and that something had left rows out of before."""
    fed = {n.frame: None for n in walk_nodes(frame) if isinstance(n, GroupPersons)}
    fed |= {n.right: None for n in walk_nodes(frame) if isinstance(n, Merge)}
    fed |= dict.fromkeys(stacked_beside_themselves(frame))
    return tuple(f for f in fed if any(map(_leaves_out, walk_nodes(f))))


def stacked_beside_themselves(frame: Node) -> tuple[Node, ...]:
    """Return the thinned frames that are stacked with others which may have the same persons, or have the same owner.

    A person who is in one of them is weighted more than the others; so each of them is a cohort, of whom neither too few are in
    it nor too few left out.
    """
    found: dict[Node, None] = {}
    for node in walk_nodes(frame):
        if isinstance(node, Concat):
            for number, one in enumerate(node.frames):
                others = [other for i, other in enumerate(node.frames) if i != number]
                if not all(apart_by_tables(one, other) and not one.owners & other.owners for other in others):
                    found[one] = None
    return tuple(f for f in found if any(map(_leaves_out, walk_nodes(f))))


def _leaves_out(node: Node) -> bool:
    if isinstance(node, Distinct):
        # Whoever has rows keeps one, where rows of different persons are different.
        return node.keep == "none" or node.frame.person_key not in node.subset
    return isinstance(node, Filter) or (isinstance(node, Merge) and node.how != "left")
