"""What stands at the cursor of an unfinished cell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_ext.cursor import Cursor, cursor_at


def innermost(cursor: Cursor) -> tuple[str, str]:
    return (cursor.brackets[-1].kind, cursor.brackets[-1].receiver) if cursor.brackets else ("", "")


@pytest.mark.parametrize(
    ("text", "prefix", "quote", "bracket"),
    [
        ('df["ev', "ev", '"', ("[", "df")),
        ("df['", "", "'", ("[", "df")),
        ('df["it\'s', "it's", '"', ("[", "df")),
        ('df["a\\"b', 'a\\"b', '"', ("[", "df")),
        ('df[', "", "", ("[", "df")),
        ("df[ag", "ag", "", ("[", "df")),
        ('x = f(1)["a"].b.c(2)["', "", '"', ("[", 'f(1)["a"].b.c(2)')),
        ('df[["age", "', "", '"', ("[", "")),
        ('x = "done"', "", "", ("", "")),
        ('x = "done"\ndf["a', "a", '"', ("[", "df")),
        ('x = "never ended\ndf["a', "a", '"', ("[", "df")),
        ('"""ended"""; df["a', "a", '"', ("[", "df")),
        ('"""not ended; df["a', 'not ended; df["a', '"""', ("", "")),
        ('# df["x"\ndf["a', "a", '"', ("[", "df")),
        ('for a in df["', "", '"', ("[", "df")),
        ("not df['", "", "'", ("[", "df")),
        ('(df\n   .merge(other)\n   ["', "", '"', ("[", "df\n   .merge(other)")),
        ("%time it's\ndf['", "", "'", ("[", "df")),
        ("!echo 'x\ndf['", "", "'", ("[", "df")),
        ('x % df["', "", '"', ("[", "df")),
        ('1.5 + df["', "", '"', ("[", "df")),
        ('}) df["', "", '"', ("[", "df")),
        ("", "", "", ("", "")),
    ],
)
def test_strings_and_brackets(text: str, prefix: str, quote: str, bracket: tuple[str, str]) -> None:
    found = cursor_at(text)
    assert (found.prefix, found.quote, innermost(found)) == (prefix, quote, bracket)


@pytest.mark.parametrize(
    ("text", "left", "operator"),
    [
        ('df["event"] == "', 'df["event"]', "=="),
        ('df[df["event"] != ', 'df["event"]', "!="),
        ('a + df["event"] == "M', 'df["event"]', "=="),
        ('df["event"]', "", ""),
        ('df[df["a"] == 1]', "", ""),
        ('df["a"] == 1, "', "", ""),
    ],
)
def test_comparisons(text: str, left: str, operator: str) -> None:
    found = cursor_at(f"({text}" if "," in text else text)
    assert (found.left, found.operator) == (left, operator)


def test_arguments() -> None:
    (call, pair) = cursor_at('df.agg(1 + 2, how="x", n=("age", "').brackets
    assert (call.receiver, call.arguments, call.keywords, call.keyword) == ("df.agg", ["1 + 2"], {"how": '"x"'}, "n")
    assert (pair.receiver, pair.arguments) == ("", ['"age"'])
    (_, table) = cursor_at('df.agg({"x": "sum", "age": "').brackets
    assert (table.kind, table.key) == ("{", '"age"')


@pytest.mark.parametrize(
    ("text", "receiver", "prefix"), [("df.gr", "df", "gr"), ('x = df["a"].', 'df["a"]', ""), ("f(a.b.", "a.b", "")]
)
def test_attributes(text: str, receiver: str, prefix: str) -> None:
    found = cursor_at(text)
    assert found.receiver == receiver and (not receiver or found.prefix == prefix)


def test_magics() -> None:
    found = cursor_at("x = 1\n%federation demo na")
    assert (found.magic, found.line, found.prefix) == ("%federation", " demo na", "na")
    assert cursor_at("%%study why\nx").magic == ""
    assert cursor_at("# nothing").comment and not cursor_at("# nothing\n").comment


@given(st.text(alphabet="ab.,:=!\"'()[]{}#%\\\n ", max_size=40))
def test_any_text_is_read(text: str) -> None:
    found = cursor_at(text)
    assert text.endswith(found.prefix)
    for bracket in found.brackets:
        assert text[bracket.start :].startswith(bracket.receiver)
