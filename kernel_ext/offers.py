"""What may stand where: columns, keys that groups can be made by, levels, and the statistics that the rules allow.

All of it is known from the schemas that the notebook has. Whether a statistic is allowed is asked of the statement itself: it is
built, and not run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from secureframe.aggregations import OFFERED
from secureframe.errors import SecureFrameError
from secureframe.frame import SecureFrame
from secureframe.groupby import RELEASED, PersonGroupBy, ReleaseGroupBy
from secureframe.pending import defer
from secureframe.plan.nodes import HOWS
from secureframe.schema.table import Use
from secureframe.schema.types import Kind
from secureframe.series import SecureSeries


def columns(value: Any) -> list[str]:
    """Return the columns of a frame or of its groups."""
    return list(value._source.node.schema) if isinstance(value, SecureFrame | PersonGroupBy | ReleaseGroupBy) else []


def group_keys(frame: SecureFrame, *, persons: bool = False) -> list[str]:
    """Return the columns that tables can be made by, those with a public domain; with ``persons`` also the person key."""
    key = frame.node.person_key if persons else None
    return [
        name
        for name, f in frame.node.schema.items()
        if name == key or (f.type.kind is not Kind.KEY and f.type.levels is not None and Use.GROUP in f.uses)
    ]


def numbers(frame: SecureFrame) -> list[str]:
    """Return the columns of numbers that may be aggregated."""
    return [name for name, f in frame.node.schema.items() if f.type.is_numeric and Use.AGGREGATE in f.uses]


def merge_keys(left: SecureFrame, right: Any) -> list[str]:
    """Return the columns that two frames can be merged on by one name; of the left frame alone its keys come first."""
    schema = left.node.schema
    shared = [name for name in schema if not isinstance(right, SecureFrame) or name in right.node.schema]
    linked = [name for name in shared if Use.LINK in schema[name].uses]
    return sorted(linked, key=lambda name: schema[name].type.kind is not Kind.KEY)


def levels(value: Any) -> list[Any]:
    """Return the public domain of a column."""
    if not isinstance(value, SecureSeries):
        return []
    type_ = value._field.type
    return list(type_.categories or ()) if type_.kind is Kind.CATEGORY else []


def statistics(value: Any, column: str | None = None, *, alone: bool = False) -> list[str]:
    """Return the statistics that ``agg`` takes of a frame, a column or groups, or of one column of theirs.

    ``alone`` also those that are not made beside others.
    """
    offered: Sequence[str] = (*OFFERED, "nunique") if alone else OFFERED
    if isinstance(value, PersonGroupBy):
        offered = HOWS
    elif isinstance(value, ReleaseGroupBy):
        offered = RELEASED
    elif not isinstance(value, SecureFrame | SecureSeries):
        return []
    try:
        about = value if column is None else value[column]
    except SecureFrameError:
        return []
    return list(_allowed(about, offered))


def _allowed(about: Any, offered: Iterable[str]) -> Iterable[str]:
    for name in offered:
        try:
            with defer():
                about.agg(name)
        except SecureFrameError:
            continue
        yield name
