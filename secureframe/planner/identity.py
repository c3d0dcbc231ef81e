"""Digests of what institutions deal: the same for the same values under the same policies, in whatever statement they occur."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secureframe.plan.codec import digest, encode, encode_scalar
from secureframe.plan.envelope import Plan, parameters_of
from secureframe.plan.expressions import Expr, Parameter, walk
from secureframe.plan.nodes import Node, Table, walk_nodes
from secureframe.planner.frames import Local, LocalValue


class Identities:
    """Digests of the values that owners deal in one plan: frame, expression, form, parameters, data version, policy."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._frames: dict[Node, str | None] = {}

    def of(self, local: Local) -> str | None:
        """Return the digest of a dealt value; None for totals, and where policy or data version is not named."""
        if not isinstance(local, LocalValue) or local.owner not in self._plan.policies:
            return None
        frame = self._frame(local.frame)
        if frame is None:
            return None
        encoding = local.encoding
        form = [encoding.form.value, *(str(n) for n in (encoding.limbs, encoding.low, encoding.width, local.length))]
        expr = None if local.expr is None else encode(local.expr)
        record = [frame, local.owner, self._plan.policies[local.owner], expr, self._values(local.expr), form]
        return digest(record)

    def _frame(self, frame: Node) -> str | None:
        if frame not in self._frames:
            tables = {n.table.owner + "." + n.table.name for n in walk_nodes(frame) if isinstance(n, Table)}
            versions = {name: self._plan.versions[name] for name in sorted(tables) if name in self._plan.versions}
            parameters = {name: encode_scalar(self._plan.parameters[name]) for name in sorted(parameters_of(frame))}
            self._frames[frame] = digest([encode(frame), versions, parameters]) if len(versions) == len(tables) else None
        return self._frames[frame]

    def _values(self, expr: Expr | None) -> dict[str, Any]:
        return {name: encode_scalar(self._plan.parameters[name]) for name in sorted(_parameters(expr))}


def _parameters(expr: Expr | None) -> Iterator[str]:
    for each in () if expr is None else walk(expr):
        if isinstance(each, Parameter):
            yield each.name
