"""Explaining a plan before it runs: places, what is sent, what each role learns, rounds and bytes.

The numbers come from the compiled program itself, by the engine's own schedule; they are what the engine then measures, apart
from sorts, whose number of levels depends on fresh coins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

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


def _lines(node: Node, depth: int, tagged: Collection[Node] = ()) -> list[str]:
    lines = [f"{'  ' * depth}{describe(node, tagged)}   @ {place(node)}"]
    for child in node.inputs:
        lines += _lines(child, depth + 1, tagged)
    return lines


def describe(node: Node, tagged: Collection[Node] = ()) -> str:
    """Return one node as people read it; ``tagged`` merges tell the compute parties how many keys are common."""
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
            hidden = "matches hidden but for their number" if node in tagged else "matches hidden"
            return f"{how} merge on {keys_text(left, right)}, {hidden}" + (", uniqueness checked" if node.checked else "")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """What one institution sends as shares: bytes, and one line a thing."""

    owner: str
    size: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A compiled plan, explained: what every part of its text says.

    Parameters
    ----------
    plan, recipient, purpose : str
        Digest, for whom, and what for.
    releases : tuple of Summarise
        What is asked.
    tagged : frozenset of Node
        Merges of which the compute parties learn how many keys are common.
    kept : str or None
        What is kept of an earlier statement.
    dealt : tuple of Dealt
        What institutions send.
    hosts : tuple of str
        The institutions that compute.
    stages : tuple of (str, str)
        Every stage and its cost.
    sealed, total : str
        What goes to the recipient, and the cost of all of it.
    learned : tuple of (str, str)
        Every role and what it learns.
    notes : tuple of str
        What else has to be known.
    """

    plan: str
    recipient: str
    purpose: str
    releases: tuple[Summarise, ...]
    tagged: frozenset[Node]
    kept: str | None
    dealt: tuple[Dealt, ...]
    hosts: tuple[str, ...]
    stages: tuple[tuple[str, str], ...]
    sealed: str
    total: str
    learned: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it as text."""
        lines = [f"plan {self.plan} for {self.recipient}: {self.purpose}"]
        for release in self.releases:
            lines += _lines(release, 0, self.tagged)
        lines += [f"kept from an earlier statement: {self.kept}"] if self.kept else []
        lines.append("sent as shares:")
        for dealt in self.dealt:
            lines.append(f"  {dealt.owner}: {dealt.size}")
            lines += [f"    {text}" for text in dealt.lines]
        lines.append("computed among " + ", ".join(self.hosts) + ":")
        lines += [f"  {name}: {cost}" for name, cost in self.stages]
        lines.append(f"sealed for {self.recipient}: {self.sealed}")
        lines.append(f"in all: {self.total}")
        lines.append("learned:")
        lines += [f"  {role}: {what}" for role, what in self.learned]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join(lines)


def explained(plan: Plan, compiled: Compiled, hosts: Mapping[int, str]) -> Explained:
    """Explain a compiled plan that runs at these hosts of parties."""
    expected = predict(compiled)
    report = expected.report
    kept = None
    if compiled.program.recalled:
        count = len({k.group for k in compiled.program.recalled})
        joins = any(i.operation in ARRANGING for i in compiled.program.instructions)
        what = "the rest is joined" if joins else "no join"
        kept = f"{count} arrangement{'s' if count > 1 else ''} of rows by a key; {what}"
    own = plan.recipient.get("affiliation")
    shared = any(own in owners_of(r.frame) and len(owners_of(r.frame)) > 1 for r in plan.releases)
    dealt = report.dealt_bytes.items()
    return Explained(
        plan=plan.digest[:16],
        recipient=str(plan.recipient["name"]),
        purpose=plan.purpose,
        releases=tuple(plan.releases),
        tagged=frozenset(merge for join in compiled.tagged for merge in join.merges),
        kept=kept,
        dealt=tuple(Dealt(owner=o, size=_size(sum(sizes)), lines=tuple(_dealt(compiled, o))) for o, sizes in dealt),
        hosts=tuple(hosts[i] for i in sorted(hosts)),
        stages=tuple((stage.name, _cost(stage, sum(stage.bytes_sent))) for stage in report.stages),
        sealed=f"{_size(expected.sealed)}, in three packages",
        total=_cost(expected, expected.bytes),
        learned=tuple(_learned(plan, compiled)),
        notes=(f"rows of {own} are the recipient's own: they count towards no threshold",) if shared else (),
    )


def _learned(plan: Plan, compiled: Compiled) -> Iterator[tuple[str, str]]:
    """Every role and what it learns."""
    yield "institutions", "the plan; nothing of each other's rows"
    merges = {n for r in plan.releases for n in walk_nodes(r) if isinstance(n, Merge) and len(n.owners) > 1}
    sizes = sorted({n.length for m in merges for n in (m.left, m.right)})
    sorts = any(i.operation == "sort" for i in compiled.program.instructions)
    comparisons = "; comparisons of shuffled rows" if sorts else ""
    opened = f"{comparisons}; declared sizes {', '.join(f'{s:,}' for s in sizes)}" if merges else ""
    yield "compute parties", f"random-looking shares{opened}"
    for join in compiled.tagged:
        names = ", ".join(describe(base) for frame in join.frames for base in frame.bases)
        yield f"compute parties, of {names} as whole tables", "how many keys are in one row of them, in two and so on"
    policies = ", ".join(sorted({f"{r.policy.name} (threshold {r.policy.threshold})" for r in compiled.releases}))
    yield str(plan.recipient["name"]), f"the cells that pass {policies}, and which do not"


def explain_plan(plan: Plan, compiled: Compiled, hosts: Mapping[int, str]) -> str:
    """Return the explanation of a compiled plan as text."""
    return explained(plan, compiled, hosts).text


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
