"""``%explain`` and ``%%study``: statements that wait, so that they are explained without running, or run together as one job."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from types import FrameType
from typing import TYPE_CHECKING, Any

from IPython.display import display

from secureframe.errors import PlanError

if TYPE_CHECKING:
    pass

DEPTH = 3
"""How deep in lists and dicts results are looked for: these may hold themselves."""
HISTORY = ("In", "Out")
EXPLAINABLE = "a frame, a column, or a statement that yields numbers"


class Text(str):
    """A text that a notebook shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def explained(shell: Any, source: str) -> Any:
    """Return the explanation of an expression; statements in it wait and do not run."""
    from secureframe.pending import defer

    __tracebackhide__ = True
    with defer():
        found = shell.ev(source.strip())
    if not callable(getattr(found, "explain", None)):
        raise PlanError(f"a {type(found).__name__} has no plan to explain", hint=f"%explain takes {EXPLAINABLE}")
    return shown_as_is(found.explain())


def shown_as_is(text: Any) -> Any:
    """Return a plain text as one that is shown without quotes; whatever displays itself as it is."""
    return Text(text) if type(text) is str else text


def run_study(
    shell: Any,
    body: str,
    *,
    purpose: str | None = None,
    title: str | None = None,
    recipient: str | None = None,
    facts: Mapping[str, str] | None = None,
    explain_only: bool = False,
) -> Any:
    """Run the statements of a cell so that releases wait, collect them as one job, and bind and show their results.

    Parameters
    ----------
    shell : InteractiveShell
        The notebook.
    body : str
        The cell below the magic's line.
    purpose, title, recipient : str, optional
        What the answers are for, what the study is called, and the institution that receives the results.
    facts : mapping, optional
        What else is kept in the release records of the results.
    explain_only : bool
        Explain the job and run nothing.

    Returns
    -------
    object
        What the last bare expression of the cell is worth, for the notebook to show; others have been shown before. With a
        recipient, the receipt.
    """
    from secureframe.pending import defer

    __tracebackhide__ = True
    with defer(recipient, purpose=purpose) as study:
        shown = list(_run(shell, body))
    if not study.pending:
        raise PlanError("nothing in the cell asks for numbers", hint='df["age"].mean() under %%study')
    if explain_only:
        return shown_as_is(study.explain())
    results = study.collect()
    receipt = results if recipient is not None else None
    found = {id(p): result for p, result in zip(study.pending, results if receipt is None else repeat(receipt), strict=False)}
    about = {**({"title": title} if title else {}), **({"purpose": purpose} if purpose else {}), **(facts or {})}
    for result in found.values() if about else ():
        _annotate(result, about)
    named = {n: v for n, v in shell.user_ns.items() if not n.startswith("_") and n not in HISTORY}
    shell.push({n: _resolved(v, found) for n, v in named.items() if _waits(v, found)})
    if receipt is not None:
        return receipt
    *others, last = [_resolved(value, found) for value in shown] or [None]
    for value in others:
        if value is not None:
            display(value)  # type: ignore[no-untyped-call]  # IPython's has no types
    return last


def _run(shell: Any, body: str) -> Iterator[Any]:
    """Run the statements of a cell one after the other, and yield what its bare expressions are worth."""
    __tracebackhide__ = True
    # The magic's own line is the first of the cell: numbers of lines are those that the analyst sees.
    source = "\n" + shell.transform_cell(body)
    name = shell.compile.cache(source, _number(shell))
    for statement in ast.parse(source, filename=name).body:
        if isinstance(statement, ast.Expr):
            yield shell.ev(compile(ast.Expression(statement.value), name, "eval"))
        else:
            shell.ex(compile(ast.Module([statement], []), name, "exec"))


def _number(shell: Any) -> int:
    """The number of the cell that runs."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        cell = shell.compile.format_code_name(frame.f_code.co_filename)
        if cell is not None and (digits := re.search(r"\d+", cell[1])):
            return int(digits.group())
        frame = frame.f_back
    return int(shell.execution_count)


def _resolved(value: Any, found: Mapping[int, Any], depth: int = DEPTH) -> Any:
    """Return a value with results in place of what waited for them, in lists, tuples and dicts too."""
    if id(value) in found:
        return found[id(value)]
    if depth and type(value) in (list, tuple):
        return type(value)(_resolved(each, found, depth - 1) for each in value)
    if depth and type(value) is dict:
        return {key: _resolved(each, found, depth - 1) for key, each in value.items()}
    return value


def _waits(value: Any, found: Mapping[int, Any], depth: int = DEPTH) -> bool:
    """Whether a value, or something in it, waited for its result."""
    if id(value) in found:
        return True
    held = value if type(value) in (list, tuple) else value.values() if type(value) is dict else ()
    return depth > 0 and any(_waits(each, found, depth - 1) for each in held)


def _annotate(result: Any, about: Mapping[str, str]) -> None:
    """Keep in a result's release record which study it belongs to."""
    parts: Sequence[Any] = list(result.values()) if type(result) is dict else [result]
    for part in parts:
        record = getattr(part, "release", None)
        if not isinstance(record, dict):
            record = getattr(part, "attrs", {}).get("release")
        if isinstance(record, dict):
            record["study"] = dict(about)
