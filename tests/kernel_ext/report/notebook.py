"""An executed notebook with everything that outputs are made of, and what its report says of itself."""

from __future__ import annotations

import base64
import datetime
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from kernel_ext.report.meta import ReportMeta
from secureframe import figures
from tests.figures.tables import RECORD, means

CODE = "SECRET_CODE = 1 + 1"
PNG = base64.b64encode(b"\x89PNG not really").decode()
RELEASE = {
    **RECORD,
    "rules": ["every other statistic is about at least 10 persons"],
    "not_enforced": ["budget"],
    "numeric_error": "exact integers on the grid; quotients and roots to 1e-15 relative",
    "institutions": ["hospital", "registry"],
    "recipients": ["analyst"],
    "suppressed": [{}],
    "cells": 4,
}
HOSTILE = (
    '<div onclick="alert(1)">kept<script>alert(2)</script><img src="https://example.org/spy.png" alt="a map">'
    '<style>@import url("https://example.org/a.css"); p{color:red}</style><style>.mine{color:green}</style>'
    '<iframe src="https://example.org">inside</iframe><a href="javascript:alert(3)">link</a>'
    '<p style="background:url(https://example.org/b.png)">styled</p><table><tr><td>1</td></tr></table>'
    '<svg><image href="https://example.org/c.png"/></svg><link rel="stylesheet" href="https://example.org/d.css">'
    '<form action="https://example.org"><input name="x"></form><b>open'
)


def executed() -> Any:
    """Return the notebook."""
    picture = figures.plot(means(41.2, 55.1, None, 62.4), "bar")
    progress = {"secureframe": {"kind": "progress"}}
    cells = [
        new_markdown_cell("# Ages & stages\n\nWhat this is about, with a [link](https://example.org/about)."),
        new_code_cell(CODE, metadata={"tags": ["parameters"]}),
        new_markdown_cell("## Ages of <people>\n\nText, and `code`."),
        new_code_cell(
            CODE,
            outputs=[
                new_output("stream", name="stderr", text="SuppressedWarning: only the analyst is warned"),
                new_output("display_data", data={"text/plain": "stage 3 of 9"}, metadata=progress),
                new_output("stream", name="stdout", text="\x1b[31mprinted <b>\x1b[0m\n"),
                new_output("execute_result", data=dict(picture._repr_mimebundle_()), execution_count=1),
            ],
        ),
        new_code_cell(CODE, outputs=[new_output("display_data", data={"text/html": HOSTILE})]),
        new_markdown_cell("## Pictures\n\n![a chart](attachment:chart.png)", attachments={"chart.png": {"image/png": PNG}}),
        new_code_cell(
            CODE,
            metadata={"tags": ["new-page"]},
            outputs=[
                new_output("display_data", data={"image/png": PNG, "text/plain": "<Figure size 640x480>"}),
                new_output("display_data", data={"text/markdown": "### Said\n\n**boldly**"}),
                new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Panel()"}),
                new_output("execute_result", data={"text/plain": "0.25"}, execution_count=2),
            ],
        ),
        new_code_cell(CODE, metadata={"tags": ["remove-cell"]}, outputs=[new_output("stream", name="stdout", text="left out")]),
    ]
    notebook = new_notebook(cells=cells, metadata={"hidden": "METADATA"})
    nbformat.validate(notebook)
    return notebook


def meta(**changed: Any) -> ReportMeta:
    """Return what the report says of itself."""
    start = datetime.datetime(2026, 3, 1, 5, 0, tzinfo=datetime.UTC)
    said: dict[str, Any] = {
        "title": "Ages & stages",
        "purpose": "to see <how> old",
        "period": "2026-02",
        "selection": None,
        "federation": "demo:nafld",
        "started": start,
        "finished": start + datetime.timedelta(minutes=3),
        "releases": (RELEASE, RELEASE),
        "plans": ("0123456789abcdef" * 4, "fedcba9876543210" * 4),
    }
    return ReportMeta(**{**said, **changed})
