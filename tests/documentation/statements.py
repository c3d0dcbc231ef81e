"""Statements of a page of documentation, run as they stand there, and what they print."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from typing import Any

import secureframe as sf

STATEMENT = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def printed(statement: str, names: Mapping[str, Any]) -> str:
    """Return what a statement raises or warns of, as a notebook shows it."""
    scope = dict(names)
    tree = ast.parse(statement)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(compile(tree, "<page>", "exec"), scope)
        except sf.SecureFrameError as error:
            return f"{type(error).__name__}: {error}\n"
    return "".join(f"{w.category.__name__}: {w.message}\n" for w in caught)


def filled(page: str, names: Mapping[str, Any]) -> str:
    """Return the page with what every statement prints beneath it."""
    return STATEMENT.sub(lambda found: f"```python\n{found[1]}```\n\n```text\n{printed(found[1], names)}```\n", page)
