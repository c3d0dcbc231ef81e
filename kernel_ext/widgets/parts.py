"""What the widgets are put together from: labelled controls, headings, texts, and one line that says what is going on."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from secureframe.display.page import Html, element, styled
from secureframe.errors import SecureFrameError

ASSETS = Path(__file__).parent / "assets"
WIDE = {"description_width": "initial"}
"""Labels stand beside their controls in full."""
SIZED = {"width": "auto", "min_width": "15em", "max_width": "100%"}
NARROW = 8
"""Most lines of a list of choices that are seen at once."""


class StatusLine(anywidget.AnyWidget):
    """One line that says what is going on; screen readers tell of it when it changes, and nothing of it is read as HTML."""

    _esm = ASSETS / "status.js"
    _css = ASSETS / "widgets.css"
    text = traitlets.Unicode().tag(sync=True)
    failed = traitlets.Bool(False).tag(sync=True)

    def say(self, text: str) -> None:
        """Say how it goes."""
        with self.hold_sync():
            self.text, self.failed = text, False

    def tell(self, error: BaseException) -> None:
        """Tell of a failure: what, why and the hint of an error of SecureFrame; of any other error its class alone."""
        text = str(error) if isinstance(error, SecureFrameError) else f"an internal error ({type(error).__name__})"
        with self.hold_sync():
            self.text, self.failed = text, True


def html(body: str = "", kind: str = "widget") -> Any:
    """Return a widget that shows a fragment of HTML."""
    return ipywidgets.HTML(value=styled(body, kind=kind) if body else "")


def show(widget: Any, body: str, kind: str = "widget") -> None:
    """Let a widget of `html` show another fragment."""
    widget.value = styled(body, kind=kind) if body else ""


def title(text: str, level: int = 3) -> Html:
    """Return the heading of a part of a widget."""
    look = f"font-size:{'1.15em' if level == 3 else '1em'};padding-top:6px"
    return element("div", text, classes="sf-title", role="heading", aria_level=str(level), style=look)


def button(text: str, tooltip: str, action: Callable[[], None], **options: Any) -> Any:
    """Return a button; ``tooltip`` says in full what it does."""
    made = ipywidgets.Button(description=text, tooltip=tooltip, layout={"width": "auto"}, **options)
    made.on_click(lambda _: action())
    return beside_cells(made)


def dropdown(text: str, tooltip: str, options: Sequence[Any] = (), **more: Any) -> Any:
    """Return a control for one choice, with its label."""
    made = ipywidgets.Dropdown(description=text, tooltip=tooltip, options=list(options), style=WIDE, layout=SIZED, **more)
    return beside_cells(made)


def choices(text: str, tooltip: str, options: Sequence[Any] = (), **more: Any) -> Any:
    """Return a control for several choices, with its label; all of them are taken by Ctrl+A, more than one by Shift or Ctrl."""
    found = list(options)
    made = ipywidgets.SelectMultiple(
        description=text, tooltip=tooltip, options=found, rows=lines(found), style=WIDE, layout=SIZED, **more
    )
    return beside_cells(made)


def beside_cells(control: Any) -> Any:
    """Let a control be answered while a cell runs, where notebook and kernel can: JupyterLab 4.4 and ipykernel 7, or later.

    JupyterLab sends what is done with a control to a subshell of the kernel. ipykernel from 7.4 on hands it to the main shell all
    the same, which waits for the cell, as long as the control was made there: so a job could not be cancelled while it runs.
    """
    control.add_class("sf-control")
    if hasattr(control.comm, "_reply_subshell_for"):
        control.comm._reply_subshell_for = lambda data, subshell: subshell
    return control


def lines(options: Sequence[Any]) -> int:
    """How many lines a list of choices takes."""
    return max(2, min(NARROW, len(options)))


def row(*children: Any) -> Any:
    """Controls beside each other, that go on in a further line where the page is narrow."""
    return ipywidgets.HBox(children, layout={"flex_flow": "row wrap", "align_items": "flex-start", "grid_gap": "4px 16px"})


def column(*children: Any) -> Any:
    """Controls below each other."""
    return ipywidgets.VBox(children)


def moment(text: str) -> str:
    """Return a time as records hold it (ISO 8601, UTC) for people."""
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


def whole(text: str) -> Html:
    """Return a text that is not broken into lines."""
    return element("span", text, style="white-space:nowrap")


def unique(text: str, taken: Sequence[str]) -> str:
    """Return a title that is none of those taken."""
    found, number = text, 2
    while found in taken:
        found, number = f"{text} ({number})", number + 1
    return found
