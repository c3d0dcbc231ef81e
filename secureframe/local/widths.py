"""Whether an owner can compute a frame exactly: found out on no rows at all, before a statement runs.

Ranges alone decide how wide an intermediate result may become, so a frame that is built over an empty table is refused exactly
where it would be refused over a full one.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from secureframe.local.expressions import Parameters, lower_expression
from secureframe.local.integers import storage
from secureframe.local.lower import Tables, lower, table_id
from secureframe.local.register import RegisteredTable
from secureframe.plan.expressions import Expr
from secureframe.plan.nodes import Node, Table, walk_nodes


def require_computable(frame: Node, exprs: Iterable[Expr], parameters: Parameters) -> None:
    """Refuse a frame of one owner, or expressions over it, of which an intermediate result may be too wide.

    Raises
    ------
    RangeError
        If more than 126 bits may be needed.
    """
    lower(frame, _empty(frame), parameters)
    for expr in exprs:
        lower_expression(expr, frame.schema, parameters)


def _empty(frame: Node) -> Tables:
    """The tables of a frame without their rows."""
    found = {}
    for node in walk_nodes(frame):
        if isinstance(node, Table):
            columns = {column.name: storage(column.type) for column in node.table.columns}
            rows = pl.DataFrame(schema=columns)
            found[table_id(node.table)] = RegisteredTable(schema=node.table, frame=rows, warnings=(), owner_counts={})
    return found
