"""The one look of whatever is shown as HTML: a scoped style that follows the notebook's theme, and the elements in it.

A fragment stands on its own: nothing is fetched, nothing runs, and without its style it is still readable. Colours follow
JupyterLab's variables where there are any, and otherwise what the reader's system prefers.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

LIGHT = {
    "text": "#1f2328",
    "muted": "#4d5661",
    "surface": "#ffffff",
    "raised": "#f5f5f5",
    "line": "#cfd4da",
    "strong-line": "#77808a",
    "accent": "#0b5cad",
    "local-surface": "#e3f3e8",
    "local-text": "#12492b",
    "partial-surface": "#e2f0fb",
    "partial-text": "#0a426b",
    "shared-surface": "#eee8fa",
    "shared-text": "#452a86",
    "withheld-surface": "#fdf0cf",
    "withheld-text": "#664300",
    "refused-surface": "#fde7e7",
    "refused-text": "#8a1818",
}
DARK = {
    "text": "#f0f3f6",
    "muted": "#b4bcc6",
    "surface": "#111111",
    "raised": "#212121",
    "line": "#4a4f55",
    "strong-line": "#8b949e",
    "accent": "#79b8ff",
    "local-surface": "#123321",
    "local-text": "#b5edc8",
    "partial-surface": "#0d3049",
    "partial-text": "#b9defa",
    "shared-surface": "#2f2352",
    "shared-text": "#ddd0ff",
    "withheld-surface": "#43330a",
    "withheld-text": "#ffe09a",
    "refused-surface": "#4a191b",
    "refused-text": "#ffcccc",
}
"""Colours by what they mean, on light and on dark ground; ``surface`` is a ground, all others stand on one."""

FOLLOWED = {
    "text": "--jp-content-font-color1",
    "surface": "--jp-layout-color0",
    "raised": "--jp-rendermime-table-row-background",
    "line": "--jp-border-color2",
}
"""Colours that JupyterLab's theme names itself."""


def _joined(rules: str) -> str:
    return rules.replace("\n", "")


def _palette(colours: dict[str, str]) -> str:
    return "".join(f"--sf-own-{name}:{colour};" for name, colour in colours.items())


_COLOURS = "".join(
    f"--sf-{name}:var({FOLLOWED[name]},var(--sf-own-{name}));" if name in FOLLOWED else f"--sf-{name}:var(--sf-own-{name});"
    for name in LIGHT
)

_RULES = """
color:var(--sf-text);background:var(--sf-surface);max-width:100%;padding:2px 0;line-height:1.45;
font-family:var(--jp-content-font-family,system-ui,-apple-system,"Segoe UI",sans-serif);font-size:var(--jp-ui-font-size1,13px);
& *{box-sizing:border-box}
& p,& ul,& ol,& dl,& dd,& figure{margin:0;padding:0}
& ul,& ol{list-style:none}
& p,& li,& caption,& summary,& td,& th,& dt,& dd{font-size:inherit;line-height:inherit;color:inherit}
&.secureframe code{font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:.95em;
color:inherit;background:none;padding:0;
white-space:pre-wrap;overflow-wrap:anywhere}
& table{border-collapse:collapse;margin:0;table-layout:auto;border:0;font-size:inherit;color:inherit;width:auto;
font-variant-numeric:tabular-nums}
& caption{caption-side:top;text-align:left;font-weight:600;padding:2px 0 4px;white-space:nowrap}
& thead tr,& thead tr>*{border:0;background:none}
& thead th{font-weight:600;white-space:nowrap;vertical-align:bottom}
& thead tr:last-child>*{border-bottom:1px solid var(--sf-strong-line)}
& th,& td{text-align:left;padding:3px 14px 3px 8px;border:0;vertical-align:top;max-width:44em;
overflow-wrap:break-word;white-space:normal}
& tbody tr{background:none;border:0;border-bottom:1px solid var(--sf-line)}
& tbody tr:nth-child(even){background:var(--sf-raised)}
& tbody tr:hover{background:none;box-shadow:inset 3px 0 0 var(--sf-accent)}
& tbody tr:nth-child(even):hover{background:var(--sf-raised)}
& tbody th{font-weight:600;white-space:nowrap}
&.secureframe th code{white-space:nowrap;overflow-wrap:normal}
& .sf-number{text-align:right;white-space:nowrap}
& progress{accent-color:var(--sf-accent);vertical-align:middle;width:11em}
& .sf-scroll{overflow:auto;max-width:100%;max-height:34em}
& .sf-title{font-weight:600}
& .sf-muted,& .sf-note{color:var(--sf-muted)}
& .sf-note{padding:5px 8px 2px 0;max-width:72em}
& .sf-chip{display:inline-block;border-radius:3px;padding:0 6px;margin:0 4px 1px 0;font-size:.93em;white-space:nowrap;
background:var(--sf-raised);color:var(--sf-text);border:1px solid var(--sf-line)}
& .sf-local{background:var(--sf-local-surface);color:var(--sf-local-text);border-color:currentcolor}
& .sf-partial{background:var(--sf-partial-surface);color:var(--sf-partial-text);border-color:currentcolor}
& .sf-shared{background:var(--sf-shared-surface);color:var(--sf-shared-text);border-color:currentcolor}
& .sf-refused{background:var(--sf-refused-surface);color:var(--sf-refused-text);border-color:currentcolor}
& .sf-withheld{background:var(--sf-withheld-surface);color:var(--sf-withheld-text);border-color:currentcolor}
&.sf-released td,&.sf-released thead th{text-align:right}
&.sf-released thead tr>:first-child{text-align:left}
& td.sf-withheld{font-style:italic;text-align:right;white-space:nowrap}
& .sf-whole{white-space:nowrap}
& dl.sf-facts{display:grid;grid-template-columns:max-content 1fr;gap:1px 14px;padding:3px 0;max-width:72em}
& dl.sf-facts dt{color:var(--sf-muted);font-weight:400;grid-column:1;float:none;width:auto;padding:0}
& dl.sf-facts dd{grid-column:2;overflow-wrap:break-word;min-width:0}
& details{margin:2px 0;padding:0;border:0;background:none}
& details>:not(summary){margin-left:1.15em}
& summary{cursor:pointer;padding:2px 4px 2px 0;display:list-item;list-style-position:inside}
& :focus-visible{outline:2px solid var(--sf-accent);outline-offset:-1px}
@media print{& details::details-content{content-visibility:visible;block-size:auto}& .sf-scroll{max-height:none;overflow:visible}}
"""

