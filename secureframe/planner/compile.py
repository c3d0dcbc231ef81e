"""From a plan to a program: the same plan, catalog and policies give the same program at every party and the recipient.

No coordinator sends instructions around: every institution compiles what it has admitted, deals the inputs that are its own,
and runs the rest; the recipient compiles it once more to know how what it opens is laid out.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secureframe.disclosure import pooling
from secureframe.disclosure.policy import Policy, strictest
from secureframe.disclosure.release import ReleasedPiece, release
from secureframe.errors import PlanError
from secureframe.mpc.keeping import Keeping
from secureframe.mpc.program import Builder, Program
from secureframe.mpc.provenance import ARRANGING
from secureframe.plan.envelope import Plan
from secureframe.plan.parts import Breakdown, breakdown
from secureframe.planner.frames import RELEASE, STAGES, FrameCompiler, Local, Noted, Setting, note
from secureframe.planner.identity import Identities
from secureframe.planner.merging import Tagged
from secureframe.planner.placement import AT_OWNERS, OnShares
from secureframe.planner.summaries import emit_parts, register_persons
from secureframe.planner.widths import require_owners_can


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledRelease:
    """One release of a compiled plan: what it consists of, under which policy, and what leaves."""

    breakdown: Breakdown
    policy: Policy
    pieces: tuple[ReleasedPiece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A compiled plan.

    ``locals[i]`` is what the owner of the program's i-th input computes from its rows and deals. ``tagged`` are the joins that
    open how many keys their tables have in common, in this statement or, of what was kept, in an earlier one.
    """

    program: Program
    locals: tuple[Local, ...]
    releases: tuple[CompiledRelease, ...]
    tagged: tuple[Tagged, ...] = ()


def compile_plan(plan: Plan, policies: Mapping[str, Policy], *, everything_on_shares: bool = False) -> Compiled:
    """Compile a plan under the policies of its owners.

    Parameters
    ----------
    everything_on_shares : bool
        Without the planner's placement, for comparison only: owners deal their columns as they are.

    Raises
    ------
    PlanError, RangeError, PolicyError
        For everything that can be refused without looking at data.
    """
    # Thousands of small objects are made and kept: looking for cycles among them, time and again, doubles the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _compile(plan, policies, everything_on_shares)
    except RecursionError:
        raise PlanError("the statement is nested too deeply", hint="fewer steps in one statement") from None
    finally:
        if collecting:
            gc.enable()


def _compile(plan: Plan, policies: Mapping[str, Policy], everything_on_shares: bool) -> Compiled:
    chosen = []
    for asked in plan.releases:
        pooling.require_pooled(asked, (o for o in asked.owners if policies[o].pooled_only))
        chosen.append(strictest(policies[o] for o in sorted(asked.owners)))
    breakdowns = [breakdown(r) for r in plan.releases]
    # The rules count frames that were thinned before a reduction as the statement has them.
    frames = [frame for b in breakdowns for frame in (b.frame, b.node.frame)]
    placement = OnShares.of(frames) if everything_on_shares else AT_OWNERS
    demands: Noted | None = None
    setting = Setting(
        parameters=plan.parameters,
        placement=placement,
        recipient=plan.recipient.get("affiliation"),
        every_part=any(policy.every_part for policy in chosen),
        tagged_joins=all(policy.tagged_joins for policy in chosen),
    )
    spans = not all(placement.totals(b.frame) for b in breakdowns)
    if spans:

        def ask(noting: FrameCompiler) -> None:
            for found in breakdowns:
                register_persons(noting, found)
            for found in breakdowns:
                emit_parts(noting, found)
                noting.violated(found.frame)

        demands = note(setting, ask)
    compiler = FrameCompiler(Builder(STAGES), setting, demands)
    releases = []
    for found in breakdowns:
        register_persons(compiler, found)
    for found, policy in zip(breakdowns, chosen, strict=True):
        parts = emit_parts(compiler, found)
        violated = compiler.violated(found.frame)
        with compiler.builder.stage(RELEASE):
            pieces = release(compiler.builder, found, parts, policy, violated)
        releases.append(CompiledRelease(breakdown=found, policy=policy, pieces=pieces))
    require_owners_can(compiler.locals, plan.parameters)
    program, locals_ = _resumed(compiler.builder.program(), compiler.locals, plan)
    return Compiled(program=program, locals=locals_, releases=tuple(releases), tagged=tuple(compiler.tagged))


def _resumed(program: Program, locals_: Sequence[Local], plan: Plan) -> tuple[Program, tuple[Local, ...]]:
    """Start from what the parties keep of earlier statements, and say what they are to keep of this one."""
    if all(item.operation not in ARRANGING for item in program.instructions):
        return program, tuple(locals_)
    identities = Identities(plan)
    by_value = {spec.value.number: local for spec, local in zip(program.inputs, locals_, strict=True)}
    known = {number: digest for number, local in by_value.items() if (digest := identities.of(local)) is not None}
    program = Keeping(program, known).program(plan.kept)
    return program, tuple(by_value[spec.value.number] for spec in program.inputs)
