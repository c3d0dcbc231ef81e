"""Columns of frames brought onto shares by the planner, run by three parties, and put together again, form by form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secureframe.engine.execute import Execution
from secureframe.local.encode import encode
from secureframe.local.lower import Tables, lower
from secureframe.mpc.party import Party
from secureframe.mpc.program import Builder
from secureframe.mpc.sharing import Share, deal, receive, reconstruct
from secureframe.plan.expressions import Expr
from secureframe.plan.forms import Encoding, Form
from secureframe.plan.nodes import Node
from secureframe.planner.frames import STAGES, FrameCompiler, LocalValue, Setting, note
from secureframe.schema.types import Scalar
from tests.mpc.harness import run_parties

Wanted = tuple[Expr | None, Encoding]


def plain(local: LocalValue, tables: Tables, parameters: Mapping[str, Scalar]) -> NDArray[Any]:
    """What an owner deals for a value, in the clear."""
    key = (local.encoding.low, local.encoding.width) if local.encoding.form is Form.KEY else None
    frame = lower(local.frame, tables, parameters)
    return encode(frame, local.expr, local.encoding.form, local.frame.schema, local.length, key=key, parameters=parameters)


def on_shares(
    node: Node,
    wanted: Sequence[Wanted],
    tables: Tables,
    parameters: Mapping[str, Scalar] | None = None,
    *,
    tagged_joins: bool = False,
) -> list[NDArray[Any]]:
    """Compile values of a frame as a release would, run them, and return them in the clear."""
    values = dict(parameters or {})

    def ask(noting: FrameCompiler) -> None:
        for expr, encoding in wanted:
            noting.value(node, expr, encoding)

    setting = Setting(parameters=values, tagged_joins=tagged_joins)
    compiler = FrameCompiler(Builder(STAGES), setting, note(setting, ask))
    handles = [compiler.value(node, expr, encoding) for expr, encoding in wanted]
    program = compiler.builder.program()
    dealt = [
        (spec.value, plain(local, tables, values))
        for spec, local in zip(program.inputs, compiler.locals, strict=True)
        if isinstance(local, LocalValue)
    ]
    messages = deal(dealt)

    def run(party: Party) -> list[Share]:
        specs = [spec.value for spec in program.inputs]
        shares = receive(specs, messages[party.index], party.index)
        execution = Execution(program, party, {v.number: s for v, s in zip(specs, shares, strict=True)})
        for handle in handles:
            execution.keep(handle)
        execution.run()
        return [execution.share(handle) for handle in handles]

    held = run_parties(run)
    return [reconstruct([h[i] for h in held], handle) for i, handle in enumerate(handles)]


def decimal(planes: NDArray[Any]) -> NDArray[Any]:
    """Unsigned integers from bit planes, lowest first."""
    weights = np.array([1 << bit for bit in range(len(planes))], dtype=object)
    return np.asarray((planes.astype(object) * weights[:, None]).sum(axis=0))
