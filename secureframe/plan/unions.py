"""The type that several columns have in common when their rows are stacked: ranges and categories are united.

Whatever is no matter of range (a number and a category, text and a date) is refused: then a column has to be changed first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secureframe.errors import PlanError
from secureframe.plan.expressions import ColumnRef, Expr, Widen, common_step
from secureframe.schema.types import ColumnType, Kind, number_type, time_type

DOMAINS = " + "
"""What stands between the names of person domains that were stacked."""


def union_type(types: Sequence[ColumnType], name: str) -> ColumnType:
    """Return the narrowest type that holds the values of all.

    Raises
    ------
    PlanError
        If the columns are of different kinds.
    """
    first = types[0]
    nullable = any(t.nullable for t in types)
    if all(t == first for t in types):
        return first
    if all(t.is_numeric and t.kind is not Kind.BOOL for t in types):
        step = first.step
        for t in types[1:]:
            step = common_step(step, t.step)
        factors = [int(t.step / step) for t in types]
        low = min(t.low * f for t, f in zip(types, factors, strict=True))
        high = max(t.high * f for t, f in zip(types, factors, strict=True))
        return number_type(low, high, step, nullable)
    if all(t.is_time for t in types):
        step = min(t.step for t in types)
        for t in types:
            step = common_step(step, t.step)
        factors = [int(t.step / step) for t in types]
        low = min(t.low * f for t, f in zip(types, factors, strict=True))
        high = max(t.high * f for t, f in zip(types, factors, strict=True))
        return time_type(low, high, step, nullable)
    kinds = sorted({str(t.kind) for t in types})
    if len(kinds) > 1:
        raise PlanError(
            f"{name} is of kind {' and '.join(kinds)} in the frames that are stacked",
            hint=f"df.assign({name}=...) makes them alike",
        )
    match first.kind:
        case Kind.CATEGORY:
            categories = tuple(dict.fromkeys(c for t in types for c in t.categories or ()))
            if len({(c, isinstance(c, bool)) for c in categories}) != len(set(categories)):
                raise PlanError(f"the categories of {name} mix truth values and numbers", hint="map them to text")
            return replace(first, lo=0, hi=len(categories) - 1, categories=categories, nullable=nullable)
        case Kind.KEY:
            if len({t.lo is None for t in types}) > 1:
                raise PlanError(f"{name} is a number in one frame and text in another", hint="declare both alike")
            domains = sorted({part for t in types for part in (t.domain or "").split(DOMAINS)})
            first = replace(first, domain=DOMAINS.join(domains))
        case _ if len({t.step for t in types}) > 1:
            raise PlanError(f"the grids of {name} differ between the frames", hint="declare one step at all of them")
        case _:
            pass
    if first.lo is None:
        return replace(first, nullable=nullable)
    return replace(first, lo=min(t.low for t in types), hi=max(t.high for t in types), nullable=nullable)


def spans_domains(type_: ColumnType) -> bool:
    """Whether a key counts persons in several numberings, so that equal keys may be different persons."""
    return type_.kind is Kind.KEY and DOMAINS in (type_.domain or "")


def widened(name: str, own: ColumnType, type_: ColumnType) -> Expr:
    """A column under the type that it has in common with others."""
    return ColumnRef(name) if own == type_ else Widen(ColumnRef(name), type_)
