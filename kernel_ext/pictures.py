"""Released tables draw themselves: pandas' ``.plot`` goes through secureframe's figures from the moment that pandas is there."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def install(ip: Any) -> Callable[[], None]:
    """Choose the plotting backend, now or when pandas is imported, and return what gives pandas its own back."""
    waiting = _WhenImported("pandas", _use)
    if "pandas" in sys.modules:
        _use()
    else:
        sys.meta_path.insert(0, waiting)

    def restore() -> None:
        if waiting in sys.meta_path:
            sys.meta_path.remove(waiting)
        if "secureframe.figures" in sys.modules:
            sys.modules["secureframe.figures"].stop()

    return restore


def _use() -> None:
    from secureframe import figures

    figures.use()


class _WhenImported(MetaPathFinder):
    """Calls a function once a module has been imported: a kernel that never needs it does not wait for it."""

    def __init__(self, name: str, done: Callable[[], None]) -> None:
        self._name = name
        self._done = done

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenCall(spec.loader, self._done)
        return spec


class _ThenCall(Loader):
    """A loader that calls a function after another loader has done its work."""

    def __init__(self, loader: Loader, done: Callable[[], None]) -> None:
        self._loader = loader
        self._done = done

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._done()
