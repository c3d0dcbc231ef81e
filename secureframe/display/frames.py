"""Frames and columns as people see them: names, types, owners and places, never a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from secureframe.disclosure.policy import Policy, strictest
from secureframe.display import page
from secureframe.display.rules import allowed, flags, rules, together, type_html, uses
from secureframe.plan.combining import Concat, Distinct, Merge, keys_text
from secureframe.plan.expressions import ColumnRef, Expr, infer, show
from secureframe.plan.nodes import Filter, GroupPersons, Node, Project, SortRows, Summarise, Table
from secureframe.plan.places import place
from secureframe.refusals import REFUSED
from secureframe.schema.table import Field

Policies = Mapping[str, Policy]
NO_POLICIES: Policies = MappingProxyType({})


def public_names(cls: type) -> list[str]:
    """Return the names that completion offers: nothing private, nothing that is refused."""
    return sorted(name for name in dir(cls) if not name.startswith("_") and (name not in REFUSED or name == "loc"))


def _facts(node: Node, policies: Policies) -> list[tuple[str, str]]:
    """What is known of a frame's rows, as a name and the rest of a sentence."""
    tables = ", ".join(f"{base.table.owner}.{base.table.name}" for base in node.bases)
    domains = ", ".join(dict.fromkeys(base.table.person_domain for base in node.bases))
    key = node.person_key
    found = [
        ("rows", f"of {tables}, never shown; at most {node.length:,} (public), their number is hidden"),
        ("person key:", f"{key} in {domains}") if key else ("persons", f"of {domains}; the key is not a column"),
        ("place:", place(node)),
    ]
    return [*found, ("release:", together(policies))] if policies else found


def _type_text(f: Field) -> str:
    return ", ".join([f.type.describe(), *flags(f)])


def table_text(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Return a table as aligned text."""
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in [header, *rows]]
    return "\n".join(indent + line for line in lines)


def _title(node: Node) -> str:
    return f"SecureFrame with {len(node.schema)} column{'' if len(node.schema) == 1 else 's'}"


def frame_text(node: Node, policies: Policies = NO_POLICIES) -> str:
    """Return a frame as text: schema, owners, place, person key, and the rules of a release."""
    rows = [(name, _type_text(f), ", ".join(sorted(f.owners)) or "public") for name, f in node.schema.items()]
    facts = [f"{name} {text}" for name, text in _facts(node, policies)]
    return "\n".join([_title(node), table_text(("column", "type", "owner"), rows), *facts])


def frame_html(node: Node, policies: Policies = NO_POLICIES) -> str:
    """Return a frame as HTML: schema, owners, places, and what a release would reveal under the owners' policies."""
    restricted = any(uses(f) for f in node.schema.values())
    head = ["column", "type", "owner", "place", "a release may give", *(["owner allows"] if restricted else [])]
    rows = []
    for name, f in node.schema.items():
        where = place(node, f.owners)
        row = [page.element("code", name), type_html(f), ", ".join(sorted(f.owners)) or "public", place_chip(where), allowed(f)]
        rows.append([*row, uses(f) or "everything"] if restricted else row)
    shown = page.scrolling(page.table(head, rows, caption=_title(node)), _title(node))
    facts = [(name.rstrip(":"), text) for name, text in _facts(node, {})]
    rest = [_policy_html(policies)] if policies else []
    return page.styled("".join([shown, page.facts(facts), *rest]), kind="frame")


def _policy_html(policies: Policies) -> str:
    lines = [page.element("li", line) for line in rules(strictest(policies.values()))]
    named = [page.element("li", f"{owner} follows {policy.name}") for owner, policy in policies.items()]
    return page.details(f"release: {together(policies)}", page.element("ul", *lines, *(named if len(named) > 1 else [])))


def place_chip(where: str) -> page.Html:
    """Return a place as HTML, in the colours of its kind."""
    return page.chip(where, where.partition("(")[0])


def _series_facts(node: Node, expr: Expr) -> list[str]:
    f = infer(expr, node.schema)
    lines = [] if isinstance(expr, ColumnRef) else [f"= {show(expr)}"]
    owners = ", ".join(sorted(f.owners)) or "public"
    return [*lines, f"owner: {owners}; place: {place(node, f.owners)}; values are never shown"]


def series_text(node: Node, expr: Expr, name: str | None) -> str:
    """Return a column as text: type, expression, owners and place."""
    title = f"SecureSeries {name or '(no name)'}: {_type_text(infer(expr, node.schema))}"
    return "\n  ".join([title, *_series_facts(node, expr)])


def series_html(node: Node, expr: Expr, name: str | None, policies: Policies = NO_POLICIES) -> str:
    """Return a column as HTML: type, expression, owners, place, and what a release of it would reveal."""
    f = infer(expr, node.schema)
    title = page.element("p", "SecureSeries ", page.element("code", name or "(no name)"), classes="sf-title")
    facts: list[tuple[object, object]] = [("type", _type_text(f))]
    if not isinstance(expr, ColumnRef):
        facts.append(("defined as", page.element("code", show(expr))))
    facts += [
        ("owner", ", ".join(sorted(f.owners)) or "public"),
        ("place", place_chip(place(node, f.owners))),
        ("values", "never shown"),
        ("a release may give", allowed(f)),
    ]
    rest = [_policy_html(policies)] if policies else []
    return page.styled("".join([title, page.facts(facts), *rest]), kind="series")


def step(node: Node) -> str:
    """Return one step of a frame as people read it."""
    match node:
        case Table(table=table):
            return f"table {table.owner}.{table.name}"
        case Filter(predicate=predicate):
            return f"rows where {show(predicate)}"
        case SortRows(by=by, ascending=ascending):
            return f"sorted by {', '.join(by)}{'' if ascending else ', descending'}"
        case GroupPersons(key=key, aggregations=aggregations):
            return f"one row a {key}: {', '.join(f'{a.name} = {a.how}({a.column})' for a in aggregations)}"
        case Merge(left_on=left, right_on=right, how=how):
            return f"{how} merge on {keys_text(left, right)}"
        case Concat(frames=frames):
            persons = "nobody in two of them" if node.disjoint else "a person may be in several"
            return f"rows of {len(frames)} frames, {persons}"
        case Distinct(subset=subset):
            return f"first of the rows with equal {', '.join(subset)}"
        case Project(columns=columns):
            made = [f"{name} = {show(e)}" for name, e in columns if e != ColumnRef(name)]
            kept = [name for name, e in columns if e == ColumnRef(name)]
            dropped = [name for name in node.frame.schema if name not in dict(columns)]
            if not made and (len(kept) < len(dropped) or not dropped):
                return f"columns {', '.join(kept)}"
            return "; ".join(["with " + ", ".join(made)] * bool(made) + ["without " + ", ".join(dropped)] * bool(dropped))
        case Summarise(by=by, statistics=statistics):
            return f"{len(statistics)} statistics" + (f" by {', '.join(by)}" if by else "")
        case _:
            return type(node).__name__