STYLE = (
    f".secureframe{{{_palette(LIGHT)}}}"
    f"@media(prefers-color-scheme:dark){{.secureframe{{{_palette(DARK)}}}}}"
    f'[data-jp-theme-light="true"] .secureframe{{{_palette(LIGHT)}}}'
    f'[data-jp-theme-light="false"] .secureframe{{{_palette(DARK)}}}'
    # The class stands twice so that these rules outweigh those by which a notebook sets the tables of its outputs.
    f".secureframe.secureframe{{{_COLOURS}{_joined(_RULES)}}}"
)
"""The style of all fragments. It holds for them alone; a page may hold it any number of times."""


class Html(str):
    """Text that is HTML already; everything else is escaped."""

    __slots__ = ()


def escape(text: object) -> Html:
    """Return a text as HTML: nothing of it is markup any more. What is `Html` already is returned as it is."""
    return text if isinstance(text, Html) else Html(html.escape(str(text), quote=True))


def styled(body: str, *, kind: str, rules: str = "") -> str:
    """Return a fragment with its style, ready to be shown.

    Parameters
    ----------
    body : str
        HTML; every name and text in it has been escaped.
    kind : str
        What is shown, for styles and tests: ``frame``, ``catalog``, ``plan``, ...
    rules : str, optional
        Further rules of this kind's style; ``&`` stands for the fragment.
    """
    own = f".secureframe.sf-{escape(kind)}{{{_joined(rules)}}}" if rules else ""
    return f'<div class="secureframe sf-{escape(kind)}"><style>{STYLE}{own}</style>{body}</div>'


def element(tag: str, *content: object, classes: str = "", **attributes: str) -> Html:
    """Return an element around some content, which is escaped where it is not `Html`."""
    words = {**({"class": classes} if classes else {}), **attributes}
    written = "".join(f' {name.replace("_", "-")}="{escape(str(value))}"' for name, value in words.items())
    return Html(f"<{tag}{written}>{''.join(map(escape, content))}</{tag}>")


def table(
    head: Sequence[object], rows: Iterable[Sequence[object]], *, caption: object = "", numbers: Sequence[int] = ()
) -> Html:
    """Return a table whose first column names its rows.

    Parameters
    ----------
    head : sequence
        The names of the columns.
    rows : iterable of sequence
        The cells.
    caption : object, optional
        What the table is.
    numbers : sequence of int
        Positions of columns that hold numbers.
    """
    classes = ["sf-number" if position in numbers else "" for position in range(len(head))]
    top = [element("th", word, classes=kind, scope="col") for word, kind in zip(head, classes, strict=True)]
    body = [
        element(
            "tr",
            element("th", row[0], classes=classes[0], scope="row"),
            *(element("td", cell, classes=kind) for cell, kind in zip(row[1:], classes[1:], strict=True)),
        )
        for row in rows
    ]
    title = element("caption", caption) if caption else Html()
    return element("table", title, element("thead", element("tr", *top)), element("tbody", *body))


def facts(pairs: Iterable[tuple[object, object]]) -> Html:
    """Return a list of names and what they stand for."""
    return element("dl", *(Html(element("dt", name) + element("dd", text)) for name, text in pairs), classes="sf-facts")


def details(summary: object, *content: object, opened: bool = False) -> Html:
    """Return content that opens and closes by mouse and keyboard, under a line that is always seen."""
    inner = Html(element("summary", summary) + "".join(map(escape, content)))
    return Html(f"<details{' open' if opened else ''}>{inner}</details>")


def scrolling(content: object, label: str) -> Html:
    """Return content that scrolls where it is too large, by keyboard too, as a group with a name."""
    return element("div", content, classes="sf-scroll", role="group", tabindex="0", aria_label=label)


def chip(text: object, meaning: str = "") -> Html:
    """Return a word that stands out; ``meaning``, one of the style's (``local``, ``shared``, ...), gives its colours."""
    return element("span", text, classes=f"sf-chip sf-{meaning}" if meaning else "sf-chip")
