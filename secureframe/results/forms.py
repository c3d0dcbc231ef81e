"""Forms: how released cells become a pandas object, written so that an institution can shape its results as the analyst would.

A form is the name of a function of this package and its arguments; it travels as JSON, and only functions named here are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import pandas as pd

from secureframe.errors import PlanError
from secureframe.plan.codec import decode_scalar, encode_scalar
from secureframe.results.distinct import levels_by, levels_frame, levels_number, levels_series
from secureframe.results.histogram import histogram_of, histograms_of
from secureframe.results.matrices import grouped_pairs, pair_matrix
from secureframe.results.periods import in_periods
from secureframe.results.pivot import pivoted
from secureframe.results.released import ReleasedTable
from secureframe.results.shape import (
    chosen_frame,
    column_series,
    grouped_frame,
    grouped_series,
    numbers,
    one_number,
    stacked_quantiles,
    statistics_frame,
)
from secureframe.results.summaries import counted, crossed, described, described_column, table_one_frame

FORMS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        chosen_frame,
        column_series,
        counted,
        crossed,
        described,
        described_column,
        grouped_frame,
        grouped_pairs,
        grouped_series,
        histogram_of,
        histograms_of,
        in_periods,
        levels_by,
        levels_frame,
        levels_number,
        levels_series,
        numbers,
        one_number,
        pair_matrix,
        pivoted,
        stacked_quantiles,
        statistics_frame,
        table_one_frame,
    )
}
"""What may be named: every one takes the released tables first."""
MISFITS = (TypeError, ValueError, LookupError, AttributeError, StopIteration, ArithmeticError)
"""What a function raises whose arguments do not fit the tables."""


class Form:
    """A function of released tables and its further arguments.

    Parameters
    ----------
    function : callable
        One of `FORMS`.
    *arguments, **named
        Text, numbers, truth values, None, indexes, other forms, and sequences of them.
    """

    __slots__ = ("arguments", "function", "named")

    def __init__(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        if FORMS.get(function.__name__) is not function:
            raise TypeError(f"{function.__name__} is no form of a result")
        self.function = function
        self.arguments = arguments
        self.named = named

    def __call__(self, tables: Sequence[ReleasedTable]) -> Any:
        return self.function(tables, *self.arguments, **self.named)

    def to_json(self) -> dict[str, Any] | None:
        """Return it as plain JSON, numbers as text; None if an argument is nothing that could travel."""
        try:
            return {
                "function": self.function.__name__,
                "arguments": [_encode(a) for a in self.arguments],
                "named": {name: _encode(a) for name, a in self.named.items()},
            }
        except PlanError:
            return None

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Form:
        """Read a form.

        Raises
        ------
        PlanError
            If it names no function that there is, or its arguments are malformed.
        """
        if set(record) != {"function", "arguments", "named"} or record["function"] not in FORMS:
            raise PlanError("a result has a form that is not known here")
        if not isinstance(record["arguments"], list) or not isinstance(record["named"], dict):
            raise PlanError("the form of a result is malformed")
        named = {name: _decode(a) for name, a in record["named"].items()}
        return Form(FORMS[record["function"]], *(_decode(a) for a in record["arguments"]), **named)


def _encode(value: Any) -> dict[str, Any]:
    if isinstance(value, float):
        return {"type": "float", "value": repr(float(value))}
    if isinstance(value, Form):
        inner = value.to_json()
        if inner is None:
            raise PlanError("a form within a form cannot travel")
        return {"type": "form", "value": inner}
    if isinstance(value, list | tuple):
        return {"type": "sequence", "value": [_encode(v) for v in value]}
    if type(value) in (pd.Index, pd.MultiIndex) and all(name is None for name in value.names):
        return {"type": "index", "value": [_encode(v) for v in value]}
    if isinstance(value, str | int | Fraction) or value is None:
        return encode_scalar(value)
    raise PlanError(f"{type(value).__name__} cannot travel in a form")


def _decode(record: Any) -> Any:
    if not isinstance(record, dict) or set(record) != {"type", "value"}:
        raise PlanError("the form of a result is malformed")
    kind, value = record["type"], record["value"]
    if kind == "form":
        if not isinstance(value, dict):
            raise PlanError("the form of a result is malformed")
        return Form.from_json(value)
    if kind in ("sequence", "index"):
        if not isinstance(value, list):
            raise PlanError("the form of a result is malformed")
        found = tuple(_decode(v) for v in value)
        if kind == "sequence":
            return found
        return pd.MultiIndex.from_tuples(found) if found and isinstance(found[0], tuple) else pd.Index(list(found))
    if kind == "float":
        try:
            return float(value)
        except (TypeError, ValueError):
            raise PlanError("the form of a result is malformed") from None
    return decode_scalar(record)
