"""Frames as plans: immutable nodes, each checked when it is built, each with the schema of the frame it stands for.

Eight nodes carry every frame: a table, a projection (select, assign, rename and drop are all of them projections), a
filter, an order, a reduction to one row a person, and in ``combining.py`` a merge, rows stacked, and rows without duplicates.
One node, ``Summarise``, carries every number out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from secureframe.errors import DisclosureError, PlanError, PolicyError
from secureframe.plan.expressions import ColumnRef, Expr, Widen, column_names, infer, show, walk
from secureframe.plan.statistics import KINDS, MAX_TOGETHER, MOMENTS, STATISTICS
from secureframe.schema.table import Field, Schema, TableSchema, Use
from secureframe.schema.types import ColumnType, Kind, number_type, quotient_step

HOWS = ("count", "sum", "mean", "min", "max", "first", "last", "any")
QUANTILES = tuple(Fraction(q, 100) for q in (5, 10, 25, 50, 75, 90, 95))
MAX_CELLS = 1000
MAX_EXPANDED = 2_000
"""Longest definition of a column, written out over the columns of tables and reductions; longer ones are refused."""
PREDICATE = "__predicate_"
"""Names that the disclosure rules give to columns of their own begin so; all others that begin with ``__`` are refused."""


@dataclass(frozen=True, eq=True)
class Node:
    """Base of the nodes that stand for frames."""

    @cached_property
    def schema(self) -> Schema:
        """The columns of the frame, in order."""
        raise NotImplementedError

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The frames it is made of."""
        return ()

    @cached_property
    def owners(self) -> frozenset[str]:
        """Institutions whose tables it reads."""
        return frozenset().union(*(n.owners for n in self.inputs))

    @property
    def base(self) -> Table:
        """The one table whose rows (or persons) the rows of this frame are."""
        (base,) = self.bases
        return base

    @property
    def bases(self) -> tuple[Table, ...]:
        """The tables whose rows (or persons) the rows of this frame are; several where frames are stacked."""
        return self.inputs[0].bases

    @cached_property
    def branches(self) -> tuple[Node, ...]:
        """Frames whose rows, one after the other, are the rows of this one; the frame itself where it is no stack.

        Whatever treats rows one by one, or a person's rows together where nobody is in two of the frames, is pushed below a
        stack, so that each institution can do its own part in the clear.
        """
        if len(self.owners) == 1 or len(self.inputs) != 1:
            return (self,)
        return tuple(self.over(b) for b in self.inputs[0].branches)

    def over(self, frame: Node) -> Node:
        """The same step over another frame."""
        return replace(self, frame=frame)  # type: ignore[call-arg]

    @property
    def apart(self) -> bool:
        """Whether the rows of a person lie one after the other: an owner tells its own persons apart."""
        return self.rows_per_person == 1 or len(self.owners) == 1 or self.inputs[0].apart

    @property
    def stacks(self) -> bool:
        """Whether the rows are those of several frames."""
        return False

    @property
    def person_key(self) -> str | None:
        """The column that says who a row is about, if it still has that name here."""
        return self.inputs[0].person_key

    @property
    def rows_per_person(self) -> int:
        """Most rows a person may have."""
        return self.inputs[0].rows_per_person

    @property
    def length(self) -> int:
        """Public, padded number of rows."""
        return self.inputs[0].length

    @cached_property
    def unique(self) -> frozenset[str]:
        """Columns in which no two rows agree."""
        return self.inputs[0].unique

    @cached_property
    def expanded(self) -> Mapping[str, int]:
        """Length of the definitions of columns, written out over tables and reductions; 1 for those not named."""
        return self.inputs[0].expanded


def require_names(names: Iterable[str]) -> None:
    """Refuse names of columns that are empty, not plain ASCII (look-alikes), or reserved."""
    for name in names:
        if not name or not name.isascii() or not name.isprintable():
            raise PlanError(f"{name!r} is no name for a column", hint="letters, digits, blanks and signs of plain ASCII")
        if name.startswith("__") and not name.startswith(PREDICATE):
            raise PlanError(f"{name!r} is a reserved name", hint="a name that does not begin with two underscores")


def expanded_size(expr: Expr, frame: Node) -> int:
    """Return the length of an expression, written out over tables and reductions.

    Raises
    ------
    PlanError
        If it is too long to be compiled: a few steps that each double a definition already are.
    """
    size = sum(frame.expanded.get(e.name, 1) if isinstance(e, ColumnRef) else 1 for e in walk(expr))
    if size > MAX_EXPANDED:
        raise PlanError("a column's definition is too long when it is written out", hint="fewer steps that use a column twice")
    return size


