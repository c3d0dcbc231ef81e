"""Every operation in every layout, with nulls and without, in memory and over real processes, against pandas."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest

import secureframe as sf
from tests.matrix.comparison import differences
from tests.matrix.conftest import Case
from tests.matrix.layouts import LAYOUTS
from tests.matrix.operations import OPERATIONS, REFUSALS
from tests.matrix.pending import BY_DESIGN, PENDING

pytestmark = pytest.mark.filterwarnings("ignore::secureframe.errors.SuppressedWarning")
"""What is withheld is a difference, found by the comparison of that operation alone."""

CASES = [
    pytest.param(
        (backend, layout, nulls),
        id=f"{backend}-{layout}{'-nulls' if nulls else ''}",
        marks=[pytest.mark.ray] if backend == "ray" else [],
    )
    for backend in ("memory", "ray")
    for layout in LAYOUTS
    if backend == "memory" or layout != "single"
    for nulls in (False, True)
]
"""What one institution has alone takes the same way over real processes as a part of the other layouts."""
MEMORY = [case for case in CASES if not case.marks]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shown", OPERATIONS)
def test_operation_equals_pandas(
    case: Case, shown: str, results: Callable[[Case], dict[str, Any]], oracle: Callable[[str, bool], Any]
) -> None:
    found = results(case)[shown]
    layout = case[1]
    if layout in PENDING.get(shown, ()) or layout in BY_DESIGN.get(shown, ()):
        assert isinstance(found, sf.SecureFrameError | AttributeError), f"{shown} works {layout}: take it out of the list"
        assert not isinstance(found, sf.SecureFrameError) or found.hint, "an error says what to type instead"
        return
    if isinstance(found, BaseException):
        raise found
    assert list(differences(found, oracle(shown, case[2]), OPERATIONS[shown].relative)) == []


def test_what_is_missing_is_named_once() -> None:
    for listed in (PENDING, BY_DESIGN):
        assert listed.keys() <= OPERATIONS.keys()
        assert all(layouts and layouts <= LAYOUTS.keys() for layouts in listed.values())
    assert all(not PENDING[shown] & layouts for shown, layouts in BY_DESIGN.items() if shown in PENDING)


# -- refused -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", MEMORY)
@pytest.mark.parametrize("shown", REFUSALS)
def test_refused_with_a_statement_to_type(case: Case, shown: str, federation_of: Callable[[str, str], sf.Federation]) -> None:
    """The hint begins with a statement; where it speaks of columns that are there, the statement works."""
    backend, layout, nulls = case
    study = LAYOUTS[layout].study(federation_of(backend, layout), nulls)
    with pytest.raises(REFUSALS[shown].error) as refused:
        REFUSALS[shown].run(study)
    assert type(refused.value) is REFUSALS[shown].error
    statement = leading_statement(refused.value.hint or "")
    with sf.defer():
        eval(statement, {"sf": sf, "df": study.people, **dict.fromkeys(("patients", "cohort"), study.people)})


def leading_statement(hint: str) -> str:
    """The longest beginning of a hint that is one expression with a call or a choice in it."""
    words = hint.split(" ")
    for end in range(len(words), 0, -1):
        text = " ".join(words[:end]).rstrip(",;:")
        try:
            tree = ast.parse(text, mode="eval")
        except SyntaxError:
            continue
        if any(isinstance(node, ast.Call | ast.Subscript | ast.Attribute) for node in ast.walk(tree)):
            return f"({text})" if not isinstance(tree.body, ast.Tuple) else text
    raise AssertionError(f"no statement begins the hint {hint!r}")
