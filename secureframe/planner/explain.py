"""Explaining a plan before it runs: places, what is sent, what each role learns, rounds and bytes.

The numbers come from the compiled program itself, by the engine's own schedule; they are what the engine then measures, apart
from sorts, whose number of levels depends on fresh coins.
"""

from __future__ import annotations

from collections.abc import Mapping

from secureframe.mpc.cost import StageCost
from secureframe.mpc.provenance import ARRANGING
from secureframe.plan.combining import Concat, Distinct, Merge, keys_text
from secureframe.plan.envelope import Plan
from secureframe.plan.expressions import Divide, Quantise, show, walk
from secureframe.plan.forms import Form
from secureframe.plan.nodes import Filter, GroupPersons, Node, Project, SortRows, Summarise, Table, walk_nodes
from secureframe.plan.places import place
from secureframe.planner.compile import Compiled
from secureframe.planner.frames import LocalPart, LocalValue
from secureframe.planner.prediction import Prediction, predict
from secureframe.planner.remainders import owners_of

_FORMS = {
    Form.VALID: "one bit a row: still in the cohort",
    Form.TRUTH: "one bit a row",
    Form.PRESENT: "one bit a row: not missing",
    Form.ARITH: "ring elements",
    Form.PLANES: "bit planes",
    Form.ONEHOT: "one bit a level",
    Form.KEY: "key bits",
    Form.SAME: "one bit a row: the same person as the row before",
    Form.POWER2: "ring elements, squared",
}


def explain_frame(node: Node) -> str:
    """Return one line a step: what it is and where it is computed."""
    return "\n".join(_lines(node, 0))


def _lines(node: Node, depth: int) -> list[str]:
    lines = [f"{'  ' * depth}{describe(node)}   @ {place(node)}"]
    for child in node.inputs:
        lines += _lines(child, depth + 1)
    return lines


def describe(node: Node) -> str:
    """Return one node as people read it."""
    match node:
        case Table(table=table):
            return f"{table.owner}.{table.name}"
        case Project(columns=columns):
            changed = [f"{name} = {show(expr)}" for name, expr in columns if show(expr) != name]
            quantised = any(isinstance(e, Divide | Quantise) for _, expr in columns for e in walk(expr))
            text = f"columns {', '.join(changed)}" if changed else f"columns {', '.join(name for name, _ in columns)}"
            return text + (" (quantised)" if quantised else "")
        case Filter(predicate=predicate):
            return f"rows where {show(predicate)}"
        case SortRows(by=by):
            return f"in order of {', '.join(by)}"
        case GroupPersons(key=key, aggregations=aggregations):
            inner = ", ".join(_aggregation(node, a.name, a.how, a.column) for a in aggregations)
            return f"one row a person by {key}: {inner}"
        case Merge(how=how, left_on=left, right_on=right):
            return f"{how} merge on {keys_text(left, right)}, matches hidden" + (", uniqueness checked" if node.checked else "")
        case Concat(frames=frames):
            return f"rows of {len(frames)} frames" + ("" if node.disjoint else ", persons in several of them told apart")
        case Distinct(subset=subset):
            return f"first of the rows with equal {', '.join(subset)}"
        case Summarise(by=by, statistics=statistics):
            inner = ", ".join(f"{s.kind}({', '.join(s.columns)})" for s in statistics)
            return f"release {inner}" + (f" by {', '.join(by)}" if by else "")
        case _:
            return type(node).__name__


def _aggregation(node: GroupPersons, name: str, how: str, column: str) -> str:
    text = f"{name} = {how}({column})"
    if how == "mean":
        text += f" quantised to {node.schema[name].type.step}"
    return text


def explain_plan(plan: Plan, compiled: Compiled, hosts: Mapping[int, str]) -> str:
    """Return the explanation of a compiled plan."""
    expected = predict(compiled)
    report = expected.report
    lines = [f"plan {plan.digest[:16]} for {plan.recipient['name']}: {plan.purpose}"]
    for release in plan.releases:
        lines += _lines(release, 0)
    if compiled.program.recalled:
        kept = len({k.group for k in compiled.program.recalled})
        joins = any(i.operation in ARRANGING for i in compiled.program.instructions)
        what = "the rest is joined" if joins else "no join"
        lines.append(f"kept from an earlier statement: {kept} arrangement{'s' if kept > 1 else ''} of rows by a key; {what}")
    lines.append("sent as shares:")
    for owner, dealt in report.dealt_bytes.items():
        lines.append(f"  {owner}: {_size(sum(dealt))}")
        lines += [f"    {text}" for text in _dealt(compiled, owner)]
    lines.append("computed among " + ", ".join(hosts[i] for i in sorted(hosts)) + ":")
    for stage in report.stages:
        lines.append(f"  {stage.name}: {_cost(stage, sum(stage.bytes_sent))}")
    lines.append(f"sealed for {plan.recipient['name']}: {_size(expected.sealed)}, in three packages")
    lines.append(f"in all: {_cost(expected, expected.bytes)}")
    lines.append("learned:")
    lines.append("  institutions: the plan; nothing of each other's rows")
    merges = {n for r in plan.releases for n in walk_nodes(r) if isinstance(n, Merge) and len(n.owners) > 1}
    sizes = sorted({n.length for m in merges for n in (m.left, m.right)})
    sorts = any(i.operation == "sort" for i in compiled.program.instructions)
    comparisons = "; comparisons of shuffled rows" if sorts else ""
    opened = f"{comparisons}; declared sizes {', '.join(f'{s:,}' for s in sizes)}" if merges else ""
    lines.append(f"  compute parties: random-looking shares{opened}")
    for join in compiled.tagged:
        names = ", ".join(describe(base) for frame in join.frames for base in frame.bases)
        lines.append(f"  compute parties, of {names} as whole tables: how many keys are in one row of them, in two and so on")
    policies = ", ".join(sorted({f"{r.policy.name} (threshold {r.policy.threshold})" for r in compiled.releases}))
    lines.append(f"  {plan.recipient['name']}: the cells that pass {policies}, and which do not")
    own = plan.recipient.get("affiliation")
    if any(own in owners_of(r.frame) and len(owners_of(r.frame)) > 1 for r in plan.releases):
        lines.append(f"  rows of {own} are the recipient's own: they count towards no threshold")
    return "\n".join(lines)


def _cost(of: StageCost | Prediction, size: int) -> str:
    """Rounds and bytes; of what sorts an estimate of both, and the most rounds that it takes."""
    if of.most_rounds > of.rounds:
        return f"about {of.rounds} rounds (at most {of.most_rounds}), about {_size(size)}"
    return f"{of.rounds} rounds, {_size(size)}"


def _dealt(compiled: Compiled, owner: str) -> list[str]:
    """What an owner deals, one line a thing."""
    lines: dict[str, None] = {}
    parts = 0
    for local in compiled.locals:
        if local.owner != owner:
            continue
        match local:
            case LocalPart(values=values):
                parts += values
            case LocalValue(expr=expr, encoding=encoding, length=length):
                what = "validity" if expr is None else show(expr)
                lines[f"{what}: {_FORMS[encoding.form]}, {length:,} rows"] = None
    if parts:
        lines[f"{parts:,} totals computed from its own rows"] = None
    return list(lines)


def _size(size: int) -> str:
    return f"{size / 1e6:,.2f} MB" if size >= 10_000 else f"{size:,} bytes"
