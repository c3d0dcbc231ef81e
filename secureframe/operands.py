"""Operands: what an analyst writes beside a column, and columns of one frame read in another that differs by projections.

Only constants and columns become operands. An array, a list of rows or a pandas object would be a row vector made by the
analyst; it is refused whatever it holds.
"""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, TypeVar

from secureframe.errors import DisclosureError, PlanError, RangeError, SecureFrameError
from secureframe.pending import Pending, Session, merge_parameters
from secureframe.plan.expressions import ColumnRef, Expr, Literal, Parameter, column_names, infer, substitute
from secureframe.plan.nodes import Filter, Node, Project, Summarise
from secureframe.results.released import ReleasedTable
from secureframe.schema.calendar import MICROSECONDS, as_days, as_moment
from secureframe.schema.types import ColumnType, Scalar, as_fraction, number_type

T = TypeVar("T")
NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A frame as its parts: the federation it lives in, its plan, and the values of the plan's parameters."""

    session: Session
    node: Node
    parameters: Mapping[str, Scalar] = field(default_factory=dict)

    def asks(self, nodes: Sequence[Summarise], shape: Callable[[Sequence[ReleasedTable]], T], title: str) -> Pending[T]:
        """Return releases of the frame that wait to be collected, with its parameters."""
        return Pending(self.session, nodes, self.parameters, shape, title)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundParameter:
    """A parameter with its value, used like a number; see `parameter`."""

    name: str
    type: ColumnType
    value: Scalar

    @property
    def expr(self) -> Parameter:
        return Parameter(self.name, self.type)

    @property
    def parameters(self) -> dict[str, Scalar]:
        return {self.name: self.value}


