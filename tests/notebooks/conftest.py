"""Notebooks that ran, each once, and what must not be in them."""

from __future__ import annotations

import base64
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
import polars as pl
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from secureframe.datasets import DEMONSTRATIONS
from secureframe.federation import Federation
from tests.conftest import ROOT
from tests.notebooks.gallery import executed
from tests.notebooks.hidden import COUNTS
from tests.notebooks.search import Forbidden, spelled

Run = Callable[[str], nbformat.NotebookNode]


@pytest.fixture(scope="session")
def run(jupyter: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a notebook of the gallery; once, however many tests ask."""
    known: dict[str, nbformat.NotebookNode] = {}

    def ran(name: str) -> nbformat.NotebookNode:
        if name not in known:
            folder = tmp_path_factory.mktemp(name)
            # One notebook starts its own federation, as it stands there; the others are invited to one.
            own = name == "03_horizontal"
            hosts: Federation | None = None if own else request.getfixturevalue("hosts")
            given = {} if hosts is None else {"federation": invited(hosts, name, folder)}
            known[name] = executed(name, folder, **given)
        return known[name]

    return ran


def invited(hosts: Federation, name: str, folder: Path) -> str:
    """Invite whoever runs a notebook, and return the federation's file as seen from the notebook's folder."""
    return str(hosts.invite(f"reader-of-{name}", directory=folder / "invited").relative_to(folder))


@pytest.fixture(scope="session")
def forbidden() -> Forbidden:
    """The rows of all tables of the demonstrations, counts that no notebook releases, and paths of this machine."""
    found = Forbidden()
    sources = {table.source for study in ("nafld", "breast-cancer") for owned in DEMONSTRATIONS[study].tables().values()
               for table in owned.values()}  # fmt: skip
    for source in sorted(sources):
        found.add_table(pl.read_parquet(source))
    found.values.update(spelled(count) for count in COUNTS.values())
    for path in (ROOT, Path.home(), sys.prefix, tempfile.gettempdir()):
        found.texts[f"{path}/"] = "a path of this machine"
    found.texts["PRIVATE KEY"] = "a private key"
    return found


def add_keys(found: Forbidden, *folders: Path) -> int:
    """Take in all private keys that lie somewhere below, in the spellings that a program would print; return how many."""
    paths = [path for folder in folders for path in folder.rglob("*.pem")]
    for path in paths:
        raw = load_pem_private_key(path.read_bytes(), None).private_bytes_raw()  # type: ignore[union-attr]  # Ed25519
        for text in (raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), str(raw)):
            found.texts[text] = "a private key"
    return len(paths)
