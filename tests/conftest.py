"""What the tests of notebooks and of pages share: places for Jupyter, and one federation of real processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import secureframe as sf
from secureframe.federation import Federation

ROOT = Path(__file__).parents[1]
LAST = {"browser", "notebooks"}
"""Folders whose tests come one after the other, after all others, so that their federation is up for no longer than needed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests that share a federation at the end, in the order that they have."""
    items.sort(key=lambda item: bool(LAST & {*item.path.relative_to(ROOT).parts}))


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Jupyter's own directories, empty but for the kernelspec as it lies here; kernels import what lies here."""
    home = tmp_path_factory.mktemp("jupyter")
    shutil.copytree(ROOT / "kernel_ext" / "kernelspec", home / "share" / "kernels" / "secureframe")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(home / "share"))
        for name in ("CONFIG", "DATA", "RUNTIME"):
            patch.setenv(f"JUPYTER_{name}_DIR", str(home / name.lower()))
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        yield home


@pytest.fixture(scope="session")
def hosts() -> Iterator[Federation]:
    """The NAFLD study at three institutions, which all notebooks and pages ask as analysts of their own."""
    with sf.demo("nafld", quiet=True) as federation:
        yield federation
