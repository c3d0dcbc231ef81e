"""Compiling frames: how a column, a condition or a row's validity comes onto shares.

Everything that one institution can compute from its own rows becomes a value that it deals (``LocalValue``). A merge
moves what is needed of its right frame to the left frame's rows, all of it in one oblivious join. What mixes columns of
several institutions is computed on shares by ``elementwise``.

A plan is compiled in two passes of the same code: the first one only notes what each merge has to move, so that the
second one can emit each join once, with everything that any release needs of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from secureframe.disclosure.rounding import Ranged
from secureframe.errors import PlanError
from secureframe.mpc import runs
from secureframe.mpc.program import Builder, Value
from secureframe.plan.centres import row_owners
from secureframe.plan.combining import Concat, Distinct, Merge
from secureframe.plan.expressions import ColumnRef, Expr, column_names, infer, substitute
from secureframe.plan.forms import PLANES, PRESENT, VALID, Encoding, Form, key_encoding, rows_of
from secureframe.plan.nodes import Filter, GroupPersons, Node, Project, SortRows, Table, walk_nodes
from secureframe.plan.parts import Breakdown, Histogram, Part
from secureframe.plan.rosters import KEY, Among, roster
from secureframe.plan.unions import spans_domains
from secureframe.planner import elementwise, grouping, merging, remainders
from secureframe.planner.folding import unmatched_value
from secureframe.planner.placement import AT_OWNERS, Placement, reduces_many_rows
from secureframe.schema.types import ColumnType, Kind, Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalValue:
    """A value over the rows of one institution's frame, dealt by it."""

    owner: str
    frame: Node
    expr: Expr | None
    encoding: Encoding
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPart:
    """A part that one institution computes whole from its own rows, dealt by it."""

    owner: str
    breakdown: Breakdown
    part: Part | Histogram
    values: int


Local = LocalValue | LocalPart
JOIN, AGGREGATE, RELEASE = STAGES = ("join", "aggregate", "release")
"""Stages of a job after sharing: rows of several institutions, parts of releases, rules and what leaves."""
Demand = tuple[Expr, Encoding]
Noted = Mapping[Node, list[Demand]]
"""What every merge has to move, and every reduction to persons to compute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What holds for all frames of a plan.

    Parameters
    ----------
    parameters : mapping
        Values of the plan's parameters; public.
    placement : Placement
        What owners compute before anything is shared.
    recipient : str, optional
        The recipient's affiliation: rows of this owner are never counted towards a threshold.
    every_part : bool
        Whether some policy asks for what each owner adds to a count.
    tagged_joins : bool
        Whether the policies of all owners allow joins by tags.
    """

    parameters: Mapping[str, Scalar]
    placement: Placement = AT_OWNERS
    recipient: str | None = None
    every_part: bool = False
    tagged_joins: bool = False


