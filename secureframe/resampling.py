"""Groups by calendar period: every period that the public range of a date column touches, whether anybody is in it or not.

A period is a band of days, so it is computed wherever bands are: by the owner of the dates, or on shares.
"""

from __future__ import annotations

import datetime
import math
from fractions import Fraction
from typing import Any
from typing import Literal as Choice

import pandas as pd

from secureframe.errors import PlanError
from secureframe.groupby import ReleaseGroupBy
from secureframe.operands import Source
from secureframe.pending import Pending, release
from secureframe.plan.expressions import Binary, ColumnRef, Cut, Expr, Literal
from secureframe.plan.nodes import MAX_CELLS
from secureframe.results.forms import Form
from secureframe.results.periods import in_periods
from secureframe.schema.calendar import EPOCH
from secureframe.schema.types import ColumnType

RULES: dict[str, tuple[str, Choice["start", "end"]]] = {
    "D": ("D", "end"),
    "W": ("W-SUN", "end"),
    "W-SUN": ("W-SUN", "end"),
    "ME": ("M", "end"),
    "MS": ("M", "start"),
    "QE": ("Q", "end"),
    "QS": ("Q", "start"),
    "YE": ("Y", "end"),
    "YS": ("Y", "start"),
}
"""pandas' rules, the period each stands for, and which of its days is its label."""


def resampled(source: Source, rule: Any, on: Any) -> Resampler:
    """Return the groups of a frame by calendar period.

    Raises
    ------
    PlanError
        For another rule, a column that is no date, or more periods than a table may have cells.
    """
    if rule not in RULES:
        raise PlanError(f"resample({rule!r}) is not offered", hint=f"one of {', '.join(map(repr, RULES))}")
    if not isinstance(on, str) or on not in source.node.schema:
        raise PlanError("resample needs a column of dates", hint="df.resample('ME', on='entered')['age'].mean()")
    type_ = source.node.schema[on].type
    if not type_.is_time:
        raise PlanError(f"resample needs dates, and {on} is of kind {type_.kind}", hint="sf.cut makes bands of numbers")
    return Resampler(source, ((on, period_of(ColumnRef(on), type_, rule)),), rule=rule)


def period_of(operand: Expr, type_: ColumnType, rule: str) -> Expr:
    """Return the period of a date or time stamp: bands of days since the epoch, named by the dates that stand for them."""
    unit, end = RULES[rule]
    first, last = (EPOCH + datetime.timedelta(days=math.floor(end * type_.step)) for end in (type_.low, type_.high))
    periods = pd.period_range(pd.Period(first, unit), pd.Period(last, unit), freq=unit)
    if len(periods) > MAX_CELLS:
        raise PlanError(
            f"the range of the dates has {len(periods)} periods, and a table has at most {MAX_CELLS} cells",
            hint="a longer period: 'ME', 'QE' or 'YE'",
        )
    starts = [period.start_time.date() for period in periods]
    starts.append((periods[-1] + 1).start_time.date())
    edges = tuple(Fraction((start - EPOCH).days) for start in starts)
    names = tuple(label.date().isoformat() for label in periods.to_timestamp(how=end))
    return Cut(Binary("-", operand, Literal(EPOCH)), edges, names, False, False)


class Resampler(ReleaseGroupBy):
    """Rows by calendar period: what a group-by offers, indexed by dates."""

    __slots__ = ("_rule",)

    def __init__(
        self,
        source: Source,
        keys: tuple[tuple[str | None, Expr], ...],
        chosen: tuple[str, ...] | None = None,
        *,
        single: bool = False,
        rule: str,
    ) -> None:
        super().__init__(source, keys, chosen, single=single)
        self._rule = rule

    def _choose(self, chosen: tuple[str, ...], single: bool) -> Resampler:
        return Resampler(self._source, self._keys, chosen, single=single, rule=self._rule)

    def _out(self, pending: Pending[Any]) -> Any:
        (name,) = self._labels
        shape = Form(in_periods, pending.shape, self._rule, name)
        return release(Pending(pending.session, pending.nodes, pending.parameters, shape, pending.title))
