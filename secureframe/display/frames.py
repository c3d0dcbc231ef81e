"""Frames and columns as people see them: names, types, owners and places, never a row."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from secureframe.plan.combining import Concat, Distinct, Merge, keys_text
from secureframe.plan.expressions import ColumnRef, Expr, infer, show
from secureframe.plan.nodes import Filter, GroupPersons, Node, Project, SortRows, Summarise, Table
from secureframe.plan.places import place
from secureframe.refusals import REFUSED
from secureframe.schema.table import Field


def public_names(cls: type) -> list[str]:
    """Return the names that completion offers: nothing private, nothing that is refused."""
    return sorted(name for name in dir(cls) if not name.startswith("_") and (name not in REFUSED or name == "loc"))


def _facts(node: Node) -> list[str]:
    tables = ", ".join(f"{base.table.owner}.{base.table.name}" for base in node.bases)
    domains = ", ".join(dict.fromkeys(base.table.person_domain for base in node.bases))
    lines = [f"rows of {tables}, never shown; at most {node.length:,} (public), their number is hidden"]
    key = node.person_key
    lines.append(f"person key: {key} in {domains}" if key else f"persons of {domains}; the key is not a column")
    lines.append(f"place: {place(node)}")
    return lines


def _rows(node: Node) -> list[tuple[str, str, str]]:
    return [(name, _type_text(f), ", ".join(sorted(f.owners)) or "public") for name, f in node.schema.items()]


def _type_text(f: Field) -> str:
    flags = [flag for flag, on in (("sensitive", f.sensitive), ("magnitude", f.magnitude)) if on]
    return ", ".join([f.type.describe(), *flags])


def table_text(header: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "  ") -> str:
    """Return a table as aligned text."""
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in [header, *rows]]
    return "\n".join(indent + line for line in lines)


def frame_text(node: Node) -> str:
    """Return a frame as text: schema, owners, place and person key."""
    table = table_text(("column", "type", "owner"), _rows(node))
    return "\n".join([f"SecureFrame with {len(node.schema)} columns", table, *_facts(node)])


def frame_html(node: Node) -> str:
    """Return a frame as HTML: the same as its text."""
    head = "".join(f"<th>{escape(word)}</th>" for word in ("column", "type", "owner"))
    body = "".join("<tr>" + "".join(f"<td>{escape(word)}</td>" for word in row) + "</tr>" for row in _rows(node))
    facts = "<br>".join(escape(line) for line in _facts(node))
    return (
        f'<div class="secureframe"><table><caption>SecureFrame with {len(node.schema)} columns</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{facts}</p></div>"
    )


def _series_facts(node: Node, expr: Expr, name: str | None) -> list[str]:
    f = infer(expr, node.schema)
    lines = [f"SecureSeries {name or '(no name)'}: {_type_text(f)}"]
    if not isinstance(expr, ColumnRef):
        lines.append(f"= {show(expr)}")
    lines.append(f"owner: {', '.join(sorted(f.owners)) or 'public'}; place: {place(node, f.owners)}; values are never shown")
    return lines


def series_text(node: Node, expr: Expr, name: str | None) -> str:
    """Return a column as text: type, expression, owners and place."""
    return "\n  ".join(_series_facts(node, expr, name))


def series_html(node: Node, expr: Expr, name: str | None) -> str:
    """Return a column as HTML: the same as its text."""
    return f'<div class="secureframe"><p>{"<br>".join(escape(line) for line in _series_facts(node, expr, name))}</p></div>'


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