class FrameCompiler:
    """Emits the values of frames into a program; every value once.

    Parameters
    ----------
    builder : Builder
        Where the instructions go.
    setting : Setting
        What holds for all frames of the plan.
    demands : mapping or None
        What each merge has to move, as noted by an earlier pass; None in the pass that notes it.
    layouts : mapping, optional
        How the keys of merges are laid out; by default as ``demands`` say, or as each merge for itself would have it.
    """

    def __init__(
        self,
        builder: Builder,
        setting: Setting,
        demands: Noted | None,
        layouts: merging.Encodings | None = None,
    ) -> None:
        self.builder = builder
        self.parameters = setting.parameters
        self.placement = setting.placement
        self.recipient = setting.recipient
        self.every_part = setting.every_part
        self.tagged_joins = setting.tagged_joins
        self.locals: list[Local] = []
        self.noted: dict[Node, list[Demand]] = {}
        self.persons = grouping.Persons(self)
        self.tagged: list[merging.Tagged] = []
        self.counts: dict[tuple[Node, str], Ranged] = {}
        self.sizes: dict[Node, Breakdown] = {}
        self.histograms: dict[tuple[Breakdown, str], tuple[Value, tuple[Value, ...]]] = {}
        self._demands = demands
        self._groups = merging.together([node for node in demands or () if isinstance(node, Merge)])
        self._layouts = layouts or merging.encodings(self._groups)
        self._values: dict[tuple[Node, Expr | None, Encoding], Value] = {}
        self._joined: dict[Merge, tuple[Value, Mapping[Demand, Value]]] = {}
        self._violated: dict[Merge, Value] = {}
        self._left_repeated: dict[Merge, Value] = {}
        self._grouped: dict[GroupPersons, tuple[Value, dict[str, grouping.Reduced]]] = {}

    def value(self, node: Node, expr: Expr | None, encoding: Encoding) -> Value:
        """Return the value of an expression over a frame, in a form."""
        key = (node, expr, encoding)
        if key not in self._values:
            with self.builder.stage(JOIN):
                self._values[key] = self._emit(node, expr, encoding)
        return self._values[key]

    def deal(self, local: Local, kind: str, rows: int, n: int, limbs: int = 1) -> Value:
        """Return a value that an institution deals."""
        self.locals.append(local)
        label = str(len(self.locals) - 1)
        if kind == "bits":
            return self.builder.input(local.owner, label, "bits", rows, n)
        return self.builder.input(local.owner, label, "arith", rows, n, limbs)

    def _emit(self, node: Node, expr: Expr | None, encoding: Encoding) -> Value:
        if self.placement.values(node, expr, encoding):
            return self._local(node, expr, encoding)
        match node:
            case Table() | GroupPersons() if len(node.owners) == 1:
                return self._of_columns(node, expr, encoding)
            case Project(frame=frame):
                return self.value(frame, None if expr is None else substitute(expr, node.definitions), encoding)
            case SortRows(frame=frame) | Among(frame=frame):
                return self.value(frame, expr, encoding)
            case Concat(frames=frames):
                return self._stacked([self.value(f, expr, encoding) for f in frames])
            case Distinct(frame=frame):
                if encoding != VALID:
                    return self.value(frame, expr, encoding)
                return self._first_of_equals(node)
            case GroupPersons():
                return self._reduced(node, expr, encoding)
            case Filter(frame=frame, predicate=predicate):
                if encoding != VALID:
                    return self.value(frame, expr, encoding)
                kept = self.value(frame, predicate, Encoding(form=Form.TRUTH))
                return self.builder.and_(self.value(frame, None, VALID), kept)
            case Merge():
                return self._merged(node, expr, encoding)
            case _:
                raise TypeError(f"{type(node).__name__} never spans institutions")

    def unmixed(self, node: Node, expr: Expr) -> bool:
        """Whether owners deal an expression in any form that is asked for, so that nothing of it is computed on shares."""
        if self.placement.values(node, expr, PLANES):
            return True
        match node:
            case Project(frame=frame):
                return self.unmixed(frame, substitute(expr, node.definitions))
            case Filter(frame=frame) | SortRows(frame=frame) | Among(frame=frame) | Distinct(frame=frame):
                return self.unmixed(frame, expr)
            case Concat(frames=frames):
                return all(self.unmixed(frame, expr) for frame in frames)
            case Merge(left=left, right=right):
                origins = {name: node.origins[name] for name in column_names(expr)}
                beneath = substitute(expr, {name: ColumnRef(origin) for name, (_, origin) in origins.items()})
                sides = {side for side, _ in origins.values()}
                return len(sides) == 1 and self.unmixed(left if sides == {"left"} else right, beneath)
            case _:
                return False

    def _of_columns(self, node: Table | GroupPersons, expr: Expr | None, encoding: Encoding) -> Value:
        """A value of one owner's frame that is made on shares, of columns that the owner deals as they are."""
        if isinstance(node, GroupPersons) and not reduces_many_rows(node):
            return self._reduced(node, expr, encoding)
        assert expr is not None
        return elementwise.emit(self, node, expr, encoding)

    def _stacked(self, values: list[Value]) -> Value:
        """Values of frames, one after the other."""
        return self.builder.concat(values)

    def _first_of_equals(self, node: Distinct) -> Value:
        """Valid rows that are the ones to keep of those with their values."""
        b = self.builder
        frame = node.frame
        planes = []
        for name in node.subset:
            type_ = frame.schema[name].type
            planes.append(self.value(frame, ColumnRef(name), self._key(type_, type_)))
            if type_.nullable:
                planes.append(self.value(frame, ColumnRef(name), PRESENT))
        valid = self.value(frame, None, VALID)
        order = grouping.order_planes(self, frame)
        arranged = runs.arrange(b, key=b.rows(planes), present=valid, words=[], ariths=[], tie=order)
        first, last = b.invert(arranged.same), runs.is_last(b, arranged.same)
        kept = {"first": [first], "last": [last], "none": [first, last]}[node.keep]
        first = b.all_planes(b.rows([arranged.present, *kept]))
        words, _ = runs.give_back(b, arranged, words=[b.pack(first)], ariths=[])
        return b.unpack(words[0], 1)

    @staticmethod
    def _key(a: ColumnType, b: ColumnType) -> Encoding:
        if spans_domains(a):
            raise PlanError(
                "keys of several person domains are not compared on shares",
                hint="merge or drop duplicates within each domain, then sf.concat",
            )
        return key_encoding(a, b)

    def _reduced(self, node: GroupPersons, expr: Expr | None, encoding: Encoding) -> Value:
        """A column of a reduction to persons, some of whose rows lie at several institutions."""
        rows, _ = grouping.locally_reduced(node)
        if expr is None:
            return self._reduction(node)[0]
        if column_names(expr) <= {node.key}:
            # The row that stands for a person may be one that was left out, which has no key: everybody has one in the roster.
            return self.value(roster(rows, stacked=True), substitute(expr, {node.key: ColumnRef(KEY)}), encoding)
        if not isinstance(expr, ColumnRef):
            return elementwise.emit(self, node, expr, encoding)
        noted = self.noted.setdefault(node, [])
        if (expr, VALID) not in noted:
            noted.append((expr, VALID))
        _, found = self._reduction(node)
        type_ = node.schema[expr.name].type
        if self._demands is None:
            return grouping.placeholder(encoding, type_, node.length, -1 - len(noted))
        value = grouping.in_form(self, found[expr.name], type_, encoding)
        return elementwise.emit(self, node, expr, encoding) if value is None else value

    def _reduction(self, node: GroupPersons) -> tuple[Value, dict[str, grouping.Reduced]]:
        """Which rows stand for a person, and all that is asked for of them; emitted once."""
        if node not in self._grouped:
            if self._demands is None:
                # What the reduction reads is noted too.
                names = [a.name for a in node.aggregations]
                grouping.reduce_persons(self, node, names + [grouping.AT + o for o in sorted(row_owners(node))])
                self._grouped[node] = (Value(-1, "bits", 1, node.length), {})
            else:
                names = [expr.name for expr, _ in self._demands.get(node, []) if isinstance(expr, ColumnRef)]
                self._grouped[node] = grouping.reduce_persons(self, node, names)
        return self._grouped[node]

    def at_owner(self, node: GroupPersons, owner: str) -> Value:
        """One plane: the rows of a reduction that stand for a person with a row at an owner."""
        expr = ColumnRef(grouping.AT + owner)
        noted = self.noted.setdefault(node, [])
        if (expr, VALID) not in noted:
            noted.append((expr, VALID))
        _, found = self._reduction(node)
        if self._demands is None:
            return Value(-1 - len(noted), "bits", 1, node.length)
        planes = found[expr.name].planes
        assert planes is not None
        return planes

    def rows_at(self, frame: Node, flags: Value, owner: str) -> Value:
        """Those of some flags of rows that are of persons with rows at an owner."""
        return remainders.at_owner(self, frame, flags, owner)

    def _local(self, node: Node, expr: Expr | None, encoding: Encoding) -> Value:
        (owner,) = node.owners
        type_ = None if expr is None else infer(expr, node.schema).type
        if type_ is not None and type_.kind is Kind.CATEGORY and encoding.form is Form.ARITH:
            return self._code(node, expr, type_, encoding.limbs)
        rows = rows_of(encoding, type_)
        local = LocalValue(owner=owner, frame=node, expr=expr, encoding=encoding, length=node.length)
        kind = "arith" if encoding.form is Form.ARITH else "bits"
        return self.deal(local, kind, rows, node.length, encoding.limbs)

    def _code(self, node: Node, expr: Expr | None, type_: ColumnType, limbs: int) -> Value:
        """A category's code minus the centre, zero where missing: owners deal categories as bits only."""
        b = self.builder
        planes = b.rows([self.value(node, expr, PLANES), self.value(node, expr, PRESENT)])
        return b.combine(b.to_arith(planes, limbs), [*(1 << bit for bit in range(type_.width)), type_.low - type_.centre])

    # -- merges --------------------------------------------------------------------------------------------------

    def _merged(self, node: Merge, expr: Expr | None, encoding: Encoding) -> Value:
        if encoding == VALID or expr is None:
            valid = self.value(node.left, None, VALID)
            if node.how == "left":
                return valid
            matched = self._join(node)[0]
            return self.builder.and_(valid, matched if node.how == "inner" else self.builder.invert(matched))
        origins = {name: node.origins[name] for name in column_names(expr)}
        sides = {side for side, _ in origins.values()}
        beneath = substitute(expr, {name: ColumnRef(origin) for name, (_, origin) in origins.items()})
        if sides <= {"left"}:
            return self.value(node.left, beneath, encoding)
        if sides == {"right"}:
            return self._moved(node, beneath, encoding)
        return elementwise.emit(self, node, expr, encoding)

    def _moved(self, node: Merge, expr: Expr, encoding: Encoding) -> Value:
        """A value of the right frame at the left frame's rows; where nothing matched, what missing columns give."""
        demand = (expr, encoding)
        noted = self.noted.setdefault(node, [])
        if demand not in noted:
            noted.append(demand)
        matched, values = self._join(node)
        if self._demands is None:
            beneath = self.value(node.right, expr, encoding)
            return Value(-1 - len(noted), beneath.kind, beneath.rows, node.left.length, beneath.limbs)
        moved = values[demand]
        if node.how == "inner":
            return moved
        b = self.builder
        type_ = infer(expr, node.right.schema).type
        rest = unmatched_value(expr, encoding, type_, self.parameters)
        if not any(rest):
            return moved
        unmatched = b.invert(matched)
        if encoding.form is Form.ARITH:
            return b.add(moved, b.multiply_public(b.to_arith(unmatched, encoding.limbs), rest))
        planes = [unmatched if bit else b.xor(matched, matched) for bit in rest]
        return b.xor(moved, b.rows(planes))

    def violated(self, frame: Node) -> list[Value]:
        """For every merge below that looks at uniqueness on shares, the bit that says whether it was violated."""
        found = []
        for node in dict.fromkeys(walk_nodes(frame)):
            if isinstance(node, Merge) and node.checked:
                with self.builder.stage(JOIN):
                    self._join(node)
                if node in self._violated:
                    found.append(self._violated[node])
            if isinstance(node, Merge) and node.left_checked:
                with self.builder.stage(JOIN):
                    found.append(self._repeated(node))
        return found

    def _repeated(self, node: Merge) -> Value:
        """Whether two rows of a merge's left frame have one key."""
        b = self.builder
        if node not in self._left_repeated:
            key, there = merging.keys(self, (node.left, node.left_on), merging.alone(node), right=True)
            pairs = runs.arrange(b, key=key, present=there, words=[], ariths=[]).same
            self._left_repeated[node] = b.invert(b.is_zero(b.count_bits(pairs), pairs.n.bit_length() + 1))
        return self._left_repeated[node]

    def _join(self, node: Merge) -> tuple[Value, Mapping[Demand, Value]]:
        """The match bits of a merge over the left rows, and everything it moves; emitted once."""
        if node in self._joined:
            return self._joined[node]
        if self._demands is None:
            self.noted.setdefault(node, [])
            merging.note(self, node, self._layouts.get(node) or merging.alone(node))
            self._joined[node] = (Value(-1, "bits", 1, node.left.length), {})
            return self._joined[node]
        group = next(group for group in self._groups if node in group.merges)
        for merge, outcome in merging.emit(self, group, self._layouts[node], self._demands).items():
            self._joined[merge] = (outcome.matched, outcome.moved)
            if outcome.violated is not None:
                self._violated[merge] = outcome.violated
        return self._joined[node]


def note(setting: Setting, ask: Callable[[FrameCompiler], None]) -> Noted:
    """Return what merges have to move and reductions to compute for all that is asked: the first pass.

    Parameters
    ----------
    setting : Setting
        As of the second pass.
    ask : callable
        Asks a compiler for everything that the second pass will ask for; its program is thrown away.
    """
    noting = FrameCompiler(Builder(), setting, None)
    ask(noting)
    merges = [node for node in noting.noted if isinstance(node, Merge)]
    layouts = merging.encodings(merging.together(merges))
    if any(merging.alone(merge) != layout for merge, layout in layouts.items()):
        # Keys that are sorted together are laid out alike, and may themselves have to be moved so.
        noting = FrameCompiler(Builder(), setting, None, layouts)
        ask(noting)
    return noting.noted
