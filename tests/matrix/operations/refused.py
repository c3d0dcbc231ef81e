"""Refused: what would show rows or extremes, with the class of error."""

from __future__ import annotations

from typing import Any

from secureframe.errors import DisclosureError
from tests.matrix.layouts import Study
from tests.matrix.operations.registry import Run, refusal


def _called(name: str, *values: Any) -> Run:
    return lambda s: getattr(s.people, name)(*values)


def _iterated(s: Study) -> Any:
    return list(s.people)


for _name, _values in {
    "head": (),
    "tail": (3,),
    "iterrows": (),
    "to_pandas": (),
    "sample": (5,),
    "nlargest": (5, "age"),
    "nsmallest": (5, "age"),
    "min": (),
    "max": (),
    "idxmax": (),
    "idxmin": (),
}.items():
    refusal(f"df.{_name}()", _called(_name, *_values), DisclosureError)
refusal("df.iloc[...]", lambda s: s.people.iloc[:5], DisclosureError)
refusal("df.loc[label]", lambda s: s.people.loc[5], DisclosureError)
refusal("for row in df", _iterated, DisclosureError)
refusal("len(df)", lambda s: len(s.people), DisclosureError)
refusal("column.min()", lambda s: s.people["age"].min(), DisclosureError)
refusal("column.max()", lambda s: s.people["age"].max(), DisclosureError)
refusal("column.idxmax()", lambda s: s.people["age"].idxmax(), DisclosureError)
refusal("column.head()", lambda s: s.people["age"].head(), DisclosureError)
refusal("column.iloc[0]", lambda s: s.people["age"].iloc[0], DisclosureError)
refusal("column.unique()", lambda s: s.people["age"].unique(), DisclosureError)
refusal("for value in column", lambda s: list(s.people["age"]), DisclosureError)
refusal("len(column)", lambda s: len(s.people["age"]), DisclosureError)
refusal("groupby(key)[column].max()", lambda s: s.people.groupby("sex")["age"].max(), DisclosureError)
