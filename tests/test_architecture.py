"""The map of docs and design, held against the code: who imports whom, who releases, and who opens."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("secureframe", "cohort", "ray_cluster", "kernel_ext")

ALLOWED = {
    "secureframe": {"secureframe"},
    "ray_cluster": {"ray_cluster", "secureframe"},
    "cohort": {"cohort", "secureframe"},
    "kernel_ext": {"kernel_ext", "cohort", "secureframe"},
}
"""For every package the ones of ours that it may import."""

FOLDERS = {
    "errors": 0, "refusals": 0, "wording": 0, "backend": 0, "mpc": 0, "schema": 0, "datasets": 0,
    "plan": 1, "disclosure": 1,
    "planner": 2, "local": 2, "governance": 2, "results": 2, "figures": 2, "jobs": 2,
    "display.page": 0,
    "engine": 3, "display": 3, "progress": 3, "pace": 3, "catalog": 3, "pending": 3, "operands": 3,
    "query": 3, "releases": 3, "series": 3, "groupby": 3, "frame": 3,
    "combine": 3, "saving": 3, "released_store": 3, "lineage": 3, "tickets": 0, "tracking": 0, "recent": 0,
    "functions": 3, "aggregations": 3,
    "distinct": 3, "matrices": 3, "pivoting": 3, "resampling": 3, "frame_statistics": 3, "series_statistics": 3,
    "frame_methods": 3, "series_methods": 3,
    "accessors": 3, "casting": 3, "history": 3,
    "federation": 4, "starting": 4, "testing": 4, "inbox": 4,
    "": 5, "demonstration": 5, "command": 5,
}  # fmt: skip
"""Floors inside secureframe: a file imports from its own floor and from those below; a file that is named has its own."""

INSIDE_FUNCTIONS = {
    ("secureframe.series", "secureframe.frame"),
    ("secureframe.groupby", "secureframe.frame"),
}
"""Imports inside functions that close a circle: a column makes frames, and a frame columns."""


@functools.cache
def modules() -> dict[str, Path]:
    """Every module of ours, by name."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text())


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(node: ast.AST, inside: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node that runs, and whether it stands inside a function."""
    for child in ast.iter_child_nodes(node):
        if is_for_types_only(child):
            continue
        within = inside or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield child, within
        yield from statements(child, within)


def names_of(node: ast.AST, module: str) -> list[str]:
    """What an import statement imports: modules of ours by their full names, others as they are written."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, f"{module} imports relatively"
    assert node.module is not None
    whole = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in modules() else node.module for name in whole]


@functools.cache
def imports() -> dict[str, dict[str, bool]]:
    """For every module what it imports, and whether it does so inside functions only; type checking left out."""
    found: dict[str, dict[str, bool]] = {}
    for module in modules():
        found[module] = {}
        for node, inside in statements(tree(module)):
            for name in names_of(node, module):
                found[module][name] = found[module].get(name, True) and inside
    return found


def ours(name: str) -> bool:
    return name.split(".")[0] in PACKAGES


def floor(module: str) -> int:
    first, second = (*module.split(".")[1:], "", "")[:2]
    return FOLDERS.get(f"{first}.{second}", FOLDERS[first])


# -- arrows ----------------------------------------------------------------------------------------------------------------


def test_packages_import_in_one_direction() -> None:
    for module, imported in imports().items():
        package = module.split(".")[0]
        for name in filter(ours, imported):
            assert name.split(".")[0] in ALLOWED[package], f"{module} imports {name}"


def test_secureframe_knows_neither_ray_nor_jupyter() -> None:
    for module, imported in imports().items():
        roots = {name.split(".")[0] for name in imported}
        if module.startswith("secureframe"):
            assert not roots & {"ray", "IPython", "ipywidgets", "ipykernel", "fastapi", "uvicorn", "httpx"}, module
    text = "import sys, secureframe; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in ("ray", "IPython", "ipywidgets", "ray_cluster", "cohort", "kernel_ext", "fastapi"):
        assert f"'{name}'" not in loaded