@dataclass(frozen=True, eq=True)
class Table(Node):
    """A table of one institution."""

    table: TableSchema

    @cached_property
    def schema(self) -> Schema:
        return {
            c.name: Field(
                type=c.type,
                uses=c.uses,
                owners=frozenset({self.table.owner}),
                sensitive=c.sensitive,
                magnitude=c.magnitude,
            )
            for c in self.table.columns
        }

    @cached_property
    def owners(self) -> frozenset[str]:
        return frozenset({self.table.owner})

    @property
    def bases(self) -> tuple[Table, ...]:
        return (self,)

    @cached_property
    def expanded(self) -> Mapping[str, int]:
        return {}

    @property
    def person_key(self) -> str | None:
        return self.table.person_key

    @property
    def rows_per_person(self) -> int:
        return self.table.rows_per_person

    @property
    def length(self) -> int:
        return self.table.rows

    @cached_property
    def unique(self) -> frozenset[str]:
        names = {c.name for c in self.table.columns if c.unique}
        return frozenset(names | ({self.table.person_key} if self.table.rows_per_person == 1 else set()))


@dataclass(frozen=True, eq=True)
class Project(Node):
    """The columns of a frame, each defined by an expression over the columns of another."""

    frame: Node
    columns: tuple[tuple[str, Expr], ...]

    def __post_init__(self) -> None:
        if not self.columns:
            raise PlanError("a frame needs at least one column")
        names = [name for name, _ in self.columns]
        if len(set(names)) != len(names):
            raise PlanError("two columns have one name", hint="rename one of them")
        require_names(names)
        _ = self.schema, self.expanded

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.frame,)

    @cached_property
    def schema(self) -> Schema:
        return {name: infer(expr, self.frame.schema) for name, expr in self.columns}

    @cached_property
    def expanded(self) -> Mapping[str, int]:
        return {name: expanded_size(expr, self.frame) for name, expr in self.columns}

    @property
    def definitions(self) -> dict[str, Expr]:
        return dict(self.columns)

    def _renamed(self, name: str | None) -> str | None:
        for new, expr in self.columns:
            if name is not None and passed_on(expr) == name:
                return new
        return None

    @property
    def person_key(self) -> str | None:
        return self._renamed(self.frame.person_key)

    @cached_property
    def unique(self) -> frozenset[str]:
        return frozenset(new for new, e in self.columns if passed_on(e) in self.frame.unique)


def passed_on(expr: Expr) -> str | None:
    """The column whose values an expression gives as they are, if it does."""
    if isinstance(expr, Widen):
        return passed_on(expr.operand)
    return expr.name if isinstance(expr, ColumnRef) else None


@dataclass(frozen=True, eq=True)
class Filter(Node):
    """The rows where a condition is true; rows where it is missing are dropped."""

    frame: Node
    predicate: Expr

    def __post_init__(self) -> None:
        found = infer(self.predicate, self.frame.schema)
        if found.type.kind is not Kind.BOOL:
            raise PlanError(f"{show(self.predicate)} is no condition", hint="compare it: df[df['x'] == 1]")
        require_use(found, Use.FILTER, self.predicate, self.frame.schema)
        expanded_size(self.predicate, self.frame)

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.frame,)

    @cached_property
    def schema(self) -> Schema:
        return self.frame.schema


@dataclass(frozen=True, eq=True)
class SortRows(Node):
    """Rows in a stated order, for ``first`` and ``last``; ties keep the order of the table."""

    frame: Node
    by: tuple[str, ...]
    ascending: bool

    def __post_init__(self) -> None:
        if self.frame.rows_per_person == 1:
            raise PlanError(
                "an order means something only before first and last of a table with many rows a person",
                hint="labs.sort_values('days').groupby('id').agg(last=('value', 'last'))",
            )
        for name in self.by:
            found = infer(ColumnRef(name), self.frame.schema)
            if not found.type.is_ordered:
                raise PlanError(f"{name} has no order")
            require_use(found, Use.FILTER, ColumnRef(name), self.frame.schema)

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.frame,)

    @cached_property
    def schema(self) -> Schema:
        return self.frame.schema


def orders(frame: Node) -> list[SortRows]:
    """Return the orders of a frame's rows that several institutions have to make together, the one that counts most first."""
    found = []
    while len(frame.owners) > 1 and frame.inputs and not frame.stacks and not isinstance(frame, GroupPersons):
        if isinstance(frame, SortRows):
            found.append(frame)
        frame = frame.inputs[0]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """A column of a person-level frame: ``how`` applied to ``column`` over a person's rows."""

    name: str
    column: str
    how: str


