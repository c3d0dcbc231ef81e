"""What pandas offers and SecureFrame refuses: each name with its reason and the nearest allowed form.

One table holds all of them, so that frames and columns refuse alike and a test can walk through it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from secureframe.errors import DisclosureError, PlanError, SecureFrameError

C = TypeVar("C", bound=type)

ROWS = "rows never leave their institution"
EXTREMES = "an extreme value is one person's value"
LENGTH = "the number of rows is hidden until it is released"
NOT_YET = "is not offered by this version"

METHODS: dict[str, tuple[type[SecureFrameError], str, str]] = {
    "head": (DisclosureError, ROWS, "{frame}.describe()"),
    "tail": (DisclosureError, ROWS, "{frame}.describe()"),
    "sample": (DisclosureError, ROWS, "{frame}.describe()"),
    "take": (DisclosureError, ROWS, "{frame}[{frame}['age'] >= 50] chooses rows by a condition"),
    "iterrows": (DisclosureError, ROWS, "{column} * 2 computes on all rows at once"),
    "itertuples": (DisclosureError, ROWS, "{column} * 2 computes on all rows at once"),
    "items": (DisclosureError, ROWS, "{frame}.columns names the columns"),
    "to_pandas": (DisclosureError, ROWS, "{frame}.describe(), or sf.table_one({frame})"),
    "to_polars": (DisclosureError, ROWS, "{frame}.describe(), or sf.table_one({frame})"),
    "to_numpy": (DisclosureError, ROWS, "{frame}.describe(), or sf.table_one({frame})"),
    "to_dict": (DisclosureError, ROWS, "{frame}.describe(), or sf.table_one({frame})"),
    "to_list": (DisclosureError, ROWS, "{column}.value_counts(), or {column}.quantile(0.5)"),
    "tolist": (DisclosureError, ROWS, "{column}.value_counts(), or {column}.quantile(0.5)"),
    "to_csv": (DisclosureError, ROWS, "{frame}.describe().to_csv(...) writes a released table"),
    "to_parquet": (DisclosureError, ROWS, "{frame}.describe() is a released table"),
    "unique": (DisclosureError, "values never leave their institution", "{column}.describe(), or value_counts() of a category"),
    "nlargest": (DisclosureError, EXTREMES, "{column}.quantile(0.95)"),
    "nsmallest": (DisclosureError, EXTREMES, "{column}.quantile(0.05)"),
    "min": (DisclosureError, EXTREMES, "{column}.quantile(0.05), or {column}.robust_range()"),
    "max": (DisclosureError, EXTREMES, "{column}.quantile(0.95), or {column}.robust_range()"),
    "idxmin": (DisclosureError, EXTREMES, "{column}.quantile(0.05)"),
    "idxmax": (DisclosureError, EXTREMES, "{column}.quantile(0.95)"),
    "argmin": (DisclosureError, EXTREMES, "{column}.quantile(0.05)"),
    "argmax": (DisclosureError, EXTREMES, "{column}.quantile(0.95)"),
    "__iter__": (DisclosureError, ROWS, "list({frame}.columns) names the columns"),
    "__len__": (DisclosureError, LENGTH, "{column}.count()"),
    "__array__": (
        DisclosureError,
        f"{ROWS}, so functions of NumPy and pandas do not see them",
        "{column}.describe(), or sf.where, sf.cut, sf.crosstab and sf.concat in their place",
    ),
    "any": (DisclosureError, "whether anybody has it is not released, how many do is", "({column} > 0).sum()"),
    "all": (DisclosureError, "whether everybody has it is not released, how many do is", "({column} > 0).mean()"),
    "mode": (PlanError, f"mode {NOT_YET}", "{column}.describe(), which names the most frequent level of a category"),
    "info": (DisclosureError, LENGTH, "{frame}.count(), or {frame}.dtypes"),
    "duplicated": (DisclosureError, ROWS, "{frame}.drop_duplicates()"),
    "ffill": (DisclosureError, "a value of the row before is another row's", "{column}.fillna(0)"),
    "bfill": (DisclosureError, "a value of the next row is another row's", "{column}.fillna(0)"),
    "interpolate": (DisclosureError, "a value of the row before is another row's", "{column}.fillna(0)"),
    "melt": (PlanError, f"melt {NOT_YET}", "sf.concat([{frame}, {frame}], keys=['a', 'b'])"),
    "eval": (PlanError, f"eval {NOT_YET}", "{frame}.assign(twice={column} * 2)"),
    "insert": (PlanError, "a frame is immutable", "{frame}.assign(twice={column} * 2)"),
    "pop": (PlanError, "a frame is immutable", "{frame}.drop(columns=['a'])"),
    "sort_index": (DisclosureError, "a frame has no index: an index would name rows", "{frame}.groupby(...)"),
    "__bool__": (PlanError, "a frame or a column is neither true nor false", "use & | ~ and parentheses: (a > 1) & (b == 2)"),
    "__float__": (PlanError, "a column is not one number", "{column}.mean()"),
    "__int__": (PlanError, "a column is not one number", "{column}.count()"),
    "apply": (PlanError, "Python functions cannot run on hidden rows", "{frame}.assign(twice={column} * 2)"),
    "applymap": (PlanError, "Python functions cannot run on hidden rows", "{frame}.assign(twice={column} * 2)"),
    "pipe": (PlanError, "is not needed", "f({frame})"),
    "transform": (PlanError, "Python functions cannot run on hidden rows", "{frame}.assign(twice={column} * 2)"),
    "map": (PlanError, "map is a column's", "{column}.map({{'f': 0, 'm': 1}})"),
    "drop_duplicates": (PlanError, f"drop_duplicates {NOT_YET}", "{frame}.groupby(person_key).first()"),
    "cumsum": (DisclosureError, ROWS, "{column}.sum()"),
    "rank": (DisclosureError, ROWS, "{column}.quantile(0.5)"),
    "diff": (DisclosureError, ROWS, "{column} - another column"),
    "shift": (DisclosureError, ROWS, "{column} - another column"),
    "set_index": (DisclosureError, "a frame has no index: an index would name rows", "{frame}.groupby(...)"),
    "reset_index": (DisclosureError, "a frame has no index: an index would name rows", "{frame} as it is"),
    "join": (PlanError, "a frame has no index to join by", "{frame}.merge(right, on='id')"),
}
"""Names that are called: error, reason and hint; ``{frame}`` and ``{column}`` stand for what the analyst has in hand."""

PROPERTIES: dict[str, tuple[type[SecureFrameError], str, str]] = {
    "iloc": (DisclosureError, ROWS, "{frame}[{frame}['age'] >= 50] chooses rows by a condition"),
    "iat": (DisclosureError, ROWS, "{frame}[{frame}['age'] >= 50] chooses rows by a condition"),
    "at": (DisclosureError, ROWS, "{frame}[{frame}['age'] >= 50] chooses rows by a condition"),
    "values": (DisclosureError, ROWS, "{frame}.describe(), or sf.table_one({frame})"),
    "array": (DisclosureError, ROWS, "{frame}.describe(), or sf.table_one({frame})"),
    "index": (DisclosureError, "a frame has no index: an index would name rows", "{frame}.columns"),
    "shape": (DisclosureError, LENGTH, "{column}.count()"),
    "size": (DisclosureError, LENGTH, "{column}.count()"),
    "empty": (DisclosureError, LENGTH, "{column}.count()"),
    "T": (DisclosureError, ROWS, "{frame}.describe().T"),
    "dt": (PlanError, ".dt is a column's", "{column}.dt.year"),
    "str": (PlanError, ".str is a column's", "{column}.str.lower()"),
    "plot": (DisclosureError, "points are rows, and rows never leave their institution", "{column}.hist().plot()"),
}
"""Names that are read."""

REFUSED = METHODS | PROPERTIES


def refuse(name: str, words: dict[str, str]) -> SecureFrameError:
    """Return the error for a refused name."""
    error, reason, hint = REFUSED[name]
    shown = name if name not in reason else ""
    return error(f"{shown}: {reason}" if shown else reason, hint=hint.format(**words))


def refusing(cls: C) -> C:
    """Give a class every refused name that it does not define itself; ``_words`` says how hints name frame and column."""
    for name in METHODS:
        if name not in cls.__dict__:
            setattr(cls, name, _method(name))
    for name in PROPERTIES:
        if name not in cls.__dict__:
            setattr(cls, name, property(_method(name)))
    return cls


def _method(name: str) -> Callable[..., NoReturn]:
    def method(self: Any, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise refuse(name, self._words)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"Refused: {REFUSED[name][1]}."
    return method
