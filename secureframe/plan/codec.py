"""Plans as canonical JSON (RFC 8785), and the strict parser that is their only reader.

Every node is ``{"node": class name, field: value, ...}``. Numbers travel as strings, so no reader's float can change
them. The parser accepts exactly what the writer writes: known nodes with exactly their fields, no duplicate key, no
number, no NaN, limited size and depth, and bytes that are already canonical.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any

import rfc8785

from secureframe.errors import PlanError
from secureframe.plan import combining, expressions, nodes, operations
from secureframe.schema.calendar import as_days, as_moment
from secureframe.schema.table import TableSchema
from secureframe.schema.types import ColumnType, Scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 200

_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]+(/[0-9]+)?")
"""Numbers as plans spell them: without exponents, which would make a short text a number of any size."""

Tables = Mapping[tuple[str, str], TableSchema]
"""The catalog's tables by (owner, name)."""


def _classes() -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    modules = ((expressions, expressions.Expr), (operations, expressions.Expr), (nodes, nodes.Node), (combining, nodes.Node))
    for module, base in modules:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, base) and value is not base:
                found[value.__name__] = value
    return found | {c.__name__: c for c in (nodes.Aggregation, nodes.Statistic)}


CLASSES = _classes()
_HINTS = {cls: typing.get_type_hints(cls) for cls in CLASSES.values()}


# -- writing -----------------------------------------------------------------------------------------------------------


def canonical(record: Any) -> bytes:
    """Return JSON-able data as RFC 8785 bytes."""
    return rfc8785.dumps(record)


def digest(record: Any) -> str:
    """Return the SHA-256 of the canonical bytes, in hexadecimal."""
    return hashlib.sha256(canonical(record)).hexdigest()


def encode(value: Any) -> Any:
    """Return a node, or a value inside one, as JSON-able data."""
    if isinstance(value, nodes.Table):
        return {"node": "Table", "owner": value.table.owner, "name": value.table.name}
    if isinstance(value, ColumnType):
        return value.to_json()
    if type(value) in _HINTS:
        hints = _HINTS[type(value)]
        record = {f.name: _encode_field(getattr(value, f.name), hints[f.name]) for f in fields(value)}
        return {"node": type(value).__name__, **record}
    raise PlanError(f"{type(value).__name__} is no part of a plan")


def _encode_field(value: Any, hint: Any) -> Any:
    if hint == Scalar:
        return encode_scalar(value)
    if typing.get_origin(hint) is tuple:
        return [_encode_field(v, h) for v, h in zip(value, _element_hints(hint, len(value)), strict=True)]
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | Fraction):
        return str(value)
    return encode(value)


def _element_hints(hint: Any, length: int) -> list[Any]:
    arguments = typing.get_args(hint)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return [arguments[0]] * length
    if len(arguments) != length:
        raise PlanError("a list of the plan has another length than it should")
    return list(arguments)


def encode_scalar(value: Scalar) -> dict[str, Any]:
    """Return a constant with its type, numbers as text."""
    match value:
        case None:
            return {"type": "null", "value": ""}
        case bool():
            return {"type": "bool", "value": "true" if value else "false"}
        case int():
            return {"type": "int", "value": str(value)}
        case Fraction():
            return {"type": "fraction", "value": str(value)}
        case str():
            return {"type": "text", "value": value}
        case datetime.datetime():
            return {"type": "datetime", "value": value.isoformat()}
        case datetime.date():
            return {"type": "date", "value": value.isoformat()}
        case _:
            raise PlanError(f"{type(value).__name__} is no constant of a plan")


# -- reading -----------------------------------------------------------------------------------------------------------


def parse(raw: bytes) -> Any:
    """Parse canonical JSON strictly.

    Raises
    ------
    PlanError
        For anything that the writer would not have written.
    """
    if len(raw) > MAX_BYTES:
        raise PlanError("the plan is too large")
    depth = deepest = 0
    for byte in _TEXT.sub(b"", raw):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    if deepest > MAX_DEPTH:
        raise PlanError("the plan is nested too deeply")
    try:
        record = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_refuse_number,
            parse_int=_refuse_number,
            parse_constant=_refuse_number,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise PlanError("the plan is no JSON") from error
    try:
        same = canonical(record) == raw
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise PlanError("the plan is not canonical JSON") from error
    if not same:
        raise PlanError("the plan is not canonical JSON")
    return record


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise PlanError("a key of the plan occurs twice")
    return record


