"""Frames that a plan leaves rows out of before it reduces them or merges them in: the rules count these like the frame itself."""

from __future__ import annotations

from secureframe.plan.combining import Merge
from secureframe.plan.nodes import Filter, GroupPersons, Node, walk_nodes


def thinned_frames(frame: Node) -> tuple[Node, ...]:
    """Return the frames that were reduced or merged in on the way, and that a filter or an inner merge had thinned."""
    fed = {n.frame: None for n in walk_nodes(frame) if isinstance(n, GroupPersons)}
    fed |= {n.right: None for n in walk_nodes(frame) if isinstance(n, Merge)}
    return tuple(f for f in fed if any(map(_leaves_out, walk_nodes(f))))


def _leaves_out(node: Node) -> bool:
    return isinstance(node, Filter) or (isinstance(node, Merge) and node.how != "left")
