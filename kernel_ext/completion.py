"""Completion of institutions, tables, columns, categories and allowed statistics, from the schemas that the notebook has.

A matcher of IPython's completer: it reads what stands at the cursor (``cursor.py``), builds the frame that it stands behind
(``evaluation.py``) and says what may follow (``offers.py``). Nobody is asked and no number is released. Without a federation it
does nothing and imports nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher

from kernel_ext.cursor import Bracket, Cursor, cursor_at

if TYPE_CHECKING:
    from kernel_ext.evaluation import Evaluation

ACTIONS = ("status", "members", "connect", "demo", "close")
QUERY_LEVEL = re.compile(r"(\w+)\s*(?:==|!=)\s*(['\"])([^'\"]*)$")
QUERY_WORD = re.compile(r"(?<![@\w'\"])([^\W\d]\w*)?$")
CALLEE = re.compile(r"(.*)\.\s*(\w+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Words of one kind that may stand at the cursor, in order, and what of them has been typed."""

    kind: str
    words: Sequence[Any]
    typed: str | None = None
    bare: bool = False


NOTHING = Offer(kind="", words=())


def install(ip: Any) -> Callable[[], None]:
    """Add the matcher to a shell's completer; return what removes it."""

    @context_matcher(identifier="secureframe", priority=200)  # type: ignore[untyped-decorator]  # IPython's has no types
    def matcher(context: Any) -> dict[str, Any]:
        lines = context.full_text.split("\n")
        before = [*lines[: context.cursor_line], lines[context.cursor_line][: context.cursor_position]]
        try:
            return completions("\n".join(before), ip.user_ns)
        except Exception:  # noqa: BLE001 - an unfinished cell may be anything, and IPython would print what went wrong with it
            return {"completions": []}

    matchers = ip.Completer.custom_matchers
    matchers.append(matcher)
    return lambda: matchers.remove(matcher) if matcher in matchers else None