@pytest.mark.parametrize(
    ("module", "unneeded"),
    [
        ("secureframe.engine.party_job, ray_cluster.party", {"pandas", "polars", "matplotlib", "fastapi", "httpx"}),
        ("secureframe.engine.institution, ray_cluster.institution, ray_cluster.gateway", {"pandas", "matplotlib"}),
        ("ray_cluster.launcher, ray_cluster.cluster, ray_cluster.settings", {"pandas", "polars", "numba", "fastapi"}),
    ],
)
def test_processes_load_what_they_need(module: str, unneeded: set[str]) -> None:
    """Memory that every process of a federation would hold, and time that its start would take."""
    text = f"import sys, {module}; print(*{{m.split('.')[0] for m in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not unneeded & set(loaded.split())


def test_one_file_imports_ray() -> None:
    assert [module for module, imported in imports().items() if "ray" in {n.split(".")[0] for n in imported}] == [
        "ray_cluster.cluster"
    ]


def test_files_stand_on_the_floors_below_them() -> None:
    for module, imported in imports().items():
        if module.startswith("secureframe"):
            for name in filter(ours, imported):
                assert floor(name) <= floor(module), f"{module} imports {name}, which is above it"


def test_the_ground_floor_stands_on_itself() -> None:
    for module, imported in imports().items():
        if module.startswith("secureframe.mpc"):
            assert all(n.startswith("secureframe.mpc") for n in filter(ours, imported)), module
        if module.startswith("secureframe.schema"):
            below = ("secureframe.schema", "secureframe.errors")
            assert all(n.startswith(below) for n in filter(ours, imported)), module


def test_no_file_imports_itself_in_a_circle() -> None:
    at_import = {m: {n for n, inside in found.items() if n in modules() and not inside} for m, found in imports().items()}
    order = list(TopologicalSorter(at_import).static_order())
    assert len(order) == len(modules())
    everywhere = {m: {n for n in found if n in modules() and (m, n) not in INSIDE_FUNCTIONS} for m, found in imports().items()}
    for package in ("secureframe", "cohort", "kernel_ext"):
        TopologicalSorter({m: n for m, n in everywhere.items() if m.startswith(package)}).prepare()


def test_the_exceptions_exist() -> None:
    for module, name in INSIDE_FUNCTIONS:
        assert imports()[module].get(name) is True


# -- laws ------------------------------------------------------------------------------------------------------------------


def calls(name: str) -> list[str]:
    """Modules that call a function or method of this name, once a call."""
    found = []
    for module in modules():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
                if called == name:
                    found.append(module)
    return found


def mentions(name: str) -> set[str]:
    """Modules in which a name occurs in any way: called, passed on, imported, or as an attribute."""
    found = set()
    for module in modules():
        for node in ast.walk(tree(module)):
            text = getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
            if text == name:
                found.add(module)
    return found


def test_only_disclosure_releases() -> None:
    assert calls("output") == ["secureframe.disclosure.release"]
    assert mentions("output") == {"secureframe.disclosure.release", "secureframe.mpc.program"}
    sealing = {module for module, imported in imports().items() if "secureframe.disclosure.sealing" in imported}
    assert sealing == {"secureframe.engine.party_job", "secureframe.results.opening"}


def test_only_sorts_and_tags_open() -> None:
    assert calls("open_bits") == ["secureframe.mpc.sorting", "secureframe.mpc.tags"]
    assert mentions("open_bits") == {"secureframe.mpc.opening", "secureframe.mpc.sorting", "secureframe.mpc.tags"}
    opening = {
        module
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and any(word.arg == "opening" for word in node.keywords)
    }
    assert opening == {"secureframe.mpc.opening"}


def test_shares_are_put_together_by_the_recipient_alone() -> None:
    assert calls("reconstruct") == ["secureframe.results.decode"]
    assert calls("open_outputs") == ["secureframe.results.opening"]
    assert calls("open_released") == ["secureframe.federation", "secureframe.inbox"]


def test_nothing_pickled_is_read() -> None:
    for module, imported in imports().items():
        assert not {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"} & {n.split(".")[0] for n in imported}, module
    assert calls("eval") == [] and calls("exec") == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_says_what_it_is_for(package: str) -> None:
    if package == "secureframe":
        for name in ("mpc", "schema", "plan", "planner", "engine", "local", "results"):
            assert ast.get_docstring(tree(f"secureframe.{name}"))
    assert ast.get_docstring(tree(package))
