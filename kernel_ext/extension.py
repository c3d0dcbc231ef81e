"""Loads and unloads the parts of the extension; each says itself how it is undone.

A part is a function that changes a shell and returns what changes it back. Whatever is heavy a part imports when it is first
used, so that a kernel starts as fast as without the extension.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from weakref import WeakKeyDictionary

from kernel_ext import cautions, completion, failures, footnotes, magics, pictures

PARTS = (footnotes.install, failures.install, cautions.install, magics.install, completion.install, pictures.install)

_loaded: WeakKeyDictionary[Any, ExitStack] = WeakKeyDictionary()


def load_ipython_extension(ip: Any) -> None:
    """Add everything to a shell; loading twice is harmless."""
    if ip in _loaded:
        return
    with ExitStack() as undo:
        for install in PARTS:
            undo.callback(install(ip))
        _loaded[ip] = undo.pop_all()


def unload_ipython_extension(ip: Any) -> None:
    """Leave a shell as it was before."""
    undo = _loaded.pop(ip, None)
    if undo is not None:
        undo.close()