def parameter(
    name: str, value: int | float | Fraction, *, low: int | float | Fraction, high: int | float | Fraction, step: int | float = 1
) -> BoundParameter:
    """Return a number whose domain is part of the plan and whose value travels beside it.

    Plans that differ only in the values of their parameters are one plan, approved once.

    Parameters
    ----------
    name : str
        An identifier.
    value : number
        On the grid, within the range.
    low, high : number
        The range, both ends included.
    step : number
        The grid.

    Examples
    --------
    >>> cutoff = sf.parameter("cutoff", 50, low=18, high=100)
    >>> patients[patients["age"] >= cutoff]
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PlanError("the name of a parameter is an identifier", hint="sf.parameter('cutoff', 50, low=18, high=100)")
    grid_step = as_fraction(unwrapped(step))
    if grid_step <= 0:
        raise PlanError("a grid step must be positive", hint="step=1")
    grid = [as_fraction(unwrapped(v)) / grid_step for v in (low, high, value)]
    if any(g.denominator != 1 for g in grid):
        raise PlanError(f"range and value of parameter {name!r} must lie on its grid", hint="step=0.1 makes a finer grid")
    if not grid[0] <= grid[2] <= grid[1]:
        raise RangeError(f"the value of parameter {name!r} is outside its range", hint="low <= value <= high")
    type_ = number_type(int(grid[0]), int(grid[1]), grid_step, False)
    held = grid[2] * grid_step
    return BoundParameter(name=name, type=type_, value=int(held) if held.denominator == 1 else held)


def unwrapped(value: Any) -> Any:
    """Return a constant as a plain Python value: numpy and pandas scalars unwrapped, midnights as dates, differences as days."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        kind = value.dtype.kind
        value = value.astype(f"{kind}8[us]").item() if kind in "mM" else value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, datetime.date):
        if getattr(value, "nanosecond", 0):
            raise PlanError("time stamps are exact to the microsecond", hint="value.floor('us')")
        return as_moment(as_days(value))
    if isinstance(value, datetime.timedelta):
        return Fraction(value // datetime.timedelta(microseconds=1), MICROSECONDS)
    if isinstance(value, decimal.Decimal) and value.is_finite():
        return Fraction(value)
    return value


def is_vector(value: Any) -> bool:
    """Whether a value holds many: an array, a list, a pandas or polars object."""
    if isinstance(value, str | bytes | BoundParameter):
        return False
    return (
        isinstance(value, Sequence | Mapping | set | frozenset | Iterator)
        or hasattr(value, "__array__")
        or hasattr(value, "shape")
    )


@contextmanager
def hinted() -> Iterator[None]:
    """Give errors of expressions that have no hint of their own the general one."""
    try:
        yield
    except SecureFrameError as error:
        if error.hint is None:
            error.hint = "print(df) shows kind, range and domain of every column"
        raise


def refuse_vector(value: Any, what: str) -> SecureFrameError:
    """Return the error for a row vector made by the analyst."""
    return DisclosureError(
        f"{what} from {type(value).__name__} is not allowed: rows cannot be chosen or filled one by one",
        hint="compute it from columns: df['age'] >= 50",
    )


def constant(value: Any, against: ColumnType | None = None) -> Expr:
    """Return the expression of a constant; text beside a date column is read as an ISO date or time stamp."""
    if isinstance(value, BoundParameter):
        return value.expr
    value = unwrapped(value)
    if is_vector(value):
        raise refuse_vector(value, "an operand")
    if value is None:
        raise PlanError("a missing value is no operand", hint="df['x'].isna() asks for missing values")
    if against is not None and against.is_time and isinstance(value, str):
        try:
            value = as_moment(as_days(datetime.datetime.fromisoformat(value)))
        except ValueError:
            raise PlanError("text beside a date column is read as a date", hint="'2020-01-31' or '2020-01-31 12:30'") from None
    return Literal(value)


def constants(values: Any, against: ColumnType | None = None) -> tuple[Scalar, ...]:
    """Return a public list of constants, as in ``isin``."""
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
        raise PlanError("isin takes a list of values", hint="df['event'].isin(['MI', 'stroke'])")
    found = [constant(value, against) for value in values]
    if any(isinstance(e, Parameter) for e in found):
        raise PlanError("a parameter is no member of a list", hint="(df['x'] == p) | (df['x'] == q)")
    return tuple(e.value for e in found if isinstance(e, Literal))


def exact(value: Any, what: str) -> Fraction:
    """Return a bound or an edge as an exact fraction."""
    value = unwrapped(value)
    if not isinstance(value, int | float | Fraction):
        raise PlanError(f"{what} takes numbers", hint=f"{what} with plain numbers, e.g. 50")
    return as_fraction(value)


# -- columns of one frame in another --------------------------------------------------------------------------------------


def translate(expr: Expr, node: Node, onto: Node) -> Expr | None:
    """Rewrite an expression over ``node`` to one over ``onto``, or return None where it has no meaning there.

    It has one where the two differ by projections only and keep what it reads, and where ``onto`` has some of its rows
    (pandas aligns by row there too).
    """
    if node is onto:
        return expr
    ancestors = [(node, expr)]
    while isinstance(node, Project):
        expr, node = substitute(expr, node.definitions), node.frame
        ancestors.append((node, expr))
    names: dict[str, Expr] = {name: ColumnRef(name) for name in onto.schema}
    current = onto
    while True:
        kept = {e.name: ColumnRef(new) for new, e in reversed(names.items()) if isinstance(e, ColumnRef)}
        for ancestor, seen in ancestors:
            if (ancestor is current or ancestor == current) and column_names(seen) <= kept.keys():
                return substitute(seen, kept)
        if isinstance(current, Project):
            names = {name: substitute(e, current.definitions) for name, e in names.items()}
        elif not isinstance(current, Filter):
            return None
        current = current.frame


def align(operands: Sequence[tuple[Source, Expr]]) -> tuple[Source, list[Expr]]:
    """Read several expressions in one frame: the first of their frames in which all of them have a meaning.

    Raises
    ------
    PlanError
        If their rows are not the same, or their federations.
    """
    first = operands[0][0]
    if any(source.session is not first.session for source, _ in operands):
        raise PlanError("the frames belong to different federations", hint="open both in one federation")
    for target, _ in operands:
        found = [translate(expr, source.node, target.node) for source, expr in operands]
        exprs = [expr for expr in found if expr is not None]
        if len(exprs) == len(operands):
            return replace(target, parameters=joint(*(source for source, _ in operands))), exprs
    raise _not_the_same(next(e for s, e in operands if translate(e, s.node, first.node) is None))


def onto(expr: Expr, source: Source, target: Source) -> Expr:
    """Read an expression over one frame in another, or say why it has no meaning there."""
    if source.session is not target.session:
        raise PlanError("the frames belong to different federations", hint="open both in one federation")
    found = translate(expr, source.node, target.node)
    if found is None:
        raise _not_the_same(expr)
    return found


def _not_the_same(expr: Expr) -> PlanError:
    columns = " and ".join(sorted(column_names(expr))) or "a column"
    return PlanError(
        f"{columns} of another frame has no meaning here: the rows, or the column, are not the same",
        hint="build it on this frame, or merge first: df = left.merge(right, on='id')",
    )


def added(source: Source, columns: Sequence[tuple[str | None, Expr]]) -> tuple[Node, tuple[str, ...]]:
    """Return a node that has a column for every expression, and those columns' names; one that is there is not added."""
    taken = set(source.node.schema)
    new: dict[str, Expr] = {}
    names = []
    for label, expr in columns:
        if isinstance(expr, ColumnRef):
            infer(expr, source.node.schema)
            names.append(expr.name)
            continue
        known = [name for name, e in new.items() if e == expr]
        if not known:
            known = [fresh(label or "value", taken)]
            taken.add(known[0])
            new[known[0]] = expr
        names.append(known[0])
    if not new:
        return source.node, tuple(names)
    kept = tuple((name, ColumnRef(name)) for name in source.node.schema)
    return Project(source.node, (*kept, *new.items())), tuple(names)


def fresh(label: str, taken: set[str]) -> str:
    """Return a column name that is not taken yet."""
    number, name = 2, label
    while name in taken:
        name, number = f"{label}_{number}", number + 1
    return name


def joint(*sources: Source) -> dict[str, Scalar]:
    """Return the parameters of several sources."""
    return merge_parameters(*(s.parameters for s in sources))
