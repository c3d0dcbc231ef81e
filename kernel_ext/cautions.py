"""Warnings of withheld cells in one line: what was withheld, why, and what may help; no path and no line of code.

A notebook keeps what it shows, so a path of the machine on which it ran would go wherever the file goes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from secureframe.errors import SuppressedWarning


def install(ip: Any) -> Callable[[], None]:
    """Have our warnings written shortly, and all others as before; return what undoes it."""
    before = warnings.formatwarning

    def shortly(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        if issubclass(category, SuppressedWarning):
            return f"{category.__name__}: {message}\n"
        return before(message, category, filename, lineno, line)

    warnings.formatwarning = shortly

    def restore() -> None:
        if warnings.formatwarning is shortly:
            warnings.formatwarning = before

    return restore
