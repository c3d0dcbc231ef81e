"""The parameters of a notebook: what its cell tagged ``parameters`` declares, and the values that a run gives them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from secureframe.errors import PlanError
from secureframe.starting import DEMO

TAG = "parameters"
FEDERATION = "federation"


def declared(notebook: Any) -> dict[str, Any]:
    """Return the parameters of a notebook with their defaults: assignments of literals, in the cell that is tagged.

    A default that is no literal, such as a call, is given as None.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code" and TAG in cell.metadata.get("tags", ()):
            return dict(_assignments(cell.source))
    return {}


def _assignments(source: str) -> Iterable[tuple[str, Any]]:
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        raise PlanError("the notebook's cell of parameters is not Python", hint="period = '2026-10'") from None
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=value):
                yield name, None if value is None else _literal(value)


def _literal(value: ast.expr | str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return None


def given(pairs: Iterable[tuple[str, str]], defaults: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Return the values that a command line gives, each of the type that its parameter has by default.

    Parameters
    ----------
    pairs : iterable of (str, str)
        Names and values as they were typed.
    defaults : mapping
        What the notebook declares.
    directory : Path
        Where the path of a federation's file starts from.

    Raises
    ------
    PlanError
        For a name that the notebook does not declare, one that is given twice, or a value of another type.
    """
    values: dict[str, Any] = {}
    for name, text in pairs:
        if name not in defaults:
            known = ", ".join(defaults) or "none: tag a cell 'parameters'"
            raise PlanError(f"the notebook has no parameter {name!r}", hint=f"its parameters are {known}")
        if name in values:
            raise PlanError(f"parameter {name!r} is given twice", hint=f"-p {name} ... once")
        values[name] = _typed(name, text, defaults[name])
    if FEDERATION in values:
        values[FEDERATION] = _federation(values[FEDERATION], directory)
    return values


def _typed(name: str, text: str, default: Any) -> Any:
    """A value as typed, of its default's type; where the default has none, a literal if it is one."""
    match default:
        case str():
            return text
        case bool():
            found: Any = {"true": True, "false": False}.get(text.lower())
        case float():
            found = _literal(text)
            found = float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
        case None:
            found = _literal(text)
            return text if found is None and text != "None" else found
        case _:
            found = _literal(text)
    if found is None or type(found) is not type(default):
        raise PlanError(
            f"parameter {name!r} takes a value of type {type(default).__name__}", hint=f"-p {name} {str(default)!r}, its default"
        )
    return found


def _federation(named: Any, directory: Path) -> str:
    """A demonstration's name as it is, or the whole path of a federation's file that is there."""
    if not isinstance(named, str) or named.startswith(DEMO):
        return str(named)
    path = (directory / named).resolve()
    if not path.is_file():
        raise PlanError(f"there is no federation's file {path}", hint=f"-p {FEDERATION} federation.toml, or {DEMO}nafld")
    return str(path)