def completions(text: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """Return what may follow a text in a notebook with these names, as IPython's completer takes it."""
    cursor = cursor_at(text)
    offer = offered(cursor, text, namespace)
    typed = cursor.prefix if offer.typed is None else offer.typed
    found = [
        SimpleCompletion(text=written, type=offer.kind)
        for word in offer.words
        if (written := _written(word, cursor.quote, offer.bare)) is not None and written.startswith(typed)
    ]
    return {"completions": found, "matched_fragment": typed, "suppress": bool(found), "ordered": True}


def _written(word: Any, quote: str, bare: bool) -> str | None:
    """Return a word as it is typed at the cursor: in an open string, or as a literal; None where it cannot stand there."""
    if bare:
        return str(word)
    if not quote:
        return repr(word)
    if not isinstance(word, str):
        return None
    escaped = word.replace("\\", "\\\\").replace(quote[0], "\\" + quote[0])
    return escaped.replace("\n", "\\n")


def offered(cursor: Cursor, text: str, namespace: dict[str, Any]) -> Offer:
    """Return what may stand at the cursor."""
    if cursor.comment:
        return NOTHING
    if cursor.magic in ("%federation", "%%study", "%jobs") and not cursor.brackets:
        return _of_magic(cursor)
    # Without a federation there are no frames, and nothing of ours has to be imported to know that.
    if "secureframe.federation" not in sys.modules or (cursor.magic and cursor.magic != "%explain"):
        return NOTHING
    from kernel_ext.evaluation import Evaluation

    evaluation = Evaluation(namespace, text[: cursor.statement])
    if cursor.receiver:
        return _attributes(evaluation.value(cursor.receiver), cursor.prefix)
    if cursor.prefix and not cursor.quote:
        return NOTHING
    if cursor.operator in ("==", "!="):
        from kernel_ext.offers import levels

        return Offer(kind="category", words=levels(evaluation.value(cursor.left)))
    return _in_brackets(cursor, evaluation) if cursor.brackets else NOTHING


def _of_magic(cursor: Cursor) -> Offer:
    words = cursor.line.split()
    if words and not cursor.line.endswith((" ", "\t")):
        words.pop()
    typed = cursor.line.split(" ")[-1].lstrip()
    if typed.startswith("-"):
        options = {
            "%federation": ("--purpose", "--name"),
            "%%study": ("--title", "--recipient", "--meta", "--explain"),
            "%jobs": ("--number",),
        }
        return Offer(kind="option", words=options[cursor.magic], typed=typed, bare=True)
    if cursor.magic == "%federation" and not words:
        return Offer(kind="action", words=ACTIONS, typed=typed, bare=True)
    if cursor.magic == "%federation" and words == ["demo"]:
        from secureframe.datasets import DEMONSTRATIONS

        return Offer(kind="demonstration", words=list(DEMONSTRATIONS), typed=typed, bare=True)
    return NOTHING


def _attributes(value: Any, prefix: str) -> Offer:
    """Names behind a dot: of a frame its methods and its columns."""
    from kernel_ext.evaluation import INDEXED

    if prefix.startswith("_") or not isinstance(value, INDEXED):
        return NOTHING
    return Offer(kind="attribute", words=[name for name in dir(value) if not name.startswith("_")], bare=True)


# -- in brackets -----------------------------------------------------------------------------------------------------------


def _in_brackets(cursor: Cursor, evaluation: Evaluation) -> Offer:
    """What may stand in the brackets around the cursor: those of a subscript or a call, and a list or a dict in them."""
    around = [n for n, bracket in enumerate(cursor.brackets) if bracket.receiver]
    if not around:
        return NOTHING
    outer, inner = cursor.brackets[around[-1]], cursor.brackets[around[-1] + 1 :]
    if len(inner) > 1 + (inner[:1] != () and inner[0].kind == "{"):
        return NOTHING
    if outer.kind == "[":
        return _subscript(evaluation.value(outer.receiver), outer)
    callee = CALLEE.fullmatch(outer.receiver)
    if callee is None:
        return NOTHING
    value, name = evaluation.value(callee[1]), callee[2]
    return _call(cursor, evaluation, value, name, outer, inner[0] if inner else None)


def _subscript(value: Any, outer: Bracket) -> Offer:
    from kernel_ext.evaluation import GROUPED, INDEXED
    from secureframe.frame import Loc, SecureFrame

    if isinstance(value, Loc):
        return Offer(kind="column", words=list(value._frame.node.schema)) if outer.arguments else NOTHING
    if not isinstance(value, INDEXED) or not hasattr(value, "_ipython_key_completions_"):
        return NOTHING
    kind = "column" if isinstance(value, (SecureFrame, *GROUPED)) else "table"
    return Offer(kind=kind, words=value._ipython_key_completions_())


def _call(cursor: Cursor, evaluation: Evaluation, value: Any, name: str, outer: Bracket, inner: Bracket | None) -> Offer:
    from kernel_ext import offers
    from kernel_ext.evaluation import GROUPED
    from secureframe.frame import SecureFrame
    from secureframe.series import SecureSeries

    parameter = outer.keyword or _parameter(name, len(outer.arguments))
    if isinstance(value, SecureFrame) and name == "query":
        return _query(value, cursor.prefix) if cursor.quote else NOTHING
    if name in ("agg", "aggregate") and isinstance(value, (SecureFrame, SecureSeries, *GROUPED)):
        return _aggregation(value, outer, inner)
    if isinstance(value, SecureSeries):
        in_keys = inner is None or inner.kind != "{" or not inner.key
        fits = name in ("isin", "map", "fillna") or (name in ("where", "mask") and parameter == "other")
        return Offer(kind="category", words=offers.levels(value)) if fits and in_keys else NOTHING
    if name == "table_one" and outer.arguments:
        value, parameter = evaluation.value(outer.arguments[0]), outer.keyword or ("", "by", "columns")[len(outer.arguments) % 3]
    if not isinstance(value, SecureFrame):
        return NOTHING
    if inner is not None and inner.kind == "{" and inner.key:
        return NOTHING
    if parameter in CHOICES.get(name, {}):
        return Offer(kind="choice", words=CHOICES[name][parameter])
    if (name, parameter) == ("merge", "on"):
        right = evaluation.value(outer.keywords.get("right") or next(iter(outer.arguments), ""))
        return Offer(kind="column", words=offers.merge_keys(value, right))
    if (name, parameter) == ("merge", "right_on"):
        right = evaluation.value(outer.keywords.get("right") or next(iter(outer.arguments), ""))
        return Offer(kind="column", words=offers.columns(right))
    if parameter in KEYED.get(name, ()):
        alone = name == "groupby" and not (inner is not None and inner.arguments)
        return Offer(kind="column", words=offers.group_keys(value, persons=alone))
    if parameter in NUMBERED.get(name, ()):
        return Offer(kind="column", words=offers.numbers(value))
    if parameter in NAMED.get(name, ()):
        return Offer(kind="column", words=offers.columns(value))
    return NOTHING


POSITIONS = {
    "groupby": ("by",),
    "merge": ("right", "how", "on"),
    "sort_values": ("by",),
    "drop": ("labels",),
    "drop_duplicates": ("subset",),
    "value_counts": ("subset",),
    "filter": ("items",),
    "rename": ("mapper",),
    "fillna": ("value",),
    "astype": ("dtype",),
    "hist": ("column",),
    "get": ("key",),
    "where": ("cond", "other"),
    "mask": ("cond", "other"),
}
"""Names of arguments that are given by position."""
KEYED = {"groupby": ("by",), "value_counts": ("subset",), "pivot_table": ("index", "columns"), "table_one": ("by",)}
NUMBERED = {"hist": ("column",), "pivot_table": ("values",)}
NAMED = {
    "merge": ("left_on",),
    "sort_values": ("by",),
    "drop": ("labels", "columns"),
    "drop_duplicates": ("subset",),
    "dropna": ("subset",),
    "filter": ("items",),
    "rename": ("columns", "mapper"),
    "fillna": ("value",),
    "astype": ("dtype",),
    "get": ("key",),
    "table_one": ("columns",),
}
"""For every method the arguments that name keys of groups, numbers, or any columns."""
CHOICES: dict[str, dict[str, Sequence[str]]] = {
    "merge": {
        "how": ("inner", "left", "right", "outer", "left_anti", "right_anti"),
        "validate": ("1:1", "m:1", "1:m"),
    }
}


def _parameter(name: str, position: int) -> str:
    known = POSITIONS.get(name, ())
    return known[position] if position < len(known) else ""


def _aggregation(value: Any, outer: Bracket, inner: Bracket | None) -> Offer:
    """``agg("mean")``, ``agg(["mean"])``, ``agg({"age": "mean"})``, ``agg(n=("age", "mean"))``."""
    from kernel_ext import offers

    if inner is None or inner.kind == "[":
        return Offer(kind="statistic", words=offers.statistics(value, alone=inner is None))
    if inner.kind == "{":
        if not inner.key:
            return Offer(kind="column", words=offers.columns(value))
        return Offer(kind="statistic", words=offers.statistics(value, inner.key.strip("'\"")))
    if not inner.arguments:
        return Offer(kind="column", words=offers.columns(value))
    return Offer(kind="statistic", words=offers.statistics(value, inner.arguments[0].strip("'\"")))


def _query(frame: Any, typed: str) -> Offer:
    """Columns and categories inside the text of ``query("...")``."""
    from kernel_ext import offers

    level = QUERY_LEVEL.search(typed)
    if level is not None:
        found: Iterable[Any] = offers.levels(frame[level[1]]) if level[1] in frame.node.schema else ()
        return Offer(kind="category", words=[each for each in found if isinstance(each, str)], typed=level[3])
    word = QUERY_WORD.search(typed)
    if word is None or typed.count("'") % 2 or typed.count('"') % 2:
        return NOTHING
    return Offer(kind="column", words=[name for name in frame.node.schema if name.isidentifier()], typed=word[1] or "")
