"""Random frames over three institutions, and random expressions over their columns."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from secureframe.errors import SecureFrameError
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan import operations as o
from secureframe.plan.combining import Merge
from secureframe.plan.statistics import STATISTICS
from secureframe.schema.table import Schema
from secureframe.schema.types import Kind, number_type
from tests.planner.study import FIRST_DAY, LEVELS, Study

Draw = Callable[[st.SearchStrategy[Any]], Any]
CUTOFF = e.Parameter("cutoff", number_type(-4, 40, Fraction(1, 2), False))


def accepted(expr: e.Expr, schema: Schema) -> bool:
    """Whether an expression has a type."""
    try:
        e.infer(expr, schema)
    except SecureFrameError:
        return False
    return True


class Expressions:
    """Draws expressions over a schema; every one of them has a type."""

    def __init__(self, draw: Draw, schema: Schema, *, parameters: bool = True) -> None:
        self.draw = draw
        self.schema = schema
        self.parameters = parameters
        self.by_kind: dict[str, list[str]] = {"number": [], "truth": [], "word": [], "day": []}
        for name, field in schema.items():
            kind = field.type.kind
            if kind is Kind.BOOL:
                self.by_kind["truth"].append(name)
            elif kind is Kind.CATEGORY and field.type.categories == LEVELS:
                self.by_kind["word"].append(name)
            elif kind is Kind.DATE:
                self.by_kind["day"].append(name)
            elif field.type.is_numeric:
                self.by_kind["number"].append(name)

    def _pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def _column(self, kind: str) -> e.Expr:
        return e.ColumnRef(self.draw(st.sampled_from(self.by_kind[kind])))

    def _constant(self) -> e.Expr:
        if self.parameters and self.draw(st.integers(0, 4)) == 0:
            return CUTOFF
        return e.Literal(self._pick(-3, 0, 1, 2, 7, 45, Fraction(1, 2), Fraction(53, 4), 1000))

    def number(self, depth: int) -> e.Expr:
        if depth == 0:
            return self._column("number")
        kind = self._pick(
            "column", "sum", "sum", "product", "where", "fill", "clip", "truth", "days", "constant", "whole", "map", "part"
        )  # fmt: skip
        match kind:
            case "whole":
                divisor = self._pick(e.Literal(self._pick(2, 7, -3, Fraction(1, 2))), e.Clip(self.number(0), Fraction(1), None))
                return self._pick(o.FloorDivide, o.Modulo)(self.number(depth - 1), divisor)
            case "map":
                return self._map(depth - 1, (3, Fraction(-1, 2), None))
            case "part":
                return o.DatePart(self.day(depth - 1), self._pick("year", "month", "day", "quarter", "dayofweek", "dayofyear"))
            case "sum":
                return e.Binary(self._pick("+", "-"), self.number(depth - 1), self._operand(depth - 1))
            case "product":
                return e.Binary("*", self.number(depth - 1), self._operand(depth - 1))
            case "where":
                branches = [self._operand(depth - 1), self._operand(depth - 1), e.Literal(None)]
                then, otherwise = self._pick((0, 1), (0, 2), (2, 1))
                return e.Where(self.truth(depth - 1), branches[then], branches[otherwise])
            case "fill":
                return e.FillNull(self.number(depth - 1), self._constant())
            case "clip":
                low, high = sorted(self.draw(st.lists(st.integers(-6, 60), min_size=2, max_size=2)))
                ends = self._pick((low, high), (low, None), (None, high))
                return e.Clip(self.number(depth - 1), *(None if x is None else Fraction(x, 2) for x in ends))
            case "truth":
                return e.Binary("+", self.truth(depth - 1), self.truth(depth - 1))
            case "days":
                return e.Binary("-", self.day(depth - 1), self.day(depth - 1))
            case "constant":
                return e.Binary("+", self._constant(), self.number(depth - 1))
            case _:
                return self._column("number")

    def _operand(self, depth: int) -> e.Expr:
        return self.number(depth) if self.draw(st.booleans()) else self._constant()

    def quotient(self, depth: int) -> e.Expr:
        """A number that is rounded onto a grid."""
        inner = self.number(depth)
        step = self._pick(Fraction(1, 4), Fraction(1, 10), Fraction(2))
        if self.draw(st.booleans()):
            return e.Quantise(inner, step)
        return e.Divide(inner, e.Clip(self.number(0), Fraction(1), None), step)

    def day(self, depth: int) -> e.Expr:
        literal = e.Literal(FIRST_DAY + datetime.timedelta(days=self.draw(st.integers(-2, 33))))
        if depth == 0 or not self.draw(st.booleans()):
            return self._column("day") if self.draw(st.integers(0, 3)) else literal
        if self.draw(st.booleans()):
            return e.FillNull(self._column("day"), literal)
        if self.draw(st.booleans()):
            moved = e.Binary(self._pick("+", "-"), self._column("day"), o.FloorDivide(self.number(0), e.Literal(2)))
            return moved if accepted(moved, self.schema) else literal
        return e.Where(self.truth(depth - 1), self._column("day"), self._pick(self._column("day"), e.Literal(None), literal))

    def _map(self, depth: int, values: tuple[Any, ...]) -> e.Expr:
        """A map of words, numbers or truth values; some have no entry."""
        if self.draw(st.booleans()):
            return o.MapValues(self.word(depth), LEVELS, self._pick(values, values[::-1]))
        if self.draw(st.booleans()):
            return o.MapValues(self.number(depth), (-1, 0, Fraction(3, 2), 5)[: len(values)], values)
        return o.MapValues(self.truth(depth), (True, False), values[:2])

    def word(self, depth: int) -> e.Expr:
        kind = "column" if depth == 0 else self._pick("column", "cut", "cut", "where", "fill", "map")
        match kind:
            case "map":
                # Every level is named, so that the domain is the one of all words.
                return o.MapValues(self.word(depth - 1), LEVELS[::-1], LEVELS)
            case "cut":
                edges = sorted(self.draw(st.sets(st.integers(-8, 50), min_size=4, max_size=4)))
                right, lowest = self.draw(st.booleans()), self.draw(st.booleans())
                return e.Cut(self.number(depth - 1), tuple(Fraction(x, 2) for x in edges), LEVELS, right, lowest)
            case "where":
                otherwise = self._pick(e.Literal(None), self.word(depth - 1))
                return e.Where(self.truth(depth - 1), self.word(depth - 1), otherwise)
            case "fill":
                return e.FillNull(self.word(depth - 1), e.Literal(self._pick(*LEVELS)))
            case _:
                return self._column("word")

    def truth(self, depth: int) -> e.Expr:
        if depth == 0:
            return self._column("truth")
        kinds = ("column", "compare", "compare", "dates", "words", "logic", "logic", "not", "null", "in", "fill", "choice", "map")
        kind = self._pick(*kinds)
        match kind:
            case "map":
                return self._map(depth - 1, (True, None, False))
            case "compare":
                operator = self._pick(*e.COMPARISONS)
                sides = (self.number(depth - 1), self._operand(depth - 1))
                return e.Binary(operator, *self._pick(sides, sides[::-1]))
            case "dates":
                return e.Binary(self._pick(*e.COMPARISONS), self.day(depth - 1), self.day(depth - 1))
            case "words":
                return e.Binary(
                    self._pick("==", "!="), self.word(depth - 1), self._pick(self.word(depth - 1), e.Literal(self._pick(*LEVELS)))
                )
            case "logic":
                return e.Binary(self._pick("&", "|"), self.truth(depth - 1), self._condition(depth - 1))
            case "not":
                return e.Not(self.truth(depth - 1))
            case "null":
                return e.IsNull(self._pick(self.truth, self.number, self.word, self.day)(depth - 1))
            case "in":
                if self.draw(st.booleans()):
                    values = self.draw(st.lists(st.sampled_from([0, 1, 20, -2.5]), max_size=3))
                    return e.IsIn(self.number(depth - 1), tuple(values))
                return e.IsIn(self.word(depth - 1), tuple(self.draw(st.lists(st.sampled_from(LEVELS), max_size=2))))
            case "fill":
                return e.FillNull(self.truth(depth - 1), e.Literal(self.draw(st.booleans())))
            case "choice":
                return self._checked(e.Where(self.truth(depth - 1), self._branch(depth - 1), self._branch(depth - 1)))
            case _:
                return self._column("truth")

    def _condition(self, depth: int) -> e.Expr:
        return self.truth(depth) if self.draw(st.integers(0, 5)) else e.Literal(self.draw(st.booleans()))

    def _branch(self, depth: int) -> e.Expr:
        return self.truth(depth) if self.draw(st.integers(0, 3)) else e.Literal(self._pick(True, False, None))

    def _checked(self, expr: e.Expr) -> e.Expr:
        """A where whose branches are both missing has no type: a column in its place."""
        return expr if accepted(expr, self.schema) else self._column("truth")

    def any(self, depth: int) -> e.Expr:
        return self._pick(self.number, self.truth, self.truth, self.word, self.day)(depth)


class Frames:
    """Draws frames over the tables of a study."""

    def __init__(self, draw: Draw, study: Study) -> None:
        self.draw = draw
        self.study = study

    def _maybe(self, odds: int = 2) -> bool:
        return bool(self.draw(st.integers(0, odds)) == 0)

    def step(self, node: n.Node, depth: int = 1) -> n.Node:
        """The same frame filtered, with a further column, or as it is."""
        draw = Expressions(self.draw, node.schema)
        if self._maybe():
            node = n.Filter(node, draw.truth(depth))
        if self._maybe():
            kept = tuple((name, e.ColumnRef(name)) for name in node.schema)
            name = f"made_{len(kept)}"
            expr = draw.quotient(depth) if self._maybe(3) else draw.any(depth)
            node = n.Project(node, (*kept, (name, expr)))
        return node

    def reduced(self) -> n.Node:
        """Visits, one row a person."""
        visits: n.Node = self.step(self.study.table("labor.visits"))
        if self._maybe(1):
            visits = n.SortRows(visits, ("day",), self.draw(st.booleans()))
        hows = self.draw(st.lists(st.sampled_from(n.HOWS[:-1]), min_size=1, max_size=3, unique=True))
        reductions = [n.Aggregation(name=f"value_{how}", column="value", how=how) for how in hows]
        end = self.draw(st.sampled_from(["first", "last"]))
        others = (("any_high", "high", "any"), ("site", "site", end), ("day", "booked", "min"))
        reductions += [n.Aggregation(name=name, column=column, how=how) for name, column, how in others]
        return n.GroupPersons(visits, "id", tuple(reductions))

    def merged(self) -> Merge:
        """A frame over two or three institutions."""
        people = self.step(self.study.table("clinic.people"))
        labor = self.reduced() if self._maybe(3) else self.step(self.study.table("labor.scores"))
        events = self.step(self.study.table("register.events"))
        first, second = self.draw(st.permutations([labor, events]))
        how = [self.draw(st.sampled_from(("inner", "left"))) for _ in range(2)]
        key = self.draw(st.sampled_from(["id", "id", "case_id"]))
        suffixes = ("_l", "_r")
        if self._maybe(3):
            inner = self.step(Merge(first, second, ("id",), ("id",), how[0], suffixes))
            return Merge(people, inner, (key,), ("id",), how[1], ("_p", "_q"))
        left = self.step(Merge(people, first, (key,), ("id",), how[0], suffixes))
        key = next((name for name in ("id", "id_l") if name in left.schema), "id") if key == "id" else key
        return Merge(left, second, (key,), ("id",), how[1], ("_p", "_q"))


def asked(draw: Draw, frame: n.Node) -> n.Summarise:
    """A release of a frame: up to two keys, several statistics."""
    fields = {name: f.type for name, f in frame.schema.items() if name != frame.person_key and f.type.kind is not Kind.KEY}
    keys = [name for name, t in fields.items() if t.levels is not None and len(t.levels) <= 16]
    numbers = [name for name, t in fields.items() if t.is_numeric and t.width < 30]
    ordered = [name for name, t in fields.items() if t.is_ordered and t.width < 30]
    statistics = [n.Statistic(kind="size")]
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from((*STATISTICS[1:], "quantile")))
        match kind:
            case "count":
                columns = (draw(st.sampled_from(sorted(fields))),)
            case "quantile":
                columns = (draw(st.sampled_from(ordered)),)
            case "corr" | "cov":
                columns = (draw(st.sampled_from(numbers)), draw(st.sampled_from(numbers)))
            case _:
                columns = (draw(st.sampled_from(numbers)),)
        q = draw(st.sampled_from(n.QUANTILES)) if kind == "quantile" else None
        statistics.append(n.Statistic(kind=kind, columns=columns, q=q))
    by = draw(st.lists(st.sampled_from(keys), max_size=2, unique=True)) if keys else []
    return n.Summarise(frame, tuple(by), tuple(dict.fromkeys(statistics)))
