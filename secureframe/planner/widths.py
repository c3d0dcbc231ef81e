"""What owners are asked to compute is as narrow as their integers: refused before a statement runs, from ranges alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from secureframe.mpc.program import bit_length
from secureframe.plan.expressions import ColumnRef, Expr, Literal, Parameter, infer, walk
from secureframe.plan.nodes import Filter, Node, Project, walk_nodes
from secureframe.plan.parts import Count
from secureframe.planner.frames import Local, LocalPart
from secureframe.schema.types import ColumnType, Kind, Scalar

NARROW = 60
"""Columns of at most so many bits, and expressions over so many bits of columns, stay within 126 whatever is done with them."""


def require_owners_can(locals_: Iterable[Local], parameters: Mapping[str, Scalar]) -> None:
    """Refuse a statement of which an owner could not compute its part exactly.

    Raises
    ------
    RangeError
        If an intermediate result may need more bits than an owner's integers have.
    """
    asked: dict[Node, dict[Expr, None]] = {}
    for local in locals_:
        if isinstance(local, LocalPart):
            exprs = asked.setdefault(local.breakdown.frame, {})
            if isinstance(local.part, Count) and local.part.where is not None:
                exprs[local.part.where] = None
        else:
            exprs = asked.setdefault(local.frame, {})
            if local.expr is not None:
                exprs[local.expr] = None
    for frame, found in asked.items():
        # Narrow ones, nearly all, are not even looked at more closely.
        if _may_be_wide(frame) or any(_is_wide(expr, frame) for expr in found):
            # Polars, which a notebook does without.
            from secureframe.local.widths import require_computable

            require_computable(frame, found, parameters)


def _may_be_wide(frame: Node) -> bool:
    for node in walk_nodes(frame):
        if any(_bits(f.type) > NARROW for f in node.schema.values() if f.type.kind is not Kind.KEY):
            return True
        if isinstance(node, Filter) and _is_wide(node.predicate, node.frame):
            return True
        if isinstance(node, Project) and any(_is_wide(expr, node.frame) for _, expr in node.columns):
            return True
    return False


def _is_wide(expr: Expr, frame: Node) -> bool:
    """Whether the columns, constants and grids of an expression have many bits together."""
    if isinstance(expr, ColumnRef):
        return False
    total = 0
    for e in walk(expr):
        if isinstance(e, ColumnRef | Parameter) or (isinstance(e, Literal) and e.value is not None):
            total += _bits(infer(e, frame.schema).type)
        elif isinstance(step := getattr(e, "step", None), Fraction):
            total += step.numerator.bit_length() + step.denominator.bit_length()
    return total > NARROW


def _bits(type_: ColumnType) -> int:
    """Bits of a column's integers and of its step."""
    if type_.lo is None:
        return 0
    return bit_length(type_.low, type_.high) + type_.step.numerator.bit_length() + type_.step.denominator.bit_length() - 2