@dataclass(frozen=True, eq=True)
class GroupPersons(Node):
    """One row a person of the owner's whole roster; persons without a row left are invalid rows, not fewer rows."""

    frame: Node
    key: str
    aggregations: tuple[Aggregation, ...]

    def __post_init__(self) -> None:
        if self.key != self.frame.person_key:
            raise PlanError(
                f"{self.key!r} is not the person key of this frame", hint=f"groupby({self.frame.person_key!r}).agg(...)"
            )
        names = [a.name for a in self.aggregations]
        if not names or len({*names, self.key}) != len(names) + 1:
            raise PlanError("a reduction needs columns with different names")
        require_names(names)
        if self.in_order and any(isinstance(n, SortRows) and len(n.owners) == 1 for n in walk_nodes(self.frame)):
            raise PlanError(
                "rows are ordered at one institution, and then those of several",
                hint="sf.concat([a, b]).sort_values('days').groupby('id').last()",
            )
        _ = self.schema

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.frame,)

    @cached_property
    def in_order(self) -> bool:
        """Whether it is an order of rows at several institutions that says which of a person's rows is the first or the last."""
        wanted = any(a.how in ("first", "last") for a in self.aggregations)
        return wanted and not self.frame.apart and bool(orders(self.frame))

    @cached_property
    def schema(self) -> Schema:
        rows = self.frame.rows_per_person
        fields = {self.key: self.frame.schema[self.key]}
        for a in self.aggregations:
            if a.column not in self.frame.schema:
                raise PlanError(f"there is no column {a.column!r}", hint=f"the columns are {', '.join(self.frame.schema)}")
            found = self.frame.schema[a.column]
            fields[a.name] = replace(found, type=reduced_type(a, found.type, rows))
        return fields

    @property
    def person_key(self) -> str | None:
        return self.key

    @property
    def rows_per_person(self) -> int:
        return 1

    @property
    def length(self) -> int:
        """The rosters of all owners; on shares every person's last row stands for all of them."""
        found = self.frame.branches
        if self.in_order:
            return self.frame.length
        if len(found) > 1 and all(len(b.owners) == 1 for b in found):
            return sum(_persons(b) for b in found)
        return _persons(self.frame)

    @cached_property
    def branches(self) -> tuple[Node, ...]:
        return super().branches if self.frame.apart else (self,)

    @cached_property
    def expanded(self) -> Mapping[str, int]:
        return {}

    @cached_property
    def unique(self) -> frozenset[str]:
        return frozenset({self.key})


def _persons(frame: Node) -> int:
    """Most persons of an owner's frame: its roster; where tables were stacked or columns of others are there, its rows."""
    return frame.base.table.roster_size if len(frame.owners) == 1 and len(frame.bases) == 1 else frame.length


