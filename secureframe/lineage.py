"""How a frame came about: its steps from tables, where each is computed, and a digest by which it can be named elsewhere."""

from __future__ import annotations

from secureframe.display import page
from secureframe.display.frames import place_chip, step, table_text
from secureframe.plan.codec import digest, encode
from secureframe.plan.nodes import Node, Table
from secureframe.plan.places import place

_SHOWN = 12
_HEAD = ("step", "place", "digest")


class Lineage(str):
    """The steps of a frame as text; a notebook shows them as a table.

    Parameters
    ----------
    node : Node
        The frame's plan.
    """

    _html: str

    def __new__(cls, node: Node) -> Lineage:
        """Write the steps down, the last one first, what it is made of indented below it."""
        lines = list(_lines(node, 0))
        shown = [("  " * depth + text, where, name) for depth, text, where, name in lines]
        made = super().__new__(cls, table_text(_HEAD, shown, ""))
        rows = [
            (_indented(depth, text), place_chip(where), page.element("code", name)) for depth, text, where, name in lines
        ]
        made._html = page.styled(page.table(_HEAD, rows, caption="Lineage, the last step first"), kind="lineage")
        return made

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self._html


def _indented(depth: int, text: str) -> page.Html:
    if depth == 0:
        return page.escape(text)
    hook = page.element("span", "└ ", aria_hidden="true", style=f"margin-left:{1.2 * (depth - 1):.1f}em")
    return page.Html(hook + page.escape(text))


def _lines(node: Node, depth: int) -> list[tuple[int, str, str, str]]:
    """Depth, step, place and digest of a frame and of all that it is made of.

    A frame's digest is that of its plan; a table's that of the plan beside the version of its data.
    """
    text = step(node)
    if isinstance(node, Table):
        text += f", data {node.table.version[:_SHOWN]}"
    found = [(depth, text, place(node), digest(encode(node))[:_SHOWN])]
    for below in node.inputs:
        found += _lines(below, depth + 1)
    return found
