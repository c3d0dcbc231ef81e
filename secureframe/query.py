"""``query("age >= 50 and male == 1")``: text to an expression, by a parser that knows comparisons, logic and arithmetic alone.

The text is read by Python's own parser and never evaluated. What is not listed here (a call, an attribute, an index, a
comprehension) is refused by name. As in pandas ``&`` and ``|`` bind like ``and`` and ``or``, ``@name`` is a value of the
surrounding code and backticks hold a column's name.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from functools import reduce
from typing import Any

from secureframe.errors import PlanError
from secureframe.operands import BoundParameter, Source, constant, constants, hinted
from secureframe.pending import merge_parameters
from secureframe.plan.expressions import Binary, ColumnRef, Expr, IsIn, Literal, Not, column_names, division, infer
from secureframe.plan.operations import FloorDivide, Modulo
from secureframe.schema.types import ColumnType, Scalar, as_fraction

MAX_LENGTH = 4000
MAX_DEPTH = 40
MAX_TERMS = 40

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
EXAMPLE = 'query("age >= 50 and male == 1")'


def parse_query(text: str, source: Source, names: Mapping[str, Any]) -> tuple[Expr, dict[str, Scalar]]:
    """Return a condition and the values of the parameters in it.

    Parameters
    ----------
    text : str
        The condition.
    source : Source
        The frame.
    names : mapping
        What ``@name`` may stand for: constants, lists of constants, parameters.

    Raises
    ------
    PlanError
        If the text is no condition made of what is offered.
    """
    if not isinstance(text, str) or not text.strip():
        raise PlanError("query takes a condition as text", hint=EXAMPLE)
    if len(text) > MAX_LENGTH:
        raise PlanError(f"the condition is longer than {MAX_LENGTH} characters", hint="filter in several steps")
    rewritten, quoted, local = _rewrite(text.strip())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(rewritten, mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise PlanError("the condition is not well formed", hint=EXAMPLE) from None
    reader = _Reader(source, quoted, local, names)
    with hinted():
        expr = reader.read(tree.body, 0)
        infer(expr, source.node.schema)
    if not column_names(expr):
        raise PlanError("the condition reads no column", hint=EXAMPLE)
    return expr, reader.parameters


def _rewrite(text: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Replace ``& | @name `name``` outside of quoted text by Python; return it with the names that stand for others."""
    written: list[str] = []
    quoted: dict[str, str] = {}
    local: dict[str, str] = {}
    position = depth = 0
    while position < len(text):
        letter, end = text[position], position + 1
        if letter in "'\"":
            while end < len(text) and text[end] != letter:
                end += 2 if text[end] == "\\" else 1
            written.append(text[position : end + 1])
            end += 1
        elif letter == "`":
            end = text.find("`", end)
            if end < 0:
                raise PlanError("a backtick is not closed", hint="`column name` >= 50")
            placeholder = f"column_in_backticks_{len(quoted)}"
            quoted[placeholder] = text[position + 1 : end]
            written.append(f" {placeholder} ")
            end += 1
        elif letter == "@":
            while end < len(text) and (text[end].isalnum() or text[end] == "_"):
                end += 1
            placeholder = f"name_after_at_{len(local)}"
            local[placeholder] = text[position + 1 : end]
            written.append(f" {placeholder} ")
        else:
            depth += (letter in "([{") - (letter in ")]}")
            if depth > MAX_DEPTH:
                raise PlanError("the condition is nested too deeply", hint="filter in several steps")
            written.append({"&": " and ", "|": " or ", "\n": " ", "\r": " "}.get(letter, letter))
        position = end
    return "".join(written).strip(), quoted, local


