"""Correlations and covariances of several columns, of a whole frame or group by group: one release, all pairs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from secureframe.errors import PlanError
from secureframe.operands import Source, added
from secureframe.pending import Pending
from secureframe.plan.expressions import ColumnRef, Expr
from secureframe.plan.nodes import Statistic, Summarise
from secureframe.releases import Columns
from secureframe.results.forms import Form
from secureframe.results.matrices import grouped_pairs, pair_matrix

WORDS = {"corr": "correlations", "cov": "covariances"}


def pair_statistics(kind: str, names: Sequence[str]) -> tuple[Statistic, ...]:
    """Return what a matrix is made of: every pair once, and for covariances the variances on the diagonal.

    Raises
    ------
    PlanError
        Of fewer than two columns.
    """
    pairs = [Statistic(kind=kind, columns=(a, b)) for i, a in enumerate(names) for b in names[i + 1 :]]
    if not pairs:
        raise PlanError(f"{WORDS[kind]} need two columns of numbers", hint=f"df[['age', 'bmi']].{kind}()")
    return (*pairs, *(Statistic(kind="var", columns=(name,)) for name in names if kind == "cov"))


def matrix_of(source: Source, names: Sequence[str], kind: str) -> Pending[pd.DataFrame]:
    """All pairs of columns, each over rows in which both are present."""
    release = Summarise(source.node, (), pair_statistics(kind, names))
    return source.asks(
        [release],
        Form(pair_matrix, names),
        f"{WORDS[kind]} of {len(names)} columns",
    )


def matrices_by(source: Source, keys: Columns, names: Sequence[str], kind: str) -> Pending[pd.DataFrame]:
    """The same for every combination of levels of the keys, one matrix below the other."""
    about: list[tuple[str | None, Expr]] = [(name, ColumnRef(name)) for name in names]
    node, found = added(source, [*keys, *about])
    by, columns = found[: len(keys)], found[len(keys) :]
    release = Summarise(node, by, pair_statistics(kind, columns))
    labels: list[Any] = [label for label, _ in keys]
    return source.asks(
        [release],
        Form(grouped_pairs, columns, names, labels),
        f"{WORDS[kind]} of {len(names)} columns by {', '.join(by)}",
    )
