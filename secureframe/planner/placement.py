"""Placement: what owners compute from their own rows before anything is shared.

Normally all that one institution can compute: conditions, expressions, reductions, whole totals. The other rule is there to be
compared with, in explanations and benchmarks: owners share their columns as they are, and every expression, filter, merge and
sum is computed on shares. No plan asks for it, and no institution runs under it.

One thing stays with its owner under either rule, the reduction of many rows a person to one: on shares it would take the
declared rows of the table in place of the persons', in every step that follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from secureframe.plan.expressions import Expr, column_names
from secureframe.plan.forms import Encoding, Form
from secureframe.plan.nodes import GroupPersons, Node, Table, passed_on, walk_nodes


def reduces_many_rows(node: Node) -> bool:
    """Whether a frame has one row a person, made of many by the one institution that has them."""
    return isinstance(node, GroupPersons) and len(node.owners) == 1 and node.frame.rows_per_person > 1


@dataclass(frozen=True, slots=True)
class Placement:
    """At the owner, whatever one institution can compute."""

    def totals(self, frame: Node) -> bool:
        """Whether an institution computes whole counts, moments and quantiles of a frame."""
        return len(frame.owners) == 1

    def values(self, frame: Node, expr: Expr | None, encoding: Encoding) -> bool:
        """Whether an institution computes an expression over a frame row by row, and deals the result."""
        return len(frame.owners) == 1


@dataclass(frozen=True, slots=True)
class OnShares(Placement):
    """On shares, whatever can be: owners deal columns as they are.

    Parameters
    ----------
    beneath : frozenset of Node
        Frames that owners reduce to one row a person, and all that these are made of.
    """

    beneath: frozenset[Node]

    @staticmethod
    def of(frames: Iterable[Node]) -> OnShares:
        """The rule for releases of some frames."""
        reductions = {node for frame in frames for node in walk_nodes(frame) if reduces_many_rows(node)}
        return OnShares(frozenset(below for node in reductions for below in walk_nodes(node) if below is not node))

    def totals(self, frame: Node) -> bool:
        return len(frame.owners) == 1 and frame in self.beneath

    def values(self, frame: Node, expr: Expr | None, encoding: Encoding) -> bool:
        if len(frame.owners) > 1:
            return False
        if frame in self.beneath:
            return True
        if not isinstance(frame, Table) and not reduces_many_rows(frame):
            return False
        # The labels of stacked frames are nobody's values; one bit a level is no column as it is.
        return expr is None or not column_names(expr) or (passed_on(expr) is not None and encoding.form is not Form.ONEHOT)


AT_OWNERS = Placement()
