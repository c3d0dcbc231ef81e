"""The kernelspec "SecureFrame (Python)": it is installed with the package, and starts stock ipykernel with the extension."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpecManager

import kernel_ext

ROOT = Path(__file__).parents[2]
FOLDER = Path(kernel_ext.__file__).parent / "kernelspec"


def test_the_wheel_installs_it_where_jupyter_looks() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert built["shared-data"] == {"kernel_ext/kernelspec": "share/jupyter/kernels/secureframe"}


def test_it_is_stock_ipykernel_with_the_extension(tmp_path: Path) -> None:
    (tmp_path / "secureframe").symlink_to(FOLDER)
    found = KernelSpecManager(kernel_dirs=[str(tmp_path)], ensure_native_kernel=False).get_kernel_spec("secureframe")
    assert found.display_name == "SecureFrame (Python)" and found.language == "python"
    assert found.argv == ["python", "-m", "ipykernel_launcher", "--ext", "kernel_ext", "-f", "{connection_file}"]
    assert found.metadata == get_kernel_dict()["metadata"]


def test_its_logos_have_the_sizes_that_frontends_ask_for() -> None:
    for size in (32, 64):
        head = (FOLDER / f"logo-{size}x{size}.png").read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert [int.from_bytes(head[i : i + 4], "big") for i in (16, 20)] == [size, size]
    drawing = (FOLDER / "logo-svg.svg").read_text(encoding="utf-8")
    assert "<script" not in drawing and "href" not in drawing
