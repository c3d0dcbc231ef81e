"""Frames under a name, on the notebook's side: what is written down of one, and what of that is believed when it comes back."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from secureframe.engine.catalog import Catalog
from secureframe.errors import PlanError, SecureFrameError
from secureframe.governance.identity import verify
from secureframe.mpc.program import Program
from secureframe.plan.envelope import parameters_of
from secureframe.plan.keepsake import Keepsake, now, read_keepsake
from secureframe.plan.nodes import Node, Statistic, Summarise
from secureframe.schema.types import Scalar

MOST_PROBES = 20
"""Columns whose joins are looked for one by one when a frame is saved."""
Compile = Callable[[Sequence[Summarise]], Program]


def keepsake_of(name: str, node: Node, parameters: Mapping[str, Scalar], catalog: Catalog, kept: Mapping[str, str]) -> Keepsake:
    """Return what is saved of a frame."""
    return Keepsake(
        name=name,
        frame=node,
        parameters={p: parameters[p] for p in parameters_of(node)},
        kept=kept,
        policies={owner: catalog.policies[owner].digest for owner in sorted(node.owners)},
        versions=catalog.versions_of(node),
        created=now(),
    )


def kept_of(node: Node, program: Compile) -> dict[str, str]:
    """Return what of a frame's joins is kept: all that counts of its columns, one by one and together, would start from.

    Parameters
    ----------
    program : callable
        Compiles releases to the program that starts from whatever is kept.
    """
    counts = []
    for name in list(node.schema)[:MOST_PROBES]:
        with suppress(SecureFrameError):
            counts.append(Summarise(node, (), (Statistic(kind="count", columns=(name,)),)))
    size = Summarise(node, (), (Statistic(kind="size"),))
    used: dict[str, str] = {}
    for probe in ([size, *counts], *([count] for count in counts), [size]):
        # A probe that would be refused has nothing to start from.
        with suppress(SecureFrameError):
            used |= {k.digest: k.origin for k in program(probe).recalled}
    return used


def opened(copies: Sequence[Mapping[str, Any]], name: str, verify_key: str, catalog: Catalog) -> Keepsake:
    """Return the newest of an analyst's own writings under a name, whoever gives it back.

    Raises
    ------
    PlanError
        If there is none that this analyst has signed, or a table or a column of it is not there any more.
    """
    found = []
    for copy in copies:
        body, signature = (base64.b64decode(copy[part], validate=True) for part in ("body", "signature"))
        if verify(verify_key, signature, body):
            found.append(read_keepsake(body, catalog.tables))
    found = [keepsake for keepsake in found if keepsake.name == name]
    if not found:
        raise PlanError(f"what lies there as {name!r} is not what this analyst has saved", hint="save the frame again")
    return max(found, key=lambda keepsake: keepsake.created)