def _refuse_number(text: str) -> Any:
    raise PlanError("numbers travel as text in a plan")


def decode(record: Any, tables: Tables, expected: type[Any]) -> Any:
    """Return the node that ``record`` stands for; its constructor checks it.

    Parameters
    ----------
    record : JSON-able data
    tables : mapping
        The tables of the catalog; a plan may name no other.
    expected : type
        Base class of what must come out.
    """
    if not isinstance(record, dict) or not isinstance(record.get("node"), str):
        raise PlanError("a node of the plan is missing")
    name = record["node"]
    cls = CLASSES.get(name)
    if cls is None or not issubclass(cls, expected):
        raise PlanError("the plan holds an unknown node")
    if cls is nodes.Summarise and expected is not nodes.Summarise:
        raise PlanError("a release is no frame")
    if cls is nodes.Table:
        _exact(record, {"node", "owner", "name"})
        key = (record["owner"], record["name"])
        if not all(isinstance(k, str) for k in key) or key not in tables:
            raise PlanError("the plan names a table that the catalog does not have")
        return nodes.Table(tables[key])
    hints = _HINTS[cls]
    names = [f.name for f in fields(cls)]
    _exact(record, {"node", *names})
    return cls(**{n: _decode_field(record[n], hints[n], tables) for n in names})


def _exact(record: dict[str, Any], names: set[str]) -> None:
    if set(record) != names:
        raise PlanError("a node of the plan has other fields than it should")


def _decode_field(value: Any, hint: Any, tables: Tables) -> Any:
    if hint == Scalar:
        return decode_scalar(value)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (hint,) = [h for h in typing.get_args(hint) if h is not type(None)]
        return _decode_field(value, hint, tables)
    if origin is tuple:
        if not isinstance(value, list):
            raise PlanError("a list of the plan is missing")
        return tuple(_decode_field(v, h, tables) for v, h in zip(value, _element_hints(hint, len(value)), strict=True))
    if hint is bool:
        return _need_type(value, bool)
    text_or_node = _need_type(value, dict if isinstance(value, dict) else str)
    if hint is str:
        return _need_type(value, str)
    if hint in (int, Fraction):
        return _number(_need_type(value, str), hint)
    if hint is ColumnType:
        return _type(_need_type(value, dict))
    return decode(text_or_node, tables, hint)


def _need_type(value: Any, cls: type[Any]) -> Any:
    if not isinstance(value, cls):
        raise PlanError("a field of the plan has another type than it should")
    return value


def _type(record: dict[str, Any]) -> ColumnType:
    for name in ("lo", "hi", "step"):
        if name in record:
            _number(_need_type(record[name], str), Fraction)
    try:
        type_ = ColumnType.from_json(record)
    except (KeyError, ValueError, TypeError) as error:
        raise PlanError("a type of the plan is malformed") from error
    if type_.to_json() != record:
        raise PlanError("a type of the plan is not in its one form")
    return type_


def _number(text: str, cls: type[Any]) -> Any:
    if len(text) > 80:
        raise PlanError("a number of the plan is too long")
    if not _NUMBER.fullmatch(text):
        raise PlanError("a number of the plan is malformed")
    try:
        number = cls(text)
    except (ValueError, ZeroDivisionError) as error:
        raise PlanError("a number of the plan is malformed") from error
    if str(number) != text:
        raise PlanError("a number of the plan is not in its one form")
    return number


def decode_scalar(record: Any) -> Scalar:
    """Return the constant that ``encode_scalar`` wrote."""
    _exact(_need_type(record, dict), {"type", "value"})
    text = _need_type(record["value"], str)
    match record["type"]:
        case "null" if text == "":
            return None
        case "bool" if text in ("true", "false"):
            return bool(text == "true")
        case "int":
            return typing.cast(int, _number(text, int))
        case "fraction":
            return typing.cast(Fraction, _number(text, Fraction))
        case "text":
            return typing.cast(str, text)
        case "date" | "datetime" as kind:
            try:
                moment = (datetime.date if kind == "date" else datetime.datetime).fromisoformat(text)
            except ValueError as error:
                raise PlanError("a date of the plan is malformed") from error
            if moment.isoformat() != text or (kind == "datetime" and as_moment(as_days(moment)) != moment):
                raise PlanError("a date of the plan is not in its one form")
            return moment
        case _:
            raise PlanError("a constant of the plan is malformed")
