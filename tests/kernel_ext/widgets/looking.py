"""What a widget shows, and everything that the notebook would learn or save of it."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from typing import Any

import ipywidgets


def everything(root: Any) -> Iterator[Any]:
    """A widget and all widgets below it, in the order in which the keyboard reaches them."""
    yield root
    for child in getattr(root, "children", ()):
        yield from everything(child)


def text_of(widget: Any) -> str:
    """The text of an HTML widget."""
    shown = re.sub(r"<style>.*?</style>", "", widget.value, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", shown))).strip()


def states() -> str:
    """All traits of all widgets that there are, with what is sent or saved of them; images are unpacked."""
    found = []
    for widget in list(ipywidgets.widgets.widget._instances.values()):
        found.append(json.dumps(widget.get_state(), default=repr))
        found += [f"{name}={getattr(widget, name, None)!r}" for name in widget.trait_names() if name not in ("comm", "log")]
    whole = "\n".join(found)
    for packed in re.findall(r"base64,([A-Za-z0-9+/=]+)", whole):
        whole += "\n" + base64.b64decode(packed).decode("utf-8", "replace")
    return whole


def holds(whole: str, number: float) -> bool:
    """Whether a number stands somewhere, however it is written."""
    written = [f"{number:.5g}", f"{number:.5f}"] if number != int(number) else [f"{int(number)}", f"{int(number):,}"]
    ends = "" if number != int(number) else r"(?!\d)"
    return re.search(rf"(?<![\d.,])(?:{'|'.join(map(re.escape, written))}){ends}", whole) is not None


def controls(root: Any) -> list[Any]:
    """What is reached by the keyboard, in its order."""
    kinds = (ipywidgets.Button, ipywidgets.Dropdown, ipywidgets.SelectMultiple)
    return [widget for widget in everything(root) if isinstance(widget, kinds)]


def press(button: Any) -> None:
    """Press a button as a browser does; one that is disabled cannot be pressed."""
    assert not button.disabled, button.description
    button.click()


def named(root: Any, description: str) -> Any:
    """The control of a name."""
    (found,) = [widget for widget in controls(root) if widget.description == description]
    return found
