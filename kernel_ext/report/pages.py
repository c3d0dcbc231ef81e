"""An executed notebook as one HTML file: cover, contents, the notebook without its code, and what was released under which rules.

The file asks for nothing: images are part of it, there are no scripts, and a content security policy forbids the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from kernel_ext.report.cells import Heading, content_of
from kernel_ext.report.labels import label, span
from kernel_ext.report.meta import ReportMeta
from secureframe.wording import TEXTS, say, translated

RECORD = "released"
SHORT = 14
"""Headings up to which the notebook begins on the page of the contents."""
DEPTH = 2
"""Levels of headings in the table of contents."""


def to_html(executed: Any, *, language: str, meta: ReportMeta) -> str:
    """Return a report as one page that stands on its own.

    Parameters
    ----------
    executed : nbformat.NotebookNode
        The notebook with its outputs.
    language : str
        ``"en"`` or ``"nl"``, of the words that are ours.
    meta : ReportMeta
        What the report says of itself.

    Raises
    ------
    ValueError
        If the report does not speak the language.
    """
    report = label("report", language)
    content = content_of(executed, language, meta.title)
    top = min((heading.level for heading in content.headings), default=1)
    closing = [Heading(top, label("record", language), RECORD)]
    return Template(_template("report.html")).substitute(
        language=language,
        title=escape(meta.title),
        style=_template("report.css") + _margins(meta.title, language),
        styles="".join(f"<style>{sheet}</style>" for sheet in content.styles),
        report=escape(report),
        cover=_cover(meta, language),
        short=" short" if len(content.headings) <= SHORT else "",
        contents=_contents([*content.headings, *closing], language),
        body="\n".join(content.parts),
        record=_record(meta, language),
    )


def _template(name: str) -> str:
    return files("kernel_ext.report").joinpath("templates", name).read_text("utf-8")


def _margins(title: str, language: str) -> str:
    """The foot of every printed page but the first: title, and number of the page."""
    page, of = label("footer", language), label("of", language)
    return (
        f"@page{{@bottom-left{{content:{css_text(title)}}}"
        f"@bottom-right{{content:{css_text(page + ' ')} counter(page) {css_text(f' {of} ')} counter(pages)}}}}"
        "@page:first{@bottom-left{content:none}@bottom-right{content:none}}"
    )


def css_text(text: str) -> str:
    """Return a text as a string of CSS, from which nothing in it can break out."""
    return '"' + re.sub(r"[^\w \-.,()]", lambda m: f"\\{ord(m[0]):x} ", text) + '"'


# -- cover and contents --------------------------------------------------------------------------------------------------------


def _cover(meta: ReportMeta, language: str) -> str:
    withheld = sum(len(record.get("suppressed", ())) for record in meta.releases)
    key = "results_one" if len(meta.releases) == 1 else "results_text"
    results = label(key, language, count=len(meta.releases), withheld=withheld)
    if meta.resumed:
        results += f"; {label('resumed', language, count=meta.resumed)}"
    facts = [
        ("purpose", meta.purpose),
        ("period", meta.period),
        ("selection", meta.selection),
        ("federation", meta.federation),
        ("institutions", ", ".join(_distinct(meta.releases, "institutions"))),
        ("recipients", ", ".join(_distinct(meta.releases, "recipients"))),
        ("made", span(meta.started, meta.finished, language)),
        ("results", results),
    ]
    rows = "".join(f"<dt>{label(key, language)}</dt><dd>{escape(str(text))}</dd>" for key, text in facts if text)
    plans = "".join(f"<li><code>{escape(plan)}</code></li>" for plan in meta.plans)
    listed = f"<h2>{label('plans', language)}</h2><p>{label('plans_text', language)}</p><ol>{plans}</ol>" if plans else ""
    listed = f'<section class="plans">{listed}</section>' if listed else ""
    return f"<h1>{escape(meta.title)}</h1><dl>{rows}</dl>{listed}"


def _distinct(records: Iterable[dict[str, Any]], key: str) -> list[str]:
    """What the records name under a key, each once, in order."""
    return list(dict.fromkeys(str(name) for record in records for name in record.get(key, ())))


def _contents(headings: Sequence[Heading], language: str) -> str:
    shown = [heading for heading in headings if heading.text and heading.level <= _top(headings) + DEPTH - 1]
    items = "".join(
        f'<li class="level-{heading.level - _top(headings) + 1}"><a href="#{heading.anchor}">{escape(heading.text)}</a></li>'
        for heading in shown
    )
    return f"<h2>{label('contents', language)}</h2><ol>{items}</ol>"


def _top(headings: Sequence[Heading]) -> int:
    return min(heading.level for heading in headings)


# -- what was released -----------------------------------------------------------------------------------------------------------


def _record(meta: ReportMeta, language: str) -> str:
    parts = [f'<h1 id="{RECORD}">' + label("record", language) + "</h1>"]
    if meta.releases:
        parts += [f"<p>{label('record_text', language)}</p>", _releases(meta, language)]
        for key in ("rules", "not_enforced"):
            said = [translated(text, language) for text in _distinct(meta.releases, key)]
            if said:
                parts += [f"<h2>{label(key, language)}</h2>", f"<ul>{''.join(f'<li>{_line(text)}</li>' for text in said)}</ul>"]
        errors = dict.fromkeys(str(r["numeric_error"]) for r in meta.releases if r.get("numeric_error"))
        if errors:
            said = [translated(text, language) for text in errors]
            parts += [f"<h2>{label('error', language)}</h2>", *(f"<p>{_line(text)}.</p>" for text in said)]
    elif not meta.deliveries:
        parts.append(f"<p>{label('nothing', language)}</p>")
    return "".join([*parts, _deliveries(meta, language)])


def _line(text: str) -> str:
    """A phrase as a line of its own."""
    return escape(text[:1].upper() + text[1:])


def _releases(meta: ReportMeta, language: str) -> str:
    head = ["number", "plan", "statistics", "institutions", "policy", "threshold", "rounding", "withheld"]
    rows = [
        [
            str(number),
            f"<code>{escape(str(record.get('plan', ''))[:8])}</code>",
            escape(_statistics(record, language)),
            escape(", ".join(map(str, record.get("institutions", ())))),
            escape(str(record.get("policy", ""))),
            escape(str(record.get("threshold", ""))),
            escape(_rounding(record, language)),
            escape(_withheld(record, language)),
        ]
        for number, record in enumerate(meta.releases, 1)
    ]
    return _table([label(key, language) for key in head], rows)


def _statistics(record: dict[str, Any], language: str) -> str:
    """What was released, as far as the record says: statistics, and the columns that they are about."""
    kinds = [{"size": "count"}.get(kind, kind) for kind in map(str, record.get("kinds", ()))]
    said = ", ".join(dict.fromkeys(say(kind, language=language) if kind in TEXTS else kind for kind in kinds))
    columns = "; ".join(map(str, record.get("ranges", {})))
    return say("statistic of", language=language, statistic=said, column=columns) if said and columns else said or columns


def _rounding(record: dict[str, Any], language: str) -> str:
    rounding = str(record.get("rounding", "none"))
    return label("not rounded", language) if rounding == "none" else translated(rounding, language)


def _withheld(record: dict[str, Any], language: str) -> str:
    count = len(record.get("suppressed", ()))
    return label("cells", language, count=count, cells=record["cells"]) if "cells" in record else str(count)


def _deliveries(meta: ReportMeta, language: str) -> str:
    if not meta.deliveries:
        return ""
    head = [label(key, language) for key in ("delivered_to", "plan", "statistics", "institutions", "asked")]
    rows = [
        [
            escape(str(receipt.get("recipient", ""))),
            f"<code>{escape(str(receipt.get('plan', ''))[:8])}</code>",
            escape("; ".join(map(str, receipt.get("statistics", ())))),
            escape(", ".join(map(str, receipt.get("institutions", ())))),
            escape(str(receipt.get("asked", ""))),
        ]
        for receipt in meta.deliveries
    ]
    return f"<h2>{label('deliveries', language)}</h2>{_table(head, rows)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(word)}</th>' for word in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    table = f'<table class="record"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{table}</div>'