def reduced_type(a: Aggregation, type_: ColumnType, rows: int) -> ColumnType:
    """The type of a reduction over at most ``rows`` rows; all but count and any are missing where nothing is left."""
    if a.how not in HOWS:
        raise PlanError(f"{a.how!r} is not offered over a person's rows", hint=f"{', '.join(HOWS)} are")
    if a.how == "count":
        return number_type(0, rows, Fraction(1), False)
    if a.how in ("first", "last"):
        if type_.kind in (Kind.KEY, Kind.STRING):
            raise PlanError(f"{a.how} of a {type_.kind} is not offered")
        return type_.null()
    if a.how == "any":
        if type_.kind is not Kind.BOOL:
            raise PlanError(f"any needs a condition, and {a.column} is of kind {type_.kind}", hint="assign one: hit=df['x'] > 0")
        return type_.null(False)
    if a.how in ("min", "max") and type_.is_ordered:
        return type_.null()
    if not type_.is_numeric:
        raise PlanError(f"{a.how} needs numbers, and {a.column} is of kind {type_.kind}", hint="count, first or last")
    if a.how == "mean":
        step = quotient_step(type_.step)
        factor = type_.step / step
        return number_type(math.floor(type_.low * factor), math.ceil(type_.high * factor), step, True)
    return number_type(min(type_.low, type_.low * rows, 0), max(type_.high, type_.high * rows, 0), type_.step, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One statistic of a release: its kind, the columns it is about, and its quantile."""

    kind: str
    columns: tuple[str, ...] = ()
    q: Fraction | None = None


@dataclass(frozen=True, eq=True)
class Summarise(Node):
    """A release: statistics of a frame for every combination of levels of ``by``; the only node that lets numbers out."""

    frame: Node
    by: tuple[str, ...]
    statistics: tuple[Statistic, ...]

    def __post_init__(self) -> None:
        schema = self.frame.schema
        if not self.statistics:
            raise PlanError("nothing is asked for")
        if len(set(self.by)) != len(self.by):
            raise PlanError("a key is named twice")
        for name in self.by:
            found = infer(ColumnRef(name), schema)
            if found.type.kind is Kind.KEY or name == self.frame.person_key:
                raise DisclosureError("a table by an identifier is never released", hint="group by a band or a category")
            if found.type.levels is None:
                raise PlanError(f"{name} has no public domain to group by", hint=_domain_hint(name, found.type))
            require_use(found, Use.GROUP, ColumnRef(name), schema)
        if self.cells > MAX_CELLS:
            raise PlanError(f"the table would have more than {MAX_CELLS} cells", hint="wider bands, or fewer keys")
        for statistic in self.statistics:
            self._check(statistic, schema)
        if len(self.together) > MAX_TOGETHER:
            raise DisclosureError(
                f"correlations and covariances of more than {MAX_TOGETHER} columns are not released together",
                hint="fewer columns: df[['age', 'bmi', 'sbp']].corr()",
            )

    def _check(self, statistic: Statistic, schema: Schema) -> None:
        kind = statistic.kind
        if kind not in STATISTICS:
            raise PlanError(f"{kind!r} is no statistic that is offered", hint=f"{', '.join(STATISTICS)} are")
        if len(statistic.columns) != KINDS[kind].columns:
            raise PlanError(f"{kind} takes another number of columns")
        if (kind == "quantile") != (statistic.q is not None):
            raise PlanError("a quantile, and only a quantile, has q")
        for name in statistic.columns:
            found = infer(ColumnRef(name), schema)
            if found.type.kind is Kind.KEY:
                raise DisclosureError(f"{kind} of an identifier is never released", hint="len of a cohort is df['age'].count()")
            require_use(found, Use.AGGREGATE, ColumnRef(name), schema)
            if kind == "count":
                continue
            if kind == "quantile":
                if not found.type.is_ordered:
                    raise PlanError(f"quantiles of {name} ({found.type.kind}) are not offered")
            elif not found.type.is_numeric:
                raise PlanError(f"{kind} needs numbers, and {name} is of kind {found.type.kind}", hint="value_counts()")
            if found.magnitude and kind in MOMENTS:
                raise PolicyError(
                    f"{name} is declared a magnitude: a sum of it needs the dominance rule, which this version does not have",
                    hint="median and quantiles are allowed",
                )
        if statistic.q is not None and statistic.q not in QUANTILES:
            raise DisclosureError("extreme or odd quantiles are not released", hint="q in 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95")

    @property
    def inputs(self) -> tuple[Node, ...]:
        return (self.frame,)

    @cached_property
    def schema(self) -> Schema:
        return self.frame.schema

    @cached_property
    def together(self) -> frozenset[str]:
        """Columns of which correlations or covariances are asked for."""
        return frozenset(name for s in self.statistics if KINDS[s.kind].is_pair for name in s.columns)

    @cached_property
    def levels(self) -> tuple[tuple[object, ...], ...]:
        """The public domain of every key."""
        return tuple(tuple(self.frame.schema[name].type.levels or ()) for name in self.by)

    @cached_property
    def cells(self) -> int:
        """Number of cells, the product of the domains."""
        count = 1
        for levels in self.levels:
            count *= len(levels)
        return count


def _domain_hint(name: str, type_: ColumnType) -> str:
    """How a column of this type becomes one that tables can be grouped by."""
    if type_.is_time:
        return f"df[{name!r}].dt.to_period('M') makes calendar periods of the declared range"
    if type_.kind is Kind.STRING:
        return f"df[{name!r}].astype(pd.CategoricalDtype(['yes', 'no'])) states a public domain"
    return f"sf.cut(df[{name!r}], [...]) makes bands with public edges"


def hash_once(cls: type[Any]) -> None:
    """Keep the hash of a frozen record once it is known: the compiler looks nodes up far more often than it makes them."""
    compute: Any = cls.__hash__

    def cached(self: Any) -> int:
        known = self.__dict__.get("_hash")
        if known is None:
            known = self.__dict__["_hash"] = compute(self)
        return int(known)

    setattr(cls, "__hash__", cached)  # noqa: B010 - mypy knows no other way to replace a generated method


for _cls in (Table, Project, Filter, SortRows, GroupPersons, Summarise):
    hash_once(_cls)


def require_use(found: Field, use: Use, expr: Expr, schema: Schema) -> None:
    """Refuse a use that an owner does not allow, naming column and owner."""
    if use in found.uses:
        return
    culprits = sorted(n for n in column_names(expr) if use not in schema[n].uses)
    owners = sorted(frozenset().union(*(schema[n].owners for n in culprits)))
    raise PolicyError(
        f"{', '.join(owners)} does not allow {', '.join(culprits)} to be used to {use}",
        hint=f"ask {', '.join(owners)} to allow '{use}' for it, or use another column",
    )


def walk_nodes(node: Node) -> Iterator[Node]:
    """Yield a node and everything below it, inputs first."""
    for child in node.inputs:
        yield from walk_nodes(child)
    yield node