class _Reader:
    """Turns a syntax tree into an expression; knows what each name stands for."""

    def __init__(self, source: Source, quoted: Mapping[str, str], local: Mapping[str, str], names: Mapping[str, Any]) -> None:
        self.schema = source.node.schema
        self.quoted, self.local, self.names = quoted, local, names
        self.parameters: dict[str, Scalar] = {}

    def read(self, tree: ast.expr, depth: int, against: ColumnType | None = None) -> Expr:
        if depth > MAX_DEPTH:
            raise PlanError("the condition is nested too deeply", hint="filter in several steps")
        match tree:
            case ast.BoolOp(op=op, values=values):
                if len(values) > MAX_TERMS:
                    raise PlanError(
                        f"the condition has more than {MAX_TERMS} terms", hint="a in [1, 2, 3], or filter in several steps"
                    )
                operator = "&" if isinstance(op, ast.And) else "|"
                return reduce(lambda a, b: Binary(operator, a, b), [self.read(v, depth + 1) for v in values])
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return Not(self.read(operand, depth + 1))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.read(operand, depth + 1)
                return Literal(-as_fraction(value.value)) if isinstance(value, Literal) else Binary("-", Literal(0), value)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.BinOp(op=ast.Div(), left=left, right=right):
                return division(self.read(left, depth + 1), self.read(right, depth + 1), self.schema)
            case ast.BinOp(op=ast.FloorDiv() | ast.Mod() as op, left=left, right=right):
                make = FloorDivide if isinstance(op, ast.FloorDiv) else Modulo
                return make(self.read(left, depth + 1), self.read(right, depth + 1))
            case ast.BinOp(op=op, left=left, right=right) if type(op) in ARITHMETIC:
                return Binary(ARITHMETIC[type(op)], self.read(left, depth + 1), self.read(right, depth + 1))
            case ast.Compare():
                return self._compare(tree, depth)
            case ast.Name(id=name):
                return self._name(name, against)
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return constant(value, against)
            case _:
                raise _refused(tree)

    def _compare(self, tree: ast.Compare, depth: int) -> Expr:
        if len(tree.ops) > MAX_TERMS:
            raise PlanError(f"the condition has more than {MAX_TERMS} terms", hint="filter in several steps")
        operands = [tree.left, *tree.comparators]
        if any(isinstance(below, ast.Compare) for middle in operands[1:-1] for below in ast.walk(middle)):
            raise PlanError("a comparison inside a chain of comparisons is not offered", hint="(a < b) and (b < c)")
        # Each operand is read once, however many comparisons it stands in; constants wait for the type beside them
        read = [None if self._is_constant(operand) else self.read(operand, depth + 1) for operand in operands]
        types = [None if expr is None or isinstance(expr, Literal) else infer(expr, self.schema).type for expr in read]
        found: list[Expr] = []
        for i, op in enumerate(tree.ops):
            left = read[i] or self._constant(operands[i], types[i + 1], depth)
            if isinstance(op, ast.In | ast.NotIn):
                member = IsIn(left, self._list(operands[i + 1], types[i]))
                found.append(Not(member) if isinstance(op, ast.NotIn) else member)
            elif type(op) in COMPARISONS:
                right = read[i + 1] or self._constant(operands[i + 1], types[i], depth)
                found.append(Binary(COMPARISONS[type(op)], left, right))
            else:
                raise PlanError("'is' is not offered in a query", hint="a == 1; df['a'].isna() asks for missing values")
        return reduce(lambda a, b: Binary("&", a, b), found)

    def _is_constant(self, tree: ast.expr) -> bool:
        """Whether an operand is a constant, a list or a value of the surrounding code."""
        if isinstance(tree, ast.Name):
            return tree.id in self.local
        return isinstance(tree, ast.Constant | ast.List | ast.Tuple | ast.Set)

    def _constant(self, tree: ast.expr, against: ColumnType | None, depth: int) -> Expr:
        if isinstance(tree, ast.Name):
            return self._name(tree.id, against)
        return self.read(tree, depth + 1, against)

    def _list(self, tree: ast.expr, against: ColumnType | None) -> tuple[Scalar, ...]:
        match tree:
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                found = [self.read(element, 0, against) for element in elements]
                if not all(isinstance(e, Literal) for e in found):
                    raise PlanError("'in' takes a list of constants", hint="event in ['MI', 'stroke']")
                return tuple(e.value for e in found if isinstance(e, Literal))
            case ast.Name(id=name) if name in self.local:
                return constants(self._local(self.local[name]), against)
            case _:
                raise PlanError("'in' takes a list of constants", hint="event in ['MI', 'stroke']")

    def _name(self, name: str, against: ColumnType | None) -> Expr:
        if name in self.local:
            value = self._local(self.local[name])
            if isinstance(value, BoundParameter):
                self.parameters = merge_parameters(self.parameters, value.parameters)
            return constant(value, against)
        column = self.quoted.get(name, name)
        if column not in self.schema:
            raise PlanError(
                f"there is no column {column!r}",
                hint=f"the columns are {', '.join(self.schema)}; @{column} is a value of your code",
            )
        return ColumnRef(column)

    def _local(self, name: str) -> Any:
        if name not in self.names:
            raise PlanError(f"@{name} is not defined", hint=f"query(..., local_dict={{{name!r}: 50}})")
        return self.names[name]


def _refused(tree: ast.expr) -> PlanError:
    hints = {
        "Call": "df[df['a'].isin([1, 2])]",
        "Attribute": "df[df['a'].isna()]; backticks hold a name with a dot",
        "BinOp": "+ - * / // % are offered",
    }
    kind = type(tree).__name__
    return PlanError(f"{kind} is not offered in a query", hint=hints.get(kind, EXAMPLE))
