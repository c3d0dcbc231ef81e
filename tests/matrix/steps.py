"""Random statements: frames of up to five steps, then a release, typed alike on secure and on pandas frames.

A step is drawn for the frame that is there, so that it has a type; what the front end refuses all the same is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import pandas as pd
from hypothesis import strategies as st

import secureframe as sf
from secureframe.schema.types import Kind
from tests.matrix.layouts import Study
from tests.matrix.spelling import cut, where

Draw = Callable[[st.SearchStrategy[Any]], Any]
STEPS = ("filter", "filter", "assign", "assign", "merge", "merge", "concat", "group", "distinct", "choose")
HOWS = ("inner", "left", "right", "outer", "left_anti", "right_anti")
VALUES = (
    *("sum", "product", "constant", "where", "fill", "clip", "cut", "days"),
    *("truth", "quotient", "abs", "null", "whole", "rest", "round", "month"),
)
REDUCTIONS = ("count", "sum", "mean", "min", "max", "first", "last", "any", "nunique")


@dataclass(frozen=True, slots=True)
class Pair:
    """A secure frame, the same rows in pandas, whether both have one order, and how the statement reads so far."""

    secure: sf.SecureFrame
    clear: pd.DataFrame
    text: str
    ordered: bool = True
    inexact: frozenset[str] = field(default_factory=frozenset)

    def columns(self, *kinds: Kind) -> list[str]:
        """Columns of some kinds, keys apart."""
        return [n for n, f in self.secure.node.schema.items() if f.type.kind in kinds and n != "id"]

    @property
    def numbers(self) -> list[str]:
        return self.columns(Kind.INT, Kind.FLOAT, Kind.DECIMAL)

    @property
    def exact(self) -> list[str]:
        """Numbers that floats hold without error, so that comparisons of them are the same in both."""
        return [n for n in self.columns(Kind.INT, Kind.FLOAT) if n not in self.inexact and _is_binary(self.secure, n)]

    def then(self, text: str, secure: sf.SecureFrame, clear: pd.DataFrame, **changes: Any) -> Pair:
        return replace(self, secure=secure, clear=clear.reset_index(drop=True), text=f"{self.text}\n  {text}", **changes)


def _is_binary(frame: sf.SecureFrame, name: str) -> bool:
    bottom = frame.node.schema[name].type.step.denominator
    return bottom & (bottom - 1) == 0


class Statements:
    """Draws steps over a study in both tongues."""

    def __init__(self, draw: Draw, secure: Study, clear: Study) -> None:
        self.draw = draw
        self.secure = secure
        self.clear = clear

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def maybe(self, odds: int = 2) -> bool:
        return bool(self.draw(st.integers(0, odds)) == 0)

    def table(self, name: str) -> Pair:
        return Pair(getattr(self.secure, name), getattr(self.clear, name).copy(), name)

    def frame(self, most: int = 5) -> Pair:
        """A frame of up to so many steps."""
        pair = self.table(self.pick("people", "people", "visits", "stays", "extra"))
        for _ in range(self.draw(st.integers(0, most))):
            pair = self.step(pair, self.pick(*STEPS))
        return pair

    def step(self, pair: Pair, kind: str) -> Pair:
        """One more step; the same frame where the front end refuses it."""
        try:
            return getattr(self, kind)(pair)  # type: ignore[no-any-return]
        except (sf.PlanError, sf.RangeError, sf.PolicyError):
            return pair

    # -- conditions and values ---------------------------------------------------------------------------------------

    def condition(self, pair: Pair, depth: int = 1) -> tuple[str, Any, Any]:
        """A condition: how it reads, and in both tongues; in pandas it is missing wherever a value of it is."""
        d, c = pair.secure, pair.clear
        kind = self.pick("compare", "compare", "columns", "category", "isin", "truth", "date", "null", *(["both"] * 2 * depth))
        match kind:
            case "compare" if pair.exact:
                name, sign, limit = self.pick(*pair.exact), self.pick("<", ">=", "==", "!=", ">"), self.limit(pair)
                return f"{name} {sign} {limit}", _compare(d[name], sign, limit), _compare(c[name], sign, limit).astype("boolean")
            case "columns" if len(pair.exact) > 1:
                a, b, sign = self.pick(*pair.exact), self.pick(*pair.exact), self.pick("<", ">=", "==")
                return f"{a} {sign} {b}", _compare(d[a], sign, d[b]), _compare(c[a], sign, c[b]).astype("boolean")
            case "category" if pair.columns(Kind.CATEGORY):
                name = self.pick(*pair.columns(Kind.CATEGORY))
                level = self.pick(*(d.node.schema[name].type.categories or ()))
                return f"{name} == {level!r}", d[name] == level, (c[name] == level).astype("boolean").mask(c[name].isna())
            case "isin" if pair.columns(Kind.CATEGORY):
                name = self.pick(*pair.columns(Kind.CATEGORY))
                levels = list(d.node.schema[name].type.categories or ())[:2]
                return f"{name} in {levels}", d[name].isin(levels), c[name].isin(levels).astype("boolean")
            case "truth" if pair.columns(Kind.BOOL):
                name = self.pick(*pair.columns(Kind.BOOL))
                return name, d[name], c[name].astype("boolean")
            case "date" if pair.columns(Kind.DATE):
                name = self.pick(*pair.columns(Kind.DATE))
                day = pd.Timestamp("2017-06-01")
                return f"{name} < {day:%Y-%m-%d}", d[name] < day, (c[name] < day).astype("boolean").mask(c[name].isna())
            case "null":
                name = self.pick(*[n for n in d.columns if n != "id"] or ["id"])
                return f"{name}.notna()", d[name].notna(), c[name].notna().astype("boolean")
            case "both":
                left, right = self.condition(pair, depth - 1), self.condition(pair, depth - 1)
                if self.maybe():
                    return f"({left[0]} | {right[0]})", left[1] | right[1], left[2] | right[2]
                if self.maybe():
                    return f"({left[0]} & ~({right[0]}))", left[1] & ~right[1], left[2] & ~right[2]
                return f"({left[0]} & {right[0]})", left[1] & right[1], left[2] & right[2]
        return "id.notna()", d["id"].notna(), c["id"].notna().astype("boolean")

    def limit(self, pair: Pair) -> int:
        return int(self.draw(st.integers(-4, 60)))

    def value(self, pair: Pair) -> tuple[str, Any, Any, bool]:
        """A new column: how it reads, in both tongues, and whether floats hold it without error."""
        d, c = pair.secure, pair.clear
        names = pair.numbers
        kind = self.pick(*VALUES)
        if kind in ("sum", "product", "constant", "fill", "clip", "abs", "null", "quotient") and not names:
            kind = "truth"
        if kind in ("where", "cut", "whole", "rest", "round") and not pair.exact:
            kind = "truth"
        match kind:
            case "sum":
                a, b, sign = self.pick(*names), self.pick(*names), self.pick("+", "-")
                exact = a in pair.exact and b in pair.exact
                return f"{a} {sign} {b}", _compute(d[a], sign, d[b]), _compute(c[a], sign, c[b]), exact
            case "product":
                a, b = self.pick(*names), self.pick(*names)
                return f"{a} * {b}", d[a] * d[b], c[a] * c[b], a in pair.exact and b in pair.exact
            case "constant":
                a, by, sign = self.pick(*names), self.pick(2, -3, 7), self.pick("+", "-", "*")
                return f"{a} {sign} {by}", _compute(d[a], sign, by), _compute(c[a], sign, by), a in pair.exact
            case "where":
                a, b = self.pick(*pair.exact), self.pick(*pair.exact)
                text, secure, clear = self.condition(pair, 0)
                return f"where({text}, {a}, {b})", sf.where(secure, d[a], d[b]), where(clear, c[a], c[b]), True
            case "fill":
                a, by = self.pick(*names), self.pick(0, 3)
                return f"{a}.fillna({by})", d[a].fillna(by), c[a].fillna(by), a in pair.exact
            case "clip":
                a = self.pick(*names)
                return f"{a}.clip(-2, 30)", d[a].clip(-2, 30), c[a].clip(-2, 30), a in pair.exact
            case "abs":
                a = self.pick(*names)
                return f"{a}.abs()", d[a].abs(), c[a].abs(), a in pair.exact
            case "null":
                a = self.pick(*names)
                text, secure, clear = self.condition(pair, 0)
                kept = clear.fillna(False).astype(bool)
                return f"{a}.where({text})", d[a].where(secure), c[a].where(kept), a in pair.exact
            case "quotient":
                a = self.pick(*names)
                made = d[a] / 4
                step = float(made._field.type.step)
                exact = pair.secure.node.schema[a].type.step.denominator
                rounded = _on_grid(c[a] / 4, step)
                return f"{a} / 4", made, rounded, exact & (exact - 1) == 0 and a in pair.exact
            case "cut":
                a, edges = self.pick(*pair.exact), [-30, 0, 20, 45, 120]
                options: dict[str, Any] = {"right": self.maybe(), "labels": ["p", "q", "r", "s"]}
                return f"cut({a})", sf.cut(d[a], edges, **options), cut(c[a], edges, **options), True
            case "whole":
                a, by = self.pick(*pair.exact), self.pick(7, -4)
                return f"{a} // {by}", d[a] // by, c[a] // by, True
            case "rest":
                a, by = self.pick(*pair.exact), self.pick(7, -4)
                return f"{a} % {by}", d[a] % by, c[a] % by, True
            case "round":
                a = self.pick(*pair.exact)
                return f"{a}.round()", d[a].round(), c[a].astype("Float64").round(), True
            case "month" if pair.columns(Kind.DATE):
                a = self.pick(*pair.columns(Kind.DATE))
                return f"{a}.dt.month", d[a].dt.month, c[a].dt.month.astype("Int64"), True
            case "days" if len(pair.columns(Kind.DATE)) > 1:
                a, b = self.pick(*pair.columns(Kind.DATE)), self.pick(*pair.columns(Kind.DATE))
                return f"{a} - {b}", d[a] - d[b], (c[a] - c[b]).dt.days.astype("Int64"), True
        text, secure, clear = self.condition(pair, 0)
        return text, secure, clear, True

    # -- steps -------------------------------------------------------------------------------------------------------

    def filter(self, pair: Pair) -> Pair:
        text, secure, clear = self.condition(pair)
        return pair.then(f"[{text}]", pair.secure[secure], pair.clear[clear.fillna(False).astype(bool)])

    def assign(self, pair: Pair) -> Pair:
        text, secure, clear, exact = self.value(pair)
        name = f"made_{len(pair.secure.columns)}"
        inexact = pair.inexact if exact else pair.inexact | {name}
        return pair.then(
            f".assign({name}={text})", pair.secure.assign(**{name: secure}), pair.clear.assign(**{name: clear}), inexact=inexact
        )

    def choose(self, pair: Pair) -> Pair:
        others = [n for n in pair.secure.columns if n != "id"]
        kept = ["id", *self.draw(st.lists(st.sampled_from(others), min_size=1, max_size=6, unique=True))] if others else ["id"]
        return pair.then(f"[{kept}]", pair.secure[kept], pair.clear[kept])

    def merge(self, pair: Pair) -> Pair:
        """A merge on the person key with a frame that has one row a person, on either side."""
        if "id" not in pair.secure.columns:
            return pair
        other = self.single()
        how = self.pick(*HOWS)
        left, right = (pair, other) if self.maybe(1) else (other, pair)
        secure = left.secure.merge(right.secure, on="id", how=how)
        clear = left.clear.merge(right.clear, on="id", how=how)
        text = f"merge({left.text.splitlines()[0]} ..., {right.text!r}, how={how})"
        return pair.then(text, secure, clear, ordered=False, inexact=_suffixed(left, right))

    def single(self) -> Pair:
        """A frame with one row a person, other than the one at hand."""
        pair = self.table(self.pick("people", "extra", "visits", "stays"))
        if self.maybe():
            pair = self.step(pair, "filter")
        if pair.secure.node.rows_per_person > 1:
            pair = self.group(pair)
        return self.step(pair, "assign") if self.maybe() else pair

    def concat(self, pair: Pair) -> Pair:
        """Rows of the frame and of another one, or of two parts of itself that may overlap."""
        if self.maybe():
            other = self.step(self.table(self.pick("extra", "people", "visits")), "filter")
        else:
            other = self.step(pair, "filter")
        join = self.pick("outer", "outer", "inner")
        secure = sf.concat([pair.secure, other.secure], join=join)
        clear = _stacked(pair.clear, other.clear, join, secure)
        text = f"concat(..., {other.text.splitlines()[0]}{''.join(other.text.splitlines()[1:])[-60:]}, join={join})"
        return pair.then(text, secure, clear, ordered=pair.ordered and other.ordered, inexact=pair.inexact | other.inexact)

    def group(self, pair: Pair) -> Pair:
        """One row a person."""
        asked: dict[str, tuple[str, str]] = {}
        for i in range(self.draw(st.integers(1, 3))):
            how = self.pick(*REDUCTIONS)
            if how in ("first", "last") and not pair.ordered:
                how = "count"
            names = pair.columns(Kind.BOOL) if how == "any" else pair.exact
            if how == "nunique":
                names = pair.columns(Kind.CATEGORY, Kind.BOOL)
            if names:
                asked[f"g{i}_{how}"] = (self.pick(*names), how)
        asked = asked or {"g_rows": ("id", "count")}
        secure = pair.secure.groupby("id").agg(**asked)
        grouped = pair.clear.groupby("id")
        columns = {}
        for name, (column, how) in asked.items():
            found = grouped[column].agg(how)
            if how == "any":
                found = grouped[column].agg(lambda s: bool(s.fillna(False).any())).astype("boolean")
            if how == "mean":
                found = _on_grid(found, float(secure.node.schema[name].type.step))
            columns[name] = found
        clear = pd.DataFrame(columns).reset_index()
        return pair.then(f".groupby('id').agg({asked})", secure, clear, ordered=False, inexact=frozenset())

    def distinct(self, pair: Pair) -> Pair:
        names = [n for n in [*pair.columns(Kind.CATEGORY, Kind.BOOL), *pair.columns(Kind.INT)] if n not in pair.inexact]
        others = self.draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []
        subset = ["id", *others] if self.maybe(3) is False or not others else others
        secure, clear = pair.secure.drop_duplicates(subset=subset), pair.clear.drop_duplicates(subset=subset)
        if not pair.ordered or "id" not in subset:  # owners hold the rows of a person in their order, but not the persons
            secure, clear = secure[subset], clear[subset]
        return pair.then(f".drop_duplicates({subset})", secure, clear)

    # -- the release -------------------------------------------------------------------------------------------------

    def asked(self, pair: Pair) -> tuple[str, Callable[[Any], Any]]:
        """A release of the frame: statistics of some columns, by up to one key."""
        numbers = self.draw(st.lists(st.sampled_from(pair.numbers), max_size=2, unique=True)) if pair.numbers else []
        others = [n for n in pair.secure.columns if n != "id"] or ["id"]
        counted = self.draw(st.lists(st.sampled_from(others), min_size=1, max_size=3, unique=True))
        small = [
            n for n in pair.columns(Kind.CATEGORY, Kind.BOOL)
            if len(pair.secure.node.schema[n].type.levels or ()) <= 6 and n not in counted + numbers
        ]  # fmt: skip
        by = self.pick(None, *small)
        kinds = self.draw(st.lists(st.sampled_from(["sum", "mean", "std", "var"]), min_size=1, max_size=2, unique=True))

        def release(frame: Any) -> Any:
            if isinstance(frame, pd.DataFrame) and by is not None and str(frame[by].dtype) == "boolean":
                frame = frame.assign(**{by: pd.Categorical(frame[by].astype(object), categories=[False, True])})
            source = frame if by is None else frame.groupby(by, observed=False)
            found: dict[str, Any] = {"count": source[counted].count()}
            if numbers:
                found["numbers"] = source[numbers].agg(kinds)
            if by is not None:
                found["size"] = source.size()
            return found

        return f"groupby({by}): count {counted}, {kinds} {numbers}", release


def _compare(a: Any, sign: str, b: Any) -> Any:
    return {"<": a.__lt__, ">": a.__gt__, ">=": a.__ge__, "==": a.__eq__, "!=": a.__ne__}[sign](b)


def _compute(a: Any, sign: str, b: Any) -> Any:
    return {"+": a.__add__, "-": a.__sub__, "*": a.__mul__}[sign](b)


def _on_grid(column: pd.Series, step: float) -> pd.Series:
    """Rounded half to even onto a grid, exactly."""
    grid = Fraction(step)
    values = [None if pd.isna(v) else float(round(Fraction(v).limit_denominator(10**9) / grid) * grid) for v in column]
    return pd.Series(pd.array(values, dtype="Float64"), index=column.index, name=column.name)


def _suffixed(left: Pair, right: Pair) -> frozenset[str]:
    """Every spelling that an inexact column may have after a merge."""
    names = left.inexact | right.inexact
    return frozenset(f"{name}{end}" for name in names for end in ("", "_x", "_y"))


def _stacked(a: pd.DataFrame, b: pd.DataFrame, join: str, secure: sf.SecureFrame) -> pd.DataFrame:
    """Rows one after the other, in the types that the columns have in common."""
    dtypes = dict(zip(secure.columns, secure.dtypes, strict=True))
    parts = []
    for frame in (a, b):
        held = frame.reindex(columns=list(dtypes))
        parts.append(held.astype(dict.fromkeys(held.columns, object)))
    rows = pd.concat(parts, ignore_index=True)
    return pd.DataFrame({n: _typed(rows[n], t) for n, t in dtypes.items()})


def _typed(column: pd.Series, dtype: Any) -> pd.Series:
    values = column.where(column.notna(), None)
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Series(pd.Categorical(values, dtype=dtype))
    if str(dtype).startswith("datetime"):
        return pd.Series(pd.to_datetime(values)).astype("datetime64[s]")
    if str(dtype) == "Float64":
        return pd.Series(pd.array([None if v is None else float(v) for v in values], dtype="Float64"))
    return pd.Series(pd.array(list(values), dtype=dtype))
