"""Short errors: what happened, why, what to type instead, and the analyst's own line, without a traceback into the engine.

``%xmode Verbose`` shows the whole traceback. What is no error of SecureFrame's is shown as IPython shows it.
"""

from __future__ import annotations

import ast
import asyncio
import linecache
import sys
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from secureframe.errors import SecureFrameError

OURS = frozenset({"secureframe", "cohort", "ray_cluster", "kernel_ext"})
STOPPED = (KeyboardInterrupt, asyncio.CancelledError)
SHOWN = (SecureFrameError, *STOPPED, SyntaxError)
LIBRARIES = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")})
MAGICS = ("run_line_magic", "run_cell_magic")

BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
"""No colours: notebooks show errors on red ground, dark or light, on which those of terminals cannot be read."""


def install(ip: Any) -> Callable[[], None]:
    """Have a shell show our errors shortly; return what undoes it."""
    before, handler = ip.custom_exceptions, ip.CustomTB

    def show(shell: Any, kind: type[BaseException], error: BaseException, trace: Any, tb_offset: Any = None) -> None:
        if isinstance(error, SHOWN):
            show_failure(shell, kind, error, trace)
        else:
            handler(kind, error, trace, tb_offset)

    ip.set_custom_exc((*SHOWN, *before), show)
    ours = ip.CustomTB

    def restore() -> None:
        if ip.CustomTB is ours:
            ip.custom_exceptions, ip.CustomTB = before, handler

    return restore


def show_failure(shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error where the shell shows errors."""
    if isinstance(error, SyntaxError) or (not isinstance(error, SecureFrameError) and not _within(trace)):
        # Of a cell that a magic of ours read the place is enough.
        shell.showtraceback((kind, error, trace), running_compiled_code=not _within(trace))
        return
    # For %debug.
    sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
    if shell.InteractiveTB.mode == "Verbose":
        lines = _everything(shell.InteractiveTB, kind, error, trace)
    else:
        lines = failure_lines(shell, error, trace)
    shell._showtraceback(kind, error, lines)
    if shell.call_pdb:
        shell.debugger(force=True)


def _everything(formatter: Any, kind: type[BaseException], error: BaseException, trace: Any) -> list[str]:
    """Return the whole traceback, but no values of variables: the tables of a simulation lie in this process, rows and all."""
    values, formatter.include_vars = formatter.include_vars, False
    try:
        found: list[str] = formatter.structured_traceback(kind, error, trace)
        return found
    finally:
        formatter.include_vars = values


def failure_lines(shell: Any, error: BaseException, trace: TracebackType | None) -> list[str]:
    """Return an error as lines: its class, what and why, the analyst's own lines, and the hint."""
    marked = getattr(shell, "colors", "").lower() != "nocolor"
    if isinstance(error, SecureFrameError):
        where = f"[{error.institution}] " if error.institution and error.institution not in error.message else ""
        said, hint = where + error.message, error.hint
    else:
        said, hint = "the statement was stopped; a job of it that was running is cancelled at every institution", None
    lines = [f"{_bold(type(error).__name__, marked)}: {said}"]
    for line in own_lines(shell, trace):
        lines += [line.place, f"{_bold(f'----> {line.number}', marked)} {line.text}"]
    if hint:
        lines.append(f"{_bold('Hint:', marked)} {hint}")
    return lines


def _bold(text: str, marked: bool) -> str:
    return f"{BOLD}{text}{PLAIN}" if marked else text


# -- the analyst's own lines -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the analyst's: where it stands, its number there and what it says."""

    place: str
    number: int
    text: str
    magic: bool


def own_lines(shell: Any, trace: TracebackType | None) -> list[Line]:
    """Return the line that the analyst ran, and below it the one of theirs that it failed in, if that is another one.

    The line of a magic is left out where the failure lies in a line below it. Of what our code calls back, only cells count.
    """
    lines, entered = [], False
    for frame, number in traceback.walk_tb(trace):
        filename = frame.f_code.co_filename
        cell = shell.compile.format_code_name(filename)
        if _module(frame) in OURS:
            entered = True
        elif cell is not None or not (entered or filename.startswith(("<frozen", *LIBRARIES))):
            lines.append(_line(f"{cell[0]} {cell[1]}" if cell is not None else Path(filename).name, filename, number))
    lines = [line for line in lines if line.text]
    found = [line for line in lines if not line.magic or line is lines[-1]]
    return list(dict.fromkeys([*found[:1], *found[-1:]]))


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).split(".")[0]


def _within(trace: TracebackType | None) -> bool:
    """Whether something of ours was running."""
    return any(_module(frame) in OURS for frame, _ in traceback.walk_tb(trace))


def _line(name: str, filename: str, number: int) -> Line:
    text = linecache.getline(filename, number).strip()
    magic = _as_typed(text)
    return Line(place=f"{name}, line {number}", number=number, text=magic or text, magic=magic is not None)


def _as_typed(text: str) -> str | None:
    """Return the line of a magic as the analyst typed it; None for any other line."""
    if "get_ipython()." not in text:
        return None
    try:
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and len(node.args) > 1]
    except SyntaxError:
        return None
    for call in calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr in MAGICS:
            name, rest = (str(arg.value) if isinstance(arg, ast.Constant) else "" for arg in call.args[:2])
            mark = "%" if call.func.attr == "run_line_magic" else "%%"
            return f"{text[: call.col_offset]}{mark}{name} {rest}".rstrip()
    return None
