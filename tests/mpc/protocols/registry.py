"""The registry of rows: what a row is about, how it emits its protocol, and at which edges."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import secureframe.mpc
from secureframe.mpc.operations import INTERACTIVE
from secureframe.mpc.program import Builder, Program, Value
from tests.mpc.harness import Job
from tests.mpc.protocols.cases import LENGTHS, PATTERNS, WIDTHS, Case

Emit = Callable[[Job, Case], Iterator[tuple[Value, Any]]]
"""Emits a protocol on a case; gives its results, each with what it has to be."""

EDGES = ("ends", "spread")
SOME = (*EDGES, "equal")

STRUCTURE = {"stage", "program", "input", "output"}
"""Methods of the builder that emit nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A protocol, or some that belong together, and the columns that it is run on.

    Parameters
    ----------
    of
        Methods of the builder, functions over it, or operations that nothing but the engine emits.
    emit
        Emits it on a case.
    widths, lengths
        Every width with some patterns; every length with all patterns, and with some at the widest.
    elementwise
        What lies beside a value means nothing: all pairs of edges are enough, and any values.
    """

    of: tuple[Any, ...]
    emit: Emit
    widths: tuple[int, ...]
    lengths: tuple[int, ...]
    elementwise: bool = False

    @property
    def name(self) -> str:
        return named(self.of[0])

    def cases(self) -> list[Case]:
        middle, width = self.short.n, self.short.width
        every, some = (EDGES, EDGES) if self.elementwise else (PATTERNS, SOME)
        found = [Case(middle, w, pattern) for w in self.widths for pattern in some]
        found += [Case(n, width, pattern) for n in self.lengths for pattern in every]
        found += [Case(n, self.widths[-1], pattern) for n in self.lengths for pattern in EDGES]
        return list(dict.fromkeys(found))

    def job(self, cases: Sequence[Case]) -> tuple[Job, list[tuple[Case, Value, Any]]]:
        """One program for all cases: independent, so that they share rounds and messages."""
        job = Job()
        return job, [(case, value, expected) for case in cases for value, expected in self.emit(job, case)]

    @property
    def short(self) -> Case:
        """A case that is run often."""
        return Case(self.lengths[len(self.lengths) // 2], self.widths[len(self.widths) // 2], "spread")

    @property
    def long(self) -> Case:
        return Case(self.lengths[-1], self.widths[-1], "spread")

    def talks(self) -> bool:
        return any(operation in INTERACTIVE for operation in operations(self.job([self.short])[0].program()))

    def __str__(self) -> str:
        return self.name


ROWS: list[Row] = []


def row(
    *of: Any, widths: Sequence[int] = (64,), lengths: Sequence[int] = LENGTHS, elementwise: bool = False
) -> Callable[[Emit], Emit]:
    """Put a row into the table."""

    def put(emit: Emit) -> Emit:
        ROWS.append(Row(of=of, emit=emit, widths=tuple(widths), lengths=tuple(lengths), elementwise=elementwise))
        return emit

    return put


def upto(most: int, least: int = 1) -> tuple[int, ...]:
    """The widths from one to another."""
    return tuple(width for width in WIDTHS if least <= width <= most)


def named(each: Any) -> str:
    """``multiply`` for what the builder or the engine emits, ``numeric.select`` for a function over it."""
    if isinstance(each, str):
        return each
    if each.__qualname__.startswith("Builder."):
        return str(each.__name__)
    return f"{each.__module__.rpartition('.')[2]}.{each.__name__}"


def operations(program: Program) -> set[str]:
    return {instruction.operation for instruction in program.instructions}


def methods() -> list[Any]:
    """All methods of the builder that emit something."""
    found = inspect.getmembers(Builder, inspect.isfunction)
    return [method for name, method in found if not name.startswith("_") and name not in STRUCTURE]


def functions() -> list[Any]:
    """All public functions of the package that take a builder first."""
    found = []
    for info in pkgutil.iter_modules(secureframe.mpc.__path__):
        module = importlib.import_module(f"secureframe.mpc.{info.name}")
        for name, each in inspect.getmembers(module, inspect.isfunction):
            first = next(iter(inspect.signature(each).parameters.values()), None)
            if each.__module__ == module.__name__ and not name.startswith("_") and first and first.annotation == "Builder":
                found.append(each)
    return found
