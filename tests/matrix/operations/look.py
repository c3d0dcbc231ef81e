"""Look: what a frame says of itself without running anything."""

from __future__ import annotations

from tests.matrix.layouts import Study
from tests.matrix.operations.registry import operation

ROW = "look"


def _says(text: str, *words: str) -> bool:
    return all(word in text for word in words)


operation(ROW, "df.columns", lambda s: list(s.people.columns))
operation(ROW, "df.dtypes", lambda s: [str(t) for t in s.people.dtypes])
operation(ROW, "column.dtype", lambda s: [str(s.people[name].dtype) for name in s.people.columns])
operation(ROW, "name in df", lambda s: ("age" in s.people, "weight" in s.people))


def _explained(s: Study) -> bool:
    return _says(s.people.explain(), "people", "@")


operation(ROW, "df.explain()", _explained, lambda s: True)
operation(ROW, "df.lineage()", lambda s: _says(s.people[s.people["age"] > 50].lineage(), "people", "age > 50"), lambda s: True)


def _shown(s: Study) -> tuple[bool, bool]:
    text, html = repr(s.people), s.people._repr_html_()
    return _says(text, *s.people.columns), _says(html, *s.people.columns)


operation(ROW, "repr(df)", _shown, lambda s: (True, True))
operation(ROW, "column.name", lambda s: (s.people["age"].name, (s.people["age"] + 1).name))
