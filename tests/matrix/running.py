"""Operations run over a study: many in one job, each with its own result or error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import secureframe as sf
from secureframe.pending import Pending
from tests.matrix.layouts import Study
from tests.matrix.operations import Operation

AT_ONCE = 100
"""Operations in one job."""


def asked(operation: Operation, study: Study) -> Any:
    """What an operation asks for: its result, with what has to run waiting in it."""
    with sf.defer():
        return operation.run(study)


def waiting(result: Any) -> list[Pending[Any]]:
    """Everything that waits in a result."""
    if isinstance(result, Pending):
        return [result]
    parts = result.values() if isinstance(result, Mapping) else result if isinstance(result, list | tuple) else ()
    return [p for part in parts for p in waiting(part)]


def filled(result: Any) -> Any:
    """The same with everything that waited in its place; it has run."""
    if isinstance(result, Pending):
        return result.result()
    if isinstance(result, Mapping):
        return {key: filled(part) for key, part in result.items()}
    if isinstance(result, list | tuple):
        return type(result)(filled(part) for part in result)
    return result


def run_all(operations: Iterable[Operation], study: Study) -> dict[str, Any]:
    """Run operations in a few jobs and return for each its result, or the error that it raised before anything ran."""
    results: dict[str, Any] = {}
    built: dict[str, Any] = {}
    for operation in operations:
        try:
            built[operation.shown] = asked(operation, study)
        except (sf.SecureFrameError, AttributeError) as error:
            results[operation.shown] = error
    names = list(built)
    for start in range(0, len(names), AT_ONCE):
        _run({name: built[name] for name in names[start : start + AT_ONCE]}, results)
    return results


def _run(built: dict[str, Any], results: dict[str, Any]) -> None:
    """Run what was built as one job; where that is refused, in halves, so that the error is where it belongs."""
    try:
        together = [p for result in built.values() for p in waiting(result)]
        if together:
            sf.collect(*together)
        results |= {name: filled(result) for name, result in built.items()}
    except sf.SecureFrameError as error:
        if len(built) == 1:
            results |= dict.fromkeys(built, error)
            return
        names = list(built)
        _run({name: built[name] for name in names[: len(names) // 2]}, results)
        _run({name: built[name] for name in names[len(names) // 2 :]}, results)
