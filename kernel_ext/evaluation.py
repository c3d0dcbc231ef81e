"""What an expression of a cell would be, for completion: frames, columns and groups are built, nothing else is.

Building a frame touches no data and asks nobody. Only names, constants, operators, and methods of SecureFrame's own lazy objects
are evaluated, and whatever would yield numbers waits; no function of the analyst's is ever called.
"""

from __future__ import annotations

import ast
import datetime
import operator
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from secureframe.accessors import DateAccessor, TextAccessor
from secureframe.federation import Federation, MemberView
from secureframe.frame import Loc, SecureFrame
from secureframe.groupby import PersonGroupBy, ReleaseGroupBy
from secureframe.pending import defer
from secureframe.series import SecureSeries

GROUPED = (PersonGroupBy, ReleaseGroupBy)
LAZY = (SecureFrame, SecureSeries, *GROUPED, DateAccessor, TextAccessor)
INDEXED = (*LAZY, Loc, Federation, MemberView)
PLAIN = (str, int, float, bool, datetime.date, type(None))
ASKING = frozenset({"save", "explain", "lineage", "pipe", "apply", "transform"})
"""Methods that ask the federation, or call what they are given."""
FUNCTIONS = frozenset({"cut", "where", "concat", "parameter"})
SAME_COLUMNS = frozenset({"query", "sort_values", "drop_duplicates", "dropna", "fillna", "copy"})
"""Methods of a frame whose result has its columns, so that their arguments need not be known."""
BINARY: dict[type[ast.operator] | type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.Invert: operator.invert, ast.USub: operator.neg}
MAX_DEPTH = 60
MAX_BLOCKS = 5
"""So many open blocks a cursor may stand in for the names above it to be known."""


class Unknown(Exception):
    """What an expression would be cannot be said without running it."""


class Evaluation:
    """Evaluates expressions over the names of a notebook, and over those that the unfinished cell assigns above the cursor.

    Parameters
    ----------
    namespace : mapping
        The notebook's names.
    above : str
        The cell's text before the statement at the cursor.
    """

    def __init__(self, namespace: Mapping[str, Any], above: str = "") -> None:
        self._namespace = namespace
        self._assigned = _assignments(above)
        self._depth = 0

    def value(self, source: str) -> Any:
        """Return what an expression would be; None where that cannot be said."""
        if not source:
            return None
        try:
            with warnings.catch_warnings(), defer():
                warnings.simplefilter("ignore")
                return self._of(ast.parse(source.strip(), mode="eval").body)
        except Exception:  # noqa: BLE001 - whatever is wrong with an unfinished cell, nothing is completed
            return None

    def _of(self, node: ast.expr) -> Any:
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                raise Unknown
            return self._evaluated(node)
        finally:
            self._depth -= 1

    def _evaluated(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name(id=name):
                return self._named(name)
            case ast.List(elts=items):
                return [self._of(item) for item in items]
            case ast.Tuple(elts=items):
                return tuple(self._of(item) for item in items)
            case ast.Dict(keys=keys, values=values):
                return {self._of(key): self._of(each) for key, each in zip(keys, values, strict=True) if key is not None}
            case ast.Subscript(value=below, slice=index):
                return self._subscripted(self._of(below), index)
            case ast.Attribute(value=below, attr=name):
                return self._attribute(self._of(below), name)
            case ast.Call():
                return self._called(node)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                return self._combined(BINARY[type(op)], left, right)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in BINARY:
                return self._combined(BINARY[type(op)], left, right)
            case ast.UnaryOp(op=op, operand=below) if type(op) in UNARY:
                value = self._of(below)
                if isinstance(value, SecureSeries | int | float):
                    return UNARY[type(op)](value)
        raise Unknown

    def _named(self, name: str) -> Any:
        if name in self._assigned:
            # A name that is assigned from itself means the value before.
            expression = self._assigned.pop(name)
            try:
                return self._of(expression)
            finally:
                self._assigned[name] = expression
        if name in self._namespace:
            return self._namespace[name]
        raise Unknown

    def _subscripted(self, value: Any, index: ast.expr) -> Any:
        if not isinstance(value, INDEXED):
            raise Unknown
        try:
            return operator.getitem(value, _argument(self._of(index)))
        except Unknown:
            if isinstance(value, SecureFrame) and isinstance(index, ast.Compare | ast.BinOp | ast.UnaryOp | ast.Call | ast.Name):
                return value
            raise

    def _attribute(self, value: Any, name: str) -> Any:
        if name.startswith("_") or name in ASKING:
            raise Unknown
        if isinstance(value, LAZY) or (isinstance(value, ModuleType) and value.__name__ == "secureframe" and name in FUNCTIONS):
            return getattr(value, name)
        raise Unknown

    def _called(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Attribute):
            raise Unknown
        below, name = self._of(node.func.value), node.func.attr
        called = self._attribute(below, name)
        try:
            arguments = [_argument(self._of(each)) for each in node.args]
            named = {each.arg: _argument(self._of(each.value)) for each in node.keywords if each.arg is not None}
        except Unknown:
            if isinstance(below, SecureFrame) and name in SAME_COLUMNS:
                return below
            raise
        return called(*arguments, **named)

    def _combined(self, combine: Callable[[Any, Any], Any], left: ast.expr, right: ast.expr) -> Any:
        values = self._of(left), self._of(right)
        if any(isinstance(each, SecureSeries) for each in values):
            return combine(*map(_argument, values))
        raise Unknown


def _argument(value: Any) -> Any:
    """Return what may be handed to a lazy method: plain values, lazy objects, and lists of either."""
    if isinstance(value, list | tuple):
        return type(value)(map(_argument, value))
    if isinstance(value, dict):
        return {key: _argument(each) for key, each in value.items()}
    if isinstance(value, (*LAZY, *PLAIN)) or type(value).__name__ == "BoundParameter":
        return value
    raise Unknown


def _assignments(above: str) -> dict[str, ast.expr]:
    """Return what simple names were assigned last in a text; the line that opens the cursor's own block is left out."""
    lines = [line for line in above.splitlines(keepends=True) if not line.lstrip().startswith(("%", "!"))]
    found: dict[str, ast.expr] = {}
    for count in range(len(lines), max(len(lines) - MAX_BLOCKS, 0), -1):
        try:
            waiting: list[ast.stmt] = list(reversed(ast.parse("".join(lines[:count])).body))
        except (SyntaxError, ValueError, RecursionError):
            continue
        while waiting:
            statement = waiting.pop()
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
                found[statement.targets[0].id] = statement.value
            elif isinstance(statement, ast.With | ast.If | ast.For):
                waiting += reversed(statement.body)
        break
    return found
