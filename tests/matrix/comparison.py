"""Two results alike: the same labels in the same order, the same numbers, and nothing withheld."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from secureframe.results.histogram import Histogram


def differences(found: Any, wanted: Any, relative: float, where: str = "") -> Iterator[str]:
    """Yield what differs between a result and the oracle's; cells that were withheld differ."""
    record = getattr(found, "release", None) or getattr(found, "attrs", {}).get("release") or {}
    if record.get("suppressed"):
        yield f"{where}: {len(record['suppressed'])} cells are withheld"
        return
    if isinstance(found, Histogram):
        found = (found.edges, found.counts)
    if isinstance(wanted, pd.DataFrame | pd.Series):
        yield from _tables(found, wanted, relative, where)
    elif isinstance(wanted, Mapping):
        if not isinstance(found, Mapping) or list(found) != list(wanted):
            yield f"{where}: {found!r} has not the entries {list(wanted)}"
            return
        for key in wanted:
            yield from differences(found[key], wanted[key], relative, f"{where}/{key}")
    elif isinstance(wanted, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(wanted):
            yield f"{where}: {found!r} is not {wanted!r}"
            return
        for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
            yield from differences(a, b, relative, f"{where}/{i}")
    elif not same(found, wanted, relative):
        yield f"{where}: {found!r} is not {wanted!r}"


def _tables(found: Any, wanted: pd.DataFrame | pd.Series, relative: float, where: str) -> Iterator[str]:
    if type(found) is not type(wanted):
        yield f"{where}: a {type(found).__name__}, not a {type(wanted).__name__}"
        return
    axes = [("index", found.index, wanted.index)]
    if isinstance(wanted, pd.DataFrame):
        axes.append(("columns", found.columns, wanted.columns))
    elif found.name != wanted.name:
        yield f"{where}: named {found.name!r}, not {wanted.name!r}"
    for axis, mine, theirs in axes:
        if list(mine.names) != list(theirs.names):
            yield f"{where}: {axis} named {list(mine.names)}, not {list(theirs.names)}"
        if [label(x) for x in mine] != [label(x) for x in theirs]:
            yield f"{where}: {axis} {list(mine)}, not {list(theirs)}"
            return
    if isinstance(wanted, pd.Series):
        cells = zip(wanted.index, found.array, wanted.array, strict=True)
        yield from (f"{where}[{k}]: {a!r} is not {b!r}" for k, a, b in cells if not same(a, b, relative))
        return
    for i, name in enumerate(wanted.columns):
        yield from _tables(found.iloc[:, i].rename(None), wanted.iloc[:, i].rename(None), relative, f"{where}[{name}]")


def label(value: Any) -> Any:
    """A label as it reads; an interval as its text, with whole edges whole."""
    if isinstance(value, tuple):
        return tuple(label(v) for v in value)
    if isinstance(value, pd.Interval):
        return str(value).replace(".0", "")
    if isinstance(value, datetime.date):
        return pd.Timestamp(value)
    return value


def same(found: Any, wanted: Any, relative: float) -> bool:
    """Whether two scalars are alike: exactly, but for numbers with a fraction."""
    if is_missing(wanted) or is_missing(found):
        return is_missing(wanted) and is_missing(found)
    if isinstance(wanted, bool | str) or isinstance(found, bool | str):
        return bool(found == wanted)
    if isinstance(wanted, datetime.date) or isinstance(found, datetime.date):
        return pd.Timestamp(found) == pd.Timestamp(wanted)
    if float(found).is_integer() and float(wanted).is_integer():
        return float(found) == float(wanted)
    return math.isclose(float(found), float(wanted), rel_tol=relative, abs_tol=1e-9)


def is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
