"""A session that computes releases in plain pandas from pooled rows, with a threshold: for testing what analysts type."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import pandas as pd

from secureframe.disclosure.policy import Policy, preset
from secureframe.display import Explanation
from secureframe.pending import NOTHING, About
from secureframe.plan import expressions as e
from secureframe.plan import nodes as n
from secureframe.plan import operations as o
from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.plan.envelope import check_parameters
from secureframe.results.released import SUPPRESSED, ReleasedTable
from secureframe.schema.types import Scalar

THRESHOLD = 10
OPERATORS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
}


class PooledSession:
    """Runs releases on pooled frames and remembers every job."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self.tables = tables
        self.jobs: list[tuple[n.Summarise, ...]] = []
        self.about: list[About] = []
        self.parameters: dict[str, Scalar] = {}

    def run(
        self, nodes: Sequence[n.Summarise], parameters: Mapping[str, Scalar], *, about: About = NOTHING
    ) -> list[ReleasedTable]:
        check_parameters(nodes, parameters)
        self.jobs.append(tuple(nodes))
        self.about.append(about)
        self.parameters = dict(parameters)
        return [self.summarise(node) for node in nodes]

    async def run_async(
        self, nodes: Sequence[n.Summarise], parameters: Mapping[str, Scalar], *, about: About = NOTHING
    ) -> list[ReleasedTable]:
        return self.run(nodes, parameters, about=about)

    def explain(self, nodes: Sequence[n.Summarise], parameters: Mapping[str, Scalar] | None = None) -> str:
        check_parameters(nodes, parameters or {})
        return f"{len(nodes)} releases"

    def policies(self, owners: Iterable[str]) -> dict[str, Policy]:
        return {owner: preset("open-research") for owner in sorted(owners)}

    def explain_frame(self, node: n.Node) -> Explanation:
        return Explanation(f"frame of {', '.join(sorted(node.owners))}", "")

    # -- frames ------------------------------------------------------------------------------------------------------

    def frame(self, node: n.Node) -> pd.DataFrame:
        match node:
            case n.Table(table=table):
                rows = self.tables[table.name].copy()
                rows["__person"] = rows[table.person_key]
                return rows
            case n.Project(frame=below, columns=columns):
                rows = self.frame(below)
                made = {name: self.value(expr, rows) for name, expr in columns}
                return pd.DataFrame({"__person": rows["__person"], **made}, index=rows.index)
            case n.Filter(frame=below, predicate=predicate):
                rows = self.frame(below)
                return rows[self.value(predicate, rows).fillna(False)]
            case n.SortRows(frame=below, by=by, ascending=ascending):
                return self.frame(below).sort_values(list(by), ascending=ascending, kind="stable")
            case n.GroupPersons(frame=below, key=key, aggregations=aggregations):
                rows = self.frame(below)
                made = {}
                for a in aggregations:
                    column = rows.groupby(key)[a.column].agg(a.how)
                    if a.how == "mean":
                        step = node.schema[a.name].type.step
                        column = column.map(lambda x, g=step: float(round(Fraction(x) / g) * g), na_action="ignore").astype(
                            "Float64"
                        )
                    made[a.name] = column
                reduced = pd.DataFrame(made).reset_index()
                reduced["__person"] = reduced[key]
                return reduced
            case Merge(left=left, right=right, left_on=a, right_on=b, how=how, suffixes=suffixes):
                rows = self.frame(right).drop(columns="__person").dropna(subset=list(b))
                if how == "left_anti":
                    rows = rows[list(b)].drop_duplicates()
                    found = self.frame(left).merge(rows, left_on=list(a), right_on=list(b), how="left", indicator="__found")
                    return found[found["__found"] == "left_only"][["__person", *left.schema]]
                return self.frame(left).merge(rows, left_on=list(a), right_on=list(b), how=how, suffixes=suffixes)
            case Concat(frames=frames):
                return pd.concat([self.frame(f) for f in frames], ignore_index=True)
            case Distinct(frame=below, subset=subset, keep=keep):
                return self.frame(below).drop_duplicates(list(subset), keep=False if keep == "none" else keep)
        raise TypeError(node)

    def value(self, expr: e.Expr, rows: pd.DataFrame) -> Any:
        def column(x: e.Expr) -> Any:
            return self.value(x, rows)

        match expr:
            case e.ColumnRef(name):
                return rows[name]
            case e.Literal(v):
                return plain(v)
            case e.Parameter(name, _):
                return plain(self.parameters[name])
            case e.Binary(operator, left, right):
                a, b = column(left), column(right)
                a, b = (pd.Timestamp(x) if isinstance(x, datetime.date) else x for x in (a, b))
                return nullable(OPERATORS[operator](a, b))
            case e.Divide(left, right, step):
                return (column(left) / column(right) / float(step)).round() * float(step)
            case e.Not(x):
                return ~column(x)
            case e.IsNull(x):
                return column(x).isna().astype("boolean")
            case e.FillNull(x, v):
                return column(x).fillna(column(v))
            case e.IsIn(x, values):
                return column(x).isin([plain(v) for v in values]).astype("boolean")
            case e.Clip(x, low, high):
                return column(x).clip(None if low is None else plain(low), None if high is None else plain(high))
            case e.Where(c, a, b):
                condition = column(c).fillna(False)
                then, other = (v if hasattr(v, "where") else pd.Series(v, index=rows.index) for v in (column(a), column(b)))
                return then.astype(object).where(condition, other.astype(object)).convert_dtypes()
            case e.Cut(x, edges, labels, right, include_lowest):
                numbers = column(x).astype("Float64").to_numpy(dtype=float, na_value=math.nan)
                cut = pd.cut(numbers, [float(v) for v in edges], right=right, labels=list(labels), include_lowest=include_lowest)
                return pd.Series(cut, index=rows.index)
            case e.Quantise(x, step):
                return (column(x) / float(step)).round() * float(step)
            case o.FloorDivide(left, right):
                return column(left) // column(right)
            case o.Modulo(left, right):
                return column(left) % column(right)
            case o.MapValues(x, keys, values):
                return column(x).map(dict(zip(map(plain, keys), map(plain, values), strict=True)))
            case o.DatePart(x, part):
                dates = column(x).dt
                return dates.to_period(part[7:-1]).astype("string") if part.startswith("period") else getattr(dates, part)
            case o.Text(x, how, arguments):
                options = {"regex": False} if how == "contains" else {}
                return getattr(column(x).str, how)(*arguments, **options)
        raise TypeError(expr)

    # -- releases ----------------------------------------------------------------------------------------------------

    def summarise(self, node: n.Summarise) -> ReleasedTable:
        rows = self.frame(node.frame)
        cells: list[pd.DataFrame] = []
        for i in range(node.cells):
            selected = []
            for name, levels in reversed(list(zip(node.by, node.levels, strict=True))):
                i, at = divmod(i, len(levels))
                selected.append((rows[name] == levels[at]).fillna(False).astype(bool))
            cells.append(rows[reduce(lambda a, b: a & b, selected)] if selected else rows)
        values = tuple(tuple(self.statistic(s, cell) for cell in cells) for s in node.statistics)
        record = {"plan": "0123456789abcdef", "policy": "open-research", "threshold": THRESHOLD, "rounding": "none"}
        return ReleasedTable(node=node, values=values, release=record)

    def statistic(self, s: n.Statistic, rows: pd.DataFrame) -> Any:
        present = rows.dropna(subset=list(s.columns)) if s.columns else rows
        persons = present["__person"].nunique()
        if persons < THRESHOLD and (persons or s.kind not in ("size", "count")):
            return SUPPRESSED
        if s.kind in ("size", "count"):
            return len(present)
        if s.kind in ("corr", "cov"):
            a, b = (present[c].astype(float) for c in s.columns)
            return none(getattr(a, s.kind)(b))
        column = present[s.columns[0]]
        if s.kind == "quantile":
            ranked = column.sort_values().reset_index(drop=True)
            found = ranked[math.floor(s.q * (len(ranked) - 1))]
            return found.date() if isinstance(found, pd.Timestamp) else plain(found)
        return none(plain(getattr(column.astype("Int64") if column.dtype == "boolean" else column, s.kind)()))


def plain(value: Any) -> Any:
    """A plain Python value."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value.item() if hasattr(value, "item") else value


def none(value: Any) -> Any:
    return None if value is pd.NA or value != value else value


def nullable(value: Any) -> Any:
    if str(getattr(value, "dtype", "")) == "bool":
        return value.astype("boolean")
    if str(getattr(value, "dtype", "")).startswith("timedelta"):
        return value.dt.days.astype("Int64")
    return value
