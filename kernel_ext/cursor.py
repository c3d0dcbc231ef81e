"""What stands at the cursor of a cell that is not finished: an open string, the brackets around it, what is called or compared.

Read from the beginning of the cell up to the cursor, once, by the few rules that brackets, strings and names follow. Nothing is
evaluated.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field

CLOSED_BY = {"(": ")", "[": "]", "{": "}"}
TOKEN = re.compile(
    r"(?P<space>[ \t\f\r]+|\\\n)"
    r"|(?P<newline>\n)"
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<quote>(?:[rRbBuUfFtT]{1,2})?(?:\"\"\"|'''|\"|'))"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<number>\.?\d[\w.]*)"
    r"|(?P<operator>==|!=|<=|>=|:=|->|\*\*|//|<<|>>|[^\w\s])"
)
MAGIC = re.compile(r"[ \t]*(%%?|!)(\w*)")


@dataclass(slots=True, kw_only=True)
class Bracket:
    """An open bracket, and what has been read of its content.

    Parameters
    ----------
    kind : str
        ``(``, ``[`` or ``{``.
    start : int
        Where what is called or subscripted begins; the bracket itself where there is nothing of the kind.
    receiver : str
        What is called or subscripted; empty for a list, a dict or a pair of parentheses.
    arguments : list of str
        The items before the one at the cursor that have no name.
    keywords : dict of str
        Those that have one.
    keyword : str
        The name of the argument at the cursor, if it has one.
    key : str
        In a dict what stands before the colon.
    """

    kind: str
    start: int
    receiver: str = ""
    arguments: list[str] = field(default_factory=list)
    keywords: dict[str, str] = field(default_factory=dict)
    keyword: str = ""
    key: str = ""
    item: int = 0
    """Where the item at the cursor begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """What stands at the cursor.

    Parameters
    ----------
    prefix : str
        What has been typed of the word at the cursor: of the content of an open string, or of a name.
    quote : str
        What opened the string; empty outside of one.
    brackets : tuple of Bracket
        Those that are open, the innermost last.
    receiver : str
        What stands before a dot at the cursor.
    left, operator : str
        The expression and the operator directly before the word.
    statement : int
        Where the statement begins.
    magic : str
        The magic that the line belongs to, with its percent signs.
    line : str
        Of a magic's line, what stands behind the magic's name.
    comment : bool
        Whether it is in a comment.
    """

    prefix: str = ""
    quote: str = ""
    brackets: tuple[Bracket, ...] = ()
    receiver: str = ""
    left: str = ""
    operator: str = ""
    statement: int = 0
    magic: str = ""
    line: str = ""
    comment: bool = False


def cursor_at(text: str) -> Cursor:
    """Read the text before the cursor."""
    return _Reader(text).read()


class _Reader:
    """Reads tokens and keeps where the current expression begins, and what came before it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.brackets: list[Bracket] = []
        self.statement = 0
        self.magic = self.line = ""
        self.begin(0)

    def begin(self, position: int) -> None:
        """A new expression may begin: nothing stands before it."""
        self.primary: int | None = None
        self.whole = self.dotted = False
        self.left = self.operator = ""
        if self.brackets:
            self.brackets[-1].item = position
        else:
            self.statement = position

    def read(self) -> Cursor:
        position = self.start_of_line(0)
        while position < len(self.text):
            token = TOKEN.match(self.text, position)
            if token is None:
                position += 1
                continue
            kind, word, after = token.lastgroup, token.group(), token.end()
            at_cursor = after == len(self.text)
            if kind == "comment" and at_cursor:
                return Cursor(comment=True)
            if kind == "quote":
                end = self.end_of_string(word, after)
                if end is None:
                    return self.found(self.text[after:], quote=word.lstrip("rRbBuUfFtT"))
                self.start_primary(position)
                after = end
            elif kind == "name" and at_cursor and (self.dotted or not keyword.iskeyword(word)):
                return self.found(word)
            elif kind == "name" and keyword.iskeyword(word) and word not in ("None", "True", "False"):
                self.take_operator(word, position)
            elif kind in ("name", "number"):
                self.start_primary(position)
            elif kind == "newline" and not self.brackets:
                self.magic = self.line = ""
                self.begin(after)
                after = self.start_of_line(after)
            elif kind == "operator":
                self.take_symbol(word, position, after)
            position = after
        return self.found("")

    def found(self, prefix: str, quote: str = "") -> Cursor:
        dotted = self.dotted and not quote
        return Cursor(
            prefix=prefix,
            quote=quote,
            brackets=tuple(self.brackets),
            receiver=self.text[self.primary : self.before_dot] if dotted and self.primary is not None else "",
            # Directly behind an expression there is no word that could be completed.
            left="" if self.whole and not quote and not prefix else self.left,
            operator="" if self.whole and not quote and not prefix else self.operator,
            statement=self.statement,
            magic=self.magic,
            line=self.line,
        )

    def start_of_line(self, position: int) -> int:
        """Pass over what is no Python at the beginning of a line."""
        magic = MAGIC.match(self.text, position)
        if magic is None:
            return position
        end = self.text.find("\n", magic.end())
        if end >= 0:
            # It lies behind the cursor's line: only the cursor's own line can hold an expression.
            return end
        self.magic, self.line = "".join(magic.groups()), self.text[magic.end() :]
        self.statement = magic.end()
        return magic.end()

    def end_of_string(self, opening: str, position: int) -> int | None:
        """Where a string ends; None where it is open at the cursor."""
        quote = opening.lstrip("rRbBuUfFtT")
        while position < len(self.text):
            if self.text.startswith(quote, position):
                return position + len(quote)
            if self.text[position] == "\n" and len(quote) == 1:
                return position
            position += 2 if self.text[position] == "\\" else 1
        return None

    def start_primary(self, position: int) -> None:
        if not self.dotted:
            self.primary = position
        self.whole, self.dotted = True, False

    def take_operator(self, word: str, position: int) -> None:
        self.left = self.text[self.primary : position].strip() if self.whole and self.primary is not None else ""
        self.operator = word
        self.primary, self.whole, self.dotted = None, False, False

    def take_symbol(self, word: str, position: int, after: int) -> None:
        inner = self.brackets[-1] if self.brackets else None
        said = self.text[self.primary : position].strip() if self.whole and self.primary is not None else ""
        if word in CLOSED_BY:
            self.brackets.append(Bracket(kind=word, start=position if not said else self.primary or 0, receiver=said))
            self.begin(after)
        elif word in CLOSED_BY.values():
            if inner is not None and CLOSED_BY[inner.kind] == word:
                self.brackets.pop()
                self.primary, self.whole, self.dotted = inner.start, True, False
        elif word == "." and self.whole:
            self.dotted, self.whole, self.before_dot = True, False, position
        elif word == "," and inner is not None:
            item = self.text[inner.item : position].strip()
            if inner.keyword:
                inner.keywords[inner.keyword] = item
            else:
                inner.arguments.append(item)
            inner.keyword = inner.key = ""
            self.begin(after)
        elif word == "=" and inner is not None and inner.kind == "(" and said.isidentifier():
            inner.keyword = said
            self.begin(after)
        elif word == ":" and inner is not None and inner.kind == "{":
            inner.key = said
            self.begin(after)
        elif word == ";" and inner is None:
            self.begin(after)
        else:
            self.take_operator(word, position)
